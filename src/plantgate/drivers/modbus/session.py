"""One connection to a device, used once: jobs in, outcomes out, never more open than the device allows.

One task runs it; jobs may be submitted from anywhere on the event loop and are sent at once if there is room.
There is one timer per connection, not one per request.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import WORTH_A_RETRY, Lost, Outcome
from plantgate.errors import Overload, PeerError, PlantgateError, Unavailable
from plantgate.limits import MODBUS_UNEXPECTED_FRAMES
from plantgate.protocols.modbus.client import (
    ClientCore,
    ClientEvent,
    ExceptionReply,
    Malformed,
    Reply,
    TimedOut,
    Unexpected,
)
from plantgate.protocols.modbus.framing import Broken
from plantgate.protocols.modbus.pdu import Exchange
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream

_SILENT_IN_ALL = 10  # times the timeouts allowed: a unit that is seldom polled does not keep a dead line open
_EWMA = 0.1  # weight of the newest response time: the last twenty or so count


@dataclass(slots=True)
class Counters:
    """What a device has cost and done since the gateway started; shown on its tile."""

    requests: int = 0
    replies: int = 0
    exceptions: int = 0
    malformed: int = 0
    timeouts: int = 0
    unexpected: int = 0
    connects: int = 0
    writes: int = 0
    late_polls: int = 0
    response_seconds: float | None = None

    def answered(self, seconds: float) -> None:
        mean = self.response_seconds
        self.response_seconds = seconds if mean is None else mean + _EWMA * (seconds - mean)


class Job:
    """A request to `unit`. `done` is called once with its outcome; never if it was `cancelled` before it was sent."""

    __slots__ = ("cancelled", "done", "exchange", "retries", "sent", "unit")

    def __init__(self, unit: int, exchange: Exchange, done: Callable[[Outcome, float], None], retries: int = 0) -> None:
        self.unit = unit
        self.exchange = exchange
        self.done = done
        self.retries = retries
        self.cancelled = False
        self.sent = False


class Session:
    """`run` until the connection ends; it returns why. `heard` is called at the first answer to a request.

    `units` are all that will be asked: silence ends the connection only if every one of them is silent, for behind
    a gateway a dead device must not cost the others theirs.
    """

    def __init__(
        self,
        stream: Stream,
        options: ModbusOptions,
        clock: Clock,
        counters: Counters,
        units: Iterable[int],
        heard: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._timeout = options.timeout
        self._timeouts_allowed = options.reconnect_after_timeouts or math.inf
        self._where = f"{options.host}:{options.port}"
        self._core: ClientCore[Job] = ClientCore(options.concurrent_requests)
        self._counters = counters
        self._urgent: deque[Job] = deque()
        self._polls: deque[Job] = deque()
        self._ended: PlantgateError | None = None
        self._alarm: asyncio.Timeout | None = None
        self._wake = math.inf
        self._timeouts_in_row = dict.fromkeys(units, 0)
        self._timeouts_in_all = 0
        self._unexpected_in_row = 0
        self._heard: Callable[[], None] | None = heard

    def submit(self, job: Job, *, urgent: bool = False) -> None:
        """Queue `job`, before all polls if `urgent`. On a connection that has ended its outcome is `Lost`, at once."""
        if self._ended is not None:
            job.done(Lost(self._ended), self._clock.mono())
            return
        (self._urgent if urgent else self._polls).append(job)
        if urgent:
            self._pump(self._clock.mono())

    async def run(self, next_due: Callable[[], float], on_due: Callable[[float], None]) -> PlantgateError:
        """Talk until the connection ends. `on_due` is called at `next_due` (monotonic seconds), to submit polls."""
        try:
            while self._ended is None:
                await self._until_due(next_due, on_due)
        finally:
            self._stream.abort()
            self._settle()
        return self._why()

    async def _until_due(self, next_due: Callable[[], float], on_due: Callable[[float], None]) -> None:
        now = self._clock.mono()
        self._dispatch(self._core.tick(now), now)
        on_due(now)
        self._pump(now)
        deadline = self._core.next_deadline()
        self._wake = min(next_due(), math.inf if deadline is None else deadline)
        try:
            async with asyncio.timeout(_seconds(self._wake - now)) as self._alarm:
                while self._ended is None:
                    data = await self._stream.read()
                    now = self._clock.mono()
                    if not data:
                        self._end(self._why_lost())
                        return
                    self._dispatch(self._core.receive(data, now), now)
                    self._pump(now)
        except TimeoutError:
            pass
        finally:
            self._alarm = None

    def _pump(self, now: float) -> None:
        """Send what there is room for."""
        core, out = self._core, []
        while core.free > 0 and self._ended is None:
            job = self._next_job()
            if job is None:
                break
            job.sent = True
            out.append(core.request(job.exchange, job.unit, now, self._timeout, job)[1])
        if not out:
            return
        self._counters.requests += len(out)
        try:
            self._stream.write(b"".join(out))
        except (Unavailable, Overload) as error:
            self._end(error)
            return
        deadline = now + self._timeout
        if self._alarm is not None and deadline < self._wake and not self._alarm.expired():
            self._wake = deadline
            self._alarm.reschedule(asyncio.get_running_loop().time() + self._timeout)

    def _next_job(self) -> Job | None:
        for queue in (self._urgent, self._polls):
            while queue:
                job = queue.popleft()
                if not job.cancelled:
                    return job
        return None

    def _dispatch(self, events: list[ClientEvent[Job]] | list[TimedOut[Job]], now: float) -> None:
        for event in events:
            match event:
                case Reply():
                    self._counters.replies += 1
                    self._answered(event.token.unit, event.seconds)
                case ExceptionReply():
                    self._counters.exceptions += 1
                    self._answered(event.token.unit, event.seconds)
                    job = event.token
                    if event.code in WORTH_A_RETRY and job.retries > 0:
                        job.retries -= 1
                        self._urgent.append(job)
                        continue
                case Malformed():
                    self._counters.malformed += 1
                    self._answered(event.token.unit, None)
                case TimedOut():
                    self._timed_out(event.token.unit)
                case Unexpected():
                    self._not_asked()
                    continue
                case Broken():
                    self._counters.malformed += 1
                    wrong = event.error
                    self._end(PeerError(wrong.code, f"{self._where}: {wrong.message}", wrong.hint))
                    return
            event.token.done(event, now)

    def _answered(self, unit: int, seconds: float | None) -> None:
        if self._heard is not None:
            self._heard()
            self._heard = None
        self._unexpected_in_row = self._timeouts_in_all = 0
        self._timeouts_in_row[unit] = 0
        if seconds is not None:
            self._counters.answered(seconds)

    def _timed_out(self, unit: int) -> None:
        self._counters.timeouts += 1
        silent = self._timeouts_in_row
        silent[unit] = silent.get(unit, 0) + 1
        self._timeouts_in_all += 1
        in_all, allowed = self._timeouts_in_all, self._timeouts_allowed
        if min(silent.values()) >= allowed or in_all >= _SILENT_IN_ALL * allowed:
            wrong = f", {self._unexpected_in_row} answers had ids never asked" if self._unexpected_in_row else ""
            self._end(
                Unavailable(
                    "MB-301",
                    f"{self._where} is connected and left {in_all} requests unanswered{wrong}",
                    "is the unit id right, and is another master using up the device's connections?",
                )
            )

    def _not_asked(self) -> None:
        self._counters.unexpected += 1
        self._unexpected_in_row += 1
        if self._unexpected_in_row > MODBUS_UNEXPECTED_FRAMES:
            self._end(
                PeerError("MB-304", f"{self._where} sent {self._unexpected_in_row} answers that nobody asked for")
            )

    def _why_lost(self) -> PlantgateError:
        how = "reset" if self._stream.error is not None else "closed"
        cut = " in the middle of an answer" if self._core.partial else ""
        return Unavailable("MB-302", f"{self._where} {how} the connection{cut}", "the gateway connects again by itself")

    def _end(self, error: PlantgateError) -> None:
        if self._ended is None:
            self._ended = error
            self._stream.abort()

    def _why(self) -> PlantgateError:
        if self._ended is None:
            return Unavailable("MB-303", f"the connection to {self._where} was closed by the gateway")
        return self._ended

    def _settle(self) -> None:
        """Give every job that is open or waits its outcome."""
        error = self._ended = self._why()
        now = self._clock.mono()
        for job in [*self._core.drain(), *self._urgent, *self._polls]:
            if not job.cancelled:
                job.done(Lost(error), now)
        self._urgent.clear()
        self._polls.clear()


def _seconds(left: float) -> float | None:
    return None if left == math.inf else max(0.0, left)
