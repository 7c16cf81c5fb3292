r"""A conversation with a reader as a text file that a person can read and a test can replay.

    # comment
    0.000000 open
    0.000412 < $SCRDR;;;;;;;;*54\r\n
    1.250000 < $SCRDR;03;01;01;;047DAE02C84080;;00047DAE02C84080;*57\r\n
             + $SCRDR;03;01;01;;04C16802C84080;;0004C16802C84080;*2E\r\n
    1.251000 > $SCCMD;SEQ=60\r\n
    9.000000 closed

Seconds since the beginning, then `<` bytes of the reader, `>` bytes of the host, or what became of the connection.
`+` goes on with the bytes of the line above: one segment of several messages stays one. Bytes 20..7E stand for
themselves, a backslash is `\\`, the rest is `\r`, `\n`, `\t` or `\xHH`; so is a space at either end. Lossless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plantgate.errors import ConfigError
from plantgate.limits import CAPTURE_BYTES
from plantgate.protocols.scrdr.host import ChecksumLocked, Hello, HostEvent, LineError, ScrdrReceiver
from plantgate.protocols.scrdr.names import interface_name, protocol_name
from plantgate.protocols.scrdr.wire import TagEvent

_HEADER = "# plantgate capture 1\n"
_PIECE_BYTES = 1_024  # of a segment on one line
_LONGEST_S = 10_000_000
_LISTED_ERRORS = 50
_SHOWN_CHARS = 40
_LINE = re.compile(r"(\d{1,8}(?:\.\d{1,6})?) (open|closed|reset|left|<|>)(?: (.*))?\Z")
_ESCAPE = re.compile(r"\\(?:([\\rnt])|x([0-9A-Fa-f]{2}))?")
_SHORT = {0x5C: "\\\\", 0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t"}
_BYTES = [_SHORT.get(byte, chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02X}") for byte in range(256)]
_LETTERS = {"\\": "\\", "r": "\r", "n": "\n", "t": "\t"}
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")


class Kind(StrEnum):
    """What an entry is. CLOSED and RESET are the reader's doing, LEFT is the host's."""

    OPEN = "open"
    READER = "<"
    HOST = ">"
    CLOSED = "closed"
    RESET = "reset"
    LEFT = "left"


_ENDS = (Kind.CLOSED, Kind.RESET, Kind.LEFT)


@dataclass(frozen=True, slots=True)
class Entry:
    """`at` is microseconds since the beginning. `data` is what one read or one write had; empty but for `<` and `>`."""

    at: int
    kind: Kind
    data: bytes = b""


class CaptureErrors(ConfigError):  # noqa: N818 - a list of errors is not an error more
    """Everything that is wrong with a capture file; `errors` has each of them."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        if len(self.errors) == 1:
            super().__init__(first.code, first.message, first.hint)
        else:
            super().__init__("SC-600", "\n".join(str(error) for error in self.errors))


def header(*remarks: str) -> str:
    """The first lines of a file; `remarks` become comments."""
    return _HEADER + "".join(f"# {line}\n" for remark in remarks for line in remark.splitlines())


def format_entry(entry: Entry) -> str:
    """The line of an entry, or lines, each with its end."""
    start = f"{entry.at // 1_000_000}.{entry.at % 1_000_000:06d}"
    if not entry.data:
        return f"{start} {entry.kind}\n"
    first, *more = _pieces(entry.data)
    lines = [f"{start} {entry.kind} {_escape(first)}\n", *(f"{'':{len(start)}} + {_escape(piece)}\n" for piece in more)]
    return "".join(lines)


def format_capture(entries: Sequence[Entry], *remarks: str) -> str:
    return header(*remarks) + "".join(format_entry(entry) for entry in entries)


def _pieces(data: bytes) -> Iterator[bytes]:
    """`data` cut after each LF and at _PIECE_BYTES."""
    position = 0
    while position < len(data):
        end = data.find(b"\n", position, position + _PIECE_BYTES) + 1 or position + _PIECE_BYTES
        yield data[position:end]
        position = end


def _escape(piece: bytes) -> str:
    text = "".join([_BYTES[byte] for byte in piece])
    if text.startswith(" "):
        text = f"\\x20{text[1:]}"
    return f"{text[:-1]}\\x20" if text.endswith(" ") else text


def parse_capture(text: str, source: str = "capture") -> list[Entry]:
    """Read a file. Raises CaptureErrors that name each bad line as `source:line`."""
    if len(text) > CAPTURE_BYTES:
        raise ConfigError("SC-601", f"{source}: {len(text)} characters are more than {CAPTURE_BYTES}: no capture")
    reader = _Reader(source)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        reader.line(number, line.strip())
    reader.flush()
    if reader.errors:
        raise CaptureErrors(reader.errors)
    return reader.entries


class _Reader:
    """Takes the lines one by one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._last: tuple[int, Kind] | None = None  # what a `+` goes on with
        self._data: list[bytes] = []
        self._latest = 0
        self._open = False
        self.entries: list[Entry] = []
        self.errors: list[ConfigError] = []

    def line(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        try:
            if line == "+" or line.startswith("+ "):
                self._more(line[2:])
            else:
                self._entry(line)
        except ValueError as error:
            if len(self.errors) < _LISTED_ERRORS:
                self.errors.append(ConfigError("SC-602", f"{self._source}:{number}: {error}"))

    def flush(self) -> None:
        if self._last is not None:
            self.entries.append(Entry(*self._last, b"".join(self._data)))
        self._last, self._data = None, []

    def _more(self, text: str) -> None:
        if self._last is None:
            raise ValueError("+ goes on with a line of < or >, and there is none above it")
        self._data.append(_unescape(text))

    def _entry(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            shown = ascii(line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}...")
            raise ValueError(f"{shown} is no entry (SECONDS, then < or > and bytes, or open, closed, reset, left)")
        self.flush()
        seconds, kind, text = match[1], Kind(match[2]), match[3]
        whole, _, fraction = seconds.partition(".")
        at = int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))
        if at < self._latest:
            raise ValueError(f"{seconds} s is before the line above")
        if at > _LONGEST_S * 1_000_000:
            raise ValueError(f"{seconds} s is too long a time")
        if (kind is Kind.OPEN) == self._open:
            raise ValueError("open comes when the connection is open" if self._open else f"{kind} comes before open")
        self._latest = at
        if kind in (Kind.READER, Kind.HOST):
            if not text:
                raise ValueError(f"{kind} without bytes")
            self._last, self._data = (at, kind), [_unescape(text)]
            return
        if text:
            raise ValueError(f"nothing follows {kind}")
        self._open = kind is Kind.OPEN
        self.entries.append(Entry(at, kind))


def _unescape(text: str) -> bytes:
    def byte(match: re.Match[str]) -> str:
        if match[1]:
            return _LETTERS[match[1]]
        if match[2]:
            return chr(int(match[2], 16))
        raise ValueError(r"a backslash is \\, \r, \n, \t or \xHH")

    if not text.isascii() or not text.isprintable():
        raise ValueError(r"bytes outside 20..7E are written \xHH")
    return _ESCAPE.sub(byte, text).encode("latin-1")


def decode(entries: Sequence[Entry]) -> Iterator[tuple[int, HostEvent]]:
    """Feed what the reader sent to the core, cut as it came: (microseconds, event). A new receiver per connection."""
    receiver = ScrdrReceiver()
    for entry in entries:
        events: list[HostEvent] = []
        if entry.kind is Kind.READER:
            events = receiver.feed(entry.data)
        elif entry.kind in _ENDS:
            events = receiver.finish()
            receiver = ScrdrReceiver()
        for event in events:
            yield entry.at, event


def row(event: HostEvent) -> dict[str, Any]:
    """An event as plain data, for JSON: the eight fields of a card as the reader wrote them, names beside them.

    A line that is refused has `error` (code, message, sample). Text is decoded as Latin-1 and not yet fit for a log.
    """
    if isinstance(event, Hello):
        return {"event": "hello"}
    if isinstance(event, ChecksumLocked):
        return {"event": "checksum", "reading": event.reading.value}
    if isinstance(event, LineError):
        error = {"code": event.code.value, "message": event.reason, "length": event.length, "sample": event.sample}
        return {"event": "refused", "error": error}
    return {
        "event": "card",
        "interface": event.interface,
        "protocol": event.protocol,
        "template": event.template,
        "rssi": event.rssi,
        "tag_id": event.tag_id,
        "move": event.move,
        "tag_data": event.tag_data,
        "tag_details": event.tag_details,
        "interface_name": interface_name(event.interface),
        "protocol_name": protocol_name(event.interface, event.protocol),
        "tag_data_kind": data_kind(event.tag_data),
        "fields": event.fields,
        "ambiguous": event.ambiguous,
        "non_ascii": event.non_ascii,
    }


def data_kind(data: str) -> str:
    """`hex` if it reads as hex bytes, else `text`; a guess, for the line does not say (Q11). Empty for no data."""
    if not data:
        return ""
    return "hex" if _HEX.match(data) else "text"


def move_word(event: TagEvent) -> str:
    """What a card did, in words."""
    return {"": "read", "I": "inserted", "R": "removed", "IR": "came and went"}[event.move]
