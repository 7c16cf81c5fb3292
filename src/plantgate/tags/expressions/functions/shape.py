"""What a function is, and the two usual ways to make one from a Python function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from plantgate.tags.expressions.evaluation import Context, Run, Value, failure, fits, not_too_long

Convert: TypeAlias = Callable[[Value, str], Any]


@dataclass(frozen=True, slots=True)
class Function:
    """`signature` has optional arguments in brackets and `...` where more may follow; least and most count arguments.

    `example` gives `result`: both are text, stand in the reference and are tested. `make` takes the closures of the
    arguments. `timeless` functions of constants are calculated once. `takes_folders`: an argument may be `{Folder/*}`.
    `takes_references`: the first argument is a tag by itself. `rate` is the place of an argument that says after how
    many milliseconds the clock has it evaluated again. `remembers`: it has a place in the memory of its expression, and
    `make` takes its number before the closures. `in_pairs`: cases and results, so that the count is even.
    `asks_quality`: of `{Speed.quality}` it wants the quality of Speed.
    """

    name: str
    signature: str
    summary: str
    example: str
    result: str
    least: int
    most: int | None
    make: Callable[..., Run]
    other_names: tuple[str, ...] = ()
    timeless: bool = True
    takes_folders: bool = False
    takes_references: bool = False
    rate: int | None = None
    remembers: bool = False
    in_pairs: bool = False
    asks_quality: bool = False


def plain(
    signature: str,
    summary: str,
    example: str,
    result: str,
    function: Callable[..., Value],
    *kinds: Convert,
    other_names: tuple[str, ...] = (),
    zoned: bool = False,
) -> Function:
    """A function of all its arguments. `kinds` convert them; the last one also those that follow where `...` stands.

    `function` may raise Trouble, ArithmeticError, ValueError or OSError. `zoned`: its first argument is the time zone.
    """
    name = signature.partition("(")[0]
    optional = signature.count("[")
    return Function(
        name,
        signature,
        summary,
        example,
        result,
        len(kinds) - optional,
        None if "..." in signature else len(kinds),
        lambda runs: _calling(name, function, _pairs(name, runs, kinds), zoned=zoned),
        other_names,
        timeless=not zoned,
    )


def _pairs(name: str, runs: Sequence[Run], kinds: Sequence[Convert]) -> list[tuple[Run, Convert, str]]:
    ordinals = ("first", "second", "third", "fourth", "fifth")
    return [
        (
            run,
            kinds[min(place, len(kinds) - 1)],
            f"the {ordinals[place]} argument of {name}()" if place < len(ordinals) else f"an argument of {name}()",
        )
        for place, run in enumerate(runs)
    ]


def _calling(
    name: str, function: Callable[..., Value], pairs: Sequence[tuple[Run, Convert, str]], *, zoned: bool
) -> Run:
    where = f"the result of {name}()"

    def run(context: Context) -> Value:
        values = [convert(part(context), what) for part, convert, what in pairs]
        try:
            result = function(context.zone, *values) if zoned else function(*values)
        except (ArithmeticError, ValueError, OSError):  # OSError: a date that this host's C library doesn't know
            raise failure(f"{name}() has no result for these arguments") from None
        kind = type(result)
        if kind is str:
            return not_too_long(result, where)
        return fits(result, where) if kind is int else result

    return run
