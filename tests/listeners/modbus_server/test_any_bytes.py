"""Hypothesis: whatever bytes come, each whole frame has one answer, and reads agree with a plain model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from plantgate.listeners.modbus_server.answers import Answerer
from plantgate.listeners.modbus_server.cells import Entry, QualityPlace
from plantgate.listeners.modbus_server.image import Image, Refusal
from plantgate.listeners.modbus_server.session import Session
from plantgate.model.command import Origin
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, full_path
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.protocols.modbus import ExceptionCode, Function, frame, pack_bits
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

TABLES = [Function(number) for number in (1, 2, 3, 4)]


def to_word(value: Scalar) -> bytes:
    assert isinstance(value, int | None)
    return (value or 0).to_bytes(2, "big")


def to_bit(value: Scalar) -> bytes:
    return bytes([bool(value)])


def from_bytes(data: bytes) -> Scalar:
    return int.from_bytes(data, "big", signed=True)


def entry(tag: int, table: Function, start: int) -> Entry:
    bits = table <= Function.READ_DISCRETE_INPUTS
    encode, decode = (to_bit, cast("Callable[[bytes], Scalar]", any)) if bits else (to_word, from_bytes)
    return Entry(tag, full_path(f"T{tag}"), table, 1, start, 1, encode, decode, writable=table in TABLES[::2])


def tree_of(count: int) -> TagTree:
    return TagTree(
        [TagDefinition(full_path(f"T{tag}"), DataType.INT8, writable=True, initial=tag) for tag in range(count)],
        SystemClock(),
    )


class Wire:
    """What a session needs of a stream: `pieces` come in, `sent` goes out."""

    peer, behind = "127.0.0.1:50000", False

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self.sent = b""

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def abort(self) -> None:
        self._pieces.clear()


def answered(pieces: list[bytes]) -> bytes:
    clock = SystemClock()
    tree = tree_of(40)
    entries = [entry(index, TABLES[index % 4], index) for index in range(40)]
    image = Image(entries, tree, keep_last=False, zero_gaps=True)
    answerer = Answerer(image, Gate(tree, clock), 1, {0: b"plantgate"})
    wire = Wire([piece for piece in pieces if piece])
    session = Session(cast("Stream", wire), answerer, Origin("modbus:test", may_write=True), 60.0, clock)
    asyncio.run(session.run())
    return wire.sent


@given(st.lists(st.binary(max_size=400), max_size=4))
def test_any_bytes(pieces: list[bytes]) -> None:
    answered(pieces)


ADDRESS = st.one_of(st.integers(0, 50), st.integers(0, 0xFFFF)).map(lambda number: number.to_bytes(2, "big"))
COUNT = st.one_of(st.integers(0, 10), st.integers(0, 0xFFFF)).map(lambda number: number.to_bytes(2, "big"))
PDUS = st.one_of(
    st.binary(min_size=1, max_size=253),
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, 6, 0x16]).map(lambda code: bytes([code])), ADDRESS, COUNT).map(b"".join),
    st.tuples(ADDRESS, st.binary(min_size=1, max_size=20)).map(
        lambda parts: b"\x10" + parts[0] + len(parts[1]).to_bytes(2, "big") + bytes([2 * len(parts[1])]) + parts[1] * 2
    ),
)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 255), PDUS), max_size=6), st.integers(1, 300))
def test_each_frame_has_one_answer_in_order(asked: list[tuple[int, int, bytes]], size: int) -> None:
    wire = b"".join(frame(*each) for each in asked)
    sent = answered([wire[at : at + size] for at in range(0, len(wire), size)])
    for transaction, unit, pdu in asked:
        length = int.from_bytes(sent[4:6], "big")
        head, answer, sent = sent[:7], sent[7 : 6 + length], sent[6 + length :]
        assert head == transaction.to_bytes(2, "big") + b"\0\0" + length.to_bytes(2, "big") + bytes([unit])
        assert answer[0] & 0x7F == pdu[0] & 0x7F
        if answer[0] & 0x80:
            assert answer[1:] in {b"\x01", b"\x02", b"\x03", b"\x04"}
    assert sent == b""


@given(
    st.dictionaries(st.integers(0, 60), st.integers(0, 1), min_size=1),
    st.sampled_from(TABLES),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 1), st.booleans())),
    st.integers(0, 60),
    st.integers(1, 30),
)
def test_reads_agree_with_a_plain_model(
    first: dict[int, int],
    table: Function,
    keep_last: bool,
    zero_gaps: bool,
    changes: list[tuple[int, int, bool]],
    start: int,
    count: int,
) -> None:
    tree, places = tree_of(len(first)), sorted(first)
    quality = QualityPlace(Function.READ_INPUT_REGISTERS, 9, 5)
    entries = [entry(tag, table, place) for tag, place in enumerate(places)]
    image = Image([replace(entries[0], quality=quality), *entries[1:]], tree, keep_last=keep_last, zero_gaps=zero_gaps)
    tree.add_sink(image)
    values: dict[int, int | None] = {}
    last: dict[int, int] = {}
    for place, value, good in [*((place, value, True) for place, value in first.items()), *changes]:
        if place in first:
            tag = places.index(place)
            tree.publish(Batch([tag], [value], [Quality.GOOD if good else Quality.BAD], [1], 1))
            values[place] = value if good else None
            last[place] = value if good else last[place]
    wanted = range(start, start + count)
    within = wanted.start >= places[0] and wanted.stop <= places[-1] + 1
    if not within or (not zero_gaps and not all(place in first for place in wanted)):
        expected: bytes | ExceptionCode = ExceptionCode.ILLEGAL_DATA_ADDRESS
    elif not keep_last and any(values.get(place, 0) is None for place in wanted):
        expected = ExceptionCode.SERVER_DEVICE_FAILURE
    else:
        told = [last.get(place, 0) for place in wanted]
        bits = table <= Function.READ_DISCRETE_INPUTS
        expected = pack_bits([bool(value) for value in told]) if bits else b"".join(map(to_word, told))
    try:
        found: bytes | ExceptionCode = image.read(1, table, start, count)
    except Refusal as refusal:
        found = refusal.exception
    assert found == expected
    code = Quality.GOOD if values[places[0]] is not None else Quality.BAD
    assert image.read(9, Function.READ_INPUT_REGISTERS, 5, 1) == code.to_bytes(2, "big")
