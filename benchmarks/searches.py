"""What a search finds beside the presets of its task, with repeated seeds and the test samples.

    python -m neurodeploy.explore --task har --seeds 3 --no-pruning --out explore/har
    python -m benchmarks.searches explore/har

The presets are trained here, with as many seeds as the networks of the front. Two networks of the
front are chosen by the mean of their seeds on the validation samples: the cheapest that is as
accurate as the task's own configuration, and the most accurate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna

from benchmarks import early_stopping, pages
from benchmarks.pages import Table
from neurodeploy.commands import cli
from neurodeploy.data.task_data import TaskData, load_task
from neurodeploy.evaluation.files import load
from neurodeploy.explore import page as search_page
from neurodeploy.explore.metrics import metrics_of
from neurodeploy.explore.repeats import Repeated
from neurodeploy.explore.results import SearchResult
from neurodeploy.explore.results_data import Trial
from neurodeploy.explore.space import STARTS, SearchSpace, space_text
from neurodeploy.explore.study import read_search
from neurodeploy.explore.trial import NETWORK, Objective, evaluated, train
from neurodeploy.hw_sim.chips import Chip
from neurodeploy.models.errors import InputError
from neurodeploy.report.evaluate import choose_chips

DEFAULT = "dense"
"""Preset that is the task's own configuration."""


@dataclass(frozen=True)
class Candidate:
    """A network with its seeds.

    Attributes:
        name: preset or trial.
        on_front: whether it is on the front.
        sizes: neurons per layer.
        repeats: its seeds.
    """

    name: str
    on_front: bool
    sizes: tuple[int, ...]
    repeats: tuple[Repeated, ...]

    def mean(self, part: str, metric: str) -> float:
        """Return the mean of a metric over the seeds; `part` is "validation" or "test"."""
        return fmean(getattr(each, part)[metric] for each in self.repeats)

    def accuracy_text(self, part: str) -> str:
        """Return mean and range of the accuracy over the seeds."""
        values = [100 * getattr(each, part)["accuracy"] for each in self.repeats]
        return f"{fmean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def on_front(result: SearchResult) -> list[Candidate]:
    """Return the networks of the front, by energy; presets have their own name."""
    found = [
        Candidate(each.start or f"trial {each.number}", True, each.sizes, each.repeats)
        for each in result.front
    ]
    return sorted(found, key=lambda each: each.mean("validation", "energy"))


def preset(name: str, data: TaskData, seeds: int, how: Objective) -> Candidate:
    """Train a preset with each seed, unless its network is in the folder, and evaluate it."""
    repeats = []
    for seed in range(seeds):
        config = data.config.with_network(name)
        home = how.folder / name / f"seed-{seed}"
        cli.say(f"{name}, seed {seed}")
        found = home / NETWORK
        config = config.replace(seed=config.seed + seed)
        network = load(found) if found.exists() else train(data, config, home, how)
        values = {
            part: metrics_of(evaluated(network, data, part, how), how.chip.name)
            for part in ("validation", "test")
        }
        repeats.append(Repeated(seed, values["validation"], values["test"]))
    sizes = tuple(layer.neurons for layer in network.layers)
    return Candidate(name, False, sizes, tuple(repeats))


def chosen(front: Sequence[Candidate], own: Candidate) -> dict[str, Candidate]:
    """Return the two networks of the front that are compared, by what they stand for."""
    wanted = own.mean("validation", "accuracy")
    good = [each for each in front if each.mean("validation", "accuracy") >= wanted]
    best = max(front, key=lambda each: each.mean("validation", "accuracy"))
    cheapest = min(good, key=lambda each: each.mean("validation", "energy"), default=None)
    if cheapest is None:
        return {"most accurate": best}
    if cheapest is best:
        return {"most accurate, and the cheapest that is as accurate as the default": best}
    return {"cheapest that is as accurate as the default": cheapest, "most accurate": best}


def table_of(candidates: Sequence[Candidate], own: Candidate) -> Table:
    """Return the table of networks, each relative to the task's own configuration."""
    headings = [
        "network", "neurons", "validation (%)", "test (%)", "test, difference",
        "dynamic energy (µJ)", "of the default's",
    ]  # fmt: skip
    rows = []
    for each in candidates:
        energy = each.mean("validation", "energy")
        gain = 100 * (each.mean("test", "accuracy") - own.mean("test", "accuracy"))
        rows.append(
            [
                each.name + " (front)" * each.on_front, "-".join(map(str, each.sizes)),
                each.accuracy_text("validation"), each.accuracy_text("test"), f"{gain:+.1f}",
                f"{energy:.3g}", f"{energy / own.mean('validation', 'energy'):.0%}",
            ]
        )  # fmt: skip
    seeds = len(own.repeats)
    about = f"means over {seeds} seeds, with the range; differences in points of accuracy"
    return Table("Presets and front", about, headings, rows)


def finding(picks: Mapping[str, Candidate], own: Candidate) -> str:
    """Return in words how the chosen networks compare with the task's own configuration."""
    lines = []
    for name, each in picks.items():
        share = each.mean("validation", "energy") / own.mean("validation", "energy")
        gains = (
            f"{100 * (each.mean(part, 'accuracy') - own.mean(part, 'accuracy')):+.1f} points on "
            f"the {part} samples"
            for part in ("validation", "test")
        )
        lines.append(
            f"Of the front, {each.name} is the {name}. It takes {share:.0%} of the default's "
            f"dynamic energy, and has {' and '.join(gains)}."
        )
    return "\n\n".join(lines)


def spaces_of(picks: Mapping[str, Candidate], result: SearchResult) -> dict[str, str]:
    """Return the search space of each chosen network alone, as JSON, by the name of its trial."""
    named = {each.start or f"trial {each.number}": each for each in result.front}
    return {each.name: space_text(space_of(named[each.name])) for each in picks.values()}


def space_of(trial: Trial) -> dict[str, Any]:
    """Return the search space of one point that holds only this trial's network."""
    space: dict[str, Any] = {"hidden": ["-".join(map(str, trial.sizes[:-1]))]}
    for name, value in trial.params.items():
        if path := name.partition(".")[2]:
            space.setdefault("encoder_parameters", {})[path] = [value]
        elif name.partition(" ")[0] not in ("layers", "neurons"):
            space[name] = [value]
    return space


def importances(result: SearchResult) -> Table:
    """Return how much each hyperparameter matters for reaching the front."""
    rows = [[name, f"{share:.0%}"] for name, share in result.importances.items()]
    return Table("Importance of the hyperparameters", "", ["hyperparameter", "share"], rows)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Train the presets, and print the tables."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = args.folder / "journal.log"
    result = read_search(storage)
    if not any(each.repeats for each in result.front):
        raise InputError(f"{args.folder} has no tested network; run the search with --seeds 3")
    data = load_task(str(result.about["task"]), args.data)
    how = _how(result, data, args)
    seeds = max(len(each.repeats) for each in result.front)
    front = on_front(result)
    known = {each.name for each in front}
    presets = [preset(name, data, seeds, how) for name in STARTS if name not in known]
    (own,) = (each for each in (*presets, *front) if each.name == DEFAULT)
    picks = chosen(front, own)
    table, said = table_of((*presets, *front), own), finding(picks, own)
    stopped = any(each.state == "pruned" for each in result.trials)
    stopping = None if stopped else early_stopping.table(storage)
    for each in (table, stopping):
        if each is not None:
            each.show()
    print(f"\n{said}")
    drawn = search_page.drawn(result)
    if args.plot and drawn.png:
        args.plot.write_bytes(drawn.png)
    if args.markdown:
        pages.write(
            args.markdown, "searches", words, task=result.about["task"], table=table, seeds=seeds,
            folder=args.folder, trials=len(result.trials), data=args.data,
            limits=[f"--{n.replace('_', '-')} {v:g}" for n, v in result.constraints.items()],
            stopping=stopping, summary=search_page.summary(result), plot=args.plot,
            spaces=spaces_of(picks, result), finding=said, importances=importances(result).section,
        )  # fmt: skip
    return cli.DONE


def _how(result: SearchResult, data: TaskData, args: argparse.Namespace) -> Objective:
    """Return how the search trains and evaluates, for the presets."""
    chip: Chip
    (chip,) = choose_chips([result.chip])
    return Objective(
        (data,), SearchSpace(), result.objectives, {}, chip, args.folder.resolve() / "presets",
        threads=args.threads,
    )  # fmt: skip


def _options() -> argparse.ArgumentParser:
    options = cli.parser("searches", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.searches"
    options.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the search")
    cli.add_data_option(options)
    options.add_argument("--markdown", type=Path, metavar="FILE", help="write a page")
    options.add_argument("--plot", type=Path, metavar="FILE", help="write the picture of the front")
    cli.add_threads_option(options)
    return options


if __name__ == "__main__":
    sys.exit(main())
