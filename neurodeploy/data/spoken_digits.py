"""The task `spoken-digits`: the Free Spoken Digit Dataset, as WAV files or one .npz file.

Six speakers say each of the digits zero to nine fifty times: 3,000 recordings at 8 kHz, about 0.4 s
long. Recordings with index 0 to 4 are the official test set, the others are for training.

Source: the README of Jackson et al., free-spoken-digit-dataset.
"""

from __future__ import annotations

import hashlib
import re
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import vary_speaking
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.data.encoders import Bands, Delta, Encoder, Lif, Together
from neurodeploy.data.encoders.bands import Kind
from neurodeploy.data.origin import Origin
from neurodeploy.data.readers.files import check_rights, read_npz
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError

BYTES = 2
"""Bytes per sample: signed 16-bit integers."""


def read_wav(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """Read a mono 16-bit WAV file.

    Args:
        path: the file.
        rate_hz: the required sample rate.

    Returns:
        Non-empty int16 array (samples,).

    Raises:
        InputError: if the file is not such a WAV file, has another rate, is truncated or empty.
    """
    check_rights(path)
    try:
        with path.open("rb") as opened, wave.open(opened, "rb") as file:
            _check_format(path, file, rate_hz)
            count, data = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be read as a WAV file ({str(error) or 'it ends early'}); get it again, "
            f"or {_converting(rate_hz)}"
        ) from error
    if len(data) != count * BYTES:
        raise InputError(
            f"{path} holds {len(data) // BYTES} of its {count} samples; it is truncated, so get it "
            "again"
        )
    if not count:
        raise InputError(f"{path} holds no sample; get it again, or remove it")
    return np.frombuffer(data, "<i2").astype(np.int16)


def _check_format(path: Path, file: wave.Wave_read, rate_hz: int) -> None:
    """Raise InputError unless the file has one channel of 16-bit samples at the rate."""
    pairs = (
        ("samples per second", file.getframerate(), rate_hz),
        ("channels", file.getnchannels(), 1),
        ("bits per sample", 8 * file.getsampwidth(), 8 * BYTES),
    )
    for what, found, needed in pairs:
        if found != needed:
            raise InputError(
                f"{path} has {found} {what} instead of {needed}; {_converting(rate_hz)}"
            )


def _converting(rate_hz: int) -> str:
    """Return advice to convert a file to the required format."""
    return f"convert it, for example with `sox IN.wav -r {rate_hz} -c 1 -b {8 * BYTES} OUT.wav`"


CLASS_NAMES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)  # fmt: skip
RATE_HZ: Final = 8000
SAMPLES: Final = RATE_HZ
"""One second. Only 20 official recordings are longer, and their speech ends within it."""

FULL_SCALE: Final = 32768.0
TEST_BELOW: Final = 5
VALIDATION_BELOW: Final = 10
"""Indices 0 to 4 are the official test set; indices 5 to 9 are the validation set."""

RECORDINGS: Final = "recordings"
COMPACT_FILE: Final = "fsdd_8khz.npz"
ARRAYS: Final = {"wave": "i", "offset": "iu", "label": "iu", "speaker": "U", "index": "iu"}
"""Arrays of the .npz file, with numpy's kinds of valid dtypes."""

SPEAKERS: Final = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
EACH: Final = 50
CONTENT_SHA256: Final = "c372e20bc44eb598143a5fd394ede7ef017a0778ec4a4739723c7593f28c1082"
"""`content_digest` of the official 3,000 recordings."""

OBTAIN: Final = "get it with `git clone https://github.com/Jakobovski/free-spoken-digit-dataset`"

_NAME = re.compile(r"(\d+)_([^_]+)_(\d+)\.wav")

Key: TypeAlias = tuple[int, str, int]
"""Digit, speaker and index."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording: digit, speaker and index, and the waveform, int16 (samples,)."""

    key: Key
    wave: NDArray[np.int16]


def read(path: Path) -> Dataset:
    """Read the recordings.

    Args:
        path: the official repository, its folder `recordings`, or an .npz file (or its folder)
            with all waveforms one after the other: `wave` int16, `offset` (recordings + 1),
            `label`, `speaker` and `index` (recordings,).

    Returns:
        float32 signals (recordings, 1, 8000) from -1 to 1, ordered by digit, speaker and index,
        padded with zeros; subjects number the speakers in alphabetical order.

    Raises:
        InputError: if there is no recording, or one is malformed or has another sample rate.
    """
    recordings = sorted(_recordings(path), key=lambda recording: recording.key)
    _check_keys(path, [recording.key for recording in recordings])
    digits, speakers, indices = zip(*(recording.key for recording in recordings), strict=True)
    names = sorted(set(speakers))
    index = np.array(indices)
    return Dataset(
        _signals(recordings),
        np.array(digits),
        np.array([names.index(speaker) for speaker in speakers]),
        CLASS_NAMES,
        ("sound (fraction of full scale)",),
        float(RATE_HZ),
        f"Free Spoken Digit Dataset in {path}",
        notes=tuple(_notes(recordings)),
        parts=np.select([index < TEST_BELOW, index < VALIDATION_BELOW], [TEST, VALIDATION], TRAIN),
    )


def content_digest(recordings: Sequence[Recording]) -> str:
    """Return the sha256 of recordings in order: for each, a line `digit_speaker_index samples` and
    the waveform as little-endian int16."""
    sha = hashlib.sha256()
    for recording in recordings:
        digit, speaker, index = recording.key
        sha.update(f"{digit}_{speaker}_{index} {len(recording.wave)}\n".encode())
        sha.update(recording.wave.astype("<i2").tobytes())
    return sha.hexdigest()


def _recordings(path: Path) -> list[Recording]:
    """Return the recordings in a folder or file, in any order."""
    check_rights(path)
    compact = _compact(path)
    check_rights(compact)
    if compact.is_file():
        return _from_compact(compact)
    if not path.is_dir():
        raise InputError(f"{path} does not exist; {OBTAIN}")
    folder = path / RECORDINGS if (path / RECORDINGS).is_dir() else path
    check_rights(folder)
    files = sorted(file for file in folder.glob("*.wav") if not file.name.startswith("."))
    if not files:
        raise InputError(
            f"{folder} holds no WAV file; give the folder of spoken digits, or {OBTAIN}"
        )
    keys = [_key(file) for file in files]  # detects another dataset before reading
    return [Recording(key, read_wav(f, RATE_HZ)) for key, f in zip(keys, files, strict=True)]


def _compact(path: Path) -> Path:
    """Return the .npz file in a folder if there is one, else the path itself."""
    return path / COMPACT_FILE if (path / COMPACT_FILE).exists() else path


def _key(file: Path) -> Key:
    """Return digit, speaker and index from a file name."""
    match = _NAME.fullmatch(file.name)
    if match is None:
        raise InputError(
            f"{file} is not named DIGIT_SPEAKER_INDEX.wav, such as 7_jackson_32.wav; give the "
            "folder of spoken digits, or remove the file"
        )
    return int(match[1]), match[2], int(match[3])


def _from_compact(path: Path) -> list[Recording]:
    """Return the recordings in the .npz file."""
    arrays = _arrays(path)
    wave, offset = arrays["wave"], arrays["offset"].astype(np.int64)
    count = len(offset) - 1
    lengths = {name: len(arrays[name]) for name in ("label", "speaker", "index")}
    if count < 1 or set(lengths.values()) != {count}:
        listed = ", ".join(f"{number} of {name}" for name, number in lengths.items())
        raise InputError(
            f"{path} has {len(offset)} offsets and {listed}; for n recordings there must be n + 1 "
            "offsets and n of the others, so get it again"
        )
    if offset[0] != 0 or offset[-1] != len(wave) or (np.diff(offset) <= 0).any():
        raise InputError(
            f"{path}: the offsets must rise from 0 to the {len(wave)} samples of wave but go from "
            f"{offset[0]} to {offset[-1]}, by {np.diff(offset).min()} at least; get it again"
        )
    keys = zip(*(arrays[name].tolist() for name in ("label", "speaker", "index")), strict=True)
    return [
        Recording(key, wave[a:b]) for key, a, b in zip(keys, offset[:-1], offset[1:], strict=True)
    ]


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of the .npz file, with checked dtypes and shapes."""
    arrays = read_npz(path, ARRAYS, wrong="is not a whole npz file", way_out="get it again")
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise InputError(f"{path} has no array {', '.join(missing)}; get it again, or {OBTAIN}")
    for name, values in arrays.items():
        valid = values.dtype == np.int16 if name == "wave" else values.dtype.kind in ARRAYS[name]
        if values.ndim != 1 or not valid:
            kind = {"wave": "int16", "speaker": "text"}.get(name, "integers")
            raise InputError(
                f"{path}: {name} is {values.dtype} of shape {values.shape}; it must be "
                f"one-dimensional {kind}, so get the file again"
            )
    return arrays


def _check_keys(path: Path, keys: Sequence[Key]) -> None:
    """Raise InputError for an invalid digit or index, and for a duplicate recording."""
    way_out = "get the file again" if _compact(path).is_file() else "remove it"
    for place, (digit, speaker, index) in enumerate(keys):
        name = f"{digit}_{speaker}_{index}"
        if not 0 <= digit < len(CLASS_NAMES) or index < 0:
            raise InputError(
                f"{path} holds {name}; digits run from 0 to {len(CLASS_NAMES) - 1} and indices "
                f"from 0, so {way_out}"
            )
        if place and keys[place - 1] == keys[place]:
            raise InputError(f"{path} holds {name} twice; {way_out}")


def _signals(recordings: Sequence[Recording]) -> NDArray[np.float32]:
    """Return the first second of each recording, padded with zeros."""
    signals = np.zeros((len(recordings), 1, SAMPLES), np.float32)
    for signal, recording in zip(signals[:, 0], recordings, strict=True):
        heard = recording.wave[:SAMPLES]
        signal[: len(heard)] = heard / np.float32(FULL_SCALE)
    return signals


def _notes(recordings: Sequence[Recording]) -> list[str]:
    """Return notes on shortened recordings, and on differences from the official ones."""
    long = sum(len(recording.wave) > SAMPLES for recording in recordings)
    notes = [f"{long} recordings are longer than {SAMPLES / RATE_HZ:g} s and were shortened to it"]
    official = {(d, s, i) for d in range(len(CLASS_NAMES)) for s in SPEAKERS for i in range(EACH)}
    found = {recording.key for recording in recordings}
    if found != official:
        notes.append(
            f"of the {len(official):,} official recordings {len(official - found):,} are missing, "
            f"and there are {len(found - official):,} others"
        )
    elif content_digest(recordings) != CONTENT_SHA256:
        notes.append(
            "the recordings have the official names, but other content than those with sha256 "
            f"{CONTENT_SHA256[:12]}..., on which the published accuracy was measured"
        )
    return notes if long else notes[1:]


CONFIG = TrainConfig(
    hidden=(128, 128),
    epochs=20,
    batch_size=32,
    learning_rate=3e-3,
    logit_scale=0.15,
    augment=vary_speaking,
)

ORIGIN = Origin(
    data="the Free Spoken Digit Dataset, 3,000 recordings of 6 speakers",
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski/"
    "free-spoken-digit-dataset",
    obtain=OBTAIN,
    places=("spoken-digits", "free-spoken-digit-dataset", COMPACT_FILE),
)

DELTA, LIF = Delta((0.1,)), Lif((0.5,), leak=0.2)
BOTH = Together((DELTA, Lif((0.5,), leak=0.05)))
"""Encoders of the levels: their changes, their height, or both (the default)."""

RANGE_DB, LIF_RANGE_DB = 40.0, 60.0
"""Dynamic range of the levels. With a larger range a delta encoder encodes noise; a leaky neuron is
silent there. docs/recipes/spoken-digits.md describes how they were tuned."""


def _bands(kind: Kind, code: Encoder, range_db: float = RANGE_DB) -> Callable[[Dataset], Encoder]:
    """Return a factory of the encoder `Bands`."""
    return lambda dataset: Bands(
        kind, rate_hz=dataset.rate_hz or RATE_HZ, range_db=range_db, code=code
    )


SPOKEN_DIGITS = Task(
    name="spoken-digits",
    description="digits from zero to nine, spoken by six speakers (Free Spoken Digit Dataset)",
    read=read,
    default_encoder=_bands("log-mel", BOTH),
    config=CONFIG,
    origin=ORIGIN,
    other_encoders={
        "log-mel-delta": _bands("log-mel", DELTA),
        "log-mel-lif": _bands("log-mel", LIF, LIF_RANGE_DB),
        "cochlea-delta": _bands("cochlea", DELTA),
        "cochlea-lif": _bands("cochlea", LIF, LIF_RANGE_DB),
    },
)
