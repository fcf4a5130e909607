"""Spoken digits: who says what is a matter of pitch and time."""

from __future__ import annotations

from collections.abc import Callable

from neurodeploy.learning.config import TrainConfig
from neurodeploy.tasks.augment import vary_speaking
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.encoders.registry import Bands, Delta, Encoder, Lif, Together
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import fsdd
from neurodeploy.tasks.task import Task

CONFIG = TrainConfig(
    hidden=(128, 128),
    epochs=20,
    batch_size=32,
    learning_rate=3e-3,
    logit_scale=0.15,
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

DELTA, LIF = Delta((0.1,)), Lif((0.5,), leak=0.2)
BOTH = Together((DELTA, Lif((0.5,), leak=0.05)))
"""How levels become spikes: by their changes, by their height, or, for the default, by both."""

RANGE_DB, LIF_RANGE_DB = 40.0, 60.0
"""How far below the loudest sound levels begin: a delta code would convey the noise further down,
and a leaky neuron by itself is silent there anyway. `docs/recipes/` tells how they were chosen."""


def _bands(kind: str, code: Encoder, range_db: float = RANGE_DB) -> Callable[[Dataset], Encoder]:
    """Return what makes the encoder of the levels of that kind."""
    return lambda dataset: Bands(
        kind, rate_hz=dataset.rate_hz or fsdd.RATE_HZ, range_db=range_db, code=code
    )


SPOKEN_DIGITS = Task(
    name="spoken-digits",
    description="digits from zero to nine, said by six speakers",
    read=fsdd.read,
    default_encoder=_bands("log-mel", BOTH),
    config=CONFIG,
    origin=ORIGIN,
    other_encoders={
        "log-mel-delta": _bands("log-mel", DELTA),
        "log-mel-lif": _bands("log-mel", LIF, LIF_RANGE_DB),
        "cochlea-delta": _bands("cochlea", DELTA),
        "cochlea-lif": _bands("cochlea", LIF, LIF_RANGE_DB),
    },
)
