"""Varied copies of signals: what they keep and what they change."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import augment


@pytest.fixture
def signals() -> NDArray[np.float32]:
    """Return 40 windows of two sensors, 6 channels, 64 samples."""
    rng = np.random.default_rng(3)
    return rng.normal(0, 1, (40, 6, 64)).astype(np.float32)


@pytest.fixture
def turned_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave time and gain alone."""
    monkeypatch.setattr(augment, "GAIN_SPREAD", 0.0)
    monkeypatch.setattr(augment, "WARP_SPREAD", 0.0)


@pytest.fixture
def warped_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave directions and gain alone, and warp strongly."""
    monkeypatch.setattr(augment, "ROTATION_DEG", 0.0)
    monkeypatch.setattr(augment, "GAIN_SPREAD", 0.0)
    monkeypatch.setattr(augment, "WARP_SPREAD", 0.5)


def norms(signals: NDArray[np.float32]) -> NDArray[np.floating]:
    """Return the length of each sensor's vector, (windows, sensors, samples)."""
    return np.linalg.norm(signals.reshape(len(signals), 2, 3, -1), axis=2)


def test_rotations_are_proper_and_their_angles_spread_as_stated() -> None:
    turns = augment.rotations(np.random.default_rng(0), 2000).astype(np.float64)
    assert np.allclose(turns @ turns.transpose(0, 2, 1), np.eye(3), atol=1e-6)
    assert np.allclose(np.linalg.det(turns), 1, atol=1e-6)
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert np.sqrt((angles**2).mean()) == pytest.approx(augment.ROTATION_DEG, rel=0.1)


def test_a_rotation_is_about_its_axis_by_rodrigues_formula() -> None:
    class Draws:
        """A quarter turn about z."""

        def normal(self, *args: float, size: tuple[int, int] | None = None) -> NDArray[np.floating]:
            return np.full(1, 90.0) if size is None else np.array([[0.0, 0.0, 2.0]])

    turn = augment.rotations(Draws(), 1)[0]  # type: ignore[arg-type]
    assert np.allclose(turn @ [1, 0, 0], [0, 1, 0], atol=1e-6)
    assert np.allclose(turn @ [0, 0, 1], [0, 0, 1], atol=1e-6)


@pytest.mark.usefixtures("turned_only")
def test_turning_keeps_the_length_of_each_sensors_vector(signals: NDArray[np.float32]) -> None:
    varied = augment.vary_wearing(signals, np.random.default_rng(0))
    assert np.allclose(norms(varied), norms(signals), atol=1e-4)
    assert not np.allclose(varied, signals, atol=0.1)


@pytest.mark.usefixtures("turned_only")
def test_both_sensors_of_a_window_turn_alike_and_each_window_otherwise(
    signals: NDArray[np.float32],
) -> None:
    signals[:, 3:] = signals[:, :3]
    signals[:] = signals[:1]
    varied = augment.vary_wearing(signals, np.random.default_rng(0))
    assert np.allclose(varied[:, 3:], varied[:, :3], atol=1e-5)
    assert np.abs(varied[1:] - varied[:1]).max(axis=(1, 2)).min() > 0.01


def test_the_gain_leaves_the_mean_of_a_window_where_it_is(
    signals: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augment, "ROTATION_DEG", 0.0)
    monkeypatch.setattr(augment, "WARP_SPREAD", 0.0)
    varied = augment.vary_wearing(signals, np.random.default_rng(0))
    assert np.allclose(varied.mean(axis=2), signals.mean(axis=2), atol=1e-5)
    ratio = varied.std(axis=2) / signals.std(axis=2)
    assert np.allclose(ratio, ratio[:, :1], atol=1e-4)
    assert 0.05 < np.log(ratio[:, 0]).std() < 0.2


@pytest.mark.usefixtures("warped_only")
def test_warped_time_is_a_straight_line_through_the_middle_held_at_the_ends() -> None:
    ramp = np.broadcast_to(np.arange(65, dtype=np.float32), (50, 3, 65))
    varied = augment.vary_wearing(ramp, np.random.default_rng(0))
    assert np.allclose(varied[:, :, 32], 32, atol=1e-4)
    slope = varied[:, 0, 33] - varied[:, 0, 32]
    assert slope.min() < 0.8
    assert slope.max() > 1.2
    expected = np.clip(32 + (np.arange(65) - 32) * slope[:, None], 0, 64)
    assert np.allclose(varied, expected[:, None], atol=1e-2)


@pytest.mark.usefixtures("warped_only")
def test_squeezed_time_keeps_the_first_and_the_last_value(signals: NDArray[np.float32]) -> None:
    varied = augment.vary_wearing(signals, np.random.default_rng(0))
    ends = np.isclose(varied[:, :, [0, -1]], signals[:, :, [0, -1]], atol=1e-5).all(axis=(1, 2))
    assert 10 < ends.sum() < 30


def test_the_same_generator_varies_alike_and_another_otherwise(
    signals: NDArray[np.float32],
) -> None:
    first, again, other = (
        augment.vary_wearing(signals, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("shape", [(4, 6, 128), (4, 3, 128), (1, 3, 1)])
def test_shape_and_type_stay_and_the_signals_are_not_touched(shape: tuple[int, ...]) -> None:
    signals = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    signals.setflags(write=False)
    varied = augment.vary_wearing(signals, np.random.default_rng(0))
    assert varied.shape == shape
    assert varied.dtype == np.float32
    assert varied.flags.c_contiguous
    assert np.isfinite(varied).all()


@pytest.mark.parametrize("shape", [(0, 6, 128), (0, 3, 1), (4, 6, 0), (4, 0, 128)])
def test_no_windows_samples_or_channels_stay_none(shape: tuple[int, ...]) -> None:
    varied = augment.vary_wearing(np.zeros(shape, np.float32), np.random.default_rng(0))
    assert varied.shape == shape
    assert varied.dtype == np.float32


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_channels_that_are_no_sensors_of_three_axes_are_refused(channels: int) -> None:
    signals = np.zeros((2, channels, 8), np.float32)
    with pytest.raises(InputError, match=f"signals have {channels} channels; to vary how sensors"):
        augment.vary_wearing(signals, np.random.default_rng(0))


def test_about_half_of_the_windows_are_of_the_other_wrist_whose_arms_mirror_each_other(
    signals: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROTATION_DEG", "GAIN_SPREAD", "WARP_SPREAD"):
        monkeypatch.setattr(augment, name, 0.0)
    varied = augment.vary_wrist(signals, np.random.default_rng(0))
    kept = np.isclose(varied, signals, atol=1e-5).all(axis=(1, 2))
    assert 10 < kept.sum() < 30
    across = np.array([-1, 1, 1], np.float32)[:, None]
    other, were = varied[~kept], signals[~kept]
    assert np.allclose(other[:, :3], were[:, :3] * across, atol=1e-5)
    # What a turning sensor measures of a fixed direction, da/dt = -w x a, holds in the mirror too.
    for at in range(0, 64, 9):
        seen = np.cross(were[:, 3:, at], were[:, :3, at]) * across[:, 0]
        assert np.allclose(np.cross(other[:, 3:, at], other[:, :3, at]), seen, atol=1e-4)


def test_the_other_wrist_takes_an_accelerometer_and_a_gyroscope() -> None:
    with pytest.raises(InputError, match="signals have 3 channels; to vary the wrist they must ha"):
        augment.vary_wrist(np.zeros((2, 3, 8), np.float32), np.random.default_rng(0))
    none = augment.vary_wrist(np.zeros((0, 6, 8), np.float32), np.random.default_rng(0))
    assert none.shape == (0, 6, 8)
