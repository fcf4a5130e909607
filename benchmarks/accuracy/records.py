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
import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.accuracy.keys import SKETCHES, differences
from benchmarks.accuracy.models import MODELS
from models.atomic import replacing
from models.errors import InputError

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
VALUES: Final = {digit: value for value, digit in enumerate(DIGITS)}

LARGEST: Final = 1e30
"""No number of a run is larger."""

Rule: TypeAlias = "Callable[[Any], bool] | Mapping[str, Rule]"
"""What a value must be: what tells whether it is, or a rule for each name of an object."""


def is_text(value: Any) -> bool:
    """Return whether it is a text."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Return whether it is a number, finite and of a size that floats have."""
    return type(value) in (int, float) and abs(value) <= LARGEST


def is_count(value: Any) -> bool:
    """Return whether it is a number of 0 or more."""
    return is_number(value) and value >= 0


def is_share(value: Any) -> bool:
    """Return whether it is a number from 0 to 1."""
    return is_number(value) and 0 <= value <= 1


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_sketch(value: Any) -> bool:
    return value is None or _is_list(value, is_number)


def _is_list(value: Any, rule: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(rule(each) for each in value)


def _are_chips(value: Any) -> bool:
    return isinstance(value, dict) and not any(problem(each, CHIP) for each in value.values())


BAND: Final[Rule] = dict.fromkeys(("low", "value", "high"), is_count)
CHIP: Final[Rule] = {"fits": _is_flag, "dynamic_uj": BAND, "latency_ms": BAND}
KEY: Final[Rule] = {"model": is_text, "seed": is_count, **dict.fromkeys(SKETCHES, _is_sketch)}

FIGURES: Final[Rule] = {
    "key": KEY,
    "code": {
        "sha256": lambda value: _is_list(value, is_text),
        **{"commit": is_text, "changed": _is_flag, "versions": {}, "processor": is_text},
    },
    **dict.fromkeys(("accuracy", "macro_f1", "validation"), is_share),
    **dict.fromkeys(("core_seconds", "parameters", "operations", "epoch"), is_count),
    "answers": lambda value: _is_list(value, lambda each: type(each) is int and each >= 0),
}
"""What every run has."""

SPIKING: Final[Rule] = {
    **{"trained_accuracy": is_share, "same_answers": _is_flag, "different_spikes": is_count},
    "chips": _are_chips,
}
ARTIFICIAL: Final[Rule] = {"rate": is_count}


def problem(value: Any, rule: Rule, name: str = "it") -> str:
    """Return in words what is wrong with a value that was read, "" for nothing."""
    if not isinstance(rule, Mapping):
        wrong = "missing" if value is None else reprlib.repr(value)
        return "" if rule(value) else f"{name} is {wrong}"
    if not isinstance(value, dict):
        return f"{name} is no JSON object"
    found = (problem(value.get(each), must, each) for each, must in rule.items())
    return next(filter(None, found), "")


def checked(value: Any, rule: Rule, where: str, part: str = "it") -> dict[str, Any]:
    """Return an object that was read from `where`, of which `part` can be removed.

    Raises:
        InputError: when it is not what the rule says.
    """
    if told := problem(value, rule):
        raise InputError(
            f"{where} is not what the benchmark wrote ({told}); remove {part}, and what it held is "
            "made again"
        )
    return dict(value)


def figures_of(value: Any, where: str, part: str = "it") -> dict[str, Any]:
    """Return the figures of a run that were read; see `checked`.

    Those of a model that is no longer known have what every run has.
    """
    found = checked(value, FIGURES, where, part)
    model = MODELS.get(found["key"]["model"])
    more = {} if model is None else SPIKING if model.spiking else ARTIFICIAL
    return checked(found, more, where, part)


def text_of(path: Path) -> str | None:
    """Return the text in a file, None where there is no file.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path} cannot be read ({reason}); move it away, and what it held is made again"
        ) from None


def parsed(text: str) -> Any:
    """Return the value of a JSON text, None where it is none or nested too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


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
