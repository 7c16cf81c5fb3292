"""The answering side."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.protocols.modbus import (
    Asked,
    Broken,
    ExceptionCode,
    Function,
    Illegal,
    Read,
    ServerCore,
    WriteRegister,
    frame,
)

READ = Read(Function.READ_HOLDING_REGISTERS, 0, 1)


def test_questions_come_in_order_and_wrong_ones_can_be_refused() -> None:
    server = ServerCore()
    events = server.receive(
        frame(1, 1, READ.encode()) + frame(2, 1, b"\x2c\x0e") + frame(3, 9, WriteRegister(1, 2).encode())
    )
    assert events == [
        Asked(1, 1, READ),
        Illegal(2, 1, 0x2C, ExceptionCode.ILLEGAL_FUNCTION),
        Asked(3, 9, WriteRegister(1, 2)),
    ]
    assert isinstance(events[1], Illegal)
    assert server.refuse(events[1], events[1].exception) == frame(2, 1, b"\xac\x01")
    assert isinstance(events[0], Asked)
    assert server.refuse(events[0], ExceptionCode.ILLEGAL_DATA_ADDRESS) == frame(1, 1, b"\x83\x02")


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 9))
def test_any_cutting_gives_the_same_questions(tail: bytes, size: int) -> None:
    data = frame(1, 1, READ.encode()) + frame(2, 1, b"\x99") + tail
    expected = [str(event) for event in ServerCore().receive(data)]
    split = ServerCore()
    events = [str(event) for at in range(0, len(data), size) for event in split.receive(data[at : at + size])]
    assert events == expected


def test_a_client_that_does_not_speak_modbus_is_told_once() -> None:
    server = ServerCore()
    [event] = server.receive(b"GET / HTTP/1.1\r\n")
    assert isinstance(event, Broken)
    assert server.receive(b"Host: x\r\n\r\n") == []
