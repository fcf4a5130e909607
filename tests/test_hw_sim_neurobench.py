"""NeuroBench's metrics: ours against those of the package, on a torch twin of the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import (
    ActivationSparsity,
    MembraneUpdates,
    NeuronOperations,
    SynapticOperations,
)
from neurobench.models import SNNTorchModel
from torch.nn.functional import conv2d, linear
from torch.utils.data import DataLoader, TensorDataset

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.neurobench_metrics import Neurobench, NeurobenchMeter, footprint
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.layers import RecurrentLayer, per_neuron
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
    Sigma,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def stored(weight: np.ndarray) -> torch.nn.Parameter:
    """Return weights in the smallest integers, even ones halved."""
    halved = weight if (weight & 1).any() else weight >> 1
    small = halved.min() >= -128 and halved.max() <= 127
    return torch.nn.Parameter(
        torch.tensor(halved, dtype=torch.int8 if small else torch.int16), requires_grad=False
    )


class Linear(torch.nn.Linear):
    """A linear layer that stores integers."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__(*weight.shape[::-1], bias=False)
        self.weight = stored(weight)
        self.factor = 1 if (weight & 1).any() else 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return linear(x.double(), self.weight.double())


class Conv2d(torch.nn.Conv2d):
    """A convolution that stores integers."""

    def __init__(self, layer: ConvLayer) -> None:
        channels, _, *kernel = layer.weight.shape
        super().__init__(
            layer.input_shape[0], channels, kernel, layer.stride, layer.padding, layer.dilation,
            layer.groups, bias=False,
        )  # fmt: skip
        self.weight = stored(layer.weight)
        self.factor = 1 if (layer.weight & 1).any() else 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        options = (None, self.stride, self.padding, self.dilation, self.groups)
        return conv2d(x.double(), self.weight.double(), *options)


class Synaptic(snntorch.SpikingNeuron):
    """CUBA LIF neurons in integers; the package knows operations by this name."""

    def __init__(self, neuron: CubaLif, shape: tuple[int, ...], *, driven: bool) -> None:
        torch.nn.Module.__init__(self)
        self.init_hidden, self.output, self._reset_mechanism = True, False, "zero"
        for name in ("current_decay", "voltage_decay", "bias"):
            values = getattr(neuron, name)
            each = torch.tensor(per_neuron(values, shape).astype(np.int64))
            setattr(self, f"_{name}", each)
            if name != "bias" or values.any():
                self.register_buffer(name, torch.tensor(values, dtype=torch.int16))
        self.register_buffer("threshold", torch.tensor(neuron.threshold, dtype=torch.int32))
        if driven:
            self._current_decay = torch.full_like(self._current_decay, 4096)
        self.reset()

    def reset(self) -> None:
        self.current = self.mem = torch.zeros(0, dtype=torch.int64)

    def forward(self, received: torch.Tensor) -> torch.Tensor:
        if not self.mem.numel():
            self.current = self.mem = torch.zeros_like(received)
        self.current = self._decay(self.current, self._current_decay) + (received << 6)
        bias = self._bias << 6
        charged = self._decay(self.mem, self._voltage_decay) + self.current + bias
        fired = charged > self.threshold.long() << 6
        self.mem = torch.where(fired, 0, charged)
        return fired.double()

    @staticmethod
    def _decay(state: torch.Tensor, lost: torch.Tensor) -> torch.Tensor:
        return state.sign() * ((state.abs() * (4096 - lost)) >> 12)


class Layer(torch.nn.Module):
    """A layer of the network: connections, one step that spikes take, neurons."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.shape, self.driven = layer.input_shape, isinstance(layer, InputLayer)
        if isinstance(layer, InputLayer):
            for name in ("scale", "offset"):
                value = torch.tensor(getattr(layer, name), dtype=torch.int32)
                self.register_buffer(name, value)
        else:
            self.weights = Conv2d(layer) if isinstance(layer, ConvLayer) else Linear(layer.weight)
        self.own = Linear(layer.recurrent) if isinstance(layer, RecurrentLayer) else None
        self.neurons = Synaptic(layer.neuron, layer.shape, driven=self.driven)

    def reset(self) -> None:
        self.neurons.reset()
        self.waiting: Any = None
        self.sent: Any = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.driven:
            return self.neurons(x.long() * self.scale + self.offset)
        arriving = self.weights(x.reshape(len(x), *self.shape)).flatten(1).long()
        arriving = arriving * self.weights.factor
        now = torch.zeros_like(arriving) if self.waiting is None else self.waiting
        self.waiting = arriving
        if self.own is not None:
            sent = now.double() * 0 if self.sent is None else self.sent
            now = now + self.own(sent).long() * self.own.factor
        self.sent = self.neurons(now)
        return self.sent


class Twin(torch.nn.Module):
    """The network in torch, a time step at a time."""

    def __init__(self, network: QuantizedNetwork) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(map(Layer, network.layers))

    def reset(self) -> None:
        for layer in self.layers:
            layer.reset()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        for layer in self.layers:
            x = layer(x)
        return x, None


def by_package(network: QuantizedNetwork, inputs: np.ndarray, batch: int) -> Neurobench:
    """Run the package's benchmark on a torch twin and return what it found."""
    twin, sent = Twin(network), []
    steps = torch.tensor(inputs.transpose(0, 2, 1).astype(np.float64))
    loader = DataLoader(TensorDataset(steps, torch.zeros(len(inputs))), batch_size=batch)
    metrics = [
        [Footprint, ConnectionSparsity],
        [ActivationSparsity, SynapticOperations, MembraneUpdates, NeuronOperations],
    ]
    benchmark = Benchmark(SNNTorchModel(twin), loader, [], [sent.append], metrics)
    with torch.no_grad():
        found = benchmark.run(quiet=True)
    same = fast.run(network, inputs).spikes[-1]
    np.testing.assert_array_equal(torch.cat(sent).numpy().transpose(0, 2, 1), same)
    operations, neurons = found["SynapticOperations"], found["NeuronOperations"]
    return Neurobench(
        len(inputs), found["Footprint"], found["ConnectionSparsity"], found["ActivationSparsity"],
        operations["Effective_MACs"], operations["Effective_ACs"], operations["Dense"],
        found["MembraneUpdates"], neurons["Effective Neuron Ops"], neurons["Neuron Dense Ops"],
    )  # fmt: skip


def by_us(
    network: QuantizedNetwork, inputs: np.ndarray, batch: int, *, states: bool = False
) -> Neurobench:
    meter = NeurobenchMeter(network)
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch]
        meter.add(fast.run(network, part, RunOptions(states=states)))
    found = meter.result()
    assert found is not None
    return found


def assert_equal(ours: Neurobench, theirs: Neurobench) -> None:
    assert asdict(ours) == pytest.approx(asdict(theirs), rel=1e-12)


def pruned(network: QuantizedNetwork, rng: np.random.Generator, *, even: bool) -> QuantizedNetwork:
    """Return the network with a third of its weights zero and a bias in every neuron."""
    layers = []
    for layer in network.layers:
        weight = np.where(rng.random(layer.weight.shape) < 1 / 3, 0, layer.weight)
        bias = rng.integers(-20, 60, layer.neurons).astype(np.int32)
        neuron = replace(layer.neuron, bias=bias)
        layers.append(replace(layer, weight=weight & ~1 if even else weight, neuron=neuron))
    return network.with_layers(tuple(layers))


@pytest.mark.parametrize(
    ("sizes", "even", "batch"),
    [((7, 5), True, 6), ((12, 9, 4), False, 4), ((10, 16, 8, 8, 3), True, 1)],
    ids=["dense", "two layers in uneven batches", "deeper one by one"],
)
def test_dense_networks_count_as_in_the_package(
    sizes: tuple[int, ...],
    even: bool,
    batch: int,
    random_network: Callable[..., QuantizedNetwork],
    draw_spikes: Callable[..., np.ndarray],
) -> None:
    rng = np.random.default_rng(len(sizes))
    network = pruned(random_network(rng, sizes, per_neuron=True), rng, even=even)
    inputs = draw_spikes(6, sizes[0], 20)
    ours = by_us(network, inputs, batch)
    assert_equal(ours, by_package(network, inputs, batch))
    assert ours.effective_acs < ours.dense_operations
    assert ours.membrane_updates < sum(sizes[1:]) * 20
    assert by_us(network, inputs, 2, states=True) == by_us(network, inputs, 3)


def test_convolutions_count_as_in_the_package(draw_spikes: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    neuron = CubaLif(np.array([900, 1500, 700, 0]), np.array([300]), 90)
    first = rng.integers(-60, 120, (4, 2, 3, 2)) * (rng.random((4, 2, 3, 2)) < 0.7)
    second = rng.integers(-80, 120, (2, 2, 2, 2)) & ~1
    layers = (
        ConvLayer(first, (2, 7, 6), neuron, (2, 1), (1, 2), (1, 2)),
        ConvLayer(second, (4, 4, 8), CubaLif(*np.full((2, 1), 500), 100), (3, 2), groups=2),
        DenseLayer(rng.integers(-60, 90, (3, 2 * 1 * 4)), CubaLif(*np.full((2, 1), 800), 60)),
    )
    network = QuantizedNetwork.chain(layers)
    inputs = draw_spikes(5, 84, 15)
    ours = by_us(network, inputs, 3)
    assert_equal(ours, by_package(network, inputs, 3))
    assert ours.effective_acs


def test_recurrent_layers_count_as_in_the_package(draw_spikes: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    neuron = CubaLif(np.array([800]), np.array([400]), 80)
    own = rng.integers(-90, 90, (6, 6)) * (rng.random((6, 6)) < 0.5)
    network = QuantizedNetwork.chain((RecurrentLayer(rng.integers(-40, 90, (6, 5)), own, neuron),))
    inputs = draw_spikes(4, 5, 12)
    assert_equal(by_us(network, inputs, 4), by_package(network, inputs, 4))


def test_input_neurons_count_as_in_the_package() -> None:
    rng = np.random.default_rng(2)
    neuron = CubaLif(np.array([1024]), np.array([512]), 60)
    dense = DenseLayer(rng.integers(-40, 90, (3, 4)), neuron)
    network = QuantizedNetwork.chain((InputLayer(neuron, (4,), 3, 2), dense))
    inputs = rng.integers(0, 40, (5, 4, 16))
    assert_equal(by_us(network, inputs, 2), by_package(network, inputs, 2))


def test_graded_spikes_multiply_as_in_the_package_one_sample_at_a_time() -> None:
    rng = np.random.default_rng(3)
    dense = DenseLayer(rng.integers(-40, 90, (5, 4)), CubaLif(*np.full((2, 1), 700), 200))
    network = QuantizedNetwork.chain((dense,), message_bits=3)
    inputs = rng.integers(-2, 3, (6, 4, 10)) * (rng.random((6, 4, 10)) < 0.3)
    ours = by_us(network, inputs, 4)
    assert_equal(ours, by_package(network, inputs, 1))
    assert ours.effective_acs
    assert ours.effective_macs


@pytest.mark.parametrize("steps", [1, 5])
def test_silence_counts_as_in_the_package(
    steps: int, random_network: Callable[..., QuantizedNetwork]
) -> None:
    network = random_network(np.random.default_rng(0), (4, 3, 2))
    inputs = np.zeros((1, 4, steps), np.uint8)
    ours = by_us(network, inputs, 1)
    assert_equal(ours, by_package(network, inputs, 1))
    assert (ours.activation_sparsity, ours.effective_acs, ours.membrane_updates) == (1.0, 0.0, 5.0)


def test_many_spikes_and_samples_do_not_overflow_a_count() -> None:
    weight = np.array([[100, 0]])
    network = QuantizedNetwork.chain((DenseLayer(weight, CubaLif(*np.zeros((2, 1)), 10)),))
    found = by_us(network, np.ones((600, 2, 300), np.uint8), 600)
    assert found.effective_acs == 300
    assert found.dense_operations == 600


def test_sigma_neurons_have_no_membrane() -> None:
    network = QuantizedNetwork.chain((DenseLayer(np.array([[3]]), Sigma()),), message_bits=4)
    found = by_us(network, np.full((2, 1, 4), 5), 2)
    assert (found.membrane_updates, found.dense_neuron_operations) == (None, None)
    assert (found.effective_macs, found.effective_acs) == (4.0, 0.0)


def test_footprint_takes_the_smallest_integers() -> None:
    zero = np.zeros(1, np.int32)
    delay = np.array([[1, 2, 0]], np.int8)

    def of(weight: list[int], **more: Any) -> int:
        return footprint(
            QuantizedNetwork.chain((DenseLayer([weight], CubaLif(zero, zero, 9), **more),))
        )

    rest = 2 + 2 + 4  # decays and threshold
    assert of([-256, 2, 254]) == 3 + rest
    assert of([0, 3, 255]) == 3 + rest
    assert of([-128, 3, 127]) == 3 + rest
    assert of([-129, 3, 0]) == 2 * 3 + rest
    assert of([2, 2, 2], delay=delay) == 3 + 3 + rest
    assert of([-258, 2, 254]) == of([0, 2, 256]) == 2 * 3 + rest


def test_nothing_ran_is_nothing(dense: QuantizedNetwork) -> None:
    assert NeurobenchMeter(dense).result() is None
