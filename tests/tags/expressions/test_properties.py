"""Properties of tags, arrays, datasets, `like`, and what hasChanged() remembers."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.limits import EXPRESSION_FORMAT_CHARS, TAG_DOCUMENT_CHARS
from plantgate.model.quality import label
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType, Scalar, TagValue
from plantgate.tags.expressions import Expression, parse
from plantgate.tags.expressions.wildcards import like

NOW = 1_795_181_109_250_000  # 2026-11-20 13:25:09.250 UTC
DATASET = '{"columns": [{"name": "id", "type": "Int4"}, "name"], "rows": [[1, "Filler"], [2, "Capper"], [3, null]]}'
TAGS = {
    "[default]Line 1/Speed": TagValue(50.5, 192, NOW - 5_000_000),
    "[default]Line 1/Bad": TagValue(7, 522, NOW, "connection refused by 10.0.0.7:502"),
    "[default]Line 1/Profile": TagValue((10, 20.5, None, 40), 192, NOW),
    "[default]Line 1/Names": TagValue(("a", "b", "c"), 192, NOW),
    "[default]Line 1/Table": TagValue(DATASET, 192, NOW),
    "[default]Line 1/Document": TagValue('{"a": {"b": [1, {"c": true}]}, "x.y": 5}', 192, NOW),
    "[default]Line 1/Long": TagValue("[" * (TAG_DOCUMENT_CHARS + 1), 192, NOW),
    "[default]Top": TagValue("Beer 0.5", 192, NOW),
}
SPEED = TagDefinition(
    "[default]Line 1/Speed", DataType.FLOAT8, device="PLC1", address="HRF4", unit="m/s", description="Belt",
    low=0.0, high=100.0, writable=True, format="0.0",
)  # fmt: skip


def define(path: str) -> TagDefinition | None:
    return SPEED if path == SPEED.path else None


def outcome(expression: Expression) -> tuple[Scalar, str, str]:
    value, quality, reason = expression.evaluate(TAGS.__getitem__, NOW, lambda _: (), define)
    return value, label(quality), reason


def evaluate(text: str) -> tuple[Scalar, str, str]:
    return outcome(parse(text).bound("[default]Line 1", UTC))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{./Speed.value}", 50.5),
        ("{./Speed.quality}", 192),
        ("{./Bad.quality}", 522),
        ("{./Bad.Quality} = 522", True),
        ("{./Bad.reason}", "connection refused by 10.0.0.7:502"),
        ("secondsBetween({./Speed.Timestamp}, now(0))", 5),
        ("timestampOf({./Speed}) = {./Speed.timestamp}", True),
        ("timestampOf({./Speed.quality}) = {./Speed.timestamp}", True),
        ('{./Speed.name} + " " + {./Speed.EngUnit}', "Speed m/s"),
        ("{./Speed.PATH}", "[default]Line 1/Speed"),
        ("{./Speed.engHigh} - {./Speed.low}", 100.0),
        ("{./Speed.tooltip}", "Belt"),
        ("{./Speed.documentation}", ""),
        ("{./Speed.readOnly}", False),
        ("{./Speed.FormatString}", "0.0"),
        ("{./Speed.dataType}", "Float8"),
        ("{[default]Line 1/Speed.unit}", "m/s"),
        ("{[.]Speed.unit}", "m/s"),
        ("{Line 1/Speed.unit}", "m/s"),
        ("{../Top.quality}", 192),
        ("isGood({./Bad.Quality})", False),
        ("isGood({./Speed.Quality}) && qualityOf({./Bad.quality}) = 522", True),
        ("isGood({./Bad.reason})", True),
        ("{./Profile[0]} + {./Profile}[1]", 30.5),
        ("{./Profile}[1, 0]", 20.5),
        ("isNull({./Profile}[2])", True),
        ("{./Profile}[len({./Profile}) - 1]", 40),
        ("sum({./Profile}) + count({./Profile}, 1)", 74.5),
        ("max({./Profile}, 99)", 99),
        ("-{./Profile}[0] ^ 2", 100.0),
        ("element({./Names}, 2)", "c"),
        ('{./Table}[1, "name"]', "Capper"),
        ("{./Table}[0, 0]", 1),
        ("{./Table}[2]", 3),
        ("isNull({./Table}[2, 1])", True),
        ('lookup({./Table}, 2, "none")', "Capper"),
        ('lookup({./Table}, 9, "none")', "none"),
        ('lookup({./Table}, "Filler", 0, "name", "id")', 1),
        ('jsonGet({./Document}, "a.b[1].c")', True),
        ('jsonGet({./Document}, "a.b")', '[1,{"c":true}]'),
        ('{./Document}["x.y"]', 5),
        ('jsonGet({./Document}["a"], "b[0]")', 1),
        ('split("a,b,,c", ",")[2]', ""),
        ('join(split("a,b,c", ",", 2), "+")', "a+b,c"),
        (r'len(split("1.2.3", "\\."))', 3),
        ('contains({./Names}, "b") && !contains({./Names}, 1) && contains("abc", "bc")', True),
        ('{../Top} like "Beer*" && !({../Top} like "beer*")', True),
        ('"a%c" LIKE "a?c"', True),
        ('stringFormat("%s|%5d|%-5s|%05.1f|%x|%b|%%", "a", 42, "b", 2.25, 255, 1)', "a|   42|b    |002.3|ff|true|%"),
        ('stringFormat("%,.2f %+d %S %e", 1234567.891, 5, "x", 12345.678)', "1,234,567.89 +5 X 1.234568e+04"),
        ('char(228) + ordinal("A") + escapeXML("<\'&>")', "\u00e465&lt;&apos;&amp;&gt;"),
        ('toOctal(64) + fromOctal("17")', "10015"),
        ('case({./Speed} > 50, true, "fast", false, "slow", "?")', "fast"),
        ('dateExtract(toDate("2026-1-5 8:00:00"), "month")', 0),
        ('dateExtract(toDate("2026/11/20 14:05"), "dayofweek")', 6),
        ('toDate("soon", 0)', 0),
        ('toDate({./Speed.timestamp}) = {./Speed.timestamp}', True),
        ('timeBetween(now(0), "1:00 pm", "13:30") && !timeBetween(now(0), "22:00", "6:00")', True),
        ('timeBetween(toDate("2026-11-20 23:00:00"), "22:00", "6:00")', True),
        ('dateIsBetween(5, 5, 6) && dateIsAfter(6, 5) && !dateIsBefore(6, 5)', True),
        ('maxDate(5, 9) - minDate(5, 9)', 4),
        ("True && TRUE && !False && isNull(Null)", True),
    ],
)  # fmt: skip
def test_what_it_is(text: str, value: Scalar) -> None:
    assert evaluate(text) == (value, "Good", "")


@pytest.mark.parametrize(
    ("text", "quality", "reason"),
    [
        ("{../Top.unit}", "Bad_ReferenceNotFound", "there is no tag [default]Top"),
        ("{./Bad[0]}", "Error_TypeConversion", "[default]Line 1/Bad must be an array, not 7"),
        ("{./Profile[4]}", "Error_ExpressionEval", "[default]Line 1/Profile has 4 values, counted from 0: there is"),
        ("{./Profile}[-1]", "Error_ExpressionEval", "the first argument of element() has 4 values, counted from 0"),
        ("{./Profile}[0, 1]", "Error_ExpressionEval", "an array has one column"),
        ("{./Speed}[0]", "Error_TypeConversion", "the first argument of element() must be an array or the text of"),
        ("{../Top}[0]", "Error_ExpressionEval", "the first argument of element() is no JSON"),
        ('{./Table}[0, "x"]', "Error_ExpressionEval", "the first argument of element() has columns, but has no 'x'"),
        ("{./Table}[9]", "Error_ExpressionEval", "the first argument of element() has 3 rows"),
        ("{./Long}[0]", "Error_ExpressionEval", "the first argument of element() is a document of more than"),
        ('jsonGet("[1e999]", "0")', "Error_ExpressionEval", "the result is not a finite number"),
        ('jsonGet("[NaN]", "0")', "Error_ExpressionEval", "the first argument of jsonGet() is no JSON"),
        ('jsonGet({./Document}, "a.z")', "Error_ExpressionEval", "the first argument of jsonGet() has no 'z'"),
        ('split("a", "")', "Error_ExpressionEval", "split() takes a separator"),
        ("{./Names} + 1", "Error_TypeConversion", "the left side of + must be a number, not an array"),
        ('1 like "a"[0]', "Error_ExpressionEval", "the first argument of element() is no JSON"),
        ('stringFormat("%d %d", 1)', "Error_Formatting", "stringFormat() has fewer values than its format wants"),
        ('stringFormat("%tA", 1)', "Error_Formatting", "stringFormat() doesn't know %t"),
        ('stringFormat("%d", 1.5)', "Error_TypeConversion", "value 1 of stringFormat() must be a whole number"),
        ("char(55296)", "Error_ExpressionEval", "char() takes the number of a character"),
        ('timeBetween(0, "soon", "12:00")', "Error_ExpressionEval", "'soon' is no time of day"),
        ('qualifiedValue(1, "bad", 256)', "Error_ExpressionEval", "qualifiedValue() takes codes of 512 to 767 for bad"),
        ('toDate("soon")', "Error_TypeConversion", "toDate() takes a text like"),
    ],
)  # fmt: skip
def test_what_goes_wrong(text: str, quality: str, reason: str) -> None:
    value, found, why = evaluate(text)
    assert (value, found) == (None, quality)
    assert why.startswith(reason)


def test_a_property_has_no_quality_but_a_value_has() -> None:
    assert evaluate("{./Bad} + {./Bad.quality}")[1] == "Bad_NotConnected"
    assert evaluate("{./Bad.quality} + 1") == (523, "Good", "")
    assert evaluate('qualifiedValue({./Bad}, "uncertain", 257, "by hand")') == (
        7,
        "Uncertain_LastKnownValue",
        "by hand",
    )
    assert evaluate("qualifiedValue({./Bad}, 0)") == (7, "Good", "")
    unknown = parse("{[default]Line 1/Speed.unit}").evaluate(TAGS.__getitem__, NOW, lambda _: ())
    assert unknown[2] == "[default]Line 1/Speed.unit is not known here"


def test_an_array_is_a_result_of_its_own() -> None:
    assert evaluate("{./Profile}") == ((10, 20.5, None, 40), "Good", "")
    assert evaluate('split("a b", " ")') == (("a", "b"), "Good", "")
    assert evaluate('split(repeat("a", 4096), "a")')[2] == "the result has more than 4096 values"


def test_it_depends_on_the_tag_and_not_on_its_property() -> None:
    bound = parse("{./Speed.unit} + {../Top.quality} + {A/B[3]}").bound("[default]Line 1")
    assert bound.references == {"[default]Line 1/Speed", "[default]Top", "[default]A/B"}


def test_what_has_changed() -> None:
    expression = parse("hasChanged({A})").bound("[default]")
    strict = parse("hasChanged({A}, true)").bound("[default]")
    other = parse("hasChanged({A})").bound("[default]")
    found = []
    for value, quality in ((1, 192), (1, 192), (2, 192), (2, 516), (2.0, 516), (2.0, 516)):
        now = TagValue(value, quality, 0)
        found.append(
            tuple(each.evaluate({"[default]A": now}.__getitem__, 0, lambda _: ())[0] for each in (expression, strict))
        )
    assert found == [(False, False), (False, False), (True, True), (False, True), (True, True), (False, False)]
    assert other.evaluate({"[default]A": TagValue(9, 192, 0)}.__getitem__, 0, lambda _: ())[0] is False
    loose = parse("hasChanged({[default]A})")
    for value in (1, 2):
        assert loose.evaluate({"[default]A": TagValue(value, 192, 0)}.__getitem__, 0, lambda _: ())[0] is False
    assert (parse("hasChanged({A})").needs_clock, parse("hasChanged({A}, true, 250)").needs_clock) == (None, 0.25)


def test_summer_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    text = 'dateIsDaylight(toDate("{day}")) + " " + getTimezoneOffset(toDate("{day}")) + " " + getTimezoneRawOffset(0)'
    found = [
        outcome(parse(text.format(day=day)).bound("[default]Line 1", berlin))[0] for day in ("2026-07-01", "2026-12-01")
    ]
    assert found == ["true 2.0 1.0", "false 1.0 1.0"]


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("", "", True), ("", "*", True), ("", "?", False), ("abc", "abc", True), ("abc", "ab", False),
        ("abc", "a%", True), ("abc", "*c", True), ("abc", "a*b*c", True), ("abc", "a*c*b", False),
        ("ab", "a*ab", False), ("aab", "a*ab", True), ("abab", "ab*ab", True), ("aba", "ab*ba", False),
        ("a.c", "a?c", True), ("abc", "a.c", False),
        ("x\ny", "x*y", True), ("abcabc", "*bc", True), ("abcabd", "*a?c*d", True),
    ],
)  # fmt: skip
def test_like(text: str, pattern: str, fits: bool) -> None:
    assert like(text, pattern) is fits


@given(st.text("ab", max_size=12), st.text("ab*?", max_size=6))
def test_like_is_what_it_says(text: str, pattern: str) -> None:
    """Against the definition, character by character."""

    def fits(place: int, at: int) -> bool:
        if at == len(pattern):
            return place == len(text)
        if pattern[at] == "*":
            return any(fits(end, at + 1) for end in range(place, len(text) + 1))
        return place < len(text) and pattern[at] in ("?", text[place]) and fits(place + 1, at + 1)

    assert like(text, pattern) is fits(0, 0)


def test_a_pattern_is_bounded() -> None:
    assert evaluate(f'"a" like "{"*" * (EXPRESSION_FORMAT_CHARS + 1)}"')[2].startswith(
        "like takes a pattern of at most"
    )
    assert evaluate(f'repeat("a", 4096) like "{"*a?" * 33}b"')[0] is False
