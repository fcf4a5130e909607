"""The network that the options ask for, checked against the task before any data is trained on."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.architecture import Architecture, Shape
from models.architecture_json import read_architecture
from models.errors import InputError
from models.layer_spec import DELAYS
from models.presets import PRESETS
from neurodeploy import cli
from neurodeploy.tasks.recipe import Recipe


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
        type=cli.whole_number(1),
        nargs="+",
        metavar="N",
        help="neurons of each hidden layer; the task's own when not given",
    )
    options.add_argument(
        "--delays",
        choices=DELAYS,
        help="what delays to learn wherever the network can have them; its own when not given",
    )


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
        for name, value in (
            ("--hidden", hidden), ("--delays", delays), ("--weight-bits", weight_bits),
        ):  # fmt: skip
            if value is not None:
                raise InputError(f"{name} and a file of --network are given; say it in the file")
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
    made = PRESETS[name](_input_shape(name, channels, grid), classes, **values)
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


def _from_file(network: str, channels: int, classes: int) -> Architecture:
    path = Path(network)
    if not path.suffix and not path.exists():
        names = ", ".join(PRESETS)
        raise InputError(f"there is no network {network!r}; choose {names}, or give a JSON file")
    made = read_architecture(path, (channels,))
    for what, found, wanted in (
        ("input channels", math.prod(made.input_shape), channels),
        ("output neurons", made.sizes[-1], classes),
    ):
        if found != wanted:
            raise InputError(f"{path} has {found} {what} and the task {wanted}; change the file")
    return made
