"""The network that the options ask for, checked against the task before any data is trained on."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from neurodeploy import cli
from neurodeploy.models import loihi
from neurodeploy.models.architecture import DELAYS, SYNAPSES_MAX, Architecture, Shape
from neurodeploy.models.architecture_json import PRESETS, read_architecture
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.recipe import Recipe

TOLD_FROM = 0.1
"""By what share the synapses of a layer differ from its `connections` to be told."""


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options that say which network to train."""
    options.add_argument(
        "--network",
        metavar="NAME",
        help=f"{', '.join(PRESETS)}, or a JSON file as docs/networks.md describes it; "
        "the task's own when not given",
    )
    options.add_argument(
        "--hidden",
        type=cli.whole_number(1, loihi.SENDERS_MAX),
        nargs="+",
        metavar="N",
        help="neurons of each hidden layer; the task's own when not given",
    )
    options.add_argument(
        "--delays",
        choices=DELAYS,
        help="what delays to learn wherever the network can have them; its own when not given",
    )


def check(recipe: Recipe, given: argparse.Namespace) -> None:
    """Raise InputError for what is wrong with the options whatever the task's data are."""
    name, hidden = given.network or recipe.network, given.hidden
    if name not in PRESETS:
        _check_file_alone(given.hidden, given.delays, given.weight_bits)
        _read(name, channels=1)
        return
    if hidden and name == "conv" and len(hidden) > 1:
        raise InputError(
            f"--hidden has {len(hidden)} sizes and the network conv one dense hidden layer; give "
            "one size, or describe the network in a file of --network"
        )
    between = sum(a * b for a, b in pairwise(hidden or ()))
    if between > SYNAPSES_MAX:
        raise InputError(
            f"--hidden {' '.join(map(str, hidden))} makes {between:,} synapses between hidden "
            f"layers; the limit is {SYNAPSES_MAX:,}, about what a Loihi 2 holds, so give smaller "
            "layers"
        )


def notes(architecture: Architecture) -> list[str]:
    """Return in sentences what the network has otherwise than its description says."""
    found = []
    for index, (layer, senders) in enumerate(zip(architecture.layers, architecture.sizes)):
        share = layer.connected(senders) / senders
        if layer.kind == "dense" and abs(share / layer.connections - 1) > TOLD_FROM:
            found.append(
                f"layer {index} has {layer.connected(senders)} of {senders:,} synapses a neuron, a "
                f"share of {share:.2g} where connections is {layer.connections:g}, since synapses "
                "are whole"
            )
    return found


def architecture_of(
    recipe: Recipe,
    *,
    channels: int,
    classes: int,
    steps: int | None = None,
    grid: tuple[int, int] | None = None,
    network: str | None = None,
    hidden: Sequence[int] | None = None,
    delays: str | None = None,
    weight_bits: int | None = None,
) -> Architecture:
    """Return the network to train.

    Args:
        recipe: of the task; its neurons and sizes are those of a preset.
        channels: of the task's encoder.
        classes: of the task.
        steps: of a sample, which a preset's delays leave room for; see `with_room`.
        grid: height and width of the images that the channels are, if so.
        network: name of a preset, or path of a JSON file; the recipe's when not given.
        hidden: sizes in place of the recipe's, for a preset.
        delays: kind of delays in place of the preset's.
        weight_bits: of every layer, in place of the preset's.

    Raises:
        InputError: when there is no such network, or it does not fit the task.
    """
    if network is not None and network not in PRESETS:
        _check_file_alone(hidden, delays, weight_bits)
        return _from_file(network, channels, classes)
    values: dict[str, Any] = {
        "threshold": recipe.threshold,
        "current_decay": recipe.current_decay,
        "voltage_decay": recipe.voltage_decay,
        "tau_grad": recipe.tau_grad,
    }
    name = network or recipe.network
    sizes = hidden or (None if name == "small" else recipe.hidden)
    if sizes:
        values["hidden"] = sizes
    try:
        made = PRESETS[name](_input_shape(name, channels, grid), classes, **values)
    except InputError as error:
        option = "--hidden" if hidden else f"--network {name}"
        raise InputError(f"{option}: {error}") from None
    if weight_bits is not None:
        made = made.changed(weight_bits=weight_bits)
    if recipe.dropout:
        made = with_dropout(made, recipe.dropout)
    wanted = delays or (recipe.delays if network is None else None)
    if wanted is not None:
        made = made.with_delays(wanted)  # type: ignore[arg-type]
    return made if steps is None else with_room(made, steps)


def _input_shape(name: str, channels: int, grid: tuple[int, int] | None) -> Shape:
    """Return the channels as images for a network of convolutions, where they are such."""
    if name != "conv" or grid is None:
        return (channels,)
    return (channels // math.prod(grid), *grid)


def with_room(network: Architecture, steps: int) -> Architecture:
    """Return the same network with delays that leave room in samples of so many steps: half of a
    sample at most, and a quarter at the start. A spike delayed beyond its sample is lost."""
    most, start = max(1, steps // 2), min(network.longest_start, steps // 4)
    layers = [
        replace(layer, longest_delay=min(layer.longest_delay, most)) for layer in network.layers
    ]
    return replace(network, layers=tuple(layers), longest_start=start)


def with_dropout(network: Architecture, share: float) -> Architecture:
    """Return the same network where that share of the senders into each layer but the first is
    left out in training: what the sensor gives is kept."""
    first, *rest = network.layers
    return replace(network, layers=(first, *(replace(each, dropout=share) for each in rest)))


def _check_file_alone(
    hidden: Sequence[int] | None, delays: str | None, weight_bits: int | None
) -> None:
    """Raise InputError when an option says what a file of `--network` says."""
    named = {"--hidden": hidden, "--delays": delays, "--weight-bits": weight_bits}
    for name, value in named.items():
        if value is not None:
            raise InputError(f"{name} and a file of --network are given; say it in the file")


def _read(network: str, channels: int) -> Architecture:
    """Return the network of a file, for so many channels where it does not say how many."""
    path = Path(network)
    if not path.suffix and not path.exists():
        names = ", ".join(PRESETS)
        raise InputError(f"there is no --network {network!r}; choose {names}, or give a JSON file")
    try:
        return read_architecture(path, (channels,))
    except InputError as error:
        raise InputError(f"--network {error}") from None


def _from_file(network: str, channels: int, classes: int) -> Architecture:
    made = _read(network, channels)
    for what, found, wanted in (
        ("input channels", math.prod(made.input_shape), channels),
        ("output neurons", made.sizes[-1], classes),
    ):
        if found != wanted:
            raise InputError(
                f"--network {network} has {found} {what} and the task {wanted}; change the file"
            )
    return made
