"""Functions of numbers and of their bits."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

from plantgate.tags.expressions.evaluation import Value, failure, number, text, truth, whole
from plantgate.tags.expressions.functions.shape import Function, plain
from plantgate.tags.expressions.operators import power

_DECIMALS = 15
_SURE = 1e6
_EXACT = Context(prec=400)
_BITS = 64
_MASK = (1 << _BITS) - 1


def rounded(value: Value, decimals: int = 0) -> Value:
    """Half away from zero, as it stands in decimal: 2.5 is 3, and 2.675 with two decimals 2.68."""
    if not -_DECIMALS <= decimals <= _DECIMALS:
        raise failure(f"round() takes -{_DECIMALS} to {_DECIMALS} decimals")
    scaled = abs(value) * 10.0**decimals
    if scaled < _SURE and abs(scaled % 1 - 0.5) > 1 / _SURE:
        result = round(value, decimals)  # no tie: every way of rounding gives the same
    else:
        result = _rounded_tie(value, decimals)
    return int(result) if decimals <= 0 else float(result)


def _rounded_tie(value: Value, decimals: int) -> Value:
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    if not exact.is_finite():
        raise ValueError("not finite")
    last = Decimal(1).scaleb(-decimals)
    tuple_exponent = exact.as_tuple().exponent
    whole_already = isinstance(tuple_exponent, int) and tuple_exponent >= -decimals
    return exact if whole_already else exact.quantize(last, rounding=ROUND_HALF_UP, context=_EXACT)


def _log(value: float) -> float:
    return math.log(value)


def _bit(value: int, position: int) -> int:
    return (value >> _place("getBit", position)) & 1


def _with_bit(value: int, position: int, state: bool) -> int:
    mask = 1 << _place("setBit", position)
    changed = (value & _MASK) | mask if state else value & _MASK & ~mask
    return _signed(changed)


def _place(name: str, position: int) -> int:
    if 0 <= position < _BITS:
        return position
    raise failure(f"{name}() takes a position of 0 to {_BITS - 1}")


def _signed(bits: int) -> int:
    return bits - (1 << _BITS) if bits >> (_BITS - 1) else bits


def _encoded(*states: bool) -> int:
    if len(states) > _BITS:
        raise failure(f"binEnc() takes at most {_BITS} bits")
    return _signed(sum(1 << place for place, state in enumerate(states) if state))


def _first_true(*states: bool) -> int:
    return next((place for place, state in enumerate(states, 1) if state), 0)


def _count(value: int) -> int:
    return (value & _MASK).bit_count()


def _hex(value: int) -> str:
    return f"{value & _MASK:X}"


def _binary(value: int) -> str:
    return f"{value & _MASK:b}"


def _octal(value: int) -> str:
    return f"{value & _MASK:o}"


def _from(digits: str, base: int, name: str) -> int:
    if not digits.isascii() or "_" in digits or len(digits) > _BITS + 2:
        raise failure(f"{name}() takes digits of base {base}")
    value = int(digits, base)
    if not 0 <= value <= _MASK:
        raise failure(f"{name}() takes at most {_BITS} bits")
    return _signed(value)


FUNCTIONS: tuple[Function, ...] = (
    plain("abs(number)", "Its size without the sign.", "abs(-3.5)", "3.5", abs, number),
    plain("ceil(number)", "The next whole number, upward.", "ceil(7.1)", "8", math.ceil, number),
    plain("floor(number)", "The next whole number, downward.", "floor(-7.1)", "-8", math.floor, number),
    plain(
        "round(number, [decimals])",
        "Rounded; half goes away from zero. Without decimals the result is a whole number.",
        "round(2.675, 2)",
        "2.68",
        rounded,
        number,
        whole,
    ),
    plain("sqrt(number)", "Square root.", "sqrt(9)", "3.0", math.sqrt, number),
    plain("pow(base, exponent)", "As `base ^ exponent`.", "pow(2, 10)", "1024.0", power, number, number),
    plain("exp(number)", "e to that power.", "exp(0)", "1.0", math.exp, number),
    plain("log(number)", "Natural logarithm.", "log(1)", "0.0", _log, number),
    plain("log10(number)", "Logarithm to base 10.", "log10(1000)", "3.0", math.log10, number),
    plain("sin(radians)", "Sine.", "sin(0)", "0.0", math.sin, number),
    plain("cos(radians)", "Cosine.", "cos(0)", "1.0", math.cos, number),
    plain("tan(radians)", "Tangent.", "tan(0)", "0.0", math.tan, number),
    plain("asin(number)", "Arc sine in radians.", "asin(0)", "0.0", math.asin, number),
    plain("acos(number)", "Arc cosine in radians.", "acos(1)", "0.0", math.acos, number),
    plain("atan(number)", "Arc tangent in radians.", "atan(0)", "0.0", math.atan, number),
    plain("toDegrees(radians)", "Radians as degrees.", "toDegrees(0)", "0.0", math.degrees, number),
    plain("toRadians(degrees)", "Degrees as radians.", "toRadians(0)", "0.0", math.radians, number),
)  # fmt: skip
BITS: tuple[Function, ...] = (
    plain("getBit(number, position)", "1 or 0; position 0 is the lowest bit.", "getBit(5, 2)", "1", _bit, whole, whole),
    plain(
        "setBit(number, position, state)",
        "The number with that bit set or cleared.",
        "setBit(5, 1, true)",
        "7",
        _with_bit,
        whole,
        whole,
        truth,
    ),
    plain("bitCount(number)", "How many of its 64 bits are 1.", "bitCount(255)", "8", _count, whole),
    plain(
        "binEnc(bit, ...)",
        "A number from its bits, the lowest first; at most 64.",
        "binEnc(0, 0, 1, 0)",
        "4",
        _encoded,
        truth,
    ),
    plain(
        "binEnum(state, ...)",
        "Which argument is the first that is true, counted from 1; 0 for none.",
        "binEnum(false, true, true)",
        "2",
        _first_true,
        truth,
    ),
    plain("toHex(number)", "Hexadecimal digits; a negative number as its 64 bits.", "toHex(255)", '"FF"', _hex, whole),
    plain("toOctal(number)", "Octal digits.", "toOctal(8)", '"10"', _octal, whole),
    plain(
        "fromOctal(text)", "The number of octal digits.", 'fromOctal("10")', "8",
        lambda digits: _from(digits, 8, "fromOctal"), text,
    ),
    plain("toBinary(number)", "Binary digits.", "toBinary(5)", '"101"', _binary, whole),
    plain(
        "fromHex(text)", "The number of hexadecimal digits.", 'fromHex("FF")', "255",
        lambda digits: _from(digits, 16, "fromHex"), text,
    ),
    plain(
        "fromBinary(text)", "The number of binary digits.", 'fromBinary("101")', "5",
        lambda digits: _from(digits, 2, "fromBinary"), text,
    ),
)  # fmt: skip
