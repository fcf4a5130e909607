"""Variations of images, recordings and worn sensors: what they change, and what they keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from neurodeploy.data import augment
from neurodeploy.data.augment import VaryImages, vary_speaking, vary_wearing, vary_wrist
from neurodeploy.models.errors import InputError

GRID = (6, 7)
Vary = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """Return 50 images of 6 x 7 pixels, each value drawn by itself."""
    return np.random.default_rng(0).integers(0, 256, (50, 42, 1)).astype(np.uint8)


@pytest.fixture
def tones() -> NDArray[np.float32]:
    """Return 200 tones of 20 periods in 2,000 samples, with 6,000 samples of silence behind."""
    signals = np.zeros((200, 1, 8000), np.float32)
    signals[:, 0, :2000] = 0.5 * np.cos(2 * np.pi * np.arange(2000) / 100)
    return signals


@pytest.fixture
def worn() -> NDArray[np.float32]:
    """Return 40 samples of two sensors, 6 channels, 64 steps."""
    return np.random.default_rng(3).normal(0, 1, (40, 6, 64)).astype(np.float32)


@pytest.mark.parametrize(
    ("vary", "fixture"),
    [
        (VaryImages(GRID), "images"),
        (vary_speaking, "tones"),
        (vary_wearing, "worn"),
        (vary_wrist, "worn"),
    ],
)
def test_each_keeps_shape_type_and_arguments_and_draws_from_the_generator(
    vary: Vary, fixture: str, request: pytest.FixtureRequest
) -> None:
    signals = request.getfixturevalue(fixture)
    before = signals.copy()
    signals.setflags(write=False)
    first, again, other = (vary(signals, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.shape, first.dtype) == (signals.shape, signals.dtype)
    assert np.isfinite(first).all()
    assert np.array_equal(signals, before)
    alike = vary(np.repeat(signals[:1], 20, axis=0), np.random.default_rng(3))
    assert len(np.unique(alike, axis=0)) == 20  # each sample by itself
    for count in (0, 1):
        assert vary(signals[:count], np.random.default_rng(0)).shape == (count, *signals.shape[1:])


class Drawn:
    """Stands for a generator: gives one angle in degrees, logarithms of stretches, and shifts."""

    def __init__(self, angle: float = 0, stretch: tuple[float, float] = (0, 0), **shift: float):
        self.values = [angle, stretch, (shift.get("down", 0), shift.get("right", 0))]

    def normal(self, mean: float, deviation: float, size: Any) -> NDArray[np.float64]:
        """Return the next values, alike for all images."""
        next_ = np.array(self.values.pop(0), float)
        return np.broadcast_to(next_[..., None] if next_.ndim else next_, size)


def varied(signals: NDArray[np.uint8], grid: tuple[int, int] = GRID, **drawn: Any) -> NDArray[Any]:
    """Return the images after one certain variation."""
    return VaryImages(grid)(signals, Drawn(**drawn)).reshape(-1, *grid)  # type: ignore[arg-type]


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -2), (-3, 4), (6, 0), (-100, 100)])
def test_a_shift_by_whole_pixels_moves_them_and_lets_nothing_in(
    images: NDArray[np.uint8], down: int, right: int
) -> None:
    plain = images.reshape(-1, *GRID)
    expected = np.zeros_like(plain)  # pixel (y, x) is read at (y + down, x + right)
    for y, x in np.ndindex(GRID):
        if 0 <= y + down < GRID[0] and 0 <= x + right < GRID[1]:
            expected[:, y, x] = plain[:, y + down, x + right]
    assert np.array_equal(varied(images, down=down, right=right), expected)


def test_between_pixels_the_nearer_counts_more() -> None:
    row = np.array([[0, 100, 200, 40]], np.uint8).reshape(1, 4, 1)
    assert varied(row, (1, 4), right=0.25).tolist() == [[[25, 125, 160, 30]]]
    assert varied(row, (1, 4), right=-0.25).tolist() == [[[0, 75, 175, 80]]]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_is_that_of_numpy(quarters: int) -> None:
    square = np.random.default_rng(1).integers(0, 256, (5, 36, 1)).astype(np.uint8)
    turned = varied(square, (6, 6), angle=90 * quarters)
    # (y', x') = R (y, x): pixel (0, 1) right of the centre is read at (-1, 0) above it.
    assert np.array_equal(turned, np.rot90(square.reshape(5, 6, 6), -quarters, axes=(1, 2)))


@pytest.mark.parametrize(
    "drawn",
    [
        {"angle": 8.0},
        {"angle": -37.0},
        {"stretch": (0.3, -0.2)},
        {"stretch": (np.log(3), np.log(3))},
        {"angle": 20.0, "stretch": (-0.1, 0.25), "down": 0.7, "right": -1.3},
    ],
    ids=repr,
)
def test_images_are_read_where_scipy_reads_them(
    images: NDArray[np.uint8], drawn: dict[str, Any]
) -> None:
    angle = np.radians(drawn.get("angle", 0.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.exp(drawn.get("stretch", (0, 0)))[:, None] * turn
    centre = (np.array(GRID) - 1) / 2
    shift = (drawn.get("down", 0), drawn.get("right", 0))
    framed = np.pad(images.reshape(-1, *GRID), ((0, 0), (2, 2), (2, 2))).astype(float)
    offset = 2 + centre + shift - matrix @ centre  # a frame, as scipy stops at the edge
    expected = [
        ndimage.affine_transform(
            image, matrix, offset, output_shape=GRID, order=1, mode="constant", cval=0
        )
        for image in framed
    ]
    assert np.abs(varied(images, **drawn) - np.array(expected)).max() <= 0.51  # rounded


def test_deviations_of_images_are_those_that_are_set() -> None:
    def places(side: int, **deviations: float) -> Any:
        still = {"rotation_deg": 0.0, "stretch": 0.0, "shift": 0.0}
        vary = VaryImages((side, side), **(still | deviations))
        return vary._places(np.random.default_rng(0), 20_000)

    y, x = places(1, shift=2.0)
    assert (np.std(y), np.std(x)) == pytest.approx((2.0, 2.0), rel=0.05)
    y, x = places(3, rotation_deg=8.0)
    turned = np.degrees(np.arctan2(y[:, 5] - 1, x[:, 5] - 1))  # the pixel right of the centre
    assert np.std(turned) == pytest.approx(8.0, rel=0.05)
    y, _ = places(3, stretch=0.08)
    assert np.std(np.log(y[:, 7] - 1)) == pytest.approx(0.08, rel=0.05)


def played(monkeypatch: pytest.MonkeyPatch, *, speed: bool, move: tuple[int, int]) -> None:
    """Leave out the noise and maybe the change of speed, and choose how recordings are moved."""
    monkeypatch.setattr(augment, "NOISE_DB", (10_000.0, 10_000.0))
    monkeypatch.setattr(augment, "EARLIER", -move[0])
    monkeypatch.setattr(augment, "LATER", move[1])
    if not speed:
        monkeypatch.setattr(augment, "SPEED_SPREAD", 0.0)


@pytest.mark.parametrize("move", [-30, 0, 450, 6500])
def test_a_recording_is_moved_and_silence_comes_before_it(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch, move: int
) -> None:
    played(monkeypatch, speed=False, move=(move, move))
    moved = vary_speaking(tones, np.random.default_rng(0))
    expected = np.zeros_like(tones)
    end = min(2000, 8000 - move)  # what moves out is lost
    expected[:, :, max(move, 0) : end + move] = tones[:, :, max(-move, 0) : end]
    assert np.array_equal(moved, expected)


def test_the_pitch_falls_as_the_length_grows_in_all_channels_alike(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, speed=True, move=(0, 0))
    both = vary_speaking(np.concatenate([tones, -tones], axis=1), np.random.default_rng(0))
    assert np.array_equal(both[:, 0], -both[:, 1])
    lengths = np.array([np.flatnonzero(each)[-1] + 1 for each in both[:, 0]])
    peaks = np.abs(np.fft.rfft(both[:, 0], 65536)).argmax(axis=1) / 65536
    assert peaks * lengths == pytest.approx(20, rel=0.02)  # periods
    assert np.log(lengths / 2000).std() == pytest.approx(augment.SPEED_SPREAD, rel=0.2)


def test_the_noise_lies_below_the_recording_by_the_decibels_drawn(
    tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, speed=False, move=(0, 0))
    monkeypatch.setattr(augment, "NOISE_DB", (20.0, 60.0))
    tones[0] = 0
    noise = (vary_speaking(tones, np.random.default_rng(0)) - tones)[1:]
    below = 10 * np.log10((tones[1:] ** 2).mean(axis=(1, 2)) / (noise**2).mean(axis=(1, 2)))
    assert (below.min(), below.max()) == pytest.approx((20, 60), abs=1)
    assert below.mean() == pytest.approx(40, abs=3)
    assert np.abs(np.corrcoef(noise[:2, 0])[0, 1]) < 0.05
    assert not vary_speaking(tones, np.random.default_rng(0))[0].any()  # silence stays silence


def alone(monkeypatch: pytest.MonkeyPatch, **spread: float) -> None:
    """Vary worn sensors in one way only."""
    for name in ("ROTATION_DEG", "GAIN_SPREAD", "WARP_SPREAD"):
        monkeypatch.setattr(augment, name, spread.get(name, 0.0))


def test_rotations_are_proper_and_their_angles_spread_as_stated() -> None:
    turns = augment.rotations(np.random.default_rng(0), 2000).astype(np.float64)
    assert np.allclose(turns @ turns.transpose(0, 2, 1), np.eye(3), atol=1e-6)
    assert np.allclose(np.linalg.det(turns), 1, atol=1e-6)
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert np.sqrt((angles**2).mean()) == pytest.approx(augment.ROTATION_DEG, rel=0.1)

    class Draws:
        """A quarter turn about z."""

        def normal(self, *args: float, size: tuple[int, int] | None = None) -> NDArray[np.floating]:
            return np.full(1, 90.0) if size is None else np.array([[0.0, 0.0, 2.0]])

    turn = augment.rotations(Draws(), 1)[0]  # type: ignore[arg-type]
    assert np.allclose(turn @ [1, 0, 0], [0, 1, 0], atol=1e-6)
    assert np.allclose(turn @ [0, 0, 1], [0, 0, 1], atol=1e-6)


def test_turning_keeps_the_length_of_vectors_and_turns_both_sensors_alike(
    worn: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, ROTATION_DEG=20.0)
    worn[:, 3:] = worn[:, :3]
    turned = vary_wearing(worn, np.random.default_rng(0))
    lengths = [np.linalg.norm(each.reshape(40, 2, 3, -1), axis=2) for each in (worn, turned)]
    assert np.allclose(*lengths, atol=1e-4)
    assert not np.allclose(turned, worn, atol=0.1)
    assert np.allclose(turned[:, 3:], turned[:, :3], atol=1e-5)


def test_the_gain_leaves_the_mean_of_a_sample_where_it_is(
    worn: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, GAIN_SPREAD=augment.GAIN_SPREAD)
    louder = vary_wearing(worn, np.random.default_rng(0))
    assert np.allclose(louder.mean(axis=2), worn.mean(axis=2), atol=1e-5)
    ratio = louder.std(axis=2) / worn.std(axis=2)
    assert np.allclose(ratio, ratio[:, :1], atol=1e-4)
    assert 0.05 < np.log(ratio[:, 0]).std() < 0.2


def test_warped_time_is_a_straight_line_through_the_middle_held_at_the_ends(
    worn: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, WARP_SPREAD=0.5)
    ramp = np.broadcast_to(np.arange(65, dtype=np.float32), (50, 3, 65))
    warped = vary_wearing(ramp, np.random.default_rng(0))
    assert np.allclose(warped[:, :, 32], 32, atol=1e-4)
    slope = warped[:, 0, 33] - warped[:, 0, 32]
    assert slope.min() < 0.8
    assert slope.max() > 1.2
    expected = np.clip(32 + (np.arange(65) - 32) * slope[:, None], 0, 64)
    assert np.allclose(warped, expected[:, None], atol=1e-2)
    squeezed = vary_wearing(worn, np.random.default_rng(0))
    ends = np.isclose(squeezed[:, :, [0, -1]], worn[:, :, [0, -1]], atol=1e-5).all(axis=(1, 2))
    assert 10 < ends.sum() < 30


def test_about_half_of_the_samples_are_of_the_other_wrist_whose_arms_mirror_each_other(
    worn: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch)
    mirrored = vary_wrist(worn, np.random.default_rng(0))
    same = np.isclose(mirrored, worn, atol=1e-5).all(axis=(1, 2))
    assert 10 < same.sum() < 30
    across = np.array([-1, 1, 1], np.float32)[:, None]
    other, were = mirrored[~same], worn[~same]
    assert np.allclose(other[:, :3], were[:, :3] * across, atol=1e-5)
    # What a turning sensor measures of a fixed direction, da/dt = -w x a, holds in the mirror too.
    for at in range(0, 64, 9):
        seen = np.cross(were[:, 3:, at], were[:, :3, at]) * across[:, 0]
        assert np.allclose(np.cross(other[:, 3:, at], other[:, :3, at]), seen, atol=1e-4)


@pytest.mark.parametrize(
    ("vary", "channels"), [*((vary_wearing, n) for n in (1, 2, 4, 7)), (vary_wrist, 3)]
)
def test_channels_that_are_no_such_sensors_are_refused(vary: Vary, channels: int) -> None:
    with pytest.raises(InputError, match=f"signals have {channels} channels"):
        vary(np.zeros((2, channels, 8), np.float32), np.random.default_rng(0))
