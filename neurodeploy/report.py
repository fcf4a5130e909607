"""Report what a network does and would cost: `python -m neurodeploy.report runs/har/model.net`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from neurodeploy import cli
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models import files, loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable

if TYPE_CHECKING:  # what takes long to import, help texts do without
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.running.comparison import Comparison
    from neurodeploy.running.evaluation import Report
    from neurodeploy.running.side_by_side import SideBySide
    from neurodeploy.samples import Samples

DESCRIPTION = (
    "Run a network on its task's test samples, or on given ones, and report accuracy, spikes, "
    "SynOps, neurocores, and estimated energy and latency on Loihi."
)
USAGE: Final = (
    "%(prog)s model.net [--compare BACKEND] [options]\n"
    "       %(prog)s --compare a.net b.net [more.net ...] [options]"
)
OF_ONE: Final = ("spikes", "trace", "plots", "raster")
"""Options that show one network, and so none of several."""

PAGES: Final = (".html", ".htm")
PICTURES: Final = (".svg", ".png")


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("report", DESCRIPTION)
    options.usage = USAGE
    add_options(options)
    args = options.parse_args(argv)
    networks, args.compare = sort_out(args.network, args.compare or ())
    if not networks:
        options.error("the following arguments are required: model.net")
    paths = [network_file(path) for path in networks]
    check_options(args, paths)
    check_files(args, paths)
    if len(paths) > 1:
        return _side_by_side(args, paths)
    made = _report(args, paths[0])
    lines = write_pages(made, page=args.html, figures=args.plots)
    if args.json:
        cli.print_json(made.to_dict())
    else:
        _print_report(args, paths[0], made, lines)
    code = exit_code(made, asked=tuple(made.estimated) if args.chip or args.costs else ())
    differs = made.comparison is not None and not made.comparison.equal
    return cli.CHECK_FAILED if differs else code


def _print_report(args: argparse.Namespace, path: Path, made: Report, lines: Sequence[str]) -> None:
    from neurodeploy.pages.terminal import checks
    from neurodeploy.pages.terminal import report as terminal

    terminal.show(made, brief=args.brief)
    checks.show(made)
    if args.spikes is not None:
        print(f"Wrote {args.spikes}: the spikes of every layer, layer_0, layer_1, ...")
    for line in lines:
        print(line)
    if not args.brief:
        _print_next(args, path, made.counted.samples)


def _report(args: argparse.Namespace, path: Path) -> Report:
    """Run one network on what the options name."""
    from neurodeploy.running.evaluation import evaluate

    network = read_network(path, message_bits=args.message_bits, spike_exp=args.spike_exp)
    samples = _samples(args, network)
    names = " and ".join(filter(None, [args.backend, args.compare]))
    with cli.progress(f"running on {names}") as advance:
        made = evaluate(
            network, samples, chips=_chips(args), backend=args.backend, compare=args.compare,
            trace=args.trace, keep_sample=args.raster or 0, threads=args.threads,
            time_limit_s=args.time_limit, advance=advance, spikes_to=args.spikes,
        )  # fmt: skip
    if made.trace is None or made.comparison is not None or args.input is not None:
        return made
    comparison, note = compare_with_trained(path, network, samples)
    trace = replace(made.trace, notes=(*made.trace.notes, *filter(None, [note])))
    return replace(made, comparison=comparison, trace=trace)


def _samples(args: argparse.Namespace, network: QuantizedNetwork) -> Samples:
    """Return the samples that the options name, and say what is to be known about them."""
    from neurodeploy.running.inputs import load_input, task_samples

    if args.input is not None:
        samples = load_input(
            args.input, network, labels=args.labels, transformed=args.transformed,
            count=args.samples,
        )  # fmt: skip
    else:
        with cli.reading():
            samples = task_samples(network.task, args.data, count=args.samples)
    for note in samples.notes:
        cli.say(f"note: {note}")
    return samples


def _chips(args: argparse.Namespace) -> Any:
    from neurodeploy.hw_sim.chips import chip

    return chip.choose(args.chip or (), args.costs or ())


# Several networks


def _side_by_side(args: argparse.Namespace, paths: Sequence[Path]) -> int:
    """Run several networks, print them side by side and return the exit code."""
    from neurodeploy.running.side_by_side import Entry, SideBySide, short_names

    for path in paths:  # before the first takes its time
        read_network(path, message_bits=args.message_bits, spike_exp=args.spike_exp)
    reports = []
    for path in paths:
        try:
            reports.append(_report(args, path))
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
    from neurodeploy.pages import beside
    from neurodeploy.pages.terminal import beside as terminal

    if args.html is not None:
        from neurodeploy.pages.html import page

        with cli.status("drawing"):
            page.write_comparison(found, args.html)
    if args.json:
        cli.print_json(found.to_dict())
    elif args.csv:
        print(beside.csv_text(found), end="")
    else:
        terminal.show(found)
        if args.html is not None:
            print(f"Wrote {args.html}: the networks side by side as a page")
        if not args.brief:
            print("Next, all about one of them:")
            print(f"  {cli.next_command('report', *_words(args, path), data=args.data)}")


# What the options name


def sort_out(network: Path | None, words: Sequence[str]) -> tuple[tuple[Path, ...], str | None]:
    """Return the networks to run and the backend to compare with, if one is named.

    Names of backends are backends, all else files; `./lava` is a file of that name.

    Args:
        network: that stands before the options, if any.
        words: given to `--compare`.

    Raises:
        InputError: when the words name both, or too many or too few of one.
    """
    own = () if network is None else (network,)
    backends = [word for word in words if word in BACKENDS]
    paths = [Path(word) for word in words if word not in BACKENDS]
    if backends and paths:
        raise InputError(
            f"--compare takes a backend or networks, and it took {' and '.join(words)}; name the "
            "network before --compare, and one or the other after it"
        )
    if len(backends) > 1:
        raise InputError(
            f"--compare names {len(backends)} backends, {', '.join(backends)}; compare with one "
            "at a time"
        )
    if backends and not own:
        raise InputError(
            f"--compare {backends[0]} runs a network on {backends[0]} as well, and none is given; "
            "name it before --compare"
        )
    networks = (*own, *paths)
    if paths:
        _check_networks(networks)
    return networks, backends[0] if backends else None


def _check_networks(networks: Sequence[Path]) -> None:
    """Raise InputError unless these are two networks or more."""
    for path in networks:
        if path.suffix != ".net" and not files.kind(path):
            raise InputError(
                f"--compare takes netx files, or a backend ({', '.join(BACKENDS)}), and {path} is "
                "neither; name one that is there"
            )
    if len(networks) < 2:
        raise InputError(
            f"--compare names one network, {networks[0]}; name another to put beside it"
        )
    for one, other in combinations(networks, 2):
        if files.same_file(one, other):
            same = f"{one} twice" if one == other else f"{one} and {other}, which are one file"
            raise InputError(f"--compare is given {same}; name networks that differ")


def network_file(path: Path) -> Path:
    """Return the file of a network: `model.net` in a folder, else what is given.

    Raises:
        InputError: when a folder holds none, or a checkpoint is given.
    """
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


def read_network(
    path: Path, *, message_bits: int | None = None, spike_exp: int | None = None
) -> QuantizedNetwork:
    """Return the network in a file, which lava-dl's files leave open in two points.

    Raises:
        InputError: when it cannot be read, or says otherwise than --message-bits or --spike-exp.
    """
    from neurodeploy.export import netx
    from neurodeploy.models.network import InputLayer

    asked = {"message_bits": message_bits, "spike_exp": spike_exp}
    given = {name: value for name, value in asked.items() if value is not None}
    network = netx.read(path, replace(netx.Defaults(), **given))
    if "message_bits" in given and isinstance(network.layers[0], InputLayer):
        raise InputError(
            f"{path}: its first layer is an input with neurons, which takes values and no graded "
            "spikes; leave --message-bits out"
        )
    exponents = {
        layer.neuron.spike_exp for layer in network.layers if hasattr(layer.neuron, "spike_exp")
    }
    if "spike_exp" in given and not exponents:
        raise InputError(f"{path} has no sigma-delta neurons; leave --spike-exp out")
    for name, carried in (("message_bits", {network.message_bits}), ("spike_exp", exponents)):
        if name in given and carried != {given[name]}:
            raise InputError(
                f"{path} says itself that {name} is {', '.join(map(str, sorted(carried)))} and "
                f"--{name.replace('_', '-')} {given[name]}; leave the option out"
            )
    return network


def check_options(args: argparse.Namespace, networks: Sequence[Path]) -> None:
    """Raise InputError where options contradict one another, before anything is read."""
    for name in OF_ONE if len(networks) > 1 else ():
        value = getattr(args, name)
        if value is not None and value is not False:  # sample 0 is one, too
            raise InputError(
                f"--{name} is about one network and --compare puts {len(networks)} side by side; "
                "leave one of the two out"
            )
    if args.csv and (len(networks) < 2 or args.json):
        raise InputError(
            "--csv prints one row per network and chip, of networks that --compare names, and no "
            "--json; give --compare a.net b.net --csv"
        )
    if args.input is None:
        for name in ("transformed", "labels"):
            if getattr(args, name):
                raise InputError(f"--{name} says more about --input, which is missing; give both")
    elif args.data is not None:
        raise InputError("--data is for the task's samples and --input brings others; give one")
    if args.raster is not None and args.html is None and args.plots is None:
        raise InputError("--raster chooses the sample that --html and --plots show; give one too")
    from neurodeploy.running.simulation import choose_backends

    choose_backends([args.backend, *filter(None, [args.compare])], args.time_limit)


# The files that are written


def check_files(args: argparse.Namespace, networks: Sequence[Path]) -> None:
    """Raise InputError where a name is no name for a file to write, or a file that is read."""
    from neurodeploy.running.recording import check_spike_file

    read = list(_read(args, networks))
    if args.spikes is not None:
        check_spike_file(args.spikes)
        _refuse_to_replace(read, args.spikes, "--spikes")
    if args.html is not None:
        if args.html.suffix.lower() not in PAGES or files.kind(args.html) == "folder":
            raise InputError(f"{args.html} is no name for a page; give --html one ending in .html")
        _refuse_to_replace(read, args.html, "--html")
        check_writable(args.html)
    if args.plots is not None:
        if files.kind(args.plots) not in ("", "folder"):
            raise InputError(f"{args.plots} is no folder; give --plots the name of one")
        for name in (each.name for each in read if each.suffix in PICTURES):
            _refuse_to_replace(read, args.plots / name, "--plots")
        check_writable(args.plots / f"figure{PICTURES[0]}")


def _read(args: argparse.Namespace, networks: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that are read."""
    for network in networks:
        yield network
        yield checkpoint_of(network)
    yield from filter(None, (args.input, args.labels, *(args.costs or ())))


def _refuse_to_replace(read: Sequence[Path], written: Path, option: str) -> None:
    for path in read:
        if files.same_file(path, written):
            raise InputError(f"{option} would write over {path}; give it another name")


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


# The trained network beside the file


def checkpoint_of(path: Path) -> Path:
    """Return where the checkpoint of a network's file is looked for: beside it."""
    return path.parent / f"{path.stem}.pt"


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
        with cli.status("loading SLAYER"):
            from neurodeploy.learning import checkpoint
            from neurodeploy.models.network import digest
            from neurodeploy.models.quantize import quantize
            from neurodeploy.running.comparison import check_equivalence
        loaded = checkpoint.load(file)
        trained = loaded.network()
        quantized = quantize(trained, task=loaded.task)
        one, other = _shapes(quantized), _shapes(network)
        if one != other:
            raise InputError(f"it is another network, {one} and not {other}; train and export anew")
        name = f"the trained {file.name}"
        with cli.progress("comparing with the trained network") as advance:
            found = check_equivalence(trained, network, samples, name=name, advance=advance)
    except (InputError, ValueError) as error:
        return None, f"{file} cannot be compared with: {error}"
    if digest(quantized) != digest(network):
        found = replace(found, note=f"{file} quantizes to another network than {path.name}")
    return found, ""


def _shapes(network: QuantizedNetwork) -> str:
    """Return the shapes of the input and of every layer in words, as in "12-3x4x4-2"."""
    shapes = (network.input_shape, *(layer.shape for layer in network.layers))
    return "-".join("x".join(map(str, shape)) for shape in shapes)


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


# The options


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a report."""
    options.add_argument(
        "network",
        nargs="?",
        type=Path,
        metavar="model.net",
        help="quantized network to run, or the folder of its run; needed unless --compare names "
        "networks",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="samples to run, spread evenly; all when not given",
    )
    _add_input_options(options)
    _add_run_options(options)
    _add_output_options(options)
    cli.add_chip_options(options, "to estimate for, all when none is given")
    cli.add_threads_option(options)


def _add_input_options(options: argparse.ArgumentParser) -> None:
    given = options.add_argument_group(
        "samples of your own, as for a network without a task (see docs/any-network.md)"
    )
    given.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="a .npy array (neurons, time) or (channel, height, width, time), with an axis of "
        "samples in front if there are several",
    )
    given.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a .npy array of classes, one per sample",
    )
    given.add_argument(
        "--transformed",
        action="store_true",
        help="the input is what the neurons of the input layer take: leave out the file's scale "
        "and offset",
    )
    given.add_argument(
        "--message-bits",
        type=cli.whole_number(0, loihi.MESSAGE_BITS_MAX),
        metavar="N",
        help="of graded input spikes, where the file does not say; 0 for spikes of 0 or 1",
    )
    given.add_argument(
        "--spike-exp",
        type=cli.whole_number(0, loihi.EXPONENT_MAX),
        metavar="N",
        help=f"binary places of sigma-delta spikes, where the file does not say; "
        f"{loihi.SPIKE_EXP} when not given",
    )


def _add_run_options(options: argparse.ArgumentParser) -> None:
    names = sorted(BACKENDS)
    options.add_argument("--backend", choices=names, default="fast", help="what runs it")
    options.add_argument(
        "--compare",
        nargs="+",
        action="extend",
        metavar="WITH",
        help=f"a backend ({', '.join(names)}), to run it as well and show the first spike that "
        "differs; or other networks, to put them side by side",
    )
    options.add_argument(
        "--trace",
        action="store_true",
        help="show rates, silent and saturated neurons and overflows of every layer, and the "
        "first spike that differs from the trained network's",
    )
    options.add_argument(
        "--time-limit",
        type=cli.positive_number,
        metavar="SECONDS",
        help="end a run on Lava or Loihi after so long",
    )


def _add_output_options(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--brief", action="store_true", help="print the first screen and no tables"
    )
    options.add_argument(
        "--json", action="store_true", help="print one JSON object instead of text"
    )
    options.add_argument(
        "--csv",
        action="store_true",
        help="of networks side by side: print one row of CSV per network and chip instead of text",
    )
    options.add_argument(
        "--spikes", type=Path, metavar="FILE", help="write every layer's spikes to this .npz file"
    )
    options.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the report, or the networks side by side, as one page that needs no other",
    )
    options.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="write the page's figures to this folder, as PNG and SVG",
    )
    options.add_argument(
        "--raster",
        type=cli.whole_number(0),
        metavar="N",
        help="the sample that page and figures show, by its number in the run from 0; the first "
        "when not given",
    )


if __name__ == "__main__":
    sys.exit(main())
