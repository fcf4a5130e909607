"""The option --costs: a chip of the user's own in report, export and deploy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.commands import cli
from neurodeploy.hw_sim import chips

INSTALLED = resources.files("neurodeploy.hw_sim.chips") / "costs" / "loihi2.json"
SMALL = ("--epochs", "1", "--hidden", "8", "--batch", "6")
REPORT = ("report", "dense.net", "--input", "spikes.npy")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(command: Run) -> Run:
    """Return a function that runs a command and gives its exit code, stdout and stderr."""
    return command


def write(path: str, name: str, **values: float) -> Path:
    """Write a cost file of a chip that is Loihi 2 but for the values of some rows."""
    data: dict[str, Any] = json.loads(INSTALLED.read_text(encoding="utf-8"))
    data["name"], data["title"], data["caveats"] = name, f"Chip {name}", [f"{name} is made up."]
    for row, value in values.items():
        section = "limits" if row in chips.LIMITS else "costs"
        data[section][row] = {**data[section][row], "value": value, "alternatives": []}
    Path(path).write_text(json.dumps(data))
    return Path(path)


@pytest.fixture
def spikes(dense: Any, draw_spikes: Any) -> None:
    """Write the network dense.net and spikes.npy for it into the current folder."""
    np.save("spikes.npy", draw_spikes(2, 4, 6))


# report


@pytest.mark.usefixtures("spikes")
def test_a_report_with_a_cost_file_is_for_its_chip_alone(run: Run) -> None:
    mine = write("mine.json", "mine", static_power=1)
    code, out, err = run(*REPORT, "--json", "--costs", mine)
    assert (code, err) == (0, "")
    report = json.loads(out)
    (estimated,) = report["estimated"].values()
    assert list(report["estimated"]) == ["mine"]
    assert estimated["title"] == "Chip mine"
    assert estimated["caveats"][0] == "mine is made up."
    assert estimated["cost_file_sha256"] == hashlib.sha256(mine.read_bytes()).hexdigest()
    assert {row["chip"] for row in report["sources"]} == {"mine"}
    (power,) = (row for row in report["sources"] if row["name"] == "static_power")
    assert (power["low"], power["value"], power["high"], power["unit"]) == (1, 1, 1, "mW")


@pytest.mark.usefixtures("spikes")
def test_installed_chips_and_several_files_go_together(run: Run) -> None:
    one, other = write("a.json", "zulu"), write("b.json", "alpha")
    words = (*REPORT, "--json", "--costs", one, "--costs", other, "--chip", "loihi1")
    code, out, _ = run(*words)
    assert code == 0
    assert list(json.loads(out)["estimated"]) == ["loihi1", "zulu", "alpha"]


@pytest.mark.usefixtures("spikes")
def test_a_chip_of_a_file_that_does_not_hold_the_network_ends_with_1(run: Run) -> None:
    tiny = write("tiny.json", "tiny", cores_per_chip=1, chips_max=1)
    code, out, _ = run(*REPORT, "--json", "--costs", tiny, "--chip", "loihi2")
    assert code == cli.CHECK_FAILED
    estimated = json.loads(out)["estimated"]
    assert {name: each["fits"] for name, each in estimated.items()} == {
        "loihi2": True, "tiny": False,
    }  # fmt: skip
    assert "tiny" in estimated["tiny"]["problems"][0]


@pytest.mark.usefixtures("spikes")
@pytest.mark.parametrize("extreme", ["low", "high"])
def test_a_chip_at_the_ends_of_every_range_gives_finite_figures(run: Run, extreme: str) -> None:
    data = json.loads(INSTALLED.read_text(encoding="utf-8"))
    data["name"] = "extreme"
    for section, rules in (("limits", chips.LIMITS), ("costs", chips.COSTS)):
        data[section] = {
            name: {"value": getattr(rule, extreme), "unit": rule.units[-1], "source": "an end",
                   "grade": "memory"}
            for name, rule in rules.items()
        }  # fmt: skip
    barrier = {"value": getattr(chips.BARRIER, extreme), "unit": "us"}
    data["barrier"] = {"1": {**barrier, "source": "an end", "grade": "memory"}}
    Path("extreme.json").write_text(json.dumps(data))
    code, out, err = run(*REPORT, "--json", "--costs", "extreme.json")
    assert (code, err) == (cli.CHECK_FAILED if extreme == "low" else cli.DONE, "")
    speed = json.loads(out)["estimated"]["extreme"]["full_speed"]
    assert speed["energy_per_sample_uj"]["total"]["value"] >= 0
    assert speed["step_us"]["value"] > 0


# What is refused


@pytest.mark.usefixtures("workplace")
def test_a_faulty_file_ends_with_2_and_one_sentence_before_anything_is_read(run: Run) -> None:
    bad = write("bad.json", "bad", static_power=-1)
    code, out, err = run("report", "no.net", "--costs", bad)
    assert (code, out) == (cli.IMPOSSIBLE, "")
    assert "bad.json: costs.static_power.value is -1" in err
    assert ">= 0" in err


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    "words", [("report", "no.net"), ("export", "no.pt"), ("deploy", "--out", "runs")]
)
def test_every_command_refuses_it_before_it_works(run: Run, words: tuple[str, ...]) -> None:
    write("mine.json", "loihi2")
    for costs, said in (
        ("no.json", "no.json does not exist"),
        (".", ". is a folder"),
        ("mine.json", "mine.json calls its chip 'loihi2'"),
    ):
        code, out, err = run(*words, "--costs", costs)
        assert (code, out) == (cli.IMPOSSIBLE, "")
        assert err.startswith(f"error: {said}")
    assert [path.name for path in Path.cwd().iterdir()] == ["mine.json"]


# export and deploy


@pytest.fixture
def model(work: Path) -> Path:
    """Return the checkpoint of a trained network that is not exported yet."""
    (work / "runs/har/model.net").unlink()
    return Path("runs/har/model.pt")


def test_export_checks_every_chip_that_is_named(run: Run, model: Path) -> None:
    mine, tiny = write("mine.json", "mine"), write("tiny.json", "tiny", neurons_per_core=1,
                                                   cores_per_chip=1, chips_max=1)  # fmt: skip
    words = ("export", model, "--data", "data")
    code, out, _ = run(*words, "--costs", mine, "--costs", tiny, "--chip", "loihi1")
    assert code == cli.CHECK_FAILED
    assert out.startswith("the network for Chip tiny breaks ")
    assert "Chip mine" not in out
    assert not model.with_suffix(".net").exists()
    code, out, _ = run(*words, "--costs", mine)
    assert code == cli.DONE
    net = model.with_suffix(".net")
    assert out.endswith(f"neurodeploy.report {net} --costs mine.json --data data\n")


def test_export_does_not_write_over_a_cost_file(run: Run, model: Path) -> None:
    mine = write("mine.net", "mine")
    code, out, err = run("export", model, "--data", "data", "--costs", mine, "--out", mine)
    assert (code, out) == (cli.IMPOSSIBLE, "")
    assert err == "error: --out would overwrite mine.net; give it another name\n"
    assert json.loads(mine.read_text())["name"] == "mine"


def test_deploy_checks_and_estimates_for_the_chip_of_a_file(run: Run, model: Path) -> None:
    words = ("deploy", "--data", "data", *SMALL, "--out", "runs", "--lava-samples", "0", "--costs")
    code, out, _ = run(*words, write("mine.json", "mine"))
    assert code == cli.DONE
    assert "Chip mine" in out
    assert "Loihi 2" not in out
    assert "report runs/model.net --costs mine.json" in out
    tiny = write("tiny.json", "tiny", cores_per_chip=1, chips_max=1)
    code, out, _ = run(*words, tiny)
    assert code == cli.CHECK_FAILED
    assert "the network for Chip tiny breaks " in out
