"""The record of all trainings of a search: a CSV file, one row a training."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.atomic import replacing
from models.errors import InputError

COLUMNS: Final = (
    "trial", "fold", "seed", "accuracy_last", "accuracy_best", "best_epoch", "train_accuracy",
    "synops", "seconds", "data", "settings",
)  # fmt: skip
"""Accuracies are of the validation windows, after the last and after the best epoch; SynOps of a
sample; seconds of one processor core; data a digest of the windows and the split; settings a JSON
object."""

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """Return the rows of a record, none where there is no file.

    Raises:
        InputError: when the file has other columns.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise InputError(
                f"{path} has other columns than {', '.join(COLUMNS)}; move it away, or name "
                "another file with --out"
            )
        return list(rows)


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
