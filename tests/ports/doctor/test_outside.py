"""A look from outside at real servers: a gateway, a host that is none, and one that answers nonsense."""

from __future__ import annotations

import contextlib
import random
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from plantgate.config.document import Configuration, WebServer
from plantgate.errors import PeerError, Unavailable
from plantgate.limits import DOCTOR_ANSWER_BYTES
from plantgate.ports.doctor import exposure, http, outside
from plantgate.ports.doctor.report import Result, Status
from plantgate.ports.doctor.run import examine
from plantgate.ports.doctor.subject import Subject
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.security.certificate import server_context
from tests.listeners.web.world import open_world

HOST = "127.0.0.1"
IGNITION = "ContextStatus=RUNNING;PlatformName=Ignition;Version=8.3.0;OS=Linux;RedundancyStatus=Independent;"


@contextlib.asynccontextmanager
async def server(handler: Callable[[Stream], Awaitable[None]]) -> AsyncIterator[int]:
    tasks = TaskGroup("server", SystemClock(), random.random)
    running = StreamServer(bind(HOST, 0), handler, tasks)
    await running.start()
    try:
        yield running.port
    finally:
        await running.stop()


def answering(pages: Mapping[str, bytes]) -> Callable[[Stream], Awaitable[None]]:
    """Each path with its whole answer; 404 for others."""

    async def handle(stream: Stream) -> None:
        request = await stream.read()
        path = request.split(b" ")[1].decode("ascii")
        stream.write(pages.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))

    return handle


def page(body: str, status: str = "200 OK", *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n{body}".encode()


def subject(http_port: int, https_port: int = 0) -> Subject:
    web = WebServer(port=http_port, ssl_port=https_port, metro_ssl_port=0)
    return Subject(Configuration(web_server=web), SystemClock())


async def look(http_port: int, https_port: int = 0) -> dict[str, Result]:
    results = await examine(outside.checks(HOST), subject(http_port, https_port))
    return {result.code: result for result in results}


async def test_an_ignition_that_tells_its_version_and_does_not_redirect() -> None:
    pages = {"/StatusPing": page('{"state":"RUNNING"}'), "/system/gwinfo": page(IGNITION), "/": page("hello")}
    async with server(answering(pages)) as port:
        found = await look(port)
    assert found["host-status"].status is Status.OK
    assert f"http {port}" in found["host-ports"].evidence[0]
    assert found["host-gwinfo"].status is Status.WARNING
    assert "Version 8.3.0" in found["host-gwinfo"].evidence[0]
    assert found["host-redirect"].status is Status.WARNING
    assert found["host-certificate"].status is Status.NOT_CHECKED


async def test_one_that_waits_for_its_first_run_page() -> None:
    pages = {
        "/StatusPing": page('{"state":"RUNNING","details":"COMMISSIONING"}'),
        "/": page("", "302 Found", "Location: https://plant.example/"),
    }
    async with server(answering(pages)) as port:
        found = await look(port)
    assert found["host-status"].status is Status.WARNING
    assert "COMMISSIONING" in found["host-status"].evidence[0]
    assert found["host-gwinfo"].status is Status.OK
    assert found["host-redirect"].status is Status.OK


async def test_our_own_https(tmp_path: Path) -> None:
    tls = server_context(tmp_path, SystemClock())
    async with open_world(tmp_path, tls=tls) as world:
        found = await look(0, world.port)
        old = await exposure.old_tls(subject(0, world.port))
        headers = await exposure.headers(subject(0, world.port))
    assert found["host-certificate"].status is Status.OK
    assert "self-signed" in found["host-certificate"].evidence
    assert found["host-old-tls"].status is Status.OK
    assert old.status is Status.OK
    assert headers.status is Status.OK
    assert found["host-status"].status is Status.OK
    assert "https port" in found["host-status"].evidence[0]


async def test_a_server_that_still_takes_old_tls(tmp_path: Path) -> None:
    tls = server_context(tmp_path, SystemClock())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    async with open_world(tmp_path, tls=tls) as world:
        found = await outside.judge_old_tls(HOST, world.port)
    assert found.status is Status.WARNING
    assert "TLSv1.1" in found.evidence[0]


async def test_a_port_where_something_else_listens() -> None:
    async def shout(stream: Stream) -> None:
        stream.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await stream.read()

    async def silent(stream: Stream) -> None:
        await stream.read()

    async with server(shout) as port:
        found = await look(port)
        assert found["host-status"].status is Status.PROBLEM
        assert "does not speak HTTP" in found["host-status"].evidence[0]
        with pytest.raises(PeerError, match="TLS"):
            await http.handshake(HOST, port)
    async with server(silent) as port:
        with pytest.raises(PeerError, match="without an HTTP answer"):
            await http.get(HOST, port, "/")


async def test_a_host_where_nobody_listens() -> None:
    listener = bind(HOST, 0)
    port = listener.getsockname()[1]
    listener.close()
    found = await look(port)
    assert found["host-ports"].status is Status.PROBLEM
    assert "no gateway listens" in found["host-ports"].evidence[-1]
    assert found["host-status"].status is Status.PROBLEM
    assert found["host-redirect"].status is Status.OK
    assert found["host-gwinfo"].status is Status.NOT_CHECKED


async def test_an_answer_without_end_is_cut_and_one_that_never_comes_too() -> None:
    async def endless(stream: Stream) -> None:
        stream.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 * DOCTOR_ANSWER_BYTES))
        await stream.read()
        await stream.wait_closed()

    async def never(stream: Stream) -> None:
        await stream.wait_closed()

    async with server(endless) as port:
        answer = await http.get(HOST, port, "/")
        assert answer.status == 200
        assert len(answer.body) < 8 * DOCTOR_ANSWER_BYTES
    async with server(never) as port:
        with pytest.raises(Unavailable, match="no answer within"):
            await http.get(HOST, port, "/", seconds=0.05)
        with pytest.raises(Unavailable, match="handshake"):
            await http.handshake(HOST, port, seconds=0.05)


def test_the_old_client_offers_only_old_versions() -> None:
    context = http.old_context()
    assert context.maximum_version is ssl.TLSVersion.TLSv1_1
    assert http.pairs_of("A=1;B=x=y;nonsense; C = 3 ;") == {"A": "1", "B": "x=y", "C": "3"}
