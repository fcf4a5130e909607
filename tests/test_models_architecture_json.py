"""Networks as JSON: the same network comes back, and what is wrong is named."""

from __future__ import annotations

import json
import re

import pytest

from neurodeploy.models.architecture import Architecture
from neurodeploy.models.architecture_json import PRESETS, from_dict, read_architecture
from neurodeploy.models.errors import InputError

TINY = {"input_shape": [5], "layers": [{"kind": "dense", "neurons": 4}]}


@pytest.mark.parametrize("name", PRESETS)
def test_a_network_survives_json(name):
    made = PRESETS[name]((33,), 6, dropout=0.1, weight_bits=6)
    values = json.loads(json.dumps(made.as_dict()))
    assert from_dict(values) == made


def test_only_the_kind_and_the_size_must_be_said():
    assert from_dict(TINY) == Architecture.dense((5, 4), delays="none")


def test_defaults_are_for_the_layers_that_do_not_say_otherwise():
    layers = [{"kind": "recurrent", "neurons": 4}, {"neurons": 3, "threshold": 2.0}]
    made = from_dict(
        {**TINY, "layers": layers, "defaults": {"kind": "dense", "threshold": 0.5, "bias": True}}
    )
    assert [layer.kind for layer in made.layers] == ["recurrent", "dense"]
    assert [layer.threshold for layer in made.layers] == [0.5, 2.0]
    assert all(layer.bias for layer in made.layers)


def test_the_tasks_input_stands_in_for_a_missing_shape():
    values = {"layers": TINY["layers"]}
    assert from_dict(values, (33,)).input_shape == (33,)
    with pytest.raises(InputError, match=r"a network needs input_shape, such as \[33\]"):
        from_dict(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "a network is []; give a JSON object"),
        ({**TINY, "layer": []}, "a network has the unknown field 'layer'; did you mean 'layers'?"),
        ({"input_shape": [5]}, "a network needs layers, a list of objects"),
        ({**TINY, "layers": {}}, "a network needs layers, a list of objects"),
        ({**TINY, "layers": []}, "the network has no layers; give at least one"),
        ({**TINY, "layers": [3]}, "layer 0 is 3; give a JSON object"),
        ({**TINY, "layers": [{"neurons": 4}]}, "layer 0 needs kind"),
        ({**TINY, "defaults": 3}, "defaults is 3; give a JSON object"),
        (
            {**TINY, "defaults": {"tresholt": 1}},
            "defaults has the unknown field 'tresholt'; did you mean 'threshold'?",
        ),
        (
            {**TINY, "layers": [{"kind": "dense", "neurons": 4, "delay": "axonal"}]},
            "layer 0 has the unknown field 'delay'; did you mean 'delays'?",
        ),
        (
            {**TINY, "layers": [{"kind": "dense", "neurons": "4"}]},
            "layer 0: neurons is '4'; give a whole number from 1 to 65535",
        ),
        ({**TINY, "input_shape": "5"}, "input_shape is '5'; give (channels,) or"),
        ({**TINY, "longest_start": None}, "longest_start is None; the range is 0 to 62"),
    ],
)
def test_what_is_wrong_is_named(values, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        from_dict(values)


def test_a_file_is_read_and_its_errors_name_it(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(TINY))
    assert read_architecture(path) == from_dict(TINY)
    path.write_text("{")
    with pytest.raises(InputError, match=f"^{re.escape(str(path))} is no JSON"):
        read_architecture(path)
    path.write_text("[]")
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: a network is"):
        read_architecture(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_architecture(tmp_path / "none.json")


def test_a_file_may_begin_with_a_byte_order_mark_and_not_be_nested_without_end(tmp_path):
    path = tmp_path / "network.json"
    values = Architecture.dense((3, 2)).as_dict()
    path.write_text(json.dumps(values), encoding="utf-8-sig")
    assert read_architecture(path) == Architecture.dense((3, 2))
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"network\.json is nested too deeply; describe a network"):
        read_architecture(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"layers": [], "input_shape": [5], "layers": []}', "a network has 'layers' twice"),
        ('{"layers": [], "defaults": {"bias": true, "bias": false}}', "defaults has 'bias' twice"),
        (
            '{"layers": [{"kind": "dense", "neurons": 4, "neurons": 5}]}',
            "layer 0 has 'neurons' twice",
        ),
    ],
)
def test_a_key_given_twice_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "network.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_architecture(path, (5,))
    assert str(caught.value) == f"{path}: {said}; leave one of them"
