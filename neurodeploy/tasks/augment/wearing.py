"""Varied copies of signals, so that a network learns what does not depend on one recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError

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
