"""Print reports, network comparisons and checks in a terminal.

Text is never truncated: a table wider than the terminal is split into several parts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final, cast

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from neurodeploy.models.display import number_of
from neurodeploy.report import networks, report_tables, texts, wording
from neurodeploy.report.parts import NOT_MODELLED
from neurodeploy.report.report import Report
from neurodeploy.report.tables import NONE, Cell, Table, rows_of
from neurodeploy.report.wording import MICRO, clean

if TYPE_CHECKING:
    from neurodeploy.evaluation.comparison import Comparison
    from neurodeploy.evaluation.recording import Trace
    from neurodeploy.report.report import SideBySide

STYLES: Final = {"good": "green", "weak": "dim", "bad": "bold red", "warn": "yellow"}
"""Rich styles, by the style of a cell."""
FOLDED: Final = 12
"""Width in characters to which a wide text column may be folded."""


def console() -> Console:
    """Return a console on stdout without syntax highlighting and emoji codes."""
    file = sys.stdout if _can_print(MICRO, sys.stdout) else cast("IO[str]", _WithoutMicro())
    return Console(file=file, highlight=False, emoji=False)


def _can_print(text: str, file: IO[str]) -> bool:
    try:
        text.encode(getattr(file, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class _WithoutMicro:
    """stdout wrapper that replaces the micro sign with u, for encodings that lack it."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text.replace(MICRO, "u"))

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


def plain(text: object, style: str = "") -> Text:
    """Return text from a file, such as a class name, to print literally.

    Markup is not interpreted, and control characters, which could move the cursor, are replaced.
    """
    return Text(clean(text), style)


def print_line(out: Console, text: str | Text) -> None:
    """Print a sentence, wrapped on a terminal and on one line elsewhere."""
    out.print(plain(text) if isinstance(text, str) else text, soft_wrap=not out.is_terminal)


def print_list(out: Console, sentences: Iterable[str], title: str = "") -> None:
    """Print sentences as a list below an optional title; print nothing if there are none."""
    listed = RichTable.grid(padding=(0, 1))
    for place, sentence in enumerate(sentences):
        if title and not place:
            out.print(f"\n[bold]{title}[/]")
        if out.is_terminal:
            listed.add_row("  -", plain(sentence))
        else:
            out.print(plain(f"  - {sentence}"), soft_wrap=True)
    if listed.row_count:
        out.print(listed)


# Tables


def print_table(out: Console, table: Table, *, framed: bool = True) -> None:
    """Print an empty line, a table and its notes.

    Without a frame, the title is the heading of the first column.
    """
    parts = fitting(table, out.width, framed=framed)
    for place, part in enumerate(parts, 1):
        title = table.title + (
            f", part {place} of {len(parts)}" if framed and len(parts) > 1 else ""
        )
        made = _rich(replace(part, title=title), framed=framed)
        least = _width(part, framed=framed)
        if least > out.width:
            made.width = least
        out.print()
        out.print(made, crop=False)
    print_list(out, table.notes)


def _rich(table: Table, *, framed: bool) -> RichTable:
    if framed:
        made = RichTable(title=plain(table.title), title_justify="left")
    else:
        made = RichTable(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name, words, least in zip(table.columns, table.words, _widths(table)):
        made.add_column(
            _lines(name or ("" if framed else table.title)), justify="left" if words else "right",
            no_wrap=not words, overflow="fold", min_width=least,
        )  # fmt: skip
    for row in table.rows:
        strong = row[0].style == "strong" or len(row) == 1
        made.add_row(*map(_text, row), style="bold" if strong else "")
    return made


def _text(cell: Cell) -> Text:
    return Text("\n").join(plain(line, STYLES.get(cell.style, "")) for line in _inline(cell))


def _lines(text: str) -> Text:
    return Text("\n").join(map(plain, text.split("\n")))


def _inline(cell: Cell) -> list[str]:
    """Return the lines of a cell: text and note share a line unless the text ends in a newline."""
    text, below, note = cell.line.partition("\n ")
    return [text, note] if below else [cell.line]


def fitting(table: Table, width: int, *, framed: bool = True) -> list[Table]:
    """Return the table, or parts of it that fit the width and repeat the first column.

    A table that is too wide first gets one word per heading line, then notes below the values,
    and is split last. Columns stay in order.
    """
    if _width(table, framed=framed) <= width:
        return [table]
    if framed:
        table = replace(table, columns=tuple(name.replace(" ", "\n") for name in table.columns))
    if _width(table, framed=framed) <= width:
        return [table]
    below = [[replace(c, text=f"{c.text}\n") if c.note else c for c in row] for row in table.rows]
    table = replace(table, rows=tuple(map(tuple, below)))
    parts, start, last = [], 1, len(table.columns)
    for end in range(2, last + 1):
        if end == last or _width(_cut(table, start, end + 1), framed=framed) > width:
            parts.append(_cut(table, start, end))
            start = end
    return parts


def _cut(table: Table, start: int, end: int) -> Table:
    """Return the first column and columns `start` to `end`, exclusive."""
    rows = tuple((row[0], *row[start:end]) for row in table.rows)
    return replace(table, columns=(table.columns[0], *table.columns[start:end]), rows=rows)


def _widths(table: Table) -> list[int]:
    """Return the width of each column in characters, with text columns folded to `FOLDED`."""
    rows = [list(map(_inline, row)) for row in table.rows if len(row) > 1]
    widths = []
    for place, (name, words) in enumerate(zip(table.columns, table.words)):
        lines = [*name.split("\n"), *(line for row in rows for line in row[place])]
        widest = max(map(cell_len, lines))
        widths.append(min(widest, FOLDED) if words and place else widest)
    return widths


def _width(table: Table, *, framed: bool) -> int:
    widths = _widths(table)
    return sum(widths) + (3 * len(widths) + 1 if framed else 2 * len(widths) - 2)


# A report

HARDWARE: Final = {"cpu": "CPU", "gpu": "GPU", "arm": "ARM", "cortex_m33": "Cortex-M33"}
"""Short names of the conventional hardware on the first screen."""
LAYERS_SHOWN: Final = 6
"""Maximum number of layers whose sizes the first line lists."""


def show_report(report: Report, out: Console | None = None, *, brief: bool = False) -> None:
    """Print the report; if `brief`, only its first screen and why the network does not fit."""
    out = out or console()
    for line in _headline(report):
        print_line(out, line)
    for sentence in _static(report):
        print_line(out, sentence)
    chips = wording.chips(report)
    if chips:
        print_table(out, report_tables.first_screen(report, chips), framed=False)
    copies = wording.copies(list(report.estimated.values()))
    for sentence in (*copies, *_elsewhere(report)):
        print_line(out, sentence)
    _show_problems(report, out)
    if brief:
        return
    print_list(out, texts.first_words(report), "Static power")
    for table in _tables(report):
        print_table(out, table)
    found = report.estimated
    advice = [f"{name}: {sentence}" for name, each in found.items() for sentence in each.advice]
    print_list(out, advice, "How to use fewer neurocores")
    caveats = [c for each in found.values() for c in each.caveats]
    print_list(out, dict.fromkeys(caveats), "How to read the estimates")
    print_list(out, NOT_MODELLED, "Not modelled")


def _headline(report: Report) -> Iterator[Text]:
    """Yield the lines on the network, the run, its accuracy and its warnings."""
    counted, network, run = report.counted, report.network, report.provenance
    layers, seed = counted.layers, run.seed
    sizes = "-".join(str(size) for size in (network.inputs, *(row.neurons for row in layers)))
    if len(layers) > LAYERS_SHOWN:
        sizes = number_of(len(layers), "layer")
    seeded = "" if seed is None else f", trained with seed {seed}"
    name = plain(network.task.name or "network", "bold")
    yield Text.assemble(name, f" sha256 {report.digest[:12]}, {sizes}{seeded}")
    data = plain(run.dataset or "input spikes")
    yield Text.assemble(data, f", run on {run.backend or '?'}: {wording.ran(counted)}")
    yield _accuracy(report)
    for note in run.notes:
        yield plain(f"note: {note}")
    if not any(row.spikes_per_sample for row in layers):
        yield Text("warning: no neuron fired in any sample", "bold red")
    if run.num_overflows:
        times = number_of(run.num_overflows, "time")
        yield Text(f"warning: neuron states overflowed {times}", "bold red")


def _accuracy(report: Report) -> Text:
    score = report.counted.score
    if score is None:
        return Text("accuracy unknown without labels; the predictions are below")
    how = f"{number_of(score.silent_samples, 'sample')} without an output spike"
    if report.network.readout != "spikes" and report.predictions is not None:
        how = f"read from {report.predictions.description}"
    figures = f"accuracy {score.accuracy:.2%}, macro F1 {score.macro_f1:.3f}"
    return Text.assemble((figures, "bold"), f" (counted; {how})")


def _static(report: Report) -> Iterator[str]:
    """Yield the share of static energy and the power of each chip, with its source."""
    shares: list[str] = []
    real_time: list[str] = []
    for each in report.estimated.values():
        row, of = wording.static_power(each), "" if shares else " of the energy"
        power = f"{wording.amount(row.si.value, 'W')}, {wording.source_name(row)}"
        title = each.placement.chip.title
        shares.append(f"{texts.static_share(each.energy)}{of} on {title} ({power})")
        if each.real_time_energy is not None:
            real_time.append(texts.static_share(each.real_time_energy))
    if shares:
        also = f"; in real time {' and '.join(dict.fromkeys(real_time))}" if real_time else ""
        yield f"Static power: {', '.join(shares)}{also}"


def _elsewhere(report: Report) -> Iterator[str]:
    """Yield the energy on conventional hardware."""
    found = report.conventional
    if found is None:
        return
    (m,) = found.microcontrollers[:1]
    elsewhere = [
        *((p.operation.name, p.every_step_j, p.one_pass_j) for p in found.processors),
        (m.board.name, m.every_step_j.value, m.one_pass_j.value),
    ]
    listed = [
        f"{HARDWARE[name]} {wording.amount(every, 'J')} ({wording.amount(once, 'J')})"
        for name, every, once in elsewhere
        if name in HARDWARE
    ]
    yield f"Dense network of the same size once per step (per sample): {', '.join(listed)}"
    energies = {"this network": m.spiking_j}
    if known := found.artificial:
        energies[f"a {known.network} with {known.accuracy:.1%} accuracy"] = m.artificial_j
    listed = [f"{name} {wording.amount(e.value, 'J')}" for name, e in energies.items() if e]
    yield f"On a {HARDWARE[m.board.name]}, awake: {', '.join(listed)}"


def _show_problems(report: Report, out: Console, name: str = "") -> None:
    """Print why the network does not fit a chip; `name` identifies it among several networks."""
    for chip, each in report.estimated.items():
        for problem in each.problems:
            start = plain(f"{name} does not fit {chip}:".strip(), "bold red")
            out.print(Text.assemble(start, " ", plain(problem)), soft_wrap=True)


def _tables(report: Report) -> Iterator[Table]:
    """Yield the tables below the first screen."""
    yield report_tables.network(report)
    yield report_tables.activity(report)
    yield from report_tables.classes(report) or report_tables.predictions(report)
    if chips := wording.chips(report):
        yield report_tables.estimates(chips, wording.settles([report]))
        yield report_tables.between_samples(report)
        yield report_tables.load(chips)
        yield report_tables.neurocores(report)
        yield report_tables.time_by_layer(report)
        yield report_tables.energy_by_layer(chips)
        yield report_tables.constants(report)
        yield report_tables.validation(report)
    yield from report_tables.decisions(report)
    yield from report_tables.conventional(report)
    yield from report_tables.neurobench(report)
    yield from report_tables.measured(report)


# Networks side by side


def show_networks(found: SideBySide, out: Console | None = None, *, brief: bool = False) -> None:
    """Print networks side by side, and the differences between their runs.

    If `brief`, print only the tables and why a network does not fit a chip.
    """
    out = out or console()
    for entry in () if brief else found.entries:
        report, run = entry.report, entry.report.provenance
        line = f"{entry.name} sha256 {report.digest[:12]}, {run.dataset}, run on {run.backend}"
        out.print(plain(f"{line}: {wording.ran(report.counted)}"), soft_wrap=True)
    for table in networks.tables(found.entries).values():
        print_table(out, table)
    for entry in found.entries:
        _show_problems(entry.report, out, entry.name)
    if not brief:
        print_list(out, found.notes)


# Results of --trace and --compare


def show_checks(report: Report, out: Console | None = None) -> None:
    """Print the trace and the comparison, if the report has them."""
    out = out or console()
    if report.trace is not None:
        print_table(out, _trace(report.trace))
    found = report.comparison
    if found is None:
        return
    verdict, *rest = str(found).splitlines()
    out.print(plain(verdict, "bold" if found.equal else "bold red"), soft_wrap=True)
    for line in rest:
        out.print(plain(line), soft_wrap=True)
    if found.sides:
        print_table(out, sides(found))
    if found.note:
        print_list(out, [f"note: {found.note}"])


def _trace(trace: Trace) -> Table:
    from neurodeploy.evaluation.recording import SATURATED

    def rate(value: float | None) -> Cell:
        return NONE if value is None else Cell(f"{value:.2%}", value=value)

    notes = [
        f"silent: never fired; saturated: fired in more than {SATURATED:.0%} of the steps",
        "wraps, clips: steps in which a neuron state overflowed; states in SLAYER never overflow",
    ]
    if any(row.training_rate is not None for row in trace.layers):
        notes.append("training: rate on the validation samples, not on the samples of this run")
    return rows_of(
        "Trace: firing rate in training and quantized, silent and saturated neurons, overflows",
        trace.layers,
        {
            "layer": lambda row: row.layer,
            "training": lambda row: rate(row.training_rate),
            "quantized": lambda row: rate(row.rate),
            "neurons": lambda row: row.neurons,
            "silent": lambda row: row.silent_neurons,
            "saturated": lambda row: row.saturated_neurons,
            "wraps": lambda row: row.num_wraps,
            "clips": lambda row: row.num_clips,
        },
        [*notes, *(f"note: {note}" for note in trace.notes)],
    )


def sides(found: Comparison) -> Table:
    """Return the neuron state of each side at the first spike that differs."""
    names = {"spike": "spike", "weighted": "weighted input", "current": "u", "voltage": "v"}
    columns: Sequence[str] = [side.backend for side in found.sides]
    rows = [
        (Cell(label, value=label), *(_whole(getattr(side, name)) for side in found.sides))
        for name, label in names.items()
    ]
    return Table("At the first difference", ("", *columns), tuple(rows))


def _whole(value: int | None) -> Cell:
    return NONE if value is None else Cell(f"{value:,}", value=value)
