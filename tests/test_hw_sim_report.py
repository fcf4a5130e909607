"""Reports as data."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.hw_sim.activity import Activity, count
from neurodeploy.hw_sim.chips import CHIPS, Chip, exactly
from neurodeploy.hw_sim.decisions import DecisionMeter
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.readout import score
from neurodeploy.hw_sim.reports.estimated import estimated
from neurodeploy.hw_sim.reports.report import NOT_MODELLED, build
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.workload import measure
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import (
    CubaLif,
    DenseLayer,
    QuantizedNetwork,
    TaskDescription,
)


@pytest.fixture
def network() -> QuantizedNetwork:
    """Two inputs, three hidden neurons, two classes, a step every 20 ms."""
    neuron = CubaLif(np.array([4096]), np.array([4096]), 10)
    layers = DenseLayer(np.full((3, 2), 64), neuron), DenseLayer(np.full((2, 3), 64), neuron)
    task = TaskDescription("test", class_names=("left", "right"), dt_ms=20)
    return QuantizedNetwork(layers, task)


@pytest.fixture
def activity() -> Activity:
    """Two samples of four steps: 6 and 2 spikes in, 3 and 1 hidden, 1 and 1 out."""
    inputs, hidden, output = (np.zeros((2, n, 4), np.uint8) for n in (2, 3, 2))
    inputs[0, :, :3] = inputs[1, :, 0] = 1
    hidden[0, :, 1] = hidden[1, 0, 1] = 1
    output[0, 0, 2] = output[1, 1, 2] = 1
    return Activity(inputs, (hidden, output))


@pytest.fixture
def counts(network, activity):
    return count(network, activity)


@pytest.fixture
def workloads(network, activity):
    return [measure(activity, place(network, chip)) for chip in CHIPS.values()]


@pytest.fixture
def report(network, counts, workloads):
    found = score([[1, 0], [0, 1]], [0, 0])
    return build(network, counts, workloads=workloads, score=found).to_dict()


def with_limits(chip: Chip, **values: int) -> Chip:
    rows = {name: replace(chip.limits["delay_max"], value=value) for name, value in values.items()}
    return replace(chip, limits={**chip.limits, **rows})


def estimate_of(network: QuantizedNetwork, activity: Activity, chip: Chip, **options):
    """Return the estimated part of one chip."""
    workload = measure(activity, place(network, chip))
    built = build(network, count(network, activity), workloads=[workload], **options)
    return built.to_dict()["estimated"][chip.name]


def keys_of(value) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in keys_of(inner))]
    if isinstance(value, list):
        return [key for inner in value for key in keys_of(inner)]
    return []


def test_a_report_survives_json(report):
    assert json.loads(json.dumps(report)) == report


def test_a_report_says_what_it_is_and_of_what(report, network):
    assert (report["schema"], report["version"]) == ("neurodeploy.report", 3)
    assert report["network"]["sha256"] == network.digest
    assert report["versions"]["numpy"] == np.__version__


def test_counted_figures_are_means_over_samples(report):
    counted = report["counted"]
    assert (counted["num_samples"], counted["num_steps"]) == (2, 4)
    assert (counted["accuracy"], counted["confusion"]) == (0.5, [[1, 1], [0, 0]])
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
        "firing_rate_per_step": 2 / 12,
    }
    assert counted["total"]["synops_per_sample"] == 12 + 2 * 2


def test_every_chip_is_estimated(report):
    assert list(report["estimated"]) == ["loihi1", "loihi2"]
    for estimate in report["estimated"].values():
        assert estimate["fits"] is True
        assert estimate["placement"]["neurocores"] == 2
        for pace in ("full_speed", "real_time"):
            dynamic = estimate[pace]["energy_per_sample_uj"]["dynamic"]
            assert 0 < dynamic["low"] < dynamic["value"] < dynamic["high"]
            assert dynamic["value"] < estimate[pace]["energy_per_sample_uj"]["total"]["value"]


def test_energies_are_in_microjoules_and_times_in_milliseconds(report):
    """16 SynOps of 23.6 pJ; four steps of 20 ms at 29 mW are 2320 uJ."""
    loihi1 = report["estimated"]["loihi1"]
    synaptic = loihi1["full_speed"]["energy_per_sample_uj"]["synaptic"]
    assert synaptic["value"] == pytest.approx(16 * 23.6e-6, rel=1e-3)
    assert loihi1["real_time"]["latency_ms"]["value"] == pytest.approx(80)
    assert loihi1["real_time"]["energy_per_sample_uj"]["static"]["value"] == pytest.approx(2320)
    step = loihi1["full_speed"]["step_us"]["value"]
    assert loihi1["full_speed"]["latency_ms"]["value"] == pytest.approx(4 * step / 1000, rel=1e-3)


def test_the_longest_step_is_reported_with_its_place(report):
    """Two input spikes to three hidden neurons at every of the first steps: 6 SynOps, 3.5 ns each,
    3 updates of 8.4 ns, 2 messages of 2.1 ns; in the second step the same, and no more here."""
    loihi1 = report["estimated"]["loihi1"]
    peak = loihi1["load"]["peak"]
    assert (peak["sample"], peak["step"], peak["neurocore"], peak["synops"]) == (0, 0, 0, 6)
    busy = 6 * 3.5 + 3 * 8.4 + 2 * 2.1
    assert peak["busy_us"]["value"] == pytest.approx(busy / 1000)
    assert loihi1["full_speed"]["max_step_us"]["value"] == pytest.approx(busy / 1000 + 0.6)
    expected = 20000 / (busy / 1000 + 0.6)
    assert loihi1["real_time"]["headroom"]["value"] == pytest.approx(expected, rel=1e-3)


def test_messages_and_what_host_and_chip_exchange_are_means_over_samples(report):
    """Spikes in, hidden and out go to one neurocore or the host each: 8 + 4 + 2 of two samples."""
    load = report["estimated"]["loihi2"]["load"]
    assert load["messages_per_sample"] == 7
    assert (load["input_spikes_per_sample"], load["peak_input_spikes_per_step"]) == (4, 2)
    assert (load["output_spikes_per_sample"], load["peak_output_spikes_per_step"]) == (1, 1)
    assert load["hops_east_west_per_sample"] == load["messages_between_chips_per_sample"] == 0


def test_dynamic_energy_is_the_same_at_any_pace(report):
    loihi2 = report["estimated"]["loihi2"]
    full, slow = (
        loihi2["full_speed"]["energy_per_sample_uj"],
        loihi2["real_time"]["energy_per_sample_uj"],
    )
    assert full["dynamic"] == slow["dynamic"]
    assert full["static"]["value"] < slow["static"]["value"]


def test_power_is_energy_over_time_and_so_that_of_a_second(report):
    for estimate in report["estimated"].values():
        slow = estimate["real_time"]
        seconds = slow["latency_ms"]["value"] / 1000
        for part in ("static", "dynamic", "total"):
            microwatts = slow["energy_per_sample_uj"][part]["value"] / seconds
            assert slow["power_mw"][part]["value"] == pytest.approx(microwatts / 1000, rel=2e-3)


def test_every_constant_set_has_an_energy_within_the_band(report):
    for estimate in report["estimated"].values():
        band = estimate["full_speed"]["energy_per_sample_uj"]
        sets = estimate["full_speed"]["energy_per_sample_by_constants_uj"]
        assert {"Davies 2018", "SANA-FE", "KerasSpiking"} <= sets.keys()
        for energies in sets.values():
            for part, value in energies.items():
                assert band[part]["low"] <= value <= band[part]["high"]


def test_the_rows_of_an_energy_are_rows_of_the_report(report):
    names = {(row["chip"], row["name"]) for row in report["sources"]}
    for chip, estimate in report["estimated"].items():
        rows = [row for part in estimate["energy_cost_rows"].values() for row in part]
        assert {(chip, row) for row in rows} <= names


def test_stopping_early_costs_what_the_first_steps_cost(network, activity, counts, workloads):
    """Both samples answer in the third of four steps, and stay at that."""
    meter = DecisionMeter(network, np.array([0, 1]))
    meter.add(activity)
    found = build(network, counts, workloads=workloads, decisions=meter.result()).to_dict()
    for estimate in found["estimated"].values():
        early, whole = estimate["decision"], estimate["full_speed"]
        assert early["num_steps"] == 3
        assert early["latency_ms"]["value"] < whole["latency_ms"]["value"]
        for part in ("neuron", "static", "total"):
            assert (
                early["energy_per_sample_uj"][part]["value"]
                < whole["energy_per_sample_uj"][part]["value"]
            )
        assert (
            early["energy_per_sample_uj"]["synaptic"] == whole["energy_per_sample_uj"]["synaptic"]
        )


@pytest.mark.parametrize(("dt_ms", "waits"), [(20.0, True), (1e-6, False)])
def test_stopping_early_at_the_sensor_s_pace_takes_its_steps_or_the_chip_s_where_slower(
    network, activity, counts, workloads, dt_ms, waits
):
    """Three steps of 20 ms are 60 ms, whatever the chip does; those of a nanosecond are none."""
    meter = DecisionMeter(network, np.array([0, 1]))
    meter.add(activity)
    made = build(
        network, counts, workloads=workloads, dt_ms=dt_ms, decisions=meter.result()
    ).estimated
    for each in made.values():
        found, static = each.decision, each.power.static
        assert found.real_time_s == (exactly(0.060) if waits else found.latency_s)
        assert found.real_time_energy.static.value == pytest.approx(
            static.value * found.real_time_s.value
        )
        assert found.real_time_energy.dynamic == found.energy.dynamic
        told = each.to_dict()["decision"]["real_time"]
        assert told["latency_ms"]["value"] == pytest.approx(found.real_time_s.value * 1e3, rel=1e-3)
        assert told["energy_per_sample_uj"]["total"]["value"] == pytest.approx(
            found.real_time_energy.total.value * 1e6, rel=1e-3
        )


def test_without_a_pace_stopping_early_is_told_at_full_speed_alone(network, activity):
    bare = replace(network, task=replace(network.task, dt_ms=None))
    meter = DecisionMeter(bare, None)
    meter.add(activity)
    workload = measure(activity, place(bare, CHIPS["loihi1"]))
    found = estimated(workload, decisions=meter.result()).to_dict()["decision"]
    assert found["num_steps"] == 3
    assert found["real_time"] is None


def test_without_decisions_there_is_no_early_stop(report):
    assert [each["decision"] for each in report["estimated"].values()] == [None, None]


def test_the_sensor_s_pace_can_be_said_anew(network, activity):
    found = estimate_of(network, activity, CHIPS["loihi2"], dt_ms=1)
    assert found["real_time"]["dt_ms"] == 1


def test_without_a_pace_there_is_no_real_time(network, activity):
    found = estimate_of(QuantizedNetwork(network.layers), activity, CHIPS["loihi2"])
    assert found["real_time"] is None


def test_a_pace_of_no_time_is_refused(network, counts, workloads):
    with pytest.raises(InputError, match="a time step must last longer than 0 ms"):
        build(network, counts, workloads=workloads, dt_ms=0)


def test_without_labels_there_is_no_accuracy(counts, network):
    counted = build(network, counts, workloads=[]).to_dict()["counted"]
    assert counted["accuracy"] is None
    assert counted["macro_f1"] is None


def test_a_report_claims_nothing_from_hardware(report):
    assert "measured" not in report
    assert not any("measured" in key for key in keys_of(report))


def test_counted_and_estimated_do_not_mix(report):
    assert not any("energy" in key or "latency" in key for key in keys_of(report["counted"]))
    assert not any("accuracy" in key for key in keys_of(report["estimated"]))


def test_every_figure_of_the_cost_files_has_its_source_in_the_report(report):
    rows = sum(len(each.rows()) for each in CHIPS.values())
    assert len(report["sources"]) == rows
    assert all(row["source"] and row["grade"] and row["unit"] for row in report["sources"])
    assert report["not_modelled"] == list(NOT_MODELLED)


def test_the_cost_file_of_every_estimate_is_named_by_its_digest(report):
    for name, estimate in report["estimated"].items():
        assert estimate["cost_file_sha256"] == CHIPS[name].digest
        assert estimate["caveats"] == list(CHIPS[name].caveats)


@pytest.mark.parametrize("steps", [1, 3])
def test_one_silent_sample_is_reported(network, steps):
    silent = Activity(
        np.zeros((1, 2, steps), np.uint8),
        tuple(np.zeros((1, layer.neurons, steps), np.uint8) for layer in network.layers),
    )
    for chip in CHIPS.values():
        found = estimate_of(network, silent, chip)
        json.dumps(found, allow_nan=False)
        energy = found["full_speed"]["energy_per_sample_uj"]
        assert energy["synaptic"] == energy["within_tiles"] == {"low": 0, "value": 0, "high": 0}
        assert energy["neuron"]["value"] > 0
        assert found["load"]["peak"]["synops"] == 0
        assert found["load"]["messages_per_sample"] == 0


def test_problems_of_the_chip_are_reported_and_do_not_stop_the_report():
    layer = DenseLayer(np.array([[-255, 254]]), CubaLif(np.array([1]), np.array([1]), 1))
    silent = Activity(np.zeros((1, 2, 3), np.uint8), (np.zeros((1, 1, 3), np.uint8),))
    loihi2 = estimate_of(QuantizedNetwork((layer,)), silent, CHIPS["loihi2"])
    assert loihi2["fits"] is False
    assert len(loihi2["problems"]) == 1


def test_a_network_of_several_chips_is_told_what_would_lessen_them(network, activity):
    """Each neuron on a neurocore, and three on a chip: five of them need two chips."""
    small = with_limits(CHIPS["loihi1"], neurons_per_core=1, cores_per_chip=3)
    found = estimate_of(network, activity, small)
    assert found["fits"] is True
    assert (found["placement"]["neurocores"], found["placement"]["chips"]) == (5, 2)
    assert found["advice"] == [
        "layer 0 needs 3 neurocores for neurons: half as many neurons would need 2",
        "layer 1 needs 2 neurocores for neurons: half as many neurons would need 1",
    ]
    cores = found["placement"]["neurocore_list"]
    assert [(core["layer"], core["chip"]) for core in cores] == [
        (0, 0), (0, 0), (0, 0), (1, 1), (1, 1),
    ]  # fmt: skip
    few = with_limits(small, chips_max=1)
    found = estimate_of(network, activity, few)
    assert found["fits"] is False
    assert (
        "needs 5 neurocores on 2 chips; the largest system of loihi1 has 1"
        in (found["problems"][0])
    )


def test_a_workload_of_another_run_is_refused(network, counts, activity):
    half = Activity(activity.inputs[:1], tuple(each[:1] for each in activity.spikes))
    other = measure(half, place(network, CHIPS["loihi1"]))
    with pytest.raises(InputError, match="loihi1 worked on 1 samples of 4 steps, and 2 of 4 are"):
        build(network, counts, workloads=[other])


def test_a_score_of_other_samples_is_refused(network, counts):
    with pytest.raises(InputError, match="1 samples are scored and 2 are counted"):
        build(network, counts, workloads=[], score=score([[1, 0]], [0]))


def test_a_report_needs_no_torch():
    heavy = "'torch' in sys.modules or 'lava' in sys.modules"
    code = f"import sys, neurodeploy.hw_sim.reports.report; sys.exit({heavy})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_spike_s_way_is_a_step_a_layer_and_the_longest_delays():
    """Two layers after an input with neurons, which takes no step; delays of at most 3 and 62."""
    neuron = CubaLif(np.array([4096]), np.array([4096]), 10)
    layers = (
        InputLayer(neuron, (2,)),
        DenseLayer(np.ones((2, 2), int), neuron, np.array([[3, 0]])),
        DenseLayer(np.ones((2, 2), int), neuron, np.array([[0, 5], [62, 1]])),
    )
    network = QuantizedNetwork(layers)
    activity = fast.run(network, np.ones((1, 2, 4), np.int32))
    made = build(network, count(network, activity), workloads=[]).counted
    assert (made.propagation_steps, made.max_delay_steps) == (2, 65)
