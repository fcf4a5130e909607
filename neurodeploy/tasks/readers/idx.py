"""IDX, the files of MNIST and of the data sets made like it, packed by gzip or not.

A file holds two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of
dimensions, the size of each dimension as a big-endian 32-bit number, then the values.

Source: LeCun et al., The MNIST database of handwritten digits, "File formats".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.readers.text import require_file

UNSIGNED_BYTES = 8
AGAIN = "download it again"
MOST_BYTES = 2**30
"""What a packed file may come to; the largest official one comes to 47 MB."""
BLOCK_BYTES = 2**20


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one file.

    Args:
        path: unpacked, or packed where the name ends with `.gz`.
        dimensions: that the file must have: 3 for images, 1 for labels.

    Returns:
        uint8 array of that many dimensions, read-only, none of them 0.

    Raises:
        InputError: when the file is missing, cut short, too long or holds something else.
    """
    data = _unpacked(path)
    header = 4 + 4 * dimensions
    wanted = (UNSIGNED_BYTES << 8) + dimensions
    if len(data) < header:
        raise InputError(f"{path} holds {len(data)} bytes and needs {header} at least; {AGAIN}")
    magic, *sizes = (int(size) for size in np.frombuffer(data, ">u4", 1 + dimensions))
    if magic != wanted:
        raise InputError(
            f"{path} begins with the number {magic}, an IDX file of unsigned bytes in {dimensions} "
            f"dimensions with {wanted}; give the official file, or {AGAIN}"
        )
    shape = " x ".join(str(size) for size in sizes)
    if not prod(sizes):
        raise InputError(f"{path} says that it holds {shape} values; it must hold some, so {AGAIN}")
    if len(data) != header + prod(sizes):
        raise InputError(
            f"{path} says that it holds {shape} values and holds {len(data) - header:,}; {AGAIN}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(sizes)


def file_sha256(values: NDArray[np.uint8]) -> str:
    """Return the sha256 of the file, not packed, that holds the values."""
    magic = (UNSIGNED_BYTES << 8) + values.ndim
    sha = hashlib.sha256(np.array([magic, *values.shape], ">u4").tobytes())
    sha.update(values.tobytes())
    return sha.hexdigest()


def _unpacked(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where its name says that it is packed."""
    require_file(path)
    try:
        data = path.read_bytes()
        return _decompressed(data, path) if path.suffix == ".gz" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); {AGAIN}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its rights") from error


def _decompressed(packed: bytes, path: Path) -> bytes:
    """Return what is packed; raise what gzip raises for damage, InputError for too much."""
    blocks, left = [], MOST_BYTES
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        while block := file.read(BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise InputError(f"{path} unpacks to more than {MOST_BYTES:,} bytes; {AGAIN}")
            blocks.append(block)
    return b"".join(blocks)
