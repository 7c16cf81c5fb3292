"""The fast codec gives the bytes that asyncua's gives and reads what asyncua writes: every type, and arrays of it."""

from __future__ import annotations

import datetime
import math
import struct
import uuid
from typing import Any

import pytest
from asyncua import ua as asyncua_types
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import (
    nodeid_from_binary,
    nodeid_to_binary,
    struct_from_binary,
    struct_to_binary,
    variant_to_binary,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.protocols.opcua import hot, hot_decode, plain_values, status
from plantgate.protocols.opcua.decoding import variants

ua: Any = asyncua_types  # its annotations are names for readers

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
NOW = 1_795_000_000_123_456
SERVER = status.filetime(NOW)
VALUE = ua.AttributeIds.Value


def moment(wall: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=wall)


def whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


TIMES = st.integers(-11_644_473_600_000_000 + 1, 253_402_300_798_000_000)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
# kind -> (asyncua's type, our value, the same for asyncua)
SAME = lambda value: value  # noqa: E731
KINDS: dict[int, tuple[Any, st.SearchStrategy[Any], Any]] = {
    hot.BOOLEAN: (ua.VariantType.Boolean, st.booleans(), SAME),
    hot.SBYTE: (ua.VariantType.SByte, whole(8, signed=True), SAME),
    hot.BYTE: (ua.VariantType.Byte, whole(8, signed=False), SAME),
    hot.INT16: (ua.VariantType.Int16, whole(16, signed=True), SAME),
    hot.UINT16: (ua.VariantType.UInt16, whole(16, signed=False), SAME),
    hot.INT32: (ua.VariantType.Int32, whole(32, signed=True), SAME),
    hot.UINT32: (ua.VariantType.UInt32, whole(32, signed=False), SAME),
    hot.INT64: (ua.VariantType.Int64, whole(64, signed=True), SAME),
    hot.UINT64: (ua.VariantType.UInt64, whole(64, signed=False), SAME),
    hot.FLOAT: (ua.VariantType.Float, st.floats(width=32), SAME),
    hot.DOUBLE: (ua.VariantType.Double, st.floats(), SAME),
    hot.STRING: (ua.VariantType.String, TEXTS, SAME),
    hot.DATETIME: (ua.VariantType.DateTime, TIMES, moment),
    hot.GUID: (ua.VariantType.Guid, st.binary(min_size=16, max_size=16), lambda data: uuid.UUID(bytes_le=data)),
    hot.BYTESTRING: (ua.VariantType.ByteString, st.binary(max_size=20), SAME),
    hot.XMLELEMENT: (ua.VariantType.XmlElement, TEXTS, ua.XmlElement),
    hot.NODEID: (
        ua.VariantType.NodeId,
        st.builds(lambda text, space: nodeid_to_binary(ua.NodeId(text, space)), TEXTS, st.integers(0, 65_535)),
        lambda data: nodeid_from_binary(Buffer(data)),
    ),
    hot.STATUSCODE: (ua.VariantType.StatusCode, whole(32, signed=False), ua.StatusCode),
    hot.LOCALIZEDTEXT: (ua.VariantType.LocalizedText, TEXTS, ua.LocalizedText),
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=[KINDS[kind][0].name for kind in KINDS])


def stock_value(kind: int, value: Any, code: int, source: int | None, stamps: int) -> Any:
    """The same for asyncua; a good status is left out, as the specification allows."""
    type_, _, convert = KINDS[kind & ~hot.ARRAY]
    if value is None:
        inner = ua.Variant(None)
    elif kind & hot.ARRAY:
        inner = ua.Variant([convert(one) for one in value], type_, is_array=True)
    else:
        inner = ua.Variant(convert(value), type_)
    return ua.DataValue(
        inner,
        ua.StatusCode(code) if code else None,
        moment(source) if source is not None and stamps & hot.SOURCE else None,
        moment(NOW) if stamps & hot.SERVER else None,
    )


def values(kind: int, *, read: bool = True) -> st.SearchStrategy[tuple[int, Any]]:
    """`read`: only what is read back as a plain value."""
    scalar = KINDS[kind][1]
    arrays = st.tuples(st.just(kind | hot.ARRAY), st.lists(scalar, max_size=5).map(tuple))
    alone = st.one_of(st.tuples(st.just(kind), scalar), st.tuples(st.just(kind), st.none()))
    return alone if read and kind | hot.ARRAY in plain_values._TINY_ARRAYS else st.one_of(alone, arrays)


CODES = st.one_of(st.just(0), st.sampled_from((status.BAD_NOT_CONNECTED, 0x40900000, status.OVERFLOW)))
STAMPS = st.sampled_from(hot.TIMESTAMPS)
SOURCES = st.one_of(st.just(NOW), TIMES, st.none())


@EVERY_KIND
@settings(max_examples=60)
@given(data=st.data())
def test_values_have_the_bytes_that_asyncua_gives_them(kind: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(values(kind, read=False), CODES, SOURCES), min_size=1, max_size=3))
    stamps = data.draw(STAMPS)
    ours = [(kind, value, code, source) for (kind, value), code, source in rows]
    expected = b"".join(struct_to_binary(stock_value(*row, stamps)) for row in ours)
    assert hot.data_values(ours, SERVER, stamps) == struct.pack("<i", len(rows)) + expected


@EVERY_KIND
@settings(max_examples=40)
@given(data=st.data())
def test_notifications_have_the_bytes_that_asyncua_gives_them(kind: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(values(kind), CODES, SOURCES), min_size=1, max_size=3))
    stamps = data.draw(STAMPS)
    items = [
        ua.MonitoredItemNotification(number, stock_value(value[0], value[1], code, source, stamps))
        for number, (value, code, source) in enumerate(rows)
    ]
    ours = hot.item_notifications(
        [(number, *value, code, source) for number, (value, code, source) in enumerate(rows)], SERVER, stamps
    )
    stock = struct_to_binary(ua.DataChangeNotification(items))
    assert ours + b"\xff\xff\xff\xff" == stock[:-4] + b"\xff\xff\xff\xff"
    found = hot_decode.item_notifications(stock, 0)
    assert found is not None
    columns, end = found
    assert end == len(stock) - 4
    assert list(columns.handles) == list(range(len(rows)))
    for ((_, value), code, source), back, code_back, source_back, server_back in zip(rows, *columns[1:], strict=True):
        assert same(back, value)
        assert code_back == code
        assert source_back == (source if stamps & hot.SOURCE else None)
        assert server_back == (NOW if stamps & hot.SERVER else None)


def same(back: Any, value: Any) -> bool:
    if isinstance(value, tuple):
        return isinstance(back, tuple) and len(back) == len(value) and all(map(same, back, value))
    if isinstance(value, float) and math.isnan(value):
        return math.isnan(back)
    if isinstance(back, bytes) and isinstance(value, str):
        return back == value.encode()
    return type(back) is type(value) and back == value


@EVERY_KIND
@settings(max_examples=40)
@given(data=st.data())
def test_writes_that_asyncua_sends_are_read(kind: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(values(kind), CODES, SOURCES), min_size=1, max_size=3))
    with_status = data.draw(st.booleans())
    asked = []
    for number, ((kind_, value), code, source) in enumerate(rows):
        stock = stock_value(kind_, value, code, source, hot.SOURCE)
        if with_status and not code:
            stock.StatusCode = ua.StatusCode(0)
        asked.append(ua.WriteValue(ua.NodeId(f"tag {number}", 2), VALUE, None, stock))
    body = b"head" + struct_to_binary(ua.WriteParameters(asked))
    writes = hot_decode.plain_writes(body, 4, 10)
    assert writes is not None
    for write, one, ((kind_, value), code, source) in zip(writes, asked, rows, strict=True):
        assert write.key == nodeid_to_binary(one.NodeId)
        assert same(write.value, value)
        assert (write.kind, write.status, write.source, write.server) == (
            kind_ if value is not None else 0, code, source, None,
        )  # fmt: skip
    assert hot_decode.plain_writes(body, 4, len(rows) - 1) is None
    assert hot_decode.plain_writes(body[:-1], 4, 10) is None
    assert hot_decode.plain_writes(body + b"\x00", 4, 10) is None


def test_many_equal_rows_are_read_at_once_and_others_one_by_one() -> None:
    rows = [(number, hot.DOUBLE, float(number), 0, NOW) for number in range(1_000)]
    items = hot.item_notifications(rows, SERVER)
    assert hot_decode._uniform(items, 4, 4, 1_000) is not None
    other = [*rows, (7, hot.INT16, 5, 0, NOW)]
    mixed = hot.item_notifications(other, SERVER)
    assert hot_decode._uniform(mixed, 4, 4, 1_001) is None
    found = hot_decode.item_notifications(mixed, 0)
    assert found is not None
    assert found[0].values == [*(float(number) for number in range(1_000)), 5]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (hot.INT16, 40_000), (hot.INT32, 1.5), (hot.BYTE, -1), (hot.FLOAT, 1e300), (hot.DOUBLE, "text"),
        (hot.STRING, 5), (hot.STRING, "\ud800"), (hot.DATETIME, "today"), (hot.GUID, 1), (hot.LOCALIZEDTEXT, 4),
        (hot.INT32 | hot.ARRAY, (1, None)), (hot.BOOLEAN | hot.ARRAY, (True, None)), (hot.INT32 | hot.ARRAY, 3),
        (99, 1), (0, 5),
    ],
)  # fmt: skip
def test_what_a_type_cannot_carry_is_a_status_and_never_an_exception(kind: int, value: Any) -> None:
    encoded = hot.data_values([(kind, value, 0, NOW), (hot.DOUBLE, 1.0, 0, NOW)], SERVER)
    items = hot.item_notifications([(3, kind, value, 0, NOW)], SERVER)
    stock = Buffer(encoded[4:])
    first, second = struct_from_binary(ua.DataValue, stock), struct_from_binary(ua.DataValue, stock)
    assert first.StatusCode is not None
    assert first.StatusCode.value == status.BAD_ENCODING_ERROR
    assert first.Value is not None
    assert first.Value.Value is None
    assert second.Value is not None
    assert second.Value.Value == 1.0
    assert items[8:] == encoded[4 : len(items) - 4]


def test_gaps_in_arrays_of_numbers_with_fractions_and_of_texts() -> None:
    assert variant_to_binary(ua.Variant(["a", None], ua.VariantType.String)) == hot.variant(
        hot.STRING | hot.ARRAY, ("a", None)
    )
    found = plain_values.variant(hot.variant(hot.DOUBLE | hot.ARRAY, (1.0, None)), 0, None)[0]
    assert found[0] == 1.0
    assert math.isnan(found[1])


@pytest.mark.parametrize("source", [-(10**18), -11_644_473_600_000_000, 10**18, 2**62])
def test_times_that_no_date_has_are_held_within_bounds(source: int) -> None:
    encoded = hot.data_values([(hot.DOUBLE, 1.0, 0, source), (hot.DATETIME, source, 0, source)], SERVER)
    stock = Buffer(encoded[4:])
    values = [struct_from_binary(ua.DataValue, stock) for _ in range(2)]
    assert all(value.SourceTimestamp is not None for value in values)
    assert values[1].Value is not None
    assert values[1].Value.Value.year == (1601 if source < 0 else 9999)


def read_request(nodes: list[Any], stamps: Any = ua.TimestampsToReturn.Both, **other: Any) -> bytes:
    parameters = ua.ReadParameters(TimestampsToReturn=stamps)
    parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=VALUE, **other) for node in nodes]
    return b"head" + struct_to_binary(parameters)


NODES = st.one_of(
    st.builds(ua.NodeId, st.integers(0, 2**32 - 1), st.integers(0, 65_535)),
    st.builds(ua.NodeId, TEXTS, st.integers(0, 65_535)),
    # A text that looks like the end of an entry.
    st.builds(lambda text: ua.NodeId(text + hot.PLAIN_TAIL[:4].decode() + text, 2), TEXTS),
    st.builds(ua.NodeId, st.uuids(), st.integers(0, 65_535)),
    st.builds(lambda data, space: ua.NodeId(data, space, ua.NodeIdType.ByteString), st.binary(), st.just(3)),
    st.just(ua.NodeId(b"x" + hot.PLAIN_TAIL + b"y", 2, ua.NodeIdType.ByteString)),
)


@settings(max_examples=300)
@given(st.lists(NODES, min_size=1, max_size=6), st.sampled_from(list(ua.TimestampsToReturn)[:4]), st.booleans())
def test_reads_of_values_are_found_in_the_table(nodes: list[Any], stamps: Any, empty: bool) -> None:
    keys = [nodeid_to_binary(node) for node in nodes]
    table = {} if empty else {key: key.hex() for key in keys[::2]}
    read = hot.plain_read(read_request(nodes, stamps), 4, table, 10)
    if read is None:
        assert any(hot.PLAIN_TAIL in key for key in keys)  # a way that is longer and right
        return
    assert read.keys == keys
    assert read.found == [table.get(key) for key in keys]
    assert read.timestamps == (hot.SOURCE, hot.SERVER, hot.BOTH, hot.NEITHER)[stamps]


def test_reads_that_are_not_plain_take_the_long_way() -> None:
    node = ua.NodeId("a", 2)
    assert hot.plain_read(read_request([node]), 4, {}, 1) is not None
    for body in (
        read_request([node], IndexRange="1"),
        read_request([node], DataEncoding=ua.QualifiedName("Default Binary")),
        read_request([node]).replace(struct.pack("<I", VALUE), struct.pack("<I", 4)),
        read_request([node])[:-1],
        read_request([node]) + b"\x00",
        read_request([node, node]),
        read_request([]),
        read_request([ua.ExpandedNodeId("a", 2, NamespaceUri="urn:x")]),
        b"",
    ):
        assert hot.plain_read(body, 4, {}, 1) is None


def test_a_publish_response_is_what_asyncua_reads_and_back() -> None:
    items = hot.item_notifications([(5, hot.DOUBLE, 2.5, 0, NOW), (6, hot.STRING, "x", 0, None)], SERVER)
    event = ua.EventNotificationList([ua.EventFieldList(9, [ua.Variant("alarm")])])
    inner = struct_to_binary(event)
    raw = b"\x01\x00" + struct.pack("<HBi", 916, 1, len(inner)) + inner
    message = hot.notification_message(17, SERVER, [hot.data_change(items), raw, hot.data_change(items)])
    body = hot.publish_result(3, [16, 17], True, message, [0, status.BAD_NOT_FOUND])
    result = struct_from_binary(ua.PublishResult, Buffer(body))
    assert (result.SubscriptionId, result.AvailableSequenceNumbers, result.MoreNotifications) == (3, [16, 17], True)
    assert result.NotificationMessage.SequenceNumber == 17
    change = result.NotificationMessage.NotificationData[0]
    assert [item.ClientHandle for item in change.MonitoredItems] == [5, 6]
    assert result.NotificationMessage.NotificationData[1] == event
    assert [code.value for code in result.Results] == [0, status.BAD_NOT_FOUND]
    found = hot_decode.published(body, 0)
    assert found is not None
    assert found[:5] == (3, (16, 17), True, 17, NOW)
    assert list(found.changes.values) == [2.5, "x", 2.5, "x"]
    assert found.rest == [(916, inner)]
    assert found.results == (0, status.BAD_NOT_FOUND)


def test_a_keep_alive_has_nothing_in_it() -> None:
    body = hot.publish_result(3, [], False, hot.notification_message(18, SERVER, []))
    found = hot_decode.published(body, 0)
    assert found is not None
    assert (found.sequence, list(found.changes.values), found.rest) == (18, [], [])
    assert struct_from_binary(ua.PublishResult, Buffer(body)).NotificationMessage.NotificationData == []


def test_values_that_are_not_plain_are_read_by_the_general_codec() -> None:
    matrix = ua.Variant([[1, 2], [3, 4]], ua.VariantType.Int32)
    limits = ua.Variant(ua.Range(1.0, 2.0))
    stock = struct.pack("<i", 3) + b"".join(
        struct_to_binary(ua.DataValue(value)) for value in (matrix, limits, ua.Variant(5.0))
    )
    assert hot_decode.data_values(stock, 0) is None
    found = hot_decode.data_values(stock, 0, variants())
    assert found is not None
    assert found[0].values == [matrix, limits, 5.0]
    assert found[1] == len(stock)


def test_picoseconds_stand_where_the_specification_wants_them() -> None:
    """Source time, its picoseconds, server time (Part 6, 5.2.2.17); asyncua 2.1 writes the server's time first."""
    body = struct.pack("<iBBdqHqH", 1, 0x3D, 11, 2.5, SERVER, 7, SERVER + 10, 8)
    found = hot_decode.data_values(body, 0)
    assert found == (hot_decode.Columns((), [2.5], [0], [NOW], [NOW + 1]), len(body))


@settings(max_examples=300)
@given(st.binary(max_size=60), st.integers(0, 70))
def test_any_bytes_are_read_or_not_plain(data: bytes, at: int) -> None:
    hot.plain_read(data, at, {}, 100)
    hot_decode.plain_writes(data, at, 100)
    hot_decode.item_notifications(data, at, variants())
    hot_decode.data_values(data, at)
    hot_decode.published(data, at)


def test_what_would_cost_more_than_it_takes_is_left_to_the_way_that_counts() -> None:
    texts = struct.pack("<iBBi", 1, 1, 0x95, 1_000_000) + bytes(1_000_000)
    assert hot_decode.data_values(texts, 0) is None
    assert hot_decode.data_values(texts, 0, variants()) is None
    long = struct.pack("<i", 1) + hot.data_values([(hot.BYTESTRING, bytes(5_000_000), 0, None)], SERVER)[4:]
    assert hot_decode.data_values(long, 0) is None
    # One allowance for all Variants of a message.
    three = struct.pack("<i", 3) + (struct.pack("<BBi", 1, 0x95, 30) + bytes(30)) * 3
    assert hot_decode.data_values(three, 0, variants(200)) is not None
    assert hot_decode.data_values(three, 0, variants(150)) is None
