"""Spoken digits: who says what is a matter of pitch and time."""

from __future__ import annotations

from neurodeploy.tasks.encoders.registry import Bands, Delta, Encoder, Lif
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import fsdd
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.task import Task
from neurodeploy.tasks.windows import Windows

RECIPE = Recipe(hidden=(128, 128), epochs=20, batch=32, learning_rate=3e-3, count_scale=0.15)

ORIGIN = Origin(
    data="the Free Spoken Digit Dataset, 3,000 recordings of 6 speakers",
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski/"
    "free-spoken-digit-dataset",
    obtain=fsdd.OBTAIN,
    places=("spoken-digits", "free-spoken-digit-dataset", fsdd.COMPACT_FILE),
)

DELTA, LIF = Delta((0.1,), coarse=3), Lif((0.5,))


def _bands(kind: str, code: Encoder, windows: Windows) -> Bands:
    return Bands(kind, rate_hz=windows.rate_hz or fsdd.RATE_HZ, code=code)


SPOKEN_DIGITS = Task(
    name="spoken-digits",
    description="digits from zero to nine, said by six speakers",
    read=fsdd.read,
    default_encoder=lambda windows: _bands("log-mel", DELTA, windows),
    recipe=RECIPE,
    origin=ORIGIN,
    other_encoders={
        "log-mel-delta": lambda windows: _bands("log-mel", DELTA, windows),
        "log-mel-lif": lambda windows: _bands("log-mel", LIF, windows),
        "cochlea-delta": lambda windows: _bands("cochlea", DELTA, windows),
        "cochlea-lif": lambda windows: _bands("cochlea", LIF, windows),
    },
)
