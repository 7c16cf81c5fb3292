"""Every function of the language, one file a group: its words for the reference, its arguments, its closure."""

from __future__ import annotations

from plantgate.tags.expressions.functions import calendar, documents, folders, logic, numbers, qualities, texts, times
from plantgate.tags.expressions.functions.shape import Function

GROUPS: dict[str, tuple[Function, ...]] = {
    "Numbers": numbers.FUNCTIONS,
    "Bits": numbers.BITS,
    "Several values and folders": folders.FUNCTIONS,
    "Logic": logic.FUNCTIONS,
    "Quality": qualities.FUNCTIONS,
    "Types": logic.TYPES,
    "Texts": texts.FUNCTIONS,
    "Arrays, datasets and documents": documents.FUNCTIONS,
    "Time": (*times.FUNCTIONS, *calendar.FUNCTIONS),
}
FUNCTIONS: dict[str, Function] = {function.name: function for group in GROUPS.values() for function in group}
_BY_FOLD = {name.casefold(): FUNCTIONS[name] for name in FUNCTIONS} | {
    other.casefold(): function for function in FUNCTIONS.values() for other in function.other_names
}


def find(name: str) -> Function | None:
    """In any case of letters, and by its other names."""
    return _BY_FOLD.get(name.casefold())
