"""The fuzz harness over the expression language: clean, and able to find something."""

from __future__ import annotations

from typing import Any

import pytest

from fuzz import fuzz_expressions
from plantgate.tags.expressions import expression, operators, syntax
from plantgate.tags.expressions.evaluation import Context


def test_ten_thousand_inputs_are_clean() -> None:
    fuzz_expressions.loop(10_000, 20_261_120)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_half_a_million_inputs_are_clean() -> None:
    fuzz_expressions.loop(500_000, 1)


@pytest.mark.parametrize(
    ("part", "name", "broken"),
    [
        (syntax, "_within", lambda node, _least: syntax._text(node)[0]),
        (expression, "checked", lambda value, _context: value),
        (Context, "note", lambda *_: None),
        (operators, "_places", lambda places: places),
    ],
    ids=["no parentheses", "infinity", "a quality lost", "shifts by any number"],
)
def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch, part: Any, name: str, broken: Any) -> None:
    monkeypatch.setattr(part, name, broken)
    expression.forget()
    with pytest.raises((AssertionError, ValueError, OverflowError)):
        fuzz_expressions.loop(10_000, 7)
    expression.forget()
