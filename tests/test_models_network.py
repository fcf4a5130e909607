"""The integer network: what it accepts, what it refuses, and that it does not change."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from neurodeploy.models import loihi
from neurodeploy.models.arrays import read_only
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import RecurrentLayer
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.models.synapses import weight_parts


def neuron(current_decay=1024, voltage_decay=300, threshold=100) -> CubaLif:
    return CubaLif(np.array(current_decay), np.array(voltage_decay), threshold)


def layer(neurons=3, inputs=2, **changes) -> DenseLayer:
    fields = {"weight": np.arange(neurons * inputs).reshape(neurons, inputs), "neuron": neuron()}
    return DenseLayer(**{**fields, **changes})


def test_layers_and_their_arrays_are_read_only():
    dense = layer(delay=np.array([[1, 2]]))
    for array in (dense.weight, dense.delay, dense.neuron.current_decay):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        dense.weight = np.zeros((3, 2))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, float])
def test_arrays_are_integer_copies(dtype):
    weight = np.ones((3, 2), dtype)
    dense = layer(weight=weight)
    weight[:] = 0
    assert (dense.weight == 1).all()
    assert dense.weight.dtype == np.int16
    assert dense.weight.flags.c_contiguous


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_the_shape_of_a_delay_tells_its_kind(shape):
    kinds = {(1, 2): "axonal", (3, 1): "dendritic", (3, 2): "synaptic", (1, 1): "axonal"}
    assert layer(delay=np.ones(shape, int)).delay_kind == kinds[shape]
    without = layer(delay=np.zeros(shape, int))
    assert (without.delay_kind, without.delay.shape) == ("none", (1, 1))


def test_sizes_follow_from_the_weights():
    network = QuantizedNetwork.chain((layer(3, 2), layer(4, 3)))
    assert (network.inputs, network.outputs) == (2, 4)
    assert (network.layers[1].neurons, network.layers[1].inputs) == (4, 3)


def test_the_ends_of_every_range_are_accepted():
    layer(weight=np.array([[loihi.WEIGHT_MIN, loihi.WEIGHT_MAX]]), delay=np.array([[0, 62]]))
    layer(weight=np.array([[loihi.WIDE_WEIGHT_MIN, loihi.WIDE_WEIGHT_MAX]]))
    neuron(current_decay=[0, 4096], voltage_decay=[4096, 0], threshold=loihi.THRESHOLD_MAX)
    neuron(threshold=0)


def test_weights_beyond_8_bits_take_two_synapses_of_8_bits():
    assert layer(weight=[[-256, 255]]).synapses_per_weight == 1
    for weight in ([[-257, 0]], [[256, 0]]):
        assert layer(weight=weight).synapses_per_weight == 2
    every = np.arange(-(1 << 15), 1 << 15).astype(np.int16)
    low, high = weight_parts(every)
    assert (low.min(), low.max(), high.min(), high.max()) == (0, 255, -256, 254)
    assert not (high & 1).any()
    assert ((high.astype(int) << loihi.HIGH_WEIGHT_EXP) + low == every).all()


def test_either_array_of_a_recurrent_layer_makes_all_its_weights_wide():
    for weight, recurrent, count in ((1, 1, 1), (300, 1, 2), (1, 300, 2)):
        made = RecurrentLayer([[weight]], [[recurrent]], neuron())
        assert made.synapses_per_weight == count
        assert made.synapses == 2


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: layer(weight=[[-32_769]]), ("weight holds -32769", "int16")),
        (lambda: layer(weight=[[32_768]]), ("weight holds 32768", "int16")),
        (lambda: layer(weight=[[0.5]]), ("weight holds 0.5",)),
        (lambda: layer(weight=[[np.nan]]), ("weight holds nan",)),
        (lambda: layer(weight=[[65_537]]), ("weight holds 65537",)),
        (lambda: layer(weight=[["a"]]), ("weight has dtype <U1",)),
        (lambda: layer(weight=[1, 2]), ("weight has shape (2,)", "(neurons, inputs)")),
        (lambda: layer(weight=np.zeros((0, 2))), ("weight has shape (0, 2)",)),
        (lambda: layer(weight=np.zeros((1, loihi.FAN_IN_MAX + 1))), ("65536 inputs", "65535")),
        (lambda: layer(weight=np.full((1, 32_768), 256)), ("32768 inputs", "8 bits", "32767")),
        (lambda: layer(delay=[1, 2, 3]), ("delay has shape (1, 3)",)),
        (lambda: layer(delay=np.ones((2, 2))), ("delay has shape (2, 2)", "(3, 2)")),
        (lambda: layer(delay=[[63]]), ("delay holds 63", "0 to 62")),
        (lambda: layer(delay=[[-1]]), ("delay holds -1",)),
        (lambda: layer(delay=[[0.5]]), ("delay holds 0.5",)),
        (lambda: layer(neuron=neuron([1, 2])), ("current_decay has 2 values", "3 neurons")),
        (lambda: neuron(voltage_decay=[[1]]), ("voltage_decay has shape (1, 1)",)),
        (lambda: neuron(voltage_decay=[]), ("voltage_decay has shape (0,)",)),
        (lambda: neuron(4097), ("current_decay holds 4097", "0 to 4096")),
        (lambda: neuron(-1), ("current_decay holds -1",)),
        (lambda: neuron(threshold=131_073), ("threshold holds 131073",)),
        (lambda: neuron(threshold=-1), ("threshold holds -1",)),
        (lambda: neuron(threshold=0.5), ("threshold holds 0.5",)),
        (lambda: neuron(threshold=[1, 2]), ("threshold has shape (2,)",)),
        (lambda: QuantizedNetwork.chain(()), ("no layers",)),
        (
            lambda: QuantizedNetwork.chain((layer(3, 2), layer(2, 4))),
            ("layer 1", "4", "layer 0", "3"),
        ),
        (
            lambda: QuantizedNetwork.chain((layer(),), TaskDescription(class_names=("a", "b"))),
            ("3 outputs", "2 classes"),
        ),
        (
            lambda: QuantizedNetwork.chain((layer(),), neurons_per_output=2),
            ("neurons_per_output", "3"),
        ),
    ],
)
def test_what_is_out_of_range_or_does_not_fit_is_refused(make, named):
    with pytest.raises(InputError, match=".*".join(map(re.escape, named))):
        make()


@pytest.mark.parametrize("value", [1e30, -1e30, np.inf, 2**40, 128])
def test_what_does_not_fit_the_dtype_is_refused_and_not_wrapped(value):
    with pytest.raises(InputError, match="int8"):
        read_only(np.array([value]), np.int8, "delay")


def test_the_digest_depends_on_the_content_only():
    network = QuantizedNetwork.chain((layer(),), provenance={"seed": 1})
    same = QuantizedNetwork.chain((layer(weight=network.layers[0].weight.astype(float)),))
    assert network.digest == same.digest
    changed = [
        layer(weight=np.arange(6).reshape(3, 2) + 1),
        layer(delay=[[1]]),
        layer(delay=[[1, 2]]),
        layer(neuron=neuron(1025)),
        layer(neuron=neuron(1024, 301)),
        layer(neuron=neuron(threshold=101)),
    ]
    networks = [network, *(QuantizedNetwork.chain((each,)) for each in changed)]
    networks.append(QuantizedNetwork.chain((layer(),), TaskDescription(name="har")))
    networks.append(QuantizedNetwork.chain((layer(),), TaskDescription(num_steps=9)))
    networks.append(QuantizedNetwork.chain((layer(), layer(3, 3))))
    assert len({each.digest for each in networks}) == len(networks)


def test_a_task_does_not_change_and_survives_json():
    encoder = {"name": "delta", "steps": 3}
    task = TaskDescription("har", encoder, ["a", "b"], 64, 20.0)
    encoder["name"] = "other"
    assert task.encoder == {"name": "delta", "steps": 3}
    assert task.class_names == ("a", "b")
    with pytest.raises(TypeError):
        task.encoder["name"] = "other"
    assert TaskDescription.from_dict(task.as_dict()) == task


@pytest.mark.parametrize("change", [{"class_names": 3}, {"colour": 1}, {"dt_ms": np.nan}])
def test_a_damaged_task_is_refused(change):
    with pytest.raises(InputError):
        TaskDescription.from_dict({"class_names": [], **change})
    with pytest.raises(InputError):
        TaskDescription.from_dict({})
