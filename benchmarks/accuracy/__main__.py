"""Compare the accuracy of spiking networks with and without delays, and of artificial ones.

    python -m benchmarks.accuracy [--task har ...] [--seeds 0 1 2] [--jobs 2]
        [--records docs/benchmarks/records] [--kept] [--markdown docs/benchmarks/accuracy.md]

Every spiking network is trained, exported and reported by neurodeploy's commands, on one thread and
in its own folder under `runs/accuracy`. Recorded runs are reused, and an interrupted benchmark
continues where it stopped. Test samples are run only for the final figures of a network. With
`--kept`, no runs are started and only the page is written.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from benchmarks.accuracy import page, records
from benchmarks.accuracy.figures import Results
from benchmarks.accuracy.records import Records
from benchmarks.accuracy.runner import Run, make_all
from benchmarks.accuracy.setup import MODELS, Setup, setup_of
from neurodeploy import data as tasks
from neurodeploy.commands import cli
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run everything that is not recorded, and print all tables."""
    words = sys.argv[1:] if argv is None else argv
    args = _options().parse_args(words)
    folder = args.records or args.runs
    if args.markdown is not None:
        check_writable(args.markdown)
    known = records.read(folder)
    setups = _setups(args, known)
    runs = [run for setup in setups for run in _runs(setup, args)]
    failures = {}
    if not args.kept:
        check_writable(folder / "runs.csv")
        with _ended_by_sigterm():
            failures = make_all(_missing(runs, known), folder, args.jobs)
    found, absent = results_of(runs, records.read(folder), failures, set(setups.values()))
    if not found:
        raise InputError(f"{folder} has none of these runs; leave --kept out to make them")
    for each in found:
        for table in page.tables(each):
            print(f"\n# {each.setup.task}", end="")
            table.show()
    if args.markdown is not None:
        left_out = [] if args.task else sorted(set(tasks.known()) - {s.task for s in setups})
        page.write(found, args.markdown, words, absent, left_out)
        print(f"\nWrote {args.markdown}")
    for name, reason in failures.items():
        cli.say(f"failed: {name}: {reason}")
    return cli.CHECK_FAILED if failures else cli.DONE


def _setups(args: argparse.Namespace, known: Records) -> dict[Setup, Setup | None]:
    """Return setups; each maps to itself if read from the records, or to None if from the data.

    They are those of the tasks in `args`, or else of all tasks whose data (with --kept, data or
    records) exist.
    """
    recorded = {each.task: each for each in known.setups.values()} if args.kept else {}
    setups: dict[Setup, Setup | None] = {}
    for name in dict.fromkeys(args.task or tasks.known()):
        origin = tasks.get(name).origin
        if origin.where() is not None:
            cli.say(f"{name}: reading the data")
            setups[setup_of(name)] = None
        elif name in recorded:
            cli.say(f"{name}: shown as recorded, since its data are missing")
            setups[recorded[name]] = recorded[name]
        elif args.task:
            raise InputError(
                f"the data of the task {name} are missing ({origin.data}); {origin.obtain}, or "
                "show recorded figures with --kept --records docs/benchmarks/records"
            )
        else:
            cli.say(f"{name}: left out, its data are missing ({origin.data})")
    if not setups:
        raise InputError("no task has its data; python -m neurodeploy.data says how to get them")
    return setups


def _runs(setup: Setup, args: argparse.Namespace) -> Iterator[Run]:
    """Yield the runs of a task, for the models in `args` or else its default models."""
    from benchmarks.ann import RATES

    for name, model in MODELS.items():
        default = not model.tasks or setup.task in model.tasks
        if name in args.models if args.models else default:
            for seed in dict.fromkeys(args.seeds):
                first = model.kind and seed == args.seeds[0]
                yield Run(setup, name, seed, args.runs.resolve(), RATES if first else ())


def _missing(runs: Sequence[Run], known: Records) -> list[Run]:
    """Return all runs of every model with at least one run that is not recorded."""
    lacking = {
        (run.setup.task, run.model)
        for run in runs
        if known.find(run.setup, run.model, run.seed)[0] is None
    }
    return [run for run in runs if (run.setup.task, run.model) in lacking]


def results_of(
    runs: Sequence[Run], known: Records, failures: dict[str, str], recorded: set[Setup | None]
) -> tuple[list[Results], dict[str, str]]:
    """Return the recorded runs of each task, and the reasons of missing runs by their names."""
    found: dict[Setup, list[pd.Series]] = {}
    absent: dict[str, str] = {}
    chosen: dict[tuple[str, str], tuple[float, ...]] = {}
    for run in runs:
        model = (run.setup.task, run.model)
        row, reason = known.find(run.setup, run.model, run.seed, run.rates or chosen.get(model))
        if row is None:
            absent[run.name] = failures.get(run.name, reason)
            continue
        chosen.setdefault(model, (float(row.learning_rate),))
        found.setdefault(run.setup, []).append(row)
    results = [
        Results(
            setup,
            known.runs.loc[[row.name for row in rows]],
            {(r.model, r.seed): (known.of(r) == setup.labels).astype(float) for r in rows},
            setup in recorded,
        )
        for setup, rows in found.items()
    ]
    return results, absent


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Stop child processes on SIGTERM, as on Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _options() -> argparse.ArgumentParser:
    options = cli.parser("accuracy", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.accuracy"
    options.add_argument(
        "--task", action="append", metavar="NAME",
        help="task, repeatable; default: all tasks whose data exist",
    )  # fmt: skip
    options.add_argument(
        "--models", nargs="+", choices=MODELS, metavar="NAME",
        help=f"models among {', '.join(MODELS)}; default: those of the task",
    )  # fmt: skip
    options.add_argument(
        "--seeds", type=cli.whole_number(0), nargs="+", default=[0, 1, 2], metavar="N",
        help="random seeds; artificial networks choose their learning rate on the first",
    )  # fmt: skip
    options.add_argument(
        "--jobs", type=cli.whole_number(1), default=os.cpu_count() or 1, metavar="N",
        help="parallel trainings, each on one thread",
    )  # fmt: skip
    options.add_argument(
        "--runs", type=Path, default=Path("runs/accuracy"), metavar="FOLDER", help="run folder"
    )
    options.add_argument(
        "--records", type=Path, metavar="FOLDER",
        help="folder of the records, whose runs are reused; default: the run folder",
    )  # fmt: skip
    options.add_argument("--kept", action="store_true", help="show recorded runs only")
    options.add_argument(
        "--markdown", type=Path, metavar="FILE", help="page to write, with figures"
    )
    return options


if __name__ == "__main__":
    sys.exit(main())
