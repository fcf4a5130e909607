"""How far estimates were off in measured cases gives a band for others."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources

import pytest

from neurodeploy.hw_sim.chips import CHIPS, COSTS, chip, read_chip_file
from neurodeploy.hw_sim.confidence import QUANTITIES, MeasuredCase, confidence, measured_cases


def case(name, value, *, on="loihi1", quantity="dynamic_energy", rests_on=()):
    return MeasuredCase(
        case=name, chip=on, quantity=quantity, unit="uJ", low=value, value=value, high=value,
        measured=100, rests_on=rests_on,
    )  # fmt: skip


def test_the_band_divides_by_the_extreme_ratios():
    found = confidence(chip("loihi1"), "dynamic_energy", [case("a", 80), case("b", 125)])
    assert found.band(10.0) == pytest.approx((8.0, 12.5))
    assert not found.other_chips


def test_a_value_can_lie_outside_of_its_band():
    found = confidence(chip("loihi1"), "dynamic_energy", [case("a", 50), case("b", 20)])
    assert found.band(1.0) == pytest.approx((2.0, 5.0))


def test_a_case_that_gave_a_constant_does_not_count():
    cases = [case("a", 80), case("b", 125, rests_on=("static_power",))]
    found = confidence(chip("loihi1"), "dynamic_energy", cases)
    assert [each.case for each in found.cases] == ["a"]
    assert found.band(1.0) is None
    assert "too few" in found.note


def test_a_case_is_left_out_by_name():
    cases = [case("a", 80), case("b", 125), case("c", 1)]
    assert confidence(chip("loihi1"), "dynamic_energy", cases, without="c").band(1) == (0.8, 1.25)


@pytest.mark.parametrize(("quantity", "shared"), [("dynamic_energy", True), ("step_time", False)])
def test_another_chip_lends_its_cases_where_the_constants_are_the_same(quantity, shared):
    cases = [case("a", 80, quantity=quantity), case("b", 125, on="loihi2", quantity=quantity)]
    found = confidence(chip("loihi2"), quantity, cases)
    assert (found.other_chips, found.enough) == (shared, shared)


def test_a_chip_from_a_file_has_no_cases():
    found = confidence(replace(chip("loihi1"), name="mine"), "dynamic_energy")
    assert found.cases == ()
    assert "no measured case" in found.note


def changed(found):
    """Return a chip with one cost doubled."""
    row = found.costs["static_power"]
    return replace(found, costs={**found.costs, "static_power": replace(row, value=2 * row.value)})


@pytest.mark.parametrize("change", [changed, lambda found: found.using("SANA-FE")])
def test_a_chip_with_other_costs_has_no_cases_even_under_the_same_name(change):
    assert confidence(chip("loihi1"), "dynamic_energy").cases
    assert confidence(change(chip("loihi1")), "dynamic_energy").cases == ()


def test_a_cost_file_with_the_same_rows_has_the_cases_of_the_installed_chip(tmp_path):
    folder = resources.files("neurodeploy.hw_sim.chips") / "costs"
    copied = tmp_path / "copied.json"
    copied.write_text(json.dumps(json.loads((folder / "loihi1.json").read_text())))
    again = read_chip_file(copied)
    assert again.digest != chip("loihi1").digest  # the spaces differ
    assert confidence(again, "dynamic_energy") == confidence(chip("loihi1"), "dynamic_energy")


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_installed_cases_name_what_exists(quantity):
    cases = [each for each in measured_cases() if each.quantity == quantity]
    assert cases
    for each in cases:
        assert each.chip in CHIPS
        assert each.low <= each.value <= each.high
        assert set(each.rests_on) <= set(COSTS)
