"""The input that a person gives in a file, for networks of any kind: `report --input spikes.npy`.

The array is (neurons, time) or, for images, (channel, height, width, time), and has one axis more
in front when it holds several samples. The number of axes alone decides which; see `layout`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import Shape
from neurodeploy.models.network import InputLayer, QuantizedNetwork
from neurodeploy.running import array_file
from neurodeploy.samples import Samples, spread

WHOLE: Final = 1e-3
"""How far from a whole number a value in floating point may be."""

LARGEST: Final = (1 << 31) - 1
"""The largest value that goes in; what a network takes is checked in `hw_sim.activity`."""


@dataclass(frozen=True)
class Layout:
    """How an array holds samples.

    Attributes:
        samples: how many.
        steps: time steps of each.
        leading: whether the first axis counts them.
    """

    samples: int
    steps: int
    leading: bool


def open_input(
    network: QuantizedNetwork,
    path: Path,
    *,
    transformed: bool = False,
    samples: int | None = None,
    labels: Path | None = None,
) -> tuple[QuantizedNetwork, Samples]:
    """Return the network that takes the values in a file as they come, and the samples in it.

    Args:
        network: as it was read.
        path: a .npy file, or an .npz with one array.
        transformed: the values are what the neurons of an input layer take, so scale and offset
            are left out.
        samples: how many to run, spread evenly; all by default.
        labels: a file with the right answer of each sample, integers.

    Raises:
        InputError: when a file cannot be read, or shape, type or values do not fit the network.
    """
    path, first = Path(path), network.layers[0]
    if transformed and not isinstance(first, InputLayer):
        raise InputError(
            "--transformed leaves out the scale and offset of an input layer with neurons, and "
            "this network has none; leave it out"
        )
    values = array_file.open_array(path)
    found = _layout(values.shape, network, path)
    whole = values.dtype.kind != "f"
    runs = network if whole and not transformed else taking_values_as_they_are(network)
    scale, offset = (1, 0) if runs is network or transformed else _transform(network)
    right = None if labels is None else read_labels(labels, network, found.samples)
    chosen = spread(found.samples, samples)

    def part(start: int, stop: int) -> NDArray[Any]:
        at = chosen[start:stop]
        taken = np.asarray(values[at] if found.leading else values[None])
        flat = taken.reshape(len(at), network.inputs, found.steps)
        return flat if whole and flat.dtype.kind == "b" else _integers(flat, scale, offset, path)

    return runs, Samples(
        numbers=chosen,
        num_steps=found.steps,
        part=part,
        labels=None if right is None else right[chosen],
        source=path.name,
        split="given",
        leading=found.leading,
        value_bytes=4 if whole else 32,
    )


def taking_values_as_they_are(network: QuantizedNetwork) -> QuantizedNetwork:
    """Return the network with scale 1 and offset 0 in its input layer, if it has one."""
    first = network.layers[0]
    if not isinstance(first, InputLayer):
        return network
    return replace(network, layers=(replace(first, scale=1, offset=0), *network.layers[1:]))


def _transform(network: QuantizedNetwork) -> tuple[int, int]:
    first = network.layers[0]
    return (first.scale, first.offset) if isinstance(first, InputLayer) else (1, 0)


def _layout(shape: Shape, network: QuantizedNetwork, path: Path) -> Layout:
    found = layout(shape, network.input_shape)
    if found is None:
        raise InputError(
            f"{path} has shape {shape}; the network takes {_takes(network.input_shape)}"
            + _hint(shape, network.input_shape)
        )
    if not math.prod(shape):
        raise InputError(f"{path} has shape {shape}, which holds nothing; give one step at least")
    return found


def layout(shape: Shape, takes: Shape) -> Layout | None:
    """Return how an array of `shape` holds samples of an input of shape `takes`, None if it cannot.

    With the input's own axes and time it is one sample, with one axis more several. Otherwise it
    may be flat: (neurons, time) for any input, (samples, neurons, time) unless that has the axes
    of one sample (an input of two axes); and images for a flat input, with 4 or 5 axes.
    """
    axes = len(takes)
    inner, flat = shape[:-1], (math.prod(takes),)
    if not inner:
        return None
    if len(inner) == axes:
        return Layout(1, shape[-1], leading=False) if inner == takes else None
    if len(inner) == axes + 1:
        fits = inner[1:] == takes
        return Layout(shape[0], shape[-1], leading=True) if fits else None
    if len(inner) in (1, 3):  # one sample: flat, or images
        return Layout(1, shape[-1], leading=False) if (math.prod(inner),) == flat else None
    if len(inner) in (2, 4):
        fits = (math.prod(inner[1:]),) == flat
        return Layout(shape[0], shape[-1], leading=True) if fits else None
    return None


def _takes(shape: Shape) -> str:
    axes = ", ".join(map(str, shape))
    return f"({axes}, time) or (samples, {axes}, time)"


def _hint(given: Shape, takes: Shape) -> str:
    """Return what is probably wrong, as words to add."""
    if given in (takes, (math.prod(takes),)):
        return ", so the axis of time is missing: repeat the values along a last axis"
    if len(takes) == 3 and given[-4:-1] == takes[::-1]:
        before = ", ".join(map(str, range(len(given) - 4)))
        order = [len(given) - 4 + axis for axis in (2, 1, 0, 3)]
        axes = ", ".join([*filter(None, [before]), *map(str, order)])
        return f"; this looks like Lava's order, so turn it with .transpose({axes})"
    return ""


def _integers(values: NDArray[Any], scale: int, offset: int, path: Path) -> NDArray[Any]:
    """Return scale * value + offset as integers.

    Raises:
        InputError: when a value is not finite, beyond 32 bits, or not whole to within `WHOLE`.
    """
    if values.dtype.kind == "f":
        values = scale * values.astype(np.float64) + offset
        if not np.isfinite(values).all():
            raise InputError(f"{path} holds values that are not finite; give whole numbers")
    low, high = values.min(), values.max()
    if low < -LARGEST or high > LARGEST:
        raise InputError(f"{path} reaches from {low} to {high}; 32 bits hold {LARGEST} at most")
    if values.dtype.kind != "f":
        return values
    nearest = np.rint(values)
    wrong = np.abs(values - nearest) > WHOLE
    if wrong.any():
        value = float(values[wrong][0])
        how = "" if (scale, offset) == (1, 0) else f"after {scale} * x + {offset} "
        raise InputError(
            f"{path} holds {value:.6g} {how}where whole numbers go in; round it, or scale it so "
            f"that every value is whole to within {WHOLE}"
        )
    integers: NDArray[np.int32] = nearest.astype(np.int32)
    return integers


def read_labels(path: Path, network: QuantizedNetwork, samples: int) -> NDArray[np.int64]:
    """Return the right answer of each sample, int64 (samples,).

    Raises:
        InputError: when the file cannot be read, or its labels do not fit samples and network.
    """
    labels = array_file.open_array(path)
    if labels.dtype.kind not in "ui" or labels.shape != (samples,):
        raise InputError(
            f"{path} holds {labels.dtype} of shape {labels.shape}; labels are integers of shape "
            f"({samples},), one a sample"
        )
    for extreme in (int(labels.min()), int(labels.max())):
        if not 0 <= extreme < network.outputs:
            raise InputError(
                f"{path} holds a label {extreme} for {network.outputs} outputs; labels go from 0 "
                f"to {network.outputs - 1}"
            )
    return np.asarray(labels).astype(np.int64)
