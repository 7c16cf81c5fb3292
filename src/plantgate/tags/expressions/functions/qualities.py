"""Functions of the quality of a value. Looking at a quality does not take it over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plantgate.limits import PEER_TEXT_CHARS
from plantgate.model.quality import Quality, label
from plantgate.runtime.log import printable
from plantgate.tags.expressions.evaluation import UNCERTAIN, Context, Run, Value, failure, text, whole
from plantgate.tags.expressions.functions.shape import Function

_LAST_CODE = 1_023
_LEVELS = ("good", "uncertain", "bad", "error")
_FIRST = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.ERROR)
_LEVEL_CODES = 256


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


def _qualified(runs: Sequence[Run]) -> Run:
    def run(context: Context) -> Value:
        value, _, _ = context.apart(runs[0])
        level = runs[1](context)
        if isinstance(level, str) and level.lower() in _LEVELS:
            level = _LEVELS.index(level.lower())
        level = whole(level, "the second argument of qualifiedValue()")
        if not 0 <= level < len(_LEVELS):
            raise failure(f"qualifiedValue() takes a level of 0 to 3, or {', '.join(_LEVELS)}")
        code = whole(runs[2](context), "the third argument of qualifiedValue()") if len(runs) > 2 else _FIRST[level]
        if code // _LEVEL_CODES != level:
            first = level * _LEVEL_CODES
            raise failure(f"qualifiedValue() takes codes of {first} to {first + 255} for {_LEVELS[level]}")
        reason = text(runs[3](context), "the fourth argument of qualifiedValue()") if len(runs) > 3 else ""
        context.take(code, printable(reason, PEER_TEXT_CHARS) or f"qualifiedValue() made it {label(code)}")
        return value

    return run


def _timestamp_of(runs: Sequence[Run]) -> Run:
    """Compiled with the time of a tag as its argument."""
    return runs[0]


def _is_good(code: int) -> bool:
    return code < UNCERTAIN


def _ask(name: str, words: str, example: str, result: str, ask: Callable[[int], Value]) -> Function:
    return Function(name, f"{name}(value)", words, example, result, 1, 1, _asking(ask), asks_quality=True)


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
    Function(
        "qualifiedValue", "qualifiedValue(value, level, [code], [reason])",
        "The value with a quality of that level (good, uncertain, bad, error or 0 to 3), that code and that reason.",
        'qualifiedValue(5, "good")', "5", 2, 4, _qualified,
    ),
    Function(
        "timestampOf", "timestampOf(tag)", "When the tag changed last: `{Speed.timestamp}`.",
        "isNull(timestampOf({Speed}))", "false", 1, 1, _timestamp_of, timeless=False, takes_references=True,
    ),
)  # fmt: skip
