"""Claims about networks from NIR: in the library, at the command, and in the files they become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import neurodeploy as nd
from neurodeploy.data.samples import Samples
from neurodeploy.evaluation.nir import message_bits_of, read_nir
from neurodeploy.models.errors import DesignRuleError, InputError

Command = Callable[..., tuple[int, str, str]]


def lif_graph(*, threshold: float = 1.0, reset: float = 0.0, seed: int = 0) -> nir.NIRGraph:
    """Return 8-12-3 LIF neurons with r = tau / dt for a time step of 0.1 ms, as snnTorch writes."""
    rng = np.random.default_rng(seed)

    def layer(neurons: int, inputs: int) -> tuple[Any, Any]:
        one = np.ones(neurons)
        neuron = nir.LIF(
            tau=1e-3 * one, r=10 * one, v_leak=0 * one, v_threshold=threshold * one,
            v_reset=reset * one,
        )  # fmt: skip
        return nir.Linear(weight=rng.normal(0.2, 0.4, (neurons, inputs))), neuron

    return nir.NIRGraph.from_list(*layer(12, 8), *layer(3, 12))


@pytest.fixture
def spikes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Write graph.nir, spikes.npy and labels.npy, which the float network answers, and go there."""
    monkeypatch.chdir(tmp_path)
    nir.write("graph.nir", lif_graph())
    drawn = (np.random.default_rng(1).random((20, 8, 40)) < 0.2).astype(np.uint8)
    np.save("spikes.npy", drawn)
    answers = read_nir("graph.nir").run(drawn)["lif_1"].spikes.sum(2).argmax(1)
    np.save("labels.npy", answers)
    return drawn


def test_a_graph_becomes_a_network_with_its_time_step(spikes: np.ndarray) -> None:
    """A share of 0.1 of the voltage is lost per step: 410 of 4096."""
    network = nd.from_nir("graph.nir", dialect="snntorch")
    assert network.task.dt_ms == pytest.approx(0.1)
    assert {*network.layers[0].neuron.voltage_decay.tolist()} == {410}
    assert network.provenance["dialect"]["name"] == "snntorch"
    assert "recovered" in network.provenance["time_step_from"]
    json.dumps(dict(network.provenance))
    with pytest.warns(UserWarning, match="guessed"):
        assert nd.load("graph.nir").digest == network.digest
    with pytest.warns(UserWarning, match="snntorch"):
        assert nd.from_nir(nir.read("graph.nir")).digest == network.digest


def test_calibration_compares_with_the_float_network(spikes: np.ndarray) -> None:
    """Most spikes keep their step, and the accuracy is that of the labels."""
    found = nd.import_nir("graph.nir", calibrate="spikes.npy", labels="labels.npy")
    assert found.calibration is not None
    assert found.calibration.float_accuracy == 1
    assert all(layer.same_step > 0.85 for layer in found.calibration.layers)
    assert found.network.provenance["calibration"]["num_samples"] == 20
    html = found._repr_html_()
    assert html is not None
    assert "snntorch" in html


def test_dialect_reset_and_difference_are_said(spikes: np.ndarray) -> None:
    """The reading names dialect, time step and reset, and what the framework's default is."""
    notes = " ".join(nd.import_nir("graph.nir").notes)
    assert all(part in notes for part in ("snntorch", "0.1 ms", "v_reset", "own default"))
    subtracted = nd.import_nir("graph.nir", reset="subtract", reset_delay=True)
    assert "drops by the threshold, one step later" in " ".join(subtracted.notes)
    assert not subtracted.quantized.approximations
    assert type(subtracted.network.layers[0]).__name__ == "RecurrentLayer"


def test_sinabs_input_is_scaled_unless_norm_input_is_off(
    spikes: np.ndarray, command: Command
) -> None:
    """With tau = 10 steps, sinabs scales the input by 1 - exp(-0.1), which its file cannot tell."""
    neurons = nir.LIF(
        tau=np.full(3, 10.0), r=np.ones(3), v_leak=np.zeros(3), v_threshold=np.ones(3)
    )
    graph = nir.NIRGraph.from_list(nir.Linear(weight=np.eye(3, 8)), neurons)
    scaled, plain = (read_nir(graph, dialect="sinabs", norm_input=each) for each in (None, False))
    gains = [each.floats.layers[0].dynamics.current_gain[0] for each in (scaled, plain)]
    assert gains == pytest.approx([1 - np.exp(-0.1), 1])
    assert "norm_input=True" in " ".join(scaled.reading)
    nir.write("sinabs.nir", graph)
    code, out, _ = command("export", "sinabs.nir", "--dialect", "sinabs", "--norm-input", "no")
    assert code == 0
    assert "norm_input=False" in " ".join(out.split())


def test_the_last_layer_keeps_its_threshold_where_several_spikes_are_lost() -> None:
    """With one spike per step, a lower threshold saturates the counts that decide."""
    rng, one = np.random.default_rng(1), np.ones(3)
    neurons = nir.CubaLIF(
        tau_syn=2 * one, tau_mem=5 * one, r=5 * one, w_in=2 * one, v_leak=0 * one, v_threshold=one
    )
    graph = nir.NIRGraph.from_list(nir.Linear(weight=rng.normal(0.1, 0.3, (3, 8))), neurons)
    drawn = (rng.random((20, 8, 40)) < 0.5).astype(np.uint8)
    found = nd.import_nir(
        graph, dialect="plain", dt=1.0, reset="subtract", multi_spike=True, approximate=True,
        calibrate=drawn,
    )  # fmt: skip
    assert found.calibration is not None
    assert found.calibration.layers[-1].threshold_factor == 1


def test_a_reset_elsewhere_is_refused_by_name_and_approximated_when_asked() -> None:
    """Both nodes are named; the loss is measured."""
    graph = lif_graph(reset=-0.5)
    with pytest.raises(DesignRuleError) as error:
        nd.from_nir(graph)
    assert [each.split()[0] for each in error.value.problems] == ["'lif'", "'lif_1'"]
    drawn = (np.random.default_rng(1).random((20, 8, 40)) < 0.2).astype(np.uint8)
    found = nd.import_nir(graph, approximate=True, calibrate=drawn)
    assert len(found.quantized.approximations) == 2
    assert found.calibration is not None
    assert found.calibration.layers[0].same_step > 0.7


def test_graded_input_gets_the_message_bits_that_it_needs(spikes: np.ndarray) -> None:
    """Values up to 5 need 3 bits, values of 0 and 1 none; negative ones need a magnitude."""
    graded = spikes.astype(np.int32) * 5
    assert nd.import_nir("graph.nir", calibrate=graded).network.message_bits == 3
    assert nd.import_nir("graph.nir", calibrate=spikes).network.message_bits == 0
    wide = nd.from_nir("graph.nir", dialect="snntorch", message_bits=8)
    assert wide.message_bits == 8
    assert message_bits_of(Samples.of(-spikes.astype(np.int32))) == 1


def test_wrong_options_are_refused(spikes: np.ndarray) -> None:
    """One sentence names the value and the choices."""
    with pytest.raises(InputError, match="labels say what samples are"):
        nd.from_nir("graph.nir", labels=[1])
    with pytest.raises(InputError, match=r"'brian'.*snntorch"):
        nd.from_nir("graph.nir", dialect="brian")
    with pytest.raises(InputError, match="bits is 12"):
        nd.from_nir("graph.nir", bits=12)
    with pytest.raises(InputError, match="shape"):
        nd.from_nir("graph.nir", calibrate=spikes[:, :5])


def test_own_networks_come_back_with_their_integers_and_without(
    random_network: Any, tmp_path: Path, draw_spikes: Any
) -> None:
    """With the metadata the digest is the same; without, the integers are found again."""
    network = random_network(np.random.default_rng(0), (6, 9, 4), weight=(-127, 127))
    network = nd.QuantizedNetwork.chain(network.layers, nd.TaskDescription(dt_ms=1.0))
    nd.save(network, tmp_path / "own.nir")
    assert nd.load(tmp_path / "own.nir").digest == network.digest
    graph = nd.to_nir(network)
    graph.metadata.clear()
    found = nd.from_nir(graph, dialect="plain", dt=1e-3)
    for ours, back in zip(network.layers, found.layers):
        np.testing.assert_array_equal(ours.weight, back.weight)
        assert ours.neuron.threshold == back.neuron.threshold
    drawn = draw_spikes(3, 6, 50)
    one, other = (nd.simulate(each, drawn).spikes for each in (network, found))
    for a, b in zip(one, other):
        np.testing.assert_array_equal(a, b[..., : a.shape[2]])


def test_a_reading_with_a_higher_accuracy_is_named(spikes: np.ndarray) -> None:
    """Labels of the network that subtracts: read with a reset to zero, it answers otherwise."""
    graph = lif_graph(seed=2, threshold=0.5)
    own = read_nir(graph, reset="subtract")
    answers = own.run(spikes)["lif_1"].spikes.sum(2).argmax(1)
    other = read_nir(graph)
    zero = other.run(spikes)["lif_1"].spikes.sum(2).argmax(1)
    assert (zero == answers).mean() < 0.9
    (sentence,) = other.other_readings(other.samples(spikes, answers))
    assert "reset='subtract'" in sentence
    assert own.other_readings(own.samples(spikes, answers)) == ()


# The command


def test_export_and_report_run_end_to_end(spikes: np.ndarray, command: Command) -> None:
    """The report runs the same samples, with two more steps, and finds the labels."""
    code, out, _ = command(
        "export", "graph.nir", "--calibrate", "spikes.npy", "--labels", "labels.npy"
    )
    assert code == 0
    for part in ("snntorch", "0.1 ms", "own default", "Accuracy", "Wrote graph.net", "Next:"):
        assert part in out
    words = ("report", "graph.net", "--input", "spikes.npy", "--labels", "labels.npy", "--json")
    code, out, err = command(*words)
    assert code == 0
    report = json.loads(out)
    assert report["counted"]["num_steps"] == 42
    assert report["counted"]["score"]["accuracy"] >= 0.8
    assert "2 zero steps" in err


def test_bits_are_compared_and_the_first_is_written(spikes: np.ndarray, command: Command) -> None:
    """Accuracy and energy of 4 and 8 bits; the file has 4."""
    code, out, _ = command(
        "export",
        "graph.nir",
        "--calibrate",
        "spikes.npy",
        "--labels",
        "labels.npy",
        "--bits",
        "4,8",
    )
    assert code == 0
    assert all(part in out for part in ("4 bits", "8 bits", "accuracy", "energy"))
    assert not (nd.load("graph.net").layers[0].weight % 32).any()
    with pytest.raises(SystemExit, match="2"):
        command("export", "graph.nir", "--bits", "9")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("graph.nir", "--labels", "labels.npy"), "--calibrate"),
        (("graph.nir", "--bits", "8,4"), "--calibrate"),
        (("graph.nir", "--dialect", "rockpool", "--reset-delay"), "reset_delay"),
        (("graph.nir", "--out", "spikes.npy"), ".net"),
        (("missing.nir",), "missing.nir"),
        (("spikes.npy", "--approximate"), "--approximate is for NIR graphs"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    spikes: np.ndarray, command: Command, words: tuple[str, ...], message: str
) -> None:
    """Exit code 2, nothing on stdout."""
    code, out, err = command("export", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_conv1d_is_calibrated_and_evaluated_on_lines(spikes: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    lif = nir.LIF(*(np.full((3, 6), value) for value in (1e-3, 10.0, 0.0, 1.0)))
    kernel = rng.normal(0.2, 0.5, (3, 2, 3))
    conv = nir.Conv1d(
        input_shape=6, weight=kernel, stride=1, padding=1, dilation=1, groups=1, bias=np.zeros(3)
    )
    graph = nir.NIRGraph.from_list(nir.Input({"input": np.array([2, 6])}), conv, lif)
    lines = (rng.random((5, 2, 6, 20)) < 0.3).astype(np.uint8)
    found = nd.import_nir(graph, dialect="snntorch", calibrate=lines)
    assert found.calibration is not None
    assert found.calibration.layers[0].same_step > 0.9
    nd.evaluate(found.network, lines)


def test_a_wrong_parameter_behind_an_input_with_a_batch_axis_is_named(spikes: np.ndarray) -> None:
    graph = lif_graph()
    name = next(key for key, node in graph.nodes.items() if isinstance(node, nir.LIF))
    graph.nodes[name].tau = -graph.nodes[name].tau
    entry = next(key for key, node in graph.nodes.items() if isinstance(node, nir.Input))
    shape = graph.nodes[entry].output_type["output"]
    graph.nodes[entry] = nir.Input({"input": np.array([1, *shape])})
    with pytest.raises(InputError, match=f"{name}.*tau|tau.*{name}"):
        nd.from_nir(graph, dialect="snntorch")
