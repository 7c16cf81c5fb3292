"""Registers to values and back, in every kind and both word orders."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.drivers.modbus.address import Address, Kind, parse_address
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Point, block_of, plan
from plantgate.drivers.modbus.values import Decoder, Unwritable, as_bool, bounds, encode
from plantgate.model.value import DataType, Scalar
from plantgate.protocols.modbus import pack_bits

NATURAL = {
    Kind.FLOAT: DataType.FLOAT4,
    Kind.DOUBLE: DataType.FLOAT8,
    Kind.STRING: DataType.STRING,
    Kind.BOOL: DataType.BOOLEAN,
}


def options(reverse: bool = False, **more: Any) -> ModbusOptions:
    return ModbusOptions("plc", reverse_word_order=reverse, **more)


def point(text: str, data_type: DataType | None = None, tag: int = 0) -> Point:
    address = parse_address(text)
    natural = DataType.BOOLEAN if address.bit is not None else NATURAL.get(address.kind, DataType.INT8)
    return Point(tag, 1, address, data_type or natural)


def read(texts: list[str], data: bytes, *, reverse: bool = False) -> list[Scalar]:
    points = [point(text, tag=tag) for tag, text in enumerate(texts)]
    [block] = plan(points, ModbusOptions("plc"))
    column = Decoder(block, options(reverse)).decode(data)
    by_tag = dict(zip((p.tag for p in block.points), column, strict=True))
    return [by_tag[tag] for tag in range(len(texts))]


def values_of(kind: Kind) -> st.SearchStrategy[Scalar]:
    if kind is Kind.FLOAT:
        return st.floats(width=32, allow_nan=False, allow_infinity=False)
    if kind is Kind.DOUBLE:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind is Kind.STRING:
        return st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=10)
    return st.integers(*bounds(kind))


WRITABLE = [kind for kind in Kind if kind is not Kind.BOOL]


@given(st.sampled_from(WRITABLE).flatmap(lambda kind: st.tuples(st.just(kind), values_of(kind))), st.booleans())
def test_what_is_written_is_read_back(case: tuple[Kind, Scalar], reverse: bool) -> None:
    kind, value = case
    length = 10 if kind is Kind.STRING else 0
    address = Address(parse_address("HR1").area, kind, 0, length=length)
    data = encode(address, value, options(reverse))
    assert len(data) == 2 * address.count
    [back] = Decoder(block_of((point(address.text()),)), options(reverse)).decode(data)
    assert back == value


@given(
    st.lists(
        st.tuples(st.sampled_from(["HR", "HRUS", "HRI", "HRUI_64", "HRF", "HRD", "HRBCD_32"]), st.integers(1, 60)),
        min_size=1,
        max_size=40,
    ),
    st.binary(min_size=250, max_size=250),
    st.booleans(),
)
def test_a_block_decodes_to_what_each_point_alone_decodes_to(
    rows: list[tuple[str, int]], memory: bytes, reverse: bool
) -> None:
    points = [point(f"{name}{number}", tag=tag) for tag, (name, number) in enumerate(rows)]
    [block] = plan(points, ModbusOptions("plc"))
    column = Decoder(block, options(reverse)).decode(memory[2 * block.start : 2 * block.stop])
    for one, value in zip(block.points, column, strict=True):
        alone = block_of((one,))
        [expected] = Decoder(alone, options(reverse)).decode(memory[2 * alone.start : 2 * alone.stop])
        assert value == expected


def test_kinds_by_hand() -> None:
    memory = struct.pack(">hHiIf", -2, 65535, -70_000, 4_000_000_000, 1.5) + b"Ab\0\xff" + b"\x12\x34"
    texts = ["HR1", "HRUS2", "HRI3", "HRUI5", "HRF7", "HRS9:4", "HRBCD11", "HR11.2", "HR11.3"]
    assert read(texts, memory) == [-2, 65535, -70_000, 4_000_000_000, 1.5, "Ab", 1234, True, False]


def test_low_word_first() -> None:
    memory = struct.pack(">HHH", 0x0002, 0x0001, 0x4142)
    assert read(["HRI1", "HRS3:2"], memory, reverse=True) == [0x00010002, "AB"]
    assert read(["HR1", "HRI1"], memory[:4], reverse=True) == [2, 0x00010002]


def test_coils_in_any_order_and_with_gaps() -> None:
    assert read(["C9", "C1", "C3"], pack_bits([True, False, False, False, False, False, False, False, True])) == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "data", "wanted", "value"),
    [
        ("HR1", ">h", DataType.BOOLEAN, True),
        ("HR1", ">h", DataType.FLOAT8, 7.0),
        ("HR1", ">h", DataType.STRING, "7"),
        ("HRF1", ">f", DataType.INT4, 7),
        ("HRF1", ">f", DataType.BOOLEAN, True),
        ("HR1.0", ">h", DataType.INT2, 1),
        ("HRBCD1", ">h", DataType.FLOAT4, 7.0),
    ],
)
def test_a_value_becomes_what_its_tag_is(text: str, data: str, wanted: DataType, value: Scalar) -> None:
    [got] = Decoder(block_of((point(text, wanted),)), options()).decode(struct.pack(data, 7))
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_none_and_its_neighbours_are_values(wrong: float) -> None:
    assert read(["HRF1", "HRF3"], struct.pack(">ff", wrong, 2.5)) == [None, 2.5]
    [got] = Decoder(block_of((point("HRF1", DataType.INT4),)), options()).decode(struct.pack(">f", wrong))
    assert got is None


def test_large_doubles_are_numbers_though_their_sum_is_not() -> None:
    assert read(["HRD1", "HRD5"], struct.pack(">dd", 1.7e308, 1.7e308)) == [1.7e308, 1.7e308]


def test_what_is_no_bcd_is_none() -> None:
    assert read(["HRBCD1", "HRBCD2"], b"\x12\x3a\x00\x42") == [None, 42]


@pytest.mark.parametrize(
    ("text", "value", "says"),
    [
        ("HR1", 32_768, "between -32768 and 32767"),
        ("HRUS1", -1, "between 0 and 65535"),
        ("HRBCD1", 10_000, "between 0 and 9999"),
        ("HRI1", 1.5, "not a whole number"),
        ("HRI1", math.nan, "not a whole number"),
        ("HRI1", None, "not a number"),
        ("HRF1", 1e39, "does not fit in a float"),
        ("HRF1", math.inf, "does not fit"),
        ("HRF1", "1", "not a number"),
        ("HRD1", 10**400, "does not fit"),
        ("HRS1:4", "hello", "5 bytes, 4 fit"),
        ("HRS1:4", 5, "not text"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text: str, value: Scalar, says: str) -> None:
    with pytest.raises(Unwritable, match=says):
        encode(parse_address(text), value, options())


@pytest.mark.parametrize(("value", "state"), [(True, True), (0, False), (1.0, True)])
def test_truth(value: Scalar, state: bool) -> None:
    assert as_bool(value) is state


@pytest.mark.parametrize("value", [2, "on", None, 0.5])
def test_no_truth(value: Scalar) -> None:
    with pytest.raises(Unwritable, match="neither on nor off"):
        as_bool(value)
