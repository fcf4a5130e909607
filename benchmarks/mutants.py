"""fast with one fault each, to show that the comparison with Lava would notice.

A mutant is a copy of the packages in which one piece of text is replaced. When a kernel moves or
changes, adapt its rows here: the old text must stand exactly once in the file.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("models", "export", "hw_sim")


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        name: what is wrong.
        file: where, from the project's folder.
        old: text that stands there exactly once.
        new: what replaces it.
    """

    name: str
    file: str
    old: str
    new: str


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


def copy_packages(folder: Path) -> Path:
    """Copy what fast is made of into a folder, which is returned."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
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
