"""Compile functions with numba, with a disk cache that depends on all source files.

numba's own cache checks the file of the function only, not the files of the functions that it
calls, so a change of those would leave stale machine code in the cache. This cache is invalidated
by any change in the function's folder or in `models`.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import njit


def compile_kernel(function: Any, **options: Any) -> Any:
    """Return the function, compiled on its first call, without bounds checks.

    Args:
        function: to compile.
        options: further options of `numba.njit`.
    """
    dispatcher = njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    # None if numba is disabled or finds no folder for its cache.
    cache = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if cache is not None:  # the version is checked before the rest of a cache file is unpickled
        sources = sources_digest(Path(function.__code__.co_filename).parent)
        cache._version = f"{cache._version}, {sources}"
    return dispatcher


@lru_cache
def sources_digest(folder: Path) -> str:
    """Return the sha256 of all Python files in `folder` and in `models`."""
    sha = hashlib.sha256()
    for each in (Path(__file__).parent, folder):
        for path in sorted(each.glob("*.py")):
            sha.update(path.name.encode())
            sha.update(path.read_bytes())
    return sha.hexdigest()
