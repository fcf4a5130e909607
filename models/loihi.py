"""Bit widths and limits of Loihi's arithmetic, with their sources.

They hold for Loihi 1, Loihi 2 and Lava's fixed-point models. What differs between chips (cores,
memory, energy) is data in `hw_sim/chips/costs/`.

Source: `lava.proc.lif.models.AbstractPyLifModelFixed`, `lava.lib.dl.netx.hdf5` and
`lava.lib.dl.slayer.neuron.cuba` (lava-nc 0.10.0, lava-dl 0.6.0) unless stated otherwise.
"""

from __future__ import annotations

from typing import Final

DECAY_SHIFT: Final = 12
"""Decays are fractions in units of 1/4096: a product is shifted right by 12 bits."""

DECAY_ONE: Final = 1 << DECAY_SHIFT
"""The largest decay, with which a state is lost in one step; decays range over 0..4096."""

ACTIVATION_SHIFT: Final = 6
"""Weighted sums, biases and thresholds are shifted left by 6 bits to the scale of the states."""

STATE_BITS: Final = 24
"""Current u and voltage v are 24 bits wide, sign included."""

CURRENT_LIMIT: Final = 1 << (STATE_BITS - 1)
"""u wraps when it leaves (-2^23, 2^23]."""

VOLTAGE_MAX: Final = CURRENT_LIMIT - 1
"""v clips to +-(2^23 - 1)."""

WEIGHT_MIN: Final = -256
WEIGHT_MAX: Final = 255
"""Range of stored weights: an 8-bit mantissa and one exponent bit. SLAYER's: even, -256..254."""

WIDE_WEIGHT_MIN: Final = -(1 << 15)
WIDE_WEIGHT_MAX: Final = (1 << 15) - 1
"""Range of weights that take two synapses: high * 2^7 + low, high even in -256..254, low 0..255."""

HIGH_WEIGHT_EXP: Final = 7
"""Weight exponent of the synapse with the high bits. It is the largest: exponents are -7..7, one
per group of synapses (nengo-loihi, `block.SynapseConfig`; `weight_exp` of `lava.proc.dense`)."""

LOW_WEIGHT_BITS: Final = 8
"""Bits of the synapse with the low bits, which has no sign."""

WEIGHT_STEP: Final = 2
"""SLAYER's 8-bit weights are multiples of two (`Neuron.quantize_8bit`)."""

WEIGHT_BITS: Final = (*range(2, 9), 16)
"""Bits that a weight can be quantized to after training; 16 bits are two synapses."""

SLAYER_SCALE: Final = 1 << 6
"""A SLAYER weight or threshold of 1.0 is the integer 64 (`slayer.neuron.cuba.Neuron.scale`)."""

SLAYER_WEIGHT_MAX: Final = 254
"""The largest weight that SLAYER's 8-bit quantizer yields."""

SLAYER_THRESHOLD_LIMIT: Final = 64.0
"""From this threshold on, float32 loses SLAYER's epsilon, and neurons fire at v == threshold."""

THRESHOLD_MAX: Final = (1 << 17) - 1
"""A threshold mantissa has 17 bits."""

THRESHOLD_NEVER: Final = 1 << 17
"""One more than the largest mantissa; no voltage exceeds it. lava-dl writes an integrator that
never fires with this threshold (or with (1 << 18) - 1, to the same effect)."""

BIAS_MIN: Final = -(1 << 12)
BIAS_MAX: Final = (1 << 12) - 1
"""A bias mantissa of a CUBA LIF neuron has 13 bits."""

SIGMA_BIAS_MIN: Final = -(1 << 15)
SIGMA_BIAS_MAX: Final = (1 << 15) - 1
"""A bias of a sigma-delta neuron has 16 bits (`lava.proc.sdn.models.PySigmaDeltaModelFixed`)."""

SPIKE_EXP: Final = 6
STATE_EXP: Final = 6
"""Fractional bits of the graded spikes and the states of sigma-delta neurons, as netx sets them."""

EXPONENT_MAX: Final = 7
"""`spike_exp` and `state_exp` have 3 bits."""

STATE_WORD: Final = 32
"""States of Lava's sigma-delta neurons have 32 bits and wrap."""

MESSAGE_BITS_MAX: Final = 24
"""The widest graded spike; Lava's ports carry 24 bits."""

DELAY_MAX: Final = 62
"""The longest delay of a spike in time steps, on top of the one step that every layer takes."""

ACCUMULATOR_LIMIT: Final = 1 << 24
"""Weighted sums below this are exact in float32, where SLAYER computes them."""

FAN_IN_MAX: Final = ACCUMULATOR_LIMIT // -WEIGHT_MIN - 1
"""With this many inputs no weighted sum can reach the accumulator's limit."""

WIDE_FAN_IN_MAX: Final = (1 << 31) // (2 * -WIDE_WEIGHT_MIN) - 1
"""With this many inputs, and as many recurrent ones, no sum of 16-bit weights leaves 32 bits."""
