"""The runs of the benchmark of accuracy, and what is there of them.

runs/accuracy/TASK/MODEL-seed-N/
    key.json      what decides about the figures, written first
    code.json     the code that began it
    model.pt ...  what `train`, `export` and `report` write
    log.txt       the commands and what they said on stderr
    spent.json    processor seconds, also of what was interrupted
    result.json   the figures, written last: without it the run goes on where it was interrupted

A folder of a run with another key is renamed, never removed, and the run made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.accuracy import code, records, rules
from benchmarks.accuracy.commands import RunFailed
from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.keys import differences, key_of
from benchmarks.accuracy.models import MODELS, Model
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing


@dataclass(frozen=True)
class Place:
    """Where runs are.

    Attributes:
        runs: folder of their folders.
        records: folder of the figures of runs that count wherever they were made, or None.
    """

    runs: Path
    records: Path | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """One training and its test.

    Attributes:
        facts: of its task.
        model: which is trained.
        seed: of the training.
        place: where it is.
        rates: learning rates that an artificial network tries: all on the first seed, which chooses
            one for the others; none as long as that is not known.
    """

    facts: Facts
    model: Model
    seed: int
    place: Place
    rates: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.facts.task}, {self.model.title}, seed {self.seed}"

    @property
    def waits(self) -> bool:
        """Whether it takes a rate that another has not chosen yet."""
        return not self.model.spiking and not self.rates

    @property
    def key(self) -> dict[str, Any]:
        """What decides about the figures."""
        network = self.facts.networks[self.model.name]
        return key_of(self.facts.key, self.model, network, self.seed, self.rates)

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.place.runs / self.facts.task / f"{self.model.name}-seed-{self.seed}"

    @property
    def records(self) -> Path | None:
        """The file of its task's records, None without any."""
        folder = self.place.records
        return None if folder is None else folder / f"{self.facts.task}.jsonl"

    @property
    def result(self) -> Path:
        """The file of its figures."""
        return self.folder / "result.json"

    def kept(self) -> dict[str, Any] | None:
        """Return the figures that are there and are this run's, None without.

        Raises:
            InputError: when a file of figures is malformed.
        """
        return self.in_records() or self.in_folder()

    def in_folder(self) -> dict[str, Any] | None:
        """Return the figures in its folder, None where they are missing or another run's."""
        found = read_json(self.result, {})
        known = [] if found is None else [rules.figures_of(found, str(self.result))]
        return self._mine(known, self.result)

    def in_records(self) -> dict[str, Any] | None:
        """Return the figures in its task's records, None where they are missing."""
        path = self.records
        return None if path is None else self._mine(records.read(path), path)

    def _mine(self, known: Iterable[dict[str, Any]], path: Path) -> dict[str, Any] | None:
        key = self.key
        for each in known:
            if not differences(each["key"], key):
                check(each, self.facts, f"{path}, {self.model.name} of seed {self.seed}")
                return each
        return None


def check(figures: Mapping[str, Any], facts: Facts, where: str) -> None:
    """Raise InputError where a run's accuracy is not that of its answers."""
    answers, labels = figures["answers"], facts.labels.tolist()
    right = sum(one == other for one, other in zip(answers, labels)) / len(labels)
    same = abs(right - figures["accuracy"]) <= 1e-9
    if len(answers) != len(labels) or max(answers) >= facts.classes or not same:
        raise InputError(
            f"{where}: accuracy is {figures['accuracy']} of {len(answers)} answers, which are "
            f"right in {right} of {len(labels)} windows of {facts.classes} classes; remove what is "
            "said of this run, and it is made again"
        )


def read_json(path: Path, rule: rules.Rule) -> dict[str, Any] | None:
    """Return the object in a file, None where there is no such file.

    Raises:
        InputError: when it holds none of which the rule is true.
    """
    text = rules.text_of(path)
    return None if text is None else rules.checked(rules.parsed(text), rule, str(path))


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write an object, replacing the file only when it is complete."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values))


def prepare(run: Run) -> str:
    """Make the folder ready for the run and return what to tell of it, "" for nothing.

    What is there of the same run stays; the folder of another is renamed.

    Raises:
        RunFailed: when the run takes a rate that another chooses, which failed.
    """
    if run.waits:
        raise RunFailed("its learning rate is chosen on the first seed, which failed")
    place, told = run.folder / "key.json", ""
    kept = read_json(place, rules.KEY)
    changed = [] if kept is None else differences(kept, run.key)
    wrong = f"what is there differs in {', '.join(changed)}" if changed else _damage(run.folder)
    if wrong:
        aside = set_aside(run.folder)
        told = f"{run.name}: {wrong}; it is now in {aside}, and the run starts anew"
    if kept is None or wrong:
        run.folder.mkdir(parents=True, exist_ok=True)
        write_json(code.makers(run.model), run.folder / "code.json")
        write_json(run.key, place)
    return told


def _damage(folder: Path) -> str:
    """Return why no training can go on with the state that is kept in a folder, "" if it can."""
    state = folder / "resume.pt"
    if not state.exists():
        return ""
    from neurodeploy.learning import checkpoint, run_folder

    try:
        checkpoint.load_values(state, run_folder.FORMAT, run_folder.READABLE)
    except InputError as error:
        return str(error).rpartition(";")[0]
    return ""


def set_aside(folder: Path) -> Path:
    """Rename a folder, and return its new name."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.earlier-{number}")).exists():
        number += 1
    return folder.rename(aside)


def runs_of(
    facts: Facts, place: Place, seeds: Sequence[int], names: Sequence[str] | None
) -> list[Run]:
    """Return the runs of a task: of the models asked for, or those it has by default."""
    from benchmarks.ann.training import RATES

    known = [model for model in MODELS.values() if not model.tasks or facts.task in model.tasks]
    models = [MODELS[name] for name in MODELS if name in names] if names else known
    rates = {seeds[0]: RATES}
    return [
        Run(facts, model, seed, place, () if model.spiking else rates.get(seed, ()))
        for model in models
        for seed in seeds
    ]


def with_rate(run: Run, results: Mapping[Run, Mapping[str, Any]]) -> Run:
    """Return a run that waits with the rate that the first seed of its model chose, if it did."""
    rates = [
        float(figures["rate"])
        for each, figures in results.items()
        if (each.facts, each.model) == (run.facts, run.model)
    ]
    return replace(run, rates=tuple(rates))
