"""How to train a task's network well; the numbers are chosen on validation windows only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.architecture import DELAYS, Delays, LayerSpec
from neurodeploy.models.architecture_json import PRESETS
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.windows import shown

Augment: TypeAlias = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
"""Returns varied copies of signals (windows, channels, samples); the labels stay."""

Checks: TypeAlias = Mapping[str, tuple[Callable[[Any], bool], str]]
"""By the name of a field: whether a value will do, and what to give where it does not."""

WHOLE_MAX: Final = 2**31 - 1
NUMBER_MAX: Final = 1e6
"""The largest rate, scale or norm: no training makes use of it, and its square is finite."""


def check_fields(thing: object, checks: Checks, *, of: str = "") -> None:
    """Raise InputError for the first field that will not do.

    Args:
        thing: that has the fields.
        checks: of its fields.
        of: whose fields they are, which the message starts with.
    """
    for name, (will_do, way_out) in checks.items():
        value = getattr(thing, name)
        if not will_do(value):
            raise InputError(f"{of}{name} is {shown(value)}; {way_out}")


def is_function(value: object) -> bool:
    """Tell whether a value can be called and is no class, whose calls make objects of it."""
    return callable(value) and not isinstance(value, type)


def _is_whole(value: object, most: int = WHOLE_MAX) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value <= NUMBER_MAX


def _are_sizes(value: object) -> bool:
    listed = value if isinstance(value, (tuple, list)) else ()
    return bool(listed) and all(_is_whole(each, loihi.SENDERS_MAX) for each in listed)


_WHOLE: Final = (_is_whole, f"give a whole number from 1 to {WHOLE_MAX}")
_OVER_0: Final = (lambda x: _is_number(x) and x > 0, f"give a number over 0, up to {NUMBER_MAX:g}")
_FROM_0: Final = (lambda x: _is_number(x) and x >= 0, f"give a number from 0 to {NUMBER_MAX:g}")

_CHECKS: Final[Checks] = {
    "network": (tuple(PRESETS).__contains__, f"choose {', '.join(PRESETS)}"),
    "delays": ((None, *DELAYS).__contains__, f"choose {', '.join(DELAYS)}, or None"),
    "hidden": (_are_sizes, f"give a tuple of whole numbers from 1 to {loihi.SENDERS_MAX}"),
    "epochs": _WHOLE,
    "batch": _WHOLE,
    "learning_rate": _OVER_0,
    "delay_rate": _FROM_0,
    "decay_rate": _FROM_0,
    "count_scale": _OVER_0,
    "gradient_limit": _OVER_0,
    "augment": (lambda x: x is None or is_function(x), "give a function, or None"),
}


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training.

    Attributes:
        network: name of a preset; see `models.architecture_json`.
        delays: that the network learns, or None for the preset's own.
        hidden: neurons of each hidden layer.
        threshold, current_decay, voltage_decay, tau_grad: see
            `models.architecture.LayerSpec`.
        dropout: the same, of every layer but the first.
        epochs: passes over the training windows.
        batch: windows a step of the optimizer.
        learning_rate: highest rate of the weights; it rises over the first fifth of the steps and
            falls along a cosine.
        delay_rate: the same for the delays, in time steps.
        decay_rate: the same for decays that are learned, in 1/4096.
        count_scale: the answer's logits are the output spike counts times this.
        gradient_limit: the norm to which a step's gradient is cut.
        augment: varies the training signals anew in every epoch, or None.

    Raises:
        InputError: when a value is of another type or out of range.
    """

    network: str = "dense"
    delays: Delays | None = None
    hidden: tuple[int, ...] = (128, 128)
    threshold: float = 1.25
    current_decay: float = 0.25
    voltage_decay: float = 0.05
    tau_grad: float = 0.02
    dropout: float = 0.0
    epochs: int = 12
    batch: int = 32
    learning_rate: float = 1e-3
    delay_rate: float = 0.1
    decay_rate: float = 4.0
    count_scale: float = 0.3
    gradient_limit: float = 1.0
    augment: Augment | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.number):
                object.__setattr__(self, name, value.item())
        check_fields(self, _CHECKS)
        of_layers = ("threshold", "current_decay", "voltage_decay", "tau_grad", "dropout")
        LayerSpec("dense", 1, **{name: getattr(self, name) for name in of_layers})

    @property
    def rates(self) -> dict[str, float]:
        """The highest learning rates by what they are for, as a network groups its parameters."""
        return {
            "weights": self.learning_rate,
            "delays": self.delay_rate,
            "decays": self.decay_rate,
        }
