"""Tags as closures: `reading(index, property)` reads the tag in that place of an evaluation's paths."""

from __future__ import annotations

from collections.abc import Callable

from plantgate.model.quality import Quality
from plantgate.model.tagproperty import DEFINED, LIVE, element_of
from plantgate.model.value import TagValue
from plantgate.tags.expressions.evaluation import UNCERTAIN, Context, Run, Trouble, Value, failure, wrong


def reading(index: int, wanted: str) -> Run:
    """`wanted` is a property as `split_property` gives it. Only a value brings the quality of its tag with it."""
    if wanted in ("", "value"):
        return _value(index)
    if wanted.startswith("["):
        return _element(index, int(wanted[1:-1]))
    return _live(index, LIVE[wanted]) if wanted in LIVE else _defined(index, wanted)


def _value(index: int) -> Run:
    def run(context: Context) -> Value:
        path = context.paths[index]
        found = context.read(path)
        if found.quality >= UNCERTAIN:
            context.note(path, found)
        return found.value

    return run


def _element(index: int, place: int) -> Run:
    whole = _value(index)

    def run(context: Context) -> Value:
        value = whole(context)
        where = context.paths[index]
        if not isinstance(value, tuple):
            raise wrong(value, "an array", where)
        if place >= len(value):
            raise failure(f"{where} has {len(value)} values, counted from 0: there is no [{place}]")
        return element_of(value, place)

    return run


def _live(index: int, take: Callable[[TagValue], Value]) -> Run:
    return lambda context: take(context.read(context.paths[index]))


def _defined(index: int, wanted: str) -> Run:
    take = DEFINED[wanted]

    def run(context: Context) -> Value:
        path = context.paths[index]
        if context.define is None:
            raise failure(f"{path}.{wanted} is not known here")
        definition = context.define(path)
        if definition is None:
            raise Trouble(Quality.BAD_REFERENCE_NOT_FOUND, f"there is no tag {path}")
        return take(definition)

    return run
