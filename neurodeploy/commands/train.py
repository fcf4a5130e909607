"""Train a network for a task: `python -m neurodeploy.train --task har`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from neurodeploy.commands import cli
from neurodeploy.models.display import number_of
from neurodeploy.models.errors import InputError, require
from neurodeploy.train import distributed

if TYPE_CHECKING:
    from neurodeploy.config import TrainConfig
    from neurodeploy.data.task import Task
    from neurodeploy.data.task_data import TaskData
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.train.fit import TrainedRun
    from neurodeploy.train.training import Epoch, Training

DESCRIPTION = "Train a spiking network for a task and write its checkpoint model.pt."

TASK = "har"
"""The task without `--task`."""


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    with distributed.rank_zero_only():
        options = cli.parser("train", DESCRIPTION)
        add_options(options)
        cli.add_chip_options(options, "for --energy-budget-uj; loihi2 by default")
        args = options.parse_args(argv)
        if (args.chip or args.costs) and args.energy_budget_uj is None:
            raise InputError(
                "--chip and --costs name the chip of --energy-budget-uj, which is missing; add it, "
                "or leave them out"
            )
        run = train(args)
        assert run.folder is not None
        print(f"Next: {_next(args, run.folder / 'model.pt')}")
    return cli.CHECK_FAILED if run.failures else cli.DONE


def _next(args: argparse.Namespace, model: Path) -> str:
    """Return the command to run next."""
    words = [] if args.input is None else ["--input", args.input]
    return cli.next_command("export", model, *words, data=args.data)


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of training, which `deploy` shares."""
    from neurodeploy.data import names

    options.add_argument(
        "--task",
        choices=names(),
        metavar="NAME",
        help=f"task to learn, {TASK} by default: {', '.join(names())}",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--encoder",
        metavar="NAME",
        help="encoder to use instead of the task's default, such as latency for digits",
    )
    options.add_argument(
        "--out", type=Path, metavar="FOLDER", help="output folder; runs/TASK by default"
    )
    _add_start_options(options)
    _add_config_options(options)
    options.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run, or train it for more --epochs",
    )
    options.add_argument(
        "--tensorboard",
        type=Path,
        nargs="?",
        const=True,
        metavar="FOLDER",
        help="also write TensorBoard event files; to the run's folder by default",
    )


def _add_start_options(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="network to fine-tune, instead of a new one: any file that report takes; its task is "
        "the default of --task",
    )
    options.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="with --start: .npy file of spikes (samples, neurons, time) to train, validate and "
        "test on, instead of a task",
    )
    options.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="with --input: .npy file of the correct class of each sample, from 0",
    )


def _add_config_options(options: argparse.ArgumentParser) -> None:
    """Add the options that are fields of `TrainConfig`."""
    from neurodeploy import config

    hints = get_type_hints(config.TrainConfig, include_extras=True)
    groups: dict[str, Any] = {"": options}
    for name, given in config.options().items():
        group = given.pop("one_of", "")
        if group not in groups:
            groups[group] = options.add_mutually_exclusive_group()
        groups[group].add_argument(given.pop("flag"), dest=name, **given, **_checks(hints[name]))


def _checks(hint: Any) -> dict[str, Any]:
    """Return the arguments of `add_argument` with which an option takes values of a type."""
    if type(None) in get_args(hint):
        hint = get_args(hint)[0]
    if hint is bool:
        return {"action": "store_true"}
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return {"choices": choices, "type": type(choices[0])}
    kind, *limits = get_args(hint) or (hint,)
    if get_origin(kind) is tuple:
        _, limit = get_args(get_args(kind)[0])
        return {"type": cli.whole_numbers(limit.ge, limit.le), "nargs": "+"}
    if kind is int:
        return {"type": cli.whole_number(limits[0].ge, limits[0].le)}
    if kind is float:
        return {"type": cli.positive_number if limits[0].lt is None else cli.share}
    return {}


def check_start(args: argparse.Namespace) -> None:
    """Raise InputError if options contradict `--start` and `--input`."""
    for name, needs in (("input", "labels"), ("labels", "input"), ("input", "start")):
        if getattr(args, name) is not None and getattr(args, needs) is None:
            raise InputError(f"--{name} needs --{needs}; add it, or leave --{name} out")
    for name, others in (
        ("start", ("network", "hidden", "delays")),
        ("input", ("task", "data", "encoder")),
    ):
        for other in others:
            if getattr(args, name) is not None and getattr(args, other) is not None:
                what = "network to train" if name == "start" else "samples"
                raise InputError(f"--{name} gives the {what}, and so does --{other}; give one")


def load_start(args: argparse.Namespace) -> QuantizedNetwork | None:
    """Return the network of `--start`, or None.

    Raises:
        InputError: if it cannot be loaded, lies in the output folder, or has no data to train on.
    """
    check_start(args)
    if args.start is None:
        return None
    from neurodeploy.evaluation.files import load

    network = load(args.start)
    if args.input is None and args.task is None and not network.task.name:
        raise InputError(
            f"{args.start} stores no task; name one with --task, or give --input and --labels"
        )
    folder = args.start if args.start.is_dir() else args.start.parent
    if folder.resolve() == out_of(args, network).resolve():
        raise InputError(
            f"the run would replace {args.start}, from which it starts; give another --out"
        )
    return network


def out_of(args: argparse.Namespace, start: QuantizedNetwork | None) -> Path:
    """Return the output folder."""
    name = task_name(args, start)
    if start is not None:
        name = f"{name}-tuned" if name else "tuned"
    return args.out or Path("runs") / name


def task_name(args: argparse.Namespace, start: QuantizedNetwork | None) -> str:
    """Return the name of the task, "" for samples of `--input`."""
    if args.input is not None:
        return ""
    return args.task or (TASK if start is None else start.task.name)


def config_of(args: argparse.Namespace, start: QuantizedNetwork | None = None) -> TrainConfig:
    """Return the task's configuration with the options applied.

    Raises:
        InputError: if options contradict each other.
    """
    from neurodeploy.config import options

    config = _default_config(args, start)
    if args.network is not None:
        config = config.with_network(args.network)
    given: dict[str, Any] = {name: getattr(args, name) for name in options()}
    changes = {name: value for name, value in given.items() if value is not None}
    if args.hidden is not None:
        changes["hidden"] = tuple(n for sizes in args.hidden for n in sizes)
    if args.energy_budget_uj is not None:
        changes["chip"] = _one_chip(args)
    return replace(config, **changes)


def _default_config(args: argparse.Namespace, start: QuantizedNetwork | None) -> TrainConfig:
    from neurodeploy.config import TrainConfig
    from neurodeploy.data import get

    config = TrainConfig()
    if name := task_name(args, start):
        task = get(name)
        if args.encoder is not None:
            task.check_encoder(args.encoder)
        config = _continuous(task) if args.continuous else task.config
    elif args.continuous:
        raise InputError(
            "--continuous trains on the recordings of a task, but --input gives samples; leave "
            "one of the two out"
        )
    return config if start is None else config.for_fine_tuning()


def _continuous(task: Task) -> TrainConfig:
    """Return the configuration of a continuous training of a task."""
    if task.continuous is None:
        raise InputError(
            f"the task {task.name} has no recordings in which the class changes, on which "
            "--continuous trains; leave it out"
        )
    return task.continuous


def _one_chip(args: argparse.Namespace) -> Any:
    chips = cli.chosen_chips(args, "loihi2")
    if len(chips) > 1:
        raise InputError(f"--energy-budget-uj takes one chip, not {len(chips)}; name one chip")
    return chips[0]


def load_data(args: argparse.Namespace, start: QuantizedNetwork | None = None) -> TaskData:
    """Return the task's data, or those of `--input`, and print notes on stderr."""
    from neurodeploy.data.task_data import load_like, load_task, task_from_input

    with cli.reading():
        if start is not None and args.input is not None:
            data = task_from_input(args.input, start, labels=args.labels)
        elif start is not None and args.task is None and args.encoder is None:
            data = load_like(start.task, args.data)
        else:
            data = load_task(task_name(args, start), args.data, encoder=args.encoder)
    for note in data.notes:
        cli.say(f"note: {note}")
    return data


def train(args: argparse.Namespace) -> TrainedRun:
    """Train as the options say, and print progress and results."""
    require("training", "torch", "lava.lib.dl.slayer")
    start = load_start(args)
    config, out = config_of(args, start), out_of(args, start)
    with cli.status("loading SLAYER"):
        from neurodeploy.train import fit
    folder: dict[str, Any] = {
        "out": out,
        "resume": args.resume,
        "tensorboard_folder": out / "tensorboard" if args.tensorboard is True else args.tensorboard,
    }
    fit.check(config, **folder)
    data = load_data(args, start)
    with cli.progress("training") as advance:
        run = fit.fit(
            data,
            config,
            start=start,
            **folder,
            on_start=lambda started: cli.say(_introduction(started)),
            on_epoch=lambda epoch: cli.say(_epoch_line(epoch, config)),
            notify=cli.say,
            advance=advance,
        )
    validated = f"{len(data.split.validation):,} validation samples"
    if config.continuous:
        validated = "the labelled steps of the validation recordings"
    print(
        f"Best epoch is {run.best_epoch} of {len(run.history)}: "
        f"{run.best.validation_accuracy:.1%} of {validated} correct, saved in {out / 'model.pt'}"
    )
    for sentence in (*(f"note: {n}" for n in run.notes), *(f"warning: {f}" for f in run.failures)):
        cli.say(sentence)
    return run


def _introduction(started: Training) -> str:
    from neurodeploy.data.recordings import of_subjects

    data = started.data
    sizes = "-".join(str(n) for n in started.network.architecture.sizes)
    done = f" ({len(started.history)} done)" if started.history else ""
    processes = distributed.world_size()
    by = f", in {processes} processes" if processes > 1 else ""
    config, what = started.config, f"{len(data.split.train):,} samples"
    validating = f"{len(data.split.validation):,}"
    if config.continuous:
        parts = (data.split.train, data.split.validation)
        what, validating = (f"{len(of_subjects(data.dataset, part)):,}" for part in parts)
        what = f"{what} recordings"
    return (
        f"Training {sizes} on {what} of {data.dataset.source}, validating on {validating}; "
        f"{number_of(started.config.epochs, 'epoch')}{done}{by}"
    )


def _epoch_line(epoch: Epoch, config: TrainConfig) -> str:
    energy = ""
    if config.energy_budget_uj is not None and epoch.cost is not None:
        energy = f", {epoch.cost:.3g} µJ of dynamic energy"
    return (
        f"epoch {epoch.epoch:2d}: loss {epoch.loss:.3f}, training {epoch.train_accuracy:.1%}, "
        f"validation {epoch.validation_accuracy:.1%}, {sum(epoch.synops):,.0f} SynOps per "
        f"{'sequence' if config.continuous else 'sample'}{energy}"
    )
