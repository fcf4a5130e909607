"""The part of `python -m neurodeploy.export` that takes NIR graphs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neurodeploy.commands import cli
from neurodeploy.models import files, loihi
from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.data.samples import Samples
    from neurodeploy.evaluation.nir import NirImport, NirSource
    from neurodeploy.models.network import QuantizedNetwork

DIALECTS: Final = ("plain", "snntorch", "norse", "spikingjelly", "sinabs", "rockpool")
"""Names of the dialects; `--help` does not import nir."""
OPTIONS: Final = (
    "dialect", "dt", "reset", "reset_delay", "multi_spike", "norm_input", "approximate",
    "calibrate", "labels", "bits", "message_bits",
)  # fmt: skip
"""Options that apply to NIR graphs only."""


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options for NIR graphs."""
    group = options.add_argument_group(
        "NIR graphs, from snnTorch, Norse, SpikingJelly, sinabs or Rockpool"
    )
    _add_reading(group)
    _add_quantizing(group)


def _add_reading(group: argparse._ArgumentGroup) -> None:
    """Add the options that say what the graph means."""
    group.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="framework whose neurons the graph means; guessed from the graph by default",
    )
    group.add_argument(
        "--dt",
        type=cli.positive_number,
        metavar="SECONDS",
        help="time step, if neither the graph nor its dialect tells it; else how long a step "
        "really lasts, for rates and power",
    )
    group.add_argument(
        "--reset",
        choices=("zero", "subtract"),
        help="what the framework's neurons do after a spike; by default what the file says, which "
        "cannot tell subtraction",
    )
    group.add_argument(
        "--reset-delay",
        action="store_true",
        help="the reset acts one step after the spike, as in snnTorch by default",
    )
    group.add_argument(
        "--multi-spike",
        action="store_true",
        help="neurons emit several spikes per step, as in sinabs and Rockpool by default",
    )
    group.add_argument(
        "--norm-input",
        choices=("yes", "no"),
        help="whether sinabs scales the input of leaky neurons; by default as its classes do",
    )


def _add_quantizing(group: argparse._ArgumentGroup) -> None:
    """Add the options of quantization and calibration."""
    group.add_argument(
        "--approximate",
        action="store_true",
        help="take the closest form of what Loihi cannot do, and measure the loss with --calibrate",
    )
    group.add_argument(
        "--calibrate",
        type=Path,
        metavar="FILE",
        help="a .npy array of spikes (samples, channels, time) on which the scale of each layer is "
        "chosen, and the integers are compared with the float network",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a .npy array with the correct class of each of these samples",
    )
    group.add_argument(
        "--bits",
        type=_bits,
        metavar="N,...",
        help="bits per weight, 2 to 8, or 16 with two synapses per weight (default: 8); several "
        "are compared, and the first is written",
    )
    group.add_argument(
        "--message-bits",
        type=cli.whole_number(0, loihi.MESSAGE_BITS_MAX),
        metavar="N",
        help="bits of graded input spikes, 0 for binary spikes (default: what --calibrate needs)",
    )


def _bits(text: str) -> list[int]:
    values = cli.whole_numbers(min(loihi.WEIGHT_BITS), max(loihi.WEIGHT_BITS))(text)
    for value in values:
        if value not in loihi.WEIGHT_BITS or values.count(value) > 1:
            raise argparse.ArgumentTypeError(
                f"{text!r} holds {value}; give different numbers from 2 to 8, or 16"
            )
    return values


def check_unused(args: argparse.Namespace, model: Path) -> None:
    """Raise InputError if an option for NIR graphs is used with another file."""
    for name in OPTIONS:
        if getattr(args, name):
            raise InputError(
                f"--{name.replace('_', '-')} is for NIR graphs, and {model} is none; leave it out"
            )


def import_nir(args: argparse.Namespace, path: Path) -> QuantizedNetwork:
    """Import a NIR graph, print how, and return the network.

    Args:
        args: the parsed options.
        path: output file.
    """
    _check_options(args, path)
    with cli.status("reading the graph"):
        from neurodeploy.evaluation.nir import own_integers, read_nir

        own = None if any(getattr(args, name) for name in OPTIONS) else own_integers(args.model)
    if own is not None:
        print(f"{args.model} holds the integers of a network of neurodeploy")
        return own
    with cli.status("reading the graph"):
        origin = read_nir(
            args.model, dialect=args.dialect, dt=args.dt, reset=args.reset,
            reset_delay=args.reset_delay or None, multi_spike=args.multi_spike or None,
            norm_input=None if args.norm_input is None else args.norm_input == "yes",
        )  # fmt: skip
    _show_reading(origin, args.model)
    samples = None if args.calibrate is None else origin.samples(args.calibrate, args.labels)
    if samples is not None and samples.labels is not None:
        with cli.status("trying other readings of the dialect"):
            other = origin.other_readings(samples)
        for sentence in other:
            print(f"another reading fits better: {sentence}")
    found = [_quantized(origin, args, samples, bits) for bits in args.bits or [8]]
    for each in found:
        _show(each)
    if len(found) > 1:
        _compare(found, args)
    return found[0].network


def _show_reading(origin: NirSource, path: Path) -> None:
    from neurodeploy.report import terminal

    terminal.print_list(terminal.console(), origin.reading, f"{path}")


def _check_options(args: argparse.Namespace, path: Path) -> None:
    if args.labels is not None and args.calibrate is None:
        raise InputError("--labels needs samples; give them with --calibrate spikes.npy")
    if len(args.bits or ()) > 1 and args.calibrate is None:
        raise InputError("--bits compares on samples; give some with --calibrate spikes.npy")
    if path.suffix not in (".net", ".nir") or files.kind(path) == "folder":
        raise InputError(f"--out is {path}; give the name of a file that ends in .net or .nir")
    for option in ("calibrate", "labels", "model"):
        given = getattr(args, option)
        if given is not None and files.same_file(given, path):
            raise InputError(f"--out would overwrite {given}; give it another name")


def _quantized(
    origin: NirSource, args: argparse.Namespace, samples: Samples | None, bits: int
) -> NirImport:
    with cli.progress(f"quantizing to {bits} bits") as advance:
        return origin.quantize(
            samples=samples, bits=bits, approximate=args.approximate,
            message_bits=args.message_bits, advance=advance,
        )  # fmt: skip


def _show(found: NirImport) -> None:
    """Print the layers, the calibration, what is approximated, and notes."""
    from neurodeploy.export import rules
    from neurodeploy.report import terminal
    from neurodeploy.report.calibration import decisions, layer_table, scale_table

    out = terminal.console()
    if found.calibration is None:
        terminal.print_table(out, scale_table(found.quantized))
    else:
        terminal.print_table(out, layer_table(found.calibration))
        terminal.print_line(out, decisions(found.calibration))
        terminal.print_list(out, found.calibration.advice, "What would help")
    terminal.print_list(out, found.quantized.approximations, "Approximated")
    terminal.print_list(out, (*found.quantized.notes, *rules.notes(found.network)), "Notes")


def _compare(found: Sequence[NirImport], args: argparse.Namespace) -> None:
    """Print accuracy and energy of each number of bits, on the samples as `report` runs them."""
    from neurodeploy.data.inputs import load_input
    from neurodeploy.report import terminal
    from neurodeploy.report.evaluate import compare_networks

    samples = load_input(args.calibrate, found[0].network, labels=args.labels)
    networks = {f"{each.quantized.bits} bits": each.network for each in found}
    with cli.progress("comparing bits") as advance:
        rows = compare_networks(networks, samples, advance=advance)
    terminal.show_networks(rows, brief=True)


def next_words(args: argparse.Namespace, path: Path) -> list[str | Path]:
    """Return the words of the command that reports on the network."""
    words: list[str | Path] = [path, *cli.chip_words(args.chip, args.costs)]
    if args.calibrate is not None:
        words += ["--input", args.calibrate]
    if args.labels is not None:
        words += ["--labels", args.labels]
    return words
