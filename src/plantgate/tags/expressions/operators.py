"""Operators as closures: `compiled(operator, runs)` makes one that evaluates its operands and then itself."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

from plantgate.model.quality import Quality
from plantgate.tags.expressions.evaluation import (
    NUMBERS,
    WHOLE_MAX,
    WHOLE_MIN,
    Context,
    Run,
    Trouble,
    Value,
    equal,
    failure,
    fits,
    not_too_long,
    shown,
    text,
    truth,
    whole,
    wrong,
)
from plantgate.tags.expressions.wildcards import like

_MOST_SHIFTED = 63


def compiled(symbol: str, runs: Sequence[Run]) -> Run:
    if len(runs) == 1:
        return _UNARY[symbol](runs[0])
    return _BINARY[symbol](symbol, runs[0], runs[1])


def power(base: float, exponent: float) -> float:
    """Raises ArithmeticError or ValueError: beyond a float's range, or no real number."""
    return math.pow(base, exponent)


def _sides(symbol: str, left: Value, right: Value) -> tuple[Trouble, ...]:
    """What is wrong with an operand that is no number."""
    sides = ((left, "left"), (right, "right"))
    return tuple(
        wrong(value, "a number", f"the {side} side of {symbol}") for value, side in sides if type(value) not in NUMBERS
    )


def _arithmetic(calculate: Callable[[Value, Value], Value]) -> Callable[[str, Run, Run], Run]:
    def make(symbol: str, left: Run, right: Run) -> Run:
        where = f"the result of {symbol}"

        def run(context: Context) -> Value:
            first = left(context)
            second = right(context)
            if type(first) in NUMBERS and type(second) in NUMBERS:
                result = calculate(first, second)
                if type(result) is float or WHOLE_MIN <= result <= WHOLE_MAX:
                    return result
                return fits(result, where)
            raise _sides(symbol, first, second)[0]

        return run

    return make


def _plus(symbol: str, left: Run, right: Run) -> Run:
    where = "the result of +"

    def run(context: Context) -> Value:
        first = left(context)
        second = right(context)
        if type(first) in NUMBERS and type(second) in NUMBERS:
            result = first + second
            if type(result) is float or WHOLE_MIN <= result <= WHOLE_MAX:
                return result
            return fits(result, where)
        if isinstance(first, str) or isinstance(second, str):
            joined = text(first, "the left side of +") + text(second, "the right side of +")
            return not_too_long(joined, where)
        raise _sides(symbol, first, second)[0]

    return run


def _divide(left: float, right: float) -> float:
    if right == 0:
        raise failure("division by zero")
    return left / right


def _remainder(left: float, right: float) -> float:
    """With the sign of the left side, as in Ignition."""
    if right == 0:
        raise failure("division by zero")
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return rest if left >= 0 else -rest
    if math.isinf(left):
        raise failure("the left side of % is not a finite number")
    return math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return power(left, right)
    except (ArithmeticError, ValueError):
        raise failure(f"{shown(left)} ^ {shown(right)} is no finite real number") from None


def _bits(calculate: Callable[[int, int], int]) -> Callable[[str, Run, Run], Run]:
    def make(symbol: str, left: Run, right: Run) -> Run:
        def run(context: Context) -> int:
            first = whole(left(context), f"the left side of {symbol}")
            second = whole(right(context), f"the right side of {symbol}")
            return fits(int(calculate(first, second)), f"the result of {symbol}")

        return run

    return make


def _shift_left(value: int, places: int) -> int:
    return value << _places(places)


def _shift_right(value: int, places: int) -> int:
    return value >> _places(places)


def _places(places: int) -> int:
    if 0 <= places <= _MOST_SHIFTED:
        return places
    raise failure(f"a shift by {shown(places)} places: 0 to {_MOST_SHIFTED} can be shifted")


def _ordering(compare: Callable[[Value, Value], bool]) -> Callable[[str, Run, Run], Run]:
    def make(symbol: str, left: Run, right: Run) -> Run:
        def run(context: Context) -> bool:
            first = left(context)
            second = right(context)
            if type(first) in NUMBERS and type(second) in NUMBERS:
                return compare(first, second)
            if isinstance(first, str) and isinstance(second, str):
                return compare(first, second)
            raise _incomparable(symbol, first, second)

        return run

    return make


def _incomparable(symbol: str, left: Value, right: Value) -> Trouble:
    for value, side in ((left, "left"), (right, "right")):
        if value is None:
            return wrong(value, "a number or a text", f"the {side} side of {symbol}")
    return Trouble(
        Quality.ERROR_TYPE_CONVERSION,
        f"{symbol} can't compare {shown(left)} with {shown(right)}: use toFloat() or toStr()",
    )


def _equal(symbol: str, left: Run, right: Run) -> Run:
    return lambda context: equal(left(context), right(context), symbol)


def _like(symbol: str, left: Run, right: Run) -> Run:
    def run(context: Context) -> bool:
        return like(
            text(left(context), f"the left side of {symbol}"), text(right(context), f"the right side of {symbol}")
        )

    return run


def _unequal(symbol: str, left: Run, right: Run) -> Run:
    return lambda context: not equal(left(context), right(context), symbol)


def _and(_symbol: str, left: Run, right: Run) -> Run:
    def run(context: Context) -> bool:
        return truth(left(context), "the left side of &&") and truth(right(context), "the right side of &&")

    return run


def _or(_symbol: str, left: Run, right: Run) -> Run:
    def run(context: Context) -> bool:
        return truth(left(context), "the left side of ||") or truth(right(context), "the right side of ||")

    return run


def _negative(operand: Run) -> Run:
    def run(context: Context) -> Value:
        value = operand(context)
        if type(value) not in NUMBERS:
            raise wrong(value, "a number", "what follows -")
        return -value if type(value) is float else fits(-value, "the result of -")

    return run


def _not(operand: Run) -> Run:
    return lambda context: not truth(operand(context), "what follows !")


def _inverted(operand: Run) -> Run:
    return lambda context: fits(-1 - whole(operand(context), "what follows ~"), "the result of ~")


_UNARY: dict[str, Callable[[Run], Run]] = {"-": _negative, "!": _not, "~": _inverted}
_BINARY: dict[str, Callable[[str, Run, Run], Run]] = {
    "||": _or,
    "&&": _and,
    "=": _equal,
    "!=": _unequal,
    "like": _like,
    "<": _ordering(operator.lt),
    ">": _ordering(operator.gt),
    "<=": _ordering(operator.le),
    ">=": _ordering(operator.ge),
    "<<": _bits(_shift_left),
    ">>": _bits(_shift_right),
    "|": _bits(operator.or_),
    "xor": _bits(operator.xor),
    "&": _bits(operator.and_),
    "+": _plus,
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(_divide),
    "%": _arithmetic(_remainder),
    "^": _arithmetic(_power),
}
