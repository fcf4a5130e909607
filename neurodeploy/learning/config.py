"""The configuration of a training, and the network that it describes.

It is imported by every task for its defaults, so nothing heavy is imported here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.architecture import (
    DELAYS,
    PRESETS,
    SYNAPSES_MAX,
    WEIGHT_BITS,
    Architecture,
    Delays,
    LayerSpec,
    Shape,
    read_architecture,
)
from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.hw_sim.chips import Chip

Augment: TypeAlias = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
"""Returns varied copies of signals (windows, channels, samples); the labels stay."""

KERNELS: Final = ("compiled", "stock")
"""Ways to compute the dynamics: our kernels on a CPU, or lava-dl's (always used on a GPU)."""

WHOLE_MAX: Final = 2**31 - 1
NUMBER_MAX: Final = 1e6
"""The largest rate, scale or norm: no training makes use of it, and its square is finite."""

OF_LAYERS: Final = ("threshold", "current_decay", "voltage_decay", "tau_grad")

Checks: TypeAlias = Mapping[str, tuple[Callable[[Any], bool], str]]
"""By the name of a field: whether a value will do, and what to give where it does not."""


def check_fields(thing: object, checks: Checks, *, of: str = "") -> None:
    """Raise InputError for the first field that will not do.

    Args:
        thing: that has the fields.
        checks: of its fields.
        of: whose fields they are, which the message starts with.
    """
    from neurodeploy.tasks.dataset import shown

    for name, (will_do, way_out) in checks.items():
        value = getattr(thing, name)
        if not will_do(value):
            raise InputError(f"{of}{name} is {shown(value)}; {way_out}")


def is_function(value: object) -> bool:
    """Tell whether a value can be called and is no class, whose calls make objects of it."""
    return callable(value) and not isinstance(value, type)


def _is_whole(value: object, least: int = 1, most: int = WHOLE_MAX) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value <= NUMBER_MAX


def _are_sizes(value: object) -> bool:
    listed = value if isinstance(value, (tuple, list)) else ()
    return bool(listed) and all(_is_whole(each, 1, loihi.FAN_IN_MAX) for each in listed)


def _is_amount(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


_WHOLE: Final = (_is_whole, f"give a whole number from 1 to {WHOLE_MAX}")
_OVER_0: Final = (lambda x: _is_number(x) and x > 0, f"give a number over 0, up to {NUMBER_MAX:g}")
_FROM_0: Final = (lambda x: _is_number(x) and x >= 0, f"give a number from 0 to {NUMBER_MAX:g}")
_BUDGET: Final = (lambda x: x is None or _is_amount(x), "give a number over 0, or None")

_CHECKS: Final[Checks] = {
    "network": (
        lambda x: isinstance(x, (str, Path, Architecture)) and bool(x),
        f"choose {', '.join(PRESETS)}, or give the path of a JSON file or an Architecture",
    ),
    "delays": ((None, *DELAYS).__contains__, f"choose {', '.join(DELAYS)}, or None"),
    "weight_bits": (
        (None, *WEIGHT_BITS).__contains__,
        f"choose {', '.join(map(str, WEIGHT_BITS))}, or None",
    ),
    "hidden": (
        lambda x: x is None or _are_sizes(x),
        f"give a tuple of whole numbers from 1 to {loihi.FAN_IN_MAX}, or None",
    ),
    "epochs": _WHOLE,
    "batch_size": _WHOLE,
    "learning_rate": _OVER_0,
    "delay_rate": _FROM_0,
    "decay_rate": _FROM_0,
    "logit_scale": _OVER_0,
    "max_grad_norm": _OVER_0,
    "augment": (lambda x: x is None or is_function(x), "give a function, or None"),
    "seed": (lambda x: _is_whole(x, 0), f"give a whole number from 0 to {WHOLE_MAX}"),
    "device": (lambda x: isinstance(x, str) and bool(x), "give 'cpu', or a GPU such as 'cuda'"),
    "kernels": (KERNELS.__contains__, f"choose {' or '.join(KERNELS)}"),
    "threads": (lambda x: x is None or _is_whole(x), "give a whole number from 1, or None"),
    "synop_budget": _BUDGET,
    "energy_budget_uj": _BUDGET,
    "prune": (lambda x: _is_number(x) and 0 <= x < 1, "give a share from 0 to below 1"),
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train a network: `neurodeploy.fit(task, TrainConfig(epochs=16))`.

    A task's own, chosen on validation data, is `task.config`.

    Attributes:
        network: name of a preset (see `models.architecture.PRESETS`), path of a JSON file as
            docs/networks.md describes it, or an `Architecture`.
        hidden: neurons of each hidden layer of a preset; None for the preset's own.
        delays: which delays a preset learns, "none", "axonal" or "synaptic"; None for its own.
        weight_bits: bits of a preset's weights with their sign, 8, 6 or 4; None for 8.
        threshold, current_decay, voltage_decay, tau_grad: of a preset's neurons; see
            `models.architecture.LayerSpec`.
        dropout: of every layer of a preset but the first, 0 to below 1.
        epochs: passes over the training windows.
        batch_size: windows per step of the optimizer.
        learning_rate: highest rate of the weights; it rises over the first fifth of the steps and
            falls along a cosine.
        delay_rate: the same for the delays, in time steps.
        decay_rate: the same for decays that are learned, in 1/4096.
        logit_scale: the logits are the output spike counts times this.
        max_grad_norm: the norm to which the gradient of a step is clipped.
        augment: varies the training signals anew in every epoch, or None.
        seed: of weights, order and augmentation, 0 or more.
        device: "cpu", or a torch device with a GPU.
        kernels: one of `KERNELS`.
        threads: processor cores to use; None for torch's own number.
        synop_budget: SynOps that the mean sample may take, or None.
        energy_budget_uj: dynamic energy in uJ that the mean sample may take on `chip`, or None.
        chip: of the energy budget: the name of an installed one, or a `Chip`.
        prune: share of the weights of each layer that are zero in the end, 0 to below 1.

    Raises:
        InputError: when a value is of another type or out of range, or two contradict.

    Examples:
        >>> neurodeploy.TrainConfig(epochs=4).replace(batch_size=8).batch_size
        8
        >>> neurodeploy.TrainConfig(epochs=0)
        Traceback (most recent call last):
        neurodeploy.models.errors.InputError: epochs is 0; give a whole number from 1 to 2147483647
    """

    network: str | Path | Architecture = "dense"
    hidden: tuple[int, ...] | None = None
    delays: Delays | None = None
    weight_bits: int | None = None
    threshold: float = 1.25
    current_decay: float = 0.25
    voltage_decay: float = 0.05
    tau_grad: float = 0.02
    dropout: float = 0.0
    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 1e-3
    delay_rate: float = 0.1
    decay_rate: float = 4.0
    logit_scale: float = 0.3
    max_grad_norm: float = 1.0
    augment: Augment | None = None
    seed: int = 0
    device: str = "cpu"
    kernels: str = "compiled"
    threads: int | None = None
    synop_budget: float | None = None
    energy_budget_uj: float | None = None
    chip: str | Chip = "loihi2"
    prune: float = field(default=0.0)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.number):
                object.__setattr__(self, name, value.item())
        if isinstance(self.hidden, (list, tuple)):
            sizes = (n.item() if isinstance(n, np.integer) else n for n in self.hidden)
            object.__setattr__(self, "hidden", tuple(sizes))
        check_fields(self, _CHECKS)
        LayerSpec("dense", 1, dropout=self.dropout, **self._of_layers())
        self._check_network()
        if self.synop_budget is not None and self.energy_budget_uj is not None:
            raise InputError(
                f"synop_budget is {self.synop_budget:g} and energy_budget_uj "
                f"{self.energy_budget_uj:g}; give one of them"
            )

    def _check_network(self) -> None:
        if isinstance(self.network, str) and not self.is_preset:
            check_name(self.network)
        if not self.is_preset:
            for name in ("hidden", "delays", "weight_bits"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"{name} changes a preset and the network is described by itself; say "
                        f"{name} in its description"
                    )
        hidden = self.hidden or ()
        if self.network == "conv" and len(hidden) > 1:
            raise InputError(
                f"hidden has {len(hidden)} sizes and the network conv one dense hidden layer; give "
                "one size, or describe the network in a JSON file"
            )
        between = sum(a * b for a, b in pairwise(hidden))
        if between > SYNAPSES_MAX:
            raise InputError(
                f"hidden {' '.join(map(str, hidden))} makes {between:,} synapses between hidden "
                f"layers; the limit is {SYNAPSES_MAX:,}, about what a Loihi 2 holds, so give "
                "smaller layers"
            )

    @property
    def is_preset(self) -> bool:
        """Whether the network is a preset by name."""
        return isinstance(self.network, str) and self.network in PRESETS

    @property
    def rates(self) -> dict[str, float]:
        """The highest learning rates by what they are for, as a network groups its parameters."""
        return {
            "weights": self.learning_rate,
            "delays": self.delay_rate,
            "decays": self.decay_rate,
        }

    def replace(self, **changes: Any) -> TrainConfig:
        """Return the same configuration with some fields changed."""
        return replace(self, **changes)

    def with_network(self, network: str | Path | Architecture) -> TrainConfig:
        """Return the same training of another network, with that network's own delays; its own
        sizes, too, where it is no preset of any size."""
        hidden = self.hidden
        if network == "small" or network not in PRESETS:
            hidden = None
        elif network == "conv" and hidden is not None:
            hidden = hidden[-1:]
        return replace(self, network=network, hidden=hidden, delays=None)

    def architecture(
        self,
        *,
        channels: int,
        classes: int,
        steps: int | None = None,
        grid: tuple[int, int] | None = None,
    ) -> Architecture:
        """Return the network to train.

        Args:
            channels: of the encoded input.
            classes: outputs.
            steps: of a sample, which a preset's delays leave room for; see `with_room`.
            grid: height and width of the images that the channels are, if so.

        Raises:
            InputError: when there is no such network, or it does not fit the input and classes.
        """
        if not self.is_preset:
            return _described(self.network, channels, classes)
        assert isinstance(self.network, str)
        values = self._of_layers()
        if self.hidden:
            values["hidden"] = self.hidden
        try:
            made = PRESETS[self.network](
                _input_shape(self.network, channels, grid), classes, **values
            )
        except InputError as error:
            raise InputError(f"the network {self.network}: {error}") from None
        if self.weight_bits is not None:
            made = made.changed(weight_bits=self.weight_bits)
        if self.dropout:
            made = with_dropout(made, self.dropout)
        if self.delays is not None:
            made = made.with_delays(self.delays)
        return made if steps is None else with_room(made, steps)

    def _of_layers(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in OF_LAYERS}


def _input_shape(name: str, channels: int, grid: tuple[int, int] | None) -> Shape:
    """Return the channels as images for a network of convolutions, where they are such."""
    if name != "conv" or grid is None:
        return (channels,)
    return (channels // math.prod(grid), *grid)


def with_room(network: Architecture, steps: int) -> Architecture:
    """Return the same network with delays that leave room in samples of so many steps: half of a
    sample at most, and a quarter at the start. A spike delayed beyond its sample is lost."""
    most, start = max(1, steps // 2), min(network.delay_init_max, steps // 4)
    layers = [replace(layer, max_delay=min(layer.max_delay, most)) for layer in network.layers]
    return replace(network, layers=tuple(layers), delay_init_max=start)


def with_dropout(network: Architecture, share: float) -> Architecture:
    """Return the same network where that share of the senders into each layer but the first is
    left out in training: what the sensor gives is kept."""
    first, *rest = network.layers
    return replace(network, layers=(first, *(replace(each, dropout=share) for each in rest)))


def _described(network: str | Path | Architecture, channels: int, classes: int) -> Architecture:
    """Return a network that is given, or described by a file, once it fits."""
    made = read_network(network, channels)
    name = "the network" if isinstance(network, Architecture) else f"the network {network}"
    for what, found, wanted in (
        ("input channels", math.prod(made.input_shape), channels),
        ("output neurons", made.sizes[-1], classes),
    ):
        if found != wanted:
            raise InputError(f"{name} has {found} {what} and the task {wanted}; change it")
    return made


def read_network(network: str | Path | Architecture, channels: int = 1) -> Architecture:
    """Return the network of a file, for so many channels where it does not say how many.

    Raises:
        InputError: when there is no such file, or it describes no network.
    """
    if isinstance(network, Architecture):
        return network
    path = Path(network)
    check_name(str(path))
    try:
        return read_architecture(path, (channels,))
    except InputError as error:
        raise InputError(f"the network {error}") from None


def check_name(name: str) -> None:
    """Raise InputError for what is neither a preset nor looks like a file."""
    if name not in PRESETS and not Path(name).suffix and not Path(name).exists():
        names = ", ".join(PRESETS)
        raise InputError(f"there is no network {name!r}; choose {names}, or give a JSON file")


TOLD_FROM: Final = 0.1
"""By what share the synapses of a layer differ from its `density` to be told."""


def network_notes(architecture: Architecture) -> list[str]:
    """Return in sentences what the network has otherwise than its description says."""
    found = []
    pairs: Sequence[tuple[LayerSpec, int]] = list(zip(architecture.layers, architecture.sizes))
    for index, (layer, senders) in enumerate(pairs):
        share = layer.synapses_per_neuron(senders) / senders
        if layer.kind == "dense" and abs(share / layer.density - 1) > TOLD_FROM:
            found.append(
                f"layer {index} has {layer.synapses_per_neuron(senders)} of {senders:,} synapses "
                f"per neuron, a density of {share:.2g} instead of {layer.density:g}, since "
                "synapses are whole"
            )
    return found
