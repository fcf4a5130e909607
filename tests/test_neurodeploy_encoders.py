"""Spike encoders against hand arithmetic and their own equation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from neurodeploy.tasks.encoders import ENCODERS, Delta, Encoder, from_dict


def delta_by_its_equation(signals: NDArray[np.float32], thresholds: list[float]) -> NDArray[Any]:
    """Follow the equation of `Delta` one window, channel and step at a time."""
    windows, channels, samples = signals.shape
    spikes = np.zeros((windows, 2 * channels, samples), np.uint8)
    for n in range(windows):
        for c, d in enumerate(thresholds):
            k = 0
            for t in range(samples):
                x = float(signals[n, c, t])
                if x - k * d >= d:
                    spikes[n, c, t], k = 1, k + 1
                elif k * d - x >= d:
                    spikes[n, channels + c, t], k = 1, k - 1
    return spikes


@pytest.fixture
def signals() -> NDArray[np.float32]:
    """Return random walks of 4 windows, 3 channels, 60 samples."""
    rng = np.random.default_rng(7)
    return rng.normal(0, 0.3, (4, 3, 60)).cumsum(axis=2).astype(np.float32)


def test_delta_conveys_the_first_level_then_each_move() -> None:
    signal = np.array([[[0.5, 0.5, 0.5, 0.0, -0.5, -0.5]]], np.float32)
    spikes = Delta(threshold=(0.25,)).encode(signal)
    assert spikes.tolist() == [[[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]]]


def test_delta_fires_when_the_signal_moved_by_exactly_the_threshold() -> None:
    signal = np.array([[[0.25, 0.25, 0.0]]], np.float32)
    assert Delta((0.25,)).encode(signal).tolist() == [[[1, 0, 0], [0, 0, 1]]]


def test_delta_is_silent_below_the_threshold() -> None:
    signal = np.array([[[0.2499, -0.2499]]], np.float32)
    assert not Delta((0.25,)).encode(signal).any()


def test_delta_follows_its_equation_with_a_threshold_a_channel(
    signals: NDArray[np.float32],
) -> None:
    thresholds = [0.1, 0.2, 0.7]
    spikes = Delta(tuple(thresholds)).encode(signals)
    assert spikes.dtype == np.uint8
    assert np.array_equal(spikes, delta_by_its_equation(signals, thresholds))


def test_delta_of_the_negated_signal_swaps_on_and_off(signals: NDArray[np.float32]) -> None:
    on, off = np.split(Delta((0.2,)).encode(signals), 2, axis=1)
    mirrored = Delta((0.2,)).encode(-signals)
    assert np.array_equal(mirrored, np.concatenate([off, on], axis=1))


def test_delta_spikes_add_up_to_a_slow_signal_within_one_threshold() -> None:
    time = np.linspace(0, 6, 400)
    signal = np.stack([np.sin(time), 1 - np.cos(time)])[None].astype(np.float32)
    on, off = np.split(Delta((0.1,)).encode(signal).astype(int), 2, axis=1)
    conveyed = 0.1 * (on - off).cumsum(axis=2)
    assert np.abs(conveyed - signal).max() < 0.1


def test_delta_conveys_a_far_level_with_one_spike_a_threshold_and_then_rests() -> None:
    level = np.full((1, 1, 4000), 300.05, np.float32)
    spikes = Delta((0.1,)).encode(level)
    assert spikes[0, 0].sum() == 3000
    assert not spikes[0, 1].any()


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_gives_binary_spikes_of_the_shape_it_declares(
    encoder: Encoder, signals: NDArray[np.float32]
) -> None:
    spikes = encoder.encode(signals)
    assert spikes.shape == (4, encoder.channels(3), encoder.steps(60))
    assert spikes.dtype == np.uint8
    assert set(np.unique(spikes)) <= {0, 1}


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_treats_a_window_alone_as_among_others(
    encoder: Encoder, signals: NDArray[np.float32]
) -> None:
    alone = np.concatenate([encoder.encode(signals[i : i + 1]) for i in range(len(signals))])
    assert np.array_equal(encoder.encode(signals), alone)


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_survives_json(encoder: Encoder) -> None:
    assert from_dict(json.loads(json.dumps(encoder.as_dict()))) == encoder


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_takes_no_windows(encoder: Encoder) -> None:
    assert encoder.encode(np.zeros((0, 2, 8))).shape == (0, encoder.channels(2), encoder.steps(8))


def test_thresholds_survive_json_in_full_precision() -> None:
    encoder = Delta((0.1, 1 / 3, 2.0))
    assert from_dict(json.loads(json.dumps(encoder.as_dict()))) == encoder


def test_one_number_is_one_threshold_for_all_channels() -> None:
    assert from_dict({"name": "delta", "threshold": 0.5}) == Delta((0.5,))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_encode_names_the_window_and_channel_that_is_not_finite(
    signals: NDArray[np.float32], bad: float
) -> None:
    signals[2, 1, 5] = bad
    with pytest.raises(InputError, match=f"window 2, channel 1 holds {bad}; .* must be finite"):
        Delta().encode(signals)


def test_encode_refuses_another_shape() -> None:
    with pytest.raises(InputError, match=r"shape \(3, 60\); an encoder takes \(windows, channels"):
        Delta().encode(np.zeros((3, 60)))


def test_delta_refuses_a_number_of_thresholds_that_is_not_the_channels() -> None:
    with pytest.raises(InputError, match="2 thresholds for 3 signal channels; give one, or one a"):
        Delta((0.1, 0.2)).encode(np.zeros((1, 3, 8)))


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (0.0, "threshold holds 0.0; it must be finite and over 0"),
        ([0.1, -1.0], "threshold holds -1.0; it must be finite and over 0"),
        ([float("nan")], "threshold holds nan; it must be finite and over 0"),
        ([], "threshold is empty; give one number, or one a signal channel"),
        (["0.1"], "threshold holds '0.1'; it must hold numbers over 0"),
        (True, "threshold holds True; it must hold numbers over 0"),
        (None, "threshold holds None; it must hold numbers over 0"),
    ],
)
def test_delta_refuses_a_threshold_that_is_no_positive_number(threshold: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "delta", "threshold": threshold})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "morse"}, "'morse' is no encoder; the encoders are delta"),
        ({}, "None is no encoder; the encoders are delta"),
        ({"name": ["delta"]}, "is no encoder; the encoders are delta"),
        ({"name": "delta", "treshold": 1}, "has no parameter 'treshold'; it has threshold"),
    ],
)
def test_from_dict_names_what_it_does_not_know(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict(values)
