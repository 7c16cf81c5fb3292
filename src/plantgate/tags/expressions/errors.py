"""What is wrong with the text of an expression, and where in it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from plantgate.errors import ConfigError
from plantgate.runtime.log import printable


class ExpressionError(ConfigError):
    """`column` counts characters from 1, over all lines. The configuration adds file, line and key."""

    def __init__(self, code: str, message: str, column: int, hint: str = "") -> None:
        super().__init__(code, printable(f"column {column}: {message}"), printable(hint))
        self.column = column


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint for a name that does not exist: the nearest one that does, or nothing."""
    by_fold = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), by_fold, n=1)
    return f"did you mean {by_fold[found[0]]}?" if found else ""
