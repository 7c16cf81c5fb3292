"""Fuzzes the expression language: its parser, its texts and its evaluation.

    python -m fuzz.fuzz_expressions --runs 200000          repeatable, plain Python (also where atheris is missing)
    python -m fuzz.fuzz_expressions --atheris [CORPUS ...]  guided by coverage; libFuzzer's options follow

The invariant: any text is an expression or an ExpressionError with a column inside it; by way of its template it is
the tree that the grammar makes; an expression written out parses to the same; an evaluation over any tags raises
nothing, gives one value within the bounds, a quality no better than what it read, and a reason; it only reads what it
says it reads; no input takes longer than a second of processor time.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fuzz import harness
from plantgate.limits import EXPRESSION_CHARS, TAG_ARRAY_ITEMS, TAG_TEXT_CHARS
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition
from plantgate.model.tagproperty import KNOWN, LIVE
from plantgate.model.value import DataType, Scalar, TagValue
from plantgate.tags.expressions import Expression, ExpressionError, parse
from plantgate.tags.expressions.functions import FUNCTIONS
from plantgate.tags.expressions.grammar import tree
from plantgate.tags.expressions.syntax import Call, Node, Operation, Reference
from plantgate.tags.expressions.templates import template_of

_SLOW_SECONDS = 1.0
_VALUES: tuple[Scalar, ...] = (
    None, True, False, 0, 1, -7, 64, (1 << 63) - 1, -(1 << 63), (1 << 64) - 1, 0.0, -0.5, 2.675, 1e308, 5e-324,
    math.inf, math.nan, "", "a", "42", "1e5", "yyyy-MM-dd", "#,##0.00", "x" * TAG_TEXT_CHARS, "\u00df\U0001f3ed",
    1_795_212_000_000_000, (), (1, 2.5, None), ("a", "b"), (math.nan, True), ("x" * TAG_TEXT_CHARS,) * 3,
    '{"columns": ["a", "b"], "rows": [[1, "x"], [2, "y"]]}', "[1, {\"a\": null}]", "a*b?c%", "[" * 4_000,
)  # fmt: skip
_QUALITIES = (192, 192, 192, 0, 256, 516, 522, 770, 780, 999)
_TAGS = (
    "{A}", "{B}", "{../C}", "{[default]Line 1/D}", "{[~]E}", "{[.]F}", "{A.quality}", "{[.]F.Timestamp}", "{B[1]}",
    "{./G.EngUnit}", "{../C.high}", "{[..]H.name}",
)  # fmt: skip
_FOLDERS = ("{*}", "{Line 1/**}", "{**/Speed}", "onlyGood({M*/*})")
_WORDS = (
    "+", "-", "*", "/", "%", "^", "&&", "||", "!", "~", "=", "!=", "<", ">=", "<<", ">>", "&", "|", "xor", "like",
    "(", ")", "[", "]", "[0]",
    "True", "{A.unit}", "{A[3]}", "{A.b}", "{A*.unit}",
    ",", '"a b"', "'\\n'", '"\\u0041"', '"\\ud800"', "1", "2.5", ".5", "1e3", "0xFF", "9223372036854775807", "true",
    "null", " ", "\n", "//", "/*", "*/", "{", "}", '"', "\\", "{Line 1/*}", "now()", "now(5)", "\u00e4", "\x00",
)  # fmt: skip
_HIDING = (
    "coalesce",
    "try",
    "forceQuality",
    "qualityOf",
    "onlyGood",
    "qualifiedValue",
    "timestampOf",
    *(name for name in FUNCTIONS if name[:2] == "is"),
)
_OPERATORS = ("+", "-", "*", "/", "%", "^", "&&", "||", "=", "!=", "<", ">=", "<<", ">>", "&", "|", "xor", "like")


def check(data: bytes) -> None:
    """One input: its first bytes say what the tags hold, the rest is the text."""
    check_text(data[4:].decode("utf-8", "replace"), data[:4])


def check_text(text: str, seed: bytes) -> None:
    began = time.process_time()
    try:
        expression = parse(text)
    except ExpressionError as error:
        _refused(error, text)
    else:
        assert tree_of(text) == tree(text), "by way of its template it is another tree"
        again = parse(str(expression))
        assert str(again) == str(expression), "written out it is another expression"
        _evaluate(expression, again, seed)
    assert time.process_time() - began < _SLOW_SECONDS, "an input took longer than a second of processor time"


def tree_of(text: str) -> Node:
    """The tree of the template of `text`, with its own literals and references in it."""
    template, found = template_of(text)
    return _put(template.node, template.slots, found)


def _put(node: Node, slots: Mapping[int, int], found: Sequence[Any]) -> Node:
    if isinstance(node, Operation):
        return replace(node, operands=tuple(_put(each, slots, found) for each in node.operands))
    if isinstance(node, Call):
        return replace(node, arguments=tuple(_put(each, slots, found) for each in node.arguments))
    slot = slots.get(node.column)
    if slot is None:
        return node
    return replace(node, path=found[slot]) if isinstance(node, Reference) else replace(node, value=found[slot])


def _refused(error: ExpressionError, text: str) -> None:
    assert 1 <= error.column <= len(text) + 1, f"column {error.column} of {len(text)}"
    assert (error.message + error.hint).isprintable(), "an error that is not printable"


def _evaluate(expression: Expression, again: Expression, seed: bytes) -> None:
    try:
        bound, same = expression.bound("[default]Line 1/Filler"), again.bound("[default]Line 1/Filler")
    except ExpressionError:
        return
    assert (bound.references, bound.folders, bound.needs_clock) == (same.references, same.folders, same.needs_clock)
    now = 1_795_212_000_000_000
    seen = any(f".{name}" in str(bound).lower() for name in (*LIVE, *KNOWN))
    used, twice = _Used(bound, seed), _Used(same, seed)
    outcome = bound.evaluate(used.read, now, used.folder, used.define)
    assert repr(outcome) == repr(same.evaluate(twice.read, now, twice.folder, twice.define)), "another result"
    value, quality, reason = outcome
    if used.worst >= Quality.UNCERTAIN and not seen and not any(f"{name}(" in str(bound) for name in _HIDING):
        assert quality >= used.worst, "a better quality than that of an input"
    _check_value(value)
    assert bool(reason) == (quality >= Quality.UNCERTAIN), "a reason without a bad quality, or the other way round"
    assert reason.isprintable()


def _check_value(value: Any) -> None:
    assert isinstance(value, bool | int | float | str | tuple | None)
    assert not isinstance(value, float) or math.isfinite(value), "a result that is not finite"
    assert not isinstance(value, str) or len(value) <= TAG_TEXT_CHARS, "a text that is too long"
    if isinstance(value, tuple):
        assert len(value) <= TAG_ARRAY_ITEMS, "an array that is too long"
        for item in value:
            assert not isinstance(item, tuple), "an array in an array"
            _check_value(item)


def _tag(path: str, seed: bytes) -> TagValue:
    number = sum(path.encode()) + sum(byte << place for place, byte in enumerate(seed))
    return TagValue(_VALUES[number % len(_VALUES)], _QUALITIES[number // 7 % len(_QUALITIES)], 0)


class _Used:
    """What an evaluation reads: only what it says, and the worst quality of it."""

    def __init__(self, expression: Expression, seed: bytes) -> None:
        self._expression, self._seed = expression, seed
        self.worst = 0

    def read(self, path: str) -> TagValue:
        assert path in self._expression.references, "a tag that it does not depend on"
        found = _tag(path, self._seed)
        self.worst = max(self.worst, found.quality)
        return found

    def define(self, path: str) -> TagDefinition | None:
        assert path in self._expression.references, "a tag that it does not depend on"
        return TagDefinition(path, DataType.FLOAT8, unit="m/s", high=20.0) if self._seed[:1] < b"\x80" else None

    def folder(self, pattern: str) -> Sequence[TagValue]:
        assert pattern in self._expression.folders, "a folder that it does not depend on"
        found = [_tag(f"{pattern}{number}", self._seed) for number in range(self._seed[0] % 4 if self._seed else 0)]
        self.worst = max(self.worst, *(each.quality for each in found), 0)
        return found


def generate(source: random.Random) -> tuple[str, bytes]:
    """Mostly expressions, some with a piece changed, some only pieces."""
    if source.random() < 0.7:
        text = _expression(source, source.randrange(1, 5))
    else:
        names = tuple(f"{name}(" for name in FUNCTIONS)
        text = "".join(source.choice(source.choice((_WORDS, names, _TAGS))) for _ in range(source.randrange(12)))
    if source.random() < 0.2:
        place = source.randrange(len(text) + 1)
        text = text[:place] + source.choice(_WORDS) + text[place + source.randrange(3) :]
    if source.random() < 0.001:
        text = source.choice(("(", "-", "1+", "abs(", "{A}^", "!", '"', "/*", "a", "{")) * (EXPRESSION_CHARS // 3)
    return text, source.randbytes(4)


def _expression(source: random.Random, depth: int) -> str:
    if depth == 0 or source.random() < 0.2:
        return _leaf(source)
    if source.random() < 0.3:
        operands = _expression(source, depth - 1), _expression(source, depth - 1)
        return f"({operands[0]} {source.choice(_OPERATORS)} {operands[1]})"
    if source.random() < 0.05:
        return f"{_leaf(source)}[{_expression(source, depth - 1)}]"
    if source.random() < 0.1:
        return f"{source.choice('-!~')}{_expression(source, depth - 1)}"
    function = FUNCTIONS[source.choice(tuple(FUNCTIONS))]
    if function.takes_references:
        return f"{function.name}({source.choice(_TAGS)})"
    if function.rate is not None and source.random() < 0.3:
        return f"{function.name}({', '.join((*['{A}', 'true'][: function.rate], '250'))})"
    if function.takes_folders and source.random() < 0.5:
        return f"{function.name}({source.choice(_FOLDERS)})"
    most = function.most if function.rate is None else function.rate
    count = source.randint(function.least, function.least + 3 if most is None else most)
    return f"{function.name}({', '.join(_expression(source, depth - 1) for _ in range(count))})"


def _leaf(source: random.Random) -> str:
    if source.random() < 0.5:
        return source.choice(_TAGS)
    value = _VALUES[source.randrange(len(_VALUES))]
    if isinstance(value, str):
        return f'"{value[:20]}"'
    if value is None or isinstance(value, bool):
        return str({None: "null", True: "true", False: "false"}[value])
    return repr(value) if isinstance(value, int | float) and math.isfinite(value) else "1.5"


def loop(runs: int, seed: int) -> None:
    """The plain-Python loop: the same inputs for the same seed."""
    harness.loop(generate, lambda made: check_text(*made), runs, seed)


if __name__ == "__main__":
    harness.main(__doc__, loop, check)
