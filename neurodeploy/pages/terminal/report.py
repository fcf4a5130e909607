"""A report as text on a terminal: the first screen, then its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.readout import Score
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import NOT_MODELLED, Report
from neurodeploy.pages import listings, per_chip, wording
from neurodeploy.pages.listings import Listing
from neurodeploy.pages.terminal.tables import console as stdout
from neurodeploy.pages.terminal.tables import plain, print_list, print_listing

LABEL: Final = 24
"""Characters of the labels."""
COLUMN: Final = 28
"""Characters of one column, about."""

Item = TypeVar("Item")


def groups(items: Sequence[Item], out: Console) -> Iterator[Sequence[Item]]:
    """Yield so many of `items` at a time as stand side by side on this terminal."""
    size = max(1, (out.width - LABEL) // COLUMN)
    for start in range(0, len(items), size):
        yield items[start : start + size]


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
    chips = list(report.estimated.values())
    for some in groups(chips, out):
        print_listing(out, per_chip.first_screen(report, some), framed=False)
    for sentence in (wording.why_more_briefly(chips), _conventional(report)):
        if sentence:
            out.print(plain(sentence), soft_wrap=not out.is_terminal)


def headline(report: Report) -> list[Text]:
    """Return what ran and how well, a line each."""
    counted, network, said = report.counted, report.network, report.provenance
    first = (plain(network.task.name or "network", "bold"), f" sha256 {report.digest[:12]}, ")
    lines = [
        Text.assemble(*first, ", ".join([_sizes(report), *_seed(report)])),
        Text.assemble(
            plain(said.get("dataset", "given spikes")),
            f", run on {said.get('backend', '?')}: {wording.ran(counted)}",
        ),
        _accuracy(report),
    ]
    lines += [plain(f"note: {note}") for note in said.get("notes", ())]
    if not any(row.spikes_per_sample for row in counted.layers):
        lines.append(Text("warning: no neuron fired in any sample", "bold red"))
    if said.get("num_overflows"):
        times = number_of(said["num_overflows"], "time")
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
        return Text("no labels, so no accuracy; the predictions are below")
    how = f"{number_of(score.silent_samples, 'sample')} without an output spike"
    if report.network.readout != "spikes" and report.predictions is not None:
        how = f"read from {report.predictions.description}"
    figures = f"accuracy {score.accuracy:.2%}, macro F1 {score.macro_f1:.3f}"
    return Text.assemble((figures, "bold"), f" (counted; {how})")


def _conventional(report: Report) -> str:
    """Return what a dense network of the same size takes on other hardware, in a sentence."""
    if report.conventional is None:
        return ""
    found = []
    for each in report.conventional.processors:
        name = NAMES.get(each.operation.name, each.operation.title)
        every, once = (wording.amount(value, "J") for value in (each.every_step_j, each.one_pass_j))
        found.append(f"{name} {every} ({once})")
    return (
        "Elsewhere, an artificial network of this size, arithmetic alone, every step (one pass): "
        + ", ".join(found)
    )


def show(report: Report, console: Console | None = None, *, brief: bool = False) -> None:
    """Print the report on stdout; when `brief`, its first screen and why chips cannot hold it."""
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
        print_listing(out, _classes(score, wording.classes(report), out.width))
    elif report.predictions is not None:
        print_listing(out, listings.predictions(report, report.predictions))


def _classes(score: Score, names: Sequence[str], width: int) -> Listing:
    """Return the table of classes with names as long as this terminal has room for."""
    made = listings.classes(score, names)
    for most in range(18, 3, -1):
        if _width(made) <= width:
            break
        made = listings.classes(score, names, most=most)
    return made


def _width(listing: Listing) -> int:
    """Return the characters of a terminal that a table takes."""
    columns = zip(*(row for row in (listing.head, *listing.rows) if len(row) > 1))
    return 1 + sum(max(map(cell_len, column)) + 3 for column in columns)


def _show_estimated(report: Report, out: Console) -> None:
    chips = list(report.estimated.values())
    _print_fitting(out, lambda some: per_chip.estimates(report, some), chips)
    _print_fitting(out, per_chip.load, chips)
    print_listing(out, listings.neurocores(report))
    print_listing(out, listings.constants(report))
    if report.decisions is not None:
        for listing in listings.decisions(report, report.decisions):
            print_listing(out, listing)


def _print_fitting(
    out: Console, make: Callable[[Sequence[Estimated]], Listing], chips: Sequence[Estimated]
) -> None:
    """Print a table of chips, or several where one would be wider than the terminal."""
    listing = make(chips)
    if len(chips) == 1 or _width(listing) <= out.width:
        print_listing(out, listing)
        return
    middle = (len(chips) + 1) // 2
    for some in (chips[:middle], chips[middle:]):
        _print_fitting(out, make, some)


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
