"""What a network to train may be, in Python and as JSON, and what is refused before training."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from neurodeploy.models.architecture import (
    PRESETS,
    SYNAPTIC_DELAY_MAX,
    Architecture,
    LayerSpec,
    from_dict,
    read_architecture,
)
from neurodeploy.models.errors import InputError


def refused(*named: object):
    """Expect an InputError that names these things in this order."""
    return pytest.raises(InputError, match=".*".join(re.escape(str(each)) for each in named))


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0), (3, -1, 2), (3, 2.5), (3, "2"), (65536, 2)])
def test_sizes_are_two_or_more_positive_integers(sizes):
    with pytest.raises(InputError):
        Architecture.dense(sizes)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"threshold": 2048.0}, ("threshold is 2048.0",)),
        ({"threshold": 0.0}, ("threshold is 0.0",)),
        ({"current_decay": 1.01}, ("current_decay is 1.01",)),
        ({"voltage_decay": -0.1}, ("voltage_decay is -0.1",)),
        ({"voltage_decay": float("nan")}, ("voltage_decay is NaN",)),
        ({"tau_grad": 0.0}, ("tau_grad is 0.0",)),
        ({"scale_grad": "1"}, ('scale_grad is "1"',)),
        ({"scale_grad": True}, ("scale_grad is true",)),
        ({"kind": "pool"}, ('kind is "pool"',)),
        ({"delays": True}, ("delays is true",)),
        ({"learn_decays": "all"}, ('learn_decays is "all"',)),
        ({"weight_bits": 5}, ("weight_bits is 5",)),
        ({"neurons": None}, ("dense", "neurons", "1 to 65535")),
        ({"neurons": 2.5}, ("neurons is 2.5",)),
        ({"max_delay": 63}, ("max_delay is 63",)),
        ({"max_delay": 0}, ("max_delay is 0",)),
        ({"bias": 1}, ("bias is 1",)),
        ({"weight_format": "odd"}, ('weight_format is "odd"',)),
        ({"weight_format": "signed", "weight_bits": 4}, ("'signed'", "4", "8 bits")),
        ({"bias_bits": 9}, ("bias_bits is 9",)),
        ({"dilation": 2}, ("dilation", "dense", "only conv")),
        ({"dropout": 1.0}, ("dropout is 1.0",)),
        ({"dropout": -0.1}, ("dropout is -0.1",)),
        ({"density": 0}, ("density is 0",)),
        ({"density": 1.5}, ("density is 1.5",)),
        ({"channels": 3}, ("channels", "dense", "only conv")),
        ({"stride": 2}, ("stride", "dense", "only conv")),
        ({"kind": "recurrent", "density": 0.5}, ("density", "recurrent", "only dense")),
        ({"kind": "recurrent", "delays": "synaptic"}, ("'synaptic'", "recurrent", "netx")),
        ({"kind": "conv", "channels": 4}, ("neurons", "conv", "dense and recurrent")),
        ({"kind": "conv", "neurons": None, "channels": 0}, ("channels is 0",)),
        ({"kind": "conv", "neurons": None, "kernel_size": 0}, ("kernel_size is 0",)),
        ({"kind": "conv", "neurons": None, "kernel_size": [3]}, ("kernel_size is [3]",)),
        ({"kind": "conv", "neurons": None, "padding": [0, -1]}, ("padding[1] is -1",)),
        (
            {"kind": "conv", "neurons": None, "channels": 4, "learn_decays": "neuron"},
            ("'neuron'", "conv", "'shared'"),
        ),
    ],
)
def test_a_field_of_a_layer_out_of_range_or_place_is_refused(fields, named):
    with refused(*named):
        LayerSpec(**{"kind": "dense", "neurons": 4, **fields})


DENSE, LAST = LayerSpec("dense", 8), LayerSpec("dense", 3)
AXONAL, SYNAPTIC = replace(DENSE, delays="axonal"), replace(DENSE, delays="synaptic")
RECURRENT, CONV = LayerSpec("recurrent", 8), LayerSpec("conv", channels=4)


@pytest.mark.parametrize(
    ("shape", "layers", "named"),
    [
        ((5,), (), ("no layers",)),
        ((5,), (DENSE, replace(LAST, delays="axonal")), ("layer 1", "last", "axonal")),
        (
            (1, 8, 8), (replace(CONV, delays="axonal"), CONV, LAST),
            ("layer 0", "axonal", "layer 1", "conv"),
        ),
        (
            (5,), (replace(AXONAL, max_delay=40), replace(SYNAPTIC, max_delay=23), LAST),
            ("layer 0", "layer 1", "63", "62", "max_delay"),
        ),
        ((5,), (CONV, LAST), ("layer 0", "input_shape", "[channels, height, width]")),
        ((1, 9, 9), (DENSE, CONV), ("layer 1", "layer 0", "not an image")),
        ((3, 9, 9), (replace(CONV, groups=2), LAST), ("layer 0", "2 groups", "3 input", "4 out")),
        ((1, 2, 9), (CONV, LAST), ("layer 0", "3 x 3", "2 x 9", "padding")),
        ((1, 1, 9), (replace(CONV, padding=(1, 0)), CONV, LAST), ("layer 1", "3 x 3", "1 x 7")),
        (
            (1, 99, 98), (replace(CONV, channels=8), LAST),
            ("layer 0", "8 x 97 x 96", "1 x 99 x 98", "74,496 neurons", "65,535", "channels"),
        ),
        (
            (8, 90, 90), (replace(CONV, kernel_size=91, padding=1), LAST),
            ("layer 0", "4 x 2 x 2", "91 x 91", "66,248 synapses", "65,535", "groups"),
        ),
        ((5, 5), (LAST,), ("input_shape is (5, 5)",)),
        ((65535,), (LayerSpec("dense", 60000), LAST), ("3,932,280,000", "134,217,728")),
    ],
)  # fmt: skip
def test_layers_that_cannot_follow_each_other_are_refused(shape, layers, named):
    with refused(*named):
        Architecture(shape, layers)


def test_delays_that_stay_within_62_together_are_taken():
    layers = (replace(AXONAL, max_delay=40), replace(SYNAPTIC, max_delay=22), LAST)
    assert Architecture((5,), layers).layers == layers


@pytest.mark.parametrize("start", [-1, 63, "3", float("nan")])
def test_delays_start_within_their_range(start):
    with refused("delay_init_max is"):
        Architecture.dense((5, 3), delay_init_max=start)


def test_shapes_follow_from_the_layers():
    layers = (
        LayerSpec("conv", channels=4, kernel_size=(3, 2), stride=2, padding=(1, 0)),
        LayerSpec("recurrent", 7),
        LayerSpec("dense", 3),
    )
    network = Architecture((2, 9, 8), layers)
    assert network.shapes == ((2, 9, 8), (4, 5, 4), (7,), (3,))
    assert network.sizes == (144, 80, 7, 3)
    assert network.synapses == (4 * 2 * 6, 7 * (80 + 7), 21)


def test_delays_go_wherever_they_can():
    network = Architecture((1, 9, 9), (CONV, CONV, RECURRENT, DENSE, DENSE, LAST))
    kinds = {kind: [each.delays for each in network.with_delays(kind).layers] for kind in
             ("none", "axonal", "synaptic")}  # fmt: skip
    assert kinds["none"] == ["none"] * 6
    assert kinds["axonal"] == ["none", "none", "axonal", "axonal", "axonal", "none"]
    assert kinds["synaptic"] == ["none"] * 3 + ["synaptic"] * 3
    longest = [each.max_delay for each in network.with_delays("synaptic").layers]
    assert longest == [62] * 3 + [SYNAPTIC_DELAY_MAX] * 3
    with refused("delays is 'all'", "none, axonal, synaptic"):
        network.with_delays("all")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("shape", [(33,), (2, 34, 34), (1, 5, 40)])
def test_presets_fit_any_input_and_survive_json(name, shape):
    network = PRESETS[name](shape, 6, threshold=0.7, weight_bits=6)
    assert network.sizes[-1] == 6
    assert network.sizes[0] == shape[0] * (1 if len(shape) == 1 else shape[1] * shape[2])
    assert {layer.threshold for layer in network.layers} == {0.7}
    assert from_dict(json.loads(json.dumps(network.as_dict()))) == network


TINY = {"input_shape": [5], "layers": [{"kind": "dense", "neurons": 4}]}


def test_only_the_kind_and_the_size_must_be_given():
    assert from_dict(TINY) == Architecture.dense((5, 4), delays="none")


def test_defaults_are_for_the_layers_that_do_not_set_a_field():
    layers = [{"kind": "recurrent", "neurons": 4}, {"neurons": 3, "threshold": 2.0}]
    defaults = {"kind": "dense", "threshold": 0.5, "bias": True}
    network = from_dict({**TINY, "layers": layers, "defaults": defaults})
    assert [layer.kind for layer in network.layers] == ["recurrent", "dense"]
    assert [layer.threshold for layer in network.layers] == [0.5, 2.0]
    assert all(layer.bias for layer in network.layers)


def test_the_tasks_input_stands_in_for_a_missing_shape():
    values = {"layers": TINY["layers"]}
    assert from_dict(values, (33,)).input_shape == (33,)
    with refused("input_shape", "[33]"):
        from_dict(values)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layer": []}, ("`layer`",)),
        ({"layers": {}}, ("layers is {}",)),
        ({"layers": [3]}, ("layers[0] is 3",)),
        ({"layers": [{"neurons": 4}]}, ("layers[0]", "'kind'")),
        ({"defaults": {"tresholt": 1}}, ("defaults", "`tresholt`")),
        (
            {"layers": [{"kind": "dense", "neurons": 4, "delay": "axonal"}]},
            ("layers[0]", "`delay`"),
        ),
        ({"layers": [{"kind": "dense", "neurons": "4"}]}, ('layers[0].neurons is "4"',)),
        ({"input_shape": "5"}, ('input_shape is "5"',)),
        ({"delay_init_max": None}, ("delay_init_max is null",)),
        ({"delay_init_max": 3, "longest_start": 4}, ("'longest_start'", "'delay_init_max'")),
    ],
)
def test_what_is_wrong_in_json_is_named_with_its_file(tmp_path, changes, named):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**TINY, **changes}))
    with refused(path, *named):
        read_architecture(path)


def test_a_file_may_use_the_names_of_an_earlier_release():
    old = {"longest_start": 9, "layers": [{"kind": "dense", "neurons": 4, "connections": 0.5,
           "longest_delay": 12}], "defaults": {"longest_delay": 30}}  # fmt: skip
    network = from_dict(old, (5,))
    assert network.delay_init_max == 9
    assert network.layers == (LayerSpec("dense", 4, density=0.5, max_delay=12),)
