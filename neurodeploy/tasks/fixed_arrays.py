"""Turn what a reader gives into read-only arrays of a fixed type; nothing is cut off or wrapped."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.errors import InputError

NUMBERS: Final = "buif"
"""Kinds of numpy's numbers: logical, whole with and without sign, floating."""


def fixed_signals(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return signals as float32, or as uint8 where they are such.

    What is too large for float32 becomes infinite; whoever calls must refuse that.

    Args:
        values: numbers.
        what: they are called in an error, such as "HAPT: signals".

    Raises:
        InputError: when they are no numbers.
    """
    given = _numbers(values, what)
    with np.errstate(over="ignore"):
        return read_only(given, np.uint8 if given.dtype == np.uint8 else np.float32)


def whole_numbers(values: ArrayLike, dtype: type[np.integer[Any]], what: str) -> NDArray[Any]:
    """Return whole numbers in a type that holds them all.

    Args:
        values: numbers, such as 2 or 2.0.
        dtype: of the result.
        what: they are called in an error, such as "HAPT: labels".

    Raises:
        InputError: when one is no whole number or beyond the type.
    """
    given, limits = _numbers(values, what), np.iinfo(dtype)
    with np.errstate(invalid="ignore"):
        wrong = given[(given % 1 != 0) | (given < limits.min) | (given > limits.max)]
    if wrong.size:
        raise InputError(
            f"{what} hold {wrong[0]}; they must be whole numbers that {np.dtype(dtype)} can hold, "
            "so correct the data"
        )
    return read_only(given, dtype)


def read_only(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Return a copy, or the array itself where it is read-only and owns what it holds already."""
    own = values.flags.owndata and not values.flags.writeable
    fixed = np.asarray(values, dtype, order="C") if own else np.array(values, dtype, order="C")
    fixed.setflags(write=False)
    return fixed


def _numbers(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return the values as an array; raise InputError when it is not one of numbers."""
    try:
        given = np.asarray(values)
    except ValueError:
        raise InputError(f"{what} are rows of different lengths; give a full array") from None
    if given.dtype.kind not in NUMBERS:
        raise InputError(f"{what} are {given.dtype}; give an array of real numbers")
    return given
