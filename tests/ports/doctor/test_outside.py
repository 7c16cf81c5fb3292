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
from plantgate.errors import Unavailable
from plantgate.ports.doctor import asking, exposure, gateway, outside
from plantgate.ports.doctor.report import Result, Status
from plantgate.ports.doctor.run import examine
from plantgate.ports.doctor.subject import Subject
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.security.certificate import server_context
from tests.listeners.web.world import open_world
from tests.ports import peers

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
    assert "Ignition 8.3.0, system Linux, role Independent" in found["host-gwinfo"].evidence[0]
    assert f"http {port}: Ignition 8.3.0, RUNNING, Independent" in found["host-ports"].evidence
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
    assert "this machine does not trust it: self-signed certificate" in found["host-certificate"].evidence
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
        found = await outside.judge_old_tls(subject(0, world.port), HOST, world.port)
    assert found.status is Status.WARNING
    assert "TLSv1.1" in found.evidence[0]


async def test_a_port_where_something_else_listens() -> None:
    with peers.server(peers.says(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        found = await look(port, port)
    assert found["host-ports"].status is Status.PROBLEM
    assert any("speaks SSH" in line for line in found["host-ports"].evidence)
    assert f"http {port}: not what the port is for" in found["host-ports"].next_step
    assert found["host-status"].status is Status.PROBLEM
    assert "speaks SSH" in found["host-status"].evidence[0]
    assert found["host-redirect"].status is Status.NOT_CHECKED
    assert "gave no page" in found["host-redirect"].evidence[0]


async def test_https_where_plain_http_answers_and_the_reverse(tmp_path: Path) -> None:
    secure = peers.tls(peers.ignition(), peers.tls_context(tmp_path))
    with peers.server(secure) as https, peers.server(peers.ignition()) as http:
        found = await look(https, http)
    assert found["host-ports"].status is Status.PROBLEM
    assert found["host-certificate"].status is Status.PROBLEM
    assert "speaks HTTP: a gateway's HTTPS was expected" in found["host-certificate"].evidence[0]
    assert found["host-old-tls"].status is Status.NOT_CHECKED


@pytest.mark.parametrize(
    ("days", "names", "status", "words"),
    [
        (-3, "127.0.0.1", Status.PROBLEM, "ended 3 days ago"),
        (20, "127.0.0.1", Status.WARNING, "20 days left"),
        (90, "127.0.0.1", Status.OK, "90 days left"),
        (90, "10.9.9.9", Status.WARNING, "127.0.0.1 is not among the names"),
    ],
)
async def test_a_certificate_as_others_see_it(
    tmp_path: Path, days: int, names: str, status: Status, words: str
) -> None:
    context = peers.tls_context(tmp_path, days=days, address=names)
    with peers.server(peers.tls(peers.ignition(), context)) as port:
        found = (await look(0, port))["host-certificate"]
    assert found.status is status
    assert any(words in line for line in found.evidence), found.evidence


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


async def test_a_page_is_asked_for_and_the_reason_told_if_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(stream: Stream) -> None:
        await stream.wait_closed()

    monkeypatch.setattr(asking, "SECONDS", 0.05)
    async with server(never) as port:
        looked = subject(port, port)
        with pytest.raises(Unavailable, match="gave no page: the peer said nothing"):
            await asking.page(looked, HOST, port, "/", tls=False)
        with pytest.raises(Unavailable, match="does not speak TLS"):
            await asking.handshake(looked, HOST, port)
        with pytest.raises(Unavailable, match="old TLS"):
            await asking.old_tls(looked, HOST, port)
    with pytest.raises(Unavailable, match="refused"):
        await asking.page(looked, HOST, port, "/", tls=False)


async def test_whether_this_machines_gateway_runs_is_proved_in_the_same_way() -> None:
    with peers.server(peers.ignition()) as port:
        found = await gateway.running(subject(port))
    assert found.status is Status.OK
    assert found.evidence == (f"http port {port}: /StatusPing says RUNNING",)
    with peers.server(peers.says(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        other = await gateway.running(subject(port))
    assert other.status is Status.WARNING
    assert "speaks SSH" in other.evidence[1]
