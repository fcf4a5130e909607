"""The record of all trainings of a search: a CSV file, one row a training."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing

COLUMNS: Final = (
    "trial", "fold", "seed", "accuracy_last", "accuracy_best", "best_epoch", "train_accuracy",
    "synops", "seconds", "data", "settings",
)  # fmt: skip
"""Accuracies are of the validation windows, after the last and after the best epoch; SynOps of a
sample; seconds of one processor core; data a digest of the windows and the split; settings a JSON
object."""

HIGHEST: Final[dict[str, float]] = {
    **dict.fromkeys(("accuracy_last", "accuracy_best", "train_accuracy"), 1.0),
    **dict.fromkeys(("fold", "seed", "best_epoch", "synops", "seconds"), 1e15),
}
"""What the numbers of a row, which are 0 or more, do not exceed."""

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """Return the rows of a record, none where there is no file.

    Raises:
        InputError: when the file cannot be read, has other columns, or a line is not one that
            `add` wrote.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path} cannot be read ({reason}); name another file with --out"
        ) from None
    if lines[:1] != [",".join(COLUMNS)]:
        raise InputError(
            f"{path} has other columns than {', '.join(COLUMNS)}; move it away, or name "
            "another file with --out"
        )
    return [_row(line, f"{path}, line {number}") for number, line in enumerate(lines[1:], 2)]


def _row(line: str, where: str) -> Row:
    """Return the row that a line holds."""
    try:
        (cells,) = csv.reader([line], strict=True)
        if len(cells) != len(COLUMNS):
            raise ValueError(f"it has {len(cells)} of {len(COLUMNS)} columns")
        row = dict(zip(COLUMNS, cells))
        for name, highest in HIGHEST.items():
            if not _within(row[name], highest):
                raise ValueError(f"{name} is {row[name]!r:.40}, not 0 to {highest:g}")
        if not isinstance(json.loads(row["settings"]), dict):
            raise ValueError("settings are no JSON object")
    except (csv.Error, ValueError, RecursionError) as error:
        raise InputError(
            f"{where} is not the row of a training ({error!s:.90}); remove the line, and its "
            "training is made again"
        ) from None
    return row


def _within(text: str, highest: float) -> bool:
    try:
        return 0 <= float(text) <= highest
    except ValueError:
        return False


def add(path: Path, values: Mapping[str, Any]) -> Row:
    """Add a training to a record, whose rows stay as they are, and return its row."""
    texts = {**values, "settings": json.dumps(values["settings"], separators=(",", ":"))}
    row = {name: str(texts[name]) for name in COLUMNS}
    rows = [*read(path), row]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return row


def find(rows: list[Row], *, seed: int, data: str, settings: Mapping[str, Any]) -> Row | None:
    """Return the row of a training of these settings, None without."""
    asked = json.loads(json.dumps(settings))
    return next(
        (
            each
            for each in rows
            if (each["seed"], each["data"]) == (str(seed), data)
            and json.loads(each["settings"]) == asked
        ),
        None,
    )
