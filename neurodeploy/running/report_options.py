"""The options of the command `report`."""

from __future__ import annotations

import argparse
from pathlib import Path

from neurodeploy import cli
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models import loihi


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a report."""
    options.add_argument(
        "network", nargs="?", type=Path, metavar="model.net", help="integer network to run"
    )
    cli.add_data_option(options)
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="samples to run, spread evenly; all when not given",
    )
    _add_input_options(options)
    _add_run_options(options)
    cli.add_chip_options(options, "to estimate for, all when none is given")
    options.add_argument(
        "--json", action="store_true", help="print one JSON object instead of text"
    )
    cli.add_threads_option(options)


def _add_input_options(options: argparse.ArgumentParser) -> None:
    given = options.add_argument_group(
        "samples of your own, as for a network without a task (see docs/any-network.md)"
    )
    given.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="a .npy array (neurons, time) or (channel, height, width, time), with an axis of "
        "samples in front if there are several",
    )
    given.add_argument(
        "--labels", type=Path, metavar="FILE", help="a .npy array of right answers, one a sample"
    )
    given.add_argument(
        "--transformed",
        action="store_true",
        help="the input is what the neurons of the input layer take: leave out the file's scale "
        "and offset",
    )
    given.add_argument(
        "--message-bits",
        type=cli.whole_number(0, loihi.MESSAGE_BITS_MAX),
        metavar="N",
        help="of graded input spikes, where the file does not say; 0 for spikes of 0 or 1",
    )
    given.add_argument(
        "--spike-exp",
        type=cli.whole_number(0, loihi.EXPONENT_MAX),
        metavar="N",
        help=f"binary places of sigma-delta spikes, where the file does not say; "
        f"{loihi.SPIKE_EXP} when not given",
    )


def _add_run_options(options: argparse.ArgumentParser) -> None:
    names = sorted(BACKENDS)
    options.add_argument("--backend", choices=names, default="fast", help="what runs it")
    options.add_argument(
        "--compare",
        nargs="+",
        action="extend",
        metavar="WITH",
        help=f"a backend ({', '.join(names)}), to run it as well and show the first spike that "
        "differs; or other networks, to put them side by side",
    )
    options.add_argument(
        "--trace",
        action="store_true",
        help="show rates, silent and saturated neurons and overflows of every layer, and the "
        "first spike that differs from the trained network's",
    )
    options.add_argument(
        "--spikes", type=Path, metavar="FILE", help="write every layer's spikes to this .npz file"
    )
    options.add_argument(
        "--html", type=Path, metavar="FILE", help="write the report as one page that needs no other"
    )
    options.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="write the page's figures to this folder, as PNG and SVG",
    )
    options.add_argument(
        "--raster",
        type=cli.whole_number(0),
        metavar="N",
        help="the sample that page and figures show, by its number in the run from 0; the first "
        "when not given",
    )
    options.add_argument(
        "--time-limit",
        type=cli.positive_number,
        metavar="SECONDS",
        help="end a run on Lava or Loihi after so long",
    )
