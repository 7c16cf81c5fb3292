"""RTU over TCP: frames end by their length, noise is passed over, a wrong check sum is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import Overload
from plantgate.protocols.modbus import (
    ExceptionReply,
    Exchange,
    Function,
    Malformed,
    MaskWriteRegister,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Reply,
    Request,
    RtuClientCore,
    TimedOut,
    Unexpected,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    exchange,
    rtu_frame,
)
from plantgate.protocols.modbus.identification import encode_identification
from plantgate.protocols.modbus.rtu import crc, reply_size

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
    (ReadWriteRegisters(1, 2, 1, b"abcd"), b"efgh"),
    (ReadDeviceIdentification(), encode_identification(1, {0: b"Acme", 1: b"X1", 2: b"1.0"})),
]
READ = exchange(Read(Function.READ_HOLDING_REGISTERS, 0, 2))


def asked(what: Exchange = READ, unit: int = 7) -> RtuClientCore[str]:
    core: RtuClientCore[str] = RtuClientCore()
    core.request(what, unit, 10.0, 2.0, "mine")
    return core


def test_check_sum_of_the_specification() -> None:
    # [SL] 6.2.2, and a request that every manual shows.
    assert crc(bytes.fromhex("0207")) == bytes.fromhex("4112")
    assert rtu_frame(1, bytes.fromhex("0300000001")) == bytes.fromhex("010300000001840A")


@pytest.mark.parametrize(("request_", "data"), MESSAGES)
def test_an_answer_in_any_pieces_is_the_same(request_: Request, data: bytes) -> None:
    what = exchange(request_)
    answer = rtu_frame(7, what.prefix + data)
    assert asked(what).receive(answer, 10.5) == [Reply("mine", data, 0.5)]
    assert reply_size(answer) == len(answer)
    core = asked(what)
    for byte in answer[:-1]:
        assert core.receive(bytes([byte]), 10.5) == []
    assert core.partial
    assert core.receive(answer[-1:], 10.5) == [Reply("mine", data, 0.5)]
    assert core.free == 1


def test_an_exception_is_told() -> None:
    assert asked().receive(rtu_frame(7, b"\x83\x02"), 10.5) == [ExceptionReply("mine", 2, 0.5)]


def test_a_wrong_check_sum_is_malformed_and_the_next_request_is_well() -> None:
    core = asked()
    answer = bytearray(rtu_frame(7, READ.prefix + b"abcd"))
    answer[4] ^= 1
    [event] = core.receive(bytes(answer), 10.1)
    assert isinstance(event, Malformed)
    assert event.error.code == "MB-116"
    core.request(READ, 7, 11.0, 2.0, "next")
    assert core.receive(rtu_frame(7, READ.prefix + b"efgh"), 11.5) == [Reply("next", b"efgh", 0.5)]


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\xff\x00", b"\x07", b"\x07\x10", b"\x01\x03\x04"])
def test_noise_before_an_answer_is_passed_over(noise: bytes) -> None:
    core = asked()
    assert core.receive(noise, 10.0) == []
    assert core.receive(rtu_frame(7, READ.prefix + b"abcd"), 10.5) == [Reply("mine", b"abcd", 0.5)]


def test_the_late_answer_of_another_unit_is_told_from_ours() -> None:
    core = asked(unit=5)
    assert core.tick(12.0) == [TimedOut("mine")]
    core.request(READ, 9, 12.0, 2.0, "other")
    events = core.receive(rtu_frame(5, READ.prefix + b"late") + rtu_frame(9, READ.prefix + b"good"), 12.5)
    assert events == [Unexpected(0, late=True), Reply("other", b"good", 0.5)]


def test_what_nobody_asked_is_counted_and_dropped() -> None:
    core: RtuClientCore[str] = RtuClientCore()
    assert core.receive(rtu_frame(5, READ.prefix + b"late"), 1.0) == [Unexpected(0, late=True)]
    assert not core.partial


def test_an_answer_of_another_shape_is_malformed() -> None:
    [event] = asked().receive(rtu_frame(7, b"\x03\x02ab"), 10.1)
    assert isinstance(event, Malformed)
    assert event.error.code == "MB-113"
    [event] = asked().receive(rtu_frame(7, b"\x04\x04abcd"), 10.1)
    assert isinstance(event, Malformed)
    assert event.error.code == "MB-112"


def test_one_request_at_a_time() -> None:
    core = asked()
    assert core.free == 0
    with pytest.raises(Overload):
        core.request(READ, 7, 10.0, 2.0, "second")
    assert core.drain() == ["mine"]
    assert core.free == 1


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from(MESSAGES))
def test_any_bytes_give_events_and_hold_less_than_two_frames(
    pieces: list[bytes], message: tuple[Request, bytes]
) -> None:
    core = asked(exchange(message[0]))
    for piece in pieces:
        core.receive(piece, 10.0)
        assert len(core._held) <= 256
    assert len(core.tick(99.0)) + core.free >= 1
