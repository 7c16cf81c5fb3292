"""One client of the Modbus server: its requests in order, within deadlines, and no more than it reads answers of."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

from plantgate.errors import Overload, Unavailable
from plantgate.limits import MODBUS_SERVER_FRAME_SECONDS, MODBUS_SERVER_PIECE_BYTES, MODBUS_SERVER_STALL_SECONDS
from plantgate.listeners.modbus_server.answers import Answerer
from plantgate.model.command import Origin
from plantgate.protocols.modbus import Broken, Illegal, ServerCore
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.streams import Stream

_log = get_logger("listeners.modbus_server")


class Session:
    """`origin` is whom its writes are by; its `may_write` says whether there are any."""

    def __init__(self, stream: Stream, answerer: Answerer, origin: Origin, idle_seconds: float, clock: Clock) -> None:
        self._stream = stream
        self._answerer = answerer
        self._origin = origin
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._core = ServerCore()
        # When its connection ends unless something happens before; one timer looks at it now and then, which costs a
        # request nothing.
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._began: float | None = None

    async def run(self) -> None:
        """Until the client ends, breaks the framing, falls silent, stalls in a frame or does not read."""
        self._wait()
        try:
            while data := await self._stream.read():
                self._deadline = math.inf
                for piece in _pieces(data):
                    if not await self._answer(piece):
                        return
                    if len(data) > len(piece):
                        await asyncio.sleep(0)
                self._wait()
        except TimeoutError:
            self._let_go("it does not read")
        except (Unavailable, Overload) as error:
            _log.debug("a Modbus client is gone", address=self._origin.address, reason=error.message)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _wait(self) -> None:
        """For more: idle_seconds for a request, MODBUS_SERVER_FRAME_SECONDS from its first byte on for its last."""
        if self._began is None:
            self._deadline = self._clock.mono() + self._idle_seconds
            if self._timer is None:
                self._arm()
        else:
            self._deadline = self._began + MODBUS_SERVER_FRAME_SECONDS
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = min(self._deadline - self._clock.mono(), self._idle_seconds)
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._look)

    def _look(self) -> None:
        if self._clock.mono() < self._deadline:
            self._arm()
            return
        self._let_go("silent" if self._began is None else "a frame that did not end")
        self._stream.abort()

    def _let_go(self, reason: str) -> None:
        _log.debug("a Modbus client was let go", address=self._origin.address, reason=reason)

    async def _answer(self, data: bytes) -> bool:
        """Answer what `data` completes; False if no more can come."""
        events = self._core.receive(data)
        if not self._core.partial:
            self._began = None
        elif events or self._began is None:
            self._began = self._clock.mono()
        answers: list[bytes] = []
        for event in events:
            if isinstance(event, Broken):
                self._send(answers)
                _log.info("not Modbus", address=self._origin.address, reason=printable(event.error.message))
                return False
            if isinstance(event, Illegal):
                answers.append(self._answerer.refuse(event, event.exception))
                continue
            answer = self._answerer.read(event)
            if answer is None:
                self._send(answers)  # what was asked before need not wait for a write
                answer = await self._answerer.write(event, self._origin)
            answers.append(answer)
        self._send(answers)
        if self._stream.behind:
            async with asyncio.timeout(MODBUS_SERVER_STALL_SECONDS):
                await self._stream.taken()
        return True

    def _send(self, answers: list[bytes]) -> None:
        if answers:
            self._stream.write(b"".join(answers))
            answers.clear()


def _pieces(data: bytes) -> Iterator[bytes]:
    """Nearly always one: a client that sends much at once is answered piece by piece, and others in between."""
    if len(data) <= MODBUS_SERVER_PIECE_BYTES:
        yield data
        return
    for start in range(0, len(data), MODBUS_SERVER_PIECE_BYTES):
        yield data[start : start + MODBUS_SERVER_PIECE_BYTES]
