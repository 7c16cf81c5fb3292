"""A value that a person or program wrote, made to fit a tag's data type, or refused in words."""

from __future__ import annotations

import math

from plantgate.limits import TAG_TEXT_CHARS
from plantgate.model.value import DataType, Scalar
from plantgate.runtime.log import printable

_INTEGER_BITS = {DataType.INT1: 8, DataType.INT2: 16, DataType.INT4: 32, DataType.INT8: 64}
_FLOAT4_MAX = 3.4028234663852886e38
_SHOWN_CHARS = 64


def coerce(value: Scalar, data_type: DataType) -> tuple[Scalar, str]:
    """(value, "") if `value` fits `data_type` without losing anything, else (None, why not)."""
    if data_type is DataType.BOOLEAN:
        return _boolean(value)
    if data_type is DataType.STRING:
        return _string(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return None, f"{data_type} takes a number, not {_shown(value)}"
    if data_type in _INTEGER_BITS or data_type is DataType.DATETIME:
        return _integer(value, data_type)
    if data_type is DataType.FLOAT4 and abs(value) > _FLOAT4_MAX:
        return None, f"{_shown(value)} is beyond the range of Float4"
    return _float(value, data_type)


def _shown(value: Scalar) -> str:
    return printable(repr(value) if isinstance(value, str) else value, _SHOWN_CHARS)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _float(value: float, data_type: DataType) -> tuple[Scalar, str]:
    try:
        fitting = float(value)
    except OverflowError:
        return None, f"{_shown(value)} is beyond the range of {data_type}"
    if fitting != value:
        return None, f"{data_type} can't hold {_shown(value)} exactly"
    return fitting, ""


def _boolean(value: Scalar) -> tuple[Scalar, str]:
    if isinstance(value, bool):
        return value, ""
    if isinstance(value, int) and value in (0, 1):
        return bool(value), ""
    return None, f"Boolean takes true or false, not {_shown(value)}"


def _string(value: Scalar) -> tuple[Scalar, str]:
    if not isinstance(value, str):
        return None, f"String takes text, not {_shown(value)}"
    if len(value) > TAG_TEXT_CHARS:
        return None, f"text of {len(value)} characters is too long: at most {TAG_TEXT_CHARS}"
    return value, ""


def _integer(value: float, data_type: DataType) -> tuple[Scalar, str]:
    if value != int(value):
        return None, f"{data_type} takes a whole number, not {_shown(value)}"
    bits = _INTEGER_BITS.get(data_type, 64)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if not low <= value <= high:
        return None, f"{_shown(value)} is outside {low} to {high}, the range of {data_type}"
    return int(value), ""
