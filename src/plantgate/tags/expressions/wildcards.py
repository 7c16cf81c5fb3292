"""`text like pattern`: `*` and `%` are any characters, also none, `?` is any one.

Not a regular expression that somebody wrote, but one that is made of the pattern and can't go back: the pieces between
the stars are looked for one after the other (atomic groups), so that the cost is at most text times pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from plantgate.limits import EXPRESSION_FORMAT_CHARS
from plantgate.tags.expressions.evaluation import failure

_CACHED = 256
_STARS = re.compile("[*%]+")


def like(text: str, pattern: str) -> bool:
    """Raises Trouble for a pattern that is too long."""
    if len(pattern) > EXPRESSION_FORMAT_CHARS:
        raise failure(f"like takes a pattern of at most {EXPRESSION_FORMAT_CHARS} characters")
    return _matcher(pattern)(text)


@lru_cache(maxsize=_CACHED)
def _matcher(pattern: str) -> Callable[[str], bool]:
    first, *middle = _STARS.split(pattern)
    if not middle:
        whole = re.compile(_piece(first), re.DOTALL)
        return lambda text: whole.fullmatch(text) is not None
    last = middle.pop()
    begin = re.compile(_piece(first) + "".join(f"(?>.*?{_piece(piece)})" for piece in middle if piece), re.DOTALL)
    end = re.compile(_piece(last), re.DOTALL)

    def matches(text: str) -> bool:
        found = begin.match(text)
        place = len(text) - len(last)
        return found is not None and found.end() <= place and end.fullmatch(text, place) is not None

    return matches


def _piece(piece: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in piece)
