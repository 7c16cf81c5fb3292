"""StatusPing, gwinfo and health: what balancers and Ignition's own checks read."""

from __future__ import annotations

import httpx
import pytest

from plantgate.model.status import GatewayState, Health, PartStatus
from tests.listeners.web.world import World, failed_listener


@pytest.mark.parametrize("path", ["/StatusPing", "/system/StatusPing", "/main/StatusPing"])
@pytest.mark.parametrize("state", list(GatewayState))
async def test_status_ping_is_exact(world: World, client: httpx.AsyncClient, path: str, state: GatewayState) -> None:
    world.state = state
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.content == b'{"state":"%s"}' % state.value.encode()
    assert answer.headers["content-type"] == "application/json"
    head = await client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(answer.content)))


async def test_status_ping_takes_no_other_method_and_no_other_path(client: httpx.AsyncClient) -> None:
    assert (await client.post("/StatusPing")).status_code == 405
    assert b'"state"' not in (await client.get("/StatusPing/")).content


async def test_gwinfo_layout(world: World, client: httpx.AsyncClient) -> None:
    world.state = GatewayState.STARTING
    answer = await client.get("/system/gwinfo")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.endswith(";")
    pairs = [pair.partition("=") for pair in answer.text[:-1].split(";")]
    assert [key for key, _, _ in pairs] == [
        "ContextStatus",
        "PlatformName",
        "Version",
        "PlatformEdition",
        "OS",
        "RuntimeVersion",
        "RedundancyStatus",
        "RedundantState",
        "RedundantNodeActiveStatus",
        "RequireSsl",
    ]
    values = {key: value for key, _, value in pairs}
    assert values["ContextStatus"] == "STARTING"
    assert values["Version"] == "1.2.3"
    assert values["PlatformEdition"] == ""
    assert (values["RedundancyStatus"], values["RequireSsl"]) == ("Independent", "false")


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (GatewayState.STARTING, (200, 503, 503)),
        (GatewayState.RUNNING, (200, 200, 200)),
        (GatewayState.STOPPING, (200, 503, 503)),
    ],
)
async def test_health_codes(
    world: World, client: httpx.AsyncClient, state: GatewayState, codes: tuple[int, int, int]
) -> None:
    world.state = state
    answers = [await client.get(f"/health/{name}") for name in ("live", "ready", "active")]
    assert tuple(answer.status_code for answer in answers) == codes
    for answer in answers:
        body = answer.json()
        assert body["state"] == state
        assert body["role"] == "Independent"
        assert bool(body["problems"]) == (answer.status_code == 503)
        assert body["status"] == ("ok" if answer.status_code == 200 else "unavailable")


async def test_a_failed_listener_is_named_with_its_process(world: World, client: httpx.AsyncClient) -> None:
    failed_listener(world)
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["https: port 8043 is taken, held by java (pid 4711)"]
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/StatusPing")).content == b'{"state":"RUNNING"}'


async def test_a_store_that_failed_is_not_ready_but_a_device_is_no_reason(
    world: World, client: httpx.AsyncClient
) -> None:
    assert any(part.kind == "device" and part.health is Health.FAILED for part in world.parts)
    assert (await client.get("/health/ready")).status_code == 200
    world.parts.append(PartStatus("store", "history", Health.FAILED, "can't write", 0, "no space left", "free some"))
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["history: no space left"]
