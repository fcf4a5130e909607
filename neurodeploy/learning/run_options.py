"""What must be the same when a training is resumed, and in which words it differs."""

from __future__ import annotations

from typing import Any

import torch

from neurodeploy.learning.training import Training
from neurodeploy.tasks import windows

OPTIONS = (
    "task", "hidden", "epochs", "batch", "learning_rate", "seed", "kernels", "device", "prune",
    "threads",
)  # fmt: skip
"""What options say of a run, by their names with "_" for "-"."""

OF_NETWORK = ("input_shape", "longest_start")
OF_LAYERS = {"weight_bits": "--weight-bits", "delays": "--delays", "longest_delay": "--delays"}
"""Options that change every layer, by the fields of one."""

WORDS = {
    "data_sha256": "other data",
    "encoder": "another encoder (--encoder, or other data)",
    "processes": "{before} processes instead of {now}",
    "budget": "another budget (--synop-budget or --energy-budget-uj), or none",
}
"""How to say that something differs, where "NAME BEFORE instead of NOW" does not do."""

MOST = 4
"""Differences that are named."""

OF_LAYER, LAYERS = " of layer", "number of layers"


def options_of(started: Training) -> dict[str, Any]:
    """Return what decides about the weights that a training comes to, as JSON values.

    The data counts by what it holds, not by where it lies.
    """
    settings, data = started.settings, started.data
    recipe = {k: v for k, v in vars(settings.recipe).items() if k != "augment"}
    return {
        "task": data.task_name,
        "data_sha256": windows.digest(data.windows),
        "encoder": data.encoder.as_dict(),
        "architecture": settings.architecture.as_dict(),
        "recipe": {**recipe, "hidden": list(settings.recipe.hidden)},
        "seed": settings.seed,
        "kernels": settings.kernels,
        "budget": None if settings.budget is None else settings.budget.as_dict(),
        "prune": settings.prune,
        "device": settings.device,
        "processes": started.team.size,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def differences(kept: Any, asked: dict[str, Any]) -> list[str]:
    """Return in words what differs from what a run was started with: the first few of it."""
    before, now = _flat(kept), _flat(asked)
    found = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    words: dict[str, str] = {}
    for name in found:
        option = _option(name, found)
        if option is not None:
            words.setdefault(option, _words(name, option, before.get(name), now.get(name)))
    more = len(words) - MOST
    first = list(words.values())[:MOST]
    return [*first, f"{more} more differences"] if more > 0 else first


def _option(name: str, found: list[str]) -> str | None:
    """Return the option that makes a difference, or what differs where there is none for it; None
    where another difference says the same."""
    if name == LAYERS:
        return None if "hidden" in found else "--network"
    field, of_layer, _ = name.partition(OF_LAYER)
    if not of_layer:
        return "--network" if name in OF_NETWORK else name
    if LAYERS in found or field in found:
        return None
    if "hidden" in found:
        return OF_LAYERS.get(field)
    return OF_LAYERS.get(field, "--network")


def _words(name: str, option: str, before: Any, now: Any) -> str:
    """Return what differs in words; of several things that an option changes, the first."""
    if name in WORDS:
        return WORDS[name].format(before=before, now=now)
    if option == "--network":
        return f"another --network ({name} {before} instead of {now})"
    if isinstance(now, dict):
        return f"another {name}"
    if name in OPTIONS:
        option = f"--{name.replace('_', '-')}"
    return f"{option} {_shown(before)} instead of {_shown(now)}"


def _shown(value: Any) -> str:
    """Return a value as a person types it."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _flat(options: Any) -> dict[str, Any]:
    """Return the options with those of the recipe and of each layer among them."""
    if not isinstance(options, dict):
        return {}
    nested = ("recipe", "architecture")
    flat = {name: value for name, value in options.items() if name not in nested}
    for name in nested:
        flat.update(options.get(name) or {})
    layers = flat.pop("layers", None)
    if isinstance(layers, list):
        flat[LAYERS] = len(layers)
        for index, layer in enumerate(layers):
            flat.update({f"{name}{OF_LAYER} {index}": value for name, value in layer.items()})
    return flat
