"""How messages leave a reader: at once as a rule, late or in pieces where its manners say so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from plantgate.errors import Overload, Unavailable
from plantgate.limits import SIMULATOR_QUEUE_MESSAGES
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.options import Personality, Writes
from plantgate.simulators.reader.rude import Cut, Manners, Rude, Step, delay, steps

_PIECE_SECONDS = 0.001  # between the pieces of a message that is cut: each becomes a segment of its own
_BURST_SECONDS = 0.05
_BURST_MESSAGES = 3


class Outlet(Protocol):
    """Where bytes go: a connection, or datagrams to one host."""

    @property
    def name(self) -> str:
        """For the report: empty for the host that is connected, `udp ADDRESS` for datagrams."""
        ...

    def write(self, data: bytes) -> None:
        """Raises Unavailable, Overload."""
        ...

    def cut(self, how: Cut) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A line, and the id of the card that it is about (None: a hello or raw bytes)."""

    line: bytes
    uid: str | None = None


# Called when a message has left: the outlet's name, the message, when its first byte left (ns), whether it was taken.
Sent = Callable[[str, Message, int, bool], None]


class Sender:
    """Sends messages to one outlet, in order. `sent` is told each one that has left or was refused."""

    def __init__(
        self,
        outlet: Outlet,
        personality: Callable[[], Personality],
        manners: Manners,
        clock: Clock,
        tasks: TaskGroup,
        sent: Sent,
        noise: Callable[[int], bytes],
    ) -> None:
        self._outlet = outlet
        self._personality = personality
        self._manners = manners
        self._clock = clock
        self._tasks = tasks
        self._sent = sent
        self._noise = noise
        self._queue: deque[tuple[float, Message]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._number = 0

    def put(self, message: Message) -> bool:
        """Send now or queue. False, and told to `sent`, if the host does not read or too many messages wait."""
        rude = self._manners.rude
        busy = self._writer is not None and not self._writer.done()
        if rude is None and not busy and self._personality().writes is Writes.WHOLE:
            return self._write([message], message.line)
        if len(self._queue) >= SIMULATOR_QUEUE_MESSAGES:
            self._sent(self._outlet.name, message, 0, False)
            return False
        self._queue.append((self._clock.mono() + delay(rude), message))
        if not busy:
            self._writer = self._tasks.spawn("writer", self._run)
        return True

    def close(self) -> None:
        """The outlet is gone: nothing more is sent."""
        self._queue.clear()
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None

    def _write(self, messages: list[Message], data: bytes) -> bool:
        began = self._clock.mono_ns()
        taken = self._now(data)
        for message in messages:
            self._sent(self._outlet.name, message, began, taken)
        return taken

    def _now(self, data: bytes) -> bool:
        try:
            self._outlet.write(data)
        except (Unavailable, Overload):
            return False
        return True

    async def _run(self) -> None:
        while self._queue:
            wait = self._queue[0][0] - self._clock.mono()
            if wait > 0 and self._manners.rude is not None:
                await self._manners.pause(wait)
            if self._manners.rude is None and self._personality().writes is Writes.BURST:
                await self._burst()
            else:
                await self._one(self._queue.popleft()[1])

    async def _burst(self) -> None:
        if len(self._queue) < _BURST_MESSAGES:
            await self._clock.sleep(_BURST_SECONDS)
        messages = [message for _, message in self._queue]
        self._queue.clear()
        self._write(messages, b"".join(message.line for message in messages))
        await self._clock.sleep(_PIECE_SECONDS)

    async def _one(self, message: Message) -> None:
        began, taken = self._clock.mono_ns(), True
        rude = self._manners.rude
        for step in self._steps(rude, message):
            if isinstance(step, bytes):
                taken = self._now(step) and taken
            elif isinstance(step, Cut):
                self._outlet.cut(step)
            elif rude is None:
                await self._clock.sleep(step)
            elif self._manners.rude is rude:  # healthy again: the rest at once
                await self._manners.pause(step)
        self._sent(self._outlet.name, message, began, taken)

    def _steps(self, rude: Rude | None, message: Message) -> list[Step]:
        personality = self._personality()
        line = message.line
        if rude is not None:
            of_card = message.uid is not None
            self._number += of_card
            plan = steps(
                rude,
                line,
                of_card=of_card,
                number=self._number - 1,
                reading=personality.checksum,
                noise=self._noise,
            )
            if plan is not None:
                return plan
        if personality.writes is Writes.BYTES:
            return [step for byte in line for step in (bytes([byte]), _PIECE_SECONDS)]
        if personality.writes is Writes.CRLF:
            return [line[:-1], _PIECE_SECONDS, line[-1:]]
        return [line]
