"""What asyncua's codec would do with hostile bytes, and that the scan in front of it agrees with it on all others.

The scan walks the annotations of asyncua's dataclasses: these tests are the contract with that library.
"""

from __future__ import annotations

import dataclasses
import datetime
import struct
import tracemalloc
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from asyncua import ua as asyncua_types
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import from_binary, struct_to_binary, variant_to_binary

from plantgate.protocols.opcua import decoding, scanning, status
from plantgate.protocols.opcua.messages import DecodingError

ua: Any = asyncua_types  # its annotations are names for readers

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
KIND = ua.VariantType
VARIANTS = [
    ua.Variant(None),
    ua.Variant(True),
    ua.Variant(1, KIND.Int32),
    ua.Variant([1.0, 2.0]),
    ua.Variant([[1, 2], [3, 4]]),
    ua.Variant("x"),
    ua.Variant(["a", None], KIND.String),
    ua.Variant(NOW),
    ua.Variant([NOW]),
    ua.Variant(uuid.UUID(int=5)),
    ua.Variant(b"123"),
    ua.Variant(ua.NodeId("abc", 2)),
    ua.Variant(ua.ExpandedNodeId("z", 3, NamespaceUri="urn:a", ServerIndex=4)),
    ua.Variant(ua.LocalizedText("a", "b")),
    ua.Variant(ua.QualifiedName("a", 1)),
    ua.Variant(ua.StatusCode(1)),
    ua.Variant(ua.Range(1, 2)),
    ua.Variant([ua.EUInformation()]),
    ua.Variant([ua.Variant(1), ua.Variant("s")], KIND.Variant),
    ua.Variant(ua.DataValue(ua.Variant(3)), KIND.DataValue),
    ua.Variant([], KIND.Int32),
    ua.Variant(ua.DiagnosticInfo(SymbolicId=1, AdditionalInfo="x"), KIND.DiagnosticInfo),
    ua.Variant(ua.ExtensionObject(ua.NodeId(99_999, 7), b"body")),
    ua.Variant(ua.XmlElement("<a/>"), KIND.XmlElement),
]


def _structures() -> Iterator[tuple[type[Any], bytes]]:
    for _, kind in sorted(vars(ua).items()):
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            try:
                data = struct_to_binary(kind())
                from_binary(kind, Buffer(data))
            except scanning.CODEC_ERRORS:
                continue  # what asyncua can't write and read back itself
            yield kind, data


def test_the_scan_ends_where_asyncua_ends_for_every_structure() -> None:
    checked = 0
    for kind, data in _structures():
        buffer = Buffer(data + b"tail")
        from_binary(kind, buffer)
        assert scanning.scan(kind, data + b"tail") == len(data) + 4 - len(buffer), kind.__name__
        checked += 1
    assert checked > 380


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: repr(variant)[:40])
def test_variants_of_every_type_are_decoded(variant: Any) -> None:
    data = variant_to_binary(variant)
    found, end = decoding.decode_at(ua.Variant, b"head" + data + b"tail", 4)
    assert (found, end) == (variant, 4 + len(data))
    value = ua.DataValue(variant, ua.StatusCode(5), NOW, NOW, 1, 2)
    assert decoding.decode(ua.DataValue, struct_to_binary(value)) == value
    for cut in range(len(data)):
        with pytest.raises(DecodingError):
            decoding.decode(ua.Variant, data[:cut])


def nested(levels: int) -> bytes:
    return struct.pack("<Bi", 0x80 | KIND.Variant, 1) * levels + b"\x01\x01"


HOSTILE = {
    "two billion nulls": (ua.Variant, b"\x80" + struct.pack("<i", 2**31 - 1)),
    "two billion texts that go back": (ua.Variant, struct.pack("<Bii", 0x8C, 2**31 - 1, -4)),
    "a text that goes back": (ua.Variant, struct.pack("<Bi", 0x0C, -5)),
    "an array that goes back": (ua.Variant, struct.pack("<Bi", 0x86, -2)),
    "a list of structures": (ua.ReadParameters, struct.pack("<dIi", 0.0, 0, 2**31 - 1)),
    "a million empty lists": (ua.Variant, struct.pack("<Biiiii", 0xC6, 0, 2, 1_000_000, 0, 0)),
    "dimensions that are negative": (ua.Variant, struct.pack("<Biiiii", 0xC6, 1, 7, 2, -1, -1)),
    "dimensions without end": (ua.Variant, struct.pack("<Biii", 0xC6, 1, 7, 100_000) + struct.pack("<i", 1) * 100_000),
    "dimensions of a scalar": (ua.Variant, struct.pack("<Bii", 0x46, 7, 0)),
    "dimensions that are not the array's": (ua.Variant, struct.pack("<Biiiii", 0xC6, 1, 7, 2, 2, 2)),
    "nested without end": (ua.Variant, nested(300_000)),
    "nested too deep": (ua.Variant, nested(100)),
    "an extension without length": (ua.Variant, b"\x16\x01\x00\x76\x03\x01" + struct.pack("<i", -1) + bytes(40)),
    "an extension that is too long": (ua.Variant, b"\x16\x01\x00\x76\x03\x01" + struct.pack("<i", 50) + bytes(40)),
    "an extension that is too short": (ua.Variant, b"\x16\x01\x00\x76\x03\x01" + struct.pack("<i", 3) + bytes(40)),
    "an extension in XML": (ua.Variant, b"\x16\x01\x00\x76\x03\x02" + struct.pack("<i", 3) + bytes(40)),
    "a type that does not exist": (ua.Variant, b"\x1f\x00\x00\x00\x00"),
    "a NodeId of no kind": (ua.Variant, b"\x11\x09\x00\x00\x00"),
    "a text that is none": (ua.Variant, b"\x0c" + struct.pack("<i", 2) + b"\xff\xfe"),
    "four million Variants": (ua.Variant, struct.pack("<Bi", 0x98, 4_000_000) + bytes(4_000_000)),
    "four million DataValues": (ua.Variant, struct.pack("<Bi", 0x97, 4_000_000) + bytes(4_000_000)),
    "four million texts": (ua.Variant, struct.pack("<Bi", 0x95, 4_000_000) + bytes(4_000_000)),
    "sixteen million booleans": (ua.Variant, struct.pack("<Bi", 0x81, 16_000_000) + bytes(16_000_000)),
    "nothing": (ua.Variant, b""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused_before_anything_is_built(name: str) -> None:
    kind, data = HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(DecodingError) as error:
            decoding.decode(kind, data)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
    assert error.value.status in (status.BAD_DECODING_ERROR, status.BAD_ENCODING_LIMITS_EXCEEDED)


def test_asyncua_alone_goes_backwards() -> None:
    """Why the scan is there. When this fails, asyncua was mended, and the list in `decoding` can be shortened."""
    buffer = Buffer(struct.pack("<ii", 0, -4))
    buffer.read(4)
    before = len(buffer)
    assert from_binary(ua.String, buffer) == ""
    assert len(buffer) == before


def test_as_many_levels_as_the_specification_demands() -> None:
    value = decoding.decode(ua.Variant, nested(99))
    for _ in range(99):
        value = value.Value[0]
    assert value.Value is True


def test_an_owner_can_allow_less() -> None:
    data = variant_to_binary(ua.Variant(["a"] * 50))
    assert decoding.decode(ua.Variant, data).Value == ["a"] * 50
    with pytest.raises(DecodingError) as error:
        decoding.decode(ua.Variant, data, objects=40)
    assert error.value.status == status.BAD_ENCODING_LIMITS_EXCEEDED


@pytest.mark.parametrize(
    ("kind", "place", "expected"),
    [
        (ua.ReadParameters, 8, status.BAD_TIMESTAMPS_TO_RETURN_INVALID),
        (ua.SetMonitoringModeParameters, 4, status.BAD_MONITORING_MODE_INVALID),
    ],
)
def test_an_unknown_choice_has_its_own_status(kind: type[Any], place: int, expected: int) -> None:
    data = bytearray(struct_to_binary(kind()))
    data[place : place + 4] = struct.pack("<i", 99)
    with pytest.raises(DecodingError) as error:
        decoding.decode(kind, bytes(data))
    assert error.value.status == expected


def test_requests_of_the_size_that_is_advertised_pass() -> None:
    asked = ua.CreateMonitoredItemsParameters(SubscriptionId=1, TimestampsToReturn=ua.TimestampsToReturn.Both)
    item = ua.MonitoredItemCreateRequest(
        ua.ReadValueId(ua.NodeId("[default]Line 1/Speed", 2), ua.AttributeIds.Value),
        ua.MonitoringMode.Reporting,
        ua.MonitoringParameters(1, 100.0, ua.DataChangeFilter(), 1, True),
    )
    asked.ItemsToCreate = [item] * 10_000
    found = decoding.decode(ua.CreateMonitoredItemsParameters, struct_to_binary(asked))
    assert len(found.ItemsToCreate) == 10_000
    assert found.ItemsToCreate[-1].ItemToMonitor == item.ItemToMonitor
    # Not ua.DataChangeFilter: asyncua registers the generated class and exports one written by hand.
    assert type(found.ItemsToCreate[-1].RequestedParameters.Filter).__name__ == "DataChangeFilter"
