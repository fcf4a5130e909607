"""The page on cost files says what is read: every row, key, grade and sentence."""

from __future__ import annotations

import copy
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.__main__ import main
from neurodeploy.hw_sim import chips
from neurodeploy.hw_sim.chips import CHIPS, GRADES, Cost, choose, read_chip
from neurodeploy.models.errors import InputError

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "cost-files.md").read_text(encoding="utf-8")
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


def test_the_table_of_limits_is_what_is_read():
    yes_no = {True: "yes", False: "no"}
    expected = [
        [f"`{name}`", *rule.units, f"{rule.low:,}, {rule.high:,}", yes_no[rule.required],
         cell(LOIHI1.limits.get(name)), cell(LOIHI2.limits.get(name))]
        for name, rule in chips.LIMITS.items()
    ]  # fmt: skip
    assert [row[:-1] for row in table("Limits")] == expected
    assert all(row[-1] for row in table("Limits"))


def test_the_table_of_costs_is_what_is_read():
    expected = [
        [f"`{name}`", " or ".join(rule.units), cell(LOIHI1.costs[name]), cell(LOIHI2.costs[name])]
        for name, rule in chips.COSTS.items()
    ]
    assert [row[:-1] for row in table("Costs")] == expected
    assert all(row[-1] for row in table("Costs"))
    assert all(rule.required and rule.low == 0 for rule in chips.COSTS.values())
    assert f"Numbers from 0 to {chips.LARGEST_COST:,}, all required" in PAGE


def test_the_table_of_the_barrier_is_what_is_read():
    expected = [
        [f"`{tiles}`", "us", cell(one), cell(two)]
        for (tiles, one), (_, two) in zip(LOIHI1.barrier, LOIHI2.barrier, strict=True)
    ]
    assert table("The barrier") == expected
    assert f"{chips.SHORTEST_BARRIER:f} of its unit" in PAGE
    assert chips.BARRIER.units == ("ns", "us")
    assert LOIHI1.barrier_time(64).value == pytest.approx(3.36e-6, abs=0.005e-6)
    assert "log(64 / 32) / log(8192 / 32) = 3.36 us" in PAGE


def test_the_tables_of_keys_and_grades_are_what_is_read():
    assert [row[0] for row in table("The keys of a file")] == [f"`{k}`" for k in chips.SECTIONS]
    rows = table("The keys of a row")
    required = {row[0] for row in rows if row[1] == "yes"}
    assert required == {"`value`", "`unit`", "`source`", "`grade`"}
    assert {row[0] for row in rows if row[1] == "no"} == {"`set`", "`alternatives`"}
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


def test_the_limit_of_bytes_is_that_of_the_page():
    from neurodeploy.hw_sim import chips

    assert f"more than {chips.BYTES_MAX:,} bytes" in PAGE


def test_the_page_reads_the_file_as_the_commands_do(folder):
    text = Path("half.json").read_text(encoding="utf-8")
    assert read_chip(text).cost("static_power").high == pytest.approx(0.15)
