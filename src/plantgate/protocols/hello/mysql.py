"""MySQL and MariaDB: the server greets (MySQL internals, Protocol::HandshakeV10); we say nothing.

The server counts it as an aborted connection; a login that succeeds sets its counter for this host back.
"""

from __future__ import annotations

import re
import struct

from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Steps

_SSL = 0x0800
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*")


def greeting() -> Steps:
    """Version, `auth` (plugin), `tls` (offered); or `refused` with the server's reason."""
    head = yield Ask(exactly=5)
    length, sequence, kind = int.from_bytes(head[:3], "little"), head[3], head[4]
    if sequence != 0 or not 8 <= length <= 4_096:
        raise Malformed("does not greet as MySQL does")
    if kind not in (10, 0xFF):
        raise Malformed(f"greets with protocol {kind}, MySQL's is 10")
    body = yield Ask(exactly=length - 1)
    return _error(body) if kind == 0xFF else _greeting(body)


def _greeting(body: bytes) -> Recognised:
    text, end, rest = body.partition(b"\0")
    if not end or len(rest) < 15 or not text or not text.isascii():
        raise Malformed("does not greet as MySQL does")
    told = text.decode("ascii")
    # MariaDB 10 puts a version before its own that old replicas accept.
    bare = told.removeprefix("5.5.5-")
    product = "MariaDB" if "mariadb" in told.lower() else "MySQL"
    found = _VERSION.match(bare)
    if found is None:
        raise Malformed("greets without a version")
    low = struct.unpack_from("<H", rest, 13)[0]
    facts: dict[str, object] = {"server_version": told, "tls": bool(low & _SSL)}
    plugin = rest[31:].lstrip(b"\0").split(b"\0")
    if len(rest) > 31 and len(plugin) >= 2 and plugin[-2].isascii() and plugin[-1] == b"":
        facts["auth"] = plugin[-2].decode("ascii")
    return Recognised(product, found.group(), facts)


def _error(body: bytes) -> Recognised:
    """ERR_Packet instead of a greeting: too many connections, or this host is not allowed or blocked."""
    code = int.from_bytes(body[:2], "little")
    if not 1_000 <= code < 5_000:
        raise Malformed("sent an error that is not MySQL's")
    message = body[2:].decode("utf-8", "replace")
    message = message[6:] if message.startswith("#") else message
    return Recognised("MariaDB" if "MariaDB" in message else "MySQL", "", {"refused": message, "error": code})
