"""Fuzzes both sides of `$SCRDR` / `$SCCMD`.

    python -m fuzz.fuzz_scrdr --runs 200000          repeatable, plain Python (also where atheris is missing)
    python -m fuzz.fuzz_scrdr --atheris [CORPUS ...]  guided by coverage; libFuzzer's options follow

The invariant: any bytes, cut anywhere, give documented events and nothing else; nothing is raised; what is held
stays within its bound; a good message after a line end is always seen; no input takes longer than a second of
processor time.
"""

from __future__ import annotations

import random
import time

from fuzz import harness
from plantgate.limits import SCCMD_LINE_BYTES, SCRDR_LINE_BYTES, SCRDR_TRACKED_TAGS
from plantgate.protocols.scrdr import (
    Checksum,
    ChecksumLocked,
    CommandIgnored,
    CommandReceived,
    DeviceEvent,
    Hello,
    HostEvent,
    LineError,
    PresenceFilter,
    ReaderCommand,
    SccmdReceiver,
    ScrdrReceiver,
    TagEvent,
    encode_command,
    encode_event,
    encode_hello,
)

_SLOW_SECONDS = 1.0
_CARD = TagEvent("03", "01", "01", "", "047DAE02C84080", "", "00047DAE02C84080", "")
_PIECES = (
    encode_hello(),
    encode_hello(Checksum.INCLUSIVE, short=True),
    encode_event(_CARD),
    encode_event(_CARD._replace(move="I"), Checksum.INCLUSIVE),
    encode_event(_CARD._replace(tag_data="a;b*54;$SCRDR;"), raw=True),
    encode_command(ReaderCommand(seq=0x60)),
    encode_command(ReaderCommand(leds=b"\x92" * 4, buzz=100), Checksum.EXCLUSIVE),
    encode_command(ReaderCommand(seq=0x61), terminator=b""),
    b"$",
    b"$SCRDR",
    b"*54",
    b";",
    b"\r\n",
    b"\n",
    b"\r",
    b"x" * 300,
)


def check(data: bytes) -> None:
    """One input: its first byte says where it is cut."""
    began = time.process_time()
    cut = data[0] if data else 0
    step = (len(data), 1, 3, 64)[cut % 4] or 1
    parts = [data[place : place + step] for place in range(1, len(data), step)]
    _check_host(data[1:], parts)
    _check_device(data[1:], parts, pause=(0.0, 0.02, 0.06)[cut // 4 % 3])
    assert time.process_time() - began < _SLOW_SECONDS, "an input took longer than a second of processor time"


def _check_host(data: bytes, parts: list[bytes]) -> None:
    receiver, presence = ScrdrReceiver(), PresenceFilter()
    events: list[HostEvent] = []
    for part in parts:
        events += receiver.feed(part)
        assert receiver.pending <= SCRDR_LINE_BYTES + 1
    whole = ScrdrReceiver()
    assert whole.feed(data) == events, "the cutting changed the events"
    for event in events:
        assert isinstance(event, TagEvent | Hello | LineError | ChecksumLocked)
        if isinstance(event, TagEvent):
            presence.observe(event, 0.0)
            assert len(presence.present) <= SCRDR_TRACKED_TAGS
    receiver.feed(b"\n")
    after = receiver.feed(encode_event(_CARD, receiver.reading or Checksum.EXCLUSIVE))
    assert after[-1] == _CARD, "a good message was not seen"
    assert receiver.finish() == []


def _check_device(data: bytes, parts: list[bytes], pause: float) -> None:
    receiver = SccmdReceiver()
    events: list[DeviceEvent] = []
    now = 0.0
    for part in parts:
        events += receiver.feed(part, now)
        now += pause
    if not pause:
        whole = SccmdReceiver()
        assert whole.feed(data, 0.0) == events, "the cutting changed the outcomes"
    for event in events:
        assert isinstance(event, CommandReceived | CommandIgnored)
        assert len(event.raw) <= SCCMD_LINE_BYTES + 1
    after = receiver.feed(b"\n" + encode_command(ReaderCommand(seq=0x60)), now)
    assert isinstance(after[-1], CommandReceived)
    assert after[-1].seq == 0x60
    assert receiver.next_deadline is None


def generate(source: random.Random) -> bytes:
    """Messages, pieces of messages and noise, some bytes changed."""
    data = bytearray([source.randrange(256)])
    for _ in range(source.randrange(8)):
        piece = source.choice(_PIECES) if source.random() < 0.8 else source.randbytes(source.randrange(24))
        data += piece[: source.randrange(len(piece) + 1)] if source.random() < 0.2 else piece
    for _ in range(source.choice((0, 0, 1, 3))):
        data[source.randrange(len(data))] = source.randrange(256)
    if source.random() < 0.0005:
        data += source.choice((b"$", b"x", b"$SCRDR", b"*54\n")) * (SCRDR_LINE_BYTES // 2)
    return bytes(data)


def loop(runs: int, seed: int) -> None:
    """The plain-Python loop: the same inputs for the same seed."""
    harness.loop(generate, check, runs, seed)


if __name__ == "__main__":
    harness.main(__doc__, loop, check)
