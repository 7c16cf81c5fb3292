"""Admission, delivery and the end of a server, on both event loops."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol

import pytest
import pytest_asyncio

from plantgate.runtime import streams
from plantgate.runtime.admission import Admission
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from tests.conftest import Eventually

needs_loopback_range = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has 127.0.0.1 only")


class Serve(Protocol):
    async def __call__(
        self, handler: Callable[[Stream], Awaitable[None]], group: TaskGroup, admission: Admission | None = None
    ) -> StreamServer: ...


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers; stops them also when the test fails, because uvloop can't be closed over an open one."""
    servers: list[StreamServer] = []

    async def start(
        handler: Callable[[Stream], Awaitable[None]], group: TaskGroup, admission: Admission | None = None
    ) -> StreamServer:
        server = StreamServer(bind("127.0.0.1", 0), handler, group, admission)
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.stop()


async def _client(port: int, source: str = "127.0.0.1") -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    client.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
    except OSError:
        client.close()
        raise
    return client


async def _ended(client: socket.socket) -> bool:
    """Reads until the server ends the connection, in order or by a reset; False if it is kept open."""
    try:
        async with asyncio.timeout(5):
            while await asyncio.get_running_loop().sock_recv(client, 65_536):
                pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


async def _echo(stream: Stream) -> None:
    while data := await stream.read():
        stream.write(data)


@needs_loopback_range
async def test_bounds_are_exact_per_address_and_in_all(serve: Serve, group: TaskGroup, eventually: Eventually) -> None:
    server = await serve(_echo, group, Admission(total=5, per_address=3))
    loop = asyncio.get_running_loop()
    first = [await _client(server.port, "127.0.0.1") for _ in range(4)]
    await eventually(lambda: server.admission.connections + server.admission.refused == 4)
    assert (server.admission.connections, server.admission.refused) == (3, 1)
    assert await _ended(first[3])
    second = [await _client(server.port, "127.0.0.2") for _ in range(3)]
    await eventually(lambda: server.admission.connections + server.admission.refused == 7)
    assert (server.admission.connections, server.admission.refused) == (5, 2)
    assert await _ended(second[2])
    for client in (*first[:3], *second[:2]):  # who was admitted is served
        await loop.sock_sendall(client, b"still here")
        assert await loop.sock_recv(client, 100) == b"still here"

    first[0].close()  # one place becomes free, and exactly one
    await eventually(lambda: server.admission.connections == 4)
    third = [await _client(server.port, "127.0.0.3") for _ in range(2)]
    await eventually(lambda: server.admission.connections + server.admission.refused == 8)
    assert (server.admission.connections, server.admission.refused) == (5, 3)
    for client in (*first, *second, *third):
        client.close()
    await eventually(lambda: server.admission.connections == 0)
    assert not server.admission._open
    await server.stop()


async def test_a_handler_that_crashes_frees_its_place(serve: Serve, group: TaskGroup, eventually: Eventually) -> None:
    async def broken(stream: Stream) -> None:
        await stream.read()
        raise ValueError("a bug")

    server = await serve(broken, group, Admission(per_address=1))
    client = await _client(server.port)
    client.send(b"x")
    assert await _ended(client)
    client.close()
    await eventually(lambda: server.admission.connections == 0)
    await eventually(lambda: group.crashes)
    assert [crash.text for crash in group.crashes] == ["ValueError: a bug"]
    await server.stop()


async def test_what_was_written_arrives_after_the_handler_returned(serve: Serve, group: TaskGroup) -> None:
    async def answer(stream: Stream) -> None:
        stream.write(b"x" * 1_000_000)

    server = await serve(answer, group)
    client = await _client(server.port)
    received = 0
    while data := await asyncio.get_running_loop().sock_recv(client, 65_536):
        received += len(data)
    client.close()
    await server.stop()
    assert received == 1_000_000


async def test_a_peer_that_reads_nothing_keeps_its_place_and_is_reset(
    serve: Serve, group: TaskGroup, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned = asyncio.Event()

    async def answer(stream: Stream) -> None:
        while stream._transport is not None and stream._transport.get_write_buffer_size() < 500_000:
            stream.write(b"x" * 65_536)
            await asyncio.sleep(0)
        returned.set()

    monkeypatch.setattr(streams, "STREAM_LINGER_MS", 100)
    server = await serve(answer, group)
    client = await _client(server.port)
    await returned.wait()
    assert server.admission.connections == 1  # its socket is still open: it still counts
    await eventually(lambda: server.admission.connections == 0)
    client.close()
    await server.stop()


async def test_stop_cancels_handlers_and_closes_every_connection(
    serve: Serve, group: TaskGroup, eventually: Eventually
) -> None:
    waiting: list[str] = []
    cancelled: list[str] = []

    async def wait(stream: Stream) -> None:
        waiting.append(stream.peer)
        try:
            await stream.read()
        except asyncio.CancelledError:
            cancelled.append(stream.peer)
            raise

    server = await serve(wait, group)
    clients = [await _client(server.port) for _ in range(30)]
    await eventually(lambda: len(waiting) == 30)
    await server.stop()
    assert sorted(cancelled) == sorted(waiting)
    assert server.admission.connections == 0
    assert len(group) == 0
    assert all([await _ended(client) for client in clients])
    for client in clients:
        client.close()
    with pytest.raises(ConnectionRefusedError):
        await _client(server.port)


async def test_stop_does_not_wait_for_a_peer_that_reads_nothing(
    serve: Serve, group: TaskGroup, eventually: Eventually
) -> None:
    async def flood(stream: Stream) -> None:
        while stream._transport is not None and stream._transport.get_write_buffer_size() < 500_000:
            stream.write(b"x" * 65_536)
            await asyncio.sleep(0)
        await stream.read()

    server = await serve(flood, group)
    client = await _client(server.port)
    await eventually(lambda: server.admission.connections == 1)
    async with asyncio.timeout(5):
        await server.stop()
    assert server.admission.connections == 0
    client.close()


async def test_a_handler_cancelled_before_its_first_step_leaks_nothing(
    serve: Serve, clock: ManualClock, eventually: Eventually
) -> None:
    class CancelsAtOnce(TaskGroup):
        def spawn(
            self, name: str, start: Callable[[], Coroutine[Any, Any, None]], *, restart: bool = False
        ) -> asyncio.Task[None]:
            task = super().spawn(name, start, restart=restart)
            task.cancel()
            return task

    server = await serve(_echo, CancelsAtOnce("early", clock))
    client = await _client(server.port)
    await eventually(lambda: server.admission.connections == 1)
    await server.stop()
    assert server.admission.connections == 0
    assert await _ended(client)
    client.close()


async def test_stop_before_start_and_twice(group: TaskGroup) -> None:
    server = StreamServer(bind("127.0.0.1", 0), _echo, group)
    await server.stop()
    await server.stop()
    assert server._listener.fileno() == -1


def _loops() -> list[Callable[[Coroutine[Any, Any, None]], None]]:
    try:
        import uvloop
    except ImportError:
        return [asyncio.run]
    return [asyncio.run, uvloop.run]


@pytest.mark.parametrize("run", _loops())
@pytest.mark.parametrize("stopped", [True, False])
def test_the_end_of_the_loop_prints_nothing(
    run: Callable[[Coroutine[Any, Any, None]], None],
    stopped: bool,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """asyncio.start_server prints a traceback per connection when handlers are cancelled with the loop (3.11)."""
    clients: list[socket.socket] = []

    async def main() -> None:
        group = TaskGroup("end", ManualClock())
        server = StreamServer(bind("127.0.0.1", 0), _echo, group, Admission(per_address=200))
        await server.start()
        clients.extend([await _client(server.port) for _ in range(150)])
        while server.admission.connections < 150:
            await asyncio.sleep(0)
        if stopped:
            await server.stop()
        elif server._server is not None:
            server._server.close()

    with caplog.at_level(logging.DEBUG):
        run(main())
    for client in clients:
        client.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    captured = capfd.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert "Exception" not in captured.err
