"""Train a network from Python, in memory or into a folder: `neurodeploy.fit(task, config)`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from neurodeploy.learning import checkpoint, distributed, loop, tensorboard, training
from neurodeploy.learning.budget import BAND
from neurodeploy.learning.capacity import capacity_problems
from neurodeploy.learning.checkpoint import Checkpoint
from neurodeploy.learning.config import TrainConfig, network_notes, read_network
from neurodeploy.learning.distributed import Team
from neurodeploy.learning.run_folder import (
    Keeper,
    RunFolder,
    RunLock,
    best_checkpoint,
    options_of,
)
from neurodeploy.learning.training import Epoch, Training
from neurodeploy.models import files
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.samples import Advance
from neurodeploy.tasks.task import TaskData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Notify: TypeAlias = Callable[[str], None]
"""Is called with "warning: ..." or "note: ..." sentences."""

ZEROS_ARE_STORED = (
    "pruned weights are zeros, which Intel's compiler keeps in dense layers: memory, SynOps and "
    "energy of a report count them, only its effective operations do not; a budget leaves out "
    "whole neurons instead"
)


_ONE_AT_A_TIME = threading.RLock()
"""torch's random state is one for all threads, so that trainings in threads wait for each other."""


def log(message: str) -> None:
    """Send a sentence to the logger "neurodeploy", as a warning if it is one."""
    logger = logging.getLogger("neurodeploy")
    (logger.warning if message.startswith("warning") else logger.info)(message)


@dataclass(frozen=True, eq=False, repr=False)
class TrainedRun(Shown):
    """A finished training: `neurodeploy.fit(task, config)`.

    Attributes:
        config: how it was trained.
        data: on what.
        history: what each epoch came to.
        best_epoch: number of the best epoch by validation, from 1.
        checkpoint: that epoch's network, as `model.pt` holds it.
        model: the same as a torch module, in evaluation mode.
        folder: where its files are, or None.
        notes: what to know about it, a sentence each.
        failures: checks that failed, such as a budget that was not met, a sentence each.

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

    @property
    def best(self) -> Epoch:
        """The best epoch by validation accuracy."""
        return self.history[self.best_epoch - 1]

    def save(self, path: str | Path) -> None:
        """Write the best epoch's network to a checkpoint, `model.pt`; replaced whole."""
        checkpoint.save(self.checkpoint, Path(path))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return the curves of the training as a figure, and write them to a .png if given.

        Raises:
            InputError: when the name ends otherwise, or the file cannot be written.
        """
        from neurodeploy.pages import history

        if path is not None and Path(path).suffix.lower() != ".png":
            raise InputError(f"{path} is no name for a picture; end it in .png")
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
    out: str | Path | None = None,
    resume: bool = False,
    tensorboard_folder: str | Path | None = None,
    on_start: Callable[[Training], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    notify: Notify = log,
    advance: Advance | None = None,
) -> TrainedRun:
    """Train a network for a task and return its best epoch by validation.

    The same seed gives the same weights on the same device, number of threads and version of
    torch. torch's own random state and number of threads are left as they were.

    Args:
        data: what `neurodeploy.task` returned.
        config: how; the task's own when not given.
        out: folder for `model.pt`, its history and what `resume` needs, written after every epoch;
            an earlier run there is set aside. None to keep everything in memory.
        resume: go on with the run in `out` that was interrupted, or for more epochs.
        tensorboard_folder: for TensorBoard's event files, in `out` mode only; None for none.
        on_start: called before the first epoch.
        on_epoch: called after every epoch.
        notify: called with each warning and note; by default the logger "neurodeploy".
        advance: called with the windows seen and the windows in all.

    Raises:
        InputError: when something does not fit, or the loss is no longer finite.
        KeyboardInterrupt: on Ctrl-C, with a sentence on what was kept.

    Examples:
        >>> task = neurodeploy.task("digits")
        >>> config = neurodeploy.TrainConfig(hidden=(16,), epochs=1)
        >>> run = neurodeploy.fit(task, config)
        >>> len(run.history), run.best_epoch, run.model.architecture.sizes
        (1, 1, (64, 16, 10))
    """
    check_data(data)
    config = data.config if config is None else config
    check(config, out=out, resume=resume, tensorboard_folder=tensorboard_folder)
    folder = None if out is None else RunFolder(Path(out))
    events = None if tensorboard_folder is None else Path(tensorboard_folder)
    with ExitStack() as held:
        held.enter_context(_ONE_AT_A_TIME)
        held.enter_context(_torch_left_alone(config))
        team = held.enter_context(distributed.joined())
        lock = None
        if folder is not None and team.leads:
            lock = held.enter_context(_locked(folder, notify))
        started = _start(data, config, team, folder if resume else None, notify)
        if on_start is not None:
            on_start(started)
        keeper = None
        if folder is not None and lock is not None:
            keeper = Keeper(started, folder, lock, events)
        _run(started, keeper, notify, on_epoch, advance)
        return _result(started, folder, notify)


def check_data(data: Any) -> None:
    """Raise InputError for what is no data to train on."""
    if not isinstance(data, TaskData):
        raise InputError(
            f"the data are a {type(data).__name__}; give what neurodeploy.task or "
            "neurodeploy.task_from_arrays returned"
        )


def check(
    config: TrainConfig,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    tensorboard_folder: str | Path | None = None,
) -> None:
    """Raise InputError for what `fit` would refuse whatever the data are, before they are read."""
    if not isinstance(config, TrainConfig):
        raise InputError(f"the configuration is a {type(config).__name__}; give a TrainConfig")
    if out is None and (resume or tensorboard_folder is not None):
        what = "resume goes on with" if resume else "TensorBoard's event files belong to"
        raise InputError(f"{what} a run in a folder; give `out` as well")
    if tensorboard_folder is not None and out is not None:
        tensorboard.check_installed()
        events = Path(tensorboard_folder)
        if resume or events != RunFolder(Path(out)).events:
            tensorboard.check_writable(events)  # else it is set aside with the earlier run
    if out is not None and files.kind(Path(out)) not in ("", "folder"):
        raise InputError(f"{out} cannot be written (it is no folder); choose another output folder")
    if resume and out is not None:
        RunFolder(Path(out)).check_holds_run()
    if not config.is_preset:
        read_network(config.network)
    training.find_device(distributed.device_of(config.device))


@contextmanager
def _torch_left_alone(config: TrainConfig) -> Iterator[None]:
    """Use the configured threads in this block, and leave torch as it was after it."""
    before = torch.get_num_threads()
    threads = config.threads or distributed.threads_each()
    cuda: list[int] | None = [] if config.device == "cpu" else None
    with torch.random.fork_rng(devices=cuda):
        try:
            if threads is not None:
                torch.set_num_threads(threads)
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def _locked(folder: RunFolder, notify: Notify) -> Iterator[RunLock]:
    """Keep the folder to this training, and free of what a killed one left unfinished."""
    folder.check_writable()
    try:
        with RunLock(folder.path) as lock:
            if lock.problem:
                notify(
                    f"warning: {folder.path} cannot be locked ({lock.problem}); start no other "
                    "training that writes there"
                )
            else:
                folder.remove_leftovers()
            yield lock
    finally:
        folder.remove_if_empty()


def _start(
    data: TaskData, config: TrainConfig, team: Team, resumed: RunFolder | None, notify: Notify
) -> Training:
    """Return the training at its start, or where it was interrupted."""
    started = training.start(data, config, team, distributed.device_of(config.device))
    team.check_same(options_of(started))
    if started.thrift is not None:
        started.thrift.check_reachable(data.validation)
    if resumed is not None:
        planned = resumed.resume(started)
        if planned != config.epochs:
            notify(
                f"note: the run was planned for {planned} epochs; its learning rates now follow a "
                f"plan of {config.epochs}"
            )
    architecture = started.network.architecture
    for problem in capacity_problems(architecture):
        notify(f"warning: {problem}")
    for sentence in network_notes(architecture):
        notify(f"note: {sentence}")
    return started


def _run(
    started: Training,
    keeper: Keeper | None,
    notify: Notify,
    on_epoch: Callable[[Epoch], None] | None,
    advance: Advance | None,
) -> None:
    """Train and keep every epoch; whatever ends it, the picture is of what was kept."""
    try:
        for epoch in loop.run(started, advance):
            for sentence in keeper.keep() if keeper is not None else ():
                notify(sentence)
            if on_epoch is not None:
                on_epoch(epoch)
            for sentence in loop.layer_warnings(epoch.rates, epoch.epoch):
                notify(f"warning: {sentence}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(started, keeper)) from None
    except InputError:
        if kept := _finish_early(keeper):
            notify(f"note: {kept}")
        raise
    if keeper is not None:
        try:
            keeper.finish()
        except InputError as error:  # a picture is not worth a run
            notify(f"warning: {error}; the run itself is whole in {keeper.folder.path}")


def _interrupted(started: Training, keeper: Keeper | None) -> str:
    """Return a sentence on what an interruption leaves."""
    if kept := _finish_early(keeper):
        return f"{kept}; go on with --resume"
    done = len(started.history)
    if keeper is None and done:
        return f"{done} finished epochs are lost, since no folder `out` was given to keep them"
    return "no epoch was finished, so nothing was written"


def _finish_early(keeper: Keeper | None) -> str:
    """Draw what was kept, where that can be done, and return a sentence on it, "" for nothing."""
    if keeper is None or not keeper.kept:
        return ""
    with suppress(InputError):  # what ended the training may well keep the picture from the disk
        keeper.finish()
    return f"{keeper.folder.path} holds the run up to epoch {keeper.kept}"


def _result(started: Training, folder: RunFolder | None, notify: Notify) -> TrainedRun:
    best = started.history[started.best_epoch - 1]
    share = started.data.majority_share()
    if best.validation_accuracy <= share:
        notify(
            f"warning: the network learned nothing: always giving the most frequent class is "
            f"correct in {share:.1%}; train longer or with a lower learning rate"
        )
    kept = best_checkpoint(started)
    notes, failures = _outcome(started, kept)
    return TrainedRun(
        config=started.config,
        data=started.data,
        history=tuple(started.history),
        best_epoch=started.best_epoch,
        checkpoint=kept,
        model=kept.network(),
        folder=None if folder is None else folder.path,
        notes=tuple(notes),
        failures=tuple(failures),
    )


def _outcome(started: Training, kept: Checkpoint) -> tuple[list[str], list[str]]:
    """Return what became of a budget and of pruning: notes, and checks that failed."""
    notes = [ZEROS_ARE_STORED] if started.config.prune else []
    if started.thrift is None:
        return notes, []
    spent = started.history[started.best_epoch - 1].spent or 0.0
    said = _budget_words(started.thrift, spent, _widths(started, kept))
    met = started.thrift.law.budget.met(spent)
    return ([*notes, said], []) if met else (notes, [said])


def _budget_words(thrift: Any, spent: float, widths: str) -> str:
    budget = thrift.law.budget
    if not budget.met(spent):
        return (
            f"no epoch met the budget of {budget.words()} per sample; the one that is kept comes "
            f"nearest with {budget.words(spent)}: train longer, start from smaller layers, or give "
            "more"
        )
    takes = f"it takes {budget.words(spent)} per sample on the validation windows"
    if not thrift.law.pressed:
        return f"{takes}, less than the budget of {budget.words()}, which changed nothing"
    said = f"{takes}, {spent / budget.amount:.1%} of the budget, with {widths}"
    if spent < (1 - BAND) * budget.amount:
        said += (
            f"; that is over {BAND:.0%} below it, as where few neurons are left and the last to go "
            "took much: train longer, or from larger layers, to make more use of it"
        )
    return said


def _widths(started: Training, kept: Checkpoint) -> str:
    """Return how many hidden neurons the best epoch has of those it began with, in words."""
    before, after = started.network.architecture.sizes[1:-1], kept.architecture.sizes[1:-1]
    pairs = [f"{now:,} of {all_:,}" for now, all_ in zip(after, before)]
    return f"{', '.join(pairs) or 'no'} hidden neurons"
