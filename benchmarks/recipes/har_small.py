"""What was tried for the preset `small` on the activities of HAPT, on people who train."""

from __future__ import annotations

from benchmarks.recipes.folds import by_subject
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.har import HAR

FOLDS = (0, 2, 4)


def search() -> Search:
    """Return the trials: networks of one or two hidden layers, below 5,000 synapses each."""
    trials = (
        Trial("64", {"hidden": (64,)}, folds=FOLDS),
        Trial("32", {"hidden": (32,)}, folds=FOLDS),
        Trial("120", {"hidden": (120,)}, folds=FOLDS),
        Trial("56-40", {"hidden": (56, 40)}, folds=FOLDS),
        Trial("120, no delays", {"hidden": (120,), "delays": "none"}, folds=FOLDS),
        Trial("120, 24 epochs", {"hidden": (120,), "epochs": 24}, folds=FOLDS),
    )
    return Search(HAR, HAR.config, lambda windows: by_subject(windows, 5), trials, "small")
