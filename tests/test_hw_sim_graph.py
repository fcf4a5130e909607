"""Networks of any form against arithmetic with Python integers, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import neurodeploy as nd
from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.readout import outputs
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import InputError
from neurodeploy.models.graph import Connection, Population
from neurodeploy.models.layers import DenseLayer, RecurrentLayer, per_neuron
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif, Delta
from neurodeploy.models.synapses import Conv, Dense, Drive

NEURON = CubaLif(1024, 300, 60)


def draw(rng: np.random.Generator) -> QuantizedNetwork:
    """Return a network with skips, parallel connections, loops and cycles, lines and images."""
    sizes: dict[str, Any] = {"input": (2, 4, 4) if rng.random() < 0.5 else (7,)}
    names = [f"p{index}" for index in range(rng.integers(1, 6))]
    for name in names:
        sizes[name] = (3, 4, 4) if rng.random() < 0.4 else (int(rng.integers(2, 9)),)
    connections = []
    for before, name in zip(["input", *names], names):
        for source in [before, *(each for each in sizes if rng.random() < 0.3)]:
            connections.append(connect(rng, source, name, sizes))
    populations = [
        Population(
            name,
            CubaLif(rng.integers(0, 3000), rng.integers(0, 2000), rng.integers(20, 150)),
            sizes[name],
        )
        for name in names
    ]
    order = rng.permutation(len(names))
    return QuantizedNetwork(
        [populations[index] for index in order], connections, names[-1], input_shape=sizes["input"]
    )


def connect(
    rng: np.random.Generator, source: str, target: str, sizes: dict[str, Any]
) -> Connection:
    images = len(sizes[source]) == len(sizes[target]) == 3
    if images and rng.random() < 0.7:
        kernel = rng.integers(-40, 60, (3, sizes[source][0], 3, 3))
        return Connection(source, target, Conv(kernel, sizes[source], padding=1), rng.integers(5))
    shape = (int(np.prod(sizes[target])), int(np.prod(sizes[source])))
    delays = rng.integers(0, 8, [(1, 1), (1, shape[1]), (shape[0], 1), shape][rng.integers(4)])
    return Connection(source, target, Dense(rng.integers(-60, 90, shape)), delays)


def dense_of(connection: Connection) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return weights and delays (neurons, inputs); a kernel as the matrix that it stands for."""
    synapse = connection.synapse
    if isinstance(synapse, Conv):
        (outputs, channels, height, width), (_, rows, columns) = synapse.weight.shape, synapse.shape
        weight = np.zeros((*synapse.shape, *synapse.input_shape), int)
        for at in np.ndindex(outputs, channels, height, width, rows, columns):
            output, channel, dy, dx, y, x = at
            if 0 <= y + dy - 1 < rows and 0 <= x + dx - 1 < columns:
                weight[output, y, x, channel, y + dy - 1, x + dx - 1] = synapse.weight[at[:4]]
        weight = weight.reshape(synapse.neurons, synapse.inputs)
    else:
        assert isinstance(synapse, Dense)
        weight = synapse.weight.astype(int)
    return weight, np.broadcast_to(connection.delay, weight.shape)


def by_hand(network: QuantizedNetwork, inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the spikes of every population for one sample, (neurons, steps)."""
    steps = inputs.shape[1]
    spikes = {each.name: np.zeros((each.neurons, steps), int) for each in network.populations}
    spikes["input"] = inputs
    matrices = [(each, *dense_of(each)) for each in network.connections]
    states = {each.name: np.zeros((2, each.neurons), int) for each in network.populations}
    for t in range(steps):
        for each in network.populations:
            received = np.zeros(each.neurons, int)
            for connection, weight, delay in matrices:
                if connection.target == each.name:
                    sent = t - 1 - delay  # the step in which what arrives now was sent
                    of = spikes[connection.source][np.arange(weight.shape[1])[None], sent]
                    received += (weight * np.where(sent >= 0, of, 0)).sum(1)
            spikes[each.name][:, t] = step(each, states[each.name], received)
    return spikes


def step(population: Population, states: NDArray[Any], received: NDArray[Any]) -> NDArray[Any]:
    neuron: Any = population.neuron

    def decayed(values: NDArray[Any], decay: Any) -> NDArray[Any]:
        kept = np.abs(values) * (4096 - per_neuron(decay, population.shape).astype(int)) >> 12
        return np.sign(values) * kept

    states[0] = decayed(states[0], neuron.current_decay) + (received << 6)
    states[1] = decayed(states[1], neuron.voltage_decay) + states[0]
    fired = states[1] > neuron.threshold << 6
    states[1, fired] = 0
    return fired


@pytest.mark.parametrize("seed", range(25))
def test_fast_runs_graphs_as_by_hand_at_once_and_in_chunks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = draw(rng)
    inputs = (rng.random((2, network.inputs, 20)) < 0.3).astype(np.uint8)
    activity = nd.simulate(network, inputs)
    stream = nd.Stream(network, num_streams=2)
    chunks = [stream.run(inputs[:, :, a:b]) for a, b in ((0, 3), (3, 4), (4, 20))]
    for sample in range(2):
        expected = by_hand(network, inputs[sample])
        for index, each in enumerate(network.populations):
            assert np.array_equal(activity.spikes[index][sample], expected[each.name])
            joined = np.concatenate([chunk.spikes[index][sample] for chunk in chunks], 1)
            assert np.array_equal(joined, expected[each.name])
        read = outputs(network, activity)[sample]
        assert np.array_equal(read, expected[network.output].sum(1))


def test_an_arriving_spike_counts_in_each_connection() -> None:
    populations = [Population("a", NEURON, (2,)), Population("b", NEURON, (3,))]
    wide = Connection("a", "b", Dense(np.full((3, 2), 300)))
    connections = [
        Connection("input", "a", Dense([[90], [0]])),
        Connection("input", "b", Dense(np.ones((3, 1)))),
        wide,
    ]
    network = QuantizedNetwork(populations, connections, "b")
    activity = fast.run(network, np.ones((1, 1, 5), np.uint8))
    of_a = int(activity.spikes[0].sum())
    first, second = count(network, activity)
    assert of_a > 0
    assert (first.synops.item(), second.synops.item()) == (5 * 2, (5 * 3 + of_a * 3) * 2)
    assert second.spikes_in.item() == 5 + of_a


def test_populations_are_ordered_and_cycles_stay_together() -> None:
    populations = [Population(name, NEURON, (1,)) for name in ("out", "c", "b", "a")]
    pairs = (("input", "a"), ("a", "b"), ("b", "c"), ("c", "b"), ("c", "out"), ("a", "out"))
    network = QuantizedNetwork(
        populations, [Connection(*pair, Dense([[9]])) for pair in pairs], "out"
    )
    assert network.groups == (("a",), ("c", "b"), ("out",))
    assert [each.name for each in network.populations] == ["a", "c", "b", "out"]
    assert not network.is_chain


def test_a_chain_is_the_same_network_as_its_populations_and_connections() -> None:
    layers = [
        DenseLayer([[70, 0], [0, 70]], NEURON, delay=[[3, 0]]),
        RecurrentLayer([[70, 5]], [[-9]], NEURON, recurrent_delay=2),
    ]
    chain = QuantizedNetwork.chain(layers)
    connections = [
        Connection("out", "out", Dense([[-9]]), 2),
        Connection("in", "out", Dense([[70, 5]])),
        Connection("input", "in", Dense([[70, 0], [0, 70]]), [[3, 0]]),
    ]
    populations = [Population("out", NEURON, (1,)), Population("in", NEURON, (2,))]
    graph = QuantizedNetwork(populations, connections, "out")
    assert graph.digest == chain.digest
    assert [type(layer) for layer in graph.layers] == [DenseLayer, RecurrentLayer]


A, B = (Population(name, NEURON, (2,)) for name in "ab")
ONE = Connection("input", "a", Dense([[9], [9]]))
SQUARE = Dense(np.ones((2, 2)))


@pytest.mark.parametrize(
    ("populations", "connections", "named"),
    [
        ([A, A], [ONE], "two populations are named 'a'"),
        ([A], [], "no connection comes from the input"),
        ([A, B], [ONE], "population 'b' receives nothing"),
        ([A], [ONE, Connection("x", "a", SQUARE)], "from 'x' to 'a' names 'x'"),
        ([A], [ONE, Connection("a", "input", SQUARE)], "leads into the input"),
        ([A], [ONE, Connection("a", "a", Dense([[1, 2]]))], "from 'a' to 'a' has synapses for"),
        ([A], [ONE, Connection("a", "a", Dense([[1], [2]]))], "from 'a' to 'a' takes inputs of"),
        (
            [A, Population("b", Delta(1, 0, 0), (2,))],
            [ONE, Connection("a", "b", SQUARE)],
            "delta neurons, which only the input drives",
        ),
        ([A], [ONE, Connection("input", "a", Drive((2,)))], "joins a population that the input"),
        ([A], [Connection("input", "a", Drive((2,)))] * 2, "drives a population twice"),
        (
            [A, B],
            [
                Connection("input", "a", Drive((2,))),
                Connection("a", "b", SQUARE),
                Connection("input", "b", SQUARE),
            ],
            "takes the input as spikes, and elsewhere it drives neurons",
        ),
    ],
)
def test_what_does_not_fit_is_refused(populations: Any, connections: Any, named: str) -> None:
    with pytest.raises(InputError, match=named):
        QuantizedNetwork(populations, connections, "a", input_shape=())


def test_what_takes_a_chain_names_the_connection_that_is_too_much() -> None:
    skip = Connection("input", "b", Dense([[9], [9]]))
    network = QuantizedNetwork([A, B], [ONE, Connection("a", "b", SQUARE), skip], "b")
    with pytest.raises(InputError, match=r"from .* to 'b' makes the network a graph"):
        network.save("graph.net")
    assert "b: 2 CUBA LIF, from input, a" in repr(network)
    assert "Connections" in network._repr_html_()
    activity = nd.simulate(network, np.ones((3, 1, 9), np.uint8))
    assert [each.shape for each in activity.spikes] == [(3, 2, 9)] * 2


def test_a_row_of_populations_that_is_read_before_its_end_is_no_chain() -> None:
    connections = [ONE, Connection("a", "b", SQUARE)]
    early, late = (QuantizedNetwork([A, B], connections, name) for name in "ab")
    assert late.is_chain
    assert not early.is_chain
    assert early.digest != late.digest
    with pytest.raises(InputError, match="the output is 'a'"):
        _ = early.layers
