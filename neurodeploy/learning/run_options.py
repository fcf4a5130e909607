"""What must be the same when a training is resumed, and in which words it differs."""

from __future__ import annotations

from typing import Any

import torch

from neurodeploy.learning.training import Training
from neurodeploy.tasks import windows

WORDS = {
    "data_sha256": "other data",
    "encoder": "another encoder",
    "processes": "{before} processes instead of {now}",
    "budget": "another budget, or none",
    "threads": "--threads {before} instead of {now}",
}
"""How to say that an option differs, where "NAME BEFORE instead of NOW" does not do."""

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
    found = [name for name in found if not _said_by(name, found)]
    words = [_words(name, before.get(name), now.get(name)) for name in found[:MOST]]
    more = len(found) - MOST
    return [*words, f"{more} more differences"] if more > 0 else words


def _said_by(name: str, found: list[str]) -> bool:
    """Tell whether another of the differences says the same of the layers."""
    if OF_LAYER not in name or "hidden" in found:
        return OF_LAYER in name
    return name != LAYERS and (LAYERS in found or name.partition(OF_LAYER)[0] in found)


def _words(name: str, before: Any, now: Any) -> str:
    if name not in WORDS and isinstance(now, dict):
        return f"another {name}"
    return WORDS.get(name, f"{name} {{before}} instead of {{now}}").format(before=before, now=now)


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
