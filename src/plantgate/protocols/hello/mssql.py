"""SQL Server: TDS PRELOGIN, which has no login in it ([MS-TDS] 2.2.6.5)."""

from __future__ import annotations

from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Steps

_PRELOGIN, _RESPONSE = 0x12, 0x04
_VERSION, _ENCRYPTION, _END = 0x00, 0x01, 0xFF
_ENCRYPTIONS = {0: "for the login only", 1: "on", 2: "not supported", 3: "required"}
_YEARS = {9: "2005", 11: "2012", 12: "2014", 13: "2016", 14: "2017", 15: "2019", 16: "2022", 17: "2025"}


def prelogin() -> Steps:
    """Version and `encryption`."""
    options = bytes([_VERSION, 0, 11, 0, 6, _ENCRYPTION, 0, 17, 0, 1, _END])
    values = bytes(6) + b"\x00"
    body = options + values
    packet = bytes([_PRELOGIN, 1]) + (len(body) + 8).to_bytes(2, "big") + bytes(4) + body
    head = yield Ask(packet, exactly=8)
    length = int.from_bytes(head[2:4], "big")
    if head[0] != _RESPONSE or head[1] & ~0x1F or not 9 <= length <= 4_096:
        raise Malformed("does not answer in TDS")
    found = _options((yield Ask(exactly=length - 8)))
    number = found.get(_VERSION, b"")
    if len(number) != 6:
        raise Malformed("sent a PRELOGIN answer without a version")
    major, minor, build = number[0], number[1], int.from_bytes(number[2:4], "big")
    year = _YEARS.get(major, "2008" if major == 10 else "")
    facts: dict[str, object] = {"encryption": _ENCRYPTIONS.get(next(iter(found.get(_ENCRYPTION, b"")), -1), "not told")}
    return Recognised(f"SQL Server {year}".rstrip(), f"{major}.{minor}.{build}", facts)


def _options(body: bytes) -> dict[int, bytes]:
    """Token, offset, length for each option up to the terminator."""
    found: dict[int, bytes] = {}
    for place in range(0, len(body), 5):
        if body[place] == _END:
            return found
        offset = int.from_bytes(body[place + 1 : place + 3], "big")
        length = int.from_bytes(body[place + 3 : place + 5], "big")
        if place + 5 > len(body) or offset + length > len(body):
            break
        found[body[place]] = body[offset : offset + length]
    raise Malformed("sent a PRELOGIN answer whose options do not fit into it")
