"""Spike buffers, in which layers exchange spikes.

A spike buffer is an array (B samples, T time steps, N neurons), N padded with zeros to a multiple
of eight. It has images in the order (height, width, channels), since a convolution adds to all
channels of a pixel at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.shared import parallel
from neurodeploy.models.layers import Shape

_BLOCK = 64
_8, _16, _24, _32 = (np.uint64(bits) for bits in (8, 16, 24, 32))
_MULTIPLE = 8


def padded(neurons: int) -> int:
    """Return the number of neurons with padding."""
    return -(-neurons // _MULTIPLE) * _MULTIPLE


def from_neurons(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return values (B, N, T) of a layer of `shape` as a buffer (B, T, N padded)."""
    batch, neurons, steps = values.shape
    channels, pixels = _channels_and_pixels(shape)
    transposed = values.transpose(0, 2, 1)
    if channels == 1 and neurons == padded(neurons) and transposed.flags.c_contiguous:
        return transposed  # from `to_neurons`
    if channels == 1 and values.dtype == np.uint8:
        words = np.empty((batch, steps, padded(neurons) // _MULTIPLE), np.uint64)
        _transpose_bytes(values, words)
        return words.view(np.uint8)
    buffer = np.zeros((batch, steps, padded(neurons)), values.dtype)
    _transpose(values, channels, pixels, buffer)
    return buffer


def to_neurons(buffer: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return the values (B, N, T) of a buffer (B, T, N padded) of a layer of `shape`."""
    batch, steps, _ = buffer.shape
    channels, pixels = _channels_and_pixels(shape)
    buffer = buffer[:, :, : channels * pixels]
    if channels == 1:
        return buffer.transpose(0, 2, 1)
    values = np.empty((batch, channels * pixels, steps), buffer.dtype)
    _transpose_back(buffer, channels, pixels, values)
    return values


def channels_last(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return values (..., N) of a layer of `shape` in the order of a spike buffer."""
    channels, pixels = _channels_and_pixels(shape)
    images = values.reshape(*values.shape[:-1], channels, pixels)
    return np.ascontiguousarray(images.swapaxes(-1, -2)).reshape(values.shape)


def _channels_and_pixels(shape: Shape) -> tuple[int, int]:
    """Return the numbers of channels and pixels; (1, neurons) if the layer has no images."""
    size = math.prod(shape)
    return (shape[0], size // shape[0]) if len(shape) == 3 else (1, size)


@parallel
def _transpose_bytes(start, stop, values, words):
    """Transpose bytes into words of eight, lowest first, four times as fast as `_transpose`."""
    _, neurons, steps = values.shape
    whole = neurons // _MULTIPLE
    for sample in range(start, stop):
        for k in range(whole):
            n = _MULTIPLE * k
            rows = values[sample, n : n + _MULTIPLE]
            a, b, c, d, e, f, g, h = (
                rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7],
            )  # fmt: skip
            for t in range(steps):
                low = uint64(a[t]) | uint64(b[t]) << _8 | uint64(c[t]) << _16 | uint64(d[t]) << _24
                high = uint64(e[t]) | uint64(f[t]) << _8 | uint64(g[t]) << _16 | uint64(h[t]) << _24
                words[sample, t, k] = low | high << _32
        for k in range(whole, words.shape[2]):
            for t in range(steps):
                word = uint64(0)
                for n in range(_MULTIPLE * k, neurons):
                    word |= uint64(values[sample, n, t]) << uint64(8 * (n - _MULTIPLE * k))
                words[sample, t, k] = word


@parallel
def _transpose(start, stop, values, channels, pixels, buffer):
    for sample in range(start, stop):
        for begin in range(0, values.shape[2], _BLOCK):
            for channel in range(channels):
                for pixel in range(pixels):
                    source = values[sample, channel * pixels + pixel]
                    for t in range(begin, min(begin + _BLOCK, values.shape[2])):
                        buffer[sample, t, pixel * channels + channel] = source[t]


@parallel
def _transpose_back(start, stop, buffer, channels, pixels, values):
    for sample in range(start, stop):
        for pixel in range(pixels):
            for channel in range(channels):
                target = values[sample, channel * pixels + pixel]
                for t in range(values.shape[2]):
                    target[t] = buffer[sample, t, pixel * channels + channel]


def apply_delays(values: NDArray[Any], delays: NDArray[np.integer]) -> NDArray[Any]:
    """Return a buffer (B, T, N padded) with each neuron delayed by `delays` steps (N,).

    Values that a delay moves past the end are lost.
    """
    steps = np.zeros(values.shape[2], np.int64)
    steps[: len(delays)] = delays
    result = np.zeros_like(values)
    if values.dtype == np.uint8:
        _move_spikes(values, values.view(np.uint64), steps, result)
    else:
        _move(values, steps, result)
    return result


@parallel
def _move_spikes(start, stop, spikes, words, delays, result):
    """Delay bytes of 0 and 1; eight neurons without a spike are skipped at once."""
    steps = spikes.shape[1]
    for sample in range(start, stop):
        for t in range(steps):
            for k in range(words.shape[2]):
                if words[sample, t, k]:
                    for j in range(_MULTIPLE * k, _MULTIPLE * k + _MULTIPLE):
                        if spikes[sample, t, j] and t + delays[j] < steps:
                            result[sample, t + delays[j], j] = 1


@parallel
def _move(start, stop, values, delays, result):
    for sample in range(start, stop):
        for t in range(values.shape[1]):
            for j in range(values.shape[2]):
                if t >= delays[j]:
                    result[sample, t, j] = values[sample, t - delays[j], j]
