"""The reader behind the socket: cards in its field, messages out, commands in."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plantgate.errors import Overload, Unavailable, UsageError
from plantgate.protocols.scrdr import (
    CommandReceived,
    DeviceEvent,
    TagEvent,
    encode_event,
    encode_hello,
    in_text,
    sequence_name,
)
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.events import Report
from plantgate.simulators.reader.options import Dialect, HelloKind, Personality, Registers, Writes

_UID = re.compile(r"(?:[0-9A-Fa-f]{2}){1,32}\Z")
_PIECE_SECONDS = 0.001  # between the pieces of a message that is cut: each becomes a segment of its own
_BURST_SECONDS = 0.05
_BURST_MESSAGES = 3
_QUEUE_MESSAGES = 1_000


@dataclass(frozen=True, slots=True)
class Card:
    """A card and what the reader makes of it. `data` None: the ID-Only template, 8 bytes of hex."""

    uid: str
    interface: str = "03"
    protocol: str = "01"
    template: str = "01"
    rssi: str = ""
    data: str | None = None
    details: str = ""

    def __post_init__(self) -> None:
        if not _UID.match(self.uid):
            raise UsageError("SIM-201", f"{self.uid[:80]!r} is no card id", "1 to 32 bytes in hex: 047DAE02C84080")

    def event(self, move: str, dialect: Dialect) -> TagEvent:
        """The message about this card. A removal carries no TagData (Q12)."""
        codes = (self.interface, self.protocol, self.template)
        interface, protocol, template = in_text(*codes) if dialect is Dialect.TEXT else codes
        uid = self.uid.upper()
        data = uid.zfill(16) if self.data is None else self.data
        if move == "R":
            return TagEvent(interface, protocol, template, "", uid, move)
        return TagEvent(interface, protocol, template, self.rssi, uid, move, data, self.details)


@dataclass(frozen=True, slots=True)
class Reply:
    """The host's answer to a card: sequence number if it played one, and milliseconds since the card's message."""

    seq: int | None
    latency_ms: float | None


class ReaderDevice:
    """Cards and commands of one reader; `attach` and `detach` are called by the server as hosts come and go."""

    def __init__(
        self, personality: Personality, registers: Registers, clock: Clock, tasks: TaskGroup, report: Report
    ) -> None:
        self.personality = personality
        self.registers = registers
        self._clock = clock
        self._tasks = tasks
        self._report = report
        self._write: Callable[[bytes], None] | None = None
        self._held: dict[str, tuple[Card, asyncio.Task[None] | None]] = {}
        self._queue: deque[bytes] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._sent_ns: int | None = None
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self.sent = 0
        self.dropped = 0
        self.commands = 0
        self.last_command: dict[str, Any] | None = None

    # hosts

    @property
    def attached(self) -> bool:
        return self._write is not None

    @property
    def held(self) -> list[str]:
        return list(self._held)

    def attach(self, write: Callable[[bytes], None]) -> None:
        """A host connected: hello, and a reader that slept without one reads anew the cards that lie on it."""
        self._write = write
        if self.personality.hello is not HelloKind.NONE:
            self._send(encode_hello(self.personality.checksum, short=self.personality.hello is HelloKind.SHORT), None)
        if not self.registers.active_from_start:
            for card, _ in list(self._held.values()):
                self._say(card, "I" if self.registers.track else "")

    def detach(self) -> None:
        self._write = None
        self._sent_ns = None
        self._queue.clear()
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None

    # cards

    def tap(self, card: Card) -> bool:
        """A card came and went at once. True if a host was told."""
        return self._say(card, "IR" if self.registers.track else "")

    async def tap_and_wait(self, card: Card, timeout: float) -> tuple[bool, Reply | None]:
        """A tap, whether a host was told, and its next command if one came within `timeout` seconds."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        try:
            if not self.tap(card):
                return False, None
            async with asyncio.timeout(timeout):
                return True, await answer
        except TimeoutError:
            return True, None
        finally:
            if answer in self._waiting:
                self._waiting.remove(answer)

    def hold(self, card: Card) -> bool:
        """A card is put down and stays. True if a host was told."""
        uid = card.uid.upper()
        self._let_go(uid)
        told = self._say(card, "I" if self.registers.track else "")
        repeat = None if self.registers.track else self.registers.repeat_seconds
        task = None
        if repeat is not None:
            task = self._tasks.spawn(f"hold-{uid}", lambda: self._repeat(card, max(repeat, _BURST_SECONDS)))
        self._held[uid] = (card, task)
        return told

    def remove(self, uid: str) -> bool:
        """A held card is taken away. False if it was not there. Only track mode tells."""
        held = self._let_go(uid.upper())
        if held is not None and self.registers.track:
            self._say(held, "R")
        return held is not None

    def _let_go(self, uid: str) -> Card | None:
        card, task = self._held.pop(uid, (None, None))
        if task is not None:
            task.cancel()
        return card

    async def _repeat(self, card: Card, seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            self._say(card, "")

    # messages

    def raw(self, data: bytes) -> bool:
        """Send any bytes: what a broken reader would. True if a host was there to get them."""
        if self._write is None:
            return False
        self._put(data)
        return True

    def _say(self, card: Card, move: str) -> bool:
        event = card.event(move, self.personality.dialect)
        line = encode_event(event, self.personality.checksum, raw=self.personality.raw)
        if self._write is None:
            self.dropped += 1
            self._report({"event": "dropped", "uid": event.tag_id, "reason": "no host is connected"})
            return False
        return self._send(line, event.tag_id)

    def _send(self, line: bytes, uid: str | None) -> bool:
        text = line.decode("latin-1").rstrip("\r\n")
        if uid is not None:
            self._sent_ns = self._clock.mono_ns()
        if not self._put(line):
            self.dropped += 1
            self._report({"event": "dropped", "uid": uid, "reason": "the host does not read"})
            return False
        self.sent += 1
        self._report({"event": "sent", "line": text, "uid": uid})
        return True

    def _put(self, line: bytes) -> bool:
        if self.personality.writes is Writes.WHOLE and not self._queue:
            return self._write_now(line)
        if len(self._queue) >= _QUEUE_MESSAGES:
            return False
        self._queue.append(line)
        if self._writer is None or self._writer.done():
            self._writer = self._tasks.spawn("writer", self._write_queue)
        return True

    def _write_now(self, data: bytes) -> bool:
        if self._write is None:
            return False
        try:
            self._write(data)
        except (Unavailable, Overload):
            return False
        return True

    async def _write_queue(self) -> None:
        while self._queue:
            if self.personality.writes is Writes.BURST and len(self._queue) < _BURST_MESSAGES:
                await self._clock.sleep(_BURST_SECONDS)
            for piece in self._pieces():
                self._write_now(piece)
                await self._clock.sleep(_PIECE_SECONDS)

    def _pieces(self) -> list[bytes]:
        if self.personality.writes is Writes.BURST:
            messages = b"".join(self._queue)
            self._queue.clear()
            return [messages]
        line = self._queue.popleft()
        if self.personality.writes is Writes.BYTES:
            return [line[place : place + 1] for place in range(len(line))]
        if self.personality.writes is Writes.CRLF:
            return [line[:-1], line[-1:]]
        return [line]

    # commands

    def outcome(self, event: DeviceEvent, arrived_ns: int) -> None:
        """What a host's bytes came to."""
        if not isinstance(event, CommandReceived):
            self._report({"event": "ignored", "code": event.code.value, "reason": event.reason, "raw": event.raw[:256]})
            return
        latency = None if self._sent_ns is None else (arrived_ns - self._sent_ns) / 1e6
        self._sent_ns = None
        self.commands += 1
        self.last_command = {
            "event": "command",
            "seq": None if event.seq is None else f"{event.seq:02X}",
            "name": None if event.seq is None else sequence_name(event.seq),
            "leds": None if event.leds is None else event.leds.hex().upper(),
            "buzz": event.buzz,
            "skipped": [f"{skip.text}: {skip.reason}" for skip in event.skipped],
            "raw": event.raw,
            "latency_ms": None if latency is None else round(latency, 4),
        }
        if self._waiting:
            self._waiting.popleft().set_result(Reply(event.seq, latency))
        self._report(self.last_command)
