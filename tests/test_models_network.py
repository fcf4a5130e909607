"""The integer network: what it accepts, what it refuses, and that it does not change."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from neurodeploy.models import loihi
from neurodeploy.models.arrays import read_only
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import (
    CubaLif,
    DenseLayer,
    QuantizedNetwork,
    TaskDescription,
)


def neuron(current_decay=1024, voltage_decay=300, threshold=100) -> CubaLif:
    return CubaLif(np.array(current_decay), np.array(voltage_decay), threshold)


def layer(neurons=3, senders=2, **changes) -> DenseLayer:
    fields = {"weight": np.arange(neurons * senders).reshape(neurons, senders), "neuron": neuron()}
    return DenseLayer(**{**fields, **changes})


def test_arrays_cannot_be_written_to():
    made = layer(delay=np.array([[1, 2]]))
    arrays = made.weight, made.delay, made.neuron.current_decay, made.neuron.voltage_decay
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.weight = np.zeros((3, 2))


def test_arrays_are_copies_of_what_was_given():
    weight = np.ones((3, 2))
    made = layer(weight=weight)
    weight[:] = 7
    assert (made.weight == 1).all()


def test_whole_numbers_of_any_type_are_accepted():
    for dtype in (bool, np.uint8, np.int64, np.float32, float):
        made = layer(weight=np.ones((3, 2), dtype))
        assert made.weight.dtype == np.int16
        assert made.weight.flags.c_contiguous


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_the_shape_of_a_delay_tells_its_kind(shape):
    kinds = {(1, 2): "axonal", (3, 1): "dendritic", (3, 2): "synaptic", (1, 1): "axonal"}
    assert layer(delay=np.ones(shape, int)).delay_kind == kinds[shape]
    without = layer(delay=np.zeros(shape, int))
    assert without.delay_kind == "none"
    assert without.delay.shape == (1, 1)


def test_sizes_are_read_off_the_weights():
    made = QuantizedNetwork((layer(3, 2), layer(4, 3)))
    assert (made.inputs, made.outputs) == (2, 4)
    assert (made.layers[1].neurons, made.layers[1].inputs) == (4, 3)


def test_the_ends_of_every_range_are_accepted():
    layer(weight=np.array([[loihi.WEIGHT_MIN, loihi.WEIGHT_MAX]]), delay=np.array([[0, 62]]))
    neuron(current_decay=[0, 4096], voltage_decay=[4096, 0], threshold=loihi.THRESHOLD_MAX)
    neuron(threshold=0)


REFUSED = {
    "a weight too small": (lambda: layer(weight=[[-257]]), "weight holds -257; the range is -256"),
    "a weight too large": (lambda: layer(weight=[[256]]), "weight holds 256; the range is -256"),
    "half a weight": (lambda: layer(weight=[[0.5]]), "weight holds 0.5; it must hold whole"),
    "no number": (lambda: layer(weight=[[np.nan]]), "weight holds nan"),
    "a weight beyond int16": (lambda: layer(weight=[[65_537]]), "weight holds 65537"),
    "text": (lambda: layer(weight=[["a"]]), "weight has dtype <U1"),
    "a vector of weights": (lambda: layer(weight=[1, 2]), r"weight has shape \(2,\)"),
    "no weights": (lambda: layer(weight=np.zeros((0, 2))), r"weight has shape \(0, 2\)"),
    "too many senders": (
        lambda: layer(weight=np.zeros((1, loihi.FAN_IN_MAX + 1))),
        "the layer has 65536 senders; sums stay exact up to 65535, so split it",
    ),
    "delays of other senders": (lambda: layer(delay=[1, 2, 3]), r"delay has shape \(1, 3\)"),
    "delays of other neurons": (
        lambda: layer(delay=np.ones((2, 2))),
        r"delay has shape \(2, 2\); it must broadcast to \(3, 2\)",
    ),
    "a delay too long": (lambda: layer(delay=[[63]]), "delay holds 63; the range is 0 to 62"),
    "a negative delay": (lambda: layer(delay=[[-1]]), "delay holds -1"),
    "half a delay": (lambda: layer(delay=[[0.5]]), r"delay holds 0\.5"),
    "decays of other neurons": (
        lambda: layer(neuron=neuron(current_decay=[1, 2])),
        "current_decay has 2 values for 3 neurons",
    ),
    "a matrix of decays": (lambda: neuron(voltage_decay=[[1]]), r"voltage_decay has shape \(1, 1"),
    "no decay": (lambda: neuron(voltage_decay=[]), r"voltage_decay has shape \(0,\)"),
    "a decay too large": (lambda: neuron(4097), "current_decay holds 4097; the range is 0 to 4096"),
    "a negative decay": (lambda: neuron(-1), "current_decay holds -1"),
    "a threshold too large": (lambda: neuron(threshold=131_073), "threshold holds 131073"),
    "a negative threshold": (lambda: neuron(threshold=-1), "threshold holds -1"),
    "half a threshold": (lambda: neuron(threshold=0.5), r"threshold holds 0\.5"),
    "a threshold a neuron": (lambda: neuron(threshold=[1, 2]), "give one value a layer"),
    "no layers": (lambda: QuantizedNetwork(()), "the network has no layers"),
    "layers that do not fit": (
        lambda: QuantizedNetwork((layer(3, 2), layer(2, 4))),
        "layer 1 expects 4 senders but layer 0 has 3 neurons",
    ),
    "classes that do not fit": (
        lambda: QuantizedNetwork((layer(3, 2),), TaskDescription(class_names=("a", "b"))),
        "has 3 outputs for 2 classes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        make()


def test_what_does_not_fit_the_type_is_refused_and_not_wrapped():
    for value in (1e30, -1e30, np.inf, 2**40, 128):
        with pytest.raises(InputError, match="it must hold whole numbers that fit int8"):
            read_only(np.array([value]), np.int8, "delay")


def test_the_digest_is_of_the_content_alone():
    made = QuantizedNetwork((layer(),), provenance={"seed": 1})
    same = QuantizedNetwork((layer(weight=made.layers[0].weight.astype(float)),))
    assert made.digest == same.digest
    assert len(made.digest) == 64


def test_the_digest_sees_every_part():
    changed = [
        layer(weight=np.arange(6).reshape(3, 2) + 1),
        layer(delay=[[1]]),
        layer(delay=[[1, 2]]),
        layer(neuron=neuron(1025)),
        layer(neuron=neuron(1024, 301)),
        layer(neuron=neuron(threshold=101)),
    ]
    networks = [QuantizedNetwork((each,)) for each in (layer(), *changed)]
    networks.append(QuantizedNetwork((layer(),), TaskDescription(name="har")))
    networks.append(QuantizedNetwork((layer(), layer(3, 3))))
    assert len({each.digest for each in networks}) == len(networks)


def test_a_task_is_its_values_and_does_not_change():
    encoder = {"name": "delta"}
    task = TaskDescription("har", encoder, ["a", "b"], 64, 20.0)
    encoder["name"] = "other"
    assert task.encoder == {"name": "delta"}
    assert task.class_names == ("a", "b")
    with pytest.raises(TypeError):
        task.encoder["name"] = "other"
    assert TaskDescription.from_dict(task.as_dict()) == task


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"class_names": 3},
        {"class_names": [], "colour": 1},
        {"class_names": [], "dt_ms": np.nan},
    ],
)
def test_a_damaged_task_is_refused(values):
    with pytest.raises(InputError, match="the task description is damaged"):
        TaskDescription.from_dict(values)


def test_the_network_needs_neither_torch_nor_lava():
    code = (
        "import sys, neurodeploy.models.network, neurodeploy.models.cuba; "
        "sys.exit('torch' in sys.modules or 'lava' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
