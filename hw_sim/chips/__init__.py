"""Chips: their limits and what an event costs on them, read from `costs/*.json`.

A cost file is data: one row per limit or event, each with its value, unit, source and grade, and
what other sources say of it. A new chip is a new file; docs/reference/cost-files.md describes them.
The file's sha256 goes into every report.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn, TypedDict

import numpy as np

from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import Object, object_of


@dataclass(frozen=True)
class Estimate:
    """A value between the lowest and the highest that the sources allow, all in one unit.

    Sums and products take the ends together: low with low, high with high. That is the widest
    band, as if every source erred to the same side; all quantities here are 0 or more.

    Attributes:
        low: what the most favourable source gives, 0 or more.
        value: what the source that the cost file prefers gives.
        high: what the least favourable source gives.
    """

    low: float
    value: float
    high: float

    def __post_init__(self) -> None:
        assert 0 <= self.low <= self.value <= self.high, self

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.low + other.low, self.value + other.value, self.high + other.high)

    def __mul__(self, factor: Estimate | float) -> Estimate:
        by = factor if isinstance(factor, Estimate) else exactly(factor)
        return Estimate(self.low * by.low, self.value * by.value, self.high * by.high)

    def inverse(self) -> Estimate:
        """Return 1 / x: the ends change places. No end may be 0."""
        return Estimate(1 / self.high, 1 / self.value, 1 / self.low)


def around(value: float, low: float, high: float) -> Estimate:
    """Return an estimate of ends that were computed another way than its value.

    Rounding can put such an end on the wrong side of the value, by a digit of no meaning.
    """
    return Estimate(min(low, value), value, max(high, value))


def exactly(value: float) -> Estimate:
    """Return an estimate without a band, for what is known or counted."""
    return Estimate(value, value, value)


def largest(estimates: Sequence[Estimate]) -> Estimate:
    """Return the band of the largest of `estimates`: the largest low, value and high."""
    return Estimate(
        max(e.low for e in estimates),
        max(e.value for e in estimates),
        max(e.high for e in estimates),
    )


GRADES: Final = ("code", "notebook", "abstract", "second-hand", "derived", "memory", "measured")
"""How well a value is founded: read in public code; printed by Intel's benchmark notebook; from a
paper's abstract; from somebody's note on a paper; arithmetic on other values; not confirmed; on the
hardware itself by who gives the file, which is true of no installed one."""

SI_FACTORS: Final = {"pJ": 1e-12, "ns": 1e-9, "us": 1e-6, "mW": 1e-3}
"""From the units of cost rows to joules, seconds and watts."""


class Reading(NamedTuple):
    """What one source says of a row.

    Attributes:
        value: in the row's unit.
        source: where it comes from.
        grade: one of `GRADES`.
        set: the constant set that it belongs to, as "SANA-FE"; "" for none.
    """

    value: float
    source: str
    grade: str
    set: str = ""


@dataclass(frozen=True)
class Cost:
    """A limit, or what one event costs.

    Attributes:
        value: the value used.
        unit: a unit of `SI_FACTORS` for costs, the thing counted for limits.
        source: where `value` comes from.
        grade: one of `GRADES`.
        set: the constant set of `value`; "" for none.
        alternatives: what other sources say.
    """

    value: float
    unit: str
    source: str
    grade: str
    set: str = ""
    alternatives: tuple[Reading, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What every source says; the first is the one used."""
        return (Reading(self.value, self.source, self.grade, self.set), *self.alternatives)

    @property
    def low(self) -> float:
        """The lowest value that a source gives."""
        return min(reading.value for reading in self.readings)

    @property
    def high(self) -> float:
        """The highest value that a source gives."""
        return max(reading.value for reading in self.readings)

    @property
    def si(self) -> Estimate:
        """The cost in joules, seconds or watts, from the lowest to the highest reading."""
        return Estimate(self.low, self.value, self.high) * SI_FACTORS[self.unit]

    def using(self, set_name: str) -> Cost:
        """Return the row with the reading of a constant set alone, or the one used without it."""
        of_set = (reading for reading in self.readings if reading.set == set_name)
        return replace(self, **next(of_set, self.readings[0])._asdict(), alternatives=())

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON values: as in the cost file, and its ends."""
        return {
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            **self.readings[0]._asdict(),
            "alternatives": [reading._asdict() for reading in self.alternatives],
        }


BYTES_MAX: Final = 1_000_000
"""Of a cost file; the installed ones have 20 kB."""

WAY_OUT: Final = "give a cost file, as docs/cost-files.md describes"


def read_text(path: Path) -> str:
    """Return the text of the file at `path`.

    Raises:
        InputError: when it is no regular file, cannot be read, is too large or not in UTF-8.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; {WAY_OUT}")
        if not path.is_file():
            what = "is no regular file" if path.exists() else "does not exist"
            raise InputError(f"{path} {what}; {WAY_OUT}")
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise InputError(
            f"{str(path)[:200]} cannot be read ({error.strerror}); {WAY_OUT}"
        ) from None
    if len(content) > BYTES_MAX:
        raise InputError(f"{path} has more than {BYTES_MAX:,} bytes; {WAY_OUT}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8 (byte {error.start}); {WAY_OUT}") from None


def load(text: str, file: str | Path) -> Any:
    """Return the JSON value of a text, objects as `Object`.

    Raises:
        InputError: when the text is no JSON, or nested without end.
    """
    try:
        return json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=object_of, parse_int=_whole_number
        )
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file} is no JSON ({error.msg}, line {error.lineno}, column {error.colno}); "
            "correct it there"
        ) from None
    except RecursionError:
        raise InputError(f"{file} is nested too deeply; {WAY_OUT}") from None


def shown(value: Any) -> str:
    """Return a value of a file as a message shows it: as JSON, and not too long."""
    if isinstance(value, (dict, list)) and value:
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _whole_number(text: str) -> int | float:
    """Return an int, or the float next to one that is too long to be in any range."""
    return int(text) if len(text) <= 30 else float(text)


LARGEST_COST: Final = 10**12
"""Of any cost in its unit: a joule, some minutes or a gigawatt for one event."""

SHORTEST_BARRIER: Final = 1e-6
"""Of a barrier in its unit; no step of a chip takes no time at all."""


@dataclass(frozen=True)
class Rule:
    """What a row may hold.

    Attributes:
        units: those allowed.
        low: smallest value.
        high: largest value.
        whole: whether only whole numbers are allowed.
        required: whether every cost file has the row.
    """

    units: tuple[str, ...]
    low: float
    high: float
    whole: bool
    required: bool = True


def _limit(unit: str, low: int, high: int, *, required: bool = True) -> Rule:
    return Rule((unit,), low, high, whole=True, required=required)


def _cost(*units: str, low: float = 0) -> Rule:
    return Rule(units, low, LARGEST_COST, whole=False)


LIMITS: Final = {
    "cores_per_chip": _limit("neurocores", 1, 10**6),
    "chips_max": _limit("chips", 1, 10**6),
    "neurons_per_core": _limit("neurons", 1, 10**9),
    "synaptic_memory": _limit("bits", 1, 10**12),
    "synapse_list_length": _limit("synapses", 1, 10**9, required=False),
    "synapse_list_header": _limit("bits", 0, 10**6),
    "synapse_list_word": _limit("bits", 1, 10**6),
    "input_axons_per_core": _limit("axons", 1, 10**9, required=False),
    "output_axons_per_core": _limit("axons", 1, 10**9, required=False),
    "population_axon_entries": _limit("output axons", 1, 10**6, required=False),
    "decay_settings_per_core": _limit("settings", 1, 10**9, required=False),
    "delay_max": _limit("steps", 0, 10**6),
    "graded_spike_bits_max": _limit("bits", 0, 64),
    "weight_bits_small_max": _limit("bits", 0, 64),
    "weight_bits_max": _limit("bits", 1, 64),
    "weight_exponent_min": _limit("powers of two", -64, 0),
    "cores_per_tile": _limit("neurocores", 1, 1024),
    "tiles_east_west": _limit("tiles", 1, 1024),
    "tiles_north_south": _limit("tiles", 1, 1024),
}
"""By name, in the order of docs/cost-files.md. A limit that is not required and has no row does not
bind."""

COSTS: Final = {
    "synaptic_operation_energy": _cost("pJ"),
    "convolution_operation_energy": _cost("pJ"),
    "neuron_update_active_energy": _cost("pJ"),
    "neuron_update_inactive_energy": _cost("pJ"),
    "spike_generation_energy": _cost("pJ"),
    "spike_message_energy": _cost("pJ"),
    "hop_east_west_energy": _cost("pJ"),
    "hop_north_south_energy": _cost("pJ"),
    "static_power": _cost("mW"),
    "synaptic_operation_time": _cost("ns", "us"),
    "convolution_operation_time": _cost("ns", "us"),
    "neuron_update_active_time": _cost("ns", "us"),
    "neuron_update_inactive_time": _cost("ns", "us"),
    "spike_generation_time": _cost("ns", "us"),
    "spike_message_time": _cost("ns", "us"),
    "hop_east_west_time": _cost("ns", "us"),
    "hop_north_south_time": _cost("ns", "us"),
}
"""By name, in the order of docs/cost-files.md."""

BARRIER: Final = _cost("ns", "us", low=SHORTEST_BARRIER)
"""Of each row of the section `barrier`, whose names are numbers of tiles."""

TILES_MAX: Final = 10**9
"""The most tiles that a row of the barrier may be for."""


SECTIONS: Final = ("name", "title", "caveats", "limits", "costs", "barrier")
"""The keys of a cost file; all are required."""

READING: Final = ("value", "source", "grade")
"""The keys of an alternative, beside the optional `set`; a row has `unit` and may have
`alternatives` as well."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
TILES: Final = re.compile(r"[1-9][0-9]{0,9}")
TEXT_MAX: Final = 1000
"""Characters of a title, caveat, source or set."""


class Content(TypedDict):
    """What a cost file holds: the fields of a `hw_sim.chips.Chip`."""

    name: str
    title: str
    limits: Mapping[str, Cost]
    costs: Mapping[str, Cost]
    barrier: tuple[tuple[int, Cost], ...]
    caveats: tuple[str, ...]
    digest: str


def parse(text: str, file: str | Path) -> Content:
    """Return what the text of a cost file holds.

    Args:
        text: all of it.
        file: what messages call it.

    Raises:
        InputError: names the file, the row, the value, what is allowed and the way out.
    """
    data = load(text, file)
    _check_keys(data, f"{file}", SECTIONS)
    name = _text(data["name"], f"{file}: name")
    if not NAME.fullmatch(name):
        fail(f"{file}: name", f"is {shown(name)}", "give 1 to 40 letters, digits, '.', '_' or '-'")
    content = Content(
        name=name,
        title=_text(data["title"], f"{file}: title"),
        limits=_section(data["limits"], LIMITS, f"{file}: limits"),
        costs=_section(data["costs"], COSTS, f"{file}: costs"),
        barrier=_barrier(data["barrier"], f"{file}: barrier"),
        caveats=_caveats(data["caveats"], f"{file}: caveats"),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    _check_together(content["limits"], f"{file}: limits")
    return content


def fail(where: str, what: str, way_out: str) -> NoReturn:
    """Raise the InputError that says what is wrong where, and what to do about it."""
    raise InputError(f"{where} {what}; {way_out}")


def _check_keys(
    value: Any, where: str, required: Sequence[str], optional: Sequence[str] = ()
) -> None:
    """Raise InputError unless `value` is an object with the required keys and no unknown one."""
    known = (*required, *optional)
    if not isinstance(value, Object):
        fail(where, f"is {shown(value)}", f"give an object with {_listed(known)}")
    for key in value.twice:
        fail(where, f"has {shown(key)} twice", "leave one of them")
    for key in value:
        if key not in known:
            close = get_close_matches(key, known, 1)
            way_out = f"write {close[0]!r}" if close else f"use {_listed(known)}"
            fail(where, f"has the unknown key {shown(key)}", way_out)
    for key in required:
        if key not in value:
            fail(where, f"has no {key!r}", "add it, as docs/cost-files.md describes")


def _listed(keys: Sequence[str]) -> str:
    return f"the keys {', '.join(keys) if len(keys) < 9 else 'in docs/cost-files.md'}"


def _section(value: Any, rules: Mapping[str, Rule], where: str) -> Mapping[str, Cost]:
    required = [name for name, rule in rules.items() if rule.required]
    _check_keys(value, where, required, [name for name in rules if name not in required])
    return MappingProxyType(
        {name: _row(row, rules[name], f"{where}.{name}") for name, row in value.items()}
    )


def _barrier(value: Any, where: str) -> tuple[tuple[int, Cost], ...]:
    if not isinstance(value, Object) or not value:
        fail(
            where, f"is {shown(value)}", "give an object with a row for a number of tiles at least"
        )
    for tiles in value:
        if not (TILES.fullmatch(tiles) and int(tiles) <= TILES_MAX):
            way_out = f"give a whole number from 1 to {TILES_MAX:,} in digits alone"
            fail(where, f"has a row for {shown(tiles)} tiles", way_out)
    _check_keys(value, where, tuple(value))
    rows = {int(tiles): _row(row, BARRIER, f"{where}.{tiles}") for tiles, row in value.items()}
    return tuple(sorted(rows.items()))


def _caveats(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        fail(where, f"is {shown(value)}", "give a list of sentences, [] for none")
    return tuple(_text(each, f"{where}[{index}]") for index, each in enumerate(value))


def _row(value: Any, rule: Rule, where: str) -> Cost:
    _check_keys(value, where, (*READING, "unit"), ("set", "alternatives"))
    if value["unit"] not in rule.units:
        fail(where, f"has the unit {shown(value['unit'])}", f"give it in {' or '.join(rule.units)}")
    listed = value.get("alternatives", [])
    if not isinstance(listed, list):
        fail(where, f"has the alternatives {shown(listed)}", "give a list of objects")
    first = _reading(value, rule, where)
    others = []
    for index, each in enumerate(listed):
        place = f"{where}.alternatives[{index}]"
        _check_keys(each, place, READING, ("set",))
        others.append(_reading(each, rule, place))
    sets = [reading.set for reading in (first, *others) if reading.set]
    for name in sets:
        if sets.count(name) > 1:
            fail(where, f"has two values of the set {shown(name)}", "a set has one; leave one")
    return Cost(unit=value["unit"], **first._asdict(), alternatives=tuple(others))


def _reading(value: Mapping[str, Any], rule: Rule, where: str) -> Reading:
    if value["grade"] not in GRADES:
        fail(where, f"has the grade {shown(value['grade'])}", f"give one of {', '.join(GRADES)}")
    return Reading(
        value=_number(value["value"], rule, where),
        source=_text(value["source"], f"{where}.source"),
        grade=value["grade"],
        set=_text(value["set"], f"{where}.set") if "set" in value else "",
    )


def _number(value: Any, rule: Rule, where: str) -> float:
    """Return a number of the rule's range; bool is none, though Python takes it for one."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and rule.low <= value <= rule.high and (not rule.whole or value == int(value)):
        return int(value) if rule.whole else float(value)
    kind = "whole number" if rule.whole else "number"
    fail(
        where, f"has the value {shown(value)}", f"give a {kind} from {rule.low:,} to {rule.high:,}"
    )


def _text(value: Any, where: str) -> str:
    """Return a text that a terminal can print: no control characters, no halves of a character."""
    if isinstance(value, str) and value.strip() and len(value) <= TEXT_MAX and value.isprintable():
        return value
    fail(where, f"is {shown(value)}", f"give 1 to {TEXT_MAX} printable characters")


def _check_together(limits: Mapping[str, Cost], where: str) -> None:
    """Raise InputError where limits that are each in range contradict one another."""
    cores, small = limits["cores_per_chip"].value, limits["weight_bits_small_max"].value
    mesh = [
        limits[name].value for name in ("cores_per_tile", "tiles_east_west", "tiles_north_south")
    ]
    if cores > math.prod(mesh):
        fail(
            f"{where}.cores_per_chip",
            f"is {cores} and the tiles have {' x '.join(map(str, mesh))} = {math.prod(mesh)}",
            "make the two fit",
        )
    if small > limits["weight_bits_max"].value:
        fail(
            f"{where}.weight_bits_small_max",
            f"is {small} and weight_bits_max {limits['weight_bits_max'].value}",
            "give the smaller number of bits first",
        )
    if "output_axons_per_core" in limits and "population_axon_entries" not in limits:
        fail(
            where,
            "has 'output_axons_per_core' and no 'population_axon_entries'",
            "give both or neither",
        )


@dataclass(frozen=True, eq=False, repr=False)
class Chip(Shown):
    """What a network meets on one kind of chip.

    Attributes:
        name: key of `CHIPS`, as users type it.
        title: the chip's full name.
        limits: by name, in whole things; a limit that does not bind has no row.
        costs: by name, energy, time and power.
        barrier: time of the barrier between steps as (tiles in use, row), ascending.
        caveats: sentences that every report on this chip prints.
        digest: sha256 of the cost file, 64 hexadecimal digits.
    """

    name: str
    title: str
    limits: Mapping[str, Cost]
    costs: Mapping[str, Cost]
    barrier: tuple[tuple[int, Cost], ...]
    caveats: tuple[str, ...]
    digest: str

    def __repr__(self) -> str:
        rows = f"{len(self.limits)} limits, {len(self.costs)} costs"
        return f"Chip({self.name!r}, {self.title!r}, {rows}, sha256 {self.digest[:12]})"

    def limit(self, name: str) -> int:
        """Return the limit `name`, which must have a row."""
        return int(self.limits[name].value)

    def cost(self, name: str) -> Estimate:
        """Return the cost `name` in joules, seconds or watts."""
        return self.costs[name].si

    def barrier_time(self, tiles: int) -> Estimate:
        """Return the seconds that a barrier over `tiles` tiles takes, each end by itself.

        Between two tabulated sizes it is a straight line over the logarithm of tiles, as for a
        signal that goes up and down a tree:
            below + (above - below) * log(tiles / tiles below) / log(tiles above / tiles below).
        Below the first size and above the last it is what that one takes.
        """
        sizes = np.log([size for size, _ in self.barrier])
        rows = [row.si for _, row in self.barrier]
        low, value, high = (
            float(np.interp(math.log(tiles), sizes, [getattr(row, end) for row in rows]))
            for end in ("low", "value", "high")
        )
        return around(value, low, high)

    def rows(self) -> dict[str, Cost]:
        """Return every row of the cost file by name, limits first."""
        barrier = {f"barrier_time_{tiles}_tiles": row for tiles, row in self.barrier}
        return {**self.limits, **self.costs, **barrier}

    @property
    def sets(self) -> tuple[str, ...]:
        """The constant sets that readings belong to, in the order of the file."""
        readings = (reading for row in self.rows().values() for reading in row.readings)
        return tuple(dict.fromkeys(reading.set for reading in readings if reading.set))

    def using(self, set_name: str) -> Chip:
        """Return the chip with the costs of one constant set, without bands.

        A row of which the set says nothing has the value used without it.

        Raises:
            InputError: when no row has a value of the set; the message names the sets there are.
        """
        if set_name not in self.sets:
            raise InputError(
                f"{self.name} has no constant set {set_name!r}; choose one of "
                f"{', '.join(self.sets) or 'none'}"
            )
        costs = {name: row.using(set_name) for name, row in self.costs.items()}
        barrier = tuple((tiles, row.using(set_name)) for tiles, row in self.barrier)
        return replace(self, costs=MappingProxyType(costs), barrier=barrier)


def chip(name: str) -> Chip:
    """Return the chip called `name`.

    Raises:
        InputError: when there is no such chip; the message names those there are.
    """
    if name not in CHIPS:
        raise InputError(f"there is no chip {name!r}; choose one of {', '.join(CHIPS)}")
    return CHIPS[name]


def choose(names: Sequence[str] = (), files: Sequence[Path] = ()) -> tuple[Chip, ...]:
    """Return the chips called `names` and those of the cost `files`; all installed ones for none.

    Raises:
        InputError: when there is no such chip, a file is no cost file, is given twice, or calls its
            chip as an installed one or another file's.
    """
    chosen = {name: chip(name) for name in sorted(names if names or files else CHIPS)}
    taken = dict.fromkeys(CHIPS, "an installed chip")
    read: set[str] = set()
    for file in files:
        if os.path.realpath(file) in read:
            raise InputError(f"{file} is given twice; give each cost file once")
        read.add(os.path.realpath(file))
        made = read_chip_file(file)
        if made.name in taken:
            raise InputError(
                f"{file} calls its chip {made.name!r}, which is the name of {taken[made.name]}; "
                "give it a name of its own"
            )
        taken[made.name] = f"the chip in {file}"
        chosen[made.name] = made
    return tuple(chosen.values())


def read_chip_file(path: Path | str) -> Chip:
    """Return the chip that the cost file at `path` describes; see docs/cost-files.md.

    Raises:
        InputError: one sentence on the first fault of the file.

    Example:
        >>> costs = resources.files("neurodeploy.hw_sim.chips") / "costs"
        >>> neurodeploy.load_chip(costs / "loihi2.json").title
        'Intel Loihi 2'
    """
    path = Path(path)
    return read_chip(read_text(path), path)


def read_chip(text: str, file: str | Path = "the cost file") -> Chip:
    """Return the chip that the cost file with this text describes; raises as `read_chip_file`."""
    return Chip(**parse(text, file))


def _read_all() -> Mapping[str, Chip]:
    folder = resources.files("neurodeploy.hw_sim.chips").joinpath("costs")
    files = [file for file in folder.iterdir() if file.name.endswith(".json")]
    chips = [read_chip(file.read_bytes().decode(), file.name) for file in files]
    return MappingProxyType({each.name: each for each in sorted(chips, key=lambda c: c.name)})


CHIPS: Final = _read_all()
"""Every chip that has an installed cost file, by name."""
