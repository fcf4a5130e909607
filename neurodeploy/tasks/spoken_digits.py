"""Spoken digits: who says what is a matter of pitch and time."""

from __future__ import annotations

from collections.abc import Callable

from neurodeploy.tasks.augment_sound import vary_speaking
from neurodeploy.tasks.encoders.registry import Bands, Delta, Encoder, Lif
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import fsdd
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.task import Task
from neurodeploy.tasks.windows import Windows

RECIPE = Recipe(
    hidden=(128, 128),
    epochs=20,
    batch=32,
    learning_rate=3e-3,
    count_scale=0.15,
    augment=vary_speaking,
)

ORIGIN = Origin(
    data="the Free Spoken Digit Dataset, 3,000 recordings of 6 speakers",
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski/"
    "free-spoken-digit-dataset",
    obtain=fsdd.OBTAIN,
    places=("spoken-digits", "free-spoken-digit-dataset", fsdd.COMPACT_FILE),
)

DELTA, DELTA_RANGE_DB = Delta((0.1,)), 40.0
LIF, LIF_RANGE_DB = Lif((0.5,), leak=0.2), 60.0
"""The codes, and the decibels below the loudest sound that have a level at all: a delta code
conveys every level, that of noise as well. `docs/recipes/` tells how they were chosen."""


def _bands(kind: str, code: Encoder, range_db: float) -> Callable[[Windows], Encoder]:
    """Return what makes the encoder of the levels of that kind."""
    return lambda windows: Bands(
        kind, rate_hz=windows.rate_hz or fsdd.RATE_HZ, range_db=range_db, code=code
    )


ENCODERS = {
    f"{kind}-{code.name}": _bands(kind, code, range_db)
    for kind in ("log-mel", "cochlea")
    for code, range_db in ((DELTA, DELTA_RANGE_DB), (LIF, LIF_RANGE_DB))
}

SPOKEN_DIGITS = Task(
    name="spoken-digits",
    description="digits from zero to nine, said by six speakers",
    read=fsdd.read,
    default_encoder=ENCODERS["log-mel-delta"],
    recipe=RECIPE,
    origin=ORIGIN,
    other_encoders=ENCODERS,
)
