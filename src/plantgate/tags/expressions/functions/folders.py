"""Functions of several values. Each argument is a value, an array, or `{Folder/*}` for all tags that fit."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from plantgate.limits import EXPRESSION_FOLDER_TAGS
from plantgate.tags.expressions.evaluation import (
    NUMBERS,
    UNCERTAIN,
    Context,
    Run,
    Trouble,
    Value,
    failure,
    fits,
    wrong,
)
from plantgate.tags.expressions.functions.shape import Function


class Several(list[Value]):
    """What a folder, or onlyGood() of one, gives to the function around it."""


def whole_folder(index: int) -> Run:
    """All tags of a pattern; the worst of their qualities counts."""

    def run(context: Context) -> Several:
        pattern = context.patterns[index]
        members = _members(context, pattern)
        for member in members:
            if member.quality >= UNCERTAIN:
                context.note(f"a tag of {pattern}", member)
        return Several(member.value for member in members)

    return run


def good_of_folder(index: int) -> Run:
    """The good tags of a pattern."""

    def run(context: Context) -> Several:
        members = _members(context, context.patterns[index])
        return Several(member.value for member in members if member.quality < UNCERTAIN)

    return run


def _members(context: Context, pattern: str) -> Sequence[Value]:
    members = context.folder(pattern)
    context.members += len(members)
    if context.members > EXPRESSION_FOLDER_TAGS:
        raise failure(f"{pattern} makes it {context.members} tags in folders: at most {EXPRESSION_FOLDER_TAGS}")
    return members


def _over(
    name: str, calculate: Callable[[list[Value]], Value], *, of_none: Value = None
) -> Callable[[Sequence[Run]], Run]:
    """Values that are null are left out. `of_none` is the result where no value is left, None if there is none."""
    where = f"the result of {name}()"

    def make(runs: Sequence[Run]) -> Run:
        def run(context: Context) -> Value:
            values = _values(name, runs, context)
            if not values:
                if of_none is None:
                    raise _nothing(name)
                return of_none
            try:
                result = calculate(values)
            except (ArithmeticError, ValueError):
                raise failure(f"{name}() has no result for these values") from None
            return fits(result, where) if isinstance(result, int) else result

        return run

    return make


def _values(name: str, runs: Sequence[Run], context: Context) -> list[Value]:
    values: list[Value] = []
    for part in runs:
        found = part(context)
        if type(found) is Several or type(found) is tuple:
            values.extend(value for value in found if value is not None)
        elif found is not None:
            values.append(found)
    for value in values:
        if type(value) not in NUMBERS:
            raise wrong(value, "a number", f"a value of {name}()")
    return values


def _nothing(name: str) -> Trouble:
    trouble = failure(f"{name}() has no values")
    trouble.missing = True
    return trouble


def _count(runs: Sequence[Run]) -> Run:
    def run(context: Context) -> int:
        count = 0
        for part in runs:
            found = part(context)
            count += sum(value is not None for value in found) if isinstance(found, list | tuple) else found is not None
        return count

    return run


def _mean(values: list[Value]) -> float:
    return float(sum(values)) / len(values)


def _deviation(values: list[Value]) -> float:
    mean = _mean(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _several(
    name: str, words: str, example: str, result: str, make: Callable[[Sequence[Run]], Run], *other_names: str
) -> Function:
    return Function(name, f"{name}(value, ...)", words, example, result, 1, None, make, other_names, takes_folders=True)


def _only_good(_runs: Sequence[Run]) -> Run:
    raise AssertionError("compiled together with its folder")


ONLY_GOOD = Function(
    "onlyGood", "onlyGood(folder)", "Of a folder those tags whose quality is good: `mean(onlyGood({Line 1/*}))`.",
    "count(onlyGood({Motors/*}))", "2", 1, 1, _only_good, timeless=False, takes_folders=True,
)  # fmt: skip
FUNCTIONS: tuple[Function, ...] = (
    _several("sum", "Their sum; 0 for none.", "sum(1, 2, 3.5)", "6.5", _over("sum", sum, of_none=0)),
    _several("mean", "Their mean.", "mean(1, 2, 6)", "3.0", _over("mean", _mean)),
    _several("median", "The middle one.", "median(1, 2, 6)", "2", _over("median", statistics.median)),
    _several("stdDev", "Their standard deviation.", "stdDev(2, 4)", "1.0", _over("stdDev", _deviation)),
    _several("min", "The smallest.", "min(3, 1, 2)", "1", _over("min", min), "minDate"),
    _several("max", "The largest.", "max({Motors/*})", "20", _over("max", max), "maxDate"),
    _several("count", "How many have a value.", "count({Motors/*})", "3", _count),
    ONLY_GOOD,
)
