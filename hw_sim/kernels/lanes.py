"""SIMD vectors of integers for numba kernels, independent of the processor.

LLVM vectorizes numba's loops over arrays with run-time checks that the arrays do not overlap, and a
scalar loop for the remainder; on rows of some hundred neurons these cost more than the work. A
value of the type `Lanes` is one LLVM vector, so kernels operate on many neurons explicitly: 32
numbers of 32 bits are two registers with AVX-512, four with AVX2, eight on arm64. LLVM splits them.

    u = load(current, k, 32)                  32 numbers of an array from index k on
    u = ((u >> 12) * factor) + 5              lane by lane; a plain integer applies to every lane
    store(fired, k, u > threshold)            a comparison gives lanes of one bit, stored as 0 or 1

Arithmetic wraps around, `>>` keeps the sign. Indices are not checked. Arrays are contiguous.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from neurodeploy.models.compiling import compile_kernel

LANES = 64
"""Rows of weights, output spikes and states are padded to a multiple of this."""

ARITHMETIC = {
    operator.add: "add",
    operator.sub: "sub",
    operator.mul: "mul",
    operator.and_: "and_",
    operator.or_: "or_",
    operator.xor: "xor",
    operator.rshift: "ashr",
    operator.lshift: "shl",
}
COMPARISONS = {operator.gt: ">", operator.lt: "<", operator.ne: "!=", operator.eq: "=="}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that is inlined into its callers, without reference counts of arrays.

    The counts are atomic, updated for every slice, and would take a quarter of the time. Such a
    function must not allocate arrays.
    """
    options: Any = {
        "forceinline": True,
        "_nrt": False,
        "no_cfunc_wrapper": True,
        "no_cpython_wrapper": True,
    }
    return cast("Callable[..., Any]", compile_kernel(function, **options))


def _inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that emits LLVM code callable from compiled code."""
    return cast("Callable[..., Any]", intrinsic(prefer_literal=True)(function))


class Lanes(types.Type):  # type: ignore[misc]
    """`count` integers of `bits` bits each."""

    def __init__(self, bits: int, count: int) -> None:
        self.bits, self.count = bits, count
        super().__init__(name=f"Lanes(int{bits} x {count})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """The data model: an LLVM vector."""

    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, _vector(kind))


def _vector(kind: Lanes) -> Any:
    return ir.VectorType(ir.IntType(kind.bits), kind.count)


def _spread(context: Any, builder: Any, value: Any, value_type: Any, kind: Lanes) -> Any:
    """Return `value` as lanes of `kind`; a number is copied to every lane."""
    if isinstance(value_type, Lanes):
        return value
    number = context.cast(builder, value, value_type, types.Integer.from_bitwidth(kind.bits, True))
    empty = ir.Constant(_vector(kind), ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(first, empty, zeros)


def _define(symbol: Callable[..., Any], emit: Callable[..., Any], compares: bool) -> None:
    """Define an operator for lanes, and for lanes and a number."""

    class Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            a, b = args
            if not isinstance(a, Lanes) or not (a == b or isinstance(b, types.Integer)):
                return None
            return signature(Lanes(1, a.count) if compares else a, a, b)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind, value_type = sig.args
        return emit(builder, args[0], _spread(context, builder, args[1], value_type, kind))

    infer_global(symbol)(Template)
    lower_builtin(symbol, Lanes, Lanes)(lower)
    lower_builtin(symbol, Lanes, types.Integer)(lower)


for _symbol, _name in ARITHMETIC.items():
    _define(_symbol, lambda builder, a, b, name=_name: getattr(builder, name)(a, b), False)
for _symbol, _name in COMPARISONS.items():
    _define(_symbol, lambda builder, a, b, name=_name: builder.icmp_signed(name, a, b), True)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), lanes.as_pointer())


@_inline
def load(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """Return `count` (a constant) numbers of a 1-D array from `index` on."""
    bits = array.dtype.bitwidth
    kind = Lanes(bits, count.literal_value)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _pointer(context, builder, sig.args[0], args[0], args[1], _vector(kind))
        return builder.load(at, align=bits // 8)

    return kind(array, types.intp, count), emit


@_inline
def store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write lanes to a 1-D array from `index` on; they are extended or cut to its numbers."""
    bits = array.dtype.bitwidth
    kind = Lanes(bits, lanes.count)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = args[2]
        if lanes.bits < bits:
            value = (builder.zext if lanes.bits == 1 else builder.sext)(value, _vector(kind))
        elif lanes.bits > bits:
            value = builder.trunc(value, _vector(kind))
        at = _pointer(context, builder, sig.args[0], args[0], args[1], _vector(kind))
        builder.store(value, at, align=bits // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), emit


@_inline
def spread(typing: Any, number: Any, bits: Any, count: Any) -> Any:
    """Return `count` lanes of `bits` bits (constants) that all hold `number`."""
    kind = Lanes(bits.literal_value, count.literal_value)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _spread(context, builder, args[0], sig.args[0], kind)

    return kind(number, bits, count), emit


@_inline
def widen(typing: Any, lanes: Any, bits: Any) -> Any:
    """Return the lanes extended to `bits` (a constant) bits, signed; single bits become 0 or 1."""
    kind = Lanes(bits.literal_value, lanes.count)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if lanes.bits == kind.bits:
            return args[0]
        return (builder.zext if lanes.bits == 1 else builder.sext)(args[0], _vector(kind))

    return kind(lanes, bits), emit


@_inline
def select(typing: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Return `yes` in the lanes where `condition` is set and `no` in the others."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(
            args[0],
            _spread(context, builder, args[1], sig.args[1], lanes),
            _spread(context, builder, args[2], sig.args[2], lanes),
        )

    lanes = yes if isinstance(yes, Lanes) else no
    return lanes(condition, yes, no), emit


@_inline
def bits_of(typing: Any, condition: Any) -> Any:
    """Return lanes of one bit as a uint64, lane 0 in the lowest bit."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.zext(builder.bitcast(args[0], ir.IntType(condition.count)), ir.IntType(64))

    return types.uint64(condition), emit


@_inline
def add_to(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Add lanes to the numbers of a 1-D array from `index` on."""
    bits = array.dtype.bitwidth
    kind = Lanes(bits, lanes.count)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _pointer(context, builder, sig.args[0], args[0], args[1], _vector(kind))
        value = args[2] if lanes.bits == bits else builder.sext(args[2], _vector(kind))
        builder.store(builder.add(builder.load(at, align=bits // 8), value), at, align=bits // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), emit


@_inline
def count_bits(typing: Any, word: Any) -> Any:
    """Return the number of bits set in a uint64."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), emit


@_inline
def store_first(typing: Any, array: Any, index: Any, lanes: Any, count: Any) -> Any:
    """Write the first `count` lanes, all if it is larger, to a 1-D array from `index` on."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = ir.IntType(32)
        mask_type = ir.VectorType(ir.IntType(1), lanes.count)
        numbers = ir.Constant(ir.VectorType(number, lanes.count), list(range(lanes.count)))
        limit = builder.trunc(context.cast(builder, args[3], sig.args[3], types.int64), number)
        limits = _spread(context, builder, limit, types.int32, Lanes(32, lanes.count))
        at = _pointer(context, builder, sig.args[0], args[0], args[1], _vector(lanes))
        name = f"llvm.masked.store.v{lanes.count}i{lanes.bits}.p0"
        kind = ir.FunctionType(ir.VoidType(), [_vector(lanes), at.type, number, mask_type])
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        mask = builder.icmp_signed("<", numbers, limits)
        builder.call(function, [args[2], at, ir.Constant(number, lanes.bits // 8), mask])
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes, count), emit


@_inline
def load_pair(typing: Any, array: Any, index: Any) -> Any:
    """Return two neighboring int16 of a 1-D array as an int32, for `add_pairs`."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _pointer(context, builder, sig.args[0], args[0], args[1], ir.IntType(32))
        return builder.load(at, align=2)

    return types.int32(array, types.intp), emit


@_inline
def add_pairs(typing: Any, totals: Any, pair: Any, factors: Any) -> Any:
    """Return totals + a * even + b * odd: int32 lanes, a `pair` of int16, and int16 lanes, of which
    even and odd ones alternate.

    LLVM finds the instruction of the processor for it, if there is one.
    """
    wide = Lanes(32, totals.count)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = _spread(context, builder, args[1], types.int32, wide)
        values = builder.bitcast(values, _vector(factors))
        both = _vector(Lanes(32, factors.count))
        products = builder.mul(builder.sext(values, both), builder.sext(args[2], both))
        sums = args[0]
        for first in (0, 1):
            lanes = list(range(first, factors.count, 2))
            chosen = ir.Constant(ir.VectorType(ir.IntType(32), totals.count), lanes)
            part = builder.shuffle_vector(products, products, chosen)
            sums = part if first == 0 else builder.add(sums, part)
        return builder.add(args[0], sums)

    return totals(totals, pair, factors), emit


@_inline
def load_word(typing: Any, array: Any, index: Any) -> Any:
    """Return eight bytes of a 1-D array from `index` on as a uint64, the first in the lowest."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _pointer(context, builder, sig.args[0], args[0], args[1], ir.IntType(64))
        return builder.load(at, align=1)

    return types.uint64(array, types.intp), emit


@_inline
def store_word(typing: Any, array: Any, index: Any, word: Any) -> Any:
    """Write a uint64 to eight bytes of a 1-D array from `index` on."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _pointer(context, builder, sig.args[0], args[0], args[1], ir.IntType(64))
        builder.store(args[2], at, align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint64), emit
