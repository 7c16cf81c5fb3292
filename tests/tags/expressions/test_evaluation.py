"""What expressions are worth: values, qualities and reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.limits import EXPRESSION_FOLDER_TAGS, EXPRESSION_FORMAT_CHARS, TAG_TEXT_CHARS
from plantgate.model.quality import Quality, label
from plantgate.model.value import Scalar, TagValue
from plantgate.tags.expressions import FolderPattern, parse

NOW = 1_795_181_109_250_000  # 2026-11-20 13:25:09.250 UTC, a Friday
MAX, MIN = (1 << 63) - 1, -(1 << 63)
TAGS = {
    "[default]Line 1/A": TagValue(3, 192, 0),
    "[default]Line 1/B": TagValue(4.5, 192, 0),
    "[default]Line 1/On": TagValue(True, 192, 0),
    "[default]Line 1/Off": TagValue(False, 192, 0),
    "[default]Line 1/Name": TagValue("Filler", 192, 0),
    "[default]Line 1/Digits": TagValue("42", 192, 0),
    "[default]Line 1/Most": TagValue(MAX, 192, 0),
    "[default]Line 1/Least": TagValue(MIN, 192, 0),
    "[default]Line 1/Null": TagValue(None, 192, 0),
    "[default]Line 1/Bad": TagValue(7, 522, 0, "connection refused by 10.0.0.7:502"),
    "[default]Line 1/Stale": TagValue(8, 516, 0),
    "[default]Line 1/Odd": TagValue(9, 260, 0, "above its range"),
    "[default]Line 1/Never": TagValue(None, 520, 0),
    "[default]Line 1/Wrong": TagValue(None, 770, 0, "division by zero"),
    "[default]Line 1/Early": TagValue(5, 201, 0),
    "[default]Line 1/NaN": TagValue(float("nan"), 192, 0),
    "[default]Line 1/Motors/M1": TagValue(10, 192, 0),
    "[default]Line 1/Motors/M2": TagValue(20, 192, 0),
    "[default]Line 1/Motors/M3": TagValue(5, 516, 0, "no data for 30 s"),
    "[default]Line 1/Motors/Deep/M4": TagValue(100, 192, 0),
    "[default]Line 1/Texts/T1": TagValue("x", 192, 0),
    "[default]Line 1/Some/S1": TagValue(None, 192, 0),
    "[default]Line 1/Some/S2": TagValue(2, 192, 0),
    "[default]Speed": TagValue(50.0, 192, 0),
}


def read(path: str) -> TagValue:
    return TAGS.get(path, TagValue(None, int(Quality.BAD_NOT_FOUND), 0))


def members(pattern: str) -> Sequence[TagValue]:
    fits = FolderPattern(pattern)
    return [value for path, value in TAGS.items() if fits.matches(path)]


def evaluate(text: str, zone: tzinfo | None = UTC) -> tuple[Scalar, str, str]:
    value, quality, reason = parse(text).bound("[default]Line 1", zone).evaluate(read, NOW, members)
    return value, label(quality), reason


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # arithmetic
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3.5),
        ("6 / 2", 3.0),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("-7.5 % 2", -1.5),
        ("10 - 4 - 3", 3),
        ("-2 ^ 2", 4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("2 ^ -1", 0.5),
        ("--3", 3),
        ("{A} + {B} * 2", 12.0),
        ("{On} + {On}", 2),
        (".5 + 1.e1 + 1E-1", 10.6),
        ("0xFF", 255),
        ("{Least}", MIN),
        ("-9223372036854775807 - 1", MIN),
        # texts
        ('"a" + 1', "a1"),
        ('1 + "a"', "1a"),
        ('{Name} + ": " + {B}', "Filler: 4.5"),
        ('{On} + ""', "true"),
        ("'it\\'s'", "it's"),
        (r'"\u0041\n\t\\"', "A\n\t\\"),
        (r'"\ud83c\udfed"', "\U0001f3ed"),
        ('"{ // no /* comment"', "{ // no /* comment"),
        # comparison
        ("{A} > 2", True),
        ("{A} <= 2.5", False),
        ("{A} = 3.0", True),
        ("{A} == 3", True),
        ("{A} != 3", False),
        ("true = 1", True),
        ('"a" < "b"', True),
        ('"Line 10" < "Line 9"', True),
        ('{Name} = "filler"', False),
        ("{Null} = null", True),
        ("{A} = null", False),
        ("null != null", False),
        ("{Most} > 9223372036854775806", True),
        # logic: only what is needed is evaluated
        ("{On} && {A} > 2", True),
        ("false && {Nowhere}", False),
        ("true || {Nowhere}", True),
        ("!{Off}", True),
        ("!0", True),
        ("1 && 2", True),
        ("false || false && 1 / 0", False),
        # bits
        ("6 & 3", 2),
        ("6 | 3", 7),
        ("6 xor 3", 5),
        ("1 | 2 xor 2 & 2", 1),
        ("1 + 1 << 2", 8),
        ("-8 >> 1", -4),
        ("~0", -1),
        ("4.0 & 6", 4),
        # choosing
        ("if({A} > 2, {B}, {Nowhere})", 4.5),
        ("if({Off}, {Nowhere}, 1)", 1),
        ('switch({A}, 1, 3, "one", "three", "other")', "three"),
        ('switch({Name}, "Filler", 1 / 0, {A}, 1, 9)', 3),
        ("switch({A}, 1, {Nowhere}, 5)", 5),
        ("coalesce(null, {Never}, {A}, {Bad})", 3),
        ("coalesce(1 / 0, 2)", 2),
        ("try(1 / 0, -1)", -1),
        ("try({Bad}, {A})", 3),
        ("try({A}, {Bad})", 3),
        ("isNull({Null})", True),
        ("IF(true, 1, 2)", 1),
        # several
        ("sum({Motors/Deep/*}, {A}, 1)", 104),
        ("sum({Nothing/*})", 0),
        ("count({Nothing/*})", 0),
        ("mean(onlyGood({Motors/*}))", 15.0),
        ("max(onlyGood({Motors/**}))", 100),
        ("min(onlyGood({[~]Line 1/Motors/M*}))", 10),
        ("count(onlyGood({[default]**/Motors/*}))", 2),
        ("sum({Some/*})", 2),
        ("count({Some/*})", 1),
        ("sum({./*n}, {./*ff})", 1),
        ("mean({A}, {B})", 3.75),
        # quality functions don't take over what they look at
        ("isGood({Bad})", False),
        ("isBad({Bad}) && !isError({Bad}) && isBadOrError({Bad}) && isNotGood({Bad})", True),
        ("isUncertain({Odd}) && isError({Wrong}) && isBadOrError({Wrong})", True),
        ("qualityOf({Bad})", 522),
        ("qualityOf({Nowhere})", 519),
        ("if(isGood({Bad}), {Bad}, -1)", -1),
        ("forceQuality({Bad})", 7),
        # types
        ("toInt(2.5)", 3),
        ('toInt(" 42 ")', 42),
        ('toInt("9223372036854775807")', MAX),
        ('toInt("x", -1)', -1),
        ('toInt("1_0", -1)', -1),
        ("toInt({On})", 1),
        ('toFloat("1e3")', 1000.0),
        ("toFloat(2)", 2.0),
        ("toStr({On})", "true"),
        ('toBoolean("Off")', False),
        ('toLong("7") + toInteger(1) + toDouble(1)', 9.0),
        # relative paths
        ("{../Speed} + {[..]Speed} + {[~]Speed}", 150.0),
        ("{[.]A} + {./A} + {[~]Line 1/A} + {[default]Line 1/A}", 12),
        ("sum({../Line*/A})", 3),
        # white space and comments
        ("1 // one\n + /* two */ 2", 3),
    ],
)  # fmt: skip
def test_value_with_good_quality(text: str, value: Scalar) -> None:
    found, quality, reason = evaluate(_rooted(text))
    assert (found, quality, reason) == (value, "Good", "")
    assert type(found) is type(value)


def _rooted(text: str) -> str:
    """Short names in the table are beside the tag."""
    for path in TAGS:
        name = path.removeprefix("[default]Line 1/")
        text = text.replace(f"{{{name}}}", f"{{[.]{name}}}")
    for folder in ("Motors", "Some", "Nothing", "Texts", "Nowhere"):
        text = text.replace(f"{{{folder}", f"{{[.]{folder}")
    return text


@pytest.mark.parametrize(
    ("text", "value", "quality", "reason"),
    [
        ("{Bad} + 1", 8, "Bad_NotConnected",
         "[default]Line 1/Bad is Bad_NotConnected: connection refused by 10.0.0.7:502"),
        ("{Stale} + {Bad}", 15, "Bad_NotConnected", "[default]Line 1/Bad is Bad_NotConnected: connection"),
        ("{Bad} + {Stale}", 15, "Bad_NotConnected", "[default]Line 1/Bad is"),
        ("{Odd} * 2", 18, "Uncertain_EngineeringUnitsExceeded", "[default]Line 1/Odd is Uncertain_EngineeringUnits"),
        ("{Odd} + {Stale}", 17, "Bad_Stale", "[default]Line 1/Stale is Bad_Stale"),
        ("{Nowhere} + 1", None, "Bad_NotFound", "[default]Line 1/Nowhere is Bad_NotFound"),
        ("{Never} * 2", None, "Bad_ReferenceNotFound", "[default]Line 1/Never is Bad_ReferenceNotFound"),
        ("{Wrong} + 1", None, "Error_ExpressionEval", "[default]Line 1/Wrong is Error_ExpressionEval: division by"),
        ("{On} || {Bad}", True, "Good", ""),
        ("{Off} || {Bad}", True, "Bad_NotConnected", "[default]Line 1/Bad is"),
        ("if({Bad} > 1, {A}, {B})", 3, "Bad_NotConnected", "[default]Line 1/Bad is"),
        ("sum({Motors/*})", 35, "Bad_Stale", "a tag of [default]Line 1/Motors/* is Bad_Stale: no data for 30 s"),
        ("coalesce({Bad}, 1)", 7, "Bad_NotConnected", "[default]Line 1/Bad is"),
        ("coalesce({Never}, null)", None, "Bad_ReferenceNotFound", "[default]Line 1/Never is"),
        ("{Bad} / 0", None, "Error_ExpressionEval", "division by zero"),
        ("1 / 0", None, "Error_ExpressionEval", "division by zero"),
        ("1 % 0", None, "Error_ExpressionEval", "division by zero"),
        ("{A} / 0.0", None, "Error_ExpressionEval", "division by zero"),
        ("{Most} + 1", None, "Error_ExpressionEval", "the result of + is beyond the whole numbers of 64 bits"),
        ("{Least} - 1", None, "Error_ExpressionEval", "the result of - is beyond"),
        ("{Most} * 2", None, "Error_ExpressionEval", "the result of * is beyond"),
        ("-{Least}", None, "Error_ExpressionEval", "the result of - is beyond"),
        ("abs({Least})", None, "Error_ExpressionEval", "the result of abs() is beyond"),
        ("sum({Most}, 1)", None, "Error_ExpressionEval", "the result of sum() is beyond"),
        ("1 << 63", None, "Error_ExpressionEval", "the result of << is beyond"),
        ("1 << 64", None, "Error_ExpressionEval", "a shift by 64 places"),
        ("1 >> -1", None, "Error_ExpressionEval", "a shift by -1 places"),
        ("2 ^ 10000", None, "Error_ExpressionEval", "2 ^ 10000 is no finite real number"),
        ("-8 ^ 0.5", None, "Error_ExpressionEval", "-8 ^ 0.5 is no finite real number"),
        ("1e308 * 10", None, "Error_ExpressionEval", "the result is not a finite number"),
        ("{NaN}", None, "Error_ExpressionEval", "the result is not a finite number"),
        ("sqrt(-1)", None, "Error_ExpressionEval", "sqrt() has no result for these arguments"),
        ("log(0)", None, "Error_ExpressionEval", "log() has no result"),
        ("exp(1000)", None, "Error_ExpressionEval", "exp() has no result"),
        ("mean({Nothing/*})", None, "Error_ExpressionEval", "mean() has no values"),
        ("mean({Never})", None, "Bad_ReferenceNotFound", "[default]Line 1/Never is"),
        ("substring({Name}, 3, 99)", None, "Error_ExpressionEval", "substring() from 3 to 99 of a text of 6"),
        ("toInt(1e30)", None, "Error_ExpressionEval", "the first argument of toInt() is beyond"),
        ("{Name} * 2", None, "Error_TypeConversion", "the left side of * must be a number, not the text 'Filler'"),
        ("2 * {Name}", None, "Error_TypeConversion", "the right side of * must be a number"),
        ('"%s" % 1', None, "Error_TypeConversion", "the left side of % must be a number"),
        ("-{Name}", None, "Error_TypeConversion", "what follows - must be a number"),
        ("{Null} + 1", None, "Error_TypeConversion", "the left side of + has no value"),
        ('"a" + {Null}', None, "Error_TypeConversion", "the right side of + has no value"),
        ("{A} < {Name}", None, "Error_TypeConversion", "< can't compare 3 with the text 'Filler': use"),
        ("{A} = {Digits}", None, "Error_TypeConversion", "= can't compare 3 with the text '42'"),
        ("{Null} < 1", None, "Error_TypeConversion", "the left side of < has no value"),
        ("{Name} && true", None, "Error_TypeConversion", "the left side of && must be true or false"),
        ("if({Name}, 1, 2)", None, "Error_TypeConversion", "the condition of if() must be true or false"),
        ("1.5 & 1", None, "Error_TypeConversion", "the left side of & must be a whole number, not 1.5"),
        ("abs({Name})", None, "Error_TypeConversion", "the first argument of abs() must be a number"),
        ('toFloat("x")', None, "Error_TypeConversion", "the first argument of toFloat() must be a number"),
        ('toBoolean("maybe")', None, "Error_TypeConversion", "the first argument of toBoolean() must be true or false"),
        ("sum({Texts/*})", None, "Error_TypeConversion", "a value of sum() must be a number, not the text 'x'"),
        ('toDate("yesterday")', None, "Error_TypeConversion", "toDate() takes a text like"),
        ('dateFormat(0, "foo")', None, "Error_Formatting", "dateFormat() does not know f"),
        (f'dateFormat(0, repeat("d", {EXPRESSION_FORMAT_CHARS + 1}))', None, "Error_Formatting",
         "dateFormat() does not know formats of more than"),
        ('dateFormat(0, "yyyy\'")', None, "Error_Formatting", "dateFormat() does not know a '"),
        ('numberFormat(1, "x")', None, "Error_Formatting", "numberFormat() takes a format"),
        ("addYears({Most}, 1)", None, "Error_ExpressionEval", "addYears() has no result"),
        ('dateArithmetic(0, 1, "fortnight")', None, "Error_ExpressionEval", "'fortnight' is no unit of time"),
        ("getBit(1, 64)", None, "Error_ExpressionEval", "getBit() takes a position of 0 to 63"),
        ('fromHex("GG")', None, "Error_ExpressionEval", "fromHex() has no result"),
        ("forceQuality(1, 516)", 1, "Bad_Stale", "forceQuality() made it Bad_Stale"),
        ("forceQuality(1, 9999)", None, "Error_ExpressionEval", "forceQuality() takes a quality code"),
        (f'repeat("x", {TAG_TEXT_CHARS + 1})', None, "Error_ExpressionEval", "the result of repeat() is a text"),
        (f'replace(repeat("x", {TAG_TEXT_CHARS}), "x", "xx")', None, "Error_ExpressionEval", "the result of replace"),
        (f'repeat("x", {TAG_TEXT_CHARS}) + "x"', None, "Error_ExpressionEval", "the result of + is a text of more"),
        (f'concat(repeat("x", {TAG_TEXT_CHARS}), 1)', None, "Error_ExpressionEval", "the result of concat() is a text"),
    ],
)  # fmt: skip
def test_value_with_another_quality(text: str, value: Scalar, quality: str, reason: str) -> None:
    found = evaluate(_rooted(text))
    assert found[:2] == (value, quality)
    assert found[2].startswith(reason)
    assert bool(found[2]) == bool(reason)


def test_an_initial_value_is_good() -> None:
    assert evaluate("{./Early}") == (5, "Good", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("now()", NOW),
        ("getHour24(now())", 14),
        ("getHour(now()) * 60 + getMinute(now())", 865),
        ('dateFormat(now(), "yyyy-MM-dd HH:mm:ss.SSS Z XXX")', "2026-11-20 14:25:09.250 +0100 +01:00"),
        ('dateFormat(now(), "EEE EEEE d MMM MMMM yy h:mm a D u")', "Fri Friday 20 Nov November 26 2:25 PM 324 5"),
        ("dateFormat(now(), \"'at' HH 'o''clock'\")", "at 14 o'clock"),
        ("getDayOfWeek(now())", 6),
        ("getMonth(now())", 10),
        ('toDate("2026-11-20 14:25:09.250") = now()', True),
        ('toDate("2026-11-20T13:25:09.250Z") = now()', True),
        ('dateFormat(midnight(now()), "HH:mm:ss")', "00:00:00"),
        ("secondsBetween(midnight(now()), now())", 51_909),
        ('dateDiff(now(), addMinutes(now(), 90), "hour")', 1.5),
        # Clocks went forward on 2026-03-29 at 02:00: a day later it is the same time of day, 23 hours on.
        ('hoursBetween(toDate("2026-03-28 12:00"), addDays(toDate("2026-03-28 12:00"), 1))', 23),
        ('dateFormat(addHours(toDate("2026-03-28 12:00"), 24), "HH:mm")', "13:00"),
        ('daysBetween(toDate("2026-03-28 12:00"), toDate("2026-03-29 12:00"))', 1),
        ('dateFormat(addMonths(toDate("2026-01-31"), 1), "yyyy-MM-dd")', "2026-02-28"),
        ('dateFormat(addYears(toDate("2024-02-29"), 1), "yyyy-MM-dd")', "2025-02-28"),
        ('dateFormat(dateArithmetic(toDate("2026-01-31"), -2, "weeks"), "yyyy-MM-dd")', "2026-01-17"),
        ('monthsBetween(toDate("2026-01-31"), toDate("2026-02-28"))', 0),
        ('yearsBetween(toDate("2026-01-31"), toDate("2024-01-31"))', -2),
    ],
)
def test_time_in_the_zone_of_the_gateway(text: str, value: Scalar) -> None:
    assert evaluate(text, ZoneInfo("Europe/Berlin")) == (value, "Good", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("{A} + 1", None),
        ("now()", 1.0),
        ("now(5000)", 5.0),
        ("now(0)", None),
        ("now(1)", 0.1),
        ("now() > now(300)", 0.3),
        ("if({A}, getHour24(now(60000)), 0)", 60.0),
    ],
)
def test_needs_clock(text: str, seconds: float | None) -> None:
    assert parse(text).needs_clock == seconds


def test_references_and_folders_before_and_after_binding() -> None:
    expression = parse("{../Speed} + {[default]Line 1/A} + {../Speed} + sum({./*}, onlyGood({[~]**/M*}))")
    assert expression.references == {"../Speed", "[default]Line 1/A"}
    assert expression.folders == {"./*", "[~]**/M*"}
    bound = expression.bound("[plant]Area/Line 2")
    assert bound.references == {"[plant]Area/Speed", "[default]Line 1/A"}
    assert bound.folders == {"[plant]Area/Line 2/*", "[plant]**/M*"}
    assert str(bound) == str(expression)


def test_folders_with_too_many_tags_are_refused() -> None:
    half = [TagValue(1, 192, 0)] * (EXPRESSION_FOLDER_TAGS // 2)
    once = parse("sum({*}, 1, {*})").bound("[default]").evaluate(read, NOW, lambda _: half)
    assert once == (EXPRESSION_FOLDER_TAGS + 1, 192, "")
    value, quality, reason = parse("sum({*}, {*}) + max({*})").bound("[default]").evaluate(read, NOW, lambda _: half)
    assert (value, quality) == (None, Quality.ERROR_EXPRESSION_EVAL)
    total = EXPRESSION_FOLDER_TAGS // 2 * 3
    assert reason == f"[default]* makes it {total} tags in folders: at most {EXPRESSION_FOLDER_TAGS}"


def test_a_reason_does_not_grow_along_a_chain_of_tags() -> None:
    value = TagValue(1, 522, 0, "x" * 250)
    for number in range(3):
        path = f"[default]A{number}"
        found, quality, reason = parse(f"{{{path}}}").evaluate({path: value}.__getitem__, NOW, members)
        assert (found, quality, len(reason)) == (1, 522, 256)
        value = TagValue(found, quality, 0, reason)


_LITERALS = st.integers(-1_000_000, 1_000_000) | st.floats(-1e6, 1e6, allow_nan=False)
_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "<": lambda left, right: left < right,
    "=": lambda left, right: left == right,
}


@st.composite
def _arithmetic(draw: st.DrawFn, depth: int = 4) -> tuple[str, Callable[[], float]]:
    """A text, and Python's own way to its result."""
    if depth == 0 or draw(st.booleans()):
        number = draw(_LITERALS)
        return f"({number!r})", lambda: number
    operator = draw(st.sampled_from(sorted(_OPERATIONS)))
    left, left_value = draw(_arithmetic(depth - 1))
    right, right_value = draw(_arithmetic(depth - 1))
    return f"({left} {operator} {right})", lambda: _OPERATIONS[operator](left_value(), right_value())


@given(_arithmetic())
def test_arithmetic_is_that_of_python(case: tuple[str, Callable[[], float]]) -> None:
    text, calculate = case
    value, quality, _ = evaluate(text)
    try:
        expected = calculate()
    except ZeroDivisionError:
        assert (value, quality) == (None, "Error_ExpressionEval")
        return
    if expected in (float("inf"), float("-inf")):
        assert quality == "Error_ExpressionEval"
    elif quality == "Good":
        assert (value, type(value)) == (expected, type(expected))
    else:
        assert "beyond the whole numbers of 64 bits" in evaluate(text)[2]
