"""One at a time, the addresses in turn: a flood from one makes others wait for one of its jobs, not for all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from plantgate.errors import Overload
from plantgate.limits import PASSWORDS_WAITING, PASSWORDS_WAITING_PER_ADDRESS


class Turns:
    """`async with turns.of(address)`: the block is run by one caller at a time."""

    def __init__(self, total: int = PASSWORDS_WAITING, per_address: int = PASSWORDS_WAITING_PER_ADDRESS) -> None:
        self._total = total
        self._per_address = per_address
        self._taken = False
        self.waiting = 0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def of(self, address: str) -> AsyncIterator[None]:
        """Raises Overload USR-501 if too many wait already, or if others need the place."""
        await self._enter(address)
        try:
            yield
        finally:
            self._pass_on()

    async def _enter(self, address: str) -> None:
        if not self._taken:
            self._taken = True
            return
        if len(self._queues.get(address, ())) >= self._per_address or not self._has_room(address):
            raise _too_many()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(address, deque()).append(mine)
        self.waiting += 1
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it was our turn in this very moment
                self._pass_on()
            else:
                self._leave(address, mine)
            raise

    def _has_room(self, address: str) -> bool:
        """If there is none, the last in the longest queue goes for whoever has a much shorter one."""
        if self.waiting < self._total:
            return True
        longest = max(self._queues, key=lambda each: len(self._queues[each]))
        if len(self._queues[longest]) <= len(self._queues.get(address, ())) + 1:
            return False
        last = self._queues[longest].pop()
        self.waiting -= 1
        if not last.done():
            last.set_exception(_too_many())
        return True

    def _leave(self, address: str, mine: asyncio.Future[None]) -> None:
        queue = self._queues.get(address)
        with suppress(ValueError):
            if queue is not None:
                queue.remove(mine)
                self.waiting -= 1
                if not queue:
                    del self._queues[address]

    def _pass_on(self) -> None:
        while self._queues:
            address, queue = self._queues.popitem(last=False)
            mine = queue.popleft()
            self.waiting -= 1
            if queue:
                self._queues[address] = queue  # behind all others
            if not mine.done():
                mine.set_result(None)
                return
        self._taken = False


def _too_many() -> Overload:
    return Overload("USR-501", "too many sign-ins wait for their turn", "try again in some seconds")
