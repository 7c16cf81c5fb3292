"""Every function does what its example says and stands in the reference."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

import pytest

from plantgate.model.value import TagValue
from plantgate.tags.expressions import parse
from plantgate.tags.expressions.functions import FUNCTIONS, GROUPS
from plantgate.tags.expressions.functions.shape import Function

PAGE = Path(__file__).parents[3] / "docs" / "expressions.md"
MOTORS = (TagValue(10, 192, 0), TagValue(20, 192, 0), TagValue(5, 516, 0))
NOW = 1_795_183_509_250_000


def one_tag(path: str) -> TagValue:
    assert path == "[default]Speed", f"an example reads {path}"
    return TagValue(50.0, 192, NOW)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_the_example_gives_the_result(function: Function) -> None:
    value, _, reason = parse(function.example).bound("[default]", UTC).evaluate(one_tag, NOW, lambda _: MOTORS)
    expected, _, _ = parse(function.result).evaluate(one_tag, NOW, lambda _: ())
    assert (value, type(value)) == (expected, type(expected)), reason


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_the_words_fit_the_function(function: Function) -> None:
    name, _, rest = function.signature.partition("(")
    arguments = [each for each in rest.removesuffix(")").split(", ") if each]
    named = [each for each in arguments if each != "..."]
    required = [each for each in named if not each.startswith("[")]
    assert name == function.name
    assert function.summary.endswith((".", "`."))
    assert (function.most is None) == ("..." in arguments)
    if not function.in_pairs:
        assert function.least == len(required)
        assert function.most in (None, len(named))
    assert function.name in function.example


def rows(group: str) -> list[str]:
    lines = ["| function | gives | example | result |", "|---|---|---|---|"]
    for function in GROUPS[group]:
        other = "".join(f", `{name}`" for name in function.other_names)
        example, result = (text.replace("|", "\\|") for text in (function.example, function.result))
        lines.append(f"| `{function.signature}`{other} | {function.summary} | `{example}` | `{result}` |")
    return lines


def test_the_reference_has_every_function() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for group in GROUPS:
        section = page.partition(f"\n### {group}\n")[2].partition("\n#")[0].strip().splitlines()
        found = [line for line in section if line.startswith("|")]
        assert found == rows(group), f"docs/expressions.md, {group}: the table is another one"


def test_the_reference_has_no_other_function() -> None:
    named = re.findall(r"`(\w+)\(", PAGE.read_text(encoding="utf-8"))
    assert {name for name in named if name not in FUNCTIONS} == set()


def test_every_expression_in_the_reference_parses() -> None:
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for line in (line for block in blocks for line in block.splitlines()):
        parse(line)
