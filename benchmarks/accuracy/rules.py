"""What files of the benchmark must hold, so that a damaged one is refused in one sentence."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.accuracy.keys import SKETCHES
from benchmarks.accuracy.models import MODELS
from neurodeploy.models.errors import InputError

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


def is_flag(value: Any) -> bool:
    """Return whether it is true or false."""
    return isinstance(value, bool)


def _is_sketch(value: Any) -> bool:
    return value is None or is_list_of(value, is_number)


def is_list_of(value: Any, rule: Callable[[Any], bool]) -> bool:
    """Return whether it is a list, and the rule is true of all in it."""
    return isinstance(value, list) and all(rule(each) for each in value)


def _are_chips(value: Any) -> bool:
    return isinstance(value, dict) and not any(problem(each, CHIP) for each in value.values())


BAND: Final[Rule] = dict.fromkeys(("low", "value", "high"), is_count)
CHIP: Final[Rule] = {"fits": is_flag, "dynamic_uj": BAND, "latency_ms": BAND}
KEY: Final[Rule] = {"model": is_text, "seed": is_count, **dict.fromkeys(SKETCHES, _is_sketch)}

FIGURES: Final[Rule] = {
    "key": KEY,
    "code": {
        "sha256": lambda value: is_list_of(value, is_text),
        **{"commit": is_text, "changed": is_flag, "versions": {}, "processor": is_text},
    },
    **dict.fromkeys(("accuracy", "macro_f1", "validation"), is_share),
    **dict.fromkeys(("core_seconds", "parameters", "operations", "epoch"), is_count),
    "answers": lambda value: is_list_of(value, lambda each: type(each) is int and each >= 0),
}
"""What every run has."""

SPIKING: Final[Rule] = {
    **{"trained_accuracy": is_share, "same_answers": is_flag, "different_spikes": is_count},
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
