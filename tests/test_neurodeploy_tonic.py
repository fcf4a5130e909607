"""The event data sets through tonic, each in miniature in its official layout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from neurodeploy import train
from neurodeploy.tasks import dvsgesture, get, nmnist, ntidigits, reading, shd, ssc
from neurodeploy.tasks.readers import tonic_events
from neurodeploy.tasks.split import split
from neurodeploy.tasks.windows import TEST, TRAIN, VALIDATION

tonic = pytest.importorskip("tonic", reason="tonic is not installed: uv sync --extra events")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep counts in a folder of the test's own, and let nothing be downloaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tonic.dataset.download_and_extract_archive", no_download)
    monkeypatch.setattr("requests.get", no_download)


def no_download(*_: object, **__: object) -> None:
    raise AssertionError("a test tried to download")


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


def nmnist_bytes(x: Any, y: Any, p: Any, t: Any) -> bytes:
    """Return events as N-MNIST stores them: 8 bits x, 8 bits y, 1 bit polarity, 23 bits time."""
    packed = (np.asarray(x, np.uint64) << 32) | (np.asarray(y, np.uint64) << 24)
    packed |= (np.asarray(p, np.uint64) << 23) | np.asarray(t, np.uint64)
    return packed.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:].tobytes()


@pytest.fixture(scope="module")
def full_nmnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for N-MNIST with so many names that end with .bin as tonic wants.

    It takes a part with less than 10,000 for incomplete; folders without a file make them up.
    """
    home = tmp_path_factory.mktemp("events") / "NMNIST"
    for part in ("Train", "Test"):
        for index in range(10_000):
            (home / part / f"{index}.bin").mkdir(parents=True)
    return home


@pytest.fixture
def nmnist_folder(full_nmnist_folder: Path) -> Path:
    """Write an N-MNIST of 5 samples a digit to train on and one to test on.

    Digit k has k + 1 events at (3 * k, 33), one each 20 ms.
    """
    home = full_nmnist_folder
    shutil.rmtree(home / "Train" / "old", ignore_errors=True)
    for part, number in (("Train", 5), ("Test", 1)):
        for digit in range(10):
            folder = home / part / f"{digit}"
            folder.mkdir(exist_ok=True)
            many = np.arange(digit + 1)
            said = nmnist_bytes(0 * many + 3 * digit, 0 * many + 33, many % 2, 20_000 * many)
            for index in range(number):
                (folder / f"{index:05d}.bin").write_bytes(said)
        (home / f"{part.lower()}.zip").touch()
    return home


@pytest.fixture
def dvsgesture_folder(tmp_path: Path) -> Path:
    """Write a DVS Gesture of users 1 to 10 who train, and 24 to 33 who test.

    Gesture k has events at (10 * k, 5, 1), each twice, from 2000 ms on, one pair each 10 ms.
    """
    home = tmp_path / "DVSGesture"
    for part, users in (("Train", range(1, 11)), ("Test", range(24, 34))):
        for user in users:
            folder = home / f"ibmGesture{part}" / f"user{user:02d}_led"
            folder.mkdir(parents=True)
            for gesture in range(11):
                rows = [(10 * gesture, 5, 1, 2000 + 10 * k) for k in range(gesture + 1)]
                np.save(folder / f"{gesture}.npy", np.array(rows * 2, np.int64))
        (home / f"ibmGesture{part}.tar.gz").touch()
    return home


# What is read


def test_shd_keeps_the_official_test_and_validates_on_people_of_their_own(
    shd_folder: Path,
) -> None:
    windows = get("shd").load(shd_folder)
    assert windows.signals.shape == (140, 140, 100)
    assert windows.class_names == tuple(SHD_WORDS)
    assert windows.parts is not None
    assert windows.subjects is not None
    assert set(windows.subjects[windows.parts == TEST]) == {4, 5}
    assert set(windows.subjects[windows.parts == VALIDATION]) == {2}
    assert set(windows.subjects[windows.parts == TRAIN]) == {0, 1, 3, 4}
    assert windows.signals.sum(axis=(1, 2)).tolist() == [40] * 140
    assert windows.signals[:, 139].sum(axis=1).min() >= 2  # unit 699 is in the last square
    assert windows.signals[45, 35 : 35 + 4].sum() == 38  # word 5 is at units 175 to 194
    assert windows.signals[:, :, 51:].sum() == 0  # nothing after 0.5 s
    assert "the training part has 100 samples where the published one has 8,156" in windows.notes
    split(windows)


def test_shd_times_keep_more_than_float16_has(shd_folder: Path) -> None:
    with h5py.File(shd_folder / "shd_train.h5", "r+") as file:
        file["spikes/times"][0] = np.full(40, 0.999, np.float16)  # as microseconds over 65,504
    windows = get("shd").load(shd_folder)
    assert windows.signals[0].sum(axis=0).tolist() == [0] * 99 + [40]


def test_ssc_keeps_its_three_parts(ssc_folder: Path) -> None:
    windows = get("ssc").load(ssc_folder.parent)
    parts = split(windows)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [70, 35, 35]
    assert windows.subjects is None
    assert len(windows.class_names) == 35


def test_ntidigits_are_the_single_digits_from_their_first_event_on(ntidigits_folder: Path) -> None:
    windows = get("ntidigits").load(ntidigits_folder)
    assert windows.signals.shape == (66, 64, 100)
    assert windows.class_names[0] == "oh"
    assert windows.class_names[-1] == "zero"
    assert sorted(windows.labels) == sorted([*range(11)] * 6)
    assert windows.signals.sum() > 60 * 28
    assert windows.signals[:, :, 0].any(axis=1).all()
    assert "sequences of several digits are left out" in windows.notes


def test_nmnist_is_read_in_the_order_of_its_files(nmnist_folder: Path) -> None:
    windows = get("nmnist").load(nmnist_folder)
    assert windows.labels.tolist() == [k for k in range(10) for _ in range(5)] + [*range(10)]
    planes = windows.signals.reshape(60, 2, 17, 17, -1)
    for digit in range(10):
        seen = planes[50 + digit]
        bins = 20 // (nmnist.BINS.step_us // 1000)
        expected = np.zeros_like(seen)
        for k in range(digit + 1):
            expected[k % 2, 16, 3 * digit // 2, bins * k] = 1
        assert np.array_equal(seen, expected)
    assert "the test part has 10 samples where the published one has 10,000" in windows.notes


def test_dvsgesture_divides_by_people(dvsgesture_folder: Path) -> None:
    windows = get("dvsgesture").load(dvsgesture_folder)
    assert windows.signals.shape == (220, 2048, 60)
    assert windows.grid == (32, 32)
    assert windows.subjects is not None
    assert windows.parts is not None
    assert set(windows.subjects[windows.parts == VALIDATION]) == {3, 8}
    assert min(windows.subjects[windows.parts == TEST]) == 24
    eighth = np.flatnonzero(windows.labels == 8)[0]
    planes = windows.signals[eighth].reshape(2, 32, 32, 60)
    assert planes[1, 1, 20].sum() == planes.sum() == 18
    assert planes[1, 1, 20, :4].tolist() == [6, 4, 6, 2]  # from the first event, 25 ms each
    assert get("dvsgesture").encoder(windows).encode(windows.signals[:3]).max() == 1


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_folder_above_the_data_will_do_whatever_its_name(shd_folder: Path, above: int) -> None:
    renamed = shd_folder.rename(shd_folder.with_name("my own ~copy"))
    path = [renamed, *renamed.parents][above]
    assert len(get("shd").load(path)) == 140


def test_the_data_are_found_in_the_data_home(
    shd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(shd_folder.parent))
    assert len(get("shd").load(None)) == 140


def test_counts_are_made_once_and_anew_when_a_file_changed(
    shd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    with reading.listening(lambda done, total: told.append((done, total))):
        first = get("shd").load(shd_folder)
        assert told[-1] == (140, 140)
        assert len(told) == 140
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "tonic", None)  # what is kept needs no tonic
            again = get("shd").load(shd_folder)
        assert len(told) == 140
        with h5py.File(shd_folder / "shd_test.h5", "r+") as file:
            file["spikes/units"][0] = np.full(40, 3, np.uint16)
            file["extra/more"] = np.zeros(100)
        changed = get("shd").load(shd_folder)
        assert len(told) == 280
    assert np.array_equal(first.signals, again.signals)
    assert again.notes == first.notes
    assert again.class_names == first.class_names
    assert changed.signals[100, 0].sum() == 40


# The command


@pytest.mark.parametrize(("name", "network"), [("shd", "dense"), ("dvsgesture", "conv")])
def test_the_command_trains_an_epoch(
    name: str,
    network: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    one_torch_thread: None,
) -> None:
    folder = request.getfixturevalue(f"{name}_folder")
    small = ["--hidden", "8", "--epochs", "1", "--batch", "16", "--network", network]
    out = tmp_path / "run"
    given = ["--task", name, "--data", f"{folder}", "--out", f"{out}", *small]
    assert train.main(given) == 0
    said = capsys.readouterr()
    assert "Best epoch is 1 of 1" in said.out
    assert "note: the training part has" in said.err
    assert (out / "model.pt").is_file()


# What is refused


def test_absent_data_are_named_with_the_way_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    for name in ("nmnist", "shd", "ssc", "ntidigits", "dvsgesture"):
        message = rf"the data of the task {name} are missing .* --task {name} --get`, or say where"
        with pytest.raises(InputError, match=message):
            get(name).load(None)


def test_a_folder_without_the_data_is_refused(tmp_path: Path) -> None:
    message = (
        r"holds no shd_train\.h5, down to 2 levels, and so not Spiking Heidelberg Digits; get it "
        r"with `python -m neurodeploy\.data --task shd --get`, or put shd_train\.h5, "
        r"shd_train\.h5\.zip, shd_test\.h5, shd_test\.h5\.zip in a folder SHD"
    )
    with pytest.raises(InputError, match=message):
        get("shd").load(tmp_path)
    for name in ("nmnist", "ssc", "ntidigits", "dvsgesture"):
        with pytest.raises(InputError, match=rf"absent holds no .* --task {name} --get`, or put"):
            get(name).load(tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "absent", "message"),
    [
        ("shd", "shd_test.h5", r"SHD has no shd_test\.h5; get it with"),
        ("shd", "shd_test.h5.zip", r"has no shd_test\.h5\.zip, without which tonic takes .* empty"),
        ("ssc", "ssc_valid.h5", r"has no ssc_valid\.h5; get it with"),
        ("nmnist", "train.zip", r"NMNIST has no train\.zip, without which"),
        ("dvsgesture", "ibmGestureTrain.tar.gz", r"has no ibmGestureTrain\.tar\.gz, without"),
    ],
)
def test_a_missing_file_is_named(
    name: str, absent: str, message: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"{name}_folder")
    (folder / absent).unlink()
    with pytest.raises(InputError, match=message):
        get(name).load(folder)


def test_a_part_with_less_files_than_tonic_wants_is_refused(dvsgesture_folder: Path) -> None:
    for gesture in range(11):
        (dvsgesture_folder / "ibmGestureTest" / "user24_led" / f"{gesture}.npy").unlink()
    message = r"Test holds 99 files \*\.npy, and tonic takes less than 100 for incomplete; unpack"
    with pytest.raises(InputError, match=message):
        get("dvsgesture").load(dvsgesture_folder)


def test_without_tonic_the_extra_is_named(
    shd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tonic", None)
    message = r"read by tonic, which cannot be imported .* `uv sync --extra events` or `pip install"
    with pytest.raises(InputError, match=message):
        get("shd").load(shd_folder)
    with pytest.raises(InputError, match=message):
        tonic_events.fetch(shd.COLLECTION)(shd_folder)


def test_reading_never_downloads_even_if_tonic_misses_something(
    shd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonic.datasets.SHD._check_exists", lambda _: False)
    with pytest.raises(
        InputError, match=r"^tonic finds no Spiking Heidelberg Digits in .*SHD; get"
    ):
        get("shd").load(shd_folder)


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
            r"shd_train\.h5 cannot be read as .*it names 3 people for 100 samples",
        ),
        ("extra/keys", np.array([b"one"]), r"shd_test\.h5 names other classes than .*shd_train"),
        ("spikes/units", vlen(np.uint16, *[[700] * 40] * 100), "sample 0: event 0 has x 700; it"),
        ("spikes/units", vlen(np.uint16, *[[3] * 39] * 100), r"sample 0 cannot be read as"),
        (
            "spikes/times",
            vlen(np.float16, *[[np.nan] * 40] * 100),
            "sample 0: event 0 is at no time that is a number; times must be 0 or more",
        ),
        (
            "spikes/times",
            vlen(np.float16, *[[0.5] * 39 + [-0.5]] * 100),
            "sample 0: event 39 is at -500000 microseconds; times must be 0 or more",
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
        ("test_addresses/x-7", np.full(30, 64), "event 0 has x 64; it must be from 0 to 63"),
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nmnist_bytes([34], [0], [0], [0]), r"00002\.bin: event 0 has x 34; it must be from 0 to"),
        (
            nmnist_bytes([3], [3], [0], [0])[:-2],
            r"00002\.bin .*it has 3 bytes, which is no multiple of 5",
        ),
    ],
)
def test_a_damaged_nmnist_is_refused(nmnist_folder: Path, content: bytes, message: str) -> None:
    (nmnist_folder / "Train" / "3" / "00002.bin").write_bytes(content)
    with pytest.raises(InputError, match=message):
        get("nmnist").load(nmnist_folder)


def test_an_nmnist_sample_without_events_is_kept_and_said(nmnist_folder: Path) -> None:
    (nmnist_folder / "Train" / "3" / "00002.bin").write_bytes(b"")
    windows = get("nmnist").load(nmnist_folder)
    assert windows.signals[17].sum() == 0
    assert "1 of 60 samples have no event" in windows.notes


def test_a_stray_folder_in_nmnist_is_refused(nmnist_folder: Path) -> None:
    folder = nmnist_folder / "Train" / "old"
    folder.mkdir()
    (folder / "1.bin").touch()
    with pytest.raises(InputError, match=r"Train cannot be read as N-MNIST \(.*; download"):
        get("nmnist").load(nmnist_folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no numpy file", r"4\.npy cannot be read as DVS Gesture \("),
        (None, r"4\.npy cannot be read as DVS Gesture \(.*llow_pickle"),
        (np.zeros((5, 3), np.int64), r"4\.npy cannot be read as DVS Gesture"),
        (np.array([[128, 0, 0, 0]]), r"4\.npy: event 0 has x 128; it must be from 0 to 127"),
    ],
)
def test_a_damaged_dvsgesture_is_refused(
    dvsgesture_folder: Path, content: Any, message: str
) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, np.array([object()]) if content is None else content, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_gesture_that_there_is_not_is_refused(dvsgesture_folder: Path) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    path.rename(path.with_name("11.npy"))
    with pytest.raises(InputError, match=r"11\.npy holds label 11; labels run from 0 to 10"):
        get("dvsgesture").load(dvsgesture_folder)


# Downloads


@pytest.mark.parametrize("module", [nmnist, shd, ssc, ntidigits, dvsgesture])
def test_fetching_has_tonic_download_all_parts_to_the_folder(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = module.COLLECTION
    asked: list[tuple[str, dict[str, Any]]] = []
    kind: Callable[..., Any] = lambda save_to, **part: asked.append((save_to, part))  # noqa: E731
    monkeypatch.setattr(f"tonic.datasets.{collection.kind}", kind)
    assert module.ORIGIN.fetch is not None
    module.ORIGIN.fetch(tmp_path)
    assert asked == [(str(tmp_path), dict(part.arguments)) for part in collection.parts]


def test_a_download_that_fails_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(save_to: str, **_: Any) -> None:
        (Path(save_to) / "SHD").mkdir(parents=True)
        raise ConnectionError("no route")

    monkeypatch.setattr("tonic.datasets.SHD", fail)
    message = r"could not be downloaded to .* \(no route\); try again, or put shd_train\.h5, "
    with pytest.raises(InputError, match=message):
        tonic_events.fetch(shd.COLLECTION)(tmp_path / "shd")
    assert not (tmp_path / "shd").exists()


def test_a_part_in_another_format_has_no_published_number_to_miss() -> None:
    assert all(part.published == 0 for part in ntidigits.COLLECTION.parts)
    assert replace(ntidigits.COLLECTION.parts[0]).archive == ""
