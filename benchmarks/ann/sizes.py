"""Which artificial network of a kind has so many parameters, and what it computes, by formula.

Counts are by hand from the shapes, so that torch's can be compared with them. A parameter is a
number that is learned; a multiply-accumulate is one of a matrix product or of a convolution, zeros
around the edge among them, in one pass over a sample. What is done once a neuron (biases,
activations, a GRU's gates) does not count, as a spiking network's neuron updates are no SynOps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from neurodeploy.models.errors import InputError

KERNEL_1D: Final = 5
KERNEL_2D: Final = 3
LEAST_DENSE: Final = 32
"""Neurons that the first layer of a dense network should have: a long window is averaged over
neighbouring samples, by powers of two, until it has."""
FRAMES: Final = 8
"""Samples of images, at most, of which a convolution sees each as channels of its own."""
GRU_STEPS: Final = 64
"""Samples that a GRU goes through, at most."""
HIDDEN_OF_IMAGES: Final = 8
"""Neurons of the dense layer after the convolutions of images, for each of their first channels."""
WIDEST: Final = 1 << 14


@dataclass(frozen=True)
class Shape:
    """What a network sees and says.

    Attributes:
        channels: of a window.
        samples: of a window.
        classes: to tell apart.
        grid: (height, width) where channels are pixels.
    """

    channels: int
    samples: int
    classes: int
    grid: tuple[int, int] | None = None

    @property
    def planes(self) -> int:
        """Images that the channels of one sample are."""
        return self.channels // math.prod(self.grid) if self.grid else self.channels


@dataclass(frozen=True)
class Plan:
    """One artificial network.

    Attributes:
        kind: key of `KINDS`.
        shape: what it sees and says.
        merged: neighbouring samples that are averaged into one.
        width: neurons of its hidden layers, or channels of its first convolution.
        hidden: neurons of the dense layer after convolutions of images, else 0.
    """

    kind: str
    shape: Shape
    merged: int
    width: int
    hidden: int = 0

    @property
    def steps(self) -> int:
        """Samples that are left when neighbours are merged."""
        return math.ceil(self.shape.samples / self.merged)

    @property
    def is_image(self) -> bool:
        """Whether its convolutions are of images."""
        return self.kind == "cnn" and self.shape.grid is not None

    @property
    def by_rows(self) -> bool:
        """Whether a GRU goes through the rows of one image."""
        return self.kind == "gru" and self.shape.grid is not None and self.shape.samples == 1

    @property
    def parameters(self) -> int:
        """Numbers that are learned."""
        return KINDS[self.kind](self)[0]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a sample."""
        return KINDS[self.kind](self)[1]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        grid = None if self.shape.grid is None else list(self.shape.grid)
        shape = {**vars(self.shape), "grid": grid}
        counts = {"parameters": self.parameters, "macs": self.macs}
        return {**vars(self), "shape": shape, **counts}


def dense_counts(plan: Plan) -> tuple[int, int]:
    """Return parameters and multiply-accumulates of n-w-w-c: each layer has weights and biases."""
    values, width = plan.shape.channels * plan.steps, plan.width
    weights = values * width + width * width + width * plan.shape.classes
    return weights + 2 * width + plan.shape.classes, weights


def signal_counts(plan: Plan) -> tuple[int, int]:
    """Return the counts of three convolutions in time of w channels, each followed by a
    normalisation (a scale and a shift a channel), the first two by a maximum of two samples; then
    the mean over time and a dense layer."""
    width, steps, before = plan.width, plan.steps, plan.shape.channels
    parameters = macs = 0
    for index in range(3):
        kernel = before * KERNEL_1D * width
        parameters += kernel + 2 * width
        macs += kernel * steps
        steps = halved(steps) if index < 2 else steps
        before = width
    last = width * plan.shape.classes
    return parameters + last + plan.shape.classes, macs + last


def image_counts(plan: Plan) -> tuple[int, int]:
    """Return the counts of two convolutions of w and 2 w channels, each followed by a normalisation
    and a maximum of 2 x 2; then a dense layer of `hidden` neurons, and the output."""
    assert plan.shape.grid is not None
    height, breadth = plan.shape.grid
    before, parameters, macs = plan.shape.planes * plan.steps, 0, 0
    for channels in (plan.width, 2 * plan.width):
        kernel = before * KERNEL_2D**2 * channels
        parameters += kernel + 2 * channels
        macs += kernel * height * breadth
        height, breadth, before = halved(height), halved(breadth), channels
    weights = before * height * breadth * plan.hidden + plan.hidden * plan.shape.classes
    return parameters + weights + plan.hidden + plan.shape.classes, macs + weights


def cnn_counts(plan: Plan) -> tuple[int, int]:
    """Return the counts of convolutions, of images where the channels are pixels."""
    return image_counts(plan) if plan.is_image else signal_counts(plan)


def gru_counts(plan: Plan) -> tuple[int, int]:
    """Return the counts of one GRU layer of w neurons, the mean of its states and a dense layer.

    Three gates each see the input and the state, and have two biases, as in torch.
    """
    values, steps = plan.shape.channels, plan.steps
    if plan.by_rows:
        assert plan.shape.grid is not None
        values, steps = plan.shape.planes * plan.shape.grid[1], plan.shape.grid[0]
    gates, last = 3 * plan.width * (values + plan.width), plan.width * plan.shape.classes
    return gates + 6 * plan.width + last + plan.shape.classes, gates * steps + last


KINDS: Final[dict[str, Callable[[Plan], tuple[int, int]]]] = {
    "dense": dense_counts,
    "cnn": cnn_counts,
    "gru": gru_counts,
}
"""By kind, what counts the parameters and the multiply-accumulates of a plan."""


def halved(size: int) -> int:
    """Return what a maximum of two leaves of a size; one of less than four is left as it is."""
    return size // 2 if size >= 4 else size


def plan_for(kind: str, shape: Shape, parameters: int) -> Plan:
    """Return the network of a kind whose number of parameters is nearest.

    Raises:
        InputError: when there is no such kind, or the narrowest network has over twice as many.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of network; the kinds are {', '.join(KINDS)}")
    merged = {
        "dense": 1,
        "cnn": math.ceil(shape.samples / FRAMES) if shape.grid else 1,
        "gru": math.ceil(shape.samples / GRU_STEPS),
    }[kind]
    found = _nearest(Plan(kind, shape, merged, 1), parameters)
    while kind == "dense" and found.width < LEAST_DENSE and found.steps > 1:
        found = _nearest(replace(found, merged=2 * found.merged), parameters)
    if found.parameters > 2 * parameters:
        raise InputError(
            f"the narrowest {kind} for {shape} has {found.parameters:,} parameters and "
            f"{parameters:,} are asked for; ask for more"
        )
    return found


def _nearest(plan: Plan, parameters: int) -> Plan:
    """Return the plan with the width, and the hidden neurons, that come nearest."""
    low, high = 1, WIDEST
    while low < high:  # the widest that has no more
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if _wide(plan, middle).parameters <= parameters else (low, middle - 1)
        )
    if plan.is_image:
        return _filled(_wide(plan, low), parameters)
    both = (_wide(plan, low), _wide(plan, low + 1))
    return min(both, key=lambda each: abs(each.parameters - parameters))


def _wide(plan: Plan, width: int) -> Plan:
    return replace(plan, width=width, hidden=HIDDEN_OF_IMAGES * width if plan.is_image else 0)


def _filled(plan: Plan, parameters: int) -> Plan:
    """Return the plan with as many hidden neurons as come nearest."""
    one = replace(plan, hidden=1).parameters
    each = replace(plan, hidden=2).parameters - one
    return replace(plan, hidden=max(1, 1 + round((parameters - one) / each)))
