"""What all readers of a gateway share: the pace of their connections, UDP sockets, and the round of their tags."""

from __future__ import annotations

import asyncio

from plantgate.drivers.springcore.budget import ConnectPace
from plantgate.model.quality import Quality
from plantgate.model.seams import BatchSink
from plantgate.model.value import Batch, Scalar
from plantgate.runtime.clock import Clock
from plantgate.runtime.datagrams import DatagramSockets
from plantgate.runtime.queues import Latest
from plantgate.runtime.tasks import TaskGroup

_ROUND_SECONDS = 0.05


class Shared:
    """One for all readers. `start` with each of them, `flush` when one ends."""

    def __init__(self, clock: Clock, tasks: TaskGroup, batches: BatchSink) -> None:
        self.pace = ConnectPace(clock)
        self.sockets = DatagramSockets()
        self._clock = clock
        self._tasks = tasks
        self._batches = batches
        self._changed: Latest[int, tuple[Scalar, int]] = Latest()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._tasks.spawn("readers-tags", self._run, restart=True)

    def put(self, tag: int, value: Scalar) -> None:
        """The new value of a tag; with the next round, 50 ms later, it is published.

        A thousand badges a second change thousands of tags: one batch for all of them costs a tenth of one for each.
        """
        self._changed.put(tag, (value, self._clock.wall()))

    def flush(self) -> None:
        """Publish what waits now."""
        changed = self._changed.take()
        if changed:
            count = len(changed)
            values = [value for value, _ in changed.values()]
            times = [time for _, time in changed.values()]
            self._batches.publish(Batch(list(changed), values, [int(Quality.GOOD)] * count, times, self._clock.wall()))

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            await self._clock.sleep(_ROUND_SECONDS)
            self.flush()
