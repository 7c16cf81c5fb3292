"""Oracle Net: a TNS CONNECT with (COMMAND=VERSION), which the listener itself answers; no database is asked.

It accepts and tells its version as a text, or refuses and (mostly) tells it as a number, VSNNUM.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from typing import Final

from plantgate.limits import HELLO_BODY_BYTES
from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Silence, Steps

COMMAND: Final = b"(CONNECT_DATA=(COMMAND=VERSION))"
_CONNECT, _ACCEPT, _REFUSE, _REDIRECT, _DATA, _RESEND = 1, 2, 4, 5, 6, 11
_KINDS = frozenset({_ACCEPT, _REFUSE, _REDIRECT, _DATA, _RESEND})
_TEXT_VERSION = re.compile(r"Version (\d+(?:\.\d+)+)")
_NUMBER = re.compile(r"\(VSNNUM=(\d{1,10})\)")
_ERROR = re.compile(r"\(ERR=(\d{1,6})\)")
_OFFSET = 58


def connect_packet(command: bytes = COMMAND) -> bytes:
    """Version 314, at least 300; a data unit of 8192; the connect data behind 58 bytes of header."""
    body = struct.pack(
        ">HHHHHHHHHHIBB", 314, 300, 0, 8_192, 32_767, 0x7F08, 0, 1, len(command), _OFFSET, 0, 0x41, 0x41
    ).ljust(_OFFSET - 8, b"\0")
    return struct.pack(">HHBBH", _OFFSET + len(command), 0, _CONNECT, 0, 0) + body + command


def version() -> Steps:
    """Version where told; `refused` with the listener's error number, as when it wants a service name."""
    kind, body = yield from _packet(connect_packet())
    if kind == _RESEND:
        kind, body = yield from _packet(connect_packet())
    text = body.decode("latin-1")
    if kind == _ACCEPT:
        try:
            _, told = yield from _packet(b"")
            text += told.decode("latin-1")
        except Silence:
            pass  # accepted is proof enough
        found = _TEXT_VERSION.search(text)
        return Recognised("Oracle listener", found.group(1) if found else "", {})
    if kind == _REFUSE:
        number = _NUMBER.search(text)
        error = _ERROR.search(text)
        facts: dict[str, object] = {"refused": f"TNS-{int(error.group(1)):05d}" if error else "without a reason"}
        return Recognised("Oracle listener", _dotted(int(number.group(1))) if number else "", facts)
    if kind == _REDIRECT:
        return Recognised("Oracle listener", "", {"redirect": text[2:] if len(text) > 2 else text})
    raise Malformed("answers a CONNECT with something else")


def _packet(send: bytes) -> Generator[Ask, bytes, tuple[int, bytes]]:
    """Type and body of one packet. From version 315 on a length may have four bytes; the first two are 0 then."""
    head = yield Ask(send, exactly=8)
    length = int.from_bytes(head[:2], "big") or int.from_bytes(head[:4], "big")
    if head[4] not in _KINDS or not 8 <= length <= HELLO_BODY_BYTES:
        raise Malformed("does not answer in Oracle Net")
    return head[4], (yield Ask(exactly=length - 8))


def _dotted(number: int) -> str:
    """VSNNUM: since 18 the second number has 8 bits, before it had 4."""
    if number >> 24 >= 18:
        parts = (number >> 24, number >> 16 & 0xFF, number >> 12 & 0xF, number >> 4 & 0xFF, number & 0xF)
    else:
        parts = (number >> 24, number >> 20 & 0xF, number >> 12 & 0xFF, number >> 8 & 0xF, number & 0xFF)
    return ".".join(map(str, parts))
