"""One queue for all readers that none of them can fill."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Generic, TypeVar

V = TypeVar("V")


class SharedBacklog(Generic[V]):
    """Every value, in order, up to `bound`; and none of an owner that already has as many as there is room left.

    So one owner that floods gets half of it, two get a third each, and whoever else comes always finds room. (Dynamic
    thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998.)
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._items: deque[tuple[str, V]] = deque()
        self._owned: Counter[str] = Counter()
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, owner: str, value: V) -> bool:
        """True if it was kept, False if `owner` has its share."""
        if self._owned[owner] >= self._bound - len(self._items):
            return False
        self._items.append((owner, value))
        self._owned[owner] += 1
        self._ready.set()
        return True

    def take(self, most: int) -> list[V]:
        """Up to `most` of the oldest values, in order."""
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        for owner, _ in taken:
            self._owned[owner] -= 1
        if not self._items:
            self._ready.clear()
            self._owned.clear()
        return [value for _, value in taken]

    async def wait(self) -> None:
        """Until something is pending."""
        await self._ready.wait()
