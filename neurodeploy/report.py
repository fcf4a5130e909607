"""Report what a network does and would cost: `python -m neurodeploy.report runs/har/model.net`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hw_sim import backends, chip
from hw_sim.backends import BACKENDS
from hw_sim.run_options import RunOptions
from models.network import QuantizedNetwork
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
    cli.use_threads(given.threads)
    report = make_report(given)
    if given.json:
        cli.print_json(report.as_json())
    else:
        from neurodeploy.pages import terminal

        terminal.show(report)
        _print_next(given)
    return cli.DONE if fits_everywhere(report) else cli.CHECK_FAILED


def _print_next(given: argparse.Namespace) -> None:
    print("Next, on Lava's simulator, or as JSON:")
    for words in (("--backend", "lava", "--samples", "16"), ("--json",)):
        print(f"  {cli.next_command('report', given.network, *words, data=given.data)}")


def make_report(given: argparse.Namespace) -> Any:
    """Run the network as the options say and return the `hw_sim.report.Report`."""
    from export import netx

    return report_on(netx.read(given.network), given)


def report_on(network: QuantizedNetwork, given: argparse.Namespace) -> Any:
    """Run a network as the options say and return the `hw_sim.report.Report`."""
    from hw_sim import report
    from neurodeploy import evaluation

    with cli.status("reading the data"):
        samples, source = evaluation.load_test_samples(network.task, given.data, given.samples)
    backend = backends.get(given.backend)
    with cli.progress(f"running on {backend.name}") as advance:
        done = evaluation.evaluate(
            network,
            samples,
            backend,
            options=RunOptions(
                threads=given.threads, time_limit_s=given.time_limit, progress=advance
            ),
            advance=advance,
        )
    return report.build(
        network,
        done.counts,
        chips=[chip.chip(name) for name in sorted(given.chip or chip.CHIPS)],
        score=done.score,
        measured=done.measured,
        provenance={
            "backend": backend.name,
            "data": source,
            "split": "test subjects",
            "overflows": done.overflows,
        },
    )


def fits_everywhere(report: Any) -> bool:
    """Return whether each chip of the report can hold the network."""
    return not any(each.problems for each in report.estimated.values())


if __name__ == "__main__":
    sys.exit(main())
