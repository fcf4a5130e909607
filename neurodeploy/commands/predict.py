"""Predict classes over time from a recording or stream: `python -m neurodeploy.predict`."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from neurodeploy.commands import cli
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models import files
from neurodeploy.models.display import number_of
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable

if TYPE_CHECKING:  # slow to import, and --help does not need them
    from neurodeploy.hw_sim.chips import Estimate
    from neurodeploy.predict.cost import Battery, CostMeter
    from neurodeploy.predict.page import Timeline
    from neurodeploy.predict.predicting import Decision, Predictions

DESCRIPTION = (
    "Predict classes over time from a recording or a stream: encode the signal as in training, run "
    "the network, and write one line for each decision while the input arrives."
)
FIELDS: Final = ("time_s", "class_name", "score", "gap")
PICTURES: Final = (".png", ".svg", ".pdf")
SCORE_DIGITS: Final = 4
HOURS_MAX: Final = 48
"""Hours from which times are in days."""


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("predict", DESCRIPTION)
    add_options(options)
    args = options.parse_args(argv)
    battery = _check(args)
    chips = cli.chosen_chips(args, "loihi2") if args.cost else ()
    from neurodeploy.commands.report import network_file
    from neurodeploy.evaluation.files import load
    from neurodeploy.predict.cost import CostMeter
    from neurodeploy.predict.predicting import observed

    network = load(network_file(args.network))
    meters: list[CostMeter] = []
    pictures: list[Timeline] = []

    def meter(chip: Any) -> Callable[..., CostMeter]:
        return lambda plan, _: _append_to(meters, CostMeter(plan, chip))

    observers: list[Callable[..., Any]] = [meter(chip) for chip in chips]
    if args.plot is not None:
        from neurodeploy.predict.page import Timeline

        observers.append(lambda plan, columns: _append_to(pictures, Timeline(plan, columns)))
    found = observed(network, args.recording, _options(args), observers)
    return _follow(args, found, meters, pictures, battery)


def _append_to(items: list[Any], item: Any) -> Any:
    items.append(item)
    return item


# Options


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_argument(
        "network", type=Path, metavar="model.net", help="network, or the folder of a training run"
    )
    options.add_argument(
        "recording",
        nargs="+",
        help="a CSV file with column names, or several, one per sensor; a .npy array (rows, "
        "channels); or - for CSV lines from stdin",
    )
    _add_input_options(options)
    _add_way_options(options)
    _add_output_options(options)
    _add_cost_options(options)


def _add_input_options(options: argparse.ArgumentParser) -> None:
    group = options.add_argument_group("the recording (docs/how-to/predict.md)")
    group.add_argument(
        "--rate",
        type=cli.positive_number,
        metavar="HZ",
        help="rows per second of the recording, if not those of the training; it is resampled then",
    )
    group.add_argument(
        "--columns",
        metavar="A,B,...",
        type=lambda text: tuple(part.strip() for part in text.split(",")),
        help="columns of the channels, in the order of the network; found by name by default",
    )
    group.add_argument(
        "--time", metavar="NAME", help="column of the times, or none; found by name by default"
    )
    group.add_argument(
        "--acc-unit",
        choices=("g", "m/s^2"),
        help="unit of the accelerometer, if no name states it or a wrong one",
    )
    group.add_argument(
        "--gyro-unit",
        choices=("rad/s", "deg/s"),
        help="unit of the gyroscope, if no name states it or a wrong one",
    )
    group.add_argument(
        "--max-gap",
        type=cli.positive_number,
        metavar="SECONDS",
        help="longest time between two rows; after a longer one the state is cleared; 1.75 rows by "
        "default",
    )


def _add_way_options(options: argparse.ArgumentParser) -> None:
    group = options.add_argument_group("the decisions")
    ways = group.add_mutually_exclusive_group()
    ways.add_argument(
        "--continuous",
        action="store_true",
        help="keep the state from one decision to the next, instead of windows from cleared state",
    )
    ways.add_argument(
        "--both", action="store_true", help="decide in windows and in continuous operation"
    )
    for name, text in (
        ("window", "length of a window; as in training by default"),
        ("hop", "time from one decision to the next; half a window by default"),
        ("memory", "memory of the leaky counts of --continuous; as in training by default"),
    ):
        group.add_argument(f"--{name}", type=cli.positive_number, metavar="SECONDS", help=text)
    group.add_argument(
        "--backend",
        choices=sorted(BACKENDS),
        default="fast",
        help="backend that runs the network",
    )


def _add_output_options(options: argparse.ArgumentParser) -> None:
    group = options.add_argument_group("output")
    forms = group.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="write JSON lines instead of CSV")
    forms.add_argument(
        "--csv", action="store_true", help="write CSV lines on a terminal too, not a live line"
    )
    group.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="write a picture of signal, spikes and decisions over time (.png, .svg or .pdf)",
    )


def _add_cost_options(options: argparse.ArgumentParser) -> None:
    group = options.add_argument_group("cost on a chip, at the pace of the sensor, on stderr")
    group.add_argument(
        "--cost", action="store_true", help="estimate energy and latency from what really spiked"
    )
    group.add_argument(
        "--battery-mah",
        type=cli.positive_number,
        metavar="MAH",
        help="capacity of a cell, to estimate how long it lasts",
    )
    group.add_argument(
        "--battery-v",
        type=cli.positive_number,
        metavar="V",
        help="voltage of the cell; 3.7 V by default",
    )
    cli.add_chip_options(options, "to estimate for; loihi2 by default")


def _check(args: argparse.Namespace) -> Battery | None:
    """Return the cell; raise InputError for options that do not belong together."""
    from neurodeploy.predict.cost import check_battery

    for name in ("battery_mah", "battery_v", "chip", "costs"):
        if getattr(args, name) and not args.cost:
            raise InputError(f"--{name.replace('_', '-')} belongs to --cost; give both")
    if args.memory is not None and not (args.continuous or args.both):
        raise InputError("--memory belongs to --continuous; give both")
    if args.plot is not None:
        if args.plot.suffix.lower() not in PICTURES:
            raise InputError(f"--plot is {args.plot}; give a name in {', '.join(PICTURES)}")
        for path in (args.network, *map(Path, args.recording)):
            if files.same_file(path, args.plot):
                raise InputError(f"--plot would overwrite {path}; choose another name")
        check_writable(args.plot)
    return check_battery(args.battery_mah, args.battery_v)


def _options(args: argparse.Namespace) -> Any:
    from neurodeploy.predict.predicting import Options

    units = {"acc": args.acc_unit, "gyro": args.gyro_unit}
    return Options(
        rate_hz=args.rate,
        window=args.window,
        hop=args.hop,
        continuous=args.continuous,
        memory=args.memory,
        columns=args.columns or (),
        units={sensor: unit for sensor, unit in units.items() if unit},
        time=args.time,
        max_gap=args.max_gap,
        backend=args.backend,
        both=args.both,
    )


# The decisions


def _follow(
    args: argparse.Namespace,
    found: Predictions,
    meters: Sequence[CostMeter],
    pictures: Sequence[Timeline],
    battery: Battery | None,
) -> int:
    """Write the decisions as they come, then the summary; after Ctrl-C or a damaged row too."""
    summary, interrupted = Summary(found), False
    damage: InputError | None = None
    with _output(args, found) as show:
        try:
            for decision in found:
                for picture in pictures:
                    picture.decisions.append(decision)
                summary.add(decision)
                show(decision)
        except KeyboardInterrupt:
            interrupted = True
        except InputError as error:
            if not found.made:
                raise
            damage = error
    summary.say_notes()
    for line in [*summary.lines(), *_cost_lines(meters, battery)]:
        cli.say(line)
    for picture in pictures:
        picture.draw(args.plot)
        cli.say(f"Wrote {args.plot}: signal, spikes and decisions over time")
    if damage is not None:
        raise damage
    if interrupted:
        raise KeyboardInterrupt(f"{number_of(found.made, 'decision')} written")
    return cli.DONE


@contextmanager
def _output(args: argparse.Namespace, found: Predictions) -> Iterator[Callable[[Decision], None]]:
    """Give a function that shows a decision: as a line of CSV or JSON, or on the terminal."""
    if sys.stdout is None:  # the process has none
        yield lambda _: None
        return
    if sys.stdout.isatty() and not (args.json or args.csv):
        with _terminal(found) as show:
            yield show
        return
    names = (*FIELDS, "way") if args.both else FIELDS
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if not args.json:
        writer.writerow(names)
        sys.stdout.flush()

    def write(decision: Decision) -> None:
        values = {name: value for name, value in asdict(decision).items() if name in names}
        values["score"] = round(values["score"], SCORE_DIGITS)
        if args.json:
            print(json.dumps(values, allow_nan=False))
        else:
            writer.writerow([values[name] for name in names])
        sys.stdout.flush()

    yield write


@contextmanager
def _terminal(found: Predictions) -> Iterator[Callable[[Decision], None]]:
    """Give a function that prints each change of the class, and shows the latest decision below."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console, before = Console(highlight=False), dict[str, str]()
    with Live(Text("waiting for rows"), console=console, transient=True) as live:

        def show(decision: Decision) -> None:
            way = f"  {decision.way}" if found.plan.both else ""
            name = decision.class_name or "(silent)"
            if decision.gap:
                console.print(Text(f"{_clock(decision.time_s)}  gap: {decision.gap}", "dim"))
            if before.get(decision.way) != name or decision.gap:
                console.print(Text(f"{_clock(decision.time_s)}  {name}{way}"))
            before[decision.way] = name
            bar = "\N{FULL BLOCK}" * round(20 * max(0.0, min(decision.score, 1.0)))
            live.update(Text(f"{_clock(decision.time_s)}  {name}  {bar} {decision.score:.0%}"))

        yield show


def _clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds, such as "0:02:05.50"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:05.2f}"


class Summary:
    """Counts decisions and changes for the summary at the end."""

    def __init__(self, found: Predictions) -> None:
        self.found = found
        self.said = 0
        self.classes: dict[str, Counter[str]] = {}
        self.changes: Counter[str] = Counter()
        self.last: dict[str, str] = {}
        self.agreed = 0

    def add(self, decision: Decision) -> None:
        """Count a decision; say notes that are new."""
        self.say_notes()
        way, name = decision.way, decision.class_name
        self.classes.setdefault(way, Counter())[name] += 1
        if way in self.last and not decision.gap and self.last[way] != name:
            self.changes[way] += 1
        self.last[way] = name
        if way == "continuous" and "windows" in self.last:
            self.agreed += self.last["windows"] == name

    def say_notes(self) -> None:
        """Print the notes that are new on stderr."""
        for note in self.found.notes[self.said :]:
            cli.say(f"note: {note}")
        self.said = len(self.found.notes)

    def lines(self) -> list[str]:
        """Return the lines of the summary."""
        found, hop = self.found, self.found.plan.hop / self.found.plan.rate_hz
        gaps = f", state cleared after {number_of(found.gaps, 'gap')}" if found.gaps else ""
        lines = [f"{number_of(found.made, 'decision')} on {found.seconds:,.2f} s of signal{gaps}"]
        for way, classes in self.classes.items():
            spent = ", ".join(
                f"{name or '(silent)'} {count * hop:,.0f} s"
                for name, count in classes.most_common()
            )
            changes = number_of(self.changes[way], "change")
            lines.append(f"{way}: {spent}; {changes} of the decision")
        if len(self.classes) > 1:
            pairs = sum(self.classes["continuous"].values())
            lines.append(f"windows and continuous agree in {self.agreed / pairs:.1%} of decisions")
        if not found.made:
            lines.append(
                f"no decision: the first comes after {found.plan.window / found.plan.rate_hz:g} s "
                "without a gap; give a longer recording or a shorter --window"
            )
        return lines


def _cost_lines(meters: Sequence[CostMeter], battery: Battery | None) -> list[str]:
    """Return the lines on energy, latency and battery life."""
    from neurodeploy.predict.cost import NOT_MODELLED

    lines = []
    for meter in meters:
        for problem in meter.problems:
            lines.append(f"{meter.chip.title}: does not fit, {problem}")
        for cost in meter.costs():
            late = "" if cost.keeps_up else "; the chip may not keep up"
            lines += [
                f"{cost.chip}, {cost.way}, a decision every {cost.hop_s:g} s (estimated):",
                f"  energy per decision  {cost.per_decision}: events {cost.dynamic}, static "
                f"{cost.static}",
                f"  energy per hour      {_range(cost.per_hour)} J",
                f"  latency              {cost.latency_s} after the last row{late}",
            ]
            if battery is not None:
                cell = f"{battery.mah:g} mAh at {battery.volts:g} V"
                hours = cost.hours(battery)
                lasts = "" if hours is None else f" lasts {_days(hours)} (chip alone)"
                lines.append(
                    f"  a cell of {cell}{lasts or ': no estimate, since the energy may be 0'}"
                )
    return [*lines, f"  not modelled: {NOT_MODELLED}"] if lines else []


def _days(hours: Estimate) -> str:
    """Return a time in hours, or in days from two days on."""
    long = hours.value >= HOURS_MAX
    return f"{_range(hours * (1 / 24) if long else hours)} {'days' if long else 'hours'}"


def _range(estimate: Estimate) -> str:
    """Return value, low and high end, with three digits or more."""
    ends = (estimate.value, estimate.low, estimate.high)
    value, low, high = (f"{end:,.0f}" if end >= 100 else f"{end:.3g}" for end in ends)
    return f"{value} ({low} to {high})"
