"""Train a network for a task: `python -m neurodeploy.train --task har`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurodeploy import cli
from neurodeploy.learning import distributed
from neurodeploy.models.errors import InputError, require

if TYPE_CHECKING:
    from neurodeploy.learning.config import TrainConfig
    from neurodeploy.learning.fit import TrainedRun
    from neurodeploy.learning.training import Epoch, Training
    from neurodeploy.tasks.task import TaskData

DESCRIPTION = "Train a spiking network for a task and write its checkpoint model.pt."

CONFIGURED = {
    "hidden": "hidden", "delays": "delays", "weight_bits": "weight_bits", "epochs": "epochs",
    "batch": "batch_size", "learning_rate": "learning_rate", "seed": "seed", "device": "device",
    "kernels": "kernels", "threads": "threads", "synop_budget": "synop_budget",
    "energy_budget_uj": "energy_budget_uj", "prune": "prune",
}  # fmt: skip
"""Options, and the fields of `TrainConfig` that they set."""


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    with distributed.one_voice():
        options = cli.parser("train", DESCRIPTION)
        add_options(options)
        cli.add_chip_options(
            options, "whose energy --energy-budget-uj is; loihi2 when none is given"
        )
        args = options.parse_args(argv)
        if (args.chip or args.costs) and args.energy_budget_uj is None:
            raise InputError(
                "--chip and --costs say whose energy --energy-budget-uj is, which is not given; "
                "give it, or leave them out"
            )
        run = train(args)
        assert run.folder is not None
        print(f"Next: {cli.next_command('export', run.folder / 'model.pt', data=args.data)}")
    return cli.CHECK_FAILED if run.failures else cli.DONE


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a training, which `deploy` takes as well."""
    from neurodeploy.tasks import names

    options.add_argument(
        "--task",
        choices=names(),
        default="har",
        metavar="NAME",
        help=f"what to learn: {', '.join(names())}",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--encoder",
        metavar="NAME",
        help="another of the task's encoders, which python -m neurodeploy.data --task NAME lists",
    )
    options.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write; runs/TASK when not given",
    )
    _add_network_options(options)
    _add_budget_options(options)
    _add_training_options(options)


def _add_network_options(options: argparse.ArgumentParser) -> None:
    from neurodeploy.models import loihi
    from neurodeploy.models.architecture import DELAYS, PRESETS, WEIGHT_BITS

    options.add_argument(
        "--network",
        metavar="NAME",
        help=f"{', '.join(PRESETS)}, or a JSON file as docs/networks.md describes it; "
        "the task's own when not given",
    )
    options.add_argument(
        "--hidden",
        type=cli.whole_numbers(1, loihi.FAN_IN_MAX),
        nargs="+",
        metavar="N",
        help="neurons of each hidden layer, as in --hidden 64 32; the task's own when not given",
    )
    options.add_argument(
        "--delays",
        choices=DELAYS,
        help="what delays to learn wherever the network can have them; its own when not given",
    )
    options.add_argument(
        "--weight-bits",
        type=int,
        choices=WEIGHT_BITS,
        help="bits of a weight with its sign; the network's own, or 8, when not given",
    )


def _add_budget_options(options: argparse.ArgumentParser) -> None:
    group = options.add_mutually_exclusive_group()
    group.add_argument(
        "--synop-budget",
        type=cli.positive_number,
        metavar="N",
        help="SynOps that the mean sample may take, those of zero weights too, as in a report; a "
        "mean is seldom whole, so N need not be",
    )
    group.add_argument(
        "--energy-budget-uj",
        type=cli.positive_number,
        metavar="X",
        help="dynamic energy in uJ that the mean sample may take on a chip, static power left out",
    )
    options.add_argument(
        "--prune",
        type=cli.share,
        default=0.0,
        metavar="SHARE",
        help="share of the weights of each layer that become zero while training",
    )


def _add_training_options(options: argparse.ArgumentParser) -> None:
    number = cli.whole_number(1)
    for name in ("--epochs", "--batch"):
        options.add_argument(name, type=number, metavar="N", help="the task's own when not given")
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
        "--resume",
        action="store_true",
        help="go on with a run that was interrupted, or with more --epochs than it had",
    )
    options.add_argument(
        "--tensorboard",
        type=Path,
        nargs="?",
        const=True,
        metavar="FOLDER",
        help="write TensorBoard's event files too, into the run's folder when no other is named",
    )


def config_of(args: argparse.Namespace) -> TrainConfig:
    """Return the task's configuration with what the options change of it.

    Raises:
        InputError: when options contradict one another, whatever the data are.
    """
    from neurodeploy.tasks import get

    task = get(args.task)
    if args.encoder is not None:
        task.check_encoder(args.encoder)
    config = task.config
    if args.network is not None:
        config = config.with_network(args.network)
    changes: dict[str, Any] = {
        field: getattr(args, option)
        for option, field in CONFIGURED.items()
        if getattr(args, option) is not None
    }
    if args.hidden is not None:
        changes["hidden"] = tuple(n for sizes in args.hidden for n in sizes)
    if args.energy_budget_uj is not None:
        changes["chip"] = _one_chip(args)
    return replace(config, **changes)


def _one_chip(args: argparse.Namespace) -> Any:
    chips = cli.chosen_chips(args, "loihi2")
    if len(chips) > 1:
        raise InputError(
            f"--energy-budget-uj is for one chip and {len(chips)} are given; give --chip once"
        )
    return chips[0]


def load_data(args: argparse.Namespace) -> TaskData:
    """Return the task's data, and print what their reader has to say."""
    from neurodeploy.tasks import get
    from neurodeploy.tasks.task import load_task

    with cli.reading():
        data = load_task(get(args.task), args.data, encoder=args.encoder)
    for note in data.notes:
        cli.say(f"note: {note}")
    return data


def train(args: argparse.Namespace) -> TrainedRun:
    """Train as the options say, into their folder, and print how it goes."""
    require("training", "torch", "lava.lib.dl.slayer")
    config, out = config_of(args), args.out or Path("runs") / args.task
    with cli.status("loading SLAYER"):
        from neurodeploy.learning import fit
    folder: dict[str, Any] = {
        "out": out,
        "resume": args.resume,
        "tensorboard_folder": out / "tensorboard" if args.tensorboard is True else args.tensorboard,
    }
    fit.check(config, **folder)
    data = load_data(args)
    with cli.progress("training") as advance:
        run = fit.fit(
            data,
            config,
            **folder,
            on_start=lambda started: cli.say(_introduction(started)),
            on_epoch=lambda epoch: cli.say(_epoch_line(epoch, config)),
            notify=cli.say,
            advance=advance,
        )
    print(
        f"Best epoch is {run.best_epoch} of {len(run.history)}: "
        f"{run.best.validation_accuracy:.1%} of {len(data.split.validation)} windows to validate, "
        f"kept in {out / 'model.pt'}"
    )
    for sentence in (*(f"note: {n}" for n in run.notes), *(f"warning: {f}" for f in run.failures)):
        cli.say(sentence)
    return run


def _introduction(started: Training) -> str:
    data = started.data
    sizes = "-".join(str(n) for n in started.network.architecture.sizes)
    done = f" ({len(started.history)} of them done)" if started.history else ""
    by = f" by {started.team.size} processes" if started.team.size > 1 else ""
    return (
        f"Training {sizes} on {len(data.split.train)} windows of {data.dataset.source}, "
        f"{len(data.split.validation)} to validate, epochs: {started.config.epochs}{done}{by}"
    )


def _epoch_line(epoch: Epoch, config: TrainConfig) -> str:
    energy = ""
    if config.energy_budget_uj is not None and epoch.spent is not None:
        energy = f", {epoch.spent:.3g} uJ of dynamic energy"
    return (
        f"epoch {epoch.epoch:2d}: loss {epoch.loss:.3f}, training {epoch.train_accuracy:.1%}, "
        f"validation {epoch.validation_accuracy:.1%}, {sum(epoch.synops):,.0f} SynOps per "
        f"sample{energy}"
    )


if __name__ == "__main__":
    sys.exit(main())
