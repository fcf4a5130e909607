"""The page on networks to train names every field, and its example trains."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from neurodeploy.models.architecture import PRESETS, LayerSpec, NetworkFile, from_dict
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import NARROWEST, WIDEST, SlayerNetwork
from neurodeploy.running.comparison import check_equivalence

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reference" / "networks.md").read_text(encoding="utf-8")
FIELDS = NetworkFile.__struct_fields__
LAYER_FIELDS = [each.name for each in fields(LayerSpec)]
EXAMPLE = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a line."""
    table = PAGE.split(f"\n{heading}\n", 1)[1].split("\n|---", 1)[1].split("\n\n", 1)[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in table.split("\n")[1:]]


def test_the_tables_name_every_field_and_preset_and_no_other():
    assert {row[0].strip("`") for row in rows("The whole file:")} == set(FIELDS)
    assert [row[0].strip("`") for row in rows("A layer:")] == list(LAYER_FIELDS)
    assert [row[0].strip("`") for row in rows("## Presets")] == list(PRESETS)


def test_the_defaults_are_those_of_the_program():
    plain = {"dense": LayerSpec("dense", 3), "conv": LayerSpec("conv", channels=3)}
    for name, _, default in rows("A layer:"):
        field = name.strip("`")
        if default == "must be given":
            assert field in ("kind", "neurons", "channels")
            continue
        value = getattr(plain["conv"], field)
        value = value[0] if isinstance(value, tuple) else value
        assert json.loads(json.dumps(value)) == _value(default), field


def _value(text: str) -> object:
    text = text.strip("`")
    return text if text in ("no", "none") else json.loads(text)


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
    twin = quantize(network.eval())
    found = check_equivalence(network, twin, spikes)
    assert found.equal
    assert found.num_spikes > 500
    assert np.unique(twin.layers[1].weight).size <= 64


@pytest.mark.parametrize("width", [WIDEST, NARROWEST])
def test_the_widths_are_those_of_the_program(width):
    assert f"from {WIDEST:g} steps\nto {NARROWEST:g} " in PAGE
    assert f"{width:g}" in PAGE
