"""What `report --json` prints is what the published JSON Schema describes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from neurodeploy.commands import report as command
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Breakdown, Measured
from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription

SCHEMA = json.loads(
    (Path(__file__).parents[1] / "docs" / "schemas" / "report.json").read_text(encoding="utf-8")
)
TYPES = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}


class Walk:
    """Checks values against the schema and collects the keys that occurred."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def check(self, value: Any, schema: dict[str, Any], place: str = "") -> None:
        if "$ref" in schema:
            kind = schema["$ref"].rpartition("/")[2]
            self._check_object(value, kind, place)
        elif "anyOf" in schema:
            null, *others = sorted(schema["anyOf"], key=lambda each: each.get("type") != "null")
            assert null == {"type": "null"}, place
            if value is not None:
                (other,) = others
                self.check(value, other, place)
        elif schema.get("type") == "array":
            assert isinstance(value, list), place
            items = schema.get("items") or {}
            kinds = schema.get("prefixItems") or [items] * len(value)
            for each, kind in zip(value, kinds, strict=True):
                self.check(each, kind, f"{place}[]")
        elif schema.get("type") == "object":
            for name, each in value.items():
                self.check(each, schema.get("additionalProperties") or {}, f"{place}.{name}")
        elif "enum" in schema:
            assert value in schema["enum"], place
        elif "type" in schema:
            assert isinstance(value, TYPES[schema["type"]]), f"{place}: {value!r}"
            assert schema["type"] == "boolean" or not isinstance(value, bool), place

    def _check_object(self, value: Any, kind: str, place: str) -> None:
        schema = SCHEMA["$defs"][kind]
        properties = schema["properties"]
        assert not set(value) - set(properties), f"the schema does not describe {kind} at {place}"
        assert not set(schema["required"]) - set(value), f"{kind} at {place} lacks a key"
        for name, each in value.items():
            self.seen.add((kind, name))
            self.check(each, properties[name], f"{place}.{name}")


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
    network = QuantizedNetwork.chain(layers, task, trained)
    netx.write(network, Path("a.net"))
    netx.write(QuantizedNetwork.chain(layers[:1]), Path("b.net"))
    wider = replace(layers[1], neuron=replace(neuron, threshold=90))
    netx.write(network.with_layers((layers[0], wider, layers[2])), Path("c.net"))
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


def on_hardware(monkeypatch, made) -> dict[str, Any]:
    """Return the report of a run on a stand-in of hardware."""
    parts = Breakdown(0.3, 0.1, 0.2, 0.15, 0.1, 0.05)

    def run(network, spikes, options):
        activity = fast.run(network, spikes, options)
        return replace(activity, measured=Measured(6, parts, parts, 12.5))

    monkeypatch.setitem(BACKENDS, "fast", replace(BACKENDS["fast"], run=run))
    return made("a.net")[1]


def test_reports_hold_what_the_schema_describes_and_nothing_else(made, monkeypatch):
    walk = Walk()
    labelled = made("a.net", "--labels", "y.npy")[1]
    plain = made("b.net")[1]
    code, compared = made("a.net", "--compare", "lava", "--trace")
    assert code == 1
    code, beside = made("--compare", "a.net", "c.net")
    assert code == 0
    for each in (labelled, plain, compared, beside, on_hardware(monkeypatch, made)):
        kind = SCHEMA["discriminator"]["mapping"][each["schema"]]
        walk.check(each, {"$ref": kind})
    for kind, schema in SCHEMA["$defs"].items():
        for name in schema["properties"]:
            assert (kind, name) in walk.seen, f"no report has what the schema describes of {kind}"


def test_every_key_has_a_description():
    for kind, schema in SCHEMA["$defs"].items():
        assert schema["description"], kind
        for name, each in schema["properties"].items():
            assert each.get("description"), f"{kind}.{name}"
