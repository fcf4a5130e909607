"""What is known of the runs of a benchmark while they are made, and what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from benchmarks.accuracy.runs import Run


@dataclass
class Board:
    """What is known of all runs, and what is told while they are made.

    Attributes:
        runs: in order; one that waits for a rate is replaced when it has it.
        jobs: trainings at a time.
        say: prints a line.
        results: figures of the runs that are done.
        failures: why the others have none.
        began: when, by the monotonic clock.
    """

    runs: Sequence[Run]
    jobs: int
    say: Callable[[str], None]
    results: dict[Run, Mapping[str, Any]] = field(default_factory=dict)
    failures: dict[Run, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def done(self, run: Run, figures: Mapping[str, Any]) -> None:
        """Note a run that was made, and tell how it goes; what the test came to is told at the
        end, so that nobody who works on a recipe sees it on the way."""
        self.results[run] = figures
        spent = duration(figures["core_seconds"])
        self.say(f"{run.name}: {figures['validation']:.1%} validated ({spent}){self._rest()}")

    def failed(self, run: Run, reason: str) -> None:
        """Note a run that came to nothing."""
        self.failures[run] = reason
        self.say(f"{run.name} failed: {reason}{self._rest()}")

    def absent(self) -> dict[str, str]:
        """Return why runs have no figures, by their names."""
        absent = [run for run in self.runs if run not in self.results]
        return {run.name: self.failures.get(run, "not there with these seeds") for run in absent}

    def _rest(self) -> str:
        left = [run for run in self.runs if run not in self.results and run not in self.failures]
        if not left or not self.results:
            return ""
        seconds = sum(self._expected(run) for run in left) / self.jobs
        done = f"{len(self.runs) - len(left)} of {len(self.runs)} done"
        passed = duration(time.monotonic() - self.began)
        return f"; {done} in {passed}, about {duration(seconds)} to go"

    def _expected(self, run: Run) -> float:
        """Return the seconds that a run will take, by those that are most like it."""
        likes = (
            lambda each: (each.facts.task, each.model.name),
            lambda each: (each.facts.task, each.model.spiking),
            lambda each: each.model.spiking,
            lambda each: None,
        )
        for like in likes:
            found = [
                float(figures["core_seconds"])
                for each, figures in self.results.items()
                if like(each) == like(run)
            ]
            if found:
                return mean(found)
        return 0.0


def duration(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
