"""Read a cost file: JSON as docs/cost-files.md describes, every fault one sentence.

The files of the installed chips go the same way as those that a person gives.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypedDict

from neurodeploy.hw_sim.chips.cost import GRADES, Cost, Reading
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import Object, object_of

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
    """What a cost file holds: the fields of a `hw_sim.chips.chip.Chip`."""

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
