"""The cost files, and how they are read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib import resources

import pytest

from neurodeploy.hw_sim.chips import CHIPS, GRADES, SI_FACTORS, Chip, chip, read_chip
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError

ALL_ROWS = [
    pytest.param(row, id=f"{each.name}-{name}")
    for each in CHIPS.values()
    for name, row in each.rows().items()
]
DOCUMENTED = [  # chip, row, value and unit as published
    ("loihi1", "synaptic_operation_energy", 23.6, "pJ"),
    ("loihi1", "neuron_update_active_energy", 81, "pJ"),
    ("loihi1", "neuron_update_inactive_energy", 52, "pJ"),
    ("loihi1", "spike_message_energy", 1.7, "pJ"),
    ("loihi1", "synaptic_operation_time", 3.5, "ns"),
    ("loihi1", "neurons_per_core", 1024, "neurons"),
    ("loihi1", "cores_per_chip", 128, "neurocores"),
    ("loihi1", "graded_spike_bits_max", 0, "bits"),
    ("loihi2", "graded_spike_bits_max", 32, "bits"),
    ("loihi2", "cores_per_chip", 120, "neurocores"),
    ("loihi2", "static_power", 232, "mW"),
    ("loihi1", "chips_max", 768, "chips"),
    ("loihi2", "chips_max", 1152, "chips"),
    ("loihi1", "convolution_operation_energy", 23.6, "pJ"),
    ("loihi1", "convolution_operation_time", 3.5, "ns"),
    ("loihi2", "neurons_per_core", 4096, "neurons"),
    ("loihi2", "synaptic_memory", 12000 * 32, "bits"),
    ("loihi2", "synapse_list_word", 32, "bits"),
    ("loihi2", "weight_bits_small_max", 0, "bits"),
]
SETS = [  # set, and what it says of rows of Loihi 1
    ("Davies 2018", {"synaptic_operation_energy": 23.6, "convolution_operation_energy": 23.6,
                     "neuron_update_active_energy": 81, "neuron_update_inactive_energy": 52,
                     "spike_generation_energy": 0, "spike_message_energy": 1.7,
                     "hop_north_south_energy": 4.0, "synaptic_operation_time": 3.5,
                     "barrier_time_1_tiles": 0.113, "barrier_time_29_tiles": 0.465}),
    ("SANA-FE", {"synaptic_operation_energy": 35.5, "convolution_operation_energy": 24.0,
                 "neuron_update_active_energy": 72.8, "neuron_update_inactive_energy": 51.2,
                 "spike_generation_energy": 69.3, "spike_message_energy": 111,
                 "hop_north_south_energy": 4.2, "synaptic_operation_time": 3.8,
                 "convolution_operation_time": 3.1, "barrier_time_1_tiles": 0.6}),
    ("KerasSpiking", {"synaptic_operation_energy": 27.1, "convolution_operation_energy": 27.1,
                      "neuron_update_active_energy": 81, "neuron_update_inactive_energy": 81,
                      "spike_message_energy": 1.7, "synaptic_operation_time": 3.5,
                      "static_power": 29}),
]  # fmt: skip


def cost_file(name: str) -> str:
    return (
        resources.files("neurodeploy.hw_sim.chips")
        .joinpath("costs", f"{name}.json")
        .read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("row", ALL_ROWS)
def test_every_reading_names_its_source_and_grade(row):
    assert row.unit
    assert all(len(reading.source) > 3 for reading in row.readings)
    assert all(reading.grade in GRADES for reading in row.readings)


@pytest.mark.parametrize("row", ALL_ROWS)
def test_the_value_of_every_row_lies_between_its_ends(row):
    assert 0 <= row.low <= row.value <= row.high or row.unit == "powers of two"


@pytest.mark.parametrize("row", ALL_ROWS)
def test_the_first_reading_is_the_one_used_and_the_ends_are_the_extremes(row):
    values = [reading.value for reading in row.readings]
    assert row.readings[0] == (row.value, row.source, row.grade, row.set)
    assert (row.low, row.high) == (min(values), max(values))


@pytest.mark.parametrize(("name", "row", "value", "unit"), DOCUMENTED)
def test_documented_figures_are_in_the_cost_files(name, row, value, unit):
    found = CHIPS[name].rows()[row]
    assert (found.value, found.unit) == (value, unit)


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_every_cost_has_a_unit_that_converts(each: Chip):
    rows = [*each.costs.values(), *(row for _, row in each.barrier)]
    assert {row.unit for row in rows} <= set(SI_FACTORS)


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_limits_are_whole_numbers(each: Chip):
    assert all(row.value == int(row.value) for row in each.limits.values())


def test_chips_cost_the_same_kinds_of_events():
    assert CHIPS["loihi1"].costs.keys() == CHIPS["loihi2"].costs.keys()


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_the_longest_delay_is_that_of_the_arithmetic(each: Chip):
    assert each.limit("delay_max") == loihi.DELAY_MAX


def test_costs_come_in_si_units():
    assert chip("loihi1").cost("synaptic_operation_energy").value == pytest.approx(23.6e-12)
    assert chip("loihi1").cost("static_power").value == pytest.approx(29e-3)


@pytest.mark.parametrize(
    ("tiles", "microseconds"),
    [(1, 0.6), (2, 1.0), (4, 1.4), (29, 1.8), (32, 1.8), (8192, 14.3), (24576, 16.2)],
)
def test_a_barrier_over_a_tabulated_number_of_tiles_takes_the_time_of_its_row(tiles, microseconds):
    assert chip("loihi1").barrier_time(tiles).value == pytest.approx(microseconds * 1e-6)


def test_between_rows_a_barrier_is_interpolated_over_the_logarithm_of_the_tiles():
    """Two chips of 32 tiles double the tiles, 256 chips do so 8 times; 3 tiles are log2(1.5)."""
    two = chip("loihi1").barrier_time(64)
    assert two.value == pytest.approx((1.8 + 12.5 / 8) * 1e-6)
    assert two.low == pytest.approx((0.465 + (1.8 - 0.465) / 8) * 1e-6)
    assert two.high == two.value
    assert chip("loihi1").barrier_time(512).value == pytest.approx((1.8 + 12.5 / 2) * 1e-6)
    assert chip("loihi1").barrier_time(3).value == pytest.approx((1.0 + 0.4 * 0.5849625) * 1e-6)


def test_below_the_first_row_and_above_the_last_a_barrier_takes_that_row():
    whole = chip("loihi1")
    rows = replace(whole, barrier=whole.barrier[1:3])
    assert rows.barrier_time(1) == rows.barrier_time(2) == whole.barrier[1][1].si
    assert rows.barrier_time(5) == rows.barrier_time(10**9) == whole.barrier[2][1].si
    one = replace(whole, barrier=whole.barrier[:1])
    assert one.barrier_time(1) == one.barrier_time(100) == whole.barrier[0][1].si


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_chips_say_that_the_barrier_over_several_of_them_is_interpolated(each: Chip):
    said = "between one chip and 256 chips as measured by Frady et al."
    assert any(said in caveat for caveat in each.caveats)


def test_loihi_2_says_that_its_energy_rests_on_loihi_1():
    assert any("No energy per operation is published" in c for c in chip("loihi2").caveats)
    for name in ("synaptic_operation_energy", "neuron_update_active_energy"):
        assert chip("loihi2").costs[name].value == chip("loihi1").costs[name].value
        assert chip("loihi2").costs[name].grade == "derived"


def test_an_unknown_chip_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="no chip 'loihi3'; choose one of loihi1, loihi2"):
        chip("loihi3")


@pytest.mark.parametrize("name", CHIPS)
def test_the_digest_is_the_sha256_of_the_cost_file(name):
    assert chip(name).digest == hashlib.sha256(cost_file(name).encode()).hexdigest()


def test_the_digest_changes_with_any_figure():
    data = json.loads(cost_file("loihi1"))
    data["costs"]["static_power"]["value"] += 1
    assert read_chip(json.dumps(data)).digest != chip("loihi1").digest


def test_the_constant_sets_come_in_the_order_of_the_file():
    assert chip("loihi1").sets == ("Davies 2018", "SANA-FE", "KerasSpiking")
    assert chip("loihi2").sets == ("Davies 2018", "SANA-FE", "KerasSpiking", "PilotNet")


@pytest.mark.parametrize(("name", "values"), SETS)
def test_a_set_gives_its_own_values_and_where_it_has_none_the_one_used(name, values):
    rows = chip("loihi1").using(name).rows()
    assert {row: rows[row].value for row in values} == values


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_with_a_set_no_cost_has_a_band_and_every_limit_stays(each: Chip):
    for name in each.sets:
        one = each.using(name)
        costs = [*one.costs.values(), *(row for _, row in one.barrier)]
        assert all(row.low == row.value == row.high for row in costs)
        assert all(row.source and row.grade for row in costs)
        assert (one.limits, one.digest, one.name) == (each.limits, each.digest, each.name)


@pytest.mark.parametrize("name", ["Davies 2018", "SANA-FE"])
def test_a_set_that_counts_all_events_has_a_value_for_each_of_loihi_1(name):
    rows = chip("loihi1").rows()
    missing = {
        row for row, cost in rows.items()
        if row not in chip("loihi1").limits and name not in {r.set for r in cost.readings}
    }  # fmt: skip
    many_chips = {"barrier_time_8192_tiles", "barrier_time_24576_tiles"}
    assert missing == {"static_power", *many_chips}


def test_the_pilotnet_set_is_what_its_measurement_leaves_of_loihi_1_s_energies():
    one, pilotnet = chip("loihi1"), chip("loihi2").using("PilotNet")
    for name in ("synaptic_operation_energy", "neuron_update_active_energy"):
        assert pilotnet.cost(name).value == pytest.approx(one.cost(name).value / 1.23, rel=1e-2)


@pytest.mark.parametrize("kind", ["synaptic", "convolution"])
def test_the_time_of_an_operation_is_what_updates_and_barrier_leave_of_pilotnet_s_step(kind):
    """74 neurocores are on 19 tiles; the busiest has 2048 neurons and adds 1.51e5 weights."""
    two = chip("loihi2")
    row = two.costs[f"{kind}_operation_time"]
    updates = 2048 * two.cost("neuron_update_active_time").value
    left = 152.8e-6 - updates - two.barrier_time(19).value
    assert row.value == pytest.approx(left / 1.51e5 * 1e9, abs=0.005)
    assert [each.value for each in row.alternatives] == [1.01, 0.7, 1.07]
    assert row.alternatives[0].value == pytest.approx(152.8e-6 / 1.51e5 * 1e9, abs=0.005)


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"^loihi1 has no constant set 'x'; choose one of Davies"):
        chip("loihi1").using("x")


def test_a_row_as_json_is_the_row_of_the_file_and_its_ends():
    row = chip("loihi1").limits["population_axon_entries"]
    assert row.to_dict() == {
        "low": 1, "high": 2, "value": 2, "unit": "output axons", "source": row.source,
        "grade": "code", "set": "", "alternatives": [
            {"value": 1, "source": row.alternatives[0].source, "grade": "code", "set": ""},
        ],
    }  # fmt: skip


def test_a_chip_cannot_be_changed():
    with pytest.raises(TypeError):
        chip("loihi1").limits["neurons_per_core"] = None  # type: ignore[index]
