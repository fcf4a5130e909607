"""Code that all commands share: exit codes, output, options and progress bars.

The result of a command goes to stdout, everything else to stderr. Exit codes: 0 done; 1 done, but a
check failed; 2 not done, for example because of invalid input; 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import functools
import json
import os
import shlex
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeAlias

from neurodeploy.hw_sim.memory import keep_freed_memory
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.progress import progress_bar

if TYPE_CHECKING:
    from neurodeploy.hw_sim.chips import Chip

DONE, CHECK_FAILED, IMPOSSIBLE, INTERRUPTED = 0, 1, 2, 130

STDOUT_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Errors of a stdout that is a file or a device; such an error has no `filename`."""

Advance: TypeAlias = Callable[[int, int], None]


class Main(Protocol):
    """The main function of a command: takes `argv`, `sys.argv` by default; returns an exit code."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


progress = progress_bar
"""The progress bar of all commands."""


def say(message: str) -> None:
    """Print a line on stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(values: dict[str, Any]) -> None:
    """Print a JSON object on stdout."""
    print(json.dumps(values, indent=2, allow_nan=False))


def next_command(name: str, *words: str | Path, data: Path | None = None) -> str:
    """Return a command line to suggest, with the same `--data` as the current one."""
    data_option = [] if data is None else ["--data", str(data)]
    runner = ["uv", "run"] if "UV" in os.environ else []  # `uv run` sets UV
    return shlex.join([*runner, *program(name), *map(str, words), *data_option])


def program(name: str) -> list[str]:
    """Return the words that start a command, in the form the user started the current one."""
    typed = Path(sys.argv[0])
    if typed.name == "neurodeploy":
        return ["neurodeploy", name]
    if typed.parts[-2:] == ("neurodeploy", "__main__.py"):
        return ["python", "-m", "neurodeploy", name]
    return ["python", "-m", f"neurodeploy.{name}"]


def command(main: Main) -> Main:
    """Decorate a command: print expected errors and Ctrl-C as one sentence, return an exit code."""

    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None) -> int:
        _prepare_process()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # file names may not fit the terminal's encoding
                stream.reconfigure(errors="backslashreplace")
        try:
            return _code_of(main, argv)
        except OSError as error:
            if error.filename is not None or error.errno not in STDOUT_ERRORS:
                raise
            reason = error.strerror
            say(f"error: cannot write the result to stdout ({reason}); redirect it elsewhere")
            _leave_stdout()
            return IMPOSSIBLE

    return guarded


def _prepare_process() -> None:
    """Set signals, threads and memory allocation; only commands may, never the library."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if hasattr(signal, "SIGPIPE") and in_main_thread:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # exit silently after `| head`
    # Spinning OpenMP threads of two pools (torch's and numba's) slow each other down tenfold on a
    # busy machine. OpenMP reads these variables once, before its first thread starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Waking a thread takes longer than a small layer, so GNU's threads spin for microseconds first.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    keep_freed_memory()


def _code_of(main: Main, argv: Sequence[str] | None) -> int:
    """Run a command, flush stdout and return the exit code."""
    try:
        return main(argv)
    except (InputError, BackendError) as error:
        say(f"error: {error}")
        return IMPOSSIBLE
    except KeyboardInterrupt as interrupt:
        with suppress(KeyboardInterrupt):  # of who presses Ctrl-C again
            say(f"interrupted; {interrupt}" if str(interrupt) else "interrupted")
        return INTERRUPTED
    except MemoryError:
        say("error: out of memory; choose a smaller network, batch or --samples")
        return IMPOSSIBLE
    finally:
        if sys.stdout is not None:  # None if the process has no stdout
            sys.stdout.flush()


def _leave_stdout() -> None:
    """Redirect stdout to the null device, because Python flushes it again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def status(description: str) -> Iterator[None]:
    """Show a spinner on a terminal during a step of unknown length."""
    from rich.console import Console  # slow to import; Ctrl-C must already be handled

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{description} ..."):
        yield


@contextmanager
def reading() -> Iterator[None]:
    """Show a spinner while data are read, and a bar once the reader reports its progress."""
    from neurodeploy.data.readers.files import progress_to

    with ExitStack() as bar, ExitStack() as waiting:
        waiting.enter_context(status("reading the data"))
        shown: list[Advance] = []

        def advance(done: int, total: int) -> None:
            if not shown:
                waiting.close()
                shown.append(bar.enter_context(progress("reading the data")))
            shown[0](done, total)

        with progress_to(advance):
            yield


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the defaults, except None and False."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False):
            return action.help
        return super()._get_help_string(action)

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Wrap between words only, so that names of options and paths stay whole."""
        words = " ".join(text.split())
        return textwrap.wrap(words, width, break_on_hyphens=False, break_long_words=False)


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors.

    Attributes:
        stray_hint: advice for an unexpected positional argument; {} stands for the argument.
    """

    stray_hint: str = ""

    def error(self, message: str) -> NoReturn:
        """Print an error in one line and exit with code 2."""
        stray = message.removeprefix("unrecognized arguments: ")
        hint = self.stray_hint
        if not hint and "--task" in self._option_string_actions:
            hint = "name a task with --task {}"
        if hint and stray != message and not stray.startswith("-"):
            message += f"; {hint.format(stray.split()[0])}"
        self.exit(IMPOSSIBLE, f"error: {message}\nsee: {self.prog} --help\n")


def parser(name: str, description: str) -> Parser:
    """Return the argument parser of a command."""
    made = Parser(
        prog=shlex.join(program(name)),
        description=description,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"neurodeploy {version()}")
    return made


def version() -> str:
    """Return the version of the installed package."""
    return metadata.version("neurodeploy")


def add_data_option(options: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    options.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="folder or file of the dataset, instead of the default location (see python -m "
        "neurodeploy.data)",
    )


def add_chip_options(
    options: argparse.ArgumentParser, purpose: str, *, repeated: str = "; may be repeated"
) -> None:
    """Add `--chip` and `--costs`; `purpose` follows "chip" in the help text."""
    options.add_argument(
        "--chip",
        choices=_chip_names(),
        action="append",
        help=f"chip {purpose}{repeated}",
    )
    options.add_argument(
        "--costs",
        type=Path,
        action="append",
        metavar="FILE",
        help=f"cost file of another chip (see docs/reference/cost-files.md){repeated}",
    )


def _chip_names() -> list[str]:
    """Return the names of the installed chips, from their file names: `--help` reads no file."""
    costs = resources.files("neurodeploy.hw_sim") / "chips" / "costs"
    return sorted(each.name[:-5] for each in costs.iterdir() if each.name.endswith(".json"))


def chosen_chips(args: argparse.Namespace, *default: str) -> tuple[Chip, ...]:
    """Return the chips of `--chip` and `--costs`, or the chips named `default` without both.

    Raises:
        InputError: if a cost file is invalid, or two chips have the same name.
    """
    from neurodeploy.hw_sim.chips import choose

    names, files = args.chip or (), args.costs or ()
    return choose(names if names or files else default, files)


def chip_words(names: Sequence[str] | None, files: Sequence[Path] | None) -> list[str | Path]:
    """Return `--chip` and `--costs` as words of a command line."""
    words: list[str | Path] = []
    for option, values in (("--chip", names), ("--costs", files)):
        for value in values or ():
            words += [option, value]
    return words


def add_threads_option(options: argparse.ArgumentParser) -> None:
    """Add `--threads`."""
    options.add_argument(
        "--threads", type=whole_number(1), metavar="N", help="CPU cores to use; all by default"
    )


def use_threads(threads: int | None) -> None:
    """Set the number of CPU cores that torch and the simulator use."""
    if threads is None:
        return
    import torch

    from neurodeploy.hw_sim.kernels.shared import set_threads

    set_threads(threads)
    torch.set_num_threads(min(threads, os.cpu_count() or threads))


def whole_number(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """Return an argparse type for integers from `low` to `high`."""

    def parse(text: str) -> int:
        if not (text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {low} to {high}")
        return int(text)

    return parse


def whole_numbers(low: int, high: int = 2**31 - 1) -> Callable[[str], list[int]]:
    """Return an argparse type for integers separated by commas."""
    one = whole_number(low, high)
    return lambda text: [one(part) for part in text.split(",")]


def share(text: str) -> float:
    """Parse a fraction, 0 <= value < 1; an argparse type."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a fraction from 0 to below 1")
    return value


def positive_number(text: str) -> float:
    """Parse a finite number above 0; an argparse type."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
