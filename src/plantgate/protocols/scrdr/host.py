"""Host side of `$SCRDR`: bytes of a reader in, events out.

    message = "$" "SCRDR" *( ";" field ) "*" HH CR LF

Three outcomes are kept apart: nothing yet (an empty list), an event (`Hello`, `TagEvent`, `ChecksumLocked`),
and the peer is wrong (`LineError`, also a value: no peer bytes make `feed` raise).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from plantgate.limits import SCRDR_LINE_BYTES
from plantgate.protocols.scrdr.wire import FIELD_COUNT, Checksum, TagEvent, readings, xor

_START = "$SCRDR"
_USUAL_START = "$SCRDR;"
_LF = 0x0A
_TAIL = 3  # "*HH"
_USUAL_TAIL = 4  # "*HH" CR
_READINGS_DIFFER = 0x0E
_MOVES = frozenset(("", "I", "R", "IR"))
# The longest unfinished line that is kept: a message of the vendor's 64 kB and its CR.
_CAP = SCRDR_LINE_BYTES + 1
_SAMPLE_CHARS = 64
# What is decoded in one go: with less than a line of it held, no line in both together can be too long.
_BLOCK_BYTES = 16_384
_HEX = {high + low: int(high + low, 16) for high in "0123456789ABCDEFabcdef" for low in "0123456789ABCDEFabcdef"}
# The last three characters of a usual line, "HH" CR -> XOR of that whole line if its checksum is the inclusive one.
_WHOLE = {text + "\r": value ^ ord(text[0]) ^ ord(text[1]) ^ 0x0D for text, value in _HEX.items()}
_new_event = tuple.__new__


class LineFault(StrEnum):
    """Stable codes of what a reader can get wrong."""

    NOISE = "SC-101"
    CUT = "SC-102"
    CHECKSUM_MISSING = "SC-103"
    CHECKSUM_WRONG = "SC-104"
    NOT_SCRDR = "SC-105"
    UNKNOWN_MOVE = "SC-106"
    TOO_LONG = "SC-107"
    ENDED = "SC-108"


_REASONS = {
    LineFault.NOISE: "bytes that belong to no message",
    LineFault.CUT: "a message that was cut off by the next one",
    LineFault.CHECKSUM_MISSING: "no checksum",
    LineFault.CHECKSUM_WRONG: "wrong checksum",
    LineFault.NOT_SCRDR: "not a $SCRDR message",
    LineFault.UNKNOWN_MOVE: "Move is none of I, R, IR or empty",
    LineFault.TOO_LONG: f"a line of more than {SCRDR_LINE_BYTES} bytes",
    LineFault.ENDED: "the connection ended in mid-message",
}


@dataclass(frozen=True, slots=True)
class Hello:
    """The empty message that a reader sends after connecting (Q3; not every firmware does)."""


@dataclass(frozen=True, slots=True)
class ChecksumLocked:
    """The first good message showed which reading of the checksum this reader uses (Q1); it holds from here on."""

    reading: Checksum


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that is refused. `sample` is its beginning, decoded as Latin-1: not yet fit for a log or a page."""

    code: LineFault
    reason: str
    length: int
    sample: str


HostEvent: TypeAlias = TagEvent | Hello | LineError | ChecksumLocked


class ScrdrReceiver:
    """Decodes what one connection brings. One object per connection.

    `feed` takes any cutting of the bytes and gives the same events; its cost is linear in the bytes, whatever
    they are, and it holds at most one line of 64 KiB. `reading` is None until a good message locked it.
    """

    def __init__(self) -> None:
        self.reading: Checksum | None = None
        self._differs = 0  # of the checksum that `reading` gives from the inclusive one
        self._buffer = bytearray()  # holds no LF
        self._discarding = False  # the rest of a line that was too long

    @property
    def pending(self) -> int:
        """Bytes of an unfinished line that are held."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[HostEvent]:
        events: list[HostEvent] = []
        for start in range(0, len(data), _BLOCK_BYTES):
            block = bytes(data[start : start + _BLOCK_BYTES])
            if self._discarding or len(self._buffer) + len(block) > _CAP:
                self._carefully(block, events)
            elif b"\n" in block:
                self._lines(block, events)
            else:
                self._buffer += block
        return events

    def _lines(self, block: bytes, events: list[HostEvent]) -> None:
        """What is held and `block` end lines, none of which can be too long. Every message goes through here once."""
        lines = (self._buffer + block).split(b"\n")
        self._buffer = lines.pop()
        for line in lines:
            text = line.decode("latin-1")
            whole = _WHOLE.get(text[-3:])
            if whole is None or text[-4:-3] != "*" or not text.startswith(_USUAL_START):
                self._line(line, events)
            elif self.reading is not None and xor(line) ^ whole == self._differs:
                events.append(_message(text[len(_USUAL_START) : -_USUAL_TAIL].split(";"), text))
            else:
                self._line(line, events)

    def _carefully(self, block: bytes, events: list[HostEvent]) -> None:
        """As `_lines`, where a line may be too long or the rest of one is being discarded."""
        buffer = self._buffer
        scanned = len(buffer)  # no LF up to here
        buffer += block
        position = 0
        while True:
            if self._discarding:
                position = scanned = self._resync(position)
                if self._discarding:
                    break
            end = buffer.find(_LF, max(position, scanned), position + _CAP + 1)
            if end >= 0:
                self._line(buffer[position:end], events)
                position = end + 1
            elif len(buffer) - position > _CAP:
                scanned = position + _CAP + 1
                position = self._overflow(position, events)
            else:
                break
        del buffer[:position]

    def finish(self) -> list[HostEvent]:
        """The peer closed: what is left is half a line, or nothing."""
        rest = self._buffer.decode("latin-1").strip("\r")
        self._buffer.clear()
        self._discarding = False
        return [_fault(LineFault.ENDED, rest)] if rest else []

    def _overflow(self, position: int, events: list[HostEvent]) -> int:
        """The line is too long: go on at its last `$`, which may begin a good message, or else drop it."""
        stop = position + _CAP + 1
        sample = self._buffer[position : position + _SAMPLE_CHARS].decode("latin-1")
        events.append(LineError(LineFault.TOO_LONG, _REASONS[LineFault.TOO_LONG], _CAP + 1, sample))
        start = self._buffer.rfind(b"$", position + 1, stop)
        if start >= 0:
            return start
        self._discarding = True
        return stop

    def _resync(self, position: int) -> int:
        """The next `$`, or the byte after the next LF; the end of the buffer, still discarding, if there is neither."""
        start = self._buffer.find(b"$", position)
        end = self._buffer.find(_LF, position, start if start >= 0 else len(self._buffer))
        if end >= 0:
            self._discarding = False
            return end + 1
        if start >= 0:
            self._discarding = False
            return start
        return len(self._buffer)

    def _line(self, line: bytearray, events: list[HostEvent]) -> None:
        if line.endswith(b"\r"):
            del line[-1:]
        if not line:
            return
        text = line.decode("latin-1")
        declared = _HEX.get(text[-2:]) if text[-_TAIL : -_TAIL + 1] == "*" else None
        if declared is None:
            events.append(_fault(LineFault.CHECKSUM_MISSING if text.startswith(_START) else _kind(text), text))
        elif text.startswith(_START) and self._matches(line[:-2], declared, events):
            events.append(_decode(text))
        else:
            self._search(line, text, declared, events)

    def _matches(self, through_star: bytearray, declared: int, events: list[HostEvent]) -> bool:
        exclusive, inclusive = readings(through_star)
        return self._accepts(exclusive, inclusive, declared, events)

    def _accepts(self, exclusive: int, inclusive: int, declared: int, events: list[HostEvent]) -> bool:
        if self.reading is not None:
            return declared == (exclusive if self.reading is Checksum.EXCLUSIVE else inclusive)
        if declared not in (exclusive, inclusive):
            return False
        self.reading = Checksum.EXCLUSIVE if declared == exclusive else Checksum.INCLUSIVE
        self._differs = inclusive ^ declared
        events.append(ChecksumLocked(self.reading))
        return True

    def _search(self, line: bytearray, text: str, declared: int, events: list[HostEvent]) -> None:
        """A good message may begin later in the line, after noise or after one that was cut off.

        The earliest start whose checksum fits wins, so that a `$` within TagData does not cut its own message.
        """
        start = self._good_start(line, text, declared)
        if start is None:
            wrong = text.startswith(_START)
            events.append(self._wrong_checksum(line, text, declared) if wrong else _fault(_kind(text), text))
            return
        skipped = text[:start]
        events.append(_fault(LineFault.CUT if skipped.startswith("$") else LineFault.NOISE, skipped))
        self._matches(line[start:-2], declared, events)
        events.append(_decode(text[start:]))

    def _good_start(self, line: bytearray, text: str, declared: int) -> int | None:
        """Goes backwards over the starts, so that each byte is XORed once however many `$` there are."""
        wanted = (
            {declared ^ 0x0E, declared}
            if self.reading is None
            else {declared ^ 0x0E if self.reading is Checksum.EXCLUSIVE else declared}
        )
        found: int | None = None
        stop, inclusive = len(line) - 2, 0
        while (start := text.rfind(_START, 1, stop)) >= 0:
            inclusive ^= xor(line[start:stop])
            stop = start
            if inclusive in wanted:
                found = start
        return found

    def _wrong_checksum(self, line: bytearray, text: str, declared: int) -> LineError:
        exclusive, inclusive = readings(line[:-2])
        if self.reading is None:
            detail = f"{declared:02X} where {exclusive:02X} or {inclusive:02X} was due"
        else:
            due = exclusive if self.reading is Checksum.EXCLUSIVE else inclusive
            detail = f"{declared:02X} where {due:02X} ({self.reading.value}) was due"
        return LineError(LineFault.CHECKSUM_WRONG, f"wrong checksum: {detail}", len(text), text[:_SAMPLE_CHARS])


def _kind(text: str) -> LineFault:
    return LineFault.NOT_SCRDR if text.startswith("$") else LineFault.NOISE


def _fault(code: LineFault, text: str) -> LineError:
    return LineError(code, _REASONS[code], len(text), text[:_SAMPLE_CHARS])


def _decode(text: str) -> HostEvent:
    """`$SCRDR...*HH` whose checksum is right -> what it says."""
    kind, *fields = text[1:-_TAIL].split(";")
    return _message(fields, text) if kind == "SCRDR" else _fault(LineFault.NOT_SCRDR, text)


def _message(fields: list[str], text: str) -> HostEvent:
    """What the fields of a good message say; `text` is all of it."""
    sent = len(fields)
    if sent != FIELD_COUNT:
        fields = _eight(fields)
    if fields[5] not in _MOVES:
        return _fault(LineFault.UNKNOWN_MOVE, text.rstrip("\r"))
    if not (fields[4] or any(fields)):
        return Hello()
    joined = "".join(fields)
    doubtful = not (joined.isascii() and joined.isprintable())
    return _new_event(TagEvent, (*fields, sent > FIELD_COUNT, doubtful, sent))


def _eight(fields: list[str]) -> list[str]:
    """Too few fields: the missing ones are empty. Too many: TagData held `;` and the last one is TagDetails."""
    if len(fields) < FIELD_COUNT:
        return fields + [""] * (FIELD_COUNT - len(fields))
    return [*fields[:6], ";".join(fields[6:-1]), fields[-1]]
