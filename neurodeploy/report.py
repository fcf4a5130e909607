"""Report what a network does and would cost: `python -m neurodeploy.report runs/har/model.net`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hw_sim import backends, chip
from hw_sim.backends import BACKENDS
from hw_sim.run_options import RunOptions
from neurodeploy import cli

DESCRIPTION = (
    "Run a network on its task's test samples and report accuracy, spikes, SynOps, neurocores, and "
    "estimated energy and latency on Loihi."
)


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a report."""
    options.add_argument("network", type=Path, metavar="model.net", help="integer network to run")
    cli.add_data_option(options)
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="test samples to run, spread evenly; all when not given",
    )
    options.add_argument("--backend", choices=sorted(BACKENDS), default="fast", help="what runs it")
    options.add_argument(
        "--chip",
        choices=sorted(chip.CHIPS),
        action="append",
        help="chip to estimate for; may be given again for another; all when not given",
    )
    options.add_argument(
        "--time-limit",
        type=cli.positive_number,
        metavar="SECONDS",
        help="end a run on Lava or Loihi after so long",
    )
    options.add_argument(
        "--json", action="store_true", help="print one JSON object instead of text"
    )
    cli.add_threads_option(options)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("report", DESCRIPTION)
    add_options(options)
    given = options.parse_args(argv)
    report = make_report(
        given.network,
        data=given.data,
        samples=given.samples,
        backend=given.backend,
        chips=given.chip or (),
        options=RunOptions(threads=given.threads, time_limit_s=given.time_limit),
    )
    if given.json:
        cli.print_json(report.as_json())
    else:
        from neurodeploy.pages import terminal

        terminal.show(report)
        _print_next(given)
    return exit_code(report, asked=given.chip or ())


def _print_next(given: argparse.Namespace) -> None:
    print("Next, on Lava's simulator, or as JSON:")
    for words in (("--backend", "lava", "--samples", "16"), ("--json",)):
        print(f"  {cli.next_command('report', given.network, *words, data=given.data)}")


def make_report(
    path: Path,
    *,
    data: Path | None = None,
    samples: int | None = None,
    backend: str = "fast",
    chips: Sequence[str] = (),
    options: RunOptions = RunOptions(),
) -> Any:
    """Run the network in a file and return the `hw_sim.report.Report`.

    Args:
        path: a netx file that names its task.
        data: folder of the task's data, or None for the installed data package.
        samples: how many test samples to run; all by default.
        backend: name of what runs it.
        chips: names of those to estimate for; all by default.
        options: threads and time limit.
    """
    from export import netx
    from hw_sim import report
    from neurodeploy import evaluation

    network = netx.read(path)
    with cli.status("reading the data"):
        chosen, source = evaluation.load_test_samples(network.task, data, samples)
    runner = backends.get(backend)
    with cli.progress(f"running on {backend}") as advance:
        done = evaluation.evaluate(
            network, chosen, runner, options=replace(options, progress=advance), advance=advance
        )
    return report.build(
        network,
        done.counts,
        chips=[chip.chip(name) for name in sorted(chips or chip.CHIPS)],
        score=done.score,
        measured=done.measured,
        provenance={
            "backend": backend,
            "data": source,
            "split": "test subjects",
            "overflows": done.overflows,
        },
    )


def exit_code(report: Any, *, asked: Sequence[str] = ()) -> int:
    """Return CHECK_FAILED unless each chip asked for, or any when none was, holds the network."""
    fits = {name: not each.problems for name, each in report.estimated.items()}
    held = all(fits[name] for name in asked) if asked else any(fits.values())
    return cli.DONE if held else cli.CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())
