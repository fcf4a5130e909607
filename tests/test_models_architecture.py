"""What may be said about a network to train, and what is refused before training starts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from neurodeploy.models.architecture import SYNAPTIC_LONGEST, Architecture, LayerSpec
from neurodeploy.models.architecture_json import PRESETS
from neurodeploy.models.errors import InputError

PLAIN = Architecture.dense((5, 40, 30, 3))


def refused(message: str):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0), (3, -1, 2), (3, 2.0), (3, "2"), (65536, 2)])
def test_sizes_are_two_or_more_whole_numbers(sizes):
    with refused(f"sizes are {sizes}; give two or more whole numbers from 1 to 65535"):
        Architecture.dense(sizes)


@pytest.mark.parametrize(
    ("name", "value", "limits"),
    [
        ("threshold", 64.0, "0.015625 to 63.9844"),
        ("threshold", 0.0, "0.015625 to 63.9844"),
        ("current_decay", 1.01, "0 to 1"),
        ("voltage_decay", -0.1, "0 to 1"),
        ("voltage_decay", float("nan"), "0 to 1"),
        ("tau_grad", 0.0, "1e-06 to 1e+06"),
        ("scale_grad", "1", "1e-06 to 1e+06"),
        ("scale_grad", True, "1e-06 to 1e+06"),
    ],
)
def test_a_value_out_of_range_is_refused(name, value, limits):
    with refused(f"{name} is {value!r}; the range is {limits}"):
        PLAIN.changed(**{name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "pool"}, "kind is 'pool'; it is one of dense, recurrent, conv"),
        ({"delays": True}, "delays is True; it is one of none, axonal, synaptic"),
        ({"learn_decays": "all"}, "learn_decays is 'all'; it is one of no, shared, neuron"),
        ({"weight_bits": 5}, "weight_bits is 5; it is one of 8, 6, 4"),
        ({"neurons": None}, "neurons is None; give a whole number from 1 to 65535"),
        ({"neurons": 2.0}, "neurons is 2.0; give a whole number from 1 to 65535"),
        ({"longest_delay": 63}, "longest_delay is 63; give a whole number from 1 to 62"),
        ({"longest_delay": 0}, "longest_delay is 0; give a whole number from 1 to 62"),
        ({"bias": 1}, "bias is 1; give true or false"),
        ({"dropout": 1.0}, "dropout is 1.0; it is a share from 0 to below 1"),
        ({"dropout": -0.1}, "dropout is -0.1; it is a share from 0 to below 1"),
        ({"connections": 0}, "connections is 0; it is a share over 0 up to 1"),
        ({"connections": 1.5}, "connections is 1.5; it is a share over 0 up to 1"),
        ({"channels": 3}, "channels is given for a dense layer; only conv layers have it"),
        ({"stride": 2}, "stride is given for a dense layer; only conv layers have it"),
        (
            {"kind": "recurrent", "connections": 0.5},
            "connections is given for a recurrent layer; only dense layers have it",
        ),
        (
            {"kind": "recurrent", "delays": "synaptic"},
            "delays is 'synaptic' for a recurrent layer, for which netx has none; only dense "
            "layers have them",
        ),
    ],
)
def test_a_field_of_a_layer_that_means_nothing_is_refused(fields, message):
    with refused(message):
        LayerSpec(**{"kind": "dense", "neurons": 4, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"neurons": 3},
            "neurons is given for a conv layer; only dense and recurrent layers have it",
        ),
        ({"channels": 0}, "channels is 0; give a whole number from 1 to 65535"),
        ({"kernel": 0}, "kernel is 0; give a height and a width, whole numbers from 1"),
        ({"kernel": [3]}, "kernel is [3]; give a height and a width, whole numbers from 1"),
        (
            {"padding": [0, -1]},
            "padding is [0, -1]; give a height and a width, whole numbers from 0",
        ),
        (
            {"learn_decays": "neuron"},
            "learn_decays is 'neuron' for a conv layer, whose decays lava-dl takes for those of "
            "columns; use 'shared'",
        ),
    ],
)  # fmt: skip
def test_a_field_of_a_convolution_that_means_nothing_is_refused(fields, message):
    with refused(message):
        LayerSpec(**{"kind": "conv", "channels": 4, **fields})


DENSE, LAST = LayerSpec("dense", 8), LayerSpec("dense", 3)
AXONAL, SYNAPTIC = replace(DENSE, delays="axonal"), replace(DENSE, delays="synaptic")
RECURRENT, CONV = LayerSpec("recurrent", 8), LayerSpec("conv", channels=4)


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((5,), (), "the network has no layers; give at least one"),
        (
            (5,), (DENSE, replace(LAST, delays="axonal")),
            "layer 1 is the last and has axonal delays, which no layer receives; leave them out",
        ),
        (
            (5,), (AXONAL, RECURRENT, LAST),
            "layer 0 has axonal delays and layer 1 is recurrent, into which netx has no delays; "
            "leave them out",
        ),
        (
            (1, 8, 8), (replace(CONV, delays="axonal"), CONV, LAST),
            "layer 0 has axonal delays and layer 1 is conv, into which netx has no delays; leave "
            "them out",
        ),
        (
            (5,), (replace(AXONAL, longest_delay=40), replace(SYNAPTIC, longest_delay=23), LAST),
            "delays of layer 0 and of the synapses of layer 1 can add up to 63 steps; the longest "
            "is 62, so give both a lower longest_delay",
        ),
        (
            (5,), (CONV, LAST),
            "layer 0 is a convolution and the input is no image; give input_shape as [channels, "
            "height, width]",
        ),
        (
            (1, 9, 9), (DENSE, CONV),
            "layer 1 is a convolution after layer 0, which makes no images; put it before",
        ),
        (
            (3, 9, 9), (replace(CONV, groups=2), LAST),
            "layer 0 has 2 groups, into which 3 input and 4 output channels do not fall evenly",
        ),
        (
            (1, 2, 9), (CONV, LAST),
            "layer 0 has a kernel of 3 x 3 and takes images of 2 x 9, padding included (height x "
            "width); give a smaller kernel or more padding",
        ),
        (
            (1, 1, 9), (replace(CONV, padding=(1, 0)), CONV, LAST),
            "layer 1 has a kernel of 3 x 3 and takes images of 1 x 7, padding included (height x "
            "width); give a smaller kernel or more padding",
        ),
        (
            (1, 99, 98), (replace(CONV, channels=8), LAST),
            "layer 0 makes images of 8 x 97 x 96 (channels x height x width) from 1 x 99 x 98 with "
            "a kernel of 3 x 3, 74,496 neurons; the limit is 65,535, so give fewer channels or a "
            "larger stride",
        ),
        (
            (8, 90, 90), (replace(CONV, kernel=91, padding=1), LAST),
            "layer 0 makes images of 4 x 2 x 2 (channels x height x width) from 8 x 90 x 90 with "
            "a kernel of 91 x 91, 66,248 synapses a neuron; the limit is 65,535, so give a smaller "
            "kernel or more groups",
        ),
        (
            (5, 5), (LAST,),
            "input_shape is (5, 5); give (channels,) or (channels, height, width), together 65535 "
            "at most",
        ),
    ],
)  # fmt: skip
def test_layers_that_cannot_follow_each_other_are_refused(shape, layers, message):
    with refused(message):
        Architecture(shape, layers)


def test_delays_that_stay_within_62_together_are_taken():
    layers = (replace(AXONAL, longest_delay=40), replace(SYNAPTIC, longest_delay=22), LAST)
    assert Architecture((5,), layers).layers == layers


@pytest.mark.parametrize("start", [-1, 63, "3", float("nan")])
def test_the_longest_start_is_a_delay(start):
    with refused(f"longest_start is {start!r}; the range is 0 to 62"):
        replace(PLAIN, longest_start=start)


def test_shapes_follow_from_the_layers():
    layers = (
        LayerSpec("conv", channels=4, kernel=(3, 2), stride=2, padding=(1, 0)),
        LayerSpec("recurrent", 7),
        LayerSpec("dense", 3),
    )
    made = Architecture((2, 9, 8), layers)
    assert made.shapes == ((2, 9, 8), (4, 5, 4), (7,), (3,))
    assert made.sizes == (144, 80, 7, 3)
    assert made.synapses == (4 * 2 * 6, 7 * (80 + 7), 21)


def test_delays_go_wherever_they_can():
    layers = (CONV, CONV, RECURRENT, DENSE, DENSE, LAST)
    made = Architecture((1, 9, 9), layers)
    kinds = {kind: [each.delays for each in made.with_delays(kind).layers] for kind in
             ("none", "axonal", "synaptic")}  # fmt: skip
    assert kinds["none"] == ["none"] * 6
    assert kinds["axonal"] == ["none", "none", "axonal", "axonal", "axonal", "none"]
    assert kinds["synaptic"] == ["none"] * 3 + ["synaptic"] * 3
    longest = [each.longest_delay for each in made.with_delays("synaptic").layers]
    assert longest == [62] * 3 + [SYNAPTIC_LONGEST] * 3
    with refused("delays is 'all'; choose none, axonal, synaptic"):
        made.with_delays("all")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("shape", [(33,), (2, 34, 34), (1, 5, 40)])
def test_presets_fit_any_input(name, shape):
    made = PRESETS[name](shape, 6, threshold=0.7)
    assert made.sizes[-1] == 6
    assert made.sizes[0] == shape[0] * (1 if len(shape) == 1 else shape[1] * shape[2])
    assert {layer.threshold for layer in made.layers} == {0.7}


def test_presets_are_what_their_names_say():
    made = {name: preset((33,), 6) for name, preset in PRESETS.items()}
    assert made["dense"] == Architecture.dense((33, 128, 128, 6))
    assert made["small"].sizes == (33, 64, 6)
    assert made["dense-bias"].has_biases
    assert made["recurrent"].layers[0].kind == "recurrent"
    assert made["conv"].layers[0].kind == "conv"
    assert {layer.delays for layer in made["synaptic"].layers} == {"synaptic"}
    assert made["synaptic"].layers[0].connections == 0.25
