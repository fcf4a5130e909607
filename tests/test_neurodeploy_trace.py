"""`report --trace`: rates, silent and saturated neurons, overflows, and the trained network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.commands import report
from neurodeploy.data.samples import Samples
from neurodeploy.evaluation.recording import NO_RATES, Tracer, training_rates
from neurodeploy.export import netx
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork
from neurodeploy.report.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("workplace")


def inputs_of(spikes):
    return Samples.of(spikes)


def extremes(provenance=None):
    """Return a layer of four neurons: one silent, one that fires always, one in half of the steps,
    one whose u wraps; every sender is one neuron that always fires."""
    weight = np.array([[0], [250], [62], [254]])
    decays = np.array([4096, 4096, 4096, 0])
    neuron = CubaLif(decays, np.array([0, 0, 0, 4096]), 64)
    return QuantizedNetwork.chain((DenseLayer(weight, neuron),), provenance=provenance or {})


def test_neurons_at_the_ends_and_overflows_are_counted():
    network = extremes()
    spikes = np.ones((3, 1, 1000), np.uint8)
    (row,) = evaluate(network, spikes, trace=True).trace.layers
    activity = fast.run(network, spikes)
    assert (row.neurons, row.kind, row.silent_neurons) == (4, "dense", 1)
    fired = activity.spikes[0].sum((0, 2))
    assert fired[0] == 0
    assert fired[1] == 3 * 999
    assert 0.3 < fired[2] / 3000 < 0.7
    assert row.saturated_neurons == int((fired > 2700).sum())
    assert row.rate == pytest.approx(fired.sum() / 12_000)
    overflows = activity.overflows[0]
    assert row.num_wraps == overflows.wraps.sum() > 0
    assert row.num_clips == overflows.clips.sum()


def test_a_neuron_that_fires_in_nine_of_ten_steps_is_not_yet_saturated():
    tracer = Tracer(extremes())
    sent = np.zeros((1, 4, 20), np.uint8)
    sent[0, 0, :18] = sent[0, 1, :19] = 1
    activity = replace(fast.run(extremes(), np.ones((1, 1, 20), np.uint8)), spikes=(sent,))
    tracer.add(activity)
    assert tracer.result().layers[0].saturated_neurons == 1


def test_a_backend_that_counts_no_overflows_shows_none():
    tracer = Tracer(extremes())
    activity = fast.run(extremes(), np.ones((1, 1, 20), np.uint8))
    tracer.add(replace(activity, overflows=()))
    row = tracer.result().layers[0]
    assert (row.num_wraps, row.num_clips) == (None, None)


@pytest.mark.parametrize(
    ("kept", "rates"),
    [
        ([0.25], (0.25,)),
        ([0.25, 0.5], ()),
        (["much"], ()),
        ([float("nan")], ()),
        ([-0.1], ()),
        ([True], ()),
        (None, ()),
    ],
)
def test_rates_in_training_come_from_the_file_or_not_at_all(kept, rates):
    provenance = {} if kept is None else {"training_rates": kept}
    assert training_rates(provenance, 1) == rates
    trace = Tracer(extremes(provenance))
    trace.add(fast.run(extremes(), np.ones((1, 1, 9), np.uint8)))
    found = trace.result()
    assert found.layers[0].training_rate == (rates[0] if rates else None)
    assert found.notes == (() if rates else (NO_RATES,))


def test_a_training_keeps_its_rates(tiny_training):
    from neurodeploy.train import training
    from neurodeploy.train.run_folder import best_checkpoint

    started = tiny_training(epochs=2)
    epochs = list(training.run(started))
    best = epochs[started.best_epoch - 1]
    assert best_checkpoint(started).training["training_rates"] == list(best.rates)


def test_the_text_shows_the_trace_and_json_holds_it(capsys):
    netx.write(extremes({"training_rates": [0.125]}), "model.net")
    np.save("input.npy", np.ones((1, 1000), np.uint8))
    words = ["model.net", "--input", "input.npy", "--trace"]
    report.main(words)
    out = capsys.readouterr().out
    (row,) = (line.split() for line in out.splitlines() if "12.50%" in line)
    assert row[7:10:2] == ["4", "1"]
    lines = out[out.index("Trace:") :].splitlines()
    assert max(len(line) for line in lines if line.startswith(("┃", "│", "┏"))) <= 80
    assert "wraps, clips: " in out
    assert "warning: neuron states overflowed " in out
    assert "more than 90% of the steps" in out
    report.main([*words, "--json"])
    (layer,) = json.loads(capsys.readouterr().out)["trace"]["layers"]
    assert (layer["silent_neurons"], layer["training_rate"]) == (1, 0.125)


# The trained network beside the file


@pytest.fixture
def trained(one_torch_thread):
    """Return an integer network whose checkpoint is model.pt, and input for it."""
    import torch

    from neurodeploy.models.network import TaskDescription
    from neurodeploy.models.quantize import quantize
    from neurodeploy.models.snn import Architecture, SlayerNetwork
    from neurodeploy.train.checkpoint import Checkpoint, save

    torch.manual_seed(3)
    architecture = Architecture.dense((6, 8, 2), threshold=0.4)
    module = SlayerNetwork(architecture)
    task = TaskDescription("har")
    save(Checkpoint(architecture, module.state_dict(), task, {"seed": 3}), Path("model.pt"))
    spikes = (np.random.default_rng(5).random((4, 6, 60)) < 0.4).astype(np.uint8)
    return quantize(module, task=task), inputs_of(spikes)


def test_the_trained_network_is_compared_with(trained):
    network, inputs = trained
    found, note = report.compare_with_trained(Path("model.net"), network, inputs)
    assert note == ""
    assert found.equal
    assert found.num_spikes > 50
    assert found.names == ("the trained model.pt", "fast")
    assert found.note == ""


def test_a_network_that_is_another_than_the_trained_one_is_shown_where(trained):
    network, inputs = trained
    first = network.layers[0]
    weight = np.where(np.arange(8)[:, None] == 2, -first.weight, first.weight)
    other = network.with_layers((replace(first, weight=weight), *network.layers[1:]))
    found, _ = report.compare_with_trained(Path("model.net"), other, inputs)
    assert not found.equal
    assert found.place.startswith("layer 0, sample 0, time step ")
    assert found.place.endswith("neuron 2")
    assert found.note == "model.net is not the network that model.pt quantizes to"


def test_without_a_checkpoint_it_is_said_why_there_is_no_comparison(trained):
    found, note = report.compare_with_trained(Path("no.net"), *trained)
    assert found is None
    assert note == "not compared: there is no no.pt, and --compare names no backend"


def test_a_checkpoint_of_other_shapes_is_named(trained, random_network):
    _, inputs = trained
    other = random_network(np.random.default_rng(0), (6, 9, 2))
    found, note = report.compare_with_trained(Path("model.net"), other, inputs)
    assert found is None
    assert all(part in note for part in ("model.pt", "8-2", "9-2", "quantize"))


def test_a_damaged_checkpoint_does_not_stop_the_report(trained):
    Path("model.pt").write_text("nothing")
    found, note = report.compare_with_trained(Path("model.net"), *trained)
    assert found is None
    assert "model.pt" in note
