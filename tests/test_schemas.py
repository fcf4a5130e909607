"""The published JSON Schemas are those of the program, and a file may name its own."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from neurodeploy.models.architecture import from_dict

WRITER = runpy.run_path(str(Path(__file__).parents[1] / ".ci" / "schemas.py"))


@pytest.mark.parametrize("name", WRITER["TYPES"])
def test_the_published_schema_is_that_of_the_program(name):
    published = (WRITER["FOLDER"] / name).read_text(encoding="utf-8")
    assert published == WRITER["text_of"](name), "run: uv run python .ci/schemas.py"


def test_no_schema_is_left_over():
    assert {each.name for each in WRITER["FOLDER"].iterdir()} == set(WRITER["TYPES"])


def test_a_network_may_name_its_schema():
    values = {"input_shape": [3], "layers": [{"kind": "dense", "neurons": 2}]}
    assert from_dict({"$schema": "network.json", **values}) == from_dict(values)
    assert (
        "$schema"
        in json.loads(WRITER["text_of"]("network.json"))["$defs"]["NetworkFile"]["properties"]
    )
