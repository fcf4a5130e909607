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

from neurodeploy.hw_sim.kernels.lanes import kernel, load_word, store_word
from neurodeploy.hw_sim.kernels.shared import parallel
from neurodeploy.models.synapses import Shape

_BLOCK = 64
_8, _16, _24, _32 = (np.uint64(bits) for bits in (8, 16, 24, 32))
_LOW_8, _LOW_16 = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_LOW_32 = np.uint64(0xFFFFFFFF)
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
    buffer = np.empty((batch, steps, padded(neurons)), values.dtype)
    buffer[:, :, neurons:] = 0
    _transpose(values, channels, pixels, buffer)
    return buffer


def to_neurons(buffer: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return the values (B, N, T) of a buffer (B, T, N padded) of a layer of `shape`."""
    batch, steps, _ = buffer.shape
    channels, pixels = _channels_and_pixels(shape)
    if channels == 1:
        return buffer[:, :, :pixels].transpose(0, 2, 1)
    values = np.empty((batch, channels * pixels, steps), buffer.dtype)
    words = buffer.dtype == np.uint8 and min(channels, steps) >= _MULTIPLE
    words = words and buffer.flags.c_contiguous
    transpose = _transpose_words if words else _transpose_back
    transpose(buffer, channels, pixels, values)
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
    """Turn values (B, N, T) into a buffer; no slices in the loop, since they are slow."""
    steps, width = values.shape[2], buffer.shape[2]
    target = buffer.reshape(-1)
    for sample in range(start, stop):
        for begin in range(0, steps, _BLOCK):
            block = min(_BLOCK, steps - begin)
            for pixel in range(pixels):
                for channel in range(channels):
                    neuron = channel * pixels + pixel
                    to = (sample * steps + begin) * width + pixel * channels + channel
                    for t in range(block):
                        target[to + t * width] = values[sample, neuron, begin + t]


@parallel
def _transpose_back(start, stop, buffer, channels, pixels, values):
    """Do the reverse of `_transpose`."""
    _, neurons, steps = values.shape
    target = values.reshape(-1)
    for sample in range(start, stop):
        for pixel in range(pixels):
            for channel in range(channels):
                neuron = pixel * channels + channel
                to = (sample * neurons + channel * pixels + pixel) * steps
                for t in range(steps):
                    target[to + t] = buffer[sample, t, neuron]


@kernel
def _swap(a, b, shift, mask):
    """Exchange the bits of `b` under `mask` with those of `a` that are `shift` places higher."""
    moved = ((a >> shift) ^ b) & mask
    return a ^ (moved << shift), b ^ moved


@parallel
def _transpose_words(start, stop, buffer, channels, pixels, values):
    """Do the same as `_transpose_back` with bytes, eight channels by eight steps at once.

    At least eight of each are needed. The last eight overlap those before.
    """
    _, steps, width = buffer.shape
    for sample in range(start, stop):
        source, target = buffer[sample].reshape(-1), values[sample].reshape(-1)
        for pixel in range(pixels):
            for c in range(0, channels, _MULTIPLE):
                channel = min(c, channels - _MULTIPLE)
                for first in range(0, steps, _MULTIPLE):
                    t = min(first, steps - _MULTIPLE)
                    at = t * width + pixel * channels + channel
                    to = (channel * pixels + pixel) * steps + t
                    _transpose_block(source, at, width, target, to, pixels * steps)


@kernel
def _transpose_block(source, at, width, target, to, height):
    """Transpose eight rows of eight bytes, `width` and then `height` bytes apart."""
    a, b = load_word(source, at), load_word(source, at + width)
    c, d = load_word(source, at + 2 * width), load_word(source, at + 3 * width)
    e, f = load_word(source, at + 4 * width), load_word(source, at + 5 * width)
    g, h = load_word(source, at + 6 * width), load_word(source, at + 7 * width)
    a, e = _swap(a, e, _32, _LOW_32)
    b, f = _swap(b, f, _32, _LOW_32)
    c, g = _swap(c, g, _32, _LOW_32)
    d, h = _swap(d, h, _32, _LOW_32)
    a, c = _swap(a, c, _16, _LOW_16)
    b, d = _swap(b, d, _16, _LOW_16)
    e, g = _swap(e, g, _16, _LOW_16)
    f, h = _swap(f, h, _16, _LOW_16)
    a, b = _swap(a, b, _8, _LOW_8)
    c, d = _swap(c, d, _8, _LOW_8)
    e, f = _swap(e, f, _8, _LOW_8)
    g, h = _swap(g, h, _8, _LOW_8)
    store_word(target, to, a)
    store_word(target, to + height, b)
    store_word(target, to + 2 * height, c)
    store_word(target, to + 3 * height, d)
    store_word(target, to + 4 * height, e)
    store_word(target, to + 5 * height, f)
    store_word(target, to + 6 * height, g)
    store_word(target, to + 7 * height, h)


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
