from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from hypothesis import given
from hypothesis import strategies as st

from plantgate.listeners.opcua_server.space.index_range import NoRange, Span, parse, part_of, with_part
from tests.listeners.opcua_server.space.plant import variant

INVALID, NO_DATA = StatusCodes.BadIndexRangeInvalid, StatusCodes.BadIndexRangeNoData


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("0", (Span(0, 1),)),
        ("7", (Span(7, 8),)),
        ("1:3", (Span(1, 4),)),
        ("0:1,2:3", (Span(0, 2), Span(2, 4))),
        ("4294967295", (Span(0xFFFFFFFF, 0x100000000),)),
    ],
)
def test_ranges(text: str, spans: tuple[Span, ...]) -> None:
    assert parse(text) == spans


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a", "-1", "1:", ":1", "3:1", "1:1", "1:2:3", "1,", ",1", "1 ", "0x1", "\uff11", "4294967296",
        "1:99999999999", "1,2,x", "1;2", "1.5", "1\n",
    ],
)  # fmt: skip
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(NoRange) as raised:
        parse(text)
    assert raised.value.status == INVALID


def test_more_dimensions_than_anything_has() -> None:
    with pytest.raises(NoRange) as raised:
        parse("1,2,3")
    assert raised.value.status == NO_DATA


@given(st.text(alphabet="0123456789:, -", max_size=30))
def test_any_text_is_a_range_or_says_why_not(text: str) -> None:
    status, spans = 0, tuple[Span, ...]()
    try:
        spans = parse(text)
    except NoRange as error:
        status = error.status
    assert status in ((0,) if spans else (INVALID, NO_DATA))
    assert all(0 <= span.first < span.stop for span in spans)


@given(st.lists(st.integers(-5, 5), max_size=12), st.integers(0, 14), st.integers(0, 14))
def test_parts_of_arrays_are_what_is_there_of_them(whole: list[int], first: int, length: int) -> None:
    text = f"{first}" if not length else f"{first}:{first + length}"
    given_ = ua.Variant(whole, ua.VariantType.Int32, None, True)
    expected = whole[first : first + length + 1]
    if expected:
        found = part_of(given_, parse(text))
        assert (found.Value, found.VariantType, found.is_array) == (expected, ua.VariantType.Int32, True)
    else:
        with pytest.raises(NoRange) as raised:
            part_of(given_, parse(text))
        assert raised.value.status == NO_DATA


def test_parts_of_texts() -> None:
    assert part_of(variant("plantgate"), parse("5:8")).Value == "gate"
    assert part_of(variant(b"\x01\x02\x03"), parse("1")).Value == b"\x02"
    assert part_of(variant(["plant", "gate"], ua.VariantType.String), parse("0:1,0:1")).Value == ["pl", "ga"]


@pytest.mark.parametrize(
    ("whole", "kind", "text"),
    [
        (1.5, ua.VariantType.Double, "0"),
        (True, ua.VariantType.Boolean, "0"),
        (None, ua.VariantType.Null, "0"),
        (None, ua.VariantType.String, "0"),
        ("abc", ua.VariantType.String, "3"),
        ("abc", ua.VariantType.String, "0,0"),
        ([1, 2], ua.VariantType.Int32, "0,0"),
        (["a", None], ua.VariantType.String, "1,0"),
    ],
)
def test_what_has_no_such_part(whole: Any, kind: ua.VariantType, text: str) -> None:
    with pytest.raises(NoRange) as raised:
        part_of(variant(whole, kind), parse(text))
    assert raised.value.status == NO_DATA


@given(st.lists(st.integers(), min_size=1, max_size=10), st.data())
def test_a_part_is_put_into_its_place_and_nowhere_else(whole: list[int], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) - 1))
    part = data.draw(st.lists(st.integers(), min_size=last - first + 1, max_size=last - first + 1))
    spans = parse(f"{first}:{last}" if last > first else f"{first}")
    assert with_part(tuple(whole), spans, tuple(part)) == (*whole[:first], *part, *whole[last + 1 :])


@pytest.mark.parametrize(
    ("text", "part", "status"),
    [
        ("2:3", (1, 2), NO_DATA),  # the last is not there
        ("9", (1,), NO_DATA),
        ("0,0", (1,), NO_DATA),
        ("0:1", (1,), StatusCodes.BadIndexRangeDataMismatch),
        ("0", (1, 2), StatusCodes.BadIndexRangeDataMismatch),
        ("0", (), StatusCodes.BadIndexRangeDataMismatch),
    ],
)
def test_what_can_not_be_put(text: str, part: tuple[int, ...], status: int) -> None:
    with pytest.raises(NoRange) as raised:
        with_part((1, 2, 3), parse(text), part)
    assert raised.value.status == status
