"""Search for the best networks of a task: `python -m neurodeploy.explore --task har`.

Many processes and machines may work on one search; the same command goes on with it.
"""

from __future__ import annotations

import argparse
import shutil
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neurodeploy.commands import cli
from neurodeploy.commands.train import TASK
from neurodeploy.models.display import number_of
from neurodeploy.models.errors import InputError, require

if TYPE_CHECKING:
    from neurodeploy.data.task_data import TaskData
    from neurodeploy.explore.results import SearchResult
    from neurodeploy.explore.results_data import Trial

DESCRIPTION = "Search for the networks of a task that are best within limits of energy and size."

OBJECTIVES: Final = ("accuracy", "energy", "latency", "neurocores", "synops")
LIMITS: Final = {
    "min_accuracy": ("A", "least accuracy on the validation samples, 0 to 1"),
    "max_energy_uj": ("X", "limit of the dynamic energy per sample, in µJ"),
    "max_latency_ms": ("X", "limit of the time per sample at full speed, in ms"),
    "max_neurocores": ("N", "limit of the number of neurocores"),
    "max_synops": ("N", "limit of the SynOps per sample"),
}
"""Constraints, which are options too."""
PICKED: Final = "model.net"
STEADY: Final = 3
"""Number of trials from which their mean time tells the time left."""


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = _options().parse_args(argv)
    args.out = args.out or _folder(args.task)
    args.objectives = args.objectives or OBJECTIVES[:2]
    require("a search", "optuna")
    if args.show_space:
        from neurodeploy.explore.space import default_space, space_text

        print(space_text(default_space(_load(args))))
        return cli.DONE
    import optuna

    from neurodeploy.explore.metrics import check_constraints, check_objectives

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if args.pick is not None:
        return _pick(args)
    check_constraints(_limits(args), check_objectives(args.objectives))
    require("a search", "torch", "lava.lib.dl.slayer")
    result = _search(args)
    result.save(_home(args))
    if args.json:
        cli.print_json(result.to_dict())
    else:
        _show(result, args)
    return cli.DONE if result.front else cli.CHECK_FAILED


def _options() -> argparse.ArgumentParser:
    from neurodeploy.data import names

    options = cli.parser("explore", DESCRIPTION)
    options.add_argument(
        "--task", choices=names(), default=TASK, metavar="NAME", help=f"task: {', '.join(names())}"
    )
    cli.add_data_option(options)
    options.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of the networks and results, which all workers share; explore/TASK by default",
    )
    _add_goals(options)
    _add_work(options)
    options.add_argument(
        "--pick",
        metavar="WISH",
        help="write a network of a search to model.net in the output folder: conditions and a "
        "goal, such as 'accuracy>=92%%, min energy', or 'trial 12'; by validation samples",
    )
    options.add_argument("--json", action="store_true", help="print the result as JSON")
    return options


def _add_goals(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--trials",
        type=cli.whole_number(1),
        default=60,
        metavar="N",
        help="number of trials, with those of earlier runs of the same command",
    )
    options.add_argument(
        "--space",
        type=Path,
        metavar="FILE",
        help="search space (see docs/how-to/explore.md); one around the task's configuration by "
        "default",
    )
    options.add_argument(
        "--show-space", action="store_true", help="print the task's search space and exit"
    )
    options.add_argument(
        "--objectives",
        nargs="+",
        choices=OBJECTIVES,
        metavar="NAME",
        help=f"one to three of {', '.join(OBJECTIVES)}; accuracy and energy by default",
    )
    for name, (metavar, text) in LIMITS.items():
        options.add_argument(
            f"--{name.replace('_', '-')}", type=cli.positive_number, metavar=metavar, help=text
        )
    cli.add_chip_options(options, "of the estimates; loihi2 by default", repeated="")


def _add_work(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--workers",
        type=cli.whole_number(1),
        default=1,
        metavar="N",
        help="processes on this machine, each on its share of the cores",
    )
    options.add_argument(
        "--seeds",
        type=cli.whole_number(0),
        default=1,
        metavar="N",
        help="seeds to train each network of the front with, and to test; 0 for no test",
    )
    options.add_argument(
        "--storage",
        metavar="PLACE",
        help="where the study is: a journal file on a disk that all machines share, "
        "grpc://HOST:PORT, or the URL of a database; journal.log in the output folder by default",
    )
    options.add_argument("--study", metavar="NAME", help="name of the study; the task by default")
    options.add_argument("--no-pruning", action="store_true", help="train every network to the end")
    options.add_argument("--device", default="cpu", help="torch device: cpu, or a GPU such as cuda")
    options.add_argument(
        "--heartbeat",
        type=cli.whole_number(1, 3600),
        default=30,
        metavar="S",
        help="seconds between signs of life of a trial; without four of them it is run again",
    )
    cli.add_threads_option(options)


def _folder(task: str) -> Path:
    return Path("explore") / task


def _home(args: argparse.Namespace) -> Path:
    """Return the folder of the results; a study that has a name of its own has a folder too."""
    out: Path = args.out
    return out if args.study in (None, args.task) else out / args.study


def _storage(args: argparse.Namespace) -> str:
    return args.storage or str(args.out / "journal.log")


def _load(args: argparse.Namespace) -> TaskData:
    from neurodeploy.data.task_data import load_task

    with cli.reading():
        data = load_task(args.task, args.data)
    for note in data.notes:
        cli.say(f"note: {note}")
    return data


def _limits(args: argparse.Namespace) -> dict[str, float]:
    given = {name: getattr(args, name) for name in LIMITS}
    return {name: limit for name, limit in given.items() if limit is not None}


def _pick(args: argparse.Namespace) -> int:
    """Write the network that the wish asks for."""
    if args.json:
        raise InputError(
            f"--pick prints no JSON; read {_home(args) / 'results.json'}, or leave out --json"
        )
    from neurodeploy.evaluation.files import save
    from neurodeploy.explore.metrics import values_text
    from neurodeploy.explore.study import owner, read_search

    study = args.study or owner(args.out) or (args.task if args.storage else None)
    trial = read_search(_storage(args), study, args.out).pick(args.pick)
    path = _home(args) / PICKED
    save(trial.network(), path)
    values = values_text(trial.metrics, OBJECTIVES)
    print(f"Wrote {path}: trial {trial.number}, on the validation samples {values}")
    print(f"Next: {cli.next_command('report', path, data=args.data)}")
    return cli.DONE


def _search(args: argparse.Namespace) -> SearchResult:
    chips = cli.chosen_chips(args, "loihi2")
    if len(chips) > 1:
        raise InputError(f"a search takes one chip, not {len(chips)}; name one --chip")
    with cli.status("loading SLAYER and Optuna"):
        from neurodeploy.explore.storage import without_password
        from neurodeploy.explore.study import optimize
    cli.use_threads(args.threads)
    progress = _Progress(args)
    try:
        return optimize(
            _load(args),
            args.space,
            args.objectives,
            constraints=_limits(args),
            chip=chips[0],
            trials=args.trials,
            workers=args.workers,
            seeds=args.seeds,
            out=args.out,
            storage=args.storage,
            study=args.study,
            prune=not args.no_pruning,
            threads=args.threads,
            device=args.device,
            heartbeat_s=args.heartbeat,
            on_trial=progress.show,
            notify=cli.say,
        )
    except KeyboardInterrupt:
        where = without_password(_storage(args))
        raise KeyboardInterrupt(
            f"finished trials are stored in {where}; the same command goes on"
        ) from None


class _Progress:
    """Prints on stderr how each trial ended, and the front whenever it changes."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._began = time.monotonic()
        self._known: set[int] | None = None
        self._front: set[int] = set()
        self._stored = 0
        self._tested = 0

    def show(self, result: SearchResult) -> None:
        """Print what is new since the last call; the first call is at the start."""
        numbers, planned = {each.number for each in result.trials}, self._args.trials
        if self._known is None:
            self._known, self._stored = numbers, len(numbers)
            if (left := planned - len(numbers)) > 0:
                after = f" after {len(numbers)} that are stored" * bool(numbers)
                workers = number_of(self._args.workers, "worker")
                cli.say(f"training {number_of(left, 'trial')}{after} with {workers}")
        for each in result.trials:
            if each.number not in self._known:
                cli.say(f"trial {each.number}: {_ending(each, result.objectives)}")
        if numbers != self._known:
            cli.say(f"  {len(numbers)} of {planned} trials{self._left(len(numbers))}")
        self._known = numbers
        self._show_front(result)

    def _show_front(self, result: SearchResult) -> None:
        """Print the front if it has changed, and how many of its networks have been tested."""
        from neurodeploy.explore.metrics import values_text

        if (front := {each.number for each in result.front}) != self._front:
            self._front = front
            networks = (values_text(each.metrics, result.objectives) for each in result.front)
            width = shutil.get_terminal_size().columns
            text = f"the front: {' | '.join(networks)}"
            cli.say(textwrap.indent("\n".join(textwrap.wrap(text, width - 2)), "  "))
        tests = [len(each.repeats) for each in result.front]
        if sum(tests) > self._tested:
            self._tested = sum(tests)
            planned = sum(max(each, self._args.seeds) for each in tests)
            cli.say(f"  {sum(tests)} of {planned} tests done: the front's networks, each seed")

    def _left(self, ended: int) -> str:
        """Return the time left, from the third trial that has ended since this command began."""
        here, left = ended - self._stored, self._args.trials - ended
        if left <= 0 or here < STEADY:
            return ""
        seconds = (time.monotonic() - self._began) / here * left
        return f", about {number_of(max(1, round(seconds / 60)), 'minute')} left"


def _ending(trial: Trial, objectives: Sequence[str]) -> str:
    """Return how a trial ended."""
    from neurodeploy.explore.metrics import values_text

    if trial.state == "complete":
        return values_text(trial.metrics, objectives)
    return f"failed: {trial.error}" if trial.error else "stopped early"


def _show(result: SearchResult, args: argparse.Namespace) -> None:
    """Print the front, and what to do next."""
    from neurodeploy.explore import page as search
    from neurodeploy.report import terminal

    out = terminal.console()
    terminal.print_line(out, search.summary(result))
    if not result.front:
        terminal.print_line(out, result.why_empty())
        return
    terminal.print_table(out, search.front_table(result, whole=False))
    for table in (search.presets_table(result, whole=False), search.importances_table(result)):
        if table.rows:
            terminal.print_table(out, table)
    for sentence in result.untested:
        cli.say(f"warning: {sentence}")
    print(f"\nWrote {_home(args) / 'index.html'}. Next, pick a network:")
    words = [] if args.out == _folder(TASK) else ["--out", str(args.out)]
    for name in ("storage", "study", "data"):
        value = getattr(args, name)
        words += [] if value is None else [f"--{name}", str(value)]
    first = result.objectives[0]
    goal = "max" if first == "accuracy" else "min"
    print(cli.next_command("explore", *words, "--pick", f"{goal} {first}"))
