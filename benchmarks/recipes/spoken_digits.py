"""What was tried for spoken digits: codes of the levels, variation, rates."""

from __future__ import annotations

from benchmarks.recipes.folds import in_turn
from benchmarks.recipes.search import Search, Trial
from neurodeploy.tasks.encoders.registry import Bands, Delta
from neurodeploy.tasks.spoken_digits import BOTH, DELTA, LIF, LIF_RANGE_DB, SPOKEN_DIGITS

FOLD = (2,)


def search() -> Search:
    """Return the trials: one change each of code, variation, rate, size."""
    trials = (
        Trial("chosen", folds=FOLD),
        Trial("delta alone", encoder=Bands(code=DELTA), folds=FOLD),
        Trial("LIF alone", encoder=Bands(code=LIF, range_db=LIF_RANGE_DB), folds=FOLD),
        Trial("delta, coarse", encoder=Bands(code=Delta((0.1,), 3)), folds=FOLD),
        Trial("cochlea, delta", encoder=Bands("cochlea", code=DELTA), folds=FOLD),
        Trial(
            "cochlea, LIF", encoder=Bands("cochlea", code=LIF, range_db=LIF_RANGE_DB), folds=FOLD
        ),
        Trial("range of 60 dB", encoder=Bands(code=BOTH, range_db=60.0), folds=FOLD),
        Trial("no variation", {"augment": None}, folds=FOLD),
        Trial("learning rate 1e-3", {"learning_rate": 1e-3}, folds=FOLD),
        Trial("count scale 0.3", {"logit_scale": 0.3}, folds=FOLD),
        Trial("256-256", {"hidden": (256, 256)}, folds=FOLD),
        Trial("no delays", {"delays": "none"}, folds=FOLD),
    )
    return Search(SPOKEN_DIGITS, SPOKEN_DIGITS.config, lambda each: in_turn(each, 5), trials)
