"""Varied recordings: what is changed, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.tasks import augment
from neurodeploy.tasks.augment import vary_speaking


@pytest.fixture
def tones() -> NDArray[np.float32]:
    """Return 200 tones of 20 periods in 2,000 samples, with 6,000 samples of silence behind."""
    signals = np.zeros((200, 1, 8000), np.float32)
    signals[:, 0, :2000] = 0.5 * np.cos(2 * np.pi * np.arange(2000) / 100)
    return signals


def played(monkeypatch: pytest.MonkeyPatch, *, speed: bool, move: tuple[int, int]) -> None:
    """Leave out the noise and maybe the change of speed, and choose how recordings are moved."""
    monkeypatch.setattr(augment, "NOISE_DB", (10_000.0, 10_000.0))
    monkeypatch.setattr(augment, "EARLIER", -move[0])
    monkeypatch.setattr(augment, "LATER", move[1])
    if not speed:
        monkeypatch.setattr(augment, "SPEED_SPREAD", 0.0)


def test_without_a_change_of_speed_or_time_the_recordings_stay(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, speed=False, move=(0, 0))
    assert np.array_equal(vary_speaking(tones, np.random.default_rng(0)), tones)


@pytest.mark.parametrize("move", [-30, 450])
def test_a_recording_is_moved_and_silence_comes_before_it(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch, move: int
) -> None:
    played(monkeypatch, speed=False, move=(move, move))
    moved = vary_speaking(tones, np.random.default_rng(0))
    expected = np.zeros_like(tones)
    expected[:, :, max(move, 0) : 2000 + move] = tones[:, :, max(-move, 0) : 2000]
    assert np.array_equal(moved, expected)


def test_what_moves_out_at_the_end_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, speed=False, move=(5, 5))
    full = np.arange(1, 13, dtype=np.float32).reshape(1, 1, 12)
    moved = vary_speaking(full, np.random.default_rng(0))
    assert moved[0, 0].tolist() == [0] * 5 + [1, 2, 3, 4, 5, 6, 7]


def test_the_pitch_falls_as_the_length_grows(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, speed=True, move=(0, 0))
    varied = vary_speaking(tones, np.random.default_rng(0))[:, 0]
    lengths = np.array([np.flatnonzero(each)[-1] + 1 for each in varied])
    peaks = np.abs(np.fft.rfft(varied, 65536)).argmax(axis=1) / 65536
    assert peaks * lengths == pytest.approx(20, rel=0.02)  # periods
    assert np.log(lengths / 2000).std() == pytest.approx(augment.SPEED_SPREAD, rel=0.2)


def test_the_noise_lies_below_the_recording_by_the_decibels_drawn(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, speed=False, move=(0, 0))
    monkeypatch.setattr(augment, "NOISE_DB", (20.0, 60.0))
    noise = vary_speaking(tones, np.random.default_rng(0)) - tones
    below = 10 * np.log10((tones**2).mean(axis=(1, 2)) / (noise**2).mean(axis=(1, 2)))
    assert below.min() == pytest.approx(20, abs=1)
    assert below.max() == pytest.approx(60, abs=1)
    assert below.mean() == pytest.approx(40, abs=3)
    assert np.abs(np.corrcoef(noise[:2, 0])[0, 1]) < 0.05


def test_silence_stays_silence_and_the_arguments_stay(tones: NDArray[np.float32]) -> None:
    before = tones.copy()
    tones[0] = before[0] = 0
    varied = vary_speaking(tones, np.random.default_rng(0))
    assert not varied[0].any()
    assert varied.dtype == np.float32
    assert np.array_equal(tones, before)


def test_the_same_generator_gives_the_same_and_another_does_not(
    tones: NDArray[np.float32],
) -> None:
    first, again, other = (vary_speaking(tones, np.random.default_rng(s)) for s in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_channels_of_one_recording_are_varied_alike(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, speed=True, move=(-200, 800))
    both = np.concatenate([tones, -tones], axis=1)
    varied = vary_speaking(both, np.random.default_rng(1))
    assert np.array_equal(varied[:, 0], -varied[:, 1])
