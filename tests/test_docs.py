"""The page on users' own networks does what it says, on a network and a file of lava-dl's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.models.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "how-to" / "own-network.md").read_text(encoding="utf-8")
DEFINITION, FROM_CHECKPOINT, FROM_FILE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def run(block: str, names: dict[str, Any]) -> dict[str, Any]:
    """Execute a block of the page with and into these names."""
    exec(compile(block, "own-network.md", "exec"), names)
    return names


@pytest.fixture
def workplace(tmp_path, monkeypatch, draw_spikes) -> dict[str, Any]:
    """Enter a folder with all that the page takes for granted; return the names defined so far.

    The network has been through one optimizer step, and its delays are spread.
    """
    import torch

    monkeypatch.chdir(tmp_path)
    np.save("my_spikes.npy", draw_spikes(9, 12, 60))
    torch.manual_seed(8)
    names = run(DEFINITION, {})
    network = names["MyNetwork"]()
    spikes = torch.from_numpy(np.load("my_spikes.npy")).float()
    network(spikes)
    for block in network.blocks[:2]:
        block.delay.delay.data = 20 * torch.rand(block.delay.delay.shape)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    (network(spikes).sum() - 100).square().backward()
    optimizer.step()
    torch.save(network.state_dict(), "my_network.pt")
    names["slayers"] = [network]
    names["delayed"] = delayed_spikes(network, spikes)
    network.export_hdf5("exported.net")
    return names


def delayed_spikes(network: Any, spikes: Any) -> list[np.ndarray]:
    """Return the spikes of every block after its delay, as the module itself computes them."""
    arriving, found = spikes, []
    for block in network.blocks:
        arriving = block(arriving)
        found.append(arriving.detach().numpy().astype(np.uint8))
    return found


def test_a_checkpoint_is_quantized_checked_compared_and_written(workplace, capsys):
    names = run(FROM_CHECKPOINT, workplace)
    assert not names["problems"]
    assert names["comparison"].equal
    assert names["comparison"].num_spikes > 1000
    assert capsys.readouterr().out.startswith(
        "no problem on Loihi 1 and Loihi 2\nthe trained network and fast agree in all "
    )
    assert [layer.delay_kind for layer in names["network"].layers] == ["none", "axonal", "axonal"]
    assert netx.read(Path("my_network.net")).inputs == 12


def test_a_file_of_lava_dl_spikes_as_its_network_did(workplace, capsys):
    names = run(FROM_FILE, workplace)
    expected = names["delayed"]
    assert all(layer.sum() > 100 for layer in expected[:2])
    assert all(np.array_equal(a, b) for a, b in zip(names["activity"].spikes, expected))
    kinds = [layer.delay_kind for layer in names["network"].layers]
    assert kinds == ["dendritic", "dendritic", "none"]
    assert f"predictions: {expected[-1].sum(2).argmax(1)}" in capsys.readouterr().out


def test_stock_netx_gives_the_same_output_from_the_same_file(workplace):
    """Lava runs in a process of its own, which a time limit ends if it hangs."""
    expected = workplace["delayed"][-1][0]
    with open("out.txt", "w") as out, open("err.txt", "w") as err:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.stock_lava", *map(str, files_for_stock()), "1"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=600, check=True,
        )  # fmt: skip
    given = json.loads(Path("out.txt").read_text().splitlines()[-1])["first_output"]
    assert expected.sum() > 0
    assert np.array_equal(given, expected)


def files_for_stock() -> tuple[Path, Path]:
    return Path("exported.net").resolve(), Path("my_spikes.npy").resolve()


def recurrent(layer: Any) -> None:
    put(layer, "type", np.array([b"dense_rec"]))
    put(layer, "weight_rec", np.ones((32, 32)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda layer: put(layer, "type", np.array([b"pool"])), "the layer is pooling ('pool')"),
        (lambda layer: put(layer, "type", np.array([b"concat"])), "is concatenation ('concat')"),
        (lambda layer: put(layer, "type", np.array([b"conv"])), "the convolution has delays"),
        (recurrent, "the recurrent layer has delays and weights of shape (32, 64)"),
        (lambda layer: put(layer["neuron"], "type", np.array([b"ALIF"])), "type is 'ALIF'"),
        (lambda layer: put(layer["neuron"], "refDelay", 2), "refDelay is 2"),
        (lambda layer: put(layer["neuron"], "gradedSpike", True), "gradedSpike is set"),
        (lambda layer: put(layer, "delay", np.full(32, 63)), "the range is 0 to 62"),
        (lambda layer: put(layer, "weight", layer["weight"][()] * 300), "-256 to 255"),
    ],
)
def test_what_the_page_calls_refused_is_refused_by_name(workplace, change, said):
    import h5py

    with h5py.File("exported.net", "r+") as file:
        change(file["layer/1"])
    with pytest.raises(InputError, match=re.escape(said)) as error:
        netx.read(Path("exported.net"))
    assert "layer 1" in str(error.value)


def put(group: Any, name: str, value: Any) -> None:
    if name in group:
        del group[name]
    group.create_dataset(name, data=value)
