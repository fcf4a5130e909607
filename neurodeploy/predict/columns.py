"""Which columns of a recording are the channels of a network, in which units, and the times.

Columns are matched by name, so their order does not matter. Names of common sensor loggers are
known: `acc-x (g)`, `Acceleration x (m/s^2)`, `accelerometer_x`, `AccX`, `ax`,
`Gyroscope y (rad/s)`, `gyro_y`, `wy`; and `x`, `y`, `z` in a file of one sensor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurodeploy.data import get
from neurodeploy.data.encoders import Encoder, Spikes, from_dict
from neurodeploy.data.readers.inertial import STANDARD_GRAVITY
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.predict.sources import Source

WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("a", "acc", "accel", "acceleration", "accelerometer", "gforce", "gf"), "acc"),
    **dict.fromkeys(
        ("w", "gyr", "gyro", "gyros", "gyroscope", "rotation", "rotationrate", "angular", "omega"),
        "gyro",
    ),
    **dict.fromkeys(("mag", "magnetometer", "magnetic"), "mag"),
    **dict.fromkeys(("linear", "lin", "user", "gravity", "grav"), "other"),
}
"""Words in names of columns, and the sensor that they mean; "other" overrules the others."""

UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "g": ("g", 1.0),
    **dict.fromkeys(
        ("m/s^2", "m/s2", "m/s²", "m/s/s", "ms^-2", "m s^-2"), ("g", 1 / STANDARD_GRAVITY)
    ),
    "rad/s": ("rad/s", 1.0),
    **dict.fromkeys(("deg/s", "°/s", "dps"), ("rad/s", math.pi / 180)),
}
"""Units in names of columns: the unit of the project, and the factor to it."""

TIMES: Final[Mapping[str, float]] = {
    "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "millis": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "micros": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nanos": 1e-9,
    "nanoseconds": 1e-9,
}  # fmt: skip
"""Units of times, in seconds."""

TIME_WORDS: Final = {
    "time",
    "timestamp",
    "t",
    "elapsed",
    "epoch",
    "clock",
    "date",
    "datetime",
    *TIMES,
}


@dataclass(frozen=True)
class Intake:
    """What a network takes.

    Attributes:
        encoder: the encoder of its training; None if it takes what it is given.
        names: names of the signal channels, with units; () if unknown.
        channels: number of signal channels.
        inputs: number of spike channels.
        rate_hz: rows of signal per second; None if a step has no duration.
        window: rows of signal of a training sample, or None.
    """

    encoder: Encoder | None
    names: tuple[str, ...]
    channels: int
    inputs: int
    rate_hz: float | None
    window: int | None

    def of_spikes(self, network: QuantizedNetwork) -> Intake:
        """Return what the network takes as spikes, already encoded."""
        task = network.task
        rate = None if task.dt_ms is None else 1000 / task.dt_ms
        trailing = 0 if self.encoder is None else self.encoder.trailing_steps()
        window = None if task.num_steps is None else task.num_steps - trailing
        return Intake(None, (), self.inputs, self.inputs, rate, window)


def intake(network: QuantizedNetwork) -> Intake:
    """Return what a network takes, from the description of its task.

    Raises:
        InputError: if the encoder is unknown, or does not fit the network.
    """
    task = network.task
    encoder = from_dict(task.encoder) if task.encoder else None
    window = task.num_steps
    rate = None if task.dt_ms is None else 1000 / task.dt_ms
    if encoder is None:
        return Intake(None, (), network.inputs, network.inputs, rate, window)
    if window is not None:
        steps, window = window - encoder.trailing_steps(), encoder.signal_steps(window)
        rate = None if rate is None or window < 1 else rate * window / steps
    if isinstance(encoder, Spikes):
        return Intake(None, (), network.inputs, network.inputs, rate, window)
    channels = _signal_channels(encoder, network.inputs)
    names = get(task.name).channel_names[:channels] if task.name else ()
    if len(names) < channels:
        names = ()
    return Intake(encoder, names, channels, network.inputs, rate, window)


def _signal_channels(encoder: Encoder, inputs: int) -> int:
    """Return the number of signal channels that the encoder turns into `inputs` channels."""
    for channels in range(1, inputs + 1):
        try:
            if encoder.channels(channels) == inputs:
                return channels
        except InputError:
            continue
    raise InputError(
        f"the encoder {encoder.name} of the network does not make {inputs} channels of any signal; "
        "export the network again"
    )


@dataclass(frozen=True)
class Columns:
    """The columns that are used.

    Attributes:
        time: index of the column of times, or None.
        time_unit_s: seconds per unit of the times; None if only their values can tell.
        channels: index of each channel's column.
        factors: factor of each channel to the unit of the network.
        names: name of each channel, with its unit.
        encoded: whether these are spikes, not signals.
        unit_known: whether each channel's unit is stated.
    """

    time: int | None
    time_unit_s: float | None
    channels: tuple[int, ...]
    factors: tuple[float, ...]
    names: tuple[str, ...]
    encoded: bool
    unit_known: tuple[bool, ...]


@dataclass(frozen=True)
class Label:
    """The name of a column or channel, taken apart.

    Attributes:
        sensor: "acc", "gyro", "mag", "other", or "".
        axis: "x", "y", "z", or "".
        unit: what stands in parentheses, or "".
        words: the words of the name.
    """

    sensor: str
    axis: str
    unit: str
    words: tuple[str, ...]


def label(name: str) -> Label:
    """Take the name of a column or channel apart.

    Examples:
        >>> label("Acceleration x (m/s^2)").sensor, label("AccX").axis, label("gyro_y").sensor
        ('acc', 'x', 'gyro')
    """
    found = re.fullmatch(r"\s*(.*?)\s*(?:[(\[]([^()\[\]]*)[)\]])?\s*", name)
    assert found is not None
    words = [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", found[1])]
    axis, sensors = "", []
    for word in words:
        stem, last = word[:-1], word[-1]
        if word in ("x", "y", "z"):
            axis = word
        elif last in "xyz" and stem in WORDS:
            axis = last
            sensors.append(WORDS[stem])
        elif word in WORDS:
            sensors.append(WORDS[word])
    if "without" in words or "no" in words:
        sensors.append("other")
    sensor = "other" if "other" in sensors else sensors[0] if sensors else ""
    return Label(sensor, axis, (found[2] or "").strip(), tuple(words))


def choose(
    source: Source,
    wanted: Intake,
    *,
    columns: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    time: str | None = None,
) -> Columns:
    """Choose the columns of a recording.

    Args:
        source: the recording.
        wanted: what the network takes.
        columns: names of the channels' columns in the order of the network; by default they are
            found by name or, in a recording without names, by number.
        units: unit of a sensor, such as {"acc": "m/s^2"}, where names have none or a wrong one.
        time: name of the column of times, or "none"; found by name by default.

    Raises:
        InputError: if a channel has no column or several, or a unit is unknown.
    """
    at = _time_column(source, time, wanted)
    others = [index for index in range(source.count) if index != at]
    chosen, encoded = _channels(source, wanted, others, columns)
    names = () if encoded else wanted.names
    given = [source.names[index] if source.names else "" for index in chosen]
    source.notes.extend(_overruled(names, given, units or {}))
    found = [
        _factor(name, label(given[place]), units or {}, source.name)
        for place, name in enumerate(names)
    ]
    plain = tuple(names) or tuple(n or f"channel {i}" for i, n in enumerate(given))
    return Columns(
        time=at,
        time_unit_s=None if at is None or not source.names else _time_unit(source.names[at]),
        channels=tuple(chosen),
        factors=tuple(factor for factor, _ in found) or (1.0,) * len(chosen),
        names=plain,
        encoded=encoded or wanted.encoder is None,
        unit_known=tuple(known for _, known in found) or (True,) * len(chosen),
    )


def _overruled(
    names: Sequence[str], given: Sequence[str], units: Mapping[str, str]
) -> Iterator[str]:
    """Yield a note for each sensor whose columns state another unit than the one that is given.

    Raises:
        InputError: if a unit is given for a sensor that the network does not take.
    """
    sensors = {label(name).sensor: label(column).unit for name, column in zip(names, given)}
    for sensor, unit in units.items():
        if sensor not in sensors:
            listed = ", ".join(each for each in sensors if each) or "no sensor by name"
            raise InputError(f"a unit is given for {sensor!r}, and the network takes {listed}")
        stated = sensors[sensor]
        if stated and UNITS.get(stated) != UNITS.get(unit):
            yield f"the columns of {sensor} state {stated}; taken as {unit}, as given"


def _time_column(source: Source, time: str | None, wanted: Intake) -> int | None:
    if time == "none":
        return None
    if time is not None:
        return _index(source, time)
    if not source.names:  # an additional first column of numbers
        return 0 if source.count in (wanted.channels + 1, wanted.inputs + 1) else None
    return time_column(source)


def time_column(source: Source) -> int | None:
    """Return the column of times, by its name; one that states its unit comes first."""
    ranked = []
    for index, name in enumerate(source.names):
        words, found = set(label(name).words), label(name)
        if not words & TIME_WORDS or found.sensor or found.axis:
            continue
        stated = bool(words & {"elapsed", "seconds"}) or found.unit in TIMES
        ranked.append((not stated, index))
    return min(ranked)[1] if ranked else None


def _time_unit(name: str) -> float | None:
    found = label(name)
    if found.unit in TIMES:
        return TIMES[found.unit]
    stated = [TIMES[word] for word in found.words if word in TIMES]
    return stated[-1] if stated else None


def _index(source: Source, name: str) -> int:
    if name not in source.names:
        listed = ", ".join(source.names) or "none has a name"
        raise InputError(f"{source.name} has no column {name!r}; its columns: {listed}")
    return source.names.index(name)


def _channels(
    source: Source, wanted: Intake, others: Sequence[int], columns: Sequence[str]
) -> tuple[list[int], bool]:
    """Return the index of each channel's column, and whether they are spikes."""
    if columns:
        chosen = [_index(source, name) for name in columns]
        if len(chosen) not in (wanted.channels, wanted.inputs):
            raise InputError(
                f"--columns names {len(chosen)} columns; the network takes {_numbers(wanted)}"
            )
        return chosen, len(chosen) != wanted.channels
    if source.names and wanted.names and len(others) != wanted.inputs:
        return _by_name(source, wanted, others), False
    if len(others) == wanted.channels:
        return list(others), False
    if len(others) == wanted.inputs:
        return list(others), True
    if not source.count:
        raise InputError(f"{source.name} gives no rows; the network takes {_numbers(wanted)}")
    raise InputError(
        f"{source.name} has {len(others)} columns besides the time; the network takes "
        f"{_numbers(wanted)}"
        + ("; choose them with --columns" if source.names and len(others) > wanted.channels else "")
    )


def _numbers(wanted: Intake) -> str:
    signal = f"{wanted.channels} channels"
    if wanted.names:
        signal += f" ({', '.join(wanted.names)})"
    spikes = f", or {wanted.inputs} channels of spikes" if wanted.encoder is not None else ""
    return signal + spikes


def _by_name(source: Source, wanted: Intake, others: Sequence[int]) -> list[int]:
    labels = {index: label(source.names[index]) for index in others}
    of_file = label(Path(source.name).stem).sensor
    targets = [label(name) for name in wanted.names]
    single = len({target.sensor for target in targets}) == 1
    chosen = []
    for name, target in zip(wanted.names, targets, strict=True):
        found = [
            index
            for index, each in labels.items()
            if (each.sensor, each.axis) == (target.sensor, target.axis)
            and (target.axis or each.words == target.words)
        ]
        if not found and target.axis:  # x, y, z alone, in a file of one sensor
            found = [
                index
                for index, each in labels.items()
                if each.axis == target.axis
                and not each.sensor
                and (of_file == target.sensor or (single and not of_file))
            ]
        if len(found) != 1:
            which = ", ".join(source.names[index] for index in found)
            raise InputError(
                f"{source.name} has {f'several columns ({which})' if found else 'no column'} for "
                f"{name}; its columns are {', '.join(source.names)}, so name the "
                f"{wanted.channels} of {', '.join(wanted.names)} with --columns"
            )
        chosen.append(found[0])
    return chosen


def _factor(wanted: str, given: Label, units: Mapping[str, str], source: str) -> tuple[float, bool]:
    """Return the factor from the unit of a column to the network's, and whether it is stated."""
    target = label(wanted)
    stated = units.get(target.sensor) or given.unit
    if not stated or not target.unit or target.unit == stated:
        return 1.0, bool(stated)
    unit, factor = UNITS.get(stated, ("", 0.0))
    if unit != target.unit:
        known = ", ".join(name for name, (to, _) in UNITS.items() if to == target.unit)
        raise InputError(
            f"{source}: {wanted} is in {stated!r}, and the network takes {target.unit}; "
            + (f"give one of {known}" if known else "convert it")
        )
    return factor, True
