"""NIR graphs are read as their frameworks meant them: shapes, subgraphs, cycles and short forms."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
import torch

from neurodeploy.export.nir import graph
from neurodeploy.models.errors import InputError


def lif(shape: Any = (), **changes: Any) -> nir.LIF:
    values = {"tau": 0.02, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, **changes}
    return nir.LIF(**{name: np.full(shape, value) for name, value in values.items()})


def affine(outputs: int, inputs: int) -> nir.Affine:
    return nir.Affine(np.ones((outputs, inputs)), np.zeros(outputs))


def graph_of(nodes: dict[str, Any], *paths: str, type_check: bool = False) -> nir.NIRGraph:
    """Return an unchecked graph whose edges follow paths such as "in a out"."""
    edges = [edge for path in paths for edge in pairwise(path.split())]
    return nir.NIRGraph(nodes, edges, type_check=type_check)


def chain(*nodes: Any, shape: Any, output: Any = ()) -> nir.NIRGraph:
    names = ["in", *map(str, range(len(nodes))), "out"]
    ends = (nir.Input(np.array(shape, int)), nir.Output(np.array(output, int)))
    return graph_of(dict(zip(names, (ends[0], *nodes, ends[1]))), " ".join(names))


def shapes(network: nir.NIRGraph) -> list[tuple[int, ...]]:
    found = graph.shapes(graph.checked(network))
    return [found[name] for name in network.nodes if name in found]


def recurrent(size: int = 3) -> nir.NIRGraph:
    """Return a recurrent layer as snnTorch writes it."""
    nodes = {
        "input": nir.Input(np.array([size])),
        "lif": lif(size),
        "w_rec": affine(size, size),
        "output": nir.Output(np.array([size])),
    }
    return graph_of(nodes, "input lif w_rec lif output", type_check=True)


# Files --------------------------------------------------------------------------------------------


def test_a_file_and_the_graph_in_memory_give_the_same(tmp_path):
    network = chain(affine(3, 4), recurrent(), affine(2, 3), lif(2), shape=[4], output=[2])
    network.metadata = {"seed": 3}
    nir.write(tmp_path / "x.nir", network)
    read, checked = graph.read(tmp_path / "x.nir"), graph.checked(network)
    assert set(read.nodes) == set(checked.nodes)
    assert set(read.edges) == set(checked.edges)
    assert read.metadata == {"seed": 3}
    for name, node in checked.nodes.items():
        other = read.nodes[name]
        assert type(other) is type(node)
        for key in ("weight", "bias", "tau", "v_reset", "v_threshold"):
            assert np.array_equal(getattr(node, key, 0), getattr(other, key, 0))


def test_the_given_graph_does_not_change_and_checking_twice_changes_nothing():
    network = chain(affine(3, 4), recurrent(), shape=[1, 4])
    edges, nodes = list(network.edges), dict(network.nodes)
    checked = graph.checked(network)
    assert (network.edges, network.nodes) == (edges, nodes)
    assert network.nodes["1"].nodes["lif"].tau.dtype == np.float64
    again = graph.checked(checked)
    assert graph.shapes(again) == graph.shapes(checked)
    assert again.edges == checked.edges


def test_nir_and_netx_files_are_told_apart_by_content(tmp_path):
    nir.write(tmp_path / "a", chain(affine(3, 4), lif(3), shape=[4], output=[3]))
    with h5py.File(tmp_path / "b", "w") as file:
        file.create_group("layer/0")
    (tmp_path / "c").write_bytes(b"text")
    assert [graph.is_nir(tmp_path / name) for name in "abc"] == [True, False, False]
    for name in ("d.nir", "d.net"):  # damaged
        (tmp_path / name).write_bytes((tmp_path / "a").read_bytes()[:1000])
    assert [graph.is_nir(tmp_path / name) for name in ("d.nir", "d.net")] == [True, False]


@pytest.mark.parametrize("name", ["cnn_sinabs", "lif_norse", "braille_noDelay_bias_zero"])
def test_real_graphs_are_read(shared_data: Path, name: str):
    path = shared_data / "nir" / f"{name}.nir"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the project")
    network = graph.read(path)
    assert graph.order(network)[0] == "input"
    assert graph.shapes(network)["output"] == nir.read(path).nodes["output"].output_type["output"]


# Shapes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [[], [1], [8], [1, 100]], ids=str)
def test_axes_of_batch_and_time_disappear(axes):
    network = chain(affine(3, 4), lif(), affine(2, 3), lif(2), shape=[*axes, 4], output=[*axes, 2])
    assert shapes(network) == [(4,), (3,), (3,), (2,), (2,), (2,)]


def test_an_input_without_a_shape_gets_that_of_the_node_after_it():
    assert shapes(chain(affine(3, 4), lif(), shape=[]))[0] == (4,)
    conv = nir.Conv2d((9, 9), np.ones((4, 1, 3, 3)), 1, 0, 1, 2, np.zeros(4))
    assert shapes(chain(conv, lif(), shape=[]))[0] == (2, 9, 9)
    assert shapes(chain(lif(5), shape=[]))[0] == (5,)


@pytest.mark.parametrize(("start", "end"), [(0, -1), (1, -1), (0, 2), (1, 3)])
def test_dimensions_of_a_flatten_may_count_the_batch(start, end):
    flatten = nir.Flatten({"input": None}, start, end)
    assert shapes(chain(flatten, affine(5, 24), lif(5), shape=[2, 3, 4]))[1] == (24,)


def test_a_flatten_of_some_dimensions_keeps_the_others():
    conv = nir.Conv1d(None, np.ones((5, 2, 3)), 1, 0, 1, 1, np.zeros(5))
    network = chain(nir.Flatten({"input": None}, 1, -1), conv, lif(), shape=[2, 3, 4])
    assert shapes(network)[1:3] == [(2, 12), (5, 10)]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("padding", ["same", "valid", b"same", 1, (2, 0), np.array([1])], ids=str)
@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((2, 4), 1), ((4, 3), (2, 1))])
def test_convolutions_do_what_pytorch_does(padding, kernel, dilation):
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(3, 2, *kernel)), torch.tensor(rng.normal(size=(1, 2, 9, 8)))
    name = padding.decode() if isinstance(padding, bytes) else padding
    name = tuple(padding.tolist() * 2) if isinstance(padding, np.ndarray) else name
    expected = torch.nn.functional.conv2d(x, torch.tensor(weight), None, 1, name, dilation)
    given = nir.Conv2d(None, weight, 1, padding, dilation, 1, np.zeros(3))
    network = graph.checked(chain(given, lif(), shape=[2, 9, 8]))
    node: Any = network.nodes["0"]
    assert graph.shapes(network)["0"] == tuple(expected.shape[1:])
    found = torch.nn.functional.conv2d(
        x, torch.tensor(node.weight), None, node.stride, node.padding, node.dilation
    )
    assert torch.allclose(found, expected)


def test_pools_take_numbers_and_pairs():
    pools = [nir.SumPool2d(2, None, None), nir.AvgPool2d(np.array([2]), 1, (0, 1))]
    assert shapes(chain(*pools, lif(), shape=[2, 9, 8]))[1:3] == [(2, 4, 4), (2, 3, 5)]


# Parameters ---------------------------------------------------------------------------------------


def test_neuron_parameters_get_the_shape_of_the_layer():
    node = lif()
    node.tau, node.r, node.v_threshold = np.ones(1), np.ones((1, 3)), np.float32(2)
    checked: Any = graph.checked(chain(affine(3, 4), node, shape=[4])).nodes["1"]
    for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        assert getattr(checked, name).shape == (3,)
    assert checked.v_threshold.tolist() == [2, 2, 2]


def test_parameters_per_channel_broadcast_as_in_pytorch():
    checked: Any = graph.checked(chain(lif((2, 1, 1)), shape=[2, 3, 4])).nodes["0"]
    assert checked.tau.shape == (2, 3, 4)


def test_what_old_files_lack_has_its_default(tmp_path):
    cuba = nir.CubaLIF(*(np.full(3, value) for value in (0.01, 0.02, 1.0, 0.0, 1.0)))
    nir.write(tmp_path / "x.nir", chain(affine(3, 4), cuba, shape=[4], output=[3]))
    with h5py.File(tmp_path / "x.nir", "r+") as file:
        del file["node/nodes/1/v_reset"]
        del file["node/nodes/1/w_in"]
        del file["version"]
    node: Any = graph.read(tmp_path / "x.nir").nodes["1"]
    assert node.v_reset.tolist() == [0, 0, 0]
    assert node.w_in.tolist() == [1, 1, 1]


def test_tensors_of_torch_are_taken():
    weight = torch.ones(3, 4, requires_grad=True)
    network = chain(affine(3, 4), lif(), shape=[4])
    network.nodes["0"].weight = weight  # type: ignore[attr-defined]
    node: Any = graph.checked(network).nodes["0"]
    assert isinstance(node.weight, np.ndarray)


# Structure ----------------------------------------------------------------------------------------


def test_subgraphs_are_inlined_with_dotted_names():
    inner = graph_of(
        {"a": nir.Input(np.array([3])), "r": recurrent(), "b": nir.Output(np.array([3]))}, "a r b"
    )
    network = graph.checked(chain(affine(3, 4), inner, affine(2, 3), lif(2), shape=[4]))
    assert set(network.nodes) == {"in", "0", "1.r.lif", "1.r.w_rec", "2", "3", "out"}
    assert set(network.edges) == {
        ("in", "0"), ("0", "1.r.lif"), ("1.r.lif", "1.r.w_rec"), ("1.r.w_rec", "1.r.lif"),
        ("1.r.lif", "2"), ("2", "3"), ("3", "out"),
    }  # fmt: skip


def test_a_neuron_in_a_cycle_hands_on_the_spikes_of_the_step_before():
    network = graph.checked(chain(affine(3, 4), recurrent(), affine(2, 3), lif(2), shape=[4]))
    assert graph.delayed(network) == {("1.lif", "1.w_rec")}
    order = graph.order(network)
    direct = set(network.edges) - graph.delayed(network)
    assert all(order.index(one) < order.index(other) for one, other in direct)


def test_all_neurons_of_a_cycle_hand_on_spikes_of_the_step_before():
    nodes = {"in": nir.Input(np.array([3])), "a": lif(3), "b": lif(3), "c": affine(3, 3)}
    network = graph_of({**nodes, "out": nir.Output(np.array([3]))}, "in a b c a", "b out")
    assert graph.delayed(graph.checked(network)) == {("a", "b"), ("b", "c")}


@pytest.mark.timeout(60)
def test_thousands_of_nodes_take_seconds():
    nodes = [nir.Scale(np.ones(3)) for _ in range(3000)]
    assert len(graph.order(graph.checked(chain(*nodes, lif(3), shape=[3])))) == 3003
    nested = [recurrent() for _ in range(1000)]
    assert len(graph.order(graph.checked(chain(*nested, shape=[3])))) == 2002


def test_checking_needs_a_graph():
    with pytest.raises(InputError, match="the graph is a LIF; give a nir"):
        graph.checked(lif(3))  # type: ignore[arg-type]
