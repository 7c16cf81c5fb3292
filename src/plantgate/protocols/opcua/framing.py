"""One connection's bytes cut into chunks, and the three messages below the secure channel (Part 6, 7.1).

A frame is refused on its first eight bytes: what kind it may be now and how long it may be. Nothing is held of a frame
that will be refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from plantgate.limits import OPCUA_REASON_BYTES, OPCUA_URL_BYTES
from plantgate.protocols.opcua.status import (
    BAD_CONNECTION_REJECTED,
    BAD_DECODING_ERROR,
    BAD_TCP_ENDPOINT_URL_INVALID,
    BAD_TCP_MESSAGE_TOO_LARGE,
    BAD_TCP_MESSAGE_TYPE_INVALID,
    StatusError,
)

HEADER = struct.Struct("<3sBI")
HEADER_BYTES = 8
FINAL, INTERMEDIATE, ABORT = b"FCA"
_HELLO = struct.Struct("<5Ii")
_ACKNOWLEDGE = struct.Struct("<5I")
_ERROR = struct.Struct("<Ii")
_WHOLE = frozenset((FINAL,))
_FLAGS = {b"MSG": frozenset((FINAL, INTERMEDIATE, ABORT))}
_SMALLEST = {b"HEL": 32, b"ACK": 28, b"ERR": 16, b"OPN": 24, b"MSG": 24, b"CLO": 24}
_SMALLEST_BUFFER = 8_192  # Part 6, 7.1.2.3

# What a side takes, and up to which size, until the greeting is over. Later: `channel_frames`.
HELLO_FIRST: Mapping[bytes, int] = {b"HEL": _HELLO.size + HEADER_BYTES + OPCUA_URL_BYTES}
ACKNOWLEDGE_FIRST: Mapping[bytes, int] = {b"ACK": 28, b"ERR": 16 + OPCUA_REASON_BYTES}


def channel_frames(chunk_bytes: int, *, client: bool = False) -> Mapping[bytes, int]:
    """What a side takes after the greeting. A server never closes a channel with CLO, a client never sends ERR."""
    last = {b"ERR": 16 + OPCUA_REASON_BYTES} if client else {b"CLO": chunk_bytes}
    return {b"OPN": chunk_bytes, b"MSG": chunk_bytes, **last}


class FrameError(StatusError):
    """The peer does not speak OPC UA, or more of it at once than was agreed. The connection has to be closed."""


class Frame(NamedTuple):
    """One chunk: `kind` is HEL, ACK, ERR, OPN, MSG or CLO, `flag` F, C or A, `data` the whole with its header."""

    kind: bytes
    flag: int
    data: bytes


class FrameReader:
    """Cuts a byte stream into frames; each byte is copied at most twice.

    `allowed` maps the kinds that may come now to the largest size of each; its owner replaces it as the conversation
    goes on, and the next header is judged by the new one, even within one piece of bytes.
    """

    def __init__(self, allowed: Mapping[bytes, int]) -> None:
        self.allowed = allowed
        self._held = bytearray()
        self._start = 0

    @property
    def held(self) -> int:
        """Bytes of an incomplete frame, or of frames not yet asked for."""
        return len(self._held) - self._start

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames that are complete with `data`. The iterator raises FrameError at the first header that can't be."""
        self._held += data
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        held = self._held
        try:
            while len(held) - self._start >= HEADER_BYTES:
                kind, flag, size = HEADER.unpack_from(held, self._start)
                self._judge(kind, flag, size)
                end = self._start + size
                if end > len(held):
                    return
                data = bytes(memoryview(held)[self._start : end])
                self._start = end
                yield Frame(kind, flag, data)
        except FrameError:
            self.allowed = {}
            self._start = len(held)
            raise
        finally:
            del held[: self._start]
            self._start = 0

    def _judge(self, kind: bytes, flag: int, size: int) -> None:
        largest = self.allowed.get(kind)
        if largest is None or flag not in _FLAGS.get(kind, _WHOLE) or size < _SMALLEST[kind]:
            wanted = " or ".join(name.decode() for name in self.allowed) or "nothing more"
            raise FrameError(
                "UA-101",
                f"the peer sent {bytes((*kind, flag))!r} of {size} bytes where {wanted} is expected",
                "is this port really OPC UA (opc.tcp)?",
                status=BAD_TCP_MESSAGE_TYPE_INVALID,
            )
        if size > largest:
            raise FrameError(
                "UA-102",
                f"the peer announced a chunk of {size} bytes, {largest} are allowed now",
                "let it use smaller chunks",
                status=BAD_TCP_MESSAGE_TOO_LARGE,
            )


class Hello(NamedTuple):
    """Sizes are bytes; 0 for the last two numbers is no limit."""

    receive_buffer: int
    send_buffer: int
    max_message: int
    max_chunks: int
    url: str


class Acknowledge(NamedTuple):
    receive_buffer: int
    send_buffer: int
    max_message: int
    max_chunks: int


class ErrorMessage(NamedTuple):
    status: int
    reason: str


def encode_hello(hello: Hello) -> bytes:
    url = hello.url.encode()
    body = _HELLO.pack(0, *hello[:4], len(url)) + url
    return HEADER.pack(b"HEL", FINAL, len(body) + HEADER_BYTES) + body


def decode_hello(data: bytes) -> Hello:
    """From a whole frame. Raises FrameError."""
    _, receive, send, message, chunks, length = _HELLO.unpack_from(data, HEADER_BYTES)  # any version: 7.1.2.3
    end = HEADER_BYTES + _HELLO.size + max(length, 0)
    if length < -1 or end > len(data):
        raise _malformed("Hello")
    if min(receive, send) < _SMALLEST_BUFFER:
        raise FrameError(
            "UA-103",
            f"the client takes or sends at most {min(receive, send)} bytes at once, {_SMALLEST_BUFFER} are the least",
            "set larger buffers in the client",
            status=BAD_CONNECTION_REJECTED,
        )
    try:
        url = data[end - max(length, 0) : end].decode()
    except UnicodeDecodeError:
        raise FrameError(
            "UA-104", "the endpoint URL in the client's Hello is no text", status=BAD_TCP_ENDPOINT_URL_INVALID
        ) from None
    return Hello(receive, send, message, chunks, url)


def negotiate(hello: Hello, chunk_bytes: int, message_bytes: int, chunks: int) -> Acknowledge:
    """What a server answers: no chunk larger than either side takes; the last two are what it takes itself."""
    return Acknowledge(
        min(hello.send_buffer, chunk_bytes), min(hello.receive_buffer, chunk_bytes), message_bytes, chunks
    )


def encode_acknowledge(answer: Acknowledge) -> bytes:
    return HEADER.pack(b"ACK", FINAL, 28) + _ACKNOWLEDGE.pack(0, *answer)


def decode_acknowledge(data: bytes, hello: Hello) -> Acknowledge:
    """From a whole frame: what the server takes and sends. Raises FrameError if it is not what `hello` allows."""
    if len(data) != HEADER_BYTES + _ACKNOWLEDGE.size:
        raise _malformed("Acknowledge")
    _, receive, send, message, chunks = _ACKNOWLEDGE.unpack_from(data, HEADER_BYTES)
    if min(receive, send) < _SMALLEST_BUFFER or send > hello.receive_buffer:
        raise FrameError(
            "UA-105",
            f"the server answered Hello with buffers of {receive} and {send} bytes",
            status=BAD_CONNECTION_REJECTED,
        )
    return Acknowledge(min(receive, hello.send_buffer), send, message, chunks)


def encode_error(status: int, reason: str = "") -> bytes:
    """The last message of a connection (Part 6, 7.1.2.5). The reason is cut where it is too long."""
    text = reason.encode(errors="replace")[:OPCUA_REASON_BYTES]
    return HEADER.pack(b"ERR", FINAL, 16 + len(text)) + _ERROR.pack(status, len(text)) + text


def decode_error(data: bytes, at: int = HEADER_BYTES) -> ErrorMessage:
    """From a whole ERR frame, or from the body of a chunk that aborts a message. Raises FrameError."""
    if len(data) < at + _ERROR.size:
        raise _malformed("Error")
    status, length = _ERROR.unpack_from(data, at)
    text = data[at + _ERROR.size :]
    if not -1 <= length <= len(text):
        raise _malformed("Error")
    return ErrorMessage(status, text[: min(max(length, 0), OPCUA_REASON_BYTES)].decode(errors="replace"))


def _malformed(name: str) -> FrameError:
    return FrameError("UA-106", f"the peer sent a {name} message that ends too early", status=BAD_DECODING_ERROR)
