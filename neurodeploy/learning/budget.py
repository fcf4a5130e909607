"""Keep a training to a budget: SynOps, or dynamic energy, that the mean sample may take.

The limit leaves the network alone for the first part of the training, then falls along a line in
the logarithm from what it takes to a little below the budget, and stays there. What is over the
limit has a price. With e = log(spent / limit), in every step

    price <- max(0, price + GAIN * e / steps)
    loss  =  error + max(0, price + PUSH * e) * log spent

the augmented Lagrangian of "log spent <= log limit": the price rises while too much is spent, falls
when it is less, and comes to rest where the budget is met with the least error. Spikes alone answer
to it, so neurons leave too (`neurodeploy.learning.thrift`), which saves what every spike that
reaches their layer costs.

Training windows are varied and spikes dropped out, so that more or less is spent on them than on
the validation windows, on which a budget is met: the limit follows their ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.models.errors import InputError

BAND: Final = 0.05
"""A network meets its budget when it takes no more, and makes use of it when it takes at most this
share less."""

AIM: Final = 1 - BAND / 2
"""What training aims at, as a share of the budget: between meeting it and wasting it."""

BEGIN: Final = 0.25
ARRIVED: Final = 0.65
"""Where in a training, 0..1, the limit begins to fall and where it has arrived."""

GAIN: Final = 30.0
PUSH: Final = 1.0
"""How fast the price follows, a training, and how hard it pushes back at once."""

PRICE_MAX: Final = 20.0


@dataclass(frozen=True)
class Budget:
    """What the mean sample may take.

    Attributes:
        amount: SynOps, or uJ of dynamic energy where there is a chip; over 0.
        chip: whose energy counts, or None for SynOps.
    """

    amount: float
    chip: Chip | None = None

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            raise InputError(f"the budget is {self.amount:g} {self.unit}; give a number over 0")

    @property
    def unit(self) -> str:
        """In what it counts."""
        return "SynOps" if self.chip is None else "uJ"

    def met(self, spent: float) -> bool:
        """Tell whether a network that takes so much a sample keeps to it."""
        return spent <= self.amount

    def words(self, spent: float | None = None) -> str:
        """Return an amount with its unit, the budget's when none is given."""
        value = self.amount if spent is None else spent
        if self.chip is None:
            return f"{value:,.10g} SynOps" if spent is None else f"{value:,.0f} SynOps"
        return f"{value:.3g} uJ of dynamic energy on {self.chip.name}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything that decides about weights as JSON values."""
        chip = None if self.chip is None else [self.chip.name, self.chip.digest]
        return {"amount": self.amount, "chip": chip}


@dataclass
class Law:
    """The law by which the price of what is spent follows a budget.

    Attributes:
        budget: to keep to.
        price: what a unit of log spent costs in units of the loss.
        unlimited: spent a training sample when the limit began to fall, None before.
        pressed: whether anything was ever over the limit.
        ratio: of what a validation sample takes to what a training sample takes.
    """

    budget: Budget
    price: float = 0.0
    unlimited: float | None = None
    ratio: float = 1.0
    pressed: bool = False

    @property
    def aim(self) -> float:
        """What a training sample is to take in the end."""
        return AIM * self.budget.amount / self.ratio

    def limit(self, position: float) -> float | None:
        """Return what a training sample may take at a position 0..1, None where all it wants."""
        if self.unlimited is None:
            return None
        fallen = min(max((position - BEGIN) / (ARRIVED - BEGIN), 0.0), 1.0)
        start = max(self.unlimited, self.aim)
        return float(start * (self.aim / start) ** fallen)

    def step(self, position: float, spent: float, steps: int) -> float:
        """Follow what the mean training sample takes now, and return the weight of log spent.

        Args:
            position: in the training, 0..1.
            spent: by the mean training sample lately, over 0.
            steps: of the whole training.
        """
        if position < BEGIN:
            return 0.0
        if self.unlimited is None:
            self.unlimited = spent
        over = math.log(spent / (self.limit(position) or spent))
        self.price = min(max(self.price + GAIN * over / steps, 0.0), PRICE_MAX)
        weight = min(max(self.price + PUSH * over, 0.0), PRICE_MAX)
        self.pressed = self.pressed or weight > 0
        return weight

    def validated(self, spent: float, trained: float) -> None:
        """Note what the mean validation sample takes where a training sample takes `trained`."""
        if spent > 0 and trained > 0:
            self.ratio = spent / trained
