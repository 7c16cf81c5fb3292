"""What begins every request and answer, and the two messages that open a channel (Part 4, 7.32, 7.33; Part 6, 6.7.4).

Times are DateTimes (`status.filetime`). Sources of the numbers: Part 6, annex A (NodeIds of the binary encodings).
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from plantgate.limits import OPCUA_NESTING
from plantgate.protocols.opcua.hot import nodeid_end
from plantgate.protocols.opcua.status import BAD, BAD_DECODING_ERROR, StatusError

NO_TOKEN = b"\x00\x00"
NULL = b"\xff\xff\xff\xff"
_INT_OF = struct.Struct("<i").unpack_from
_TYPE = struct.Struct("<BBH")
_REQUEST = struct.Struct("<qII")
_RESPONSE = struct.Struct("<BBHqIIBiBBB")
_RESPONSE_OF = struct.Struct("<qII")
_OPEN = struct.Struct("<III")
_TOKEN = struct.Struct("<IIIqI")
_NO_EXTENSION = b"\x00\x00\x00"


class TypeId(IntEnum):
    """Numbers of the messages that this folder makes or takes itself."""

    SERVICE_FAULT = 397
    OPEN_REQUEST = 446
    OPEN_RESPONSE = 449
    CLOSE_REQUEST = 452
    CLOSE_RESPONSE = 455
    READ_REQUEST = 631
    READ_RESPONSE = 634
    WRITE_REQUEST = 673
    WRITE_RESPONSE = 676
    PUBLISH_REQUEST = 826
    PUBLISH_RESPONSE = 829
    REPUBLISH_REQUEST = 832
    REPUBLISH_RESPONSE = 835


class DecodingError(StatusError):
    """A message is not what its type demands, or more than may be built of one."""


class RequestHead(NamedTuple):
    """`token` is the encoded NodeId of the session, `at` where the parameters begin."""

    type_id: int
    token: bytes
    timestamp: int
    handle: int
    diagnostics: int
    timeout_ms: int
    at: int


class ResponseHead(NamedTuple):
    type_id: int
    timestamp: int
    handle: int
    status: int
    at: int


class RequestType(IntEnum):
    ISSUE = 0
    RENEW = 1


class OpenRequestBody(NamedTuple):
    head: RequestHead
    request_type: int
    mode: int
    nonce: bytes
    lifetime_ms: int


class OpenResponseBody(NamedTuple):
    head: ResponseHead
    channel_id: int
    token_id: int
    lifetime_ms: int
    nonce: bytes


def parse_request(body: bytes) -> RequestHead:
    """Raises DecodingError."""
    try:
        type_id, at = _type_id(body)
        end = nodeid_end(body, at)
        if end < 0:
            raise _malformed("an authentication token of an unknown kind")
        token = body[at:end]
        timestamp, handle, diagnostics = _REQUEST.unpack_from(body, end)
        at = _skip_bytes(body, end + 16)
        timeout: int = int.from_bytes(body[at : at + 4], "little")
        at = _skip_extension(body, at + 4)
    except (IndexError, struct.error):
        raise _malformed("a request that ends within its header") from None
    return RequestHead(type_id, token, timestamp, handle, diagnostics, timeout, at)


def parse_response(body: bytes) -> ResponseHead:
    """Raises DecodingError."""
    try:
        type_id, at = _type_id(body)
        timestamp, handle, status = _RESPONSE_OF.unpack_from(body, at)
        at = _skip_diagnostics(body, at + 16)
        count: int = _INT_OF(body, at)[0]
        at += 4
        for _ in range(count):
            at = _skip_bytes(body, at)
        at = _skip_extension(body, at)
    except (IndexError, struct.error):
        raise _malformed("an answer that ends within its header") from None
    return ResponseHead(type_id, timestamp, handle, status, at)


def request_head(type_id: int, token: bytes, timestamp: int, handle: int, timeout_ms: int = 0) -> bytes:
    head = _TYPE.pack(1, 0, type_id) + token + _REQUEST.pack(timestamp, handle, 0)
    return head + NULL + timeout_ms.to_bytes(4, "little") + _NO_EXTENSION


def response_head(type_id: int, timestamp: int, handle: int, status: int = 0) -> bytes:
    return _RESPONSE.pack(1, 0, type_id, timestamp, handle, status, 0, -1, 0, 0, 0)


def service_fault(timestamp: int, handle: int, status: int) -> bytes:
    """A whole answer that is nothing but an error."""
    return response_head(TypeId.SERVICE_FAULT, timestamp, handle, status)


def encode_open_request(
    timestamp: int, handle: int, request_type: RequestType, mode: int, nonce: bytes, lifetime_ms: int
) -> bytes:
    head = request_head(TypeId.OPEN_REQUEST, NO_TOKEN, timestamp, handle, 0)
    return head + _OPEN.pack(0, request_type, mode) + _bytes(nonce) + lifetime_ms.to_bytes(4, "little")


def decode_open_request(body: bytes) -> OpenRequestBody:
    """Raises DecodingError."""
    head = parse_request(body)
    if head.type_id != TypeId.OPEN_REQUEST:
        raise _malformed(f"message type {head.type_id} where a channel is opened")
    try:
        _, request_type, mode = _OPEN.unpack_from(body, head.at)
        end = _skip_bytes(body, head.at + 12)
        lifetime: int = struct.unpack_from("<I", body, end)[0]
    except (IndexError, struct.error):
        raise _malformed("a request for a channel that ends too early") from None
    return OpenRequestBody(head, request_type, mode, body[head.at + 16 : end], lifetime)


def encode_open_response(
    timestamp: int, handle: int, channel_id: int, token_id: int, lifetime_ms: int, nonce: bytes
) -> bytes:
    head = response_head(TypeId.OPEN_RESPONSE, timestamp, handle)
    return head + _TOKEN.pack(0, channel_id, token_id, timestamp, lifetime_ms) + _bytes(nonce)


def decode_open_response(body: bytes) -> OpenResponseBody:
    """Raises DecodingError; a fault has its status."""
    head = parse_response(body)
    if head.type_id not in (TypeId.OPEN_RESPONSE, TypeId.SERVICE_FAULT):
        raise _malformed(f"message type {head.type_id} where a channel is opened")
    if head.status or head.type_id == TypeId.SERVICE_FAULT:
        status = head.status if head.status & BAD else BAD_DECODING_ERROR
        raise DecodingError("UA-160", f"the server opens no channel (status 0x{head.status:08X})", status=status)
    try:
        _, channel_id, token_id, _, lifetime = _TOKEN.unpack_from(body, head.at)
        begin = head.at + _TOKEN.size
        end = _skip_bytes(body, begin)
    except (IndexError, struct.error):
        raise _malformed("an answer about a channel that ends too early") from None
    return OpenResponseBody(head, channel_id, token_id, lifetime, body[begin + 4 : end])


def _bytes(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data if data else NULL


def _type_id(body: bytes) -> tuple[int, int]:
    """The number of a message, and where its header begins."""
    end = nodeid_end(body, 0)
    if body[0] == 1 and body[1] == 0:
        return body[2] | body[3] << 8, end
    if body[0] == 0:
        return body[1], end
    if body[0] == 2 and body[1] == body[2] == 0:
        return int(struct.unpack_from("<I", body, 3)[0]), end
    raise _malformed("a message of a type that is no number of namespace 0")


def _skip_bytes(body: bytes, at: int) -> int:
    length: int = _INT_OF(body, at)[0]
    end = at + 4 + max(length, 0)
    if length < -1 or end > len(body):
        raise _malformed("a text that is longer than its message")
    return end


def _skip_extension(body: bytes, at: int) -> int:
    """Past an ExtensionObject: what stands behind a header is of no interest to us."""
    end = nodeid_end(body, at)
    if end < 0 or body[end] > 2:
        raise _malformed("an additional header of an unknown kind")
    return _skip_bytes(body, end + 1) if body[end] else end + 1


def _skip_diagnostics(body: bytes, at: int) -> int:
    """Past a DiagnosticInfo and those inside it (Part 6, 5.2.2.12)."""
    for _ in range(OPCUA_NESTING):
        mask = body[at]
        at += 1 + 4 * (mask & 0x0F).bit_count()
        if mask & 0x10:
            at = _skip_bytes(body, at)
        if mask & 0x20:
            at += 4
        if not mask & 0x40:
            return at
    raise _malformed("diagnostics without end")


def _malformed(what: str) -> DecodingError:
    return DecodingError("UA-161", f"the peer sent {what}", status=BAD_DECODING_ERROR)
