"""Spoken digits: tiny files in the official layout and in the compact one, and the real ones."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.data import get, spoken_digits
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.data.encoders import Bands, from_dict
from neurodeploy.data.split import split
from neurodeploy.data.spoken_digits import COMPACT_FILE, read
from neurodeploy.data.task_data import TaskData
from neurodeploy.models.errors import InputError

Key = tuple[int, str, int]
KEYS = [(d, s, i) for d in range(10) for s in ("theo", "jackson") for i in (12, 0, 7)]
"""Of two speakers, each digit once in every part, not in the order of indices."""


def write_wav(path: Path, samples: NDArray[Any]) -> None:
    """Write int16 samples as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def sound_of(key: Key) -> NDArray[np.int16]:
    """Return the samples that stand for a recording: its digit, index and a ramp."""
    digit, speaker, index = key
    return (1000 * digit + 10 * index + len(speaker) + np.arange(900) % 7).astype("<i2")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Write a tiny official repository."""
    root = tmp_path / "free-spoken-digit-dataset"
    (root / "recordings").mkdir(parents=True)
    for key in KEYS:
        write_wav(root / "recordings" / "{}_{}_{}.wav".format(*key), sound_of(key))
    (root / "recordings" / "._0_theo_0.wav").write_bytes(b"\0\5\x16\7")  # macOS leaves such
    return root


def test_signals_labels_speakers_and_parts_are_those_of_the_files(repository: Path) -> None:
    dataset = read(repository)
    assert len(dataset) == 60
    rows = zip(sorted(KEYS), dataset.labels, dataset.subjects, dataset.parts, strict=True)
    part = {0: TEST, 7: VALIDATION, 12: TRAIN}
    for (digit, speaker, index), label, subject, found in rows:
        assert (label, found) == (digit, part[index])
        assert subject == ("jackson", "theo").index(speaker)
    assert (dataset.rate_hz, dataset.class_names[7]) == (8000, "seven")
    assert dataset.signals.dtype == np.float32
    assert dataset.signals.shape == (60, 1, 8000)
    for signal, key in zip(dataset.signals[:, 0], sorted(KEYS), strict=True):
        assert np.array_equal(signal[:900] * 32768, sound_of(key))
        assert not signal[900:].any()
    parts = split(dataset)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [20, 20, 20]


def test_the_folder_of_recordings_and_the_compact_file_give_the_same(repository: Path) -> None:
    sounds = [sound_of(key) for key in KEYS]
    digits, speakers, indices = zip(*KEYS, strict=True)
    path = repository.parent / COMPACT_FILE
    np.savez_compressed(
        path, wave=np.concatenate(sounds), offset=np.cumsum([0, *map(len, sounds)]),
        label=np.array(digits, np.uint8), speaker=np.array(speakers), index=np.array(indices),
    )  # fmt: skip
    whole = read(repository)
    for place in (repository / "recordings", path, path.parent):
        dataset = read(place)
        for name in ("signals", "labels", "subjects", "parts"):
            assert np.array_equal(getattr(dataset, name), getattr(whole, name))
        assert dataset.notes == whole.notes


def test_a_recording_over_a_second_is_cut_and_full_scale_is_minus_one(repository: Path) -> None:
    row, path = sorted(KEYS).index((0, "theo", 0)), repository / "recordings" / "0_theo_0.wav"
    write_wav(path, np.arange(8100, dtype="<i2"))
    dataset = read(repository)
    assert np.array_equal(dataset.signals[row, 0] * 32768, np.arange(8000))
    assert dataset.notes[0].startswith("1 recordings are longer than 1 s")
    write_wav(path, np.array([-32768, 32767], "<i2"))
    assert read(repository).signals[row, 0, :2].tolist() == [-1, 32767 / 32768]
    write_wav(path, np.zeros(0, "<i2"))
    with pytest.raises(InputError, match=f"{path} holds no sample"):
        read(repository)


def test_a_note_says_what_is_not_official(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(repository / "recordings" / "3_anna_0.wav", sound_of((3, "anna", 0)))
    (note,) = read(repository).notes
    assert "2,940 are missing" in note
    assert "1 others" in note
    monkeypatch.setattr(spoken_digits, "SPEAKERS", ("theo", "jackson"))
    monkeypatch.setattr(spoken_digits, "EACH", 1)
    for path in [*repository.glob("*/*_[17]*.wav"), repository / "recordings" / "3_anna_0.wav"]:
        path.unlink()
    (note,) = read(repository).notes
    assert "other content" in note


def test_every_encoder_of_the_task_takes_the_recordings(repository: Path) -> None:
    task = get("spoken-digits")
    dataset = task.load(repository)
    assert set(task.other_encoders) == {
        "log-mel-delta", "log-mel-lif", "cochlea-delta", "cochlea-lif",
    }  # fmt: skip
    for name in (None, *task.other_encoders):
        encoder = task.encoder(dataset, name)
        description = TaskData(task, dataset, split(dataset), encoder).describe()
        assert description.num_steps == encoder.steps(8000)
        assert description.dt_ms == pytest.approx(8000 / 8 / encoder.steps(8000))
        assert from_dict(description.encoder) == encoder
        spikes = encoder.encode(dataset.signals[:2])
        assert spikes.shape == (2, encoder.channels(1), description.num_steps)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Dataset:
    """Return the real recordings."""
    return get("spoken-digits").load(shared_data / COMPACT_FILE)


def test_the_real_recordings_are_the_official_ones_and_have_spikes(real: Dataset) -> None:
    assert real.notes == ("20 recordings are longer than 1 s and were shortened to it",)
    parts = split(real)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [2400, 300, 300]
    assert real.subjects is not None
    assert np.bincount(real.subjects).tolist() == [500] * 6
    assert np.bincount(real.labels).tolist() == [300] * 10
    encoder = get("spoken-digits").encoder(real)
    assert isinstance(encoder, Bands)
    assert (encoder.levels(real.signals[::50]).max(axis=(1, 2)) == 1).all()
    assert (encoder.encode(real.signals[::50]).sum(axis=(1, 2)) > 50).all()


def test_the_real_recordings_as_wav_files_have_the_official_digest(
    shared_data: Path, tmp_path: Path
) -> None:
    with np.load(shared_data / COMPACT_FILE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file}
    keys = zip(arrays["label"], arrays["speaker"], arrays["index"], strict=True)
    sounds = np.split(arrays["wave"], arrays["offset"][1:-1])
    for (digit, speaker, index), sound in zip(keys, sounds, strict=True):
        write_wav(tmp_path / f"{digit}_{speaker}_{index}.wav", sound)
    assert read(tmp_path).notes == ("20 recordings are longer than 1 s and were shortened to it",)
