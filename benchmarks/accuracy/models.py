"""The models that the benchmark of accuracy compares, and how many parameters a network has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from neurodeploy.models.architecture import Architecture


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        name: key of `MODELS`, and the folder of its runs.
        title: in tables.
        words: options of `train` that make it of the task's recipe; empty for an artificial one.
        kind: of artificial network, see `benchmarks.ann.sizes.KINDS`, else "".
        tasks: that have it by default; all when empty.
    """

    name: str
    title: str
    words: tuple[str, ...] = ()
    kind: str = ""
    tasks: tuple[str, ...] = ()

    @property
    def spiking(self) -> bool:
        """Whether it is a spiking network."""
        return not self.kind


NO_DELAYS: Final = "no-delays"
AXONAL: Final = "axonal"
SYNAPTIC: Final = "synaptic"

MODELS: Final[dict[str, Model]] = {
    model.name: model
    for model in (
        Model(NO_DELAYS, "SNN, no delays", ("--delays", "none")),
        Model(AXONAL, "SNN, axonal delays", ("--delays", "axonal")),
        Model(SYNAPTIC, "SNN, synaptic delays", ("--delays", "synaptic")),
        Model("small", "SNN, small", ("--network", "small"), tasks=("har",)),
        Model("dense", "dense ANN", kind="dense"),
        Model("cnn", "CNN", kind="cnn"),
        Model("gru", "GRU", kind="gru"),
    )
}
"""By name, in the order of the tables."""


def parameters(network: Architecture) -> int:
    """Return how many numbers a spiking network stores: weights, delays and biases.

    A layer with axonal delays has one a neuron, or channel of images; one with synaptic delays has
    one a weight.
    """
    total = 0
    for layer, weights in zip(network.layers, network.synapses):
        neurons = layer.channels if layer.kind == "conv" else layer.neurons
        delays = {"none": 0, "axonal": neurons, "synaptic": weights}[layer.delays]
        total += weights + (delays or 0) + (neurons or 0) * layer.bias
    return total
