"""Fuzzes every recogniser of protocols/hello.

    python -m fuzz.fuzz_hello --runs 200000          repeatable, plain Python (also where atheris is missing)
    python -m fuzz.fuzz_hello --atheris [CORPUS ...]  guided by coverage; libFuzzer's options follow

The invariant: any bytes, cut anywhere, give one of the three outcomes, the same for every cutting; nothing is raised;
after the peer has hung up there is a verdict; no input takes longer than a second.
"""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable

from fuzz import harness
from plantgate.limits import HELLO_BYTES
from plantgate.protocols.hello import (
    Conversation,
    FirstFlight,
    NeedMore,
    NotThis,
    Outcome,
    Recognised,
    Steps,
    http,
    modbus,
    mssql,
    mysql,
    opcua,
    oracle,
    postgresql,
    scrdr,
    sniff,
)

_SLOW_SECONDS = 1.0
RECOGNISERS: tuple[Callable[[], Steps], ...] = (
    lambda: http.status_ping("gw"),
    lambda: http.gwinfo("gw"),
    lambda: modbus.identify(1),
    lambda: modbus.read(1),
    mssql.prelogin,
    mysql.greeting,
    lambda: opcua.hello("opc.tcp://gw:4840"),
    oracle.version,
    postgresql.ssl_request,
    postgresql.startup,
    scrdr.listen,
    lambda: http.page("/", "gw"),
)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body) + 8) + body


_HEADER = struct.pack("<qIIBiBBB", 0, 1, 0, 0, -1, 0, 0, 0)
_APPLICATION = b"\x01\x00\x00\x00a" * 2 + b"\x02\x01\x00\x00\x00n" + bytes(4) + b"\xff" * 12
_ENDPOINT = (
    b"\x01\x00\x00\x00u" + _APPLICATION + b"\xff" * 4 + b"\x01\x00\x00\x00" + b"\x01\x00\x00\x00p"
    + struct.pack("<I", 1) + b"\xff" * 4 + bytes(4) + b"\xff" * 12 + b"\xff" * 4 + b"\x00"
)  # fmt: skip
GOOD: dict[int, bytes] = {
    0: b'HTTP/1.1 200 OK\r\nServer: Jetty\r\nContent-Length: 19\r\n\r\n{"state":"RUNNING"}',
    1: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1C\r\nContextStatus=RUNNING;Version\r\n0\r\n\r\n",
    2: struct.pack(">HHHB", 0x5047, 0, 14, 1) + b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x04Acme\x00"[:13],
    3: struct.pack(">HHHB", 0x5048, 0, 3, 1) + b"\x83\x02",
    4: bytes([4, 1, 0, 26, 0, 0, 0, 0, 0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 255, 16, 0, 16, 93, 0, 0, 1]),
    5: b"\x4a\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00" + bytes(8) + b"x" * 8 + b"\x00\xfe\xf7" + b"\x21" * 38,
    6: _message(b"ACKF", bytes(20))
    + _message(b"OPNF", bytes(4) + b"\xff" * 12 + bytes(8) + b"\x01\x00\xc1\x01" + _HEADER + bytes(20) + b"\xff" * 4)
    + _message(b"MSGF", bytes(16) + b"\x01\x00\xaf\x01" + _HEADER + struct.pack("<I", 1) + _ENDPOINT)
    + _message(b"MSGF", bytes(16) + b"\x01\x00\xa9\x01" + _HEADER + struct.pack("<I", 1) + _APPLICATION),
    7: struct.pack(">HHBBH", 36, 0, 4, 0, 0) + b"\x22\x00\x00\x18(VSNNUM=318767104)(ERR=1)",
    8: b"N" + b"R\x00\x00\x00\x08\x00\x00\x00\x0a",
    9: b"E\x00\x00\x00\x16SFATAL\x00C3D000\x00Mx\x00\x00",
    10: b"$SCRDR*54\r\n",
    11: b"HTTP/1.1 302 Found\r\nLocation: https://gw/\r\nContent-Length: 0\r\n\r\n",
}
_PIECES = (*GOOD.values(), b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03", b"\r\n",
           b"HTTP/1.1 400 X\r\n\r\n", b"\xff\xff\xff\xff", b"\x00" * 16, b"SSH-2.0-x\r\n")  # fmt: skip


def check(data: bytes) -> None:
    """One input: its first byte picks the recogniser, the second says where it is cut."""
    began = time.perf_counter()
    number = data[0] % len(RECOGNISERS) if data else 0
    step = (1, 3, 7, 64)[data[1] % 4] if len(data) > 1 else 1
    body = data[2:]
    parts = [body[place : place + step] for place in range(0, len(body), step)]
    whole, cut = run(RECOGNISERS[number], [body] if body else []), run(RECOGNISERS[number], parts)
    assert whole == cut, f"the cutting changed the outcome: {whole} and {cut}"
    assert isinstance(sniff(body), str)
    flights = FirstFlight(), FirstFlight()
    flights[0].receive(body)
    for part in parts:
        flights[1].receive(part)
    assert _seen(flights[0]) == _seen(flights[1])
    assert time.perf_counter() - began < _SLOW_SECONDS, "an input took longer than a second"


def run(steps: Callable[[], Steps], parts: list[bytes]) -> tuple[bytes, Outcome, Outcome]:
    """What was sent, the outcome before the peer hung up, and the verdict."""
    conversation = Conversation(steps())
    outcome = conversation.begin()
    sent = b""
    for part in parts:
        assert isinstance(outcome, NeedMore | Recognised | NotThis)
        if isinstance(outcome, NeedMore):
            sent += outcome.send
            outcome = conversation.receive(part)
    if isinstance(outcome, NeedMore):
        sent += outcome.send
        outcome = NeedMore()
    verdict = conversation.closed()
    assert isinstance(verdict, Recognised | NotThis)
    if isinstance(verdict, Recognised):
        json.dumps(dict(verdict.facts))
    assert conversation.closed() == conversation.quiet() == conversation.receive(b"x") == verdict
    # With a verdict nothing is sent any more; how much was before it is the same for every cutting.
    return (b"" if isinstance(outcome, Recognised | NotThis) else sent), outcome, verdict


def _seen(flight: FirstFlight) -> tuple[object, ...]:
    return (flight.version, flight.certificates, flight.asks_certificate, flight.alert, flight.over, flight.malformed)


def generate(source: random.Random) -> bytes:
    """A good answer or pieces of several, some bytes changed."""
    number = source.randrange(len(RECOGNISERS))
    data = bytearray([number, source.randrange(256)])
    if source.random() < 0.6:
        data += GOOD[number]
    for _ in range(source.choice((0, 0, 1, 3))):
        piece = source.choice(_PIECES) if source.random() < 0.7 else source.randbytes(source.randrange(40))
        data += piece[: source.randrange(len(piece) + 1)] if source.random() < 0.3 else piece
    for _ in range(source.choice((0, 1, 2, 4))):
        data[source.randrange(len(data))] = source.randrange(256)
    if source.random() < 0.0005:
        data += source.choice((b"x", b"\r", b"\x16\x03\x03\x00\x04")) * (HELLO_BYTES // 8)
    return bytes(data)


def loop(runs: int, seed: int) -> None:
    """The plain-Python loop: the same inputs for the same seed."""
    harness.loop(generate, check, runs, seed)


if __name__ == "__main__":
    harness.main(__doc__, loop, check)
