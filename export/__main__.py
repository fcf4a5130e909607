"""Export a trained network: `python -m neurodeploy.export runs/har/model.pt`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurodeploy import cli
from neurodeploy.models import files
from neurodeploy.models.errors import DesignRuleError, InputError, require

if TYPE_CHECKING:  # it needs numpy
    from neurodeploy.hw_sim.chips.chip import Chip
    from neurodeploy.models.network import QuantizedNetwork

DESCRIPTION = (
    "Turn a checkpoint into an integer network, check it against Loihi, write model.net and prove "
    "that it spikes as the trained network does."
)


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of an export."""
    options.add_argument("model", type=Path, metavar="model.pt", help="checkpoint of a training")
    options.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to write; model.net beside model.pt when not given",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="test samples to compare spikes on; all when not given",
    )
    cli.add_chip_options(options, "whose limits to check, loihi2 when none is given")
    cli.add_threads_option(options)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("export", DESCRIPTION)
    add_options(options)
    given = options.parse_args(argv)
    path = given.out or given.model.parent / f"{given.model.stem}.net"
    onto = cli.chosen_chips(given, "loihi2")
    for costs in given.costs or ():
        if files.same_file(costs, path):
            raise InputError(f"--out would write over {costs}; give it another name")
    code = export(
        given.model,
        path,
        data=given.data,
        samples=given.samples,
        onto=onto,
        threads=given.threads,
    )
    if code == cli.DONE:
        words = cli.chip_words(given.chip, given.costs)
        print(f"Next: {cli.next_command('report', path, *words, data=given.data)}")
    return code


def export(
    model: Path,
    path: Path,
    *,
    data: Path | None = None,
    samples: int | None = None,
    onto: Sequence[Chip],
    threads: int | None = None,
) -> int:
    """Write the network of a checkpoint to `path` and prove it; return the exit code."""
    require("exporting a checkpoint", "torch", "lava.lib.dl.slayer")
    with cli.status("loading SLAYER"):
        from neurodeploy.export import netx
        from neurodeploy.learning import checkpoint
        from neurodeploy.models.network import digest
        from neurodeploy.models.quantize import quantize

    cli.use_threads(threads)
    kept = checkpoint.load(model)
    if path.suffix != ".net" or files.kind(path) == "folder":
        raise InputError(f"{path} is no name for a netx file; give --out one that ends in .net")
    if files.same_file(model, path):
        raise InputError(f"--out would write over {model}; give it another name")
    trained = kept.network()
    network = quantize(trained, task=kept.task, provenance=kept.training)
    if not fits(network, onto):
        return cli.CHECK_FAILED
    spikes = load_spikes(network, data, samples)
    proof = prove(trained, network, spikes)
    if not proof.equal:
        print(
            f"{model} was not exported: {proof.different} of its spikes differ between "
            f"SLAYER and the simulator over {cli.number_of(proof.samples, 'sample')}, first in "
            f"{proof.first}" + (f"; {_overflows(proof)}" if proof.wraps else "")
        )
        return cli.CHECK_FAILED
    if not proof.spikes:
        cli.say(
            f"warning: no neuron fired in {cli.number_of(proof.samples, 'sample')}, so their "
            "equality says little"
        )
    if proof.wraps:
        cli.say(f"warning: {_overflows(proof)}; the chip wraps or clips it")
    netx.write(network, path)
    check_written(network, path)
    print(
        f"Wrote {path} (sha256 {digest(network)[:12]}): SLAYER and the simulator agree in all "
        f"{cli.number_of(proof.spikes, 'spike')} of {cli.number_of(len(network.layers), 'layer')} "
        f"over {cli.number_of(proof.samples, 'sample')}"
    )
    return cli.DONE


def _overflows(proof: Any) -> str:
    return f"a state left its width {cli.number_of(proof.wraps, 'time')}"


def fits(network: QuantizedNetwork, onto: Sequence[Chip]) -> bool:
    """Return whether the network fits the chips and the file format; print every problem if not."""
    from neurodeploy.export import rules
    from neurodeploy.hw_sim.placement import design_rules
    from neurodeploy.hw_sim.placement.place import place

    held = True
    for chip in onto:
        problems = (*rules.check(network), *design_rules.check(network, place(network, chip)))
        if problems:
            print(DesignRuleError(f"the network for {chip.title}", problems))
            held = False
    return held


def load_spikes(network: QuantizedNetwork, data: Path | None, samples: int | None) -> Any:
    """Return the encoded test samples of the network's task, as many as asked for."""
    from neurodeploy.running.evaluation import load_test_samples

    with cli.reading():
        return load_test_samples(network.task, data, samples)[0].spikes


def prove(trained: Any, network: QuantizedNetwork, spikes: Any) -> Any:
    """Return the comparison of both networks, with a progress bar."""
    from neurodeploy.running import proof

    with cli.progress("comparing spikes") as advance:
        return proof.prove(trained, network, spikes, advance=advance)


def check_written(network: QuantizedNetwork, path: Path) -> None:
    """Raise InputError unless the file reads back as the network that was written."""
    from neurodeploy.export import netx
    from neurodeploy.models.network import digest

    if digest(netx.read(path)) != digest(network):
        raise InputError(f"{path} reads back otherwise than it was written; check the disk")


if __name__ == "__main__":
    sys.exit(main())
