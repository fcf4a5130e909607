"""What the commands share: exit codes, output, options and progress bars.

The result of a command goes to stdout, everything else to stderr. Exit codes: 0 done; 1 done, but a
check failed; 2 impossible, such as for bad input; 130 interrupted.
"""

from __future__ import annotations

import argparse
import ctypes
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
from contextlib import ExitStack, contextmanager
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeAlias

from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.progress import progress_bar

if TYPE_CHECKING:
    from neurodeploy.hw_sim.chips import Chip

DONE, CHECK_FAILED, IMPOSSIBLE, INTERRUPTED = 0, 1, 2, 130

STDOUT_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What goes wrong when stdout is a file or a device; such an error names no file."""

Advance: TypeAlias = Callable[[int, int], None]


class Main(Protocol):
    """A command: takes its arguments, or those of the process, and returns an exit code."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


progress = progress_bar
"""The progress bar of all commands."""


def say(message: str) -> None:
    """Print a line on stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(values: dict[str, Any]) -> None:
    """Print exactly one JSON object on stdout."""
    print(json.dumps(values, indent=2, allow_nan=False))


def number_of(count: int, noun: str) -> str:
    """Return a count and its noun, in the plural unless it is one."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def next_command(name: str, *words: str | Path, data: Path | None = None) -> str:
    """Return a command as a person would type it, on the same data as the one that names it."""
    given = [] if data is None else ["--data", str(data)]
    runner = ["uv", "run"] if "UV" in os.environ else []  # uv sets it for what it runs
    return shlex.join([*runner, *program(name), *map(str, words), *given])


def program(name: str) -> list[str]:
    """Return the words that start a command, in the form in which this one was started."""
    typed = Path(sys.argv[0])
    if typed.name == "neurodeploy":
        return ["neurodeploy", name]
    if typed.parts[-2:] == ("neurodeploy", "__main__.py"):
        return ["python", "-m", "neurodeploy", name]
    return ["python", "-m", f"neurodeploy.{name}"]


def command(main: Main) -> Main:
    """Turn expected errors and Ctrl-C into one sentence and an exit code."""

    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None) -> int:
        _prepare_process()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # names of files hold what the terminal may not
                stream.reconfigure(errors="backslashreplace")
        try:
            return _code_of(main, argv)
        except OSError as error:
            if error.filename is not None or error.errno not in STDOUT_ERRORS:
                raise
            reason = error.strerror
            say(f"error: the result cannot be written to stdout ({reason}); send it elsewhere")
            _leave_stdout()
            return IMPOSSIBLE

    return guarded


def _prepare_process() -> None:
    """Set signals, threads and memory for a command; a library must not change these."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if hasattr(signal, "SIGPIPE") and in_main_thread:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end like other tools after `| head`
    # OpenMP threads that wait by spinning make two thread pools (torch's and numba's) slow each
    # other down tenfold on a busy machine. It counts only when set before the first of them starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # But waking a thread takes longer than a small layer: GNU's wait for some microseconds.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    keep_freed_memory()


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_REUSED_BYTES = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc to reuse up to 1 GiB of freed memory; return False where there is no glibc.

    It returns each large array to the kernel when it is freed and asks for fresh pages for the
    next; filling those in takes half the time of a training step on small networks.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _REUSED_BYTES) and mallopt(_TRIM_THRESHOLD, _REUSED_BYTES))


def _code_of(main: Main, argv: Sequence[str] | None) -> int:
    """Run a command and return its exit code, with all that it printed on its way."""
    try:
        return main(argv)
    except (InputError, BackendError) as error:
        say(f"error: {error}")
        return IMPOSSIBLE
    except KeyboardInterrupt as interrupt:
        say(f"interrupted; {interrupt}" if str(interrupt) else "interrupted")
        return INTERRUPTED
    except MemoryError:
        say("error: the memory is not enough; choose a smaller network, batch or --samples")
        return IMPOSSIBLE
    finally:
        if sys.stdout is not None:  # it is where the process was started without
            sys.stdout.flush()


def _leave_stdout() -> None:
    """Redirect stdout to nowhere, since Python flushes it again when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def status(description: str) -> Iterator[None]:
    """Show on a terminal that something of unknown length is running."""
    from rich.console import Console  # not before there is somebody to say that Ctrl-C was heard

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{description} ..."):
        yield


@contextmanager
def reading() -> Iterator[None]:
    """Show on a terminal that data are read, with a bar once the reader reports its progress."""
    from neurodeploy.tasks.readers.files import progress_to

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
    """Shows the defaults, except those that stand for "not given"."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False):
            return action.help
        return super()._get_help_string(action)

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Wrap between words, and not within what must be typed as it is."""
        words = " ".join(text.split())
        return textwrap.wrap(words, width, break_on_hyphens=False, break_long_words=False)


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, and accepts the old names of options.

    Attributes:
        stray_hint: what to do instead of an argument that is no option; {} is the argument.
    """

    stray_hint: str = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._new_names: dict[str, str] = {}

    def rename_option(self, old: str, new: str) -> None:
        """Accept `old` for the option `new`, with a note on stderr; help does not show it."""
        self._new_names[old] = new

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse arguments, in which old names of options stand for the new ones."""
        words = sys.argv[1:] if args is None else args
        return super().parse_known_args(list(map(self._renamed, words)), namespace)

    def _renamed(self, word: str) -> str:
        name, equals, value = word.partition("=")
        if name not in self._new_names:
            return word
        new = self._new_names[name]
        say(f"note: {name} is now called {new}; the next version drops the old name")
        return f"{new}{equals}{value}"

    def error(self, message: str) -> NoReturn:
        """Print the mistake and exit with 2."""
        stray = message.removeprefix("unrecognized arguments: ")
        hint = self.stray_hint
        if not hint and "--task" in self._option_string_actions:
            hint = "a task is named with --task {}"
        if hint and stray != message and not stray.startswith("-"):
            message += f"; {hint.format(stray.split()[0])}"
        self.exit(IMPOSSIBLE, f"error: {message}\nsee: {self.prog} --help\n")


def parser(name: str, description: str) -> Parser:
    """Return an argument parser that shows defaults in its help."""
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
    """Add `--data`, which means the same in every command."""
    options.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="folder or file of the data, instead of where the task looks for them "
        "(python -m neurodeploy.data lists it)",
    )


def add_chip_options(options: argparse.ArgumentParser, what: str) -> None:
    """Add `--chip` and `--costs`, which name chips in every command; `what` says for what."""
    options.add_argument(
        "--chip",
        choices=_chip_names(),
        action="append",
        help=f"chip {what}; may be given again for another",
    )
    options.add_argument(
        "--costs",
        type=Path,
        action="append",
        metavar="FILE",
        help="cost file of another chip (see docs/reference/cost-files.md); may be given again",
    )


def _chip_names() -> list[str]:
    """Return the names of the installed chips, from their file names: `--help` reads no file."""
    costs = resources.files("neurodeploy.hw_sim") / "chips" / "costs"
    return sorted(each.name[:-5] for each in costs.iterdir() if each.name.endswith(".json"))


def chosen_chips(given: argparse.Namespace, *default: str) -> tuple[Chip, ...]:
    """Return the chips of `--chip` and `--costs`, or those called `default` for neither.

    Raises:
        InputError: when a file is no cost file, or calls its chip as another is called.
    """
    from neurodeploy.hw_sim.chips import choose

    names, files = given.chip or (), given.costs or ()
    return choose(names if names or files else default, files)


def chip_words(names: Sequence[str] | None, files: Sequence[Path] | None) -> list[str | Path]:
    """Return `--chip` and `--costs` as words of a command."""
    words: list[str | Path] = []
    for option, values in (("--chip", names), ("--costs", files)):
        for value in values or ():
            words += [option, value]
    return words


def add_threads_option(options: argparse.ArgumentParser) -> None:
    """Add `--threads`, which means the same in every command."""
    options.add_argument(
        "--threads",
        type=whole_number(1),
        metavar="N",
        help="processor cores to use; all of them when not given",
    )


def use_threads(threads: int | None) -> None:
    """Set how many processor cores torch and the simulator use, once torch is imported."""
    if threads is None:
        return
    import torch

    from neurodeploy.hw_sim.kernels.shared import set_threads

    set_threads(threads)
    torch.set_num_threads(min(threads, os.cpu_count() or threads))


def whole_number(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`, for `argparse`."""

    def parse(text: str) -> int:
        if not (text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return parse


def whole_numbers(low: int, high: int = 2**31 - 1) -> Callable[[str], list[int]]:
    """Return a parser of whole numbers parted by commas, for options that take several."""
    one = whole_number(low, high)
    return lambda text: [one(part) for part in text.split(",")]


def share(text: str) -> float:
    """Parse a share from 0 to below 1, for `argparse`."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to below 1")
    return value


def positive_number(text: str) -> float:
    """Parse a finite number over 0, for `argparse`."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number over 0")
    return value
