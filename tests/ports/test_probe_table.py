"""Expected protocol x what is really there -> what the answer says, and that it is said without waiting.

Where a peer answers or hangs up, the time limit is an hour: a row that waited for it would fail by the test's own. What
silence costs is measured on a loop whose time jumps.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from plantgate.ports.findings import Finding, ProbeResult
from plantgate.ports.probe import PROBES, probe
from plantgate.ports.specs import NAMES
from plantgate.protocols.hello import scrdr
from plantgate.protocols.scrdr import encode_hello
from tests.ports import peers

HOUR = 3_600.0
ALL = (*NAMES, "")
ASKED = [name for name in ALL if name != "reader"]  # a reader is listened to and never spoken to
SAID = {"http": "HTTP", "https": "HTTP over TLS (HTTPS)", "postgresql": "PostgreSQL", "SSH": "SSH", "mysql": "MySQL"}
MARIADB = b"\x4a\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00" + bytes(8) + b"x" * 8 + b"\x00\xfe\xf7" + b"\x21" * 38


async def _probe(port: int, expected: str, **more: Any) -> ProbeResult:
    async with asyncio.timeout(30):
        return await probe("127.0.0.1", port, expected, **{"timeout": HOUR, "by_name": True, **more})


def _closes(_: socket.socket) -> None:
    pass


def _resets(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _garbage(client: socket.socket) -> None:
    """Answers nonsense to whatever it is told."""
    client.recv(4096)
    client.sendall(b"\x9c\xff\x17\x80\xfe\x00\x01\x02" * 8)
    while client.recv(4096):
        pass


def _endless(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 65_536)


def _echo(client: socket.socket) -> None:
    while data := client.recv(4096):
        client.sendall(data)


def _postgresql(client: socket.socket) -> None:
    """As the real one: a length that can't be ends the connection, TLS is not offered, a password is asked for."""
    if client.recv(8, socket.MSG_WAITALL) != b"\x00\x00\x00\x08\x04\xd2\x16\x2f":
        return
    client.sendall(b"N")
    if client.recv(4096):
        client.sendall(b"R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00")


def _expect(result: ProbeResult, expected: str, spoken: str) -> None:
    """It is what was expected, or it is named with what was expected of it."""
    assert result.protocol == spoken, result.verdict
    if expected in ("", spoken) or (expected, spoken) == ("metro_ssl", "https"):
        assert result.finding is Finding.EXPECTED
        return
    assert result.finding is Finding.OTHER
    assert result.verdict.startswith(f"port {result.port} is open but speaks {SAID[spoken]}: ")
    assert " was expected" in result.verdict


@pytest.mark.parametrize("expected", ASKED)
async def test_a_gateways_http(expected: str) -> None:
    with peers.server(peers.ignition()) as port:
        result = await _probe(port, expected)
    _expect(result, expected, "http")
    assert (result.product, result.version) == ("Ignition", "8.3.4")


@pytest.mark.parametrize("expected", ASKED)
async def test_tls_with_a_gateway_inside(expected: str, tmp_path: Path) -> None:
    with peers.server(peers.tls(peers.ignition(), peers.tls_context(tmp_path))) as port:
        result = await _probe(port, expected)
    _expect(result, expected, "https")
    assert result.tls is not None
    assert result.tls.chain[0].subject == "CN=gw"


@pytest.mark.parametrize("expected", [name for name in ASKED if name != "modbus"])
async def test_a_postgresql(expected: str) -> None:
    with peers.server(_postgresql) as port:
        result = await _probe(port, expected)
    _expect(result, expected, "postgresql")
    assert result.facts["auth"] == "password, SCRAM"


async def test_what_may_be_a_plc_is_asked_nothing_that_could_be_a_threat_to_it() -> None:
    told: list[bytes] = []

    def note(client: socket.socket) -> None:
        told.append(client.recv(4096))

    with peers.server(note) as port:
        result = await _probe(port, "modbus")
    assert result.finding is Finding.UNPROVED
    modbus = {b"\x50\x47\x00\x00\x00\x05\x01\x2b\x0e\x01\x00", b"\x50\x48\x00\x00\x00\x06\x01\x03\x00\x00\x00\x01"}
    assert modbus < set(told)
    rest = [data for data in told if data not in modbus]
    assert all(data.startswith((b"GET /StatusPing", b"\x16\x03")) for data in rest), "HTTP and TLS, and nothing else"


@pytest.mark.parametrize("expected", ALL)
@pytest.mark.parametrize(
    ("greeting", "spoken"), [(b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"), (MARIADB, "mysql")], ids=["SSH", "MariaDB"]
)
async def test_what_greets_by_itself(expected: str, greeting: bytes, spoken: str) -> None:
    with peers.server(peers.says(greeting)) as port:
        result = await _probe(port, expected)
    _expect(result, expected, spoken)


@pytest.mark.parametrize("expected", ALL)
@pytest.mark.parametrize("peer", [_closes, _resets], ids=["closes", "resets"])
async def test_a_socket_that_hangs_up(expected: str, peer: peers.Answer) -> None:
    with peers.server(peer) as port:
        result = await _probe(port, expected)
    assert result.finding is Finding.UNPROVED
    assert "the peer hung up" in result.verdict


@pytest.mark.parametrize("expected", [name for name in ASKED if name != "mysql"])
@pytest.mark.parametrize("peer", [_garbage, _echo], ids=["garbage", "echo"])
async def test_a_socket_that_answers_nonsense(expected: str, peer: peers.Answer) -> None:
    with peers.server(peer) as port:
        result = await _probe(port, expected)
    assert result.finding is Finding.UNPROVED
    assert "the peer does not answer" in result.verdict or "with something else" in result.verdict
    if expected:
        assert "another program may hold the port" in result.verdict


@pytest.mark.parametrize("expected", ALL)
async def test_a_socket_that_sends_without_end(expected: str) -> None:
    with peers.server(_endless) as port:
        result = await _probe(port, expected)
    assert result.finding is Finding.UNPROVED


@pytest.mark.parametrize("expected", ASKED)
async def test_a_reader_is_never_asked_by_chance(expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own greeting names it; nobody listens to it for longer than that."""

    def never() -> None:
        pytest.fail("the SpringCore probe ran without being asked for by name")

    monkeypatch.setattr(scrdr, "listen", never)
    with peers.server(peers.says(encode_hello())) as port:
        result = await _probe(port, expected, by_name=False)
    assert result.protocol == "reader"
    assert result.finding is (Finding.OTHER if expected else Finding.EXPECTED)
    assert "SpringCore" in result.verdict


async def test_a_reader_is_only_connected_to_when_named() -> None:
    met: list[socket.socket] = []
    with peers.server(met.append) as port:
        result = await _probe(port, "reader", by_name=False)
    assert result.finding is Finding.NOT_ASKED
    assert met == []


@pytest.mark.parametrize("kind", ["http", "tls", "garbage"])
async def test_who_waits_to_be_spoken_to_is_no_reader(kind: str, tmp_path: Path) -> None:
    answer = {"http": peers.ignition(), "garbage": _garbage}.get(kind)
    with peers.server(answer or peers.tls(peers.ignition(), peers.tls_context(tmp_path))) as port:
        result = await _probe(port, "reader", timeout=0.1)
    assert result.finding is Finding.UNPROVED
    assert "the peer said nothing; is it in use by another host?" in result.verdict


@pytest.mark.parametrize("expected", ALL)
def test_silence_costs_one_timeout(expected: str) -> None:
    """A PLC is asked one thing at a time: HTTP has its half second after the timeout, not within it."""

    async def measure() -> tuple[float, ProbeResult]:
        async with peers.inside(asyncio.Protocol) as port:
            loop = asyncio.get_running_loop()
            began = loop.time()
            result = await probe("127.0.0.1", port, expected, timeout=10.0, by_name=True, address="127.0.0.1")
            return loop.time() - began, result

    took, result = peers.run_skipping(measure())
    assert took == pytest.approx(10.5 if expected == "modbus" else 10.0, abs=0.01)
    assert result.finding is Finding.UNPROVED
    assert "the peer said nothing" in result.verdict


@pytest.mark.parametrize("expected", [name for name in ASKED if name not in ("http", "")])
def test_a_web_server_that_waits_for_a_line_end_is_named_in_half_a_second(expected: str) -> None:
    """For OPC UA this took four time limits: Hello, TLS, plain HTTP and StatusPing, one after the other."""

    async def measure() -> tuple[float, ProbeResult]:
        async with peers.inside(peers.PatientWeb) as port:
            loop = asyncio.get_running_loop()
            began = loop.time()
            result = await probe("127.0.0.1", port, expected, timeout=10.0, address="127.0.0.1")
            return loop.time() - began, result

    took, result = peers.run_skipping(measure())
    assert took == pytest.approx(10.0 if expected == "modbus" else 0.5, abs=0.01)
    _expect(result, expected, "http")


def test_the_table_has_every_name_of_the_atlas() -> None:
    assert set(NAMES) == PROBES.keys()
    assert len(NAMES) == 11
