"""Values and the columns they travel in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str | None


class DataType(StrEnum):
    """Data types of tags, by Ignition's names."""

    BOOLEAN = "Boolean"
    INT1 = "Int1"
    INT2 = "Int2"
    INT4 = "Int4"
    INT8 = "Int8"
    FLOAT4 = "Float4"
    FLOAT8 = "Float8"
    STRING = "String"
    DATETIME = "DateTime"


@dataclass(frozen=True, slots=True)
class TagValue:
    """One value with its quality and the time it was true.

    `timestamp` is microseconds since 1970-01-01 UTC, of the device where it tells one, else of arrival.
    `reason` says in words why the quality is not good, empty otherwise.
    """

    value: Scalar
    quality: int
    timestamp: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a driver hands over: columns of equal length, never one object per value.

    `tags` are tag ids, `values`, `qualities` and `times` (microseconds UTC) belong to them by position.
    `arrived` is the arrival time of the whole batch (microseconds UTC). `reason` explains a batch that is not
    good ("connection refused by 10.0.0.7:502"); it is one sentence for all its rows.
    """

    tags: Sequence[int]
    values: Sequence[Scalar]
    qualities: Sequence[int]
    times: Sequence[int]
    arrived: int
    reason: str = ""
