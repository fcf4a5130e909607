"""`neurodeploy.fit(task, config)`: train a network in memory or into a folder."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch

from neurodeploy.config import TrainConfig, network_notes, read_network
from neurodeploy.data.samples import Advance
from neurodeploy.data.task_data import TaskData
from neurodeploy.hw_sim import design_rules
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.placement import place
from neurodeploy.models import files, loihi
from neurodeploy.models.architecture import Architecture, LayerSpec, Shape
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, Layer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.models.neurons import CubaLif
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.train import checkpoint, distributed, tensorboard, training
from neurodeploy.train.budget import BAND, BudgetPruner
from neurodeploy.train.checkpoint import Checkpoint
from neurodeploy.train.run_folder import RunFolder, best_checkpoint, options_of
from neurodeploy.train.training import Epoch, Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Notify: TypeAlias = Callable[[str], None]
"""Callback for messages, which begin with "warning: " or "note: "."""

ZEROS_ARE_STORED: Final = (
    "Intel's compiler stores the zero weights of dense layers, so their pruned weights still count "
    "in the report's memory, SynOps and energy, but not in its effective operations; to reduce "
    "cost, use a budget, which prunes whole neurons"
)

_ONE_AT_A_TIME: Final = threading.RLock()
"""All threads share torch's random state, so only one thread trains at a time."""


def log(message: str) -> None:
    """Log a message to the logger "neurodeploy", as warning or info."""
    logger = logging.getLogger("neurodeploy")
    (logger.warning if message.startswith("warning") else logger.info)(message)


@dataclass(frozen=True, eq=False, repr=False)
class TrainedRun(Shown):
    """A finished training: `neurodeploy.fit(task, config)`.

    Attributes:
        config: the configuration.
        data: the task's data.
        history: the results of each epoch.
        best_epoch: number of the best epoch by validation accuracy, from 1.
        checkpoint: the network of that epoch, as in `model.pt`.
        model: the same network as a torch module, in evaluation mode.
        folder: folder of the run's files, or None.
        notes: sentences about the result.
        failures: sentences about failed checks, such as a missed budget.
        start_accuracy: validation accuracy of the network that training started from, or None.

    Examples:
        >>> run.best.epoch == run.best_epoch, run.model.task.name
        (True, 'digits')
        >>> figure = run.plot("history.png")
    """

    config: TrainConfig
    data: TaskData
    history: tuple[Epoch, ...]
    best_epoch: int
    checkpoint: Checkpoint
    model: SlayerNetwork
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    start_accuracy: float | None = None

    @property
    def best(self) -> Epoch:
        """The best epoch by validation accuracy."""
        return self.history[self.best_epoch - 1]

    def save(self, path: str | Path) -> None:
        """Write the best epoch's network to a checkpoint such as `model.pt`."""
        checkpoint.save(self.checkpoint, Path(path))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return the learning curves as a figure; if a path is given, also write it as PNG.

        Raises:
            InputError: if the path does not end in .png or cannot be written.
        """
        from neurodeploy.train import history

        if path is not None and Path(path).suffix.lower() != ".png":
            raise InputError(f"the path is {path}; give a file name that ends in .png")
        layers = self.checkpoint.architecture.layers
        figure = history.figure(self.history, best=self.best_epoch, layers=layers)
        if path is not None:
            with files.replacing(Path(path)) as temporary:
                figure.savefig(temporary, format="png", dpi=history.DPI)
        return figure

    def __repr__(self) -> str:
        best, name = self.best, self.data.name or "arrays"
        return (
            f"TrainedRun of {name}: epoch {best.epoch} of {len(self.history)} is the best\n"
            f"  validation accuracy {best.validation_accuracy:.1%}, loss {best.loss:.3f}, "
            f"{sum(best.synops):,.0f} SynOps per sample"
        )


def fit(
    data: TaskData,
    config: TrainConfig | None = None,
    *,
    start: QuantizedNetwork | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    tensorboard_folder: str | Path | None = None,
    on_start: Callable[[Training], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    notify: Notify = log,
    advance: Advance | None = None,
) -> TrainedRun:
    """Train a network for a task and return the epoch with the best validation accuracy.

    Results are reproducible for the same seed, device, number of threads and version of torch.
    torch's random state and number of threads are restored afterwards.

    Args:
        data: from `neurodeploy.task` or `neurodeploy.task_from_arrays`.
        config: hyperparameters; `data.config` by default, or `data.config.for_fine_tuning()` with
            `start`.
        start: quantized network to fine-tune, from any source, instead of random weights. Training
            starts with its spikes; its layers, delays and decays replace those of the
            configuration. Give `weight_bits` to round its weights to fewer bits.
        out: folder for `model.pt`, the history and the state to resume from, written after every
            epoch; an earlier run there moves to `previous`. None to write no files.
        resume: continue the interrupted run in `out`, or train it for more epochs.
        tensorboard_folder: folder for TensorBoard event files, needs `out`; None for no files.
        on_start: called before the first epoch.
        on_epoch: called after every epoch.
        notify: called with each warning and note; by default they go to the logger "neurodeploy".
        advance: progress callback, called with the samples done and the total.

    Raises:
        InputError: if data, configuration or folder are invalid, or the loss is not finite.
        KeyboardInterrupt: on Ctrl-C, with a sentence on what was saved.

    Examples:
        >>> task = neurodeploy.task("digits")
        >>> config = neurodeploy.TrainConfig(hidden=(16,), epochs=1)
        >>> run = neurodeploy.fit(task, config)
        >>> len(run.history), run.best_epoch, run.model.architecture.sizes
        (1, 1, (64, 16, 10))

        A few epochs more, from the integers:

        >>> tuned = neurodeploy.fit(task, start=neurodeploy.quantize(run.model))
        >>> len(tuned.history), tuned.start_accuracy == run.best.validation_accuracy
        (3, True)
    """
    check_data(data)
    if start is not None:
        check_network(start)
    if config is None:
        config = data.config if start is None else data.config.for_fine_tuning()
    check(config, out=out, resume=resume, tensorboard_folder=tensorboard_folder)
    folder = None
    if out is not None:
        events = None if tensorboard_folder is None else Path(tensorboard_folder)
        folder = RunFolder(Path(out), events)
    with ExitStack() as stack:
        stack.enter_context(_ONE_AT_A_TIME)
        stack.enter_context(_torch_state_restored(config))
        stack.enter_context(distributed.process_group())
        writes = folder is not None and distributed.rank() == 0
        if folder is not None and writes:
            stack.enter_context(folder.locked(notify))
        started = _start(data, config, start, folder if resume else None, notify)
        if on_start is not None:
            on_start(started)
        _run(started, folder if writes else None, notify, on_epoch, advance)
        return _result(started, folder, notify)


def check_data(data: Any) -> None:
    """Raise InputError unless `data` is a TaskData."""
    if not isinstance(data, TaskData):
        raise InputError(
            f"the data are a {type(data).__name__}; give a TaskData from neurodeploy.task or "
            "neurodeploy.task_from_arrays"
        )


def check(
    config: TrainConfig,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    tensorboard_folder: str | Path | None = None,
) -> None:
    """Raise InputError for arguments that `fit` refuses whatever the data; call it before reading
    the data."""
    if not isinstance(config, TrainConfig):
        raise InputError(f"the configuration is a {type(config).__name__}; give a TrainConfig")
    if out is None and (resume or tensorboard_folder is not None):
        name = "resume" if resume else "tensorboard_folder"
        raise InputError(f"{name} needs the folder of a run; give `out` as well")
    if tensorboard_folder is not None and out is not None:
        events = Path(tensorboard_folder)
        # Event files of an earlier run in the same folder move to `previous` with it.
        is_moved = not resume and events == RunFolder(Path(out)).events
        tensorboard.check(None if is_moved else events)
    if out is not None and files.kind(Path(out)) not in ("", "folder"):
        raise InputError(
            f"{out} cannot be written, because it is not a folder; choose another output folder"
        )
    if resume and out is not None:
        RunFolder(Path(out)).check_holds_run()
    if not config.is_preset:
        read_network(config.network)
    training.find_device(distributed.local_device(config.device))


@contextmanager
def _torch_state_restored(config: TrainConfig) -> Iterator[None]:
    """Set torch's threads in this block; restore its threads and random state afterwards."""
    before = torch.get_num_threads()
    threads = config.threads or distributed.threads_per_process()
    cuda: list[int] | None = [] if config.device == "cpu" else None
    with torch.random.fork_rng(devices=cuda):
        try:
            if threads is not None:
                torch.set_num_threads(min(threads, os.cpu_count() or threads))
            yield
        finally:
            torch.set_num_threads(before)


def _start(
    data: TaskData,
    config: TrainConfig,
    network: QuantizedNetwork | None,
    resumed: RunFolder | None,
    notify: Notify,
) -> Training:
    """Return a new training, or an interrupted one restored."""
    device = distributed.local_device(config.device)
    started = training.start(data, config, device, network_to_tune=network)
    if network is not None:
        validation = training.validation_samples(started.data, config)
        started.start_accuracy = training.evaluate(started.network, validation, config).accuracy
        what = f"{len(validation):,} validation samples"
        if config.continuous:
            what = "the labelled steps of the validation recordings"
        notify(f"note: before training, {started.start_accuracy:.1%} of {what} are correct")
    distributed.check_same(options_of(started))
    if started.budget_pruner is not None:
        started.budget_pruner.check_reachable(data.validation)
    if resumed is not None:
        planned = resumed.resume(started)
        if planned != config.epochs:
            notify(
                f"note: the run was planned for {planned} epochs; the learning rate schedule now "
                f"spans {config.epochs} epochs"
            )
    architecture = started.network.architecture
    for problem in capacity_problems(architecture):
        notify(f"warning: {problem}")
    for sentence in network_notes(architecture):
        notify(f"note: {sentence}")
    return started


def _run(
    started: Training,
    folder: RunFolder | None,
    notify: Notify,
    on_epoch: Callable[[Epoch], None] | None,
    advance: Advance | None,
) -> None:
    """Train, save every epoch, and draw the history at the end, even after an interruption."""
    try:
        for epoch in training.run(started, advance):
            for sentence in folder.save(started) if folder is not None else ():
                notify(sentence)
            if on_epoch is not None:
                on_epoch(epoch)
            for sentence in training.layer_warnings(epoch.rates, epoch.epoch):
                notify(f"warning: {sentence}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(started, folder)) from None
    except InputError:
        if saved := _finish_early(started, folder):
            notify(f"note: {saved}")
        raise
    if folder is not None:
        try:
            folder.finish(started)
        except InputError as error:  # only the figure is missing
            notify(f"warning: {error}; the run itself is complete in {folder.path}")


def _interrupted(started: Training, folder: RunFolder | None) -> str:
    """Return a sentence on what was saved before an interruption."""
    if saved := _finish_early(started, folder):
        return f"{saved}; continue with --resume"
    done = len(started.history)
    if folder is None and done:
        return f"{done} finished epochs are lost, because there is no folder `out`"
    return "no epoch was finished, so nothing was written"


def _finish_early(started: Training, folder: RunFolder | None) -> str:
    """Draw the saved epochs if possible; return a sentence on them, "" if there are none."""
    if folder is None or not folder.num_saved:
        return ""
    with suppress(InputError):  # the disk may be full
        folder.finish(started)
    return f"{folder.path} holds the run up to epoch {folder.num_saved}"


def _result(started: Training, folder: RunFolder | None, notify: Notify) -> TrainedRun:
    best = started.history[started.best_epoch - 1]
    share = started.data.majority_share()
    if best.validation_accuracy <= share:
        notify(
            f"warning: the network learned nothing: predicting the most frequent class gives "
            f"{share:.1%} too; train longer or with a lower learning rate"
        )
    before, what = started.start_accuracy, "steps" if started.config.continuous else "samples"
    if before is not None and best.validation_accuracy <= before:
        notify(
            f"warning: no epoch is more accurate than the network that training started from "
            f"({before:.1%} of the validation {what}); keep that one, or train longer or with "
            "another learning rate"
        )
    saved = best_checkpoint(started)
    notes, failures = [ZEROS_ARE_STORED] if started.config.prune else [], list[str]()
    if started.budget_pruner is not None:
        cost, pruner = best.cost or 0.0, started.budget_pruner
        is_met = pruner.multiplier.budget.is_met(cost)
        sizes = zip(saved.architecture.sizes[1:-1], started.network.architecture.sizes[1:-1])
        widths = ", ".join(f"{now:,} of {before:,}" for now, before in sizes) or "no"
        (notes if is_met else failures).append(budget_words(pruner, cost, widths))
    return TrainedRun(
        config=started.config,
        data=started.data,
        history=tuple(started.history),
        best_epoch=started.best_epoch,
        checkpoint=saved,
        model=saved.network(),
        folder=None if folder is None else folder.path,
        notes=tuple(notes),
        failures=tuple(failures),
        start_accuracy=started.start_accuracy,
    )


def budget_words(pruner: BudgetPruner, cost: float, widths: str) -> str:
    """Return a sentence that compares the cost per sample with the budget.

    Args:
        pruner: the pruner of the training.
        cost: cost per sample of the best epoch.
        widths: remaining hidden neurons, such as "3 of 9".
    """
    budget = pruner.multiplier.budget
    if not budget.is_met(cost):
        return (
            f"no epoch met the budget of {budget.words()} per sample; the lowest cost is "
            f"{budget.words(cost)}: train longer, start from smaller layers, or raise the budget"
        )
    words = f"the network takes {budget.words(cost)} per sample on the validation samples"
    if not pruner.multiplier.was_active:
        return f"{words}, less than the budget of {budget.words()}, which had no effect"
    words += f", {cost / budget.amount:.1%} of the budget, with {widths} hidden neurons"
    if cost < (1 - BAND) * budget.amount:
        words += (
            f"; this is more than {BAND:.0%} below it, because each of the few remaining neurons "
            "costs much: train longer or start from larger layers to use more of the budget"
        )
    return words


# Capacity of the chip


def capacity_problems(architecture: Architecture) -> tuple[str, ...]:
    """Return the reasons why a network of this shape cannot fit a Loihi 2, whatever its weights."""
    delays, layers = 0, []
    for layer, (before, after) in zip(architecture.layers, pairwise(architecture.shapes)):
        own = layer.max_delay if layer.delays == "synaptic" else 0
        layers.append(_largest(layer, before, after, delays + own))
        delays = layer.max_delay if layer.delays == "axonal" else 0
    network = QuantizedNetwork.chain(tuple(layers), input_shape=architecture.input_shape)
    return design_rules.check(network, place(network, chip("loihi2")))


def _largest(layer: LayerSpec, before: Shape, after: Shape, delay: int) -> Layer:
    """Return a layer with the largest weights and longest delays that training can reach."""
    neuron = CubaLif(np.zeros(1, np.int32), np.zeros(1, np.int32), 0)
    half = 1 << (layer.weight_bits - 1)

    def weights(*shape: int) -> Any:
        weight = np.full(shape, -loihi.WEIGHT_MIN // half * (half - 1), np.int16)
        weight.flat[0] = loihi.WEIGHT_MIN
        return weight

    if layer.kind == "conv":
        kernel = weights(after[0], before[0] // layer.groups, *layer.kernel_size)
        return ConvLayer(
            kernel, before, neuron, layer.stride, layer.padding, layer.dilation, layer.groups
        )
    senders = int(np.prod(before))
    arriving, delays = weights(after[0], senders), np.full((1, senders), delay)
    if layer.kind == "recurrent":
        return RecurrentLayer(arriving, weights(after[0], after[0]), neuron, delays)
    return DenseLayer(arriving, neuron, delays)
