"""Device side of `$SCCMD`: bytes of a host and the time in, outcomes out.

    message = "$" "SCCMD" *( ";" name "=" value ) [ "*" HH ] [ CR ] [ LF ]

The vendor's sample host ends its commands with nothing at all, so a command is complete at CR, at LF, at the next
`$`, after 50 ms of silence, or at the end of the connection. The wire shows no outcome; these events do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from plantgate.limits import SCCMD_LINE_BYTES
from plantgate.protocols.scrdr.wire import LED_COUNT, Checksum, checksum

SILENCE_SECONDS = 0.05

_END = re.compile(rb"[\r\n$]")
_HEX = re.compile(r"[0-9A-Fa-f]*\Z")
_DIGITS = {"SEQ": 2, "LEDS": 2 * LED_COUNT, "BUZZ": 4}


class CommandFault(StrEnum):
    """Stable codes of why a device does nothing about bytes it got."""

    NOISE = "SC-301"
    TOO_LONG = "SC-302"
    NOT_SCCMD = "SC-303"
    CHECKSUM_WRONG = "SC-304"


@dataclass(frozen=True, slots=True)
class SkippedTuple:
    """A tuple of a command that the device does not apply, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A command as the device applies it. All three are None if nothing in it could be applied.

    SEQ wins over LEDS and BUZZ of the same command: those are in `skipped`. `raw` is the message without its end.
    """

    raw: str
    seq: int | None = None
    leds: bytes | None = None
    buzz: int | None = None
    skipped: tuple[SkippedTuple, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandIgnored:
    """Bytes that change nothing. `raw` is their beginning."""

    code: CommandFault
    reason: str
    raw: str


DeviceEvent: TypeAlias = CommandReceived | CommandIgnored


class SccmdReceiver:
    """Decodes what one host sends. One object per connection; `now` is in seconds of any clock that never jumps.

    Call `tick` when `next_deadline` has come, `finish` when the host closed. `reading` is how this device computes
    checksums. The same bytes at the same times give the same events however they are cut.
    """

    def __init__(self, reading: Checksum = Checksum.EXCLUSIVE) -> None:
        self._reading = reading
        self._buffer = bytearray()  # empty, or what has come since a `$`, or a run of noise
        self._discarding = False
        self._last = 0.0

    @property
    def next_deadline(self) -> float | None:
        """When the silence will have completed what is held; None if nothing is."""
        return self._last + SILENCE_SECONDS if self._buffer or self._discarding else None

    def feed(self, data: bytes, now: float) -> list[DeviceEvent]:
        events = self.tick(now)
        if data:
            self._last = now
        position = 0
        while position < len(data):
            match = _END.search(data, position)
            end = match.start() if match else len(data)
            self._take(data[position:end], events)
            if match is None:
                break
            self._complete(events)
            if match[0] == b"$":
                self._buffer += b"$"
            position = end + 1
        return events

    def tick(self, now: float) -> list[DeviceEvent]:
        """Completes what is held if 50 ms have passed without a byte."""
        events: list[DeviceEvent] = []
        deadline = self.next_deadline
        if deadline is not None and now >= deadline:
            self._complete(events)
        return events

    def finish(self) -> list[DeviceEvent]:
        """The host closed: what is held is complete."""
        events: list[DeviceEvent] = []
        self._complete(events)
        return events

    def _take(self, data: bytes, events: list[DeviceEvent]) -> None:
        if self._discarding or not data:
            return
        room = SCCMD_LINE_BYTES - len(self._buffer)
        if len(data) <= room:
            self._buffer += data
            return
        self._buffer += data[: room + 1]
        text = self._buffer.decode("latin-1")
        code = CommandFault.TOO_LONG if text.startswith("$") else CommandFault.NOISE
        events.append(CommandIgnored(code, f"more than {SCCMD_LINE_BYTES} characters without an end", text))
        self._buffer.clear()
        self._discarding = True

    def _complete(self, events: list[DeviceEvent]) -> None:
        self._discarding = False
        if not self._buffer:
            return
        events.append(_decode(bytes(self._buffer), self._reading))
        self._buffer.clear()


def _decode(message: bytes, reading: Checksum) -> DeviceEvent:
    text = message.decode("latin-1")
    if not text.startswith("$"):
        return CommandIgnored(CommandFault.NOISE, "bytes before a $", text)
    body, star, declared = message[1:].rpartition(b"*")
    if not star:
        body = message[1:]
    elif declared.upper() != b"%02X" % checksum(body, reading):
        due = f"{checksum(body, reading):02X}"
        return CommandIgnored(CommandFault.CHECKSUM_WRONG, f"wrong checksum: {due} ({reading.value}) was due", text)
    kind, *tuples = body.decode("latin-1").split(";")
    if kind != "SCCMD":
        return CommandIgnored(CommandFault.NOT_SCCMD, "not a $SCCMD message", text)
    return _apply(text, tuples)


def _apply(raw: str, tuples: list[str]) -> CommandReceived:
    values: dict[str, str] = {}
    skipped: list[SkippedTuple] = []
    for text in tuples:
        name, _, value = text.partition("=")
        reason = _problem(name, value)
        if reason is None and name in values:
            skipped.append(SkippedTuple(f"{name}={values[name]}", "given again later in the command"))
        if reason is None:
            values[name] = value
        else:
            skipped.append(SkippedTuple(text, reason))
    if "SEQ" in values:
        beaten = [f"{name}={values.pop(name)}" for name in ("LEDS", "BUZZ") if name in values]
        skipped += [SkippedTuple(text, "SEQ of the same command wins") for text in beaten]
    return CommandReceived(
        raw,
        int(values["SEQ"], 16) if "SEQ" in values else None,
        bytes.fromhex(values["LEDS"]) if "LEDS" in values else None,
        int(values["BUZZ"], 16) if "BUZZ" in values else None,
        tuple(skipped),
    )


def _problem(name: str, value: str) -> str | None:
    digits = _DIGITS.get(name)
    if digits is None:
        return "unknown field"
    if len(value) != digits or not _HEX.match(value):
        return f"{name} takes {digits} hex digits"
    return None
