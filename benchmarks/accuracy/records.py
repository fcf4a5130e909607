"""The figures of every run, kept with the project: one file a task, one line a run.

A line is the JSON object of a run's figures with its key, so that everybody can see what each run
answered to each test window, and the benchmark goes on on another machine. Answers are a text with
a digit of base 36 for each window. One benchmark at a time writes into a folder of records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy.keys import differences
from models.atomic import replacing
from models.errors import InputError

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
VALUES: Final = {digit: value for value, digit in enumerate(DIGITS)}


def read(path: Path) -> list[dict[str, Any]]:
    """Return the figures of all runs in a file, none where there is no file.

    Raises:
        InputError: when a line is not one that `add` wrote.
    """
    if not path.exists():
        return []
    return [
        _figures(line, f"{path}, line {number}")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    ]


def _figures(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
        answers = [VALUES[digit] for digit in found["answers"]]
        _name(found), float(found["accuracy"])
        return {**found, "answers": answers}
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{where} is not the figures of a run; remove the line, and its run is made again"
        ) from None


def add(figures: Mapping[str, Any], path: Path) -> None:
    """Add a run's figures to a file, in place of those of the same key; others stay.

    Raises:
        InputError: when the file is malformed or cannot be written.
    """
    others = [each for each in read(path) if differences(each["key"], figures["key"])]
    runs = sorted([*others, figures], key=_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{_line(each)}\n" for each in runs), encoding="utf-8")


def _name(figures: Mapping[str, Any]) -> tuple[str, int]:
    return str(figures["key"]["model"]), int(figures["key"]["seed"])


def _line(figures: Mapping[str, Any]) -> str:
    answers = "".join(DIGITS[answer] for answer in figures["answers"])
    return json.dumps({**figures, "answers": answers}, separators=(",", ":"))
