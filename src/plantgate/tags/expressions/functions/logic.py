"""Functions that choose, and that change the type of a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from plantgate.model.quality import Quality
from plantgate.tags.expressions.evaluation import (
    Context,
    Run,
    Trouble,
    Value,
    anything,
    equal,
    fits,
    text,
    truth,
    wrong,
)
from plantgate.tags.expressions.functions.numbers import rounded
from plantgate.tags.expressions.functions.shape import Function, plain

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}\Z")
_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})


def _if(runs: Sequence[Run]) -> Run:
    condition, yes, no = runs

    def run(context: Context) -> Value:
        return yes(context) if truth(condition(context), "the condition of if()") else no(context)

    return run


def _switch(runs: Sequence[Run]) -> Run:
    subject, *others = runs
    half = (len(others) - 1) // 2
    pairs = list(zip(others[:half], others[half : 2 * half], strict=True))
    default = others[-1]

    def run(context: Context) -> Value:
        value = subject(context)
        for case, result in pairs:
            if equal(value, case(context), "switch()"):
                return result(context)
        return default(context)

    return run


def _case(runs: Sequence[Run]) -> Run:
    subject, *others, default = runs
    return _switch([subject, *others[::2], *others[1::2], default])


def _has_changed(place: int, runs: Sequence[Run]) -> Run:
    """The first time it has not: nobody knows what was before."""

    def run(context: Context) -> bool:
        value, quality, reason = context.apart(runs[0])
        context.take(quality, reason)
        with_quality = len(runs) > 1 and truth(runs[1](context), "the second argument of hasChanged()")
        if context.memory is None:
            return False
        before = context.memory[place]
        context.memory[place] = now = (value, quality)
        if before is None:
            return False
        return type(before[0]) is not type(value) or before[0] != value or (with_quality and before != now)

    return run


def _coalesce(runs: Sequence[Run]) -> Run:
    def run(context: Context) -> Value:
        value: Value = None
        quality, reason = context.quality, context.reason
        for part in runs:
            # What has no value is not used: its quality doesn't count either, unless nothing else has one.
            value, part_quality, part_reason = context.apart(part)
            if value is not None:
                quality, reason = part_quality, part_reason
                break
            if part_quality > quality:
                quality, reason = part_quality, part_reason
        context.take(quality, reason)
        return value

    return run


def _try(runs: Sequence[Run]) -> Run:
    wanted, instead = runs

    def run(context: Context) -> Value:
        value, quality, reason = context.apart(wanted)
        if quality >= Quality.BAD:
            return instead(context)
        context.take(quality, reason)
        return value

    return run


def _is_null(value: Value) -> bool:
    return value is None


def _casting(name: str, cast: Callable[[Value, str], Value]) -> Callable[[Sequence[Run]], Run]:
    """`name(value, [failover])`: with a second argument what can't be cast is that instead."""
    where = f"the first argument of {name}()"

    def make(runs: Sequence[Run]) -> Run:
        def run(context: Context) -> Value:
            value = runs[0](context)
            try:
                return cast(value, where)
            except Trouble:
                if len(runs) == 1:
                    raise
                return runs[1](context)

        return run

    return make


def _cast(
    name: str, words: str, example: str, result: str, cast: Callable[[Value, str], Value], *other_names: str
) -> Function:
    signature = f"{name}(value, [failover])"
    return Function(name, signature, words, example, result, 1, 2, _casting(name, cast), other_names)


def _parsed(value: str) -> float:
    """Python also reads 1_000, which nobody means."""
    if "_" in value:
        raise ValueError(value)
    return float(value)


def _to_float(value: Value, where: str) -> float:
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return _parsed(value)
        except ValueError:
            raise wrong(value, "a number", where) from None
    raise wrong(value, "a number", where)


def _to_int(value: Value, where: str) -> int:
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits) if _WHOLE.match(digits) else _to_float(digits, where)
    if isinstance(value, int):
        return fits(int(value), where)
    if isinstance(value, float):
        try:
            return fits(int(rounded(value)), where)
        except (ArithmeticError, ValueError):
            raise wrong(value, "a finite number", where) from None
    raise wrong(value, "a number", where)


def _to_boolean(value: Value, where: str) -> bool:
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise wrong(value, "true or false", where)
    return truth(value, where)


def _to_text(value: Value, where: str) -> str:
    return text(value, where)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "if", "if(condition, yes, no)", "`yes` or `no`; the other one is not evaluated.", 'if(2 > 1, "a", "b")', '"a"',
        3, 3, _if,
    ),
    Function(
        "switch", "switch(value, case, ..., result, ..., default)",
        "First all cases, then as many results, then the default. Only the chosen result is evaluated.",
        'switch(2, 1, 2, "one", "two", "other")', '"two"', 4, None, _switch, in_pairs=True,
    ),
    Function(
        "case", "case(value, case, result, ..., default)",
        "As `switch`, with each result behind its case.",
        'case(2, 1, "one", 2, "two", "other")', '"two"', 4, None, _case, in_pairs=True,
    ),
    Function(
        "coalesce", "coalesce(value, ...)", "The first that has a value; those before it don't count.",
        "coalesce(null, 5)", "5", 1, None, _coalesce,
    ),
    Function(
        "try", "try(value, failover)", "`failover` where `value` has an error or its quality is bad.",
        "try(1 / 0, -1)", "-1", 2, 2, _try,
    ),
    Function(
        "hasChanged", "hasChanged(value, [quality], [milliseconds])",
        "Whether it has another value than when this was evaluated last, with `true` also another quality. False the "
        "first time. Evaluated again after so many milliseconds, if they are given.",
        "hasChanged(1)", "false", 1, 3, _has_changed, timeless=False, rate=2, remembers=True,
    ),
    plain("isNull(value)", "Whether it has no value.", "isNull(null)", "true", _is_null, anything),
)  # fmt: skip
TYPES: tuple[Function, ...] = (
    _cast("toInt", "A whole number of 64 bits; rounds.", 'toInt("33.9")', "34", _to_int, "toInteger", "toLong"),
    _cast("toFloat", "A number with a fraction.", 'toFloat("38.5")', "38.5", _to_float, "toDouble"),
    _cast("toStr", "A text.", "toStr(1.5)", '"1.5"', _to_text, "toString"),
    _cast("toBoolean", "0, false, no, off are false; other numbers, true, yes, on true.", 'toBoolean("yes")', "true",
          _to_boolean),
)  # fmt: skip
