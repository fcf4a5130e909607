"""A report as text on a terminal: the first screen, then its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.chips.cost import Estimate
from neurodeploy.hw_sim.estimates.energy import Energy
from neurodeploy.hw_sim.readout import Readout
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import NOT_MODELLED, Report
from neurodeploy.pages import listings, wording
from neurodeploy.pages.listings import Group
from neurodeploy.pages.terminal.tables import (
    add_numbers,
    plain,
    print_list,
    print_listing,
    print_table,
)
from neurodeploy.pages.terminal.tables import console as stdout

LABEL: Final = 24
"""Characters of the labels."""
COLUMN: Final = 28
"""Characters of one column, about."""
SMALL: Final = 0.01
"""Of the unit that rows share: below it a row has a unit of its own."""

Item = TypeVar("Item")


def groups(items: Sequence[Item], out: Console) -> Iterator[Sequence[Item]]:
    """Yield so many of `items` at a time as stand side by side on this terminal."""
    size = max(1, (out.width - LABEL) // COLUMN)
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Columns(Generic[Item]):
    """A table in the making: a row a label, a column an item."""

    def __init__(
        self, table: Table, items: Sequence[Item], title: Callable[[Item], str], corner: str = ""
    ) -> None:
        """Give `table` its columns; `corner` stands above the labels."""
        self.table, self.items = table, items
        table.add_column(plain(corner), no_wrap=True)
        for item in items:
            add_numbers(table, plain(title(item)))

    def words(self, label: str, read: Callable[[Item], str | None]) -> None:
        """Add a row of texts, "-" for None; no row where all are None."""
        self._row(label, [read(item) for item in self.items])

    def bands(self, unit: str, *rows: tuple[str, Callable[[Item], Estimate | None]]) -> None:
        """Add rows of estimates in SI units, in the one unit that fits the largest value.

        A row that is too small for that unit has one of its own, which its label names.

        Args:
            unit: named after each label that is not indented, with the prefix that fits.
            rows: label and what to read of an item.
        """
        found = [(label, [read(item) for item in self.items]) for label, read in rows]
        shared = wording.scale((c.value for _, cells in found for c in cells if c), unit)
        for place, (label, cells) in enumerate(found):
            largest = max((cell.value for cell in cells if cell is not None), default=0.0)
            small = 0 < largest * shared.factor < SMALL
            scale = wording.scale([largest], unit) if small else shared
            own = unit and (small or not (place and label.startswith(" ")))
            named = f"{label} ({scale.unit})" if own else label
            self._row(named, [None if cell is None else scale.band(cell) for cell in cells])

    def heading(self, label: str) -> None:
        """Add a row that says what those below it are."""
        self.table.add_row(plain(label, "bold"), *("" for _ in self.items))

    def _row(self, label: str, cells: Sequence[str | None]) -> None:
        if any(cell is not None for cell in cells):
            self.table.add_row(plain(label), *(plain("-" if c is None else c) for c in cells))


Band: TypeAlias = "Callable[[Estimated], Estimate | None]"
Words: TypeAlias = "Callable[[Estimated], str | None]"


def estimates(chips: Sequence[Estimated], holds: str) -> Table:
    """Return time and energy of a sample and until the answers hold, and power, at both paces.

    Args:
        chips: one column each.
        holds: which words say of what an earliest step is known.
    """
    table = Table(title="Estimated, a sample: likely (low to high)", title_justify="left")
    columns = Columns(table, chips, lambda e: e.placement.chip.title)
    _add(columns, listings.SIZE)
    columns.heading("at full speed")
    _add(columns, listings.TIME + listings.ENERGY)
    if wording.pace(chips):
        columns.heading(f"sensor's {wording.pace(chips)}")
        _add(columns, listings.PACE_TIME + listings.PACE_ENERGY)
    if any(each.decision for each in chips):
        columns.heading(f"until {holds}")
        _add(columns, listings.DECISION)
    return table


def load(chips: Sequence[Estimated]) -> Table:
    """Return the longest step beside the mean one, and what passes between cores and host."""
    table = Table(title="Load, a sample: mean and peak, numbered from 0", title_justify="left")
    _add(Columns(table, chips, lambda e: e.placement.chip.title), listings.LOAD)
    return table


def _add(columns: Columns[Estimated], groups: Iterable[Group]) -> None:
    for group in groups:
        if any(isinstance(row.read(each), Estimate) for row in group for each in columns.items):
            bands = [
                (row.label, cast("Callable[[Estimated], Estimate]", row.read)) for row in group
            ]
            columns.bands(group[0].unit, *bands)
        else:
            for row in group:
                columns.words(row.label, cast("Words", row.read))


SAMPLES_SHOWN: Final = 10
OUTPUTS_SHOWN: Final = 10


def show_readout(answers: Readout, samples: int, out: Console) -> None:
    """Print the outputs of the first samples, and how they were read."""
    outputs = answers.outputs
    out.print(f"[bold]Answers[/] (counted): {escape(answers.how)}")
    table = Table()
    add_numbers(table, "sample")
    if outputs.shape[1] > 1:
        add_numbers(table, "largest output")
    some = min(outputs.shape[1], OUTPUTS_SHOWN)
    table.add_column(f"outputs 0 to {some - 1}" if some > 1 else "output", justify="left")
    for sample, row in zip(answers.samples, outputs[:SAMPLES_SHOWN]):
        best = int(row.argmax())
        largest = [f"{best}: {_number(row[best])}"] if len(row) > 1 else []
        listed = ", ".join(map(_number, row[:some])) + ", ..." * (len(row) > some)
        table.add_row(str(sample), *largest, listed)
    print_table(out, table)
    if samples > SAMPLES_SHOWN:
        out.print(
            f"  and {samples - SAMPLES_SHOWN:,} more; --json has those of the first "
            f"{len(outputs):,}"
        )


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value.item(), float) else str(value)


NAMES: Final = {
    "cpu": "CPU", "gpu": "GPU", "arm": "ARM", "cmos45_fp32": "45 nm fp32",
    "cmos45_int8": "45 nm int8",
}  # fmt: skip
"""Short names of conventional hardware."""
LAYERS_SHOWN: Final = 6
"""Layers of a network whose sizes stand in the first line."""


def show_summary(report: Report, out: Console) -> None:
    """Print what ran, how well, what it would take on each chip, and what it would elsewhere."""
    for line in headline(report):
        out.print(line, soft_wrap=not out.is_terminal)
    out.print()
    for chips in groups(list(report.estimated.values()), out):
        print_table(out, _chips(report, chips))
    conventional = _conventional(report)
    if conventional is not None:
        out.print(conventional, soft_wrap=not out.is_terminal)


def headline(report: Report) -> list[Text]:
    """Return what ran and how well, a line each."""
    counted, network, said = report.counted, report.network, report.provenance
    first = (plain(network.task.name or "network", "bold"), f" sha256 {report.digest[:12]}, ")
    lines = [
        Text.assemble(*first, ", ".join([_sizes(report), *_seed(report)])),
        Text.assemble(
            plain(said.get("data", "given spikes")),
            f", run on {said.get('backend', '?')}: {wording.ran(counted)}",
        ),
        _accuracy(report),
    ]
    lines += [plain(f"note: {note}") for note in said.get("notes", ())]
    if not any(row.spikes_per_sample for row in counted.layers):
        lines.append(Text("warning: no neuron fired in any sample", "bold red"))
    if said.get("overflows"):
        times = number_of(said["overflows"], "time")
        lines.append(Text(f"warning: a state left its width {times}", "bold red"))
    return lines


def _sizes(report: Report) -> str:
    layers = report.counted.layers
    if len(layers) > LAYERS_SHOWN:
        return number_of(len(layers), "layer")
    return "-".join(str(size) for size in (report.network.inputs, *(row.neurons for row in layers)))


def _seed(report: Report) -> list[str]:
    seed = report.provenance.get("seed")
    return [] if seed is None else [f"trained with seed {seed}"]


def _accuracy(report: Report) -> Text:
    score = report.counted.score
    if score is None:
        return Text("no labels, so no accuracy; the answers are below")
    how = f"{number_of(score.silent_samples, 'sample')} without an output spike"
    if report.network.answer_kind != "spikes" and report.answers is not None:
        how = f"read from {report.answers.how}"
    figures = f"accuracy {score.accuracy:.2%}, macro F1 {score.macro_f1:.3f}"
    return Text.assemble((figures, "bold"), f" (counted; {how})")


def _chips(report: Report, chips: Sequence[Estimated]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    columns = Columns(table, chips, lambda e: e.placement.chip.title, "likely (low to high)")
    columns.words("neurocores", _neurocores)
    columns.words("fullest layer", _fullest)
    columns.bands("J", ("energy a sample", lambda e: e.energy.total))
    columns.bands("J", ("  without static", lambda e: e.energy.dynamic))
    columns.words("  largest parts", _largest_parts)
    columns.bands("s", ("latency", lambda e: e.latency.sample_s))
    columns.words("  busiest neurocore", lambda e: wording.busiest(e.latency))
    columns.words(f"real time, {wording.pace(chips)}", wording.keeps_up)
    columns.bands("W", ("  power then", lambda e: e.pace_power.total if e.pace_power else None))
    columns.words(f"{wording.holds([report])} after", _decision)
    columns.words("  in real time", _decision_in_real_time)
    return table


def _neurocores(each: Estimated) -> str:
    if each.problems:
        return "does not fit, see below"
    return f"{each.placement.neurocores:,} {wording.on_chips(each.placement)}"


def _fullest(each: Estimated) -> str:
    layers = each.placement.layers
    index = max(range(len(layers)), key=lambda i: layers[i].fullest.full)
    fullest = layers[index].fullest
    return f"{index}: {fullest.name} {wording.share(fullest.full)}"


def _largest_parts(each: Estimated) -> str | None:
    """Return the shares of the static part and of the largest other one, the larger first."""
    total = each.energy.total.value
    if not total:
        return None
    shares = {name: getattr(each.energy, name).value / total for name in wording.PARTS}
    other = max((name for name in shares if name != "static"), key=shares.__getitem__)
    both = sorted(("static", other), key=shares.__getitem__, reverse=True)
    return ", ".join(f"{wording.PARTS[name]} {wording.share(shares[name])}" for name in both)


def _decision(each: Estimated) -> str | None:
    found = each.decision
    if found is None:
        return None
    return f"{number_of(found.steps, 'step')}: {_cost(found.latency_s, found.energy)}"


def _decision_in_real_time(each: Estimated) -> str | None:
    found = each.decision
    if found is None or found.pace_s is None or found.pace_energy is None:
        return None
    return _cost(found.pace_s, found.pace_energy)


def _cost(time: Estimate, energy: Energy) -> str:
    return f"{wording.amount(time.value, 's')}, {wording.amount(energy.total.value, 'J')}"


def _conventional(report: Report) -> Text | None:
    """Return what a dense network of the same size takes on other hardware, in a sentence."""
    if report.conventional is None:
        return None
    found = []
    for each in report.conventional.processors:
        name = NAMES.get(each.operation.name, each.operation.title)
        every, once = (wording.amount(value, "J") for value in (each.every_step_j, each.one_pass_j))
        found.append(f"{name} {every} ({once})")
    return Text(
        "Elsewhere, an artificial network of this size, arithmetic alone, every step (one pass): "
        + ", ".join(found)
    )


def show(report: Report, console: Console | None = None, *, brief: bool = False) -> None:
    """Print the report on stdout; its first screen alone where `brief`."""
    out = console or stdout()
    show_summary(report, out)
    _show_problems(report, out)
    if brief:
        return
    _show_counted(report, out)
    _show_estimated(report, out)
    _show_elsewhere(report, out)
    if report.measured is not None:
        print_listing(out, listings.measured(report.measured))
    _show_advice(report, out)
    _show_caveats(report, out)


def _table(out: Console, table: Table) -> None:
    out.print()
    print_table(out, table)


def _show_problems(report: Report, out: Console) -> None:
    for name, each in report.estimated.items():
        for problem in each.problems:
            out.print(
                f"[bold red]does not fit {escape(name)}:[/] {escape(problem)}", soft_wrap=True
            )


def _show_counted(report: Report, out: Console) -> None:
    print_listing(out, listings.network(report))
    print_listing(out, listings.layers(report))
    score = report.counted.score
    if score is not None:
        print_listing(out, listings.classes(score, wording.classes(report)))
    elif report.answers is not None:
        out.print()
        show_readout(report.answers, report.counted.samples, out)


def _show_estimated(report: Report, out: Console) -> None:
    for chips in groups(list(report.estimated.values()), out):
        _table(out, estimates(chips, wording.holds([report])))
    for chips in groups(list(report.estimated.values()), out):
        _table(out, load(chips))
    print_listing(out, listings.neurocores(report))
    print_listing(out, listings.constants(report))
    if report.decisions is not None:
        for listing in listings.decisions(report, report.decisions):
            print_listing(out, listing)


def _show_elsewhere(report: Report, out: Console) -> None:
    if report.conventional is not None:
        print_listing(out, listings.conventional(report, report.conventional))
    if report.neurobench is not None:
        print_listing(out, listings.neurobench(report.neurobench))


def _show_advice(report: Report, out: Console) -> None:
    found = [
        f"{name}: {sentence}" for name, each in report.estimated.items() for sentence in each.advice
    ]
    if found:
        out.print("\n[bold]What would take fewer neurocores[/]")
        print_list(out, found)


def _show_caveats(report: Report, out: Console) -> None:
    out.print("\n[bold]How to read the estimates[/]")
    caveats = [c for each in report.estimated.values() for c in each.placement.chip.caveats]
    print_list(out, dict.fromkeys(caveats))
    out.print("[bold]Not modelled[/]")
    print_list(out, NOT_MODELLED)
