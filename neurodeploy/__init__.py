"""What a person runs: train a network, export it, run it, and read what it would cost on Loihi.

train, export, report, deploy   the commands; `python -m neurodeploy` lists them; data shows what
                                there is to train on
cli                             what the commands share: errors, exit codes, progress; progress_bar;
                                paths what lies at a path that a person gave
tasks/                          data, its split and how it becomes spikes
learning/                       train a network for a task, and keep it
running/                        run a network, compare what it does, make a report of it
support                         what runs where, as the README shows it
pages/                          reports and histories as text and pictures
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SIBLINGS = ("models", "export", "hw_sim")


def shadowed(name: str) -> str | None:
    """Return where Python finds the package `name` when that is not beside this one."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return f"no package {name}"
    found = Path(spec.origin).resolve().parent
    return None if found.parent == Path(__file__).resolve().parent.parent else str(found)


def _check_siblings() -> None:
    for name in SIBLINGS:
        found = shadowed(name)
        if found is None:
            continue
        message = (
            f"neurodeploy needs its own package '{name}' but Python finds {found}; run from "
            "another folder, or use the command 'neurodeploy', which does not look there first"
        )
        if sys.argv[:1] == ["-m"]:
            print(f"error: {message}", file=sys.stderr)
            sys.exit(2)
        raise ImportError(message)


_check_siblings()

import models as models  # noqa: E402  before torch: it tells OpenMP how to wait
