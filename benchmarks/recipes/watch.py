"""What was tried for the exercises with a watch, on people who train."""

from __future__ import annotations

from typing import Final

from benchmarks.recipes.folds import by_subject
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.augment import vary_wearing
from neurodeploy.tasks.encoders.registry import SigmaDelta, Together
from neurodeploy.tasks.har import LEVEL_PER_G, TURNING_PER_RAD_S
from neurodeploy.tasks.watch import MOVEMENT, WATCH

FOLDS = (0, 1, 2, 3)
TWICE = (0, 1)

AS_HAR: Final = Together(
    (
        MOVEMENT,
        SigmaDelta((LEVEL_PER_G,) * 3 + (0.0,) * 3),
        SigmaDelta((0.0,) * 3 + (TURNING_PER_RAD_S,) * 3, rectified=True),
    )
)
"""The codes of `har`, of which that of turning has no sign."""


def search() -> Search:
    """Return the trials: with the codes of `har`, then with those of the recipe."""
    trials = (
        Trial("worn askew", {"augment": vary_wearing}, AS_HAR, folds=FOLDS),
        Trial("either wrist", {}, AS_HAR, folds=FOLDS, seeds=TWICE),
        Trial("either wrist, voltage decay 0.1", {"voltage_decay": 0.1}, AS_HAR, folds=FOLDS),
        Trial("signed", folds=FOLDS, seeds=TWICE),
        Trial("signed, voltage decay 0.1", {"voltage_decay": 0.1}, folds=FOLDS),
        Trial("signed, no delays", {"delays": "none"}, folds=FOLDS),
        Trial("signed, dropout 0.2", {"dropout": 0.2}, folds=FOLDS),
    )
    return Search(WATCH, WATCH.config, lambda windows: by_subject(windows, 4), trials)
