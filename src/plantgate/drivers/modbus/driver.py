"""A Modbus TCP device: connects, polls, writes, says how it is, and comes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

from plantgate.drivers.modbus.commands import Commands
from plantgate.drivers.modbus.diagnostics import Diagnostics
from plantgate.drivers.modbus.jobs import Counters
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.plan_view import running
from plantgate.drivers.modbus.planner import Point
from plantgate.drivers.modbus.plans import Polled
from plantgate.drivers.modbus.polling import Poller
from plantgate.drivers.modbus.report import report
from plantgate.drivers.modbus.session import Session
from plantgate.errors import ConfigError, PeerError, PlantgateError, Unavailable
from plantgate.model.command import Command, Verdict
from plantgate.model.device import DeviceState, PlannedRequest
from plantgate.model.quality import Quality
from plantgate.model.seams import BatchSink
from plantgate.model.status import Health, PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.streams import connect

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts to connect
_KEEPALIVE = (10, 5, 3)  # idle s, interval s, probes: a device that lost power is noticed within half a minute
_RATE_WINDOW = 2.0  # seconds over which requests per second are counted
_NO_ERROR: PlantgateError = Unavailable("MB-300", "")
_log = get_logger("drivers.modbus")


class _State(Enum):
    """The word on the tile and the health it stands for."""

    STOPPED = ("stopped", Health.DISABLED)
    CONNECTING = ("connecting", Health.STARTING)
    CONNECTED = ("connected", Health.OK)
    REFUSED = ("refused", Health.FAILED)
    UNREACHABLE = ("unreachable", Health.FAILED)
    SILENT = ("silent", Health.FAILED)
    LOST = ("connection lost", Health.FAILED)
    NOT_MODBUS = ("not Modbus", Health.FAILED)


_LEFT_UNANSWERED = "MB-301"
_BY_CODE = {"NET-112": _State.REFUSED, _LEFT_UNANSWERED: _State.SILENT, "MB-302": _State.LOST, "NET-101": _State.LOST}


class ModbusDevice:
    """Polls `points` (tag id, definition, seconds between polls) and writes them. Run it once, as an owned task.

    Is a `CommandTarget` (WriteTag), a `GroupPoller` and a `StatusSource`. The constructor raises ConfigError for an
    address that is none, naming the tag. `diagnostics` finds the ids of the tags of `device_tag_definitions` by path.
    """

    def __init__(
        self,
        name: str,
        options: ModbusOptions,
        points: Sequence[tuple[int, TagDefinition, float]],
        clock: Clock,
        sink: BatchSink,
        random: Callable[[], float] = lambda: 1.0,
        diagnostics: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.options = options
        self._session_options = options
        self._where = options.where
        self._clock = clock
        self._random = random
        self._points: dict[str, Point] = {}
        self._texts: dict[int, str] = {}
        self._counters = Counters()
        self._poller = Poller(self._taken(points), options, clock, sink, self._counters)
        self._commands = Commands(name, options, self._points, clock, sink, self._counters)
        self._diagnostics = Diagnostics(name, diagnostics, clock, sink)
        self._session: Session | None = None
        self._state, self._since, self._error = _State.STOPPED, clock.wall(), _NO_ERROR
        self._rate_mark = (clock.mono(), 0, 0.0)

    def _taken(self, points: Sequence[tuple[int, TagDefinition, float]]) -> list[Polled]:
        """What the poller is told of `points`. Raises ConfigError, and takes nothing over, for a wrong address."""
        made = [(self._point(tag, definition), definition, rate) for tag, definition, rate in points]
        self._points.clear()  # one mapping for good: the commands read it
        self._points.update((definition.path, point) for point, definition, _ in made)
        self._texts = {point.tag: definition.address for point, definition, _ in made}
        return [Polled(point, definition.group, rate) for point, definition, rate in made]

    def _point(self, tag: int, definition: TagDefinition) -> Point:
        known = self._points.get(definition.path)
        if known is not None and (known.tag, known.data_type, self._texts[known.tag]) == (
            tag,
            definition.data_type,
            definition.address,
        ):
            return known
        try:
            address = self.options.address(definition.address)
        except ConfigError as error:
            message = f"tag {definition.path} of device {self.name}: {error.message}"
            raise ConfigError(error.code, message, error.hint) from None
        unit = self.options.unit_id if address.unit is None else address.unit
        return Point(tag, unit, address, definition.data_type)

    # what is polled

    def set_points(self, points: Sequence[tuple[int, TagDefinition, float]]) -> None:
        """Poll these from now on, at the rates that are in force now.

        The connection stays, and what is known of registers that can't be read; an answer that is under way counts for
        the tags that stay as they are. Raises ConfigError, and changes nothing, for an address that is none.
        """
        self._poller.set_points(self._taken(points))
        self._diagnostics.publish({"MonitoredItemCount": len(self._points)})

    def set_rate(self, group: str, seconds: float) -> None:
        """GroupPoller: poll this tag group so often from now on, never for 0."""
        self._poller.set_rate(group, seconds)

    def read_once(self, group: str) -> None:
        """GroupPoller: read this tag group now; when the device is back, if it is away."""
        self._poller.read_once(group)

    # life

    async def run(self) -> None:
        """Connect, talk, connect again, until cancelled."""
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._random)
        self._enter(_State.CONNECTING)
        try:
            while True:
                error = await self._one_connection(backoff)
                self._failed(error)
                await self._clock.sleep(backoff.next())
        finally:
            self._session = None
            self._enter(_State.STOPPED)

    async def _one_connection(self, backoff: Backoff) -> PlantgateError:
        """One connection from dial to end; returns why it ended or never came about."""
        options = self.options
        try:
            stream = await connect(
                options.host,
                options.port,
                timeout=options.timeout,
                keepalive=_KEEPALIVE,
                local_address=options.local_address,
            )
        except Unavailable as error:
            return error
        self._counters.connects += 1
        session = Session(
            stream,
            self._session_options,
            self._clock,
            self._counters,
            self._poller.units,
            lambda: self._heard(backoff),
        )
        self._session = session
        self._poller.start(session)
        try:
            end = await session.run(self._poller.next_due, self._on_due)
        finally:
            self._session = None
            self._poller.stop()
        self._doubt_depth(end)
        return end

    def _doubt_depth(self, error: PlantgateError) -> None:
        """Some devices take one request at a time and lose the others: better slow than silent."""
        depth = self._session_options.concurrent_requests
        if error.code == _LEFT_UNANSWERED and depth > 1:
            self._session_options = replace(self._session_options, concurrent_requests=1)
            _log.warning(
                "the device may take one request at a time only: going on with one",
                device=self.name,
                concurrent_requests=depth,
                next="set concurrent_requests = 1 for it, or restart to try again",
            )

    def _on_due(self, now: float) -> None:
        self._poller.on_due(now)
        self._measure(now)

    def _heard(self, backoff: Backoff) -> None:
        """The device counts as connected from its first answer on: an open port alone says little."""
        backoff.reset()
        self._enter(_State.CONNECTED)
        _log.info("device connected", device=self.name, at=self._where)

    def _failed(self, error: PlantgateError) -> None:
        state = _BY_CODE.get(error.code, _State.UNREACHABLE)
        if isinstance(error, PeerError):
            state = _State.NOT_MODBUS
        if state is self._state and error.message == self._error.message:
            return
        _log.warning("device not available", device=self.name, reason=printable(error.message), code=error.code)
        self._enter(state, error)
        self._poller.all_bad(Quality.BAD_NOT_CONNECTED, printable(error.message))

    def _enter(self, state: _State, error: PlantgateError | None = None) -> None:
        if state is not self._state:
            self._since = self._clock.wall()
        self._state, self._error = state, error or _NO_ERROR
        self._diagnostics.publish(
            {
                "Connected": state is _State.CONNECTED,
                "Hostname": self.options.host,
                "Name": self.name,
                "Port": self.options.port,
                "State": state.value[0],
                "Status": printable(self._error.message),
                "MonitoredItemCount": len(self._points),
            }
        )
        self._diagnostics.figures(self._poller, self._counters)

    async def execute(self, command: Command) -> Verdict:
        """Write a tag. FAILED says whether the value can have reached the device; REFUSED was never sent."""
        return await self._commands.execute(command, self._session, self._error.message)

    # status

    def _measure(self, now: float) -> None:
        since, requests, _ = self._rate_mark
        if now - since >= _RATE_WINDOW:
            count = self._counters.requests
            self._rate_mark = (now, count, (count - requests) / (now - since))
            self._diagnostics.figures(self._poller, self._counters)

    def status(self) -> list[PartStatus]:
        """One tile: what state, why, what to do, and the figures."""
        word, health = self._state.value
        error, trouble = self._error, ""
        good, tags = self._poller.tags_good, len(self._points)
        if self._state is _State.CONNECTED and tags and not good and self._poller.groups:
            word, health, trouble = "answering with errors", Health.FAILED, self._poller.trouble
        return [
            PartStatus(
                "device",
                self.name,
                health,
                word,
                self._since,
                printable(trouble or error.message),
                "check the addresses of this device's tags and its unit id" if trouble else error.hint,
                self._details(good, tags),
            )
        ]

    def inspect(self) -> DeviceState:
        """The figures of its page: rates, units, tags that are bad."""
        rate = self._rate_mark[2] if self._state is _State.CONNECTED else 0.0
        return report(self._poller, self._counters, rate, self._clock, connected=self._state is _State.CONNECTED)

    def plan(self) -> list[PlannedRequest]:
        """The requests that are sent now, by rate; with a rate of 0 those that are sent on demand."""
        return running(self._poller.every_group(), self.options)

    def _details(self, good: int, tags: int) -> dict[str, str | int | float | None]:
        counters, load = self._counters, self._poller.load_percent
        seconds = counters.response_seconds
        connected = self._state is _State.CONNECTED  # figures of a connection that is gone would look fresh
        return {
            "driver": "modbus",
            "host": self.options.host,
            "port": self.options.port,
            "tags": tags,
            "tags_good": good,
            "tags_reason": printable(self._poller.trouble),
            "concurrent_requests": self._session_options.concurrent_requests,
            "requests_per_poll": sum(group.requests for group in self._poller.groups),
            "requests_per_s": round(self._rate_mark[2], 2) if connected else 0.0,
            "response_ms": round(seconds * 1_000, 2) if connected and seconds is not None else None,
            "load_percent": round(load, 1) if connected and load is not None else None,
            "requests": counters.requests,
            "exceptions": counters.exceptions,
            "malformed": counters.malformed,
            "timeouts": counters.timeouts,
            "silent_units": ", ".join(map(str, self._poller.silent_units)),
            "unexpected": counters.unexpected,
            "reconnects": max(0, counters.connects - 1),
            "late_polls": counters.late_polls,
            "writes": counters.writes,
        }
