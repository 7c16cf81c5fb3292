"""Values and the columns they travel in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

# One value of a tag. A tuple is the value of an array tag; DataSet and Document are JSON texts.
Scalar: TypeAlias = bool | int | float | str | tuple[bool | int | float | str | None, ...] | None


class DataType(StrEnum):
    """Data types of tags, by Ignition's names (manual, tag properties, data type).

    A DateTime is microseconds since 1970 UTC. A DataSet is the text of `{"columns": [...], "rows": [[...], ...]}`, a
    Document that of any JSON object or list.
    """

    BOOLEAN = "Boolean"
    INT1 = "Int1"
    INT2 = "Int2"
    INT4 = "Int4"
    INT8 = "Int8"
    FLOAT4 = "Float4"
    FLOAT8 = "Float8"
    STRING = "String"
    DATETIME = "DateTime"
    BOOLEAN_ARRAY = "BooleanArray"
    INT1_ARRAY = "Int1Array"
    INT2_ARRAY = "Int2Array"
    INT4_ARRAY = "Int4Array"
    INT8_ARRAY = "Int8Array"
    FLOAT4_ARRAY = "Float4Array"
    FLOAT8_ARRAY = "Float8Array"
    STRING_ARRAY = "StringArray"
    DATETIME_ARRAY = "DateTimeArray"
    DATASET = "DataSet"
    DOCUMENT = "Document"

    @property
    def is_array(self) -> bool:
        return self.value.endswith("Array")

    @property
    def element(self) -> DataType:
        """The type of an array's values; of any other type itself."""
        return DataType(self.value.removesuffix("Array"))

    @property
    def is_number(self) -> bool:
        return self in _NUMBERS

    @property
    def has_history(self) -> bool:
        """Whether the history can store its values: arrays and documents have no place on a time line."""
        return not self.is_array and self not in {DataType.DATASET, DataType.DOCUMENT}


INTEGER_BITS: Mapping[DataType, int] = {
    DataType.INT1: 8,
    DataType.INT2: 16,
    DataType.INT4: 32,
    DataType.INT8: 64,
}
_NUMBERS = frozenset({*INTEGER_BITS, DataType.FLOAT4, DataType.FLOAT8})


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


@dataclass(slots=True)
class Batch:
    """What a driver hands over: columns of equal length, never one object per value. Nobody changes one.

    It is not frozen: one is made for every answer of a device, and a frozen one takes three times as long to make.

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
