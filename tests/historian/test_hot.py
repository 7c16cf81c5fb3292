"""Buffers and rows of the log."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.errors import StorageError
from plantgate.historian.codec import Kind
from plantgate.historian.hot import Buffer, Columns, Row, clean, join, pack, pack_tags, unpack_tags
from plantgate.limits import HISTORY_TEXT_CHARS
from plantgate.model.value import Scalar

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(), st.text(max_size=5))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(-(1 << 61), 1 << 61), st.integers(0, 1023), SCALARS)))
def test_a_row_of_the_log_gives_back_its_points(points: list[tuple[int, int, int, Scalar]]) -> None:
    columns = Columns(*([point[place] for point in points] for place in range(4)))  # type: ignore[arg-type]
    data = pack(columns)
    row = Row.read(data, zlib.crc32(data))
    back = row.columns()
    assert list(back.tags) == columns.tags
    assert list(back.times) == columns.times
    assert list(back.qualities) == columns.qualities
    assert repr(list(back.values)) == repr(columns.values)
    for tag in range(1, 6):
        assert row.positions(tag) == [place for place, found in enumerate(columns.tags) if found == tag]


def test_a_damaged_row_is_noticed() -> None:
    data = pack(Columns([1], [2], [192], [3.0]))
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with pytest.raises(StorageError, match="HI-121"):
            Row.read(bytes(damaged), zlib.crc32(data))
    short = b"\xff\xff\xff\x7f"
    with pytest.raises(StorageError, match="HI-121"):
        Row.read(short, zlib.crc32(short)).columns()
    tags = pack_tags([7, 9])
    assert list(unpack_tags(tags, zlib.crc32(tags))) == [7, 9]
    with pytest.raises(StorageError, match="HI-121"):
        unpack_tags(tags, 0)


def test_values_beyond_what_a_row_can_hold_are_brought_within() -> None:
    wild = Columns([1] * 4, [1 << 70, 0, 0, 0], [192 | 1 << 20, 0, 0, 0], [1 << 70, "x" * 5_000, "\ud800", 1 << 2000])
    cleaned = clean(wild)
    assert cleaned.values == [float(1 << 70), "x" * HISTORY_TEXT_CHARS, "?", None]
    assert cleaned.times[0] < 1 << 62
    assert cleaned.qualities[0] == 192
    pack(cleaned)


def test_a_buffer_sorts_by_time_and_keeps_the_order_of_arrival_within_one_time() -> None:
    buffer = Buffer(Kind.INT, 1, 0)
    for time, value in [(30, 1), (10, 2), (20, 3), (10, 4)]:
        buffer.append(time, 192, value)
    points = buffer.points()
    assert list(points.times) == [10, 10, 20, 30]
    assert list(points.values) == [2, 4, 3, 1]
    assert points.good


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.BOOL, [True, False, "broken", True]),
        (Kind.INT, [1, 1 << 63, 2]),
        (Kind.INT, [1, 2.5, None]),
        (Kind.FLOAT, [1.5, "n/a", None, 2.5]),
        (Kind.TEXT, ["a", None, 7]),
    ],
)
def test_a_tag_that_does_not_keep_to_its_type_loses_nothing(kind: Kind, values: list[Scalar]) -> None:
    buffer = Buffer(kind, 1, 0)
    for time, value in enumerate(values):
        buffer.append(time, 192, value)
    points = buffer.points()
    assert list(points.values) == values
    assert [type(value) for value in points.values] == [type(value) for value in values]
    assert points.good == (None not in values)


def test_joining_keeps_order() -> None:
    one, two = Columns([1], [2], [3], ["a"]), Columns((4,), (5,), (6,), ("b",))
    assert join([one, two]) == Columns([1, 4], [2, 5], [3, 6], ["a", "b"])
    assert join([one]) is one
