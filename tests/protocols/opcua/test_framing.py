"""A stream cut into frames, refused on its first eight bytes; the greeting, also against asyncua's codec."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from asyncua import ua as asyncua_types
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, uatcp_to_binary
from hypothesis import given
from hypothesis import strategies as st

from plantgate.protocols.opcua import framing, status
from plantgate.protocols.opcua.framing import (
    ACKNOWLEDGE_FIRST,
    HELLO_FIRST,
    Acknowledge,
    FrameError,
    FrameReader,
    Hello,
    channel_frames,
)

ua: Any = asyncua_types  # its annotations are names for readers

HELLO = Hello(65_535, 65_535, 0, 0, "opc.tcp://plant:4840/")


def message(kind: bytes, size: int, flag: bytes = b"F") -> bytes:
    return struct.pack("<3s1sI", kind, flag, size) + bytes(size - 8)


@given(st.lists(st.integers(24, 90), min_size=1, max_size=5), st.integers(1, 40))
def test_any_cutting_gives_the_same_frames(sizes: list[int], step: int) -> None:
    stream = b"".join(message(b"MSG", size) for size in sizes)
    reader = FrameReader(channel_frames(8_192))
    found = [frame for at in range(0, len(stream), step) for frame in reader.feed(stream[at : at + step])]
    assert [len(frame.data) for frame in found] == sizes
    assert b"".join(frame.data for frame in found) == stream
    assert reader.held == 0


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HELF" + struct.pack("<I", 0x7FFFFFFF), status.BAD_TCP_MESSAGE_TOO_LARGE),
        (b"HELF" + struct.pack("<I", 4_129), status.BAD_TCP_MESSAGE_TOO_LARGE),
        (b"HELF" + struct.pack("<I", 31), status.BAD_TCP_MESSAGE_TYPE_INVALID),
        (b"HELC" + struct.pack("<I", 40), status.BAD_TCP_MESSAGE_TYPE_INVALID),
        (b"OPNF" + struct.pack("<I", 200), status.BAD_TCP_MESSAGE_TYPE_INVALID),
        (b"GET / HT", status.BAD_TCP_MESSAGE_TYPE_INVALID),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", status.BAD_TCP_MESSAGE_TYPE_INVALID),
    ],
)
def test_a_frame_is_refused_on_its_first_eight_bytes(head: bytes, expected: int) -> None:
    reader = FrameReader(HELLO_FIRST)
    assert list(reader.feed(head[:7])) == []
    with pytest.raises(FrameError) as error:
        list(reader.feed(head[7:]))
    assert error.value.status == expected
    assert reader.held == 0
    with pytest.raises(FrameError):
        list(reader.feed(message(b"HEL", 60)))


def test_what_is_allowed_changes_between_two_frames_of_one_piece() -> None:
    reader = FrameReader(HELLO_FIRST)
    stream = framing.encode_hello(HELLO) + message(b"OPN", 200) + message(b"MSG", 9_000, b"C")
    kinds = []
    found = reader.feed(stream)
    for _ in range(2):
        kinds.append(next(found).kind)
        reader.allowed = channel_frames(8_192)
    with pytest.raises(FrameError) as error:
        next(found)
    assert kinds == [b"HEL", b"OPN"]
    assert error.value.status == status.BAD_TCP_MESSAGE_TOO_LARGE


def test_a_server_takes_no_answer_and_a_client_no_question() -> None:
    for kind, client in ((b"ERR", False), (b"ACK", False), (b"HEL", True), (b"CLO", True)):
        with pytest.raises(FrameError):
            list(FrameReader(channel_frames(65_535, client=client)).feed(message(kind, 40)))


def test_the_greeting_is_what_asyncua_says() -> None:
    hello_type: Any = ua.MessageType.Hello
    stock = ua.Hello()
    stock.ReceiveBufferSize, stock.SendBufferSize, stock.EndpointUrl = 65_535, 65_535, HELLO.url
    stock.MaxMessageSize = stock.MaxChunkCount = 0
    assert framing.encode_hello(HELLO) == uatcp_to_binary(hello_type, stock)
    [frame] = FrameReader(HELLO_FIRST).feed(uatcp_to_binary(hello_type, stock))
    assert framing.decode_hello(frame.data) == HELLO
    answer: Any = framing.negotiate(Hello(8_192, 20_000, 0, 0, ""), 65_535, 4_194_304, 64)
    assert answer == Acknowledge(20_000, 8_192, 4_194_304, 64)
    read = struct_from_binary(ua.Acknowledge, Buffer(framing.encode_acknowledge(answer)[8:]))
    assert (read.ReceiveBufferSize, read.SendBufferSize, read.MaxMessageSize, read.MaxChunkCount) == answer
    [frame] = FrameReader(ACKNOWLEDGE_FIRST).feed(framing.encode_acknowledge(answer))
    assert framing.decode_acknowledge(frame.data, HELLO) == answer


@pytest.mark.parametrize(
    ("hello", "expected"),
    [
        (HELLO._replace(receive_buffer=8_191), status.BAD_CONNECTION_REJECTED),
        (HELLO._replace(send_buffer=0), status.BAD_CONNECTION_REJECTED),
    ],
)
def test_buffers_that_are_too_small_are_refused(hello: Hello, expected: int) -> None:
    with pytest.raises(FrameError) as error:
        framing.decode_hello(framing.encode_hello(hello))
    assert error.value.status == expected


def test_broken_greetings() -> None:
    good = framing.encode_hello(HELLO)
    for place, wrong in ((28, struct.pack("<i", 9_999)), (28, struct.pack("<i", -2))):
        with pytest.raises(FrameError):
            framing.decode_hello(good[:place] + wrong + good[place + 4 :])
    with pytest.raises(FrameError):
        framing.decode_hello(good[:-1] + b"\xff")
    assert framing.decode_hello(good[:28] + b"\xff\xff\xff\xff").url == ""
    assert framing.decode_hello(good[:8] + b"\x05" + good[9:]) == HELLO  # a later version is no reason
    for answer in (Acknowledge(100, 65_535, 0, 0), Acknowledge(65_535, 70_000, 0, 0)):
        with pytest.raises(FrameError):
            framing.decode_acknowledge(framing.encode_acknowledge(answer), HELLO)


def test_errors_there_and_back() -> None:
    assert framing.decode_error(framing.encode_error(status.BAD_TIMEOUT, "too late")) == (
        status.BAD_TIMEOUT,
        "too late",
    )
    stock = struct_from_binary(ua.ErrorMessage, Buffer(framing.encode_error(status.BAD_TIMEOUT, "late")[8:]))
    assert (stock.Error.value, stock.Reason) == (status.BAD_TIMEOUT, "late")
    assert framing.decode_error(struct.pack("<3sBIIi", b"ERR", 70, 16, 5, -1)) == (5, "")
    for length in (-2, 5, 2**31 - 1):
        with pytest.raises(FrameError):
            framing.decode_error(struct.pack("<3sBIIi", b"ERR", 70, 16, 5, length) + b"1234")
