"""The samples that a network runs on: arrays, files of arrays, or the test samples of its task.

An array has shape (neurons, time) or (channel, height, width, time). A batch of samples has one
more axis in front; see `layout`. Pickled objects are never loaded. A .npy file is memory-mapped.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.samples import Samples, shortfall, spread
from neurodeploy.hw_sim import memory
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.graph import INPUT
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.models.synapses import Drive, Shape

WHOLE: Final = 1e-3
"""Maximum distance of a floating-point input value from the nearest integer."""

LARGEST: Final = (1 << 31) - 1
"""Maximum input value; `hw_sim.activity` checks the range of the network."""

ZIP: Final = b"PK"
KINDS: Final = "buif"
"""NumPy kinds of real numbers: bool, unsigned, signed, float."""

Source: TypeAlias = "Path | str | ArrayLike"
"""A .npy file, an .npz file with one array, or an array."""


def load_input(
    source: Source,
    network: QuantizedNetwork,
    *,
    labels: Source | None = None,
    transformed: bool = False,
    count: int | None = None,
) -> Samples:
    """Return the samples in a file or array, for any network.

    Samples of a network whose task asks for `extra_steps` get as many zero steps at their end; a
    note says so.

    Args:
        source: (neurons, time) or (channel, height, width, time), with one more axis in front for a
            batch. Values are integers, or floats that the scale and offset of the input layer turn
            into integers.
        network: the network to run.
        labels: the correct class of each sample, integers (samples,).
        transformed: whether the source already includes the scale and offset of the input layer.
        count: number of samples, evenly spaced; all by default.

    Raises:
        InputError: if a file cannot be read, or shape, dtype or values do not fit the network.

    Examples:
        >>> np.save("spikes.npy", spikes)
        >>> neurodeploy.load_input("spikes.npy", network, labels=[0, 1, 1, 0, 1])
        5 samples of 30 steps, labelled, from spikes.npy
    """
    check_network(network)
    if transformed:
        _check_transformed(network)
    name = _name_of(source, "the input")
    values = _array_of(source, name)
    found = _layout(values.shape, network, name)
    whole = values.dtype.kind != "f"
    scale, offset = (1, 0) if whole or transformed else _transform(network)
    known = None if labels is None else load_labels(labels, network, found.samples)
    chosen = spread(found.samples, count)
    more = extra_steps(network)

    def part(start: int, stop: int) -> NDArray[Any]:
        at = chosen[start:stop]
        taken = np.asarray(values[at] if found.leading else values[None])
        flat = taken.reshape(len(at), network.inputs, found.steps)
        if not (whole and flat.dtype.kind == "b"):
            flat = _integers(flat, scale, offset, name)
        return np.pad(flat, ((0, 0), (0, 0), (0, more))) if more else flat

    return Samples(
        numbers=chosen,
        num_steps=found.steps + more,
        part=part,
        labels=None if known is None else known[chosen],
        source=Path(source).name if isinstance(source, (str, Path)) else "an array",
        split="custom",
        leading=found.leading,
        value_bytes=4 if whole else 32,
        transformed=transformed or not whole,
        notes=(*shortfall(found.samples, count), *_extra_note(more)),
    )


def _check_transformed(network: QuantizedNetwork) -> None:
    if not _drives(network):
        raise InputError(
            "--transformed leaves out the scale and offset of an input layer with neurons, and "
            "this network has none; leave it out"
        )


def extra_steps(network: QuantizedNetwork) -> int:
    """Return the zero steps that samples of the network need at their end.

    A network of L layers answers L steps late, and would lose the last L steps of a sample. Tasks
    of networks that come from elsewhere ask for as many.
    """
    steps = network.task.encoder.get("extra_steps", 0)
    return steps if type(steps) is int and steps > 0 else 0


def _extra_note(steps: int) -> tuple[str, ...]:
    if not steps:
        return ()
    return (
        f"{steps} zero step{'s' * (steps > 1)} were added to each sample, one per layer, since a "
        "layer answers a step late",
    )


def as_samples(
    given: Samples | ArrayLike, network: QuantizedNetwork, labels: ArrayLike | None = None
) -> Samples:
    """Convert an array to samples, and attach the labels, if any.

    Raises:
        InputError: if an array or the labels do not fit the network, or the network is not
            quantized.
    """
    check_network(network)
    if hasattr(given, "test") and hasattr(given, "train"):
        raise InputError("the samples are a whole task; pass one part of it, such as task.test")
    if not isinstance(given, Samples):
        return load_input(given, network, labels=labels)
    if labels is None:
        return given
    return replace(given, labels=load_labels(labels, network, len(given)))


def for_samples(network: QuantizedNetwork, samples: Samples) -> QuantizedNetwork:
    """Return the network that takes the samples.

    If the samples already include the scale and offset of the input layer, the returned network
    has scale 1 and offset 0.
    """
    if not samples.transformed or not _drives(network):
        return network
    plain = [
        replace(each, synapse=Drive(each.synapse.shape)) if each.source == INPUT else each
        for each in network.connections
    ]
    return replace(network, connections=tuple(plain))


def _drives(network: QuantizedNetwork) -> list[Drive]:
    """Return how the input drives neurons; nothing if it arrives as spikes."""
    return [each.synapse for each in network.connections if isinstance(each.synapse, Drive)]


def _transform(network: QuantizedNetwork) -> tuple[int, int]:
    """Return scale and offset of the input; 1 and 0 if there are none, or several."""
    found = {(each.scale, each.offset) for each in _drives(network)}
    return found.pop() if len(found) == 1 else (1, 0)


def _integers(values: NDArray[Any], scale: int, offset: int, name: str) -> NDArray[Any]:
    """Return scale * value + offset as integers.

    Raises:
        InputError: if a value is not finite, exceeds 32 bits, or is further than `WHOLE` from an
            integer.
    """
    if values.dtype.kind == "f":
        values = scale * values.astype(np.float64) + offset
        if not np.isfinite(values).all():
            raise InputError(f"{name} holds values that are not finite; use integers")
    low, high = values.min(), values.max()
    if low < -LARGEST or high > LARGEST:
        raise InputError(f"{name} ranges from {low} to {high}; the limit is {LARGEST}")
    if values.dtype.kind != "f":
        return values
    nearest = np.rint(values)
    wrong = np.abs(values - nearest) > WHOLE
    if wrong.any():
        value = float(values[wrong][0])
        how = "" if (scale, offset) == (1, 0) else f"after {scale} * x + {offset} "
        raise InputError(
            f"{name} holds {value:.6g} {how}but must hold integers; round the values, or scale "
            f"them so that each is within {WHOLE} of an integer"
        )
    integers: NDArray[np.int32] = nearest.astype(np.int32)
    return integers


def load_labels(source: Source, network: QuantizedNetwork, samples: int) -> NDArray[np.int64]:
    """Return the correct class of each sample from a file or array, int64 (samples,).

    Raises:
        InputError: if a file cannot be read, or the labels do not fit the samples and the network.
    """
    name = _name_of(source, "the labels")
    labels = _array_of(source, name)
    if labels.dtype.kind not in "ui" or labels.shape != (samples,):
        raise InputError(
            f"{name} holds {labels.dtype} of shape {labels.shape}; labels are integers of shape "
            f"({samples},), one per sample"
        )
    for extreme in (int(labels.min()), int(labels.max())):
        if not 0 <= extreme < network.outputs:
            raise InputError(
                f"{name} holds a label {extreme} for {network.outputs} outputs; labels range from "
                f"0 to {network.outputs - 1}"
            )
    return np.asarray(labels).astype(np.int64)


# The shape of an array


@dataclass(frozen=True)
class Layout:
    """Samples and time steps of an input array.

    Attributes:
        samples: number of samples.
        steps: time steps per sample.
        leading: whether the first axis is the batch axis.
    """

    samples: int
    steps: int
    leading: bool


def layout(shape: Shape, takes: Shape) -> Layout | None:
    """Return the layout of an array of `shape` for an input of shape `takes`, or None.

    None means that the array does not fit. An array with the axes of the input and time is one
    sample; one more axis in front makes it a batch. A flat array, (neurons, time) or (samples,
    neurons, time), fits any input. Images, with 4 or 5 axes, also fit a flat input. An image of one
    row is a line too: (channels, length, time) or (samples, channels, length, time).
    """
    if _is_line(shape, takes):
        takes = takes[::2]
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


def _is_line(shape: Shape, takes: Shape) -> bool:
    """Return whether an array for images of one row leaves out the axis of the height."""
    one_row = len(takes) == 3 and takes[1] == 1 < takes[2]
    return (
        one_row
        and shape[-3:-1] == takes[::2]
        and shape[:-1] != takes
        and shape[:-2] not in ((), (1,))
    )


def _layout(shape: Shape, network: QuantizedNetwork, name: str) -> Layout:
    found = layout(shape, network.input_shape)
    if found is None:
        axes = ", ".join(map(str, network.input_shape))
        raise InputError(
            f"{name} has shape {shape}; the network takes ({axes}, time) or (samples, {axes}, time)"
            + _hint(shape, network.input_shape)
        )
    if not math.prod(shape):
        raise InputError(f"{name} has shape {shape}, which is empty; pass a non-empty array")
    return found


def _hint(given: Shape, takes: Shape) -> str:
    """Return advice on a wrong shape as a suffix of the error message, or ""."""
    if given in (takes, (math.prod(takes),)):
        return ", so the time axis is missing: repeat the values along a new last axis"
    if len(takes) == 3 and given[-4:-1] == takes[::-1]:
        before = ", ".join(map(str, range(len(given) - 4)))
        order = [len(given) - 4 + axis for axis in (2, 1, 0, 3)]
        axes = ", ".join([*filter(None, [before]), *map(str, order)])
        return f"; this looks like Lava's order, so reorder the axes with .transpose({axes})"
    return ""


# Arrays in files


def _name_of(source: Source, otherwise: str) -> str:
    return str(source) if isinstance(source, (str, Path)) else otherwise


def _array_of(source: Source, name: str) -> NDArray[Any]:
    if isinstance(source, (str, Path)):
        return open_array(Path(source))
    try:
        values = np.asarray(source)
    except ValueError as error:  # lists of unequal length
        raise InputError(f"{name} is not an array ({error}); pass an array of numbers") from None
    _check_numbers(values.dtype, name)
    return values


def open_array(path: Path) -> NDArray[Any]:
    """Open the array in a .npy file (memory-mapped), or the only array in an .npz file.

    Raises:
        InputError: if the file is missing, truncated or of another format, or does not hold exactly
            one array of real numbers.
    """
    files.check_file(path, "give the path of a .npy file")
    try:
        with path.open("rb") as file:
            zipped = file.read(len(ZIP)) == ZIP
        if zipped:
            return _only_array(path)
        with path.open("rb") as file:  # an empty array cannot be memory-mapped
            shape = _shape(file)
        values = np.load(path, "r" if math.prod(shape) else None, allow_pickle=False)
    except InputError:
        raise
    except Exception as error:  # numpy and zipfile raise many types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path} cannot be read ({reason}); write an array of numbers with numpy.save"
        ) from None
    _check_numbers(values.dtype, str(path))
    return values  # type: ignore[no-any-return]


def _shape(file: IO[bytes]) -> tuple[int, ...]:
    """Return the shape in the header of a .npy file.

    Raises:
        ValueError: if the header is invalid, or a size is not a non-negative integer.
    """
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    read = np.lib.format.read_array_header_2_0
    if version == (1, 0):
        read = np.lib.format.read_array_header_1_0
    shape: tuple[int, ...] = read(file)[0]  # type: ignore[no-untyped-call]
    if any(type(size) is not int or size < 0 for size in shape):  # numpy accepts True as a size
        raise ValueError(f"its shape is {shape}")
    return shape


def _only_array(path: Path) -> NDArray[Any]:
    """Return the only array of an .npz file after checking that it fits into memory."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) != 1:
            listed = ", ".join(each.filename.removesuffix(".npy") for each in entries[:5])
            raise InputError(
                f"{path} holds {len(entries)} arrays{f' ({listed})' if entries else ''}; use a "
                "file with one array"
            )
        way_out = "save the array with numpy.save, which is read in parts"
        memory.check(2 * entries[0].file_size, memory.available(), f"{path} takes", way_out)
        with archive.open(entries[0]) as file:
            _shape(file)
        with archive.open(entries[0]) as file:
            values = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
    _check_numbers(values.dtype, str(path))
    return values  # type: ignore[no-any-return]


def _check_numbers(dtype: np.dtype[Any], name: str) -> None:
    if dtype.hasobject:
        raise InputError(
            f"{name} holds Python objects, which could run code and are not loaded; save an "
            "array of numbers"
        )
    if dtype.kind not in KINDS:
        raise InputError(f"{name} has dtype {dtype}; save an array of real numbers instead")
