"""Arrays that are kept on disk: made once, and anew when a file is not what it should be."""

from __future__ import annotations

import json
import os
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import cache
from neurodeploy.tasks.dataset import TEST, TRAIN, Dataset
from neurodeploy.tasks.encoders.registry import Delta
from neurodeploy.tasks.task import encode_samples

KEY = {"files": "abc", "bins": 10, "version": 1}


class Maker:
    """Makes arrays and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, NDArray[Any]]:
        self.times += 1
        counts = np.random.default_rng(0).poisson(0.1, (20, 3, 50)).astype(np.uint8)
        return {"counts": counts, "waves": np.linspace(0, 1, 7), "none": np.zeros((0, 2), np.int64)}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """Use a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Maker()


def test_arrays_are_made_once_and_come_back_equal(make: Maker) -> None:
    first, second = (cache.kept("spikes", KEY, make) for _ in range(2))
    assert make.times == 1
    assert first.notes == second.notes == ()
    for name, values in Maker()().items():
        for found in (first[name], second[name]):
            assert found.dtype == values.dtype
            np.testing.assert_array_equal(found, values)
            assert not found.flags.writeable
    assert second["counts"].flags.owndata  # or windows would copy them
    assert os.listdir(cache.folder()) == [cache.path_of("spikes", KEY).name]


def test_another_key_has_a_file_of_its_own(make: Maker) -> None:
    cache.kept("spikes", KEY, make)
    cache.kept("spikes", KEY | {"bins": 11}, make)
    cache.kept("counts", KEY, make)
    assert make.times == 3
    assert len(os.listdir(cache.folder())) == 3


def test_the_order_of_a_key_does_not_matter_and_tuples_are_lists(make: Maker) -> None:
    cache.kept("spikes", {"a": (1, 2), "b": 2}, make)
    assert cache.kept("spikes", {"b": 2, "a": [1, 2]}, make).notes == ()
    assert make.times == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another_format(path: Path) -> None:
    rewrite(path, lambda about: about | {"format": 0})


def another_key(path: Path) -> None:
    rewrite(path, lambda about: about | {"key": {"files": "abd"}})


def another_sum(path: Path) -> None:
    rewrite(path, lambda about: about | {"sha256": "0" * 64})


def another_shape(path: Path) -> None:
    rewrite(path, lambda about: about | {"arrays": {"counts": ["|u1", 10**15]}})


def objects(path: Path) -> None:
    rewrite(path, lambda about: about | {"arrays": {"counts": ["|O", 375]}})


def no_key(path: Path) -> None:
    rewrite(path, lambda about: {"format": 1})


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write a kept file again with other words about it."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held[cache.ABOUT] = json.dumps(change(json.loads(held[cache.ABOUT]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "was cut short or damaged"),
        (empty, "was cut short or damaged"),
        (another_format, "has format 0 instead of 1"),
        (another_key, "was made for another key"),
        (another_sum, "holds other values than were written"),
        (another_shape, "was cut short or damaged"),
        (objects, "was cut short or damaged"),
        (no_key, "was cut short or damaged"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_made_anew_with_a_note(
    damage: Callable[[Path], None], words: str, make: Maker
) -> None:
    cache.kept("spikes", KEY, make)
    path = cache.path_of("spikes", KEY)
    damage(path)
    again = cache.kept("spikes", KEY, make)
    assert again.notes == (f"{path} {words}, so it was made anew",)
    np.testing.assert_array_equal(again["counts"], Maker()()["counts"])
    assert cache.kept("spikes", KEY, make).notes == ()
    assert make.times == 2


def test_every_changed_byte_is_noticed_or_changes_nothing(make: Maker) -> None:
    wanted = cache.kept("spikes", KEY, make).arrays
    path = cache.path_of("spikes", KEY)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        found = cache.kept("spikes", KEY, make).arrays
        assert all(np.array_equal(found[name], values) for name, values in wanted.items())


def test_a_folder_that_cannot_be_written_is_a_note_and_not_an_error(
    make: Maker, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file in place of the folder")
    for times in (1, 2):
        kept = cache.kept("spikes", KEY, make)
        assert kept.notes == (
            f"{cache.path_of('spikes', KEY)} cannot be written (Not a directory), so what was made "
            "is not kept and will be made again each time; set XDG_CACHE_HOME to a folder that can "
            "be written",
        )
        assert make.times == times
        assert kept["counts"].shape == (20, 3, 50)


def test_a_file_that_cannot_be_read_is_made_anew(make: Maker) -> None:
    path = cache.path_of("spikes", KEY)
    path.mkdir(parents=True)
    read, written = cache.kept("spikes", KEY, make).notes
    assert read == f"{path} cannot be read (Is a directory), so it was made anew"
    assert "cannot be written, since a folder is there" in written


def test_a_pipe_in_place_of_a_file_is_left_alone(make: Maker) -> None:
    path = cache.path_of("spikes", KEY)
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    read, written = cache.kept("spikes", KEY, make).notes
    assert read == f"{path} is no regular file, so it was made anew"
    assert "cannot be written, since a pipe or a device is there" in written
    assert path.is_fifo()


def test_a_whole_file_without_an_array_that_is_needed_is_made_anew(make: Maker) -> None:
    cache.kept("spikes", KEY, lambda: {"waves": np.zeros(3)})
    found = cache.kept("spikes", KEY, make, ("waves", "counts"))
    path = cache.path_of("spikes", KEY)
    assert found.notes == (f"{path} has no array counts, so it was made anew",)
    assert cache.kept("spikes", KEY, make, ("waves", "counts")).notes == ()
    assert make.times == 1


def test_what_killed_processes_left_is_removed_after_a_day(make: Maker) -> None:
    cache.folder().mkdir(parents=True)
    names = (".spikes-1.zip.old.tmp", ".spikes-1.zip.new.tmp", ".another.tmp")
    for name, days in zip(names, (2, 0.5, 2)):
        (cache.folder() / name).touch()
        os.utime(cache.folder() / name, (time.time() - days * 86_400,) * 2)
    cache.kept("spikes", KEY, make)
    assert [(cache.folder() / name).exists() for name in names] == [False, True, True]


def test_an_error_in_making_leaves_nothing(make: Maker) -> None:
    def fail() -> dict[str, NDArray[Any]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.kept("spikes", KEY, fail)
    assert not cache.folder().exists()


def test_two_may_make_the_same_at_once(make: Maker) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet() -> dict[str, NDArray[Any]]:
        both.wait()  # neither has found a file, and both will write one
        return make()

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(cache.kept, "spikes", KEY, meet) for _ in range(2)]
        found = [each.result() for each in waiting]
    assert [each.notes for each in found] == [(), ()]
    np.testing.assert_array_equal(found[0]["counts"], found[1]["counts"])
    assert os.listdir(cache.folder()) == [cache.path_of("spikes", KEY).name]
    assert cache.kept("spikes", KEY, make).notes == ()
    assert make.times == 2


def test_arrays_of_objects_are_refused(make: Maker) -> None:
    with pytest.raises(TypeError, match="arrays of objects are not kept"):
        cache.kept("spikes", KEY, lambda: {"a": np.array([None])})


def test_what_was_not_used_for_longest_makes_room(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [cache.path_of("spikes", KEY | {"bins": bins}) for bins in range(4)]
    for bins in range(3):
        cache.kept("spikes", KEY | {"bins": bins}, make)
        os.utime(paths[bins], (bins, bins))
    cache.kept("spikes", KEY | {"bins": 0}, make)  # used again
    monkeypatch.setattr(cache, "KEPT_BYTES", int(2.5 * paths[0].stat().st_size))
    cache.kept("spikes", KEY | {"bins": 3}, make)
    assert [path.exists() for path in paths] == [True, False, False, True]


def test_a_fingerprint_tells_names_sizes_and_times(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("text")
        os.utime(path, ns=(1, 1))
    before = cache.fingerprint(paths, tmp_path)
    assert cache.fingerprint(reversed(paths), tmp_path) == before
    os.utime(paths[1], ns=(2, 2))
    assert cache.fingerprint(paths, tmp_path) != before
    os.utime(paths[1], ns=(1, 1))
    assert cache.fingerprint(paths, tmp_path) == before
    paths[1].write_text("texts")
    os.utime(paths[1], ns=(1, 1))
    assert cache.fingerprint(paths, tmp_path) != before
    assert cache.fingerprint(paths[:1], tmp_path) != before


def test_a_fingerprint_tells_in_which_folder_a_file_is(tmp_path: Path) -> None:
    one, other = tmp_path / "home" / "3" / "a", tmp_path / "home" / "4" / "a"
    for path in (one, other):
        path.parent.mkdir(parents=True)
        path.write_text("text")
        os.utime(path, ns=(1, 1))
    before = cache.fingerprint([one], tmp_path / "home")
    assert cache.fingerprint([other], tmp_path / "home") != before
    (tmp_path / "home").rename(tmp_path / "moved")
    assert cache.fingerprint([tmp_path / "moved" / "3" / "a"], tmp_path / "moved") == before


def test_a_fingerprint_of_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone cannot be looked up \(No such file"):
        cache.fingerprint([tmp_path / "gone"], tmp_path)


def dataset_of(count: int, **changes: Any) -> Dataset:
    """Return windows of 3 channels and 5 samples, 15 bits each: no whole number of bytes."""
    values = np.random.default_rng(1).normal(0, 1, (count, 3, 5)).astype(np.float32)
    parts = np.resize([TRAIN, TEST], count)
    names = ("x", "y", "z")
    labels = np.zeros(count, np.int64)
    given = (values, labels, None, ("one",), names, None, "made up")
    return Dataset(*given, parts=parts, **changes)


@pytest.fixture
def slow(make: Maker, monkeypatch: pytest.MonkeyPatch) -> type[Delta]:
    """Return an encoder whose spikes are kept, which counts the windows that it encodes."""
    monkeypatch.setattr(cache, "_last", [])

    class Slow(Delta):
        kept: ClassVar[bool] = True
        encoded: ClassVar[int] = 0

        def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
            type(self).encoded += len(signals)
            return super()._spikes(signals)

    return Slow


def forget() -> None:
    """Forget what is kept in memory, as another process would."""
    cache._last.clear()


def test_kept_spikes_are_those_of_the_encoder_and_made_once(slow: type[Any]) -> None:
    dataset, encoder, chosen = dataset_of(300), slow((0.3,)), np.array([299, 4, 4, 0, 256])
    plain = Delta((0.3,)).encode(dataset.signals)
    for _ in range(2):
        samples = encode_samples(dataset, encoder, chosen)
        np.testing.assert_array_equal(samples.spikes, plain[chosen])
        assert samples.spikes.dtype == np.uint8
        encode_samples(dataset, encoder, chosen[:2])
        forget()
    assert encode_samples(dataset, encoder, []).spikes.shape == (0, 6, 5)
    assert slow.encoded == 300


def test_equal_windows_share_their_spikes_and_others_do_not(slow: type[Any]) -> None:
    encode_samples(dataset_of(4), slow((0.3,)), [0])
    forget()
    encode_samples(dataset_of(4, notes=("read again",)), slow((0.3,)), [0])
    assert slow.encoded == 4
    encode_samples(dataset_of(5), slow((0.3,)), [0])
    assert slow.encoded == 9


def test_another_threshold_or_version_is_encoded_anew(
    slow: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dataset_of(4)
    for threshold in (0.3, 0.4, 0.3):
        encode_samples(dataset, slow((threshold,)), [0])
    assert slow.encoded == 8
    monkeypatch.setattr(slow, "version", 2)
    encode_samples(dataset, slow((0.3,)), [0])
    assert slow.encoded == 12


def test_spikes_of_fast_encoders_are_not_kept(make: Maker) -> None:
    assert cache.prepare(dataset_of(4), Delta()) == ()
    encode_samples(dataset_of(4), Delta(), [0, 1])
    assert not cache.folder().exists()


def test_preparing_says_what_is_wrong_with_the_cache(slow: type[Any], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in place of the folder")
    (note,) = cache.prepare(dataset_of(4), slow())
    assert "delta-spikes-" in note
    assert "cannot be written (Not a directory)" in note
    encode_samples(dataset_of(4), slow(), [0])
    assert slow.encoded == 4
