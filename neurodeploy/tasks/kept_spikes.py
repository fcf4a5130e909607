"""The spikes of a data set, encoded once: kept on disk, and those used last in memory, as bits."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.tasks import cache
from neurodeploy.tasks.encoders.encoder import Encoder
from neurodeploy.tasks.windows import Windows, digest

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
_digests: weakref.WeakKeyDictionary[Windows, str] = weakref.WeakKeyDictionary()


def prepare(windows: Windows, encoder: Encoder) -> tuple[str, ...]:
    """Encode all windows unless that is done already; return what there is to say of the cache.

    Only encoders whose class has `kept` are slow enough for that; for others nothing is done.
    """
    return _packed(windows, encoder).notes if encoder.kept else ()


def spikes(windows: Windows, encoder: Encoder, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the spikes of some windows, the same that `encoder.encode` returns.

    Args:
        windows: the data set; all of it is encoded where its spikes are not kept yet.
        encoder: of a class that has `kept`.
        indices: which windows.

    Returns:
        uint8 array (indices, channels, steps) of 0 and 1.
    """
    shape = (encoder.channels(windows.signals.shape[1]), encoder.steps(windows.samples))
    rows = _packed(windows, encoder).bits[indices]
    return np.unpackbits(rows, axis=1, count=shape[0] * shape[1]).reshape(len(rows), *shape)


def _packed(windows: Windows, encoder: Encoder) -> _Packed:
    if windows not in _digests:
        _digests[windows] = digest(windows)
    key = {
        "windows": _digests[windows],
        "encoder": encoder.as_dict(),
        "versions": encoder.versions(),
    }
    if not _last or _last[0].key != key:
        _last.clear()  # before others are made: they need the memory
        found = cache.kept(f"{encoder.name}-spikes", key, lambda: {"bits": _make(windows, encoder)})
        _last.append(_Packed(key, found["bits"], found.notes))
    return _last[0]


def _make(windows: Windows, encoder: Encoder) -> NDArray[np.uint8]:
    parts = []
    for start in range(0, max(len(windows), 1), PART_WINDOWS):
        encoded = encoder.encode(windows.signals[start : start + PART_WINDOWS])
        parts.append(np.packbits(encoded.reshape(len(encoded), -1), axis=1))
    return np.concatenate(parts)
