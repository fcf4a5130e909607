"""Frames: how spikes pass from layer to layer, step by step, with the channels of images last.

A frame is a row of what every neuron sent in one step, padded with zeros to a multiple of eight:
(B samples, T time steps, N neurons padded). In it the neurons of an image count through (height,
width, channel), since a convolution adds to all channels of a place at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.shared import parallel
from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.layers import Shape

_BLOCK = 64
_8, _16, _24, _32 = (np.uint64(bits) for bits in (8, 16, 24, 32))
_MULTIPLE = 8


def padded(neurons: int) -> int:
    """Return the length of a frame."""
    return -(-neurons // _MULTIPLE) * _MULTIPLE


def make(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return values (B, N, T) of neurons of `shape` in order as frames (B, T, N padded)."""
    batch, neurons, steps = values.shape
    channels, places = _depth(shape)
    turned = values.transpose(0, 2, 1)
    if channels == 1 and neurons == padded(neurons) and turned.flags.c_contiguous:
        return turned  # `by_neuron` gave them
    if channels == 1 and values.dtype == np.uint8:
        words = np.empty((batch, steps, padded(neurons) // _MULTIPLE), np.uint64)
        _turn_bytes(values, words)
        return words.view(np.uint8)
    frames = np.zeros((batch, steps, padded(neurons)), values.dtype)
    _turn(values, channels, places, frames)
    return frames


def by_neuron(frames: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return frames (B, T, N padded) as (B, N, T) of neurons of `shape` in order."""
    batch, steps, _ = frames.shape
    channels, places = _depth(shape)
    frames = frames[:, :, : channels * places]
    if channels == 1:
        return frames.transpose(0, 2, 1)
    values = np.empty((batch, channels * places, steps), frames.dtype)
    _turn_back(frames, channels, places, values)
    return values


def channels_last(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return values (..., N) of neurons of `shape` in the order that frames have them."""
    channels, places = _depth(shape)
    images = values.reshape(*values.shape[:-1], channels, places)
    return np.ascontiguousarray(images.swapaxes(-1, -2)).reshape(values.shape)


def _depth(shape: Shape) -> tuple[int, int]:
    """Return channels and places of an image; (1, neurons) of a layer without images."""
    size = math.prod(shape)
    return (shape[0], size // shape[0]) if len(shape) == 3 else (1, size)


@parallel
def _turn_bytes(start, stop, values, words):
    """Do as `make` with bytes, eight neurons a word, lowest first: a quarter of the time."""
    steps = values.shape[2]
    silent = np.zeros(steps, np.uint8)
    for sample in range(start, stop):
        for k in range(words.shape[2]):
            a, b = _row(values, sample, 8 * k, silent), _row(values, sample, 8 * k + 1, silent)
            c, d = _row(values, sample, 8 * k + 2, silent), _row(values, sample, 8 * k + 3, silent)
            e, f = _row(values, sample, 8 * k + 4, silent), _row(values, sample, 8 * k + 5, silent)
            g, h = _row(values, sample, 8 * k + 6, silent), _row(values, sample, 8 * k + 7, silent)
            for t in range(steps):
                low = uint64(a[t]) | uint64(b[t]) << _8 | uint64(c[t]) << _16 | uint64(d[t]) << _24
                high = uint64(e[t]) | uint64(f[t]) << _8 | uint64(g[t]) << _16 | uint64(h[t]) << _24
                words[sample, t, k] = low | high << _32


@compile_kernel
def _row(values, sample, neuron, silent):
    return values[sample, neuron] if neuron < values.shape[1] else silent


@parallel
def _turn(start, stop, values, channels, places, frames):
    for sample in range(start, stop):
        for begin in range(0, values.shape[2], _BLOCK):
            for channel in range(channels):
                for place in range(places):
                    source = values[sample, channel * places + place]
                    for t in range(begin, min(begin + _BLOCK, values.shape[2])):
                        frames[sample, t, place * channels + channel] = source[t]


@parallel
def _turn_back(start, stop, frames, channels, places, values):
    for sample in range(start, stop):
        for place in range(places):
            for channel in range(channels):
                target = values[sample, channel * places + place]
                for t in range(values.shape[2]):
                    target[t] = frames[sample, t, place * channels + channel]


_EIGHT = 8


def apply_delays(values: NDArray[Any], delays: NDArray[np.integer]) -> NDArray[Any]:
    """Return values of neurons (B, T, N padded) later by their delays (N,); what is moved past the
    end is lost, and zeros come before. The length of a frame is a multiple of eight."""
    steps_later = np.zeros(values.shape[2], np.int64)
    steps_later[: len(delays)] = delays
    result = np.zeros_like(values)
    if values.dtype == np.uint8:
        _move_spikes(values, values.view(np.uint64), steps_later, result)
    else:
        _move(values, steps_later, result)
    return result


@parallel
def _move_spikes(start, stop, spikes, words, delays, result):
    """Move bytes of 0 and 1, eight at a time where none fired."""
    steps = spikes.shape[1]
    for sample in range(start, stop):
        for t in range(steps):
            for k in range(words.shape[2]):
                if words[sample, t, k]:
                    for j in range(_EIGHT * k, _EIGHT * k + _EIGHT):
                        if spikes[sample, t, j] and t + delays[j] < steps:
                            result[sample, t + delays[j], j] = 1


@parallel
def _move(start, stop, values, delays, result):
    for sample in range(start, stop):
        for t in range(values.shape[1]):
            for j in range(values.shape[2]):
                if t >= delays[j]:
                    result[sample, t, j] = values[sample, t - delays[j], j]
