"""The NIR reference: hand arithmetic for single neurons, and the frameworks' own spikes."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import nir_networks
import numpy as np
import pytest

from neurodeploy.export.nir import dialects, graph
from neurodeploy.export.nir.dialects import DIALECTS, Dialect, dynamics, guess, time_step
from neurodeploy.export.nir.reference import Neurons, simulate
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import Dynamics

PLAIN = DIALECTS["plain"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", nir_networks.NAMES)
def test_every_spike_of_the_framework_comes_out(name: str, dtype: Any, tmp_path: Path) -> None:
    network = nir_networks.load(name)
    read = network.graph(tmp_path)
    dt_s, _ = time_step(read, network.dialect)
    runs = simulate(read, network.inputs, network.dialect, dt_s, dtype=dtype)
    assert len(runs) == len(network.layers)
    for run, layer in zip(runs.values(), network.layers, strict=True):
        if layer.dtype == np.uint8:
            np.testing.assert_array_equal(run.spikes, layer)
        else:
            np.testing.assert_allclose(run.voltage, layer, atol=1e-6)


def test_each_framework_brought_networks_that_fire() -> None:
    assert {name.split("_")[0] for name in nir_networks.NAMES} == set(DIALECTS) - {"plain"}
    for name in nir_networks.NAMES:
        for layer in nir_networks.load(name).layers:
            assert layer.dtype == np.float32 or 0.05 < (layer > 0).mean() < 0.35


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("snntorch_leaky_default", {"reset": "zero", "reset_delay": False}),
        ("snntorch_synaptic_zero_delayed", {"reset_delay": False}),
        ("sinabs_lif_default", {"multi_spike": False}),
        ("sinabs_lif_zero_raw", {"norm_input": True}),
        ("rockpool_cuba_default", {"reset": "zero"}),
    ],
)
def test_another_option_gives_other_spikes(name: str, wrong: Any, tmp_path: Path) -> None:
    network = nir_networks.load(name)
    read = network.graph(tmp_path)
    dialect = network.dialect.with_options(**wrong)
    runs = simulate(read, network.inputs, dialect, time_step(read, dialect)[0])
    pairs = zip(runs.values(), network.layers, strict=True)
    assert any((run.spikes != layer).any() for run, layer in pairs)


def run_neuron(values: list[float], **parameters: Any) -> tuple[list[float], list[float]]:
    """Return spikes and voltages of one neuron."""
    given = {
        "current_retention": 0.0, "input_gain": 1.0, "voltage_retention": 1.0, "current_gain": 1.0,
        "leak": 0.0, "threshold": 1.0, **parameters,
    }  # fmt: skip
    neuron = Neurons(Dynamics(**given), (1, 1), np.dtype(np.float64))
    pairs = [(neuron.step(np.array([[x]])).item(), neuron.v.item()) for x in values]
    return [spikes for spikes, _ in pairs], [v for _, v in pairs]


def test_the_threshold_is_strict_unless_the_dialect_fires_at_it() -> None:
    assert run_neuron([1.0, 0.5])[0] == [0, 1]
    assert run_neuron([1.0, 0.5], strict=False)[0] == [1, 0]


def test_current_and_voltage_decay_and_the_voltage_takes_the_new_current() -> None:
    spikes, voltages = run_neuron(
        [2.0, 0.0, 0.0], current_retention=0.5, input_gain=0.25, voltage_retention=0.5,
        current_gain=0.5, leak=0.125, threshold=math.inf,
    )  # fmt: skip
    # i: 0.5, 0.25, 0.125; v: 0.25 + 0.125, then half of it + 0.125 + 0.125, ...
    assert voltages == [0.375, 0.4375, 0.40625]
    assert spikes == voltages  # a neuron that never fires hands on its voltage


def test_resets() -> None:
    inputs = [1.5, 0.25, 0.0]
    assert run_neuron(inputs)[1] == [0, 0.25, 0.25]
    assert run_neuron(inputs, reset_value=-0.5)[1] == [-0.5, -0.25, -0.25]
    assert run_neuron(inputs, reset="subtract")[1] == [0.5, 0.75, 0.75]
    assert run_neuron(inputs, reset="none") == ([1, 1, 1], [1.5, 1.75, 1.75])


def test_a_delayed_reset_acts_on_the_next_voltage() -> None:
    assert run_neuron([1.5, 0.25, 0.25], reset_delay=True) == ([1, 0, 0], [1.5, 0, 0.25])
    spikes, voltages = run_neuron([1.5, 0.25, 0.25], reset="subtract", reset_delay=True)
    assert (spikes, voltages) == ([1, 0, 0], [1.5, 0.75, 1.0])


def test_several_spikes_subtract_the_threshold_as_often() -> None:
    assert run_neuron([3.25, 0.0], reset="subtract", multi_spike=True) == ([3, 0], [0.25, 0.25])
    assert run_neuron([3.25, 0.0], multi_spike=True) == ([3, 0], [0, 0])
    assert run_neuron([3.25, 0.0], reset="subtract") == ([1, 1], [2.25, 1.25])


def test_snntorchs_neuron_over_its_threshold_waits() -> None:
    options = {"reset": "subtract", "overshoot_waits": True}
    assert run_neuron([2.25, 0.0, 0.0], **options) == ([1, 0, 0], [1.25, 1.25, 1.25])
    assert run_neuron([2.25, 1.0, 0.0], **options) == ([1, 1, 0], [1.25, 1.25, 1.25])


def lif(**values: Any) -> nir.LIF:
    given = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **values}
    return nir.LIF(**{key: np.array([value]) for key, value in given.items()})


def cuba(**values: Any) -> nir.CubaLIF:
    given = {
        "tau_syn": 0.005, "tau_mem": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0,
        "v_reset": 0.0, "w_in": 1.0, **values,
    }  # fmt: skip
    return nir.CubaLIF(**{key: np.array([value]) for key, value in given.items()})


def step_of(node: Any, dialect: Dialect, dt_s: float | None = 1e-3) -> dict[str, float]:
    """Return the values of `Dynamics` of one neuron."""
    found = dynamics(node, dialect, dt_s, "n")
    names = ("current_retention", "input_gain", "voltage_retention", "current_gain", "leak")
    return {name: getattr(found, name).item() for name in (*names, "threshold", "reset_value")}


def test_plain_is_forward_euler() -> None:
    found = step_of(cuba(r=3.0, w_in=2.0, v_leak=0.5, v_reset=-1.0), PLAIN)
    wanted = {
        "current_retention": 0.8, "input_gain": 0.4, "voltage_retention": 0.9,
        "current_gain": 0.3, "leak": 0.05, "threshold": 1.0, "reset_value": -1.0,
    }  # fmt: skip
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize("kind", [nir.I, nir.IF])
def test_plain_integrators_add_dt_r_x(kind: Any) -> None:
    more = {} if kind is nir.I else {"v_threshold": np.ones(1)}
    found = step_of(kind(r=np.array([5.0]), **more), PLAIN)
    assert (found["voltage_retention"], found["current_gain"]) == (1, pytest.approx(0.005))


def test_a_threshold_has_no_memory() -> None:
    found = step_of(nir.Threshold(np.array([0.5])), PLAIN, None)
    assert (found["voltage_retention"], found["current_gain"], found["threshold"]) == (0, 1, 0.5)


def test_sinabs_decays_exponentially_in_steps_and_scales_its_input() -> None:
    kept = math.exp(-1 / 5)
    found = step_of(lif(tau=5.0), DIALECTS["sinabs"], None)
    assert (found["voltage_retention"], found["current_gain"]) == pytest.approx((kept, 1 - kept))
    raw = DIALECTS["sinabs"].with_options(norm_input=False)
    assert step_of(lif(tau=5.0), raw, 1e-3)["current_gain"] == 1


def test_rockpool_decays_the_current_after_adding() -> None:
    found = step_of(cuba(r=77.0), DIALECTS["rockpool"])
    syn, mem = math.exp(-1 / 5), math.exp(-1 / 10)
    assert found["current_retention"] == found["input_gain"] == pytest.approx(syn)
    assert (found["voltage_retention"], found["current_gain"]) == (pytest.approx(mem), 1)


def test_norse_adds_its_input_to_the_current_whether_w_in_was_set_or_not() -> None:
    for w_in in (1.0, 5.0):
        assert step_of(cuba(w_in=w_in), DIALECTS["norse"])["input_gain"] == pytest.approx(1)
    integrator = nir.IF(r=np.ones(1), v_threshold=np.ones(1))
    assert step_of(integrator, DIALECTS["norse"])["current_gain"] == 1


def test_voltages_are_counted_from_where_the_framework_starts() -> None:
    found = step_of(lif(v_leak=0.25), DIALECTS["norse"])
    assert (found["leak"], found["threshold"], found["reset_value"]) == (0, 0.75, -0.25)
    found = step_of(lif(v_leak=-0.5, v_reset=-0.5), DIALECTS["spikingjelly"])
    assert (found["leak"], found["threshold"], found["reset_value"]) == (0, 1.5, 0)


@pytest.mark.parametrize(
    ("node", "dialect", "dt_s", "named"),
    [
        (lif(tau=-1.0), "plain", 1e-3, "tau of node n is -1"),
        (lif(tau=1e-5), "plain", 1e-3, "1e-05 s, shorter than the time step of 0.001 s"),
        (lif(tau=1e-5), "norse", 1e-3, "dt=1.0"),
        (cuba(), "sinabs", None, "CubaLIF"),
        (lif(), "plain", None, "dt"),
    ],
)
def test_a_node_without_a_meaning_is_named(
    node: Any, dialect: str, dt_s: float | None, named: str
) -> None:
    with pytest.raises(InputError, match="node n") as caught:
        dynamics(node, DIALECTS[dialect], dt_s, "n")
    assert named in str(caught.value)


def test_a_dialect_refuses_options_that_its_framework_lacks() -> None:
    with pytest.raises(InputError, match="spikingjelly"):
        DIALECTS["spikingjelly"].with_options(multi_spike=True)
    with pytest.raises(InputError, match="'half'"):
        PLAIN.with_options(reset="half")
    assert DIALECTS["spikingjelly"].with_options(reset="zero") == DIALECTS["spikingjelly"]


def test_the_default_of_the_framework_is_told() -> None:
    assert "subtract" in DIALECTS["snntorch"].difference()
    own = DIALECTS["snntorch"].with_options(reset="subtract", reset_delay=True)
    assert own.difference() == PLAIN.difference() == ""


def chain(*nodes: Any, size: int = 1) -> nir.NIRGraph:
    """Return the checked graph of a chain of nodes called 0, 1, ..."""
    ends = {"input": nir.Input({"input": np.array([size])})}
    named = {str(k): node for k, node in enumerate(nodes)}
    last = {"output": nir.Output({"output": np.array([size])})}
    names = [*ends, *named, *last]
    edges = list(pairwise(names))
    return graph.checked(nir.NIRGraph({**ends, **named, **last}, edges, type_check=False))


def test_the_time_step_is_recovered_where_r_says_it() -> None:
    said = chain(lif(tau=2e-3, r=20.0))
    assert time_step(said, DIALECTS["snntorch"])[0] == pytest.approx(1e-4)
    assert time_step(said, PLAIN)[0] == pytest.approx(1e-4)
    assert time_step(said, DIALECTS["snntorch"], 1e-3)[0] == pytest.approx(1e-4)
    assert time_step(said, PLAIN, 1e-3)[0] == 1e-3
    silent = chain(lif(tau=2e-3))
    assert time_step(silent, DIALECTS["norse"])[0] == 1e-3
    with pytest.raises(InputError, match="dt"):
        time_step(silent, PLAIN)
    with pytest.raises(InputError, match="-1"):
        time_step(silent, PLAIN, -1.0)


@pytest.mark.parametrize("name", nir_networks.NAMES)
def test_a_guess_gives_the_frameworks_spikes_or_is_plain(name: str, tmp_path: Path) -> None:
    network = nir_networks.load(name)
    read = network.graph(tmp_path)
    dialect, reason = guess(read)
    assert reason
    if dialect.name == "plain":
        with pytest.raises(InputError, match="dt"):
            time_step(read, dialect)
        return
    options = {
        key: getattr(network.dialect, key)
        for key in ("reset", "reset_delay", "multi_spike", "norm_input")
        if key in dialect.options
    }
    dialect = dialect.with_options(**options)
    runs = simulate(read, network.inputs, dialect, time_step(read, dialect)[0])
    for run, layer in zip(runs.values(), network.layers, strict=True):
        if layer.dtype == np.uint8:
            np.testing.assert_array_equal(run.spikes, layer)


def test_a_neuron_in_a_cycle_sees_the_spikes_of_the_step_before() -> None:
    neuron = nir.IF(r=np.ones(1), v_threshold=np.array([0.5]))
    ends = [nir.Input({"input": np.array([1])}), nir.Output({"output": np.array([1])})]
    for delay, wanted in ((0.0, [1, 1, 1, 1]), (1.0, [1, 0, 1, 0])):
        nodes = {
            "in": ends[0], "n": neuron, "d": nir.Delay(np.array([delay])), "out": ends[1],
            "w": nir.Affine(np.array([[1.0]]), np.zeros(1)),
        }  # fmt: skip
        edges = [("in", "n"), ("n", "w"), ("w", "d"), ("d", "n"), ("n", "out")]
        made = graph.checked(nir.NIRGraph(nodes, edges, type_check=False))
        inputs = np.array([[[1.0, 0, 0, 0]]])
        run = simulate(made, inputs, PLAIN, 1.0)["n"]
        assert run.spikes[0, 0].tolist() == wanted


def test_a_delay_moves_each_neuron_by_its_own_steps() -> None:
    nodes = [nir.Delay(np.array([0.0, 2e-3])), nir.Threshold(np.array([0.5, 0.5]))]
    inputs = np.zeros((1, 2, 4))
    inputs[..., 0] = 1
    run = simulate(chain(*nodes, size=2), inputs, PLAIN, 1e-3)["1"]
    assert run.spikes[0].tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    with pytest.raises(InputError, match="node 0"):
        simulate(chain(*nodes, size=2), inputs, PLAIN, 1.5e-3)


def test_an_input_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(1, 2, 4\)"):
        simulate(chain(lif()), np.zeros((1, 2, 4)), PLAIN, 1e-3)


def test_layers_can_have_dialects_of_their_own() -> None:
    own = PLAIN.with_options(reset="subtract")
    mixed = replace(PLAIN, layers=(("n", own),))
    assert dynamics(lif(), mixed, 1e-3, "n").reset == "subtract"
    assert dynamics(lif(), mixed, 1e-3, "m").reset == "value"
    assert dialects.describe(mixed)["layers"]["n"]["reset"] == "subtract"


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), ((1, 2), (2, 1), (2, 1))]
)
def test_convolutions_are_torchs(groups: int, stride: Any, padding: Any, dilation: Any) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, 2 // groups, 3, 3)), rng.normal(size=4)
    x = rng.normal(size=(2, 2, 8, 9))
    convolved = torch.nn.functional.conv2d(
        torch.tensor(x), torch.tensor(weight), torch.tensor(bias), stride, padding, dilation, groups
    )
    channels, height, width = convolved.shape[1:]
    nodes = {
        "in": nir.Input({"input": np.array(x.shape[1:])}),
        "c": nir.Conv2d(None, weight, stride, padding, dilation, groups, bias),
        "p": nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([1, 1])),
        "n": nir.I(np.ones(1)),
        "out": nir.Output({"output": np.array([channels, height + 1, width + 1])}),
    }
    names = list(nodes)
    made = graph.checked(nir.NIRGraph(nodes, list(pairwise(names)), type_check=False))
    run = simulate(made, x[..., None], PLAIN, 1.0)["n"]
    wanted = torch.nn.functional.avg_pool2d(convolved, 2, 1, 1)
    assert run.voltage is not None
    np.testing.assert_allclose(run.voltage, wanted.numpy().reshape(2, -1, 1), atol=1e-12)
