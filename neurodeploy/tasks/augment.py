"""Variations of training windows, so that a network learns what does not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError


@dataclass(frozen=True)
class Shift:
    """Moves the counts of each window by whole squares and time bins; what comes in is empty.

    Attributes:
        grid: rows and columns of squares; for a cochlea one row of channels.
        rows, columns, steps: the farthest that a window moves either way, 0 for not at all; each is
            drawn evenly.
    """

    grid: tuple[int, int]
    rows: int = 0
    columns: int = 0
    steps: int = 0

    def __call__(self, signals: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return moved copies of signals (windows, channels, steps), of the same dtype."""
        limits = (self.rows, self.columns, self.steps)
        moves = np.stack([rng.integers(-most, most + 1, len(signals)) for most in limits], axis=1)
        shaped = signals.reshape(len(signals), -1, *self.grid, signals.shape[2])
        moved = np.zeros_like(shaped)
        for window, move in enumerate(moves):
            to, come = zip(*(_slices(int(by)) for by in move))
            moved[(window, slice(None), *to)] = shaped[(window, slice(None), *come)]
        return moved.reshape(signals.shape)


def _slices(by: int) -> tuple[slice, slice]:
    """Return where what moves by so many places goes to, and where it comes from."""
    there, here = slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
    return there, here


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


SPEED_SPREAD = 0.1
EARLIER, LATER = 200, 800
"""Samples that a recording is moved by at most; what moves out at the front is lost."""

NOISE_DB = (20.0, 60.0)
"""How far the noise lies below the recording."""


def vary_speaking(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the recordings as if played at another speed, which changes their pitch, started at
    another time and made in a noisy place.

    Each recording is stretched by the factor exp(s) for a normal s of deviation `SPEED_SPREAD` and
    moved by a whole number of samples, -`EARLIER` to `LATER`. White noise is added to all of it,
    whose root mean square is that of the recording (with the silence about it) less a number of
    decibels that is drawn evenly from `NOISE_DB`.

    Args:
        signals: float32 (recordings, channels, samples); the zeros at the end are silence.
        rng: where the variation is drawn from.

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
    """Return noise for each recording, as `vary_speaking` says."""
    below_db = rng.uniform(*NOISE_DB, (len(signals), 1, 1))
    size = np.sqrt(np.square(signals).mean(axis=(1, 2), keepdims=True)) * 10 ** (-below_db / 20)
    noise = size.astype(np.float32) * rng.standard_normal(signals.shape, np.float32)
    return np.asarray(noise, np.float32)


def _play(
    sound: NDArray[np.float32], into: NDArray[np.float32], *, factor: float, first: int
) -> None:
    """Write a sound, `factor` times as long and without the silence behind it, from sample `first`
    on into silence; what lies outside is lost."""
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
"""What becomes of acceleration and turning, x, y, z each, in a mirror across x: an axis of turning
is turned around where a direction is kept."""


def vary_wearing(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the signals as if the sensor sat askew and the person moved a little otherwise.

    Each window is turned about a random axis by a normal angle (the same for all sensors), its
    movement about the mean is scaled, and its time is stretched or squeezed about its middle.

    Args:
        signals: float32 (windows, channels, samples); each three channels are a sensor's x, y, z.
        rng: where the variation is drawn from.

    Returns:
        float32 array of the same shape.

    Raises:
        InputError: when the channels cannot be sensors of three axes each.
    """
    if signals.shape[1] % 3:
        raise InputError(
            f"signals have {signals.shape[1]} channels; to vary how sensors are worn each must "
            "have three, x, y and z, so train without this augmentation"
        )
    if not signals.size:
        return signals.copy()
    warped = _warp_time(signals, np.exp(rng.normal(0, WARP_SPREAD, len(signals))))
    turns = rotations(rng, len(signals))
    sensors = warped.reshape(len(signals), -1, 3, signals.shape[2])
    turned = np.einsum("nij,nsjt->nsit", turns, sensors).reshape(signals.shape)
    mean = turned.mean(axis=2, keepdims=True)
    gain = np.exp(rng.normal(0, GAIN_SPREAD, (len(signals), 1, 1))).astype(np.float32)
    return np.ascontiguousarray(mean + (turned - mean) * gain, np.float32)


def vary_wrist(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the signals as `vary_wearing` does, half of the windows as if of the other wrist.

    Args:
        signals: float32 (windows, 6, samples): a watch's acceleration, then its turning, each
            x, y, z with x along the arm.
        rng: where the variation is drawn from.

    Returns:
        float32 array of the same shape.

    Raises:
        InputError: when there are other than six channels.
    """
    if signals.shape[1] != len(OTHER_WRIST):
        raise InputError(
            f"signals have {signals.shape[1]} channels; to vary the wrist they must have "
            f"{len(OTHER_WRIST)}, of an accelerometer and a gyroscope, so train without it"
        )
    varied = vary_wearing(signals, rng)
    mirrored = rng.random(len(varied)) < 0.5
    varied[mirrored] *= np.array(OTHER_WRIST, np.float32)[:, None]
    return varied


def rotations(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return rotation matrices (count, 3, 3) about random axes, by Rodrigues' formula."""
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.radians(rng.normal(0, ROTATION_DEG, count))[:, None, None]
    cross = np.zeros((count, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[:, i, j], cross[:, j, i] = -axis[:, k], axis[:, k]
    turns = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return np.asarray(turns, np.float32)


def _warp_time(signals: NDArray[np.float32], factor: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the signals read at times that advance by `factor`; the ends hold their value."""
    samples = signals.shape[2]
    middle = (samples - 1) / 2
    times = middle + (np.arange(samples) - middle) * factor[:, None]
    times = np.clip(times, 0, samples - 1)
    before = times.astype(np.int64)
    share = (times - before).astype(np.float32)[:, None, :]
    first = np.take_along_axis(signals, before[:, None, :], axis=2)
    second = np.take_along_axis(signals, np.minimum(before + 1, samples - 1)[:, None, :], axis=2)
    return np.asarray(first * (1 - share) + second * share, np.float32)
