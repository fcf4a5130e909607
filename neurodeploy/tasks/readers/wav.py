"""Waveforms from WAV files, by the standard library."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.readers.text import check_rights

BYTES = 2
"""Of one sample: 16 bits, signed."""


def read_wav(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """Read one channel of 16-bit samples.

    Args:
        path: the file.
        rate_hz: samples a second that it must have.

    Returns:
        int16 array (samples,), one or more.

    Raises:
        InputError: when it is no such file, has another rate, more channels or other samples, is
            cut short, or is empty.
    """
    check_rights(path)
    try:
        with path.open("rb") as opened, wave.open(opened, "rb") as file:
            _check_format(path, file, rate_hz)
            promised, data = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be read as a WAV file ({str(error) or 'it ends early'}); get it again, "
            f"or {_converting(rate_hz)}"
        ) from error
    if len(data) != promised * BYTES:
        raise InputError(
            f"{path} holds {len(data) // BYTES} of its {promised} samples; it is cut short, so get "
            "it again"
        )
    if not promised:
        raise InputError(f"{path} holds no sample; get it again, or remove it")
    return np.frombuffer(data, "<i2").astype(np.int16)


def _check_format(path: Path, file: wave.Wave_read, rate_hz: int) -> None:
    """Raise InputError unless the file has one channel of 16-bit samples at the rate."""
    pairs = (
        ("samples a second", file.getframerate(), rate_hz),
        ("channels", file.getnchannels(), 1),
        ("bits a sample", 8 * file.getsampwidth(), 8 * BYTES),
    )
    for what, found, needed in pairs:
        if found != needed:
            raise InputError(
                f"{path} has {found} {what} and must have {needed}; {_converting(rate_hz)}"
            )


def _converting(rate_hz: int) -> str:
    """Return how to make a file that can be read."""
    return f"convert it, for instance with `sox IN.wav -r {rate_hz} -c 1 -b {8 * BYTES} OUT.wav`"
