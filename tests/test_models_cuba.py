"""The neuron's equations, against Python's own integers, which know no width."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from neurodeploy.models import loihi
from neurodeploy.models.cuba import clip_voltage, decay, wrap_current

SPAN = 2 * loihi.CURRENT_LIMIT
EXTREMES = sorted(
    sign * value
    for sign in (-1, 1)
    for value in (0, 1, 2, 4095, 4096, 4097, loihi.VOLTAGE_MAX - 1, loihi.VOLTAGE_MAX, 1 << 23)
)


def plain_decay(state: int, kept: int) -> int:
    size = abs(state) * kept >> 12
    return -size if state < 0 else size


def plain_wrap(current: int) -> int:
    if current > loihi.CURRENT_LIMIT:
        return current - SPAN
    return current + SPAN if current <= -loihi.CURRENT_LIMIT else current


@pytest.fixture
def states() -> list[int]:
    rng = np.random.default_rng(1)
    return [*EXTREMES, *rng.integers(-(1 << 23), (1 << 23) + 1, 2000).tolist()]


@pytest.mark.parametrize("kept", [0, 1, 2, 1023, 2048, 3891, 4095, 4096])
def test_decay_equals_arithmetic_without_width(states, kept):
    given = [int(decay(np.int32(state), np.int32(kept))) for state in states]
    assert given == [plain_decay(state, kept) for state in states]


def test_decay_at_its_widest_does_not_overflow():
    """2^23 * 4096 is 2^35; the product never exists in 32 bits."""
    for state in (1 << 23, -(1 << 23)):
        assert decay(np.int32(state), np.int32(4096)) == state
        assert decay(np.int32(state), np.int32(4095)) == state // 4096 * 4095


def test_decay_rounds_toward_zero():
    assert decay(np.int32(4097), np.int32(4095)) == 4095
    assert decay(np.int32(-4097), np.int32(4095)) == -4095
    assert [int(decay(np.int32(s), np.int32(2048))) for s in (-3, -1, 1, 3)] == [-1, 0, 0, 1]


def test_decay_keeps_all_or_nothing_at_its_ends(states):
    assert all(decay(np.int32(state), np.int32(0)) == 0 for state in states)
    assert all(decay(np.int32(state), np.int32(4096)) == state for state in states)


def test_current_wraps_once_at_24_bits():
    edges = [a + b for a, b in itertools.product((-SPAN, -(1 << 23), 0, 1 << 23, SPAN), (-1, 0, 1))]
    rng = np.random.default_rng(2)
    values = [*edges, *rng.integers(-(1 << 30), 1 << 30, 500).tolist()]
    given = [int(wrap_current(np.int32(value))) for value in values]
    assert given == [plain_wrap(value) for value in values]
    assert wrap_current(np.int32(1 << 23)) == 1 << 23
    assert wrap_current(np.int32((1 << 23) + 1)) == -(1 << 23) + 1
    assert wrap_current(np.int32(-(1 << 23))) == 1 << 23


def test_voltage_clips_at_24_bits():
    for value in (0, 5, loihi.VOLTAGE_MAX, 1 << 23, (1 << 24) + 7, (1 << 31) - 1):
        assert clip_voltage(np.int32(value)) == min(value, loihi.VOLTAGE_MAX)
        assert clip_voltage(np.int32(-value)) == -min(value, loihi.VOLTAGE_MAX)


def test_results_are_32_bits_wide():
    """A numba function that widened them would compute on beyond what the chip holds."""
    one = np.int32(1)
    for function, arguments in ((decay, 2), (wrap_current, 1), (clip_voltage, 1)):
        function(*[one] * arguments)
        assert {s.return_type.bitwidth for s in function.nopython_signatures} == {32}
