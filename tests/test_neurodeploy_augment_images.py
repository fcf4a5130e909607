"""Varied copies of images."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.tasks.augment_images import Slant

STILL = {"turn_deg": 0.0, "stretch": 0.0, "slant": 0.0, "move": 0.0}


def draw(count: int = 6, grid: tuple[int, int] = (5, 7)) -> np.ndarray:
    """Return random images, blank at the edge."""
    images = np.zeros((count, *grid), np.uint8)
    inner = images[:, 1:-1, 1:-1]
    inner[:] = np.random.default_rng(0).integers(0, 17, inner.shape)
    return images.reshape(count, grid[0] * grid[1], 1)


def test_no_variation_leaves_images_as_they_are() -> None:
    images = draw()
    copies = Slant((5, 7), **STILL)(images, np.random.default_rng(1))
    assert copies.dtype == np.uint8
    assert np.array_equal(copies, images)


class Moves(np.random.Generator):
    """Gives set numbers in place of normal ones: 0, or `size` for what is spread by 1."""

    def __init__(self, size: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.size = size

    def normal(self, loc: float = 0, scale: float = 1, size: object = None) -> np.ndarray:  # type: ignore[override]
        return np.full(size, self.size * scale)  # type: ignore[call-overload]


def test_a_copy_moved_by_a_pixel_shows_what_lay_beside() -> None:
    images = draw()
    copies = Slant((5, 7), **(STILL | {"move": 1.0}))(images, Moves(1.0))
    there = images.reshape(-1, 5, 7)[:, 1:, 1:]
    assert np.array_equal(copies.reshape(-1, 5, 7)[:, :-1, :-1], there)
    assert not copies.reshape(-1, 5, 7)[:, -1].any()


def test_half_a_pixel_is_the_mean_of_four() -> None:
    image = np.zeros((1, 4, 1), np.uint8)
    image[0, 0] = 200
    copy = Slant((2, 2), **(STILL | {"move": 1.0}))(image, Moves(-0.5))
    assert copy.ravel().tolist() == [50, 50, 50, 50]


def test_a_quarter_turn_turns_the_image() -> None:
    images = draw(grid=(6, 6))
    copies = Slant((6, 6), **(STILL | {"turn_deg": 90.0}))(images, Moves(1.0))
    expected = np.rot90(images.reshape(-1, 6, 6), axes=(1, 2))
    again = np.rot90(images.reshape(-1, 6, 6), -1, axes=(1, 2))
    found = copies.reshape(-1, 6, 6)
    assert np.array_equal(found, expected) or np.array_equal(found, again)


def test_what_is_stretched_out_of_the_image_is_lost() -> None:
    images = draw()
    copies = Slant((5, 7), **(STILL | {"stretch": 1.0}))(images, Moves(-20.0))
    middle = images.reshape(-1, 5, 7)[:, 2, 3]
    assert np.array_equal(copies[:, :, 0], np.repeat(middle[:, None], 35, axis=1))


@pytest.mark.parametrize("count", [0, 1, 50])
def test_images_differ_and_keep_their_range(count: int) -> None:
    images = draw(count, (8, 8))
    copies = Slant((8, 8))(images, np.random.default_rng(3))
    assert copies.shape == images.shape
    if count:
        assert copies.max() <= 16
        assert not np.array_equal(copies, images)
