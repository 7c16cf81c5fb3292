"""The live stream: what a page gets, in which order, and what happens to one that does not keep up (R09)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import websockets

from plantgate.limits import STREAM_PATHS
from plantgate.listeners.web import protocol, stream
from plantgate.listeners.web.stream import BEHIND
from plantgate.model.quality import Quality
from plantgate.model.status import Health, PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType
from tests.conftest import Eventually
from tests.listeners.web.world import LEVEL, NOTE, SPEED, START, STRIKE, World, close, open_world

Page = websockets.ClientConnection
ALL = {"tags": "all", "badges": True, "status": True}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(stream, "STATUS_SECONDS", 0.02)


async def receive(page: Page) -> dict[str, Any]:
    async with asyncio.timeout(10):
        message: dict[str, Any] = json.loads(await page.recv())
        return message


async def until(page: Page, kind: str) -> dict[str, Any]:
    """The next message of `kind`."""
    while (message := await receive(page))["type"] != kind:
        pass
    return message


async def subscribe(page: Page, **wanted: Any) -> None:
    await page.send(json.dumps({"subscribe": wanted}))


async def closed(page: Page) -> tuple[int, str]:
    """Read until the gateway closes: its code and reason."""
    async with asyncio.timeout(10):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await page.recv()
    assert page.close_code is not None
    return page.close_code, page.close_reason or ""


async def test_hello_then_nothing_until_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_SECONDS", 0.1)
    async with world.page() as page:
        hello = await receive(page)
        assert hello.pop("now") > START // 1_000
        assert hello == {"type": "hello", "gateway": "plant", "version": "1.2.3"}
        world.change(SPEED, 9.0)
        await world.badge(1)
        assert (await receive(page))["type"] == "ping"


async def test_a_quiet_page_is_pinged_again_and_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_SECONDS", 0.03)
    async with world.page() as page:
        await receive(page)
        first, second = await receive(page), await receive(page)
        assert first["type"] == second["type"] == "ping"
        assert second["now"] >= first["now"] > START // 1_000


async def test_snapshot_then_the_latest_of_each_tag(world: World) -> None:
    world.change(LEVEL, None, Quality.BAD_NOT_CONNECTED, "refused by plc")
    async with world.page() as page:
        await receive(page)
        await subscribe(page, tags="all")
        snapshot = await receive(page)
        assert (snapshot["type"], snapshot["snapshot"]) == ("tags", True)
        rows = {row[0]: row for row in snapshot["changes"]}
        assert set(rows) == {SPEED, LEVEL, STRIKE, NOTE}
        assert (rows[LEVEL][1], rows[LEVEL][2], rows[LEVEL][4]) == (7, 522, "refused by plc")
        assert rows[NOTE][3] > START // 1_000
        for number in range(50):  # all within one tick
            world.change(SPEED, float(number))
        world.change(NOTE, "busy")
        changes = await receive(page)
        assert "snapshot" not in changes
        assert sorted((row[0], row[1]) for row in changes["changes"]) == [(SPEED, 49.0), (NOTE, "busy")]


async def test_a_page_gets_the_tags_it_named_only(world: World) -> None:
    async with world.page() as page:
        await receive(page)
        await subscribe(page, tags=["Line 1/Speed", NOTE, "[default]Gone", SPEED])
        assert [row[0] for row in (await receive(page))["changes"]] == [SPEED, NOTE]
        world.change(LEVEL, 8)
        world.change(NOTE, "busy")
        assert [row[:2] for row in (await receive(page))["changes"]] == [[NOTE, "busy"]]


async def test_a_new_subscription_replaces_the_old(world: World) -> None:
    async with world.page() as page:
        await receive(page)
        await subscribe(page, **ALL)
        await until(page, "tags")
        await subscribe(page, tags=[NOTE])
        assert [row[0] for row in (await until(page, "tags"))["changes"]] == [NOTE]
        world.change(SPEED, 3.0)
        await world.badge(1)
        world.parts.clear()
        world.change(NOTE, "end")
        assert (await receive(page))["changes"][0][:2] == [NOTE, "end"]


async def test_nothing_to_show_is_an_answer_too(world: World) -> None:
    async with world.page() as page:
        await receive(page)
        await subscribe(page, tags=["[default]Gone"])
        snapshot = await receive(page)
        assert (snapshot["snapshot"], snapshot["changes"]) == (True, [])


async def test_a_large_plant_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SNAPSHOT_ROWS", 10)
    definitions = [TagDefinition(f"[default]T{n:02d}", DataType.INT4, initial=n) for n in range(25)]
    async with open_world(tmp_path, definitions=definitions) as world, world.page() as page:
        await receive(page)
        await subscribe(page, tags="all")
        pieces = [await receive(page) for _ in range(3)]
        assert [len(piece["changes"]) for piece in pieces] == [10, 10, 5]
        assert all(piece["snapshot"] for piece in pieces)
        now = world.clock.wall()
        world.tree.publish(Batch(range(25), [-1] * 25, [192] * 25, [now] * 25, now))
        rows = [row for _ in range(3) for row in (await receive(page))["changes"]]
        assert [row[:2] for row in rows] == [[definition.path, -1] for definition in definitions]


async def test_every_badge_in_order(world: World) -> None:
    async with world.page() as first, world.page() as second:
        for page in (first, second):
            await receive(page)
            await subscribe(page, badges=True, status=True)
            await until(page, "status")
        for number in range(1, 301):
            await world.badge(number)
        for page in (first, second):
            events = [(await until(page, "badge"))["event"] for _ in range(300)]
            assert [event["id"] for event in events] == list(range(1, 301))
            assert (events[0]["uid"], events[0]["latency_ms"]) == ("…0001", 1.5)


async def test_status_comes_whole_and_when_it_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_SECONDS", 0.2)
    async with world.page() as page:
        await receive(page)
        await subscribe(page, status=True)
        status = await receive(page)
        assert (status["type"], status["state"], len(status["items"])) == ("status", "RUNNING", 3)
        await until(page, "ping")  # nothing new: quiet
        world.parts.append(PartStatus("store", "history", Health.FAILED, "full", START, "no space", "free some"))
        status = await receive(page)
        assert (status["type"], len(status["items"])) == ("status", 4)
        assert status["items"][3]["next_step"] == "free some"
        await until(page, "ping")


async def test_one_text_for_every_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 pages that watch all tags cost one encoding a tick."""
    made: list[str] = []
    original = stream._changes

    def counted(*args: Any, **kwargs: Any) -> str:
        made.append(original(*args, **kwargs))
        return made[-1]

    async with contextlib.AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(world.page()) for _ in range(20)]
        for page in pages:
            await receive(page)
            await subscribe(page, tags="all")
            await until(page, "tags")
        monkeypatch.setattr(stream, "_changes", counted)
        world.change(SPEED, 77.0)
        for page in pages:
            assert (await receive(page))["changes"][0][1] == 77.0
        assert len(made) == 1


# pages that don't keep up


async def stop_reading(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A page that subscribes to everything, with a small receive buffer, and reads no more than its handshake."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", world.port))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1_024)  # noqa: TID251 - as any client would
    writer.write(
        b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    text = json.dumps({"subscribe": ALL}).encode()
    writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    return reader, writer


async def test_a_page_that_falls_behind_is_told_so_while_others_get_everything(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(stream, "STREAM_EVENT_BACKLOG", 50)
    reader, writer = await stop_reading(world)
    async with world.page() as good:
        await receive(good)
        await subscribe(good, badges=True)
        await eventually(lambda: world.hub.clients == 2 and sum(each.badges for each in world.hub._clients) == 2)
        (bad,) = (client for client in world.hub._clients if client.all_tags)

        got: list[int] = []

        async def collect() -> None:
            while True:
                got.append((await until(good, "badge"))["event"]["id"])

        collecting = asyncio.get_running_loop().create_task(collect())
        number = 0
        while bad.ending is None:
            number += 1
            assert number < 3_000
            world.change(NOTE, f"{'x' * 100_000}{number}")
            await world.badge(number)
            assert len(bad.texts) <= 50
            await asyncio.sleep(0.002)
        await eventually(lambda: len(got) == number)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        assert got == list(range(1, number + 1))
        assert len(bad.texts) <= 50
        assert len(bad.missed) <= len(world.tree.definitions())
        await eventually(lambda: world.hub.clients == 1)
    # What was on its way is still there, and behind it the code that tells the page to reload.
    received = bytearray()
    async with asyncio.timeout(10):
        while chunk := await reader.read(65_536):
            received += chunk
            if BEHIND.to_bytes(2, "big") + b"too far behind: reload" in received:
                break
    assert b"too far behind: reload" in received
    await close(writer)
    await eventually(lambda: world.listener.connections == 0)


async def test_a_page_that_never_reads_is_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    """Tag changes coalesce for ever, but a place is not held for ever."""
    monkeypatch.setattr(protocol, "HTTP_STALL_SECONDS", 0.2)
    _, writer = await stop_reading(world)
    await eventually(lambda: world.hub.clients == 1)
    (client,) = world.hub._clients
    number = 0
    while world.hub.clients:
        number += 1
        world.change(NOTE, f"{'x' * 50_000}{number}")
        assert len(client.texts) <= 2
        await asyncio.sleep(0.005)
        assert number < 2_000
    await eventually(lambda: world.listener.connections == 0)
    await close(writer)


async def test_asking_again_and_again_costs_no_memory(world: World, eventually: Eventually) -> None:
    _, writer = await stop_reading(world)
    world.change(NOTE, "x" * 4_000)
    text = json.dumps({"subscribe": ALL}).encode()
    frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
    await eventually(lambda: world.hub.clients == 1)
    (client,) = world.hub._clients
    for _ in range(300):
        writer.write(frame * 10)
        await asyncio.sleep(0)
        assert len(client.texts) <= 1
        assert len(client.snapshot) <= 1
    await close(writer)
    await eventually(lambda: world.hub.clients == 0 and world.listener.connections == 0)


# pages that may not, or make no sense


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"subscribe":null}',
        '{"subscribe":{"tags":"some"}}',
        '{"subscribe":{"tags":7}}',
        '{"subscribe":{"tags":[7]}}',
        '{"subscribe":{"badges":"yes"}}',
        '{"subscribe":{"alerts":true}}',
        '{"subscribe":{"' + "\u4e2d" * 300 + '":true}}',
        '{"subscribe":{"tags":' + "[" * 50_000,
        b'{"subscribe":{}}',
        b"\xff\xfe",
    ],
    ids=lambda message: str(message[:20]),
)
async def test_a_message_that_makes_no_sense_is_told_so(
    world: World, eventually: Eventually, caplog: pytest.LogCaptureFixture, message: str | bytes
) -> None:
    async with world.page() as page:
        await receive(page)
        await page.send(message)
        code, reason = await closed(page)
        assert code == 4400
        assert reason
        assert reason.isascii()
    await eventually(lambda: world.hub.clients == 0 and world.listener.connections == 0)
    assert caplog.text == ""


async def test_too_many_paths_are_refused_not_cut(world: World) -> None:
    async with world.page() as page:
        await receive(page)
        await subscribe(page, tags=[SPEED] * STREAM_PATHS)
        assert len((await receive(page))["changes"]) == 1
        await subscribe(page, tags=[SPEED] * (STREAM_PATHS + 1))
        assert (await closed(page))[0] == 4400


async def test_a_message_over_the_bound_ends_the_page(world: World, eventually: Eventually) -> None:
    async with world.page() as page:
        await receive(page)
        await page.send("x" * 1_100_000)
        assert (await closed(page))[0] == 1009
    await eventually(lambda: world.hub.clients == 0 and world.listener.connections == 0)


async def test_too_many_pages(world: World, monkeypatch: pytest.MonkeyPatch, eventually: Eventually) -> None:
    monkeypatch.setattr(stream, "STREAM_CLIENTS", 2)
    async with world.page() as first, world.page() as second:
        await receive(first)
        await receive(second)
        async with world.page() as third:
            assert await closed(third) == (4429, "too many pages are open")
        assert world.hub.clients == 2
    await eventually(lambda: world.hub.clients == 0)
    async with world.page() as again:
        assert (await receive(again))["type"] == "hello"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"x-forwarded-for": "10.0.0.1"},
    ],
    ids=str,
)
async def test_foreign_pages_are_refused(world: World, eventually: Eventually, headers: dict[str, str]) -> None:
    lines = {
        "host": world.host,
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
    } | headers
    request = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    answer = await world.raw(
        f"GET /api/v1/stream HTTP/1.1\r\n{request}sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert world.hub.clients == 0
    await eventually(lambda: world.listener.connections == 0)


async def test_our_own_page_is_let_in(world: World) -> None:
    async with world.page(origin=world.url) as page:
        assert (await receive(page))["type"] == "hello"


async def test_signing_out_ends_the_pages_of_that_session(world: World) -> None:
    headers = world.sign_in()
    proxied = headers | {"x-forwarded-for": "10.0.0.1"}
    async with world.page(additional_headers=proxied) as remote, world.page(additional_headers=headers) as local:
        for page in (remote, local):
            await receive(page)
            await subscribe(page, tags="all")
            await until(page, "tags")
        async with world.client() as client:
            await client.delete("/api/v1/session", headers=headers)
        assert await closed(remote) == (4403, "signed out")
        world.change(SPEED, 5.0)
        assert (await receive(local))["changes"][0][1] == 5.0  # this host needs no session to read


async def test_a_handshake_that_only_http_likes_is_ended(world: World, eventually: Eventually) -> None:
    """The WebSocket library has bounds of its own for header lines, and says nothing when they are passed."""
    upgrade = b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    for extra in (b"cookie: " + b"a" * 20_000 + b"\r\n", b"x: y\r\n" * 300, b"sec-websocket-version: 8\r\n", b""):
        answer = await world.raw(upgrade + extra + b"\r\n")
        assert b" 101 " not in answer.partition(b"\r\n")[0]
    await eventually(lambda: world.listener.connections == 0)
    async with world.page() as page:
        assert (await receive(page))["type"] == "hello"


@pytest.mark.parametrize("path", ["/", "/api/v1/tags", "/StatusPing", "/api/v1/stream/"])
async def test_other_paths_are_no_stream(world: World, eventually: Eventually, path: str) -> None:
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(f"ws://{world.host}{path}", proxy=None):
            pass
    await eventually(lambda: world.listener.connections == 0)


# the end


async def test_stopping_closes_the_pages(world: World, eventually: Eventually) -> None:
    async with world.page() as page:
        await receive(page)
        await subscribe(page, **ALL)
        await until(page, "tags")
        await world.listener.stop()
        assert (await closed(page))[0] == 1012
    assert world.listener.connections == 0
    assert world.hub.clients == 0


async def test_stopping_does_not_wait_for_a_page_that_does_not_read(world: World, eventually: Eventually) -> None:
    _, writer = await stop_reading(world)
    await eventually(lambda: world.hub.clients == 1)
    for number in range(200):
        world.change(NOTE, f"{'x' * 50_000}{number}")
        await asyncio.sleep(0.001)
    async with asyncio.timeout(5):
        await world.listener.stop()
    assert world.listener.connections == 0
    await close(writer)


async def test_a_page_that_vanishes_costs_nothing(world: World, eventually: Eventually) -> None:
    for _ in range(5):
        page = await world.page()
        await receive(page)
        await subscribe(page, **ALL)
        page.transport.abort()
    await eventually(lambda: world.hub.clients == 0 and world.listener.connections == 0)
    world.change(SPEED, 1.0)
    await world.badge(1)
