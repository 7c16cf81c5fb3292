"""Expressions that differ only in their tags, numbers and texts are parsed once.

`{A} * 2 + {B}` and `{C} * 3 + {D}` have the same tree with other things in the same places: what stands for itself is
cut out of a text, and what is left is looked up. Only if nobody has written that before the grammar is asked, which
stays the only one that knows what is an expression: a text that has an error goes the whole way to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from plantgate.limits import EXPRESSION_CHARS, EXPRESSION_TEMPLATES
from plantgate.tags.expressions.errors import ExpressionError
from plantgate.tags.expressions.grammar import tree
from plantgate.tags.expressions.paths import WrittenPath, written
from plantgate.tags.expressions.program import Program, program
from plantgate.tags.expressions.syntax import Node
from plantgate.tags.expressions.terminals import COMMENT, LINE_COMMENT, NUMBER, REFERENCE, TEXT, number, plain_text

# In the order in which the grammar prefers them. A number is none in the middle of a name (log10) or of another number.
_CUT = re.compile(rf"({REFERENCE}|{TEXT}|{LINE_COMMENT}|{COMMENT}|(?<![A-Za-z0-9_.])(?:{NUMBER}))")


class Template(NamedTuple):
    """A tree with its closures; `slots` says which part of a text belongs to the node in which column."""

    node: Node
    slots: Mapping[int, int]
    program: Program


KNOWN: dict[tuple[str, ...], Template] = {}


def filled(text: str) -> tuple[Program, list[Any]]:
    """The closures of its shape, and what stands in its places: numbers, texts, WrittenPath. Raises ExpressionError."""
    template, found = template_of(text)
    return template.program, found


def template_of(text: str) -> tuple[Template, list[Any]]:
    """Raises ExpressionError."""
    if len(text) > EXPRESSION_CHARS:
        tree(text)  # says so
    parts = _CUT.split(text)
    try:
        key, found = _cut(parts)
    except ExpressionError:
        tree(text)  # may find another error before this one
        raise
    template = KNOWN.get(key)
    if template is None:
        template = _made(tree(text), parts, found)
        if len(KNOWN) >= EXPRESSION_TEMPLATES:
            del KNOWN[next(iter(KNOWN))]
        KNOWN[key] = template
    return template, found


def _made(node: Node, parts: list[str], found: list[Any]) -> Template:
    slots: dict[int, int] = {}
    wanted: dict[int, str] = {}
    column = 1
    for place, part in enumerate(parts):
        if place % 2:
            slots[column] = place // 2
            if isinstance(path := found[place // 2], WrittenPath):
                wanted[column] = path.wanted
        column += len(part)
    return Template(node, slots, program(node, slots, wanted))


def _cut(parts: list[str]) -> tuple[tuple[str, ...], list[Any]]:
    """What is left with the kinds of what was cut out, and that. Raises ExpressionError."""
    values: list[Any] = []
    key = parts[::2]
    kinds = ""
    column = 1
    for place, part in enumerate(parts):
        if place % 2:
            first = part[0]
            if first == "{":
                path = written(part[1:-1], column)
                values.append(path)
                kinds += "*" if path.is_pattern else f"{{{path.wanted}"
            elif first == "/":
                values.append(None)
                kinds += "/"
            elif first in "\"'":
                values.append(plain_text(part, column))
                kinds += '"'
            else:
                value = number(part, column)
                values.append(value)
                kinds += "1" if isinstance(value, int) else "."
        column += len(part)
    key.append(kinds)
    return tuple(key), values
