"""Texts with `*` (any characters, also none) and `?` (one character), as people write them for tag paths."""

from __future__ import annotations


class Wildcard:
    """Matches whole texts, case counts. The cost of `matches` is the text times the pattern at worst, never more."""

    def __init__(self, pattern: str) -> None:
        self._parts = pattern.split("*")

    def matches(self, text: str) -> bool:
        first, *rest = self._parts
        if not rest:
            return len(text) == len(first) and _at(text, 0, first)
        last = rest.pop()
        begin, end = len(first), len(text) - len(last)
        if end < begin or not _at(text, 0, first) or not _at(text, end, last):
            return False
        for part in rest:
            begin = _find(text, part, begin, end)
            if begin < 0:
                return False
            begin += len(part)
        return True


def _at(text: str, place: int, part: str) -> bool:
    if "?" not in part:
        return text.startswith(part, place)
    return all(wanted in ("?", found) for wanted, found in zip(part, text[place : place + len(part)], strict=True))


def _find(text: str, part: str, begin: int, end: int) -> int:
    if "?" not in part:
        return text.find(part, begin, end)
    return next((place for place in range(begin, end - len(part) + 1) if _at(text, place, part)), -1)
