"""Cached arrays: computed once, and again when what is on disk is not what was written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.data import cache
from neurodeploy.data.dataset import TEST, TRAIN, Dataset
from neurodeploy.data.encoders import Delta
from neurodeploy.data.task_data import encode_samples

KEY = {"files": "abc", "bins": 10, "version": 1}


def arrays(seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return arrays to cache."""
    counts = np.random.default_rng(seed).poisson(0.1, (20, 3, 50)).astype(np.uint8)
    return {"counts": counts, "waves": np.linspace(0, 1, 7), "none": np.zeros((0, 2), np.int64)}


class Counted:
    """Computes arrays and counts how often."""

    times = 0

    def __call__(self) -> dict[str, NDArray[Any]]:
        self.times += 1
        return arrays()


@pytest.fixture
def compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Use a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Counted()


def stored() -> list[Path]:
    """Return the files that hold arrays."""
    return sorted(cache.folder().rglob("output.pkl"))


def same(found: cache.Cached) -> bool:
    """Tell whether these are the arrays that `arrays` returns."""
    wanted = arrays()
    return found.arrays.keys() == wanted.keys() and all(
        found[name].dtype == values.dtype and np.array_equal(found[name], values)
        for name, values in wanted.items()
    )


def test_arrays_are_computed_once_and_come_back_equal_and_read_only(compute: Counted) -> None:
    for key in (KEY, dict(reversed(KEY.items())), KEY | {"bins": 10}):
        found = cache.cached("spikes", key, compute)
        assert same(found)
        assert found.notes == ()
        assert not any(values.flags.writeable for values in found.arrays.values())
        assert found["counts"].flags.owndata  # or a Dataset would copy them
    assert compute.times == 1
    cache.cached("spikes", KEY | {"bins": 11}, compute)
    cache.cached("counts", KEY, compute)
    assert compute.times == 3
    assert len(stored()) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-40],
        lambda content: b"",
        lambda content: os.urandom(500),
        lambda content: content[:300] + bytes(30) + content[330:],
    ],
    ids=["cut", "empty", "another", "zeros"],
)
def test_a_damaged_file_is_computed_anew_with_a_note(
    damage: Callable[[bytes], bytes], compute: Counted, capfd: pytest.CaptureFixture[str]
) -> None:
    cache.cached("spikes", KEY, compute)
    (path,) = stored()
    path.write_bytes(damage(path.read_bytes()))
    again = cache.cached("spikes", KEY, compute)
    assert same(again)
    (note,) = again.notes
    assert "spikes" in note
    assert str(cache.folder()) in note
    assert cache.cached("spikes", KEY, compute).notes == ()
    assert compute.times == 2
    assert capfd.readouterr() == ("", "")


def test_every_changed_byte_is_noticed_or_changes_nothing(compute: Counted) -> None:
    cache.cached("spikes", KEY, compute)
    (path,) = stored()
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        assert same(cache.cached("spikes", KEY, compute))


def test_a_folder_that_cannot_be_written_is_a_note_and_not_an_error(
    compute: Counted, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file in place of the folder")
    for times in (1, 2):
        found = cache.cached("spikes", KEY, compute)
        (note,) = found.notes
        assert str(cache.folder()) in note
        assert "XDG_CACHE_HOME" in note
        assert same(found)
        assert compute.times == times


RUN = """
import signal, sys
import numpy as np
from neurodeploy.data import cache
{before}
def compute():
    return {{"a": np.random.default_rng(0).integers(0, 255, {size}, np.uint8)}}
found = cache.cached("spikes", {{"a": 1}}, compute)
print(int(found["a"].sum()), *found.notes, sep="\\n")
"""


def run(size: int, before: str = "") -> subprocess.Popen[str]:
    """Cache an array in another process."""
    code = RUN.format(size=size, before=before)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("compute")
def test_a_full_disk_is_a_note_and_leaves_nothing() -> None:
    limit = (
        "import resource; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    )
    total, note = str(run(1_000_000, limit).communicate()[0]).splitlines()
    assert "File too large" in note
    assert not [path for path in cache.folder().rglob("output.pkl*") if path.is_file()]
    assert str(run(1_000_000).communicate()[0]).splitlines() == [total]


@pytest.mark.usefixtures("compute")
def test_processes_may_cache_the_same_at_once() -> None:
    together = [run(3_000_000) for _ in range(4)]
    results = {str(each.communicate()[0]) for each in together}
    assert len(results) == 1
    assert results.pop().count("\n") == 1
    assert len(stored()) == 1


def test_a_killed_process_leaves_nothing_that_counts(
    compute: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = run(60_000_000)
    deadline = time.monotonic() + 60
    while not list(cache.folder().rglob("output.pkl.*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert stored() == []
    (left,) = cache.folder().rglob("output.pkl.*")
    assert str(run(1000).communicate()[0]).count("\n") == 1
    assert left.exists()  # its process might be alive
    monkeypatch.setattr(cache, "BYTES_MAX", 1)
    cache.cached("spikes", KEY, compute)
    assert not left.exists()


def test_what_was_not_used_for_longest_makes_room(
    compute: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bins in range(3):
        cache.cached("spikes", {"bins": bins}, compute)
    (newest, *others) = stored()
    os.utime(newest, (4, 4))
    for at, path in enumerate(others):
        os.utime(path, (at, at))
    size = sum(path.stat().st_size for path in newest.parent.iterdir())
    monkeypatch.setattr(cache, "BYTES_MAX", int(2.5 * size))
    cache.cached("spikes", {"bins": 3}, compute)
    assert newest in stored()
    assert len(stored()) == 2


def test_a_fingerprint_tells_folders_names_sizes_and_times(tmp_path: Path) -> None:
    home = tmp_path / "home"
    paths = [home / "3" / "a", home / "4" / "a", home / "4" / "b"]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
        os.utime(path, ns=(1, 1))
    before = cache.fingerprint(paths, home)
    assert cache.fingerprint(reversed(paths), home) == before
    assert len({cache.fingerprint([path], home) for path in paths}) == 3
    os.utime(paths[1], ns=(2, 2))
    assert cache.fingerprint(paths, home) != before
    os.utime(paths[1], ns=(1, 1))
    home.rename(tmp_path / "moved")
    moved = [tmp_path / "moved" / path.relative_to(home) for path in paths]
    assert cache.fingerprint(moved, tmp_path / "moved") == before
    moved[0].write_text("texts")
    os.utime(moved[0], ns=(1, 1))
    assert cache.fingerprint(moved, tmp_path / "moved") != before
    with pytest.raises(FileNotFoundError, match="gone"):  # `Task.load` names it
        cache.fingerprint([tmp_path / "gone"], tmp_path)


def dataset_of(count: int, **changes: Any) -> Dataset:
    """Return samples of 3 channels and 5 steps, 15 bits each: no whole number of bytes."""
    values = np.random.default_rng(1).normal(0, 1, (count, 3, 5)).astype(np.float32)
    parts = np.resize([TRAIN, TEST], count)
    args = (values, np.zeros(count, np.int64), None, ("one",), ("x", "y", "z"), None, "made up")
    return Dataset(*args, parts=parts, **changes)


@pytest.fixture
def slow(compute: Counted) -> type[Delta]:
    """Return an encoder whose spikes are cached, which counts the samples that it encodes."""
    cache._packed.cache_clear()

    class Slow(Delta):
        cached: ClassVar[bool] = True
        encoded: ClassVar[int] = 0

        def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
            type(self).encoded += len(signals)
            return super()._spikes(signals)

    return Slow


def test_cached_spikes_are_those_of_the_encoder_and_computed_once(slow: type[Any]) -> None:
    chosen = np.array([299, 4, 4, 0, 256])
    plain = Delta((0.3,)).encode(dataset_of(300).signals)
    for _ in range(2):  # the second time as another process does
        dataset, encoder = dataset_of(300, notes=("read again",)), slow((0.3,))
        samples = encode_samples(dataset, encoder, chosen)
        np.testing.assert_array_equal(samples.spikes, plain[chosen])
        assert samples.spikes.dtype == np.uint8
        assert encode_samples(dataset, encoder, []).spikes.shape == (0, 6, 5)
        cache._packed.cache_clear()
    assert slow.encoded == 300


def test_other_data_parameters_or_versions_are_encoded_anew(
    slow: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, threshold in ((4, 0.3), (4, 0.4), (5, 0.3), (4, 0.3)):
        encode_samples(dataset_of(count), slow((threshold,)), [0])
    assert slow.encoded == 13
    monkeypatch.setattr(slow, "version", 2)
    encode_samples(dataset_of(4), slow((0.3,)), [0])
    assert slow.encoded == 17
