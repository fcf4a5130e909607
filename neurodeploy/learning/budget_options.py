"""The options that make a network cheaper, and what a training to a budget says in the end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from neurodeploy import cli
from neurodeploy.models.architecture import WEIGHT_BITS
from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.learning.budget import Budget
    from neurodeploy.learning.training import Training

ZEROS_ARE_STORED = (
    "pruned weights are zeros, which Intel's compiler keeps in dense layers: memory, SynOps and "
    "energy of a report count them, only its effective operations do not; a budget leaves out "
    "whole neurons instead"
)


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options; `--chip` and `--costs` are the command's."""
    group = options.add_mutually_exclusive_group()
    group.add_argument(
        "--synop-budget",
        type=cli.positive_number,
        metavar="N",
        help="SynOps that the mean sample may take, those of zero weights too, as in a report; a "
        "mean is seldom whole, so N need not be",
    )
    group.add_argument(
        "--energy-budget-uj",
        type=cli.positive_number,
        metavar="X",
        help="dynamic energy in uJ that the mean sample may take on a chip, static power left out",
    )
    options.add_argument(
        "--weight-bits",
        type=int,
        choices=WEIGHT_BITS,
        help="bits of a weight with its sign; the network's own, or 8, when not given",
    )
    options.add_argument(
        "--prune",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="share of the weights of each layer that become zero while training",
    )


def share(text: str) -> float:
    """Parse a share from 0 to below 1, for `argparse`."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to below 1")
    return value


def budget_of(given: argparse.Namespace) -> Budget | None:
    """Return the budget that the options give, or None.

    Raises:
        InputError: when an energy is for more than one chip.
    """
    from neurodeploy.learning.budget import Budget

    if given.synop_budget is not None:
        return Budget(given.synop_budget)
    if given.energy_budget_uj is None:
        return None
    chips = cli.chosen_chips(given, "loihi2")
    if len(chips) > 1:
        raise InputError(
            f"--energy-budget-uj is for one chip and {len(chips)} are given; give --chip once"
        )
    return Budget(given.energy_budget_uj, chips[0])


def check_chip_is_used(given: argparse.Namespace) -> None:
    """Raise InputError when a chip is named to a training that asks for none of its energy."""
    if (given.chip or given.costs) and given.energy_budget_uj is None:
        raise InputError(
            "--chip and --costs say whose energy --energy-budget-uj is, which is not given; give "
            "it, or leave them out"
        )


def check_reachable(started: Training) -> None:
    """Raise InputError when what no training can save is over the budget."""
    if started.thrift is None:
        return
    from neurodeploy.tasks.task import encode_windows

    data, budget = started.data, started.thrift.law.budget
    least = started.thrift.least(encode_windows(data.windows, data.encoder, data.split.validation))
    if least > budget.amount:
        option = "--synop-budget" if budget.chip is None else "--energy-budget-uj"
        raise InputError(
            f"{option} is {budget.words()} a sample, and the input alone takes "
            f"{budget.words(least)} where every layer that can has one neuron; give at least that"
        )


def outcome(started: Training) -> tuple[list[str], list[str]]:
    """Return what became of the options: notes, and warnings that a check failed."""
    notes: list[str] = []
    failures: list[str] = []
    if started.settings.prune:
        notes.append(ZEROS_ARE_STORED)
    if started.thrift is not None:
        spent = started.history[started.best_epoch - 1].spent or 0.0
        (notes if started.thrift.law.budget.met(spent) else failures).append(
            _words(started.thrift, spent, _widths(started))
        )
    return notes, failures


def _words(thrift: Any, spent: float, widths: str) -> str:
    from neurodeploy.learning.budget import BAND

    budget = thrift.law.budget
    if not budget.met(spent):
        return (
            f"no epoch met the budget of {budget.words()} a sample; the one kept comes nearest "
            f"with {budget.words(spent)}: train longer, start from smaller layers, or give more"
        )
    takes = f"it takes {budget.words(spent)} a sample on the validation windows"
    if not thrift.law.pressed:
        return f"{takes}, less than the budget of {budget.words()}, which changed nothing"
    told = f"{takes}, {spent / budget.amount:.1%} of the budget, with {widths}"
    if spent < (1 - BAND) * budget.amount:
        told += (
            f"; that is over {BAND:.0%} below it, as where few neurons are left and the last to go "
            "took much: train longer, or from larger layers, to make more use of it"
        )
    return told


def _widths(started: Training) -> str:
    """Return how many hidden neurons the best epoch has of those it began with, in words."""
    from neurodeploy.learning.run_folder import best_checkpoint

    before = started.settings.architecture.sizes[1:-1]
    after = best_checkpoint(started).architecture.sizes[1:-1]
    pairs = [f"{now:,} of {all_:,}" for now, all_ in zip(after, before)]
    return f"{', '.join(pairs) or 'no'} hidden neurons"
