"""Export a trained network: quantize it, check it against chips, and compare every spike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from neurodeploy.export import rules
from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.placement import design_rules
from neurodeploy.hw_sim.placement.place import place
from neurodeploy.models.errors import require
from neurodeploy.models.layers import Shape
from neurodeploy.models.network import QuantizedNetwork, TaskDescription, check_network
from neurodeploy.running.comparison import Comparison, check_equivalence
from neurodeploy.running.evaluation import choose_chips
from neurodeploy.samples import Advance, Samples

if TYPE_CHECKING:  # it takes seconds to import
    import torch


@dataclass(frozen=True, eq=False)
class Export:
    """What came of an export.

    Attributes:
        network: the quantized network.
        problems: by the name of each chip that cannot hold it, one sentence each; empty if it fits.
        comparison: its spikes with those of the trained network; None where it does not fit.
    """

    network: QuantizedNetwork
    problems: Mapping[str, tuple[str, ...]]
    comparison: Comparison | None = None

    @property
    def passed(self) -> bool:
        """Whether the network fits every chip and spikes as the trained one does."""
        return not self.problems and self.comparison is not None and self.comparison.equal


def export_network(
    model: torch.nn.Module,
    samples: Samples | ArrayLike,
    *,
    task: TaskDescription | None = None,
    provenance: Mapping[str, Any] | None = None,
    input_shape: Shape = (),
    chips: Sequence[str | Chip] = ("loihi2",),
    advance: Advance | None = None,
) -> Export:
    """Quantize a trained network and check it; `export.netx.write` writes what passed.

    Args:
        model: torch module that `models.quantize.quantize` takes.
        samples: on which to compare every spike; samples, or an array as `simulate` takes it.
        task: what the network was made for.
        provenance: how the network came to be, as JSON values.
        input_shape: (channels, height, width) of images, where the first block is a convolution.
        chips: whose design rules to check, by name or as objects.
        advance: called with the samples compared and the samples in all.

    Raises:
        DesignRuleError: when the network has no quantized one; it names every problem.
        InputError: when the samples do not fit the network.
    """
    require("exporting a network", "torch", "lava.lib.dl.slayer")
    from neurodeploy.models.quantize import quantize

    network = quantize(model, task=task, provenance=provenance, input_shape=input_shape)
    problems = check_rules(network, chips)
    if problems:
        return Export(network, problems)
    return Export(network, problems, check_equivalence(model, network, samples, advance=advance))


def check_rules(
    network: QuantizedNetwork, chips: Sequence[str | Chip] = ("loihi2",)
) -> Mapping[str, tuple[str, ...]]:
    """Return every problem with the file format and each chip, by chip; empty if all is well.

    Raises:
        InputError: when there is no such chip.

    Example:
        >>> dict(neurodeploy.check_rules(network, ["loihi1", "loihi2"]))
        {}
    """
    check_network(network)
    found = {}
    for chip in choose_chips(chips):
        problems = (*rules.check(network), *design_rules.check(network, place(network, chip)))
        if problems:
            found[chip.name] = problems
    return MappingProxyType(found)
