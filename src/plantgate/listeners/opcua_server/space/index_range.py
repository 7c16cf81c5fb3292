"""NumericRange: parts of arrays and texts (Part 4, 7.27)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

_DIMENSION = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?\Z")
_MAX = 0xFFFF_FFFF
# No value here has more: an array of texts, and the characters of each.
_DIMENSIONS = 2
_TEXTS = (ua.VariantType.String, ua.VariantType.ByteString)


class Span(NamedTuple):
    """From `first` to before `stop`."""

    first: int
    stop: int


class NoRange(ValueError):  # noqa: N818 - what it is, not a fault of ours
    """The text is no NumericRange, or means nothing that is there. `status` is the code that says which."""

    def __init__(self, status: int) -> None:
        super().__init__(hex(status))
        self.status = status


def parse(text: str) -> tuple[Span, ...]:
    """`2`, `1:3`, `0:1,2:3`. Raises NoRange: BadIndexRangeInvalid, NoData for more dimensions than anything has."""
    parts = text.split(",", _DIMENSIONS)
    spans = []
    for part in parts[:_DIMENSIONS]:
        match = _DIMENSION.match(part)
        if match is None:
            raise NoRange(StatusCodes.BadIndexRangeInvalid)
        first, last = int(match[1]), int(match[2] or match[1])
        if first > _MAX or last > _MAX or (match[2] is not None and last <= first):
            raise NoRange(StatusCodes.BadIndexRangeInvalid)
        spans.append(Span(first, last + 1))
    if len(parts) > _DIMENSIONS:
        if not all(_DIMENSION.match(part) for part in parts[_DIMENSIONS].split(",")):
            raise NoRange(StatusCodes.BadIndexRangeInvalid)
        raise NoRange(StatusCodes.BadIndexRangeNoData)
    return tuple(spans)


def part_of(variant: ua.Variant, spans: tuple[Span, ...]) -> ua.Variant:
    """What `spans` mean of it, as much as is there. Raises NoRange (BadIndexRangeNoData)."""
    value, kind = variant.Value, variant.VariantType
    if variant.is_array:
        # one dimension of an array; a second one means the characters of its texts
        if len(spans) == _DIMENSIONS and kind not in _TEXTS:
            raise NoRange(StatusCodes.BadIndexRangeNoData)
        elements = _slice(value if value is not None else [], spans[0])
        if len(spans) == _DIMENSIONS:
            elements = [_slice(each if each is not None else "", spans[1]) for each in elements]
        return ua.Variant(list(elements), kind, None, True)
    if kind not in _TEXTS or len(spans) != 1 or value is None:
        raise NoRange(StatusCodes.BadIndexRangeNoData)
    return ua.Variant(_slice(value, spans[0]), kind, None, False)


def _slice(value: Any, span: Span) -> Any:
    found = value[span.first : span.stop]
    if not found:
        raise NoRange(StatusCodes.BadIndexRangeNoData)
    return found


def with_part(
    whole: tuple[Any, ...], spans: tuple[Span, ...], part: tuple[Any, ...]
) -> tuple[bool | int | float | str | None, ...]:
    """`whole` with `part` in the place of what `spans` mean. Raises NoRange.

    All of it must be there already (BadIndexRangeNoData) and `part` be as long (BadIndexRangeDataMismatch, Part 4,
    5.11.4.2).
    """
    if len(spans) != 1 or spans[0].stop > len(whole):
        raise NoRange(StatusCodes.BadIndexRangeNoData)
    if len(part) != spans[0].stop - spans[0].first:
        raise NoRange(StatusCodes.BadIndexRangeDataMismatch)
    return (*whole[: spans[0].first], *part, *whole[spans[0].stop :])
