"""Train networks in snnTorch, Norse, SpikingJelly, sinabs and Rockpool, and export them to NIR.

    python -m benchmarks.peers.nir_trained FOLDER/TASK.npz --variant snntorch-leaky

`TASK.npz` holds `train`, `validation` and `test`, uint8 (samples, channels, time), their labels as
`train_labels` and so on, and `hidden`, `epochs`, `batch`, `rate`, `seed`. Each variant builds
a network as the library's tutorials do: linear layers with bias, the library's neurons, its
surrogate gradient.
The epoch with the best accuracy on the validation samples is exported by the library's own exporter
to FOLDER/VARIANT-TASK.nir. VARIANT-TASK.npz holds the library's own spikes on the test samples:
`counts`, int64 (samples, classes), and `layer_K` of the first samples, uint8 (samples, neurons,
time). The JSON object on the last line of the output holds

    accuracy, validation     shares of correct samples, from the counts of the last layer's spikes
    epochs                   validation accuracy after each epoch
    spikes                   spikes per test sample and layer
    versions                 of the packages that matter, and Python's

Needs numpy, torch and the library alone.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers import measuring

LOGIT_SCALE: Final = 10.0
"""Factor of the output rates in the cross entropy."""
MAX_GRAD_NORM: Final = 1.0
RECORDED: Final = 32
"""Test samples whose spikes are saved."""


@dataclass(frozen=True)
class Variant:
    """A kind of network in one library.

    Attributes:
        neurons: `neurons(count)` returns a layer of neurons.
        run: `run(neurons, inputs)` returns their spikes from cleared state; inputs and spikes are
            float (time, samples, neurons).
        export: `export(layers, path)` writes a NIR file; layers alternate between linear ones and
            neurons.
        linear: `linear(inputs, outputs)` returns a layer of weights with bias.
    """

    neurons: Callable[[int], nn.Module]
    run: Callable[[Any, Tensor], Tensor]
    export: Callable[[Sequence[nn.Module], Path], None]
    linear: Callable[[int, int], nn.Module] = nn.Linear


def snntorch_variant(kind: str, *, default_reset: bool = False) -> Variant:
    """Return snnTorch's `Leaky`, `Synaptic` or `RLeaky` with decays of the layer's size.

    Args:
        kind: name of the neurons' class.
        default_reset: whether to leave the reset as it is by default: subtract, one step later.
    """
    import snntorch

    reset = {} if default_reset else {"reset_mechanism": "zero", "reset_delay": False}

    def neurons(count: int) -> nn.Module:
        options: dict[str, Any] = {"beta": torch.full((count,), 0.9), **reset}
        if kind in ("Synaptic", "RSynaptic"):
            options["alpha"] = torch.full((count,), 0.8)
        if kind in ("RLeaky", "RSynaptic"):
            options["linear_features"] = count
        return getattr(snntorch, kind)(threshold=torch.ones(count), init_hidden=True, **options)

    def run(layer: Any, inputs: Tensor) -> Tensor:
        layer.reset_mem()
        return torch.stack([layer(now) for now in inputs.unbind()])

    def export(layers: Sequence[nn.Module], path: Path) -> None:
        import nir
        from snntorch.export_nir import export_to_nir

        for layer in layers[1::2]:
            layer.reset_mem()
        network = nn.Sequential(*layers)
        nir.write(path, export_to_nir(network, _example(layers), ignore_dims=[0]))

    return Variant(neurons, run, export)


def norse_variant(kind: str) -> Variant:
    """Return Norse's `LIFBoxCell` or `LIFCell`; `dt=1.0` makes its time constants seconds."""
    import norse.torch as norse

    def neurons(count: int) -> nn.Module:
        ones = torch.ones(count)
        shared = {"v_leak": 0 * ones, "v_reset": 0 * ones}
        if kind == "LIFBoxCell":
            parameters = norse.LIFBoxParameters(tau_mem_inv=200 * ones, v_th=0.2 * ones, **shared)
            return norse.LIFBoxCell(parameters)
        return norse.LIFCell(
            norse.LIFParameters(
                tau_syn_inv=200 * ones, tau_mem_inv=200 * ones, v_th=0.5 * ones, **shared
            )
        )

    def run(layer: Any, inputs: Tensor) -> Tensor:
        state, spikes = None, []
        for now in inputs.unbind():
            out, state = layer(now, state)
            spikes.append(out)
        return torch.stack(spikes)

    def export(layers: Sequence[nn.Module], path: Path) -> None:
        import nir

        network = norse.SequentialState(*layers)
        nir.write(path, norse.to_nir(network, _example(layers), dt=1.0))

    return Variant(neurons, run, export)


def spikingjelly_variant(kind: str) -> Variant:
    """Return SpikingJelly's `LIFNode` or `IFNode`, whose default reset is to 0."""
    from spikingjelly.activation_based import functional, neuron, nir_exchange

    def neurons(count: int) -> nn.Module:
        return getattr(neuron, kind)(detach_reset=True, step_mode="m")

    def run(layer: Any, inputs: Tensor) -> Tensor:
        functional.reset_net(layer)
        return layer(inputs)

    def export(layers: Sequence[nn.Module], path: Path) -> None:
        network = nn.Sequential(*layers)
        functional.reset_net(network)
        nir_exchange.export_to_nir(network, _example(layers)[None], save_path=path)

    return Variant(neurons, run, export)


def sinabs_variant(kind: str, *, default_reset: bool = False) -> Variant:
    """Return sinabs' `LIF` or `IAF`.

    Args:
        kind: name of the neurons' class.
        default_reset: whether to leave reset and spikes as they are by default: the threshold is
            subtracted, and a neuron can fire several times per step.
    """
    import sinabs
    from sinabs import activation
    from sinabs import layers as sinabs_layers

    reset: dict[str, Any] = {}
    if not default_reset:
        reset = {"reset_fn": activation.MembraneReset(), "spike_fn": activation.SingleSpike}

    def neurons(count: int) -> nn.Module:
        options: dict[str, Any] = {"spike_threshold": torch.ones(count), **reset}
        if kind == "LIF":
            options |= {"tau_mem": torch.full((count,), 10.0), "norm_input": False}
        return getattr(sinabs_layers, kind)(**options)

    def run(layer: Any, inputs: Tensor) -> Tensor:
        layer.reset_states()
        return layer(inputs.transpose(0, 1)).transpose(0, 1)

    def export(layers: Sequence[nn.Module], path: Path) -> None:
        import nir
        from sinabs.nir import to_nir

        network = nn.Sequential(*layers)
        sinabs.reset_states(network)
        nir.write(path, to_nir(network, _example(layers)[:, None]))

    return Variant(neurons, run, export)


def rockpool_variant(max_spikes: float) -> Variant:
    """Return Rockpool's `LIFTorch`, which subtracts the threshold.

    Args:
        max_spikes: largest number of spikes per step and neuron.
    """
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules import LIFTorch, LinearTorch
    from rockpool.nn.modules.torch.lif_torch import PeriodicExponential
    from rockpool.nn.modules.torch.nir import to_nir
    from rockpool.parameters import Constant

    def neurons(count: int) -> nn.Module:
        return LIFTorch(
            count, tau_mem=Constant(torch.full((count,), 0.005)),
            tau_syn=Constant(torch.full((count, 1), 0.002)), bias=Constant(torch.zeros(count)),
            threshold=Constant(torch.ones(count)), max_spikes_per_dt=max_spikes,
            spike_generation_fn=PeriodicExponential,
        )  # fmt: skip

    def run(layer: Any, inputs: Tensor) -> Tensor:
        layer.reset_state()
        return layer(inputs.transpose(0, 1))[0].transpose(0, 1)

    def export(layers: Sequence[nn.Module], path: Path) -> None:
        import nir

        nir.write(path, to_nir(Sequential(*layers)))

    def linear(inputs: int, outputs: int) -> nn.Module:
        weight = 0.6 * torch.randn(inputs, outputs) / inputs**0.5
        return LinearTorch(
            (inputs, outputs), weight=weight, bias=torch.zeros(outputs), has_bias=True
        )

    return Variant(neurons, run, export, linear)


VARIANTS: Final[dict[str, Callable[[], Variant]]] = {
    "snntorch-leaky": lambda: snntorch_variant("Leaky"),
    "snntorch-synaptic": lambda: snntorch_variant("Synaptic"),
    "snntorch-rleaky": lambda: snntorch_variant("RLeaky"),
    "snntorch-default": lambda: snntorch_variant("Leaky", default_reset=True),
    "norse-lifbox": lambda: norse_variant("LIFBoxCell"),
    "norse-lif": lambda: norse_variant("LIFCell"),
    "spikingjelly-lif": lambda: spikingjelly_variant("LIFNode"),
    "spikingjelly-if": lambda: spikingjelly_variant("IFNode"),
    "sinabs-lif": lambda: sinabs_variant("LIF"),
    "sinabs-default": lambda: sinabs_variant("IAF", default_reset=True),
    "rockpool-lif": lambda: rockpool_variant(1.0),
    "rockpool-default": lambda: rockpool_variant(2.0**16),
}


class Network:
    """Layers of weights and neurons, run layer by layer over all steps."""

    def __init__(self, variant: Variant, sizes: Sequence[int]) -> None:
        self.variant = variant
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise(sizes):
            self.layers.extend([variant.linear(inputs, outputs), variant.neurons(outputs)])

    def spikes(self, inputs: Tensor) -> list[Tensor]:
        """Return the spikes of each layer, float (time, samples, neurons)."""
        found = []
        for weights, neurons in zip(self.layers[::2], self.layers[1::2]):
            weighted = weights(inputs)
            weighted = weighted[0] if isinstance(weighted, tuple) else weighted
            inputs = self.variant.run(neurons, weighted)
            found.append(inputs)
        return found

    def counts(self, inputs: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the last layer's spikes (samples, classes), and each layer's per sample."""
        counts, per_layer = [], []
        with torch.no_grad():
            for part in inputs.split(256, 1):
                found = self.spikes(part.float())
                counts.append(found[-1].sum(0))
                per_layer.append([float(each.sum()) for each in found])
        total = np.sum(per_layer, 0) / inputs.shape[1]
        return torch.cat(counts).round().long().numpy(), total


def train(
    network: Network, data: dict[str, Tensor], *, epochs: int, batch: int, rate: float
) -> list[float]:
    """Train, and load the weights of the epoch with the best validation accuracy.

    Returns:
        The validation accuracy after each epoch.
    """
    spikes, labels = data["train"], data["train_labels"]
    optimizer = torch.optim.Adam(network.layers.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, 1e-4)
    history: list[float] = []
    best: list[Tensor] = []
    for _ in range(epochs):
        for chosen in torch.randperm(spikes.shape[1]).split(batch):
            optimizer.zero_grad()
            rates = network.spikes(spikes[:, chosen].float())[-1].mean(0)
            nn.functional.cross_entropy(LOGIT_SCALE * rates, labels[chosen]).backward()
            nn.utils.clip_grad_norm_(network.layers.parameters(), MAX_GRAD_NORM)
            optimizer.step()
        schedule.step()
        history.append(accuracy(network, data, "validation"))
        if history[-1] >= max(history):
            best = copy.deepcopy(list(network.layers.parameters()))
    with torch.no_grad():
        for now, then in zip(list(network.layers.parameters()), best):
            now.copy_(then)
    return history


def accuracy(network: Network, data: dict[str, Tensor], part: str) -> float:
    """Return the share of samples whose class spikes most often."""
    counts, _ = network.counts(data[part])
    return float((counts.argmax(1) == data[f"{part}_labels"].numpy()).mean())


def run(path: Path, name: str) -> measuring.Findings:
    """Train a network on the samples of a file, export it, and return what was found.

    Args:
        path: the npz file.
        name: key of `VARIANTS`.
    """
    with np.load(path) as file:
        arrays = dict(file)
    torch.manual_seed(int(arrays["seed"]))
    began = time.perf_counter()
    data = {
        part: torch.from_numpy(value.transpose(2, 0, 1).copy() if value.ndim == 3 else value)
        for part, value in arrays.items() if value.ndim
    }  # fmt: skip
    classes = int(arrays["train_labels"].max()) + 1
    sizes = [arrays["train"].shape[1], *arrays["hidden"].tolist(), classes]
    network = Network(VARIANTS[name](), sizes)
    history = train(
        network,
        data,
        epochs=int(arrays["epochs"]),
        batch=int(arrays["batch"]),
        rate=float(arrays["rate"]),
    )
    counts, per_layer = network.counts(data["test"])
    _save(network, data, counts, path.with_name(f"{name}-{path.stem}"))
    return {
        "accuracy": float((counts.argmax(1) == arrays["test_labels"]).mean()),
        "validation": max(history),
        "epochs": history,
        "sizes": sizes,
        "spikes": per_layer.tolist(),
        "train_s": time.perf_counter() - began,
    }


def main() -> None:
    """Train, export and print the JSON object."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("data", type=Path, help="samples and options, an npz file")
    arguments.add_argument("--variant", choices=VARIANTS, required=True)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seconds", type=float, help="ignored")
    args = arguments.parse_args()
    torch.set_num_threads(args.threads)
    found = run(args.data, args.variant)
    library = args.variant.partition("-")[0]
    measuring.report(found, (library, "torch", "nir", "nirtorch"))


def _save(network: Network, data: dict[str, Tensor], counts: NDArray[np.int64], name: Path) -> None:
    """Write the NIR file and the library's own spikes."""
    with torch.no_grad():
        recorded = network.spikes(data["test"][:, :RECORDED].float())
    spikes = {
        f"layer_{index}": each.round().numpy().astype(np.uint8).transpose(1, 2, 0)
        for index, each in enumerate(recorded)
    }
    np.savez_compressed(name.with_name(f"{name.name}.npz"), counts=counts, **spikes)
    network.variant.export(list(network.layers), name.with_name(f"{name.name}.nir"))


def _example(layers: Sequence[Any]) -> Tensor:
    """Return an input of one sample, (1, channels)."""
    weight = layers[0].weight
    return torch.zeros(1, weight.shape[1] if isinstance(layers[0], nn.Linear) else weight.shape[0])


if __name__ == "__main__":
    main()
