"""Host side of `$SCRDR`: vectors of springcore.md 1.11, refusals, bounds, split invariance, round trip."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plantgate.errors import UsageError
from plantgate.limits import SCRDR_LINE_BYTES
from plantgate.protocols.scrdr import (
    Checksum,
    ChecksumLocked,
    Hello,
    HostEvent,
    LineError,
    LineFault,
    ScrdrReceiver,
    TagEvent,
    checksum,
    encode_event,
    encode_hello,
)

UID = "047DAE02C84080"
PADDED = "00047DAE02C84080"
READ = TagEvent("03", "01", "01", "", UID, "", PADDED, "")

VECTORS = [
    ("SCRDR;;;;;;;;", "54", "5A", Hello()),
    ("SCRDR", "54", "5A", Hello()),
    (f"SCRDR;03;01;01;;{UID};;{PADDED};", "57", "59", READ),
    (f"SCRDR;03;01;01;;{UID};I;{PADDED};", "1E", "10", READ._replace(move="I")),
    (f"SCRDR;03;01;01;;{UID};R;;", "03", "0D", READ._replace(move="R", tag_data="")),
    (f"SCRDR;03;01;01;;{UID};IR;{PADDED};", "4C", "42", READ._replace(move="IR")),
    (
        "SCRDR;03;01;02;;047C7B02C44080;;https://www.springcard.com;",
        "6A",
        "64",
        TagEvent("03", "01", "02", "", "047C7B02C44080", "", "https://www.springcard.com", ""),
    ),
    (
        "SCRDR;03;80;02;;262BA1B0;;00000000262BA1B0;",
        "5D",
        "53",
        TagEvent("03", "80", "02", "", "262BA1B0", "", "00000000262BA1B0", ""),
    ),
    (
        "SCRDR;84;11;00;C4;0123456789AB;;;",
        "2D",
        "23",
        TagEvent("84", "11", "00", "C4", "0123456789AB", "", "", ""),
    ),
    (
        f"SCRDR;13.56;NFC-A;1;;{UID};;{PADDED};",
        "6D",
        "63",
        TagEvent("13.56", "NFC-A", "1", "", UID, "", PADDED, ""),
    ),
]


def decode(data: bytes) -> list[HostEvent]:
    """The events of one connection, without the lock-on."""
    receiver = ScrdrReceiver()
    events = receiver.feed(data) + receiver.finish()
    return [event for event in events if not isinstance(event, ChecksumLocked)]


def faults(data: bytes) -> list[LineFault]:
    return [event.code for event in decode(data) if isinstance(event, LineError)]


@pytest.mark.parametrize(("body", "exclusive", "inclusive", "expected"), VECTORS)
def test_vector(body: str, exclusive: str, inclusive: str, expected: HostEvent) -> None:
    assert f"{checksum(body.encode(), Checksum.EXCLUSIVE):02X}" == exclusive
    assert f"{checksum(body.encode(), Checksum.INCLUSIVE):02X}" == inclusive
    assert decode(f"${body}*{exclusive}\r\n".encode()) == [expected]
    assert decode(f"${body}*{inclusive.lower()}\r\n".encode()) == [expected]
    if isinstance(expected, TagEvent):
        assert encode_event(expected) == f"${body}*{exclusive}\r\n".encode()
        assert encode_event(expected, Checksum.INCLUSIVE) == f"${body}*{inclusive}\r\n".encode()


def test_hello_byte_for_byte() -> None:
    assert encode_hello() == bytes.fromhex("24 53 43 52 44 52 3B 3B 3B 3B 3B 3B 3B 3B 2A 35 34 0D 0A")
    assert encode_hello(short=True) == b"$SCRDR*54\r\n"


@pytest.mark.parametrize("reading", [Checksum.EXCLUSIVE, Checksum.INCLUSIVE])
def test_locks_onto_the_first_reading_seen(reading: Checksum) -> None:
    other = Checksum.INCLUSIVE if reading is Checksum.EXCLUSIVE else Checksum.EXCLUSIVE
    receiver = ScrdrReceiver()
    assert receiver.reading is None
    assert receiver.feed(encode_hello(reading)) == [ChecksumLocked(reading), Hello()]
    assert receiver.feed(encode_event(READ, reading)) == [READ]
    [refused] = receiver.feed(encode_event(READ, other))
    assert isinstance(refused, LineError)
    assert refused.code is LineFault.CHECKSUM_WRONG
    assert reading.value in refused.reason
    assert receiver.reading is reading


def test_a_wrong_checksum_locks_nothing() -> None:
    receiver = ScrdrReceiver()
    assert [type(event) for event in receiver.feed(b"$SCRDR;;;;1;;;;*00\r\n")] == [LineError]
    assert receiver.reading is None


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"hello\r\n", LineFault.NOISE),
        (b"*54\r\n", LineFault.NOISE),
        (b"54\r\n", LineFault.NOISE),
        (b"4\r\n", LineFault.NOISE),
        (b"$SCRDR;;;;;;;;\r\n", LineFault.CHECKSUM_MISSING),
        (b"$SCRDR;;;;;;;;*5\r\n", LineFault.CHECKSUM_MISSING),
        (b"$SCRDR;;;;;;;;*+4\r\n", LineFault.CHECKSUM_MISSING),
        (b"$SCRDR;;;;;;;;*55\r\n", LineFault.CHECKSUM_WRONG),
        (b"$SCXYZ;1*00\r\n", LineFault.NOT_SCRDR),
        (b"$SCRDRX*0C\r\n", LineFault.NOT_SCRDR),
        (encode_event(READ._replace(move="Q")), LineFault.UNKNOWN_MOVE),
        (encode_event(READ)[:-1], LineFault.ENDED),
        (b"$", LineFault.ENDED),
    ],
)
def test_refused(data: bytes, fault: LineFault) -> None:
    assert faults(data) == [fault]


def test_incomplete_is_not_wrong() -> None:
    receiver = ScrdrReceiver()
    line = encode_event(READ)
    assert receiver.feed(line[:-1]) == []
    assert receiver.pending == len(line) - 1
    assert receiver.feed(line[-1:]) == [ChecksumLocked(Checksum.EXCLUSIVE), READ]
    assert receiver.pending == 0
    assert receiver.finish() == []


@pytest.mark.parametrize(
    ("prefix", "fault"),
    [(b"noise", LineFault.NOISE), (encode_event(READ)[:20], LineFault.CUT), (b"\xff$$SC$SCRD", LineFault.NOISE)],
)
def test_a_good_message_after_half_a_line_is_kept(prefix: bytes, fault: LineFault) -> None:
    refused, event = decode(prefix + encode_event(READ))
    assert isinstance(refused, LineError)
    assert (refused.code, refused.length) == (fault, len(prefix))
    assert event == READ


def test_missing_fields_are_empty() -> None:
    body = b"SCRDR;03;01;01;;AABB"
    [event] = decode(b"$%b*%02X\r\n" % (body, checksum(body, Checksum.EXCLUSIVE)))
    assert event == TagEvent("03", "01", "01", "", "AABB", fields=5)


def test_semicolons_in_tag_data_are_joined_and_flagged() -> None:
    sent = READ._replace(tag_data="a;b;c", tag_details="d")
    assert decode(encode_event(sent, raw=True)) == [sent._replace(ambiguous=True, fields=10)]


@pytest.mark.parametrize("text", ["5*54", "x*AB*", "$5 off", "pay $SCRDR;now"])
def test_reserved_characters_in_tag_data(text: str) -> None:
    event = decode(encode_event(READ._replace(tag_data=text), raw=True))[-1]
    assert isinstance(event, TagEvent)
    assert event.tag_data + ";" * event.ambiguous == READ._replace(tag_data=text).tag_data or event.ambiguous
    assert event.tag_id == UID


def test_bytes_outside_the_alphabet_are_kept_and_flagged() -> None:
    sent = READ._replace(tag_data="caf\xe9\x07")
    assert decode(encode_event(sent, raw=True)) == [sent._replace(non_ascii=True)]


def test_lf_alone_ends_a_line_and_blank_lines_are_nothing() -> None:
    line = encode_event(READ).replace(b"\r\n", b"\n")
    assert decode(b"\r\n\n" + line + b"\r\n" + line) == [READ, READ]


def test_the_longest_message_is_accepted_and_a_longer_one_costs_itself() -> None:
    room = SCRDR_LINE_BYTES - len(encode_event(READ._replace(tag_data=""))) + 2
    longest = READ._replace(tag_data="A" * room)
    data = encode_event(longest)
    assert len(data) == SCRDR_LINE_BYTES + 2
    assert decode(data) == [longest]
    too_long = data.replace(b"AAA", b"AAAAAA", 1)
    refused, event = decode(too_long + encode_event(READ))
    assert isinstance(refused, LineError)
    assert refused.code is LineFault.TOO_LONG
    assert event == READ


def test_memory_is_bounded_and_an_endless_line_is_told_once() -> None:
    receiver = ScrdrReceiver()
    events: list[HostEvent] = []
    for _ in range(64):
        events += receiver.feed(b"$" + b"x" * 65_535)
        assert receiver.pending <= SCRDR_LINE_BYTES + 1
    assert {event.code for event in events if isinstance(event, LineError)} == {LineFault.TOO_LONG}
    events = [event for _ in range(16) for event in receiver.feed(b"y" * 65_536)]
    assert len(events) == 1
    assert receiver.pending == 0
    assert READ in receiver.feed(b"\n" + encode_event(READ))


def test_encoder_refuses_what_the_line_cannot_carry() -> None:
    for text in ("a;b", "a*b", "a$b", "\r", "é"):
        with pytest.raises(UsageError, match="SC-201"):
            encode_event(READ._replace(tag_data=text))
    with pytest.raises(UsageError, match="SC-202"):
        encode_event(READ._replace(tag_data="\u20ac"), raw=True)
    with pytest.raises(UsageError, match="SC-203"):
        encode_event(READ._replace(tag_data="A" * SCRDR_LINE_BYTES))


def test_a_refused_move_of_a_usual_line_is_shown_without_its_end() -> None:
    receiver = ScrdrReceiver()
    receiver.feed(encode_hello())
    line = encode_event(READ._replace(move="Q"))
    [refused] = receiver.feed(line)
    assert isinstance(refused, LineError)
    assert (refused.code, refused.length) == (LineFault.UNKNOWN_MOVE, len(line) - 2)


@pytest.mark.parametrize("reading", [Checksum.EXCLUSIVE, Checksum.INCLUSIVE])
def test_every_single_changed_byte_of_a_message_is_seen(reading: Checksum) -> None:
    """An XOR sees any one changed byte, whatever it becomes: there is no event."""
    line = encode_event(READ, reading)
    for place in range(1, len(line) - 5):
        for value in (line[place] ^ 0x01, line[place] ^ 0x80, 0x0D, ord(";")):
            if value == line[place]:
                continue
            receiver = ScrdrReceiver()
            receiver.feed(encode_hello(reading))
            events = receiver.feed(line[:place] + bytes([value]) + line[place + 1 :])
            assert not any(isinstance(event, TagEvent) for event in events), (place, value)


def test_a_byte_outside_the_alphabet_that_cannot_be_told_in_text() -> None:
    """Any byte that Latin-1 knows is kept; the flag tells. Exactly 20..7E is not flagged."""
    for value in range(256):
        if value in b"$;*\r\n":
            continue
        receiver = ScrdrReceiver()
        receiver.feed(encode_hello())
        [event] = receiver.feed(encode_event(READ._replace(tag_data=f"a{chr(value)}"), raw=True))
        assert isinstance(event, TagEvent)
        assert (event.tag_data, event.non_ascii) == (f"a{chr(value)}", not 0x20 <= value <= 0x7E)


PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="$;*"), max_size=40)
EVENTS = (
    st.tuples(PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, st.sampled_from(["", "I", "R", "IR"]), PLAIN, PLAIN)
    .map(lambda fields: TagEvent(*fields))
    .filter(lambda event: any(event[:8]))
)
READINGS = st.sampled_from([Checksum.EXCLUSIVE, Checksum.INCLUSIVE])


@given(EVENTS, READINGS)
def test_round_trip(event: TagEvent, reading: Checksum) -> None:
    assert ScrdrReceiver().feed(encode_event(event, reading)) == [ChecksumLocked(reading), event]


PIECES = st.one_of(
    st.builds(encode_event, EVENTS, READINGS),
    st.builds(lambda event, cut: encode_event(event)[:cut], EVENTS, st.integers(0, 60)),
    st.sampled_from([b"$", b"\r", b"\n", b"\r\n", b"$SCRDR", b"*54", encode_hello(), b"$SCRDR*54\n", b"x" * 70_000]),
    st.binary(max_size=30),
)


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 200_000), max_size=12))
@example([b"x" * 65_538, b"$", b"x" * 65_540, b"\n", encode_hello()], [65_537, 65_538, 65_539])
def test_any_cutting_gives_the_same_events(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    whole = ScrdrReceiver()
    expected = whole.feed(data) + whole.finish()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    parts = ScrdrReceiver()
    events = [event for start, stop in itertools.pairwise(places) for event in parts.feed(data[start:stop])]
    assert events + parts.finish() == expected
    assert parts.reading == whole.reading


@given(st.lists(PIECES.filter(lambda piece: len(piece) < 1000), max_size=5))
def test_byte_by_byte_gives_the_same_events(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    whole, single = ScrdrReceiver(), ScrdrReceiver()
    assert [event for byte in data for event in single.feed(bytes([byte]))] == whole.feed(data)
