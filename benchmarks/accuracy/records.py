"""The figures of every run, kept with the project: one file a task, one line a run.

A line is the JSON object of a run's figures with its key, so that everybody can see what each run
answered to each test window, and the benchmark goes on on another machine. Answers are a text with
a digit of base 36 for each window. Benchmarks that write into a folder of records at once wait for
each other.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy.keys import differences
from benchmarks.accuracy.rules import figures_of, parsed, text_of
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
VALUES: Final = {digit: value for value, digit in enumerate(DIGITS)}


def read(path: Path) -> list[dict[str, Any]]:
    """Return the figures of all runs in a file, none where there is no file.

    Raises:
        InputError: when it cannot be read, or a line is not one that `add` wrote.
    """
    lines = (text_of(path) or "").splitlines()
    return [_figures(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def _figures(line: str, where: str) -> dict[str, Any]:
    found = parsed(line)
    if isinstance(found, dict) and isinstance(found.get("answers"), str):
        found["answers"] = [VALUES.get(digit) for digit in found["answers"]]
    return figures_of(found, where, "the line")


def add(figures: Mapping[str, Any], path: Path) -> None:
    """Add a run's figures to a file, in place of those of the same key; others stay.

    Raises:
        InputError: when the file is malformed or cannot be written.
    """
    with alone(path.parent):
        others = [each for each in read(path) if differences(each["key"], figures["key"])]
        runs = sorted([*others, figures], key=_name)
        with replacing(path) as temporary:
            temporary.write_text("".join(f"{_line(each)}\n" for each in runs), encoding="utf-8")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other benchmarks from writing into a folder, which is made, until the block ends.

    Raises:
        InputError: when it cannot be made or locked.
    """
    handle = _locked(folder)
    try:
        yield
    finally:
        os.close(handle)


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle
    except OSError as error:
        raise InputError(
            f"the folder of records {folder} cannot be made or locked ({error.strerror}); choose "
            "another one with --records"
        ) from None


def _name(figures: Mapping[str, Any]) -> tuple[str, int]:
    return str(figures["key"]["model"]), int(figures["key"]["seed"])


def _line(figures: Mapping[str, Any]) -> str:
    answers = "".join(DIGITS[answer] for answer in figures["answers"])
    return json.dumps({**figures, "answers": answers}, separators=(",", ":"))
