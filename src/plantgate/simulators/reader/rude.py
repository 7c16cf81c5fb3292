"""The twelve rude devices of the reliability plan (R37), as a badge reader would be each of them.

A reader sends events and takes commands without answering them, so "reply" means: what it sends about a card.

| name              | what it does                                                                                   |
|-------------------|------------------------------------------------------------------------------------------------|
| `dead`            | off: the connection is reset, the port closed, nothing is sent                                   |
| `stalls`          | its firmware hangs: hosts connect, nothing is sent, nothing is read, cards are lost              |
| `reset-mid-frame` | half of each card's message, then RST                                                            |
| `half-close`      | each card's message, then FIN from its side; commands are still read                             |
| `wrong-id`        | tells the id of a card that is not there (all bits inverted), the checksum is right              |
| `late-reply`      | tells each card 3 s after it was shown                                                           |
| `double-reply`    | sends each message twice                                                                         |
| `garbage`         | 64 KiB of random bytes before each message, the hello included                                   |
| `dribble`         | one byte each 50 ms                                                                              |
| `wrong-length`    | in turn: 3 fields, 13 fields, a message cut off without its end, a message of 70,000 bytes       |
| `endless-errors`  | a message with a wrong checksum each 20 ms; those about cards are wrong as well                  |
| `slow`            | hello and messages come 10 s late, commands are read 10 s after they arrived                     |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import TypeAlias

from plantgate.errors import UsageError
from plantgate.protocols.scrdr import Checksum, checksum, encode_hello
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.events import Report

LATE_SECONDS = 3.0
SLOW_SECONDS = 10.0
DRIBBLE_SECONDS = 0.05
ERROR_SECONDS = 0.02
GARBAGE_BYTES = 65_536
_LONG_BYTES = 70_000
_WRONG_LENGTHS = 4
# Neither 0 nor the 0E by which the two readings of the checksum differ: wrong under both.
_SPOIL = 0x55


class Rude(StrEnum):
    DEAD = "dead"
    STALLS = "stalls"
    RESET_MID_FRAME = "reset-mid-frame"
    HALF_CLOSE = "half-close"
    WRONG_ID = "wrong-id"
    LATE_REPLY = "late-reply"
    DOUBLE_REPLY = "double-reply"
    GARBAGE = "garbage"
    DRIBBLE = "dribble"
    WRONG_LENGTH = "wrong-length"
    ENDLESS_ERRORS = "endless-errors"
    SLOW = "slow"


HEALTHY = "healthy"


class Cut(StrEnum):
    """How the reader ends a connection within a message."""

    RESET = "reset"
    HALF_CLOSE = "half-close"


# Bytes to write, seconds to wait, or an end of the connection.
Step: TypeAlias = bytes | float | Cut


def rude_named(name: str) -> Rude | None:
    """The rude device of that name, None for `healthy`. Raises UsageError naming them all."""
    if name == HEALTHY:
        return None
    try:
        return Rude(name)
    except ValueError:
        raise UsageError(
            "SIM-601", f"no rude device is called {name[:80]!r}", f"{HEALTHY}, {', '.join(Rude)}"
        ) from None


def delay(rude: Rude | None) -> float:
    """Seconds by which a message comes late."""
    return {Rude.LATE_REPLY: LATE_SECONDS, Rude.SLOW: SLOW_SECONDS}.get(rude, 0.0) if rude else 0.0


def misread(card: Card) -> Card:
    """A card that is not there: all bits of the id inverted."""
    return replace(card, uid=bytes(byte ^ 0xFF for byte in bytes.fromhex(card.uid)).hex())


def steps(
    rude: Rude, line: bytes, *, of_card: bool, number: int, reading: Checksum, noise: Callable[[int], bytes]
) -> list[Step] | None:
    """What becomes of a message, the `number`-th about a card; None: nothing special. `noise(n)` gives random bytes.

    A hello (`of_card` false) suffers only from what spoils the connection as a whole.
    """
    half = line[: len(line) // 2]
    if rude is Rude.GARBAGE:
        return [noise(GARBAGE_BYTES), line]
    if rude is Rude.DRIBBLE:
        return [step for byte in line for step in (bytes([byte]), DRIBBLE_SECONDS)]
    if not of_card:
        return None
    plans: dict[Rude, Callable[[], list[Step]]] = {
        # A moment between the two, or the system throws the half away together with the connection.
        Rude.RESET_MID_FRAME: lambda: [half, DRIBBLE_SECONDS, Cut.RESET],
        Rude.HALF_CLOSE: lambda: [line, Cut.HALF_CLOSE],
        Rude.DOUBLE_REPLY: lambda: [line, line],
        Rude.WRONG_LENGTH: lambda: [_wrong_length(line, number, reading)],
        Rude.ENDLESS_ERRORS: lambda: [spoiled(line, reading)],
    }
    plan = plans.get(rude)
    return None if plan is None else plan()


def an_error() -> bytes:
    """What `endless-errors` sends without a card: a hello with a wrong checksum."""
    return spoiled(encode_hello(), Checksum.EXCLUSIVE)


def spoiled(line: bytes, reading: Checksum) -> bytes:
    """The same message with a checksum that is wrong under both readings."""
    body = _body(line)
    return b"$%b*%02X\r\n" % (body, checksum(body, reading) ^ _SPOIL)


def _wrong_length(line: bytes, number: int, reading: Checksum) -> bytes:
    body = _body(line)
    kind = number % _WRONG_LENGTHS
    if kind == 0:
        body = b";".join(body.split(b";")[:4])
    elif kind == 1:
        body += b";EXTRA" * 5
    elif kind == 2:
        return line[: len(line) // 2]
    else:
        body += b"F" * (_LONG_BYTES - len(body))
    return b"$%b*%02X\r\n" % (body, checksum(body, reading))


def _body(line: bytes) -> bytes:
    """What is between `$` and `*`; of a line in another format all of it."""
    text = line.rstrip(b"\r\n").removeprefix(b"$")
    head, star, _ = text.rpartition(b"*")
    return head if star else text


class Manners:
    """Which rude device a reader is at the moment, and until when. `on_change` is called after each change."""

    def __init__(self, clock: Clock, tasks: TaskGroup, report: Report) -> None:
        self._clock = clock
        self._tasks = tasks
        self._report = report
        self._recovery: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.rude: Rude | None = None
        self.on_change: Callable[[], None] = lambda: None

    def become(self, rude: Rude | None, seconds: float | None = None) -> None:
        """From now on this one; after `seconds` (None: until told otherwise) healthy again."""
        if self._recovery is not None:
            self._recovery.cancel()
            self._recovery = None
        if rude is None and self.rude is None:
            return
        self.rude = rude
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if rude is None:
            self._report({"event": HEALTHY})
        else:
            self._report({"event": "rude", "name": rude.value, "seconds": seconds})
            if seconds is not None:
                self._recovery = self._tasks.spawn("recovery", lambda: self._recover(seconds))
        self.on_change()

    async def _recover(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._recovery = None
        self.become(None)

    async def while_(self, rude: Rude) -> None:
        """Returns as soon as the reader is not (or no longer) this rude device."""
        while self.rude is rude:
            await self._changed.wait()

    async def pause(self, seconds: float) -> None:
        """Sleeps; a change of manners wakes it."""
        changed = self._changed
        waiting = [
            self._tasks.spawn("pause", lambda: self._clock.sleep(seconds)),
            self._tasks.spawn("changed", lambda: _wait(changed)),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
