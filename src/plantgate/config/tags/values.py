"""Values of tags as files write them."""

from __future__ import annotations

import json
import math

from msgspec import convert

from plantgate.limits import TAG_ARRAY_ITEMS
from plantgate.model.value import INTEGER_BITS, DataType, Scalar

_FLOATS = frozenset({DataType.FLOAT4, DataType.FLOAT8})
_DOCUMENTS = frozenset({DataType.DATASET, DataType.DOCUMENT})


def initial_value(value: Scalar, kind: DataType, *, as_text: bool) -> Scalar:
    """`value` as a value of `kind`. Raises ValueError or ValidationError; a DateTime is microseconds since 1970 UTC."""
    strict = not as_text
    if kind.is_array:
        items = json.loads(value) if as_text and isinstance(value, str) else value
        if not isinstance(items, list | tuple) or len(items) > TAG_ARRAY_ITEMS:
            raise ValueError("no list, or a long one")
        return tuple(_element(item, kind.element) for item in items)
    return _element(value, kind, strict=strict)


def _element(value: object, kind: DataType, *, strict: bool = True) -> bool | int | float | str:
    if kind is DataType.STRING:
        return convert(value, str) if strict else str(value)
    if kind in _DOCUMENTS:
        if not isinstance(value, str) or not isinstance(json.loads(value), dict | list):
            raise ValueError("no JSON")
        return value
    if kind is DataType.BOOLEAN:
        return convert(value, bool, strict=strict)
    if kind in _FLOATS:
        number = convert(value, float, strict=strict)
        if not math.isfinite(number):
            raise ValueError("not finite")
        return number
    whole = convert(value, int, strict=strict)
    bits = INTEGER_BITS.get(kind, 64)
    if not -(1 << (bits - 1)) <= whole < (1 << (bits - 1)):
        raise ValueError("out of range")
    return whole
