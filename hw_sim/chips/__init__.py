"""Chips: their limits and what an event costs on them, read from `costs/*.json`.

A cost file has one row per limit or event, with its value, unit, source and grade, and what other
sources say. A new chip is a new file; docs/reference/cost-files.md describes them, and
docs/schemas/cost-file.json lets editors check them. Every report names the sha256 of its files.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

import msgspec
import numpy as np

from neurodeploy.models import schema
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_fields import Table, same, to_dict


@dataclass(frozen=True)
class Estimate:
    """A value between the lowest and the highest that the sources allow, all in one unit.

    Sums and products combine low with low and high with high: the widest band, as if every source
    erred to the same side. All quantities are 0 or more.

    Attributes:
        low: from the most favourable source, 0 or more.
        value: from the source that the cost file prefers.
        high: from the least favourable source.
        unit: SI unit, such as "J"; "" for numbers. It is text only, and not compared.

    Example:
        >>> Estimate(1.2e-05, 2.49e-05, 4.1e-05, "J")
        24.9 µJ (12 to 41)
    """

    JSON: ClassVar[Table] = Table(
        same("low value high"),
        "Band",
        "An estimate with its bounds, in the unit that the key names.",
    )

    low: float
    value: float
    high: float
    unit: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        assert 0 <= self.low <= self.value <= self.high, (self.low, self.value, self.high)

    def __repr__(self) -> str:
        prefix, factor = next(
            ((name, by) for name, by in _PREFIXES.items() if self.unit and self.value * by >= 1),
            ("", 1.0),
        )
        low, value, high = (f"{end * factor:.3g}" for end in (self.low, self.value, self.high))
        text = f"{value} {prefix}{self.unit}".rstrip()
        return text if low == high else f"{text} ({low} to {high})"

    def __add__(self, other: Estimate) -> Estimate:
        unit = self.unit or other.unit
        return Estimate(
            self.low + other.low, self.value + other.value, self.high + other.high, unit
        )

    def __mul__(self, factor: Estimate | float) -> Estimate:
        by = factor if isinstance(factor, Estimate) else exactly(factor)
        units = self.unit, by.unit
        unit = _PRODUCTS.get(units, " ".join(units)) if all(units) else "".join(units)
        return Estimate(self.low * by.low, self.value * by.value, self.high * by.high, unit)

    def inverse(self) -> Estimate:
        """Return 1 / x, with the ends swapped. No end may be 0."""
        unit = f"1/{self.unit}" if self.unit else ""
        return Estimate(1 / self.high, 1 / self.value, 1 / self.low, unit)


_PREFIXES: Final = {"": 1.0, "m": 1e3, "\N{MICRO SIGN}": 1e6, "n": 1e9, "p": 1e12}
_PRODUCTS: Final = {("W", "s"): "J", ("J", "1/s"): "W", ("1/s", "s"): ""}


def around(value: float, low: float, high: float, unit: str = "") -> Estimate:
    """Return an estimate whose ends were computed in another way than its value.

    Rounding can put such an end on the wrong side of the value; the value then is the end.
    """
    return Estimate(min(low, value), value, max(high, value), unit)


def exactly(value: float, unit: str = "") -> Estimate:
    """Return an estimate without a band, for what is known or counted."""
    return Estimate(value, value, value, unit)


def largest(estimates: Sequence[Estimate]) -> Estimate:
    """Return the largest low, value and high of `estimates`, which share a unit."""
    return Estimate(
        max(e.low for e in estimates),
        max(e.value for e in estimates),
        max(e.high for e in estimates),
        estimates[0].unit,
    )


Grade = Literal["code", "notebook", "abstract", "second-hand", "derived", "memory", "measured"]
GRADES: Final = get_args(Grade)
"""Kind of evidence for a value, in this order: public code; output of Intel's benchmark notebook;
abstract of a paper; secondary source; computed from other values; unconfirmed; measured on hardware
by the author of the file, which no installed file has."""

SI_FACTORS: Final = {"pJ": 1e-12, "ns": 1e-9, "us": 1e-6, "mW": 1e-3}
"""From the units of cost rows to joules, seconds and watts."""


@dataclass(frozen=True)
class Reading:
    """A value of a row from one source.

    Attributes:
        value: in the row's unit.
        source: the source.
        grade: quality of the evidence.
        set: the constant set that it belongs to, such as "SANA-FE"; "" for none.
    """

    JSON: ClassVar[Table] = Table(same("value source grade set"))

    value: float
    source: str
    grade: str
    set: str = ""


@dataclass(frozen=True)
class Cost:
    """A row of a cost file: a limit, or what one event costs.

    Attributes:
        value: the value used, in `unit` like the others.
        unit: unit of a cost, or what a limit counts.
        source: source of `value`.
        grade: quality of the evidence.
        set: the constant set of `value`; "" for none.
        alternatives: values from other sources.
    """

    JSON: ClassVar[Table] = Table(same("unit value low high source grade set alternatives"))

    value: float
    unit: str
    source: str
    grade: str
    set: str = ""
    alternatives: tuple[Reading, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The values of all sources, the one in use first."""
        return (Reading(self.value, self.source, self.grade, self.set), *self.alternatives)

    @property
    def low(self) -> float:
        """The lowest value of any source."""
        return min(reading.value for reading in self.readings)

    @property
    def high(self) -> float:
        """The highest value of any source."""
        return max(reading.value for reading in self.readings)

    @property
    def si(self) -> Estimate:
        """The cost in joules, seconds or watts, from the lowest to the highest reading."""
        unit = self.unit[1:]  # without the prefix
        return Estimate(self.low, self.value, self.high, unit) * SI_FACTORS[self.unit]

    def using(self, set_name: str) -> Cost:
        """Return the row with the reading of one constant set alone, or the preferred one."""
        of_set = (reading for reading in self.readings if reading.set == set_name)
        return replace(self, **vars(next(of_set, self.readings[0])), alternatives=())

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON values: as in the cost file, and its ends."""
        return to_dict(self)


COST_MAX: Final = 10**12
"""Maximum of any cost in its unit: a joule, some minutes or a gigawatt for one event."""

BARRIER_MIN: Final = 1e-6
"""Minimum of the time of a barrier in its unit."""

TEXT_MAX: Final = 1000
"""Maximum number of characters of a title, caveat, source or set."""


@dataclass(frozen=True)
class Rule:
    """The allowed values of a row.

    Attributes:
        units: those allowed.
        low: smallest value.
        high: largest value.
        about: what the row is, for the JSON Schema; does not tell rules apart.
        whole: whether only whole numbers are allowed.
        required: whether every cost file has the row; does not tell rules apart.
    """

    units: tuple[str, ...]
    low: float
    high: float
    about: str = field(compare=False)
    whole: bool = True
    required: bool = field(default=True, compare=False)


def _limit(unit: str, low: int, high: int, about: str, *, required: bool = True) -> Rule:
    return Rule((unit,), low, high, about, required=required)


def _cost(*units: str, about: str, low: float = 0, required: bool = True) -> Rule:
    return Rule(units, low, COST_MAX, about, whole=False, required=required)


LIMITS: Final = {
    "cores_per_chip": _limit(
        "neurocores", 1, 10**6, "neurocores of one chip, at most those of its tiles"
    ),
    "chips_max": _limit(
        "chips", 1, 10**6, "chips of the largest system; 1 for a chip that stands alone"
    ),
    "neurons_per_core": _limit("neurons", 1, 10**9, "neurons of one neurocore"),
    "synaptic_memory": _limit(
        "bits", 1, 10**12, "memory of one neurocore for the synapses of its neurons"
    ),
    "synapse_list_length": _limit(
        "synapses", 1, 10**9, "synapses of one list; a longer list is split", required=False
    ),
    "synapse_list_header": _limit("bits", 0, 10**6, "bits of a list beside its synapses"),
    "synapse_list_word": _limit("bits", 1, 10**6, "a list takes whole words of this many bits"),
    "input_axons_per_core": _limit(
        "axons", 1, 10**9, "senders that one neurocore listens to", required=False
    ),
    "output_axons_per_core": _limit(
        "axons", 1, 10**9, "pairs of a neuron and a neurocore that it sends to", required=False
    ),
    "population_axon_entries": _limit(
        "output axons", 1, 10**6,
        "output axons that one axon to a convolution takes; given with the row above",
        required=False,
    ),
    "decay_settings_per_core": _limit(
        "settings", 1, 10**9, "different pairs of decays in one neurocore", required=False
    ),
    "delay_max": _limit("steps", 0, 10**6, "longest delay of a spike"),
    "graded_spike_bits_max": _limit(
        "bits", 0, 64, "widest payload of a spike; 0 where spikes carry none"
    ),
    "weight_bits_small_max": _limit(
        "bits", 0, 64,
        "mantissas of weights have 1 to this many bits, or `weight_bits_max`; 0 where only that",
    ),
    "weight_bits_max": _limit(
        "bits", 1, 64, "widest mantissa of a weight, with its sign where signs are mixed"
    ),
    "weight_exponent_min": _limit(
        "powers of two", -64, 0, "smallest exponent of the power of two that scales mantissas"
    ),
    "cores_per_tile": _limit(
        "neurocores", 1, 1024, "neurocores of one tile, between which a spike makes no hop"
    ),
    "tiles_east_west": _limit("tiles", 1, 1024, "width of the chip's mesh"),
    "tiles_north_south": _limit("tiles", 1, 1024, "height of the chip's mesh"),
}  # fmt: skip
"""Limits by name. Optional limits without a row do not apply."""

EVENTS: Final = {
    "synaptic_operation": "one weight added, in a dense or recurrent layer",
    "convolution_operation": "one weight added, in a convolution",
    "neuron_update_active": "one step of a neuron with input, or with a state left to decay",
    "neuron_update_inactive": "one step of a neuron at rest",
    "spike_generation": "one spike of a neuron, beside its update",
    "spike_message": "one spike that is sent to one neurocore, within a tile",
    "hop_east_west": "one hop of a spike to the next tile of the row",
    "hop_north_south": "one hop of a spike to the next tile of the column",
}
"""Events that take energy and time."""

COSTS: Final = {
    **{f"{event}_energy": _cost("pJ", about=about) for event, about in EVENTS.items()},
    "static_power": _cost("mW", about="one powered chip before any event"),
    **{f"{event}_time": _cost("ns", "us", about=about) for event, about in EVENTS.items()},
    **{
        f"{event}_time": _cost("ns", "us", about=about, required=False)
        for event, about in {
            "synaptic_memory_read": "one word of synaptic memory read",
            "message_out": "one spike sent to one neurocore, at its sender",
            "link_message": "one spike over one link of the mesh, before the next can follow",
        }.items()
    },
    "neuron_clear_energy": _cost(
        "pJ", about="the state of one neuron cleared between samples", required=False
    ),
}
"""Costs by name; what an optional one without a row would cost is left out, with a note."""

BARRIER: Final = _cost("ns", "us", about="the barrier over so many tiles", low=BARRIER_MIN)
"""Of each row of the section `barrier`, whose names are numbers of tiles."""


Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]
Tiles = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,8}$")]
Name = Annotated[
    str,
    msgspec.Meta(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$",
        description="what reports call the chip; not the name of an installed chip",
    ),
]


def _check_texts(part: Any) -> None:
    """Refuse text with characters that are not printable, such as escape sequences."""
    for name in part.__struct_fields__:
        value = getattr(part, name)
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and text and (text.isspace() or not text.isprintable()):
                raise InputError(f"{name} is {schema.shown(text)}; give printable characters")


def _check_row(row: Any) -> None:
    _check_texts(row)
    sets = [reading.set for reading in (row, *row.alternatives) if reading.set]
    twice = next((name for name in sets if sets.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two values belong to the set {schema.shown(twice)}; leave one of them")


def _check_limits(limits: Any) -> None:
    """Refuse limits that contradict one another."""
    mesh = [
        int(getattr(limits, name).value)
        for name in ("cores_per_tile", "tiles_east_west", "tiles_north_south")
    ]
    cores, tiles = int(limits.cores_per_chip.value), math.prod(mesh)
    if cores > tiles:
        raise InputError(
            f"cores_per_chip is {cores} and the tiles hold {' x '.join(map(str, mesh))} = {tiles}; "
            "make the two fit"
        )
    small, wide = int(limits.weight_bits_small_max.value), int(limits.weight_bits_max.value)
    if small > wide:
        raise InputError(
            f"weight_bits_small_max is {small} and weight_bits_max is {wide}; "
            "give the smaller number of bits first"
        )
    if limits.output_axons_per_core and not limits.population_axon_entries:
        raise InputError(
            "there is 'output_axons_per_core' without 'population_axon_entries'; give both or none"
        )


def _struct(name: str, fields: list[Any], check: Any = _check_texts) -> Any:
    return msgspec.defstruct(
        name, fields, namespace={"__post_init__": check}, rename={"schema": "$schema"},
        frozen=True, kw_only=True, forbid_unknown_fields=True,
    )  # fmt: skip


@lru_cache
def _row_type(rule: Rule) -> Any:
    """Return the type of a row with the units and the range of a rule."""
    name = f"{' or '.join(rule.units)} from {rule.low:g} to {rule.high:g}"
    step = 1 if rule.whole else None
    value = "value", Annotated[float, msgspec.Meta(ge=rule.low, le=rule.high, multiple_of=step)]
    reading: list[Any] = [value, ("source", Text), ("grade", Grade), ("set", Text, "")]
    other = _struct(f"alternative: {name}", reading)
    unit, others = ("unit", Literal[rule.units]), ("alternatives", tuple[other, ...], ())  # type: ignore[valid-type]
    return _struct(name, [value, unit, *reading[1:], others], _check_row)


def _section_type(name: str, rules: Mapping[str, Rule], check: Any = _check_texts) -> Any:
    fields: list[Any] = []
    for row, rule in rules.items():
        kind, about = _row_type(rule), msgspec.Meta(description=rule.about)
        if rule.required:
            fields.append((row, Annotated[kind, about]))
        else:
            fields.append((row, Annotated[kind | msgspec.UnsetType, about], msgspec.UNSET))
    return _struct(name, fields, check)


@lru_cache
def file_type() -> Any:
    """Return the type of a cost file, a `msgspec.Struct`."""
    barrier = dict[Tiles, _row_type(BARRIER)]  # type: ignore[valid-type, misc]
    return _struct(
        "CostFile",
        [
            ("schema", str, ""),
            ("name", Name),
            ("title", Annotated[Text, msgspec.Meta(description="the chip's full name")]),
            ("caveats", Annotated[
                tuple[Text, ...], msgspec.Meta(description="sentences that every report prints")
            ]),
            ("limits", _section_type("Limits", LIMITS, _check_limits)),
            ("costs", _section_type("Costs", COSTS)),
            ("barrier", Annotated[barrier, msgspec.Meta(
                min_length=1, description="by the number of tiles in use"
            )]),
        ],
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Chip(Shown):
    """The limits and costs of one kind of chip.

    Attributes:
        name: key of `CHIPS`, as users type it.
        title: the chip's full name.
        limits: by name, whole numbers; a limit that does not bind has no row.
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

        Between two tabulated sizes it is linear in the logarithm of tiles, as for a signal that
        goes up and down a tree:
            below + (above - below) * log(tiles / tiles below) / log(tiles above / tiles below).
        Below the first size and above the last it is constant.
        """
        sizes = np.log([size for size, _ in self.barrier])
        rows = [row.si for _, row in self.barrier]
        low, value, high = (
            float(np.interp(math.log(tiles), sizes, [getattr(row, end) for row in rows]))
            for end in ("low", "value", "high")
        )
        return around(value, low, high, "s")

    def rows(self) -> dict[str, Cost]:
        """Return every row of the cost file by name, limits first."""
        barrier = {f"barrier_time_{tiles}_tiles": row for tiles, row in self.barrier}
        return {**self.limits, **self.costs, **barrier}

    @property
    def sets(self) -> tuple[str, ...]:
        """The constant sets that readings belong to, in the order of the rows."""
        readings = (reading for row in self.rows().values() for reading in row.readings)
        return tuple(dict.fromkeys(reading.set for reading in readings if reading.set))

    def using(self, set_name: str) -> Chip:
        """Return the chip with the costs of one constant set, without bands.

        A row without a value of the set has the preferred value.

        Raises:
            InputError: when no row has a value of the set; the message lists the sets.
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
    """Return the installed chip called `name`.

    Raises:
        InputError: when there is no such chip; the message lists the installed ones.
    """
    if name not in CHIPS:
        raise InputError(f"there is no chip {name!r}; choose one of {', '.join(CHIPS)}")
    return CHIPS[name]


def choose(names: Sequence[str] = (), files: Sequence[Path] = ()) -> tuple[Chip, ...]:
    """Return the chips called `names` and those of the cost `files`; all installed ones for none.

    Raises:
        InputError: when there is no such chip, a file is not a cost file, is given twice, or has
            the name of an installed chip or of another file's.
    """
    chosen = {name: chip(name) for name in sorted(names if names or files else CHIPS)}
    taken = dict.fromkeys(CHIPS, "an installed chip")
    read: set[str] = set()
    for file in files:
        if os.path.realpath(file) in read:
            raise InputError(f"{file} is given twice; give each cost file once")
        read.add(os.path.realpath(file))
        found = read_chip_file(file)
        if found.name in taken:
            raise InputError(
                f"{file} calls its chip {found.name!r}, which is the name of {taken[found.name]}; "
                "give it a name of its own"
            )
        taken[found.name] = f"the chip in {file}"
        chosen[found.name] = found
    return tuple(chosen.values())


def read_chip_file(path: Path | str) -> Chip:
    """Return the chip that the cost file at `path` describes; see docs/reference/cost-files.md.

    Raises:
        InputError: one sentence on the first fault of the file.

    Examples:
        >>> costs = resources.files("neurodeploy.hw_sim.chips") / "costs"
        >>> neurodeploy.load_chip(costs / "loihi2.json").title
        'Intel Loihi 2'
    """
    path = Path(path)
    text = schema.read_text(path, way_out="give a cost file (docs/reference/cost-files.md)")
    return replace(read_chip(text, path), digest=hashlib.sha256(path.read_bytes()).hexdigest())


def read_chip(text: str, file: str | Path = "the cost file") -> Chip:
    """Return the chip that the cost file with this text describes; raises as `read_chip_file`."""
    found = schema.decode(text, file_type(), str(file))
    return Chip(
        name=found.name,
        title=found.title,
        limits=_rows(found.limits, LIMITS),
        costs=_rows(found.costs, COSTS),
        barrier=tuple(sorted((int(tiles), _row(row)) for tiles, row in found.barrier.items())),
        caveats=found.caveats,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _rows(section: Any, rules: Mapping[str, Rule]) -> Mapping[str, Cost]:
    rows = {name: (getattr(section, name), rule.whole) for name, rule in rules.items()}
    return MappingProxyType(
        {name: _row(row, whole=whole) for name, (row, whole) in rows.items() if row}
    )


def _row(row: Any, *, whole: bool = False) -> Cost:
    number = int if whole else float
    readings = [
        Reading(number(each.value), each.source, each.grade, each.set)
        for each in (row, *row.alternatives)
    ]
    return Cost(unit=row.unit, **vars(readings[0]), alternatives=tuple(readings[1:]))


def _read_all() -> Mapping[str, Chip]:
    folder = resources.files("neurodeploy.hw_sim.chips").joinpath("costs")
    files = [file for file in folder.iterdir() if file.name.endswith(".json")]
    chips = [read_chip(file.read_bytes().decode(), file.name) for file in files]
    return MappingProxyType({each.name: each for each in sorted(chips, key=lambda c: c.name)})


CHIPS: Final = _read_all()
"""Every chip that has an installed cost file, by name."""
