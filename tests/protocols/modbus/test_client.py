"""The asking side: any cutting of the bytes gives the same events, and every wrong answer has its own name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.errors import Overload
from plantgate.limits import MODBUS_ABANDONED_IDS
from plantgate.protocols.modbus import (
    Broken,
    ClientCore,
    ExceptionReply,
    Function,
    Malformed,
    MaskWriteRegister,
    Quiet,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Reply,
    Request,
    ServerCore,
    TimedOut,
    Unexpected,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    exchange,
    frame,
)
from plantgate.protocols.modbus.server import Asked

READ = exchange(Read(Function.READ_HOLDING_REGISTERS, 0, 2))
MESSAGES: list[tuple[Request, bytes]] = [
    (Read(Function.READ_COILS, 3, 10), b"\x55\x01"),
    (Read(Function.READ_DISCRETE_INPUTS, 3, 8), b"\x55"),
    (Read(Function.READ_HOLDING_REGISTERS, 0, 2), b"abcd"),
    (Read(Function.READ_INPUT_REGISTERS, 9, 1), b"xy"),
    (WriteCoil(1, True), b""),
    (WriteRegister(1, 77), b""),
    (WriteCoils(1, (True, False, True)), b""),
    (WriteRegisters(1, b"abcdef"), b""),
    (MaskWriteRegister(1, 2, 3), b""),
    (ReadWriteRegisters(1, 2, 5, b"abcd"), b"efgh"),
    (ReadDeviceIdentification(2, 1), b"\x02\x82\x00\x00\x01\x01\x01X"),
]


def asked(depth: int = 16) -> tuple[ClientCore[str], list[int]]:
    """A core with four requests open, and their ids."""
    core: ClientCore[str] = ClientCore(depth)
    return core, [core.request(READ, 1, 0.0, 2.0, f"r{index}")[0] for index in range(4)]


def described(events: list[Any]) -> list[Any]:
    """Events in a form that compares: errors by their text."""
    return [(type(e).__name__, *(str(part) for part in e)) for e in events]


@pytest.mark.parametrize(("request_", "data"), MESSAGES)
def test_round_trip_of_each_message_through_both_roles(request_: Request, data: bytes) -> None:
    client: ClientCore[str] = ClientCore()
    server = ServerCore()
    transaction, sent = client.request(exchange(request_), 7, 10.0, 2.0, "mine")
    [question] = server.receive(sent)
    assert question == Asked(transaction, 7, request_)
    assert isinstance(question, Asked)
    assert client.receive(server.answer(question, data), 10.5) == [Reply("mine", data, 0.5)]
    assert client.free == 1


@pytest.mark.parametrize(("request_", "data"), MESSAGES)
def test_every_beginning_of_an_answer_is_incomplete_never_wrong(request_: Request, data: bytes) -> None:
    client: ClientCore[str] = ClientCore()
    _, sent = client.request(exchange(request_), 1, 0.0, 2.0, "mine")
    [question] = ServerCore().receive(sent)
    assert isinstance(question, Asked)
    answer = ServerCore.answer(question, data)
    for byte in answer[:-1]:
        assert client.receive(bytes([byte]), 0.0) == []
        assert client.partial
    assert client.receive(answer[-1:], 0.0) == [Reply("mine", data, 0.0)]
    assert not client.partial


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                frame(0, 1, b"\x03\x04abcd"),
                frame(1, 1, b"\x83\x02"),
                frame(2, 1, b"\x03\x02ab"),
                frame(3, 9, b"\x03\x04abcd"),
                frame(77, 1, b"\x03\x04abcd"),
                frame(2, 1, b"\x04\x04abcd"),
                b"\x00\x01\x00\x07\x00\x05",
                b"\x00\x01\x00\x00\xff\xff",
                b"\x00\x01\x00\x00\x00\x01",
            ]
        ),
        st.binary(max_size=12),
    ),
    max_size=12,
)


@settings(max_examples=500, deadline=None)
@given(PIECES, st.lists(st.integers(1, 9), max_size=60))
def test_any_cutting_gives_the_same_events(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    whole, _ = asked()
    expected = described(whole.receive(data, 1.0)) if data else []
    split, _ = asked()
    events: list[Any] = []
    at = 0
    for size in [*cuts, len(data)]:
        events += split.receive(data[at : at + size], 1.0)
        at += size
    assert described(events) == expected
    assert sum(isinstance(event, Broken) for event in events) <= 1


@settings(max_examples=500, deadline=None)
@given(PIECES)
def test_one_frame_at_a_time_is_the_same_as_all_at_once(pieces: list[bytes]) -> None:
    """A whole frame that comes alone takes a shorter way."""
    together, _ = asked()
    apart, _ = asked()
    expected = described(together.receive(b"".join(pieces), 1.0))
    assert described([event for piece in pieces for event in apart.receive(piece, 1.0)]) == expected
    assert apart.free == together.free
    assert apart.partial == together.partial


def test_answers_may_come_in_any_order() -> None:
    core, ids = asked()
    data = b"".join(frame(transaction, 1, b"\x03\x04" + bytes([transaction] * 4)) for transaction in reversed(ids))
    assert [event.token for event in core.receive(data, 1.0) if isinstance(event, Reply)] == ["r3", "r2", "r1", "r0"]


@pytest.mark.parametrize(
    ("unit", "pdu", "code"),
    [
        (2, b"\x03\x04abcd", "MB-111"),
        (1, b"\x04\x04abcd", "MB-112"),
        (1, b"\x84\x02", "MB-112"),
        (1, b"\x03\x02ab", "MB-113"),
        (1, b"\x83\x02\x00", "MB-113"),
        (1, b"\x03\x05abcd", "MB-114"),
    ],
)
def test_a_wrong_answer_costs_its_request_and_no_other(unit: int, pdu: bytes, code: str) -> None:
    core, ids = asked()
    [event] = core.receive(frame(ids[0], unit, pdu), 1.0)
    assert isinstance(event, Malformed)
    assert (event.token, event.error.code) == ("r0", code)
    assert core.receive(frame(ids[1], 1, b"\x03\x04abcd"), 1.0) == [Reply("r1", b"abcd", 1.0)]


def test_an_exception_is_told_with_its_code() -> None:
    core, ids = asked()
    assert core.receive(frame(ids[2], 1, b"\x83\x0b"), 1.0) == [ExceptionReply("r2", 0x0B, 1.0)]


@pytest.mark.parametrize(
    ("data", "code"),
    [("0000 0001", "MB-105"), ("0000 0000 0001", "MB-106"), ("0000 0000 00FF", "MB-106"), ("0000 0000 FFFF", "MB-106")],
)
def test_a_header_that_is_not_modbus_ends_the_connection(data: str, code: str) -> None:
    core, ids = asked()
    events = core.receive(frame(ids[0], 1, b"\x03\x04abcd") + bytes.fromhex(data), 1.0)
    assert isinstance(events[0], Reply)
    assert isinstance(events[1], Broken)
    assert events[1].error.code == code
    assert core.receive(frame(ids[1], 1, b"\x03\x04abcd"), 1.0) == []
    assert core.drain() == ["r1", "r2", "r3"]


def test_the_largest_frame_is_accepted() -> None:
    core: ClientCore[str] = ClientCore()
    what = exchange(Read(Function.READ_HOLDING_REGISTERS, 0, 125))
    transaction, _ = core.request(what, 1, 0.0, 1.0, "big")
    [event] = core.receive(frame(transaction, 1, b"\x03\xfa" + bytes(250)), 0.0)
    assert isinstance(event, Reply)
    assert len(event.data) == 250


def test_one_sweep_finds_what_is_overdue_and_late_answers_are_known_as_such() -> None:
    core: ClientCore[str] = ClientCore(4)
    first, _ = core.request(READ, 1, 0.0, 1.0, "first")
    core.request(READ, 1, 0.5, 1.0, "second")
    assert core.next_deadline() == 1.0
    assert core.tick(0.9) == []
    assert core.tick(1.0) == [TimedOut("first")]
    assert core.next_deadline() == 1.5
    late = frame(first, 1, b"\x03\x04abcd")
    assert core.receive(late, 1.2) == [Unexpected(first, True)]
    assert core.receive(late, 1.2) == [Unexpected(first, False)]
    assert core.receive(frame(999, 1, b"\x03\x04abcd"), 1.2) == [Unexpected(999, False)]
    assert core.tick(2.0) == [TimedOut("second")]
    assert core.next_deadline() is None


def test_no_more_requests_than_the_depth() -> None:
    core, _ = asked(4)
    assert core.free == 0
    with pytest.raises(Overload):
        core.request(READ, 1, 0.0, 1.0, "one too many")


def test_the_depth_has_a_bound_of_its_own() -> None:
    assert ClientCore[str](10_000).depth == 16
    assert ClientCore[str](0).depth == 1


def test_ids_wrap_and_leave_out_those_whose_answer_may_still_come() -> None:
    core: ClientCore[str] = ClientCore(2, first_transaction=0xFFFF)
    assert core.request(READ, 1, 0.0, 1.0, "a")[0] == 0xFFFF
    assert core.request(READ, 1, 0.0, 5.0, "b")[0] == 0
    core.tick(1.0)
    core._next = 0xFFFF
    assert core.request(READ, 1, 1.0, 1.0, "c")[0] == 1


def test_a_device_that_never_answers_costs_bounded_memory() -> None:
    core: ClientCore[int] = ClientCore()
    for number in range(3 * MODBUS_ABANDONED_IDS):
        core.request(READ, 1, float(number), 0.5, number)
        assert core.tick(number + 0.5) == [TimedOut(number)]
    assert len(core._abandoned) == MODBUS_ABANDONED_IDS


def test_cost_is_linear_in_the_bytes_whatever_their_cut() -> None:
    core, _ = asked()
    stream = frame(500, 1, bytes(253)) * 400
    for at in range(0, len(stream), 7):
        core.receive(stream[at : at + 7], 0.0)
        assert len(core._deframer._held) < 260


def test_an_overdue_request_gives_its_place_up_and_its_answer_still_counts() -> None:
    core: ClientCore[str] = ClientCore(1)
    first, _ = core.request(READ, 5, 0.0, 2.0, "slow", patience=0.5)
    assert core.next_deadline() == 0.5
    assert core.tick(0.4) == []
    assert core.tick(0.5) == [Quiet("slow")]
    assert core.free == 1
    assert core.next_deadline() == 2.0
    core.request(READ, 9, 0.5, 2.0, "other")
    assert core.free == 0
    assert core.receive(frame(first, 5, READ.prefix + b"abcd"), 1.0) == [Reply("slow", b"abcd", 1.0)]
    assert core.free == 0
    assert core.tick(2.5) == [TimedOut("other")]
    assert core.free == 1


def test_an_overdue_request_is_given_up_at_its_deadline() -> None:
    core: ClientCore[str] = ClientCore(1)
    core.request(READ, 5, 0.0, 2.0, "dead", patience=0.5)
    assert core.tick(0.6) == [Quiet("dead")]
    assert core.tick(2.0) == [TimedOut("dead")]
    assert core.free == 1
    assert core.next_deadline() is None
