"""Sounds through an inner ear or a cochlea, by tonic, each in miniature in its official layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import get
from neurodeploy.tasks.dataset import TEST, TRAIN, VALIDATION
from neurodeploy.tasks.split import split

tonic = pytest.importorskip("tonic", reason="tonic is not installed: uv sync --extra events")
pytestmark = pytest.mark.usefixtures("offline_events")

SHD_WORDS = [f"word {k}" for k in range(20)]


def write_cochlea(
    path: Path, labels: NDArray[np.int64], people: NDArray[np.int64], words: list[str]
) -> None:
    """Write a part of SHD or SSC: sample i has 40 spikes around unit 35 * label, from 0 to 0.5 s,
    of which two are at unit 699."""
    rng = np.random.default_rng(len(labels))
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (len(labels),), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (len(labels),), h5py.vlen_dtype(np.uint16))
        for row, label in enumerate(labels):
            times[row] = np.sort(rng.random(40) / 2).astype(np.float16)
            near = 35 * (label % 20) + rng.integers(0, 20, 40)
            units[row] = np.where(np.arange(40) < 2, 699, near).astype(np.uint16)
        file["labels"] = labels.astype(np.uint16)
        file["extra/keys"] = np.array([word.encode() for word in words])
        file["extra/speaker"] = people.astype(np.uint16)
    path.with_name(f"{path.name}.zip").touch()


@pytest.fixture
def shd_folder(tmp_path: Path) -> Path:
    """Write an SHD of 5 people who train, 0 to 4, and of 2 who test, each with all words."""
    home = tmp_path / "data" / "SHD"
    for part, people in (("train", range(5)), ("test", (4, 5))):
        each = np.repeat(list(people), 20)
        labels = np.tile(np.arange(20), len(people))
        write_cochlea(home / f"shd_{part}.h5", labels, each, SHD_WORDS)
    return home


@pytest.fixture
def ssc_folder(tmp_path: Path) -> Path:
    """Write an SSC of 35 words, of each 2 to train and one to validate and test."""
    home = tmp_path / "ssc"
    for part, number in (("train", 2), ("valid", 1), ("test", 1)):
        labels = np.repeat(np.arange(35), number)
        words = [f"word {k}" for k in range(35)]
        write_cochlea(home / f"ssc_{part}.h5", labels, np.zeros(len(labels)), words)
    return home


@pytest.fixture
def ntidigits_folder(tmp_path: Path) -> Path:
    """Write an N-TIDIGITS18 of 3 people a part; each says all digits, and one number of two."""
    home = tmp_path / "NTIDIGITS18"
    home.mkdir()
    rng = np.random.default_rng(1)
    with h5py.File(home / "n-tidigits.hdf5", "w") as file:
        for part, people in (("train", "abc"), ("test", "xyz")):
            names = [f"{p}-{said}" for p in people for said in (*"o123456789z", "42")]
            file[f"{part}_labels"] = np.array([name.encode() for name in names])
            for name in names:
                file[f"{part}_addresses/{name}"] = rng.integers(0, 64, 30).astype(np.uint16)
                file[f"{part}_timestamps/{name}"] = 3 + np.sort(rng.random(30))
    return home


# What is read


def test_shd_keeps_the_official_test_and_validates_on_people_of_their_own(
    shd_folder: Path,
) -> None:
    dataset = get("shd").load(shd_folder)
    assert dataset.signals.shape == (140, 140, 100)
    assert dataset.class_names == tuple(SHD_WORDS)
    assert dataset.parts is not None
    assert dataset.subjects is not None
    assert set(dataset.subjects[dataset.parts == TEST]) == {4, 5}
    assert set(dataset.subjects[dataset.parts == VALIDATION]) == {2}
    assert set(dataset.subjects[dataset.parts == TRAIN]) == {0, 1, 3, 4}
    assert dataset.signals.sum(axis=(1, 2)).tolist() == [40] * 140
    assert dataset.signals[:, 139].sum(axis=1).min() >= 2  # unit 699 is in the last square
    assert dataset.signals[45, 35 : 35 + 4].sum() == 38  # word 5 is at units 175 to 194
    assert dataset.signals[:, :, 51:].sum() == 0  # nothing after 0.5 s
    assert "the training part has 100 samples where the published one has 8,156" in dataset.notes
    split(dataset)


def test_shd_times_keep_more_than_float16_has(shd_folder: Path) -> None:
    with h5py.File(shd_folder / "shd_train.h5", "r+") as file:
        file["spikes/times"][0] = np.full(40, 0.999, np.float16)  # as microseconds over 65,504
    dataset = get("shd").load(shd_folder)
    assert dataset.signals[0].sum(axis=0).tolist() == [0] * 99 + [40]


def test_a_note_says_that_one_person_trains_and_validates(shd_folder: Path) -> None:
    said = "the training part is of one person, whose samples both train and validate"
    assert said not in get("shd").load(shd_folder).notes
    change_hdf5(shd_folder / "shd_train.h5", "extra/speaker", np.zeros(100, int))
    dataset = get("shd").load(shd_folder)
    assert said in dataset.notes
    split(dataset)


def test_ssc_keeps_its_three_parts(ssc_folder: Path) -> None:
    dataset = get("ssc").load(ssc_folder.parent)
    parts = split(dataset)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [70, 35, 35]
    assert dataset.subjects is None
    assert len(dataset.class_names) == 35


def test_ntidigits_are_the_single_digits_from_their_first_event_on(ntidigits_folder: Path) -> None:
    dataset = get("ntidigits").load(ntidigits_folder)
    assert dataset.signals.shape == (66, 64, 100)
    assert dataset.class_names[0] == "oh"
    assert dataset.class_names[-1] == "zero"
    assert sorted(dataset.labels) == sorted([*range(11)] * 6)
    assert dataset.signals.sum() > 60 * 28
    assert dataset.signals[:, :, 0].any(axis=1).all()
    assert "sequences of several digits are left out" in dataset.notes


def test_the_command_trains_an_epoch(
    shd_folder: Path, tmp_path: Path, command: Any, one_torch_thread: None
) -> None:
    small = ("--hidden", "8", "--epochs", "1", "--batch", "16", "--network", "dense")
    out = tmp_path / "run"
    code, said, noted = command(
        "train", "--task", "shd", "--data", shd_folder, "--out", out, *small
    )
    assert code == 0
    assert "Best epoch is 1 of 1" in said
    assert "note: the training part has" in noted
    assert (out / "model.pt").is_file()


# What is refused


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("shd_test.h5", r"SHD has no shd_test\.h5; get it with"),
        ("shd_test.h5.zip", r"has no shd_test\.h5\.zip, without which tonic takes .* empty"),
    ],
)
def test_a_missing_file_is_named(shd_folder: Path, absent: str, message: str) -> None:
    (shd_folder / absent).unlink()
    with pytest.raises(InputError, match=message):
        get("shd").load(shd_folder)


def test_a_missing_part_of_ssc_is_named(ssc_folder: Path) -> None:
    (ssc_folder / "ssc_valid.h5").unlink()
    with pytest.raises(InputError, match=r"has no ssc_valid\.h5; get it with"):
        get("ssc").load(ssc_folder)


def change_hdf5(path: Path, name: str, values: Any) -> None:
    """Replace a data set of an HDF5 file; None removes it."""
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        if values is not None:
            file[name] = values


def vlen(kind: Any, *rows: Any) -> Any:
    """Return rows of several lengths for `change_hdf5`."""
    made = np.empty(len(rows), dtype=h5py.vlen_dtype(kind))
    for index, row in enumerate(rows):
        made[index] = np.asarray(row, kind)
    return made


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("labels", np.full(100, 20), r"sample 0 holds label 20; labels run from 0 to 19"),
        ("labels", None, r"shd_train\.h5 cannot be read as Spiking Heidelberg Digits \("),
        ("labels", np.arange(101) % 20, r"sample 100 cannot be read as Spiking Heidelberg Digits"),
        ("extra", None, r"shd_train\.h5 cannot be read as .* download the data set again"),
        (
            "extra/speaker",
            np.zeros(3, int),
            r"shd_train\.h5 cannot be read as .*it names people in the shape \(3,\) for 100 sam",
        ),
        (
            "extra/speaker",
            np.zeros((100, 2), int),
            r"people in the shape \(100, 2\) for 100 samples",
        ),
        (
            "extra/speaker",
            np.full(100, np.nan),
            r"train\.h5: people hold nan; they must be whole num",
        ),
        (
            "labels",
            np.arange(100) % 20 + 0.5,
            r"sample 0 cannot .* \(its label is 0\.5, which is no",
        ),
        (
            "labels",
            np.array([b"one"] * 100),
            r"sample 0 .*its label is b'one', which is no whole num",
        ),
        ("labels", np.zeros((100, 1)), r"sample 0 cannot be read as .*its label is \[0\.\]"),
        (
            "spikes/units",
            vlen(np.float32, *[[5.5] * 40] * 100),
            "sample 0: event 0 has x 5.5; it must",
        ),
        (
            "spikes/units",
            vlen(np.uint16, *[[5]] * 100),
            r"channels \(1,\) of uint16 for times \(40,\) of float16\); download the data",
        ),
        ("extra/keys", np.array([b"one"]), r"shd_test\.h5 names other classes than .*shd_train"),
        ("spikes/units", vlen(np.uint16, *[[700] * 40] * 100), "sample 0: event 0 has x 700; it"),
        ("spikes/units", vlen(np.uint16, *[[3] * 39] * 100), r"sample 0 cannot be read as"),
        (
            "spikes/times",
            vlen(np.float16, *[[np.nan] * 40] * 100),
            "sample 0: event 0 is at nan microseconds; times must be from 0 to 9007",
        ),
        (
            "spikes/times",
            vlen(np.float16, *[[0.5] * 39 + [-0.5]] * 100),
            "sample 0: event 39 is at -500000.0 microseconds; times must be from 0 to 9007",
        ),
    ],
)
def test_a_damaged_shd_is_refused(shd_folder: Path, name: str, values: Any, message: str) -> None:
    change_hdf5(shd_folder / "shd_train.h5", name, values)
    with pytest.raises(InputError, match=message):
        get("shd").load(shd_folder)


def test_a_file_cut_short_or_of_another_kind_is_refused(
    shd_folder: Path, ntidigits_folder: Path
) -> None:
    for task, path in (
        ("shd", shd_folder / "shd_test.h5"),
        ("ntidigits", ntidigits_folder / "n-tidigits.hdf5"),
    ):
        whole = path.read_bytes()
        for content in (b"", b"no HDF5", whole[: len(whole) // 2]):
            path.write_bytes(content)
            with pytest.raises(InputError, match=rf"{path.name} cannot be read as .* download the"):
                get(task).load(path.parent)
    (ntidigits_folder / "n-tidigits.hdf5").write_bytes(
        (shd_folder / "shd_train.h5").read_bytes()  # another data set
    )
    with pytest.raises(InputError, match="cannot be read as N-TIDIGITS18"):
        get("ntidigits").load(ntidigits_folder)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "test_addresses/x-7",
            np.full(30, 64),
            "event 0 has x 64; it must be a whole number from 0 to 63",
        ),
        (
            "test_addresses/x-7",
            np.array([3]),
            r"sample 7 .*channels \(1,\) of int64 for times \(30,",
        ),
        ("test_addresses/x-7", np.array([b"3"] * 30), r"channels \(30,\) of \|S1 for times"),
        ("test_timestamps/x-7", None, r"sample 7 cannot be read as N-TIDIGITS18 \("),
        ("test_labels", np.array([b"x-?"]), "sample 0 cannot be read as N-TIDIGITS18"),
    ],
)
def test_a_damaged_ntidigits_is_refused(
    ntidigits_folder: Path, name: str, values: Any, message: str
) -> None:
    change_hdf5(ntidigits_folder / "n-tidigits.hdf5", name, values)
    with pytest.raises(InputError, match=message):
        get("ntidigits").load(ntidigits_folder)


def test_channels_and_times_in_tables_are_refused(ntidigits_folder: Path) -> None:
    for name in ("addresses", "timestamps"):
        change_hdf5(ntidigits_folder / "n-tidigits.hdf5", f"test_{name}/x-7", np.zeros((30, 2)))
    with pytest.raises(
        InputError, match=r"sample 7 cannot .*has channels \(30, 2\) of float64 for"
    ):
        get("ntidigits").load(ntidigits_folder)
