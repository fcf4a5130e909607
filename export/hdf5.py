"""Checked access to HDF5 files from outside: no links, no arrays without data, no huge arrays."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import h5py
import numpy as np

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import HDF5

BYTES_LIMIT: Final = 1 << 31
"""Limit of the total size of all arrays of a file, in bytes; four chips need less."""

ITEMS_LIMIT: Final = 200_000
"""Limit of the number of groups and arrays of a file."""

_HEAP: Final = struct.Struct("<8sQ")
"""Signature, version and size of a global heap."""

_OBJECT: Final = struct.Struct("<H6xQ")
"""Index and size of an object in a global heap."""

_REFERENCE: Final = struct.Struct("<IQI")
"""Length, heap address and object index of a text of variable length."""

SHOWN: Final = 60
"""Maximum length of a text from a file in a message."""


def is_hdf5(path: Path) -> bool:
    """Return whether a file is HDF5, possibly truncated.

    Raises:
        InputError: when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            has_magic = file.read(len(HDF5)) == HDF5
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    return has_magic or bool(h5py.is_hdf5(path))  # HDF5 may start later, after a user block


@contextmanager
def opened(path: Path, problem: str) -> Iterator[h5py.File]:
    """Open a file for reading; errors in the block name it, and damage is called a `problem`.

    Raises:
        InputError: in place of everything that h5py, NumPy and readers raise on damaged files.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (
        OSError, LookupError, RuntimeError, TypeError, ValueError, MemoryError, AttributeError,
        ArithmeticError,
    ) as error:  # fmt: skip
        reason = shown(" ".join(str(error).split()))
        raise InputError(f"{path} {problem} ({reason}); export it again") from None


def check_size(groups: Any, limit: int = BYTES_LIMIT) -> None:
    """Raise InputError if the arrays of a group take over `limit` bytes, before one is read.

    An array with several names counts once per name, since it would be read as often; a group has
    one name. Links are not followed.
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
                if h5py.h5o.get_info(item.id).rc > 1:  # it could even contain itself
                    raise InputError(
                        f"the group {shown(item.name)} has several names; export again"
                    )
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
        raise InputError(
            f"'{shown(name)}' is missing in {shown(group.name)}; export the file again"
        )
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"'{shown(name)}' in {shown(group.name)} is a link; store the data itself")
    return group[name]


def subgroup(group: Any, name: str) -> Any:
    """Return the group `name` of a group.

    Raises:
        InputError: when it is missing, a link or not a group.
    """
    item = member(group, name)
    if not isinstance(item, h5py.Group):
        raise InputError(
            f"'{shown(name)}' in {shown(group.name)} is not a group; export the file again"
        )
    return item


def dataset(group: Any, name: str) -> Any:
    """Return the dataset `name` of a group without reading it.

    Raises:
        InputError: when it is missing, not a dataset, stored in another file, or without data.
    """
    item = member(group, name)
    if not isinstance(item, h5py.Dataset) or item.size is None or item.external:
        raise InputError(
            f"'{shown(name)}' in {shown(group.name)} is not an array in this file; export it again"
        )
    if item.size and not item.id.get_storage_size():
        raise InputError(
            f"'{shown(name)}' in {shown(group.name)} has shape {item.shape} and no data; export it "
            "again"
        )
    return item


def array(group: Any, name: str) -> Any:
    """Return the dataset `name` as an array of numbers.

    Raises:
        InputError: like `dataset`, and when it does not hold numbers.
    """
    item = dataset(group, name)
    if item.dtype.kind not in "biuf":
        raise InputError(
            f"'{shown(name)}' in {shown(group.name)} does not hold numbers; export it again"
        )
    return np.asarray(item[()])


def shown(value: Any) -> str:
    """Return a text from a file as short ASCII text for messages."""
    plain = ascii(str(value))[1:-1]
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."


def text(group: Any, name: str) -> str:
    """Return the text in a dataset; the first one of several.

    Raises:
        InputError: like `dataset`, and when it does not hold text.
    """
    found = texts(dataset(group, name), limit=1)
    if not found:
        raise InputError(
            f"'{shown(name)}' in {shown(group.name)} is not text; export the file again"
        )
    return found[0]


# Texts of variable length -------------------------------------------------------------------------


def texts(item: Any, limit: int | None = None) -> list[str]:
    """Return the texts of a dataset in C order, [] if it holds something else.

    Texts of variable length lie in global heaps. The HDF5 library (2.0) hangs or crashes where a
    heap is damaged, so these are read here.

    Args:
        item: the dataset.
        limit: maximum number of texts.

    Raises:
        InputError: when a heap is damaged, or the dataset is chunked or compact.

    Source: HDF5 File Format Specification 3.0, sections III.E and IV.A.2.d.
    """
    kind = h5py.check_string_dtype(item.dtype)
    if kind is None or not item.size:
        return []
    count = item.size if limit is None else min(limit, item.size)
    if kind.length is not None:
        values = [bytes(each) for each in np.asarray(item[()]).reshape(-1)[:count]]
    else:
        with open(item.file.filename, "rb") as file:
            values = _variable(item, file, count)
    return [each.decode("utf8", "backslashreplace") for each in values]


def _variable(item: Any, file: BinaryIO, count: int) -> list[bytes]:
    place, heaps = item.id.get_offset(), Heaps(file, item.file.userblock_size)
    if place is None or item.id.get_storage_size() != item.size * _REFERENCE.size:
        raise InputError(f"{shown(item.name)} is chunked or damaged text; write it with nir.write")
    file.seek(place)
    content = file.read(count * _REFERENCE.size)
    if len(content) < count * _REFERENCE.size:
        raise InputError(f"{shown(item.name)} ends before its end; export the file again")
    return [heaps.text(*reference) for reference in _REFERENCE.iter_unpack(content)]


class Heaps:
    """The global heaps of a file, each read once."""

    def __init__(self, file: BinaryIO, base: int) -> None:
        self.file, self.base = file, base
        self.found: dict[int, dict[int, bytes]] = {}

    def text(self, length: int, address: int, index: int) -> bytes:
        """Return the text of a reference.

        Raises:
            InputError: when the reference leads nowhere.
        """
        if not length:
            return b""
        if address not in self.found:
            self.found[address] = self._read(address)
        content = self.found[address].get(index, b"")
        if len(content) < length:
            raise InputError("a text in it is damaged; export it again")
        return content[:length].partition(b"\0")[0]

    def _read(self, address: int) -> dict[int, bytes]:
        """Return the objects of a heap; [] where no heap is."""
        size = os.fstat(self.file.fileno()).st_size
        place = self.base + address
        if place + _HEAP.size > size:
            return {}
        self.file.seek(place)
        signature, length = _HEAP.unpack(self.file.read(_HEAP.size))
        if signature != b"GCOL\x01\0\0\0" or place + length > size:
            return {}
        content = self.file.read(length - _HEAP.size) if length > _HEAP.size else b""
        objects, start = {}, 0
        while start + _OBJECT.size <= len(content):
            index, length = _OBJECT.unpack_from(content, start)
            start += _OBJECT.size
            if not index:  # free space, up to the end
                break
            objects[index] = content[start : start + length]
            start += -(-length // 8) * 8
        return objects
