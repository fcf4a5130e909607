"""What several test files build on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from neurodeploy.hw_sim.chips import Chip


def with_limits(chip: Chip, **values: int) -> Chip:
    """Return the chip with other values of some limits."""
    plain = chip.limits["delay_max"]
    rows = {name: replace(chip.limits.get(name, plain), value=v) for name, v in values.items()}
    return replace(chip, limits={**chip.limits, **rows})


class Calls:
    """Pickles to a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call
