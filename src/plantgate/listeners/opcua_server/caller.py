"""Who asks: what a session hands to the services with every request."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from plantgate.limits import OPCUA_BROWSE_POINTS
from plantgate.listeners.opcua_server.space.nodes import Reference
from plantgate.listeners.opcua_server.space.rights import Rights
from plantgate.model.command import Origin

_POINT_BYTES = 16

T = TypeVar("T")


class Peekable(Generic[T]):
    """An iterator that knows whether there is more."""

    __slots__ = ("_items", "_next")

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._next = next(items, None)

    def __bool__(self) -> bool:
        return self._next is not None

    def take(self) -> T:
        """Raises StopIteration if there is no more."""
        found = self._next
        if found is None:
            raise StopIteration
        self._next = next(self._items, None)
        return found


@dataclass(frozen=True, slots=True)
class BrowseRest:
    """What of a Browse is still to be told: the references, as they were when it began, and how they are told."""

    references: Peekable[Reference]
    most: int
    mask: int


class BrowsePoints:
    """The continuation points of one session's browsing (Part 4, 7.9): a few, and gone with the session."""

    def __init__(self) -> None:
        self._rests: dict[bytes, BrowseRest] = {}

    def __len__(self) -> int:
        return len(self._rests)

    def keep(self, rest: BrowseRest) -> bytes | None:
        """Its continuation point, None if there are too many."""
        if len(self._rests) >= OPCUA_BROWSE_POINTS:
            return None
        point = secrets.token_bytes(_POINT_BYTES)
        self._rests[point] = rest
        return point

    def take(self, point: bytes) -> BrowseRest | None:
        """None for one that never was or is used up; each is good for one BrowseNext."""
        return self._rests.pop(point, None)

    def clear(self) -> None:
        """When the session ends, or another user goes on with it."""
        self._rests.clear()


@dataclass(slots=True)
class Caller:
    """`most_bytes` is the largest answer that the client takes, 0 if it takes any."""

    rights: Rights
    origin: Origin
    points: BrowsePoints = field(default_factory=BrowsePoints)
    most_bytes: int = 0
