"""Files that a release wrote are read by this version as they were by that one.

`index.json` was written by the release itself: the digest of each network, and what its layers
emit for a seeded input.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import neurodeploy as nd
from neurodeploy.models.architecture import read_architecture

FOLDER = Path(__file__).parent / "released" / "0.1.0"
INDEX = json.loads((FOLDER / "index.json").read_text())


@pytest.mark.parametrize("name", INDEX["networks"])
def test_a_network_has_the_same_digest_and_the_same_spikes(name):
    network, known = nd.load(FOLDER / name), INDEX["networks"][name]
    assert network.digest == known["digest"]
    rng = np.random.default_rng(0)
    spikes = rng.integers(0, known["input_max"] + 1, (3, network.inputs, 20))
    layers = nd.simulate(network, spikes).spikes
    assert [int(np.abs(each.astype(np.int64)).sum()) for each in layers] == known["layer_sums"]
    output = hashlib.sha256(layers[-1].astype("<i4").tobytes()).hexdigest()
    assert output == known["output_sha256"]


def test_a_network_json_is_read():
    assert list(read_architecture(FOLDER / "network.json").sizes) == INDEX["network.json"]["sizes"]


def test_a_cost_file_is_read():
    chip = nd.load_chip(FOLDER / "cost-file.json")
    assert {"name": chip.name, "digest": chip.digest} == INDEX["cost-file.json"]


def test_an_interrupted_run_goes_on(tmp_path, command):
    folder = tmp_path / "run"
    shutil.copytree(FOLDER / "interrupted", folder)
    state = torch.load(folder / "resume.pt", weights_only=True)
    state["options"]["torch"] = str(torch.__version__)  # a run goes on with its torch alone
    torch.save(state, folder / "resume.pt")
    words = ["--task", "digits", "--network", "small", "--hidden", 8, "--synop-budget", 1500]
    words += ["--epochs", 4, "--threads", 1, "--out", folder, "--resume"]
    assert command("train", *words)[0] in (0, 1)  # 1: four epochs do not reach the budget
    lines = (folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]
    before = json.loads((FOLDER / "interrupted" / "history.jsonl").read_text())
    assert json.loads(lines[0])["loss"] == before["loss"]
