"""Read a cost file: JSON as docs/cost-files.md describes, every fault one sentence.

The files of the installed chips go the same way as those that a person gives.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypedDict

from neurodeploy.hw_sim.chips import cost_rows
from neurodeploy.hw_sim.chips.cost import GRADES, Cost, Reading
from neurodeploy.hw_sim.chips.cost_json import load, shown
from neurodeploy.hw_sim.chips.cost_rows import Rule
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_object import Object

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
        limits=_section(data["limits"], cost_rows.LIMITS, f"{file}: limits"),
        costs=_section(data["costs"], cost_rows.COSTS, f"{file}: costs"),
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
        if not (TILES.fullmatch(tiles) and int(tiles) <= cost_rows.TILES_MAX):
            way_out = f"give a whole number from 1 to {cost_rows.TILES_MAX:,} in digits alone"
            fail(where, f"has a row for {shown(tiles)} tiles", way_out)
    _check_keys(value, where, tuple(value))
    rows = {
        int(tiles): _row(row, cost_rows.BARRIER, f"{where}.{tiles}") for tiles, row in value.items()
    }
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
