"""Small networks made, run and exported to NIR by a framework itself.

    python -m benchmarks.peers.nir_networks FRAMEWORK FOLDER [SEED]

runs in an environment with the framework, `nir` and `nirtorch`, and writes for each network
`FRAMEWORK_NETWORK.nir`, by the framework's own exporter, and `FRAMEWORK_NETWORK.npz` with

    inputs       uint8 (samples, *shape, steps)
    layer_K      what the K-th layer of neurons emitted: (samples, neurons, steps), uint8 counts of
                 spikes, or float32 voltages of neurons that never fire
    about        JSON: dialect, its options, time step, versions of packages

`benchmarks.nir_frameworks` starts it. Needs numpy, torch, nir, nirtorch and the framework alone.
Weights are random, and scaled layer by layer until neurons fire at `RATE`.
"""

from __future__ import annotations

import json
import math
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import nir
import numpy as np
import torch
from torch import Tensor, nn

SAMPLES, STEPS = 8, 40
RATE: Final = 0.15
"""Share of neurons that emit in a step."""
INPUTS, HIDDEN, OUTPUTS = 16, 24, 10
IMAGE: Final = (2, 10, 10)


@dataclass
class Network:
    """A network of a framework and how to run and export it.

    Attributes:
        module: the framework's module.
        weights: its modules with weights, in the order of the data.
        neurons: its modules of neurons, in the order of the data.
        run: runs the module from cleared state on float32 (samples, *shape, steps).
        export: returns the NIR graph for the module and the shape of one input.
        options: options of the dialect that the file does not tell.
        shape: shape of one input.
        time_axis: axis of time of what a neuron module emits; None: one step per call.
        fold: whether samples and steps share the first axis of what a neuron module emits.
    """

    module: Any
    weights: list[Any]
    neurons: list[Any]
    run: Callable[[Any, Tensor], Any]
    export: Callable[[Any, tuple[int, ...]], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (INPUTS,)
    time_axis: int | None = None
    fold: bool = False
    rate: float = RATE

    def outputs(self, inputs: Tensor) -> list[np.ndarray]:
        """Return what each layer of neurons emits, (samples, neurons, steps)."""
        caught: list[list[np.ndarray]] = [[] for _ in self.neurons]

        def catch(into: list[np.ndarray], module: Any, args: Any, out: Any) -> None:
            into.append((out[0] if isinstance(out, tuple) else out).detach().numpy().copy())

        hooks = [
            neuron.register_forward_hook(partial(catch, into))
            for neuron, into in zip(self.neurons, caught)
        ]
        with torch.no_grad():
            self.run(self.module, inputs)
        for hook in hooks:
            hook.remove()
        return [self._arranged(each, len(inputs)) for each in caught]

    def _arranged(self, parts: list[np.ndarray], samples: int) -> np.ndarray:
        if self.time_axis is None and not self.fold:
            values = np.stack(parts, -1)
        elif self.fold:
            values = np.moveaxis(parts[0].reshape(samples, -1, *parts[0].shape[1:]), 1, -1)
        else:
            values = np.moveaxis(parts[0], self.time_axis or 0, -1)
        return values.reshape(len(values), -1, values.shape[-1])


def tune(network: Network, inputs: Tensor) -> None:
    """Scale the weights of each layer in turn until its neurons fire at the network's rate."""
    for layer, module in enumerate(network.weights):
        low, high = math.log(1e-3), math.log(1e3)
        start = module.weight.detach().clone()
        for _ in range(14):
            middle = (low + high) / 2
            module.weight.data.copy_(start * math.exp(middle))
            out = network.outputs(inputs)[layer]
            low, high = (low, middle) if (out != 0).mean() > network.rate else (middle, high)


def vector(low: float, high: float, *shape: int) -> Tensor:
    """Return random parameters of a layer."""
    return low + (high - low) * torch.rand(shape)


def _dense(bias: bool = True) -> list[nn.Linear]:
    layers = [nn.Linear(INPUTS, HIDDEN, bias=bias), nn.Linear(HIDDEN, OUTPUTS, bias=bias)]
    for layer in layers:
        nn.init.normal_(layer.weight, 0.2, 1.0)
        if bias:
            nn.init.normal_(layer.bias, 0.0, 0.02)
    return layers


def _conv(*args: Any, **options: Any) -> nn.Conv2d:
    layer = nn.Conv2d(*args, **options)
    nn.init.normal_(layer.weight, 0.2, 1.0)
    if layer.bias is not None:
        nn.init.normal_(layer.bias, 0.0, 0.02)
    return layer


def _last_dense(inputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, OUTPUTS)
    nn.init.normal_(layer.weight, 0.1, 1.0)
    nn.init.normal_(layer.bias, 0.0, 0.02)
    return layer


# snnTorch -----------------------------------------------------------------------------------------


def snntorch() -> Iterator[tuple[str, Network]]:
    """Yield snnTorch's networks; parameters must be vectors to be exported."""
    import snntorch as snn

    def leaky(shape: tuple[int, ...], **options: Any) -> Any:
        return snn.Leaky(vector(0.7, 0.95, *shape), threshold=vector(0.8, 1.2, *shape), **options)

    def synaptic(shape: tuple[int, ...], **options: Any) -> Any:
        return snn.Synaptic(
            vector(0.5, 0.8, *shape), vector(0.7, 0.95, *shape),
            threshold=vector(0.8, 1.2, *shape), **options,
        )  # fmt: skip

    def recurrent(kind: Any, shape: tuple[int, ...], *decays: Any, **options: Any) -> Any:
        neuron = kind(*decays, all_to_all=True, linear_features=shape[0], **options)
        nn.init.normal_(neuron.recurrent.weight, -0.05, 0.3)
        nn.init.normal_(neuron.recurrent.bias, 0.0, 0.02)
        return neuron

    def rleaky(shape: tuple[int, ...], **options: Any) -> Any:
        return recurrent(snn.RLeaky, shape, vector(0.7, 0.95, *shape), **options)

    def rsynaptic(shape: tuple[int, ...], **options: Any) -> Any:
        decays = vector(0.5, 0.8, *shape), vector(0.7, 0.95, *shape)
        return recurrent(snn.RSynaptic, shape, *decays, **options)

    zero = {"reset_mechanism": "zero", "reset_delay": False}
    delayed = {"reset_mechanism": "zero", "reset_delay": True}
    now = {"reset_mechanism": "subtract", "reset_delay": False}
    for name, hidden, last, options in (
        ("leaky_zero", leaky, leaky, zero),
        ("leaky_zero_delayed", leaky, leaky, delayed),
        ("leaky_default", leaky, leaky, {}),
        ("leaky_subtract_now", leaky, leaky, now),
        ("synaptic_zero", synaptic, synaptic, zero),
        ("synaptic_zero_delayed", synaptic, synaptic, delayed),
        ("synaptic_default", synaptic, synaptic, {}),
        ("rleaky_zero", rleaky, leaky, zero),
        ("rleaky_default", rleaky, leaky, {}),
        ("rsynaptic_zero_delayed", rsynaptic, synaptic, delayed),
        ("rsynaptic_default", rsynaptic, synaptic, {}),
    ):
        first, second = _dense()
        own = {"init_hidden": True, **options}
        neurons = [hidden((HIDDEN,), **own), last((OUTPUTS,), **own)]
        module = nn.Sequential(first, neurons[0], second, neurons[1])
        rate = 0.3 if name == "leaky_subtract_now" else RATE
        yield name, _snntorch(module, [first, second], neurons, options, rate=rate)
    conv, last = _conv(2, 4, 3, padding=1), _last_dense(4 * 5 * 5)
    own = {"init_hidden": True, **zero}
    neurons = [leaky((4, 10, 10), **own), leaky((OUTPUTS,), **own)]
    module = nn.Sequential(conv, neurons[0], nn.AvgPool2d(2), nn.Flatten(), last, neurons[1])
    yield "conv_zero", _snntorch(module, [conv, last], neurons, zero, shape=IMAGE)


def _snntorch(
    module: Any, weights: list[Any], neurons: list[Any], given: Mapping[str, Any], **more: Any
) -> Network:
    def run(module: Any, inputs: Tensor) -> None:
        for neuron in neurons:
            for name in ("syn", "mem", "spk"):
                if hasattr(neuron, name):
                    setattr(neuron, name, torch.zeros(0))
        for now in inputs.unbind(-1):
            module(now)

    def export(module: Any, shape: tuple[int, ...]) -> Any:
        from snntorch.export_nir import export_to_nir

        for neuron in neurons:
            for name in ("syn", "mem", "spk"):
                if hasattr(neuron, name):
                    setattr(neuron, name, torch.zeros(0))
        return export_to_nir(module, torch.zeros(1, *shape), ignore_dims=[0])

    options = {
        "reset": given.get("reset_mechanism", "subtract"),
        "reset_delay": given.get("reset_delay", True),
    }
    return Network(module, weights, neurons, run, export, options, **more)


# Norse --------------------------------------------------------------------------------------------


def norse() -> Iterator[tuple[str, Network]]:
    """Yield Norse's networks; its exporter knows neither pools nor Flatten nor recurrent cells."""
    import norse.torch as norse
    from norse.torch.functional.iaf import IAFParameters
    from norse.torch.functional.reset import reset_subtract
    from norse.torch.module.iaf import IAFCell

    def box(*shape: int, leak: float = 0.0, **more: Any) -> Any:
        return norse.LIFBoxCell(
            norse.LIFBoxParameters(
                tau_mem_inv=1 / vector(0.004, 0.02, *shape), v_leak=vector(0.0, leak, *shape),
                v_th=vector(0.8, 1.2, *shape), v_reset=torch.zeros(shape), **more,
            )
        )  # fmt: skip

    def lif(*shape: int) -> Any:
        return norse.LIFCell(
            norse.LIFParameters(
                tau_syn_inv=1 / vector(0.002, 0.008, *shape),
                tau_mem_inv=1 / vector(0.004, 0.02, *shape), v_leak=torch.zeros(shape),
                v_th=vector(0.8, 1.2, *shape), v_reset=torch.zeros(shape),
            )
        )  # fmt: skip

    def iaf(*shape: int) -> Any:
        return IAFCell(IAFParameters(v_th=vector(0.8, 1.2, *shape), v_reset=torch.zeros(shape)))

    def li(*shape: int) -> Any:
        return norse.LIBoxCell(
            norse.LIBoxParameters(
                tau_mem_inv=1 / vector(0.004, 0.02, *shape), v_leak=torch.zeros(shape)
            )
        )

    subtracting = partial(box, reset_method=reset_subtract)
    for name, hidden, last, options in (
        ("lifbox", box, box, {}),
        ("lifbox_leak", partial(box, leak=0.4), partial(box, leak=0.4), {}),
        ("lifbox_subtract", subtracting, subtracting, {"reset": "subtract"}),
        ("lif", lif, lif, {}),
        ("iaf", iaf, iaf, {}),
        ("lifbox_li", box, li, {}),
    ):
        first, second = _dense()
        neurons = [hidden(HIDDEN), last(OUTPUTS)]
        module = norse.SequentialState(first, neurons[0], second, neurons[1])
        yield name, _norse(module, [first, second], neurons, options)
    convs = [_conv(2, 4, 3, padding=1, stride=2), _conv(4, OUTPUTS, 5)]
    neurons = [box(4, 5, 5), box(OUTPUTS, 1, 1)]
    module = norse.SequentialState(convs[0], neurons[0], convs[1], neurons[1])
    yield "conv", _norse(module, convs, neurons, {}, shape=IMAGE)


def _norse(
    module: Any, weights: list[Any], neurons: list[Any], options: Mapping[str, Any], **more: Any
) -> Network:
    def run(module: Any, inputs: Tensor) -> None:
        state = None
        for now in inputs.unbind(-1):
            _, state = module(now, state)

    def export(module: Any, shape: tuple[int, ...]) -> Any:
        from norse.torch.utils.export_nir import to_nir

        if len(shape) == 1:
            return to_nir(module, torch.zeros(1, *shape), dt=1.0)
        # Without the batch axis, which Norse's exporter keeps, nir can infer the sizes of images.
        graph = to_nir(module, torch.zeros(*shape), dt=1.0)
        graph.infer_types()
        return graph

    return Network(module, weights, neurons, run, export, options, **more)


# SpikingJelly -------------------------------------------------------------------------------------


def spikingjelly() -> Iterator[tuple[str, Network]]:
    """Yield SpikingJelly's networks; its exporter knows no recurrent containers."""
    from spikingjelly.activation_based import layer, neuron

    for name, make in (
        ("if", neuron.IFNode),
        ("lif", lambda: neuron.LIFNode(tau=4.0, decay_input=True)),
        ("lif_undecayed", lambda: neuron.LIFNode(tau=3.0, decay_input=False)),
        ("lif_reset", lambda: neuron.LIFNode(tau=3.0, v_reset=-0.5, v_threshold=0.75)),
        ("plif", lambda: neuron.ParametricLIFNode(init_tau=2.5)),
        ("cuba", lambda: neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75)),
    ):
        first, second = _dense()
        neurons = [make(), make()]
        module = nn.Sequential(first, neurons[0], second, neurons[1])
        yield name, _spikingjelly(module, [first, second], neurons)
    conv, last = layer.Conv2d(2, 4, 3, padding=1), _last_dense(4 * 5 * 5)
    nn.init.normal_(conv.weight, 0.2, 1.0)
    neurons = [neuron.LIFNode(tau=2.0), neuron.IFNode()]
    module = nn.Sequential(conv, neurons[0], layer.AvgPool2d(2), layer.Flatten(), last, neurons[1])
    yield "conv", _spikingjelly(module, [conv, last], neurons, shape=IMAGE)


def _spikingjelly(module: Any, weights: list[Any], neurons: list[Any], **more: Any) -> Network:
    from spikingjelly.activation_based import functional

    def run(module: Any, inputs: Tensor) -> None:
        functional.reset_net(module)
        for now in inputs.unbind(-1):
            module(now)

    def export(module: Any, shape: tuple[int, ...]) -> Any:
        from spikingjelly.activation_based.nir_exchange import export_to_nir

        functional.reset_net(module)
        return export_to_nir(module, torch.zeros(1, *shape))

    return Network(module, weights, neurons, run, export, **more)


# sinabs -------------------------------------------------------------------------------------------


def sinabs() -> Iterator[tuple[str, Network]]:
    """Yield sinabs' networks; its exporter refuses recurrent layers."""
    import sinabs.layers as sl
    from sinabs.activation import MembraneReset, SingleSpike

    zero = {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}

    def iaf(size: int, **options: Any) -> Any:
        return sl.IAFSqueeze(batch_size=SAMPLES, spike_threshold=torch.tensor(0.9), **options)

    def lif(size: int, **options: Any) -> Any:
        threshold = vector(0.8, 1.2, size)
        return sl.LIFSqueeze(
            tau_mem=vector(3.0, 12.0, size), spike_threshold=threshold, batch_size=SAMPLES,
            **options,
        )  # fmt: skip

    def leak(size: int, **options: Any) -> Any:
        return sl.ExpLeakSqueeze(tau_mem=vector(3.0, 12.0, size), batch_size=SAMPLES)

    raw = {"norm_input": False}
    zeros = {"reset": "zero", "multi_spike": False}
    own = {"reset": "subtract", "multi_spike": True}
    for name, hidden, last, given, options in (
        ("iaf_default", iaf, iaf, {}, own),
        ("iaf_zero", iaf, iaf, zero, zeros),
        ("lif_default", lif, lif, {}, own),
        ("lif_zero", lif, lif, zero, zeros),
        ("lif_zero_raw", lif, lif, {**zero, **raw}, {**zeros, **raw}),
        ("lif_leak", lif, leak, zero, zeros),
    ):
        first, second = _dense()
        neurons = [hidden(HIDDEN, **given), last(OUTPUTS, **given)]
        module = nn.Sequential(first, neurons[0], second, neurons[1])
        yield name, _sinabs(module, [first, second], neurons, options)
    for name, given, options in (("conv_default", {}, own), ("conv_zero", zero, zeros)):
        conv, last = _conv(2, 4, 3, padding=1, bias=False), _last_dense(4 * 5 * 5)
        neurons = [iaf(0, **given), iaf(0, **given)]
        module = nn.Sequential(conv, neurons[0], sl.SumPool2d(2), nn.Flatten(), last, neurons[1])
        yield name, _sinabs(module, [conv, last], neurons, options, shape=IMAGE)


def _sinabs(
    module: Any, weights: list[Any], neurons: list[Any], options: Mapping[str, Any], **more: Any
) -> Network:
    def run(module: Any, inputs: Tensor) -> None:
        for neuron in neurons:
            neuron.reset_states()
        module(inputs.movedim(-1, 1).flatten(0, 1))

    def export(module: Any, shape: tuple[int, ...]) -> Any:
        from sinabs.nir import to_nir

        graph = to_nir(module, torch.zeros(SAMPLES, *shape))
        graph.infer_types()
        return graph

    return Network(module, weights, neurons, run, export, options, fold=True, **more)


# Rockpool -----------------------------------------------------------------------------------------


def rockpool() -> Iterator[tuple[str, Network]]:
    """Yield Rockpool's networks; its exporter knows no convolutions and drops recurrent weights."""
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules import ExpSynTorch, LIFNeuronTorch, LIFTorch, LinearTorch

    def cuba(size: int, **options: Any) -> Any:
        return LIFTorch(
            (size,), tau_mem=vector(0.004, 0.02, size), tau_syn=vector(0.002, 0.008, size, 1),
            threshold=vector(0.8, 1.2, size), dt=1e-3, **options,
        )  # fmt: skip

    def lif(size: int, **options: Any) -> Any:
        return LIFNeuronTorch(
            (size,), tau_mem=vector(0.004, 0.02, size), threshold=vector(0.8, 1.2, size), dt=1e-3,
            **options,
        )  # fmt: skip

    def synapse(size: int, **options: Any) -> Any:
        return ExpSynTorch((size,), tau=vector(0.004, 0.02, size), dt=1e-3)

    single = {"max_spikes_per_dt": torch.tensor(1.0)}
    own = {"reset": "subtract", "multi_spike": True}
    once = {"reset": "subtract", "multi_spike": False}
    for name, hidden, last, given, options in (
        ("cuba_default", cuba, cuba, {}, own),
        ("cuba_single", cuba, cuba, single, once),
        ("lif_default", lif, lif, {}, own),
        ("lif_single", lif, lif, single, once),
        ("lif_synapse", lif, synapse, single, once),
    ):
        weights = [
            LinearTorch(sizes, weight=torch.randn(sizes) + 0.2, has_bias=False)
            for sizes in ((INPUTS, HIDDEN), (HIDDEN, OUTPUTS))
        ]
        neurons = [hidden(HIDDEN, **given), last(OUTPUTS, **given)]
        module = Sequential(weights[0], neurons[0], weights[1], neurons[1])
        yield name, _rockpool(module, weights, neurons, options)


def _rockpool(
    module: Any, weights: list[Any], neurons: list[Any], options: Mapping[str, Any]
) -> Network:
    def run(module: Any, inputs: Tensor) -> None:
        module.reset_state()
        module(inputs.movedim(-1, 1))

    def export(module: Any, shape: tuple[int, ...]) -> Any:
        from rockpool.nn.modules.torch.nir import to_nir

        module.reset_state()
        for parameter in module.parameters().astorch():
            parameter.requires_grad_(False)
        return to_nir(module, torch.zeros(1, *shape))

    return Network(module, weights, neurons, run, export, options, time_axis=1)


FRAMEWORKS: Final = {
    "snntorch": snntorch,
    "norse": norse,
    "spikingjelly": spikingjelly,
    "sinabs": sinabs,
    "rockpool": rockpool,
}
"""Framework -> its networks by name; the framework is the dialect."""


def make(framework: str, folder: Path) -> None:
    """Write all networks of a framework."""
    packages = (framework, "nir", "nirtorch", "torch")
    versions = {package: metadata.version(package) for package in packages}
    versions["python"] = platform.python_version()
    for number, (name, network) in enumerate(FRAMEWORKS[framework]()):
        generator = np.random.default_rng(number)
        inputs = generator.random((SAMPLES, *network.shape, STEPS)) < 0.2
        spikes = torch.from_numpy(inputs.astype(np.float32))
        tune(network, spikes)
        outputs = network.outputs(spikes)
        graph = network.export(network.module, network.shape)
        nir.write(folder / f"{framework}_{name}.nir", graph)
        layers = {f"layer_{k}": _compact(values) for k, values in enumerate(outputs)}
        about = {"dialect": framework, "options": dict(network.options), "versions": versions}
        np.savez_compressed(
            folder / f"{framework}_{name}.npz",
            inputs=inputs.astype(np.uint8), about=np.array(json.dumps(about)), **layers,
        )  # fmt: skip
        rates = ", ".join(f"{(each != 0).mean():.3f}" for each in outputs)
        most = ", ".join(f"{each.max():g}" for each in outputs)
        print(f"{framework}_{name}: rates {rates}, largest {most}", file=sys.stderr)
    print(json.dumps(versions))


def _compact(values: np.ndarray) -> np.ndarray:
    """Return counts of spikes as uint8, other values as they are."""
    counts = values.astype(np.uint8)
    return counts if (counts == values).all() else values.astype(np.float32)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    make(sys.argv[1], Path(sys.argv[2]))
