"""What was tried for the small handwritten digits, whose writers follow each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.recipes.folds import stretches
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.augment import VaryImages
from neurodeploy.tasks.digits import DIGITS, SHAPE
from neurodeploy.tasks.encoders.registry import Pixels

FOLDS = (0, 2, 4)
ALL = range(5)
HIGHEST = 16
START = replace(DIGITS.config, epochs=40, learning_rate=2e-3, logit_scale=0.6)
"""What the first trials differ from."""

STRONG = VaryImages(SHAPE[1:], rotation_deg=12.0, stretch=0.12, shift=0.5)

TWICE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("1.2", {}),
    ("1.2, 128-128", {"hidden": (128, 128)}),
    ("1.2, 256-128", {"hidden": (256, 128)}),
    ("1.2, voltage decay 0.1", {"voltage_decay": 0.1}),
    ("1.2, voltage decay 0.2", {"voltage_decay": 0.2}),
    ("1.2, current decay 0.5", {"current_decay": 0.5}),
    ("1.2, batch 32", {"batch": 32}),
    ("1.2, 1e-3, 80 epochs", {"learning_rate": 1e-3, "epochs": 80}),
    ("1.2, no delays", {"delays": "none"}),
)
"""Changes of the best, each tried on all folds from two seeds."""


def search() -> Search:
    """Return the trials: one change each, then more changes of the best."""
    best = {"logit_scale": 1.2}
    trials = (
        Trial("start", folds=FOLDS),
        Trial("no variation", {"augment": None}, folds=FOLDS),
        Trial("128 hidden", {"hidden": (128,)}, folds=FOLDS),
        Trial("learning rate 1e-3", {"learning_rate": 1e-3}, folds=FOLDS),
        Trial("learning rate 4e-3", {"learning_rate": 4e-3}, folds=FOLDS),
        Trial("20 epochs", {"epochs": 20}, folds=FOLDS),
        Trial("count scale 0.3", {"logit_scale": 0.3}, folds=FOLDS),
        Trial("count scale 1.2", best, folds=FOLDS),
        Trial("dropout 0.2", {"dropout": 0.2}, folds=FOLDS),
        Trial("no delays", {"delays": "none"}, folds=FOLDS),
        Trial("8 steps", encoder=Pixels(8, HIGHEST), folds=FOLDS),
        Trial("latency code", encoder=Pixels(16, HIGHEST, "latency"), folds=FOLDS),
        Trial("convolutions", network="conv", changes={"hidden": (128,)}, folds=FOLDS),
        Trial("1.2, learning rate 4e-3", {**best, "learning_rate": 4e-3}, folds=FOLDS),
        Trial("1.2, 80 epochs", {**best, "epochs": 80}, folds=FOLDS),
        Trial("1.2, 512 hidden", {**best, "hidden": (512,)}, folds=FOLDS),
        Trial("1.2, 24 steps", best, Pixels(24, HIGHEST), folds=FOLDS),
        Trial("1.2, varied more", {**best, "augment": STRONG}, folds=FOLDS),
        Trial(
            "1.2, varied more, 80 epochs", {**best, "augment": STRONG, "epochs": 80}, folds=FOLDS
        ),
        Trial("count scale 2.4", {"logit_scale": 2.4}, folds=FOLDS),
        *(Trial(name, {**best, **changes}, folds=ALL, seeds=(0, 1)) for name, changes in TWICE),
    )
    return Search(DIGITS, START, lambda windows: stretches(windows, 5), trials)
