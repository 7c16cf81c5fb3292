"""Device side of `$SCCMD`: every way a command may end, outcomes, bounds, split invariance, round trip."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import UsageError
from plantgate.limits import SCCMD_LINE_BYTES
from plantgate.protocols.scrdr import (
    SILENCE_SECONDS,
    Checksum,
    CommandFault,
    CommandIgnored,
    CommandReceived,
    DeviceEvent,
    ReaderCommand,
    SccmdReceiver,
    checksum,
    encode_command,
)

VECTORS = [
    (ReaderCommand(seq=0x0E), "SCCMD;SEQ=0E", "6E", "60"),
    (ReaderCommand(seq=0x60), "SCCMD;SEQ=60", "1D", "13"),
    (ReaderCommand(seq=0x61), "SCCMD;SEQ=61", "1C", "12"),
    (ReaderCommand(leds=b"\x92" * 4, buzz=100), "SCCMD;LEDS=92929292;BUZZ=0064", "51", "5F"),
    (ReaderCommand(buzz=100), "SCCMD;BUZZ=0064", "49", "47"),
]


def decode(data: bytes, reading: Checksum = Checksum.EXCLUSIVE) -> list[DeviceEvent]:
    receiver = SccmdReceiver(reading)
    return receiver.feed(data, 0.0) + receiver.finish()


def only(data: bytes) -> DeviceEvent:
    [event] = decode(data)
    return event


def received(data: bytes) -> CommandReceived:
    event = only(data)
    assert isinstance(event, CommandReceived)
    return event


def ignored(data: bytes) -> CommandFault:
    event = only(data)
    assert isinstance(event, CommandIgnored)
    return event.code


@pytest.mark.parametrize(("command", "body", "exclusive", "inclusive"), VECTORS)
def test_vector(command: ReaderCommand, body: str, exclusive: str, inclusive: str) -> None:
    assert encode_command(command) == f"${body}\r\n".encode()
    assert encode_command(command, Checksum.EXCLUSIVE) == f"${body}*{exclusive}\r\n".encode()
    assert encode_command(command, Checksum.INCLUSIVE) == f"${body}*{inclusive}\r\n".encode()
    for reading, declared in ((Checksum.EXCLUSIVE, exclusive), (Checksum.INCLUSIVE, inclusive)):
        [event] = decode(f"${body}*{declared.lower()}\r\n".encode(), reading)
        assert isinstance(event, CommandReceived)
        assert (event.seq, event.leds, event.buzz) == (command.seq, command.leds, command.buzz)


def test_accept_byte_for_byte() -> None:
    accept = bytes.fromhex("24 53 43 43 4D 44 3B 53 45 51 3D 36 30 0D 0A")
    assert encode_command(ReaderCommand(seq=0x60)) == accept
    assert encode_command(ReaderCommand(seq=0x60), terminator=b"") == accept[:-2]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    receiver = SccmdReceiver()
    events = receiver.feed(b"$SCCMD;SEQ=60" + end + b"$SCCMD;SEQ=61" + end, 0.0)
    assert [event.seq for event in events if isinstance(event, CommandReceived)] == [0x60, 0x61]
    assert receiver.next_deadline is None
    assert receiver.finish() == []


def test_no_end_completes_at_the_next_dollar() -> None:
    receiver = SccmdReceiver()
    assert receiver.feed(b"$SCCMD;SEQ=60$SCCMD;SEQ=61", 0.0) == [CommandReceived("$SCCMD;SEQ=60", 0x60)]
    assert receiver.finish() == [CommandReceived("$SCCMD;SEQ=61", 0x61)]


def test_no_end_completes_after_silence() -> None:
    receiver = SccmdReceiver()
    assert receiver.feed(b"$SCCMD;SE", 10.0) == []
    assert receiver.feed(b"Q=60", 10.04) == []
    assert receiver.next_deadline == 10.04 + SILENCE_SECONDS
    assert receiver.tick(10.089) == []
    assert receiver.tick(10.04 + SILENCE_SECONDS) == [CommandReceived("$SCCMD;SEQ=60", 0x60)]
    assert receiver.next_deadline is None


def test_late_bytes_do_not_join_a_silent_command() -> None:
    receiver = SccmdReceiver()
    receiver.feed(b"$SCCMD;SEQ=60", 0.0)
    assert receiver.feed(b";BUZZ=0001\r\n", 1.0) == [
        CommandReceived("$SCCMD;SEQ=60", 0x60),
        CommandIgnored(CommandFault.NOISE, "bytes before a $", ";BUZZ=0001"),
    ]


def test_bytes_before_the_dollar_are_skipped() -> None:
    events = decode(b"\x00\xffhello$SCCMD;SEQ=60\r\n")
    assert [type(event) for event in events] == [CommandIgnored, CommandReceived]


@pytest.mark.parametrize("data", [b"$SCCMD;SEQ=60*1C\r\n", b"$SCCMD;SEQ=60*\r\n", b"$SCCMD;SEQ=60*1D0\r\n"])
def test_a_checksum_that_is_there_is_verified(data: bytes) -> None:
    assert ignored(data) is CommandFault.CHECKSUM_WRONG


def test_a_device_knows_only_its_own_reading() -> None:
    assert ignored(b"$SCCMD;SEQ=60*13\r\n") is CommandFault.CHECKSUM_WRONG


@pytest.mark.parametrize("data", [b"$SCRDR;;;;;;;;*54", b"$", b"$SCCMDX;SEQ=60", b"$sccmd;SEQ=60"])
def test_not_a_command(data: bytes) -> None:
    assert ignored(data) is CommandFault.NOT_SCCMD


@pytest.mark.parametrize(
    ("tuples", "seq", "leds", "buzz", "skipped"),
    [
        ("SEQ=60;COLOR=red", 0x60, None, None, ["COLOR=red"]),
        ("SEQ=6;BUZZ=0064", None, None, 100, ["SEQ=6"]),
        ("SEQ=6G", None, None, None, ["SEQ=6G"]),
        ("LEDS=9292929", None, None, None, ["LEDS=9292929"]),
        ("SEQ", None, None, None, ["SEQ"]),
        ("SEQ=FE", 0xFE, None, None, []),
        ("LEDS=00010203;SEQ=60;BUZZ=0064", 0x60, None, None, ["LEDS=00010203", "BUZZ=0064"]),
        ("SEQ=60;SEQ=61", 0x61, None, None, ["SEQ=60"]),
        ("", None, None, None, [""]),
    ],
)
def test_tuples(tuples: str, seq: int | None, leds: bytes | None, buzz: int | None, skipped: list[str]) -> None:
    event = received(f"$SCCMD;{tuples}\r\n".encode())
    assert (event.seq, event.leds, event.buzz) == (seq, leds, buzz)
    assert [skip.text for skip in event.skipped] == skipped
    assert all(skip.reason for skip in event.skipped)


def test_256_characters_are_discarded_and_255_are_not() -> None:
    fits = b"$SCCMD;SEQ=60;" + b"x" * (SCCMD_LINE_BYTES - 14)
    assert received(fits + b"\r\n").seq == 0x60
    assert ignored(fits + b"x\r\n") is CommandFault.TOO_LONG
    receiver = SccmdReceiver()
    events = receiver.feed(fits + b"x" * 100_000, 0.0)
    assert [type(event) for event in events] == [CommandIgnored]
    assert receiver.feed(b"y" * 1000 + b"$SCCMD;SEQ=61\r\n", 0.01) == [CommandReceived("$SCCMD;SEQ=61", 0x61)]


@pytest.mark.parametrize(
    "command",
    [
        ReaderCommand(),
        ReaderCommand(seq=256),
        ReaderCommand(leds=b"\x00"),
        ReaderCommand(buzz=65_536),
        ReaderCommand(seq=0x60, buzz=1),
    ],
)
def test_encoder_refuses(command: ReaderCommand) -> None:
    with pytest.raises(UsageError):
        encode_command(command)


def test_a_command_longer_than_the_device_takes_is_refused() -> None:
    with pytest.raises(UsageError, match="SC-203"):
        encode_command(ReaderCommand(seq=0x60), terminator=b"\n" * SCCMD_LINE_BYTES)


COMMANDS = st.one_of(
    st.builds(lambda seq: ReaderCommand(seq=seq), st.integers(0, 255)),
    st.builds(
        lambda leds, buzz: ReaderCommand(leds=leds, buzz=buzz),
        st.binary(min_size=4, max_size=4),
        st.none() | st.integers(0, 65_535),
    ),
    st.builds(lambda buzz: ReaderCommand(buzz=buzz), st.integers(0, 65_535)),
)
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r", b""])


@given(COMMANDS, st.sampled_from(list(Checksum)), ENDS)
def test_round_trip(command: ReaderCommand, reading: Checksum, end: bytes) -> None:
    device = Checksum.EXCLUSIVE if reading is Checksum.OFF else reading
    line = encode_command(command, reading, terminator=end)
    [event] = decode(line, device)
    assert isinstance(event, CommandReceived)
    assert ReaderCommand(event.seq, event.leds, event.buzz) == command
    assert event.raw.encode() == line[: len(line) - len(end)]
    assert not event.skipped


PIECES = st.one_of(
    st.builds(lambda command, end: encode_command(command, terminator=end), COMMANDS, ENDS),
    st.sampled_from([b"$", b"\r", b"\n", b"*1D", b"x" * 300, b"$SCCMD;SEQ=60*1D"]),
    st.binary(max_size=20),
)


@given(st.lists(PIECES, max_size=6), st.lists(st.integers(0, 2000), max_size=10))
def test_any_cutting_gives_the_same_outcomes(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    parts = SccmdReceiver()
    events = [event for start, stop in itertools.pairwise(places) for event in parts.feed(data[start:stop], 0.0)]
    assert events + parts.finish() == decode(data)


def test_the_checksum_covers_the_body_only() -> None:
    assert checksum(b"SCCMD;SEQ=0E", Checksum.EXCLUSIVE) == 0x6E
