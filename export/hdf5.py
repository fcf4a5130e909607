"""Checked access to HDF5 files from outside: no links, no arrays without data, no huge arrays."""

from __future__ import annotations

from typing import Any, Final

import h5py
import numpy as np

from neurodeploy.models.errors import InputError

BYTES_LIMIT: Final = 1 << 31
"""Limit of the total size of all arrays of a file, in bytes; four chips need less."""

ITEMS_LIMIT: Final = 200_000
"""Limit of the number of groups and arrays of a file; a group that contains itself exceeds it."""

SHOWN: Final = 60
"""Maximum length of a text from a file in a message."""


def check_size(groups: Any, limit: int = BYTES_LIMIT) -> None:
    """Raise InputError if the arrays of a group take over `limit` bytes, before one is read.

    An array with several names counts once per name, since it would be read as often. Links are not
    followed.
    """
    total = items = 0
    waiting = [groups]
    while waiting:
        group = waiting.pop()
        items += len(group)
        if items > ITEMS_LIMIT:
            raise InputError(
                f"it has over {ITEMS_LIMIT:,} groups and arrays, so it is damaged or not a network"
            )
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                total += int(item.nbytes)
    if total > limit:
        raise InputError(
            f"its arrays take {total / 1e9:,.1f} GB; the limit is {limit / 1e9:,.1f} GB, so "
            "it is damaged or not a network"
        )


def member(group: Any, name: str) -> Any:
    """Return the item `name` of a group.

    Raises:
        InputError: when it is missing or a soft or external link, which are not followed.
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
        InputError: when it is missing, a link or not a group.
    """
    item = member(group, name)
    if not isinstance(item, h5py.Group):
        raise InputError(f"'{name}' in {shown(group.name)} is not a group; export the file again")
    return item


def dataset(group: Any, name: str) -> Any:
    """Return the dataset `name` of a group without reading it.

    Raises:
        InputError: when it is missing, not a dataset, stored in another file, or without data.
    """
    item = member(group, name)
    if not isinstance(item, h5py.Dataset) or item.size is None or item.external:
        raise InputError(f"'{name}' in {shown(group.name)} is not an array in this file")
    if item.size and not item.id.get_storage_size():
        raise InputError(f"'{name}' in {shown(group.name)} has shape {item.shape} and no data")
    return item


def array(group: Any, name: str) -> Any:
    """Return the dataset `name` as an array of numbers.

    Raises:
        InputError: like `dataset`, and when it does not hold numbers.
    """
    item = dataset(group, name)
    if item.dtype.kind not in "biuf":
        raise InputError(f"'{name}' in {shown(group.name)} does not hold numbers; export it again")
    return np.asarray(item[()])


def shown(value: Any) -> str:
    """Return a text from a file as short ASCII text for messages."""
    plain = ascii(str(value))[1:-1]
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."


def text(group: Any, name: str) -> str:
    """Return the text in a dataset, the way lava-dl writes types."""
    value = np.asarray(dataset(group, name)[()]).reshape(-1)
    if not value.size or not isinstance(value[0], (bytes, str)):
        raise InputError(f"'{name}' in {shown(group.name)} is not text; export the file again")
    return value[0].decode("ascii", "replace") if isinstance(value[0], bytes) else str(value[0])
