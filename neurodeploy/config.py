"""The training configuration, and the architecture that it describes.

Every task and the help of `train` import this module, so it must be fast to import, without numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta

from neurodeploy.models import loihi
from neurodeploy.models.architecture import (
    PRESETS,
    SYNAPSES_MAX,
    Architecture,
    Delays,
    LayerSpec,
    Shape,
    WeightBits,
    read_architecture,
)
from neurodeploy.models.errors import InputError
from neurodeploy.models.schema import check_fields, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neurodeploy.hw_sim.chips import Chip

    Augment: TypeAlias = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
    """Returns augmented copies of signals (samples, channels, time)."""
    Network: TypeAlias = str | Path | Architecture
    ChipName: TypeAlias = str | Chip
else:  # msgspec cannot check these types, so `TrainConfig` does
    Augment = Network = ChipName = Any

WHOLE_MAX: Final = 2**31 - 1
NUMBER_MAX: Final = 1e6
"""Upper limit of rates, scales and norms; its square is finite in float32."""

SEQUENCE_MAX: Final = 16_384
"""Upper limit of the steps of a sequence, whose leaky counts are a product with a square matrix."""

Count: TypeAlias = Annotated[int, Meta(ge=1, le=WHOLE_MAX)]
Positive: TypeAlias = Annotated[float, Meta(gt=0, le=NUMBER_MAX)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0, le=NUMBER_MAX)]
Amount: TypeAlias = Annotated[float, Meta(gt=0, le=1e12)]
Sizes: TypeAlias = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=loihi.FAN_IN_MAX)], ...], Meta(min_length=1)
]

FINE_TUNING_EPOCHS: Final = 3
FINE_TUNING_RATE: Final = 3e-4
"""Defaults of a training that starts from a quantized network."""

OF_NEURONS: Final = ("threshold", "current_decay", "voltage_decay", "tau_grad")

OWN: Final = "the task's own by default"


def _option(text: str, metavar: str = "", **more: Any) -> dict[str, Any]:
    """Return the metadata of a field that is a command-line option of training.

    Its type checks the values of the option, and its default is that of the option.

    Args:
        text: the help text.
        metavar: name of the value in the help.
        more: `flag`, if the option has another name; `default`, if it has another default;
            `one_of`, the name of a group of options of which one may be given.
    """
    return {"help": text, **({"metavar": metavar} if metavar else {}), **more}


@dataclass(frozen=True)
class TrainConfig:
    """Hyperparameters of a training: `neurodeploy.fit(task, TrainConfig(epochs=16))`.

    `task.config` holds the values that were tuned for a task on its validation samples.

    Attributes:
        network: name of a preset (see `models.architecture.PRESETS`), path of a JSON file (see
            docs/reference/networks.md), or an `Architecture`.
        hidden: neurons per hidden layer of a preset; None for the preset's default.
        delays: kind of delays that a preset learns, "none", "axonal" or "synaptic"; None for the
            preset's default.
        weight_bits: bits per weight of a preset, sign included: 8, 6 or 4; None for 8.
        threshold, current_decay, voltage_decay, tau_grad: of a preset's neurons; see
            `models.architecture.LayerSpec`.
        dropout: dropout of every layer of a preset but the first, 0 to below 1.
        synop_budget: limit of the mean SynOps per sample, or None.
        energy_budget_uj: limit of the mean dynamic energy per sample on `chip`, in microjoules, or
            None.
        chip: chip of the energy budget: the name of an installed one, or a `Chip`.
        prune: fraction of the weights of each layer to prune, 0 to below 1.
        epochs: passes over the training samples.
        batch_size: samples per optimizer step.
        learning_rate: highest learning rate of the weights; it rises linearly over the first fifth
            of the steps and then falls along a cosine.
        delay_rate: highest learning rate of the delays, in time steps.
        decay_rate: highest learning rate of the decays, in 1/4096.
        logit_scale: factor from output spike counts to logits.
        max_grad_norm: gradients are clipped to this norm in every step.
        continuous: train on sequences of whole recordings whose labels change, instead of samples,
            for a network that runs on. The logits are leaky counts of the output spikes, and every
            labelled step after the settling time has a loss. An augmentation that warps time
            needs a method `with_labels`, as `tasks.augment.VaryWearing` has.
        sequence_steps: time steps per sequence of a continuous training.
        settling_steps: first steps of a sequence, without a loss.
        memory_steps: memory of the leaky counts; see `hw_sim.readout.leaky_counts`.
        augment: function that augments the training signals in every epoch, or None.
        seed: seed of initial weights, sample order and augmentation, 0 or more.
        device: torch device, such as "cpu" or "cuda".
        kernels: neuron kernels on a CPU: "compiled", or lava-dl's own ("stock").
        threads: CPU cores to use; None for torch's default.

    Raises:
        InputError: if a value has the wrong type or is out of range, or two values contradict.

    Examples:
        >>> neurodeploy.TrainConfig(epochs=4).replace(batch_size=8).batch_size
        8
        >>> neurodeploy.TrainConfig(epochs=0)
        Traceback (most recent call last):
        neurodeploy.models.errors.InputError: epochs is 0; expected `int` >= 1
    """

    network: Network = field(default="dense", metadata=_option(
        f"network to train: {', '.join(PRESETS)}, or a JSON file; {OWN}", "NAME", default=None
    ))  # fmt: skip
    hidden: Sizes | None = field(default=None, metadata=_option(
        f"neurons per hidden layer, such as --hidden 64 32; {OWN}", "N"
    ))  # fmt: skip
    delays: Delays | None = field(default=None, metadata=_option(
        "kind of delays to learn, in every layer that supports them; the network's own by default"
    ))  # fmt: skip
    weight_bits: WeightBits | None = field(default=None, metadata=_option(
        "bits per weight, sign included; the network's own, or 8, by default"
    ))  # fmt: skip
    threshold: float = 1.25
    current_decay: float = 0.25
    voltage_decay: float = 0.05
    tau_grad: float = 0.02
    dropout: float = 0.0
    synop_budget: Amount | None = field(default=None, metadata=_option(
        "limit of the mean SynOps per sample, counted as in a report", "N", one_of="budgets"
    ))  # fmt: skip
    energy_budget_uj: Amount | None = field(default=None, metadata=_option(
        "limit of the mean dynamic energy (without static power) per sample on a chip, in µJ",
        "X", one_of="budgets"
    ))  # fmt: skip
    chip: ChipName = "loihi2"
    prune: Annotated[float, Meta(ge=0, lt=1)] = field(default=0.0, metadata=_option(
        "fraction of the weights of each layer to set to zero during training", "SHARE"
    ))  # fmt: skip
    epochs: Count = field(default=12, metadata=_option(
        f"passes over the data; {OWN}", "N", default=None
    ))  # fmt: skip
    batch_size: Count = field(default=32, metadata=_option(
        f"samples per step; {OWN}", "N", flag="--batch", default=None
    ))  # fmt: skip
    learning_rate: Positive = field(default=1e-3, metadata=_option(
        f"highest learning rate of the weights; {OWN}", "R", default=None
    ))  # fmt: skip
    delay_rate: NotNegative = 0.1
    decay_rate: NotNegative = 4.0
    logit_scale: Positive = 0.3
    max_grad_norm: Positive = 1.0
    continuous: bool = field(default=False, metadata=_option(
        "train on whole recordings whose activity changes, for a network that runs on without a "
        "reset; the task needs recordings, as har with HAPT has"
    ))  # fmt: skip
    sequence_steps: Annotated[int, Meta(ge=1, le=SEQUENCE_MAX)] = 512
    settling_steps: Annotated[int, Meta(ge=0, le=SEQUENCE_MAX)] = 128
    memory_steps: Annotated[float, Meta(ge=1, le=NUMBER_MAX)] = 64.0
    augment: Augment | None = None
    seed: Annotated[int, Meta(ge=0, le=WHOLE_MAX)] = field(default=0, metadata=_option(
        "seed of initial weights, sample order and augmentation", "N"
    ))  # fmt: skip
    device: Annotated[str, Meta(min_length=1)] = field(default="cpu", metadata=_option(
        "torch device: cpu, or a GPU such as cuda"
    ))  # fmt: skip
    kernels: Literal["compiled", "stock"] = field(default="compiled", metadata=_option(
        "neuron kernels on a CPU: compiled, or lava-dl's own (stock)"
    ))  # fmt: skip
    threads: Count | None = field(default=None, metadata=_option(
        "CPU cores to use; all by default", "N"
    ))  # fmt: skip

    def __post_init__(self) -> None:
        import numpy as np

        for name, value in vars(self).items():
            if isinstance(value, np.number):
                object.__setattr__(self, name, value.item())
        if isinstance(self.hidden, (list, tuple)):
            sizes = (n.item() if isinstance(n, np.integer) else n for n in self.hidden)
            object.__setattr__(self, "hidden", tuple(sizes))
        check_fields(self)
        if not isinstance(self.network, (str, Path, Architecture)) or not self.network:
            names = ", ".join(PRESETS)
            raise InputError(
                f"network is {shown(self.network)}; choose {names}, or give the path of a JSON "
                "file or an Architecture"
            )
        if self.augment is not None and (
            isinstance(self.augment, type) or not callable(self.augment)
        ):
            raise InputError(f"augment is {shown(self.augment)}; give a function, or None")
        LayerSpec("dense", 1, dropout=self.dropout, **self._of_neurons())
        self._check_network()
        self._check_continuous()
        if self.synop_budget is not None and self.energy_budget_uj is not None:
            raise InputError(
                f"synop_budget is {self.synop_budget:g} and energy_budget_uj "
                f"{self.energy_budget_uj:g}; give one of them"
            )

    def _check_continuous(self) -> None:
        if self.settling_steps >= self.sequence_steps:
            raise InputError(
                f"settling_steps is {self.settling_steps} and sequence_steps "
                f"{self.sequence_steps}, so no step would have a loss; give fewer settling_steps "
                "or longer sequences"
            )
        for name in ("synop_budget", "energy_budget_uj"):
            if self.continuous and getattr(self, name) is not None:
                raise InputError(
                    f"continuous training has no samples for which {name} could hold; leave one "
                    "of the two out"
                )

    def _check_network(self) -> None:
        if isinstance(self.network, str) and not self.is_preset:
            check_name(self.network)
        if not self.is_preset:
            for name in ("hidden", "delays", "weight_bits"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"{name} applies to presets only, and the network is not a preset; set it "
                        "in the network's description"
                    )
        hidden = self.hidden or ()
        if self.network == "conv" and len(hidden) > 1:
            raise InputError(
                f"hidden has {len(hidden)} sizes, but the network conv has one dense hidden layer; "
                "give one size, or describe the network in a JSON file"
            )
        between = sum(a * b for a, b in pairwise(hidden))
        if between > SYNAPSES_MAX:
            raise InputError(
                f"hidden {' '.join(map(str, hidden))} needs {between:,} synapses between hidden "
                f"layers; the limit is {SYNAPSES_MAX:,}, about the capacity of a Loihi 2, so give "
                "smaller layers"
            )

    @property
    def is_preset(self) -> bool:
        """Whether the network is a preset by name."""
        return isinstance(self.network, str) and self.network in PRESETS

    @property
    def rates(self) -> dict[str, float]:
        """The highest learning rates, by group of `SlayerNetwork.parameter_groups`."""
        return {
            "weights": self.learning_rate,
            "delays": self.delay_rate,
            "decays": self.decay_rate,
        }

    def replace(self, **changes: Any) -> TrainConfig:
        """Return the same configuration with some fields changed."""
        return replace(self, **changes)

    def for_fine_tuning(self) -> TrainConfig:
        """Return the configuration for a few epochs that start from a trained network.

        The learning rate is low, and delays and decays stay as they are. The rate is meant for a
        threshold of 1.25; that of a layer is in proportion to its threshold.
        """
        return replace(
            self,
            epochs=FINE_TUNING_EPOCHS,
            learning_rate=FINE_TUNING_RATE,
            delay_rate=0.0,
            decay_rate=0.0,
        )

    def with_network(self, network: str | Path | Architecture) -> TrainConfig:
        """Return the configuration for another network, with that network's default delays.

        `hidden` is reset too, unless the network is a preset that takes it.
        """
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
            channels: channels of the encoded input.
            classes: number of outputs.
            steps: time steps per sample, which limit a preset's delays; see `limit_delays`.
            grid: height and width, if the channels are pixels.

        Raises:
            InputError: if there is no such network, or it does not fit the input and the classes.
        """
        if not self.is_preset:
            return _described(self.network, channels, classes)
        assert isinstance(self.network, str)
        values = self._of_neurons()
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
        return made if steps is None else limit_delays(made, steps)

    def _of_neurons(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in OF_NEURONS}


def options() -> dict[str, dict[str, Any]]:
    """Return the options of training, as `_option` describes them, by field of `TrainConfig`."""
    return {
        each.name: {"flag": f"--{each.name.replace('_', '-')}", "default": each.default}
        | dict(each.metadata)
        for each in fields(TrainConfig)
        if each.metadata
    }


def _input_shape(name: str, channels: int, grid: tuple[int, int] | None) -> Shape:
    """Return the input shape: (planes, height, width) for "conv" on a grid, else (channels,)."""
    if name != "conv" or grid is None:
        return (channels,)
    return (channels // math.prod(grid), *grid)


def limit_delays(network: Architecture, steps: int) -> Architecture:
    """Limit delays to half of the sample's time steps, and initial delays to a quarter.

    A spike that is delayed beyond the end of its sample is lost.
    """
    most, start = max(1, steps // 2), min(network.delay_init_max, steps // 4)
    layers = [replace(layer, max_delay=min(layer.max_delay, most)) for layer in network.layers]
    return replace(network, layers=tuple(layers), delay_init_max=start)


def with_dropout(network: Architecture, share: float) -> Architecture:
    """Return the network with dropout before every layer but the first."""
    first, *rest = network.layers
    return replace(network, layers=(first, *(replace(each, dropout=share) for each in rest)))


def _described(network: str | Path | Architecture, channels: int, classes: int) -> Architecture:
    """Return a network from a file or an object; raise InputError if it does not fit the data."""
    made = read_network(network, channels)
    name = "the network" if isinstance(network, Architecture) else f"the network {network}"
    for what, found, wanted in (
        ("input channels", math.prod(made.input_shape), channels),
        ("output neurons", made.sizes[-1], classes),
    ):
        if found != wanted:
            raise InputError(f"{name} has {found} {what}, but the task {wanted}; change it")
    return made


def read_network(network: str | Path | Architecture, channels: int = 1) -> Architecture:
    """Return the network in a file; `channels` applies if the file does not set its own number.

    Raises:
        InputError: if the file does not exist, or does not describe a network.
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
    """Raise InputError for a name that is neither a preset nor a file name."""
    if name not in PRESETS and not Path(name).suffix and not Path(name).exists():
        names = ", ".join(PRESETS)
        raise InputError(f"there is no network {name!r}; choose {names}, or give a JSON file")


NOTED_FROM: Final = 0.1
"""Relative difference between requested and actual density that is worth a note."""


def network_notes(architecture: Architecture) -> list[str]:
    """Return a sentence for each layer whose actual density differs from the requested one."""
    found = []
    for index, (layer, senders) in enumerate(zip(architecture.layers, architecture.sizes)):
        share = layer.synapses_per_neuron(senders) / senders
        if layer.kind == "dense" and abs(share / layer.density - 1) > NOTED_FROM:
            found.append(
                f"layer {index} has {layer.synapses_per_neuron(senders)} of {senders:,} synapses "
                f"per neuron: the density is {share:.2g} instead of {layer.density:g}, because the "
                "number of synapses is an integer"
            )
    return found
