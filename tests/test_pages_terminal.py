"""Terminal output: networks as rows of one table, brief reports, units on any terminal; the CSV and
the page of networks side by side."""

from __future__ import annotations

import csv
import io
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from neurodeploy.hw_sim.chips import CHIPS, exactly
from neurodeploy.hw_sim.readout import score
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.pages import beside, per_chip, wording
from neurodeploy.pages.html import page
from neurodeploy.pages.terminal import beside as terminal_beside
from neurodeploy.pages.terminal import report as terminal
from neurodeploy.pages.terminal import tables
from neurodeploy.running.side_by_side import compare_networks

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture
def found() -> Any:
    """Run a network of 6-8-3 and one of 6-900-3, whose energies differ a thousandfold in part."""
    spikes = (np.random.default_rng(3).random((5, 6, 20)) < 0.4).astype(np.uint8)
    rng, networks = np.random.default_rng(1), {}
    for name, hidden in (("small.net", 8), ("large.net", 900)):
        neuron = CubaLif([1024], [512], 60)
        shapes = ((hidden, 6), (3, hidden))
        layers = tuple(DenseLayer(rng.integers(-60, 120, shape), neuron) for shape in shapes)
        task = TaskDescription("t", class_names=("up", "do\x1bwn", "[b]left[/b]"))
        networks[name] = QuantizedNetwork(layers, task)
    return compare_networks(networks, spikes)


def printed(width: int, show: Any, *args: Any, terminal: bool = False, **named: Any) -> str:
    out = io.StringIO()
    how: dict[str, Any] = {"force_terminal": terminal, "color_system": None, "highlight": False}
    show(*args, Console(file=out, width=width, **how), **named)
    return re.sub(r"\x1b\[\d*m", "", out.getvalue())


# Networks side by side


def cells(out: str) -> list[list[str]]:
    """Return the rows of the printed tables, an estimate and its ends in one cell again."""
    found: list[list[str]] = []
    for line in out.splitlines():
        row = [cell.strip() for cell in line.split("│")[1:-1]] if line.startswith("│") else []
        if row and not row[0]:
            found[-1] = [f"{one} {more}".strip() for one, more in zip(found[-1], row)]
        elif row:
            found.append(row)
    return found


@pytest.mark.parametrize(("width", "most"), [(60, 7), (80, 5), (120, 3), (160, 2), (400, 1)])
def test_networks_are_rows_of_as_few_tables_as_a_terminal_has_room_for(found, width, most):
    out = printed(width, terminal_beside.show, found, terminal=True)
    lines = [line for line in out.splitlines() if line.startswith(("┏", "┃", "│", "└"))]
    assert max(map(len, lines)) <= width
    rows = cells(out)
    assert [row[0] for row in rows] == ["small.net", "large.net"] * (len(rows) // 2)
    assert len(rows) // 2 <= most
    titles = [text for text in out.split("\n\n") if text.startswith("Counted")]
    titles = [" ".join(text.partition("┏")[0].split()) for text in titles]
    assert len(set(titles)) == len(titles) == len(rows) // 2
    joined = beside.joined(beside.listings(found.entries))  # the same units, whatever the width
    for place, row in enumerate(joined.rows):
        assert [cell for part in rows[place::2] for cell in part[1:]] == list(row[1:])


def test_a_pipe_has_room_for_one_table(found):
    rows = cells(printed(80, terminal_beside.show, found))
    assert [tuple(row) for row in rows] == list(beside.joined(beside.listings(found.entries)).rows)


def test_networks_in_brief_are_tables_alone(found):
    noted = replace(found, notes=("they differ",))
    whole, brief = (
        printed(80, terminal_beside.show, noted, brief=brief) for brief in (False, True)
    )
    assert "they differ" in whole
    assert "they differ" not in brief
    assert all(line[:1] in ("", "┏", "┃", "┡", "│", "└", "C", " ") for line in brief.splitlines())
    assert cells(brief) == cells(whole)


def test_a_cell_is_the_report_s_value_in_the_unit_of_the_head(found):
    factors = {"mJ": 1e3, "µJ": 1e6, "nJ": 1e9}
    for name, table in list(beside.listings(found.entries).items())[1:]:
        (place,) = (i for i, head in enumerate(table.head) if head.startswith("energy per sample"))
        unit = re.search(r"\((.*)\)", table.head[place])[1]
        for entry, row in zip(found.entries, table.rows):
            energy = entry.report.estimated[name].energy.total
            value = energy.value * factors[unit]
            assert row[place].split()[0] == wording.number(value)


def test_csv_has_full_precision_and_the_unit_in_the_name(found):
    rows = list(csv.DictReader(io.StringIO(beside.csv_text(found))))
    assert [row["network"] for row in rows] == ["small.net", "large.net"]
    for row, entry in zip(rows, found.entries):
        report = entry.report
        assert row["sha256"] == report.digest
        assert row["accuracy"] == ""
        assert float(row["synops_per_sample"]) == sum(
            layer.synops_per_sample for layer in report.counted.layers
        )
        for name, each in report.estimated.items():
            assert float(row[f"{name}_energy_per_sample_uj"]) == each.energy.total.value * 1e6
            assert float(row[f"{name}_energy_per_sample_high_uj"]) == each.energy.total.high * 1e6
            assert float(row[f"{name}_latency_ms"]) == each.latency.sample_s.value * 1e3
            assert int(row[f"{name}_neurocores"]) == each.placement.neurocores


def test_the_page_of_networks_holds_the_cells_of_the_tables(found):
    evil = replace(found.entries[0], name="<script>x</script>")
    page.write_comparison(replace(found, entries=(evil, found.entries[1])), Path("side.html"))
    text = Path("side.html").read_text()
    assert "<script" not in text
    cells: list[str] = []
    parser = HTMLParser()
    parser.handle_data = cells.append  # type: ignore[method-assign]
    parser.feed(text)
    for table in beside.listings(found.entries).values():
        assert {row[0] for row in table.rows[1:]} <= set(cells)
        for row in table.rows:
            assert {page.parts(cell)["text"] for cell in row[1:]} <= set(cells)


# A report


HAR = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_of_classes_names_what_a_class_is_mistaken_for(found, width):
    confusion = np.diag([40] * 6)
    confusion[0, 1], confusion[1, 2], confusion[3, 4] = 10, 5, 7
    names = {0: "WALKING_U", 1: "WALKING_D", 3: "STANDING"}
    outputs = np.eye(6, dtype=np.int64)[np.repeat(np.indices((6, 6))[1].ravel(), confusion.ravel())]
    labels = np.repeat(np.indices((6, 6))[0].ravel(), confusion.ravel())
    report = found.entries[0].report
    scored = replace(report.counted, score=score(outputs, labels))
    task = TaskDescription("t", class_names=HAR)
    neuron = CubaLif([1024], [512], 60)
    network = QuantizedNetwork((DenseLayer(np.ones((6, 6), np.int64) * 2, neuron),), task)
    out = printed(width, terminal.show, replace(report, counted=scored, network=network))
    rows = [row for row in cells(out) if re.fullmatch(r"\d [A-Z_]+…?", row[0])]
    assert len(rows) == 6
    for place, row in enumerate(rows):
        assert names.get(place, "-") in row[-1]
    (line,) = [each for each in out.splitlines() if each.startswith("│ 0 WALKING")]
    assert len(line) <= width


def test_brief_is_the_first_screen_alone(found):
    report = found.entries[0].report
    whole, brief = (
        printed(80, terminal.show, report),
        printed(80, terminal.show, report, brief=True),
    )
    assert whole.startswith(brief)
    assert len(brief.splitlines()) <= 24
    assert "┏" not in brief
    for each in report.estimated.values():
        assert each.placement.chip.title in brief


def test_brief_says_why_a_chip_cannot_hold_the_network(found):
    report = found.entries[0].report
    each = replace(report.estimated["loihi1"], problems=("layer 0 is too big",))
    report = replace(report, estimated={"loihi1": each})
    assert "layer 0 is too big" in printed(80, terminal.show, report, brief=True)


@pytest.mark.parametrize("width", [80, 120])
def test_columns_of_the_first_screen_stand_apart(found, width):
    report = found.entries[0].report
    out = printed(width, terminal.show, report, brief=True)
    table = out[out.index("likely") : out.index("More energy")].splitlines()
    cells = [per_chip.first_screen(report, list(report.estimated.values())).rows]
    for line, row in zip(table[1:], *cells):
        assert re.split(r"\s{2,}", line.strip()) == [cell.strip() for cell in row]


def test_predictions_name_their_class(found):
    report = found.entries[0].report
    out = printed(80, terminal.show, report)
    names = ("up", "do\N{REPLACEMENT CHARACTER}wn", "[b]left[/b]")
    for outputs in report.predictions.outputs:
        best = int(outputs.argmax())
        assert f"{best} {names[best]} " in out


def test_the_first_screen_says_what_makes_loihi_2_show_more_energy(found):
    report = found.entries[0].report
    loihi1, loihi2 = report.estimated["loihi1"], report.estimated["loihi2"]
    assert loihi2.energy.total.value > loihi1.energy.total.value
    out = printed(120, terminal.show, report, brief=True)
    for each in (loihi1, loihi2):
        power = each.placement.chip.costs["static_power"]
        assert wording.amount(power.si.value, "W") in out
        assert power.source.split(",")[0].split(":")[0] in out
    assert wording.why_more([loihi1, loihi2]) == (loihi2, loihi1)
    assert wording.why_more([loihi1]) is None
    busy = replace(loihi1, energy=replace(loihi1.energy, synaptic=exactly(1.0)))
    assert wording.why_more([busy, loihi2]) is None


@pytest.mark.parametrize(
    ("encoding", "unit"), [("utf-8", "µJ"), ("latin-1", "µJ"), ("ascii", "uJ")]
)
def test_micro_is_u_where_a_terminal_has_no_sign_for_it(monkeypatch, encoding, unit):
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", stream)
    tables.console().print(wording.amount(2.5e-5, "J"))
    stream.flush()
    assert written.getvalue().decode(encoding) == f"25.0 {unit}\n"


def test_every_chip_of_the_project_names_the_source_of_its_static_power():
    for chip in CHIPS.values():
        assert wording.source_name(chip.costs["static_power"])
