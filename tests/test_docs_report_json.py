"""The page on the JSON of a report describes every key of it, and no other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from neurodeploy import report as command
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Breakdown, Measured
from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.hw_sim.reports import report
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "report-json.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \|[^|]*\|[^|]*\|$", re.MULTILINE)
PLAIN: dict[str, Any] = {"string": str, "boolean": bool, "any": object}


def described() -> dict[str, dict[str, str]]:
    """Return the type of each key of each kind of object."""
    sections = re.split(r"^## (\w+)$", PAGE, flags=re.MULTILINE)[1:]
    kinds = dict(zip(sections[::2], sections[1::2]))
    return {kind: {row[0]: row[1] for row in ROW.findall(text)} for kind, text in kinds.items()}


KINDS = described()


class Walk:
    """Checks values against the page, and keeps which keys were there."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = defaultdict(set)

    def check(self, value: Any, type_: str, place: str = "") -> None:
        """Fail unless a value is of the type that the page gives."""
        kind = type_.removesuffix(", or null").partition(", if ")[0]
        if value is None:
            assert type_.endswith(", or null"), f"{place} is null, which the page does not say"
        elif kind.startswith("array of "):
            assert isinstance(value, list), place
            for each in value:
                self.check(each, kind.removeprefix("array of "), f"{place}[]")
        elif kind.startswith("map of "):
            for name, each in value.items():
                self.check(each, kind.removeprefix("map of "), f"{place}.{name}")
        elif kind in KINDS:
            self._check_keys(value, kind, place)
        elif kind in ("integer", "number"):
            types = (int,) if kind == "integer" else (int, float)
            assert type(value) in types, f"{place}: {value!r} is no {kind}"
        else:
            assert isinstance(value, PLAIN[kind]), f"{place}: {value!r} is no {kind}"

    def _check_keys(self, value: Any, kind: str, place: str) -> None:
        keys = KINDS[kind]
        assert not set(value) - set(keys), f"the page does not describe {kind} at {place}"
        needed = {name for name, type_ in keys.items() if ", if " not in type_}
        assert not needed - set(value), f"{kind} at {place} lacks what the page describes"
        self.seen[kind] |= set(value)
        for name, each in value.items():
            self.check(each, keys[name], f"{place}.{name}")


def refuse(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


@pytest.fixture
def made(workplace, capsys, monkeypatch):
    """Write networks, samples and labels; return a function that runs `report --json`."""
    rng = np.random.default_rng(3)
    neuron = CubaLif(np.array([1024]), np.array([205]), 80)
    weights = [rng.integers(-60, 90, shape) & ~1 for shape in ((20, 9), (20, 20), (4, 20))]
    delays = [np.zeros((1, 9), int), rng.integers(0, 9, (1, 20)), rng.integers(0, 9, (1, 20))]
    layers = tuple(DenseLayer(w, neuron, d) for w, d in zip(weights, delays))
    task = TaskDescription("har", class_names=("[bold]up", "<b>down", "left", "right"), dt_ms=20)
    trained = {"options": {"seed": 7}, "data": "HAPT in a folder", "training_rates": [0.1] * 3}
    network = QuantizedNetwork(layers, task, trained)
    netx.write(network, Path("a.net"))
    netx.write(QuantizedNetwork(layers[:1]), Path("b.net"))
    wider = replace(layers[1], neuron=replace(neuron, threshold=90))
    netx.write(replace(network, layers=(layers[0], wider, layers[2])), Path("c.net"))
    np.save("x.npy", (rng.random((6, 9, 50)) < 0.2).astype(np.uint8))
    np.save("y.npy", rng.integers(0, 4, 6))

    def differing(given, spikes, options=RunOptions(states=True)):
        activity = fast.run(given, spikes, options)
        sent = activity.spikes[-1].copy()
        sent[0, 2, 30] ^= 1
        return replace(activity, spikes=(*activity.spikes[:-1], sent))

    monkeypatch.setitem(BACKENDS, "lava", replace(BACKENDS["lava"], run=differing))

    def run(*words):
        code = command.main([*words, "--input", "x.npy", "--json"])
        return code, json.loads(capsys.readouterr().out, parse_constant=refuse)

    return run


def test_reports_hold_what_the_page_describes_and_nothing_else(made, monkeypatch):
    walk = Walk()
    labelled = made("a.net", "--labels", "y.npy")[1]
    plain = made("b.net")[1]
    code, compared = made("a.net", "--compare", "lava", "--trace")
    assert code == 1
    code, beside = made("--compare", "a.net", "c.net")
    assert code == 0
    for each in (labelled, plain, compared, on_hardware(monkeypatch, made)):
        walk.check(each, "Report")
    walk.check(beside, "Comparison")
    assert labelled["counted"]["accuracy"] is not None
    assert plain["decisions"] is not None
    assert compared["comparison"]["sides"]
    for kind, keys in KINDS.items():
        assert not set(keys) - walk.seen[kind], f"no report has what the page describes of {kind}"


def on_hardware(monkeypatch, made) -> dict[str, Any]:
    """Return the report of a run on a stand-in of hardware."""
    parts = Breakdown(0.3, 0.1, 0.2, 0.15, 0.1, 0.05)
    measured = Measured(6, parts, parts, 12.5)

    def run(network, spikes, options):
        return replace(fast.run(network, spikes, options), measured=measured)

    monkeypatch.setitem(BACKENDS, "fast", replace(BACKENDS["fast"], run=run))
    return made("a.net")[1]


def test_the_page_names_the_schemas_and_versions():
    from neurodeploy.running import side_by_side

    for schema, version in (
        (report.SCHEMA, report.VERSION),
        (side_by_side.SCHEMA, side_by_side.VERSION),
    ):
        assert f"`{schema}`, version {version}" in " ".join(PAGE.split())


def test_every_kind_that_a_type_names_has_a_section():
    for keys in KINDS.values():
        for type_ in keys.values():
            kind = re.sub(r"(array|map) of ", "", type_.removesuffix(", or null")).partition(", ")[
                0
            ]
            assert kind in KINDS or kind in ("integer", "number", *PLAIN), type_
