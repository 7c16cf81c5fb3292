"""What is an expression, what is not, and what people are told about it."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import ConfigError
from plantgate.limits import EXPRESSION_CHARS, EXPRESSION_DEPTH, EXPRESSION_NODES
from plantgate.model.value import TagValue
from plantgate.tags.expressions import ExpressionError, parse
from plantgate.tags.expressions.functions import FUNCTIONS
from plantgate.tags.expressions.grammar import tree
from plantgate.tags.expressions.syntax import LEVELS, written_out


@pytest.mark.parametrize(
    ("text", "code", "column", "message", "hint"),
    [
        ("", "EXP-112", 1, "the expression ends too early", "a value or a closing ) is missing"),
        ("1 +", "EXP-112", 4, "the expression ends too early", "a value or a closing"),
        ("abs(1", "EXP-112", 6, "the expression ends too early", "a value or a closing ) is missing"),
        ("1 2", "EXP-113", 3, "2 can't stand here", "an operator or a comma may be missing before it"),
        ("{A} {B}", "EXP-113", 5, "{B} can't stand here", "an operator"),
        ("(1))", "EXP-113", 4, ") can't stand here", ""),
        ("1 < 2 < 3", "EXP-114", 7, "< can't stand here", "comparisons don't stand in a row"),
        ("1 = 2 = 3", "EXP-114", 7, "= can't stand here", "comparisons don't stand in a row"),
        ("1 = 2 < 3 == 4", "EXP-114", 11, "== can't stand here", "comparisons don't"),
        ("1 + 'abc", "EXP-113", 5, "' can't stand here", "the text that begins here has no closing '"),
        ("1 + {A", "EXP-113", 5, "{ can't stand here", "the tag that begins here has no closing }"),
        ("1 /* 2", "EXP-113", 4, "* can't stand here", ""),
        ("* 2", "EXP-113", 1, "* can't stand here", ""),
        ("1 xorabc 2", "EXP-113", 3, "xorabc can't stand here", ""),
        ("1 $ 2", "EXP-113", 3, "$ can't stand here", "docs/expressions.md shows"),
        ("1 \x1b[2J", "EXP-113", 3, "\\x1b can't stand here", ""),
        ("9223372036854775808", "EXP-102", 1, "the number 9223372036854775808 is too large", "whole numbers go to"),
        ("1e999", "EXP-102", 1, "the number 1e999 is too large", ""),
        (r'1 + "a\q"', "EXP-103", 7, r"\q means nothing in a text", r"write \\ for a backslash"),
        ("Speed + 1", "EXP-104", 1, "Speed is no value", 'a tag is written {Speed}, a text "Speed"'),
        ("now > 1", "EXP-104", 1, "now is no value", "a function is called with parentheses: now()"),
        ("1 + rond(2)", "EXP-105", 5, "there is no function rond()", "did you mean round?"),
        ("__import__('os')", "EXP-105", 1, "there is no function __import__()", "docs/expressions.md has all of them"),
        ("{A/*} + 1", "EXP-108", 1, "several tags stand where one value is wanted", "put sum(), mean()"),
        ("{A/*}", "EXP-108", 1, "several tags stand", ""),
        ("round({A/*})", "EXP-108", 7, "several tags stand", ""),
        ("onlyGood({A/*})", "EXP-108", 1, "several tags stand", ""),
        ("if({A/*}, 1, 2)", "EXP-108", 4, "several tags stand", ""),
        ("round()", "EXP-109", 1, "round() can't have 0 arguments", "it is round(number, [decimals])"),
        ("if(1, 2)", "EXP-109", 1, "if() can't have 2 arguments", "it is if(condition, yes, no)"),
        ("abs(1, 2)", "EXP-109", 1, "abs() can't have 2 arguments", "it is abs(number)"),
        ("len(1, )", "EXP-113", 8, ") can't stand here", ""),
        ("switch(1, 2, 3, 4, 5)", "EXP-109", 1, "switch() can't have 5 arguments", "it is switch(value, case"),
        ("mean(onlyGood({A}))", "EXP-110", 15, "onlyGood() takes the tags of a folder", "as in mean("),
        ("mean(onlyGood(onlyGood({A/*})))", "EXP-110", 15, "onlyGood() takes", ""),
        ("now({A})", "EXP-111", 5, "now() takes a constant number of milliseconds", "as in now(5000)"),
        ("{}", "EXP-130", 1, "{} names no tag", "all tags of the own folder are {./*}"),
        ("{.}", "EXP-130", 1, "{.} names no tag", "all tags of the own folder are {./*}"),
        ("1 + { A }", "EXP-130", 5, "{ A } names no tag", "without spaces around it: {A}"),
        ("{A/**/B/**/C}", "EXP-130", 1, "{A/**/B/**/C} names no tag: only one **", ""),
        ("{A/B**}", "EXP-130", 1, "{A/B**} names no tag: ** stands for whole folders", ""),
        ("{[default]}", "EXP-130", 1, "{[default]} names no tag", ""),
        ("{A.speed}", "EXP-132", 1, "{A.speed}: a tag has no property speed: there are value, quality,", ""),
        ("{A.qualty}", "EXP-132", 1, "{A.qualty}: a tag has no property qualty", "did you mean quality?"),
        ("{A.}", "EXP-132", 1, "{A.}: a tag has no property", ""),
        ("{A/*.unit}", "EXP-130", 1, "{A/*.unit} names no tag: ", ""),
        ("{M*/A.unit}", "EXP-130", 1, "{M*/A.unit} names no tag: one tag has properties", ""),
        ("{A[x]}", "EXP-130", 1, "{A[x]} names no tag", ""),
        ("{A}[1", "EXP-112", 6, "the expression ends too early", ""),
        ("{A}[1, 2, 3]", "EXP-109", 4, "element() can't have 4 arguments", "it is element(value, row, [column])"),
        ("{A}[]", "EXP-113", 5, "] can't stand here", ""),
        ("1 < 2 like 3", "EXP-114", 7, "like can't stand here", "comparisons don't stand in a row"),
        ("timestampOf({A} + 1)", "EXP-115", 17, "timestampOf() takes a tag", "as in timestampOf("),
        ("hasChanged({A}, true, {B})", "EXP-111", 23, "hasChanged() takes a constant", "as in now(5000)"),
        ("case(1, 2, 3, 4, 5)", "EXP-109", 1, "case() can't have 5 arguments", "it is case(value, case"),
        ("{[default/A}", "EXP-130", 1, "{[default/A} names no tag", ""),
        ("1 +\n  foo(1)", "EXP-105", 7, "there is no function foo()", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(text: str, code: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    assert isinstance(error, ConfigError)
    assert (error.code, error.column) == (code, column)
    assert error.message.startswith(f"column {column}: {message}")
    assert error.hint.startswith(hint)


def test_a_path_that_leaves_the_provider() -> None:
    expression = parse("1 + {../../Speed}")
    assert expression.bound("[default]A/B").references == {"[default]Speed"}
    with pytest.raises(ExpressionError) as caught:
        expression.bound("[default]A")
    assert (caught.value.code, caught.value.column) == ("EXP-131", 5)
    assert "goes 2 folders up, but [default]A is only 1 deep" in caught.value.message


def test_a_text_that_is_too_long() -> None:
    parse("1" + " " * (EXPRESSION_CHARS - 1))
    with pytest.raises(ExpressionError, match="EXP-101"):
        parse("1" + " " * EXPRESSION_CHARS)


@pytest.mark.parametrize(
    "nested",
    [
        lambda depth: "+".join(["1"] * depth),
        lambda depth: "^".join(["1"] * depth),
        lambda depth: "-" * (depth - 1) + "{A}",
        lambda depth: "abs(" * (depth - 1) + "{A}" + ")" * (depth - 1),
        lambda depth: "coalesce(" * (depth - 1) + "{A}" + ")" * (depth - 1),
        lambda depth: "try(" * (depth - 1) + "{A}" + ", 0)" * (depth - 1),
        lambda depth: "if(true, " * (depth - 1) + "{A}" + ", 0)" * (depth - 1),
        lambda depth: "sum(" * (depth - 1) + "{A}" + ")" * (depth - 1),
        lambda depth: "1+(" * (depth - 1) + "{A}" + ")" * (depth - 1),
        lambda depth: "{A} && (" * (depth - 1) + "{A}" + ")" * (depth - 1),
    ],
    ids=["sums", "powers", "signs", "calls", "coalesce", "try", "if", "sum", "parentheses", "and"],
)
def test_nesting_is_bounded_long_before_the_stack(nested: object) -> None:
    """The deepest one leaves most of the interpreter's stack free; a deeper one is refused while it is read."""
    assert callable(nested)
    depth = _frames()
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 6 * EXPRESSION_DEPTH)
    try:
        expression = parse(nested(EXPRESSION_DEPTH))
        assert expression.evaluate(lambda _: TagValue(1, 192, 0), 0, lambda _: ())[1:] == (192, "")
        assert str(parse(str(expression))) == str(expression)
        for deeper in (EXPRESSION_DEPTH + 1, EXPRESSION_CHARS // 16):
            with pytest.raises(ExpressionError, match="EXP-106"):
                parse(nested(deeper))
    finally:
        sys.setrecursionlimit(old)


def _frames() -> int:
    frame, count = sys._getframe(), 0
    while frame.f_back is not None:
        frame, count = frame.f_back, count + 1
    return count


def test_parentheses_alone_are_no_nesting() -> None:
    assert str(parse("(" * 1_000 + "1" + ")" * 1_000)) == "1"


def test_the_number_of_parts_is_bounded() -> None:
    parse(f"sum({','.join(['1'] * (EXPRESSION_NODES - 1))})")
    with pytest.raises(ExpressionError, match="EXP-107"):
        parse(f"sum({','.join(['1'] * EXPRESSION_NODES)})")


def test_the_same_text_is_compiled_once() -> None:
    assert parse("{./A} * 12345") is parse("{./A} * 12345")


def test_an_expression_can_do_nothing_but_calculate() -> None:
    for text in ("().__class__", "{A}.x", "a = 1", "lambda: 1", "[1]", "f'{A}'", "open('x')", "1; 2", "`id`"):
        with pytest.raises(ExpressionError):
            parse(text)


@given(st.text(max_size=60) | st.text(alphabet="{}[]()+-*/%^&|!~=<>.,'\"\\ \n0129abexnotrusf", max_size=60))
def test_any_text_is_an_expression_or_an_expression_error(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError as error:
        column = error.column
    else:
        column = 1
        assert str(parse(str(expression))) == str(expression)
    assert 1 <= column <= len(text) + 1


_ATOMS = st.one_of(
    st.integers(0, (1 << 63) - 1).map(str),
    st.floats(0, allow_nan=False, allow_infinity=False).map(repr),
    st.text(max_size=8).map(json.dumps),
    st.sampled_from(["true", "false", "null", "{[default]Line 1/A}", "{../B}", "{[.]C}", "now()", "sum({*})"]),
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from([each for level in LEVELS for each in level]), parts).map(
            lambda each: f"({each[0]}) {each[1]} ({each[2]})"
        ),
        st.tuples(st.sampled_from("-!~"), parts).map(lambda each: f"{each[0]}({each[1]})"),
        st.lists(parts, min_size=1, max_size=3).map(lambda each: f"coalesce({', '.join(each)})"),
    ),
    max_leaves=12,
)


@given(_EXPRESSIONS)
def test_what_is_written_out_parses_to_the_same_tree(text: str) -> None:
    parsed = tree(text)
    again = tree(written_out(parsed))
    assert again == parsed
    assert written_out(again) == written_out(parsed)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_are_found_in_any_case_and_written_in_their_own(name: str) -> None:
    function = FUNCTIONS[name]
    if name in ("onlyGood", "now"):
        return
    arguments = "{A}" if function.takes_references else ", ".join(["1"] * function.least)
    for spelled in (name.upper(), *function.other_names):
        assert str(parse(f"{spelled}({arguments})")) == f"{name}({arguments})"
