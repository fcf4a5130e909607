"""Training on sequences of recordings: labels per step, the loss, resuming, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import vary_wearing
from neurodeploy.data.dataset import UNLABELLED, Dataset, Recording
from neurodeploy.data.digits import DIGITS
from neurodeploy.data.encoders import Delta, SigmaDelta, Spikes
from neurodeploy.data.har import HAR
from neurodeploy.data.split import split
from neurodeploy.data.task_data import TaskData, load_task
from neurodeploy.hw_sim.readout import leaky_counts, memory_steps
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.train import sequences, training
from neurodeploy.train.fit import fit
from neurodeploy.train.sequences import leaky_sums, scored

pytestmark = pytest.mark.usefixtures("one_torch_thread")

Run = Callable[..., tuple[int, str, str]]
STEPS = 90


def recording(subject: int, rng: np.random.Generator) -> Recording:
    """Return three channels: class 0 moves x, class 1 moves y; between them nothing is labelled."""
    labels = np.repeat([0, UNLABELLED, 1, UNLABELLED, 0, 1], STEPS // 2)
    signal = rng.normal(0, 0.1, (3, len(labels))).astype(np.float32)
    signal[0] += labels == 0
    signal[1] += labels == 1
    return Recording(signal, labels, subject)


@pytest.fixture
def data() -> TaskData:
    """Return the windows and recordings of six people, of whom one tests and one validates."""
    rng = np.random.default_rng(0)
    recordings = [recording(subject, rng) for subject in range(1, 7)]
    windows = [(r.signal[:, a : a + 40], r.subject, c) for r in recordings for a, c in WINDOWS]
    dataset = Dataset(
        signals=np.stack([signal for signal, _, _ in windows]),
        labels=np.array([label for _, _, label in windows]),
        subjects=np.array([subject for _, subject, _ in windows]),
        class_names=("x", "y"),
        channel_names=("acc-x (g)", "acc-y (g)", "acc-z (g)"),
        rate_hz=50.0,
        source="made up",
        test_subjects=(6,),
        recordings=tuple(recordings),
    )
    return TaskData(HAR, dataset, split(dataset), SigmaDelta(0.8))


WINDOWS = ((0, 0), (STEPS, 1), (2 * STEPS, 0), (2 * STEPS + STEPS // 2, 1))

CONFIG = TrainConfig(
    hidden=(12,), epochs=6, batch_size=4, learning_rate=1e-2, threads=1, continuous=True,
    sequence_steps=60, settling_steps=10, memory_steps=12, augment=vary_wearing,
)  # fmt: skip


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# Recordings


def test_hapt_recordings_have_a_label_per_step_and_transitions_have_none(
    hapt_folder: Path,
) -> None:
    first = HAR.load(hapt_folder).recordings[0]
    assert first.subject == 1
    assert first.signal.shape == (6, 10 + 7 * 200)
    expected = [UNLABELLED] * 10 + [k for k in range(6) for _ in range(200)] + [UNLABELLED] * 200
    assert first.labels.tolist() == expected
    assert first.signal[4, 12] == pytest.approx(12.4)


def test_recordings_are_encoded_whole_and_belong_to_the_people_of_a_part(data: TaskData) -> None:
    parts = {part: data.recordings(part) for part in ("train", "validation", "test")}
    people = {part: {each.subject for each in found} for part, found in parts.items()}
    assert people["test"] == {6}
    assert sorted(s for each in people.values() for s in each if s) == [1, 2, 3, 4, 5, 6]
    longer = replace(
        data.dataset, recordings=(*data.dataset.recordings, recording(1, np.random.default_rng(3)))
    )
    cut = replace(
        longer.recordings[0],
        signal=longer.recordings[0].signal[:, :77],
        labels=longer.recordings[0].labels[:77],
    )
    mixed = replace(data, dataset=replace(longer, recordings=(cut, *longer.recordings[1:])))
    for each in mixed.recordings("train"):
        alone = data.encoder.encode(each.recording.signal[None])[0]
        assert np.array_equal(each.spikes, alone)
        assert each.num_steps == each.recording.num_steps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, r"\(3, 4\) and labels of shape \(2,\)"),
        ({"signal": np.full((3, 4), np.nan)}, "nan"),
        ({"labels": [0, 0.5, 1, 1]}, "0.5"),
    ],
)
def test_a_recording_that_does_not_fit_itself_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Recording(**{"signal": np.zeros((3, 4)), "labels": np.zeros(4, int), **change})


def test_recordings_that_do_not_fit_the_samples_are_refused(data: TaskData) -> None:
    for signal, labels, message in (
        (np.zeros((2, 4)), [0] * 4, "has 2 channels"),
        (np.zeros((3, 4)), [0, 1, 2, 0], "label 2"),
        (np.zeros((3, 4)), [0, -2, 1, 0], "label -2"),
    ):
        with pytest.raises(InputError, match=message):
            replace(data.dataset, recordings=(Recording(signal, np.array(labels), 1),))


# Sequences


def test_sequences_are_cut_with_their_labels_and_settle_without(data: TaskData) -> None:
    plain = CONFIG.replace(augment=None)
    parts = list(sequences.epoch_sequences(data, plain, 1))
    assert sum(map(len, parts)) == sequences.num_sequences(data, plain) == 4 * 5
    drawn = np.concatenate([part.targets for part in parts])
    assert (drawn[:, :10] == UNLABELLED).all()
    signals = {r.signal[:, a : a + 60].tobytes(): r.labels[a : a + 60]
               for r in data.dataset.recordings for a in range(r.num_steps - 59)}  # fmt: skip
    spied = replace(data, encoder=_Through())
    for part in sequences.epoch_sequences(spied, plain, 1):
        for signal, targets in zip(part.spikes, part.targets):
            assert targets[10:].tolist() == signals[signal.tobytes()][10:].tolist()


class _Through(Delta):
    """Encodes signals as themselves."""

    def encode(self, signals: Any) -> Any:
        return np.ascontiguousarray(signals)


def test_each_epoch_draws_its_own_sequences_and_validation_always_the_same(data: TaskData) -> None:
    first, again, second = (
        next(sequences.epoch_sequences(data, CONFIG, epoch)) for epoch in (1, 1, 2)
    )
    assert np.array_equal(first.spikes, again.spikes)
    assert not np.array_equal(first.targets, second.targets)
    validated = sequences.validation_sequences(data, CONFIG)
    (recorded,) = data.recordings("validation")
    counted = validated.targets[:, 10:].ravel()
    assert np.array_equal(counted, recorded.labels[10 : 10 + len(counted)])


def test_labels_move_with_signals_whose_time_is_warped() -> None:
    """A channel that is the label stays the label, but for the step at each change."""
    labels = np.repeat([[0, 1, 0, 1, 2]], 60, axis=1).repeat(40, axis=0)
    signals = np.zeros((40, 3, 300), np.float32)
    signals[:, 0] = labels
    varied, moved = vary_wearing.with_labels(signals, labels, np.random.default_rng(2))
    assert {len(np.flatnonzero(np.diff(row))) for row in moved} == {4}
    assert np.std((moved == 2).sum(1)) > 2
    for sample, row in zip(varied, moved):
        places = np.stack([np.median(sample[:, row == k], axis=1) for k in range(3)], axis=1)
        off = np.abs(sample - places[:, row]).max(axis=0) > 1e-3
        assert off.sum() <= 8  # at most two steps at each of four changes
    assert np.array_equal(vary_wearing(signals, np.random.default_rng(2)), varied)


# The loss


def test_leaky_sums_are_the_leaky_counts_of_a_deployed_network() -> None:
    spikes = np.random.default_rng(0).integers(0, 2, (2, 3, 400))
    for memory in (1, 2.5, 64):
        found = leaky_sums(torch.from_numpy(spikes).float(), memory).numpy()
        assert np.allclose(found, leaky_counts(spikes, memory), rtol=1e-5, atol=1e-5)


def test_every_labelled_step_after_the_settling_time_has_a_loss_by_hand() -> None:
    config = CONFIG.replace(sequence_steps=4, settling_steps=1, memory_steps=2)
    output = torch.tensor([[[1.0, 0, 1, 1], [0.0, 1, 0, 0]]], requires_grad=True)
    counts, labels = scored(output, torch.tensor([[UNLABELLED, 1, UNLABELLED, 0]]), config)
    assert counts.tolist() == [[0.5, 1.0], [1.625, 0.25]]
    assert labels.tolist() == [1, 0]
    counts[0, 1].backward()  # type: ignore[no-untyped-call]
    assert output.grad is not None
    assert output.grad[0, 1].tolist() == [0.5, 1, 0, 0]


def test_the_loss_of_an_epoch_is_the_mean_over_its_labelled_steps(data: TaskData) -> None:
    """With a learning rate of (almost) 0 the network stays as it is, so both are comparable."""
    config = CONFIG.replace(learning_rate=1e-12, delay_rate=0.0, decay_rate=0.0, epochs=1)
    started = training.start(data, config)
    losses, right, total = 0.0, 0, 0
    for part in sequences.epoch_sequences(data, config, 1):
        with torch.no_grad():
            output = started.network(torch.from_numpy(part.spikes).float())
        counts, labels = scored(output, torch.from_numpy(part.targets), config)
        logits = config.logit_scale * counts
        losses += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        right, total = right + int((counts.argmax(1) == labels).sum()), total + len(labels)
    (epoch,) = training.run(started)
    assert epoch.loss == pytest.approx(losses / total, rel=1e-5)
    assert epoch.train_accuracy == right / total


# Training


def test_a_network_learns_to_follow_the_changes_and_stores_its_memory(data: TaskData) -> None:
    run = fit(data, CONFIG.replace(epochs=10))
    assert run.best.validation_accuracy > 0.85
    network = quantize(run.model)
    assert memory_steps(network) == 12
    tuned = fit(data, CONFIG.for_fine_tuning().replace(epochs=1), start=network)
    assert tuned.start_accuracy == run.best.validation_accuracy


def test_an_interrupted_run_comes_to_the_same_weights(data: TaskData, tmp_path: Path) -> None:
    def interrupt(epoch: training.Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    config = CONFIG.replace(epochs=4)
    whole = fit(data, config)
    with pytest.raises(KeyboardInterrupt):
        fit(data, config, out=tmp_path / "run", on_epoch=interrupt)
    resumed = fit(data, config, out=tmp_path / "run", resume=True)
    assert resumed.history == whole.history
    assert same(dict(resumed.checkpoint.weights), dict(whole.checkpoint.weights))
    for other in (config.replace(continuous=False), config.replace(memory_steps=13)):
        with pytest.raises(InputError, match="--continuous"):
            fit(data, other, out=tmp_path / "run", resume=True)


# Refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settling_steps": 60}, "settling_steps is 60 and sequence_steps 60"),
        ({"settling_steps": -1}, "settling_steps is -1"),
        ({"sequence_steps": 0}, "sequence_steps is 0"),
        ({"memory_steps": 0.5}, "memory_steps is 0.5"),
        ({"synop_budget": 1000}, "synop_budget"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CONFIG.replace(**changes)


def test_data_without_recordings_or_with_short_ones_are_refused(data: TaskData) -> None:
    windows = replace(data, dataset=replace(data.dataset, recordings=()))
    late = replace(data, encoder=Spikes(extra_steps=3))
    for refused, config, message in (
        (windows, CONFIG, "made up holds no whole recordings"),
        (data, CONFIG.replace(sequence_steps=300), "sequence_steps is 300, but the longest train"),
        (late, CONFIG, "the encoder spikes makes 273 steps of a recording of 270"),
        (data, CONFIG.replace(batch_size=32), "batch is 32 but there are 20"),
    ):
        with pytest.raises(InputError, match=message):
            fit(refused, config)
    with pytest.raises(InputError, match="no whole recordings"):
        windows.recordings("test")


def test_the_command_refuses_a_task_without_recordings(command: Run, tmp_path: Path) -> None:
    code, _, said = command("train", "--task", DIGITS.name, "--continuous", "--out", tmp_path)
    assert code == 2
    assert "the task digits has no recordings" in said


def test_the_command_trains_on_recordings(command: Run, hapt_folder: Path) -> None:
    words = ("--task", "har", "--data", str(hapt_folder), "--continuous", "--epochs", "1")
    code, out, said = command("train", *words, "--batch", "2", "--hidden", "8")
    assert code == 0
    assert "recordings of HAPT" in said
    assert "of the labelled steps of the validation recordings correct" in out
    assert load_task("har", hapt_folder).task.continuous is not None
