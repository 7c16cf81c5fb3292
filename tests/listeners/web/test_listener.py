"""The listener itself: its port, who holds it, coming up by itself, stopping in order (R49)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import NoReturn

import psutil
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from plantgate.errors import ConfigError
from plantgate.listeners.binding import RETRY_SECONDS, Conflict
from plantgate.listeners.web.server import HttpListener
from plantgate.model.status import Health, PortOwner
from plantgate.runtime.clock import Clock, ManualClock, SystemClock
from plantgate.runtime.tasks import TaskGroup
from tests.conftest import Eventually
from tests.listeners.web.world import close, free_port, listener, no_conflict


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"hello")(scope, receive, send)


async def fetch(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  # noqa: TID251 - as any client would
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    data = await reader.read()
    await close(writer)
    return data


@contextlib.asynccontextmanager
async def group(clock: Clock | None = None) -> AsyncIterator[TaskGroup]:
    tasks = TaskGroup("test", clock or SystemClock())
    try:
        yield tasks
    finally:
        await tasks.stop()


async def test_it_listens_says_so_and_stops() -> None:
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        (part,) = opened.status()
        assert (part.health, part.state) == (Health.DISABLED, "off")
        await opened.start(hello)
        (part,) = opened.status()
        assert (part.kind, part.name, part.health, part.state) == ("listener", "http", Health.OK, "listening")
        assert part.details == {"address": "127.0.0.1", "port": opened.port}
        assert (part.reason, part.next_step) == ("", "")
        assert (await fetch(opened.port)).endswith(b"hello")
        await opened.stop()
        with pytest.raises(ConnectionRefusedError):
            await fetch(opened.port)
        (part,) = opened.status()
        assert part.health is Health.DISABLED
        assert len(tasks) == 0


async def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Without TCP_NODELAY each second request of a connection takes 40 ms."""
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        await opened.start(hello)
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)  # noqa: TID251
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"hello")
        assert opened._config is not None
        (transport,) = opened._config.held
        connected = transport.get_extra_info("socket")
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await close(writer)
        await opened.stop()


async def test_port_0_is_off() -> None:
    async with group() as tasks:
        opened = listener(0, SystemClock(), tasks)
        await opened.start(hello)
        assert (opened.status()[0].health, len(tasks)) == (Health.DISABLED, 0)
        await opened.stop()


async def test_a_listener_without_its_certificate_is_failed() -> None:
    async with group() as tasks:

        async def certificate() -> NoReturn:
            raise ConfigError("TLS-101", "https.crt.pem can't be used", "remove it")

        opened = HttpListener("https", "127.0.0.1", free_port(), 60, SystemClock(), tasks, no_conflict, certificate)
        await opened.start(hello)
        (part,) = opened.status()
        assert (part.health, part.reason) == (Health.FAILED, "https.crt.pem can't be used")
        assert part.next_step == "remove it"


async def test_a_taken_port_names_its_holder_and_comes_up_when_it_is_free(eventually: Eventually) -> None:
    clock = ManualClock()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        async with group(clock) as tasks:
            taken = listener(holder.getsockname()[1], clock, tasks)
            other = listener(free_port(), clock, tasks)
            with capture_logs() as lines:
                await taken.start(hello)
                await other.start(hello)
                (part,) = taken.status()
                assert (part.health, part.state) == (Health.FAILED, "port taken")
                assert f"port {taken.port} is taken" in part.reason
                assert part.reason.endswith("held by java (pid 4711)")
                assert part.next_step == "stop it, or set gateway.port"
                assert (await fetch(other.port)).endswith(b"hello")
                since = part.since
                for _ in range(3):  # it is said once, however often it is tried
                    await eventually(lambda: clock.sleepers == 1)
                    await clock.advance(RETRY_SECONDS)
                await eventually(lambda: clock.sleepers == 1)
                assert taken.status()[0].since == since
                holder.close()
                await clock.advance(RETRY_SECONDS)
                await eventually(lambda: taken.status()[0].health is Health.OK)
            assert [line["event"] for line in lines if line["log_level"] == "error"] == [
                "a port can't be opened, the other listeners go on"
            ]
            assert (taken.status()[0].reason, taken.status()[0].next_step) == ("", "")
            assert (await fetch(taken.port)).endswith(b"hello")
            await taken.stop()
            await other.stop()


async def test_stopping_while_the_port_is_taken() -> None:
    clock = ManualClock()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        async with group(clock) as tasks:
            taken = listener(holder.getsockname()[1], clock, tasks)
            await taken.start(hello)
            await taken.stop()
            assert len(tasks) == 0


async def test_a_look_up_that_fails_does_not_hold_up_the_start() -> None:
    def explode(port: int) -> Conflict:
        raise RuntimeError("no permission")

    clock = ManualClock()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        async with group(clock) as tasks:
            port = holder.getsockname()[1]
            taken = HttpListener("http", "127.0.0.1", port, 60, clock, tasks, explode)
            async with asyncio.timeout(5):
                await taken.start(hello)
            (part,) = taken.status()
            assert (part.health, part.state) == (Health.FAILED, "port taken")
            assert "is taken" in part.reason
            assert part.next_step
            await taken.stop()


async def test_an_address_that_is_not_ours_is_failed_with_a_next_step() -> None:
    async with group(ManualClock()) as tasks:
        opened = HttpListener("http", "192.0.2.1", 8088, 60, ManualClock(), tasks, no_conflict)
        await opened.start(hello)
        (part,) = opened.status()
        assert (part.health, part.state) == (Health.FAILED, "can't bind")
        assert "192.0.2.1:8088" in part.reason
        assert part.next_step
        await opened.stop()


async def test_what_is_being_answered_is_finished_before_the_end(eventually: Eventually) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        await opened.start(slow)
        asking = asyncio.get_running_loop().create_task(fetch(opened.port))
        await begun.wait()
        stopping = asyncio.get_running_loop().create_task(opened.stop())
        await asyncio.sleep(0)
        go_on.set()
        assert (await asking).endswith(b"hello")
        await stopping
        assert opened.connections == 0


async def test_what_never_ends_is_cut_when_stopping(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        await opened.start(stuck)
        silent = [await asyncio.open_connection("127.0.0.1", opened.port) for _ in range(3)]  # noqa: TID251
        asking = asyncio.get_running_loop().create_task(fetch(opened.port))
        await begun.wait()
        async with asyncio.timeout(5):
            await opened.stop()
        await asyncio.gather(asking, return_exceptions=True)
        for _, writer in silent:
            await close(writer)
    caplog.clear()


async def test_cancelled_instead_of_stopped_it_leaves_nothing_open() -> None:
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        await opened.start(hello)
        assert (await fetch(opened.port)).endswith(b"hello")
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)  # noqa: TID251
        await tasks.stop()
        with pytest.raises(ConnectionRefusedError):
            await fetch(opened.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await close(writer)


@pytest.mark.skipif(os.name == "nt", reason="Windows counts handles, not descriptors")
async def test_opened_and_closed_fifty_times_it_keeps_no_descriptor() -> None:
    process = psutil.Process()
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        before = process.num_fds()
        for _ in range(50):
            await opened.start(hello)
            assert (await fetch(opened.port)).endswith(b"hello")
            await opened.stop()
        await asyncio.sleep(0)
        assert process.num_fds() <= before + 2


def test_an_owner_reads_well() -> None:
    assert str(PortOwner(4711, "java", None, None)) == "java (pid 4711)"
