"""Chips: the installed cost files against what was published, and how cost files are refused."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.hw_sim.chips import (
    CHIPS,
    COSTS,
    GRADES,
    LIMITS,
    SI_FACTORS,
    Chip,
    Reading,
    chip,
    choose,
    read_chip,
    read_chip_file,
)
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError

COST_FILES = {
    name: (resources.files("neurodeploy.hw_sim.chips") / "costs" / f"{name}.json").read_text(
        "utf-8"
    )
    for name in CHIPS
}
DELETE = object()
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


@pytest.mark.parametrize(("name", "row", "value", "unit"), DOCUMENTED)
def test_documented_figures_are_in_the_cost_files(name, row, value, unit):
    found = CHIPS[name].rows()[row]
    assert (found.value, found.unit) == (value, unit)


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_every_row_has_a_value_between_its_ends_and_a_source(each: Chip):
    for name, row in each.rows().items():
        values = [reading.value for reading in row.readings]
        assert (row.low, row.high) == (min(values), max(values)), name
        assert row.readings[0] == Reading(row.value, row.source, row.grade, row.set), name
        assert all(len(reading.source) > 3 and reading.grade in GRADES for reading in row.readings)
    assert all(row.value == int(row.value) for row in each.limits.values())
    assert {row.unit for row in each.costs.values()} <= set(SI_FACTORS)
    assert each.limit("delay_max") == loihi.DELAY_MAX
    said = "and 256 chips as measured by Frady et al."
    assert any(said in caveat for caveat in each.caveats)


@pytest.mark.parametrize(
    ("tiles", "microseconds"),
    [(1, 0.6), (2, 1.0), (4, 1.4), (29, 1.8), (32, 1.8), (864, 5.8), (8192, 14.3), (24576, 16.2)],
)
def test_a_barrier_over_a_tabulated_number_of_tiles_takes_the_time_of_its_row(tiles, microseconds):
    assert chip("loihi1").barrier_time(tiles).value == pytest.approx(microseconds * 1e-6)


def test_between_rows_a_barrier_is_interpolated_over_the_logarithm_of_the_tiles():
    """Two chips of 32 tiles double the tiles, 27 chips are log2(27) = 4.7549 doublings, as are 864
    tiles; 3 tiles are log2(1.5)."""
    two = chip("loihi1").barrier_time(64)
    assert two.value == pytest.approx((1.8 + 4.0 / 4.7548875) * 1e-6)
    assert two.low == pytest.approx((0.465 + (1.8 - 0.465) / 4.7548875) * 1e-6)
    assert two.high == pytest.approx((1.8 + 4.7 / 4.7548875) * 1e-6)
    assert chip("loihi1").barrier_time(3).value == pytest.approx((1.0 + 0.4 * 0.5849625) * 1e-6)


def test_a_barrier_over_32_chips_is_shorter_than_a_whole_step_that_was_measured_there():
    """6.64 us over 27 tiles of each of 32 chips, of which 14 updates take 0.12 us."""
    assert chip("loihi1").barrier_time(27 * 32).high <= 6.64e-6 - 14 * 8.4e-9


def test_below_the_first_row_and_above_the_last_a_barrier_takes_that_row():
    whole = chip("loihi1")
    rows = replace(whole, barrier=whole.barrier[1:3])
    assert rows.barrier_time(1) == rows.barrier_time(2) == whole.barrier[1][1].si
    assert rows.barrier_time(5) == rows.barrier_time(10**9) == whole.barrier[2][1].si
    one = replace(whole, barrier=whole.barrier[:1])
    assert one.barrier_time(1) == one.barrier_time(100) == whole.barrier[0][1].si


def test_loihi_2_says_that_its_energy_rests_on_loihi_1():
    assert any("No energy per operation is published" in c for c in chip("loihi2").caveats)
    for name in ("synaptic_operation_energy", "neuron_update_active_energy"):
        assert chip("loihi2").costs[name].value == chip("loihi1").costs[name].value
        assert chip("loihi2").costs[name].grade == "derived"


@pytest.mark.parametrize(("name", "values"), SETS)
def test_a_set_gives_its_own_values_and_where_it_has_none_the_preferred_ones(name, values):
    rows = chip("loihi1").using(name).rows()
    assert {row: rows[row].value for row in values} == values


@pytest.mark.parametrize("each", CHIPS.values(), ids=list(CHIPS))
def test_with_a_set_no_cost_has_a_band_and_every_limit_stays(each: Chip):
    for name in each.sets:
        one = each.using(name)
        costs = [*one.costs.values(), *(row for _, row in one.barrier)]
        assert all(row.low == row.value == row.high and row.source for row in costs)
        assert (one.limits, one.digest, one.name) == (each.limits, each.digest, each.name)


@pytest.mark.parametrize("name", ["Davies 2018", "SANA-FE"])
def test_a_set_that_counts_all_events_has_a_value_for_each_of_loihi_1(name):
    rows = chip("loihi1").rows()
    missing = {
        row for row, cost in rows.items()
        if row not in chip("loihi1").limits and name not in {r.set for r in cost.readings}
    }  # fmt: skip
    many_chips = {f"barrier_time_{tiles}_tiles" for tiles in (864, 8192, 24576)}
    bandwidth = {"link_message_time"} if name == "SANA-FE" else set()
    assert missing == {"static_power", "neuron_clear_energy", *many_chips, *bandwidth}


def test_the_pilotnet_set_is_what_its_measurement_leaves_of_loihi_1_s_energies():
    one, pilotnet = chip("loihi1"), chip("loihi2").using("PilotNet")
    for name in ("synaptic_operation_energy", "neuron_update_active_energy"):
        assert pilotnet.cost(name).value == pytest.approx(one.cost(name).value / 1.23, rel=1e-2)


@pytest.mark.parametrize("kind", ["synaptic", "convolution"])
def test_the_time_of_an_operation_is_what_the_barrier_leaves_of_pilotnet_s_step(kind):
    """74 neurocores are on 19 tiles; the busiest has 2688 neurons and adds 1.51e5 weights."""
    two = chip("loihi2")
    row = two.costs[f"{kind}_operation_time"]
    updates = 2688 * two.cost("neuron_update_active_time").value
    left = 152.8e-6 - two.barrier_time(19).value
    assert row.value == pytest.approx(left / 1.51e5 * 1e9, abs=0.005)
    assert [each.value for each in row.alternatives] == [0.93, 1.01, 0.7, 1.07]
    assert row.alternatives[0].value == pytest.approx((left - updates) / 1.51e5 * 1e9, abs=0.005)
    assert row.alternatives[1].value == pytest.approx(152.8e-6 / 1.51e5 * 1e9, abs=0.005)


@pytest.mark.parametrize(
    ("call", "parts"),
    [(lambda: chip("loihi3"), ("loihi3", "loihi1, loihi2")),
     (lambda: chip("loihi1").using("x"), ("loihi1", "'x'", "Davies 2018, SANA-FE"))],
)  # fmt: skip
def test_an_unknown_chip_or_set_is_refused_with_the_known_ones(call, parts):
    with pytest.raises(InputError) as error:
        call()
    assert all(part in str(error.value) for part in parts)


# Cost files


ENERGY, CORES = ("costs", "spike_message_energy"), ("limits", "neurons_per_core")


def changed(*keys: Any, to: Any) -> str:
    """Return the cost file of Loihi 1, called mine, with one value changed, added or deleted."""
    data = copy.deepcopy({**json.loads(COST_FILES["loihi1"]), "name": "mine"})
    place: Any = data
    for key in keys[:-1]:
        place = place[key]
    if to is DELETE:
        del place[keys[-1]]
    else:
        place[keys[-1]] = to
    return json.dumps(data)


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        read_chip(text, "my.json")
    message = str(error.value)
    assert message.startswith("my.json")
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 500
    return message


FAULTS = [  # keys, new value, and what the message names: the place, the value, what is allowed
    # The file as a whole
    (("name",), DELETE, ("`name`",)),
    (("colour",), "red", ("`colour`",)),
    (("name",), "my chip", ("name", '"my chip"', "[A-Za-z0-9._-]")),
    (("name",), "../x", ("name", '"../x"')),
    (("title",), "a\x1b[31mb", ("title", "\\u001b[31mb", "printable")),
    (("title",), "\ud800", ("surrogate",)),
    (("caveats",), ["a", "\x07"], ("caveats", "\\u0007")),
    # Rows
    ((*ENERGY, "low"), 1, ("costs.spike_message_energy", "`low`")),
    (("limits", "neuron_per_core"), {}, ("limits", "`neuron_per_core`")),
    (("barrier", "1", "sources"), "x", ("barrier", "`sources`")),
    # Values
    ((*CORES, "value"), 0, ("neurons_per_core.value is 0", ">= 1")),
    ((*CORES, "value"), 1.5, ("neurons_per_core.value", "1.5", "multiple of 1")),
    ((*CORES, "value"), 10**40, ("neurons_per_core.value", "<= 1000000000")),
    ((*ENERGY, "value"), -0.1, ("spike_message_energy.value", "-0.1", ">= 0")),
    ((*ENERGY, "value"), float("nan"), ("not JSON",)),
    ((*ENERGY, "value"), float("inf"), ("not JSON",)),
    # Units, sources, grades, sets
    ((*ENERGY, "unit"), "nJ", ("spike_message_energy.unit", '"nJ"')),
    (("costs", "hop_east_west_time", "unit"), "ms", ("hop_east_west_time.unit", '"ms"')),
    ((*CORES, "unit"), "cores", ("neurons_per_core.unit", '"cores"', "neurons")),
    ((*ENERGY, "source"), "", ("spike_message_energy.source", '""')),
    ((*ENERGY, "source"), " ", ("spike_message_energy", "source", '" "')),
    ((*ENERGY, "source"), DELETE, ("spike_message_energy", "`source`")),
    ((*ENERGY, "grade"), "certain", ("energy.grade", '"certain"')),
    ((*ENERGY, "set"), "SANA-FE", ("spike_message_energy", '"SANA-FE"')),
    # Alternatives
    ((*ENERGY, "alternatives", 0, "value"), -3, ("alternatives[0].value", "-3", ">= 0")),
    # The barrier
    (("barrier",), {}, ("barrier", "{}")),
    (("barrier", "0"), {}, ("barrier", "[1-9]")),
    (("barrier", "9" * 10), {}, ("barrier", "[1-9]")),
    (("barrier", "1", "value"), 0, ("barrier[...].value", "1e-06")),
    (("barrier", "1", "unit"), "pJ", ("barrier[...].unit", "'pJ'")),
    # Limits that contradict one another
    (("limits", "cores_per_chip", "value"), 129, ("cores_per_chip is 129", "4 x 8 x 4 = 128")),
    (("limits", "weight_bits_small_max", "value"), 9, ("is 9", "weight_bits_max is 8")),
    (("limits", "population_axon_entries"), DELETE, ("output_axons_per_core",)),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "value", "parts"), FAULTS)
def test_a_fault_is_one_sentence_with_place_value_and_what_is_allowed(keys, value, parts):
    message = refused(changed(*keys, to=value))
    assert all(part in message for part in parts), message


def test_every_cost_and_every_required_limit_must_be_there():
    for name, rule in COSTS.items():
        if rule.required:
            assert f"`{name}`" in refused(changed("costs", name, to=DELETE))
    for name, rule in LIMITS.items():
        text = changed("limits", name, to=DELETE)
        if rule.required or name == "population_axon_entries":
            assert name in refused(text)
        else:
            assert name not in read_chip(text).limits


def test_whole_numbers_may_be_written_as_floats_and_costs_as_whole_numbers():
    found = read_chip(changed(*CORES, "value", to=512.0)).limits["neurons_per_core"].value
    assert (found, type(found)) == (512, int)
    assert read_chip(changed(*ENERGY, "value", to=2)).cost("spike_message_energy").value == 2e-12


def test_a_key_that_is_given_twice_is_refused_wherever_it_is():
    text = changed(*CORES, "value", to=12345678)
    assert "'name' twice" in refused(text.replace("{", '{"name": "other", ', 1))
    row = refused(text.replace('"value": 12345678', '"value": 5, "value": 6'))
    assert "'value' twice" in row


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "line 1 column 1"), ("{\n'a': 1}", "line 2 column 1"), ("[" * 200_000, "recursion"),
     ("[]", "`object`"), ("null", "null"), ("NaN", "not JSON")],
)  # fmt: skip
def test_text_that_is_no_cost_file_is_refused(text, part):
    assert part in refused(text)


def refused_file(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_chip_file(path)
    assert str(path)[:100] in str(error.value)
    return str(error.value)


def test_what_is_no_readable_file_of_text_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b'{"a": "\xff\xfe')
    assert "does not exist" in refused_file(tmp_path / "no.json")
    assert "folder" in refused_file(tmp_path)
    assert "regular file" in refused_file(tmp_path / "pipe")
    assert "regular file" in refused_file(Path("/dev/zero"))
    assert "position 7" in refused_file(tmp_path / "binary")
    assert "File name too long" in refused_file(tmp_path / ("x" * 300))


def test_the_digest_is_the_sha256_of_the_file_byte_order_mark_and_all(tmp_path):
    path = tmp_path / "a.json"
    content = b"\xef\xbb\xbf" + changed("title", to="My chip").encode() + b"\r\n"
    path.write_bytes(content)
    found = read_chip_file(path)
    assert (found.title, found.digest) == ("My chip", hashlib.sha256(content).hexdigest())
    for name, text in COST_FILES.items():
        assert chip(name).digest == hashlib.sha256(text.encode()).hexdigest()


# Which chips are taken


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(changed("title", to="My chip"))
    return path


def test_a_file_adds_its_chip_to_those_named_and_replaces_the_installed_ones(mine):
    def names(*args: Any) -> list[str]:
        return [each.name for each in choose(*args)]

    assert names() == list(CHIPS)
    assert names((), [mine]) == ["mine"]
    assert names(["loihi2"], [mine]) == ["loihi2", "mine"]
    assert names(["loihi2", "loihi1", "loihi2"]) == ["loihi1", "loihi2"]


def test_two_chips_may_not_have_one_name(mine):
    other = mine.with_name("other.json")
    for text, files in ((COST_FILES["loihi2"], [other]), (mine.read_text(), [mine, other])):
        other.write_text(text)
        with pytest.raises(InputError, match=r"other\.json calls its chip '(loihi2|mine)'"):
            choose((), files)


@pytest.mark.parametrize("again", ["same", "another way", "link"])
def test_a_file_that_is_given_twice_is_refused(mine, again):
    link = mine.with_name("link.json")
    link.symlink_to(mine)
    way = mine.parent / ".." / mine.parent.name / mine.name
    second = {"same": mine, "another way": way, "link": link}[again]
    with pytest.raises(InputError, match="given twice") as error:
        choose((), [mine, second])
    assert str(second) in str(error.value)
