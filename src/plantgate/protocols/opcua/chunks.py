"""Chunks of a secure channel: numbered, signed, encrypted, put together (Part 6, 6.7.2 and 6.7.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hmac import compare_digest
from typing import NamedTuple

from plantgate.errors import Overload
from plantgate.limits import (
    OPCUA_CHUNK_BYTES,
    OPCUA_CHUNKS,
    OPCUA_MESSAGE_BYTES,
    OPCUA_OPENING_CHUNKS,
    OPCUA_OPENING_MESSAGE_BYTES,
)
from plantgate.protocols.opcua.framing import ABORT, FINAL, INTERMEDIATE, Frame, decode_error
from plantgate.protocols.opcua.policies import (
    BLOCK_BYTES,
    SIGNATURE_BYTES,
    Keys,
    Mode,
    Policy,
    security_checks_failed,
)
from plantgate.protocols.opcua.status import (
    BAD_DECODING_ERROR,
    BAD_SEQUENCE_NUMBER_INVALID,
    BAD_TCP_MESSAGE_TOO_LARGE,
    StatusError,
)

SYMMETRIC = struct.Struct("<3sBIII")
SYMMETRIC_BYTES = 16
SEQUENCE = struct.Struct("<II")
SEQUENCE_BYTES = 8
# Policies with RSA number by the legacy rule (Part 6, 6.7.2.4): begin below 1,024, never above this, then anew.
_LAST_NUMBER = 0xFFFFFFFF - 1_024
_FIRST_NUMBERS = 1_024


class ChannelError(StatusError):
    """The peer broke the rules of the channel. Nothing more is taken from it; the connection has to be closed."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How large a message may be that is taken: `chunk_bytes` each, so many `chunks`, `message_bytes` in all."""

    chunk_bytes: int
    message_bytes: int
    chunks: int


OPENING_CAPS = Caps(OPCUA_CHUNK_BYTES, OPCUA_OPENING_MESSAGE_BYTES, OPCUA_OPENING_CHUNKS)
ACTIVE_CAPS = Caps(OPCUA_CHUNK_BYTES, OPCUA_MESSAGE_BYTES, OPCUA_CHUNKS)


class Message(NamedTuple):
    """A whole message: `body` begins with the type of its request or answer."""

    request_id: int
    body: bytes


class Aborted(NamedTuple):
    """The peer gave up in the middle of a message; the channel lives on (Part 6, 6.7.3)."""

    request_id: int
    status: int
    reason: str


class Token:
    """The keys of a channel between two renewals. `created` is monotonic seconds, `lifetime` seconds."""

    __slots__ = ("created", "id", "lifetime", "local", "remote")

    def __init__(
        self,
        policy: Policy,
        token_id: int,
        nonces: tuple[bytes, bytes],
        created: float,
        lifetime: float,
    ) -> None:
        """`nonces` are ours and the peer's; what a side sends is keyed by the other's nonce (Part 6, 6.7.5)."""
        ours, theirs = nonces
        self.id = token_id
        self.created = created
        self.lifetime = lifetime
        self.local = Keys(policy, theirs, ours) if policy.secure else None
        self.remote = Keys(policy, ours, theirs) if policy.secure else None

    def expired(self, now: float) -> bool:
        """A quarter longer than agreed, for what is still on its way (Part 4, 5.6.2.1)."""
        return now > self.created + self.lifetime * 1.25


def seal(
    kind: bytes, flag: int, channel: int, token: Token, mode: Mode, number: int, request: int, part: bytes
) -> bytes:
    """One symmetric chunk on the wire."""
    if token.local is None:
        size = SYMMETRIC_BYTES + SEQUENCE_BYTES + len(part)
        return SYMMETRIC.pack(kind, flag, size, channel, token.id) + SEQUENCE.pack(number, request) + part
    if mode is Mode.SIGN:
        size = SYMMETRIC_BYTES + SEQUENCE_BYTES + len(part) + SIGNATURE_BYTES
        head = SYMMETRIC.pack(kind, flag, size, channel, token.id) + SEQUENCE.pack(number, request)
        return b"".join((head, part, token.local.signature(head, part)))
    fill = -(SEQUENCE_BYTES + len(part) + 1 + SIGNATURE_BYTES) % BLOCK_BYTES
    plain = b"".join((SEQUENCE.pack(number, request), part, bytes((fill,)) * (fill + 1)))
    head = SYMMETRIC.pack(kind, flag, SYMMETRIC_BYTES + len(plain) + SIGNATURE_BYTES, channel, token.id)
    return head + token.local.encrypt(plain + token.local.signature(head, plain))


def unseal(data: bytes, token: Token, mode: Mode) -> tuple[int, int, bytes]:
    """Sequence number, request id and part of a symmetric chunk. Raises CryptoError, ChannelError."""
    if token.remote is None:
        number, request = SEQUENCE.unpack_from(data, SYMMETRIC_BYTES)
        return number, request, data[SYMMETRIC_BYTES + SEQUENCE_BYTES :]
    if mode is Mode.SIGN:
        end = len(data) - SIGNATURE_BYTES
        if end < SYMMETRIC_BYTES + SEQUENCE_BYTES:
            raise security_checks_failed()
        view = memoryview(data)
        if not compare_digest(token.remote.signature(view[:end]), view[end:]):
            raise security_checks_failed()
        number, request = SEQUENCE.unpack_from(data, SYMMETRIC_BYTES)
        return number, request, data[SYMMETRIC_BYTES + SEQUENCE_BYTES : end]
    sealed = memoryview(data)[SYMMETRIC_BYTES:]
    if len(sealed) % BLOCK_BYTES or len(sealed) < SEQUENCE_BYTES + 1 + SIGNATURE_BYTES:
        raise security_checks_failed()
    plain = token.remote.decrypt(sealed)
    end = len(plain) - SIGNATURE_BYTES
    signed = memoryview(plain)[:end]
    if not compare_digest(token.remote.signature(data[:SYMMETRIC_BYTES], signed), memoryview(plain)[end:]):
        raise security_checks_failed()
    return (*SEQUENCE.unpack_from(plain), plain[SEQUENCE_BYTES : unpadded(plain, end, SEQUENCE_BYTES)])


def unpadded(plain: bytes, end: int, least: int, *, wide: bool = False) -> int:
    """Where the padding before `end` begins (Part 6, 6.7.2.5); `wide`: its length takes two bytes."""
    fill = plain[end - 2] | plain[end - 1] << 8 if wide else plain[end - 1]
    begin = end - fill - (2 if wide else 1)
    # Its bytes are signed, so what they are tells an attacker nothing; each is the low byte of their number.
    if begin < least or plain[begin : end - wide].strip(bytes((fill & 0xFF,))):
        raise ChannelError("UA-120", "the peer sent a chunk with wrong padding", status=BAD_DECODING_ERROR)
    return begin


def room(mode: Mode, secure: bool, chunk_bytes: int) -> int:
    """Bytes of a message that fit one chunk."""
    room = chunk_bytes - SYMMETRIC_BYTES - SEQUENCE_BYTES
    if not secure:
        return room
    if mode is Mode.SIGN:
        return room - SIGNATURE_BYTES
    return (chunk_bytes - SYMMETRIC_BYTES) // BLOCK_BYTES * BLOCK_BYTES - SEQUENCE_BYTES - 1 - SIGNATURE_BYTES


def parts(body: bytes, room: int, max_message: int, max_chunks: int) -> Iterator[tuple[int, bytes]]:
    """A message in pieces, each with its flag. Raises Overload before the first if the peer does not take as much."""
    count = max(1, -(-len(body) // room))
    if (max_message and len(body) > max_message) or (max_chunks and count > max_chunks):
        raise Overload(
            "UA-121",
            f"a message of {len(body)} bytes in {count} chunks is more than the peer takes",
            "ask for less at once",
        )
    if count == 1:
        return iter(((FINAL, body),))
    return (
        (INTERMEDIATE if at + room < len(body) else FINAL, body[at : at + room]) for at in range(0, len(body), room)
    )


class Counter:
    """Sequence numbers of what is sent."""

    def __init__(self) -> None:
        self._last = 0

    def take(self) -> int:
        self._last = self._last + 1 if self._last < _LAST_NUMBER else 1
        return self._last


class Sequence:
    """Sequence numbers of what comes: each is one more than the last; near the end it may begin anew."""

    def __init__(self) -> None:
        self._last: int | None = None

    def check(self, number: int) -> None:
        """Raises ChannelError: a chunk is missing, repeated or out of order."""
        last = self._last
        if last is not None and number != last + 1 and not (last >= _LAST_NUMBER and number < _FIRST_NUMBERS):
            raise ChannelError(
                "UA-122",
                f"the peer sent chunk number {number} after {last}",
                "something between the two repeats or loses data",
                status=BAD_SEQUENCE_NUMBER_INVALID,
            )
        self._last = number


class Assembly:
    """Chunks of one message until it is whole."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._request = 0
        self.held = 0

    def add(self, frame: Frame, request: int, part: bytes, caps: Caps) -> Message | Aborted | None:
        """Raises ChannelError above `caps`, and for chunks of two messages among each other."""
        if self._parts and request != self._request:
            raise ChannelError(
                "UA-123",
                f"the peer sent a chunk of message {request} inside message {self._request}",
                status=BAD_DECODING_ERROR,
            )
        if frame.flag == ABORT:
            self._clear()
            return Aborted(request, *decode_error(part, 0))
        if self.held + len(part) > caps.message_bytes or len(self._parts) >= caps.chunks:
            raise ChannelError(
                "UA-124",
                f"the peer's message is larger than {caps.message_bytes} bytes or {caps.chunks} chunks",
                "let it ask for less at once; before it has signed in, less is allowed",
                status=BAD_TCP_MESSAGE_TOO_LARGE,
            )
        if frame.flag == FINAL and not self._parts:  # nearly all
            return Message(request, part)
        self._parts.append(part)
        self._request = request
        self.held += len(part)
        if frame.flag == INTERMEDIATE:
            return None
        body = b"".join(self._parts)
        self._clear()
        return Message(request, body)

    def _clear(self) -> None:
        self._parts = []
        self.held = 0
