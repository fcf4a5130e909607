"""Augmentations of training samples: random shifts, rotations, speed, noise and the like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError


@dataclass(frozen=True)
class Shift:
    """Shift event counts by random whole numbers of rows, columns and time bins; fill with zeros.

    Attributes:
        grid: rows and columns of pixels; a cochlea has one row of channels.
        rows, columns, steps: the largest shift in either direction; shifts are uniform.
    """

    grid: tuple[int, int]
    rows: int = 0
    columns: int = 0
    steps: int = 0

    def __call__(self, signals: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return shifted copies of signals (samples, channels, steps), of the same dtype."""
        limits = (self.rows, self.columns, self.steps)
        moves = np.stack([rng.integers(-most, most + 1, len(signals)) for most in limits], axis=1)
        shaped = signals.reshape(len(signals), -1, *self.grid, signals.shape[2])
        moved = np.zeros_like(shaped)
        for sample, move in enumerate(moves):
            to, come = zip(*(_slices(int(by)) for by in move))
            moved[(sample, slice(None), *to)] = shaped[(sample, slice(None), *come)]
        return moved.reshape(signals.shape)


def _slices(by: int) -> tuple[slice, slice]:
    """Return the destination and source slices of a shift by `by` positions."""
    there, here = slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
    return there, here


@dataclass(frozen=True)
class VaryImages:
    """Rotate, stretch and shift each image randomly.

    Pixel (y, x) of the result is interpolated from the original at

        (y', x') = centre + shift + stretch * R (y - centre, x - centre)

    where R rotates by a normally distributed angle, the two stretches are log-normal and the two
    shifts are normal. Outside of the image, pixels are 0.

    Attributes:
        grid: (height, width) of the images.
        rotation_deg: standard deviation of the angle.
        stretch: standard deviation of the logarithm of each stretch.
        shift: standard deviation of each shift, in pixels.
    """

    grid: tuple[int, int]
    rotation_deg: float = 8.0
    stretch: float = 0.08
    shift: float = 0.3

    def __call__(self, signals: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return augmented copies of images, uint8 (images, height * width, 1)."""
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
    """Return the images at positions (images, positions), interpolated linearly and rounded."""
    height, width = images.shape[1:]
    framed = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.float32)  # zeros around the image
    y, x = np.clip(y + 1, 0, height + 1), np.clip(x + 1, 0, width + 1)
    above, left = y.astype(np.int64), x.astype(np.int64)
    share_y, share_x = y - above, x - left
    image = np.arange(len(images))[:, None]
    upper, lower = (
        framed[image, row, left] * (1 - share_x) + framed[image, row, left + 1] * share_x
        for row in (above, above + 1)
    )
    return np.asarray(np.rint(upper * (1 - share_y) + lower * share_y), np.uint8)


SPEED_SPREAD = 0.1
EARLIER, LATER = 200, 800
"""The largest shifts of a recording in either direction, in samples of its waveform."""

NOISE_DB = (20.0, 60.0)
"""Range of the signal-to-noise ratio."""


def vary_speaking(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return augmented recordings: other speed (and pitch), shifted in time, with noise.

    Each recording is stretched by the factor exp(s), with s normal of standard deviation
    `SPEED_SPREAD`, and shifted by -`EARLIER` to `LATER` samples. White noise is added; the
    signal-to-noise ratio over the whole recording, silence included, is uniform in `NOISE_DB`.

    Args:
        signals: float32 (recordings, channels, samples); zeros at the end are padding.
        rng: random generator.

    Returns:
        float32 array of the same shape.
    """
    varied = np.zeros_like(signals)
    factors = np.exp(rng.normal(0, SPEED_SPREAD, len(signals)))
    moves = rng.integers(-EARLIER, LATER + 1, len(signals))
    for recording, new, factor, move in zip(signals, varied, factors, moves, strict=True):
        for sound, channel in zip(recording, new, strict=True):
            _play(sound, channel, factor=factor, first=int(move))
    return varied + _noise(varied, rng)


def _noise(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the noise to add to each recording; see `vary_speaking`."""
    below_db = rng.uniform(*NOISE_DB, (len(signals), 1, 1))
    size = np.sqrt(np.square(signals).mean(axis=(1, 2), keepdims=True)) * 10 ** (-below_db / 20)
    noise = size.astype(np.float32) * rng.standard_normal(signals.shape, np.float32)
    return np.asarray(noise, np.float32)


def _play(
    sound: NDArray[np.float32], into: NDArray[np.float32], *, factor: float, first: int
) -> None:
    """Write a sound without its trailing zeros, stretched by `factor`, to `into` from sample
    `first` on; cut off what lies outside."""
    heard = np.flatnonzero(sound)
    length = int(heard[-1]) + 1 if heard.size else 0
    start, end = max(first, 0), min(first + int(length * factor), len(into))
    if start < end:
        times = (np.arange(start, end) - first) / factor
        into[start:end] = np.interp(times, np.arange(length), sound[:length])


ROTATION_DEG = 20.0
GAIN_SPREAD = 0.1
WARP_SPREAD = 0.1

OTHER_WRIST = (-1, 1, 1, 1, -1, -1)
"""Signs of acceleration and angular rate (x, y, z each) for a reflection of x: angular rate is a
pseudovector, so its other two components change sign."""


class VaryWearing:
    """Turn, scale and warp the signals of a worn sensor randomly; every three channels are a
    sensor's x, y, z.

    Each sample is rotated about a random axis by a normally distributed angle (the same for all
    sensors), its deviation from the mean is scaled, and its time axis is stretched about the
    middle.
    """

    __name__ = "vary_wearing"  # records name it as they name functions

    def __call__(
        self, signals: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return augmented signals, float32 of the same shape (samples, channels, steps).

        Raises:
            InputError: if the number of channels is not a multiple of three.
        """
        labels = np.zeros((len(signals), signals.shape[2]), np.int64)
        return self.with_labels(signals, labels, rng)[0]

    def with_labels(
        self,
        signals: NDArray[np.float32],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return augmented signals, and labels (samples, steps) warped with them."""
        if signals.shape[1] % 3:
            raise InputError(
                f"signals have {signals.shape[1]} channels; {self.__name__} needs three per sensor "
                "(x, y and z), so train without this augmentation"
            )
        if not signals.size:
            return signals.copy(), labels.copy()
        factor = np.exp(rng.normal(0, WARP_SPREAD, len(signals)))
        warped, moved = _warp_time(signals, factor), _warp_labels(labels, factor)
        turns = rotations(rng, len(signals))
        sensors = warped.reshape(len(signals), -1, 3, signals.shape[2])
        turned = np.einsum("nij,nsjt->nsit", turns, sensors).reshape(signals.shape)
        mean = turned.mean(axis=2, keepdims=True)
        gain = np.exp(rng.normal(0, GAIN_SPREAD, (len(signals), 1, 1))).astype(np.float32)
        return np.ascontiguousarray(mean + (turned - mean) * gain, np.float32), moved


vary_wearing: Final = VaryWearing()


def vary_wrist(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return signals augmented as by `vary_wearing`; half of them mirrored to the other wrist.

    Args:
        signals: float32 (samples, 6, steps): a watch's acceleration, then its angular rate, each
            x, y, z with x along the arm.
        rng: random generator.

    Returns:
        float32 array of the same shape.

    Raises:
        InputError: unless there are six channels.
    """
    if signals.shape[1] != len(OTHER_WRIST):
        raise InputError(
            f"signals have {signals.shape[1]} channels; vary_wrist needs {len(OTHER_WRIST)}, of an "
            "accelerometer and a gyroscope, so train without this augmentation"
        )
    varied = vary_wearing(signals, rng)
    mirrored = rng.random(len(varied)) < 0.5
    varied[mirrored] *= np.array(OTHER_WRIST, np.float32)[:, None]
    return varied


def rotations(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return random rotation matrices (count, 3, 3), by Rodrigues' formula."""
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.radians(rng.normal(0, ROTATION_DEG, count))[:, None, None]
    cross = np.zeros((count, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[:, i, j], cross[:, j, i] = -axis[:, k], axis[:, k]
    turns = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return np.asarray(turns, np.float32)


def _warp_time(signals: NDArray[np.float32], factor: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the signals with time scaled by `factor` about the middle; the end values extend."""
    samples = signals.shape[2]
    times = _warped_times(samples, factor)
    before = times.astype(np.int64)
    share = (times - before).astype(np.float32)[:, None, :]
    first = np.take_along_axis(signals, before[:, None, :], axis=2)
    second = np.take_along_axis(signals, np.minimum(before + 1, samples - 1)[:, None, :], axis=2)
    return np.asarray(first * (1 - share) + second * share, np.float32)


def _warp_labels(labels: NDArray[np.int64], factor: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the labels (samples, steps) of the nearest steps, warped as `_warp_time` does."""
    times = _warped_times(labels.shape[1], factor)
    return np.take_along_axis(labels, np.rint(times).astype(np.int64), axis=1)


def _warped_times(steps: int, factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the original times of the steps of each warped sample, float64 (samples, steps)."""
    middle = (steps - 1) / 2
    times = middle + (np.arange(steps) - middle) * factor[:, None]
    clipped: NDArray[np.float64] = np.clip(times, 0, steps - 1)
    return clipped
