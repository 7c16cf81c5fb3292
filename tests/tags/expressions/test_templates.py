"""Expressions that share a template are what the grammar makes of each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.fuzz_expressions import tree_of
from plantgate.limits import EXPRESSION_TEMPLATES
from plantgate.model.value import TagValue
from plantgate.tags.expressions import ExpressionError, parse
from plantgate.tags.expressions.expression import forget
from plantgate.tags.expressions.grammar import tree
from plantgate.tags.expressions.syntax import Node
from plantgate.tags.expressions.templates import KNOWN

VALUES = {f"[default]{name}": TagValue(value, 192, 0) for name, value in {"A": 3, "B": 4.5, "C": 7, "D": 2}.items()}

references = st.sampled_from(["{A}", "{[.]B}", "{../C.quality}", "{D[2]}", "{A.EngUnit}", "{[default]Line 1/D}"])
folders = st.sampled_from(["{*}", "{Line 1/**}", "{M*/Speed}"])
numbers = st.one_of(
    st.integers(0, (1 << 63) - 1).map(str),
    st.floats(0, 1e300, allow_nan=False).map(repr),
    st.sampled_from(["0xFF", ".5", "1.", "1e3"]),
)
texts = st.text(alphabet="ab{}'\"/*\\n1.", max_size=6).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
atoms = st.one_of(references, numbers, texts, st.sampled_from(["true", "False", "NULL", "now(500)", "log10(10)"]))
spaces = st.sampled_from(["", " ", "\n", " // {A} 'x\n", '/* 1 " */'])


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "^", "&&", "||", "=", "!=", "<", " xor ", " like "])
    return st.one_of(
        st.tuples(inner, spaces, operators, spaces, inner).map("".join),
        st.tuples(st.sampled_from("-!~"), inner).map("".join),
        st.tuples(st.just("("), inner, st.just(")")).map("".join),
        st.tuples(st.just("round("), inner, st.just(", 2)")).map("".join),
        st.tuples(inner, st.just("["), inner, st.just("]")).map("".join),
        st.tuples(st.just("sum("), folders, st.just(", "), inner, st.just(")")).map("".join),
    )


expressions = st.recursive(atoms, combined, max_leaves=12)


def outcome(parsed: Callable[[str], Node], text: str) -> Node | tuple[str, int]:
    try:
        return parsed(text)
    except ExpressionError as error:
        return error.code, error.column


@given(st.lists(expressions, min_size=1, max_size=4))
def test_a_template_gives_the_tree_of_the_grammar(written: list[str]) -> None:
    for text in (*written, *written):
        assert outcome(tree_of, text) == outcome(tree, text)


@pytest.mark.parametrize(
    ("first", "second", "third", "values"),
    [
        ("{A} * 2 + {B}", "{C} * 3 + {D}", "{A} * 1 + {A}", (10.5, 23, 6)),
        ("{A} * 2 + {B}", "{C} * 3.5 + {D}", "{C} * 2 + {D}", (10.5, 26.5, 16)),
        ("'a' + {A}", "'b' + {B}", "'//' + {C}", ("a3", "b4.5", "//7")),
        ("60 * 60 + {A}", "60 * 2 + {A}", "1 * 1 + {B}", (3_603, 123, 5.5)),
        ("1 / 0", "1 / 2", "6 / 3", (None, 0.5, 2.0)),
        ("{A.quality}", "{B.quality}", "{B.value}", (192, 192, 4.5)),
        ("if({A} > 2, 1, 1 / 0)", "if({D} > 2, 1, 1 / 4)", "if({C} > 9, 1, 1 / 5)", (1, 0.25, 0.2)),
    ],
)
def test_each_text_keeps_its_own_values(
    first: str, second: str, third: str, values: tuple[float | str | None, ...]
) -> None:
    forget()
    found = [parse(text).bound("[default]") for text in (first, second, third)]
    for _ in range(2):
        assert tuple(each.evaluate(VALUES.__getitem__, 0, lambda _: ())[0] for each in found) == values


def test_equal_shapes_are_parsed_once() -> None:
    forget()
    for number in range(50):
        parse(f"{{Line 1/T{number}}} * {number} + {{B}} // number {number}")
    assert len(KNOWN) == 1
    parse("{A.unit}")
    parse("{A.format}")
    assert len(KNOWN) == 3


def test_the_clock_is_that_of_the_text() -> None:
    clocks = [parse(text).needs_clock for text in ("now(500)", "now(2000)", "now(1)", "now(0)", "now()", "{A}")]
    assert clocks == [0.5, 2.0, 0.1, None, 1.0, None]


def test_templates_are_bounded() -> None:
    forget()
    for number in range(EXPRESSION_TEMPLATES + 5):
        parse("{A}" + " " * number)
    assert len(KNOWN) == EXPRESSION_TEMPLATES
    assert str(parse("{A}")) == "{A}"
