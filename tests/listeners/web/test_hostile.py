"""Peers that mean harm or are broken: each costs only itself, and its place is free again (R06 to R09, R22)."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import struct

import httpx
import pytest
from structlog.testing import capture_logs

from plantgate.limits import HTTP_BODY_BYTES, HTTP_HEADER_BYTES, HTTP_PIPELINED
from plantgate.listeners.web import protocol, reply
from plantgate.runtime.admission import Admission
from tests.conftest import Eventually
from tests.listeners.web.world import SPEED, World, close, open_world

PING = b"GET /StatusPing HTTP/1.1\r\nhost: localhost\r\n\r\n"
LAST_PING = PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
WRITE = b"POST /api/v1/tags/write HTTP/1.1\r\nhost: localhost\r\n"


async def serves(world: World, eventually: Eventually) -> None:
    """It answers, and no place is taken any more."""
    assert (await world.raw(LAST_PING)).endswith(b'{"state":"RUNNING"}')
    await eventually(lambda: world.listener.connections == 0, what=f"connections {world.listener.connections}")


def signed_in(world: World) -> bytes:
    return b"cookie: " + world.sign_in()["cookie"].encode() + b"\r\n"


# time


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"G",
        b"\r\n",
        b"GET /StatusPing HTTP/1.1\r\nhost: localhost\r\n",
        PING + b"GET /",
        PING + b"\r\n",
    ],
)
async def test_a_dribbled_header_is_cut_by_its_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually, first: bytes
) -> None:
    """The deadline is absolute: bytes that keep coming don't move it."""
    monkeypatch.setattr(protocol, "HTTP_HEADER_SECONDS", 0.15)
    reader, writer = await world.connect()
    writer.write(first)

    async def dribble() -> None:
        while not writer.is_closing():
            writer.write(b"\r\n" if first.endswith(b"\r\n") and first != b"" and b"host" not in first else b"a")
            await asyncio.sleep(0.02)

    async with asyncio.timeout(5):
        dribbling = asyncio.get_running_loop().create_task(dribble())
        try:
            answers = await read_all(reader)
        finally:
            dribbling.cancel()
            await asyncio.gather(dribbling, return_exceptions=True)
    assert answers.count(b"RUNNING") == first.count(PING)
    await close(writer)
    await serves(world, eventually)


async def read_all(reader: asyncio.StreamReader) -> bytes:
    data = bytearray()
    try:
        while chunk := await reader.read(65_536):
            data += chunk
    except ConnectionError:
        pass
    return bytes(data)


async def test_many_slow_headers_are_all_cut(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(protocol, "HTTP_HEADER_SECONDS", 0.3)
    opened = [await world.connect() for _ in range(60)]
    for _, writer in opened:
        writer.write(b"GET / HT")
    await eventually(lambda: world.listener.connections == 60)
    assert (await world.raw(LAST_PING)).endswith(b'{"state":"RUNNING"}')
    await eventually(lambda: world.listener.connections == 0)
    for _, writer in opened:
        await close(writer)


async def test_a_body_that_does_not_come_is_answered_and_cut(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(reply, "HTTP_BODY_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "HTTP_BODY_SECONDS", -0.7)  # a second later than the route's, here 0.3 s
    answer = await world.raw(WRITE + signed_in(world) + b"content-length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"WEB-408" in answer
    await serves(world, eventually)


@pytest.mark.parametrize("line", [b"GET /StatusPing", b"GET /api/v1/gateway", WRITE.split(b" HTTP")[0]])
async def test_a_body_that_nobody_waits_for_is_cut_by_its_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually, line: bytes
) -> None:
    """The route has answered; the rest of the body could otherwise be dribbled for ever."""
    monkeypatch.setattr(protocol, "HTTP_BODY_SECONDS", -0.8)
    answer = await world.raw(line + b" HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999\r\n\r\nx")
    assert answer.startswith(b"HTTP/1.1 ")
    await serves(world, eventually)


async def test_after_a_late_body_the_connection_still_has_a_timer(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(protocol, "HTTP_HEADER_SECONDS", 0.15)
    reader, writer = await world.connect()
    writer.write(PING.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n"))
    assert b"RUNNING" in await reader.readuntil(b'"}')
    writer.write(b"abc")  # completes the request, and cancels the keep-alive timer of the answer
    async with asyncio.timeout(5):
        assert await read_all(reader) == b""
    await close(writer)
    await serves(world, eventually)


async def test_an_idle_connection_is_closed(tmp_path: object, eventually: Eventually) -> None:
    from pathlib import Path

    async with open_world(Path(str(tmp_path)), keep_alive=0) as world:
        assert b"RUNNING" in await world.raw(PING)
        await eventually(lambda: world.listener.connections == 0)


async def test_a_peer_that_never_reads_its_answer_is_cut(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(protocol, "HTTP_STALL_SECONDS", 0.15)
    (world.context.static / "big.bin").write_bytes(b"x" * 16_000_000)
    slow = socket.socket()
    slow.setblocking(False)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, ("127.0.0.1", world.port))
    await loop.sock_sendall(slow, PING.replace(b"/StatusPing", b"/big.bin"))
    await eventually(lambda: world.listener.connections == 1)
    await eventually(lambda: world.listener.connections == 0)
    slow.close()
    await serves(world, eventually)


async def test_a_slow_but_steady_reader_gets_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HTTP_STALL_SECONDS", 0.1)
    (world.context.static / "big.bin").write_bytes(b"x" * 8_000_000)
    reader, writer = await world.connect(limit=65_536)
    writer.write(LAST_PING.replace(b"/StatusPing", b"/big.bin"))
    got = 0
    while chunk := await reader.read(262_144):
        got += len(chunk)
        await asyncio.sleep(0.01)
    assert got > 8_000_000
    await close(writer)


# size


@pytest.mark.parametrize(
    "header",
    [
        b"x: " + b"a" * (HTTP_HEADER_BYTES + 1),
        b"".join(b"x%d: %s\r\n" % (n, b"a" * 1_000) for n in range(70)),
        b"x: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["one line", "many lines", "complete"],
)
@pytest.mark.parametrize("pieces", [1, 40])
async def test_a_header_over_the_bound_is_refused(
    world: World, eventually: Eventually, header: bytes, pieces: int
) -> None:
    data = b"GET /StatusPing HTTP/1.1\r\nhost: localhost\r\n" + header
    reader, writer = await world.connect()
    size = len(data) // pieces + 1
    for start in range(0, len(data), size):
        if not writer.is_closing():
            writer.write(data[start : start + size])
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        answer = await read_all(reader)
    assert b"RUNNING" not in answer
    assert answer[:13] in (b"HTTP/1.1 400 ", b"")  # a reset may overtake the answer
    await close(writer)
    await serves(world, eventually)


async def test_a_header_that_comes_whole_is_measured_too(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(protocol, "HTTP_HEADER_BYTES", 2_000)
    answer = await world.raw(LAST_PING.replace(b"host:", b"x: " + b"a" * 2_000 + b"\r\nhost:"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (await world.raw(LAST_PING.replace(b"host:", b"x: " + b"a" * 1_500 + b"\r\nhost:"))).endswith(b'"RUNNING"}')
    await serves(world, eventually)


async def test_a_long_but_lawful_header_is_answered(world: World) -> None:
    header = b"x: " + b"a" * (HTTP_HEADER_BYTES - 500) + b"\r\n"
    assert (await world.raw(LAST_PING.replace(b"host:", header + b"host:"))).endswith(b'{"state":"RUNNING"}')


async def test_an_endless_request_line_is_refused(world: World, eventually: Eventually) -> None:
    answer = await world.raw(b"GET /" + b"a" * 300_000)
    assert answer[:13] in (b"HTTP/1.1 400 ", b"")
    await serves(world, eventually)


async def test_a_body_over_the_bound_is_refused(world: World, client: httpx.AsyncClient) -> None:
    def body(size: int) -> bytes:
        return b'{"path":"%s","value":%s1}' % (SPEED.encode(), b" " * (size - len(SPEED) - 21))

    assert len(body(HTTP_BODY_BYTES)) == HTTP_BODY_BYTES
    headers = world.sign_in()
    answer = await client.post("/api/v1/tags/write", content=body(HTTP_BODY_BYTES), headers=headers)
    assert answer.status_code == 200
    answer = await client.post("/api/v1/tags/write", content=body(HTTP_BODY_BYTES + 1), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "WEB-413")
    assert (await client.get("/StatusPing")).status_code == 200  # the connection, or another one, goes on


@pytest.mark.parametrize("line", [WRITE, WRITE.replace(b"/api/v1/tags/write", b"/StatusPing"), b"GET /x HTTP/1.1\r\n"])
async def test_an_endless_chunked_body_ends(world: World, eventually: Eventually, line: bytes) -> None:
    reader, writer = await world.connect()
    writer.write(line + signed_in(world) + b"transfer-encoding: chunked\r\n\r\n")
    piece, sent = b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0
    receiving = asyncio.get_running_loop().create_task(read_all(reader))
    try:
        while not receiving.done() and sent < 100_000_000:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    assert sent < 50_000_000
    async with asyncio.timeout(5):
        await receiving
    await close(writer)
    await serves(world, eventually)


async def test_endless_trailers_do_not_fill_the_memory(world: World, eventually: Eventually) -> None:
    reader, writer = await world.connect()
    writer.write(PING.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"))
    sent, piece = 0, b"x: y\r\n" * 10_000
    receiving = asyncio.get_running_loop().create_task(read_all(reader))
    try:
        while not receiving.done() and sent < 100_000_000:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
    except ConnectionError:
        pass
    assert sent < 50_000_000
    await receiving
    await close(writer)
    await serves(world, eventually)


# number


async def test_admission_caps_are_exact(world: World, eventually: Eventually) -> None:
    config = world.listener._config
    assert config is not None
    config.admission = Admission(total=8, per_address=5)
    held = [await world.connect() for _ in range(5)]
    await eventually(lambda: world.listener.connections == 5)
    for number in range(1, 4):
        assert await world.raw(LAST_PING) == b""
        assert (world.listener.connections, world.listener.refused) == (5, number)
    # Another address still gets in, up to the total.
    others = [await world.connect(local_addr=("127.0.0.2", 0)) for _ in range(4)]
    await eventually(lambda: (world.listener.connections, world.listener.refused) == (8, 4))
    for _, writer in [*held, *others]:
        await close(writer)
    await eventually(lambda: world.listener.connections == 0)
    assert not config.held
    await serves(world, eventually)


async def test_pipelined_requests_are_answered_in_order(world: World, eventually: Eventually) -> None:
    paths = [b"/StatusPing", b"/health/live", b"/system/gwinfo", b"/StatusPing"]
    data = b"".join(PING.replace(b"/StatusPing", path) for path in paths[:-1]) + LAST_PING
    answer = await world.raw(data)
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    marks = [answer.index(b'{"state"'), answer.index(b'"problems"'), answer.index(b"ContextStatus")]
    assert marks == sorted(marks)
    assert answer.endswith(b'{"state":"RUNNING"}')
    await serves(world, eventually)


async def test_too_many_pipelined_requests_end_the_connection(world: World, eventually: Eventually) -> None:
    answer = await world.raw(PING * 5_000)
    assert answer.count(b"HTTP/1.1 ") == HTTP_PIPELINED + 1
    assert answer.count(b"RUNNING") == HTTP_PIPELINED + 1
    await serves(world, eventually)


# meaning


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"content-length: 4\r\ncontent-length: 5\r\n",
        b"content-length: 4\r\ncontent-length: 4\r\n",
        b"content-length: 4, 4\r\n",
        b"content-length: +4\r\n",
        b"content-length: -1\r\n",
        b"content-length: 0x4\r\n",
        b"content-length: 4 4\r\n",
        b"content-length: 99999999999999999999999\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding : chunked\r\n",
        b"transfer-encoding:\x0bchunked\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: cow\r\n",
        b"x: y\rtransfer-encoding: chunked\r\n",
        b"x: y\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b" transfer-encoding: chunked\r\n",
        b"x: a\x00b\r\ncontent-length: 4\r\ncontent-length: 6\r\n",
    ],
)
async def test_ambiguous_framing_smuggles_nothing(world: World, eventually: Eventually, framing: bytes) -> None:
    """Whatever a proxy in front would make of it: no second request comes out of the body."""
    hidden = b"POST /api/v1/readers/entrance/commands HTTP/1.1\r\nhost: localhost\r\n" + signed_in(world)
    hidden += b'content-length: 17\r\n\r\n{"action":"wink"}'
    body = b"1\r\na\r\n0\r\n\r\n"
    answer = await world.raw(
        b"POST /api/v1/gateway HTTP/1.1\r\nhost: localhost\r\n" + framing + b"\r\n" + body + hidden
    )
    assert world.reader.commands == []
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert answer[:12] in (b"HTTP/1.1 400", b"")
    await serves(world, eventually)


async def test_garbage_costs_its_connection_only(
    world: World, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(7)
    garbage = [chance.randbytes(chance.randrange(1, 3_000)) for _ in range(40)]
    garbage += [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"SSH-2.0-x\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00" * 9,
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    ]
    with capture_logs() as lines:
        for data in garbage:
            answer = await world.raw(data, end=True)
            assert answer[:9] in (b"HTTP/1.1 ", b"")
            assert b" 500 " not in answer.partition(b"\r\n")[0], data[:60]
    await serves(world, eventually)
    assert lines == []
    assert caplog.text == ""  # nothing that a peer sends may fill the log


async def test_an_upgrade_to_something_else_is_answered_plainly(world: World, eventually: Eventually) -> None:
    upgrade = b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    answer = await world.raw(PING.replace(b"\r\n\r\n", upgrade) + PING)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b'{"state":"RUNNING"}')
    assert b"connection: close" in answer.lower()
    await serves(world, eventually)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /api/v1/tags HTTP/1.1\r\nhost: loc",
        PING * 3,
        WRITE + b"content-length: 1000\r\n\r\n{",
        WRITE + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_a_reset_in_the_middle_is_no_event(
    world: World, eventually: Eventually, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    loop = asyncio.get_running_loop()
    data = data.replace(b"host: localhost\r\n", b"host: localhost\r\n" + signed_in(world))
    for _ in range(5):
        peer = socket.socket()
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", world.port))
        await loop.sock_sendall(peer, data)
        await eventually(lambda: world.listener.connections >= 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    await serves(world, eventually)
    assert caplog.text == ""


async def test_a_thousand_requests_leave_nothing_behind(world: World, eventually: Eventually) -> None:
    async with world.client() as client:
        for _ in range(20):
            await client.get("/StatusPing")
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(300):
            await client.get("/StatusPing")
        gc.collect()
        assert len(gc.get_objects()) - before < 300
    await serves(world, eventually)
