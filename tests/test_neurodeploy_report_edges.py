"""What a report shows of unusual networks and runs: zero spikes, one sample, names with markup."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from neurodeploy import report
from neurodeploy.export import netx
from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.models import loihi
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.pages import wording
from neurodeploy.pages.html import tables
from neurodeploy.pages.terminal import report as terminal
from neurodeploy.pages.view import View
from neurodeploy.running.evaluation import evaluate, other_dataset, seed_of
from neurodeploy.samples import Samples

NAMES = ("[bold]up", "<b>down</b>", ":smile:", "a\x1b[31m\nb")


@pytest.fixture
def network(workplace):
    """Write a network 9-12-4 of classes whose names hold markup, 20 ms a step, to edge.net."""
    rng = np.random.default_rng(3)
    neuron = CubaLif(np.array([1024]), np.array([205]), 80)
    layers = tuple(
        DenseLayer(rng.integers(-60, 90, shape) & ~1, neuron) for shape in ((12, 9), (4, 12))
    )
    made = QuantizedNetwork(
        layers, TaskDescription("[red]t[/red]", class_names=NAMES, dt_ms=20), {"seed": 7}
    )
    netx.write(made, Path("edge.net"))
    save(6)
    return made


def save(samples, rate=0.2, steps=50):
    rng = np.random.default_rng(1)
    np.save("x.npy", (rng.random((samples, 9, steps)) < rate).astype(np.uint8))
    np.save("y.npy", np.arange(samples) % 4)


@pytest.fixture
def run(capsys):
    """Return a function that reports on edge.net and gives its exit code, stdout and stderr."""

    def command(*words, network="edge.net"):
        code = report.main([network, "--input", "x.npy", *map(str, words)])
        return (code, *capsys.readouterr())

    return command


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


def test_what_matters_fits_one_screen(network):
    made = evaluate(network, np.load("x.npy"), labels=np.load("y.npy"))
    out = io.StringIO()
    terminal.show(made, Console(file=out, width=80, height=24, force_terminal=True, no_color=True,
                                highlight=False))  # fmt: skip
    screen = out.getvalue().partition("The network, on an input")[0].splitlines()
    assert len(screen) <= 24
    text = "\n".join(screen)
    for words in ("accuracy", "6 samples", "neurocores", "fullest layer", "energy per sample",
                  "static", "latency", "busiest neurocore", "real time, 20 ms steps", "kept",
                  "accuracy holds after", "in real time", "CPU", "with seed 7"):  # fmt: skip
        assert words in text


def test_the_page_holds_every_row_and_column_of_the_tables_in_a_terminal(network, run):
    out = run("--labels", "y.npy", "--html", "page.html")[1]
    page = Path("page.html").read_text()
    cells = set(re.findall(r"<(?:th|td)[^>]*>([^<]*)<", page))
    cells = set(map(html.unescape, cells))
    heads = [line.split("┃") for line in out.splitlines() if line.startswith("┃")]
    names = {cell.strip() for head in heads for cell in head}
    names |= {line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│")}
    for name in names:
        assert name in cells, name


def test_zero_spikes_are_a_warning_and_figures(network, run):
    save(3, rate=0.0)
    code, out, err = run("--labels", "y.npy")
    assert (code, err) == (0, "")
    assert "warning: no neuron fired in any sample" in out
    assert "accuracy 33.33%" in out
    assert "3 samples without an output spike" in out
    made = json.loads(run("--json")[1], parse_constant=refuse)
    energy = made["estimated"]["loihi1"]["full_speed"]["energy_per_sample_uj"]
    assert energy["synaptic"]["value"] == energy["over_hops"]["value"] == 0
    assert energy["neuron"]["value"] > 0
    assert made["decisions"]["earliest_step"] == made["counted"]["propagation_steps"] + 1 == 3


def test_one_sample_of_one_step_is_enough(network, run):
    save(1, steps=1)
    code, out, err = run("--labels", "y.npy")
    assert (code, err) == (0, "")
    assert "1 sample of 1 time step\n" in out
    assert "after" in out
    assert ", 1 layer" not in out
    json.loads(run("--json")[1], parse_constant=refuse)


def test_without_labels_there_is_no_accuracy(network, run):
    out = run()[1]
    assert "no labels, so no accuracy; the predictions are below" in out
    assert "predictions hold after" in out
    assert "Predictions (counted)" in out
    assert "precision" not in out


def test_a_part_too_small_for_the_unit_of_the_whole_has_one_of_its_own(network, run):
    cost_file("tiny.json", neurons_per_core=2, cores_per_chip=2)
    out = run("--costs", "tiny.json")[1]
    table = [line for line in out.splitlines() if line.startswith("│")]
    energy, small = (
        next(line for line in table if line.startswith(f"│ {label} ("))
        for label in ("energy per sample", "  messages")
    )
    assert energy.split("(")[1].split(")")[0] != small.split("(")[1].split(")")[0]
    assert "<0.0001" not in out
    assert max(map(len, table)) <= 80


def test_beside_conventional_hardware_stands_energy_with_static_power_too(network, run):
    made = json.loads(run("--json", "--chip", "loihi1")[1])
    energy = made["estimated"]["loihi1"]["full_speed"]["energy_per_sample_uj"]
    out = run("--chip", "loihi1")[1]
    for words, part in (("without static power", "dynamic"), ("with it", "total")):
        (row,) = (line for line in out.splitlines() if f"Intel Loihi 1, {words}" in line)
        assert wording.amount(energy[part]["value"] * 1e-6, "J") in row


def test_a_sample_lasts_as_long_as_the_sensor_takes(network, run):
    rows = [line for line in run()[1].splitlines() if line.startswith("│ time per sample (s)")]
    values = [value for row in rows for value in row.replace("│", " ").split()[4:]]
    assert values == ["1.00", "1.00"], "one per chip, in one table or two"


def test_what_a_decision_costs_is_told_at_both_paces(network, run):
    made = json.loads(run("--labels", "y.npy", "--json")[1])
    for name in ("loihi1", "loihi2"):
        at_pace = made["estimated"][name]["decision"]["real_time"]
        assert at_pace["latency_ms"]["value"] == made["decisions"]["earliest_step"] * 20
    lines = run("--labels", "y.npy")[1].splitlines()
    time = wording.amount(made["decisions"]["earliest_step"] * 20e-3, "s")
    (first,) = (line for line in lines if line.startswith("  in real time"))
    assert first.count(f"{time}, ") == 2
    assert any("The same at the sensor's pace, 20 ms steps" in line for line in lines)


def test_each_class_has_recall_precision_and_f1(network, run):
    counted = json.loads(run("--labels", "y.npy", "--json")[1])["counted"]
    confusion = np.array(counted["confusion"])
    (row,) = (line for line in run("--labels", "y.npy")[1].splitlines() if "0 [bold]up" in line)
    right, labelled, answered = confusion[0, 0], confusion[0].sum(), confusion[:, 0].sum()
    for part, whole in ((right, labelled), (right, answered), (2 * right, labelled + answered)):
        assert (f"{100 * part / whole:.1f}" if whole else "-") in row


def test_outputs_that_never_fire_are_read_from_v(network, run):
    last = network.layers[-1]
    silent = replace(last, neuron=replace(last.neuron, threshold=loihi.THRESHOLD_NEVER))
    netx.write(replace(network, layers=(network.layers[0], silent)), Path("v.net"))
    out = run(network="v.net")[1]
    (row,) = (line for line in out.splitlines() if line.startswith("│   and v of neurons"))
    assert row.replace("│", " ").split() == ["and", "v", "of", "neurons", "4", "4"]
    assert "and v of neurons" not in run()[1]
    for name, voltages in (("v.net", 4), ("edge.net", 0)):
        load = json.loads(run("--json", network=name)[1])["estimated"]["loihi2"]["load"]
        assert load["output_voltages_per_sample"] == voltages
    made = evaluate(netx.read(Path("v.net")), np.load("x.npy"))
    (load,) = tables.load(View(made))
    assert load.rows[-1] == ("  and v of neurons", "4", "4")


def test_markup_and_control_characters_in_names_are_shown_and_do_nothing(network, run):
    out = run("--labels", "y.npy")[1]
    assert out.startswith("[red]t[/red] sha256 ")
    for name in NAMES[:3]:
        assert f" {name} " in out
    assert "\x1b" not in out
    assert "a\ufffd[31m\ufffdb" in out


def test_names_of_a_chip_are_shown_as_they_are(network, run):
    cost_file("free.json", title="[bold]Half[/bold] :smile:")
    out = run("--costs", "free.json")[1]
    assert "[bold]Half[/bold] :smile:" in out


def cost_file(path, *, title="Tiny", **limits):
    """Write the cost file of a Loihi 2 with other limits."""
    chip = json.loads(
        (resources.files("neurodeploy.hw_sim.chips") / "costs" / "loihi2.json").read_text()
    )
    chip["name"], chip["title"] = "tiny", title
    for name, value in limits.items():
        chip["limits"][name]["value"] = value
        chip["limits"][name].pop("alternatives", None)
    Path(path).write_text(json.dumps(chip))


def test_a_network_for_no_number_of_chips_is_told_and_fails_the_check(network, run):
    cost_file("tiny.json", chips_max=1, cores_per_chip=1)
    code, out, _ = run("--costs", "tiny.json")
    assert code == 1
    assert "does not fit, see below" in out
    assert "does not fit tiny: the network needs 2 neurocores on 2 chips; the largest " in out
    code, out, _ = run("--costs", "tiny.json", "--json")
    assert code == 1
    made = json.loads(out, parse_constant=refuse)["estimated"]["tiny"]
    assert made["fits"] is False
    assert len(made["problems"]) == 1


def test_a_neuron_for_no_neurocore_is_told(workplace, random_network, run):
    netx.write(random_network(np.random.default_rng(0), (5000, 2)), "wide.net")
    np.save("x.npy", np.zeros((5000, 3), np.uint8))
    code, out, _ = run("--chip", "loihi1", network="wide.net")
    assert code == 1
    assert "does not fit loihi1: layer 0 needs 5,000 input axons for one neuron" in out


# Where a report comes from


def inputs(source, signal=lambda at: None):
    return Samples(np.arange(1), 3, lambda *_: None, None, source, "test subjects", signal=signal)


def test_another_data_set_than_that_of_the_training_is_said():
    assert other_dataset(inputs("UCI HAR (UCI 240) in /a"), "HAPT (UCI 341) in b") == [
        "trained on HAPT (UCI 341) and run on UCI HAR (UCI 240), another data set"
    ]
    assert other_dataset(inputs("HAPT (UCI 341) in /a"), "HAPT (UCI 341) in b") == []
    assert other_dataset(inputs("HAPT (UCI 341) in /a"), None) == []
    assert other_dataset(inputs("x.npy", signal=None), "HAPT (UCI 341) in b") == []


@pytest.mark.parametrize(
    ("kept", "seed"),
    [
        ({"seed": 3}, 3),
        ({"options": {"seed": 4}}, 4),
        ({"seed": "3"}, None),
        ({"seed": True}, None),
        ({"options": [1]}, None),
        ({}, None),
    ],
)
def test_the_seed_is_taken_where_a_network_names_one(kept, seed):
    assert seed_of(kept) == seed


def test_a_report_says_where_it_comes_from(network, run):
    made = json.loads(run("--json")[1])
    said = made["provenance"]
    assert said["sha256"] == made["network"]["sha256"]
    assert (said["seed"], said["dt_ms"], said["trained_on"]) == (7, 20.0, None)
    assert said["cost_files_sha256"]["loihi1"] == made["estimated"]["loihi1"]["cost_file_sha256"]


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (12_345, "12.3k"), (1_234_567, "1.23M"), (999, "999"), (12.34, "12.3"),
        (0.1234, "0.123"), (0.01234, "0.0123"), (0.00012, "0.0001"), (1e-9, "<0.0001"),
        (9.999, "10.0"), (99.96, "100"), (1234.5, "1,234"), (9_999, "10.0k"), (999_999, "1.00M"),
        (2e12, "2.00e+12"), (14, "14.0"),
        (-0.5, "-0.500"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.04, "0.04"), (3.04, "3.0"), (3.0, "3"), (99.94, "99.9"), (361.1, "361"),
     (79_200.0, "79,200"), (2_736_128, "2.74M")],
)  # fmt: skip
def test_counts_are_whole_from_a_hundred_on(value, text):
    assert wording.count(value) == text


def test_a_unit_is_one_in_which_the_largest_value_is_one_or_more():
    found = [wording.scale(v, "J").unit for v in ([2.0, 3e-9], [2e-3], [5e-7], [1e-20], [0.0])]
    assert found == ["J", "mJ", "nJ", "pJ", "J"]
    assert wording.scale([1e-9], "").factor == 1
    assert wording.amount(2.5e-5, "J") == "25.0 \N{MICRO SIGN}J"
    scale = wording.scale([2e-6], "J")
    assert scale.band(Estimate(1e-6, 2e-6, 3e-6)) == "2.00 (1.00 to 3.00)"
    assert scale.band(Estimate(1e-6, 1e-6, 1e-6)) == "1.00"


def test_advice_is_shown_where_there_is_some(network):
    made = evaluate(network, np.load("x.npy"))
    each = replace(made.estimated["loihi1"], advice=("layer 0 needs 9 [neurocores]",))
    out = io.StringIO()
    terminal.show(replace(made, estimated={"loihi1": each}), Console(file=out, width=80))
    assert "What would take fewer neurocores" in out.getvalue()
    assert "loihi1: layer 0 needs 9 [neurocores]" in out.getvalue()
