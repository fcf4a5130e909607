"""Our networks as NIR graphs: what the graph computes, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

import neurodeploy as nd
from benchmarks.peers import nir_importers
from benchmarks.random_networks import Case, cases
from neurodeploy.commands import export as command
from neurodeploy.commands import export_nir as nir_export
from neurodeploy.commands import report
from neurodeploy.export.nir import connections, dialects, metadata, reference, writing
from neurodeploy.export.nir import graph as nir_graph
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork, Sigma, TaskDescription

ONE = loihi.DECAY_ONE
DT_S = 1e-4


def euler(graph: nir.NIRGraph, spikes: NDArray[Any]) -> NDArray[Any]:
    """Return the output spikes of a graph in memory, (neurons, steps), by forward Euler.

    The equations are those of NIR's docstrings. A node reads what its sources said in the same
    step, or in the step before where they come later in the graph, as neurons in a cycle do.

    Args:
        graph: a graph of `to_nir`.
        spikes: (inputs, steps).
    """
    said = {name: np.zeros(shape(node)) for name, node in graph.nodes.items()}
    states: dict[str, Any] = {name: {} for name in graph.nodes}
    found = []
    for column in spikes.T:
        for name, node in graph.nodes.items():
            sources = [said[one] for one, other in graph.edges if other == name]
            x = sum(sources) if sources else column.reshape(shape(node))
            said[name] = advance(node, x, states[name])
        found.append(said["output"].reshape(-1))
    return np.stack(found, axis=1)


def shape(node: nir.NIRNode) -> tuple[int, ...]:
    return tuple(np.ravel(node.output_type["output"]).tolist())


def advance(node: Any, x: Any, state: dict[str, Any]) -> Any:
    """Return the output of a node for one step, and update its state."""
    if isinstance(node, nir.Affine):
        return node.weight.astype(float) @ x + node.bias
    if isinstance(node, nir.Conv2d):
        convolve: Any = torch.nn.functional.conv2d
        arrays = (torch.from_numpy(np.asarray(each, np.float64)) for each in
                  (x, node.weight, node.bias))  # fmt: skip
        padding, dilation = tuple(node.padding), tuple(node.dilation)
        return convolve(*arrays, tuple(node.stride), padding, dilation).numpy()
    if isinstance(node, nir.Delay):
        past = state.setdefault("past", [])
        past.insert(0, np.copy(x))
        steps = np.rint(node.delay / DT_S).astype(int)
        return np.array([past[n][k] if n < len(past) else 0 for k, n in enumerate(steps)])
    if isinstance(node, nir.CubaLIF):
        i = state.get("i", 0.0)
        x = state["i"] = i + DT_S / node.tau_syn * (-i + node.w_in * x)
    if not hasattr(node, "v_threshold"):
        return np.asarray(x).reshape(shape(node))
    v = state.get("v", 0.0)
    if isinstance(node, nir.IF):
        v = v + DT_S * node.r * x
    else:
        tau = node.tau if isinstance(node, nir.LIF) else node.tau_mem
        v = v + DT_S / tau * (node.v_leak - v + node.r * x)
    fired = v > node.v_threshold
    state["v"] = np.where(fired, node.v_reset, v)
    return fired.astype(float)


def integers(network: QuantizedNetwork, spikes: NDArray[Any]) -> NDArray[Any]:
    """Return the output spikes of the integers for (inputs, steps), without the layers' latency."""
    late = len(network.layers)
    longer = np.pad(spikes, ((0, 0), (0, late)))
    found: NDArray[Any] = fast.run(network, longer[None].astype(np.uint8)).spikes[-1][0]
    return found[:, late:]


def drawn(seed: int, neurons: int, inputs: int) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(-30, 60, (neurons, inputs))


def random_spikes(inputs: int, steps: int = 60, rate: float = 0.2) -> NDArray[Any]:
    return (np.random.default_rng(5).random((inputs, steps)) < rate).astype(np.uint8)


FORGETS, KEEPS = CubaLif(ONE, ONE, 60), CubaLif(ONE, 0, 200)
LEAKS, FILTERS = CubaLif(ONE, 100, 90), CubaLif(900, 300, 120)
KERNEL = np.random.default_rng(1).integers(-20, 40, (4, 2, 3, 3))

EXACT: dict[str, Callable[[], QuantizedNetwork]] = {
    "no memory": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 9, 6), FORGETS), DenseLayer(drawn(2, 5, 9), FORGETS)]
    ),
    "no leak": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 9, 6), KEEPS), DenseLayer(drawn(2, 5, 9), CubaLif(0, 0, 5000))]
    ),
    "per neuron": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 3, 6), CubaLif([0, ONE, ONE], [ONE, ONE, 0], 70))]
    ),
    "axonal": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 9, 6), KEEPS, [[0, 3, 1, 7, 0, 2]])]
    ),
    "dendritic": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 3, 6), KEEPS, [[4], [0], [9]])]
    ),
    "dendritic, bias": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 3, 6), CubaLif(ONE, ONE, 60, [40, 0, 55]), [[4], [0], [9]])]
    ),
    "synaptic": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(1, 5, 6), KEEPS, np.arange(30).reshape(5, 6) % 4)]
    ),
    "recurrent": lambda: QuantizedNetwork.chain(
        [RecurrentLayer(drawn(1, 6, 6), drawn(2, 6, 6), KEEPS, 0, [[1, 0, 2, 0, 0, 3]])]
    ),
    "convolution": lambda: QuantizedNetwork.chain(
        [
            ConvLayer(KERNEL, (2, 7, 6), KEEPS, stride=2, padding=1),
            DenseLayer(drawn(3, 4, 48), FORGETS),
        ]
    ),
    "one channel": lambda: QuantizedNetwork.chain(
        [
            ConvLayer(KERNEL[:, :1], (1, 7, 6), KEEPS, padding=1),
            RecurrentLayer(drawn(3, 4, 168), drawn(4, 4, 4), CubaLif(0, ONE, 5000)),
        ]
    ),
    "image, dense": lambda: QuantizedNetwork.chain(
        [DenseLayer(drawn(3, 4, 12), KEEPS)], input_shape=(1, 3, 4)
    ),
    "groups": lambda: QuantizedNetwork.chain(
        [ConvLayer(KERNEL, (4, 6, 6), KEEPS, dilation=2, padding=(0, 1), groups=2)]
    ),
    "oblong kernel": lambda: QuantizedNetwork.chain(
        [ConvLayer(KERNEL[:, :, 1:2], (2, 6, 6), KEEPS, stride=(1, 2), padding=(1, 0))]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_graph_gives_every_spike_where_nothing_is_rounded(name: str) -> None:
    network = EXACT[name]()
    spikes = random_spikes(network.inputs)
    expected = integers(network, spikes)
    assert 0 < expected.mean() < 0.9
    np.testing.assert_array_equal(euler(writing.to_nir(network), spikes), expected)


@pytest.mark.parametrize("dialect", [name for name in writing.IMPORTERS if name != "plain"])
@pytest.mark.parametrize(
    "name", [name for name in EXACT if name not in ("recurrent", "per neuron")]
)
def test_graph_for_a_framework_gives_every_spike_too(name: str, dialect: str) -> None:
    network = EXACT[name]()
    spikes = random_spikes(network.inputs)
    graph = writing.to_nir(network, dialect=dialect, dt_s=DT_S)
    np.testing.assert_array_equal(euler(graph, spikes), integers(network, spikes))


@pytest.mark.parametrize("neuron", [LEAKS, FILTERS, CubaLif(900, 300, 120, 2)])
def test_graph_gives_nearly_every_spike_of_rounded_states(neuron: CubaLif) -> None:
    network = QuantizedNetwork.chain([DenseLayer(drawn(1, 50, 40), neuron)])
    spikes = random_spikes(40, steps=200, rate=0.05)
    expected = integers(network, spikes)
    assert expected.mean() > 0.02
    different = (euler(writing.to_nir(network), spikes) != expected).sum()
    assert different <= 0.02 * expected.sum()


def test_threshold_holds_between_two_voltages() -> None:
    neuron = CubaLif(ONE, 0, 60)
    network = QuantizedNetwork.chain([DenseLayer([[30]], neuron), DenseLayer([[61]], neuron)])
    graph = writing.to_nir(network)
    for name, reached in (("lif1", 60), ("lif2", 61)):
        node = graph.nodes[name]
        scale = graph.nodes[f"affine{name[-1]}"].weight[0, 0] / (30 if name == "lif1" else 61)
        assert (reached * scale > node.v_threshold[0]) == (reached > 60)
        assert reached * scale != node.v_threshold[0]


@pytest.mark.parametrize("name", EXACT)
def test_file_reads_back_with_the_same_digest(name: str, tmp_path: Path) -> None:
    made = EXACT[name]()
    network = replace(
        made,
        task=TaskDescription("mine", {"name": "spikes"}, num_steps=9, dt_ms=2.5),
        provenance={"seed": 3},
    )
    path = tmp_path / "network.nir"
    writing.write(network, path)
    for read in (nir.read, nir_graph.read):
        back = metadata.exact(read(path))
        assert back is not None
        assert back.digest == network.digest
    assert back.task == network.task
    assert dict(back.provenance) == {"seed": 3}
    assert nir.read(path).nodes["input"].output_type["output"].tolist() == list(network.input_shape)


@given(cases)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_networks_return_or_are_refused(case: Case) -> None:
    try:
        graph = writing.to_nir(case.network)
    except InputError:
        return
    back = metadata.exact(graph)
    assert back is not None
    assert back.digest == case.network.digest


def scaled(graph: nir.NIRGraph) -> None:
    graph.nodes["affine1"].weight = graph.nodes["affine1"].weight * 2


def cut(graph: nir.NIRGraph) -> None:
    graph.edges.pop()


def slowed(graph: nir.NIRGraph) -> None:
    graph.nodes["lif1"].v_threshold[0] += 1e-6


@pytest.mark.parametrize("edit", [scaled, cut, slowed])
def test_edited_graph_does_not_restore_old_integers(edit: Any, tmp_path: Path) -> None:
    path = tmp_path / "network.nir"
    writing.write(EXACT["no memory"](), path)
    graph = nir.read(path)
    assert not metadata.changed(graph)
    edit(graph)
    nir.write(path, graph)
    assert metadata.changed(nir.read(path, type_check=False))
    assert metadata.exact(nir.read(path, type_check=False)) is None


@pytest.mark.parametrize("dialect", writing.IMPORTERS)
@pytest.mark.parametrize("name", ["no memory", "axonal", "synaptic", "convolution"])
def test_graph_without_its_integers_is_quantized_to_the_same_spikes(
    name: str, dialect: str
) -> None:
    network = EXACT[name]()
    graph = writing.to_nir(network, dialect=dialect)
    graph.metadata["neurodeploy"]["graph_sha256"] = "changed"
    found, reason = dialects.guess(nir_graph.checked(graph))
    assert found.name == "plain"
    assert "changed" in reason
    again = nd.from_nir(graph, dialect=found)
    spikes = random_spikes(network.inputs)
    np.testing.assert_array_equal(integers(again, spikes), integers(network, spikes))


def test_graph_of_another_program_has_no_integers() -> None:
    graph = writing.to_nir(EXACT["no leak"]())
    graph.metadata = {"neurodeploy": "5", "other": 3}
    assert metadata.exact(graph) is None
    assert not metadata.changed(graph)


@pytest.mark.parametrize(
    ("key", "value"),
    [("format_version", 99), ("digest", "0"), ("task", "{"), ("layers", {"0": {"type": "Odd"}})],
)
def test_damaged_metadata_is_refused(key: str, value: Any) -> None:
    graph = writing.to_nir(EXACT["no leak"]())
    graph.metadata["neurodeploy"][key] = value
    with pytest.raises(InputError):
        metadata.exact(graph)


REFUSED: dict[str, tuple[Callable[[], QuantizedNetwork], str, str]] = {
    "input neurons": (
        lambda: QuantizedNetwork.chain([InputLayer(FORGETS, (3,))]), "plain", "layer 1",
    ),
    "sigma": (
        lambda: QuantizedNetwork.chain([DenseLayer(drawn(1, 4, 3), FORGETS),
                                  DenseLayer(drawn(1, 2, 4), Sigma())]), "plain", "layer 2",
    ),
    "recurrent delays": (EXACT["recurrent"], "snntorch", "snnTorch"),
    "delayed graded spikes": (
        lambda: replace(EXACT["axonal"](), message_bits=4), "norse", "graded",
    ),
    "bias behind a filter": (
        lambda: QuantizedNetwork.chain([DenseLayer(drawn(1, 4, 3), CubaLif(9, 9, 60, 5))]),
        "norse", "v_leak",
    ),
    "decays": (EXACT["per neuron"], "spikingjelly", "current_decay"),
    "kernel": (
        lambda: QuantizedNetwork.chain([ConvLayer(KERNEL[:, :, :2], (2, 5, 5), KEEPS)]),
        "plain",
        "2x3",
    ),
    "dialect": (EXACT["axonal"], "sinabs", "sinabs"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_names_what_it_is_about(name: str) -> None:
    make, dialect, word = REFUSED[name]
    with pytest.raises(InputError, match=word):
        writing.to_nir(make(), dialect=dialect)


def test_too_many_synaptic_delays_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WEIGHTS_MAX", 119)
    with pytest.raises(InputError, match=r"affine1 .* 4 matrices with 120 weights"):
        writing.to_nir(EXACT["synaptic"]())
    with pytest.raises(InputError, match=r"affine1 .* line of 21 neurons"):
        writing.to_nir(EXACT["synaptic"](), dialect="norse")


@pytest.mark.parametrize("dt_s", [0.0, -1.0, float("inf"), float("nan")])
def test_time_step_is_positive(dt_s: float) -> None:
    with pytest.raises(InputError, match="time step"):
        writing.to_nir(EXACT["no leak"](), dt_s=dt_s)


def test_failed_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "network.nir"
    path.write_bytes(b"old")
    with pytest.raises(InputError):
        writing.write(QuantizedNetwork.chain([InputLayer(FORGETS, (3,))]), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_commands_know_every_dialect() -> None:
    assert tuple(writing.IMPORTERS) == command.OUT_DIALECTS
    assert tuple(dialects.DIALECTS) == nir_export.DIALECTS


def test_save_writes_what_the_name_says(tmp_path: Path) -> None:
    network = EXACT["axonal"]()
    network.save(tmp_path / "network.nir")
    nd.save(network, tmp_path / "network.net")
    back = metadata.exact(nir_graph.read(tmp_path / "network.nir"))
    assert back is not None
    assert back.digest == network.digest == nd.load(tmp_path / "network.net").digest
    for name, dialect in (("x.h5", None), ("x.net", "plain"), ("x.nir", "sinabs")):
        with pytest.raises(InputError):
            network.save(tmp_path / name, dialect=dialect)
        assert not (tmp_path / name).exists()


def test_report_takes_a_nir_file_with_its_integers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, spikes = tmp_path / "network.nir", tmp_path / "spikes.npy"
    network = EXACT["axonal"]()
    network.save(path)
    np.save(spikes, random_spikes(6)[None])
    assert nd.load(path).digest == network.digest
    words = [str(path), "--input", str(spikes), "--json"]
    assert report.main(words) == 0
    assert network.digest in capsys.readouterr().out
    graph = nir.read(path)
    scaled(graph)
    nir.write(path, graph)
    assert report.main(words) == 2
    assert "network.nir is a NIR graph that was changed" in capsys.readouterr().err


def test_export_turns_a_netx_file_into_nir(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = replace(EXACT["axonal"](), task=TaskDescription(dt_ms=2.0))
    netx_file, nir_file = tmp_path / "model.net", tmp_path / "model.nir"
    network.save(netx_file)
    assert command.main([str(netx_file), "--format", "nir"]) == 0
    output = capsys.readouterr()
    assert network.digest[:12] in output.out
    assert "rounds" in output.err
    graph = nir.read(nir_file)
    assert graph.nodes["affine1_delay"].delay.tolist() == [0, 0.006, 0.002, 0.014, 0, 0.004]
    back = metadata.exact(graph)
    assert back is not None
    assert back.digest == network.digest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "x.h5"], "x.h5"),
        (["--out", "x.net", "--format", "nir"], "x.net"),
        (["--out-dialect", "norse"], "--out-dialect"),
        (["--out", "x.nir", "--format", "netx"], "x.nir"),
        ([], "exported already"),
    ],
)
def test_export_refuses_names_that_do_not_fit(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    EXACT["axonal"]().save(tmp_path / "model.net")
    assert command.main([str(tmp_path / "model.net"), *words]) == 2
    assert message in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["model.net"]


@pytest.mark.parametrize("name", ["no leak", "convolution", "one channel"])
def test_reference_gives_every_spike_of_the_file(name: str, tmp_path: Path) -> None:
    network = EXACT[name]()
    writing.write(network, tmp_path / "network.nir")
    graph = nir_graph.read(tmp_path / "network.nir")
    spikes = random_spikes(network.inputs)
    inputs = spikes.reshape(1, *network.input_shape, -1)
    found = reference.simulate(graph, inputs, dialects.DIALECTS["plain"], DT_S)
    np.testing.assert_array_equal(found["lif2"].spikes[0], integers(network, spikes))


def test_snntorch_runs_what_is_written_for_it(tmp_path: Path) -> None:
    hidden = RecurrentLayer(drawn(1, 20, 16), drawn(3, 20, 20) - 40, LEAKS)
    delay = np.arange(20) % 7
    network = QuantizedNetwork.chain([hidden, DenseLayer(drawn(2, 10, 20), FILTERS, delay)])
    writing.write(network, tmp_path / "network.nir", dialect="snntorch")
    spikes = random_spikes(16, rate=0.2)
    found = nir_importers.outputs(
        lambda: nir_importers.snntorch(tmp_path / "network.nir", DT_S), (16,), spikes[None], 1
    )
    expected = integers(network, spikes)
    assert expected.mean() > 0.02
    assert (found[0] != expected).sum() <= 0.01 * expected.sum()
