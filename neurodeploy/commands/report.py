"""Report a network's accuracy, activity and estimated cost: `python -m neurodeploy.report`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neurodeploy.commands import cli
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models import files, loihi
from neurodeploy.models.errors import InputError, require
from neurodeploy.models.files import check_writable

if TYPE_CHECKING:  # slow to import, and --help does not need them
    from neurodeploy.data.samples import Samples
    from neurodeploy.evaluation.comparison import Comparison
    from neurodeploy.hw_sim.chips import Chip
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.report.report import Report, SideBySide

DESCRIPTION = (
    "Run a network on the test samples of its task, or on samples of your own, and report "
    "accuracy, spikes, SynOps, neurocores, and estimated energy and latency on Loihi."
)
USAGE: Final = (
    "%(prog)s model.net [--compare BACKEND] [options]\n"
    "       %(prog)s --compare a.net b.net [more.net ...] [options]"
)
OF_ONE: Final = ("spikes", "trace", "plots", "raster")
"""Options that apply to a single network."""
PICTURES: Final = (".svg", ".png")


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("report", DESCRIPTION)
    options.usage = USAGE
    options.stray_hint = "--compare puts networks side by side"
    add_options(options)
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


# Options


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_argument(
        "network",
        nargs="?",
        type=Path,
        metavar="model.net",
        help="quantized network to run, or the folder of a training run; required unless --compare "
        "names networks",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="number of samples to run, evenly spaced; all by default",
    )
    _add_input_options(options)
    _add_run_options(options)
    _add_output_options(options)
    cli.add_chip_options(options, "to estimate for; all by default")
    _add_copy_options(options)
    cli.add_threads_option(options)


def _add_input_options(options: argparse.ArgumentParser) -> None:
    group = options.add_argument_group(
        "your own samples, for example for a network without a task (docs/how-to/any-network.md)"
    )
    group.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="a .npy array (neurons, time) or (channel, height, width, time), or several samples "
        "with one more axis in front",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a .npy array with the correct class of each sample",
    )
    group.add_argument(
        "--transformed",
        action="store_true",
        help="the scale and offset of the network's input layer are already applied to the input",
    )
    group.add_argument(
        "--message-bits",
        type=cli.whole_number(0, loihi.MESSAGE_BITS_MAX),
        metavar="N",
        help="bits of graded input spikes, 0 for binary spikes; if the file does not store it",
    )
    group.add_argument(
        "--spike-exp",
        type=cli.whole_number(0, loihi.EXPONENT_MAX),
        metavar="N",
        help=f"fractional bits of sigma-delta spikes, if the file does not store it; "
        f"{loihi.SPIKE_EXP} by default",
    )


def _add_run_options(options: argparse.ArgumentParser) -> None:
    names = sorted(BACKENDS)
    options.add_argument(
        "--backend", choices=names, default="fast", help="backend that runs the network"
    )
    options.add_argument(
        "--compare",
        nargs="+",
        action="extend",
        metavar="WITH",
        help=f"a second backend ({', '.join(names)}), to run the same samples there and show the "
        "first spike that differs; or other networks, to show them side by side",
    )
    options.add_argument(
        "--trace",
        action="store_true",
        help="show firing rates, silent and saturated neurons and overflows of every layer, and "
        "the first spike that differs from the trained network",
    )
    options.add_argument(
        "--time-limit",
        type=cli.positive_number,
        metavar="SECONDS",
        help="stop a run on Lava or Loihi after this time",
    )


def _add_copy_options(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--copies",
        type=cli.whole_number(1),
        default=1,
        metavar="N",
        help="copies of the network on each chip, or on each group of chips that one copy takes; "
        "estimates are those of one copy",
    )
    options.add_argument(
        "--chips-used",
        type=cli.whole_number(1),
        metavar="M",
        help="number of chips with copies; by default those that one copy takes",
    )


def _add_output_options(options: argparse.ArgumentParser) -> None:
    forms = options.add_mutually_exclusive_group()
    forms.add_argument("--brief", action="store_true", help="print a summary without the tables")
    forms.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    forms.add_argument(
        "--csv",
        action="store_true",
        help="for networks side by side, print one CSV row per network instead of text",
    )
    options.add_argument(
        "--spikes", type=Path, metavar="FILE", help="write every layer's spikes to this .npz file"
    )
    options.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the report, or the networks side by side, as one self-contained HTML page",
    )
    options.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="write the figures of the page to this folder, as PNG and SVG",
    )
    options.add_argument(
        "--raster",
        type=cli.whole_number(0),
        metavar="N",
        help="index, among the samples that run, of the sample shown as a spike raster; 0 by "
        "default",
    )


def sort_out(network: Path | None, words: Sequence[str]) -> tuple[tuple[Path, ...], str | None]:
    """Split the values of `--compare`; return the networks to run and the backend, or None.

    A backend's name means the backend, anything else a file; `./lava` is a file of that name.

    Args:
        network: the positional argument, or None.
        words: the values of `--compare`.

    Raises:
        InputError: if the words name backends and files, or too many or too few of one.
    """
    own = () if network is None else (network,)
    backends = [word for word in words if word in BACKENDS]
    paths = [Path(word) for word in words if word not in BACKENDS]
    if backends and paths:
        raise InputError(
            f"--compare takes a backend or networks, not both ({', '.join(words)}); name the "
            "network before --compare, and a backend or other networks after it"
        )
    if len(backends) > 1:
        raise InputError(
            f"--compare names {len(backends)} backends, {', '.join(backends)}; compare with one "
            "at a time"
        )
    if backends and not own:
        raise InputError(
            f"--compare {backends[0]} needs a network to run on {backends[0]} too; name it before "
            "--compare"
        )
    networks = (*own, *paths)
    if paths:
        _check_networks(networks)
    return networks, backends[0] if backends else None


def _check_networks(networks: Sequence[Path]) -> None:
    """Raise InputError unless these are two or more different networks."""
    for path in networks:
        if path.suffix != ".net" and not files.kind(path):
            raise InputError(
                f"--compare takes netx files or a backend ({', '.join(BACKENDS)}); {path} is "
                "neither, so give an existing file or one of these names"
            )
    if len(networks) < 2:
        raise InputError(f"--compare names one network, {networks[0]}; name another one to compare")
    for one, other in combinations(networks, 2):
        if files.same_file(one, other):
            same = f"{one} twice" if one == other else f"{one} and {other}, which are the same file"
            raise InputError(f"--compare names {same}; name different networks")


def network_file(path: Path) -> Path:
    """Return the file of a network: `model.net` in a folder, else the path itself.

    Raises:
        InputError: if a folder has no `model.net`, or the path is a checkpoint.
    """
    if path.name == "resume.pt" and files.kind(path) == "file":
        model = path.with_name("model.pt")
        raise InputError(
            f"{path} is the state of a training run, not a network; export {model} with "
            f"{cli.next_command('export', model)}, then report on {model.with_suffix('.net')}"
        )
    if path.suffix == ".pt" and files.kind(path) == "file":
        raise InputError(
            f"{path} is a checkpoint; export it first with {cli.next_command('export', path)}, "
            f"then report on {path.with_suffix('.net')}"
        )
    if files.kind(path) != "folder":
        return path
    found, model = path / "model.net", path / "model.pt"
    if files.kind(found) == "file":
        cli.say(f"note: {path} is a folder; reporting on {found}")
        return found
    way_out = "give the path of a .net file"
    if files.kind(model) == "file":
        way_out = f"export its checkpoint first with {cli.next_command('export', model)}"
    raise InputError(f"{path} is a folder without model.net; {way_out}")


def check_options(args: argparse.Namespace, networks: Sequence[Path]) -> None:
    """Raise InputError for options that exclude each other."""
    for name in OF_ONE if len(networks) > 1 else ():
        value = getattr(args, name)
        if value is not None and value is not False:  # 0 is the index of a sample
            raise InputError(
                f"--{name} applies to one network and --compare shows {len(networks)}; leave one "
                "of the two options out"
            )
    if args.csv and len(networks) < 2:
        raise InputError(
            "--csv prints one row per network of --compare; give --compare a.net b.net --csv"
        )
    if args.input is None:
        for name in ("transformed", "labels"):
            if getattr(args, name):
                raise InputError(f"--{name} describes --input, which is missing; give both")
    elif args.data is not None:
        raise InputError("--data and --input both name the samples to run; give one of them")
    if args.raster is not None and args.html is None and args.plots is None:
        raise InputError(
            "--raster chooses the sample that --html and --plots show; give one of these as well"
        )
    from neurodeploy.evaluation.simulation import choose_backends

    choose_backends([args.backend, *filter(None, [args.compare])], args.time_limit)


def check_files(args: argparse.Namespace, networks: Sequence[Path]) -> None:
    """Raise InputError if an output has a wrong name, or would overwrite an input."""
    from neurodeploy.evaluation.recording import check_spike_file
    from neurodeploy.report.report import PAGES

    read = [*networks, *map(checkpoint_of, networks)]
    read += filter(None, (args.input, args.labels, *(args.costs or ())))
    if args.spikes is not None:
        check_spike_file(args.spikes)
        _refuse_to_replace(read, args.spikes, "--spikes")
    if args.html is not None:
        if args.html.suffix.lower() not in PAGES or files.kind(args.html) == "folder":
            raise InputError(f"--html is {args.html}; give a file name that ends in .html")
        _refuse_to_replace(read, args.html, "--html")
        check_writable(args.html)
    if args.plots is not None:
        if files.kind(args.plots) not in ("", "folder"):
            raise InputError(f"{args.plots} is not a folder; give --plots a folder")
        for name in (each.name for each in read if each.suffix in PICTURES):
            _refuse_to_replace(read, args.plots / name, "--plots")
        check_writable(args.plots / f"figure{PICTURES[0]}")


def _refuse_to_replace(read: Sequence[Path], written: Path, option: str) -> None:
    for path in read:
        if files.same_file(path, written):
            raise InputError(f"{option} would overwrite {path}; choose another name")


@contextmanager
def without_empty_folders(args: argparse.Namespace) -> Iterator[None]:
    """Remove the new output folders that an error or Ctrl-C left empty."""
    files_of = [path.parent for path in (args.html, args.spikes) if path is not None]
    folders = [*files_of, *filter(None, [args.plots])]
    every = {each for folder in folders for each in (folder, *folder.parents)}
    new = [folder for folder in every if not os.path.lexists(folder)]
    try:
        yield
    except BaseException:
        for folder in sorted(new, key=lambda each: len(each.parts), reverse=True):
            with suppress(OSError):  # not empty, or never created
                folder.rmdir()
        raise


# One network


def _one(args: argparse.Namespace, paths: Sequence[Path], chips: Sequence[Chip]) -> int:
    """Run a network, print its report, write the files and return the exit code."""
    report = _report(args, paths[0], chips, print_notes=args.json)
    if args.json:
        cli.print_json(report.to_dict())
    else:
        from neurodeploy.report import terminal

        terminal.show_report(report, brief=args.brief)
        terminal.show_checks(report)
        if args.spikes is not None:
            print(f"Wrote {args.spikes}: the spikes of every layer as layer_0, layer_1, ...")
    sys.stdout.flush()  # show the result of a long run before writing a file can fail
    lines = write_pages(report, page=args.html, figures=args.plots)
    if not args.json:
        for line in lines:
            print(line)
        if not args.brief:
            _print_next(args, paths[0], report.counted.num_samples)
    code = exit_code(report, required=tuple(report.estimated) if args.chip or args.costs else ())
    differs = report.comparison is not None and not report.comparison.equal
    return cli.CHECK_FAILED if differs else code


def _report(
    args: argparse.Namespace, path: Path, chips: Sequence[Chip], *, print_notes: bool
) -> Report:
    """Evaluate a network; with `print_notes`, print the notes on its samples on stderr."""
    from neurodeploy.evaluation.files import load_exported
    from neurodeploy.report.evaluate import evaluate

    network = load_exported(path, message_bits=args.message_bits, spike_exp=args.spike_exp)
    samples = _samples(args, network)
    for note in samples.notes if print_notes else ():
        cli.say(f"note: {note}")
    names = " and ".join(filter(None, [args.backend, args.compare]))
    with cli.progress(f"running on {names}") as advance:
        report = evaluate(
            network, samples, chips=chips, copies=args.copies, chips_used=args.chips_used,
            backend=args.backend, compare=args.compare,
            trace=args.trace, keep_sample=args.raster or 0, threads=args.threads,
            time_limit_s=args.time_limit, advance=advance, spikes_to=args.spikes,
        )  # fmt: skip
    if report.trace is None or report.comparison is not None or args.input is not None:
        return report
    comparison, note = compare_with_trained(path, network, samples)
    trace = replace(report.trace, notes=(*report.trace.notes, *filter(None, [note])))
    return replace(report, comparison=comparison, trace=trace)


def _samples(args: argparse.Namespace, network: QuantizedNetwork) -> Samples:
    from neurodeploy.data.inputs import load_input
    from neurodeploy.data.task_data import task_samples

    if args.input is not None:
        return load_input(
            args.input, network, labels=args.labels, transformed=args.transformed,
            count=args.samples,
        )  # fmt: skip
    with cli.reading():
        return task_samples(network.task, args.data, count=args.samples)


def write_pages(report: Report, *, page: Path | None, figures: Path | None) -> list[str]:
    """Write the page and the figures, if requested; return a line to print for each."""
    if page is None and figures is None:
        return []
    with cli.status("drawing"):
        report.save_pages(page=page, figures=figures)
    lines = [] if page is None else [f"Wrote {page}: the full report as an HTML page"]
    return lines + ([] if figures is None else [f"Wrote {figures}: the figures as PNG and SVG"])


def checkpoint_of(path: Path) -> Path:
    """Return the path of the checkpoint that belongs to a network's file."""
    return path.with_suffix(".pt")


def compare_with_trained(
    path: Path, network: QuantizedNetwork, samples: Samples
) -> tuple[Comparison | None, str]:
    """Compare the network in `path` with the checkpoint of the same name beside it.

    Returns:
        The comparison and "", or None and the reason why there is none.
    """
    file = checkpoint_of(path)
    try:
        if not files.kind(file):
            return None, f"not compared: there is no {file}, and --compare names no backend"
        require("the comparison", "torch", "lava.lib.dl.slayer")
        with cli.status("loading SLAYER"):
            from neurodeploy.evaluation.comparison import check_equivalence
            from neurodeploy.models.quantize import quantize
            from neurodeploy.train import checkpoint
        loaded = checkpoint.load(file)
        trained = loaded.network()
        quantized = quantize(trained, task=loaded.task)
        name = f"the trained {file.name}"
        with cli.progress("comparing with the trained network") as advance:
            found = check_equivalence(trained, network, samples, name=name, advance=advance)
    except (InputError, ValueError) as error:
        return None, f"not compared with {file}: {error}"
    if quantized.digest != network.digest:
        found = replace(found, note=f"{path.name} is not the network that {file} quantizes to")
    return found, ""


def _words(args: argparse.Namespace, path: Path) -> list[str | Path]:
    """Return the words of a command line for the same network, input and chips."""
    words: list[str | Path] = [path]
    if args.input is not None:
        words += ["--input", args.input, *["--transformed"] * args.transformed]
    for option in ("message_bits", "spike_exp"):
        if getattr(args, option) is not None:
            words += [f"--{option.replace('_', '-')}", str(getattr(args, option))]
    words += cli.chip_words(args.chip, args.costs)
    if args.copies > 1:
        words += ["--copies", str(args.copies)]
    return words if args.chips_used is None else [*words, "--chips-used", str(args.chips_used)]


def _print_next(args: argparse.Namespace, path: Path, samples: int) -> None:
    few = args.samples is not None or samples > 16
    compare = ["--compare", "lava", *["--samples", str(min(samples, 16))] * few]
    nexts = [["--json"]] if args.compare else [compare, ["--json"]]
    print("Next, " + "compare with Lava's simulator, or " * (len(nexts) > 1) + "print JSON:")
    for more in nexts:
        print(f"  {cli.next_command('report', *_words(args, path), *more, data=args.data)}")


def exit_code(report: Report, *, required: Sequence[str] = ()) -> int:
    """Return DONE if the network fits every required chip, or any chip if none is required."""
    fits = {name: each.fits for name, each in report.estimated.items()}
    passed = all(fits[name] for name in required) if required else any(fits.values())
    return cli.DONE if passed else cli.CHECK_FAILED


# Several networks


def _side_by_side(args: argparse.Namespace, paths: Sequence[Path], chips: Sequence[Chip]) -> int:
    """Run several networks, print them side by side and return the exit code."""
    from neurodeploy.evaluation.files import load_exported
    from neurodeploy.report.report import Entry, SideBySide, short_names

    for path in paths:  # before the first one runs
        load_exported(path, message_bits=args.message_bits, spike_exp=args.spike_exp)
    reports = []
    print_notes = args.json or args.csv or args.brief
    for path in paths:
        try:
            reports.append(_report(args, path, chips, print_notes=print_notes))
        except InputError as error:
            if str(path) in str(error):
                raise
            raise InputError(f"{path}: {error}") from None
    rows = zip(short_names(paths), reports, paths, strict=True)
    found = SideBySide.of([Entry(name, report, str(path)) for name, report, path in rows])
    _print_side_by_side(args, paths[0], found)
    required = tuple(reports[0].estimated) if args.chip or args.costs else ()
    return max(exit_code(report, required=required) for report in reports)


def _print_side_by_side(args: argparse.Namespace, path: Path, found: SideBySide) -> None:
    """Print the networks side by side, then write the page."""
    from neurodeploy.report import networks, terminal

    as_text = not (args.json or args.csv)
    if args.json:
        cli.print_json(found.to_dict())
    elif args.csv:
        print(networks.csv_text(found), end="")
    else:
        terminal.show_networks(found, brief=args.brief)
    sys.stdout.flush()
    if args.html is not None:
        with cli.status("drawing"):
            networks.write_page(found, args.html)
        if as_text:
            print(f"Wrote {args.html}: the networks side by side as an HTML page")
    if as_text and not args.brief:
        print("Next, the full report on one network:")
        print(f"  {cli.next_command('report', *_words(args, path), data=args.data)}")
