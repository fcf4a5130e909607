"""What objects show of themselves in a notebook and at a prompt, against the values they show."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from neurodeploy.evaluation.comparison import Comparison, Divergence, Side
from neurodeploy.evaluation.simulation import simulate
from neurodeploy.hw_sim.chips import CHIPS
from neurodeploy.hw_sim.placement import place
from neurodeploy.models import display
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    QuantizedNetwork,
    RecurrentLayer,
    TaskDescription,
)
from neurodeploy.report import notebook, wording
from neurodeploy.report.evaluate import compare_networks, evaluate
from neurodeploy.train import history
from neurodeploy.train.training import Epoch

EVIL = "<script>alert(1)</script>"
VOID = {"br", "hr", "img", "meta", "link", "input"}


class Reader(HTMLParser):
    """Collects texts and refuses tags that do not close, scripts and what is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        assert self.open == []
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag != "script"
        named = dict(attrs)
        assert not {"src", "onclick", "onload"} & set(named)
        assert (named.get("href") or "#").startswith("#")
        self.ids += [named["id"]] if "id" in named else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th", "span", "p", "dt", "text") and data.strip():
            self.cells.append(data.strip())


def read(text: str) -> Reader:
    ET.fromstring(text)  # well-formed as XML too
    return Reader(text)


@pytest.fixture(scope="module")
def network() -> QuantizedNetwork:
    rng = np.random.default_rng(1)
    neuron = CubaLif(np.array([1024]), np.arange(300) + 100, 60)
    first = DenseLayer(rng.integers(-60, 120, (300, 40)), neuron, rng.integers(0, 9, (1, 40)))
    last = DenseLayer(rng.integers(-60, 120, (3, 300)), replace(neuron, voltage_decay=[9]))
    task = TaskDescription(f"task {EVIL}", class_names=("a", EVIL, "c"), dt_ms=20.0)
    return QuantizedNetwork.chain((first, last), task)


@pytest.fixture(scope="module")
def report(network: QuantizedNetwork) -> Any:
    spikes = (np.random.default_rng(2).random((6, 40, 30)) < 0.4).astype(np.uint8)
    return evaluate(network, spikes, labels=np.arange(6) % 3)


def run(network: QuantizedNetwork) -> Any:
    spikes = (np.random.default_rng(2).random((4, 40, 25)) < 0.4).astype(np.uint8)
    return simulate(network, spikes, states=True)


def epochs(count: int) -> list[Epoch]:
    return [
        Epoch(i + 1, 2 / (i + 1), 0.9, 0.93 - abs(i - 4) / 100, (0.1, 0.05), (3.0,), (0.25,) * 2,
              (0.1, 0.2), (800.0, 90.0))
        for i in range(count)
    ]  # fmt: skip


# Text


def test_a_network_shows_itself_in_a_line_per_layer_of_which_there_are_not_too_many(network):
    lines = repr(network).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 120
    weight = network.layers[0].weight
    for words in ("303 neurons", f"{40 * 300 + 300 * 3:,} weights"):
        assert words in lines[0]
    for words in (f"12,000 weights {weight.min()}..{weight.max()}", "axonal delays to 8"):
        assert words in lines[1]
    last = DenseLayer(np.eye(3, dtype=int), CubaLif([1], [1], 1))
    lines = repr(network.with_layers((*network.layers, *(last,) * 20))).splitlines()
    assert len(lines) < 12
    assert "14 more layers" in lines[-1]


def test_what_holds_arrays_shows_their_shape_and_range(network):
    neuron = CubaLif([1024], [512], 60)
    recurrent = RecurrentLayer(np.ones((9, 4)), np.full((9, 9), -7), neuron)
    convolution = ConvLayer(np.full((2, 1, 3, 3), 5), (1, 28, 28), neuron)
    found = {
        "int16 (300, 40)": network.layers[0], "100..399": network.layers[0].neuron,
        "int16 (9, 9) -7..-7": recurrent, "int16 (2, 1, 3, 3) 5..5": convolution,
        "uint8 (4, 300, 25) 0..1": run(network), "current_decay=1024": neuron,
        "Intel Loihi 2": CHIPS["loihi2"], "neurocores on 1 chip": place(network, CHIPS["loihi2"]),
    }  # fmt: skip
    for words, item in found.items():
        assert words in repr(item)
        assert len(repr(item)) < 1200, type(item)


# HTML


def test_a_network_and_a_placement_are_tables_of_layers(network):
    for chip, show in (
        ("loihi2", lambda placement: notebook.network_html(placement.network)),
        ("loihi1", notebook.placement_html),
    ):
        placement = place(network, CHIPS[chip])
        found = read(show(placement)).cells
        assert any(CHIPS[chip].title in text for text in found)
        for layer, placed in zip(network.layers, placement.layers):
            share = f"{wording.share(placed.fullest.utilization)} {placed.fullest.name}"
            bits = str(placed.weights.bits)
            for text in (f"{layer.synapses:,}", bits, f"{placed.neurocores:,}", share):
                assert text in found
        assert any(text.startswith("axonal") and text.endswith(" 8") for text in found)


def test_a_report_is_its_first_screen_with_figures_whose_ids_are_its_own(report):
    text = notebook.report_html(report)
    found = read(text)
    assert f"{report.counted.score.accuracy:.2%}" in found.cells
    for each in report.estimated.values():
        assert wording.amount(each.energy.total.value, "J") in found.cells
        assert wording.amount(each.latency.sample_s.value, "s") in found.cells
    assert text.count("<svg") == len(notebook.FIGURES)
    assert len(text) < 200_000
    other = read(notebook.report_html(replace(report, digest="0" * 64))).ids
    assert len({*found.ids, *other}) == len(found.ids) + len(other)


def test_an_estimate_has_its_values_and_ends(report):
    each = report.estimated["loihi2"]
    found = read(notebook.estimated_html(each)).cells
    scale = wording.scale([each.energy.total.value], "J")
    assert scale.number(each.energy.total.value) in found
    assert scale.ends(each.energy.total) in found


def test_a_comparison_is_its_verdict_and_the_first_spike_that_differs():
    first = Divergence(1, 2, 3, 4)
    sides = (Side("fast", 1, 640, 700, 0), Side("lava", 0, 641, 701, 65))
    found = Comparison(("fast", "lava"), 2, 6, 1234, 5, first, sides=sides)
    shown = read(notebook.comparison_html(found)).cells
    assert "fast and lava differ" in shown
    assert any("layer 1, sample 2, time step 3, neuron 4" in text for text in shown)
    assert {"640", "641", "700", "701", "65"} <= set(shown)
    same = Comparison(("fast", "lava"), 2, 6, 1234)
    assert read(same._repr_html_()).cells == ["fast and lava agree", f"{same}."]


def test_a_training_is_its_curves_and_best_epoch():
    found = read(notebook.history_html(epochs(9))).cells
    assert {"training", "validation", "layer 0", "layer 1", "delays 0", "current 1"} <= set(found)
    for best, accuracy in ((None, "5: 93.0%"), (2, "2: 90.0%")):
        assert f"epoch {accuracy}" in notebook.history_html(epochs(9), best=best)
    read(notebook.history_html([]))


def test_an_activity_is_its_spikes_per_layer_and_rate_and_a_chip_its_rows(network):
    activity = run(network)
    found = read(notebook.activity_html(activity)).cells
    for spikes in activity.spikes:
        assert f"{int(spikes.sum()):,}" in found
        assert wording.share(float(spikes.mean())) in found
    found = read(notebook.chip_html(CHIPS["loihi2"])).cells
    assert {row.source for row in CHIPS["loihi2"].rows().values()} <= set(found)


def test_each_object_shows_itself_and_what_has_no_html_falls_back_to_text(network, report):
    shown = [network, place(network, CHIPS["loihi2"]), CHIPS["loihi2"], run(network)]
    for item in (*shown, *network.layers, network.layers[0].neuron):
        made = item._repr_html_()
        assert (made is None) == (type(item).__name__ not in display.HTML)
        if made is not None:
            read(made)
    assert read(report._repr_html_()).ids
    assert len(repr(report).splitlines()) <= 5
    assert set(display.HTML) >= {"QuantizedNetwork", "Placement", "Chip", "Activity", "Report"}


def test_networks_side_by_side_are_rows(network):
    spikes = (np.random.default_rng(2).random((2, 40, 30)) < 0.4).astype(np.uint8)
    found = compare_networks({"one": network, "other": network}, spikes)
    shown = read(found._repr_html_()).cells
    assert {"one", "other", *found.notes} <= set(shown)
    assert len(found.notes) == 1  # they are the same network


# The picture of a history


def test_delays_are_named_by_the_layer_that_a_report_says_has_them(random_network):
    from neurodeploy.models.architecture import Architecture
    from neurodeploy.models.quantize import quantize
    from neurodeploy.models.snn import SlayerNetwork

    for kind, receivers in (("axonal", ["1"]), ("synaptic", ["0", "1"])):
        architecture = Architecture.dense((6, 9, 3), threshold=0.5).with_delays(kind)
        names = history.delay_names(architecture.layers)
        assert [name.split()[-1] for name in names] == receivers
        network = SlayerNetwork(architecture)
        for delays in network.delay_parameters():
            delays.data.fill_(3)
        kinds = [layer.delay_kind for layer in quantize(network.eval()).layers]
        assert [str(i) for i, found in enumerate(kinds) if found != "none"] == receivers
        one = replace(epochs(1)[0], delays=tuple(1.5 * place for place in range(len(names))))
        legend = history.figure([one], layers=architecture.layers).axes[4].get_legend()
        assert [text.get_text() for text in legend.texts] == list(names)
