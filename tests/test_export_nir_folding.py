"""Folding is exact: one layer does what PyTorch does with the nodes one by one."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch.nn import functional

from neurodeploy.export.nir import folding, graph, reference
from neurodeploy.export.nir.dialects import DIALECTS
from neurodeploy.export.nir.reference import Neurons
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import FloatLayer, FloatNetwork

STEPS = 12
DT = 1e-3


def neurons(shape: tuple[int, ...]) -> nir.IF:
    return nir.IF(r=np.full(shape, 1 / DT), v_threshold=np.ones(shape))


def chain(*nodes: Any, shape: tuple[int, ...], output: tuple[int, ...] | None = None) -> Any:
    """Return an unchecked graph: Input, nodes 0, 1, ..., Output."""
    names = ["in", *map(str, range(len(nodes))), "out"]
    ends = (nir.Input(np.array(shape)), nir.Output(np.array(output or ())))
    return nir.NIRGraph(
        dict(zip(names, (ends[0], *nodes, ends[1]))), list(pairwise(names)), type_check=False
    )


def fold(network: Any) -> FloatNetwork:
    return folding.fold(graph.checked(network), DIALECTS["plain"], DT)


# The oracle: PyTorch, one node at a time, over time -----------------------------------------------


def run(node: Any, x: torch.Tensor) -> torch.Tensor:
    """Return what a node of a checked graph gives for x, (steps, *shape)."""
    name = type(node).__name__
    if name in ("Affine", "Linear"):
        bias = torch.tensor(node.bias) if name == "Affine" else None
        return functional.linear(x, torch.tensor(node.weight), bias)
    if name == "Scale":
        return x * torch.tensor(node.scale)
    if name == "Flatten":
        return torch.flatten(x, node.start_dim + 1, node.end_dim + 1)
    if name == "Delay":
        steps = torch.tensor(np.rint(node.delay / DT).astype(int)).expand(x.shape[1:])
        time = torch.arange(len(x)).reshape(-1, *[1] * steps.ndim) - steps
        return torch.where(time < 0, 0.0, torch.gather(x, 0, time.clamp(min=0)))
    if name in ("Conv1d", "Conv2d"):
        conv = functional.conv1d if name == "Conv1d" else functional.conv2d
        weight, bias = torch.tensor(node.weight), torch.tensor(np.array(node.bias))
        return conv(x, weight, bias, node.stride, node.padding, node.dilation, node.groups)
    sizes = [tuple(map(int, v)) for v in (node.kernel_size, node.stride, node.padding)]
    pooled = functional.avg_pool2d(x, *sizes)
    return pooled * math.prod(sizes[0]) if name == "SumPool2d" else pooled


def weighted(layer: FloatLayer, x: torch.Tensor) -> torch.Tensor:
    """Return the weighted input of a layer, (steps, neurons), for x, (steps, inputs)."""
    weight = torch.tensor(layer.weight)
    bias = torch.tensor(layer.bias)
    if layer.convolution:
        out = functional.conv2d(
            x.reshape(len(x), *layer.input_shape), weight, None, layer.stride, layer.padding,
            layer.dilation, layer.groups,
        )  # fmt: skip
        assert tuple(out.shape[1:]) == layer.shape
        per_channel = bias.numel() in (1, len(weight))
        return (
            out + (bias[:, None, None] if per_channel else bias.reshape(out.shape[1:]))
        ).reshape(len(x), -1)
    delay = np.broadcast_to(layer.delay, layer.weight.shape)
    out = torch.zeros(len(x), len(weight), dtype=torch.float64)
    for steps in np.unique(delay):
        part = functional.linear(x.reshape(len(x), -1), weight * torch.tensor(delay == steps))
        out[steps:] += part[: len(x) - steps]
    return out + bias


def check(*nodes: Any, shape: tuple[int, ...], seed: int = 0) -> FloatLayer:
    """Fold nodes before neurons, compare with PyTorch and return the layer."""
    rng = np.random.default_rng(seed)
    x = torch.tensor(rng.normal(size=(STEPS, *shape)))
    expected = x
    network = graph.checked(chain(*nodes, neurons(()), shape=shape))
    for index in range(len(nodes)):
        expected = run(network.nodes[str(index)], expected)
    (layer,) = fold(network).layers
    flat = expected.reshape(STEPS, -1)
    assert torch.allclose(weighted(layer, x), flat, rtol=1e-9, atol=1e-9)
    return layer


# Random chains ------------------------------------------------------------------------------------


def random_node(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return a node of any kind that takes the shape, without bias before a delay."""
    kinds = {
        1: ("Affine", "Linear", "Scale", "Flatten"),
        2: ("Conv1d", "Scale", "Flatten"),
        3: ("Conv2d", "Conv2d", "SumPool2d", "AvgPool2d", "SumPool2d", "Scale", "Flatten"),
    }[len(shape)]
    kind = str(rng.choice(kinds))
    if kind in ("Affine", "Linear"):
        weight = rng.normal(size=(rng.integers(1, 9), shape[0]))
        return (
            nir.Linear(weight)
            if kind == "Linear"
            else nir.Affine(weight, rng.normal(size=len(weight)))
        )
    if kind == "Scale":
        some = [shape, (shape[0], *[1] * (len(shape) - 1)), (1,)]
        return nir.Scale(rng.normal(size=some[rng.integers(3)]))
    if kind == "Flatten":
        return nir.Flatten({"input": np.array(shape)}, 0, -1)
    axes = len(shape) - 1
    sizes = rng.integers(1, np.minimum(4, np.array(shape[1:]) + 1), axes)
    stride = rng.integers(1, 4, axes)
    if kind in ("SumPool2d", "AvgPool2d"):
        padding = rng.integers(0, sizes // 2 + 1)
        stride = sizes if rng.random() < 0.5 else stride
        return getattr(nir, kind)(sizes, stride, padding)
    groups = int(rng.choice([g for g in (1, 2, shape[0]) if shape[0] % g == 0]))
    weight = rng.normal(size=(groups * rng.integers(1, 4), shape[0] // groups, *sizes))
    padding = rng.integers(0, 3, axes)
    dilation = rng.integers(1, 3, axes)
    bias = rng.normal(size=len(weight)) * rng.integers(0, 2)
    if rng.random() < 0.2:
        padding, stride = "same", np.ones(axes, int)
    node = getattr(nir, kind)
    if axes == 1:
        pad = padding if isinstance(padding, str) else int(padding[0])
        return node(None, weight, int(stride[0]), pad, int(dilation[0]), groups, bias)
    return node(None, weight, tuple(stride), padding, tuple(dilation), groups, bias)


def random_chain(rng: np.random.Generator, shape: tuple[int, ...]) -> list[Any]:
    nodes: list[Any] = []
    now = shape
    for _ in range(rng.integers(1, 6)):
        nodes.append(random_node(rng, now))
        try:
            checked = graph.checked(chain(*nodes, neurons(()), shape=shape))
        except InputError:  # a kernel that is larger than its input
            return nodes[:-1]
        now = graph.shapes(checked)[str(len(nodes) - 1)]
    return nodes


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_random_chains_of_linear_nodes_fold_exactly(first):
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(1, 9, rng.integers(1, 4)).tolist())
        check(*random_chain(rng, shape), shape=shape, seed=seed)


@pytest.mark.long
def test_many_random_chains_of_linear_nodes_fold_exactly():
    for seed in range(100, 700):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(1, 12, rng.integers(1, 4)).tolist())
        check(*random_chain(rng, shape), shape=shape, seed=seed)


# What stays a convolution -------------------------------------------------------------------------


def conv(
    outputs: int, inputs: int, size: int = 3, *, padding: Any = 0, stride: int = 1, **more: Any
) -> Any:
    rng = np.random.default_rng(outputs + inputs)
    groups = more.get("groups", 1)
    weight = rng.normal(size=(outputs, inputs // groups, size, size))
    bias = more.get("bias", np.zeros(outputs))
    return nir.Conv2d(None, weight, stride, padding, more.get("dilation", 1), groups, bias)


def pool(kind: str, size: int, stride: int | None = None, padding: int = 0) -> Any:
    return getattr(nir, kind)(*(np.full(2, n) for n in (size, stride or size, padding)))


IMAGE = (2, 9, 9)


@pytest.mark.parametrize(
    "nodes",
    [
        [pool("SumPool2d", 2), conv(4, 2)],
        [pool("AvgPool2d", 3), conv(4, 2, padding=1)],
        [pool("AvgPool2d", 3, 2), conv(4, 2)],
        [conv(4, 2, padding="same"), pool("SumPool2d", 3)],
        [conv(4, 2, padding=1), pool("SumPool2d", 2)],
        [conv(4, 2, 2, padding="same")],
        [conv(4, 2, dilation=2, groups=2), pool("SumPool2d", 2), conv(6, 4, 2, groups=2)],
        [nir.Scale(np.array([2.0, 3.0]).reshape(2, 1, 1)), conv(4, 2)],
        [conv(4, 2), nir.Scale(np.arange(1.0, 5).reshape(4, 1, 1))],
        [nir.Conv1d(None, np.ones((3, 2, 3)), 2, 1, 1, 1, np.ones(3))],
    ],
    ids=range(10),
)
def test_what_one_convolution_holds_stays_a_convolution(nodes):
    shape = (2, 9) if isinstance(nodes[0], nir.Conv1d) else IMAGE
    assert check(*nodes, shape=shape).convolution


@pytest.mark.parametrize(
    "nodes",
    [
        [pool("SumPool2d", 3, 1, 1), conv(4, 2, padding=1)],  # overlap, then padding
        [pool("SumPool2d", 2), conv(4, 2, padding=1)],  # a last row that the pool leaves out
        [conv(4, 2, padding=1), conv(4, 4, padding=1)],
        [conv(4, 2), nir.Scale(np.random.default_rng(0).normal(size=(4, 7, 7)))],
        [conv(4, 2), nir.Delay(np.full(1, 2 * DT))],
    ],
    ids=range(5),
)
def test_what_no_convolution_holds_becomes_a_matrix(nodes):
    assert not check(*nodes, shape=IMAGE).convolution


def test_the_bias_of_a_convolution_stays_per_channel_through_a_pool():
    layer = check(conv(4, 2, bias=np.arange(4.0)), pool("SumPool2d", 2), shape=IMAGE)
    assert layer.bias.tolist() == [0, 4, 8, 12]


def test_a_bias_before_a_padded_convolution_differs_at_the_border():
    nodes = [conv(2, 2, 1, bias=np.ones(2)), conv(4, 2, padding=1)]
    assert check(*nodes, shape=IMAGE).bias.size == 4 * 9 * 9


def test_a_matrix_that_is_too_large_is_refused_by_name():
    nodes = [pool("SumPool2d", 3, 1, 1), conv(4, 2, padding=1), neurons(())]
    with pytest.raises(InputError, match=r"node '1': no single convolution .* neuron between"):
        fold(chain(*nodes, shape=(2, 100, 100)))


# Delays and several paths -------------------------------------------------------------------------


def delay(*steps: int) -> Any:
    return nir.Delay(np.array(steps) * DT)


def dense(outputs: int, inputs: int, seed: int = 0) -> Any:
    return nir.Linear(np.random.default_rng(seed).normal(size=(outputs, inputs)))


@pytest.mark.parametrize(
    ("nodes", "shape"),
    [
        ([delay(1, 0, 5), dense(4, 3)], (1, 3)),
        ([dense(4, 3), delay(1, 0, 5, 2)], (4, 1)),
        ([delay(1, 0, 5), dense(4, 3), delay(3, 0, 1, 2)], (4, 3)),
        ([delay(1, 2, 3), nir.Scale(np.arange(1.0, 4)), delay(2, 2, 0), dense(4, 3)], (1, 3)),
        ([dense(4, 3), delay(2), dense(2, 4)], (1, 1)),
    ],
    ids=range(5),
)
def test_delays_are_those_of_inputs_neurons_or_synapses(nodes, shape):
    assert check(*nodes, shape=(3,)).delay.shape == shape


def test_delays_between_two_matrices_fold_where_each_synapse_has_one():
    one, two = np.diag([1.0, 2.0, 0.0]), np.array([[1.0, 0, 3], [0, 2, 1]])
    check(nir.Linear(one), delay(1, 2, 3), nir.Linear(two), shape=(3,))
    with pytest.raises(InputError, match="node '2': an input reaches an output by several delays"):
        fold(chain(dense(3, 3), delay(1, 2, 3), dense(2, 3), neurons(()), shape=(3,)))


@pytest.mark.parametrize(
    ("steps", "message"),
    [(1.5, "node '0': its delay of 0.0015 s is 1.5 steps"), (63, "63 steps; Loihi's limit is 62")],
)
def test_delays_that_no_synapse_holds_are_refused(steps, message):
    nodes = [nir.Delay(np.array([steps * DT])), dense(4, 3), neurons(())]
    with pytest.raises(InputError, match=message):
        fold(chain(*nodes, shape=(3,)))


def test_delays_that_add_up_to_too_many_steps_are_refused():
    nodes = [delay(40), dense(4, 3), delay(40), neurons(())]
    with pytest.raises(InputError, match="node '3': the delays before it add up to 80 steps"):
        fold(chain(*nodes, shape=(3,)))


def joined(*paths: list[Any], shape: tuple[int, ...]) -> Any:
    """Return a graph with parallel paths from the Input to one layer of neurons."""
    nodes: dict[str, Any] = {"in": nir.Input(np.array(shape))}
    edges = []
    for index, path in enumerate(paths):
        names = ["in", *(f"{index}.{k}" for k in range(len(path))), "n"]
        nodes |= dict(zip(names[1:], path))
        edges += list(pairwise(names))
    nodes |= {"n": neurons(()), "out": nir.Output(np.array(()))}
    return nir.NIRGraph(nodes, [*edges, ("n", "out")], type_check=False)


@pytest.mark.parametrize(
    ("paths", "shape", "convolution"),
    [
        ([[dense(4, 3)], [dense(4, 3, 1)]], (3,), False),
        ([[], [conv(2, 2, padding=1)]], IMAGE, True),
        ([[conv(4, 2, 5, padding=2)], [conv(4, 2, padding=1, groups=2)]], IMAGE, True),
        ([[conv(4, 2, stride=3)], [pool("SumPool2d", 3), conv(4, 2, 1)]], IMAGE, True),
        ([[conv(4, 2), nir.Flatten({"input": None}, 0)], [nir.Flatten({"input": None}, 0),
          dense(196, 162)]], IMAGE, False),
        ([[dense(3, 3)], [nir.Scale(np.ones(3))]], (3,), False),
    ],
    ids=range(6),
)  # fmt: skip
def test_parallel_paths_add_up(paths, shape, convolution):
    x = torch.tensor(np.random.default_rng(0).normal(size=(STEPS, *shape)))
    network = graph.checked(joined(*paths, shape=shape))
    total = torch.zeros(())
    for index, path in enumerate(paths):
        y = x
        for k in range(len(path)):
            y = run(network.nodes[f"{index}.{k}"], y)
        total = total + y
    (layer,) = fold(network).layers
    assert torch.allclose(weighted(layer, x), total.reshape(STEPS, -1))
    assert layer.convolution == convolution


def test_parallel_paths_with_different_delays_need_different_synapses():
    upper, lower = np.array([[1.0, 0], [1, 1]]), np.array([[0.0, 1], [0, 0]])
    (layer,) = fold(joined([nir.Linear(upper)], [nir.Linear(lower), delay(3)], shape=(2,))).layers
    assert np.array_equal(layer.delay, [[0, 3], [0, 0]])
    with pytest.raises(InputError, match=r"node 'n': two paths .* different delays"):
        fold(joined([dense(2, 2)], [dense(2, 2), delay(3)], shape=(2,)))


# Chains of neurons --------------------------------------------------------------------------------


def spikes_of(network: FloatNetwork, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the spikes (steps, neurons) of every layer, in the step of NIR; x: (steps, inputs)."""
    found = {}
    for layer in network.layers:
        total = weighted(layer, torch.tensor(x)).numpy()
        cells = Neurons(layer.dynamics, (1, layer.neurons), np.dtype(np.float64))
        out = np.zeros_like(total)
        for t in range(len(x)):
            into = total[t]
            if layer.recurrent is not None:
                late = np.broadcast_to(layer.recurrent_delay, layer.recurrent.shape)
                for steps in np.unique(late):
                    if t > steps:
                        into = into + (layer.recurrent * (late == steps)) @ out[t - 1 - steps]
            out[t] = cells.step(into[None])[0]
        found[layer.name] = x = out
    return found


def agrees(network: Any, rate: float, *, dialect: str = "plain", dt: float = DT) -> None:
    """Compare every spike of the folded network with the reference that runs node by node."""
    checked = graph.checked(network)
    shape = graph.shapes(checked)[next(iter(checked.inputs))]
    x = (np.random.default_rng(0).random((1, *shape, 60)) < rate).astype(float)
    expected = reference.simulate(checked, x, DIALECTS[dialect], dt)
    flat = np.moveaxis(x[0], -1, 0).reshape(60, -1)
    folded = folding.fold(checked, DIALECTS[dialect], dt)
    for name, spikes in spikes_of(folded, flat).items():
        assert np.array_equal(spikes.T, expected[name].spikes[0])
        assert 0 < spikes.mean() < 1


def cuba(size: int) -> nir.CubaLIF:
    return nir.CubaLIF(*(np.full(size, v) for v in (4 * DT, 8 * DT, 8.0, 0.0, 1.0)), w_in=4.0)


def recurrent(*inner: Any, size: int = 6) -> Any:
    names = ["n", *(f"r{k}" for k in range(len(inner))), "n"]
    rng = np.random.default_rng(3)
    nodes = {
        "in": nir.Input(np.array([4])),
        "w": nir.Affine(rng.normal(size=(size, 4)), np.ones(size) / 9),
        "n": cuba(size),
        **dict(zip(names[1:], inner)),
        "o": dense(3, size),
        "m": neurons((3,)),
        "out": nir.Output(np.array([3])),
    }
    edges = [("in", "w"), ("w", "n"), ("n", "o"), ("o", "m"), ("m", "out"), *pairwise(names)]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize(
    "inner",
    [[dense(6, 6)], [], [dense(6, 6), delay(2)], [delay(0, 1, 2, 3, 4, 5), dense(6, 6)]],
    ids=["weights", "identity", "delayed", "delays"],
)
def test_a_recurrent_layer_spikes_as_the_reference(inner):
    network = recurrent(*inner)
    agrees(network, 0.3)
    assert fold(network).layers[0].recurrent is not None


def test_a_recurrent_convolution_becomes_a_matrix():
    nodes = {
        "in": nir.Input(np.array(IMAGE)), "w": conv(2, 2, padding=1), "n": neurons((2, 9, 9)),
        "r": conv(2, 2, padding=1), "p": conv(3, 2), "m": neurons((3, 7, 7)),
        "out": nir.Output(np.array([3, 7, 7])),
    }  # fmt: skip
    edges = [("in", "w"), ("w", "n"), ("n", "r"), ("r", "n"), ("n", "p"), ("p", "m"), ("m", "out")]
    network = nir.NIRGraph(nodes, edges, type_check=False)
    agrees(network, 0.2)
    layers = fold(network).layers
    assert layers[0].recurrent is not None
    assert not layers[1].convolution  # an integer convolution reads images only


def test_neurons_of_every_place_in_a_chain_spike_as_the_reference():
    nodes = [
        nir.Scale(np.full(1, 2.0)), conv(4, 2, padding=1, bias=np.ones(4)), neurons((4, 9, 9)),
        pool("SumPool2d", 3), nir.Threshold(np.full((4, 3, 3), 2.0)),
        nir.Flatten({"input": None}, 0), dense(20, 36), delay(2), neurons((20,)),
        dense(5, 20), cuba(5),
    ]  # fmt: skip
    agrees(chain(*nodes, shape=IMAGE), 0.1)


@pytest.mark.parametrize("name", ["cnn_sinabs", "braille_noDelay_bias_zero"])
def test_real_graphs_spike_as_the_reference(shared_data: Path, name: str):
    path = shared_data / "nir" / f"{name}.nir"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the project")
    dialect, dt = ("sinabs", DT) if name == "cnn_sinabs" else ("snntorch", 1e-4)
    agrees(graph.read(path), 0.1, dialect=dialect, dt=dt)


def test_notes_name_what_became_one_layer():
    (note,) = fold(chain(pool("SumPool2d", 3), conv(4, 2), neurons(()), shape=IMAGE)).notes
    assert note == "'0' and '1' are one convolution of 4x2x9x9 before '2'"


def test_a_constant_that_passes_a_delay_is_noted():
    affine = nir.Affine(np.ones((4, 3)), np.ones(4))
    notes = fold(chain(affine, delay(2), neurons(()), shape=(3,))).notes
    assert "acts from the first step on" in notes[-1]
