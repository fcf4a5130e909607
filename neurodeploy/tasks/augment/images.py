"""Varied copies of images, so that a network learns a shape wherever and however it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VaryImages:
    """Images a little turned, stretched and moved, each in its own way.

    Pixel (y, x) of a varied image is read from the given one, between four of its pixels, at

        (y', x') = centre + shift + stretch * R (y - centre, x - centre)

    where R turns by a normal angle, both stretches are the exponent of normal numbers and both
    shifts are normal. What lies outside is 0.

    Attributes:
        grid: (height, width) of the images.
        rotation_deg: deviation of the angle.
        stretch: deviation of the logarithm of each stretch.
        shift: deviation of each shift, in pixels.
    """

    grid: tuple[int, int]
    rotation_deg: float = 8.0
    stretch: float = 0.08
    shift: float = 0.3

    def __call__(self, signals: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return varied copies, uint8 of the same shape.

        Args:
            signals: uint8 array (images, height * width, 1).
            rng: where the variation is drawn from.
        """
        y, x = self._places(rng, len(signals))
        return _read_between(signals.reshape(-1, *self.grid), y, x).reshape(signals.shape)

    def _places(
        self, rng: np.random.Generator, count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return y' and x' of every pixel, float32 arrays (images, height * width)."""
        angle = np.radians(rng.normal(0, self.rotation_deg, count))
        stretch = np.exp(rng.normal(0, self.stretch, (2, count)))
        shift = rng.normal(0, self.shift, (2, count))
        centre = (np.array(self.grid) - 1) / 2
        down, right = (
            index.ravel() - middle
            for index, middle in zip(np.indices(self.grid), centre, strict=True)
        )
        turned = (
            np.outer(np.cos(angle), down) - np.outer(np.sin(angle), right),
            np.outer(np.sin(angle), down) + np.outer(np.cos(angle), right),
        )
        y, x = (
            (middle + by[:, None] + factor[:, None] * offset).astype(np.float32)
            for middle, by, factor, offset in zip(centre, shift, stretch, turned, strict=True)
        )
        return y, x


def _read_between(
    images: NDArray[np.uint8], y: NDArray[np.float32], x: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the images at the places (images, places), linear between pixels and rounded."""
    height, width = images.shape[1:]
    framed = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.float32)  # a frame of 0 to read
    y, x = np.clip(y + 1, 0, height + 1), np.clip(x + 1, 0, width + 1)
    above, left = y.astype(np.int64), x.astype(np.int64)
    share_y, share_x = y - above, x - left
    image = np.arange(len(images))[:, None]
    upper, lower = (
        framed[image, row, left] * (1 - share_x) + framed[image, row, left + 1] * share_x
        for row in (above, above + 1)
    )
    return np.asarray(np.rint(upper * (1 - share_y) + lower * share_y), np.uint8)
