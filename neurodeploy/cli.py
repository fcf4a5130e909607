"""What the commands share: how they end, what they print where, and their progress bars.

The result of a command goes to stdout, all else to stderr. Exit codes: 0 done; 1 done, and a check
failed; 2 could not be done; 130 interrupted.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from models.errors import BackendError, InputError

DONE, CHECK_FAILED, IMPOSSIBLE, INTERRUPTED = 0, 1, 2, 130

Advance: TypeAlias = Callable[[int, int], None]


class Main(Protocol):
    """A command: takes its arguments, or those of the process, and returns an exit code."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def say(message: str) -> None:
    """Print a line for the person at the terminal, on stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(values: dict[str, Any]) -> None:
    """Print exactly one JSON object on stdout."""
    print(json.dumps(values, indent=2, allow_nan=False))


def command(main: Main) -> Main:
    """Turn the errors raised on purpose and Ctrl-C into one sentence and an exit code."""

    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except (InputError, BackendError) as error:
            say(f"error: {error}")
            return IMPOSSIBLE
        except KeyboardInterrupt as interrupt:
            say(f"interrupted; {interrupt}" if str(interrupt) else "interrupted")
            return INTERRUPTED
        except BrokenPipeError:  # the reader of stdout went away, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE

    return guarded


@contextmanager
def progress(description: str) -> Iterator[Advance]:
    """Show a bar with a time estimate on stderr, on a terminal only.

    Yields a function to call with what is done and the whole, in any unit.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("to go"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task(description, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return an argument parser that shows defaults in its help."""
    return argparse.ArgumentParser(
        prog=f"python -m neurodeploy.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )


def add_data_option(options: argparse.ArgumentParser) -> None:
    """Add `--data`, which means the same in every command."""
    options.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="folder of a data set in its official layout, instead of the installed data package",
    )


def add_threads_option(options: argparse.ArgumentParser) -> None:
    """Add `--threads`, which means the same in every command."""
    options.add_argument(
        "--threads",
        type=whole_number(1),
        metavar="N",
        help="processor cores to use, all of them when not given",
    )


def use_threads(threads: int | None) -> None:
    """Set how many processor cores torch and numba use in this process."""
    if threads is None:
        return
    import numba
    import torch

    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.get_num_threads()))


def whole_number(low: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` on, for `argparse`."""

    def parse(text: str) -> int:
        if not text.lstrip("-").isdigit() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} on")
        return int(text)

    return parse


def positive_number(text: str) -> float:
    """Parse a finite number over 0, for `argparse`."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number over 0")
    return value
