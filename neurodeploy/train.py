"""Train a network for a task: `python -m neurodeploy.train --task har`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurodeploy import cli
from neurodeploy.learning import budget_options, distributed
from neurodeploy.models.errors import InputError, require

if TYPE_CHECKING:
    from neurodeploy.learning.distributed import Team
    from neurodeploy.learning.run_folder import Keeper, RunFolder, RunLock
    from neurodeploy.learning.training import Epoch, Training
    from neurodeploy.tasks.task import Task

DESCRIPTION = "Train a spiking network for a task and write its checkpoint model.pt."


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a training, which `deploy` takes as well."""
    from neurodeploy.learning import chosen_network

    _add_task_options(options)
    options.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write; runs/TASK when not given",
    )
    number = cli.whole_number(1)
    chosen_network.add_options(options)
    budget_options.add_options(options)
    options.add_argument("--epochs", type=number, metavar="N", help="the task's own when not given")
    options.add_argument("--batch", type=number, metavar="N", help="the task's own when not given")
    options.add_argument(
        "--learning-rate",
        type=cli.positive_number,
        metavar="R",
        help="the task's own when not given",
    )
    options.add_argument(
        "--seed",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="of weights, order and augmentation",
    )
    options.add_argument("--device", default="cpu", help="cpu, or a GPU such as cuda")
    options.add_argument(
        "--kernels",
        choices=("compiled", "stock"),
        default="compiled",
        help="dynamics on a CPU: ours, or lava-dl's own",
    )
    cli.add_threads_option(options)
    options.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    options.add_argument(
        "--tensorboard",
        type=Path,
        nargs="?",
        const=True,
        metavar="FOLDER",
        help="write TensorBoard's event files too, into the run's folder when no other is named",
    )


def _add_task_options(options: argparse.ArgumentParser) -> None:
    """Add the options that say what is learned."""
    from neurodeploy.tasks import known

    tasks = known()
    options.add_argument(
        "--task",
        choices=tuple(tasks),
        default="har",
        metavar="NAME",
        help=f"what to learn: {', '.join(tasks)}",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--encoder",
        choices=sorted({name for task in tasks.values() for name in task.other_encoders}),
        metavar="NAME",
        help=_encoders_help(tasks),
    )


def _encoders_help(tasks: Mapping[str, Task]) -> str:
    """Return which encoders there are to choose, task by task."""
    named = [
        f"{task.name}: {', '.join(task.other_encoders)}"
        for task in tasks.values()
        if task.other_encoders
    ]
    return f"in place of the task's own; {'; '.join(named) or 'no task has others'}"


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    with distributed.one_voice():
        options = cli.parser("train", DESCRIPTION)
        add_options(options)
        cli.add_chip_options(
            options, "whose energy --energy-budget-uj is; loihi2 when none is given"
        )
        given = options.parse_args(argv)
        budget_options.check_chip_is_used(given)
        path, code = train(given)
        print(f"Next: {cli.next_command('export', path, data=given.data)}")
    return code


def train(given: argparse.Namespace) -> tuple[Path, int]:
    """Train as the options say and return the path of the checkpoint, and the exit code: 1 where
    the budget was not met."""
    require("training", "torch", "lava.lib.dl.slayer")
    with cli.status("loading SLAYER"):
        from neurodeploy.learning import tensorboard
        from neurodeploy.learning.run_folder import RunFolder

    cli.use_threads(given.threads or distributed.threads_each())
    if given.tensorboard:
        tensorboard.check_installed()
    _check_options(given)
    folder = RunFolder(given.out or Path("runs") / given.task)
    with distributed.joined() as team, ExitStack() as held:
        lock = held.enter_context(_locked(folder)) if team.leads else None
        if team.leads:
            _check_events(given, folder)
            if given.resume:
                folder.check_holds_run()
        started = _start(given, folder, team)
        _run_epochs(started, _keeper(given, started, folder, lock))
        code = _show_end(started, folder)
    return folder.model, code


@contextmanager
def _locked(folder: RunFolder) -> Iterator[RunLock]:
    """Keep the folder to this training, and free of what a killed one left unfinished."""
    from neurodeploy.learning.run_folder import RunLock

    folder.check_writable()
    with RunLock(folder.path) as lock:
        if lock.problem:
            cli.say(
                f"warning: {folder.path} cannot be locked ({lock.problem}); start no other "
                "training that writes there"
            )
        else:
            folder.remove_leftovers()
        yield lock


def _check_options(given: argparse.Namespace) -> None:
    """Raise InputError for what is known to be wrong before the data are read."""
    from neurodeploy.learning import chosen_network, training
    from neurodeploy.tasks import get

    task = get(given.task)
    if given.encoder is not None and given.encoder not in task.other_encoders:
        others = f"give {', '.join(task.other_encoders)}, or " if task.other_encoders else ""
        raise InputError(
            f"--encoder {given.encoder} is of another task than {task.name}; {others}leave it out"
        )
    chosen_network.check(task.recipe, given)
    budget_options.budget_of(given)
    training.find_device(distributed.device_of(given.device))


def _events(given: argparse.Namespace, folder: RunFolder) -> Path | None:
    """Return where TensorBoard's event files go, None for none."""
    return folder.events if given.tensorboard is True else given.tensorboard


def _check_events(given: argparse.Namespace, folder: RunFolder) -> None:
    """Raise InputError before training when the event files have no place."""
    from neurodeploy.learning import tensorboard

    events = _events(given, folder)
    set_aside = events == folder.events and not given.resume  # with all that is in its way
    if events is not None and not set_aside:
        tensorboard.check_writable(events)


def _start(given: argparse.Namespace, folder: RunFolder, team: Team) -> Training:
    """Return the training that the options say, at its start or where it was interrupted."""
    from neurodeploy.learning import chosen_network, training
    from neurodeploy.learning.capacity import capacity_problems
    from neurodeploy.learning.run_folder import options_of

    data = load_data(given)
    settings = settings_of(given, data)
    device = distributed.device_of(settings.device)
    started = training.start(data, settings, team, device)
    team.check_same(options_of(started))
    budget_options.check_reachable(started)
    if given.resume:
        folder.resume(started)
    for problem in capacity_problems(settings.architecture):
        cli.say(f"warning: {problem}")
    for sentence in chosen_network.notes(settings.architecture):
        cli.say(f"note: {sentence}")
    cli.say(_introduction(started))
    return started


def _keeper(
    given: argparse.Namespace, started: Training, folder: RunFolder, lock: RunLock | None
) -> Keeper | None:
    """Return what writes the run, in the process that does."""
    from neurodeploy.learning.run_folder import Keeper

    if lock is None:
        return None
    return Keeper(started, folder, lock, _events(given, folder))


def _run_epochs(started: Training, keeper: Keeper | None) -> None:
    """Train and keep every epoch; whatever ends it, the picture is of what was kept."""
    try:
        with cli.progress("training") as advance:
            _train_and_keep(started, keeper, advance)
    except KeyboardInterrupt:
        kept = _finish_early(keeper)
        raise KeyboardInterrupt(
            f"{kept}; go on with --resume"
            if kept
            else "no epoch was finished, so nothing was written"
        ) from None
    except InputError:
        if kept := _finish_early(keeper):
            cli.say(f"note: {kept}")
        raise
    if keeper is not None:
        keeper.finish()


def _train_and_keep(started: Training, keeper: Keeper | None, advance: cli.Advance) -> None:
    from neurodeploy.learning import loop
    from neurodeploy.learning.loop import layer_warnings

    for epoch in loop.run(started, advance):
        for sentence in keeper.keep() if keeper is not None else ():
            cli.say(sentence)
        cli.say(
            f"epoch {epoch.epoch:2d}: loss {epoch.loss:.3f}, training "
            f"{epoch.train_accuracy:.1%}, validation {epoch.validation_accuracy:.1%}, "
            f"{sum(epoch.synops):,.0f} SynOps a sample{_energy(started, epoch)}"
        )
        for sentence in layer_warnings(epoch.rates, epoch.epoch):
            cli.say(f"warning: {sentence}")


def _energy(started: Training, epoch: Epoch) -> str:
    """Return the energy of a sample in words, where there is a budget of it."""
    budget = started.settings.budget
    if budget is None or budget.chip is None:
        return ""
    return f", {budget.words(epoch.spent)}"


def _finish_early(keeper: Keeper | None) -> str:
    """Draw what was kept, where that can be done, and return a sentence on it, "" for nothing."""
    if keeper is None or not keeper.kept:
        return ""
    with suppress(InputError):  # what ended the training may well keep the picture from the disk
        keeper.finish()
    return f"{keeper.folder.path} holds the run up to epoch {keeper.kept}"


def _show_end(started: Training, folder: RunFolder) -> int:
    """Print what the training came to and return the exit code."""
    best = started.history[started.best_epoch - 1]
    share = started.data.majority_share()
    if best.validation_accuracy <= share:
        cli.say(
            f"warning: the network learned nothing: always giving the most frequent class is right "
            f"in {share:.1%}; train longer or with a lower learning rate"
        )
    print(
        f"Best epoch is {best.epoch} of {len(started.history)}: {best.validation_accuracy:.1%} of "
        f"{len(started.data.split.validation)} windows to validate, kept in "
        f"{folder.model}"
    )
    notes, failures = budget_options.outcome(started)
    for sentence in notes:
        cli.say(f"note: {sentence}")
    for sentence in failures:
        cli.say(f"warning: {sentence}")
    return cli.CHECK_FAILED if failures else cli.DONE


def load_data(given: argparse.Namespace) -> Any:
    """Return the task's windows, split and encoder, and print what their reader has to say."""
    from neurodeploy.learning.training import TrainingData
    from neurodeploy.tasks import cache, get
    from neurodeploy.tasks.split import split

    task = get(given.task)
    with cli.reading():
        windows = task.load(given.data)
    encoder = task.encoder(windows, given.encoder)
    with cli.status("encoding the data"):
        notes = (*windows.notes, *cache.prepare(windows, encoder))
    for note in notes:
        cli.say(f"note: {note}")
    return TrainingData(task.name, windows, split(windows), encoder)


def settings_of(given: argparse.Namespace, data: Any) -> Any:
    """Return the task's recipe with what the options change of it."""
    from neurodeploy.learning.chosen_network import architecture_of
    from neurodeploy.learning.training import Settings
    from neurodeploy.tasks import get

    recipe = get(given.task).recipe
    changes = {
        "hidden": tuple(given.hidden) if given.hidden else None,
        "epochs": given.epochs,
        "batch": given.batch,
        "learning_rate": given.learning_rate,
    }
    recipe = replace(recipe, **{k: v for k, v in changes.items() if v is not None})
    architecture = architecture_of(
        recipe,
        channels=data.encoder.channels(len(data.windows.channel_names)),
        steps=data.encoder.steps(data.windows.samples),
        grid=data.windows.grid,
        classes=len(data.windows.class_names),
        network=given.network,
        hidden=given.hidden,
        delays=given.delays,
        weight_bits=given.weight_bits,
    )
    budget = budget_options.budget_of(given)
    return Settings(
        architecture, recipe, given.seed, given.device, given.kernels, budget, given.prune
    )


def _introduction(started: Training) -> str:
    data, settings = started.data, started.settings
    sizes = "-".join(str(n) for n in settings.architecture.sizes)
    done = f" ({len(started.history)} of them done)" if started.history else ""
    by = f" by {started.team.size} processes" if started.team.size > 1 else ""
    return (
        f"Training {sizes} on {len(data.split.train)} windows of {data.windows.source}, "
        f"{len(data.split.validation)} to validate, epochs: {settings.recipe.epochs}{done}{by}"
    )


if __name__ == "__main__":
    sys.exit(main())
