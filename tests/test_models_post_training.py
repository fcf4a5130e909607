"""Claims about quantization after training: hand arithmetic, a float simulation and Lava."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.hw_sim.backends import get
from neurodeploy.models import loihi
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.float_network import Dynamics, FloatLayer, FloatNetwork
from neurodeploy.models.layers import ConvLayer, DenseLayer, RecurrentLayer
from neurodeploy.models.post_training import quantize_float, weight_grid


def dynamics(**values: Any) -> Dynamics:
    """Return neurons that add their input and keep nothing, unless `values` say otherwise."""
    base: dict[str, Any] = {
        "current_retention": 0, "input_gain": 1, "voltage_retention": 0, "current_gain": 1,
        "leak": 0, "threshold": 1, "strict": True,
    }  # fmt: skip
    return Dynamics(**{**base, **values})


def dense(*shape: int, seed: int = 0, recurrent: bool = False, **values: Any) -> FloatLayer:
    """Return a layer of random weights."""
    rng = np.random.default_rng(seed)
    extra = {"recurrent": rng.normal(-0.03, 0.05, (shape[0], shape[0]))} if recurrent else {}
    bias = values.pop("bias", np.zeros(1))
    weight = rng.normal(0.2, 0.4, shape)
    return FloatLayer(f"layer{seed}", weight, dynamics(**values), bias, **extra)


def chain(*layers: FloatLayer) -> FloatNetwork:
    """Return the network of these layers."""
    return FloatNetwork(layers, layers[0].input_shape, dt_s=1e-3)


def convolve(layer: FloatLayer, spikes: np.ndarray) -> np.ndarray:
    """Return the weighted input (neurons,) of a convolution, pixel by pixel."""
    channels, height, width = layer.shape
    image = spikes.reshape(layer.input_shape)
    pads = [(0, 0), *((pad, pad) for pad in layer.padding)]
    image = np.pad(image, pads)
    out = np.zeros(layer.shape)
    kernel = layer.weight
    for row in range(height):
        for column in range(width):
            top, left = row * layer.stride[0], column * layer.stride[1]
            part = image[:, top : top + kernel.shape[2], left : left + kernel.shape[3]]
            out[:, row, column] = (kernel * part).sum((1, 2, 3))
    bias = np.broadcast_to(layer.bias, (channels,))
    return (out + bias[:, None, None]).ravel()


def float_spikes(network: FloatNetwork, inputs: np.ndarray) -> list[np.ndarray]:
    """Run a float network: the equations of `Dynamics`, one sample and step after the other."""
    outputs = [np.zeros((len(inputs), layer.neurons, inputs.shape[2])) for layer in network.layers]
    for sample, spikes in enumerate(inputs):
        arriving = spikes.astype(float)
        for layer, emitted in zip(network.layers, outputs):
            emitted[sample] = run_layer(layer, arriving)
            arriving = emitted[sample]
    return outputs


def run_layer(layer: FloatLayer, arriving: np.ndarray) -> np.ndarray:
    """Return the spikes (neurons, time) of one layer."""
    rules, steps = layer.dynamics, arriving.shape[1]
    i, v, last = (np.zeros(layer.neurons) for _ in range(3))
    out = np.zeros((layer.neurons, steps))
    for t in range(steps):
        if layer.convolution:
            x = convolve(layer, arriving[:, t])
        else:
            x = layer.weight @ arriving[:, t] + layer.bias
        if layer.recurrent is not None:
            x = x + layer.recurrent @ last
        i = rules.current_retention * i + rules.input_gain * x
        v = rules.voltage_retention * v + rules.current_gain * i + rules.leak
        if rules.reset_delay and rules.reset == "subtract":
            v = v - rules.threshold * last
        fired = v > rules.threshold if rules.strict else v >= rules.threshold
        last = fired.astype(float)
        if not rules.reset_delay and rules.reset == "subtract":
            v = v - rules.threshold * fired
        if rules.reset == "value":
            v = np.where(fired, rules.reset_value, v)
        out[:, t] = last
    return out


def integer_spikes(found: Any, inputs: np.ndarray, float_ones: list[np.ndarray]) -> list[Any]:
    """Run the integers and return their spikes shifted back by the latency of each layer."""
    layers = len(float_ones)
    longer = np.pad(inputs, ((0, 0), (0, 0), (0, layers)))
    activity = get("fast").run(found.network, longer)
    steps = inputs.shape[2]
    return [
        spikes[:, : expected.shape[1], index : index + steps]
        for index, (spikes, expected) in enumerate(zip(activity.spikes, float_ones), start=1)
    ]


def agreement(network: FloatNetwork, *, rate: float = 0.2, **options: Any) -> list[float]:
    """Return the share of equal spikes of each layer: both fired over at least one fired."""
    rng = np.random.default_rng(5)
    shape = (12, int(np.prod(network.input_shape)), 60)
    inputs = (rng.random(shape) < rate).astype(np.uint8)
    expected = float_spikes(network, inputs)
    found = integer_spikes(quantize_float(network, **options), inputs, expected)
    assert all(each.any() for each in expected), "no spike to compare"
    return [float((a * b).sum() / np.maximum(a, b).sum()) for a, b in zip(expected, found)]


# Hand arithmetic


def test_weights_and_threshold_share_a_scale() -> None:
    """Weights 2, -1, 0.31 and a threshold of 0.5: 2 is four thresholds and becomes 254 or less."""
    layer = FloatLayer("a", np.array([[2.0, -1.0, 0.3141]]), dynamics(threshold=0.5))
    found = quantize_float(chain(layer))
    made = found.network.layers[0]
    assert found.layers[0].threshold == 63  # 254 / 4 = 63.5, in whole units
    assert made.weight.tolist() == [[252, -126, 40]]  # 63 * (4, -2, 0.6282), in steps of 2


def test_weights_on_a_lattice_are_exact() -> None:
    """Weights 4, -2 and 0.6 thresholds are multiples of 0.2: 60 times as much is even and fits."""
    layer = FloatLayer("a", np.array([[2.0, -1.0, 0.3]]), dynamics(threshold=0.5))
    found = quantize_float(chain(layer))
    assert found.layers[0].exact
    assert found.network.layers[0].weight.tolist() == [[240, -120, 36]]


def test_decays_have_12_bits() -> None:
    """A retention of 0.9 and 0.7 lose 409.6 and 1228.8 of 4096."""
    layer = dense(2, 3, current_retention=0.9, voltage_retention=0.7)
    neuron = quantize_float(chain(layer)).network.layers[0].neuron
    assert (neuron.current_decay.tolist(), neuron.voltage_decay.tolist()) == ([410], [1229])


def test_gains_and_thresholds_per_neuron_fold_into_rows() -> None:
    """Rows with gain over threshold 2, 1 and 1/4 keep the ratios 8 : 4 : 1."""
    rules = dynamics(input_gain=[2, 2, 1], current_gain=[1, 2, 0.5], threshold=[1, 4, 2])
    layer = FloatLayer("a", np.ones((3, 1)), rules)
    weight = quantize_float(chain(layer)).network.layers[0].weight.ravel()
    assert weight.tolist() == [248, 124, 31]


def test_a_bias_without_a_filter_acts_on_the_voltage() -> None:
    """(0.25 bias * gain 2 + leak 0.5) / threshold 4 = 1/4 of the threshold."""
    layer = dense(2, 3, input_gain=2, leak=0.5, threshold=4, bias=np.array([0.25]))
    found = quantize_float(chain(layer))
    bias = found.network.layers[0].neuron.bias
    assert bias.tolist() == [round(found.layers[0].scale / 4)]
    assert any("'layer0'" in note and "1 step before" in note for note in found.notes)


@pytest.mark.parametrize(("bits", "step"), [(8, 2), (6, 8), (4, 32)])
def test_fewer_bits_have_wider_steps(bits: int, step: int) -> None:
    """b bits, sign included, hold 2^b multiples of 2^(9 - b)."""
    weight = quantize_float(chain(dense(20, 30)), bits=bits).network.layers[0].weight
    assert not (weight % step).any()
    assert len(np.unique(weight)) <= 2**bits
    grid = weight_grid(np.array([-1.0, 1.0]), bits)
    assert (grid.high - grid.low) // grid.step + 1 == 2**bits


def test_weights_of_one_sign_have_steps_half_as_wide() -> None:
    """8 bits without a sign hold 0 to 255 in steps of 1."""
    weight = np.abs(np.random.default_rng(0).normal(size=(20, 30)))
    found = quantize_float(chain(FloatLayer("a", weight, dynamics())))
    integers = found.network.layers[0].weight
    assert (integers % 2).any()
    assert 0 <= integers.min() <= integers.max() <= 255


@pytest.mark.parametrize("strict", [True, False])
def test_the_tie_of_a_lattice_is_the_dialects(strict: bool) -> None:
    """Two weights of half a threshold reach it exactly: >= fires, > does not."""
    layer = FloatLayer("a", np.full((1, 2), 0.5), dynamics(strict=strict, voltage_retention=1))
    inputs = np.ones((1, 2, 1), np.uint8)
    found = quantize_float(chain(layer))
    (spikes,) = integer_spikes(found, inputs, [np.zeros((1, 1, 1))])
    assert spikes.item() == int(not strict)


def test_integers_come_back_from_a_threshold_just_above() -> None:
    """Weights -100..156 and `v > 77 << 6`, in any unit, written as `v >= 77 + 1/128`."""
    rng = np.random.default_rng(0)
    weight = 2 * rng.integers(-50, 79, (9, 12))
    rules = dynamics(
        threshold=(77 + 1 / 128) * 0.3, strict=False, voltage_retention=0.9, current_retention=0.5
    )
    found = quantize_float(chain(FloatLayer("a", np.float32(weight * 0.3), rules)))
    made = found.network.layers[0]
    assert made.neuron.threshold == 77
    assert made.weight.tolist() == weight.tolist()
    assert found.layers[0].exact


def test_layers_without_a_threshold_never_fire() -> None:
    """An integrator's answer is its voltage."""
    layer = dense(2, 3, threshold=np.inf, voltage_retention=1)
    network = quantize_float(chain(layer)).network
    assert network.layers[0].neuron.threshold == loihi.THRESHOLD_NEVER
    assert network.readout == "voltage"
    assert np.abs(network.layers[0].weight).max() >= 253


def test_the_task_asks_for_the_steps_that_layers_take() -> None:
    """Two layers lose the last two steps of a sample."""
    network = quantize_float(chain(dense(4, 3), dense(2, 4, seed=1))).network
    assert network.task.encoder["extra_steps"] == 2
    assert network.task.dt_ms == 1.0


# Against a float simulation


NEURONS: dict[str, dict[str, Any]] = {
    "IF": {"voltage_retention": 1},
    "LIF": {"voltage_retention": 0.9},
    "CubaLIF": {"voltage_retention": 0.9, "current_retention": 0.6},
    "Threshold": {},
    "leak": {"voltage_retention": 0.9, "current_retention": 0.6, "leak": 0.002},
}


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("recurrent", [False, True])
def test_spikes_are_those_of_the_float_network(name: str, recurrent: bool) -> None:
    """Rounded to 8 bits, most spikes of both layers keep their step."""
    layers = dense(20, 10, recurrent=recurrent, **NEURONS[name]), dense(8, 20, seed=1)
    assert min(agreement(chain(*layers))) > 0.8


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("retention", [1.0, 0.8])
@pytest.mark.parametrize("recurrent", [False, True])
def test_a_reset_by_subtraction_is_exact_without_a_filter(
    delayed: bool, retention: float, recurrent: bool
) -> None:
    """Weights are on a lattice with threshold and retention, so that only decays round."""
    rules = dynamics(voltage_retention=retention, reset="subtract", reset_delay=delayed)
    rng, unit = np.random.default_rng(3), 32 if retention == 1 else 40  # without ties in float
    weight = rng.integers(-12, 36, (12, 10)) / unit
    extra = {"recurrent": rng.integers(-3, 2, (12, 12)) / unit} if recurrent else {}
    network = chain(FloatLayer("a", weight, rules, **extra), dense(5, 12, voltage_retention=0.5))
    found = quantize_float(network)
    assert isinstance(found.network.layers[0], RecurrentLayer)
    assert not found.approximations
    shares = agreement(network)
    assert shares[0] == 1.0 if retention == 1 else shares[0] > 0.95


FILTERED = {"voltage_retention": 0.9, "current_retention": 0.6}


def test_a_filtered_bias_comes_from_the_layer_before() -> None:
    """It arrives when the layer holds the first step of its source, from a delayed neuron."""
    rng = np.random.default_rng(1)
    layers = (
        dense(20, 10, **FILTERED),
        dense(15, 20, seed=1, bias=rng.normal(0.02, 0.05, 15), **FILTERED),
        dense(6, 15, seed=2, bias=rng.normal(0.05, 0.1, 6), **FILTERED),
    )
    found = quantize_float(chain(*layers))
    assert [layer.neurons for layer in found.network.layers] == [21, 16, 6]
    assert [layer.delay.max() for layer in found.network.layers] == [0, 1, 2]
    assert min(agreement(chain(*layers), rate=0.1)) > 0.85


@pytest.mark.parametrize("recurrent", [False, True])
def test_a_filtered_bias_of_the_first_layer_comes_from_inside(recurrent: bool) -> None:
    """The layer becomes recurrent, with one neuron more."""
    bias = np.random.default_rng(1).normal(0.02, 0.05, 20)
    layers = dense(20, 10, recurrent=recurrent, bias=bias, **FILTERED), dense(5, 20, seed=1)
    found = quantize_float(chain(*layers))
    assert isinstance(found.network.layers[0], RecurrentLayer)
    assert found.network.layers[0].neurons == 21
    assert min(agreement(chain(*layers))) > 0.85


def test_a_filtered_bias_of_a_later_recurrent_layer_is_relayed() -> None:
    """Its own neurons count the steps, so that it has no delays, which netx could not build."""
    bias = np.full(12, 0.3)
    layers = (
        dense(20, 10, **FILTERED),
        FloatLayer("b", np.full((12, 20), 1e-3), dynamics(**FILTERED), bias, np.zeros((12, 12))),
        dense(5, 12, seed=1),
    )
    found = quantize_float(chain(*layers))
    assert found.network.layers[1].neurons == 14
    silent = np.zeros((1, 10, 20), np.uint8)
    expected = float_spikes(chain(*layers), silent)
    assert expected[1].any()
    np.testing.assert_array_equal(integer_spikes(found, silent, expected)[1], expected[1])


def test_convolutions_follow_the_float_network() -> None:
    """Kernel, stride and padding, bias per channel, then a dense layer."""
    rng = np.random.default_rng(2)
    kernel = rng.normal(0.1, 0.3, (4, 2, 3, 3))
    rules = dynamics(voltage_retention=0.9, threshold=np.repeat([1, 1.5, 2, 0.7], 9))
    conv = FloatLayer(
        "conv", kernel, rules, np.array([0.01, 0.02, -0.01, 0]), input_shape=(2, 6, 6),
        stride=(2, 2), padding=(1, 1),
    )  # fmt: skip
    network = FloatNetwork((conv, dense(5, 36, seed=1)), (2, 6, 6))
    assert isinstance(quantize_float(network).network.layers[0], ConvLayer)
    assert min(agreement(network, rate=0.1)) > 0.9


def test_delays_are_those_of_the_source() -> None:
    """A spike that is 4 steps late fires the neuron 4 steps later."""
    layer = FloatLayer("a", np.full((1, 1), 2.0), dynamics(), delay=np.array([[4]]))
    inputs = np.eye(1, 10, dtype=np.uint8)[None]
    (spikes,) = integer_spikes(quantize_float(chain(layer)), inputs, [np.zeros((1, 1, 10))])
    assert np.flatnonzero(spikes).tolist() == [4]


# What Loihi cannot do


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "subtract behind a filter": ({**FILTERED, "reset": "subtract"}, "subtracts"),
    "no reset": ({"voltage_retention": 0.9, "reset": "none"}, "no reset"),
    "reset value": ({"voltage_retention": 0.9, "reset_value": -0.5}, "resets to -0.5"),
    "delayed": ({"voltage_retention": 0.9, "reset_delay": True}, "one step after"),
    "several": ({"voltage_retention": 0.9, "multi_spike": True}, "several spikes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_loihi_cannot_do_is_refused_or_approximated(name: str) -> None:
    """The message names the layer and the way out; the closest form is close."""
    values, message = REFUSED[name]
    network = chain(dense(20, 10, **values))
    with pytest.raises(DesignRuleError, match=f"'layer0'.*{message}.*--approximate"):
        quantize_float(network)
    found = quantize_float(network, approximate=True)
    assert any(message in each for each in found.approximations)
    get("fast").run(found.network, np.ones((1, 10, 5), np.uint8))


def test_all_layers_are_named() -> None:
    """Two layers with a problem each are two problems."""
    layers = dense(4, 3, reset_delay=True), dense(4, 4, seed=1, threshold=-1)
    with pytest.raises(DesignRuleError) as error:
        quantize_float(chain(*layers))
    assert ["layer0" in each for each in error.value.problems] == [True, False]
    assert "layer1" in error.value.problems[1]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (FloatLayer("a", np.full((1, 1), 300.0), dynamics()), "no scale fits 'a'.*300"),
        (FloatLayer("a", np.full((1, 1), 1e-7), dynamics()), "no scale fits 'a'.*17 bits"),
        (FloatLayer("a", np.zeros((1, 1)), dynamics()), "'a' are 0"),
        (dense(2, 2, bias=np.array([9999.0])), "no scale fits 'layer0'.*9,999"),
        (dense(2, 2, threshold=[1, np.inf]), "infinite thresholds"),
        (
            FloatLayer("a", np.ones((1, 1)), dynamics(), delay=np.array([[63]])),
            "'a' has a delay of 63",
        ),
    ],
)
def test_what_no_scale_fits_is_refused(layer: FloatLayer, message: str) -> None:
    """One sentence names the layer, the value and the limit."""
    with pytest.raises(DesignRuleError, match=message):
        quantize_float(chain(layer))


def test_scales_are_checked() -> None:
    """A scale names a layer, is over 0, and leaves the threshold 17 bits."""
    network = chain(dense(2, 2))
    for scales, message in (({"b": 3.0}, "layer0"), ({"layer0": 0.0}, "over 0")):
        with pytest.raises(InputError, match=message):
            quantize_float(network, scales=scales)
    with pytest.raises(InputError, match="131071"):
        quantize_float(network, scales={"layer0": 1e6})
    with pytest.raises(InputError, match="bits is 9"):
        quantize_float(network, bits=9)


def test_a_larger_scale_clips() -> None:
    """The share of clipped weights is counted."""
    network = chain(dense(20, 30))
    whole = quantize_float(network)
    found = quantize_float(network, scales={"layer0": 2 * whole.scales["layer0"]})
    clipped = np.abs(network.layers[0].weight) * found.scales["layer0"] > 256
    assert found.layers[0].saturated == pytest.approx(clipped.mean(), abs=0.01)
    assert whole.layers[0].saturated == 0


# Against Lava


def test_lava_runs_quantized_networks(on_lava: Any) -> None:
    """Every spike, u and v of always-on neurons, relays and self-connections."""
    bias = np.random.default_rng(1).normal(0.05, 0.05, 12)
    network = chain(
        dense(9, 6, voltage_retention=0.9, reset="subtract", leak=0.01),
        dense(12, 9, seed=1, recurrent=True, bias=bias, **FILTERED),
        dense(5, 12, seed=2, bias=bias[:5], **FILTERED),
    )
    found = quantize_float(network).network
    assert all(isinstance(each, (DenseLayer, RecurrentLayer)) for each in found.layers)
    spikes = (np.random.default_rng(0).random((2, 6, 30)) < 0.3).astype(np.uint8)
    from neurodeploy.hw_sim.backends import RunOptions

    ours = get("fast").run(found, spikes, RunOptions(states=True))
    lava = on_lava(found, spikes)
    for index, (a, b) in enumerate(zip(ours.spikes, lava.spikes)):
        np.testing.assert_array_equal(a, b, err_msg=f"layer {index}")
        assert a.any()
    for a, b in zip(ours.states, lava.states):
        np.testing.assert_array_equal(a.current, b.current)
        np.testing.assert_array_equal(a.voltage, b.voltage)
