"""The benchmark of energy compares ours with what was measured, and its page says how."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks import energy, keyword_energy, pilotnet_energy
from benchmarks.published_energy import KEYWORDS, PILOTNET


@pytest.fixture(scope="module")
def pilotnet():
    return pilotnet_energy.run(1)


@pytest.fixture(scope="module")
def keywords():
    return keyword_energy.run(8)


def test_published_figures_agree_with_one_another():
    power = PILOTNET.dynamic_w + PILOTNET.static_w
    assert power / PILOTNET.inferences_s * 1e3 == pytest.approx(PILOTNET.total_mj, rel=1e-3)
    dynamic = PILOTNET.dynamic_w / PILOTNET.inferences_s * 1e3
    assert dynamic == pytest.approx(PILOTNET.dynamic_mj, rel=2e-3)
    assert PILOTNET.step_us == pytest.approx(152.8, abs=0.1)
    assert sum(PILOTNET.neurocores) == 74
    assert KEYWORDS.spotter.inferences_s == pytest.approx(KEYWORDS.inferences_s, rel=0.01)
    above = KEYWORDS.spotter.above_uj(KEYWORDS.booted_mw)
    assert above == pytest.approx(KEYWORDS.dynamic_uj, rel=0.02)


def test_intels_counters_lead_to_its_energy_as_published(pilotnet):
    """36.64 million SynOps at 23.6 pJ, 2.54 or 5.92 million updates at 81, 0.69 spikes at 1.7."""
    low, high = pilotnet_energy.from_counters(pilotnet.placement, "Davies 2018")
    assert low == pytest.approx(0.8647 + 0.2054 + 0.0012, abs=1e-3)
    assert high == pytest.approx(0.8647 + 0.4795 + 0.0012, abs=1e-3)
    assert low / PILOTNET.dynamic_mj == pytest.approx(0.98, abs=0.005)
    assert high / PILOTNET.dynamic_mj == pytest.approx(1.23, abs=0.005)


def test_the_counters_are_those_of_so_many_steps_as_intels(pilotnet):
    counters = pilotnet.images[0].counters
    assert counters["updates"] == 158_509 * PILOTNET.counted_steps
    assert counters["nonzero_synops"] < counters["synops"]
    assert 0.5 < counters["synops"] / PILOTNET.synops < 2


def test_a_darker_image_takes_less(pilotnet):
    names = [image.name for image in pilotnet.images]
    assert names == [
        "the wheel's image", "turned by 12 pixels", "1/2 as bright", "1/4 as bright"
    ]  # fmt: skip
    dynamic = [image.energy.dynamic.value for image in pilotnet.images]
    assert dynamic[0] == pytest.approx(dynamic[1], rel=0.05)
    assert dynamic[0] > dynamic[2] > dynamic[3]


def test_energy_is_linear_in_the_rate_of_firing(keywords):
    """What `meets` rests on; drawn spikes scatter."""
    for each in keywords.rates[3:]:
        energy = each.energies["Davies 2018"].dynamic.value * 1e6
        assert keywords.meets(energy, "Davies 2018") == pytest.approx(each.rate, rel=0.05)


def test_all_firing_adds_every_weight(keywords):
    sizes = KEYWORDS.sizes
    weights = sum(one * other for one, other in pairwise(sizes))
    synaptic = keywords.full.energies["Davies 2018"].synaptic.value
    assert synaptic == pytest.approx(KEYWORDS.steps * weights * 23.6e-12)
    assert keywords.silent.energy.synaptic.value == 0


def test_more_layers_take_what_was_measured_at_the_rate_found():
    """8 copies: 20,480 neurons, 88 matrices of 65,536 weights; 10 steps."""
    rate = keyword_energy.more_layers_rate("Davies 2018")
    spent = 10 * (20_480 * (81 + rate * 1.7) + rate * 88 * 65_536 * 23.6) * 1e-6
    assert spent == pytest.approx(keyword_energy.more_layers_uj())


def test_the_command_writes_page_and_picture(tmp_path, capsys):
    page, plot = tmp_path / "energy.md", tmp_path / "energy.png"
    words = ["--images", "1", "--samples", "2", "--markdown", str(page), "--plot", str(plot)]
    assert energy.main(words) == 0
    text, shown = page.read_text(), capsys.readouterr().out
    for part in (
        "benchmarks.energy --images 1", "](energy.png)", "| dynamic energy, mJ ", " 1.09 |",
        "| time per step, µs ", " 153 |", "| synaptic operations ", "| SANA-FE ", " 74 |",
        "| 10% ", "never", "342.29", "dad9dfa", "arXiv 1812.01739", "lava-dl 0.6.0",
    ):  # fmt: skip
        assert part in text, part
    assert "PilotNet, energy and speed" in shown
    assert plot.stat().st_size < 200_000
