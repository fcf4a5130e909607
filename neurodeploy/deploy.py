"""The whole way in one command: `python -m neurodeploy.deploy --task har`.

Train, export, prove, compare with Lava, and report.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurodeploy import cli, report, train
from neurodeploy.export import __main__ as export_command
from neurodeploy.learning import budget_options, distributed
from neurodeploy.models import files
from neurodeploy.models.errors import BackendError, InputError

if TYPE_CHECKING:
    from neurodeploy.running.evaluation import Report

DESCRIPTION = (
    "Train a network for a task, export it, check it on Lava and report its cost on Loihi."
)
LAVA_SAMPLES = 64


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("deploy", DESCRIPTION)
    train.add_options(options)
    options.add_argument(
        "--lava-samples",
        type=cli.whole_number(0),
        default=LAVA_SAMPLES,
        metavar="N",
        help="test samples to run on Lava's simulator as well; 0 for none",
    )
    cli.add_chip_options(
        options,
        "to check and estimate for; when none is given, loihi2 is checked and all are estimated",
    )
    given = options.parse_args(argv)
    if distributed.place()[1] > 1:
        raise InputError(
            "deploy was started as one of several processes and needs one; give torchrun "
            "-m neurodeploy.train, then export and report"
        )
    onto = cli.chosen_chips(given, "loihi2")  # before it trains for an hour
    budget_options.budget_of(given)
    began = time.monotonic()
    model, met = train.train(given)
    network = model.with_suffix(".net")
    code = export_command.export(model, network, data=given.data, chips=onto, threads=given.threads)
    if code != cli.DONE:
        return code
    try:
        compared = compare_with_lava(network, given) if given.lava_samples else cli.DONE
        if compared != cli.DONE:
            return compared
    except BackendError as error:  # the report does not need Lava
        cli.say(f"error: {error}")
        compared = cli.CHECK_FAILED
    made = _report(network, given)
    _show_end(given, model, time.monotonic() - began)
    return max(met, compared, report.exit_code(made))


def compare_with_lava(path: Path, given: argparse.Namespace) -> int:
    """Run some test samples on Lava and on our simulator; return the exit code."""
    from neurodeploy.export import netx
    from neurodeploy.running.comparison import compare
    from neurodeploy.running.inputs import task_samples

    network = netx.read(path)
    samples = task_samples(network.task, given.data, count=given.lava_samples)
    with cli.progress("running on Lava's simulator") as advance:
        compared = compare(network, samples, backends=("lava", "fast"), advance=advance)
    over = cli.number_of(compared.num_samples, "sample")
    if not compared.equal:
        print(
            f"Lava and our simulator differ in {cli.number_of(compared.num_different, 'spike')} of "
            f"{over}, first in {compared.first}"
        )
        return cli.CHECK_FAILED
    print(
        f"Lava and our simulator agree in all {cli.number_of(compared.num_spikes, 'spike')} of "
        f"{cli.number_of(compared.num_layers, 'layer')} over {over} in one run"
    )
    return cli.DONE


def _report(network: Path, given: argparse.Namespace) -> Report:
    """Report on all test samples, in text and as a page beside the network."""
    from neurodeploy.export import netx
    from neurodeploy.hw_sim.chips import chip
    from neurodeploy.pages.terminal import report as terminal
    from neurodeploy.running.evaluation import evaluate
    from neurodeploy.running.inputs import task_samples

    loaded = netx.read(network)
    with cli.reading():
        samples = task_samples(loaded.task, given.data)
    chips = chip.choose(given.chip or (), given.costs or ())
    with cli.progress("running on fast") as advance:
        made = evaluate(loaded, samples, chips=chips, threads=given.threads, advance=advance)
    terminal.show(made)
    page = network.with_name(files.REPORT_PAGE)
    for line in report.write_pages(made, page=page, figures=None):
        print(line)
    return made


def _show_end(given: argparse.Namespace, model: Path, seconds: float) -> None:
    network = model.with_suffix(".net")
    print(f"Done in {seconds / 60:.1f} minutes: {model} and {network}. Next:")
    words = [*cli.chip_words(given.chip, given.costs), "--json"]
    print(f"  {cli.next_command('report', network, *words, data=given.data)}")
    print(f"  {cli.next_command('train', '--help')}")


if __name__ == "__main__":
    sys.exit(main())
