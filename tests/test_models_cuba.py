"""The neuron's equations against Python's integers, which have no width."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from neurodeploy.models import loihi
from neurodeploy.models.cuba import clip_voltage, decay, wrap_current

SPAN = 2 * loihi.CURRENT_LIMIT
EDGES = [a + b for a, b in itertools.product((-SPAN, -(1 << 23), 0, 1 << 23, SPAN), (-1, 0, 1))]


def plain_decay(state: int, kept: int) -> int:
    size = abs(state) * kept >> 12
    return -size if state < 0 else size


def plain_wrap(current: int) -> int:
    if current > loihi.CURRENT_LIMIT:
        return current - SPAN
    return current + SPAN if current <= -loihi.CURRENT_LIMIT else current


@pytest.mark.parametrize("kept", [0, 1, 2, 1023, 2048, 3891, 4095, 4096])
def test_decay_equals_arithmetic_without_width(kept):
    ends = (0, 1, 2, 4095, 4096, 4097, loihi.VOLTAGE_MAX, 1 << 23)
    drawn = np.random.default_rng(1).integers(-(1 << 23), (1 << 23) + 1, 2000).tolist()
    for state in (*ends, *(-each for each in ends), *drawn):
        assert int(decay(np.int32(state), np.int32(kept))) == plain_decay(state, kept)


def test_decay_rounds_toward_zero():
    assert [int(decay(np.int32(s), np.int32(2048))) for s in (-3, -1, 1, 3)] == [-1, 0, 0, 1]


def test_current_wraps_once_and_voltage_clips_at_24_bits():
    drawn = np.random.default_rng(2).integers(-(1 << 30), 1 << 30, 500).tolist()
    for value in (*EDGES, *drawn):
        assert int(wrap_current(np.int32(value))) == plain_wrap(value)
        limited = max(min(value, loihi.VOLTAGE_MAX), -loihi.VOLTAGE_MAX)
        assert int(clip_voltage(np.int32(value))) == limited
    assert wrap_current(np.int32(1 << 23)) == 1 << 23
    assert wrap_current(np.int32(-(1 << 23))) == 1 << 23


def test_results_are_32_bits_wide():
    """A numba function that widened them would compute on beyond what the chip holds."""
    one = np.int32(1)
    for function, arguments in ((decay, 2), (wrap_current, 1), (clip_voltage, 1)):
        function(*[one] * arguments)
        assert {s.return_type.bitwidth for s in function.nopython_signatures} == {32}
