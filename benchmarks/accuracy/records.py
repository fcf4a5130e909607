"""Read and write the recorded figures and predictions of every run.

runs.csv         one row per run: figures, code, package versions and processor
trainings.csv    one row per learning rate of an artificial network
setups.jsonl     setups of the runs, see `setup.Setup`
predictions.npz  labels and subjects of the test samples per setup, predictions per run
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray

from benchmarks.accuracy.setup import ARRAYS, MODELS, Setup, differences, from_dict
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing

RUN: Final = ["task", "model", "seed"]
PACKAGES: Final = ("neurodeploy", "torch", "numpy", "lava-dl")
"""Packages whose versions are recorded."""
COLUMNS: Final = [
    *RUN, "setup", "accuracy", "macro_f1", "validation_accuracy", "best_epoch", "epochs",
    "learning_rate", "rates", "trained_accuracy", "same_predictions", "different_spikes",
    "parameters", "operations", "core_seconds", "code_sha256", "commit", "changed", "processor",
    "python", *PACKAGES,
]  # fmt: skip
"""Columns of `runs.csv`; costs on the chips follow."""
TRAININGS: Final = [*RUN, "learning_rate", "seconds", "validation_accuracies"]
NUMBERS: Final = (
    "accuracy", "macro_f1", "validation_accuracy", "learning_rate", "trained_accuracy",
    "operations", "core_seconds",
)  # fmt: skip
TEXTS: Final = (
    "task", "model", "setup", "rates", "validation_accuracies", "code_sha256", "commit",
    "processor", "python", *PACKAGES,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Records:
    """The records in a folder.

    Attributes:
        runs: one row per run.
        trainings: one row per learning rate of an artificial network.
        setups: setups by key.
        predictions: uint8 arrays (test samples,) by "SETUP/MODEL/SEED".
    """

    runs: pd.DataFrame
    trainings: pd.DataFrame
    setups: Mapping[str, Setup]
    predictions: Mapping[str, NDArray[np.uint8]]

    def find(
        self, now: Setup, model: str, seed: int, rates: Sequence[float] | None = None
    ) -> tuple[pd.Series | None, str]:
        """Return the row of a run and "", or None and the reason why there is no valid row.

        Args:
            now: required setup of the run.
            model: name of the model.
            seed: seed of the training.
            rates: required learning rates of an artificial network; None accepts any.
        """
        rows = self.runs
        rows = rows[(rows.task == now.task) & (rows.model == model) & (rows.seed == seed)]
        if rows.empty:
            return None, "not recorded"
        row = rows.iloc[-1]
        stale = differences(self.setups[row.setup], now, model)
        if rates is not None and MODELS[model].kind and row.rates != words(rates):
            stale.append("learning rates")
        return (None, f"stale: recorded with other {', '.join(stale)}") if stale else (row, "")

    def of(self, row: pd.Series) -> NDArray[np.uint8]:
        """Return the predictions of a run."""
        return self.predictions[f"{row.setup}/{row.model}/{row.seed}"]


def words(rates: Sequence[float]) -> str:
    """Format learning rates as in the column `rates`."""
    return " ".join(f"{rate:g}" for rate in rates)


def read(folder: Path) -> Records:
    """Read the records of a folder, which may be empty.

    Raises:
        InputError: if a file is damaged, or if an accuracy does not match its predictions.
    """
    if not (folder / "runs.csv").exists():
        empty = (pd.DataFrame(columns=columns) for columns in (COLUMNS, TRAININGS))
        return Records(*empty, {}, {})
    try:
        found = _read(folder)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"the records in {folder} are damaged ({error!s:.200}); restore them, or name another "
            "folder with --records"
        ) from None
    for row in found.runs.itertuples():
        _check(row, found, folder)
    return found


def _read(folder: Path) -> Records:
    kinds = {
        **dict.fromkeys(TEXTS, str), **dict.fromkeys(NUMBERS, float),
        "epochs": "Int64", "different_spikes": "Int64",
    }  # fmt: skip
    frames = [
        pd.read_csv(
            folder / name, dtype=kinds, engine="python", keep_default_na=False,
            na_values=[""],
        )
        for name in ("runs.csv", "trainings.csv")
    ]  # fmt: skip
    if missing := [name for name in COLUMNS if name not in frames[0]]:
        raise ValueError(f"runs.csv has no column {', '.join(missing)}")
    flags = [name for name in frames[0] if name.endswith("_fits")]
    frames[0] = frames[0].astype(dict.fromkeys(["same_predictions", *flags], "boolean"))
    path = folder / "predictions.npz"
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        arrays = dict(file)
    setups = {}
    for line in (folder / "setups.jsonl").read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        key = values.pop("key")
        setups[key] = from_dict(values, *(arrays.get(f"{key}/{name}") for name in ARRAYS))
    return Records(*frames, setups, arrays)


def _check(row: Any, records: Records, folder: Path) -> None:
    """Raise InputError if a run's accuracy does not match its predictions."""
    labels, predictions = records.setups[row.setup].labels, records.of(row)
    same = len(labels) == len(predictions)
    correct = float((predictions == labels).mean()) if same else None
    if correct is None or abs(correct - row.accuracy) > 1e-9:
        raise InputError(
            f"{folder / 'runs.csv'}: {row.task}, {row.model}, seed {row.seed}: accuracy is "
            f"{row.accuracy}, but {correct} of its {len(predictions)} predictions are correct for "
            f"{len(labels)} labels; delete the row, and the run is made again"
        )


def add(folder: Path, setup: Setup, figures: Mapping[str, Any]) -> None:
    """Add a run, or replace the one of the same task, model and seed.

    Args:
        folder: folder of the records, which is locked.
        setup: setup of the run.
        figures: columns of `runs.csv`, "predictions", and "tried" for an artificial network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        known = read(folder)
        row = {"task": setup.task, "setup": setup.key, **figures}
        predictions, tried = row.pop("predictions"), row.pop("tried", [])
        place = {name: row[name] for name in RUN}
        trainings = pd.DataFrame([{**place, **each} for each in tried])
        _write(
            Records(
                _with(known.runs, pd.DataFrame([row]), place),
                _with(known.trainings, trainings, place),
                {**known.setups, setup.key: setup},
                {
                    **known.predictions,
                    f"{setup.key}/{row['model']}/{row['seed']}": np.array(predictions, np.uint8),
                },
            ),
            folder,
        )


def _with(frame: pd.DataFrame, rows: pd.DataFrame, place: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with the rows of a run replaced, sorted by run."""
    if not frame.empty:
        same = (frame[list(place)] == pd.Series(place)).all(axis=1)
        rows = pd.concat([frame[~same], rows])
    order = {name: index for index, name in enumerate(MODELS)}
    return rows.sort_values(
        RUN, key=lambda each: each.map(order) if each.name == "model" else each, kind="stable"
    ) if not rows.empty else rows  # fmt: skip


def _write(records: Records, folder: Path) -> None:
    used = set(records.runs.setup)
    runs = {f"{row.setup}/{row.model}/{row.seed}" for row in records.runs.itertuples()}
    arrays = {name: each for name, each in records.predictions.items() if name in runs}
    lines = []
    for key in sorted(used):
        setup = records.setups[key]
        lines.append(json.dumps({"key": key, **setup.as_dict()}, separators=(",", ":")) + "\n")
        arrays[f"{key}/labels"] = setup.labels.astype(np.uint8)
        if setup.subjects is not None:
            arrays[f"{key}/subjects"] = setup.subjects
    with replacing(folder / "predictions.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict(sorted(arrays.items())))
    with replacing(folder / "setups.jsonl") as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    costs = [name for name in records.runs if name not in COLUMNS]
    for name, frame, columns in (
        ("trainings.csv", records.trainings, TRAININGS),
        ("runs.csv", records.runs, [*COLUMNS, *costs]),
    ):
        with replacing(folder / name) as temporary:
            frame.reindex(columns=columns).to_csv(temporary, index=False, lineterminator="\n")
