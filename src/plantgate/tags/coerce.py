"""A value that a person or program wrote, made to fit a tag's data type, or refused in words."""

from __future__ import annotations

import json
import math

from plantgate.limits import TAG_ARRAY_ITEMS, TAG_DOCUMENT_CHARS, TAG_TEXT_CHARS
from plantgate.model.value import INTEGER_BITS, DataType, Scalar
from plantgate.runtime.log import printable

_FLOAT4_MAX = 3.4028234663852886e38
_SHOWN_CHARS = 64


def coerce(value: Scalar, data_type: DataType) -> tuple[Scalar, str]:
    """(value, "") if `value` fits `data_type` without losing anything, else (None, why not)."""
    if data_type.is_array:
        return _array(value, data_type)
    if data_type is DataType.BOOLEAN:
        return _boolean(value)
    if data_type is DataType.STRING:
        return _string(value)
    if data_type in {DataType.DATASET, DataType.DOCUMENT}:
        return _document(value, data_type)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return None, f"{data_type} takes a number, not {_shown(value)}"
    if data_type in INTEGER_BITS or data_type is DataType.DATETIME:
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
    bits = INTEGER_BITS.get(data_type, 64)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if not low <= value <= high:
        return None, f"{_shown(value)} is outside {low} to {high}, the range of {data_type}"
    return int(value), ""


def _array(value: Scalar, data_type: DataType) -> tuple[Scalar, str]:
    if not isinstance(value, tuple | list):
        return None, f"{data_type} takes a list, not {_shown(value)}"
    if len(value) > TAG_ARRAY_ITEMS:
        return None, f"a list of {len(value)} values is too long: at most {TAG_ARRAY_ITEMS}"
    fitting: list[bool | int | float | str | None] = []
    for index, item in enumerate(value):
        element, problem = coerce(item, data_type.element)
        if problem or isinstance(element, tuple):
            return None, f"value {index + 1} of the list: {problem or 'a list'}"
        fitting.append(element)
    return tuple(fitting), ""


def _document(value: Scalar, data_type: DataType) -> tuple[Scalar, str]:
    """JSON text; of a DataSet columns with names and rows that are as long."""
    if not isinstance(value, str):
        return None, f"{data_type} takes JSON as text, not {_shown(value)}"
    if len(value) > TAG_DOCUMENT_CHARS:
        return None, f"{len(value)} characters are too many: at most {TAG_DOCUMENT_CHARS}"
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None, f"{_shown(value)} is not JSON"
    if not isinstance(found, dict | list):
        return None, f"{data_type} takes a JSON object or list, not {_shown(value)}"
    if data_type is DataType.DATASET and not _is_dataset(found):
        return None, 'a DataSet looks like {"columns": ["a", "b"], "rows": [[1, 2]]}'
    return value, ""


def _is_dataset(found: object) -> bool:
    if not isinstance(found, dict) or found.keys() != {"columns", "rows"}:
        return False
    columns, rows = found["columns"], found["rows"]
    return (
        isinstance(columns, list)
        and all(isinstance(name, str) for name in columns)
        and isinstance(rows, list)
        and all(isinstance(row, list) and len(row) == len(columns) for row in rows)
    )
