"""The leaky integrate-and-fire encoder against hand arithmetic and its own equation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.registry import Lif, from_dict


def lif_by_its_equation(
    signals: NDArray[np.float32], gains: list[float], leak: float
) -> NDArray[Any]:
    """Follow the equation of `Lif` one window, channel and step at a time."""
    spikes = np.zeros(signals.shape, np.uint8)
    for n, window in enumerate(signals):
        for c, gain in enumerate(gains):
            voltage = 0.0
            for t, x in enumerate(window[c]):
                voltage = (1 - leak) * voltage + gain * float(x)
                if voltage >= 1:
                    spikes[n, c, t], voltage = 1, 0.0
    return spikes


def test_a_constant_level_fires_when_its_leaky_sum_reaches_one() -> None:
    # with leak 1/2 and input 0.6: 0.6, 0.9, 1.05 fires and starts again
    spikes = Lif((1.0,), leak=0.5).encode(np.full((1, 1, 7), 0.6))
    assert spikes.tolist() == [[[0, 0, 1, 0, 0, 1, 0]]]


def test_the_neuron_fires_at_exactly_one() -> None:
    assert Lif((0.5,), leak=0.0).encode([[[1, 1, 1, 1]]]).tolist() == [[[0, 1, 0, 1]]]


def test_a_level_below_the_leak_is_silent_forever() -> None:
    # the voltage tends to gain x / leak = 0.99
    assert not Lif((0.5,), leak=0.2).encode(np.full((1, 1, 500), 0.396)).any()
    assert Lif((0.5,), leak=0.2).encode(np.full((1, 1, 500), 0.404)).any()


def test_it_follows_its_equation_with_a_gain_a_channel() -> None:
    signals = np.random.default_rng(3).normal(0.3, 0.6, (4, 3, 80)).astype(np.float32)
    gains = [0.2, 1.0, 3.0]
    spikes = Lif(tuple(gains), leak=0.1).encode(signals)
    assert spikes.dtype == np.uint8
    assert np.array_equal(spikes, lif_by_its_equation(signals, gains, 0.1))


def test_its_description_makes_it_again() -> None:
    encoder = Lif((0.3, 0.6), leak=0.05)
    assert from_dict(json.loads(json.dumps(encoder.as_dict()))) == encoder


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gain": 0.0}, "gain holds 0.0; it must be finite and over 0"),
        ({"gain": []}, "gain is empty"),
        ({"leak": 1.0}, "leak is 1.0; it must be below 1"),
        ({"leak": -0.1}, "leak holds -0.1; it must be finite and 0 or more"),
        ({"leak": "much"}, "leak holds 'much'; it must hold numbers 0 or more"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "lif", **parameters})


def test_gains_for_another_number_of_channels_are_refused() -> None:
    with pytest.raises(InputError, match="2 values of gain for 3 signal channels"):
        Lif((0.1, 0.2)).encode(np.zeros((1, 3, 4)))
