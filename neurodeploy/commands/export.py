"""Export a trained network or a NIR graph: `python -m neurodeploy.export runs/har/model.pt`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neurodeploy.commands import cli
from neurodeploy.commands import export_nir as nir_export
from neurodeploy.models import files
from neurodeploy.models.display import number_of
from neurodeploy.models.errors import DesignRuleError, InputError, require

if TYPE_CHECKING:  # it needs numpy
    from neurodeploy.data.samples import Samples
    from neurodeploy.hw_sim.chips import Chip
    from neurodeploy.models.network import QuantizedNetwork
    from neurodeploy.models.snn import SlayerNetwork

DESCRIPTION = (
    "Quantize a trained network or a NIR graph, check it against the limits of Loihi and the "
    "spikes of the trained network, and write model.net; or write the network of a .net file as "
    "NIR."
)
OUT_DIALECTS: Final = ("plain", "snntorch", "norse", "spikingjelly")
"""Names of `export.nir.writing.IMPORTERS`, without its imports."""


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_argument(
        "model",
        type=Path,
        metavar="model.pt",
        help="checkpoint of a training run, or the folder of the run; a NIR graph (.nir); a .net "
        "file for --format nir",
    )
    options.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="output file, .net or .nir (default: model.net beside model.pt, or model.nir)",
    )
    options.add_argument(
        "--format",
        choices=("netx", "nir"),
        help="format of the output file (default: by the name of --out, else netx)",
    )
    options.add_argument(
        "--out-dialect",
        choices=OUT_DIALECTS,
        help="framework that will read the NIR output (default: plain NIR)",
    )
    cli.add_data_option(options)
    options.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="for a checkpoint: .npy file of spikes (samples, neurons, time) to compare on instead "
        "of the task's test samples",
    )
    options.add_argument(
        "--samples",
        type=cli.whole_number(1),
        metavar="N",
        help="number of test samples whose spikes are compared (default: all)",
    )
    nir_export.add_options(options)
    cli.add_chip_options(options, "whose limits to check (default: loihi2)")
    cli.add_threads_option(options)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = cli.parser("export", DESCRIPTION)
    add_options(options)
    args = options.parse_args(argv)
    model = args.model / "model.pt" if args.model.is_dir() else args.model
    path = output_path(model, args.out, args.format)
    if args.out_dialect and path.suffix != ".nir":
        raise InputError(
            f"--out-dialect is {args.out_dialect}, but {path} is no NIR file; leave it out"
        )
    chips = cli.chosen_chips(args, "loihi2")
    for costs in args.costs or ():
        if files.same_file(costs, path):
            raise InputError(f"--out would overwrite {costs}; give it another name")
    if args.input is not None and (is_nir(model) or is_netx(model)):
        raise InputError(f"--input is for checkpoints, and {model} is none; leave it out")
    if is_nir(model):
        return export_nir(args, path, chips)
    nir_export.check_unused(args, model)
    code = export(
        model,
        path,
        data=args.data,
        spikes=args.input,
        samples=args.samples,
        chips=chips,
        threads=args.threads,
        dialect=args.out_dialect,
    )
    if code == cli.DONE:
        words = [] if args.input is None else ["--input", args.input]
        words += cli.chip_words(args.chip, args.costs)
        print(f"Next: {cli.next_command('report', path, *words, data=args.data)}")
    return code


def is_nir(path: Path) -> bool:
    """Return whether a file is a NIR graph, or named like one."""
    if files.kind(path) != "file":
        return path.suffix == ".nir"
    from neurodeploy.export.nir import reading

    return path.suffix == ".nir" or reading.is_nir(path)


def export_nir(args: argparse.Namespace, path: Path, chips: Sequence[Chip]) -> int:
    """Import a NIR graph, write the network to `path` and return the exit code."""
    network = nir_export.import_nir(args, path)
    if not fits(network, chips):
        return cli.CHECK_FAILED
    from neurodeploy.data.inputs import extra_steps

    write(network, path, args.out_dialect)
    layers, more = number_of(len(network.layers), "layer"), extra_steps(network)
    late = f"; each takes a step, so report --input appends {number_of(more, 'zero step')}"
    print(f"\nWrote {path} (sha256 {network.digest[:12]}): {layers}{late * bool(more)}")
    if path.suffix == ".net":
        print(f"Next: {cli.next_command('report', *nir_export.next_words(args, path))}")
    return cli.DONE


def export(
    model: Path,
    path: Path,
    *,
    data: Path | None = None,
    spikes: Path | None = None,
    samples: int | None = None,
    chips: Sequence[Chip],
    threads: int | None = None,
    dialect: str | None = None,
) -> int:
    """Export the network of a checkpoint to `path`, print the result and return the exit code.

    The network of a netx file is written as NIR.
    """
    check_paths(model, path)
    if is_netx(model):
        return convert(model, path, chips=chips, dialect=dialect)
    require("exporting a checkpoint", "torch", "lava.lib.dl.slayer")
    with cli.status("loading SLAYER"):
        from neurodeploy.data.inputs import load_input
        from neurodeploy.data.task_data import task_samples
        from neurodeploy.models.quantize import quantize
        from neurodeploy.train import checkpoint

    cli.use_threads(threads)
    trained = checkpoint.load(model).network()
    network = quantize(trained)
    if not fits(network, chips):
        return cli.CHECK_FAILED
    with cli.reading():
        if spikes is None:
            test = task_samples(network.task, data, count=samples)
        else:
            test = load_input(spikes, network, count=samples)
    for note in test.notes:
        cli.say(f"note: {note}")
    return write_checked(trained, network, test, path, source=model, dialect=dialect)


def output_path(model: Path, out: Path | None, form: str | None) -> Path:
    """Return the output file: `out`, or a name beside the model.

    Raises:
        InputError: when the name of `out` does not fit the format.
    """
    from neurodeploy.evaluation.files import FORMATS

    path = out or model.with_suffix(FORMATS[form or "netx"])
    if path.suffix not in FORMATS.values() or files.kind(path) == "folder":
        ends = " or ".join(FORMATS.values())
        raise InputError(f"--out is {path}; give the name of a file that ends in {ends}")
    if form and path.suffix != FORMATS[form]:
        raise InputError(
            f"--out is {path} and --format is {form}; give a name that ends in {FORMATS[form]}"
        )
    return path


def is_netx(model: Path) -> bool:
    """Return whether a file is HDF5, as netx files are."""
    from neurodeploy.export.hdf5 import is_hdf5

    return files.kind(model) == "file" and is_hdf5(model)


def convert(model: Path, path: Path, *, chips: Sequence[Chip], dialect: str | None) -> int:
    """Write the network of a netx file as NIR, print the result and return the exit code."""
    from neurodeploy.evaluation import files as network_files

    network = network_files.load(model)
    if not fits(network, chips):
        return cli.CHECK_FAILED
    write(network, path, dialect)
    print(f"Wrote {path} (sha256 {network.digest[:12]}), the network of {model}")
    return cli.DONE


def check_paths(model: Path, path: Path) -> None:
    """Raise InputError if the model is exported already or `path` is not a valid output."""
    if path.suffix == ".net" and is_netx(model):
        raise InputError(
            f"{model} is a netx file, so it is exported already; report on it with "
            f"{cli.next_command('report', model)}, or write it as NIR with --format nir"
        )
    if files.same_file(model, path):
        raise InputError(f"--out would overwrite {model}; give it another name")


def fits(network: QuantizedNetwork, chips: Sequence[Chip]) -> bool:
    """Return whether the network fits the chips and the file format; print every problem."""
    from neurodeploy.report.evaluate import check_rules

    found = check_rules(network, chips)
    for chip in chips:
        if chip.name in found:
            print(DesignRuleError(f"the network for {chip.title}", found[chip.name]))
    return not found


def write_checked(
    trained: SlayerNetwork,
    network: QuantizedNetwork,
    samples: Samples,
    path: Path,
    *,
    source: Path,
    dialect: str | None = None,
) -> int:
    """Write a network if its spikes equal those of the trained one; print the result.

    Args:
        trained: the trained network.
        network: the quantized network.
        samples: the samples to compare.
        path: output file.
        source: checkpoint of the trained network, for messages.
        dialect: framework that will read a NIR file.

    Returns:
        The exit code.

    Raises:
        InputError: when the file cannot be written, or its content differs when read back.
    """
    from neurodeploy.evaluation.comparison import check_equivalence

    with cli.progress("comparing spikes") as advance:
        comparison = check_equivalence(trained, network, samples, name="SLAYER", advance=advance)
    over = number_of(comparison.num_samples, "sample")
    overflows = number_of(comparison.num_overflows, "time")
    if not comparison.equal:
        end = f"; a state overflowed {overflows}" if comparison.num_overflows else ""
        print(
            f"{source} was not exported: {comparison.num_different} of its spikes differ between "
            f"SLAYER and the simulator over {over}, first in {comparison.first}{end}"
        )
        return cli.CHECK_FAILED
    if not comparison.num_spikes:
        cli.say(f"warning: no neuron fired in {over}, so the comparison says little")
    if comparison.num_overflows:
        cli.say(f"warning: a state overflowed {overflows}; the chip wraps or clips it")
    write(network, path, dialect)
    print(
        f"Wrote {path} (sha256 {network.digest[:12]}): SLAYER and the simulator agree in all "
        f"{number_of(comparison.num_spikes, 'spike')} of "
        f"{number_of(comparison.num_layers, 'layer')} over {over}"
    )
    return cli.DONE


def write(network: QuantizedNetwork, path: Path, dialect: str | None = None) -> None:
    """Write a network as netx or NIR and read it back; say how a NIR graph differs from it.

    Raises:
        InputError: when the file cannot be written, or its content differs when read back.
    """
    from neurodeploy.evaluation import files as network_files
    from neurodeploy.export import netx
    from neurodeploy.export.nir import graph, metadata, writing

    network_files.save(network, path, dialect=dialect)
    nir = path.suffix == network_files.FORMATS["nir"]
    back = metadata.exact(graph.read(path)) if nir else netx.read(path)
    if back is None or back.digest != network.digest:
        raise InputError(f"{path} reads back with another content; check the disk")
    for note in writing.notes(network, dialect=dialect or "plain") if nir else ():
        cli.say(f"note: {note}")
