"""NIR that is damaged or that Loihi cannot run: one sentence, with the name of the node."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from neurodeploy.export import hdf5
from neurodeploy.export.nir import folding, graph
from neurodeploy.export.nir.dialects import DIALECTS
from neurodeploy.models.errors import InputError

DT = 1e-3


def ones(*shape: int, value: float = 1.0) -> Any:
    return np.full(shape, value)


def lif(size: int = 3, **changes: Any) -> nir.LIF:
    values = {"tau": 0.02, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **changes}
    return nir.LIF(**{name: ones(size, value=value) for name, value in values.items()})


def affine(outputs: int, inputs: int) -> nir.Affine:
    return nir.Affine(ones(outputs, inputs), np.zeros(outputs))


def entry(*shape: int) -> nir.Input:
    return nir.Input(np.array(shape))


def exit_(*shape: int) -> nir.Output:
    return nir.Output(np.array(shape))


def graph_of(nodes: dict[str, Any], *paths: str) -> nir.NIRGraph:
    edges = [edge for path in paths for edge in pairwise(path.split())]
    return nir.NIRGraph(nodes, edges, type_check=False)


def small(**changes: Any) -> dict[str, Any]:
    """Return the nodes of a small network, 4-3-2, with some replaced or added."""
    nodes = {
        "in": entry(4), "fc1": affine(3, 4), "lif1": lif(3),
        "fc2": affine(2, 3), "lif2": lif(2), "out": exit_(2),
    }  # fmt: skip
    return {**nodes, **changes}


PATH = "in fc1 lif1 fc2 lif2 out"


def refused(network: Any, message: str, *, fold: bool = False) -> None:
    """Check that a graph is refused in one sentence that matches."""
    with pytest.raises(InputError, match=message) as caught:
        folding.fold(graph.checked(network), DIALECTS["plain"], DT)
    one_sentence(str(caught.value))


def one_sentence(message: str) -> None:
    assert "\n" not in message
    assert len(message) < 400
    assert message.isprintable()


# The graph ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "paths", "message"),
    [
        (small(a=affine(3, 3), b=affine(3, 3)), [PATH, "fc1 a b a lif1"],
         "the cycle through 'a', 'b' has no neuron"),
        (small(t=nir.Threshold(ones(3))), [PATH, "lif1 t fc2", "t t"], "cycle through 't'"),
        (small(), ["in fc1 fc1 lif1 fc2 lif2 out"], "cycle through 'fc1' has no neuron"),
        (small(in2=entry(4)), [PATH, "in2 fc1"], "2 Input nodes .'in', 'in2'.; it needs one"),
        (small(out2=exit_(2)), [PATH, "lif2 out2"], "2 Output nodes"),
        ({k: v for k, v in small().items() if k != "in"}, ["fc1 lif1 fc2 lif2 out"],
         "0 Input nodes; it needs one: add a nir.Input"),
        ({k: v for k, v in small().items() if k != "out"}, ["in fc1 lif1 fc2 lif2"],
         "0 Output nodes"),
        (small(), [PATH, "fc1 nobody"], "no node 'nobody'; remove the edge"),
        (small(), [PATH, "fc1 lif1"], "two edges from 'fc1' to 'lif1'; remove one"),
        (small(), [PATH, "lif1 in"], "from 'lif1' to 'in' leads into the Input"),
        (small(), [PATH, "out fc1"], "out of the Output"),
        (small(alone=lif(3)), [PATH], "node 'alone' gets nothing from the Input"),
        (small(end=lif(3)), [PATH, "fc1 end"], "node 'end' does not lead to the Output"),
        (small(source=lif(3)), [PATH, "source fc2"], "node 'source' gets nothing from the Input"),
        ({}, [], "the graph has no nodes"),
        (small(), ["in fc1 lif1", "fc2 lif2 out"], "node 'in' does not lead to the Output"),
    ],
)  # fmt: skip
def test_graphs_that_are_no_networks(nodes, paths, message):
    refused(graph_of(nodes, *paths), message)


def test_graphs_inside_themselves():
    network = graph_of(small(), PATH)
    network.nodes["g"] = network
    refused(network, "nested more than 32 deep")


def test_a_subgraph_with_two_inputs():
    inner = graph_of({"a": entry(3), "b": entry(3), "n": lif(3), "c": exit_(3)}, "a n c", "b n")
    refused(graph_of(small(lif1=inner), PATH), "the subgraph 'lif1' has 2 Input nodes")


def test_names_that_subgraphs_make_equal():
    inner = graph_of({"a": entry(3), "n": lif(3), "c": exit_(3)}, "a n c")
    nodes = small(lif1=inner)
    nodes["lif1.n"] = lif(3)
    refused(graph_of(nodes, PATH), "two nodes are called 'lif1.n'")


@pytest.mark.parametrize(
    "name", ["x" * 5000, "na\nme \x1b[31m", "n\N{GREEK SMALL LETTER ALPHA}", ""]
)
def test_strange_names_make_short_printable_messages(name):
    network = graph_of(small(), PATH)
    network.nodes[name] = lif(3)
    refused(network, "gets nothing from the Input")


# Nodes --------------------------------------------------------------------------------------------


def conv(**changes: Any) -> nir.Conv2d:
    values = {
        "input_shape": None, "weight": ones(3, 2, 3, 3), "stride": 1, "padding": 0, "dilation": 1,
        "groups": 1, "bias": np.zeros(3), **changes,
    }  # fmt: skip
    node = nir.Conv2d(None, ones(3, 2, 3, 3), 1, 0, 1, 1, np.zeros(3))
    for key, value in values.items():
        setattr(node, key, value)
    return node


def altered(node: Any, **fields: Any) -> Any:
    """Return the node with fields set behind nir's back, as a file can have them."""
    for key, value in fields.items():
        setattr(node, key, value)
    return node


CUBA = {name: ones(3) for name in ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold")}
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (affine(3, 5), r"weight has shape \(3, 5\) and the input \(4,\)"),
        (altered(affine(3, 4), bias=ones(2)), r"bias has shape \(2,\) for 3 outputs"),
        (altered(affine(3, 4), weight=ones(4)), r"weight has shape \(4,\); it must be"),
        (altered(affine(3, 4), weight=ones(3, 4, value=NAN)), "weight holds nan, and .* finite"),
        (altered(affine(3, 4), bias=ones(3, value=INF)), "bias holds inf"),
        (altered(affine(3, 4), weight="text"), "weight does not hold numbers"),
        (altered(affine(3, 4), weight=np.zeros((0, 4))), "weight does not hold numbers"),
        (altered(affine(3, 4), weight=[[1, 2], [3]]), "weight cannot be read"),
        (altered(affine(3, 4), weight=ones(3, 4) * 1j), "weight does not hold numbers"),
        (altered(affine(3, 4), weight=None), "needs 'weight', which is missing"),
        (altered(affine(3, 4), speed=3), "Affine of NIR has no 'speed'"),
        (nir.Scale(ones(5)), r"scale has shape \(5,\) and the input \(4,\)"),
        (nir.Scale(ones(4, value=NAN)), "scale holds nan"),
        (nir.Delay(ones(4, value=-1.0)), "delay holds -1 s"),
        (nir.Delay(ones(4, value=INF)), "delay holds inf"),
        (lif(5), r"tau has shape \(5,\) and the input \(4,\)"),
        (lif(4, tau=0.0), "tau holds 0 s; a time constant must be above 0"),
        (lif(4, tau=-0.02), "tau holds -0.02 s"),
        (lif(4, tau=NAN), "tau holds nan"),
        (lif(4, tau=INF), "tau holds inf"),
        (lif(4, v_threshold=NAN), "v_threshold holds nan"),
        (nir.SumPool2d(2, 2, 0), r"input has shape \(4,\); it must be \(channels"),
        (nir.Flatten({"input": None}, 0.5, -1), "start_dim is 0.5; it must hold integers"),
        (conv(), "weight has shape .* and the input .* do not fit"),
    ],
)  # fmt: skip
def test_nodes_that_do_not_hold(node, message):
    network = graph_of({"in": entry(4), "bad": node, "n": lif(1), "out": exit_()}, "in bad n out")
    for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        setattr(network.nodes["n"], name, np.float64(getattr(network.nodes["n"], name)[0]))
    refused(network, f"^node 'bad': .*{message}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": ones(3, 2, 9, 9)}, "kernel of .* is larger than its padded input"),
        ({"weight": ones(3, 2, 3)}, r"it must be \(outputs, inputs / groups, height, width\)"),
        ({"groups": 2}, "with 2 groups and the input"),
        ({"groups": 0}, "groups is 0; give 1 integers from 1"),
        ({"stride": 0}, "stride is 0"),
        ({"stride": (1, 1, 1)}, "stride is 1 x 1 x 1; give 2 integers from 1"),
        ({"stride": 1.5}, "stride is 1.5; it must hold integers"),
        ({"padding": -1}, "padding is -1"),
        ({"padding": "full"}, "padding is 'full'; give 'same', 'valid' or integers"),
        ({"padding": "same", "stride": 2}, "'same' with a stride over 1"),
        ({"padding": 1 << 40}, "its output has shape"),
        ({"dilation": 1 << 60}, "dilation is"),
        ({"input_shape": (7, 8)}, r"input_shape is \(7, 8\) and the image it gets \(8, 8\)"),
        ({"bias": ones(4)}, r"bias has shape \(4,\) for 3 outputs"),
    ],
)
def test_convolutions_that_do_not_fit(changes, message):
    network = graph_of(
        {"in": entry(2, 8, 8), "bad": conv(**changes), "n": lif(1), "out": exit_()}, "in bad n out"
    )
    refused(network, f"^node 'bad': .*{message}")


@pytest.mark.parametrize(
    ("nodes", "paths", "message"),
    [
        (small(a=affine(2, 4)), ["in fc1 lif1 fc2 lif2 out", "in a lif1"],
         r"node 'lif1' takes the shape \(3,\) and gets \(2,\) from node 'a'"),
        (small(out=exit_(5)), [PATH], r"node 'out': the Output has shape \(5,\)"),
        (small(**{"in": entry(0)}), [PATH], "node 'in': its shape is 0"),
        (small(**{"in": altered(entry(4), input_type={"input": ones(2, value=0.5)})}), [PATH],
         "node 'in': shape is 0.5"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_agree(nodes, paths, message):
    refused(graph_of(nodes, *paths), message)


def test_time_constants_below_the_step_are_refused():
    refused(
        graph_of(small(lif1=lif(3, tau=DT / 2)), PATH),
        "^tau of node lif1 is 0.0005 s, shorter than",
    )


# What Loihi cannot do -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "paths", "message"),
    [
        (small(fc3=affine(2, 3)), [PATH, "lif1 fc3 lif2"], None),
        (small(skip=affine(2, 4)), [PATH, "in skip lif2"], "node 'lif2' gets spikes of 'in' and "),
        (small(back=affine(3, 2)), [PATH, "lif2 back lif1"], "node 'lif1' gets spikes of 'in' and"),
        (small(n=lif(3), j=affine(2, 3)), [PATH, "fc1 n j lif2"],
         "node 'in' feeds both 'lif1' and 'n'|node 'lif2' gets spikes of"),
        (small(fc3=affine(2, 2)), ["in fc1 lif1 fc2 lif2 fc3 out"],
         "node 'fc3' lies between the last neurons, 'lif2', and the Output; add neurons"),
        (small(fc2=affine(3, 3), lif2=lif(3), out=exit_(3)), [PATH, "lif1 out"],
         "node 'out' gets the output of 'lif1' and 'lif2'"),
        ({"in": entry(4), "fc": affine(3, 4), "out": exit_(3)}, ["in fc out"],
         "node 'fc' gets the Input with no neuron on the way; add neurons"),
        ({"in": entry(4), "out": exit_(4)}, ["in out"], "node 'out' gets the Input with no neuron"),
        (small(lif1=nir.LI(*(ones(3),) * 3)), [PATH], "node 'lif1' is LI, which has no spikes"),
        (small(lif1=nir.I(ones(3))), [PATH], "node 'lif1' is I, which"),
    ],
)  # fmt: skip
def test_networks_that_are_no_chains(nodes, paths, message):
    network = graph_of(nodes, *paths)
    if message is None:
        folding.fold(graph.checked(network), DIALECTS["plain"], DT)
    else:
        refused(network, message)


# Files --------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the file of a small network."""
    nir.write(tmp_path / "x.nir", graph_of(small(), PATH))
    return tmp_path / "x.nir"


def file_refused(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        graph.read(path)
    assert str(caught.value).startswith(str(path))
    one_sentence(str(caught.value).removeprefix(str(path)))


Change = Callable[[h5py.File], Any]


def put(name: str, value: Any) -> Change:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = value

    return change


def drop(name: str) -> Change:
    return lambda file: file.pop(name)


def zeros(file: h5py.File) -> None:
    """Put 2 GB of zeros into a few megabytes."""
    del file["node/nodes/fc1/weight"]
    made = file.create_dataset(
        "node/nodes/fc1/weight", (2000, 1_000_000), "i1", chunks=(2000, 1000), compression="gzip"
    )
    made[:, :1000] = 0


def hollow(file: h5py.File) -> None:
    del file["node/nodes/fc1/weight"]
    file.create_dataset("node/nodes/fc1/weight", (3, 4), "f4", chunks=(3, 4))


def contain(file: h5py.File) -> None:
    """Put a group into itself, under ten names."""
    for index in range(10):
        file[f"node/nodes/fc1/again{index}"] = file["node/nodes/fc1"]


def nest(file: h5py.File) -> None:
    group = file["node"]
    for _ in range(100):
        group = group.require_group("nodes/g")
        group["type"], group["edges"] = "NIRGraph", np.zeros((0, 2))


def store_outside(file: h5py.File) -> None:
    del file["node/nodes/fc1/weight"]
    file.create_dataset("node/nodes/fc1/weight", (3, 4), "u1", external=[(__file__, 0, 12)])


WEIGHT = "node/nodes/fc1/weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("node"), "it is HDF5 but not NIR, which has the group 'node'"),
        (put("node", 3), "'node' in / is not a group"),
        (put("version", "2.0.1"), "written by NIR 2.0.1 and this program reads NIR 1.x"),
        (put("version", "soon"), "its NIR version is 'soon'"),
        (put("version", 9), "'version' in / is not text"),
        (drop("node/type"), "its group 'node' is incomplete; nir.write failed"),
        (put("node/type", "LIF"), "it holds a single LIF node"),
        (drop("node/nodes"), "'nodes' is missing"),
        (drop("node/edges"), "'edges' is missing"),
        (put("node/edges", ["in", "fc1"]), "'edges' is not an array of pairs"),
        (put("node/edges", np.zeros((3, 2))), "'edges' is not an array of pairs"),
        (put("node/nodes/fc1", 3), "node 'fc1': 'fc1' in /node/nodes is not a group"),
        (drop("node/nodes/fc1/type"), "node 'fc1': it has no 'type'"),
        (put("node/nodes/fc1/type", 3), "node 'fc1': 'type' in .* is not text"),
        (put("node/nodes/fc1/type", "Izhikevich"), "node 'fc1': its type is 'Izhikevich', which"),
        (drop(WEIGHT), "node 'fc1': Affine needs 'weight'"),
        (put(WEIGHT, "text"), "node 'fc1': weight does not hold numbers"),
        (put(WEIGHT, np.full((3, 4), NAN)), "node 'fc1': weight holds nan"),
        (put(WEIGHT, np.zeros((4, 4))), r"node 'fc1': weight has shape \(4, 4\)|bias"),
        (put(WEIGHT, h5py.SoftLink("/node/nodes/fc2/weight")), "node 'fc1': 'weight' .* is a link"),
        (put(WEIGHT, h5py.ExternalLink("y.nir", "/weight")), "node 'fc1': 'weight' .* is a link"),
        (put("node/nodes/fc1", h5py.SoftLink("/node/nodes/fc2")), "node 'fc1': .* is a link"),
        (put("node", h5py.ExternalLink("y.nir", "/node")), "'node' in / is a link"),
        (store_outside, "node 'fc1': 'weight' .* is not an array in this file"),
        (put(WEIGHT, h5py.Empty("f4")), "node 'fc1': 'weight' .* is not an array in this file"),
        (put("node/nodes/fc1/refractory", 3), "node 'fc1': Affine of NIR has no 'refractory'"),
        (zeros, "its arrays take 2.0 GB; the limit is 1.1 GB"),
        (hollow, r"node 'fc1': 'weight' .* has shape \(3, 4\) and no data"),
        (contain, "the group .* has several names"),
        (nest, "nested more than 32 deep"),
        (put("node/metadata/a/b", h5py.SoftLink("/x")), "is a link"),
    ],
)  # fmt: skip
def test_files_that_are_damaged(path, change, message):
    with h5py.File(path, "r+") as file:
        change(file)
    file_refused(path, message)


def test_a_file_of_too_many_names(path, monkeypatch):
    monkeypatch.setattr(hdf5, "ITEMS_LIMIT", 20)
    file_refused(path, "it has over 20 groups and arrays")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a NIR .HDF5. file"),
        (b"PK\x03\x04", "is not a NIR"),
        (b"\x89HDF\r\n\x1a\n" + bytes(4000), "is damaged"),
    ],
)
def test_files_that_are_no_hdf5(tmp_path, content, message):
    (tmp_path / "x.nir").write_bytes(content)
    file_refused(tmp_path / "x.nir", message)


def test_a_sparse_file_of_2_gb_of_zeros(tmp_path):
    with (tmp_path / "x.nir").open("wb") as file:
        file.truncate(2 << 30)
    file_refused(tmp_path / "x.nir", "is not a NIR")


def test_a_missing_file_and_a_folder(tmp_path):
    file_refused(tmp_path / "x.nir", "does not exist; give the path of a .nir file")
    file_refused(tmp_path, "is a folder")


def test_a_truncated_file(path):
    whole = path.read_bytes()
    for length in (9, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        file_refused(path, "damaged")


def loads_or_refuses(path: Path) -> None:
    """Check that a damaged file folds, or gives one sentence."""
    with contextlib.suppress(InputError):
        try:
            folding.fold(graph.read(path), DIALECTS["plain"], DT)
        except InputError as error:
            one_sentence(str(error).removeprefix(str(path)))
            raise


@pytest.mark.parametrize("count", [150, pytest.param(6000, marks=pytest.mark.long)])
def test_flipped_bytes_never_give_a_traceback(path, count):
    whole, rng = path.read_bytes(), np.random.default_rng(count)
    for _ in range(count):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 9)):
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        loads_or_refuses(path)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_part_of_a_file_can_be_damaged(path):
    whole = path.read_bytes()
    for place in range(0, len(whole), 13):
        value = 0xFF if place % 2 else 0
        path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        loads_or_refuses(path)
