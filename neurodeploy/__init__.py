"""What a person runs: train a network, export it, run it, and read what it would cost on Loihi.

train, export, report, deploy   the commands; `python -m neurodeploy` lists them
cli                             what the commands share: errors, exit codes, progress; progress_bar
tasks/                          data, its split and how it becomes spikes
training, checkpoint            train a network and keep it; training_step one epoch's steps,
                                validation what comes after them
chosen_network, capacity        which network to train, and whether a chip could hold it
budget, thrift                  the law by which a training keeps to a budget, and what carries it
                                out; spending what a network spends, weight_pruning zeros among
                                weights, budget_options the options and what they came to
run_folder, run_lock            the files of one training, and the right to write them; run_keeper
                                writes them while it runs, run_options says which may go on
distributed, gpu                several processes, and what a GPU needs
tensorboard                     the history as event files
proof                           compare a trained network with its integer twin
comparison                      compare two runs, and two backends
trained_network                 compare with the trained network beside a file
report_run, report_files        what report does before it prints, and the files it may write;
                                measures what it measures of a run
provenance                      where a report comes from
report_options, report_words    the options of report, and what --compare names
side_by_side                    networks side by side
kept_sample                     keep one sample of a run, to draw it
evaluation                      run a network over a task's samples, or those in a given_input
array_file, paths               open an array of a person's own, and look up what lies at a path
spike_file, trace               what a run leaves beside its report
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
