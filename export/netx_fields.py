"""Read single fields of a netx file: arrays, numbers and texts of a sensible size and kind."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import h5py
import numpy as np

from models.errors import InputError

BYTES_LIMIT: Final = 1 << 30
"""No array of a layer is larger; a file that says so is damaged or hostile."""


def array(group: Any, name: str) -> Any:
    """Return the dataset `name` as an array.

    Raises:
        InputError: when it is missing, no dataset, or larger than any layer's.
    """
    if name not in group:
        raise InputError(f"'{name}' is missing in {group.name}; export the file again")
    item = group[name]
    if not isinstance(item, h5py.Dataset) or item.size is None or item.nbytes > BYTES_LIMIT:
        raise InputError(f"'{name}' in {group.name} is no array of a size that a layer can have")
    return np.asarray(item[()])


def numbers(group: Any, name: str, default: Any) -> Any:
    """Return the dataset `name`, or `default` where there is none."""
    return array(group, name) if name in group else np.asarray(default)


def one_number(group: Any, name: str, default: int) -> Any:
    """Return the one value of dataset `name` without dimensions, or all where there are several."""
    values = numbers(group, name, default)
    return values.reshape(()) if values.size == 1 else values


def sizes(group: Any, name: str) -> tuple[int, ...]:
    """Return a dataset of sizes, each from 1; () where it is absent."""
    if name not in group:
        return ()
    values = array(group, name)
    if values.dtype.kind not in "iu" or (values < 1).any():
        raise InputError(f"'{name}' holds {values}; sizes are whole numbers from 1")
    return tuple(values.reshape(-1).tolist())


def count(group: Any, name: str) -> int | None:
    """Return the product of a dataset of sizes, None where it is absent."""
    return math.prod(sizes(group, name)) if name in group else None


def text(group: Any, name: str) -> str:
    """Return a dataset of one text, as lava-dl writes types."""
    value = array(group, name).reshape(-1)
    if not value.size:
        raise InputError(f"'{name}' in {group.name} is empty; export the file again")
    return value[0].decode("ascii", "replace") if isinstance(value[0], bytes) else str(value[0])


def json_object(content: str) -> dict[str, Any]:
    """Return the JSON object in a text attribute."""
    try:
        value = json.loads(content)
    except (json.JSONDecodeError, TypeError) as error:
        raise InputError(f"the description is no JSON ({error}); export it again") from None
    if not isinstance(value, dict):
        raise InputError("the description is no JSON object; export it again")
    return value
