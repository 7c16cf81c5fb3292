"""HTTPS with the gateway's own certificate, and what may not speak it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import websockets

from plantgate.listeners.web import embedded
from plantgate.listeners.web.application import Secure
from plantgate.runtime.admission import Admission
from plantgate.runtime.clock import SystemClock
from plantgate.security.certificate import server_context
from tests.conftest import Eventually
from tests.listeners.web.world import World, close, open_world, write_page


@pytest_asyncio.fixture
async def secured(tmp_path: Path) -> AsyncIterator[World]:
    write_page(tmp_path)
    tls = server_context(tmp_path, SystemClock())
    async with open_world(tmp_path, tls=tls, secure=Secure(required=True, redirect=True, port=1)) as world:
        yield world


def trust(world: World) -> ssl.SSLContext:
    """A client that checks the certificate and its names."""
    return ssl.create_default_context(cafile=str(Path(world.context.info.data_dir) / "pki/own/https.crt.pem"))


async def test_the_whole_application_over_tls(secured: World) -> None:
    async with secured.client(verify=trust(secured)) as client:
        for _ in range(3):
            assert (await client.get("/StatusPing")).content == b'{"state":"RUNNING"}'
        assert (await client.get("/")).text.endswith("the page")
        assert "RequireSsl=true;" in (await client.get("/system/gwinfo")).text
        answer = await client.post("/api/v1/session", json={"token": "once"})
        assert "secure" in answer.headers["set-cookie"].lower().split("; ")
        assert (await client.get("/api/v1/session")).json()["signed_in"] is True
        big = await client.post("/api/v1/session", content=b"x" * 500_000)
        assert big.status_code == 400


async def test_the_stream_over_tls(secured: World) -> None:
    async with websockets.connect(
        f"wss://{secured.host}/api/v1/stream",
        ssl=trust(secured),
        proxy=None,
        origin=websockets.Origin(f"https://{secured.host}"),
    ) as page:
        assert '"hello"' in str(await page.recv())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:.*TLSv1.*:DeprecationWarning")
async def test_old_tls_is_refused(secured: World, version: ssl.TLSVersion) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = version
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset, as the system has it
        await secured.connect(ssl=old)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_new_tls_is_spoken(secured: World, version: ssl.TLSVersion) -> None:
    context = trust(secured)
    context.minimum_version = context.maximum_version = version
    async with secured.client(verify=context) as client:
        assert (await client.get("/StatusPing")).status_code == 200


async def test_connections_are_counted_before_their_handshake(secured: World, eventually: Eventually) -> None:
    assert secured.listener._config is not None
    secured.listener._config.admission = Admission(total=3, per_address=3)
    silent = [await secured.connect() for _ in range(4)]
    await eventually(lambda: (secured.listener.connections, secured.listener.refused) == (3, 1))
    for _, writer in silent:
        await close(writer)
    await eventually(lambda: secured.listener.connections == 0)
    async with secured.client(verify=trust(secured)) as client:
        assert (await client.get("/StatusPing")).status_code == 200
    await eventually(lambda: secured.listener.connections == 0)


@pytest.mark.parametrize("bytes_sent", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 1_000])
async def test_what_is_no_handshake_ends_by_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually, bytes_sent: bytes
) -> None:
    monkeypatch.setattr(embedded, "TLS_HANDSHAKE_SECONDS", 0.1)
    async with open_world(tmp_path, tls=server_context(tmp_path, SystemClock())) as world:
        assert b"HTTP/1.1" not in await world.raw(bytes_sent)
        await eventually(lambda: world.listener.connections == 0)


async def test_a_reset_during_the_handshake_frees_the_place(secured: World, eventually: Eventually) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(5):
        plain = socket.socket()
        plain.setblocking(False)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        await loop.sock_connect(plain, ("127.0.0.1", secured.port))
        await loop.sock_sendall(plain, b"\x16\x03\x01\x02\x00\x01")
        plain.close()
    await eventually(lambda: secured.listener.connections == 0)
    async with secured.client(verify=trust(secured)) as client:
        assert (await client.get("/StatusPing")).status_code == 200
