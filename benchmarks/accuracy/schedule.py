"""Take the runs that are there, and make the others, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

from benchmarks.accuracy import facts_file, records
from benchmarks.accuracy.board import Board
from benchmarks.accuracy.commands import Commands, RunFailed
from benchmarks.accuracy.making import make
from benchmarks.accuracy.runs import Run, prepare, with_rate
from neurodeploy.models.errors import InputError


def make_all(board: Board, *, only_kept: bool) -> None:
    """Make what is not there, last the runs that take the rate that another chose.

    Args:
        board: the runs; what is known of them is noted there.
        only_kept: make nothing, and write nothing.

    Raises:
        InputError: when nothing is there and nothing is to be made, or what is there is malformed.
    """
    waiting = [run for run in board.runs if run.waits]
    _complete([run for run in board.runs if not run.waits], board, only_kept=only_kept)
    last = {run: with_rate(run, board.results) for run in waiting}
    board.runs = [last.get(run, run) for run in board.runs]
    _complete(list(last.values()), board, only_kept=only_kept)
    if only_kept and not board.results:
        raise InputError("none of these runs is there; leave --kept out, and they are made")


def _complete(runs: Sequence[Run], board: Board, *, only_kept: bool) -> None:
    """Take what is there of runs, and make the others."""
    for run in runs:
        _take_what_is_there(run, board, only_kept=only_kept)
    left = [run for run in runs if run not in board.results]
    if len(left) < len(runs):
        board.say(f"{len(runs) - len(left)} of {len(runs)} runs are there already")
    if not only_kept:
        _make(left, board)


def _take_what_is_there(run: Run, board: Board, *, only_kept: bool) -> None:
    """Take a run's figures from the records or its folder; unless nothing but what is kept is to be
    shown, the records hold them afterwards."""
    recorded = run.in_records()
    found = recorded or run.in_folder()
    if found is not None:
        board.results[run] = found
        if recorded is None and not only_kept:
            _record(run, found)


def _make(runs: Sequence[Run], board: Board) -> None:
    """Make runs, some at a time; whatever stops that ends the programs that were started."""
    commands = Commands()
    with ThreadPoolExecutor(board.jobs) as pool:
        try:
            _wait({pool.submit(_one, run, commands, board.say): run for run in runs}, board)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command goes on where it was") from None
        finally:
            commands.end()
            pool.shutdown(cancel_futures=True)


def _one(run: Run, commands: Commands, say: Callable[[str], None]) -> Mapping[str, Any]:
    if commands.ended:  # a second Ctrl-C leaves runs in the queue
        raise RunFailed("interrupted")
    if (found := run.kept()) is not None:  # another benchmark has made it meanwhile
        return found
    if told := prepare(run):
        say(told)
    return make(run, commands)


def _wait(futures: Mapping[Future[Mapping[str, Any]], Run], board: Board) -> None:
    """Note each run when it ends. One that fails, however it does, leaves the others alone."""
    for future in as_completed(futures):
        run = futures[future]
        reason = future.exception()
        if reason is not None:
            board.failed(run, str(reason) or type(reason).__name__)
            continue
        board.done(run, future.result())
        _record(run, future.result())


def _record(run: Run, figures: Mapping[str, Any]) -> None:
    """Add a run's figures to the records, if there are any, and the facts of its task."""
    if run.records is not None:
        records.add(figures, run.records)
        facts_file.write(run.facts, run.records.parent)
