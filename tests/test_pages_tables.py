"""Tables hold the values of the reports that they show, in the unit of their heading, at any width;
so does the CSV of networks side by side."""

from __future__ import annotations

import csv
import io
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from neurodeploy.hw_sim.chips import exactly
from neurodeploy.hw_sim.confidence import measured_cases
from neurodeploy.hw_sim.readout import score
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.report import networks, report_tables, terminal, wording
from neurodeploy.report.evaluate import compare_networks
from neurodeploy.report.tables import Table
from neurodeploy.report.texts import first_words

FACTORS = {"mJ": 1e3, "µJ": 1e6, "nJ": 1e9, "ms": 1e3, "µs": 1e6, "s": 1, "mW": 1e3, "µW": 1e6}


@pytest.fixture(scope="module")
def found() -> Any:
    """Run a network of 6-8-3 and one of 6-900-3, whose energies differ a thousandfold in part."""
    spikes = (np.random.default_rng(3).random((5, 6, 20)) < 0.4).astype(np.uint8)
    rng, made = np.random.default_rng(1), {}
    for name, hidden in (("small.net", 8), ("large.net", 900)):
        neuron = CubaLif([1024], [512], 60)
        shapes = ((hidden, 6), (3, hidden))
        layers = tuple(DenseLayer(rng.integers(-60, 120, shape), neuron) for shape in shapes)
        task = TaskDescription("t", class_names=("up", "do\x1bwn", "[b]left[/b]"), dt_ms=20)
        made[name] = QuantizedNetwork.chain(layers, task)
    return compare_networks(made, spikes)


def printed(width: int, show: Any, *args: Any, tty: bool = True, **named: Any) -> str:
    out = io.StringIO()
    how: dict[str, Any] = {"force_terminal": tty, "color_system": None, "highlight": False}
    show(*args, Console(file=out, width=width, **how), **named)
    return re.sub(r"\x1b\[\d*m", "", out.getvalue())


def cells(out: str) -> list[list[str]]:
    """Return the rows of printed tables, what is broken into lines in one cell again."""
    rows: list[list[str]] = []
    for line in out.splitlines():
        row = [text.strip() for text in line.split("│")[1:-1]] if line.startswith("│") else []
        if row and not row[0]:
            rows[-1] = [f"{one} {more}".strip() for one, more in zip(rows[-1], row)]
        elif row:
            rows.append(row)
    return rows


def texts(table: Table) -> list[list[str]]:
    return [[each.line.strip() for each in row] for row in table.rows]


# Values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (12_345, "12.3k"), (1_234_567, "1.23M"), (999, "999"), (12.34, "12.3"),
        (0.1234, "0.123"), (0.01234, "0.0123"), (0.00012, "0.0001"), (1e-9, "<0.0001"),
        (9.999, "10.0"), (99.96, "100"), (1234.5, "1,234"), (9_999, "10.0k"), (999_999, "1.00M"),
        (2e12, "2.00e+12"), (14, "14.0"), (-0.5, "-0.500"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert wording.number(value) == text


def test_a_cell_is_the_report_s_value_in_the_unit_of_the_heading(found):
    for name, table in list(networks.tables(found.entries).items())[1:]:
        heads = {head.split(" (")[0]: place for place, head in enumerate(table.columns)}
        fields = {"energy per sample": report_tables.ENERGY, "latency": report_tables.LATENCY}
        for label, field in fields.items():
            place = heads[label]
            factor = FACTORS[table.columns[place].split("(")[1].rstrip(")")]
            for entry, row in zip(found.entries, table.rows):
                band = field.read(entry.report.estimated[name])
                low, high = (wording.number(end * factor) for end in (band.low, band.high))
                assert row[place].text == wording.number(band.value * factor)
                assert row[place].note == f"{low} to {high}"


def test_classes_have_recall_precision_f1_and_what_they_are_mistaken_for():
    confusion = np.array([[8, 2, 0], [0, 5, 0], [1, 3, 0]])
    outputs = np.repeat(np.eye(3, dtype=int)[np.indices((3, 3))[1].ravel()], confusion.ravel(), 0)
    labels = np.repeat(np.indices((3, 3))[0].ravel(), confusion.ravel())
    rows = texts(report_tables.class_table(score(outputs, labels), ["a", "b", "c"]))
    assert rows == [
        ["0 a", "10", "80.0", "88.9", "84.2", "b (2)"],
        ["1 b", "5", "100.0", "50.0", "66.7", "-"],
        ["2 c", "4", "0.0", "-", "0.0", "b (3)"],
    ]
    alike = report_tables.class_table(score(outputs, labels), ["long name " + x for x in "abc"])
    assert alike.rows[0][-1].text == "1"


def test_csv_has_full_precision_and_the_unit_in_the_name(found):
    rows = list(csv.DictReader(io.StringIO(networks.csv_text(found))))
    assert [row["network"] for row in rows] == ["small.net", "large.net"]
    for row, entry in zip(rows, found.entries):
        report = entry.report
        assert (row["sha256"], row["accuracy"]) == (report.digest, "")
        assert float(row["synops_per_sample"]) == sum(
            layer.synops_per_sample for layer in report.counted.layers
        )
        for name, each in report.estimated.items():
            assert float(row[f"{name}_energy_per_sample_uj"]) == each.energy.total.value * 1e6
            assert float(row[f"{name}_energy_per_sample_high_uj"]) == each.energy.total.high * 1e6
            assert float(row[f"{name}_latency_ms"]) == each.latency.sample_s.value * 1e3
            assert int(row[f"{name}_neurocores"]) == each.placement.neurocores
            assert row[f"{name}_fits"] == "True"


# In a terminal


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize(("width", "most"), [(60, 8), (80, 6), (120, 3), (400, 3)])
def test_networks_are_rows_of_as_few_tables_as_there_is_room_for(found, width, most, tty):
    out = printed(width, terminal.show_networks, found, tty=tty)
    frames = [len(line) for line in out.splitlines() if line.startswith(("┏", "┃", "│"))]
    assert max(frames) <= width
    rows = cells(out)
    assert [row[0] for row in rows] == ["small.net", "large.net"] * (len(rows) // 2)
    assert len(rows) // 2 <= most
    assert ("part 2 of " in " ".join(out.split())) == (len(rows) // 2 > 3)
    tables = [texts(table) for table in networks.tables(found.entries).values()]
    for place in (0, 1):  # the same at any width
        shown = [text for part in rows[place::2] for text in part[1:]]
        assert shown == [text for table in tables for text in table[place][1:]]


def test_no_table_is_wider_than_a_terminal(found):
    report = found.entries[1].report
    for width in (60, 80, 120):
        out = printed(width, terminal.show_report, report)
        assert max(map(len, out.splitlines())) <= width
        shown = {text for row in cells(out) for text in row}
        for table in (report_tables.network(report), report_tables.activity(report)):
            assert {text for row in texts(table) for text in row} <= shown


def test_the_first_words_are_static_power_alone_and_side_by_side(found):
    """Two of 120 neurocores: 60 networks share the 232 mW, 3.87 mW each.

    Loihi 1's 29 mW was measured before its first program; chips with one took more.
    """
    report = found.entries[0].report
    loihi2 = report.estimated["loihi2"]
    assert loihi2.placement.neurocores == 2
    loihi1, words = first_words(report)
    measured = [
        each.measured
        for each in measured_cases()
        if (each.chip, each.quantity) == ("loihi1", "static_power") and not each.rests_on
    ]
    low, high = (wording.number(end(measured)) for end in (min, max))
    assert f"29.0 mW is 453 µW. In measured cases the chip took {low} to {high} mW." in loihi1
    power, energies = loihi2.power, (loihi2.energy, loihi2.filled.energy)
    share = power.static.value / power.total.value
    assert f"{wording.share(share)} of the energy at full speed and over 99% in real time" in words
    assert "2 of 120 neurocores, whose share of the chip's 232 mW is 3.87 mW" in words
    energy = report.estimated["loihi1"].energy
    loihi1_share = energy.static.value / energy.total.value
    alone, shared = (wording.amount(energy.total.value, "J") for energy in energies)
    assert f"60 such networks fit side by side; each would take {shared}" in words
    assert alone in words
    out = printed(400, terminal.show_report, report, tty=False)
    assert words in out
    assert out.index(f"Static power: {wording.share(loihi1_share)}") < out.index("neurocores")
    assert f"{shared} (60 networks)" in out


def test_the_first_screen_says_what_makes_loihi_2_show_more_energy(found):
    report = found.entries[0].report
    loihi1, loihi2 = report.estimated["loihi1"], report.estimated["loihi2"]
    assert loihi2.energy.total.value > loihi1.energy.total.value
    out = " ".join(printed(120, terminal.show_report, report, brief=True).split())
    for each in (loihi1, loihi2):
        power = each.placement.chip.costs["static_power"]
        assert wording.amount(power.si.value, "W") in out
        assert wording.source_name(power) in out
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
    terminal.console().print(wording.amount(2.5e-5, "J"))
    stream.flush()
    assert written.getvalue().decode(encoding) == f"25.0 {unit}\n"


# On a page


def test_the_pages_hold_the_cells_of_the_tables(found, tmp_path):
    evil = replace(found.entries[0], name="<script>x</script>")
    networks.write_page(replace(found, entries=(evil, found.entries[1])), tmp_path / "side.html")
    report = found.entries[0].report
    chips = wording.chips(report)
    for text, tables in (
        ((tmp_path / "side.html").read_text(), networks.tables(found.entries).values()),
        (report.to_html(), [report_tables.load(chips), report_tables.neurocores(report),
                            report_tables.constants(report), report_tables.estimates(chips),
                            *report_tables.decisions(report)]),
    ):  # fmt: skip
        assert "<script" not in text
        shown: list[str] = []
        parser = HTMLParser()
        parser.handle_data = shown.append  # type: ignore[method-assign]
        parser.feed(text)
        expected = {
            c.text.strip() for table in tables for row in table.rows for c in row[len(row) == 1 :]
        }
        assert expected - {"small.net"} <= set(shown)
