"""What must be the same when a training is resumed, and in which words it differs."""

from __future__ import annotations

from typing import Any

import torch

from neurodeploy.tasks import windows
from neurodeploy.training import Training

WORDS = {
    "data_sha256": "other data",
    "encoder": "another encoder",
    "processes": "{before} processes instead of {now}",
    "threads": "--threads {before} instead of {now}",
}
"""How to say that an option differs, where "NAME BEFORE instead of NOW" does not do."""


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
        "device": settings.device,
        "processes": started.team.size,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def differences(kept: Any, asked: dict[str, Any]) -> list[str]:
    """Return in words each option that differs from what a run was started with."""
    before, now = _flat(kept), _flat(asked)
    found = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    if "hidden" in found:  # which says the same
        found = [name for name in found if name != "sizes" and not name.endswith(_OF_LAYERS)]
    return [_words(name, before.get(name), now.get(name)) for name in found]


_OF_LAYERS = ("of layers", *(f"of layer {index}" for index in range(100)))


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
        flat["number of layers"] = len(layers)
        for index, layer in enumerate(layers):
            flat.update({f"{name} of layer {index}": value for name, value in layer.items()})
    return flat
