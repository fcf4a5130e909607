"""The facts of a task beside the records of its runs, for who has not its data.

With them the page can be written anew anywhere; without the data nothing tells whether they are
still those of the code.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.rules import (
    Rule,
    checked,
    is_count,
    is_flag,
    is_list_of,
    is_text,
    parsed,
    text_of,
)
from neurodeploy.models.files import replacing


def _is_index(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_indices(value: Any) -> bool:
    return is_list_of(value, _is_index) and bool(value)


RULE: Rule = {
    **{"task": is_text, "source": is_text, "own": MODELS.__contains__, "key": {"recipe": {}}},
    **{"parameters": {}, "networks": {}, "unseen": is_flag},
    **{"classes": is_count, "steps": is_count, "labels": _are_indices},
    "subjects": lambda value: value is None or _are_indices(value),
    "notes": lambda value: is_list_of(value, is_text),
    "counts": lambda value: is_list_of(value, _is_index) and len(value) == 3,
}


def path_of(folder: Path, task: str) -> Path:
    """Return where the facts of a task lie in a folder of records."""
    return folder / f"{task}-facts.json"


def write(facts: Facts, folder: Path) -> None:
    """Write the facts of a task, but for the folder of its data, unless they are there already.

    Raises:
        InputError: when they cannot be written.
    """
    values = dataclasses.asdict(facts)
    del values["recorded"]
    values["source"] = facts.source.partition(" in ")[0]  # without the folder on this machine
    for name in ("labels", "subjects"):
        values[name] = None if values[name] is None else values[name].tolist()
    path, text = path_of(folder, facts.task), json.dumps(values, separators=(",", ":")) + "\n"
    if text_of(path) != text:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def read(folder: Path, task: str) -> Facts | None:
    """Return the facts of a task that were written, None without.

    Raises:
        InputError: when the file cannot be read or is malformed.
    """
    path = path_of(folder, task)
    text = text_of(path)
    if text is None:
        return None
    values = checked(parsed(text), RULE, str(path))
    for name in ("labels", "subjects"):
        values[name] = None if values[name] is None else np.array(values[name], np.int64)
    for name in ("notes", "counts"):
        values[name] = tuple(values[name])
    return Facts(**{name: values[name] for name in RULE}, recorded=True)
