"""Read-only integer arrays, checked at construction."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.errors import InputError

IntArray: TypeAlias = NDArray[np.integer[Any]]


def read_only(values: ArrayLike, dtype: type[np.integer[Any]], name: str) -> IntArray:
    """Return `values` as a contiguous, read-only array with an integer dtype, a copy if need be.

    Raises:
        InputError: when a value is not an integer or does not fit `dtype`.
    """
    if _is_read_only(values, dtype):
        return values
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors with gradients
        reason = str(error).splitlines()[0]
        raise InputError(f"{name} cannot be read as an array of numbers ({reason})") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {array.dtype}; it must hold integers")
    with np.errstate(invalid="ignore"):
        converted = array.astype(dtype, order="C", copy=True)
    if not np.array_equal(converted, array):
        wrong = array[converted != array].flat[0]
        raise InputError(f"{name} holds {wrong}; it must hold integers that fit {dtype.__name__}")
    converted.setflags(write=False)
    return converted


def _is_read_only(values: Any, dtype: type[np.integer[Any]]) -> TypeGuard[IntArray]:
    """Return whether `values` is such an array already, and the only owner of its memory."""
    return (
        type(values) is np.ndarray
        and values.dtype == dtype
        and values.flags.c_contiguous
        and not values.flags.writeable
        and values.base is None
    )


def check_range(values: IntArray, low: int, high: int, name: str) -> None:
    """Raise InputError unless every value is in `low..high`."""
    for extreme in (values.min(initial=low), values.max(initial=low)):
        if not low <= extreme <= high:
            raise InputError(f"{name} holds {extreme}; the range is {low} to {high}")


def checked_integer(value: ArrayLike, low: int, high: int, name: str) -> int:
    """Return one integer in `low..high`.

    Raises:
        InputError: when `value` is an array, not an integer, or out of range.
    """
    number = read_only(value, np.int64, name)
    if number.ndim:
        raise InputError(f"{name} has shape {number.shape}; give one number for the layer")
    check_range(number, low, high, name)
    return int(number)


def neuron_parameter(
    values: ArrayLike, dtype: type[np.integer[Any]], low: int, high: int, name: str
) -> IntArray:
    """Return one value for all neurons, or one per neuron or channel, as a checked 1-D array.

    Raises:
        InputError: when a value is not an integer or out of range, or the array is not 1-D.
    """
    array = read_only(np.atleast_1d(values), dtype, name)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} has shape {array.shape}; give one number, or one per neuron")
    check_range(array, low, high, name)
    return array
