"""Read single fields of a netx file: arrays, numbers and texts of a sensible size and kind."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import h5py
import numpy as np

from neurodeploy.models.errors import InputError

BYTES_LIMIT: Final = 1 << 31
"""All arrays of a file together are no larger: four bytes for each of four chips' synapses."""

SHOWN: Final = 60
"""So much of a text in a file is repeated in a message."""


def check_size(layers: Any) -> None:
    """Raise InputError when the arrays of all layers together are too large to be read.

    What a file holds once and names many times counts as often as it would be read.
    """
    total = sum(_bytes(layers, name) for name in layers)
    if total > BYTES_LIMIT:
        raise InputError(
            f"its arrays take {total / 1e9:,.1f} GB; a network's take {BYTES_LIMIT / 1e9:,.1f} GB "
            "at most, so it is damaged or no network"
        )


def _bytes(group: Any, name: str) -> int:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return 0  # it is not followed
    item = group[name]
    if isinstance(item, h5py.Dataset):
        return int(item.nbytes)
    return sum(_bytes(item, each) for each in item if each != name)


def member(group: Any, name: str) -> Any:
    """Return what `name` is in a group of the file itself; links to elsewhere are not followed.

    Raises:
        InputError: when it is missing or a link.
    """
    link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
    if link is None:
        raise InputError(f"'{name}' is missing in {shown(group.name)}; export the file again")
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"'{name}' in {shown(group.name)} is a link, which is not followed")
    return group[name]


def subgroup(group: Any, name: str) -> Any:
    """Return the group `name` of a group.

    Raises:
        InputError: when it is missing, a link or no group.
    """
    item = member(group, name)
    if not isinstance(item, h5py.Group):
        raise InputError(f"'{name}' in {shown(group.name)} is no group; export the file again")
    return item


def dataset(group: Any, name: str) -> Any:
    """Return the dataset `name` of a group, not read.

    Raises:
        InputError: when it is missing, no dataset, lies in another file, or has no data.
    """
    item = member(group, name)
    if not isinstance(item, h5py.Dataset) or item.size is None or item.external:
        raise InputError(f"'{name}' in {shown(group.name)} is no array in this file")
    if item.size and not item.id.get_storage_size():
        raise InputError(f"'{name}' in {shown(group.name)} says {item.shape} and holds nothing")
    return item


def array(group: Any, name: str) -> Any:
    """Return the dataset `name` as an array of numbers.

    Raises:
        InputError: as `dataset`, and when it holds no numbers.
    """
    item = dataset(group, name)
    if item.dtype.kind not in "biuf":
        raise InputError(f"'{name}' in {shown(group.name)} holds no numbers; export it again")
    return np.asarray(item[()])


def shown(value: Any) -> str:
    """Return a text of a file as a message may repeat it: short, in plain letters."""
    plain = ascii(str(value))[1:-1]
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."


def numbers(group: Any, name: str, default: Any) -> Any:
    """Return the dataset `name`, or `default` where there is none."""
    return array(group, name) if name in group else np.asarray(default)


def one_number(group: Any, name: str, default: int | None) -> Any:
    """Return the one value of dataset `name` without dimensions, or all where there are several;
    it must be there where `default` is None."""
    values = array(group, name) if default is None else numbers(group, name, default)
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
    value = np.asarray(dataset(group, name)[()]).reshape(-1)
    if not value.size or not isinstance(value[0], (bytes, str)):
        raise InputError(f"'{name}' in {shown(group.name)} is no text; export the file again")
    return value[0].decode("ascii", "replace") if isinstance(value[0], bytes) else str(value[0])


def json_object(content: str) -> dict[str, Any]:
    """Return the JSON object in a text attribute."""
    try:
        value = json.loads(content, parse_constant=_refuse)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"the description is no JSON ({error}); export it again") from None
    if not isinstance(value, dict):
        raise InputError("the description is no JSON object; export it again")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
