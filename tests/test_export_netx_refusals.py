"""netx files that are damaged or not supported: one sentence that names the fault, no traceback."""

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
from neurodeploy.models.layers import ConvLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork


def refused(path: Path, *parts: str) -> None:
    """Check that reading gives one sentence that names the file and holds `parts`."""
    with pytest.raises(InputError) as caught:
        netx.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message, message


HDF5 = b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"# A readme", b"\x89PNG\r\n\x1a\n", HDF5 + bytes(100)]
)
def test_what_is_not_hdf5_is_refused(content, tmp_path):
    (tmp_path / "model.net").write_bytes(content)
    refused(tmp_path / "model.net", "readable" if content.startswith(HDF5) else "HDF5")


def test_what_is_not_a_file_is_refused(tmp_path):
    (tmp_path / "loop.net").symlink_to(tmp_path / "loop.net")
    refused(tmp_path / "loop.net", "symbolic links")
    refused(tmp_path / "absent.net", "does not exist")
    refused(tmp_path, "folder")


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


def as_recurrent(shape: tuple[int, int], delay: object = None) -> Callable[[h5py.File], None]:
    """Return a change that makes layer 1 recurrent, with recurrent weights of a shape."""

    def change(file: h5py.File) -> None:
        put("layer/1/type", b"dense_rec")(file)
        put("layer/1/weight_rec", np.ones(shape))(file)
        drop("layer/1/delay")(file)
        if delay is not None:
            put("layer/1/delay", delay)(file)

    return change


def as_sigma_delta(**fields: object) -> Callable[[h5py.File], None]:
    """Return a change that gives layer 1 sigma-delta neurons with these fields."""

    def change(file: h5py.File) -> None:
        put("layer/1/neuron/type", b"SDNN")(file)
        for name, value in fields.items():
            put(f"layer/1/{'' if name == 'bias' else 'neuron/'}{name}", value)(file)

    return change


def other_sizes(file: h5py.File) -> None:
    put("layer/1/weight", np.ones((3, 6)))(file)
    put("layer/1/inFeatures", 6)(file)
    drop("layer/1/delay")(file)


def complex_weights(file: h5py.File) -> None:
    drop("layer/1/weight")(file)
    file["layer/1/weight/real"] = file["layer/1/weight/imag"] = np.ones((3, 5))


def weight(value: object) -> Callable[[h5py.File], None]:
    return put("layer/0/weight", np.full((5, 4), value))


def neuron(name: str, value: object) -> Callable[[h5py.File], None]:
    return put(f"layer/0/neuron/{name}", value)


WRONG = [
    (drop("layer"), "no layers"),
    (put("layer", h5py.Empty("f4")), "no layers"),
    (rename, "layer 0 of 2 is missing"),
    (put("layer/1", 3), "'1' in /layer"),
    (drop("layer/0/weight"), "layer 0: 'weight' is missing"),
    (drop("layer/1/type"), "layer 1: 'type' is missing"),
    (drop("layer/0/neuron/vThMant"), "layer 0: 'vThMant' is missing"),
    (put("layer/0/shape", [6]), "(5, 4)", "'shape' says 6"),
    (put("layer/0/inFeatures", 7), "(5, 4)", "'inFeatures' says 7"),
    (put("layer/0/outFeatures", 7), "(5, 4)", "'outFeatures' says 7"),
    (put("layer/0/shape", [0]), "'shape' holds [0]"),
    (put("layer/0/shape", [2.5]), "'shape' holds [2.5]"),
    (put("layer/0/weight", np.ones((5, 4, 1))), "weight has shape (5, 4, 1)"),
    (put("layer/0/weight", 3), "weight has shape ()"),
    (put("layer/0/weight", np.ones(19)), "weight has shape (19,)"),
    (put("layer/0/weight", np.zeros((0, 4))), "weight has shape (0, 4)"),
    (put("layer/0/weight_16", np.ones((5, 4))), "'weight' and 'weight_16'"),
    (put("layer/0/weight_rec_16", np.ones((5, 5))), "layer 0", "'dense_rec'"),
    (other_sizes, "layer 1 has 6 inputs", "layer 0 has 5 neurons"),
    *[(weight(x), f"weight holds {x}") for x in (0.5, 256, -257, 1e30, np.nan, np.inf)],
    *[(weight(x), "'weight'", "numbers") for x in (b"x", 1j)],
    *[(put("layer/1/delay", np.full((3, 5), x)), f"delay holds {x}") for x in (63, -1, 1.5)],
    (put("layer/1/delay", np.ones(4)), "delay has shape (4,)"),
    (put("layer/1/delay", np.ones((5, 3))), "delay has shape (5, 3)"),
    (lambda file: file["layer/1"].attrs.modify("delay_shape", [1, 5]), "(1, 5)"),
    (lambda file: file["layer/1"].attrs.create("delay_shape", [1, 5, 1]), "readable"),
    (put("layer/0/type", b"attention"), "'attention'", "dense_rec"),
    *[(put("layer/1/type", name.encode()), "layer 1", f"'{name}'")
      for name in ("pool", "convT", "unpool", "concat", "affine", "dense_comp")],
    (complex_weights, "layer 1", "complex dense"),
    (put("layer/1/type", b"input"), "layer 1", "input layer after the first"),
    (put("layer/0/type", b"average"), "layer 0", "average", "last"),
    (put("layer/0/type", b"conv"), "layer 0", "convolution", "(channels, height, width)"),
    (put("layer/0/weight_rec", np.ones((5, 5))), "layer 0", "'dense_rec'"),
    (as_recurrent((3, 5)), "layer 1", "recurrent has shape (3, 5)", "(3, 3)"),
    (as_recurrent((3, 3), np.arange(3)), "layer 1", "delays", "(3, 5)", "square"),
    (put("layer/1/type", b"dense_rec"), "'weight_rec' is missing"),
    (put("layer/0/bias", np.ones(4)), "bias has 4 values", "5"),
    (put("layer/0/bias", np.full(5, 4096)), "bias holds 4096", "-4096 to 4095"),
    (put("layer/0/bias", np.full(5, 0.5)), "bias holds 0.5"),
    (neuron("type", b"ALIF"), "'ALIF'", "CUBA"),
    (neuron("type", b"RF_PHASE"), "'RF_PHASE'", "resonate-and-fire"),
    (neuron("refDelay", 2), "refDelay is 2"),
    (neuron("refDelay", np.nan), "refDelay is nan"),
    (neuron("gradedSpike", True), "gradedSpike"),
    (neuron("weight_exp", -1.0), "weight_exp is -1.0"),
    (neuron("iDecay", 4097), "current_decay holds 4097", "0 to 4096"),
    (neuron("vDecay", [1, 2]), "voltage_decay has 2"),
    *[(neuron("vThMant", x), f"threshold holds {x}") for x in (-1, np.nan, np.inf)],
    (neuron("vThMant", [1, 2]), "threshold has shape (2,)"),
    (neuron("vThMant", b"9"), "'vThMant'", "numbers"),
    (as_sigma_delta(activation=b"tanh"), "layer 1", "'tanh'", "relu"),
    (as_sigma_delta(sigma_output=True, bias=np.ones(3)), "layer 1", "sigma", "biases"),
    (as_sigma_delta(messageBits=0), "messageBits is 0"),
    (declare, "2.1 GB"),
    (repeat, "2.1 GB"),
    (hollow, "(5, 4)", "no data"),
    (link_out, "'weight' in /layer/0 is a link"),
    (store_outside, "'weight' in /layer/0", "in this file"),
    (put("layer/0/type", np.array([b"de\nnse\x1b[31m"], "S20")), "'de\\nnse\\x1b[31m'"),
    (describe("provenance", '{"x": NaN}'), "not JSON"),
    (describe("exponents", np.full((2, 2), np.inf)), "readable"),
    (describe("digest", "0" * 64), "digest"),
    (neuron("vThMant", 7), "digest"),
    (describe("format_version", 99), "version 99", "2 and 3"),
    (describe("digest", None), "readable"),
    (describe("task", '{"name": '), "description", "JSON"),
    (describe("provenance", "[]"), "description", "JSON object"),
    (describe("task", None), "readable"),
    (describe("task", json.dumps({"class_names": [], "colour": 1})), "task description"),
    (describe("task", json.dumps({"class_names": ["a"]})), "3 outputs", "1 classes"),
]  # fmt: skip
"""A change of a file, and what the message names."""


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_a_damaged_file_is_refused_in_one_sentence(case, network_file):
    change, *named = WRONG[case]
    with h5py.File(network_file, "r+") as file:
        change(file)
    refused(network_file, *named)


CONV_WRONG = [
    ("delay", np.arange(4.0), "delays"),
    ("groups", 2, "2 input and 4 output channels", "2 groups"),
    ("shape", [4, 5, 5], "(4, 4, 3)", "(4, 5, 5)"),
    ("weight", np.ones((4, 2)), "weight has shape (4, 2)"),
    ("dilation", [9, 9], "(3, 3)", "(9, 9)"),
    ("stride", [0, 1], "stride is [0 1]"),
]


@pytest.mark.parametrize("case", range(len(CONV_WRONG)))
def test_a_damaged_convolution_is_refused_in_one_sentence(case, tmp_path):
    name, value, *named = CONV_WRONG[case]
    layer = ConvLayer(np.ones((4, 2, 3, 3)), (2, 6, 5), CubaLif(1, 1, 1))
    netx.write(QuantizedNetwork.chain((layer,)), tmp_path / "model.net")
    with h5py.File(tmp_path / "model.net", "r+") as file:
        put(f"layer/1/{name}", value)(file)
    refused(tmp_path / "model.net", "layer 1", *named)
