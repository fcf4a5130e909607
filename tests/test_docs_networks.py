"""The page on networks to train names every field, and its example trains."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.models.architecture import PRESETS, LayerSpec, NetworkFile, from_dict
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import NARROWEST, WIDEST, SlayerNetwork

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reference" / "networks.md").read_text(encoding="utf-8")
FIELDS = NetworkFile.__struct_fields__
LAYER_FIELDS = [each.name for each in fields(LayerSpec)]
EXAMPLE = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


def test_the_table_names_every_preset_and_no_other():
    table = PAGE.partition("## Presets\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(PRESETS)


def test_the_example_uses_every_field_and_fits_the_task():
    used = set().union(*(layer.keys() for layer in EXAMPLE["layers"]), EXAMPLE["defaults"])
    assert used == set(LAYER_FIELDS)
    assert set(EXAMPLE) == set(FIELDS)
    assert from_dict(EXAMPLE).sizes == (33, 136, 96, 64, 6)


@pytest.mark.long
def test_the_example_trains_and_spikes_as_its_integers_do(one_torch_thread, draw_spikes):
    torch.manual_seed(0)
    network = SlayerNetwork(from_dict(EXAMPLE))
    spikes = draw_spikes(4, 33, 40)
    network(torch.from_numpy(spikes).float()).sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    for name, values in network.named_parameters():
        if name.endswith("synapse.weight"):
            values.data *= 2
    quantized = quantize(network.eval())
    found = check_equivalence(network, quantized, spikes)
    assert found.equal
    assert found.num_spikes > 500
    assert np.unique(quantized.layers[1].weight).size <= 64


@pytest.mark.parametrize("width", [WIDEST, NARROWEST])
def test_the_widths_are_those_of_the_program(width):
    assert f"from {WIDEST:g} steps\nto {NARROWEST:g} " in PAGE
    assert f"{width:g}" in PAGE
