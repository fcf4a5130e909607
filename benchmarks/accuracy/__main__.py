"""Accuracy of spiking networks without and with delays, and of artificial ones of the same size.

    python -m benchmarks.accuracy [--task har ...] [--seeds 0 1 2] [--jobs 2]
        [--records docs/benchmarks/records] [--kept] [--markdown docs/benchmarks/accuracy.md]

Every spiking network is trained, exported and reported by the commands that a person would type,
on one thread, in a folder of its own under `runs/accuracy`. What is there already is not done
again; interrupted at any time, it goes on where it was. Test windows are run for the figures of the
finished network alone. With `--records`, what that folder tells of runs that were made before,
here or elsewhere, counts as well, and what is made is added to it. With `--kept` nothing is made,
and nothing but the page is written.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.accuracy import code, facts_file, page, records
from benchmarks.accuracy.board import Board
from benchmarks.accuracy.facts import Facts, facts_of
from benchmarks.accuracy.figures import Outcome, Outcomes
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.runs import Place, Run, runs_of
from benchmarks.accuracy.schedule import make_all
from benchmarks.accuracy.tables import cells_of
from benchmarks.tables import table_of
from neurodeploy import cli
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Make all runs that are not there yet, and show them."""
    words = sys.argv[1:] if argv is None else argv
    given = _options().parse_args(words)
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)

    def say(line: str) -> None:
        console.print(line, style="dim", soft_wrap=True)

    _check_places(given)
    board = Board(_runs(given, say), given.jobs, say)
    with _told_to_end():
        make_all(board, only_kept=given.kept)
    if outcomes := outcomes_of(board):
        _show(console, outcomes)
        if given.markdown is not None:
            left_out = [] if given.task else _left_out(board.runs)
            page.write(outcomes, given.markdown, words, board.absent(), left_out)
            console.print(f"Wrote {given.markdown}", style="dim")
    for run, reason in board.failures.items():
        cli.say(f"failed: {run.name}: {reason}")
    return cli.CHECK_FAILED if board.failures else cli.DONE


def _runs(given: argparse.Namespace, say: Callable[[str], None]) -> list[Run]:
    """Return the runs that are asked for."""
    for model in MODELS.values():
        code.unchanged(model)  # what it is from now on
    stored = given.records if given.kept else None
    facts = [_read(name, stored, say) for name in _tasks(given.task, stored, say)]
    if not facts:
        raise InputError(
            "no task has its data there; python -m neurodeploy.data says how to get it"
        )
    for each in facts if given.records else ():
        if each.classes > len(records.DIGITS):
            raise InputError(
                f"{each.task} has {each.classes} classes and records hold answers of up to "
                f"{len(records.DIGITS)}; leave --records out"
            )
    place = Place(given.runs.resolve(), given.records and given.records.resolve())
    seeds = list(dict.fromkeys(given.seeds))
    return [run for each in facts for run in runs_of(each, place, seeds, given.models)]


def _check_places(given: argparse.Namespace) -> None:
    """Raise InputError now rather than after hours when what is found has no place."""
    page, folder = given.markdown, given.records
    if page is not None:
        if files.kind(page) not in ("", "file"):
            raise InputError(f"--markdown {page} is no file; give the name of a page to write")
        check_writable(page)
    if folder is not None and not given.kept:
        with records.alone(folder):
            check_writable(folder / "TASK.jsonl")


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Let SIGTERM end what was started as well, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(console: Console, outcomes: Sequence[Outcomes]) -> None:
    for each in outcomes:
        for cells in cells_of(each):
            console.print(table_of(cells))


def _tasks(
    asked: Sequence[str] | None, stored: Path | None, say: Callable[[str], None]
) -> list[str]:
    """Return the tasks to run: those asked for, or all whose data, or facts, are there; name the
    others."""
    from neurodeploy.tasks import get, known

    def has_facts(name: str) -> bool:
        return stored is not None and facts_file.path_of(stored, name).exists()

    if asked:
        for name in asked:
            origin = get(name).origin
            if origin.where() is None and not has_facts(name):
                raise InputError(
                    f"the data of the task {name} are missing ({origin.data}); {origin.obtain}, or "
                    "look at recorded figures with --kept and --records docs/benchmarks/records"
                )
        return list(dict.fromkeys(asked))
    there = []
    for name, task in known().items():
        if task.origin.where() is None and not has_facts(name):
            missing = f"its data are missing ({task.origin.data})"
            say(f"{name} is left out, {missing}; {task.origin.obtain}")
        else:
            there.append(name)
    return there


def _left_out(runs: Sequence[Run]) -> list[str]:
    """Return the names of the tasks that have no runs."""
    from neurodeploy.tasks import known

    return [name for name in known() if name not in {run.facts.task for run in runs}]


def _read(name: str, stored: Path | None, say: Callable[[str], None]) -> Facts:
    """Return the facts of a task, of its data or as they are stored."""
    from neurodeploy.tasks import get

    recorded = None if stored is None else facts_file.read(stored, name)
    if recorded is not None and get(name).origin.where() is None:
        say(f"{name}: as it is recorded, since its data are missing")
        return recorded
    say(f"{name}: reading the data")
    return facts_of(name)


def outcomes_of(board: Board) -> list[dict[str, Outcome]]:
    """Return the runs that have figures, a mapping of models for each task."""
    found: dict[str, dict[str, dict[int, Mapping[str, Any]]]] = {}
    facts = {run.facts.task: run.facts for run in board.runs}
    for run in board.runs:
        if run in board.results:
            models = found.setdefault(run.facts.task, {})
            models.setdefault(run.model.name, {})[run.seed] = board.results[run]
    return [
        {name: Outcome(facts[task], MODELS[name], seeds) for name, seeds in models.items()}
        for task, models in found.items()
    ]


def _options() -> argparse.ArgumentParser:
    options = cli.parser("accuracy", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.accuracy"
    options.add_argument(
        "--task", action="append", metavar="NAME",
        help="what to learn, may be given again; all tasks whose data are there when not given",
    )  # fmt: skip
    options.add_argument(
        "--models", nargs="+", choices=MODELS, metavar="NAME",
        help=f"which of {', '.join(MODELS)}; those of the task when not given",
    )  # fmt: skip
    options.add_argument(
        "--seeds", type=cli.whole_number(0), nargs="+", default=[0, 1, 2], metavar="N",
        help="of each model; learning rates of artificial networks are chosen on the first",
    )  # fmt: skip
    options.add_argument(
        "--jobs", type=cli.whole_number(1), default=os.cpu_count() or 1, metavar="N",
        help="trainings at a time, each on one thread",
    )  # fmt: skip
    options.add_argument(
        "--runs", type=Path, default=Path("runs/accuracy"), metavar="FOLDER",
        help="of the runs; what is there is not done again",
    )  # fmt: skip
    options.add_argument(
        "--records", type=Path, metavar="FOLDER",
        help="figures of every run, a file a task: what it tells is not done again",
    )  # fmt: skip
    options.add_argument(
        "--kept", action="store_true", help="make no runs: show what is there of them"
    )  # fmt: skip
    options.add_argument(
        "--markdown", type=Path, metavar="FILE", help="page to write, with pictures beside it"
    )
    return options


if __name__ == "__main__":
    sys.exit(main())
