from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary
from hypothesis import given
from hypothesis import strategies as st

from plantgate.listeners.opcua_server.space.units import engineering_unit, unit_id
from plantgate.listeners.opcua_server.space.values import Mismatch, scalar_of, time_of, variant_of, wall_of, weight
from plantgate.model.value import INTEGER_BITS, DataType, Scalar
from tests.listeners.opcua_server.space.plant import variant

_EXAMPLES: dict[DataType, Any] = {
    DataType.BOOLEAN: st.booleans(),
    **{kind: st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) for kind, bits in INTEGER_BITS.items()},
    DataType.FLOAT4: st.floats(width=32),
    DataType.FLOAT8: st.floats(),
    DataType.STRING: st.text(),
    DataType.DATETIME: st.integers(-11_000_000_000_000_000, 250_000_000_000_000_000),
    DataType.DATASET: st.text(),
    DataType.DOCUMENT: st.text(),
}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[DataType, Scalar]:
    data_type = draw(st.sampled_from(DataType))
    element = _EXAMPLES[data_type.element]
    value: Scalar = draw(st.lists(element, max_size=20).map(tuple) if data_type.is_array else element)
    return data_type, value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and (left == right or (math.isnan(left) and math.isnan(right)))


@given(typed_values())
def test_a_value_comes_back_as_it_was(typed: tuple[DataType, Scalar]) -> None:
    """Through asyncua's codec, as a client gets and sends it."""
    data_type, value = typed
    sent = ua_binary.variant_to_binary(variant_of(value, data_type))
    assert _same(scalar_of(ua_binary.variant_from_binary(Buffer(sent)), data_type), value)


@pytest.mark.parametrize("data_type", DataType)
def test_no_value_is_a_null_variant(data_type: DataType) -> None:
    found = variant_of(None, data_type)
    assert (found.VariantType, found.Value) == (ua.VariantType.Null, None)
    with pytest.raises(Mismatch):
        scalar_of(found, data_type)


@given(typed_values(), st.sampled_from(DataType))
def test_a_value_of_another_type_is_none_of_this(typed: tuple[DataType, Scalar], other: DataType) -> None:
    sent = variant_of(typed[1], typed[0])
    same = {DataType.DATASET: DataType.STRING, DataType.DOCUMENT: DataType.STRING}
    if same.get(typed[0], typed[0]) is same.get(other, other):
        assert _same(scalar_of(sent, other), typed[1])
    else:
        with pytest.raises(Mismatch):
            scalar_of(sent, other)


def test_elements_without_a_value_are_told_as_far_as_their_type_can() -> None:
    assert variant_of((1, None), DataType.INT4_ARRAY).Value == [1, 0]
    assert variant_of((True, None), DataType.BOOLEAN_ARRAY).Value == [True, False]
    assert variant_of(("a", None), DataType.STRING_ARRAY).Value == ["a", None]
    assert math.isnan(variant_of((1.0, None), DataType.FLOAT8_ARRAY).Value[1])
    assert variant_of((None,), DataType.DATETIME_ARRAY).Value == [datetime(1601, 1, 1, tzinfo=UTC)]


def test_an_empty_array_keeps_its_type() -> None:
    found = variant_of((), DataType.INT2_ARRAY)
    assert (found.VariantType, found.is_array, found.Value) == (ua.VariantType.Int16, True, [])
    assert scalar_of(found, DataType.INT2_ARRAY) == ()


def test_a_null_string_is_an_empty_one() -> None:
    assert scalar_of(variant(None, ua.VariantType.String), DataType.STRING) == ""
    assert scalar_of(variant(["a", None], ua.VariantType.String), DataType.STRING_ARRAY) == ("a", "")


def test_more_dimensions_than_one_are_refused() -> None:
    with pytest.raises(Mismatch):
        scalar_of(ua.Variant([[1.0, 2.0], [3.0, 4.0]], ua.VariantType.Double), DataType.FLOAT8_ARRAY)


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(Mismatch):
        scalar_of(variant(None, ua.VariantType.DateTime), DataType.DATETIME)


@given(st.integers(-(2**70), 2**70))
def test_times_are_held_within_what_can_be_said(wall: int) -> None:
    found = time_of(wall)
    assert datetime(1601, 1, 1, tzinfo=UTC) <= found <= datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    if abs(wall) < 10**15:
        assert found == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall)
        assert wall_of(found) == wall


def test_a_time_without_a_zone_is_utc() -> None:
    assert wall_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC).replace(tzinfo=None)) == 1_000_000


def test_weights_follow_what_is_sent() -> None:
    assert weight(variant("x" * 100)) == 100
    assert weight(variant(["x" * 100, "y"], ua.VariantType.String)) == 117
    assert weight(variant([1.0] * 50)) == 400
    assert weight(variant(1.0)) == 16


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("°C", 4408652, "degree Celsius"),
        ("%", 20529, "percent"),
        ("bar", 4342098, "bar [unit of pressure]"),
        (" m3/h ", 4732000 + 335080, "cubic metre per hour"),
        ("kWh", 4937544, "kilowatt hour"),
        ("rpm", 5394509, "revolutions per minute"),
        ("mW", -1, "mW"),
        ("MW", 5062999, "megawatt"),
        ("bottles/min", -1, "bottles/min"),
    ],
)
def test_units_have_their_unece_codes(text: str, number: int, name: str) -> None:
    unit = engineering_unit(text)
    assert (unit.UnitId, unit.Description.Text, unit.DisplayName.Text) == (number, name, text)
    assert (unit.NamespaceUri is None) is (number == -1)


def test_a_code_is_the_bytes_of_a_number() -> None:
    assert (unit_id("CEL"), unit_id("23"), unit_id("P1")) == (4408652, 12851, 20529)
