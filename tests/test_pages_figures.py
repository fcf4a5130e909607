"""Figures and pages of odd reports: what is missing is said in a sentence, the rest is drawn."""

from __future__ import annotations

import html as html_module
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from neurodeploy import style
from neurodeploy.data.dataset import Signal
from neurodeploy.data.task_data import task_samples
from neurodeploy.hw_sim.chips import Estimate, choose, exactly
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.report import page as html
from neurodeploy.report import texts, wording
from neurodeploy.report.evaluate import evaluate
from neurodeploy.report.figures import drawing, layers, ranges
from neurodeploy.report.figures.drawing import Drawn
from neurodeploy.report.report import Report

pytestmark = pytest.mark.usefixtures("workplace")

LIF = CubaLif(np.array([1024]), np.array([512]), 60)
SVG = "{http://www.w3.org/2000/svg}"


def network_of(*sizes: int, threshold: int = 60, **task: Any) -> QuantizedNetwork:
    rng = np.random.default_rng(1)
    neuron = replace(LIF, threshold=threshold)
    pairs = zip(sizes[1:], sizes)
    layers = tuple(DenseLayer(rng.integers(-60, 120, pair), neuron) for pair in pairs)
    return QuantizedNetwork.chain(layers, TaskDescription(**task))


def view_of(
    network: QuantizedNetwork,
    spikes: np.ndarray,
    labels: Any = None,
    *,
    chips: Sequence[str] = (),
    costs: Sequence[Path] = (),
) -> Report:
    return evaluate(network, spikes, labels=labels, chips=choose(chips, costs))


def drawn_of(view: Report) -> tuple[dict[str, Drawn], str]:
    """Return every figure, which is whole or says why not, and the page."""
    drawn = drawing.draw_all(view)
    page = html.render(view, drawn)
    for each in drawn.values():
        assert bool(each.svg) != bool(each.why_missing), each.name
        if each.svg:
            marks = [
                e for e in ET.fromstring(each.svg).iter() if e.tag in (f"{SVG}path", f"{SVG}use")
            ]
            assert len(marks) > 2, each.name
            assert f'<figure id="{each.name}">' in page
        else:
            assert each.why_missing.endswith(".")
            assert each.why_missing in page
    return drawn, page


def spikes_of(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (np.random.default_rng(2).random(shape) < rate).astype(np.uint8)


def missing(drawn: dict[str, Drawn]) -> set[str]:
    return {each.name for each in drawn.values() if each.why_missing}


def test_with_labels_nothing_is_missing():
    view = view_of(network_of(4, 9, 3, dt_ms=20.0), spikes_of(6, 4, 30), [0, 1, 2, 0, 1, 2])
    drawn, page = drawn_of(view)
    assert missing(drawn) == set()
    found = view.neurobench
    for words in (
        f"{found.effective_neuron_operations:,.0f}", f"{found.dense_neuron_operations:,.0f}",
        "20 ms steps", *view.to_dict()["not_modelled"], ">between chips<", ">peak per step<",
    ):  # fmt: skip
        assert words in html_module.unescape(page)


def test_without_labels_accuracy_is_not_known_and_the_page_says_why():
    view = view_of(network_of(4, 9, 3), spikes_of(6, 4, 30))
    drawn, _ = drawn_of(view)
    assert missing(drawn) == {"confusion"}
    assert drawn["steps"].description.startswith("Agreement")
    titles = {tile.title for tile in texts.tiles(view)}
    assert titles.isdisjoint({"Accuracy", "Keeps up in real time"})
    assert "no longer changes" not in drawn["steps"].svg  # equal to the last one is not final


def test_a_network_that_never_fires_is_drawn_without_bars_of_nothing():
    view = view_of(network_of(4, 9, 3, threshold=130000), spikes_of(2, 4, 30, rate=0), [0, 1])
    drawn, page = drawn_of(view)
    assert missing(drawn) == {"spikes"}
    assert "No neuron fired in this sample." in page
    assert "In 2 samples no output neuron spiked" in page


def test_real_time_is_answered_with_the_slowest_of_the_longest_step():
    view = view_of(network_of(4, 9, 3, dt_ms=20.0), spikes_of(6, 4, 30))
    peak = view.estimated["loihi1"].latency.peak_step_s
    assert peak.high > peak.value
    (kept,) = (tile for tile in texts.tiles(view) if "real time" in tile.title.split(",")[0])
    _, cell = kept.entries[0]
    assert wording.amount(peak.high, "s") in cell.note
    assert "20 ms" in cell.note
    assert cell.value is True


def test_what_a_neurocore_does_takes_the_largest_of_its_parts_and_at_most_their_sum():
    content = json.loads(small_chip(8).read_text())
    rest = content["costs"]["neuron_update_inactive_time"]
    rest["value"], rest["alternatives"] = 20, []  # more than an active one takes
    Path("odd.json").write_text(json.dumps(content | {"name": "odd"}))
    view = view_of(network_of(4, 4), spikes_of(6, 4, 30), costs=[Path("odd.json")])
    (each,) = view.estimated.values()
    parts = [band for name, band in each.latency.resources.items() if name != "barrier"]
    busiest = each.latency.busiest_s
    assert each.placement.neurocores == 1
    assert busiest.high == pytest.approx(sum(band.high for band in parts))
    assert busiest.low >= 0.999 * max(band.low for band in parts)
    assert busiest.value >= 0.999 * max(band.value for band in parts)


@pytest.mark.parametrize(
    ("network", "spikes", "words"),
    [((4, 9, 3), (4, 1), "one time step"), ((4, 9, 1), (4, 20), "one output")],
)
def test_one_time_step_or_one_output_leaves_nothing_to_decide(network, spikes, words):
    drawn, _ = drawn_of(view_of(network_of(*network), spikes_of(*spikes)))
    assert words in drawn["steps"].why_missing


def test_one_sample_and_a_chip_that_cannot_hold_the_network_are_marked():
    view = view_of(network_of(4, 9, 3), spikes_of(4, 30), [1])
    estimated = dict(view.estimated)
    estimated["loihi1"] = replace(estimated["loihi1"], problems=("layer 0 is <too> big",))
    drawn, page = drawn_of(replace(view, estimated=MappingProxyType(estimated)))
    assert missing(drawn) == set()
    assert "One sample says little" in page
    assert "Does not fit Intel Loihi 1: layer 0 is &lt;too&gt; big" in page
    assert '<span class="value bad">' in page


def small_chip(cores: int, name: str = "small") -> Path:
    """Write the cost file of a chip of few neurocores that hold four neurons each."""
    text = resources.files("neurodeploy.hw_sim.chips").joinpath("costs/loihi1.json").read_text()
    content = json.loads(text)
    content |= {"name": name, "title": "Small <chip>"}
    for limit, value in (("cores_per_chip", cores), ("neurons_per_core", 4)):
        content["limits"][limit] = {**content["limits"][limit], "value": value}
    Path(f"{name}.json").write_text(json.dumps(content))
    return Path(f"{name}.json")


@pytest.mark.parametrize(
    ("neurons", "said"),
    [(40, "on 3 tiles of 2 chips"), (1200, "only the upper left 4 by 4 are")],
)
def test_several_chips_are_drawn_and_many_in_part(neurons, said):
    network = network_of(3, neurons, 8)
    view = view_of(network, spikes_of(3, 10), costs=[small_chip(8)])
    drawn, page = drawn_of(view)
    assert "Small &lt;chip&gt;" in page
    assert said in page + drawn["cores"].description


def test_large_layers_and_long_samples_are_thinned_and_the_page_says_so():
    drawn, page = drawn_of(view_of(network_of(200, 300, 4), spikes_of(200, 2100)))
    assert "of the 300 neurons of layer 0" in page
    assert "of the 200 neurons of the input" in page
    assert "3 of the 2,100 time steps" in page
    assert len(drawn["raster"].svg) < 4_000_000


def test_channels_of_one_unit_share_a_panel_and_those_left_out_are_counted():
    view = view_of(network_of(4, 9, 3), spikes_of(4, 30))
    assert view.sample is not None
    names = ("acc-x (g)", "acc-y (g)", "gyro-x (rad/s)", *(f"emg-{i} (mV)" for i in range(5)))
    signal = Signal(np.zeros((8, 60), np.float32), names)
    drawn, page = drawn_of(replace(view, sample=replace(view.sample, signal=signal)))
    texts = [each.text for each in ET.fromstring(drawn["raster"].svg).iter(f"{SVG}text")]
    assert {"acc (g)", "gyro (rad/s)", "emg (mV)"} <= set(texts)
    assert "6 of 8 channels of the signal are drawn." in page


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (3, 3), (60, 8)])
def test_pixels_are_drawn_as_images_and_blank_where_nothing_was_seen(samples, frames):
    view = view_of(network_of(4, 9, 3), spikes_of(4, 30))
    values = np.zeros((2 * 5 * 7, samples), np.uint8)
    values[[0, 3, 35 + 3]] = 200
    signal = Signal(values, tuple(f"pixel {i}" for i in range(70)), (5, 7))
    drawn, page = drawn_of(replace(view, sample=replace(view.sample, signal=signal)))
    images = [
        each
        for each in ET.fromstring(drawn["raster"].svg).iter(f"{SVG}g")
        if each.get("id", "").startswith("PolyCollection")
    ]
    assert len(images) == frames
    styles = [path.get("style") for path in images[0].iter(f"{SVG}path") if path.get("style")]
    assert len(styles) == 2  # pixel 0, and pixel 3 of both planes, which is darker
    assert [float(style.partition("fill-opacity: ")[2] or 1) for style in styles] == [0.5, 1]
    assert "channels of the signal" not in page


@pytest.mark.parametrize(("classes", "times"), [(2, 2), (6, 2), (17, 2), (45, 1), (60, 0)])
def test_any_number_of_classes_is_drawn_with_names_where_there_is_room(classes, times):
    names = tuple(f"class of {index}" for index in range(classes))
    labels = np.arange(12) % classes
    network = network_of(4, 9, classes, class_names=names)
    drawn, _ = drawn_of(view_of(network, spikes_of(12, 4, 30), labels))
    assert missing(drawn) == set()
    shown = [each.text or "" for each in ET.fromstring(drawn["confusion"].svg).iter(f"{SVG}text")]
    assert {shown.count(name) for name in names} == {times}


def test_names_of_any_kind_come_out_as_text():
    names = ("<i>$a_1$</i>", "\x1b[31mred\x00", "a" * 300)
    view = view_of(network_of(4, 9, 3, class_names=names), spikes_of(6, 4, 30), [0, 1, 2] * 2)
    drawn, page = drawn_of(view)
    texts = [each.text or "" for each in ET.fromstring(drawn["confusion"].svg).iter(f"{SVG}text")]
    assert "<i>$a_1$</i>" in texts
    assert "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}" in texts
    assert max(map(len, texts)) < 40
    assert "<i>" not in page
    assert "\x1b" not in page


def test_a_range_is_as_wide_as_its_band_and_nothing_has_no_mark_on_a_scale_without_zero():
    bands = {"x": Estimate(1e-6, 1e-5, 1e-4), "none": exactly(0.0)}
    with style.look():
        rows = [ranges.Row(name, {0: band}) for name, band in bands.items()]
        figure = ranges.draw(rows, series=("chip",), unit="J")
    band, mark = figure.axes[0].lines
    assert list(band.get_xdata()) == [1e-6, 1e-4]
    assert list(mark.get_xdata()) == [1e-5]
    assert figure.axes[0].get_xscale() == "log"
    assert "0" in [text.get_text() for text in figure.texts]


def test_bars_of_layers_share_a_scale_and_the_whole_of_each_chip_fills_its_width():
    view = view_of(network_of(4, 9, 3), spikes_of(6, 4, 30))
    with style.look():
        figure, _ = layers.draw(view)
    for axes, each in zip(figure.axes, view.estimated.values(), strict=True):
        widths: dict[float, float] = {}
        for bar in axes.patches:
            widths[bar.get_y()] = widths.get(bar.get_y(), 0.0) + bar.get_width()
        whole, *drawn = (width for _, width in sorted(widths.items()))
        assert axes.get_xlim() == figure.axes[0].get_xlim()
        assert whole == pytest.approx(axes.get_xlim()[1])
        found = each.energy_by_layer
        assert drawn == pytest.approx([e.total.value for e in (found.host, *found.layers)])
        assert sum(drawn) + found.rest.total.value == pytest.approx(each.energy.total.value)


def test_a_silent_neuron_on_a_chip_that_costs_nothing_is_drawn_and_said():
    content = json.loads(small_chip(8).read_text())
    for row in content["costs"].values():
        row["value"], row["alternatives"] = 0, []
    Path("free.json").write_text(json.dumps(content | {"name": "free"}))
    network = network_of(1, 1, threshold=130000)
    view = view_of(network, spikes_of(1, 1, 5, rate=0), costs=[Path("free.json")])
    drawn, _ = drawn_of(view)
    assert "layers" not in missing(drawn)
    (words,) = texts.first_words(view)
    assert "0% of the energy at full speed is static power" in words
    assert "8 such networks fit side by side; each would take 0 J" in words


def test_a_task_s_sample_has_the_sensor_s_signal(uci_har_folder):
    encoder = {"name": "sigma-delta", "gain": [1.0] * 6, "rectified": False}
    inputs = task_samples(TaskDescription("har", encoder), uci_har_folder, count=3)
    assert inputs.signal is not None
    signal = inputs.signal(2)
    assert signal.names[0].startswith("acc-x")
    assert signal.values[0, 0] == pytest.approx(inputs.numbers[2], abs=1)
    assert np.allclose(np.diff(signal.values[0]), 1 / 1000, atol=1e-4)
