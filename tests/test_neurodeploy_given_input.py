"""The command `report` on given samples: what is accepted, what it computes, what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neurodeploy.commands import report
from neurodeploy.data.inputs import Layout, for_samples, layout, load_input
from neurodeploy.export import netx
from neurodeploy.hw_sim import memory
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.network import DenseLayer, InputLayer, QuantizedNetwork
from neurodeploy.models.neurons import Delta, Sigma

ALONE, SEVERAL = Layout(1, 9, leading=False), Layout(5, 9, leading=True)


pytestmark = pytest.mark.usefixtures("workplace")


def run(capsys, *words):
    code = report.main([*map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


# The number of axes decides


@pytest.mark.parametrize(
    ("takes", "shape", "expected"),
    [
        ((6,), (6, 9), ALONE),
        ((6,), (5, 6, 9), SEVERAL),
        ((6,), (1, 2, 3, 9), ALONE),
        ((6,), (5, 1, 2, 3, 9), SEVERAL),
        ((6,), (7, 9), None),
        ((6,), (6,), None),
        ((6,), (5, 5, 6, 9), None),
        ((2, 3), (2, 3, 9), ALONE),
        ((2, 3), (6, 9), ALONE),
        ((2, 3), (5, 2, 3, 9), SEVERAL),
        ((2, 3), (5, 6, 9), None),
        ((1, 2, 3), (1, 2, 3, 9), ALONE),
        ((1, 2, 3), (6, 9), ALONE),
        ((1, 2, 3), (5, 1, 2, 3, 9), SEVERAL),
        ((1, 2, 3), (5, 6, 9), SEVERAL),
        ((1, 2, 3), (3, 2, 1, 9), None),
        ((1, 2, 3), (5, 5, 1, 2, 3, 9), None),
        ((6,), (), None),
        ((2, 1, 3), (2, 3, 9), ALONE),
        ((2, 1, 3), (5, 2, 3, 9), SEVERAL),
        ((2, 1, 3), (5, 2, 1, 3, 9), SEVERAL),
        ((2, 1, 3), (3, 2, 9), None),
        ((1, 1, 3), (5, 1, 3, 9), SEVERAL),
        ((1, 1, 3), (1, 1, 3, 9), ALONE),
    ],
)
def test_the_number_of_axes_decides_what_they_are(takes, shape, expected):
    assert layout(shape, takes) == expected


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("leading", [False, True])
def test_flat_samples_and_images_are_the_same_neurons(driven, images, leading):
    values = np.random.default_rng(1).integers(0, 15, (4 if leading else 1, 12, 9))
    shown = values.reshape(-1, 1, 3, 4, 9) if images else values
    np.save("input.npy", shown if leading else shown[0])
    inputs = load_input("input.npy", driven)
    assert for_samples(driven, inputs) is driven
    assert (len(inputs), inputs.num_steps, inputs.leading) == (len(values), 9, leading)
    assert np.array_equal(inputs.part(0, len(values)), values)


def test_samples_are_spread_evenly_and_labels_with_them(dense):
    values = np.zeros((9, 4, 6), np.uint8)
    values[:, 0, 0] = np.arange(9) % 2
    np.save("input.npy", values)
    np.save("labels.npy", np.arange(9) % 3)
    inputs = load_input("input.npy", dense, count=3, labels="labels.npy")
    assert np.array_equal(inputs.labels, [0, 1, 2])
    assert np.array_equal(inputs.part(1, 3), values[[4, 8]])


# Scale and offset of input neurons


def test_input_neurons_take_scale_times_value_plus_offset(driven, capsys):
    values = np.random.default_rng(1).integers(0, 15, (12, 9))
    np.save("plain.npy", values)
    np.save("taken.npy", 3 * values + 2)
    np.save("halves.npy", values + np.float32(1 / 3))
    np.save("taken_halves.npy", 3 * values + 3)
    plain = spikes_of(capsys, "driven.net", "plain.npy")
    assert all(layer.any() for layer in plain)
    for name, more in (("taken.npy", ["--transformed"]), ("plain.npy", [])):
        assert equal(spikes_of(capsys, "driven.net", name, *more), plain)
    halves = spikes_of(capsys, "driven.net", "halves.npy")
    assert equal(halves, spikes_of(capsys, "driven.net", "taken_halves.npy", "--transformed"))
    assert not equal(halves, plain)
    expected = fast.run(driven, values[None])
    assert equal(
        plain, [layer[0].reshape(each.shape) for layer, each in zip(expected.spikes, plain)]
    )


def spikes_of(capsys, network, name, *more):
    """Run the command and return the arrays in the file that it writes."""
    assert run(capsys, network, "--input", name, "--spikes", "out.npz", *more)[0] == 0
    with np.load("out.npz") as file:
        return [file[f"layer_{index}"] for index in range(len(file.files))]


def equal(some, others):
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def test_floating_point_is_taken_where_it_is_whole(dense):
    spikes = np.random.default_rng(1).integers(0, 2, (4, 9))
    for values in (spikes + 9e-4, spikes.astype(np.float32), spikes.astype(bool), spikes * 1.0):
        np.save("input.npy", values)
        assert np.array_equal(load_input("input.npy", dense).part(0, 1)[0], spikes)


# The spikes in a file


def test_spikes_have_the_axes_of_the_input(dense, driven, capsys):
    values = np.random.default_rng(1).integers(0, 15, (3, 12, 9))
    np.save("several.npy", values)
    np.save("one.npy", values[2])
    several = spikes_of(capsys, "driven.net", "several.npy")
    assert [a.shape for a in several] == [(3, 1, 3, 4, 9), (3, 2, 2, 3, 9), (3, 2, 9)]
    assert {a.dtype for a in several} == {np.dtype(np.uint8)}
    one = spikes_of(capsys, "driven.net", "one.npy")
    assert equal(one, [each[2] for each in several])


def test_graded_spikes_are_kept_as_they_are(capsys):
    network = QuantizedNetwork.chain(
        (InputLayer(Delta(0, 2, 2), (3,)), DenseLayer(np.full((2, 3), 100), Sigma()))
    )
    netx.write(network, "graded.net")
    values = np.random.default_rng(1).integers(-90, 90, (3, 7))
    np.save("input.npy", values)
    sent = spikes_of(capsys, "graded.net", "input.npy")
    assert {a.dtype for a in sent} == {np.dtype(np.int32)}
    assert equal(sent, [layer[0] for layer in fast.run(network, values[None]).spikes])
    assert sent[0].min() < -100


def test_batches_give_the_same_file_as_one_run(dense, capsys, monkeypatch):
    np.save("input.npy", np.random.default_rng(1).integers(0, 2, (7, 4, 30)))
    whole = spikes_of(capsys, "dense.net", "input.npy")
    as_json = run(capsys, "dense.net", "--input", "input.npy", "--json", "--trace")[1]
    monkeypatch.setattr(memory, "BATCH_BYTES", 2000)
    assert equal(spikes_of(capsys, "dense.net", "input.npy"), whole)
    assert run(capsys, "dense.net", "--input", "input.npy", "--json", "--trace")[1] == as_json


def test_no_file_of_spikes_is_left_when_a_run_fails(dense, capsys, tmp_path):
    np.save("input.npy", np.full((2, 4, 9), [[[0]], [[1.5]]]))
    before = sorted(tmp_path.iterdir())
    code, out, err = run(capsys, "dense.net", "--input", "input.npy", "--spikes", "out.npz")
    assert (code, out) == (2, "")
    assert "1.5" in err
    assert sorted(tmp_path.iterdir()) == before


# The answers


def test_answers_are_in_the_report_with_how_they_were_read(dense, capsys):
    spikes = np.random.default_rng(1).integers(0, 2, (12, 4, 60))
    np.save("input.npy", spikes)
    counts = fast.run(dense, spikes).spikes[-1].sum(2)
    code, out, _ = run(capsys, "dense.net", "--input", "input.npy", "--json")
    answers = json.loads(out)["predictions"]
    assert code == 0
    assert answers["outputs"] == counts.tolist()
    assert answers["predicted"] == counts.argmax(1).tolist()
    assert (answers["read_from"], answers["description"]) == (
        "spikes",
        "the spikes of the last layer, counted",
    )
    shown = run(capsys, "dense.net", "--input", "input.npy")[1]
    assert ", ".join(map(str, counts[3])) in shown
