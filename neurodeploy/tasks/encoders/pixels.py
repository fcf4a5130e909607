"""The encoder of images: the brighter a pixel, the more spikes it has, or the earlier its one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.encoder import Encoder

BRIGHTEST: Final = 255
"""The largest value of a pixel."""

STEPS_MAX: Final = 4096
"""The most time steps an image may take, so that a slip is no exhausted memory."""


def rate_code(levels: NDArray[np.int64], highest: int, steps: int) -> NDArray[np.uint8]:
    """Return round(steps * level / highest) spikes a level, evenly spread, half rounded up.

        spike[t] = floor((t + 1) level / highest + 1/2) - floor(t level / highest + 1/2)

    Args:
        levels: int64 array (levels,), 0..highest.
        highest: level that fires at every step.
        steps: time steps.

    Returns:
        uint8 array (levels, steps) of 0 and 1.
    """
    ends = np.arange(steps + 1) * levels[:, None]
    counts = (2 * ends + highest) // (2 * highest)
    return np.asarray(counts[:, 1:] > counts[:, :-1], np.uint8)


def latency_code(levels: NDArray[np.int64], highest: int, steps: int) -> NDArray[np.uint8]:
    """Return one spike a level, the earlier the higher it is, and none of level 0.

        spike[t] = 1 when t = floor((1 - level / highest) (steps - 1) + 1/2) and level > 0

    Args and Returns: see `rate_code`; `highest` fires at step 0.
    """
    late = (highest - levels) * (steps - 1)
    step = (2 * late + highest) // (2 * highest)
    return np.asarray((step[:, None] == np.arange(steps)) & (levels[:, None] > 0), np.uint8)


CODES: Final[dict[str, Callable[[NDArray[np.int64], int, int], NDArray[np.uint8]]]] = {
    "rate": rate_code,
    "latency": latency_code,
}
"""The codes by name: levels, the highest of them and time steps to spikes (levels, steps)."""


@dataclass(frozen=True)
class Pixels(Encoder):
    """Spikes of pixels 0 to 255, looked up in a table of their values; see `rate_code` and
    `latency_code`.

    A pixel has the level min(pixel, highest). Each sample of a window, which is one image, takes
    all the time steps; those of several follow each other.

    Attributes:
        time_steps: an image takes, 1 to 4096.
        highest: pixel value, 1 to 255, from which on all fire alike: at every step, or first.
        code: name of the code in `CODES`.
    """

    name: ClassVar[str] = "pixels"
    takes_bytes: ClassVar[bool] = True
    time_steps: int = 16
    highest: int = BRIGHTEST
    code: str = "rate"

    def __post_init__(self) -> None:
        for name, limit in (("time_steps", STEPS_MAX), ("highest", BRIGHTEST)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
                raise InputError(f"{name} is {value!r}; it must be a whole number, 1 to {limit}")
        if not isinstance(self.code, str) or self.code not in CODES:
            raise InputError(f"code is {self.code!r}; it must be one of {', '.join(CODES)}")

    def channels(self, signal_channels: int) -> int:
        """Return as many: one a pixel."""
        return signal_channels

    def steps(self, samples: int) -> int:
        """Return the time steps of so many images, one after the other."""
        return samples * self.time_steps

    def table(self) -> NDArray[np.uint8]:
        """Return the spikes (256, time_steps) of every value that a pixel can have."""
        levels = np.minimum(np.arange(BRIGHTEST + 1), self.highest)
        return CODES[self.code](levels, self.highest, self.time_steps)

    def _spikes(self, signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        windows, channels, samples = signals.shape
        spikes = np.take(self.table(), _pixels(signals), axis=0)
        return spikes.reshape(windows, channels, self.steps(samples))


def _pixels(signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the signals as the bytes that they are, or raise InputError."""
    if signals.dtype == np.uint8:
        return signals.astype(np.uint8, copy=False)
    wrong = signals[(signals != np.floor(signals)) | (signals < 0) | (signals > BRIGHTEST)]
    if wrong.size:
        raise InputError(
            f"signals hold {wrong[0]:g}; pixels must be whole numbers from 0 to {BRIGHTEST}, so "
            "scale and round them"
        )
    return signals.astype(np.uint8)
