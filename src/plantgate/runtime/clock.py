"""Time is an argument: everything below `app.py` is handed a clock."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """`mono` for durations, deadlines and leases; `wall` only to say when something happened."""

    def mono(self) -> float:
        """Seconds of a clock that never jumps."""
        ...

    def mono_ns(self) -> int:
        """The same in nanoseconds, for latencies."""
        ...

    def wall(self) -> int:
        """Microseconds since 1970-01-01 UTC. May jump when an administrator sets the time."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def sleep_until(self, mono: float) -> None: ...


class SystemClock:
    """The clock of this host."""

    def mono(self) -> float:
        return time.monotonic()  # noqa: TID251 - the one place

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def wall(self) -> int:
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, mono: float) -> None:
        await asyncio.sleep(max(0.0, mono - self.mono()))


class ManualClock:
    """A clock for tests: it moves only when told, and wakes whoever slept up to the new time, in order."""

    def __init__(self, mono: float = 1_000.0, wall: int = 1_700_000_000_000_000) -> None:
        self._mono = mono
        self._wall = wall
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def mono(self) -> float:
        return self._mono

    def mono_ns(self) -> int:
        return int(self._mono * 1e9)

    def wall(self) -> int:
        return self._wall

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._mono + seconds)

    async def sleep_until(self, mono: float) -> None:
        if mono <= self._mono:
            await asyncio.sleep(0)
            return
        entry = (mono, asyncio.get_running_loop().create_future())
        self._sleepers.append(entry)
        try:
            await entry[1]
        finally:
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper is not entry]

    @property
    def sleepers(self) -> int:
        """How many coroutines wait for this clock: a condition that tests can wait for."""
        return len(self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move `seconds` ahead, stopping at each sleeper's time so that it can sleep again and be woken again."""
        end = self._mono + seconds
        await self._settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end]:
            self._move(max(self._mono, min(sleeper[0] for sleeper in due)))
            for when, future in due:
                if when <= self._mono and not future.done():
                    future.set_result(None)
            await self._settle()
        self._move(end)

    def _move(self, mono: float) -> None:
        self._wall += round((mono - self._mono) * 1e6)
        self._mono = mono

    async def _settle(self) -> None:
        for _ in range(10):  # a woken coroutine may wake others; ten hops are more than any test of ours chains
            await asyncio.sleep(0)
