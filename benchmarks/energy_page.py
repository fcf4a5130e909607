"""The page on energy: every table as Markdown, and what may be concluded from it."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from benchmarks import keyword_energy
from benchmarks.energy_tables import keyword_cells, pilotnet_cells
from benchmarks.pilotnet_energy import Result, from_counters
from benchmarks.published_energy import KEYWORDS, PILOTNET
from benchmarks.tables import markdown_of

PILOTNET_READ = """\
**What is independent.** The cost file of loihi2 has two rows from the same notebook: static power
is what it measured, and the time of a synaptic operation is its time a step, less neuron updates
and barrier, over the operations of its busiest neurocore. Static power is therefore compared with
itself, and time, throughput and static energy show only whether our counts and our rule (the
busiest neurocore of each step, then the barrier) lead back to it. The dynamic energy is
independent: it rests on Loihi 1's constants of 2018 and on counted events. Only the low end of its
band is not, since one constant set was fitted to this measurement; it is marked in the table.
Nothing here was fitted for this comparison.

**How the cut was found.** The way in which images are cut, and Loihi 2's limits on neurons and
synaptic memory, were read from this very print of Intel's compiler. That the neurocores agree is
therefore no evidence that they will for another network. What differs: layer 4 in blocks of 16
columns has 4,096 neurons, exactly our limit, and Intel cut it once more, so that its limit is lower
or another budget binds that is not printed; layer 5 fits one neurocore by our budgets, and Intel
cut it into 16 and 4 columns. Layer 6 is cut into parts of 9 neurons here, of 8 or 9 there.

**What the deviation comes from.** From Intel's own counters, Davies' constants give {neurons:.2f}
times the measured energy (updates = neurons times steps) to {counted:.2f} times (updates as
counted). The rest, {activity:.2f} times, is activity: we count {synops:.2f} times the synaptic
operations. The image explains little of it: turning it changes nothing, and even at a quarter of
its brightness more operations remain than Intel counted. Zero weights explain more: without them
we count {nonzero:.2f} times Intel's. Whether its convolutions skip zero weights is not published;
the estimate charges them, as Intel's compiler is said to keep them in dense layers. Intel's counter
of neuron updates is 2.3 times neurons times steps, which is not explained either.

**How far such a measurement repeats.** The notebook exists in several versions; the two that were
read have the same network and the same neurocores, and {other:.2f} inferences a second in October
2022 on one machine, {rate:.2f} in January 2023 on another, 19% more.
"""

KEYWORDS_KNOWN = """\
**What is known.** The paper: 390 inputs, two hidden layers of 256, 29 outputs, one frame of audio
an inference; idle 29 mW, running 110 mW, 81 mW dynamic, 296 inferences a second, 0.27 mJ. The
authors' repository: 10 steps an inference (20,000 steps streamed for 2,000 inferences, in the
version of the same structure that was made to grow), the first hidden layer on two neurocores, a
training script for rates of 100 Hz at 1 ms a step (10% in a step; training may go beyond), and the
power readings. Rates of firing are not there, nor is the code that ran on Loihi. An example of
nengo-loihi offers the parameters of such a network for download, and leaves its first layer to the
host; they were not used here.

**What the readings say.** A chip that has run nothing takes 29.5 mW; once a program has been
loaded it takes {between:.0f} mW, before and after the run alike, and {running:.1f} mW in the run.
The paper mentions this difference of about 70 mW, suspects the embedded x86 processors, and counts
it as dynamic. So {woken:.0f} of the 270 uJ are all that the run itself adds to the chip, and they
still hold the barriers and what the x86 processors do in every step.
"""

KEYWORDS_READ = """\
**What follows.** Ours and the 270 uJ never meet: even if every neuron fired in every one of the 10
steps, our events would take {full:.0f} uJ. At the 10% that the training script aims at they take
{ten:.1f} uJ, {part:.1%} of what the paper reports and {share:.0%} of what the run added. What was
measured is a system that waits for its input and output: {step:.0f} us a step where our estimate at
10% is {ours:.0f} us, and five times as many layers in the authors' runs leave the time as it was
(8.7 ms an inference with 2 and with 10 branches). That the speeds meet near 100% firing is a
coincidence.

**The better check** is what more layers add while input and output stay the same, since whatever
the host and the x86 processors do drops out, but for the barriers of more neurocores: {more:.0f} uJ
an inference for 20,480 neurons and 5.8 million weights. Our constants give that at a rate of firing
of {low:.1%} to {high:.1%}, according to the set. That is plausible for neurons of about 10%, but
those networks have random weights, and their rates are not published: the readings agree with the
constants, and prove no more.

**What the model does not cover**: the host and its link, the embedded x86 processors (spikes that
they inject and read, their work in every step), waiting for them, loading a program, and the
regulators of the board. Static power of loihi1 is the 29 mW of this paper, so that it is no
comparison; a chip that has run a program takes three times as much. A network this small is bound
by all that: its real energy is that of the time it is on, not of its spikes.
"""


def write(
    pilotnet: Result,
    keywords: keyword_energy.Result,
    path: Path,
    plot: Path | None,
    arguments: Sequence[str],
) -> None:
    """Write the page.

    Args:
        pilotnet: what PilotNet came to.
        keywords: what keyword spotting came to.
        path: of the page.
        plot: the picture of `benchmarks.energy_plot`, if any.
        arguments: of the command.
    """
    parts = ["# Energy and speed beside what was measured\n", _origin(arguments)]
    if plot:
        parts.append(f"![ours and measured]({os.path.relpath(plot, path.parent)})\n")
    parts += ["# PilotNet on Loihi 2\n", f"Measured by Intel: {PILOTNET.source}.\n"]
    parts += [markdown_of(cells) for cells in pilotnet_cells(pilotnet)]
    parts += ["## PilotNet, how to read this\n", _pilotnet_read(pilotnet)]
    parts += ["# Keyword spotting on Loihi 1\n"]
    parts += [f"Measured by its authors: {KEYWORDS.source}; {KEYWORDS.logs}.\n"]
    parts.append(
        KEYWORDS_KNOWN.format(
            between=KEYWORDS.woken_mw, running=KEYWORDS.spotter.running_mw, woken=_between()
        )
    )
    parts += [markdown_of(cells) for cells in keyword_cells(keywords)]
    parts += ["## Keyword spotting, how to read this\n", _keywords_read(keywords)]
    parts.append(_versions(pilotnet, keywords))
    path.write_text("\n".join(parts), encoding="utf-8")


def _origin(arguments: Sequence[str]) -> str:
    """Return command and date, and what the page is about."""
    command = shlex.join(["python", "-m", "benchmarks.energy", *arguments])
    day = datetime.now(timezone.utc).date()
    return (
        f"Written on {day} by\n\n    {command}\n\n"
        "Two measurements on real chips, and our estimates of the same workloads: untuned, with "
        "the band\nthat other constants would give. Ratios are ours over the measured.\n"
    )


def _pilotnet_read(result: Result) -> str:
    image = result.images[0]
    neurons, counted = from_counters(result.placement, "Davies 2018")
    dynamic = image.energies["Davies 2018"].dynamic.value * 1e3
    return PILOTNET_READ.format(
        neurons=neurons / PILOTNET.dynamic_mj,
        counted=counted / PILOTNET.dynamic_mj,
        activity=dynamic / neurons,
        synops=image.counters["synops"] / PILOTNET.synops,
        nonzero=image.counters["nonzero_synops"] / PILOTNET.synops,
        other=PILOTNET.other_inferences_s,
        rate=PILOTNET.inferences_s,
    )


def _keywords_read(result: keyword_energy.Result) -> str:
    trained = next(each for each in result.rates if each.rate == KEYWORDS.rate)
    rates = [keyword_energy.more_layers_rate(name) for name in result.placement.chip.sets]
    ten = trained.energy.dynamic.value * 1e6
    return KEYWORDS_READ.format(
        full=result.full.energy.dynamic.value * 1e6,
        ten=ten,
        part=ten / KEYWORDS.dynamic_uj,
        share=ten / _between(),
        step=1e6 / KEYWORDS.steps / KEYWORDS.inferences_s,
        ours=trained.latency.step_s.value * 1e6,
        more=keyword_energy.more_layers_uj(),
        low=min(rates),
        high=max(rates),
    )


def _between() -> float:
    """Return the microjoules an inference above the chip between runs."""
    return KEYWORDS.spotter.above_uj(KEYWORDS.woken_mw)


def _versions(pilotnet: Result, keywords: keyword_energy.Result) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("neurodeploy", "lava-dl", "numpy"))
    return (
        f"# Versions\n\n{packages}, Python {platform.python_version()}.\n\n"
        f"- network: {pilotnet.digest}\n"
        f"- loihi2's cost file: {pilotnet.placement.chip.digest}\n"
        f"- loihi1's cost file: {keywords.placement.chip.digest}\n"
    )
