"""OPC UA over TCP: Hello, then on a channel without security GetEndpoints and FindServers.

Part 6, 7.1 (Hello, Acknowledge, Error) and 6.7 (chunks); Part 4, 5.4 (both services need no session).
A server that refuses a channel without security has proved itself by its Acknowledge; its endpoints stay unknown.
"""

from __future__ import annotations

import struct
from collections.abc import Generator

from plantgate.limits import HELLO_BYTES
from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Silence, Steps
from plantgate.protocols.hello.uabinary import NULL, Cursor, request_header, string, type_id

_POLICY_NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
_BUFFER = 65_536
_TIMEOUT_MS = 5_000
_OPEN, _OPEN_RESPONSE = 446, 449
_GET_ENDPOINTS, _GET_ENDPOINTS_RESPONSE = 428, 431
_FIND_SERVERS, _FIND_SERVERS_RESPONSE = 422, 425
_FAULT = 397
_MODES = {1: "None", 2: "Sign", 3: "SignAndEncrypt"}
_TOKENS = {0: "Anonymous", 1: "UserName", 2: "Certificate", 3: "IssuedToken"}
_KINDS = {0: "server", 1: "client", 2: "client and server", 3: "discovery server"}
_ERRORS = {
    0x80020000: "Bad_InternalError",
    0x800B0000: "Bad_ServiceUnsupported",
    0x80130000: "Bad_SecurityChecksFailed",
    0x80550000: "Bad_SecurityPolicyRejected",
    0x80540000: "Bad_SecurityModeRejected",
    0x807D0000: "Bad_TcpServerTooBusy",
    0x807E0000: "Bad_TcpMessageTypeInvalid",
    0x80800000: "Bad_TcpMessageTooLarge",
    0x80810000: "Bad_TcpNotEnoughResources",
    0x80830000: "Bad_TcpEndpointUrlInvalid",
}


def hello(url: str, *, find_servers: bool = True) -> Steps:
    """`endpoints` (each with url, policy, mode, tokens), `servers`, `application`; `refused` where it says no.

    `url` is `opc.tcp://host:port`. The product is the product URI of the server that answers.
    """
    refused = yield from _acknowledged(url)
    if refused:
        return Recognised(facts={"refused": refused})
    facts: dict[str, object] = {}
    try:
        channel = yield from _channel()
        endpoints = yield from _endpoints(channel, url)
        facts["endpoints"] = [{name: item[name] for name in ("url", "policy", "mode", "tokens")} for item in endpoints]
        first: dict[str, object] = endpoints[0] if endpoints else {}
        facts |= {name: first[name] for name in ("application", "application_uri", "kind") if first.get(name)}
        if find_servers:
            facts["servers"] = yield from _servers(channel, url)
    except Silence as silence:
        facts["refused"] = f"the server {silence} before it had told all"
        return Recognised("", "", facts)
    except _Fault as fault:
        facts["refused"] = str(fault)
        return Recognised("", "", facts)
    return Recognised(str(first.get("product", "")), "", facts)


class _Fault(Exception):  # noqa: N818 - an answer of the server
    """The server answers with an error: it speaks OPC UA and won't tell this."""


def _acknowledged(url: str) -> Generator[Ask, bytes, str]:
    """Empty for an Acknowledge, else the server's error."""
    body = struct.pack("<IIIII", 0, _BUFFER, _BUFFER, HELLO_BYTES, 0) + string(url)
    head = yield Ask(b"HELF" + struct.pack("<I", len(body) + 8) + body, exactly=8)
    size = int.from_bytes(head[4:], "little")
    if head[:4] == b"ACKF" and size == 28:
        yield Ask(exactly=20)
        return ""
    if head[:4] == b"ERRF" and 16 <= size <= 4_096 + 16:
        return _error((yield Ask(exactly=size - 8)))
    raise Malformed("does not answer an OPC UA Hello")


def _error(body: bytes) -> str:
    cursor = Cursor(body)
    number, reason = cursor.uint32(), cursor.text()
    return f"{_name(number)}: {reason}" if reason else _name(number)


def _name(number: int) -> str:
    return _ERRORS.get(number, f"0x{number:08X}")


def _channel() -> Generator[Ask, bytes, bytes]:
    """Channel id and token id, as every message wants them."""
    head = struct.pack("<I", 0) + string(_POLICY_NONE) + NULL + NULL + struct.pack("<II", 1, 1)
    body = type_id(_OPEN) + request_header(1, _TIMEOUT_MS) + struct.pack("<III", 0, 0, 1) + NULL
    body += struct.pack("<I", 60_000)
    answer = Cursor((yield from _message(b"OPNF", head + body, b"OPN")))
    _expect(answer, _OPEN_RESPONSE)
    answer.take(4)
    return answer.take(8)


def _endpoints(channel: bytes, url: str) -> Generator[Ask, bytes, list[dict[str, object]]]:
    body = type_id(_GET_ENDPOINTS) + request_header(2, _TIMEOUT_MS) + string(url) + NULL + NULL
    answer = Cursor((yield from _message(b"MSGF", channel + struct.pack("<II", 2, 2) + body, b"MSG")))
    _expect(answer, _GET_ENDPOINTS_RESPONSE)
    return answer.list_of(_endpoint)


def _servers(channel: bytes, url: str) -> Generator[Ask, bytes, list[dict[str, object]]]:
    body = type_id(_FIND_SERVERS) + request_header(3, _TIMEOUT_MS) + string(url) + NULL + NULL
    answer = Cursor((yield from _message(b"MSGF", channel + struct.pack("<II", 3, 3) + body, b"MSG")))
    _expect(answer, _FIND_SERVERS_RESPONSE)
    return answer.list_of(_application)


def _message(kind: bytes, content: bytes, wanted: bytes) -> Generator[Ask, bytes, bytes]:
    """Send one message; the body of the answer, its chunks put together."""
    ask = kind + struct.pack("<I", len(content) + 8) + content
    body = b""
    while True:
        head = yield Ask(ask, exactly=8)
        ask = b""
        size = int.from_bytes(head[4:], "little")
        if not 16 <= size <= _BUFFER or len(body) + size > HELLO_BYTES:
            raise Malformed(f"sent an OPC UA chunk of {size} bytes")
        chunk = yield Ask(exactly=size - 8)
        if head[:3] == b"ERR":
            raise _Fault(_error(chunk))
        if head[:3] != wanted or head[3:4] not in (b"C", b"F", b"A"):
            raise Malformed("answers an OPC UA request with another message")
        cursor = Cursor(chunk)
        cursor.take(4)
        if wanted == b"OPN":
            for _ in range(3):
                cursor.bytestring()
        else:
            cursor.take(4)
        cursor.take(8)
        body += chunk[cursor.place :]
        if head[3:4] == b"A":
            raise _Fault(_error(body))
        if head[3:4] == b"F":
            return body


def _expect(answer: Cursor, number: int) -> None:
    found = answer.node_id()
    result = answer.response_header()
    if found == _FAULT or result:
        raise _Fault(_name(result))
    if found != number:
        raise Malformed(f"answers an OPC UA request with a message of type {found}")


def _application(cursor: Cursor) -> dict[str, object]:
    """ApplicationDescription (Part 4, 7.2)."""
    uri, product, name = cursor.text(), cursor.text(), cursor.localized_text()
    kind = cursor.uint32()
    cursor.text()
    cursor.text()
    urls = cursor.list_of(Cursor.text)
    return {
        "application": name,
        "application_uri": uri,
        "product": product,
        "kind": _KINDS.get(kind, f"type {kind}"),
        "urls": urls,
    }


def _endpoint(cursor: Cursor) -> dict[str, object]:
    """EndpointDescription (Part 4, 7.14)."""
    url = cursor.text()
    server = _application(cursor)
    cursor.bytestring()
    mode, policy = cursor.uint32(), cursor.text()
    tokens = cursor.list_of(_token)
    cursor.text()
    cursor.byte()
    shown = list(dict.fromkeys(tokens))
    return {"url": url, "policy": policy, "mode": _MODES.get(mode, f"mode {mode}"), "tokens": shown, **server}


def _token(cursor: Cursor) -> str:
    cursor.text()
    kind = cursor.uint32()
    for _ in range(3):
        cursor.text()
    return _TOKENS.get(kind, f"type {kind}")
