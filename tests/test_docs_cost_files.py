"""The page on cost files says what is read: every row, key, grade and sentence."""

from __future__ import annotations

import copy
import json
import re
import shlex
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.__main__ import main
from neurodeploy.hw_sim.chips import (
    BARRIER_MIN,
    CHIPS,
    COST_MAX,
    COSTS,
    GRADES,
    LIMITS,
    Cost,
    choose,
    file_type,
)
from neurodeploy.models.errors import InputError

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "reference" / "cost-files.md").read_text(encoding="utf-8")
MAKE, READ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED, REFUSED = re.findall(r"(?<=\n\n)```\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^python -m (.*)$", PAGE, re.MULTILINE)
LOIHI1, LOIHI2 = CHIPS["loihi1"], CHIPS["loihi2"]


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its two head lines."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return rows[2:]


def cell(row: Cost | None) -> str:
    """Return a row as the tables show it: its value, and its ends where they differ."""
    if row is None:
        return "none"
    value, low, high = (
        f"{v:,.0f}" if v == int(v) else f"{v:g}" for v in (row.value, row.low, row.high)
    )
    return value if low == high else f"{value} ({low} to {high})"


def test_the_tables_of_rows_are_what_is_read():
    limits = [
        [f"`{name}`", *rule.units, f"{rule.low:,}, {rule.high:,}", "yes" if rule.required else "no",
         cell(LOIHI1.limits.get(name)), cell(LOIHI2.limits.get(name)), rule.about]
        for name, rule in LIMITS.items()
    ]  # fmt: skip
    assert table("Limits") == limits
    costs = [
        [f"`{name}`", " or ".join(rule.units), cell(LOIHI1.costs.get(name)),
         cell(LOIHI2.costs.get(name)), rule.about]
        for name, rule in COSTS.items()
    ]  # fmt: skip
    assert table("Costs") == costs
    assert f"Numbers from 0 to {COST_MAX:,}, all required but the last four" in PAGE
    assert [rule.required for rule in COSTS.values()].count(False) == 4
    barrier = [
        [f"`{tiles}`", "us", cell(one), cell(two)]
        for (tiles, one), (_, two) in zip(LOIHI1.barrier, LOIHI2.barrier, strict=True)
    ]
    assert table("The barrier") == barrier
    assert f"{BARRIER_MIN:f} of its unit" in PAGE


def test_the_tables_of_keys_and_grades_are_what_is_read():
    fields = file_type().__struct_fields__
    assert [row[0] for row in table("The keys of a file")] == [f"`{k}`" for k in fields[1:]]
    rows = table("The keys of a row")
    keys = {row[0].strip("`"): row[1] for row in rows if row[1] in ("yes", "no")}
    row = CHIPS["loihi1"].limits["chips_max"]
    assert keys.keys() == {each.name for each in fields_of(row)}
    assert {key for key, required in keys.items() if required == "no"} == {"set", "alternatives"}
    assert [row[0] for row in rows if len(row) == 2][2:] == [f"`{grade}`" for grade in GRADES]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Enter a folder with the cost file of the page."""
    monkeypatch.chdir(tmp_path)
    exec(compile(MAKE, "cost-files.md", "exec"), {})
    return tmp_path


def test_the_blocks_of_the_page_run_and_print_what_it_says(folder, capsys):
    names: dict[str, Any] = {}
    exec(compile(READ, "cost-files.md", "exec"), names)
    assert capsys.readouterr().out == PRINTED
    assert names["chip"].name == "half"
    assert names["chip"].title == "Half a Loihi 2"


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_page_take_their_options(line):
    module, *arguments = shlex.split(line)
    with pytest.raises(SystemExit) as ended:
        main([module.removeprefix("neurodeploy."), *arguments, "--help"])
    assert ended.value.code == 0


CHANGES = [  # by the line of the page: keys and the new value, None to delete
    (("limits", "neurons_per_core", "value"), -1),
    (("costs", "static_power", "unit"), "W"),
    (("costs", "spike_message_energy"), None),
    (("limits", "neuron_per_core"), {}),
    (("costs", "static_power", "grade"), "good"),
    (("name",), "loihi2"),
]


def test_every_sentence_that_the_page_shows_is_given(folder):
    data = json.loads(Path("half.json").read_text())
    lines = REFUSED.splitlines()
    assert len(lines) == len(CHANGES)
    for ((*keys, last), value), line in zip(CHANGES, lines):
        made = copy.deepcopy(data)
        place = made
        for key in keys:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
        Path("half.json").write_text(json.dumps(made))
        with pytest.raises(InputError) as error:
            choose((), [Path("half.json")])
        assert str(error.value) == line
