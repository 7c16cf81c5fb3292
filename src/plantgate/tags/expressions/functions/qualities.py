"""Functions of the quality of a value. Looking at a quality does not take it over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plantgate.model.quality import Quality, label
from plantgate.tags.expressions.evaluation import UNCERTAIN, Context, Run, Value, failure, whole
from plantgate.tags.expressions.functions.shape import Function

_LAST_CODE = 1_023


def _asking(ask: Callable[[int], Value]) -> Callable[[Sequence[Run]], Run]:
    def make(runs: Sequence[Run]) -> Run:
        return lambda context: ask(context.apart(runs[0])[1])

    return make


def _force(runs: Sequence[Run]) -> Run:
    def run(context: Context) -> Value:
        value, _, _ = context.apart(runs[0])
        code = whole(runs[1](context), "the second argument of forceQuality()") if len(runs) > 1 else int(Quality.GOOD)
        if not 0 <= code <= _LAST_CODE:
            raise failure(f"forceQuality() takes a quality code of 0 to {_LAST_CODE}")
        context.take(code, f"forceQuality() made it {label(code)}")
        return value

    return run


def _is_good(code: int) -> bool:
    return code < UNCERTAIN


def _ask(name: str, words: str, example: str, result: str, ask: Callable[[int], Value]) -> Function:
    return Function(name, f"{name}(value)", words, example, result, 1, 1, _asking(ask))


FUNCTIONS: tuple[Function, ...] = (
    _ask("isGood", "Whether its quality is good.", "isGood(1)", "true", _is_good),
    _ask("isNotGood", "Whether it is uncertain, bad or an error.", "isNotGood(1 / 0)", "true",
         lambda code: code >= UNCERTAIN),
    _ask("isUncertain", "Whether it is uncertain.", "isUncertain(1)", "false",
         lambda code: UNCERTAIN <= code < Quality.BAD),
    _ask("isBad", "Whether it is bad, and no error.", "isBad(1 / 0)", "false",
         lambda code: Quality.BAD <= code < Quality.ERROR),
    _ask("isError", "Whether it is an error.", "isError(1 / 0)", "true", lambda code: code >= Quality.ERROR),
    _ask("isBadOrError", "Whether it is bad or an error.", "isBadOrError(1 / 0)", "true",
         lambda code: code >= Quality.BAD),
    _ask("qualityOf", "Its quality code: 192 is good.", "qualityOf(1)", "192", lambda code: code),
    Function(
        "forceQuality", "forceQuality(value, [code])",
        "The value with that quality; without a code it is good. Codes are those of Ignition 8.",
        "forceQuality(5, 192)", "5", 1, 2, _force,
    ),
)  # fmt: skip
