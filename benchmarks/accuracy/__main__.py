"""Accuracy of spiking networks without and with delays, and of artificial ones of the same size.

    python -m benchmarks.accuracy [--task har ...] [--seeds 0 1 2] [--jobs 2]
        [--records docs/benchmark] [--markdown docs/benchmark.md]

Every spiking network is trained, exported and reported by the commands that a person would type,
on one thread, in a folder of its own under `runs/accuracy`. What is there already is not done
again; interrupted at any time, it goes on where it was. Test windows are run once a network, at
the end, for the figures. With `--records`, what that folder tells of runs that were made before,
here or elsewhere, counts as well, and what is made is added to it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.accuracy import records
from benchmarks.accuracy.board import Board
from benchmarks.accuracy.commands import Commands, RunFailed
from benchmarks.accuracy.figures import Outcome, Outcomes
from benchmarks.accuracy.keys import Facts, facts_of
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.runs import Place, Run, make, prepare, runs_of
from models.errors import InputError
from neurodeploy import cli


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Make all runs that are not there yet, and show them."""
    given = _options().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    say: Callable[[str], None] = lambda line: console.print(line, style="dim", soft_wrap=True)  # noqa: E731
    facts = [_read(name, say) for name in _tasks(given.task, say)]
    if not facts:
        raise InputError(
            "no task has its data there; python -m neurodeploy.data says how to get it"
        )
    seeds = list(dict.fromkeys(given.seeds))
    place = Place(given.runs.resolve(), given.records and given.records.resolve())
    runs = [run for each in facts for run in runs_of(each, place, seeds, given.models)]
    board = Board(runs, given.jobs, say)
    with _told_to_end():
        _make_all(board)
    outcomes = outcomes_of(board)
    if outcomes:
        _show(console, outcomes, board, given.markdown)
    for run, reason in board.failures.items():
        cli.say(f"failed: {run.name}: {reason}")
    return cli.CHECK_FAILED if board.failures else cli.DONE


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Let SIGTERM end what was started as well, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(console: Console, outcomes: Sequence[Outcomes], board: Board, page: Path | None) -> None:
    from benchmarks.accuracy.page import write
    from benchmarks.accuracy.tables import cells_of
    from benchmarks.tables import table_of

    for each in outcomes:
        for cells in cells_of(each):
            console.print(table_of(cells))
    if page is not None:
        failures = {run.name: reason for run, reason in board.failures.items()}
        write(outcomes, page, failures)
        console.print(f"Wrote {page}", style="dim")


def _tasks(asked: Sequence[str] | None, say: Callable[[str], None]) -> list[str]:
    """Return the tasks to run: those asked for, or all whose data are there; name the others."""
    from neurodeploy.tasks import get, known

    if asked:
        for name in asked:
            get(name).origin.found(name)
        return list(dict.fromkeys(asked))
    there = []
    for name, task in known().items():
        if task.origin.where() is None:
            missing = f"its data are missing ({task.origin.data})"
            say(f"{name} is left out, {missing}; {task.origin.obtain}")
        else:
            there.append(name)
    return there


def _read(name: str, say: Callable[[str], None]) -> Facts:
    say(f"{name}: reading the data")
    return facts_of(name)


def _make_all(board: Board) -> None:
    """Make what is not there, last the runs that take the rate that another chose."""
    for run in board.runs:
        kept = run.kept()
        if kept is not None:
            board.results[run] = kept
    if board.results:
        board.say(f"{len(board.results)} of {len(board.runs)} runs are there already")
    commands = Commands()
    left = [run for run in board.runs if run not in board.results]
    for late in (False, True):
        chosen = [run for run in left if late == (not run.model.spiking and not run.chooses)]
        with ThreadPoolExecutor(board.jobs) as pool:
            try:
                _wait({pool.submit(_one, run, commands, board.say): run for run in chosen}, board)
            except KeyboardInterrupt:
                commands.end()
                pool.shutdown(cancel_futures=True)
                raise KeyboardInterrupt("the same command goes on where it was") from None


def _one(run: Run, commands: Commands, say: Callable[[str], None]) -> Mapping[str, Any]:
    if told := prepare(run):
        say(told)
    return make(run, commands)


def _wait(futures: Mapping[Future[Mapping[str, Any]], Run], board: Board) -> None:
    for future in as_completed(futures):
        run = futures[future]
        try:
            figures = future.result()
            if run.records is not None:
                records.add(figures, run.records)
            board.done(run, figures)
        except (RunFailed, InputError, OSError, KeyError, ValueError) as error:
            board.failed(run, str(error) or type(error).__name__)


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
        "--markdown", type=Path, metavar="FILE", help="page to write, with pictures beside it"
    )
    return options


if __name__ == "__main__":
    sys.exit(main())
