"""The options of the command `report`: what they are, what they name, and what contradicts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path
from typing import Final

from neurodeploy import cli
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models import files, loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable

USAGE: Final = (
    "%(prog)s model.net [--compare BACKEND] [options]\n"
    "       %(prog)s --compare a.net b.net [more.net ...] [options]"
)
OF_ONE: Final = ("spikes", "trace", "plots", "raster")
"""Options that show one network, and so none of several."""

FORMS: Final = ("json", "csv", "brief")
"""Options that say what stdout has, of which one is possible."""

PICTURES: Final = (".svg", ".png")


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
        help="of networks side by side: print one row of CSV per network instead of text",
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
    if path.name == "resume.pt" and files.kind(path) == "file":
        model = path.with_name("model.pt")
        raise InputError(
            f"{path} is the state of a training and no network; export {model} beside it with "
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
    """Raise InputError where options contradict one another, before anything is read."""
    for name in OF_ONE if len(networks) > 1 else ():
        value = getattr(args, name)
        if value is not None and value is not False:  # sample 0 is one, too
            raise InputError(
                f"--{name} is about one network and --compare puts {len(networks)} side by side; "
                "leave one of the two out"
            )
    asked = [f"--{name}" for name in FORMS if getattr(args, name)]
    if len(asked) > 1:
        raise InputError(
            f"{' and '.join(asked)} are two forms of one output, of which stdout has one; give one"
        )
    if args.csv and len(networks) < 2:
        raise InputError(
            "--csv prints one row per network, of networks that --compare names; give "
            "--compare a.net b.net --csv"
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
    from neurodeploy.running.report import PAGES

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


@contextmanager
def without_empty_folders(args: argparse.Namespace) -> Iterator[None]:
    """Remove the folders made for files that an error or Ctrl-C then left unwritten."""
    files_of = [path.parent for path in (args.html, args.spikes) if path is not None]
    folders = [*files_of, *filter(None, [args.plots])]
    every = {each for folder in folders for each in (folder, *folder.parents)}
    made = [folder for folder in every if not os.path.lexists(folder)]
    try:
        yield
    except BaseException:
        for folder in sorted(made, key=lambda each: len(each.parts), reverse=True):
            with suppress(OSError):  # it holds files, or was not made
                folder.rmdir()
        raise


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


def checkpoint_of(path: Path) -> Path:
    """Return where the checkpoint of a network's file is looked for: beside it."""
    return path.parent / f"{path.stem}.pt"
