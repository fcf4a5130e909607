"""The command `report` on given samples: what is accepted, what it computes, what it says."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import netx
from hw_sim import fast, memory_limit
from models.errors import InputError
from models.network import ConvLayer, CubaLif, DenseLayer, InputLayer, QuantizedNetwork
from models.neurons import Delta, Sigma
from neurodeploy import report
from neurodeploy.given_input import Layout, layout, open_input

ALONE, SEVERAL = Layout(1, 9, leading=False), Layout(5, 9, leading=True)
LIF = CubaLif(np.array([1024]), np.array([512]), 60)


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Work in a folder of its own, 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def dense(random_network):
    """Return a network 4-5-3 without a task and write it to dense.net."""
    network = random_network(np.random.default_rng(0), (4, 5, 3))
    even = (replace(layer, weight=layer.weight & ~1) for layer in network.layers)
    return written(replace(network, layers=tuple(even)), "dense.net")


@pytest.fixture
def driven():
    """Return a network of input neurons (scale 3, offset 2), a convolution and 2 outputs."""
    rng = np.random.default_rng(2)
    network = QuantizedNetwork(
        (
            InputLayer(LIF, (1, 3, 4), 3, 2),
            ConvLayer(rng.integers(0, 60, (2, 1, 2, 2)), (1, 3, 4), LIF),
            DenseLayer(rng.integers(-40, 60, (2, 12)), LIF),
        )
    )
    return written(network, "driven.net")


def written(network, name):
    netx.write(network, name)
    return network


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
    network, inputs = open_input(driven, "input.npy")
    assert network is driven
    assert (inputs.samples, inputs.steps, inputs.leading) == (len(values), 9, leading)
    assert np.array_equal(inputs.part(0, len(values)), values)


def test_samples_are_spread_evenly_and_labels_with_them(dense):
    values = np.zeros((9, 4, 6), np.uint8)
    values[:, 0, 0] = np.arange(9) % 2
    np.save("input.npy", values)
    np.save("labels.npy", np.arange(9) % 3)
    _, inputs = open_input(dense, "input.npy", samples=3, labels="labels.npy")
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
        assert np.array_equal(open_input(dense, "input.npy")[1].part(0, 1)[0], spikes)


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
    network = QuantizedNetwork(
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
    monkeypatch.setattr(memory_limit, "BATCH_BYTES", 2000)
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
    answers = json.loads(out)["answers"]
    assert code == 0
    assert answers["outputs"] == counts.tolist()
    assert answers["largest"] == counts.argmax(1).tolist()
    assert (answers["kind"], answers["how"]) == ("spikes", "the spikes of the last layer, counted")
    shown = run(capsys, "dense.net", "--input", "input.npy")[1]
    assert ", ".join(map(str, counts[3])) in shown
    assert "and 2 more; --json has those of the first 12" in shown


def test_a_layer_that_never_fires_answers_with_v(dense, capsys):
    neuron = CubaLif(np.array([0]), np.array([4096]), 1 << 17)
    last = replace(dense.layers[-1], neuron=neuron)
    network = written(replace(dense, layers=(dense.layers[0], last)), "voltage.net")
    spikes = np.random.default_rng(1).integers(0, 2, (2, 4, 40))
    np.save("input.npy", spikes)
    out = run(capsys, "voltage.net", "--input", "input.npy", "--json")[1]
    answers = json.loads(out)["answers"]
    assert answers["kind"] == "voltage"
    assert answers["outputs"] == fast.run(network, spikes).last_voltage.tolist()
    shown = run(capsys, "voltage.net", "--input", "input.npy")[1]
    assert "v of the last layer after the last step" in shown


def test_an_average_answers_with_means(random_network, capsys):
    network = random_network(np.random.default_rng(0), (4, 6))
    written(replace(network, group=3), "average.net")
    spikes = np.random.default_rng(1).integers(0, 2, (2, 4, 50))
    np.save("input.npy", spikes)
    out = run(capsys, "average.net", "--input", "input.npy", "--json")[1]
    expected = fast.run(network, spikes).spikes[-1].sum(2).reshape(2, 2, 3).mean(2)
    assert np.allclose(json.loads(out)["answers"]["outputs"], expected)
    shown = run(capsys, "average.net", "--input", "input.npy")[1]
    assert "mean of 3 consecutive neurons" in " ".join(shown.split())


def test_labels_give_an_accuracy(dense, capsys):
    spikes = np.random.default_rng(1).integers(0, 2, (8, 4, 60))
    np.save("input.npy", spikes)
    np.save("labels.npy", fast.run(dense, spikes).spikes[-1].sum(2).argmax(1))
    words = ("dense.net", "--input", "input.npy", "--labels", "labels.npy")
    assert "accuracy 100.00%" in run(capsys, *words)[1]


# What a stranger reads


def test_the_text_shows_kinds_and_shapes_in_80_columns(driven, capsys):
    np.save("input.npy", np.random.default_rng(1).integers(0, 15, (12, 9)))
    code, out, err = run(capsys, "driven.net", "--input", "input.npy")
    assert (code, err) == (0, "")
    lines = [line for line in out.splitlines() if line.startswith(("│", "┃", "┏", "└"))]
    assert max(map(len, lines)) <= 80
    for words in ("input.npy, run on fast: 1 sample of 9 time steps", "input with a neuron",
                  "convolution", "2x2x3", "an input of 1x3x4"):  # fmt: skip
        assert words in out
    assert "sensor's pace" not in out
    command = "python -m neurodeploy.report driven.net --input input.npy --compare lava"
    assert out.rstrip().splitlines()[-2].strip() == command


def test_numbers_are_whole_on_a_narrow_terminal_and_words_are_not_cut(dense, capsys, monkeypatch):
    np.save("input.npy", np.random.default_rng(1).integers(0, 2, (3, 4, 60)))

    def cells(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        out = run(capsys, "dense.net", "--input", "input.npy", "--trace")[1]
        lines = [line for line in out.splitlines() if line[:1] in ("│", "┃")]
        return [cell.strip() for line in lines for cell in line.replace("┃", "│").split("│")]

    wide, narrow = cells(200), cells(40)
    numbers = {cell for cell in wide if cell[:1].isdigit()}
    assert len(numbers) > 30
    assert {cell for cell in numbers if "," not in cell or "to" in cell} <= set(narrow)
    words = {word for cell in wide for word in cell.split()}
    assert words == {word for cell in narrow for word in cell.split()}


# What is refused, in one sentence


def save(values):
    return lambda: np.save("input.npy", values)


def cut_short():
    np.save("input.npy", np.zeros((4, 900), np.uint8))
    with open("input.npy", "rb+") as file:
        file.truncate(500)


def claims_much():
    """A header that claims an array of a terabyte, and nothing behind it."""
    header = {"descr": "<f8", "fortran_order": False, "shape": (4, 1 << 35)}
    with open("input.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)


def zipped_claim():
    header = {"descr": "<f8", "fortran_order": False, "shape": (4, 1 << 40)}
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, header)
    with zipfile.ZipFile("input.npy", "w") as archive:
        archive.writestr("a.npy", text.getvalue())


def several_arrays():
    np.savez("input.npz", a=np.zeros(3), b=np.zeros(3))
    np.savez("input.npy.npz", a=np.zeros(3))
    with open("input.npz", "rb") as file, open("input.npy", "wb") as other:
        other.write(file.read())


def text_file():
    with open("input.npy", "w") as file:
        file.write("0 1 0 1\n")


def damaged_zip():
    with open("input.npy", "wb") as file:
        file.write(b"PK\x03\x04" + bytes(50))


def damaged_header():
    with open("input.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00\x10\x00{'descr': ...   \n")


def folder():
    Path("input.npy").mkdir()


def pipe():
    os.mkfifo("input.npy")


def link_to_itself():
    os.symlink("input.npy", "input.npy")


def header(dtype, shape):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    start = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    return lambda: Path("input.npy").write_bytes(start + text + b"1234")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pipe, "input.npy is no regular file; give the path of a .npy file"),
        (link_to_itself, "input.npy cannot be looked up (Too many levels of symbolic links); give"),
        (header("|u1", (4, True)), "input.npy cannot be read (its shape is (4, True)); write it"),
        (header("<U0", (4, 9)), "input.npy holds <U0; the input must be numbers"),
        (lambda: None, "input.npy does not exist; give the path of a .npy file"),
        (folder, "input.npy is a folder; give the path of a .npy file"),
        (text_file, "input.npy is no .npy file; write it with numpy.save"),
        (cut_short, "input.npy is cut short: its array of shape (4, 900) takes 3,600 bytes"),
        (claims_much, "input.npy is cut short: its array of shape (4, 34359738368) takes"),
        (zipped_claim, "input.npy takes about 70,368.7 GB of memory and the machine has"),
        (several_arrays, "input.npy holds 2 arrays (a, b); give a file with one"),
        (damaged_zip, "input.npy cannot be read ("),
        (damaged_header, "input.npy cannot be read (its header is damaged"),
        (save(np.array([{}, []], object)), "input.npy holds Python objects, which could run code"),
        (save(np.zeros((4, 9), "m8[s]")), "input.npy holds timedelta64[s]; the input must be"),
        (save(np.zeros((4, 9), complex)), "input.npy holds complex128; the input must be numbers"),
        (save(np.array("text")), "input.npy holds <U4; the input must be numbers"),
        (save(np.zeros((4, 0))), "input.npy has shape (4, 0), which holds nothing; give one step"),
        (save(np.zeros((0, 4, 9))), "input.npy has shape (0, 4, 9), which holds nothing"),
        (save(np.zeros(4)), "(4,); the network takes (4, time) or (samples, 4, time), so the axis "
                            "of time is missing"),
        (save(np.zeros((9, 4))), "has shape (9, 4); the network takes (4, time) or (samples, 4"),
        (save(np.zeros((2, 2, 4, 9))), "has shape (2, 2, 4, 9); the network takes (4, time)"),
        (save(np.full((4, 9), np.nan)), "input.npy holds values that are not finite"),
        (save(np.full((4, 9), np.inf)), "input.npy holds values that are not finite"),
        (save(np.full((4, 9), 0.5)), "input.npy holds 0.5 where whole numbers go in; round it"),
        (save(np.full((4, 9), 1 - 2e-3)), "input.npy holds 0.998 where whole numbers go in"),
        (save(np.full((4, 9), 1e300)), "32 bits hold 2147483647 at most"),
        (save(np.full((4, 9), 2**63, np.uint64)), "32 bits hold 2147483647 at most"),
        (save(np.full((4, 9), 2)), "to 2; they must be 0 or 1"),
    ],
)  # fmt: skip
def test_what_cannot_go_in_is_refused_in_one_sentence(dense, capsys, make, said):
    make()
    code, out, err = run(capsys, "dense.net", "--input", "input.npy")
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_an_npz_with_one_array_is_read(dense):
    spikes = np.random.default_rng(1).integers(0, 2, (4, 9))
    np.savez_compressed("input.npz", spikes=np.asfortranarray(spikes))
    assert np.array_equal(open_input(dense, "input.npz")[1].part(0, 1)[0], spikes)


def test_lava_s_order_of_axes_is_recognised(driven):
    np.save("input.npy", np.zeros((4, 3, 1, 9), int))
    with pytest.raises(InputError, match=r"looks like Lava's order.*\.transpose\(2, 1, 0, 3\)"):
        open_input(driven, "input.npy")
    np.save("input.npy", np.zeros((6, 4, 3, 1, 9), int))
    with pytest.raises(InputError, match=r"\.transpose\(0, 3, 2, 1, 4\)"):
        open_input(driven, "input.npy")


def test_values_that_do_not_fit_a_bias_are_refused(driven, capsys):
    np.save("input.npy", np.full((12, 9), 5000))
    code, _, err = run(capsys, "driven.net", "--input", "input.npy")
    assert code == 2
    assert "the input drives its neurons with 3 * value + 2 = 15002" in err
    np.save("input.npy", np.full((12, 9), 0.5))
    err = run(capsys, "driven.net", "--input", "input.npy")[2]
    assert "input.npy holds 3.5 after 3 * x + 2 where whole numbers go in" in err


INPUT = ["--input", "input.npy"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the network names no task, so there are no samples to run; give some with --input"),
        (["--transformed"], "--transformed says more about --input, which is missing; give both"),
        (["--labels", "x.npy"], "--labels says more about --input, which is missing; give both"),
        ([*INPUT, "--transformed"], "--transformed leaves out the scale and offset of an input"),
        ([*INPUT, "--data", "x"], "--data is for the task's samples and --input brings others"),
        ([*INPUT, "--compare", "fast"], "--compare and --backend are both fast; name two that"),
        ([*INPUT, "--time-limit", "9"], "--time-limit ends runs on Lava or Loihi, and --backend "
                                        "fast has none; leave it out"),
        ([*INPUT, "--spikes", "out.npy"], "out.npy is no name for a file of arrays; give --spikes"),
        ([*INPUT, "--spikes", "a/b/../c.net"], "c.net is no name for a file of arrays"),
        ([*INPUT, "--spikes", "dense.net/x.npz"], "dense.net/x.npz cannot be written"),
        ([*INPUT, "--labels", "none.npy"], "none.npy does not exist"),
        ([*INPUT, "--labels", "input.npy"], "labels are integers of shape (2,), one a sample"),
        ([*INPUT, "--labels", "high.npy"], "high.npy holds a label 3 for 3 outputs; labels go"),
        ([*INPUT, "--message-bits", "8"], "dense.net says itself that message_bits is 0 and "
                                          "--message-bits 8; leave the option out"),
        ([*INPUT, "--spike-exp", "5"], "dense.net has no sigma-delta neurons; leave --spike-exp"),
    ],
)  # fmt: skip
def test_options_that_contradict_are_refused(dense, capsys, words, said):
    np.save("input.npy", np.zeros((2, 4, 9), np.uint8))
    np.save("high.npy", np.array([0, 3]))
    code, out, err = run(capsys, "dense.net", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_the_input_is_not_written_over(dense, capsys):
    np.savez("input.npz", spikes=np.zeros((4, 9), np.uint8))
    words = ("--input", "input.npz", "--spikes", "./input.npz")
    assert "--spikes would write over input.npz" in run(capsys, "dense.net", *words)[2]


def test_no_file_that_is_read_is_written_over(dense, capsys):
    """The network, the labels and the checkpoint beside the network, by whatever name."""
    np.save("input.npy", np.zeros((1, 4, 9), np.uint8))
    netx.write(dense, "n.npz")
    np.savez("labels.npz", labels=np.zeros(1, int))
    os.symlink("labels.npz", "link.npz")
    os.symlink("n.npz", "n.pt")
    before = {name: Path(name).read_bytes() for name in ("n.npz", "labels.npz")}
    for spikes, kept in (("n.npz", "n.npz"), ("link.npz", "labels.npz")):
        words = ("--input", "input.npy", "--labels", "labels.npz", "--spikes", spikes)
        code, _, err = run(capsys, "n.npz", *words)
        assert code == 2
        assert err == f"error: --spikes would write over {kept}; give it another name\n"
    netx.write(dense, "other.net")
    os.symlink("n.npz", "other.pt")
    err = run(capsys, "other.net", "--input", "input.npy", "--spikes", "n.npz")[2]
    assert "--spikes would write over other.pt" in err
    assert all(Path(name).read_bytes() == content for name, content in before.items())


@pytest.mark.parametrize("option", ["--input", "--labels", "--spikes"])
@pytest.mark.parametrize("name", ["a" * 300 + ".npz", "loop.npz", "locked/x.npz"])
def test_a_path_that_cannot_be_followed_is_refused_in_one_sentence(dense, capsys, option, name):
    if name.startswith("locked") and os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    os.symlink("loop.npz", "loop.npz")
    os.mkdir("locked", 0o600)
    np.save("input.npy", np.zeros((4, 9), np.uint8))
    code, out, err = run(capsys, "dense.net", "--input", "input.npy", option, name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {name} cannot be looked up (")
    assert err.endswith("; give another path\n")
    assert err.count("\n") == 1


def test_files_of_lava_dl_take_the_options_that_they_leave_open(capsys, shipped):
    words = [shipped("gts/ntidigits/ntidigits.net"), "--input", "input.npy"]
    np.save("input.npy", np.full((64, 5), 3))
    assert "they must be 0 or 1" in run(capsys, *words)[2]
    assert run(capsys, *words, "--message-bits", "2", "--json")[0] == 0
    words[0] = shipped("tiny.net")
    assert "takes values and no graded spikes" in run(capsys, *words, "--message-bits", "2")[2]


def test_what_the_machine_cannot_hold_is_refused_before_it_runs(dense, capsys, monkeypatch):
    np.save("input.npy", np.zeros((4, 90_000), np.uint8))
    monkeypatch.setattr(memory_limit, "available", lambda: 5_000_000)
    code, _, err = run(capsys, "dense.net", *INPUT)
    assert code == 2
    assert "one sample of 90,000 time steps takes about 1" in err  # 2 layers of 64 bytes a step
    assert " MB of memory and the machine has 5.0 MB free; give shorter samples" in err
