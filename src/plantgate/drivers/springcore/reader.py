"""One badge reader: its connection, its badges, its commands, how it is.

The device is the TCP server and takes one client, has no heartbeat and acknowledges nothing (`springcore.md` 1.1,
1.9). So: one connection with one owner, TCP keep-alive for liveness, no probing by commands (a wink is visible to
people), FIN at the end so that the single slot is free.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from plantgate.drivers.springcore import tags as tag
from plantgate.drivers.springcore.figures import Figures
from plantgate.drivers.springcore.link import (
    CONNECTED,
    CONNECTING,
    Link,
    LinkState,
    LogBudget,
    busy,
    lost,
    not_connected,
    other_language,
)
from plantgate.drivers.springcore.tags import ReaderTags
from plantgate.errors import Overload, Unavailable, UsageError
from plantgate.limits import PEER_TEXT_CHARS, SCRDR_BYTES_PER_SECOND
from plantgate.model.badge import AccessDecision, AccessVerdict, BadgeRead, Move
from plantgate.model.command import DONE, Command, Outcome, ReaderAction, SignalReader, Verdict
from plantgate.model.seams import BadgeSink, BatchSink
from plantgate.model.status import PartStatus
from plantgate.protocols.scrdr import (
    REPEAT_SECONDS,
    REPEAT_TOLERANCE_SECONDS,
    SEQ_ACCEPT,
    SEQ_DENY,
    SEQ_WINK,
    Checksum,
    ChecksumLocked,
    HostEvent,
    LineError,
    PresenceFilter,
    ReaderCommand,
    ScrdrReceiver,
    Sighted,
    TagEvent,
    encode_command,
    interface_name,
    protocol_name,
)
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.streams import Stream, address_text, connect
from plantgate.runtime.tasks import TaskGroup

_log = get_logger("drivers.springcore")

_CONNECT_SECONDS = 5.0
_KEEP_ALIVE = (10, 5, 3)  # idle s, interval s, probes: a reader that vanished is noticed within 25 s
_SETTLE_SECONDS = 0.5  # a busy reader closes sooner than this; one that sends no hello is taken as connected after it
_BUSY_SECONDS = 10.0  # closed later than this without a byte: it was quiet, not busy
_HANG_UP_SECONDS = 1.0
_SLICE_BYTES = 4_096  # decoded at once; others get their turn in between
_LINE_COST_BYTES = 200

_SEQUENCES = {ReaderAction.ACCEPT: SEQ_ACCEPT, ReaderAction.DENY: SEQ_DENY, ReaderAction.WINK: SEQ_WINK}


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How a reader is set up.

    `checksum` is for commands (the device takes them without); `repeat_seconds` is register 02A1 byte 1 of the
    reader (None: FF, removal needed), `repeat_tolerance_seconds` how late a repeat may be (see `PresenceFilter`).
    """

    checksum: Checksum = Checksum.OFF
    repeat_seconds: float | None = REPEAT_SECONDS
    repeat_tolerance_seconds: float = REPEAT_TOLERANCE_SECONDS
    retry_first_seconds: float = 1.0
    retry_ceiling_seconds: float = 30.0


class SpringCoreReader:
    """Owner of one reader: a CommandTarget and a StatusSource. `start` it once, `stop` it at the end."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        clock: Clock,
        tasks: TaskGroup,
        badges: BadgeSink,
        batches: BatchSink,
        tag_ids: Mapping[str, int],
        options: ReaderOptions | None = None,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.name = name
        self._host = host
        self._port = port
        self._where = address_text((host, port))
        self._clock = clock
        self._tasks = tasks
        self._badges = badges
        self._tags = ReaderTags(name, tag_ids, batches)
        self._options = options or ReaderOptions()
        self._backoff = Backoff(self._options.retry_first_seconds, self._options.retry_ceiling_seconds, random)
        self._presence = PresenceFilter(self._options.repeat_seconds, self._options.repeat_tolerance_seconds)
        self._task: asyncio.Task[None] | None = None
        self._stream: Stream | None = None
        self._link = CONNECTING
        self._since = clock.wall()
        self._connections = 0
        self._figures = Figures()
        self._state_lines = LogBudget(clock)
        self._garbage_lines = LogBudget(clock, burst=1)

    def start(self) -> None:
        """Begin to connect. The first connection is tried at once."""
        self._task = self._tasks.spawn(f"reader-{self.name}", self._run, restart=True)

    async def stop(self) -> None:
        """Leave the reader in order, so that its single slot is free for the next host."""
        stream = self._stream
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if stream is not None:
            await _hang_up(stream)

    # commands

    async def execute(self, command: Command) -> Verdict:
        """Plays accept, deny or wink. The bytes are handed to the socket before this returns or awaits anything."""
        if not isinstance(command, SignalReader):
            return Verdict(Outcome.REFUSED, "SC-401", f"{self.name} is a badge reader: it takes no tag writes")
        return self.send(ReaderCommand(seq=_SEQUENCES[command.action]))

    def send(self, command: ReaderCommand) -> Verdict:
        """Send any `$SCCMD`. DONE means handed to the connection: the protocol has no acknowledgement."""
        try:
            line = encode_command(command, self._options.checksum)
        except UsageError as error:
            return Verdict(Outcome.REFUSED, error.code, error.message)
        if self._stream is None:
            return self._failed(Verdict(Outcome.FAILED, "SC-402", f"{self.name} is not connected: {self._why()}"))
        try:
            self._stream.write(line)
        except (Unavailable, Overload) as error:
            return self._failed(Verdict(Outcome.FAILED, error.code, error.message))
        self._figures.commands += 1
        return DONE

    def decided(self, decision: AccessDecision) -> None:
        """Told of each decision about a badge of this reader: for its tags and its tile."""
        self._figures.last_verdict = decision.verdict.value
        if decision.verdict is AccessVerdict.ACCEPTED:
            self._figures.accepted += 1
            self._tags.set(tag.ACCEPTED, self._figures.accepted)
        else:
            self._figures.denied += 1
            self._tags.set(tag.DENIED, self._figures.denied)
        self._tags.set(tag.LAST_VERDICT, self._figures.last_verdict)
        self._tags.publish(self._clock.wall())

    # status

    def status(self) -> Sequence[PartStatus]:
        address: dict[str, str | int] = {"host": self._host, "port": self._port}
        return [self._figures.tile(self.name, address, self._link, self._since, self._presence.repeats)]

    def _why(self) -> str:
        return self._link.reason or self._link.state.value

    def _failed(self, verdict: Verdict) -> Verdict:
        self._error(verdict.message)
        self._tags.publish(self._clock.wall())
        return verdict

    def _error(self, text: str) -> None:
        self._figures.errors += 1
        self._figures.last_error = text
        self._tags.set(tag.ERRORS, self._figures.errors)

    def _become(self, link: Link) -> None:
        """One log line per change of state, within the budget."""
        if link == self._link:
            return
        changed = link.state is not self._link.state
        self._link = link
        if changed:
            self._since = self._clock.wall()
        self._tags.set(tag.CONNECTED, link.state is LinkState.CONNECTED)
        self._tags.publish(self._clock.wall())
        left_out = self._state_lines.allow()
        if left_out is not None:
            write = _log.info if not link.reason else _log.warning
            more = {"reason": link.reason} if link.reason else {}
            write(f"reader {self.name} at {self._where}: {link.state.value}", **more, left_out=left_out)

    # the connection

    async def _run(self) -> None:
        self._become(CONNECTING)
        self._tags.set(tag.CONNECTED, False)
        self._tags.publish(self._clock.wall())
        while True:
            try:
                stream = await connect(self._host, self._port, timeout=_CONNECT_SECONDS, keepalive=_KEEP_ALIVE)
            except Unavailable as error:
                self._error(error.message)
                self._become(not_connected(error))
            else:
                await self._serve(stream)
            await self._clock.sleep(self._backoff.next())

    async def _serve(self, stream: Stream) -> None:
        """One connection from its first to its last byte."""
        began = self._clock.mono()
        self._stream = stream
        session = _Session()
        settle = self._tasks.spawn(f"reader-{self.name}-settle", lambda: self._settle(session))
        try:
            await self._read(stream, session)
        finally:
            settle.cancel()
            self._stream = None
            self._presence.disconnected()
            stream.close()
        self._ended(session, stream, quiet_for=self._clock.mono() - began)
        await _hang_up(stream)

    def _ended(self, session: _Session, stream: Stream, quiet_for: float) -> None:
        for event in session.receiver.finish():
            self._event(event, session)
        if not session.spoke and quiet_for < _BUSY_SECONDS and not isinstance(stream.error, TimeoutError):
            link = busy(self._where)
        else:
            link = lost(self._where, stream.error)
        self._error(link.reason)
        self._become(link)

    async def _settle(self, session: _Session) -> None:
        await self._clock.sleep(_SETTLE_SECONDS)
        self._connected(session)

    def _connected(self, session: _Session) -> None:
        if session.settled:
            return
        session.settled = True
        if self._connections:
            self._figures.reconnects += 1
            self._tags.set(tag.RECONNECTS, self._figures.reconnects)
        self._connections += 1
        self._backoff.reset()
        self._become(CONNECTED)

    async def _read(self, stream: Stream, session: _Session) -> None:
        """Decode what comes, in slices, so that a reader at wire speed neither holds up the loop nor fills memory."""
        second, budget = self._clock.mono(), SCRDR_BYTES_PER_SECOND
        while data := await stream.read():
            session.spoke = True
            self._connected(session)
            for start in range(0, len(data), _SLICE_BYTES):
                part = data if len(data) <= _SLICE_BYTES else data[start : start + _SLICE_BYTES]
                budget -= max(len(part), self._decode(part, session) * _LINE_COST_BYTES)
                now = self._clock.mono()
                if now - second >= 1.0:
                    second, budget = now, SCRDR_BYTES_PER_SECOND
                elif budget <= 0:
                    await self._clock.sleep(second + 1.0 - now)
                elif start + _SLICE_BYTES < len(data):
                    await self._clock.sleep(0)

    def _decode(self, data: bytes, session: _Session) -> int:
        """How many lines there were."""
        events = session.receiver.feed(data)
        for event in events:
            self._event(event, session)
        if events:
            self._tags.publish(self._clock.wall())
        return len(events)

    # what the reader says

    def _event(self, event: HostEvent, session: _Session) -> None:
        if isinstance(event, TagEvent):
            self._card(event)
        elif isinstance(event, ChecksumLocked):
            self._figures.checksum = event.reading.value
            session.understood = True
            if self._link.state is LinkState.CONNECTED:
                self._become(CONNECTED)
        elif isinstance(event, LineError):
            self._refused(event, session)

    def _card(self, event: TagEvent) -> None:
        arrived, mono_ns = self._clock.wall(), self._clock.mono_ns()
        for sighting in self._presence.observe(event, mono_ns / 1e9):
            uid = _uid(sighting.tag_id)
            self._badges.badge(
                BadgeRead(
                    reader=self.name,
                    uid=uid,
                    data=sighting.tag_data,
                    interface=printable(interface_name(event.interface)),
                    protocol=printable(protocol_name(event.interface, event.protocol)),
                    move=Move(sighting.what.value),
                    received_at=arrived,
                    received_mono=mono_ns,
                )
            )
            if sighting.what is not Sighted.REMOVED:
                self._figures.badges += 1
                self._figures.last_card = uid
                self._tags.set(tag.BADGES, self._figures.badges)
                self._tags.set(tag.LAST_CARD, uid)

    def _refused(self, event: LineError, session: _Session) -> None:
        self._figures.bad_lines += 1
        self._error(f"{event.reason} [{event.code.value}]: {printable(event.sample, 64)}")
        if not session.understood and self._link == CONNECTED:
            self._become(other_language(event.reason))
        left_out = self._garbage_lines.allow()
        if left_out is not None:
            _log.warning(
                f"reader {self.name} at {self._where} sent what is not a good message",
                error=self._figures.last_error,
                bytes=event.length,
                left_out=left_out,
                bad_lines=self._figures.bad_lines,
            )


@dataclass(slots=True, init=False)
class _Session:
    """One connection: `spoke` any byte came, `settled` it counts as connected, `understood` a message was good."""

    receiver: ScrdrReceiver
    spoke: bool
    settled: bool
    understood: bool

    def __init__(self) -> None:
        self.receiver = ScrdrReceiver()
        self.spoke = self.settled = self.understood = False


def _uid(tag_id: str) -> str:
    """Upper-case, and fit for a log and a page: what is longer or unprintable is no card's id."""
    if len(tag_id) <= PEER_TEXT_CHARS and tag_id.isprintable():
        return tag_id.upper()
    return printable(tag_id)


async def _hang_up(stream: Stream) -> None:
    """FIN, or RST if the peer does not take what was written before it."""
    stream.close()
    try:
        async with asyncio.timeout(_HANG_UP_SECONDS):
            await stream.wait_closed()
    except TimeoutError:
        stream.abort()
