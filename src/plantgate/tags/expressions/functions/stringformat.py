"""`stringFormat("%s: %.1f", ...)`: the part of Java's format strings that shows texts, numbers and truth."""

from __future__ import annotations

import re

from plantgate.limits import EXPRESSION_FORMAT_CHARS, TAG_TEXT_CHARS
from plantgate.model.quality import Quality
from plantgate.tags.expressions.evaluation import Trouble, Value, number, text, truth, whole
from plantgate.tags.expressions.functions.numbers import rounded

_ELEMENT = re.compile(r"%(?P<flags>[-0,+]*)(?P<width>[0-9]{0,2})(?:\.(?P<decimals>[0-9]{1,2}))?(?P<kind>[A-Za-z%]|\Z)")
_MOST_DECIMALS = 15
_DECIMALS = 6
_MASK = (1 << 64) - 1


def string_format(pattern: str, *values: Value) -> str:
    """Raises Trouble."""
    if len(pattern) > EXPRESSION_FORMAT_CHARS:
        raise _wrong(f"takes a format of at most {EXPRESSION_FORMAT_CHARS} characters")
    waiting = iter(values)
    used = 0

    def put(match: re.Match[str]) -> str:
        nonlocal used
        if match["kind"] == "%":
            return "%"
        used += 1
        return _shown(match, next(waiting, _MISSING), f"value {used} of stringFormat()")

    shown = _ELEMENT.sub(put, pattern)
    if len(shown) > TAG_TEXT_CHARS:
        raise _wrong(f"makes a text of more than {TAG_TEXT_CHARS} characters")
    return shown


_MISSING = object()


def _shown(match: re.Match[str], value: Value, where: str) -> str:
    kind = match["kind"]
    if value is _MISSING:
        raise _wrong("has fewer values than its format wants")
    if kind in "sS":
        shown = text(value, where) if value is not None else "null"
    elif kind == "b":
        shown = "true" if value is not None and truth(value, where) else "false"
    elif kind in "di":
        shown = _signed(whole(value, where), match)
    elif kind in "xX":
        shown = format(whole(value, where) & _MASK, kind)
    elif kind in "feE":
        shown = _signed(number(value, where), match)
    else:
        raise _wrong(f"doesn't know %{kind}: there are %s %d %f %e %x %b %%")
    return _padded(shown.upper() if kind == "S" else shown, match)


def _signed(value: float, match: re.Match[str]) -> str:
    kind = match["kind"]
    decimals = min(int(match["decimals"] or _DECIMALS), _MOST_DECIMALS)
    comma = "," if "," in match["flags"] else ""
    if kind in "di":
        shown = f"{value:{comma}d}"
    elif kind == "f":
        shown = f"{float(rounded(value, decimals)):{comma}.{decimals}f}"
    else:
        shown = f"{float(value):.{decimals}{kind}}"
    return f"+{shown}" if "+" in match["flags"] and value >= 0 else shown


def _padded(shown: str, match: re.Match[str]) -> str:
    width = int(match["width"] or 0)
    if "-" in match["flags"]:
        return shown.ljust(width)
    if "0" in match["flags"] and match["kind"] not in "sSb":
        return shown.zfill(width)
    return shown.rjust(width)


def _wrong(what: str) -> Trouble:
    return Trouble(Quality.ERROR_FORMATTING, f"stringFormat() {what}")
