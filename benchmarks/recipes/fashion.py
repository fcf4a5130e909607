"""What was tried for pictures of clothes, whose recipe handwritten digits share."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.recipes.folds import in_turn
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.encoders.registry import Pixels
from neurodeploy.tasks.fashion import FASHION, TIME_STEPS

FOLD = (2,)
FEW = 12_000
"""Windows that some trials train on."""

START = replace(FASHION.config, hidden=(256,), epochs=8)
"""What the trials differ from."""


def search() -> Search:
    """Return the trials: one change each on all windows, then on few."""
    few = {"folds": FOLD, "windows": FEW}
    longer = {"epochs": 16}
    trials = (
        Trial("all", folds=FOLD),
        Trial("all, 16 epochs", longer, folds=FOLD),
        Trial("all, dropout 0.2, 16 epochs", {**longer, "dropout": 0.2}, folds=FOLD),
        Trial("all, no delays", {"delays": "none"}, folds=FOLD),
        Trial("all, 512 hidden", {"hidden": (512,)}, folds=FOLD),
        Trial("all, 512 hidden, 12 epochs", {"hidden": (512,), "epochs": 12}, folds=FOLD),
        Trial("all, 512 hidden, 16 epochs", {"hidden": (512,), "epochs": 16}, folds=FOLD),
        Trial("all, convolutions", {"hidden": (128,)}, network="conv", folds=FOLD),
        Trial(
            "all, convolutions, 12 epochs",
            {"hidden": (128,), "epochs": 12},
            network="conv",
            folds=FOLD,
        ),
        Trial("few", **few),
        Trial("count scale 0.3", {"logit_scale": 0.3}, **few),
        Trial("count scale 0.6", {"logit_scale": 0.6}, **few),
        Trial("count scale 2", {"logit_scale": 2.0}, **few),
        Trial("no delays", {"delays": "none"}, **few),
        Trial("8 steps", encoder=Pixels(8), **few),
        Trial("16 steps", encoder=Pixels(16), **few),
        Trial("from 128 on all steps", encoder=Pixels(TIME_STEPS, 128), **few),
        Trial("latency code", encoder=Pixels(TIME_STEPS, code="latency"), **few),
        Trial("learning rate 1e-3", {"learning_rate": 1e-3}, **few),
        Trial("learning rate 4e-3", {"learning_rate": 4e-3}, **few),
        Trial("dropout 0.2", {"dropout": 0.2}, **few),
    )
    return Search(FASHION, START, lambda windows: in_turn(windows, 5), trials)
