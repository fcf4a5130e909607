"""fast with one fault each, to show that the comparison with Lava would notice.

A mutant is a copy of the packages in which one piece of text is replaced. When a kernel moves or
changes, adapt its rows here: the old text must stand exactly once in the file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.differences import INTACT, PACKAGES

ROOT: Final = Path(__file__).parent.parent
LIMIT_S: Final = 600


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        name: what is wrong.
        file: where, from the project's folder.
        old: text that stands there exactly once.
        new: what replaces it.
        compiled: whether numba has to compile it, ten seconds or more a mutant, because Python does
            not run it alike. It is compared without states, as the dense kernel runs without. It
            cannot be in `models/cuba.py`, whose functions numba keeps inside others.
    """

    name: str
    file: str
    old: str
    new: str
    compiled: bool = False


CUBA, SCANS, SUMS = "models/cuba.py", "hw_sim/neuron_scans.py", "hw_sim/weighted_sums.py"
RUNS, PRODUCT = "hw_sim/kernel_runs.py", "hw_sim/conv_product.py"

MUTANTS: Final = (
    Mutant(
        "a decay rounds toward minus infinity",
        CUBA,
        "return int32(int32(int32(high + low) ^ sign) - sign)",
        "return int32((np.int64(state) * np.int64(kept)) >> _SHIFT)",
    ),
    Mutant(
        "the current clips where it should wrap",
        CUBA,
        "return int32(current - _CURRENT_SPAN)",
        "return _CURRENT_LIMIT",
    ),
    Mutant(
        "the voltage clips one lower",
        CUBA,
        "max(voltage, -_VOLTAGE_MAX)",
        "max(voltage, int32(-_VOLTAGE_MAX - 1))",
    ),
    Mutant("the threshold is not strict", SCANS, "spike = v > threshold", "spike = v >= threshold"),
    Mutant(
        "the weighted input is shifted by 5",
        SCANS,
        "activation = int32(weighted[j] << _ACTIVATION_SHIFT)",
        "activation = int32(weighted[j] << 5)",
    ),
    Mutant("the bias is missing", SCANS, "+ u) + bias[j])", "+ u))"),
    Mutant("a spike leaves the voltage", SCANS, "int32(0) if spike else v", "v"),
    Mutant(
        "a spike clears the current",
        SCANS,
        "current[j] = u",
        "current[j] = int32(0) if spike else u",
    ),
    Mutant(
        "feedback comes one step late",
        SCANS,
        "receive(received, rows, delays, neuron, sent[neuron], t)",
        "receive(received, rows, delays, neuron, sent[neuron], t + 1)",
    ),
    Mutant(
        "a change must exceed the threshold",
        SCANS,
        "if delta >= threshold or",
        "if delta > threshold or",
    ),
    Mutant("the residue is lost", SCANS, "return int32(0), delta", "return int32(0), int32(0)"),
    Mutant(
        "the rectifier is missing",
        SCANS,
        "x = int32(max(int32(sigma[j] + bias[j]), int32(0)))",
        "x = int32(sigma[j] + bias[j])",
    ),
    Mutant("a graded spike keeps its state's places", SCANS, "int32(delta >> state_exp)", "delta"),
    Mutant(
        "an axonal delay is one too long",
        SUMS,
        "arrival = t + 1 + int32(delays[sender, 0])",
        "arrival = t + 1 + int32(delays[sender, 0]) + (delays[sender, 0] > 0)",
    ),
    Mutant(
        "a synaptic delay is one too long",
        SUMS,
        "arrival = t + 1 + int32(delays[sender, j])",
        "arrival = t + 1 + int32(delays[sender, j]) + (delays[sender, j] > 0)",
    ),
    Mutant(
        "the payload is ignored",
        SUMS,
        "receive(received[sample], rows, delays, senders[k], value, t)",
        "receive(received[sample], rows, delays, senders[k], int32(1), t)",
    ),
    Mutant(
        "all groups are the first",
        SUMS,
        "group = np.uint64(channel) // inputs * outputs",
        "group = np.uint64(0)",
    ),
    Mutant(
        "sums of a convolution do not wrap",
        SUMS,
        "wrapped = int32(shifted & _ACCUMULATOR_BITS)",
        "wrapped = shifted",
    ),
    Mutant("the padding is missing", RUNS, "[:, None] + layer.padding[axis]", "[:, None]"),
    Mutant("the dilation is missing", RUNS, " * layer.dilation[axis]", ""),
    Mutant("the padding of the product is missing", PRODUCT, " - layer.padding[axis]", ""),
    Mutant("the dilation of the product is missing", PRODUCT, " * layer.dilation[axis]", ""),
    Mutant(
        "all groups of the product see the first",
        PRODUCT,
        "np.arange(group * inputs, (group + 1) * inputs)",
        "np.arange(inputs)",
    ),
    Mutant(
        "channels of an image are not turned",
        "hw_sim/fast.py",
        "weight = _channels_last(layer.weight, before)",
        "weight = layer.weight",
    ),
)


def verdicts(cases: Path, copies: Path, mutants: Sequence[Mutant] = MUTANTS) -> dict[str, int]:
    """Return how many cases differ from Lava's record, by the name of the mutant, which stops at
    the first; and of the unchanged copy under `INTACT`.

    Args:
        cases: folder that `benchmarks.differences.save` filled.
        copies: empty folder to make the mutants in.
        mutants: all of them.
    """
    found = {}
    for compiled in (False, True):
        names = {
            str(number): each.name
            for number, each in enumerate(mutants)
            if each.compiled == compiled
        }
        if not names:
            continue
        folder = copies / ("compiled" if compiled else "interpreted")
        made = [copy_packages(folder / INTACT)]
        made += [make(mutants[int(number)], folder / number) for number in names]
        for line in _compared(cases, made, compiled=compiled):
            name = names.get(line["folder"], INTACT)
            found[name] = found.get(name, 0) + line["differ"]
    return found


def _compared(cases: Path, folders: Sequence[Path], *, compiled: bool) -> list[dict[str, int]]:
    """Run `python -m benchmarks.differences`; Python runs the kernels unless they are compiled."""
    output, errors = (folders[0].parent / name for name in ("output.txt", "errors.txt"))
    states = [] if compiled else ["--states"]
    with output.open("wb") as out, errors.open("wb") as err:
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.differences", *states, cases, *folders],
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": str(int(not compiled))},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=LIMIT_S,
            check=False,
        )
    if ran.returncode:
        raise RuntimeError(errors.read_text())
    return [json.loads(line) for line in output.read_text().splitlines()]


def copy_packages(folder: Path) -> Path:
    """Copy what fast is made of into a folder, which is returned.

    What numba compiled comes along: it stays valid in files that are not changed, where no function
    calls one of a changed file.
    """
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name)
    return folder


def make(mutant: Mutant, folder: Path) -> Path:
    """Write the mutant into a folder, which is returned.

    Raises:
        ValueError: unless the old text stands exactly once in the file.
    """
    path = copy_packages(folder) / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        times = text.count(mutant.old)
        raise ValueError(
            f"'{mutant.old}' stands {times} times in {mutant.file}, once is needed; adapt "
            f"'{mutant.name}' in benchmarks/mutants.py"
        )
    path.write_text(text.replace(mutant.old, mutant.new))
    return folder
