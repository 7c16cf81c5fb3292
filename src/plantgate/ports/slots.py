"""The connections of probes, counted together with those of the scan beside them."""

from __future__ import annotations

import asyncio

from plantgate.ports.connects import Connects, Pace
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream, connect

_LOOK_AGAIN_SECONDS = 0.02


class Slots:
    """Opens connections for probes: no more at a time, with those of `connects`, than that may have, and in turn with
    them where there is a `pace`. A probe that waits goes before the scan. `tasks` owns what watches for their end.
    """

    def __init__(self, connects: Connects, pace: Pace | None, clock: Clock, tasks: asyncio.TaskGroup) -> None:
        self._connects = connects
        self._pace = pace
        self._clock = clock
        self._tasks = tasks
        self._open = 0

    async def connect(self, host: str, port: int, *, timeout: float) -> Stream:
        """As `runtime.streams.connect`; the time until there is a slot does not count."""
        self._connects.elsewhere += 1
        try:
            while self._open + self._connects.under_way >= self._connects.most:
                await self._clock.sleep(_LOOK_AGAIN_SECONDS)
            self._open += 1
            try:
                while self._pace is not None and (seconds := self._pace.turn()):
                    await self._clock.sleep(seconds)
                stream = await connect(host, port, timeout=timeout)
            except BaseException:
                self._open -= 1
                raise
        except BaseException:
            self._connects.elsewhere -= 1
            raise
        self._tasks.create_task(self._closed(stream))
        return stream

    async def _closed(self, stream: Stream) -> None:
        await stream.wait_closed()
        self._open -= 1
        self._connects.elsewhere -= 1
