"""The value of a formula as one of the tag's type."""

from __future__ import annotations

from plantgate.model.quality import Quality
from plantgate.model.value import INTEGER_BITS, DataType, Scalar, TagValue

_FLOATS = frozenset({DataType.FLOAT4, DataType.FLOAT8})


def fitted(found: TagValue, data_type: DataType) -> TagValue:
    """`found` with a value of `data_type`; Error_TypeConversion, and why, if it can't be one."""
    value = found.value
    if value is None:
        return found
    try:
        fitting = _converted(value, data_type)
    except (ValueError, OverflowError):
        shown = repr(value)[:40]
        return TagValue(
            None, Quality.ERROR_TYPE_CONVERSION, found.timestamp, f"{shown} is no value of type {data_type}"
        )
    return found if fitting is value else TagValue(fitting, found.quality, found.timestamp, found.reason)


def _converted(value: Scalar, data_type: DataType) -> Scalar:
    """Raises ValueError or OverflowError."""
    if data_type.is_array:
        if not isinstance(value, tuple):
            raise ValueError("no list")
        return tuple(_converted(item, data_type.element) for item in value)  # type: ignore[misc]  # elements are no lists
    if data_type in _FLOATS:
        return value if type(value) is float else float(_number(value))
    if data_type is DataType.BOOLEAN:
        return value if type(value) is bool else bool(_number(value))
    if data_type in INTEGER_BITS or data_type is DataType.DATETIME:
        whole = round(_number(value))
        end = 1 << (INTEGER_BITS.get(data_type, 64) - 1)
        if not -end <= whole < end:
            raise OverflowError("out of range")
        return value if type(value) is int else whole
    return value if type(value) is str else _text(value)


def _number(value: Scalar) -> float:
    if not isinstance(value, int | float):
        raise ValueError("no number")  # noqa: TRY004 - the value is data, not a mistake of the caller
    return value


def _text(value: Scalar) -> str:
    if isinstance(value, tuple):
        raise ValueError("a list")  # noqa: TRY004
    return str(value).lower() if isinstance(value, bool) else str(value)
