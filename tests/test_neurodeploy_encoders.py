"""Spike encoders against hand arithmetic and their own equation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.registry import (
    ENCODERS,
    Bands,
    Delta,
    Encoder,
    Pixels,
    SigmaDelta,
    Together,
    from_dict,
)


def delta_by_its_equation(
    signals: NDArray[np.float32], thresholds: list[float], coarse: int = 0
) -> NDArray[Any]:
    """Follow the equation of `Delta` one window, channel and step at a time."""
    dataset, channels, samples = signals.shape
    spikes = np.zeros((dataset, (4 if coarse else 2) * channels, samples), np.uint8)
    for n in range(dataset):
        for c, d in enumerate(thresholds):
            k = 0
            for t in range(samples):
                moved = float(signals[n, c, t]) - k * d
                if coarse and moved >= coarse * d:
                    spikes[n, 2 * channels + c, t], k = 1, k + coarse
                elif coarse and moved <= -coarse * d:
                    spikes[n, 3 * channels + c, t], k = 1, k - coarse
                elif moved >= d:
                    spikes[n, c, t], k = 1, k + 1
                elif moved <= -d:
                    spikes[n, channels + c, t], k = 1, k - 1
    return spikes


def sigma_delta_by_its_equation(
    signals: NDArray[np.float32], gains: list[float], *, rectified: bool
) -> NDArray[Any]:
    """Follow the equation of `SigmaDelta` one window, channel and step at a time."""
    dataset, _, samples = signals.shape
    used = [c for c, gain in enumerate(gains) if gain]
    spikes = np.zeros((dataset, len(used) * (1 if rectified else 2), samples), np.uint8)
    for n in range(dataset):
        for place, c in enumerate(used):
            charge = 0.0
            for t in range(samples):
                x = float(signals[n, c, t])
                charge += gains[c] * (abs(x) if rectified else x)
                if charge >= 1:
                    spikes[n, place, t], charge = 1, charge - 1
                elif charge <= -1:
                    spikes[n, len(used) + place, t], charge = 1, charge + 1
                charge = max(-1.0, min(1.0, charge))
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


# Delta with coarse spikes


def test_a_coarse_spike_moves_the_reference_by_several_thresholds() -> None:
    signal = np.array([[[1.0, 1.0, 1.0, 0.0, -1.0]]], np.float32)
    spikes = Delta((0.25,), coarse=3).encode(signal)
    on, off, far_on, far_off = spikes[0].tolist()
    assert far_on == [1, 0, 0, 0, 0]  # the reference is 0.75
    assert on == [0, 1, 0, 0, 0]  # 1.0
    assert far_off == [0, 0, 0, 1, 1]  # 0.25, then -0.5
    assert off == [0, 0, 0, 0, 0]


def test_a_move_of_exactly_the_coarse_step_is_a_coarse_spike_and_no_fine_one() -> None:
    signal = np.array([[[0.75, 0.0], [0.7499, 0.0]]], np.float32)
    spikes = Delta((0.25,), coarse=3).encode(signal)
    assert spikes[0, :, 0].tolist() == [0, 1, 0, 0, 1, 0, 0, 0]
    assert spikes[0, :, 1].tolist() == [0, 0, 0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize("coarse", [2, 3, 7])
def test_delta_with_coarse_spikes_follows_its_equation(
    signals: NDArray[np.float32], coarse: int
) -> None:
    thresholds = [0.05, 0.1, 0.3]
    spikes = Delta(tuple(thresholds), coarse=coarse).encode(signals)
    assert spikes[:, 6:].any()
    assert np.array_equal(spikes, delta_by_its_equation(signals, thresholds, coarse))


def test_at_most_one_delta_spike_a_signal_channel_and_step(signals: NDArray[np.float32]) -> None:
    spikes = Delta((0.05,), coarse=3).encode(signals)
    assert spikes.reshape(4, 4, 3, 60).sum(axis=1).max() == 1


def test_coarse_spikes_catch_up_with_a_jump_sooner() -> None:
    jump = np.full((1, 1, 40), 3.0, np.float32)
    slow, fast = Delta((0.125,)).encode(jump), Delta((0.125,), coarse=5).encode(jump)
    assert np.flatnonzero(slow.any(axis=1))[-1] == 24 - 1
    assert np.flatnonzero(fast.any(axis=1))[-1] == 4 + 4 - 1


@pytest.mark.parametrize(
    ("coarse", "message"),
    [
        (1, "coarse is 1; it must be 2 or more, or 0 for none"),
        (-3, "coarse is -3; it must be 2 or more"),
        (2.0, "coarse is 2.0; it must be a whole number"),
        (True, "coarse is True; it must be a whole number"),
        ("3", "coarse is '3'; it must be a whole number"),
    ],
)
def test_delta_refuses_a_coarse_step_that_is_no_whole_number_over_1(
    coarse: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "delta", "threshold": 0.1, "coarse": coarse})


# Sigma-delta


def test_sigma_delta_fires_each_time_that_the_charge_reaches_one() -> None:
    signal = np.array([[[0.5, 0.5, 0.5, 0.5, -1.0, -1.0, -2.0]]], np.float32)
    plus, minus = SigmaDelta((1.0,)).encode(signal)[0].tolist()
    assert plus == [0, 1, 0, 1, 0, 0, 0]
    assert minus == [0, 0, 0, 0, 1, 1, 1]


def test_sigma_delta_fires_at_the_rate_of_the_level() -> None:
    level = np.full((1, 1, 1000), -0.3, np.float32)
    plus, minus = SigmaDelta((0.5,)).encode(level)[0]
    assert not plus.any()
    assert abs(int(minus.sum()) - 150) <= 1


def test_sigma_delta_keeps_no_more_charge_than_one_spike() -> None:
    signal = np.array([[[9.0, 0.0, 0.0, 0.0]]], np.float32)
    assert SigmaDelta((1.0,)).encode(signal)[0, 0].tolist() == [1, 1, 0, 0]


def test_rectified_sigma_delta_conveys_the_size_by_plus_alone() -> None:
    signal = np.array([[[-0.5, 0.5, -0.5, 0.5]]], np.float32)
    assert SigmaDelta((1.0,), rectified=True).encode(signal).tolist() == [[[0, 1, 0, 1]]]


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("gains", [[0.4, 0.1, 0.9], [0.0, 0.5, 3.0]])
def test_sigma_delta_follows_its_equation(
    signals: NDArray[np.float32], gains: list[float], rectified: bool
) -> None:
    spikes = SigmaDelta(tuple(gains), rectified).encode(signals)
    assert spikes.any()
    expected = sigma_delta_by_its_equation(signals, gains, rectified=rectified)
    assert np.array_equal(spikes, expected)


def test_a_channel_without_gain_has_no_input_channel() -> None:
    assert SigmaDelta((0.0, 0.5, 0.0)).channels(3) == 2
    assert SigmaDelta((0.0, 0.5, 0.5), rectified=True).channels(3) == 2
    assert SigmaDelta((0.5,)).channels(3) == 6


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gain": [0.0, 0.0]}, "every gain is 0; give at least one over 0"),
        ({"gain": -0.5}, "gain holds -0.5; it must be finite and 0 or more"),
        ({"gain": [float("inf")]}, "gain holds inf; it must be finite and 0 or more"),
        ({"gain": "0.5"}, "gain holds '0'; it must hold numbers 0 or more"),
        ({"gain": []}, "gain is empty; give one number, or one a signal channel"),
        ({"rectified": 1}, "rectified is 1; it must be true or false"),
    ],
)
def test_sigma_delta_refuses_what_is_no_gain(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "sigma-delta", **parameters})


def test_sigma_delta_refuses_a_number_of_gains_that_is_not_the_channels() -> None:
    with pytest.raises(InputError, match="has 2 values of gain for 3 signal channels; give one"):
        SigmaDelta((0.5, 0.5)).encode(np.zeros((1, 3, 8)))


# Several side by side


def test_together_puts_the_channels_of_each_part_after_those_before(
    signals: NDArray[np.float32],
) -> None:
    parts = (Delta((0.1,), coarse=3), SigmaDelta((0.0, 0.2, 0.4)), SigmaDelta(0.5, rectified=True))
    spikes = Together(parts).encode(signals)
    assert np.array_equal(spikes, np.concatenate([p.encode(signals) for p in parts], axis=1))
    assert spikes.shape[1] == 12 + 4 + 3


def test_together_survives_json_with_its_parts() -> None:
    encoder = Together((Delta((0.1, 1 / 3), coarse=4), SigmaDelta((0.0, 0.7), rectified=True)))
    described = json.loads(json.dumps(encoder.as_dict()))
    assert [part["name"] for part in described["parts"]] == ["delta", "sigma-delta"]
    assert from_dict(described) == encoder


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], r"parts is \[\]; it must list one encoder or more"),
        ("delta", "parts is 'delta'; it must list one encoder or more"),
        ([{"name": "morse"}], "'morse' is no encoder; the encoders are delta, sigma-delta"),
        (["delta"], "parts holds 'delta'; it must hold encoders"),
        ([{"name": "delta", "gain": 1}], "the encoder delta has no parameter 'gain'"),
        ([{"name": "together"}], "parts holds another 'together'; list its parts instead"),
    ],
)
def test_together_refuses_what_is_no_list_of_encoders(parts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "together", "parts": parts})


def test_together_refuses_parts_that_take_other_time_steps() -> None:
    class Twice(Delta):
        def steps(self, samples: int) -> int:
            return 2 * samples

    with pytest.raises(
        InputError, match=r"the parts take \[8, 16\] steps; they must take the same"
    ):
        Together((Delta(), Twice())).steps(8)


# All encoders


def signals_for(encoder: Encoder, signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return signals of the kind that the encoder takes."""
    if isinstance(encoder, Pixels):
        return np.abs(100 * signals).round().clip(0, 255)
    if isinstance(encoder, Bands):  # one waveform, of some hops
        return signals[:, :1].repeat(5, axis=2)
    return signals


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_gives_binary_spikes_of_the_shape_it_declares(
    encoder: Encoder, signals: NDArray[np.float32]
) -> None:
    signals = signals_for(encoder, signals)
    spikes = encoder.encode(signals)
    dataset, channels, samples = signals.shape
    assert spikes.shape == (dataset, encoder.channels(channels), encoder.steps(samples))
    assert spikes.dtype == np.uint8
    assert set(np.unique(spikes)) <= {0, 1}


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_treats_a_window_alone_as_among_others(
    encoder: Encoder, signals: NDArray[np.float32]
) -> None:
    signals = signals_for(encoder, signals)
    alone = np.concatenate([encoder.encode(signals[i : i + 1]) for i in range(len(signals))])
    assert np.array_equal(encoder.encode(signals), alone)


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_survives_json(encoder: Encoder) -> None:
    assert from_dict(json.loads(json.dumps(encoder.as_dict()))) == encoder


@pytest.mark.parametrize("encoder", [kind() for kind in ENCODERS.values()], ids=list(ENCODERS))
def test_each_encoder_takes_no_windows(encoder: Encoder, signals: NDArray[np.float32]) -> None:
    nothing = signals_for(encoder, signals)[:0]
    _, channels, samples = nothing.shape
    spikes = encoder.encode(nothing)
    assert spikes.shape == (0, encoder.channels(channels), encoder.steps(samples))


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
    with pytest.raises(InputError, match="2 values of threshold for 3 signal channels; give"):
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
        ({"name": "delta", "treshold": 1}, "has no parameter 'treshold'; it has threshold, coarse"),
    ],
)
def test_from_dict_names_what_it_does_not_know(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict(values)
