"""Spoken digits: tiny files in the official layout and in the compact one, and the real ones."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import get
from neurodeploy.tasks.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.tasks.encoders.registry import Bands, from_dict
from neurodeploy.tasks.readers import fsdd
from neurodeploy.tasks.split import split
from neurodeploy.tasks.task import TaskData

Key = tuple[int, str, int]


def write_wav(
    path: Path, samples: NDArray[Any], *, rate: int = 8000, channels: int = 1, width: int = 2
) -> None:
    """Write samples, int16 or the bytes of another width, as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def sound_of(key: Key) -> NDArray[np.int16]:
    """Return the samples that stand for a recording: its digit, index and a ramp."""
    digit, speaker, index = key
    return (1000 * digit + 10 * index + len(speaker) + np.arange(900) % 7).astype("<i2")


KEYS = [(d, s, i) for d in range(10) for s in ("theo", "jackson") for i in (12, 0, 7)]
"""Of two speakers, each digit once in every part, not in the order of indices."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Write a tiny official repository."""
    root = tmp_path / "free-spoken-digit-dataset"
    (root / "recordings").mkdir(parents=True)
    (root / "README.md").write_text("# Free Spoken Digit Dataset\n")
    for key in KEYS:
        write_wav(root / "recordings" / "{}_{}_{}.wav".format(*key), sound_of(key))
    return root


@pytest.fixture
def compact(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the compact file, with some of its arrays replaced."""

    def write(**changes: Any) -> Path:
        sounds = [sound_of(key) for key in KEYS]
        digits, speakers, indices = zip(*KEYS, strict=True)
        arrays: dict[str, Any] = {
            "wave": np.concatenate(sounds),
            "offset": np.cumsum([0, *map(len, sounds)]),
            "label": np.array(digits, np.uint8),
            "speaker": np.array(speakers, "<U8"),
            "index": np.array(indices, np.uint8),
            **changes,
        }
        path = tmp_path / fsdd.COMPACT_FILE
        np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
        return path

    return write


def wrong_wav(repository: Path, **how: Any) -> Path:
    """Write 0_theo_0.wav anew and return its path."""
    path = repository / "recordings" / "0_theo_0.wav"
    write_wav(path, how.pop("samples", sound_of((0, "theo", 0))), **how)
    return path


# What is read


def test_labels_speakers_and_parts_are_those_of_the_names(repository: Path) -> None:
    dataset = fsdd.read(repository)
    assert len(dataset) == 60
    rows = zip(sorted(KEYS), dataset.labels, dataset.subjects, dataset.parts, strict=True)
    part = {0: TEST, 7: VALIDATION, 12: TRAIN}
    for (digit, speaker, index), label, subject, found in rows:
        assert (label, found) == (digit, part[index])
        assert subject == ("jackson", "theo").index(speaker)
    assert dataset.rate_hz == 8000
    assert dataset.class_names[7] == "seven"


def test_signals_are_shares_of_full_scale_with_silence_behind(repository: Path) -> None:
    dataset = fsdd.read(repository)
    assert dataset.signals.dtype == np.float32
    assert dataset.signals.shape == (60, 1, 8000)
    for signal, key in zip(dataset.signals[:, 0], sorted(KEYS), strict=True):
        assert np.array_equal(signal[:900] * 32768, sound_of(key))
        assert not signal[900:].any()


def test_the_folder_of_recordings_and_the_compact_file_give_the_same(
    repository: Path, compact: Callable[..., Path]
) -> None:
    whole = fsdd.read(repository)
    path = compact()
    for same in (repository / "recordings", path, path.parent):
        dataset = fsdd.read(same)
        for name in ("signals", "labels", "subjects", "parts"):
            assert np.array_equal(getattr(dataset, name), getattr(whole, name))
        assert dataset.notes == whole.notes


def test_a_recording_over_a_second_is_cut_and_a_note_says_so(repository: Path) -> None:
    wrong_wav(repository, samples=np.arange(8100, dtype="<i2"))
    dataset = fsdd.read(repository)
    row = sorted(KEYS).index((0, "theo", 0))
    assert np.array_equal(dataset.signals[row, 0] * 32768, np.arange(8000))
    assert dataset.notes[0] == "1 recordings last over 1 s and were cut to it"


def test_full_scale_is_minus_one(repository: Path) -> None:
    wrong_wav(repository, samples=np.array([-32768, 32767], "<i2"))
    signal = fsdd.read(repository).signals[sorted(KEYS).index((0, "theo", 0)), 0]
    assert signal[:2].tolist() == [-1, 32767 / 32768]


def test_a_note_says_what_is_missing_and_what_is_not_official(repository: Path) -> None:
    write_wav(repository / "recordings" / "3_anna_0.wav", sound_of((3, "anna", 0)))
    assert fsdd.read(repository).notes == (
        "of the 3,000 official recordings 2,940 are missing, and 1 others are there",
    )


def test_a_note_says_when_the_official_recordings_hold_other_samples(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsdd, "SPEAKERS", ("theo", "jackson"))
    monkeypatch.setattr(fsdd, "EACH", 1)
    for path in (repository / "recordings").glob("*_[17]*.wav"):
        path.unlink()
    (note,) = fsdd.read(repository).notes
    assert "named as the official ones, but their samples differ" in note


def test_the_data_split_into_their_parts(repository: Path) -> None:
    parts = split(fsdd.read(repository))
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [20, 20, 20]


def test_files_that_macos_leaves_are_passed_over(repository: Path) -> None:
    (repository / "recordings" / "._0_theo_0.wav").write_bytes(b"\0\5\x16\7")
    assert len(fsdd.read(repository)) == 60


# What is refused


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"rate": 16000}, r"has 16000 samples a second and must have 8000; convert it.*-r 8000"),
        ({"channels": 2}, r"has 2 channels and must have 1; convert it.*-c 1"),
        ({"width": 1}, r"has 8 bits a sample and must have 16; convert it.*-b 16"),
        ({"width": 3}, r"has 24 bits a sample and must have 16"),
        ({"samples": np.zeros(0, "<i2")}, "holds no sample; get it again, or remove it"),
    ],
)
def test_a_wav_file_of_another_kind_is_refused(
    repository: Path, how: dict[str, Any], message: str
) -> None:
    path = wrong_wav(repository, **how)
    with pytest.raises(InputError, match=f"{path.name} {message}"):
        fsdd.read(repository)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (944, r"0_theo_0.wav holds 450 of its 900 samples; it is cut short, so get it again"),
        (943, r"0_theo_0.wav holds 449 of its 900 samples; it is cut short"),
        (30, r"0_theo_0.wav cannot be read as a WAV file \(.+\); get it again, or conv"),
        (0, r"0_theo_0.wav cannot be read as a WAV file \(it ends early\); get it again"),
    ],
)
def test_a_wav_file_cut_short_is_refused(repository: Path, size: int, message: str) -> None:
    path = repository / "recordings" / "0_theo_0.wav"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=message):
        fsdd.read(repository)


def test_another_file_named_wav_is_refused(repository: Path) -> None:
    (repository / "recordings" / "0_theo_0.wav").write_bytes(b"no sound at all" * 9)
    with pytest.raises(InputError, match=r"cannot be read as a WAV file \(.*RIFF.*\)"):
        fsdd.read(repository)


def test_a_wav_file_of_floating_point_samples_is_refused(repository: Path) -> None:
    path = repository / "recordings" / "0_theo_0.wav"
    data = bytearray(path.read_bytes())
    data[20] = 3  # the format: IEEE float
    path.write_bytes(data)
    with pytest.raises(
        InputError, match=r"\(unknown format: 3\); get it again, or convert it, for"
    ):
        fsdd.read(repository)


@pytest.mark.parametrize("name", ["voice.wav", "7_jackson.wav", "a_theo_1.wav", "3_theo_-1.wav"])
def test_a_name_that_says_no_digit_is_refused(repository: Path, name: str) -> None:
    write_wav(repository / "recordings" / name, sound_of((0, "theo", 0)))
    with pytest.raises(InputError, match=f"{name} is not named DIGIT_SPEAKER_INDEX.wav, such as"):
        fsdd.read(repository)


def test_a_digit_over_nine_is_refused(repository: Path) -> None:
    write_wav(repository / "recordings" / "10_theo_1.wav", sound_of((0, "theo", 0)))
    with pytest.raises(
        InputError, match=r"holds 10_theo_1; digits run from 0 to 9 .*, so remove it"
    ):
        fsdd.read(repository)


def test_a_recording_twice_is_refused(repository: Path) -> None:
    write_wav(repository / "recordings" / "0_theo_00.wav", sound_of((0, "theo", 0)))
    with pytest.raises(InputError, match="holds 0_theo_0 twice; remove it"):
        fsdd.read(repository)


def test_a_folder_of_another_data_set_is_refused(uci_har_folder: Path) -> None:
    with pytest.raises(InputError, match="holds no WAV file; give the folder of spoken digits"):
        fsdd.read(uci_har_folder)


@pytest.mark.parametrize("locked", ["recordings", "."])
def test_a_folder_that_may_not_be_read_is_named(
    repository: Path, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: path != repository / locked)
    with pytest.raises(InputError, match=f"^{repository / locked} cannot be read: Permission den"):
        fsdd.read(repository)


def test_a_missing_folder_is_refused_with_a_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing is not there; get them with `git clone https:"):
        fsdd.read(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["wave", "offset", "label", "speaker", "index"])
def test_a_compact_file_without_an_array_is_refused(
    compact: Callable[..., Path], name: str
) -> None:
    with pytest.raises(InputError, match=f"npz has no array {name}; get it again"):
        fsdd.read(compact(**{name: None}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": np.array([0, 900])}, "has 2 offsets and 60 of label, 60 of speaker, 60 of ind"),
        ({"label": np.zeros(59, int)}, "has 61 offsets and 59 of label"),
        ({"offset": np.arange(61)}, "rise from 0 to the 54000 samples of wave but go from 0 to 60"),
        ({"offset": np.arange(1, 62) * 900}, "but go from 900 to 54900"),
        ({"offset": np.r_[np.zeros(60, int), 54000]}, "from 0 to 54000, by 0 at least"),
        ({"wave": np.zeros(54000)}, r"wave is float64 of shape \(54000,\); it must be a row of i"),
        ({"wave": np.zeros((2, 9), np.int16)}, r"wave is int16 of shape \(2, 9\)"),
        ({"label": np.zeros(60)}, "label is float64 .* must be a row of whole numbers"),
        ({"speaker": np.zeros(60, int)}, "speaker is int64 .* must be a row of text"),
        ({"label": np.full(60, 10)}, "holds 10_jackson_0; digits run .*, so get the file again"),
        ({"index": np.full(60, -1)}, "holds 0_jackson_-1; digits run from 0 to 9 and indices"),
        ({"speaker": np.full(60, None, object)}, "is not a whole npz file .*get it again"),
    ],
)
def test_a_compact_file_that_disagrees_is_refused(
    compact: Callable[..., Path], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fsdd.read(compact(**changes))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_compact_file_cut_short_is_refused(compact: Callable[..., Path], share: float) -> None:
    path = compact()
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"is not a whole npz file .*get it again"):
        fsdd.read(path)


def test_a_compact_file_with_a_byte_changed_is_refused(compact: Callable[..., Path]) -> None:
    path = compact()
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF  # in the compressed samples
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"is not a whole npz file .*get it again"):
        fsdd.read(path)


# The task


def test_every_encoder_of_the_task_takes_the_recordings(repository: Path) -> None:
    task = get("spoken-digits")
    dataset = task.load(repository)
    assert set(task.other_encoders) == {
        "log-mel-delta", "log-mel-lif", "cochlea-delta", "cochlea-lif",
    }  # fmt: skip
    for name in (None, *task.other_encoders):
        encoder = task.encoder(dataset, name)
        description = TaskData(task, dataset, split(dataset), encoder).describe()
        assert description.steps == encoder.steps(8000)
        assert description.dt_ms == pytest.approx(8000 / 8 / encoder.steps(8000))
        assert from_dict(description.encoder) == encoder
        spikes = encoder.encode(dataset.signals[:2])
        assert spikes.shape == (2, encoder.channels(1), description.steps)


# The real recordings


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Dataset:
    """Return the real recordings."""
    return get("spoken-digits").load(shared_data / fsdd.COMPACT_FILE)


def test_the_real_recordings_are_the_official_ones(real: Dataset) -> None:
    assert real.notes == ("20 recordings last over 1 s and were cut to it",)
    parts = split(real)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [2400, 300, 300]
    assert real.subjects is not None
    assert np.bincount(real.subjects).tolist() == [500] * 6
    assert np.bincount(real.labels).tolist() == [300] * 10


def test_the_real_recordings_as_wav_files_have_the_official_digest(
    shared_data: Path, tmp_path: Path
) -> None:
    with np.load(shared_data / fsdd.COMPACT_FILE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file}
    keys = zip(arrays["label"], arrays["speaker"], arrays["index"], strict=True)
    sounds = np.split(arrays["wave"], arrays["offset"][1:-1])
    for (digit, speaker, index), sound in zip(keys, sounds, strict=True):
        write_wav(tmp_path / f"{digit}_{speaker}_{index}.wav", sound)
    assert fsdd.read(tmp_path).notes == ("20 recordings last over 1 s and were cut to it",)


def test_every_real_recording_has_spikes(real: Dataset) -> None:
    encoder = get("spoken-digits").encoder(real)
    assert isinstance(encoder, Bands)
    levels = encoder.levels(real.signals[::50])
    assert (levels.max(axis=(1, 2)) == 1).all()
    assert (encoder.encode(real.signals[::50]).sum(axis=(1, 2)) > 50).all()
