"""Integer arrays that are checked once and never change."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.errors import InputError

IntArray: TypeAlias = NDArray[np.integer[Any]]


def read_only(values: ArrayLike, dtype: type[np.integer[Any]], name: str) -> IntArray:
    """Return a contiguous read-only integer copy of `values`.

    Raises:
        InputError: when a value is not a whole number or does not fit `dtype`.
    """
    try:
        given = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors with gradients
        reason = str(error).splitlines()[0]
        raise InputError(f"{name} cannot be read as an array of numbers ({reason})") from None
    if given.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {given.dtype}; it must hold whole numbers")
    with np.errstate(invalid="ignore"):
        converted = given.astype(dtype, order="C", copy=True)
    if not np.array_equal(converted, given):
        wrong = given[converted != given].flat[0]
        raise InputError(
            f"{name} holds {wrong}; it must hold whole numbers that fit {dtype.__name__}"
        )
    converted.setflags(write=False)
    return converted


def check_range(values: IntArray, low: int, high: int, name: str) -> None:
    """Raise InputError unless every value lies in `low..high`."""
    for extreme in (values.min(initial=low), values.max(initial=low)):
        if not low <= extreme <= high:
            raise InputError(f"{name} holds {extreme}; the range is {low} to {high}")


def whole(value: ArrayLike, low: int, high: int, name: str) -> int:
    """Return one whole number in `low..high`.

    Raises:
        InputError: when there are several, or the number is not whole or out of range.
    """
    number = read_only(value, np.int64, name)
    if number.ndim:
        raise InputError(f"{name} has shape {number.shape}; give one value a layer")
    check_range(number, low, high, name)
    return int(number)


def one_or_each(
    values: ArrayLike, dtype: type[np.integer[Any]], low: int, high: int, name: str
) -> IntArray:
    """Return one value for all neurons, or one a neuron or channel, as an array of one dimension.

    Raises:
        InputError: when a value is not whole or out of range, or the array has another shape.
    """
    checked = read_only(np.atleast_1d(values), dtype, name)
    if checked.ndim != 1 or not checked.size:
        raise InputError(f"{name} has shape {checked.shape}; give one value or one a neuron")
    check_range(checked, low, high, name)
    return checked
