"""Event datasets through tonic, each in miniature in its official layout."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.data import events as tasks
from neurodeploy.data import get
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION
from neurodeploy.data.readers import events
from neurodeploy.data.readers.files import progress_to
from neurodeploy.data.split import split
from neurodeploy.models.errors import InputError

tonic = pytest.importorskip("tonic", reason="tonic is not installed: uv sync --extra events")
pytestmark = pytest.mark.usefixtures("offline_events")

SETS = {
    "nmnist": tasks.NMNIST_SET,
    "dvsgesture": tasks.DVSGESTURE_SET,
    "shd": tasks.SHD_SET,
    "ssc": tasks.SSC_SET,
    "ntidigits": tasks.NTIDIGITS_SET,
}
DIGITS = "n-tidigits.hdf5"
WORDS = [f"word {k}" for k in range(20)]


@pytest.fixture
def ntidigits_folder(tmp_path: Path) -> Path:
    """Write an N-TIDIGITS18 of 3 people a part; each says all digits, and one number of two."""
    home = tmp_path / "data" / "NTIDIGITS18"
    home.mkdir(parents=True)
    rng = np.random.default_rng(1)
    with h5py.File(home / DIGITS, "w") as file:
        for part, people in (("train", "abc"), ("test", "xyz")):
            names = [f"{p}-{said}" for p in people for said in (*"o123456789z", "42")]
            file[f"{part}_labels"] = np.array([name.encode() for name in names])
            for name in names:
                file[f"{part}_addresses/{name}"] = rng.integers(0, 64, 30).astype(np.uint16)
                file[f"{part}_timestamps/{name}"] = 3 + np.sort(rng.random(30))
    return home


def write_ear(path: Path, labels: NDArray[Any], people: NDArray[Any], words: list[str]) -> None:
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
    home = tmp_path / "ear" / "SHD"
    for part, people in (("train", range(5)), ("test", (4, 5))):
        labels = np.tile(np.arange(20), len(people))
        write_ear(home / f"shd_{part}.h5", labels, np.repeat(list(people), 20), WORDS)
    return home


@pytest.fixture
def ssc_folder(tmp_path: Path) -> Path:
    """Write an SSC of 35 words, of each 2 to train and one to validate and test."""
    home = tmp_path / "ssc"
    for part, number in (("train", 2), ("valid", 1), ("test", 1)):
        labels = np.repeat(np.arange(35), number)
        words = [f"word {k}" for k in range(35)]
        write_ear(home / f"ssc_{part}.h5", labels, np.zeros(len(labels)), words)
    return home


def nmnist_bytes(x: Any, y: Any, p: Any, t: Any) -> bytes:
    """Return events as N-MNIST stores them: 8 bits x, 8 bits y, 1 bit polarity, 23 bits time."""
    packed = (np.asarray(x, np.uint64) << 32) | (np.asarray(y, np.uint64) << 24)
    packed |= (np.asarray(p, np.uint64) << 23) | np.asarray(t, np.uint64)
    return packed.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:].tobytes()


@pytest.fixture(scope="module")
def full_nmnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for N-MNIST with so many names that end with .bin as tonic wants.

    It takes a part with less than 10,000 for incomplete; links to a folder make them up.
    """
    home = tmp_path_factory.mktemp("events") / "NMNIST"
    for part in ("Train", "Test"):
        (home / part / "0").mkdir(parents=True)
        for index in range(10_000):
            (home / part / "0" / f"{index}.bin").symlink_to(home.parent)
    return home


@pytest.fixture
def nmnist_folder(full_nmnist_folder: Path) -> Path:
    """Write an N-MNIST of 5 samples a digit to train on and one to test on.

    Digit k has k + 1 events at (3 * k, 33), one each 20 ms.
    """
    home = full_nmnist_folder
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


@pytest.mark.parametrize("name", ["my own ~copy", "\udcff\udcfe", "a\nb", "~"])
def test_the_folder_is_found_whatever_its_name_and_from_above(
    ntidigits_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ntidigits_folder.rename(ntidigits_folder.with_name(name))
    monkeypatch.chdir(folder.parent)
    for path in (Path(name), folder, folder.parent, folder.parent.parent):
        assert len(get("ntidigits").load(path)) == 66
    other = folder.with_name("NTIDIGITS18")
    shutil.copytree(folder, other)
    monkeypatch.setenv("NEURODEPLOY_DATA", str(folder.parent))
    assert len(get("ntidigits").load(None)) == 66
    with pytest.raises(InputError, match=f"several {DIGITS}, in .*{re.escape(str(other))}"):
        get("ntidigits").load(folder.parent)


def test_counts_are_cached_until_a_file_or_the_code_changes(
    ntidigits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    load = lambda: get("ntidigits").load(ntidigits_folder)  # noqa: E731
    with progress_to(lambda done, total: told.append((done, total))):
        first = load()
        assert (told[-1], len(told)) == ((66, 66), 66)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "tonic", None)  # cached counts need no tonic
            again = load()
        assert len(told) == 66
        monkeypatch.setattr(events, "VERSION", 2)
        load()
        assert len(told) == 2 * 66
        with monkeypatch.context() as patch:
            patch.setattr("importlib.metadata.version", lambda _: "1.7.99")
            load()
        assert len(told) == 3 * 66
        with h5py.File(ntidigits_folder / DIGITS, "r+") as file:
            file["test_addresses/x-o"][:] = 63
            file["more"] = np.zeros(100)
        changed = load()
        assert len(told) == 4 * 66
    assert np.array_equal(first.signals, again.signals)
    assert (again.notes, again.class_names) == (first.notes, first.class_names)
    assert changed.signals[33, 63].sum() == 30


def test_ntidigits_are_the_single_digits_from_their_first_event_on(ntidigits_folder: Path) -> None:
    dataset = get("ntidigits").load(ntidigits_folder)
    assert dataset.signals.shape == (66, 64, 100)
    assert (dataset.class_names[0], dataset.class_names[-1]) == ("oh", "zero")
    assert sorted(dataset.labels) == sorted([*range(11)] * 6)
    assert dataset.signals.sum() > 60 * 28
    assert dataset.signals[:, :, 0].any(axis=1).all()
    assert any("several digits" in note for note in dataset.notes)


def test_shd_keeps_the_official_test_and_validates_on_people_of_their_own(
    shd_folder: Path,
) -> None:
    with h5py.File(shd_folder / "shd_train.h5", "r+") as file:
        file["spikes/times"][0] = np.full(40, 0.999, np.float16)  # as microseconds over 65,504
    dataset = get("shd").load(shd_folder)
    assert dataset.signals.shape == (140, 140, 100)
    assert dataset.class_names == tuple(WORDS)
    assert dataset.parts is not None
    assert dataset.subjects is not None
    people = {part: set(dataset.subjects[dataset.parts == part]) for part in range(3)}
    assert people == {TRAIN: {0, 1, 3, 4}, VALIDATION: {2}, TEST: {4, 5}}
    assert dataset.signals.sum(axis=(1, 2)).tolist() == [40] * 140
    assert dataset.signals[:, 139].sum(axis=1).min() >= 2  # unit 699 is in the last square
    assert dataset.signals[45, 35 : 35 + 4].sum() == 38  # word 5 is at units 175 to 194
    assert dataset.signals[0].sum(axis=0).tolist() == [0] * 99 + [40]
    assert dataset.signals[1:, :, 51:].sum() == 0  # nothing after 0.5 s
    assert any("100 samples" in note and "8,156" in note for note in dataset.notes)
    split(dataset)
    change(shd_folder / "shd_train.h5", "extra/speaker", np.zeros(100, int))
    alone = get("shd").load(shd_folder)
    assert any("has one person" in note for note in alone.notes)
    split(alone)


def test_ssc_keeps_its_three_parts(ssc_folder: Path) -> None:
    dataset = get("ssc").load(ssc_folder.parent)
    parts = split(dataset)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [70, 35, 35]
    assert dataset.subjects is None
    assert len(dataset.class_names) == 35


def test_nmnist_is_read_in_the_order_of_its_files(nmnist_folder: Path) -> None:
    dataset = get("nmnist").load(nmnist_folder)
    assert dataset.labels.tolist() == [k for k in range(10) for _ in range(5)] + [*range(10)]
    planes = dataset.signals.reshape(60, 2, 17, 17, -1)
    for digit in range(10):
        expected = np.zeros_like(planes[0])
        for k in range(digit + 1):
            expected[k % 2, 16, 3 * digit // 2, 2 * k] = 1  # bins of 10 ms
        assert np.array_equal(planes[50 + digit], expected)
    (nmnist_folder / "Train" / "3" / "00002.bin").write_bytes(b"")
    emptied = get("nmnist").load(nmnist_folder)
    assert emptied.signals[17].sum() == 0
    assert any(note.startswith("1 of 60 samples") for note in emptied.notes)


def test_dvsgesture_divides_by_people(dvsgesture_folder: Path) -> None:
    dataset = get("dvsgesture").load(dvsgesture_folder)
    assert (dataset.signals.shape, dataset.grid) == ((220, 2048, 60), (32, 32))
    assert dataset.subjects is not None
    assert dataset.parts is not None
    assert set(dataset.subjects[dataset.parts == VALIDATION]) == {3, 8}
    assert min(dataset.subjects[dataset.parts == TEST]) == 24
    eighth = np.flatnonzero(dataset.labels == 8)[0]
    planes = dataset.signals[eighth].reshape(2, 32, 32, 60)
    assert planes[1, 1, 20].sum() == planes.sum() == 18
    assert planes[1, 1, 20, :4].tolist() == [6, 4, 6, 2]  # from the first event, 25 ms each
    assert get("dvsgesture").encoder(dataset).encode(dataset.signals[:3]).max() == 1
    folder = dvsgesture_folder / "ibmGestureTrain" / "user02_led"
    (folder / "4.npy").replace(folder.with_name("user03_led") / "4.npy")
    moved = get("dvsgesture").load(dvsgesture_folder)  # a cache that goes by sizes must notice
    assert [np.count_nonzero(each.subjects == 2) for each in (dataset, moved)] == [11, 10]


@pytest.mark.parametrize(("task", "network"), [("shd", "dense"), ("dvsgesture", "conv")])
def test_the_command_trains_an_epoch(
    task: str, network: str, tmp_path: Path, command: Any, one_torch_thread: None,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    folder = request.getfixturevalue(f"{task}_folder")
    small = ("--hidden", "8", "--epochs", "1", "--batch", "16", "--network", network)
    out = tmp_path / "run"
    code, said, noted = command("train", "--task", task, "--data", folder, "--out", out, *small)
    assert code == 0
    assert "Best epoch is 1 of 1" in said
    assert "note: the training part has" in noted
    assert (out / "model.pt").is_file()


@pytest.mark.parametrize("task", SETS)
def test_absent_data_are_named_with_the_way_to_get_them(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "home"))
    for path in (None, tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=rf"neurodeploy\.data --task {task} --get`") as raised:
            get(task).load(path)
        if path is not None:  # or by hand
            for part in SETS[task].parts:
                assert part.content in str(raised.value)


@pytest.mark.parametrize("task", SETS)
def test_fetching_has_tonic_download_all_parts_to_the_folder(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    kind: Callable[..., Any] = lambda save_to, **part: asked.append((save_to, part))  # noqa: E731
    monkeypatch.setattr(f"tonic.datasets.{SETS[task].kind}", kind)
    fetch = get(task).origin.fetch
    assert fetch is not None
    fetch(tmp_path)
    assert asked == [(str(tmp_path), dict(part.arguments)) for part in SETS[task].parts]

    def fail(save_to: str, **_: Any) -> None:
        (Path(save_to) / SETS[task].kind).mkdir(parents=True)
        raise ConnectionError("no route")

    monkeypatch.setattr(f"tonic.datasets.{SETS[task].kind}", fail)
    with pytest.raises(InputError, match=r"\(no route\); try again, or put .*" + SETS[task].kind):
        fetch(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("task", "absent"),
    [
        ("shd", "shd_test.h5"),
        ("shd", "shd_test.h5.zip"),
        ("ssc", "ssc_valid.h5"),
        ("nmnist", "train.zip"),
        ("nmnist", "test.zip"),
        ("dvsgesture", "ibmGestureTrain.tar.gz"),
    ],
)
def test_a_missing_file_is_named(task: str, absent: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(f"{task}_folder")
    (folder / absent).unlink()
    with pytest.raises(InputError, match=f"has no {absent}[,;]"):
        get(task).load(folder)


def test_a_part_with_less_files_than_tonic_wants_is_refused(dvsgesture_folder: Path) -> None:
    for path in (dvsgesture_folder / "ibmGestureTest" / "user24_led").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"Test holds 99 files \*\.npy, .* 100 "):
        get("dvsgesture").load(dvsgesture_folder)


STRAYS = {
    "nmnist": (
        "Train", "old/1.bin", "10/1.bin", "copy 2/1.bin", "__MACOSX/3/1.bin", "3/._1.bin", "1.bin",
        "3bin",
    ),
    "dvsgesture": (
        "ibmGestureTrain", "user02_led/x.npy", "user02_led/5 (1).npy", "user02_led/._5.npy",
        "user02_led/05.npy", "user02_led/5npy", "user_led/5.npy", "user9/5.npy",
        "__MACOSX/user02_led/5.npy", "5.npy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("task", STRAYS)
def test_what_is_not_named_as_a_sample_is_refused(
    task: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"{task}_folder")
    part, *strays = STRAYS[task]
    for stray in strays:
        path = folder / part / stray
        made = [each for each in path.parents if not each.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with pytest.raises(InputError, match=rf"{part}/.* is not named like .*, such as {part}/"):
            get(task).load(folder)
        path.unlink()
        for each in made:
            each.rmdir()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (nmnist_bytes([34], [0], [0], [0]), "event 0 has x 34; "),
        (nmnist_bytes([3], [3], [0], [0])[:-2], "3 bytes"),
    ],
)
def test_a_damaged_nmnist_is_refused(nmnist_folder: Path, content: bytes, named: str) -> None:
    (nmnist_folder / "Train" / "3" / "00002.bin").write_bytes(content)
    with pytest.raises(InputError, match=rf"00002\.bin.*{named}"):
        get("nmnist").load(nmnist_folder)


def test_a_person_in_two_parts_is_refused(dvsgesture_folder: Path) -> None:
    folder = dvsgesture_folder / "ibmGestureTrain" / "user02_led"
    folder.rename(folder.with_name("user25_led"))
    with pytest.raises(InputError, match="person 25"):
        get("dvsgesture").load(dvsgesture_folder)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"no numpy file", "be read as DVS Gesture"),
        (b"PK\x03\x04 an archive", "magic string"),
        (None, "objects"),
        (np.array([["1", "0", "0", "5"]] * 9), r"array \(9, 4\) of <U1"),
        (np.array([[b"1", b"0", b"0", b"5"]] * 9), r"array \(9, 4\) of \|S1"),
        (np.zeros((5, 3), np.int64), r"array \(5, 3\)"),
        (np.zeros((1, 5, 4), np.int64), r"array \(1, 5, 4\) of int64"),
        (np.zeros(5, [("x", int)]), "rows of 4 numbers"),
        *((np.array([[value, 0, 0, 0]]), f"event 0 has x {value}; ")
          for value in (128, 65539, 196728, np.nan, 3.7)),
        (np.array([[0, 2**40, 0, 0]]), "event 0 has y 1099511627776; "),
        *((np.array([[0, 0, value, 0]]), f"event 0 has polarity {value}; ")
          for value in (2, -1, np.nan)),
        (np.array([[0, 0, 0, -1]]), "event 0 is at -1000.0 "),
        (np.array([[0, 0, 0, np.nan]]), "event 0 is at nan "),
        (np.array([[0, 0, 0, 2**50]], np.float64), r"event 0 is at 1\.1"),
        (np.array([[0, 0, 0, 2**62]]), "out of the range of int64"),
        (np.array([[0, 0, 0, 33]], np.int16), "out of the range of int16"),
    ],
)  # fmt: skip
def test_a_damaged_gesture_is_refused(dvsgesture_folder: Path, content: Any, named: str) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, np.array([object()]) if content is None else content, allow_pickle=True)
    with pytest.raises(InputError, match=rf"4\.npy.*{named}"):
        get("dvsgesture").load(dvsgesture_folder)


def change(path: Path, name: str, values: Any) -> None:
    """Replace a dataset of an HDF5 file; None removes it."""
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        if values is not None:
            file[name] = values


def vlen(kind: Any, row: Any) -> Any:
    """Return 100 equal rows for `change`, of a length of their own."""
    made = np.empty(100, dtype=h5py.vlen_dtype(kind))
    for index in range(100):
        made[index] = np.asarray(row, kind)
    return made


@pytest.mark.parametrize(
    ("name", "values", "named"),
    [
        ("labels", np.full(100, 20), "sample 0 holds label 20; labels run from 0 to 19"),
        ("labels", None, r"shd_train\.h5 cannot be read as Spiking Heidelberg Digits"),
        ("labels", np.arange(101) % 20, "sample 100 cannot be read"),
        ("labels", np.arange(100) % 20 + 0.5, r"sample 0 .*label is 0\.5"),
        ("labels", np.array([b"one"] * 100), "sample 0 .*label is b'one'"),
        ("labels", np.zeros((100, 1)), r"sample 0 .*label is \[0\.\]"),
        ("extra", None, r"shd_train\.h5 cannot be read"),
        ("extra/speaker", np.zeros(3, int), r"shape \(3,\) for 100 samples"),
        ("extra/speaker", np.zeros((100, 2), int), r"shape \(100, 2\) for 100 samples"),
        ("extra/speaker", np.full(100, np.nan), r"train\.h5: people hold nan"),
        (
            "extra/keys",
            np.array([b"one"]),
            r"the classes of .*shd_test\.h5 and .*shd_train\.h5 differ",
        ),
        ("spikes/units", vlen(np.float32, [5.5] * 40), r"sample 0: event 0 has x 5\.5"),
        ("spikes/units", vlen(np.uint16, [700] * 40), "sample 0: event 0 has x 700"),
        ("spikes/units", vlen(np.uint16, [5]), r"\(1,\) of uint16 for times \(40,\) of float16"),
        ("spikes/units", vlen(np.uint16, [3] * 39), "sample 0 cannot be read"),
        ("spikes/times", vlen(np.float16, [np.nan] * 40), "sample 0: event 0 is at nan"),
        ("spikes/times", vlen(np.float16, [0.5] * 39 + [-0.5]), r"event 39 is at -500000\.0"),
    ],
)
def test_a_damaged_shd_is_refused(shd_folder: Path, name: str, values: Any, named: str) -> None:
    change(shd_folder / "shd_train.h5", name, values)
    with pytest.raises(InputError, match=named):
        get("shd").load(shd_folder)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"addresses/x-7": np.full(30, 64)}, "event 0 has x 64; .* 63"),
        ({"addresses/x-7": np.array([3])}, r"sample 7 .*\(1,\) of int64 for times \(30,"),
        ({"addresses/x-7": np.array([b"3"] * 30)}, r"channels \(30,\) of \|S1 for times"),
        ({"timestamps/x-7": None}, r"sample 7 cannot be read as N-TIDIGITS18"),
        ({"labels": np.array([b"x-?"])}, "sample 0 cannot be read as N-TIDIGITS18"),
        (
            {"addresses/x-7": np.zeros((30, 2)), "timestamps/x-7": np.zeros((30, 2))},
            r"sample 7 .*channels \(30, 2\) of float64",
        ),
    ],
)
def test_a_damaged_ntidigits_is_refused(
    ntidigits_folder: Path, changes: dict[str, Any], named: str
) -> None:
    for name, values in changes.items():
        change(ntidigits_folder / DIGITS, f"test_{name}", values)
    with pytest.raises(InputError, match=named):
        get("ntidigits").load(ntidigits_folder)


def test_a_file_cut_short_or_of_another_kind_is_refused(
    shd_folder: Path, ntidigits_folder: Path
) -> None:
    other = (shd_folder / "shd_train.h5").read_bytes()
    for path in (shd_folder / "shd_test.h5", ntidigits_folder / DIGITS):
        whole = path.read_bytes()
        for content in (b"", b"no HDF5", whole[: len(whole) // 2]):
            path.write_bytes(content)
            with pytest.raises(InputError, match=f"{path.name} cannot be read as .* download the"):
                get("shd" if path.suffix == ".h5" else "ntidigits").load(path.parent)
    (ntidigits_folder / DIGITS).write_bytes(other)
    with pytest.raises(InputError, match="cannot be read as N-TIDIGITS18"):
        get("ntidigits").load(ntidigits_folder)
