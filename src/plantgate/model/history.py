"""What a history query gives."""

from __future__ import annotations

from dataclasses import dataclass

from plantgate.model.value import Scalar


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one tag in time order, as columns. `times` are microseconds UTC."""

    path: str
    times: list[int]
    values: list[Scalar]
    qualities: list[int]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """`points` are the points that are on disk (fsync returned), hot and in blocks together."""

    points: int
    tags: int
    blocks: int
    hot_points: int
    bytes: int
    oldest: int | None
    newest: int | None
