"""The two policies at the edges, by name: `Latest` coalesces, `Backlog` keeps every one up to a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Latest(Generic[K, V]):
    """The newest value per key. Bounded by the number of keys; a slow reader sees fewer, newer values."""

    def __init__(self) -> None:
        self._pending: dict[K, V] = {}
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, key: K, value: V) -> None:
        self._pending[key] = value
        self._ready.set()

    def take(self) -> dict[K, V]:
        """Everything that is pending, at once; empty if nothing is."""
        taken, self._pending = self._pending, {}
        self._ready.clear()
        return taken

    async def wait(self) -> None:
        """Until something is pending."""
        await self._ready.wait()


class Backlog(Generic[V]):
    """Every value, in order, up to `bound`. When it is full `put` says so; the caller knows whose fault that is."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._items: deque[V] = deque()
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, value: V) -> bool:
        """True if it was kept, False if the backlog is full."""
        if len(self._items) >= self._bound:
            return False
        self._items.append(value)
        self._ready.set()
        return True

    def take(self, most: int | None = None) -> list[V]:
        """Up to `most` of the oldest values (all if None), in order."""
        count = len(self._items) if most is None else min(most, len(self._items))
        taken = [self._items.popleft() for _ in range(count)]
        if not self._items:
            self._ready.clear()
        return taken

    async def wait(self) -> None:
        """Until something is pending."""
        await self._ready.wait()
