"""The command `report` on given samples: what is refused, each in one sentence."""

from __future__ import annotations

import io
import os
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.commands import report
from neurodeploy.data.inputs import load_input
from neurodeploy.export import netx
from neurodeploy.hw_sim import memory
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import CubaLif

LIF = CubaLif(np.array([1024]), np.array([512]), 60)


pytestmark = pytest.mark.usefixtures("workplace")


def run(capsys, *words):
    code = report.main([*map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


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
        (pipe, "input.npy is not a regular file; give the path of a .npy file"),
        (link_to_itself, "input.npy cannot be accessed (Too many levels of symbolic links); give"),
        (header("|u1", (4, True)), "(4, True)"),
        (header("<U0", (4, 9)), "input.npy has dtype <U0; save an array of real"),
        (lambda: None, "input.npy does not exist; give the path of a .npy file"),
        (folder, "input.npy is a folder; give the path of a .npy file"),
        (text_file, "numpy.save"),
        (cut_short, "greater than file size"),
        (claims_much, "greater than file size"),
        (zipped_claim, "TiB"),
        (several_arrays, "input.npy holds 2 arrays (a, b); use a file with one"),
        (damaged_zip, "input.npy cannot be read ("),
        (damaged_header, "input.npy cannot be read ("),
        (save(np.array([{}, []], object)), "Python objects"),
        (save(np.zeros((4, 9), "m8[s]")), "input.npy has dtype timedelta64[s]; save an"),
        (save(np.zeros((4, 9), complex)), "input.npy has dtype complex128; save an array"),
        (save(np.array("text")), "input.npy has dtype <U4; save an array"),
        (save(np.zeros((4, 0))), "input.npy has shape (4, 0), which is empty"),
        (save(np.zeros((0, 4, 9))), "input.npy has shape (0, 4, 9), which is empty"),
        (save(np.zeros(4)), "(4,); the network takes (4, time) or (samples, 4, time), so the time "
                            "axis is missing"),
        (save(np.zeros((9, 4))), "has shape (9, 4); the network takes (4, time) or (samples, 4"),
        (save(np.zeros((2, 2, 4, 9))), "has shape (2, 2, 4, 9); the network takes (4, time)"),
        (save(np.full((4, 9), np.nan)), "input.npy holds values that are not finite"),
        (save(np.full((4, 9), np.inf)), "input.npy holds values that are not finite"),
        (save(np.full((4, 9), 0.5)), "input.npy holds 0.5 but must hold integers"),
        (save(np.full((4, 9), 1 - 2e-3)), "input.npy holds 0.998 but must hold integers"),
        (save(np.full((4, 9), 1e300)), "the limit is 2147483647"),
        (save(np.full((4, 9), 2**63, np.uint64)), "the limit is 2147483647"),
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
    assert np.array_equal(load_input("input.npz", dense).part(0, 1)[0], spikes)


def test_lava_s_order_of_axes_is_recognised(driven):
    np.save("input.npy", np.zeros((4, 3, 1, 9), int))
    with pytest.raises(InputError, match=r"looks like Lava's order.*\.transpose\(2, 1, 0, 3\)"):
        load_input("input.npy", driven)
    np.save("input.npy", np.zeros((6, 4, 3, 1, 9), int))
    with pytest.raises(InputError, match=r"\.transpose\(0, 3, 2, 1, 4\)"):
        load_input("input.npy", driven)


def test_values_that_do_not_fit_a_bias_are_refused(driven, capsys):
    np.save("input.npy", np.full((12, 9), 5000))
    code, _, err = run(capsys, "driven.net", "--input", "input.npy")
    assert code == 2
    assert "the input drives its neurons with 3 * value + 2 = 15002" in err
    np.save("input.npy", np.full((12, 9), 0.5))
    err = run(capsys, "driven.net", "--input", "input.npy")[2]
    assert "input.npy holds 3.5 after 3 * x + 2 but must hold integers" in err


INPUT = ["--input", "input.npy"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the network stores no task, so there are no samples to run; give some with --input"),
        (["--transformed"], "--input"),
        (["--labels", "x.npy"], "--input"),
        ([*INPUT, "--transformed"], "--transformed leaves out the scale and offset of an input"),
        ([*INPUT, "--data", "x"], "--data"),
        ([*INPUT, "--compare", "fast"], "the backends are fast and fast; name two that"),
        ([*INPUT, "--time-limit", "9"], "a time limit ends runs on lava or loihi2, "
                                        "and the backend is fast; leave it out"),
        ([*INPUT, "--spikes", "out.npy"], "out.npy is no name for a file of arrays; give one"),
        ([*INPUT, "--spikes", "a/b/../c.net"], "c.net is no name for a file of arrays"),
        ([*INPUT, "--spikes", "dense.net/x.npz"], "dense.net/x.npz cannot be written"),
        ([*INPUT, "--labels", "none.npy"], "none.npy does not exist"),
        ([*INPUT, "--labels", "input.npy"], "labels are integers of shape (2,), one per sample"),
        ([*INPUT, "--labels", "high.npy"], "high.npy holds a label 3 for 3 outputs; labels range"),
        ([*INPUT, "--message-bits", "8"], "--message-bits is 8"),
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


@pytest.mark.parametrize("option", ["--input", "--costs"])
def test_the_input_is_not_written_over(dense, capsys, option):
    np.savez("input.npz", spikes=np.zeros((4, 9), np.uint8))
    costs = resources.files("neurodeploy.hw_sim.chips") / "costs" / "loihi2.json"
    Path("costs.npz").write_text(costs.read_text().replace('"loihi2"', '"mine"', 1))
    words = {"--input": "input.npz", "--costs": "costs.npz"}
    options = [word for pair in words.items() for word in pair]
    before = Path(words[option]).read_bytes()
    err = run(capsys, "dense.net", *options, "--spikes", f"./{words[option]}")[2]
    assert f"--spikes would overwrite {words[option]}" in err
    assert Path(words[option]).read_bytes() == before


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
        assert f"--spikes would overwrite {kept}; " in err
    netx.write(dense, "other.net")
    os.symlink("n.npz", "other.pt")
    err = run(capsys, "other.net", "--input", "input.npy", "--spikes", "n.npz")[2]
    assert "--spikes would overwrite other.pt" in err
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
    assert err.startswith(f"error: {name} cannot be accessed (")
    assert err.endswith("; give another path\n")
    assert err.count("\n") == 1


def test_files_of_lava_dl_take_the_options_that_they_leave_open(capsys, shipped):
    words = [shipped("gts/ntidigits/ntidigits.net"), "--input", "input.npy"]
    np.save("input.npy", np.full((64, 5), 3))
    assert "they must be 0 or 1" in run(capsys, *words)[2]
    assert run(capsys, *words, "--message-bits", "2", "--json")[0] == 0
    words[0] = shipped("tiny.net")
    assert "values instead of graded spikes" in run(capsys, *words, "--message-bits", "2")[2]


def test_what_the_machine_cannot_hold_is_refused_before_it_runs(dense, capsys, monkeypatch):
    np.save("input.npy", np.zeros((4, 90_000), np.uint8))
    monkeypatch.setattr(memory, "available", lambda: 5_000_000)
    code, _, err = run(capsys, "dense.net", *INPUT)
    assert code == 2
    assert "one sample of 90,000 time steps takes about 1" in err  # 2 layers of 64 bytes a step
    assert " MB of memory and the machine has 5.0 MB free; give shorter samples" in err
