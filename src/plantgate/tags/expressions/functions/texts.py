"""Functions of texts."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from plantgate.limits import TAG_TEXT_CHARS
from plantgate.model.quality import Quality
from plantgate.tags.expressions.evaluation import Trouble, Value, anything, failure, number, text, whole
from plantgate.tags.expressions.functions.numbers import rounded
from plantgate.tags.expressions.functions.shape import Function, plain
from plantgate.tags.expressions.functions.stringformat import string_format

_FORMAT = re.compile(r"(?P<group>#,##)?(?P<head>#*)(?P<whole>0*)(?:\.(?P<fixed>0*)(?P<free>#*))?(?P<percent>%?)\Z")
_DIGITS = 15
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


def _concat(*texts: str) -> str:
    return "".join(texts)


def _left(value: str, count: int) -> str:
    return value[: max(0, count)]


def _right(value: str, count: int) -> str:
    return value[len(value) - min(len(value), max(0, count)) :]


def _substring(value: str, start: int, end: int | None = None) -> str:
    last = len(value) if end is None else end
    if not 0 <= start <= last <= len(value):
        raise failure(f"substring() from {start} to {last} of a text of {len(value)} characters")
    return value[start:last]


def _replace(value: str, old: str, new: str) -> str:
    if not old:
        return value
    _room("replace", len(value) + value.count(old) * (len(new) - len(old)))
    return value.replace(old, new)


def _repeat(value: str, count: int) -> str:
    _room("repeat", len(value) * max(0, count))
    return value * count


def _char(code: int) -> str:
    if not 0 <= code <= _LAST_CHARACTER or _SURROGATES[0] <= code <= _SURROGATES[1]:
        raise failure(f"char() takes the number of a character, 0 to {_LAST_CHARACTER}")
    return chr(code)


def _ordinal(value: str) -> int:
    if not value:
        raise failure("ordinal() takes a text of at least one character")
    return ord(value[0])


def _escape_xml(value: str) -> str:
    return escape(value, {'"': "&quot;", "'": "&apos;"})


def _room(name: str, length: int) -> None:
    if length > TAG_TEXT_CHARS:
        raise failure(f"the result of {name}() is a text of more than {TAG_TEXT_CHARS} characters")


def formatted(value: Value, pattern: str) -> str:
    """`#,##0.00`: 0 is a digit, # one where needed, a comma groups by thousands, % multiplies by 100."""
    match = _FORMAT.match(pattern)
    fixed, free = (len(match[name] or "") for name in ("fixed", "free")) if match else (0, 0)
    if match is None or not pattern or fixed + free > _DIGITS or len(match["whole"]) > _DIGITS:
        raise Trouble(Quality.ERROR_FORMATTING, "numberFormat() takes a format such as 0.00, #,##0.0 or 0%")
    shown = rounded(value * 100 if match["percent"] else value, fixed + free)
    digits = f"{abs(shown):{',' if match['group'] else ''}.{fixed + free}f}"
    before, _, after = digits.partition(".")
    after = after[:fixed] + after[fixed:].rstrip("0")
    before = _padded(before, len(match["whole"]), grouped=bool(match["group"]))
    sign = "-" if shown < 0 else ""
    return f"{sign}{before}{'.' if after else ''}{after}{match['percent']}"


def _padded(digits: str, least: int, *, grouped: bool) -> str:
    if not least and digits == "0":
        return ""
    plain_digits = digits.replace(",", "").zfill(least)
    return f"{int(plain_digits):0{least},}" if grouped and least <= len(digits) else plain_digits


FUNCTIONS: tuple[Function, ...] = (
    plain("concat(value, ...)", "All of them as one text.", 'concat("Line ", 1)', '"Line 1"', _concat, text),
    plain("upper(text)", "In capital letters.", 'upper("hello")', '"HELLO"', str.upper, text),
    plain("lower(text)", "In small letters.", 'lower("Hello")', '"hello"', str.lower, text),
    plain("trim(text)", "Without spaces at both ends.", 'trim("  a b ")', '"a b"', str.strip, text),
    plain("left(text, count)", "Its first characters.", 'left("hello", 2)', '"he"', _left, text, whole),
    plain("right(text, count)", "Its last characters.", 'right("hello", 2)', '"lo"', _right, text, whole),
    plain(
        "substring(text, start, [end])",
        "From `start`, counted from 0, up to but without `end`.",
        'substring("unladen", 2, 5)',
        '"lad"',
        _substring,
        text,
        whole,
        whole,
    ),
    plain(
        "replace(text, old, new)",
        "With each `old` made `new`.",
        'replace("a-b-c", "-", "+")',
        '"a+b+c"',
        _replace,
        text,
        text,
        text,
    ),
    plain("repeat(text, count)", "So many times in a row.", 'repeat("ab", 3)', '"ababab"', _repeat, text, whole),
    plain("reverse(text)", "Backwards.", 'reverse("abc")', '"cba"', lambda value: value[::-1], text),
    plain(
        "indexOf(text, part)", "Where `part` first begins, from 0; -1 if nowhere.", 'indexOf("hello", "l")', "2",
        str.find, text, text,
    ),
    plain(
        "lastIndexOf(text, part)", "Where `part` last begins; -1 if nowhere.", 'lastIndexOf("hello", "l")', "3",
        str.rfind, text, text,
    ),
    plain("char(code)", "The character of a Unicode number.", "char(65)", '"A"', _char, whole),
    plain("ordinal(text)", "The Unicode number of its first character.", 'ordinal("A")', "65", _ordinal, text),
    plain(
        "escapeXML(text)", "With `<`, `>`, `&` and quotation marks as XML wants them.", 'escapeXML("a<b")', '"a&lt;b"',
        _escape_xml, text,
    ),
    plain(
        "stringFormat(format, value, ...)",
        "The format with its `%s` (text), `%d` (whole), `%f` `%.2f` `%e` (number), `%x` (hexadecimal), `%b` (truth).",
        'stringFormat("%s: %.1f %%", "Level", 47.25)', '"Level: 47.3 %"', string_format, text, anything,
    ),
    plain(
        "numberFormat(number, format)",
        "As text: 0 is a digit, # one where needed, a comma groups thousands, % multiplies by 100.",
        'numberFormat(1234.5, "#,##0.00")',
        '"1,234.50"',
        formatted,
        number,
        text,
    ),
)  # fmt: skip
