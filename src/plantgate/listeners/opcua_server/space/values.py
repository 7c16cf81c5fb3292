"""Values of tags as OPC UA values and back (Part 6, 5.1.2: built-in types; their numbers are those of data types)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from asyncua import ua

from plantgate.model.value import DataType, Scalar

# What a value is made of: the number of its built-in type is that of its data type node too.
BUILT_IN: Mapping[DataType, int] = {
    DataType.BOOLEAN: 1,
    DataType.INT1: 2,
    DataType.INT2: 4,
    DataType.INT4: 6,
    DataType.INT8: 8,
    DataType.FLOAT4: 10,
    DataType.FLOAT8: 11,
    DataType.STRING: 12,
    DataType.DATETIME: 13,
    DataType.DATASET: 12,
    DataType.DOCUMENT: 12,
}
_TYPES = {data_type: ua.VariantType(number) for data_type, number in BUILT_IN.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Part 6, 5.2.2.5: what a DateTime can say. The last second is told as "later than anything".
_FIRST = datetime(1601, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_FIRST_WALL, _LAST_WALL = (_FIRST - _EPOCH) // _MICROSECOND, (_LAST - _EPOCH) // _MICROSECOND

_Element: TypeAlias = bool | int | float | str | None


class Mismatch(ValueError):  # noqa: N818 - an answer of the protocol
    """A value is not of the type that a tag has."""


def time_of(wall: int) -> datetime:
    """Microseconds since 1970 UTC, held within what a DateTime can say."""
    if _FIRST_WALL < wall < _LAST_WALL:
        return _EPOCH + timedelta(microseconds=wall)
    return _FIRST if wall <= _FIRST_WALL else _LAST


def wall_of(time: datetime) -> int:
    """Microseconds since 1970 UTC; a time without a zone is UTC."""
    return ((time if time.tzinfo is not None else time.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _time_element(value: object) -> datetime:
    return time_of(value) if isinstance(value, int) else _FIRST


# An element of an array that has no value: arrays have no place for one that is missing.
_ABSENT: Mapping[DataType, object] = {
    DataType.BOOLEAN: False,
    DataType.FLOAT4: float("nan"),
    DataType.FLOAT8: float("nan"),
    DataType.STRING: None,
}


def variant_of(value: Scalar, data_type: DataType) -> ua.Variant:
    """A null Variant for a tag that has no value."""
    if value is None:
        return ua.Variant()
    if not isinstance(value, tuple):
        if data_type is DataType.DATETIME:
            return ua.Variant(_time_element(value), ua.VariantType.DateTime, None, False)
        return ua.Variant(value, _TYPES[data_type], None, False)
    element = data_type.element
    if element is DataType.DATETIME:
        return ua.Variant([_time_element(each) for each in value], ua.VariantType.DateTime, None, True)
    if None in value:
        absent = _ABSENT.get(element, 0)
        return ua.Variant([absent if each is None else each for each in value], _TYPES[element], None, True)
    return ua.Variant(list(value), _TYPES[element], None, True)


def scalar_of(variant: ua.Variant, data_type: DataType) -> Scalar:
    """The value for a tag. Raises Mismatch: the type must be the tag's own, not one that could be made into it."""
    if variant.VariantType is not _TYPES[data_type.element] or bool(variant.is_array) is not data_type.is_array:
        raise Mismatch(f"{data_type} is not {variant.VariantType.name}")
    if variant.Dimensions is not None and len(variant.Dimensions) > 1:
        raise Mismatch(f"{data_type} has one dimension")
    convert = _FROM.get(variant.VariantType)
    value = variant.Value
    if data_type.is_array:
        elements = value if value is not None else []
        return tuple(map(convert, elements) if convert is not None else elements)
    return convert(value) if convert is not None else _plain(value)


def _plain(value: object) -> _Element:
    if not isinstance(value, bool | int | float):
        raise Mismatch("no value")
    return value


def _text(value: object) -> _Element:
    """A null string is an empty one."""
    return value if isinstance(value, str) else ""


def _time(value: object) -> _Element:
    if not isinstance(value, datetime):
        raise Mismatch("no time")
    return wall_of(value)


_FROM: Mapping[ua.VariantType, Callable[[object], _Element]] = {
    ua.VariantType.String: _text,
    ua.VariantType.DateTime: _time,
}


def weight(variant: ua.Variant) -> int:
    """About how many bytes it takes when it is sent; 16 for whatever is small."""
    value = variant.Value
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return 8 * len(value) + sum(len(each) for each in value if isinstance(each, str | bytes))
    return 16
