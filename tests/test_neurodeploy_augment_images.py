"""Varied images: turned, stretched and moved as the formula says, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from neurodeploy.tasks.augment import VaryImages

GRID = (6, 7)


class Drawn:
    """Stands for a generator: gives one angle in degrees, logarithms of stretches, and shifts."""

    def __init__(self, angle: float = 0, stretch: tuple[float, float] = (0, 0), **shift: float):
        self.values = [angle, stretch, (shift.get("down", 0), shift.get("right", 0))]

    def normal(self, mean: float, deviation: float, size: Any) -> NDArray[np.float64]:
        """Return the next values, alike for all images."""
        next_ = np.array(self.values.pop(0), float)
        return np.broadcast_to(next_[..., None] if next_.ndim else next_, size)


def vary(signals: NDArray[np.uint8], grid: tuple[int, int] = GRID, **drawn: Any) -> NDArray[Any]:
    """Return the images after one certain variation."""
    return VaryImages(grid)(signals, Drawn(**drawn)).reshape(-1, *grid)  # type: ignore[arg-type]


@pytest.fixture
def signals() -> NDArray[np.uint8]:
    """Return 50 images of 6 x 7 pixels, each value drawn by itself."""
    drawn = np.random.default_rng(0).integers(0, 256, (50, 42, 1))
    return drawn.astype(np.uint8)


@pytest.fixture
def images(signals: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the same with rows and columns."""
    return signals.reshape(-1, *GRID)


def test_without_any_deviation_images_stay(signals: NDArray[np.uint8]) -> None:
    still = VaryImages(GRID, rotation_deg=0, stretch=0, shift=0)
    assert np.array_equal(still(signals, np.random.default_rng(0)), signals)


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, -2), (-3, 4), (6, 0), (-100, 100)])
def test_a_shift_by_whole_pixels_moves_them_and_lets_nothing_in(
    signals: NDArray[np.uint8], images: NDArray[np.uint8], down: int, right: int
) -> None:
    expected = np.zeros_like(images)  # pixel (y, x) is read at (y + down, x + right)
    for y, x in np.ndindex(GRID):
        if 0 <= y + down < GRID[0] and 0 <= x + right < GRID[1]:
            expected[:, y, x] = images[:, y + down, x + right]
    assert np.array_equal(vary(signals, down=down, right=right), expected)


def test_between_pixels_the_nearer_counts_more() -> None:
    row = np.array([[0, 100, 200, 40]], np.uint8).reshape(1, 4, 1)
    assert vary(row, (1, 4), right=0.25).tolist() == [[[25, 125, 160, 30]]]
    assert vary(row, (1, 4), right=-0.25).tolist() == [[[0, 75, 175, 80]]]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_is_that_of_numpy(quarters: int) -> None:
    square = np.random.default_rng(1).integers(0, 256, (5, 36, 1)).astype(np.uint8)
    turned = vary(square, (6, 6), angle=90 * quarters)
    plain = square.reshape(5, 6, 6)
    # (y', x') = R (y, x): pixel (0, 1) right of the centre is read at (-1, 0) above it.
    assert np.array_equal(turned, np.rot90(plain, -quarters, axes=(1, 2)))


@pytest.mark.parametrize(
    "drawn",
    [
        {"angle": 8.0},
        {"angle": -37.0},
        {"stretch": (0.3, -0.2)},
        {"angle": 20.0, "stretch": (-0.1, 0.25), "down": 0.7, "right": -1.3},
    ],
    ids=repr,
)
def test_images_are_read_where_scipy_reads_them(
    signals: NDArray[np.uint8], images: NDArray[np.uint8], drawn: dict[str, Any]
) -> None:
    angle = np.radians(drawn.get("angle", 0.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.exp(drawn.get("stretch", (0, 0)))[:, None] * turn
    centre = (np.array(GRID) - 1) / 2
    shift = (drawn.get("down", 0), drawn.get("right", 0))
    framed = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(float)  # as scipy stops at the edge
    offset = 2 + centre + shift - matrix @ centre
    expected = [
        ndimage.affine_transform(
            image, matrix, offset, output_shape=GRID, order=1, mode="constant", cval=0
        )
        for image in framed
    ]
    assert np.abs(vary(signals, **drawn) - np.array(expected)).max() <= 0.51  # rounded


def test_what_comes_in_from_outside_is_zero() -> None:
    bright = np.full((3, 42, 1), 255, np.uint8)
    small = vary(bright, stretch=(np.log(3), np.log(3)))  # read at three times the distance
    assert (small[:, [0, -1]] == 0).all()
    assert (small[:, 2:4, 3] == 255).all()


def test_each_image_is_varied_by_itself(signals: NDArray[np.uint8]) -> None:
    changed = signals.copy()
    changed[7] = 0
    one, other = (VaryImages(GRID)(each, np.random.default_rng(3)) for each in (signals, changed))
    assert not other[7].any()
    assert np.array_equal(np.delete(one, 7, axis=0), np.delete(other, 7, axis=0))
    alike = VaryImages(GRID)(np.repeat(signals[:1], 20, axis=0), np.random.default_rng(3))
    assert len(np.unique(alike, axis=0)) == 20


def test_the_same_generator_gives_the_same_and_another_does_not(
    signals: NDArray[np.uint8],
) -> None:
    first, again, other = (VaryImages(GRID)(signals, np.random.default_rng(k)) for k in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("count", [0, 1, 50])
def test_type_and_shape_stay_and_so_do_the_images_that_are_given(
    signals: NDArray[np.uint8], count: int
) -> None:
    given = signals[:count]
    before = given.copy()
    varied = VaryImages(GRID)(given, np.random.default_rng(0))
    assert varied.dtype == np.uint8
    assert varied.shape == (count, 42, 1)
    assert np.array_equal(given, before)


def test_deviations_are_those_that_are_set() -> None:
    vary_images = VaryImages((1, 1), rotation_deg=0, stretch=0, shift=2.0)
    y, x = vary_images._places(np.random.default_rng(0), 20_000)
    assert np.std(y) == pytest.approx(2.0, rel=0.05)
    assert np.std(x) == pytest.approx(2.0, rel=0.05)
    y, x = VaryImages((3, 3), rotation_deg=8.0, stretch=0, shift=0)._places(
        np.random.default_rng(0), 20_000
    )
    turned = np.degrees(np.arctan2(y[:, 5] - 1, x[:, 5] - 1))  # the pixel right of the centre
    assert np.std(turned) == pytest.approx(8.0, rel=0.05)
    y, _ = VaryImages((3, 3), rotation_deg=0, stretch=0.08, shift=0)._places(
        np.random.default_rng(0), 20_000
    )
    assert np.std(np.log(y[:, 7] - 1)) == pytest.approx(0.08, rel=0.05)
