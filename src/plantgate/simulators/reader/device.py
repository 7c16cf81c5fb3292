"""The reader behind the socket: cards in its field, messages out, commands in, LEDs and buzzer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plantgate.errors import Overload
from plantgate.limits import SIMULATOR_CARDS
from plantgate.protocols.scrdr import (
    CommandFault,
    CommandIgnored,
    CommandReceived,
    DeviceEvent,
    encode_event,
    encode_hello,
    sequence_name,
)
from plantgate.protocols.scrdr.registers import RegisterFile
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader import formats
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.events import Report
from plantgate.simulators.reader.options import HelloKind, Personality
from plantgate.simulators.reader.rude import Manners, Rude, an_error, misread
from plantgate.simulators.reader.sender import Message, Outlet, Sender
from plantgate.simulators.reader.setup import in_words, repeat_seconds, template_for
from plantgate.simulators.reader.ui import Front

_REPEAT_SECONDS = 0.05  # "as fast as possible"
_SHOWN_CHARS = 256
_READING, _READ, _FAILED = 0x22, 0x23, 0x24


@dataclass(frozen=True, slots=True)
class Reply:
    """The host's answer to a card: sequence number if it played one, and milliseconds since the card's message."""

    seq: int | None
    latency_ms: float | None


class ReaderDevice:
    """Cards and commands of one reader; the server calls `attach` and `detach` as hosts come and go.

    `registers` are in force, `stored` ones will be after the next `boot`.
    """

    def __init__(
        self,
        personality: Personality,
        registers: RegisterFile,
        clock: Clock,
        tasks: TaskGroup,
        report: Report,
        noise: Callable[[int], bytes] = bytes,
    ) -> None:
        self.personality = personality
        self.stored = registers
        self._clock = clock
        self._tasks = tasks
        self._report = report
        self._noise = noise
        self.manners = Manners(clock, tasks, report)
        self.front = Front()
        self._host: Sender | None = None
        self._datagrams: Sender | None = None
        self._held: dict[str, tuple[Card, asyncio.Task[None] | None]] = {}
        self._sent_ns: int | None = None
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self.sent = 0
        self.dropped = 0
        self.drop_reason = ""
        self.commands = 0
        self.last_card: str | None = None
        self.last_command: dict[str, Any] | None = None
        self.boot()

    def boot(self) -> None:
        """Registers that were written take effect."""
        self.registers = self.stored
        self._booted = self._clock.mono()
        self.front = Front()
        self.front.volume = self.registers.volume
        self._show_state()

    # hosts

    @property
    def attached(self) -> bool:
        return self._host is not None

    @property
    def held(self) -> list[str]:
        return list(self._held)

    def attach(self, outlet: Outlet) -> None:
        """A host connected: hello, and a reader that slept without one reads anew the cards that lie on it."""
        self._host = host = self._sender(outlet)
        self._show_state()
        if not self.registers.speaks_scrdr:
            if greeting := formats.greeting(self.registers.network_format):
                host.put(Message(greeting))
        elif self.personality.hello is not HelloKind.NONE:
            short = self.personality.hello is HelloKind.SHORT
            host.put(Message(encode_hello(self.personality.checksum, short=short)))
        if not self.registers.active_from_start:
            for card, _ in list(self._held.values()):
                self._say(card, "I" if self.registers.track else "")

    def detach(self) -> None:
        """The host is gone, and with it what it was not yet told."""
        if self._host is not None:
            self._host.close()
            self._host = None
            self._show_state()
        self._sent_ns = None

    def attach_datagrams(self, outlet: Outlet | None) -> None:
        """Where messages go as datagrams, None for nowhere."""
        if self._datagrams is not None:
            self._datagrams.close()
        self._datagrams = None if outlet is None else self._sender(outlet)
        self._show_state()

    def _sender(self, outlet: Outlet) -> Sender:
        return Sender(outlet, lambda: self.personality, self.manners, self._clock, self._tasks, self._left, self._noise)

    def _show_state(self) -> None:
        if not self.registers.ui_host_controlled:
            self.front.started(self._clock.mono(), active=self._reads)

    @property
    def _reads(self) -> bool:
        """Whether cards are looked for at all (register 02A0)."""
        if self.registers.active_from_start:
            return True
        return not self.registers.explicit_activation and (self._host is not None or self._datagrams is not None)

    # cards

    def tap(self, card: Card) -> bool:
        """A card came and went at once. True if a host is told."""
        return self._say(card, "IR" if self.registers.track else "")

    async def tap_and_wait(self, card: Card, timeout: float) -> tuple[bool, Reply | None]:
        """A tap, whether a host is told, and its next command if one came within `timeout` seconds."""
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

    def hold(self, card: Card, seconds: float | None = None) -> bool:
        """A card is put down and stays, for `seconds` or until it is removed. True if a host is told.

        Raises Overload when no further card fits into the field.
        """
        if card.uid not in self._held and len(self._held) >= SIMULATOR_CARDS:
            raise Overload("SIM-204", f"{SIMULATOR_CARDS} cards lie on the reader", "remove some")
        self._let_go(card.uid)
        told = self._say(card, "I" if self.registers.track else "")
        repeat = None if self.registers.track else repeat_seconds(self.registers)
        task = None
        if repeat is not None or seconds is not None:
            task = self._tasks.spawn(f"hold-{card.uid}", lambda: self._stay(card, repeat, seconds))
        self._held[card.uid] = (card, task)
        return told

    def remove(self, uid: str) -> bool:
        """A held card is taken away. False if it was not there. Only track mode tells."""
        held = self._let_go(uid.upper())
        if held is not None and self.registers.track:
            self._say(held, "R")
        return held is not None

    def remove_all(self) -> int:
        """Every held card is taken away. How many there were."""
        return sum(self.remove(uid) for uid in self.held)

    def _let_go(self, uid: str) -> Card | None:
        card, task = self._held.pop(uid, (None, None))
        if task is not None:
            task.cancel()
        return card

    async def _stay(self, card: Card, repeat: float | None, seconds: float | None) -> None:
        end = None if seconds is None else self._clock.mono() + seconds
        every = None if repeat is None else max(repeat, _REPEAT_SECONDS)
        while end is None or self._clock.mono() < end:
            left = None if end is None else end - self._clock.mono()
            await self._clock.sleep(min(each for each in (every, left) if each is not None))
            if every is not None and (end is None or self._clock.mono() < end):
                self._say(card, "")
        self._held.pop(card.uid, None)
        if self.registers.track:
            self._say(card, "R")

    # messages

    def raw(self, data: bytes) -> bool:
        """Send any bytes: what a broken reader would. True if a host was there to get them."""
        return self._host is not None and self._host.put(Message(data))

    def err(self) -> None:
        """A message with a wrong checksum, about nothing."""
        for sender in self._senders():
            sender.put(Message(an_error()))

    def _senders(self) -> list[Sender]:
        return [sender for sender in (self._host, self._datagrams) if sender is not None]

    def _say(self, shown: Card, move: str) -> bool:
        """Read a card, and tell it."""
        self.last_card = shown.uid
        card = template_for(shown, self.registers)
        line = b"" if card is None else self._line(card, move)
        reason = self._unread(card, line)
        if reason:
            return self._drop(shown.uid, reason)
        if move != "R":
            self._play(_READING, _READ)
        if not self._senders():
            return self._drop(shown.uid, "no host is connected")
        told = [sender.put(Message(line, shown.uid)) for sender in self._senders()]
        return any(told)

    def _unread(self, card: Card | None, line: bytes) -> str:
        """Why nothing comes of a card; empty if it is read."""
        if self.manners.rude in (Rude.DEAD, Rude.STALLS):
            return "the reader is dead" if self.manners.rude is Rude.DEAD else "the reader stalls"
        if not self._reads:
            waits = self.registers.explicit_activation and self._senders()
            return "the reader waits for a command that starts it" if waits else "no host is connected"
        if card is None:
            self._play(_READING, _FAILED)
            return "no template takes it"
        return "" if line else f"nothing is told in this mode ({in_words(self.registers)})"

    def _line(self, card: Card, move: str) -> bytes:
        event = (misread(card) if self.manners.rude is Rude.WRONG_ID else card).event(move, self.personality)
        if self.registers.speaks_scrdr:
            return encode_event(event, self.personality.checksum, raw=self.personality.raw)
        return formats.message(self.registers.network_format, event, self._clock.mono() - self._booted)

    def _play(self, *sequences: int) -> None:
        """What the firmware plays by itself, unless the host controls LEDs and buzzer (register 02D0)."""
        if not self.registers.ui_host_controlled:
            for seq in sequences:
                self.front.play(seq, self._clock.mono())

    def _drop(self, uid: str | None, reason: str) -> bool:
        self.dropped += 1
        self.drop_reason = reason
        self._report({"event": "dropped", "uid": uid, "reason": reason})
        return False

    def _left(self, outlet: str, message: Message, began_ns: int, taken: bool) -> None:
        """A message has left, or nobody took it."""
        if not taken:
            self._drop(message.uid, "the host does not read")
            return
        if message.uid is not None:
            self._sent_ns = began_ns
        self.sent += 1
        text = message.line.decode("latin-1").rstrip("\r\n")
        to = {"to": outlet} if outlet else {}
        self._report({"event": "sent", "line": text, "uid": message.uid, **to})

    # commands

    def outcome(self, event: DeviceEvent, arrived_ns: int) -> None:
        """What a host's bytes came to."""
        if isinstance(event, CommandReceived) and not self.registers.speaks_scrdr:
            reason = f"no $SCCMD is taken in this mode ({in_words(self.registers)})"
            event = CommandIgnored(CommandFault.NOT_SCCMD, reason, event.raw)
        if isinstance(event, CommandIgnored):
            raw = event.raw[:_SHOWN_CHARS]
            self._report({"event": "ignored", "code": event.code.value, "reason": event.reason, "raw": raw})
            return
        self._apply(event)
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

    def _apply(self, command: CommandReceived) -> None:
        now = self._clock.mono()
        if command.seq is not None:
            self.front.play(command.seq, now)
        if command.leds is not None:
            self.front.light(command.leds)
        if command.buzz is not None:
            self.front.beep(command.buzz, now)
