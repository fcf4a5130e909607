"""What a report shows of unusual networks and runs: zero spikes, one sample, names with markup."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from neurodeploy.commands import report
from neurodeploy.data.samples import Samples
from neurodeploy.export import netx
from neurodeploy.models import loihi
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.report import report_tables, terminal, wording
from neurodeploy.report.evaluate import evaluate, other_dataset

NAMES = ("[bold]up", "<b>down</b>", ":smile:", "a\x1b[31m\nb")


@pytest.fixture
def network(workplace):
    """Write a network 9-12-4 of classes whose names hold markup, 20 ms a step, to edge.net."""
    rng = np.random.default_rng(3)
    neuron = CubaLif(np.array([1024]), np.array([205]), 80)
    layers = tuple(
        DenseLayer(rng.integers(-60, 90, shape) & ~1, neuron) for shape in ((12, 9), (4, 12))
    )
    made = QuantizedNetwork.chain(
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
    screen = Console(file=out, width=80, height=24, force_terminal=True, no_color=True)
    terminal.show_report(made, screen, brief=True)
    text = out.getvalue()
    assert len(text.splitlines()) <= 24
    score, each = made.counted.score, made.estimated["loihi1"]
    energy = wording.amount(each.energy.total.value, "J").split()[0]
    steps = f"{each.decision.num_steps} steps"
    for words in (f"{score.accuracy:.2%}", "6 samples", "seed 7", energy, steps, "CPU"):
        assert words in text


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
    json.loads(run("--json")[1], parse_constant=refuse)


def test_in_real_time_a_sample_and_a_decision_last_as_long_as_the_sensor_takes(network, run):
    made = json.loads(run("--labels", "y.npy", "--json")[1])
    for each in made["estimated"].values():
        assert each["real_time"]["latency_ms"]["value"] == 50 * 20
        steps = made["decisions"]["earliest_step"]
        assert each["decision"]["real_time"]["latency_ms"]["value"] == steps * 20
    lines = run("--labels", "y.npy")[1].splitlines()
    (row,) = (line for line in lines if line.startswith("  in real time"))
    assert row.count(wording.amount(steps * 20e-3, "s")) == 2


def test_outputs_that_never_fire_are_read_from_v(network):
    last = network.layers[-1]
    silent = replace(last, neuron=replace(last.neuron, threshold=loihi.THRESHOLD_NEVER))
    for layer, voltages in ((silent, 4), (last, 0)):
        made = evaluate(network.with_layers((network.layers[0], layer)), np.load("x.npy"))
        load = made.to_dict()["estimated"]["loihi2"]["load"]
        assert load["output_voltages_per_sample"] == voltages
        label, *shown = report_tables.load(wording.chips(made)).rows[-1]
        assert label.text.strip() == ("voltages" if voltages else "peak per step")
        assert [cell.value for cell in shown] == [4, 4]


def test_markup_and_control_characters_in_names_are_shown_and_do_nothing(network, run):
    cost_file("free.json", title="[bold]Half[/bold] :smile:")
    out = run("--labels", "y.npy", "--costs", "free.json")[1]
    assert out.startswith("[red]t[/red] sha256 ")
    for name in (*(f" {name} " for name in NAMES[:3]), "[bold]Half[/bold] :smile:"):
        assert name in out
    assert "\x1b" not in out
    assert "a\ufffd[31m\ufffdb" in out


def cost_file(path, *, title="Tiny", **limits):
    """Write the cost file of a Loihi 2 with other limits."""
    costs = resources.files("neurodeploy.hw_sim.chips") / "costs" / "loihi2.json"
    chip = json.loads(costs.read_text()) | {"name": "tiny", "title": title}
    for name, value in limits.items():
        chip["limits"][name]["value"] = value
        chip["limits"][name].pop("alternatives", None)
    Path(path).write_text(json.dumps(chip))


def test_a_network_that_fits_no_number_of_chips_fails_the_check(network, run):
    cost_file("tiny.json", chips_max=1, cores_per_chip=1)
    code, out, _ = run("--costs", "tiny.json")
    assert code == 1
    assert "2 (does not fit)" in out
    assert "does not fit tiny: the network needs 2 neurocores on 2 chips" in out
    code, out, _ = run("--costs", "tiny.json", "--json")
    assert code == 1
    made = json.loads(out, parse_constant=refuse)["estimated"]["tiny"]
    assert made["fits"] is False
    assert len(made["problems"]) == 1


def test_a_neuron_that_fits_no_neurocore_fails_the_check(workplace, random_network, run):
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
        "trained on HAPT (UCI 341) and run on UCI HAR (UCI 240), another dataset"
    ]
    assert other_dataset(inputs("HAPT (UCI 341) in /a"), "HAPT (UCI 341) in b") == []
    assert other_dataset(inputs("HAPT (UCI 341) in /a"), None) == []
    assert other_dataset(inputs("x.npy", signal=None), "HAPT (UCI 341) in b") == []


def test_a_report_says_where_it_comes_from(network, run):
    made = json.loads(run("--json")[1])
    said = made["provenance"]
    assert said["sha256"] == made["network"]["sha256"]
    assert (said["seed"], said["dt_ms"], said["trained_on"]) == (7, 20.0, None)
    assert said["cost_files_sha256"]["loihi1"] == made["estimated"]["loihi1"]["cost_file_sha256"]
