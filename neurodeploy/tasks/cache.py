"""Keep made arrays on disk, so that what takes long to read or to encode is made once.

The files lie in the folder `made` of the user's cache and may be removed at any time. A file is a
zip archive of `about.json` (format, key, sha256 of the content) and of one raw block an array; it
is checked whole whenever it is read, and what does not pass is made anew. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing
from neurodeploy.tasks import origin
from neurodeploy.tasks.dataset import Dataset, digest
from neurodeploy.tasks.encoders.encoder import Encoder

FORMAT: Final = 1
ABOUT: Final = "about.json"
KEPT_BYTES: Final = 8 * 2**30
"""What the folder may hold; beyond it the files that were not used for longest are removed."""

ABANDONED_S: Final = 24 * 60 * 60
"""A file that was not written to for so long is of a process that was killed."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Arrays that were made now or before.

    Attributes:
        arrays: by name; read-only.
        notes: one sentence for a kept file that was damaged, or a folder that cannot be written;
            a reader adds them to `Windows.notes`.
    """

    arrays: dict[str, NDArray[Any]]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]


class _UnusableError(Exception):
    """Say what is wrong with a kept file, to go on with 'it' left out."""


def folder() -> Path:
    """Return where kept arrays lie."""
    return origin.cache_folder() / "made"


def kept(
    name: str,
    key: Mapping[str, Any],
    make: Callable[[], Mapping[str, NDArray[Any]]],
    names: Iterable[str] = (),
) -> Kept:
    """Return the arrays that `make` makes, from disk where they were made with the same key.

    Several processes may do so at once: each reads a whole file or makes its own.

    Args:
        name: start of the file's name, such as "shd-counts".
        key: JSON values; all that the arrays depend on, with a version of the code that makes
            them and the `fingerprint` of the files that it reads.
        make: returns arrays of numbers by name.
        names: of arrays without which a file is of no use.

    Raises:
        whatever `make` raises; a cache that cannot be read or written is only noted.
    """
    path, notes = path_of(name, key), []
    try:
        return Kept(_complete(_read(path, key), names))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except _UnusableError as error:
        notes.append(f"{path} {error}, so it was made anew")
    made = {each: _fixed(values) for each, values in make().items()}
    try:
        with replacing(path) as temporary:
            _write(temporary, key, made)
        _make_room(path)
    except InputError as error:
        reason = str(error).partition(";")[0]
        notes.append(
            f"{reason}, so what was made is not kept and will be made again each time; set "
            "XDG_CACHE_HOME to a folder that can be written"
        )
    return Kept(made, tuple(notes))


def path_of(name: str, key: Mapping[str, Any]) -> Path:
    """Return where the arrays of a key lie: the name and 16 hex digits of the key's sha256."""
    hashed = hashlib.sha256(f"{FORMAT} {_canonical(key)}".encode()).hexdigest()
    return folder() / f"{name}-{hashed[:16]}.zip"


def fingerprint(paths: Iterable[Path], home: Path) -> str:
    """Return a sha256 of the paths, sizes and times of change of files, ordered by path.

    It does not read them: a file changed to the same size within the clock's tick goes unnoticed.

    Args:
        paths: of the files.
        home: a folder that holds all of them, which may be moved: paths are relative to it.

    Raises:
        InputError: when one is missing.
    """
    sha = hashlib.sha256()
    for path in sorted(paths):
        try:
            found = path.stat()
        except OSError as error:
            raise InputError(
                f"{path} cannot be looked up ({error.strerror}); give a folder with all files"
            ) from None
        place = path.relative_to(home).as_posix()
        sha.update(json.dumps([place, found.st_size, found.st_mtime_ns]).encode())
    return sha.hexdigest()


def _canonical(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True, allow_nan=False)


def _fixed(values: NDArray[Any]) -> NDArray[Any]:
    """Return the array in C order and read-only, without a copy where it is its own."""
    fixed = np.asarray(values, order="C")
    if fixed.dtype.hasobject:
        raise TypeError("arrays of objects are not kept")
    fixed.setflags(write=False)
    return fixed


def _write(path: Path, key: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    about = {
        "format": FORMAT,
        "key": json.loads(_canonical(key)),
        "arrays": {name: [values.dtype.str, *values.shape] for name, values in arrays.items()},
        "sha256": _sha256(arrays),
    }
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        archive.writestr(ABOUT, json.dumps(about))
        for name, values in arrays.items():
            # Spikes and counts are mostly zero and shrink well; waveforms do not.
            pressed = zipfile.ZIP_STORED if values.dtype.kind == "f" else zipfile.ZIP_DEFLATED
            member = zipfile.ZipInfo(name)
            member.compress_type = pressed
            member._compresslevel = 1  # type: ignore[attr-defined]
            with archive.open(member, "w", force_zip64=True) as file:
                file.write(values.reshape(-1).view(np.uint8).data)


def _read(path: Path, key: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file; raise what `open` does where there
    is none, or _UnusableError with what is wrong.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise _UnusableError("is no regular file")  # to read a pipe may take for ever
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(ABOUT))
            if about["format"] != FORMAT:
                raise _UnusableError(f"has format {about['format']!r} instead of {FORMAT}")
            if about["key"] != json.loads(_canonical(key)):
                raise _UnusableError("was made for another key")
            arrays = {
                name: _member(archive, name, np.dtype(dtype), shape)
                for name, (dtype, *shape) in about["arrays"].items()
            }
            if _sha256(arrays) != about["sha256"]:
                raise _UnusableError("holds other values than were written")
    except (FileNotFoundError, NotADirectoryError):
        raise
    except zipfile.BadZipFile:
        raise _UnusableError("was cut short or damaged") from None
    except OSError as error:
        raise _UnusableError(f"cannot be read ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zlib.error,
            NotImplementedError, RuntimeError):  # fmt: skip
        raise _UnusableError("was cut short or damaged") from None
    with contextlib.suppress(OSError):
        os.utime(path)  # the time of use, which `_make_room` goes by
    return arrays


def _complete(arrays: dict[str, NDArray[Any]], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays; raise _UnusableError when one of those that are named is not there."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise _UnusableError(f"has no array {missing[0]}")
    return arrays


def _member(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: list[int]
) -> NDArray[Any]:
    """Return one array, which owns its values, so that `Windows` need not copy it."""
    if dtype.hasobject or archive.getinfo(name).file_size != dtype.itemsize * int(np.prod(shape)):
        raise ValueError(name)
    values = np.empty(shape, dtype)
    room = memoryview(values.reshape(-1).view(np.uint8).data)
    with archive.open(name) as file:
        while count := file.readinto(room):  # type: ignore[attr-defined]
            room = room[count:]
    if len(room):
        raise ValueError(name)
    values.setflags(write=False)
    return values


def _sha256(arrays: Mapping[str, NDArray[Any]]) -> str:
    sha = hashlib.sha256()
    for name in sorted(arrays):
        values = arrays[name]
        sha.update(json.dumps([name, values.dtype.str, values.shape]).encode())
        sha.update(values.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def _make_room(newest: Path) -> None:
    """Remove the files that were not used for longest while the folder holds too much, and what
    processes that were killed have left half written."""
    with contextlib.suppress(OSError):  # another process may remove them too
        for path in newest.parent.glob(".*.zip.*.tmp"):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
        files = [path for path in newest.parent.iterdir() if path.suffix == ".zip"]
        files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        held = 0
        for path in files:
            held += path.stat().st_size
            if held > KEPT_BYTES and path != newest:
                path.unlink(missing_ok=True)


PART_WINDOWS: Final = 256
"""Windows that are encoded at once, so that not all spikes of a data set are in memory."""


@dataclass(frozen=True, eq=False)
class _Packed:
    """The spikes of all windows of a data set.

    Attributes:
        key: data set and encoder.
        bits: uint8 array (windows, bytes); one window's spikes (channels, steps), eight to a byte.
        notes: what the cache has to say.
    """

    key: dict[str, Any]
    bits: NDArray[np.uint8]
    notes: tuple[str, ...]


_last: list[_Packed] = []  # one at most
_digests: weakref.WeakKeyDictionary[Dataset, str] = weakref.WeakKeyDictionary()


def prepare(dataset: Dataset, encoder: Encoder) -> tuple[str, ...]:
    """Encode all windows unless that is done already; return what there is to say of the cache.

    Only encoders whose class has `kept` are slow enough for that; for others nothing is done.
    """
    return _packed(dataset, encoder).notes if encoder.kept else ()


def spikes(dataset: Dataset, encoder: Encoder, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the spikes of some windows, the same that `encoder.encode` returns.

    Args:
        dataset: the data set; all of it is encoded where its spikes are not kept yet.
        encoder: of a class that has `kept`.
        indices: which windows.

    Returns:
        uint8 array (indices, channels, steps) of 0 and 1.
    """
    shape = (encoder.channels(dataset.signals.shape[1]), encoder.steps(dataset.num_steps))
    rows = _packed(dataset, encoder).bits[indices]
    return np.unpackbits(rows, axis=1, count=shape[0] * shape[1]).reshape(len(rows), *shape)


def _packed(dataset: Dataset, encoder: Encoder) -> _Packed:
    if dataset not in _digests:
        _digests[dataset] = digest(dataset)
    key = {
        "windows": _digests[dataset],
        "encoder": encoder.as_dict(),
        "versions": encoder.versions(),
    }
    if not _last or _last[0].key != key:
        _last.clear()  # before others are made: they need the memory
        found = kept(f"{encoder.name}-spikes", key, lambda: {"bits": _make(dataset, encoder)})
        _last.append(_Packed(key, found["bits"], found.notes))
    return _last[0]


def _make(dataset: Dataset, encoder: Encoder) -> NDArray[np.uint8]:
    parts = []
    for start in range(0, max(len(dataset), 1), PART_WINDOWS):
        encoded = encoder.encode(dataset.signals[start : start + PART_WINDOWS])
        parts.append(np.packbits(encoded.reshape(len(encoded), -1), axis=1))
    return np.concatenate(parts)
