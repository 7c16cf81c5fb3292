"""HTTP as a gateway speaks it: `GET /StatusPing` and `GET /system/gwinfo` (Ignition 8.3, reference ignition.md 2).

RFC 9112 as far as one answer needs it: status line, headers, a body with a length, in chunks or up to the end.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from plantgate.limits import HELLO_BODY_BYTES, HELLO_HEADER_BYTES
from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Silence, Steps, Verdict
from plantgate.protocols.hello.sniff import wants_tls

STATUS_PING = "/StatusPing"
GWINFO = "/system/gwinfo"
_STATES = frozenset({"RUNNING", "STARTING", "STOPPING", "FAULTED", "ERROR", "COMMISSIONING"})


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by lower-case name, the last of several. `body` is cut at HELLO_BODY_BYTES."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request(path: str, host: str) -> bytes:
    """A GET that changes nothing. `host` goes into the Host header, without anything that could end the line."""
    name = "".join(char for char in host if char.isascii() and char.isprintable() and char != " ")
    return (
        f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: plantgate\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def status_ping(host: str) -> Steps:
    """Facts: `status`, `state` and `details` of a gateway, `server`, `redirect`."""
    answer = yield from _get(STATUS_PING, host)
    if answer.status == 400 and wants_tls(answer.body):
        raise Malformed("wants TLS on this port")
    facts: dict[str, object] = {"status": answer.status}
    if server := answer.headers.get("server"):
        facts["server"] = server
    if location := answer.headers.get("location"):
        facts["redirect"] = location
    facts |= _ping(answer)
    return Recognised(product="gateway" if "state" in facts else "", facts=facts)


def gwinfo(host: str) -> Steps:
    """Product and version of a gateway, `role`, `state`, `edition`, `redundancy`, `active`, `os`, `runtime`."""
    answer = yield from _get(GWINFO, host)
    return read_gwinfo(answer.body) if answer.status == 200 else Recognised(facts={"status": answer.status})


def page(path: str, host: str) -> Steps:
    """Any page: `status` and `headers` by lower-case name."""
    answer = yield from _get(path, host)
    return Recognised(facts={"status": answer.status, "headers": dict(answer.headers)})


def read_gwinfo(body: bytes) -> Verdict:
    """`Key=Value;` pairs; an uncommissioned gateway tells only `ContextStatus`. Other text is some other server's."""
    pairs = dict(pair.split("=", 1) for pair in body.decode("utf-8", "replace").split(";") if "=" in pair)
    pairs = {key.strip(): value.strip() for key, value in pairs.items()}
    if "ContextStatus" not in pairs and not {"PlatformName", "Version"} <= pairs.keys():
        return Recognised()
    names = {
        "state": "ContextStatus",
        "role": "RedundancyStatus",
        "redundancy": "RedundantState",
        "active": "RedundantNodeActiveStatus",
        "edition": "PlatformEdition",
        "os": "OS",
        "runtime": "RuntimeVersion",
        "require_ssl": "RequireSsl",
    }
    facts: dict[str, object] = {name: pairs[key] for name, key in names.items() if pairs.get(key)}
    platform = pairs.get("PlatformName", "")
    product = "plantgate" if platform == "plantgate" else "Ignition"
    if platform and platform not in ("plantgate", "Ignition"):
        facts["platform"] = platform
    return Recognised(product, pairs.get("Version", ""), facts)


def _ping(answer: Answer) -> dict[str, object]:
    if answer.status != 200:
        return {}
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("state") not in _STATES:
        return {}
    details = found.get("details")
    return {"state": found["state"]} | ({"details": details} if isinstance(details, str) else {})


def _get(path: str, host: str) -> Generator[Ask, bytes, Answer]:
    # Seven bytes tell HTTP from anything else, also from what never sends a line end.
    start = yield Ask(request(path, host), exactly=7)
    if start != b"HTTP/1.":
        raise Malformed("does not answer in HTTP")
    head = yield Ask(until=b"\r\n\r\n", limit=HELLO_HEADER_BYTES)
    if not head.endswith(b"\r\n\r\n"):
        raise Malformed(f"sent HTTP headers of more than {HELLO_HEADER_BYTES} bytes")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    code = first[1:5].strip()
    if len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise Malformed("sent a status line without a status")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        body = yield from _body(headers)
    except Silence:  # the head has proved it; half a body proves no more
        body = b""
    return Answer(int(code), headers, body)


def _body(headers: Mapping[str, str]) -> Generator[Ask, bytes, bytes]:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return (yield from _chunks())
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) <= 12:
        return (yield Ask(exactly=min(int(length), HELLO_BODY_BYTES)))
    return (yield Ask(limit=HELLO_BODY_BYTES))


def _chunks() -> Generator[Ask, bytes, bytes]:
    body = b""
    while len(body) < HELLO_BODY_BYTES:
        line = yield Ask(until=b"\r\n", limit=64)
        text = line.partition(b";")[0].strip()
        try:
            size = int(text, 16)
        except ValueError:
            raise Malformed("sent a chunk without a size") from None
        if size <= 0:
            break
        body += (yield Ask(exactly=min(size, HELLO_BODY_BYTES) + 2))[:-2]
    return body[:HELLO_BODY_BYTES]
