"""The tree of an expression, and its text again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from plantgate.model.value import Scalar
from plantgate.tags.expressions.paths import WrittenPath


@dataclass(frozen=True, slots=True)
class Literal:
    value: Scalar
    column: int = field(compare=False)
    depth: int = field(default=1, compare=False)
    size: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """One tag, or with `*` in its path all that fit."""

    path: WrittenPath
    column: int = field(compare=False)
    depth: int = field(default=1, compare=False)
    size: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """`operands` are one for a sign before it, or two. `depth` counts levels, `size` nodes."""

    operator: str
    operands: tuple[Node, ...]
    column: int = field(compare=False)
    depth: int = field(compare=False)
    size: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`name` is the function's own, whatever case it was written in."""

    name: str
    arguments: tuple[Node, ...]
    column: int = field(compare=False)
    depth: int = field(compare=False)
    size: int = field(compare=False)


Node: TypeAlias = Literal | Reference | Operation | Call

# Loosest first; those of a level are grouped from the left, but ^ from the right and comparisons not at all.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("=", "!=", "=="),
    ("<", ">", "<=", ">=", "like"),
    ("<<", ">>"),
    ("|",),
    ("xor",),
    ("&",),
    ("+", "-"),
    ("*", "/", "%"),
    ("^",),
)
COMPARING = (2, 3)
_LEVEL = {operator: level for level, operators in enumerate(LEVELS) for operator in operators}
_UNARY = len(LEVELS)
_ATOM = _UNARY + 1
_CONSTANTS = {True: "true", False: "false", None: "null"}


def level_of(operator: str) -> int:
    """Of one with two sides; a higher one holds closer."""
    return _LEVEL[operator.lower()]


def written_out(node: Node) -> str:
    """The text that parses to an equal tree, with no more parentheses than it needs."""
    return _text(node)[0]


def _text(node: Node) -> tuple[str, int]:
    """The text, and how tightly it holds together."""
    if isinstance(node, Literal):
        return _literal(node.value), _ATOM
    if isinstance(node, Reference):
        return f"{{{node.path.text}}}", _ATOM
    if isinstance(node, Call):
        return f"{node.name}({', '.join(_text(each)[0] for each in node.arguments)})", _ATOM
    if len(node.operands) == 1:
        return f"{node.operator}{_within(node.operands[0], _UNARY)}", _UNARY
    return _binary(node.operator, node.operands)


def _binary(operator: str, operands: Sequence[Node]) -> tuple[str, int]:
    level = level_of(operator)
    left, right = level, level + 1
    if operator == "^":
        left, right = level + 1, level
    elif level in COMPARING:
        left = level + 1
    return f"{_within(operands[0], left)} {operator} {_within(operands[1], right)}", level


def _within(node: Node, least: int) -> str:
    text, level = _text(node)
    return text if level >= least else f"({text})"


def _literal(value: Scalar) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return _CONSTANTS[value] if value is None or isinstance(value, bool) else repr(value)
