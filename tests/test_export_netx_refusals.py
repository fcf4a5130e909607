"""netx files that are wrong: each is refused in one sentence that names it, never a traceback."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.models.errors import InputError


def refused(path: Path, *parts: str) -> None:
    """Check that reading gives one sentence that names the file and holds `parts`."""
    with pytest.raises(InputError) as caught:
        netx.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def test_what_is_no_file_is_refused(tmp_path):
    refused(tmp_path / "absent.net", "does not exist")
    refused(tmp_path, "give the path of a .net file")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"# A readme", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_hdf5_is_refused(content, tmp_path):
    (tmp_path / "model.net").write_bytes(content)
    refused(tmp_path / "model.net", "is no HDF5 file", "give a .net file")


def test_what_begins_as_hdf5_and_is_none_is_refused(tmp_path):
    (tmp_path / "model.net").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    refused(tmp_path / "model.net", "is no readable netx file", "export it again")


def test_links_in_a_circle_are_not_said_to_be_missing(tmp_path):
    (tmp_path / "loop.net").symlink_to(tmp_path / "loop.net")
    refused(tmp_path / "loop.net", "symbolic links")


def test_hdf5_behind_a_user_block_is_read(network_file, tmp_path):
    target = h5py.File(tmp_path / "behind.net", "w", userblock_size=512)
    with target, h5py.File(network_file) as source:
        for name in source:
            source.copy(name, target)
    assert netx.read(tmp_path / "behind.net").digest == netx.read(network_file).digest


def test_truncated_files_are_refused_at_every_length(network_file):
    whole = network_file.read_bytes()
    for length in range(0, len(whole), 997):
        network_file.write_bytes(whole[:length])
        refused(network_file)


def test_flipped_bytes_never_give_a_traceback(network_file):
    """Each either does no harm or gives one sentence."""
    whole, rng = network_file.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        network_file.write_bytes(damaged)
        with contextlib.suppress(InputError):
            netx.read(network_file)


def put(name: str, value: object) -> Callable[[h5py.File], None]:
    """Return a change that replaces a dataset of the file."""

    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = value

    return change


def drop(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def describe(name: str, value: object) -> Callable[[h5py.File], None]:
    """Return a change of an attribute of our own group."""

    def change(file: h5py.File) -> None:
        if value is None:
            del file["neurodeploy"].attrs[name]
        else:
            file["neurodeploy"].attrs[name] = value

    return change


def declare(file: h5py.File) -> None:
    """Declare a weight of 8 TiB, of which nothing is stored."""
    del file["layer/0/weight"]
    file.create_dataset("layer/0/weight", (1 << 20, 1 << 20), "f8", chunks=(64, 64))


def hollow(file: h5py.File) -> None:
    del file["layer/0/weight"]
    file.create_dataset("layer/0/weight", (5, 4), "i4", chunks=(5, 4))


def link_out(file: h5py.File) -> None:
    del file["layer/0/weight"]
    file["layer/0/weight"] = h5py.ExternalLink("other.net", "/layer/0/weight")


def store_outside(file: h5py.File) -> None:
    del file["layer/0/weight"]
    file.create_dataset("layer/0/weight", (5, 4), "u1", external=[(__file__, 0, 20)])


def repeat(file: h5py.File) -> None:
    """Name one array of 16 MB, which takes no room in the file, many times over."""
    big = file.create_dataset("big", (4096, 4096), "i1", chunks=(4096, 4096), compression="gzip")
    big[:] = 0
    for index in range(1000):
        if f"layer/{index}" not in file:
            file.create_group(f"layer/{index}")
        group = file[f"layer/{index}"]
        group.pop("weight", None)
        group["weight"] = big


def rename(file: h5py.File) -> None:
    file.move("layer/0", "layer/2")


WRONG = {
    "no layers": (drop("layer"), "the file has no layers"),
    "an empty group of layers": (put("layer", h5py.Empty("f4")), "has no layers"),
    "layer 0 is missing": (rename, "layer 0 of 2 is missing"),
    "a layer is an array": (put("layer/1", 3), "'1' in /layer is no group"),
    "no weight": (drop("layer/0/weight"), "layer 0: 'weight' is missing"),
    "no type": (drop("layer/1/type"), "layer 1: 'type' is missing"),
    "no threshold": (drop("layer/0/neuron/vThMant"), "layer 0: 'vThMant' is missing"),
    "rows are not the neurons": (put("layer/0/shape", [6]), "(5, 4) but 'shape' says 6"),
    "columns are not the senders": (
        put("layer/0/inFeatures", 7), "(5, 4) but 'inFeatures' says 7"
    ),
    "outputs are not the neurons": (
        put("layer/0/outFeatures", 7), "(5, 4) but 'outFeatures' says 7"
    ),
    "a shape of 0": (put("layer/0/shape", [0]), "'shape' holds [0]; sizes are whole numbers"),
    "a fractional shape": (put("layer/0/shape", [2.5]), "'shape' holds [2.5]"),
    "a weight of three dimensions": (
        put("layer/0/weight", np.ones((5, 4, 1))), "weight has shape (5, 4, 1)"
    ),
    "a scalar weight": (put("layer/0/weight", 3), "weight has shape ()"),
    "flat weights of another count": (
        put("layer/0/weight", np.ones(19)), "weight has shape (19,)"
    ),
    "layers that do not fit": (
        lambda file: (
            put("layer/1/weight", np.ones((3, 6)))(file),
            put("layer/1/inFeatures", 6)(file),
            drop("layer/1/delay")(file),
        ),
        "layer 1 has 6 inputs but layer 0 has 5 neurons",
    ),
    "half a weight": (put("layer/0/weight", np.full((5, 4), 0.5)), "weight holds 0.5"),
    "a weight too large": (
        put("layer/0/weight", np.full((5, 4), 256)), "weight holds 256; the range is -256 to 255"
    ),
    "a weight far too large": (put("layer/0/weight", np.full((5, 4), 1e30)), "weight holds 1e+30"),
    "a weight too small": (put("layer/0/weight", np.full((5, 4), -257)), "weight holds -257"),
    "no number": (put("layer/0/weight", np.full((5, 4), np.nan)), "weight holds nan"),
    "an infinite weight": (put("layer/0/weight", np.full((5, 4), np.inf)), "weight holds inf"),
    "weights of text": (put("layer/0/weight", np.full((5, 4), b"x")), "holds no numbers"),
    "a complex weight": (put("layer/0/weight", np.full((5, 4), 1j)), "holds no numbers"),
    "a delay too long": (put("layer/1/delay", np.full((3, 5), 63)), "delay holds 63"),
    "a negative delay": (put("layer/1/delay", np.full((3, 5), -1)), "delay holds -1"),
    "half a delay": (put("layer/1/delay", np.full((3, 5), 1.5)), "delay holds 1.5"),
    "a delay of another shape": (put("layer/1/delay", np.ones(4)), "delay has shape (4,)"),
    "a transposed delay": (put("layer/1/delay", np.ones((5, 3))), "delay has shape (5, 3)"),
    "delays of another kind": (
        lambda file: file["layer/1"].attrs.modify("delay_shape", [1, 5]),
        "the delays do not come from an array of shape (1, 5)"
    ),
    "a kind of three dimensions": (
        lambda file: file["layer/1"].attrs.create("delay_shape", [1, 5, 1]), "no readable netx file"
    ),
    "an unknown layer": (put("layer/0/type", b"attention"), "the layer type is 'attention'"),
    "a convolution of no image": (
        put("layer/0/type", b"conv"), "the convolution does not say the shape of its input"
    ),
    "a recurrent layer of another type": (
        put("layer/0/weight_rec", np.ones((5, 5))), "the layer is 'dense' and has recurrent weights"
    ),
    "a bias for other neurons": (put("layer/0/bias", np.ones(4)), "bias has 4 values for 5"),
    "a bias too large": (put("layer/0/bias", np.full(5, 4096)), "bias holds 4096; the range is"),
    "half a bias": (put("layer/0/bias", np.full(5, 0.5)), "bias holds 0.5"),
    "an unknown neuron": (
        put("layer/0/neuron/type", b"ALIF"), "the neuron type is 'ALIF' (unknown), which nothing"
    ),
    "refractory neurons": (put("layer/0/neuron/refDelay", 2), "refDelay is 2"),
    "graded spikes": (put("layer/0/neuron/gradedSpike", True), "gradedSpike is set"),
    "a decay too large": (
        put("layer/0/neuron/iDecay", 4097), "current_decay holds 4097; the range is 0 to 4096"
    ),
    "decays for other neurons": (put("layer/0/neuron/vDecay", [1, 2]), "voltage_decay has 2"),
    "a negative threshold": (put("layer/0/neuron/vThMant", -1), "threshold holds -1"),
    "a threshold a neuron": (put("layer/0/neuron/vThMant", [1, 2]), "threshold has shape (2,)"),
    "an empty weight": (put("layer/0/weight", np.zeros((0, 4))), "weight has shape (0, 4)"),
    "a huge declared size": (declare, "a network's take 2.1 GB at most"),
    "weights that are not there": (hollow, "says (5, 4) and holds nothing"),
    "weights in another file": (link_out, "'weight' in /layer/0 is a link, which is not followed"),
    "weights outside of the file": (store_outside, "is no array in this file"),
    "one array named a thousand times": (repeat, "a network's take 2.1 GB at most"),
    "a threshold that is no number": (put("layer/0/neuron/vThMant", np.nan), "threshold holds nan"),
    "a threshold without end": (put("layer/0/neuron/vThMant", np.inf), "threshold holds inf"),
    "a refractory period that is no number": (put("layer/0/neuron/refDelay", np.nan), "is nan"),
    "a threshold of text": (put("layer/0/neuron/vThMant", b"9"), "holds no numbers"),
    "a type with control characters": (
        put("layer/0/type", np.array([b"de\nnse\x1b[31m"], "S20")), "'de\\nnse\\x1b[31m'"
    ),
    "a description with NaN": (describe("provenance", '{"x": NaN}'), "NaN is no JSON number"),
    "exponents without end": (describe("exponents", np.full((2, 2), np.inf)), "no readable netx"),
    "another digest": (describe("digest", "0" * 64), "its digest does not match"),
    "another version": (describe("format_version", 99), "has version 99"),
    "no digest": (describe("digest", None), "is no readable netx file"),
    "changed content": (put("layer/0/neuron/vThMant", 7), "its digest does not match"),
    "damaged JSON": (describe("task", '{"name": '), "the description is no JSON"),
    "JSON of another kind": (describe("provenance", "[]"), "the description is no JSON object"),
    "no task": (describe("task", None), "is no readable netx file"),
    "a field of no task": (
        describe("task", json.dumps({"class_names": [], "colour": 1})), "description is damaged"
    ),
    "classes for other outputs": (
        describe("task", json.dumps({"class_names": ["a"]})), "3 outputs for 1 classes"
    ),
}  # fmt: skip
"""What is wrong -> the change that makes it so, and what the message says."""


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_wrong_is_refused_in_one_sentence(case, network_file):
    change, message = WRONG[case]
    with h5py.File(network_file, "r+") as file:
        change(file)
    refused(network_file, message)
