"""What decides about a run's figures: all that does, and nothing that depends on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import code, keys
from neurodeploy.tasks.augment import VaryImages, vary_wearing, vary_wrist


def windows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 6, 50)).astype(np.float32)


def test_the_last_digits_of_a_sketch_do_not_count() -> None:
    one = {"varied": keys.sketch(windows()), "rates": [0.003]}
    almost = {"varied": keys.sketch(windows() * np.float32(1 + 1e-6)), "rates": [0.003]}
    other = {"varied": keys.sketch(windows() * np.float32(1.01)), "rates": [0.0030001]}
    assert keys.differences(one, almost) == []
    assert keys.differences(one, other) == ["rates", "varied"]
    silent = {"varied": keys.sketch(np.zeros((2, 1, 4), np.uint8))}
    assert keys.differences(silent, silent) == []


def test_a_spike_more_in_one_window_does_not_count() -> None:
    spikes = (np.random.default_rng(1).random((64, 33, 128)) < 0.05).astype(np.uint8)
    more = spikes.copy()
    more[0, 0, 0] ^= 1
    fewer = spikes.copy()
    fewer[:, 3] = 0
    sketch = {"encoded": keys.sketch(spikes)}
    assert keys.differences(sketch, {"encoded": keys.sketch(more)}) == []
    assert keys.differences(sketch, {"encoded": keys.sketch(fewer)}) == ["encoded"]


def test_variations_that_keep_the_size_of_signals_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from neurodeploy.tasks import augment

    def sketch_of(vary: object) -> list[float]:
        return keys.sketch(vary(windows(), np.random.default_rng(0)))  # type: ignore[operator]

    askew, wrist = sketch_of(vary_wearing), sketch_of(vary_wrist)
    monkeypatch.setattr(augment, "ROTATION_DEG", 21.0)
    turned = sketch_of(vary_wearing)
    moved = keys.sketch(np.roll(windows(), 1, axis=2))
    plain = keys.sketch(windows())
    for one, other in ((askew, wrist), (askew, turned), (plain, moved)):
        assert keys.differences({"varied": one}, {"varied": other}) == ["varied"]


def test_a_variation_is_described_by_its_name_and_numbers() -> None:
    assert keys.described(None) is None
    assert keys.described(vary_wrist) == "vary_wrist"
    found = keys.described(VaryImages((8, 8), shift=0.5))
    assert (found["name"], found["shift"]) == ("VaryImages", 0.5)


def test_a_split_counts_with_the_bounds_of_its_parts() -> None:
    rows = np.arange(5)
    assert keys._sha256(rows[:3], rows[3:]) != keys._sha256(rows[:2], rows[2:])


def test_keys_are_compared_as_json_has_them() -> None:
    kept = json.loads(json.dumps({"a": (1, 2), "b": 1}))
    assert keys.differences(kept, {"a": (1, 2), "b": 2, "c": 3}) == ["b", "c"]


def test_code_counts_without_comments_and_docstrings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "ROOT", tmp_path)
    digests = []
    for text in ('"""One."""\nX = 1', "# two\n\nX = 1\n", '"""One."""\nX = 2'):
        (tmp_path / "file.py").write_text(text)
        digests.append(code.digest(("file.py",)))
    assert digests[0] == digests[1] != digests[2]


def test_costs_of_chips_count_as_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "ROOT", tmp_path)
    (tmp_path / "folder" / "costs").mkdir(parents=True)
    digests = set()
    for text in ("{}", '{"a": 1}'):
        (tmp_path / "folder" / "costs" / "chip.json").write_text(text)
        digests.add(code.digest(("folder",)))
    assert len(digests) == 2


def test_code_that_changes_while_the_benchmark_runs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.accuracy.models import MODELS

    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setattr(code, "places_of", lambda _: ("file.py",))
    (tmp_path / "file.py").write_text("X = 1")
    assert code.unchanged(MODELS["axonal"])
    (tmp_path / "file.py").write_text("X = 2")
    assert not code.unchanged(MODELS["axonal"])
    code._first_digest.cache_clear()
