"""Export a trained network: `python -m neurodeploy.export runs/har/model.pt`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurodeploy import cli
from neurodeploy.models import files
from neurodeploy.models.errors import DesignRuleError, InputError, require

if TYPE_CHECKING:  # it needs numpy
    from neurodeploy.hw_sim.chips import Chip
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.models.snn import SlayerNetwork
    from neurodeploy.samples import Samples

DESCRIPTION = (
    "Quantize a trained network, check it against Loihi, check that it spikes as the trained "
    "network does, and write model.net."
)


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of an export."""
    options.add_argument("model", type=Path, metavar="model.pt", help="checkpoint of a training")
    options.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to write; model.net beside model.pt when not given",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="test samples to compare spikes on; all when not given",
    )
    cli.add_chip_options(options, "whose limits to check, loihi2 when none is given")
    cli.add_threads_option(options)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("export", DESCRIPTION)
    add_options(options)
    given = options.parse_args(argv)
    path = given.out or given.model.parent / f"{given.model.stem}.net"
    chips = cli.chosen_chips(given, "loihi2")
    for costs in given.costs or ():
        if files.same_file(costs, path):
            raise InputError(f"--out would write over {costs}; give it another name")
    code = export(
        given.model,
        path,
        data=given.data,
        samples=given.samples,
        chips=chips,
        threads=given.threads,
    )
    if code == cli.DONE:
        words = cli.chip_words(given.chip, given.costs)
        print(f"Next: {cli.next_command('report', path, *words, data=given.data)}")
    return code


def export(
    model: Path,
    path: Path,
    *,
    data: Path | None = None,
    samples: int | None = None,
    chips: Sequence[Chip],
    threads: int | None = None,
) -> int:
    """Export the network of a checkpoint to `path`, print what came of it, return the exit code."""
    check_paths(model, path)
    require("exporting a checkpoint", "torch", "lava.lib.dl.slayer")
    with cli.status("loading SLAYER"):
        from neurodeploy.learning import checkpoint
        from neurodeploy.models.quantize import quantize
        from neurodeploy.running.inputs import task_samples

    cli.use_threads(threads)
    trained = checkpoint.load(model).network()
    network = quantize(trained)
    if not fits(network, chips):
        return cli.CHECK_FAILED
    with cli.reading():
        tested = task_samples(network.task, data, count=samples)
    for note in tested.notes:
        cli.say(f"note: {note}")
    return write_checked(trained, network, tested, path, f"{model} was")


def check_paths(model: Path, path: Path) -> None:
    """Raise InputError where the model is a network already, or `path` no name for one."""
    from neurodeploy.export import netx

    if files.kind(model) == "file" and netx.is_hdf5(model):
        raise InputError(
            f"{model} is a netx file, which is exported already; report on it with "
            f"{cli.next_command('report', model)}"
        )
    if path.suffix != ".net" or files.kind(path) == "folder":
        raise InputError(f"{path} is no name for a netx file; give --out one that ends in .net")
    if files.same_file(model, path):
        raise InputError(f"--out would write over {model}; give it another name")


def fits(network: QuantizedNetwork, chips: Sequence[Chip]) -> bool:
    """Return whether the network fits the chips and the file format; print every problem if not."""
    from neurodeploy.running.evaluation import check_rules

    found = check_rules(network, chips)
    for chip in chips:
        if chip.name in found:
            print(DesignRuleError(f"the network for {chip.title}", found[chip.name]))
    return not found


def write_checked(
    trained: SlayerNetwork, network: QuantizedNetwork, samples: Samples, path: Path, what: str
) -> int:
    """Write a network if it spikes as the trained one does, print that, return the exit code.

    Args:
        trained: network.
        network: the quantized one.
        samples: to compare every spike on.
        path: of the file to write.
        what: is not exported where the two differ, as in "model.pt was".

    Raises:
        InputError: when the file cannot be written, or reads back otherwise.
    """
    from neurodeploy.export import netx
    from neurodeploy.running.comparison import check_equivalence

    with cli.progress("comparing spikes") as advance:
        comparison = check_equivalence(trained, network, samples, name="SLAYER", advance=advance)
    over = cli.number_of(comparison.num_samples, "sample")
    overflows = cli.number_of(comparison.num_overflows, "time")
    if not comparison.equal:
        end = f"; a state left its width {overflows}" if comparison.num_overflows else ""
        print(
            f"{what} not exported: {comparison.num_different} of its spikes differ between "
            f"SLAYER and the simulator over {over}, first in {comparison.first}{end}"
        )
        return cli.CHECK_FAILED
    if not comparison.num_spikes:
        cli.say(f"warning: no neuron fired in {over}, so their equality says little")
    if comparison.num_overflows:
        cli.say(f"warning: a state left its width {overflows}; the chip wraps or clips it")
    netx.write(network, path)
    if netx.read(path).digest != network.digest:
        raise InputError(f"{path} reads back otherwise than it was written; check the disk")
    print(
        f"Wrote {path} (sha256 {network.digest[:12]}): SLAYER and the simulator agree in all "
        f"{cli.number_of(comparison.num_spikes, 'spike')} of "
        f"{cli.number_of(comparison.num_layers, 'layer')} over {over}"
    )
    return cli.DONE


if __name__ == "__main__":
    sys.exit(main())
