"""Claims about calibration: its measures by hand, and its choices on small float networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.inputs import load_input
from neurodeploy.data.samples import Samples
from neurodeploy.evaluation.calibration import calibrate, correlations, distance
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import Dynamics, FloatLayer, FloatNetwork
from neurodeploy.models.post_training import quantize_float
from neurodeploy.report.calibration import decisions, layer_table


class Run:
    """The spikes and voltages of one layer."""

    def __init__(self, spikes: np.ndarray, voltage: np.ndarray) -> None:
        self.spikes, self.voltage = spikes, voltage


def reference(network: FloatNetwork) -> Any:
    """Return a simulator of layers of LIF neurons that reset to 0."""

    def run(inputs: np.ndarray, *, voltages: bool) -> Mapping[str, Run]:
        found, arriving = {}, inputs.astype(float)
        for layer in network.layers:
            x = np.einsum("ni,bit->bnt", layer.weight, arriving)
            v = np.zeros(x.shape[:2])
            spikes, voltage = np.zeros_like(x), np.zeros_like(x)
            for t in range(x.shape[2]):
                v = layer.dynamics.voltage_retention * v + x[..., t]
                spikes[..., t] = v > layer.dynamics.threshold
                v = np.where(spikes[..., t] > 0, 0, v)
                voltage[..., t] = v
            arriving = spikes
            found[layer.name] = Run(spikes.astype(np.int32), voltage)
        return found

    return run


def lif(threshold: float = 1.0) -> Dynamics:
    """Return LIF neurons that keep 0.9 of the voltage per step."""
    return Dynamics(
        current_retention=0, input_gain=1, voltage_retention=0.9, current_gain=1, leak=0,
        threshold=threshold,
    )  # fmt: skip


@pytest.fixture
def network() -> FloatNetwork:
    """Return two layers, 12-20-4; the first has one weight 40 times as large as the others."""
    rng = np.random.default_rng(0)
    first = rng.normal(0.1, 0.3, (20, 12))
    first[0, 0] = 40
    layers = FloatLayer("a", first, lif()), FloatLayer("b", rng.normal(0, 0.5, (4, 20)), lif())
    return FloatNetwork(layers, (12,))


@pytest.fixture
def samples() -> Samples:
    """Return 30 samples of 50 steps, labelled with the class that the float network finds."""
    rng = np.random.default_rng(1)
    return Samples.of((rng.random((30, 12, 50)) < 0.2).astype(np.uint8), np.arange(30) % 4)


def test_distance_is_the_norm_of_the_filtered_difference() -> None:
    """One spike against none is 1; against a spike a step later, by the exponential sum."""
    one, none = np.zeros((2, 1, 1, 200))
    one[..., 50] = 1
    late = np.roll(one, 1, axis=-1)
    keep = np.exp(-1 / 10)
    assert distance(one, one) == 0
    assert distance(one, none) == pytest.approx(1)
    # the difference is 1 in one step, then keep - 1 and on: 1 + (1 - keep)^2 / (1 - keep^2)
    expected = np.sqrt((1 + (1 - keep) ** 2 / (1 - keep**2)) * (1 - keep**2))
    assert distance(one, late) == pytest.approx(expected, rel=1e-6)


def test_correlations_are_means_over_neurons() -> None:
    """A scaled voltage correlates with 1, a negated one with -1, a constant one is left out."""
    time = np.arange(20.0)
    one = np.stack([time, time, np.ones(20)])[None]
    other = np.stack([3 * time, -time, time])[None]
    assert correlations(one, other, np.ones(one.shape, bool)) == pytest.approx(0)
    assert correlations(one[:, 2:], other[:, 2:], np.ones((1, 1, 20), bool)) is None


def test_a_lone_large_weight_is_clipped(network: FloatNetwork, samples: Samples) -> None:
    """At the default scale it takes the bits of all others; on data, a larger scale is chosen."""
    run = reference(network)
    plain = calibrate(network, run, samples, search=False)
    found = calibrate(network, run, samples)
    assert plain.layers[0].scale == quantize_float(network).layers[0].scale < 7
    assert found.layers[0].scale > 2 * plain.layers[0].scale
    assert found.layers[0].saturated > 0
    assert found.layers[0].distance < 0.8 * plain.layers[0].distance
    assert found.layers[0].same_step > plain.layers[0].same_step


def test_an_exact_network_has_no_distance(samples: Samples) -> None:
    """Weights on a lattice and decays of 12 bits: the integers send the float network's spikes."""
    weight = np.random.default_rng(0).integers(-30, 60, (8, 12)) / 64
    rules = replace(lif(), voltage_retention=np.array([0.5]))
    network = FloatNetwork((FloatLayer("a", weight, rules),), (12,))
    found = calibrate(network, reference(network), samples)
    (layer,) = found.layers
    assert (layer.same_step, layer.distance, found.decisions_equal) == (1, 0, 1)
    assert layer.rate == layer.float_rate > 0
    assert layer.voltage_correlation == pytest.approx(1, abs=1e-4)
    assert found.advice == ()


def test_accuracies_are_those_of_both_networks(network: FloatNetwork, samples: Samples) -> None:
    """Labelled with what the float network answers, its accuracy is 1."""
    run = reference(network)
    answers = run(samples.spikes, voltages=False)["b"].spikes.sum(2).argmax(1)
    found = calibrate(network, run, replace(samples, labels=answers))
    assert found.float_accuracy == 1
    assert found.accuracy == found.decisions_equal
    assert "Accuracy 100.0% in float" in decisions(found)


def test_a_silent_layer_and_the_worst_layer_are_named(
    network: FloatNetwork, samples: Samples
) -> None:
    """With 2 bits and one large weight, the first layer loses its spikes."""
    found = calibrate(network, reference(network), samples, search=False, bits=2)
    assert any("'a'" in each and "silent" in each for each in found.advice)
    assert any("loses most" in each for each in found.advice)


def test_the_reset_of_an_approximated_layer_has_a_lower_threshold(samples: Samples) -> None:
    """What exceeds the threshold is lost at a reset to 0; a lower threshold makes up for it."""
    rng = np.random.default_rng(0)
    rules = Dynamics(
        current_retention=0.5, input_gain=0.5, voltage_retention=1, current_gain=1, leak=0,
        threshold=1, reset="subtract",
    )  # fmt: skip
    network = FloatNetwork((FloatLayer("a", rng.uniform(0.2, 0.6, (6, 12)), rules),), (12,))

    def run(inputs: np.ndarray, *, voltages: bool) -> Mapping[str, Run]:
        x = np.einsum("ni,bit->bnt", network.layers[0].weight, inputs.astype(float))
        i, v, spikes = np.zeros(x.shape[:2]), np.zeros(x.shape[:2]), np.zeros_like(x)
        for t in range(x.shape[2]):
            i = 0.5 * i + 0.5 * x[..., t]
            v = v + i
            spikes[..., t] = v > 1
            v = v - spikes[..., t]
        return {"a": Run(spikes.astype(np.int32), np.zeros_like(x))}

    plain = calibrate(network, run, samples, search=False, approximate=True)
    found = calibrate(network, run, samples, approximate=True)
    assert found.layers[0].threshold_factor < 1
    assert found.layers[0].distance < plain.layers[0].distance
    gap = abs(found.layers[0].rate - found.layers[0].float_rate)
    assert gap < abs(plain.layers[0].rate - plain.layers[0].float_rate)


def test_the_table_and_json_hold_each_layer(network: FloatNetwork, samples: Samples) -> None:
    """Terminal, notebook and JSON show the same figures."""
    found = calibrate(network, reference(network), samples, search=False)
    table = layer_table(found)
    assert [row[0].text for row in table.rows] == ["a", "b"]
    layers = found.to_dict()["layers"]
    assert [each["name"] for each in layers] == ["a", "b"]
    assert layers[0]["same_step"] == found.layers[0].same_step
    html = found._repr_html_()
    assert html is not None
    assert all(part in html for part in ("<table", ">a<", "distance"))


def test_no_samples_are_refused(network: FloatNetwork, samples: Samples) -> None:
    """One sample is needed."""
    nothing = replace(samples, numbers=samples.numbers[:0])
    with pytest.raises(InputError, match="no samples"):
        calibrate(network, reference(network), nothing)


def test_loaded_samples_get_the_steps_that_layers_take(network: FloatNetwork) -> None:
    """Two layers: two zero steps, and a note that says so."""
    quantized = quantize_float(network).network
    loaded = load_input(np.ones((3, 12, 5), np.uint8), quantized)
    assert loaded.num_steps == 7
    assert loaded.spikes.sum() == 3 * 12 * 5
    assert not loaded.spikes[..., 5:].any()
    assert any("2 zero steps" in note for note in loaded.notes)
    own = Samples.of(np.ones((3, 12, 5), np.uint8))
    assert own.num_steps == 5
