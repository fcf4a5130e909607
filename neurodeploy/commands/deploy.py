"""Train, export, check on Lava and report in one command: `python -m neurodeploy.deploy`.

The data are read once, and networks and samples are passed on as objects.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurodeploy.commands import cli, report, train
from neurodeploy.commands import export as export_command
from neurodeploy.models import files
from neurodeploy.models.display import number_of
from neurodeploy.models.errors import BackendError, InputError, require
from neurodeploy.train import distributed

if TYPE_CHECKING:
    from neurodeploy.hw_sim.chips import Chip
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.report.report import Report
    from neurodeploy.train.fit import TrainedRun

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
        help="number of test samples to compare with Lava's simulator; 0 for none",
    )
    cli.add_chip_options(
        options,
        "to check and estimate for; by default, check loihi2 and estimate for all",
    )
    args = options.parse_args(argv)
    require("training", "torch", "lava.lib.dl.slayer")
    if distributed.world_size() > 1:
        raise InputError(
            "deploy runs in one process; run torchrun -m neurodeploy.train, then export and report"
        )
    onto = cli.chosen_chips(args, "loihi2")  # a wrong cost file is refused before the training
    began = time.monotonic()
    run = train.train(args)
    cli.use_threads(args.threads)
    code, network = _export(run, onto)
    if code != cli.DONE:
        return code
    try:
        agree = not args.lava_samples or _agrees_with_lava(network, run, args.lava_samples)
    except BackendError as error:  # the report does not need Lava
        cli.say(f"error: {error}")
        compared = cli.CHECK_FAILED
    else:
        if not agree:
            return cli.CHECK_FAILED
        compared = cli.DONE
    reported = _report(network, run, args)
    _show_end(args, _model(run), time.monotonic() - began)
    met = cli.CHECK_FAILED if run.failures else cli.DONE
    return max(met, compared, report.exit_code(reported))


def _model(run: TrainedRun) -> Path:
    """Return the path of the run's checkpoint; all other files are written beside it."""
    assert run.folder is not None
    return run.folder / "model.pt"


def _export(run: TrainedRun, onto: Sequence[Chip]) -> tuple[int, QuantizedNetwork]:
    """Quantize the trained network, check it and write it; return the exit code and the network."""
    from neurodeploy.models.quantize import quantize

    network, model = quantize(run.model), _model(run)
    if not export_command.fits(network, onto):
        return cli.CHECK_FAILED, network
    path = model.with_suffix(".net")
    code = export_command.write_checked(run.model, network, run.data.test, path, source=model)
    return code, network


def _agrees_with_lava(network: QuantizedNetwork, run: TrainedRun, count: int) -> bool:
    """Run some test samples on Lava and on our simulator; print whether every spike agrees."""
    from neurodeploy.evaluation.comparison import compare

    samples = run.data.samples("test", count)
    with cli.progress("running on Lava's simulator") as advance:
        compared = compare(network, samples, backends=("lava", "fast"), advance=advance)
    over = number_of(compared.num_samples, "sample")
    if not compared.equal:
        print(
            f"Lava and our simulator differ in {number_of(compared.num_different, 'spike')} of "
            f"{over}, first in {compared.first}"
        )
        return False
    print(
        f"Lava and our simulator agree in all {number_of(compared.num_spikes, 'spike')} of "
        f"{number_of(compared.num_layers, 'layer')} over {over} in one run"
    )
    return True


def _report(network: QuantizedNetwork, run: TrainedRun, args: argparse.Namespace) -> Report:
    """Evaluate all test samples, print a summary and write the whole report as a page."""
    from neurodeploy.hw_sim.chips import choose
    from neurodeploy.report import terminal
    from neurodeploy.report.evaluate import evaluate

    chips = choose(args.chip or (), args.costs or ())
    with cli.progress("running on fast") as advance:
        found = evaluate(network, run.data.test, chips=chips, threads=args.threads, advance=advance)
    terminal.show_report(found, brief=True)
    page = _model(run).with_name(files.REPORT_PAGE)
    for line in report.write_pages(found, page=page, figures=None):
        print(line)
    return found


def _show_end(args: argparse.Namespace, model: Path, seconds: float) -> None:
    network = model.with_suffix(".net")
    print(f"Done in {seconds / 60:.1f} minutes: {model} and {network}. Next, all tables as text:")
    words = cli.chip_words(args.chip, args.costs)
    if args.input is not None:
        words += ["--input", args.input, "--labels", args.labels]
    print(f"  {cli.next_command('report', network, *words, data=args.data)}")
