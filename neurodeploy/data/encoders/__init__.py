"""Spike encoders, which turn signals into the spikes of a network's input channels.

    encoder   the base class
    signals   for sampled signals (delta, sigma-delta, LIF), event counts and pixels
    bands     for sound: levels of mel or cochlear bands, encoded by another encoder

An encoder is a frozen dataclass of JSON parameters. To add one, write a subclass of `Encoder` and
add it to `ENCODERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neurodeploy.data.encoders.bands import Bands
from neurodeploy.data.encoders.encoder import Encoder, EncoderStream
from neurodeploy.data.encoders.signals import Counts, Delta, Lif, Pixels, SigmaDelta, Spikes
from neurodeploy.models.errors import InputError

__all__ = [
    "ENCODERS", "Bands", "Counts", "Delta", "Encoder", "EncoderStream", "Lif", "Pixels",
    "SigmaDelta", "Spikes", "Together", "from_dict",
]  # fmt: skip


@dataclass(frozen=True)
class Together(Encoder):
    """Several encoders of the same signals, with their channels concatenated.

    Attributes:
        parts: the encoders, in the order of their channels.
    """

    name: ClassVar[str] = "together"
    parts: Annotated[tuple[Encoder, ...], Meta(min_length=1)] = field(
        default_factory=lambda: (Delta(), SigmaDelta())
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(isinstance(part, Together) for part in self.parts):
            raise InputError("parts holds another 'together'; list its parts instead")

    def channels(self, signal_channels: int) -> int:
        """Return the number of input channels, the sum over the parts."""
        return sum(part.channels(signal_channels) for part in self.parts)

    def steps(self, num_steps: int) -> int:
        """Return the time steps of the parts, which must be equal."""
        steps = {part.steps(num_steps) for part in self.parts}
        if len(steps) > 1:
            raise InputError(f"the parts have {sorted(steps)} time steps; they must be equal")
        return steps.pop()

    def signal_steps(self, num_steps: int) -> int:
        """Return the signal steps of the parts."""
        return self.parts[0].signal_steps(num_steps)

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.concatenate([part._spikes(signals) for part in self.parts], axis=1)

    def _start(self, samples: int, channels: int) -> list[Any]:
        return [part._start(samples, channels) for part in self.parts]

    def _next(self, signals: NDArray[np.float32], state: list[Any]) -> NDArray[np.uint8]:
        pairs = zip(self.parts, state, strict=True)
        return np.concatenate([part._next(signals, each) for part, each in pairs], axis=1)

    def versions(self) -> dict[str, int]:
        """Return the versions of this class and of the parts."""
        return {**super().versions(), **{k: v for p in self.parts for k, v in p.versions().items()}}


ENCODERS: dict[str, type[Encoder]] = {
    encoder.name: encoder
    for encoder in (Delta, SigmaDelta, Lif, Pixels, Bands, Counts, Spikes, Together)
}


def from_dict(values: Mapping[str, Any]) -> Encoder:
    """Return the encoder that `Encoder.as_dict` describes.

    Raises:
        InputError: if the name or a parameter is unknown, or a parameter is invalid.
    """
    try:
        return _encoder(values)
    except RecursionError:
        raise InputError("the encoders are nested too deeply; use two levels at most") from None


def _encoder(values: Any) -> Encoder:
    name = values.get("name") if isinstance(values, Mapping) else None
    if not isinstance(name, str) or name not in ENCODERS:
        raise InputError(f"there is no encoder {name!r}; the encoders are {', '.join(ENCODERS)}")
    kind = ENCODERS[name]
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    parameters = {key: _parameter(value) for key, value in values.items() if key != "name"}
    if unknown := [key for key in parameters if key not in known]:
        raise InputError(
            f"the encoder {name} has no parameter {unknown[0]!r}; it has {', '.join(known)}"
        )
    try:
        return kind(**parameters)
    except InputError as error:
        raise InputError(f"the encoder {name}: {error}") from None


def _parameter(value: Any) -> Any:
    """Return a parameter, with descriptions of encoders replaced by encoders."""
    if isinstance(value, Mapping):
        return _encoder(value)
    return [_parameter(each) for each in value] if isinstance(value, list) else value
