"""Insert single faults into `fast`, to check that the comparison with Lava detects them.

A mutant is a copy of the packages with one piece of text replaced. Its kernels run in Python on
`plain_lanes`, since compilation would take half a minute per mutant. When a kernel moves or
changes, update its rows here: the old text must occur exactly once in the file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.differences import INTACT

ROOT: Final = Path(__file__).parent.parent
LIMIT_S: Final = 3000


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        name: description of the fault.
        file: path of the file, relative to the root of the repository.
        old: text that occurs exactly once in the file.
        new: replacement.
    """

    name: str
    file: str
    old: str
    new: str


KERNELS: Final = "hw_sim/kernels/"
CUBA, STEPS = "models/cuba.py", KERNELS + "cuba_layer.py"
SCANS, SUMS = KERNELS + "neurons.py", KERNELS + "synapses.py"
CONVOLUTION, ROWS = KERNELS + "conv.py", KERNELS + "conv_layer.py"

MUTANTS: Final = (
    Mutant("a decay rounds toward minus infinity", CUBA,
           "return int32(int32(int32(high + low) ^ sign) - sign)",
           "return int32((np.int64(state) * np.int64(factor)) >> _SHIFT)"),
    Mutant("the current clips where it should wrap", CUBA,
           "return int32(current - _CURRENT_SPAN)",
           "return _CURRENT_LIMIT"),
    Mutant("the voltage clips one lower", CUBA,
           "max(voltage, -_VOLTAGE_MAX)",
           "max(voltage, int32(-_VOLTAGE_MAX - 1))"),
    Mutant("the threshold is not strict", SCANS,
           "spike = v > threshold",
           "spike = v >= threshold"),
    Mutant("the weighted input is shifted by 5", SCANS,
           "activation = int32(weighted[j] << _ACTIVATION_SHIFT)",
           "activation = int32(weighted[j] << 5)"),
    Mutant("the bias is missing", SCANS,
           "+ u) + bias[j])",
           "+ u))"),
    Mutant("a spike leaves the voltage", SCANS,
           "int32(0) if spike else v",
           "v"),
    Mutant("a spike clears the current", SCANS,
           "current[j] = u",
           "current[j] = int32(0) if spike else u"),
    Mutant("feedback comes one step late", SCANS,
           "receive(received, rows, delays, neuron, sent[neuron], t)",
           "receive(received, rows, delays, neuron, sent[neuron], t + 1)"),
    Mutant("a change must exceed the threshold", SCANS,
           "if delta >= threshold or",
           "if delta > threshold or"),
    Mutant("the residue is lost", SCANS,
           "return int32(0), delta",
           "return int32(0), int32(0)"),
    Mutant("the rectifier is missing", SCANS,
           "x = int32(max(int32(sigma[j] + bias[j]), int32(0)))",
           "x = int32(sigma[j] + bias[j])"),
    Mutant("a graded spike keeps its state's places", SCANS,
           "int32(delta >> state_exp)",
           "delta"),
    Mutant("an axonal delay is one too long", SUMS,
           "arrival = t + 1 + int32(delays[sender, 0])",
           "arrival = t + 1 + int32(delays[sender, 0]) + (delays[sender, 0] > 0)"),
    Mutant("a synaptic delay is one too long", SUMS,
           "arrival = t + 1 + int32(delays[sender, j])",
           "arrival = t + 1 + int32(delays[sender, j]) + (delays[sender, j] > 0)"),
    Mutant("the payload is ignored", SUMS,
           "receive(received[sample], rows, delays, senders[k], value, t)",
           "receive(received[sample], rows, delays, senders[k], int32(1), t)"),
    Mutant("sparse: all groups are the first", ROWS,
           "x * channels + group * inputs",
           "x * channels"),
    Mutant("dense: all groups are the first", ROWS,
           "x * step + group * plan.kernel[2]",
           "x * step"),
    Mutant("sums of a convolution do not wrap", ROWS,
           "(shifted & _MASK) - _HALF",
           "shifted - _HALF"),
    Mutant("the padding of columns is missing", CONVOLUTION,
           "inside = order - padding",
           "inside = order"),
    Mutant("the padding of rows is missing", ROWS,
           "row * stride - padding + i * dilation",
           "row * stride + i * dilation"),
    Mutant("the dilation of rows is missing", ROWS,
           "row * stride - padding + i * dilation",
           "row * stride - padding + i"),
    Mutant("the payload is ignored by a convolution", ROWS,
           "widen(row, 32) * scratch.strip[scratch.places[k]]",
           "widen(row, 32)"),
    Mutant("the second plane of graded spikes is missing", ROWS,
           "+ (load(scratch.plane, k, LANES) << PLANE_BITS)",
           ""),
    Mutant("convolution: the threshold is not strict", ROWS,
           "fired = v > neurons.threshold",
           "fired = v > neurons.threshold - 1"),
    Mutant("convolution: no overflow is noticed", ROWS,
           "> SURE):  # rare",
           "> _SIGN + (1 << 30)):  # rare"),
    Mutant("the padding of the product is missing", CONVOLUTION,
           " - layer.padding[axis]",
           ""),
    Mutant("the dilation of the product is missing", CONVOLUTION,
           "seen = outputs + np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]",
           "seen = outputs + np.arange(layer.weight.shape[2 + axis])"),
    Mutant("all groups of the product see the first", CONVOLUTION,
           "np.arange(group * inputs, (group + 1) * inputs, dtype=np.int32)",
           "np.arange(inputs, dtype=np.int32)"),
    Mutant("channels of an image are not turned", "hw_sim/simulators/layer_runs.py",
           "weight = spike_buffer.channels_last(layer.weight, before)",
           "weight = layer.weight"),
    Mutant("dense: a decay rounds toward minus infinity", STEPS,
           "upward = (state >> _SIGN) & _LOW",
           "upward = 0"),
    Mutant("dense: the threshold is not strict", STEPS,
           "| (v ^ (v >> _SIGN))\n        fired = v > plan.threshold",
           "| (v ^ (v >> _SIGN))\n        fired = v > plan.threshold - 1"),
    Mutant("dense, counting: the threshold is not strict", STEPS,
           "bits_of(v != charged))\n        fired = v > plan.threshold",
           "bits_of(v != charged))\n        fired = v > plan.threshold - 1"),
    Mutant("dense: the current clips where it should wrap", STEPS,
           "select(u > _LIMIT, u - _SPAN,",
           "select(u > _LIMIT, _LIMIT,"),
    Mutant("dense: the voltage clips one lower", STEPS,
           "select(v < -_VOLTAGE_MAX, -_VOLTAGE_MAX, v)",
           "select(v < -_VOLTAGE_MAX, -_VOLTAGE_MAX - 1, v)"),
    Mutant("dense: no overflow is noticed", STEPS,
           "if bits_of(used > SURE):",
           "if False:"),
    Mutant("dense: the bias is missing", STEPS,
           "v = decay(v, factor_v) + u + bias\n        used",
           "v = decay(v, factor_v) + u\n        used"),
    Mutant("dense: an axonal delay is one too long", STEPS,
           "+ 1 + plan.sender_delays[sender]",
           "+ 1 + plan.sender_delays[sender] + (plan.sender_delays[sender] > 0)"),
    Mutant("dense, crowded: spikes come one step late", STEPS,
           "+ 1 + sender_delays[code & _SENDER_MASK]",
           "+ 2 + sender_delays[code & _SENDER_MASK]"),
    Mutant("dense: a synaptic delay is one too long", STEPS,
           "(step + delays[j])",
           "(step + delays[j] + (delays[j] > 0))"),
    Mutant("dense: a dendritic delay is one too long", KERNELS + "spike_buffer.py",
           "steps[: len(delays)] = delays",
           "steps[: len(delays)] = delays + (delays > 0)"),
    Mutant("dense: channels of an image are not turned", KERNELS + "dense_cuba.py",
           "replace(layer, weight=channels_last(layer.weight, before), delay=delay)",
           "replace(layer, delay=delay)"),
)  # fmt: skip


def verdicts(cases: Path, copies: Path) -> dict[str, int]:
    """Return the number of cases that differ from Lava, by name of the mutant.

    A mutant stops at its first difference. The result of the unchanged copy is under `INTACT`.

    Args:
        cases: folder of cases written by `benchmarks.differences.save`.
        copies: empty folder for the mutants.
    """
    folders = [copy_packages(copies / INTACT)]
    folders += [make(each, copies / str(number)) for number, each in enumerate(MUTANTS)]
    output, errors = (copies / name for name in ("output.txt", "errors.txt"))
    with output.open("wb") as out, errors.open("wb") as err:
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.differences", cases, *folders],
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=LIMIT_S,
            check=False,
        )
    if ran.returncode:
        raise RuntimeError(errors.read_text())
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    names = [INTACT, *(each.name for each in MUTANTS)]
    return {name: line["differ"] for name, line in zip(names, lines, strict=True)}


def copy_packages(folder: Path) -> Path:
    """Copy the packages of `fast`, with plain lanes, into a folder, and return the folder."""
    ignored = shutil.ignore_patterns("__pycache__", "tasks", "pages", "learning", "running")
    shutil.copytree(ROOT / "neurodeploy", folder / "neurodeploy", ignore=ignored)
    plain = ROOT / "benchmarks" / "plain_lanes.py"
    shutil.copy(plain, folder / "neurodeploy" / KERNELS / "lanes.py")
    return folder


def make(mutant: Mutant, folder: Path) -> Path:
    """Write the mutant into a folder, and return the folder.

    Raises:
        ValueError: unless the old text occurs exactly once in the file.
    """
    path = copy_packages(folder) / "neurodeploy" / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        times = text.count(mutant.old)
        raise ValueError(
            f"'{mutant.old}' occurs {times} times in {mutant.file}, not once; update "
            f"'{mutant.name}' in benchmarks/mutants.py"
        )
    path.write_text(text.replace(mutant.old, mutant.new))
    return folder
