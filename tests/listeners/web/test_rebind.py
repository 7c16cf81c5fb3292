"""A listener that changes its port while it works: the new one first, then the old one closes; nothing is cut."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from plantgate.errors import ConfigError, Unavailable
from plantgate.listeners.web.server import HttpListener
from plantgate.model.status import Health
from plantgate.runtime.clock import ManualClock, SystemClock
from plantgate.runtime.streams import PortUnavailable
from plantgate.security.certificate import server_context
from tests.conftest import Eventually
from tests.listeners.web.test_listener import fetch, group, hello
from tests.listeners.web.world import World, close, free_port, listener, no_conflict


async def test_the_new_port_answers_and_the_old_one_is_closed() -> None:
    async with group() as tasks:
        old, new = free_port(), free_port()
        opened = listener(old, SystemClock(), tasks)
        await opened.start(hello)
        await opened.rebind(new)
        assert (await fetch(new)).endswith(b"hello")
        with pytest.raises(ConnectionRefusedError):
            await fetch(old)
        (part,) = opened.status()
        assert (part.health, part.state, part.details["port"]) == (Health.OK, "listening", new)
        await opened.rebind(old)
        assert (await fetch(old)).endswith(b"hello")
        await opened.stop()
        with pytest.raises(ConnectionRefusedError):
            await fetch(old)
        assert len(tasks) == 0


async def test_who_waits_to_be_accepted_is_answered() -> None:
    """Connected before the move, seen after it: the system would reset them with the old socket."""
    async with group() as tasks:
        old = free_port()
        opened = listener(old, SystemClock(), tasks)
        await opened.start(hello)
        clients = [socket.create_connection(("127.0.0.1", old)) for _ in range(40)]  # no turn of the loop in between
        await opened.rebind(free_port())
        for client in clients:
            reader, writer = await asyncio.open_connection(sock=client)  # noqa: TID251 - as any client would
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"hello")
            await close(writer)
        await opened.stop()


async def test_a_port_that_is_taken_leaves_all_as_it_was() -> None:
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        await opened.start(hello)
        old = opened.port
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            with pytest.raises(PortUnavailable):
                await opened.rebind(holder.getsockname()[1])
        assert opened.port == old
        assert (await fetch(old)).endswith(b"hello")
        await opened.stop()


async def test_off_and_on_again() -> None:
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        await opened.start(hello)
        old = opened.port
        await opened.rebind(0)
        assert (opened.status()[0].health, opened.status()[0].state) == (Health.DISABLED, "off")
        with pytest.raises(ConnectionRefusedError):
            await fetch(old)
        await opened.rebind(old)
        assert (await fetch(old)).endswith(b"hello")
        await opened.stop()


async def test_one_that_was_off_is_turned_on() -> None:
    async with group() as tasks:
        opened = listener(0, SystemClock(), tasks)
        await opened.start(hello)
        port = free_port()
        await opened.rebind(port)
        assert (await fetch(port)).endswith(b"hello")
        await opened.stop()


async def test_one_that_waits_for_its_port_takes_another(eventually: Eventually) -> None:
    clock = ManualClock()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        async with group(clock) as tasks:
            opened = listener(holder.getsockname()[1], clock, tasks)
            await opened.start(hello)
            await eventually(lambda: clock.sleepers == 1)
            port = free_port()
            await opened.rebind(port)
            assert opened.status()[0].health is Health.OK
            assert (await fetch(port)).endswith(b"hello")
            await opened.stop()
            assert len(tasks) == 0


async def test_one_that_was_never_started_does_not_move() -> None:
    async with group() as tasks:
        opened = listener(free_port(), SystemClock(), tasks)
        with pytest.raises(Unavailable, match="WEB-130"):
            await opened.rebind(free_port())


class Certificates:
    """Hands out the pair of a folder; `broken` for as long as it can't be used."""

    def __init__(self, folder: Path, *, broken: bool = False) -> None:
        self._folder = folder
        self.broken = broken

    async def __call__(self) -> ssl.SSLContext:
        if self.broken:
            raise ConfigError("TLS-101", "the certificate can't be used", "make another")
        return server_context(self._folder, SystemClock())

    async def ask(self, port: int) -> bytes:
        trust = ssl.create_default_context(cafile=str(self._folder / "pki" / "own" / "https.crt.pem"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)  # noqa: TID251 - as any client
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        await close(writer)
        return answer


async def test_an_encrypted_one_is_turned_on_off_and_on_again_with_the_certificate_of_then(tmp_path: Path) -> None:
    async with group() as tasks:
        certificates = Certificates(tmp_path)
        opened = HttpListener("https", "127.0.0.1", 0, 60, SystemClock(), tasks, no_conflict, certificates)
        await opened.start(hello)
        assert not (tmp_path / "pki").exists(), "nobody needs a certificate yet"
        port = free_port()
        await opened.rebind(port)
        assert (await certificates.ask(port)).endswith(b"hello")
        await opened.rebind(0)
        with pytest.raises(ConnectionRefusedError):
            await certificates.ask(port)
        for file in (tmp_path / "pki" / "own").iterdir():
            file.unlink()
        await opened.rebind(port)
        assert (await certificates.ask(port)).endswith(b"hello"), "the pair that is there now"
        await opened.stop()
        assert len(tasks) == 0


@pytest.mark.parametrize("started", [True, False], ids=["failed at start", "off at start"])
async def test_without_a_certificate_it_stays_as_it_was_until_there_is_one(tmp_path: Path, *, started: bool) -> None:
    async with group() as tasks:
        certificates, port = Certificates(tmp_path, broken=True), free_port()
        first = port if started else 0
        opened = HttpListener("https", "127.0.0.1", first, 60, SystemClock(), tasks, no_conflict, certificates)
        await opened.start(hello)
        with pytest.raises(ConfigError, match="TLS-101"):
            await opened.rebind(port)
        assert opened.port == first
        assert opened.status()[0].health is (Health.FAILED if started else Health.DISABLED)
        certificates.broken = False
        await opened.rebind(port)
        assert opened.status()[0].health is Health.OK
        assert (await certificates.ask(port)).endswith(b"hello")
        await opened.stop()


async def test_a_page_on_the_old_port_goes_on(world: World) -> None:
    async with world.page() as page:
        await page.send('{"subscribe": {"tags": "all"}}')
        await page.recv()
        await world.listener.rebind(free_port())
        world.change("[default]Line 1/Level", 55)
        async with asyncio.timeout(10):
            while "55" not in str(await page.recv()):
                pass
    async with world.client() as client:
        assert (await client.get("/StatusPing")).status_code == 200


async def test_the_answer_signs_in_at_the_new_port(world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/ports/http", json={"port": 9001}, headers=world.sign_in())
        assert answer.json()["url"] == "http://127.0.0.1:9001/"
        name, _, session = answer.headers["set-cookie"].partition(";")[0].partition("=")
        assert name == "plantgate_session_9001"
        assert world.context.sessions.actor(session) == "ada"
        assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/api/v1/ports/http", "/api/v1/ports/http/confirm"])
async def test_only_who_is_signed_in_may(world: World, path: str) -> None:
    async with world.client() as client:
        assert (await client.post(path, json={"port": 9001})).json()["code"] == "WEB-403"
        elsewhere = world.sign_in() | {"origin": "http://evil.example"}
        assert (await client.post(path, json={"port": 9001}, headers=elsewhere)).json()["code"] == "WEB-405"


@pytest.mark.parametrize("body", ["", "[]", '{"port": "80"}', '{"port": 80.5}', '{"port": 1, "more": 2}', "{"])
async def test_a_body_that_is_none(world: World, body: str) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/ports/http", content=body, headers=world.sign_in())
        assert (answer.status_code, answer.json()["code"]) == (400, "WEB-400")
