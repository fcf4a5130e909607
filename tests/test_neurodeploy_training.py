"""Training on tiny data: what it draws, what it sees, what it keeps and what it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurodeploy.data.encoders import SigmaDelta
from neurodeploy.data.samples import Samples
from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.train import training
from neurodeploy.train.checkpoint import Checkpoint, load, save
from neurodeploy.train.training import Validated, evaluate, layer_warnings, rate_share

Make = Callable[..., training.Training]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether two sets of weights are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@dataclass(frozen=True)
class Spy(SigmaDelta):
    """An encoder that notes which samples it gets, by their first value."""

    name: ClassVar[str] = "spy"
    seen: list[list[int]] = field(default_factory=list, compare=False)

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.seen.append(np.round(1000 * signals[:, 0, 0]).astype(int).tolist())
        return super()._spikes(signals)


# What is drawn


def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_others(
    tiny_training: Make,
) -> None:
    one, same_seed, other = tiny_training(seed=3), tiny_training(seed=3), tiny_training(seed=1)
    assert not same(one.network.state_dict(), other.network.state_dict())
    torch.manual_seed(99)  # draws elsewhere do not matter
    assert list(training.run(one)) == list(training.run(same_seed))
    assert same(one.network.state_dict(), same_seed.network.state_dict())
    assert same(one.best, same_seed.best)


def test_each_epoch_has_an_order_and_an_augmentation_of_its_own(tiny_training: Make) -> None:
    def vary(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        return signals * rng.normal(1, 0.5, (len(signals), 1, 1)).astype(np.float32)

    started = tiny_training(augment=vary)
    first, again, second = (
        next(training.epoch_parts(started.data, started.config, epoch)) for epoch in (1, 1, 2)
    )
    assert np.array_equal(first.spikes, again.spikes)
    assert not np.array_equal(first.spikes, second.spikes)
    assert not np.array_equal(first.labels, second.labels)


def test_an_epoch_in_parts_of_whole_batches_is_the_epoch_in_one(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tiny_training(batch_size=4), tiny_training(batch_size=4)
    (all_samples,) = training.epoch_parts(whole.data, whole.config, 1)
    list(training.run(whole))
    monkeypatch.setattr(training, "PART_SAMPLES", 9)
    found = list(training.epoch_parts(parts.data, parts.config, 1))
    assert [len(part) for part in found] == [8, 8, 8]
    assert np.array_equal(np.concatenate([p.spikes for p in found]), all_samples.spikes)
    list(training.run(parts))
    assert same(whole.network.state_dict(), parts.network.state_dict())


def test_augmented_samples_keep_their_labels(tiny_training: Make) -> None:
    plain, varied = tiny_training(), tiny_training(augment=lambda signals, rng: signals)
    one, other = (next(training.epoch_parts(t.data, t.config, 2)) for t in (plain, varied))
    assert np.array_equal(one.spikes, other.spikes)
    assert np.array_equal(one.labels, other.labels)


# What is seen


def test_training_sees_training_samples_validation_its_own_and_nothing_the_test(
    tiny_training: Make,
) -> None:
    spy = Spy(0.8)
    started = tiny_training(encoder=spy, epochs=2)
    list(training.run(started))
    data = started.data
    validation, *epochs = spy.seen
    assert validation == data.split.validation.tolist()
    assert [sorted(epoch) for epoch in epochs] == [data.split.train.tolist()] * 2
    people = [set(data.dataset.subjects[p]) for p in (data.split.train, data.split.validation)]
    assert not people[0] & people[1]
    assert not (people[0] | people[1]) & {5, 6}


def test_a_network_learns_what_can_be_learned(tiny_training: Make) -> None:
    history = list(training.run(tiny_training(hidden=(24,), epochs=12, learning_rate=1e-2)))
    assert history[-1].loss < history[0].loss
    assert max(epoch.validation_accuracy for epoch in history) >= 0.9


@pytest.mark.parametrize(("batch", "calls"), [(8, range(8, 49, 8)), (10, range(10, 41, 10))])
def test_progress_counts_the_samples_of_whole_batches(
    tiny_training: Make, batch: int, calls: range
) -> None:
    found: list[tuple[int, int]] = []
    list(training.run(tiny_training(epochs=2, batch_size=batch), lambda *c: found.append(c)))
    assert found == [(done, calls[-1]) for done in calls]


# What is kept


def test_the_first_of_the_best_epochs_is_kept(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.25, 0.75, 0.75, 0.5])
    monkeypatch.setattr(
        training, "evaluate", lambda *_: Validated(next(accuracies), (0.1, 0.1), (1.0, 1.0))
    )
    started = tiny_training()
    after = [
        {name: values.clone() for name, values in started.network.state_dict().items()}
        for _ in training.run(started)
    ]
    assert (started.best_epoch, started.best_accuracy) == (2, 0.75)
    assert same(started.best, after[1])
    assert not same(started.best, after[3])


def test_delays_stay_in_their_range_and_move(tiny_training: Make) -> None:
    started = tiny_training(delay_rate=50.0)
    before = started.network.delay_parameters()[0].detach().clone()
    list(training.run(started))
    delays = started.network.delay_parameters()[0].detach()
    assert not torch.equal(before, delays)
    assert 0 <= float(delays.min()) <= float(delays.max()) <= 62


def test_the_learning_rate_rises_for_a_fifth_and_falls_to_nothing() -> None:
    shares = [rate_share(position) for position in np.linspace(0, 1, 101)]
    assert shares[0] == pytest.approx(0.04)
    assert shares.index(max(shares)) == 20
    assert max(shares) == pytest.approx(1)
    assert shares[-1] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(shares[:21]) > 0)
    assert np.all(np.diff(shares[20:]) < 0)


KINDS = {
    "synaptic": (
        LayerSpec("dense", 8, delays="synaptic", max_delay=20, density=0.5, dropout=0.2),
        LayerSpec("dense", 2, bias=True, weight_bits=6),
    ),
    "recurrent": (
        LayerSpec("recurrent", 8, bias=True, learn_decays="neuron", delays="axonal"),
        LayerSpec("dense", 2, dropout=0.1),
    ),
    "images": (
        LayerSpec("conv", channels=4, kernel_size=(3, 1), bias=True, learn_decays="shared"),
        LayerSpec("dense", 2, delays="synaptic", weight_bits=4),
    ),
}


@pytest.fixture(params=KINDS)
def start(request: Any, tiny_training: Make, one_torch_thread: None) -> Make:
    """Return a function that starts the same training of many things anew."""
    plain = tiny_training(batch_size=12)
    channels = plain.network.architecture.sizes[0]
    shape = (1, channels, 1) if request.param == "images" else (channels,)
    low = tuple(replace(layer, threshold=0.4) for layer in KINDS[request.param])
    config = plain.config.with_network(Architecture(shape, low, 12.0))
    return lambda: training.start(plain.data, config)


def test_everything_that_learns_has_a_rate_and_moves(start: Make) -> None:
    started = start()
    before = {n: p.detach().clone() for n, p in started.network.named_parameters()}
    names = {id(p): n for n, p in started.network.named_parameters()}
    rates = {
        names[id(p)]: group["highest"]
        for group in started.optimizer.param_groups
        for p in group["params"]
    }
    list(training.run(started))
    for name, values in started.network.named_parameters():
        assert (name in rates) == values.requires_grad
        assert torch.equal(values, before[name]) != values.requires_grad, name
        if "decay" in name and values.requires_grad:
            assert rates[name] == started.config.decay_rate


def test_an_interrupted_training_comes_to_the_same_weights(start: Make) -> None:
    whole, first, second = start(), start(), start()
    epochs = list(training.run(whole))
    list(itertools.islice(training.run(first), 3))  # delays are whole from the fourth on
    second.restore(first.state())
    torch.manual_seed(99)
    list(training.run(second))
    assert [e.loss for e in second.history] == [e.loss for e in epochs]
    assert same(second.network.state_dict(), whole.network.state_dict())


def test_a_checkpoint_spikes_as_the_network_in_training_did(start: Make, tmp_path: Any) -> None:
    started = start()
    list(training.run(started))
    architecture = started.network.architecture
    save(Checkpoint(architecture, started.best, TaskDescription(), {}), tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.architecture == architecture
    network = loaded.network()
    started.network.load_state_dict(started.best)
    spikes = torch.rand(5, architecture.sizes[0], 30).round()
    expected = started.network.eval().layer_spikes(spikes)
    assert all(torch.equal(a, b) for a, b in zip(network.layer_spikes(spikes), expected))


# Validation


@pytest.mark.parametrize("delays", ["axonal", "none", "synaptic"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.usefixtures("one_torch_thread")
def test_validation_counts_as_a_report_does_on_the_quantized_network(
    draw_spikes: Any, monkeypatch: pytest.MonkeyPatch, delays: Any, bias: bool
) -> None:
    torch.manual_seed(5)
    sizes = (6, 9, 7, 3)
    trained = SlayerNetwork(Architecture.dense(sizes, threshold=0.5, delays=delays, bias=bias))
    samples = Samples.of(draw_spikes(11, 6, 40), np.arange(11) % 3)
    monkeypatch.setattr(training, "BATCH", 4)  # so that the last is smaller
    found = evaluate(trained, samples)
    network = quantize(trained)
    activity = BACKENDS["fast"].run(network, samples.spikes, RunOptions())
    expected = [layer.synops.mean() for layer in count(network, activity)]
    assert found.synops == pytest.approx(expected)
    assert found.rates == pytest.approx([spikes.mean() for spikes in activity.spikes])
    predictions = activity.spikes[-1].sum(2).argmax(1)
    assert found.accuracy == pytest.approx((predictions == samples.labels).mean())
    assert min(found.synops) > 0


def test_silent_and_saturated_layers_are_named_with_a_way_out() -> None:
    silent, saturated = layer_warnings((1e-5, 0.1, 0.8), 3)
    assert silent.startswith("layer 0 is silent after epoch 3 (0.0000 spikes per neuron and step")
    assert silent.endswith("with a lower threshold")
    assert saturated.startswith("layer 2 is saturated after epoch 3 (0.8000 ")
    assert saturated.endswith("with a higher threshold")


# Refusals


def test_a_batch_larger_than_the_data_is_refused(tiny_training: Make) -> None:
    with pytest.raises(InputError, match="the batch is 25 but there are 24 training samples"):
        tiny_training(batch_size=25)
    assert len(list(training.run(tiny_training(batch_size=24, epochs=1)))) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_training_before_its_step(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    started = tiny_training()
    epochs = training.run(started)
    next(epochs)
    before = {name: values.clone() for name, values in started.network.state_dict().items()}
    monkeypatch.setattr(
        torch.nn.functional, "cross_entropy", lambda logits, *_, **__: logits.sum() * 0 + value
    )
    with pytest.raises(InputError, match=f"the loss became {value} in epoch 2"):
        next(epochs)
    assert same(before, started.network.state_dict())


@pytest.mark.parametrize("device", ["gpu", "cuda:97", "meta", "cpu:x", "hpu", "vulkan"])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(
    tiny_training: Make, device: str
) -> None:
    with pytest.raises(InputError, match=rf"^the device '{device}' cannot be used \(.*cpu$"):
        tiny_training(device=device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_trains_or_names_the_compilers_that_are_missing(tiny_training: Make) -> None:
    if missing := training.missing_compilers():
        with pytest.raises(InputError) as caught:
            tiny_training(device="cuda")
        assert all(name in str(caught.value) for name in missing)
        return
    history = list(training.run(tiny_training(hidden=(24,), device="cuda", learning_rate=1e-2)))
    assert history[-1].loss < history[0].loss


def test_each_missing_compiler_is_named_where_it_can_be_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("torch.utils.cpp_extension.CUDA_HOME", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "no-compiler")
    missing = " ".join(training.missing_compilers())
    assert "nvcc" in missing
    assert "no-compiler" in missing
