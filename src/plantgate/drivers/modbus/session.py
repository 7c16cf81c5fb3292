"""One connection to a device, used once: jobs in, outcomes out, never more open than the device allows.

One task runs it; jobs may be submitted from anywhere on the event loop and are sent at once if there is room.
There is one timer per connection, not one per request.

Behind a gateway several units share the connection, and one that is dead must not cost the others their time:

- the units take turns, so that one with many requests does not push aside one with few;
- a request whose answer is overdue by the unit's own pace gives its place up (`Quiet`); its answer still counts;
- a unit that leaves two requests in a row unanswered is asked apart: one request at a time, its other polls are
  `Skipped`, less and less often, so that dead units together take a small share of the line.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from plantgate.drivers.modbus.jobs import Counters, Job, UnitLine
from plantgate.drivers.modbus.options import Framing, ModbusOptions
from plantgate.drivers.modbus.outcomes import GATEWAY_SAYS_DEAD, WORTH_A_RETRY, Lost, Skipped
from plantgate.errors import Overload, PeerError, PlantgateError, Unavailable
from plantgate.limits import MODBUS_UNEXPECTED_FRAMES
from plantgate.protocols.modbus.client import (
    ClientCore,
    ClientEvent,
    ExceptionReply,
    Malformed,
    Quiet,
    Reply,
    TimedOut,
    Unexpected,
)
from plantgate.protocols.modbus.framing import Broken
from plantgate.protocols.modbus.rtu import RtuClientCore
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream

_SILENT_IN_ALL = 10  # times the timeouts allowed: a unit that is seldom polled does not keep a dead line open
_APART_AFTER = 2  # failures in a row: one lost answer is bad luck
_LOST_BESIDE = 3  # answers lost while another request was overdue: this gateway takes one request at a time


class Session:
    """`run` until the connection ends; it returns why. `heard` is called at the first answer to a request.

    `units` are all that will be asked: silence ends the connection only if every one of them is silent.
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
        self._where = options.where
        self._rtu = options.framing is Framing.RTU_OVER_TCP
        self._core: ClientCore[Job] | RtuClientCore[Job] = (
            RtuClientCore() if self._rtu else ClientCore(options.concurrent_requests)
        )
        self._counters = counters
        self._urgent: deque[Job] = deque()
        self._units = {unit: UnitLine(unit) for unit in units}
        self._several = len(self._units) > 1
        self._turns: deque[UnitLine] = deque()
        self._overdue = 0
        self._resting: list[UnitLine] = []
        self._ended: PlantgateError | None = None
        self._alarm: asyncio.Timeout | None = None
        self._wake = math.inf
        self._timeouts_in_all = 0
        self._unexpected_in_row = 0
        self._heard: Callable[[], None] | None = heard

    @property
    def silent_units(self) -> list[int]:
        """The units that are asked apart."""
        return sorted(unit.number for unit in self._units.values() if self._is_apart(unit))

    def submit(self, job: Job, *, urgent: bool = False) -> None:
        """Queue `job`, before all polls if `urgent`. On a connection that has ended its outcome is `Lost`, at once.

        A poll of a unit that is asked apart, and not due, is `Skipped` at once.
        """
        if self._ended is not None:
            job.done(Lost(self._ended), self._clock.mono())
            return
        unit = self._units.get(job.unit) or self._new_unit(job.unit)
        if urgent:
            job.since = self._clock.mono()
            self._urgent.append(job)
            self._pump(job.since)
            return
        if unit.failures and self._is_apart(unit) and (unit.open or unit.queue or self._clock.mono() < unit.retry_at):
            self._counters.skipped += 1
            job.done(Skipped(unit.number), self._clock.mono())
            return
        unit.queue.append(job)
        if not unit.in_turn:
            self._take_turn(unit)

    def wake(self) -> None:
        """What is due has changed: ask what is, now."""
        if self._alarm is not None and not self._alarm.expired():
            self._wake = -math.inf
            self._alarm.reschedule(asyncio.get_running_loop().time())

    def _new_unit(self, number: int) -> UnitLine:
        unit = self._units[number] = UnitLine(number)
        self._several = len(self._units) > 1
        return unit

    def _is_apart(self, unit: UnitLine) -> bool:
        return unit.failures >= _APART_AFTER and self._several

    def _take_turn(self, unit: UnitLine) -> None:
        if unit.queue and not unit.in_turn and not unit.held:
            unit.in_turn = True
            self._turns.append(unit)

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
        self._end_rests(now)
        on_due(now)
        self._pump(now)
        deadline = self._core.next_deadline()
        rests = min((unit.rests_until for unit in self._resting), default=math.inf)
        self._wake = min(next_due(), math.inf if deadline is None else deadline, rests)
        try:
            async with asyncio.timeout(_seconds(self._wake - now)) as self._alarm:
                await self._stream.deliver(self._received)
                self._end(self._why_lost())
        except TimeoutError:
            pass
        finally:
            self._alarm = None

    def _received(self, data: bytes) -> None:
        """Answers come in and the next requests go out within one callback of the event loop."""
        now = self._clock.mono()
        self._dispatch(self._core.receive(data, now), now)
        self._pump(now)

    def _pump(self, now: float) -> None:
        """Send what there is room for."""
        if self._ended is not None or not (self._urgent or self._turns):
            return
        core, out, wake = self._core, [], self._wake
        for _ in range(core.free):
            job = self._next_job()
            if job is None:
                break
            unit = self._units[job.unit]
            timeout, patience = self._patience(unit) if self._several else (self._timeout, None)
            unit.open += 1
            unit.cost = cost = timeout if patience is None else patience
            wake = min(wake, now + cost)
            job.sent = True
            job.beside = self._overdue > 0
            job.waited = waited = now - job.since
            self._counters.began(waited)
            out.append(core.request(job.exchange, job.unit, now, timeout, job, patience)[1])
        if not out:
            return
        try:
            self._stream.write(out[0] if len(out) == 1 else b"".join(out))
        except (Unavailable, Overload) as error:
            self._end(error)
            return
        if wake < self._wake and self._alarm is not None and not self._alarm.expired():
            self._wake = wake
            self._alarm.reschedule(asyncio.get_running_loop().time() + wake - now)

    def _patience(self, unit: UnitLine) -> tuple[float, float | None]:
        """How long to wait for an answer of `unit`, and after how long its place is given to another (None: never)."""
        if self._counters.lost_beside >= _LOST_BESIDE:
            return self._timeout, None
        patience = unit.patience(self._counters.response_seconds, self._timeout)
        if not self._rtu:
            return self._timeout, patience
        # On a serial line nothing can be asked beside: a unit that is likely dead is given less time, not less room.
        return min(self._timeout, patience * 2**unit.failures) if unit.failures else self._timeout, None

    def _next_job(self) -> Job | None:
        while self._urgent:
            job = self._urgent.popleft()
            if not job.cancelled:
                return job
        while self._turns:
            unit = self._turns[0]
            job = unit.queue.popleft()
            if unit.queue:
                self._turns.rotate(-1)
            else:
                self._turns.popleft()
                unit.in_turn = False
            if not job.cancelled:
                return job
        return None

    def _dispatch(self, events: Sequence[ClientEvent[Job]], now: float) -> None:
        for event in events:
            match event:
                case Reply():
                    self._counters.replies += 1
                    self._answered(event.token, event.seconds)
                case ExceptionReply():
                    self._counters.exceptions += 1
                    if self._refused(event.token, event.code, event.seconds, now):
                        continue
                case Malformed():
                    self._counters.malformed += 1
                    self._answered(event.token, None)
                case TimedOut():
                    self._timed_out(event.token, now)
                case Quiet():
                    self._quiet(event.token)
                    continue
                case Unexpected():
                    self._not_asked()
                    continue
                case Broken():
                    self._counters.malformed += 1
                    wrong = event.error
                    self._end(PeerError(wrong.code, f"{self._where}: {wrong.message}", wrong.hint))
                    return
            event.token.done(event, now)

    def _refused(self, job: Job, code: int, seconds: float, now: float) -> bool:
        """An exception: is it to be asked once more, at once?"""
        unit = self._units[job.unit]
        failures = unit.failures
        self._answered(job, seconds)
        if code in GATEWAY_SAYS_DEAD:
            # The gateway answers in place of the unit: the line is well, the unit is not.
            unit.failures = failures
            self._failed(unit, seconds, now)
        if code in WORTH_A_RETRY and job.retries > 0 and not unit.failures:
            job.retries -= 1
            job.since = now
            self._urgent.append(job)
            return True
        return False

    def _no_more_overdue(self, job: Job, unit: UnitLine) -> None:
        """The request of `job` has its outcome: its unit may go on."""
        self._overdue -= 1
        job.overdue = unit.held = False
        self._take_turn(unit)

    def _answered(self, job: Job, seconds: float | None) -> None:
        unit = self._units[job.unit]
        unit.open -= 1
        if job.overdue:
            self._no_more_overdue(job, unit)
        if self._heard is not None:
            self._heard()
            self._heard = None
        self._unexpected_in_row = self._timeouts_in_all = 0
        unit.failures = 0
        if job.beside and self._counters.lost_beside < _LOST_BESIDE:
            self._counters.lost_beside = 0
        if seconds is not None:
            unit.answered(seconds)
            self._counters.answered(seconds)

    def _quiet(self, job: Job) -> None:
        """Its place is free. Until its outcome is known its unit is asked nothing else."""
        unit = self._units[job.unit]
        job.overdue = unit.held = True
        self._overdue += 1
        if unit.in_turn:
            self._turns.remove(unit)
            unit.in_turn = False

    def _timed_out(self, job: Job, now: float) -> None:
        unit = self._units[job.unit]
        unit.open -= 1
        if job.overdue:
            self._no_more_overdue(job, unit)
        self._counters.timeouts += 1
        self._timeouts_in_all += 1
        if job.beside:
            self._counters.lost_beside += 1
        self._failed(unit, unit.cost, now)
        if self._rtu:
            # Its answer may still come and would be taken for that to its next request: let it pass first.
            self._rest(unit, now + self._timeout)
        in_all, allowed = self._timeouts_in_all, self._timeouts_allowed
        silent = in_all >= allowed and all(line.failures for line in self._units.values())
        if silent or in_all >= _SILENT_IN_ALL * allowed:
            wrong = f", {self._unexpected_in_row} answers had ids never asked" if self._unexpected_in_row else ""
            self._end(
                Unavailable(
                    "MB-301",
                    f"{self._where} is connected and left {in_all} requests unanswered{wrong}",
                    "is the unit id right, and is another master using up the device's connections?",
                )
            )

    def _failed(self, unit: UnitLine, cost: float, now: float) -> None:
        unit.failures += 1
        unit.retry_at = now + unit.pause(cost, unit.failures - _APART_AFTER)
        if not self._is_apart(unit):
            return
        if unit.in_turn:
            self._turns.remove(unit)
            unit.in_turn = False
        waiting, unit.queue = unit.queue, deque()
        for job in waiting:
            self._counters.skipped += 1
            if not job.cancelled:
                job.done(Skipped(unit.number), now)

    def _rest(self, unit: UnitLine, until: float) -> None:
        unit.held, unit.rests_until = True, until
        if unit.in_turn:
            self._turns.remove(unit)
            unit.in_turn = False
        self._resting.append(unit)

    def _end_rests(self, now: float) -> None:
        for unit in [unit for unit in self._resting if unit.rests_until <= now]:
            self._resting.remove(unit)
            unit.held = False
            self._take_turn(unit)

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
        waiting = [job for unit in self._units.values() for job in unit.queue]
        for job in [*self._core.drain(), *self._urgent, *waiting]:
            if not job.cancelled:
                job.done(Lost(error), now)
        self._urgent.clear()
        for unit in self._units.values():
            unit.queue.clear()


def _seconds(left: float) -> float | None:
    return None if left == math.inf else max(0.0, left)
