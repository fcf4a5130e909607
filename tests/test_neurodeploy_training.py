"""Training on tiny data: what it draws, what it looks at, what it keeps and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurodeploy.learning import loop, training
from neurodeploy.learning.loop import Validated, layer_warnings, rate_share
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders import SigmaDelta

Make = Callable[..., training.Training]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether two sets of weights are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@dataclass(frozen=True)
class Spy(SigmaDelta):
    """An encoder that writes down which windows it is given, by their first sample."""

    name: ClassVar[str] = "spy"
    seen: list[list[int]] = field(default_factory=list, compare=False)

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.seen.append(np.round(1000 * signals[:, 0, 0]).astype(int).tolist())
        return super()._spikes(signals)


# What is drawn from where


def test_the_same_seed_gives_the_same_weights_bit_for_bit(tiny_training: Make) -> None:
    one, other = tiny_training(seed=3), tiny_training(seed=3)
    torch.manual_seed(99)  # what is drawn elsewhere in between does not matter
    assert list(loop.run(one)) == list(loop.run(other))
    assert same(one.network.state_dict(), other.network.state_dict())
    assert same(one.best, other.best)


def test_another_seed_gives_other_weights(tiny_training: Make) -> None:
    one, other = tiny_training(seed=0), tiny_training(seed=1)
    assert not same(one.network.state_dict(), other.network.state_dict())


def test_each_epoch_has_an_order_and_a_variation_of_its_own(tiny_training: Make) -> None:
    def vary(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        return signals * rng.normal(1, 0.5, (len(signals), 1, 1)).astype(np.float32)

    started = tiny_training(augment=vary)
    first, again, second = (
        next(loop.epoch_parts(started.data, started.config, epoch)) for epoch in (1, 1, 2)
    )
    assert np.array_equal(first.spikes, again.spikes)
    assert not np.array_equal(first.spikes, second.spikes)
    assert not np.array_equal(first.labels, second.labels)


def test_parts_of_an_epoch_are_whole_batches_of_all_windows(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tiny_training(batch_size=3)
    whole = list(loop.epoch_parts(started.data, started.config, 1))
    monkeypatch.setattr(loop, "PART_WINDOWS", 7)
    parts = list(loop.epoch_parts(started.data, started.config, 1))
    assert len(whole) == 1
    assert [len(part.labels) for part in parts[:-1]] == [6] * (len(parts) - 1)
    assert np.array_equal(np.concatenate([part.spikes for part in parts]), whole[0].spikes)
    assert np.array_equal(np.concatenate([part.labels for part in parts]), whole[0].labels)


def test_a_training_in_parts_is_the_training_in_one(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tiny_training(batch_size=4)
    list(loop.run(whole))
    monkeypatch.setattr(loop, "PART_WINDOWS", 9)
    parts = tiny_training(batch_size=4)
    list(loop.run(parts))
    assert same(whole.network.state_dict(), parts.network.state_dict())


def test_varied_windows_keep_their_labels(tiny_training: Make) -> None:
    plain, varied = tiny_training(), tiny_training(augment=lambda signals, rng: signals)
    for epoch in (1, 2):
        one, other = (next(loop.epoch_parts(t.data, t.config, epoch)) for t in (plain, varied))
        assert np.array_equal(one.spikes, other.spikes)
        assert np.array_equal(one.labels, other.labels)


# What is looked at


def test_training_sees_training_windows_validation_its_own_and_nobody_the_test(
    tiny_training: Make,
) -> None:
    spy = Spy(0.8)
    started = tiny_training(encoder=spy, epochs=2)
    list(loop.run(started))
    data = started.data
    validation, *epochs = spy.seen
    assert validation == data.split.validation.tolist()
    assert [sorted(epoch) for epoch in epochs] == [data.split.train.tolist()] * 2
    people = [set(data.dataset.subjects[p]) for p in (data.split.train, data.split.validation)]
    assert not people[0] & people[1]
    assert not (people[0] | people[1]) & {5, 6}


def test_the_test_windows_change_nothing(tiny_training: Make) -> None:
    one, other = tiny_training(), tiny_training()
    signals = other.data.dataset.signals.copy()
    signals[other.data.split.test] = 1e30
    other.data = replace(other.data, windows=replace(other.data.dataset, signals=signals))
    assert list(loop.run(one)) == list(loop.run(other))
    assert same(one.best, other.best)


def test_a_network_learns_what_can_be_learned(tiny_training: Make) -> None:
    history = list(loop.run(tiny_training(hidden=(24,), epochs=12, learning_rate=1e-2)))
    assert history[-1].loss < history[0].loss
    assert max(epoch.validation_accuracy for epoch in history) >= 0.9


def test_progress_counts_the_windows_of_all_epochs(tiny_training: Make) -> None:
    calls: list[tuple[int, int]] = []
    list(loop.run(tiny_training(epochs=2), lambda done, total: calls.append((done, total))))
    assert calls == [(done, 48) for done in range(8, 49, 8)]


# What is kept


def test_the_first_of_the_best_epochs_is_kept(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.25, 0.75, 0.75, 0.5])
    monkeypatch.setattr(
        loop, "evaluate", lambda *_: Validated(next(accuracies), (0.1, 0.1), (1.0, 1.0))
    )
    started = tiny_training()
    after = [
        {name: values.clone() for name, values in started.network.state_dict().items()}
        for _ in loop.run(started)
    ]
    assert (started.best_epoch, started.best_accuracy) == (2, 0.75)
    assert same(started.best, after[1])
    assert not same(started.best, after[3])


def test_delays_stay_in_their_range_and_move(tiny_training: Make) -> None:
    started = tiny_training(delay_rate=50.0)
    before = started.network.delay_parameters()[0].detach().clone()
    list(loop.run(started))
    delays = started.network.delay_parameters()[0].detach()
    assert not torch.equal(before, delays)
    assert 0 <= float(delays.min()) <= float(delays.max()) <= 62


def test_the_learning_rate_rises_for_a_fifth_and_falls_to_nothing() -> None:
    shares = [rate_share(position / 100) for position in range(101)]
    assert shares[0] == pytest.approx(0.04)
    assert np.argmax(shares) == 20
    assert shares[20] == pytest.approx(1)
    assert shares[100] == pytest.approx(0)
    assert shares[20:] == sorted(shares[20:], reverse=True)


# What is warned about


def test_silent_and_saturated_layers_are_named() -> None:
    silent, saturated = layer_warnings((0.0, 0.1, 0.7), 3)
    assert silent == (
        "layer 0 is silent after epoch 3 (0.0000 spikes a neuron and step; useful are 0.0001 to "
        "0.5); give a lower --learning-rate, or a file of --network with a lower threshold"
    )
    assert saturated.startswith("layer 2 is saturated after epoch 3 (0.7000 spikes a neuron and")
    assert saturated.endswith(
        "give a lower --learning-rate, or a file of --network with a higher threshold"
    )


def test_layers_that_fire_usefully_are_not_mentioned() -> None:
    assert layer_warnings((1e-4, 0.1, 0.5), 3) == []


def test_a_network_with_a_threshold_out_of_reach_is_warned_about(tiny_training: Make) -> None:
    (epoch,) = loop.run(tiny_training(threshold=60.0, epochs=1))
    assert epoch.rates == (0.0, 0.0)
    assert len(layer_warnings(epoch.rates, epoch.epoch)) == 2


# What is refused


def test_a_batch_larger_than_the_data_is_refused(tiny_training: Make) -> None:
    message = "the batch is 25 but there are 24 training windows; give a smaller batch"
    with pytest.raises(InputError, match=message):
        tiny_training(batch_size=25)
    assert len(list(loop.run(tiny_training(batch_size=24, epochs=1)))) == 1


def test_windows_left_over_by_the_batch_are_another_epochs(tiny_training: Make) -> None:
    calls: list[tuple[int, int]] = []
    list(loop.run(tiny_training(batch_size=10, epochs=1), lambda *call: calls.append(call)))
    assert calls == [(10, 20), (20, 20)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_training(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    started = tiny_training()
    epochs = loop.run(started)
    next(epochs)
    before = {name: values.clone() for name, values in started.network.state_dict().items()}

    def broken(logits: Any, *_: Any, **__: Any) -> Any:
        return logits.sum() * 0 + value

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", broken)
    with pytest.raises(InputError, match=f"the loss became {value} in epoch 2; start anew with a"):
        next(epochs)
    assert same(before, started.network.state_dict())


@pytest.mark.parametrize("device", ["gpu", "cuda:97", "meta", "cpu:x", "hpu", "vulkan"])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(
    tiny_training: Make, device: str
) -> None:
    with pytest.raises(InputError) as caught:
        tiny_training(device=device)
    message = str(caught.value)
    assert message.startswith(f"the device {device!r} cannot be used (")
    assert message.endswith("); use the device cpu")
    assert "\n" not in message
