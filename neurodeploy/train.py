"""Train a network for a task: `python -m neurodeploy.train --task har`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from neurodeploy import cli

DESCRIPTION = "Train a spiking network for a task and write its checkpoint model.pt."


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a training, which `deploy` takes as well."""
    from neurodeploy.tasks import TASKS

    options.add_argument("--task", choices=sorted(TASKS), default="har", help="what to learn")
    cli.add_data_option(options)
    options.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write; runs/TASK when not given",
    )
    number = cli.whole_number(1)
    options.add_argument(
        "--hidden",
        type=number,
        nargs="+",
        metavar="N",
        help="neurons of each hidden layer; the task's own when not given",
    )
    options.add_argument(
        "--delays", choices=("axonal", "none"), default="axonal", help="what delays to learn"
    )
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


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("train", DESCRIPTION)
    add_options(options)
    given = options.parse_args(argv)
    path = train(given)
    print(f"Next: {cli.next_command('export', path, data=given.data)}")
    return cli.DONE


def train(given: argparse.Namespace) -> Path:
    """Train as the options say and return the path of the checkpoint."""
    with cli.status("loading SLAYER"):
        from neurodeploy import training
        from neurodeploy.run_folder import RunFolder

    cli.use_threads(given.threads)
    folder = RunFolder(given.out or Path("runs") / given.task)
    folder.check_writable()
    data = load_data(given)
    settings = settings_of(given, data)
    started = training.start(data, settings)
    if given.resume:
        folder.resume(started)
    for problem in capacity_problems(settings.architecture):
        cli.say(f"warning: {problem}")
    cli.say(_introduction(data, settings, started))
    _run_epochs(started, folder)
    best = started.history[started.best_epoch - 1]
    share = data.majority_share()
    if best.validation_accuracy <= share:
        cli.say(
            f"warning: the network learned nothing: always giving the most frequent class is right "
            f"in {share:.1%}; train longer or with a lower learning rate"
        )
    print(
        f"Best epoch is {best.epoch} of {len(started.history)}: {best.validation_accuracy:.1%} of "
        f"{len(data.split.validation)} windows of validation subjects, kept in {folder.model}"
    )
    return folder.model


def load_data(given: argparse.Namespace) -> Any:
    """Return the task's windows, split and encoder, and print what their reader has to say."""
    from neurodeploy.tasks import get
    from neurodeploy.tasks.split import split_by_subject
    from neurodeploy.training import TrainingData

    task = get(given.task)
    with cli.status("reading the data"):
        windows = task.load(given.data)
    for note in windows.notes:
        cli.say(f"note: {note}")
    return TrainingData(
        task.name, windows, split_by_subject(windows), task.default_encoder(windows)
    )


def settings_of(given: argparse.Namespace, data: Any) -> Any:
    """Return the task's recipe with what the options change of it."""
    from models.snn import Architecture
    from neurodeploy.tasks import get
    from neurodeploy.training import Settings

    recipe = get(given.task).recipe
    changes = {
        "hidden": tuple(given.hidden) if given.hidden else None,
        "epochs": given.epochs,
        "batch": given.batch,
        "learning_rate": given.learning_rate,
    }
    recipe = replace(recipe, **{k: v for k, v in changes.items() if v is not None})
    inputs = data.encoder.channels(len(data.windows.channel_names))
    architecture = Architecture(
        (inputs, *recipe.hidden, len(data.windows.class_names)),
        threshold=recipe.threshold,
        current_decay=recipe.current_decay,
        voltage_decay=recipe.voltage_decay,
        tau_grad=recipe.tau_grad,
        delays=given.delays == "axonal",
    )
    return Settings(architecture, recipe, given.seed, given.device, given.kernels)


def capacity_problems(architecture: Any) -> tuple[str, ...]:
    """Return why a Loihi 2 could not hold a network of that shape, whatever its weights become."""
    import numpy as np

    from hw_sim.chips import chip
    from hw_sim.placement import design_rules
    from hw_sim.placement.place import place
    from models import loihi
    from models.network import CubaLif, DenseLayer, QuantizedNetwork

    sizes = architecture.sizes
    delay = loihi.DELAY_MAX if architecture.delays else 0
    neuron = CubaLif(np.zeros(1, np.int32), np.zeros(1, np.int32), 0)
    layers = []
    for index, (senders, neurons) in enumerate(pairwise(sizes)):
        weight = np.full((neurons, senders), loihi.SLAYER_WEIGHT_MAX, np.int16)
        weight.flat[0] = loihi.WEIGHT_MIN
        layers.append(DenseLayer(weight, neuron, np.full((1, senders), delay if index else 0)))
    network = QuantizedNetwork(tuple(layers))
    return design_rules.check(network, place(network, chip.chip("loihi2")))


def _introduction(data: Any, settings: Any, started: Any) -> str:
    sizes = "-".join(str(n) for n in settings.architecture.sizes)
    done = f" ({len(started.history)} of them done)" if started.history else ""
    return (
        f"Training {sizes} on {len(data.split.train)} windows of {data.windows.source}, "
        f"{len(data.split.validation)} to validate, epochs: {settings.recipe.epochs}{done}"
    )


def _run_epochs(started: Any, folder: Any) -> None:
    from neurodeploy import training

    kept = len(started.history)
    try:
        with cli.progress("training") as advance:
            for epoch in training.run(started, advance):
                if not kept and (earlier := folder.set_aside()):
                    cli.say(f"note: the earlier run is now in {earlier}")
                folder.save(started)
                kept = epoch.epoch
                cli.say(
                    f"epoch {epoch.epoch:2d}: loss {epoch.loss:.3f}, training "
                    f"{epoch.train_accuracy:.1%}, validation {epoch.validation_accuracy:.1%}"
                )
                for sentence in training.warnings(epoch):
                    cli.say(f"warning: {sentence}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{folder.path} holds the run up to epoch {kept}; go on with --resume"
            if kept
            else "no epoch was finished, so nothing was written"
        ) from None
    folder.finish(started)


if __name__ == "__main__":
    sys.exit(main())
