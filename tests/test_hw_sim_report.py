"""The report on one run, against hand arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.hw_sim.activity import Activity, count
from neurodeploy.hw_sim.chips import CHIPS, Chip, exactly
from neurodeploy.hw_sim.decisions import DecisionMeter
from neurodeploy.hw_sim.estimated import estimated
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.readout import score
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.workload import measure
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.report.parts import NOT_MODELLED
from neurodeploy.report.report import build

NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


@pytest.fixture
def network() -> QuantizedNetwork:
    """Two inputs, three hidden neurons, two classes, a step every 20 ms."""
    layers = DenseLayer(np.full((3, 2), 64), NEURON), DenseLayer(np.full((2, 3), 64), NEURON)
    task = TaskDescription("test", class_names=("left", "right"), dt_ms=20)
    return QuantizedNetwork.chain(layers, task)


@pytest.fixture
def activity() -> Activity:
    """Two samples of four steps: 6 and 2 spikes in, 3 and 1 hidden, 1 and 1 out."""
    inputs, hidden, output = (np.zeros((2, n, 4), np.uint8) for n in (2, 3, 2))
    inputs[0, :, :3] = inputs[1, :, 0] = 1
    hidden[0, :, 1] = hidden[1, 0, 1] = 1
    output[0, 0, 2] = output[1, 1, 2] = 1
    return Activity(inputs, (hidden, output))


def report_of(network, activity, *chips: Chip, **parts):
    workloads = [measure(activity, place(network, chip)) for chip in chips or CHIPS.values()]
    return build(network, count(network, activity), workloads=workloads, **parts)


def decisions_of(network, activity, labels=None):
    meter = DecisionMeter(network, labels)
    meter.add(activity)
    return meter.result()


@pytest.fixture
def report(network, activity):
    found = score([[1, 0], [0, 1]], [0, 0])
    return report_of(network, activity, score=found).to_dict()


def keys_of(value) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in keys_of(inner))]
    if isinstance(value, list):
        return [key for inner in value for key in keys_of(inner)]
    return []


def test_counted_values_are_means_over_samples(report):
    counted = report["counted"]
    assert (counted["num_samples"], counted["num_steps"]) == (2, 4)
    assert (counted["score"]["accuracy"], counted["score"]["confusion"]) == (0.5, [[1, 1], [0, 0]])
    assert counted["layers"][0] == {
        "layer": 0,
        "kind": "dense",
        "neuron_model": "CUBA LIF",
        "neurons": 3,
        "shape": [3],
        "inputs": 2,
        "synapses": 6,
        "delay_kind": "none",
        "spikes_in_per_sample": 4.0,
        "spikes_per_sample": 2.0,
        "synops_per_sample": 12.0,
        "dense_synops_per_sample": 24,
        "neuron_updates_per_sample": 12.0,
        "dendrite_updates_per_sample": 26.0,
        "firing_rate_per_step": 2 / 12,
    }
    assert counted["total"]["synops_per_sample"] == 12 + 2 * 2


def test_a_spike_takes_a_step_per_layer_and_the_longest_delays():
    """Two layers after an input with neurons, which takes no step; delays of at most 3 and 62."""
    layers = (
        InputLayer(NEURON, (2,)),
        DenseLayer(np.ones((2, 2), int), NEURON, np.array([[3, 0]])),
        DenseLayer(np.ones((2, 2), int), NEURON, np.array([[0, 5], [62, 1]])),
    )
    network = QuantizedNetwork.chain(layers)
    counted = report_of(network, fast.run(network, np.ones((1, 2, 4), np.int32))).counted
    assert (counted.propagation_steps, counted.max_delay_steps) == (2, 65)


def test_energies_are_in_microjoules_and_times_in_milliseconds(report):
    """16 SynOps of 23.6 pJ; four steps of 20 ms at 29 mW are 2320 uJ."""
    loihi1 = report["estimated"]["loihi1"]
    full, slow = loihi1["full_speed"], loihi1["real_time"]
    synaptic = full["energy_per_sample_uj"]["synaptic"]
    assert synaptic["value"] == pytest.approx(16 * 23.6e-6, rel=1e-3)
    assert slow["latency_ms"]["value"] == pytest.approx(80)
    assert slow["energy_per_sample_uj"]["static"]["value"] == pytest.approx(2320)
    assert full["latency_ms"]["value"] == pytest.approx(4e-3 * full["step_us"]["value"], rel=1e-3)


def test_the_longest_step_is_reported_with_its_place(report):
    """Two input spikes to three hidden neurons at every of the first steps: 6 SynOps, 3.5 ns each,
    and 2 messages of 2.1 ns take less than 3 updates of 8.4 ns; no step has more."""
    loihi1 = report["estimated"]["loihi1"]
    peak = loihi1["load"]["peak"]
    assert (peak["sample"], peak["step"], peak["neurocore"], peak["synops"]) == (0, 0, 0, 6)
    busy_us = 3 * 8.4 / 1000
    assert peak["busy_us"]["value"] == pytest.approx(busy_us)
    assert loihi1["full_speed"]["max_step_us"]["value"] == pytest.approx(busy_us + 0.6)
    headroom = loihi1["real_time"]["headroom"]["value"]
    assert headroom == pytest.approx(20000 / (busy_us + 0.6), rel=1e-3)


def test_messages_and_what_host_and_chip_exchange_are_means_over_samples(report):
    """Spikes in, hidden and out go to one neurocore or the host each: 8 + 4 + 2 of two samples."""
    load = report["estimated"]["loihi2"]["load"]
    assert load["messages_per_sample"] == 7
    assert (load["input_spikes_per_sample"], load["peak_input_spikes_per_step"]) == (4, 2)
    assert (load["output_spikes_per_sample"], load["peak_output_spikes_per_step"]) == (1, 1)
    assert load["hops_east_west_per_sample"] == load["messages_between_chips_per_sample"] == 0


def test_estimates_of_every_chip_agree_with_one_another(report):
    """Bands hold their value and every constant set's; dynamic energy is the same at any rate; and
    power is energy over time."""
    assert list(report["estimated"]) == ["loihi1", "loihi2"]
    for chip, estimate in report["estimated"].items():
        assert estimate["fits"] is True
        assert estimate["placement"]["neurocores"] == 2
        assert estimate["cost_file_sha256"] == CHIPS[chip].digest
        full, slow = estimate["full_speed"], estimate["real_time"]
        energy, slow_energy = full["energy_per_sample_uj"], slow["energy_per_sample_uj"]
        assert 0 < energy["dynamic"]["low"] < energy["dynamic"]["value"]
        assert energy["dynamic"]["value"] < energy["dynamic"]["high"]
        assert energy["dynamic"]["value"] < energy["total"]["value"]
        assert energy["dynamic"] == slow_energy["dynamic"]
        assert energy["static"]["value"] < slow_energy["static"]["value"]
        for part in ("static", "dynamic", "total"):
            milliwatts = slow_energy[part]["value"] / slow["latency_ms"]["value"]
            assert slow["power_mw"][part]["value"] == pytest.approx(milliwatts, rel=2e-3)
        sets = full["energy_per_sample_by_constants_uj"]
        assert {"Davies 2018", "SANA-FE", "KerasSpiking"} <= sets.keys()
        for energies in sets.values():
            for part, value in energies.items():
                assert energy[part]["low"] <= value <= energy[part]["high"]


def test_every_row_of_the_cost_files_has_its_source_in_the_report(report):
    assert len(report["sources"]) == sum(len(each.rows()) for each in CHIPS.values())
    assert all(row["source"] and row["grade"] and row["unit"] for row in report["sources"])
    assert report["not_modelled"] == list(NOT_MODELLED)
    names = {(row["chip"], row["name"]) for row in report["sources"]}
    for chip, estimate in report["estimated"].items():
        rows = [row for part in estimate["energy_cost_rows"].values() for row in part]
        assert {(chip, row) for row in rows} <= names


def test_counted_estimated_and_measured_do_not_mix(report):
    assert not any("energy" in key or "latency" in key for key in keys_of(report["counted"]))
    assert not any("accuracy" in key for key in keys_of(report["estimated"]))
    assert not any("measured" in key for key in keys_of(report))


@pytest.mark.parametrize(("dt_ms", "waits"), [(20.0, True), (1e-6, False)])
def test_stopping_early_costs_what_the_first_steps_cost(network, activity, dt_ms, waits):
    """Both samples predict in the third of four steps, and keep that. Three steps of 20 ms are
    60 ms, whatever the chip does; of a nanosecond, the chip's own."""
    network = replace(network, task=replace(network.task, dt_ms=dt_ms))
    decisions = decisions_of(network, activity, np.array([0, 1]))
    for each in report_of(network, activity, decisions=decisions).estimated.values():
        early, static = each.decision, each.power.static
        assert early.num_steps == 3
        assert early.latency_s.value < each.latency.sample_s.value
        for part in ("neuron", "static", "total"):
            assert getattr(early.energy, part).value < getattr(each.energy, part).value
        assert early.energy.synaptic == each.energy.synaptic
        assert early.real_time_s == (exactly(0.060) if waits else early.latency_s)
        joules = static.value * early.real_time_s.value
        assert early.real_time_energy.static.value == pytest.approx(joules)
        assert early.real_time_energy.dynamic == early.energy.dynamic
        found = each.to_dict()["decision"]["real_time"]
        milliseconds, microjoules = found["latency_ms"], found["energy_per_sample_uj"]["total"]
        assert milliseconds["value"] == pytest.approx(early.real_time_s.value * 1e3, rel=1e-3)
        total = early.real_time_energy.total.value * 1e6
        assert microjoules["value"] == pytest.approx(total, rel=1e-3)


def test_a_sensor_s_time_step_of_no_time_is_refused(network, activity):
    with pytest.raises(InputError, match="0 ms"):
        estimated(measure(activity, place(network, CHIPS["loihi1"])), dt_ms=0)


def test_a_network_of_several_chips_gets_advice_to_use_fewer(network, activity):
    """Each neuron on a neurocore, and three on a chip: five of them need two chips."""
    small = with_limits(CHIPS["loihi1"], neurons_per_core=1, cores_per_chip=3)
    found = report_of(network, activity, small).to_dict()["estimated"]["loihi1"]
    assert found["fits"] is True
    assert (found["placement"]["neurocores"], found["placement"]["chips"]) == (5, 2)
    assert found["advice"] == [
        "layer 0 needs 3 neurocores for neurons: half as many neurons would need 2",
        "layer 1 needs 2 neurocores for neurons: half as many neurons would need 1",
    ]
    cores = found["placement"]["neurocore_list"]
    places = [(0, 0), (0, 0), (0, 0), (1, 1), (1, 1)]
    assert [(core["layer"], core["chip"]) for core in cores] == places
    few = with_limits(small, chips_max=1)
    found = report_of(network, activity, few).to_dict()["estimated"]["loihi1"]
    assert found["fits"] is False
    problem = "needs 5 neurocores on 2 chips; the largest system of loihi1 has 1"
    assert problem in found["problems"][0]
