"""Report what a network does and would cost: `python -m neurodeploy.report runs/har/model.net`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neurodeploy import cli
from neurodeploy.models import files
from neurodeploy.models.errors import InputError, require
from neurodeploy.report_options import (
    USAGE,
    add_options,
    check_files,
    check_options,
    checkpoint_of,
    network_file,
    sort_out,
    without_empty_folders,
)

if TYPE_CHECKING:  # what takes long to import, help texts do without
    from neurodeploy.hw_sim.chips import Chip
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.running.comparison import Comparison
    from neurodeploy.running.report import Report, SideBySide
    from neurodeploy.samples import Samples

DESCRIPTION = (
    "Run a network on its task's test samples, or on given ones, and report accuracy, spikes, "
    "SynOps, neurocores, and estimated energy and latency on Loihi."
)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("report", DESCRIPTION)
    options.usage = USAGE
    add_options(options)
    _, more = options.parse_known_args(argv)
    if more and not more[0].startswith("-"):
        words = " ".join(more)
        options.error(f"unrecognized arguments: {words}; --compare puts networks side by side")
    args = options.parse_args(argv)
    networks, args.compare = sort_out(args.network, args.compare or ())
    if not networks:
        options.error("the following arguments are required: model.net")
    from neurodeploy.hw_sim.chips import choose

    chips = choose(args.chip or (), args.costs or ())  # before anything else is read
    paths = [network_file(path) for path in networks]
    check_options(args, paths)
    with without_empty_folders(args):
        check_files(args, paths)
        return (_one if len(paths) == 1 else _side_by_side)(args, paths, chips)


def _one(args: argparse.Namespace, paths: Sequence[Path], chips: Sequence[Chip]) -> int:
    """Run a network, print its report, write the files and return the exit code."""
    made = _report(args, paths[0], chips, say_notes=args.json)
    if args.json:
        cli.print_json(made.to_dict())
    else:
        _print_report(args, made)
    sys.stdout.flush()  # a long run's result is out before a file fails
    lines = write_pages(made, page=args.html, figures=args.plots)
    if not args.json:
        for line in lines:
            print(line)
        if not args.brief:
            _print_next(args, paths[0], made.counted.num_samples)
    code = exit_code(made, asked=tuple(made.estimated) if args.chip or args.costs else ())
    differs = made.comparison is not None and not made.comparison.equal
    return cli.CHECK_FAILED if differs else code


def _print_report(args: argparse.Namespace, made: Report) -> None:
    from neurodeploy.pages import terminal

    terminal.show_report(made, brief=args.brief)
    terminal.show_checks(made)
    if args.spikes is not None:
        print(f"Wrote {args.spikes}: the spikes of every layer, layer_0, layer_1, ...")


def _report(
    args: argparse.Namespace, path: Path, chips: Sequence[Chip], *, say_notes: bool
) -> Report:
    """Run one network on what the options name; say the notes of its samples where no text will."""
    from neurodeploy.network_files import load_netx
    from neurodeploy.running.evaluation import evaluate

    network = load_netx(path, message_bits=args.message_bits, spike_exp=args.spike_exp)
    samples = _samples(args, network)
    for note in samples.notes if say_notes else ():
        cli.say(f"note: {note}")
    names = " and ".join(filter(None, [args.backend, args.compare]))
    with cli.progress(f"running on {names}") as advance:
        made = evaluate(
            network, samples, chips=chips, backend=args.backend, compare=args.compare,
            trace=args.trace, keep_sample=args.raster or 0, threads=args.threads,
            time_limit_s=args.time_limit, advance=advance, spikes_to=args.spikes,
        )  # fmt: skip
    if made.trace is None or made.comparison is not None or args.input is not None:
        return made
    comparison, note = compare_with_trained(path, network, samples)
    trace = replace(made.trace, notes=(*made.trace.notes, *filter(None, [note])))
    return replace(made, comparison=comparison, trace=trace)


def _samples(args: argparse.Namespace, network: QuantizedNetwork) -> Samples:
    """Return the samples that the options name."""
    from neurodeploy.running.inputs import load_input, task_samples

    if args.input is not None:
        samples = load_input(
            args.input, network, labels=args.labels, transformed=args.transformed,
            count=args.samples,
        )  # fmt: skip
    else:
        with cli.reading():
            samples = task_samples(network.task, args.data, count=args.samples)
    return samples


def write_pages(made: Report, *, page: Path | None, figures: Path | None) -> list[str]:
    """Write the page and the figures that were asked for; return what to say of them."""
    if page is None and figures is None:
        return []
    with cli.status("drawing"):
        made.save_pages(page=page, figures=figures)
    lines = []
    if page is not None:
        lines.append(f"Wrote {page}: the report as a page")
    if figures is not None:
        lines.append(f"Wrote {figures}: its figures as PNG and SVG")
    return lines


# Several networks


def _side_by_side(args: argparse.Namespace, paths: Sequence[Path], chips: Sequence[Chip]) -> int:
    """Run several networks, print them side by side and return the exit code."""
    from neurodeploy.network_files import load_netx
    from neurodeploy.running.report import Entry, SideBySide, short_names

    for path in paths:  # before the first takes its time
        load_netx(path, message_bits=args.message_bits, spike_exp=args.spike_exp)
    reports = []
    say_notes = args.json or args.csv or args.brief
    for path in paths:
        try:
            reports.append(_report(args, path, chips, say_notes=say_notes))
        except InputError as error:
            if str(path) in str(error):
                raise
            raise InputError(f"{path}: {error}") from None
    rows = zip(short_names(paths), reports, paths, strict=True)
    found = SideBySide.of([Entry(name, made, str(path)) for name, made, path in rows])
    _print_side_by_side(args, paths[0], found)
    asked = tuple(reports[0].estimated) if args.chip or args.costs else ()
    return max(exit_code(made, asked=asked) for made in reports)


def _print_side_by_side(args: argparse.Namespace, path: Path, found: SideBySide) -> None:
    """Print the networks side by side, then write their page."""
    from neurodeploy.pages import networks, terminal

    as_text = not (args.json or args.csv)
    if args.json:
        cli.print_json(found.to_dict())
    elif args.csv:
        print(networks.csv_text(found), end="")
    else:
        terminal.show_networks(found, brief=args.brief)
    sys.stdout.flush()
    if args.html is not None:
        from neurodeploy.pages import page

        with cli.status("drawing"):
            page.write_networks(found, args.html)
        if as_text:
            print(f"Wrote {args.html}: the networks side by side as a page")
    if as_text and not args.brief:
        print("Next, all about one of them:")
        print(f"  {cli.next_command('report', *_words(args, path), data=args.data)}")


# The trained network beside the file


def compare_with_trained(
    path: Path, network: QuantizedNetwork, samples: Samples
) -> tuple[Comparison | None, str]:
    """Return the comparison with the checkpoint of the same name, or None and why there is none.

    Args:
        path: of the network's file; the checkpoint is looked for beside it.
        network: the quantized network.
        samples: spikes of 0 or 1.
    """
    file = checkpoint_of(path)
    try:
        if not files.kind(file):
            return None, f"there is no {file} to compare with, and --compare names no backend"
        require("it", "torch", "lava.lib.dl.slayer")
        with cli.status("loading SLAYER"):
            from neurodeploy.learning import checkpoint
            from neurodeploy.models.quantize import quantize
            from neurodeploy.running.comparison import check_equivalence
        loaded = checkpoint.load(file)
        trained = loaded.network()
        quantized = quantize(trained, task=loaded.task)
        name = f"the trained {file.name}"
        with cli.progress("comparing with the trained network") as advance:
            found = check_equivalence(trained, network, samples, name=name, advance=advance)
    except (InputError, ValueError) as error:
        return None, f"{file} cannot be compared with: {error}"
    if quantized.digest != network.digest:
        found = replace(found, note=f"{file} quantizes to another network than {path.name}")
    return found, ""


# What to type next, and how it ended


def _words(args: argparse.Namespace, path: Path) -> list[str | Path]:
    """Return the words of a command that gives the same network, input and chips."""
    words: list[str | Path] = [path]
    if args.input is not None:
        words += ["--input", args.input, *["--transformed"] * args.transformed]
    for option in ("message_bits", "spike_exp"):
        if getattr(args, option) is not None:
            words += [f"--{option.replace('_', '-')}", str(getattr(args, option))]
    return words + cli.chip_words(args.chip, args.costs)


def _print_next(args: argparse.Namespace, path: Path, samples: int) -> None:
    few = args.samples is not None or samples > 16
    compare = ["--compare", "lava", *["--samples", str(min(samples, 16))] * few]
    nexts = [["--json"]] if args.compare else [compare, ["--json"]]
    print("Next, " + "side by side with Lava's simulator, or " * (len(nexts) > 1) + "as JSON:")
    for more in nexts:
        print(f"  {cli.next_command('report', *_words(args, path), *more, data=args.data)}")


def exit_code(report: Report, *, asked: Sequence[str] = ()) -> int:
    """Return CHECK_FAILED unless each chip asked for, or any when none was, holds the network."""
    fits = {name: not each.problems for name, each in report.estimated.items()}
    held = all(fits[name] for name in asked) if asked else any(fits.values())
    return cli.DONE if held else cli.CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())
