r"""What stands for itself in an expression: numbers, texts and references, and the values of the first two."""

from __future__ import annotations

import math
import re

from plantgate.runtime.log import printable
from plantgate.tags.expressions.errors import ExpressionError
from plantgate.tags.expressions.evaluation import WHOLE_MAX

NUMBER = r"0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
TEXT = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
REFERENCE = r"\{[^{}\n]*\}"
LINE_COMMENT = r"\/\/[^\n]*"
COMMENT = r"\/\*(?:[^*]|\*(?!\/))*\*\/"

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_SHOWN_CHARS = 20
_SAFE_DIGITS = len(str(WHOLE_MAX)) - 1


def number(token: str, column: int) -> float:
    """Raises ExpressionError EXP-102 for one that no tag can hold."""
    value: float
    if token.isdecimal():
        if len(token) <= _SAFE_DIGITS:
            return int(token)
        value = int(token) if len(token) == _SAFE_DIGITS + 1 else WHOLE_MAX + 1
    else:
        value = int(token, 16) if token[:2] in ("0x", "0X") else float(token)
    if value > WHOLE_MAX if isinstance(value, int) else not math.isfinite(value):
        raise ExpressionError(
            "EXP-102",
            f"the number {printable(token, _SHOWN_CHARS)} is too large",
            column,
            f"whole numbers go to {WHOLE_MAX}, others to 1.8e308",
        )
    return value


def plain_text(token: str, column: int) -> str:
    """Without its quotation marks and escapes. Raises ExpressionError EXP-103 for an escape that there isn't."""
    inner = token[1:-1]
    if "\\" not in inner:
        return inner

    def plain(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise ExpressionError(
                "EXP-103",
                f"\\{printable(escape)} means nothing in a text",
                column + 1 + match.start(),
                r"write \\ for a backslash; there are \n \t \r \" \' and \u0041",
            )
        return _ESCAPES[escape]

    value = _ESCAPE.sub(plain, inner)
    # Two escapes may be the halves of one character, as in JSON.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
