"""Who may: the matrix of every route and every kind of caller (R15), sessions, origins, host names (R22)."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.readers import ReaderBoard
from plantgate.listeners.web.routes import endpoints
from plantgate.security.sessions import IDLE_SECONDS
from tests.listeners.web.examples import name, path, request, seed
from tests.listeners.web.world import SPEED, World, open_world

# Every route of the table has its rule here a second time: a new one must be thought of twice.
EXPECTED = {
    "GET /system/gwinfo": Rule.OPEN,
    "GET /health/live": Rule.OPEN,
    "GET /health/ready": Rule.OPEN,
    "GET /health/active": Rule.OPEN,
    "GET /metrics": Rule.OPEN,
    "GET /api/v1/session": Rule.OPEN,
    "POST /api/v1/session": Rule.OPEN,
    "DELETE /api/v1/session": Rule.OPEN,
    "GET /api/v1/gateway": Rule.READ,
    "GET /api/v1/status": Rule.READ,
    "GET /api/v1/ports": Rule.READ,
    "GET /api/v1/port-changes": Rule.READ,
    "POST /api/v1/ports/{name}": Rule.COMMAND,
    "POST /api/v1/ports/{name}/confirm": Rule.COMMAND,
    "GET /api/v1/tags": Rule.READ,
    "GET /api/v1/tags/value": Rule.READ,
    "POST /api/v1/tags/read": Rule.READ,
    "POST /api/v1/tags/write": Rule.COMMAND,
    "POST /api/v1/tags/write-many": Rule.COMMAND,
    "GET /api/v1/history": Rule.READ,
    "GET /api/v1/history/stats": Rule.READ,
    "GET /api/v1/readers": Rule.READ,
    "POST /api/v1/readers/{name}/commands": Rule.COMMAND,
    "GET /api/v1/badge-events": Rule.READ,
    # Data about people: nobody sees them without having signed in, not even on this host.
    **{
        f"{method} /api/v1/access/{route}": Rule.COMMAND
        for route, methods in {
            "holders": "GET",
            "holders/{key}": "PUT DELETE",
            "holders/{key}/picture": "GET PUT DELETE",
            "cards": "GET POST",
            "cards/{key}": "PUT DELETE",
            "groups": "GET",
            "groups/{key}": "PUT DELETE",
            "zones": "GET",
            "zones/{key}": "PUT DELETE",
            "passages": "GET",
            "passages/{key}": "PUT DELETE",
            "calendars": "GET",
            "calendars/{key}": "PUT DELETE",
            "schedules": "GET",
            "schedules/{key}": "PUT DELETE",
            "lockdowns": "GET",
            "rules": "GET PUT",
            "presence": "GET",
            "presence/forgive": "POST",
            "explain": "GET",
            "what-if": "POST",
            "changes": "GET",
            "enrol": "POST",
            "lockdown": "POST",
            "release": "POST",
            "export.csv": "GET",
            "import": "POST",
        }.items()
        for method in methods.split()
    },
    "GET /api/v1/tags/browse": Rule.READ,
    "GET /api/v1/tags/configuration": Rule.READ,
    "GET /api/v1/tags/configurations": Rule.READ,
    "GET /api/v1/tags/export": Rule.READ,
    "PUT /api/v1/tags/configuration": Rule.COMMAND,
    "POST /api/v1/tags/remove": Rule.COMMAND,
    "POST /api/v1/tags/rename": Rule.COMMAND,
    "POST /api/v1/tags/import": Rule.COMMAND,
    "POST /api/v1/tags/reload": Rule.COMMAND,
    "GET /api/v1/tag-groups": Rule.READ,
    "PUT /api/v1/tag-groups/{name}": Rule.COMMAND,
    "DELETE /api/v1/tag-groups/{name}": Rule.COMMAND,
    "GET /api/v1/devices": Rule.READ,
    "GET /api/v1/devices/{name}": Rule.READ,
    "GET /api/v1/devices/{name}/plan": Rule.READ,
    "GET /api/v1/alarms": Rule.READ,
    "POST /api/v1/alarms/acknowledge": Rule.COMMAND,
    "POST /api/v1/alarms/shelve": Rule.COMMAND,
    "POST /api/v1/alarms/unshelve": Rule.COMMAND,
    "GET /api/v1/alarms/journal": Rule.READ,
    "GET /api/v1/badge-events/export": Rule.COMMAND,
    "GET /api/v1/badge-events/verify": Rule.COMMAND,
}
FOREIGN_HOST, FOREIGN_ORIGIN, PROXIED = {"host": "evil.example"}, {"origin": "http://evil.example"}, {"via": "1.1 p"}
ALLOWED, SIGN_IN, HOST, ORIGIN = (200, None), (403, "WEB-403"), (421, "WEB-421"), (403, "WEB-405")
CALLERS: dict[str, tuple[dict[str, str], bool, dict[Rule, tuple[int, str | None]]]] = {
    # caller: headers, signed in, what each rule says to it
    "this host": ({}, False, {Rule.READ: ALLOWED, Rule.COMMAND: SIGN_IN}),
    "this host, signed in": ({}, True, {Rule.READ: ALLOWED, Rule.COMMAND: ALLOWED}),
    "foreign host name": (FOREIGN_HOST, True, {Rule.READ: HOST, Rule.COMMAND: HOST}),
    "foreign page": (FOREIGN_ORIGIN, True, {Rule.READ: ALLOWED, Rule.COMMAND: ORIGIN}),
    "page without a name": ({"origin": "null"}, True, {Rule.READ: ALLOWED, Rule.COMMAND: ORIGIN}),
    "broken origin": ({"origin": "http://["}, True, {Rule.READ: ALLOWED, Rule.COMMAND: ORIGIN}),
    "broken host": ({"host": "[x"}, True, {Rule.READ: HOST, Rule.COMMAND: HOST}),
    "proxied": ({"x-forwarded-for": "10.1.1.1"}, False, {Rule.READ: SIGN_IN, Rule.COMMAND: SIGN_IN}),
    "proxied, other header": (PROXIED, False, {Rule.READ: SIGN_IN, Rule.COMMAND: SIGN_IN}),
    "proxied, signed in": ({"forwarded": "for=10.1.1.1"}, True, {Rule.READ: ALLOWED, Rule.COMMAND: ALLOWED}),
    "own host name": ({"host": "gate.plant"}, True, {Rule.READ: ALLOWED, Rule.COMMAND: ALLOWED}),
}
# These are OPEN but look after themselves.
OWN_RULES: dict[tuple[str, str], tuple[int, str | None]] = {
    ("POST /api/v1/session", "foreign host name"): HOST,
    ("POST /api/v1/session", "broken host"): HOST,
    ("POST /api/v1/session", "foreign page"): ORIGIN,
    ("POST /api/v1/session", "page without a name"): ORIGIN,
    ("POST /api/v1/session", "broken origin"): ORIGIN,
    ("DELETE /api/v1/session", "foreign page"): ORIGIN,
    ("DELETE /api/v1/session", "page without a name"): ORIGIN,
    ("DELETE /api/v1/session", "broken origin"): ORIGIN,
}


def test_every_route_has_its_rule() -> None:
    assert {name(endpoint): endpoint.rule for endpoint in endpoints(ReaderBoard())} == EXPECTED


@pytest.mark.parametrize("caller", CALLERS)
async def test_access_matrix(world: World, client: httpx.AsyncClient, caller: str) -> None:
    headers, signed_in, says = CALLERS[caller]
    await seed(world)
    before = world.desk.data().revision
    for endpoint in endpoints(ReaderBoard()):
        cookie = world.sign_in() if signed_in else {}
        status, code = OWN_RULES.get((name(endpoint), caller)) or (says | {Rule.OPEN: ALLOWED})[endpoint.rule]
        answer = await client.request(
            endpoint.method,
            path(endpoint),
            headers=headers | cookie,
            **request(endpoint),
        )
        got = answer.json().get("code") if answer.headers.get("content-type") == "application/problem+json" else None
        seen = 200 if answer.status_code == 204 else answer.status_code
        assert (seen, got) == (status, code), f"{name(endpoint)} by {caller}: {answer.text[:200]}"
        client.cookies.clear()
    commanded = CALLERS[caller][2][Rule.COMMAND] == ALLOWED
    assert bool(world.reader.commands) == commanded
    assert bool(world.ports.asked) == commanded
    assert (world.desk.data().revision > before) == commanded
    assert (world.tree.read(0).value == 2) == commanded
    assert (world.alarms.events[1].acked_by == "ada") == commanded


async def test_a_host_name_needs_no_port_and_no_case(client: httpx.AsyncClient) -> None:
    for host in ("LOCALHOST:9", "localhost", "gate.PLANT:8088", "127.0.0.1", "[::1]:8088", "192.168.1.5"):
        assert (await client.get("/api/v1/gateway", headers={"host": host})).status_code == 200
    for host in ("localhost.evil.example", "evil.example:8088", "localhost@evil.example", "", "127.0.0.1.nip.io"):
        assert (await client.get("/api/v1/gateway", headers={"host": host})).status_code == 421


async def test_our_own_page_may_command(world: World, client: httpx.AsyncClient) -> None:
    headers = world.sign_in() | {"origin": world.url}
    answer = await client.post("/api/v1/readers/entrance/commands", json={"action": "wink"}, headers=headers)
    assert answer.status_code == 200
    other_port = world.sign_in() | {"origin": "http://127.0.0.1:1"}
    answer = await client.post("/api/v1/readers/entrance/commands", json={"action": "wink"}, headers=other_port)
    assert answer.json()["code"] == "WEB-405"


# sessions


async def test_a_link_signs_in_once(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/session")).json() == {"signed_in": False, "actor": None}
    answer = await client.post("/api/v1/session", json={"token": "once"})
    assert (answer.status_code, answer.json()) == (200, {"signed_in": True, "actor": "operator"})
    name_and_value, *attributes = answer.headers["set-cookie"].split("; ")
    port = world.host.rpartition(":")[2]
    assert name_and_value.startswith(f"plantgate_session_{port}="), "cookies know no ports: their names have to"
    assert len(name_and_value) > 50
    assert {attribute.lower() for attribute in attributes} == {
        "httponly",
        "samesite=strict",
        "path=/",
        f"max-age={int(IDLE_SECONDS)}",
    }
    assert (await client.get("/api/v1/session")).json() == {"signed_in": True, "actor": "operator"}
    again = await client.post("/api/v1/session", json={"token": "once"})
    assert (again.status_code, again.json()["code"]) == (403, "WEB-406")
    assert "set-cookie" not in again.headers


async def test_signing_out_ends_the_session_for_every_holder_of_its_cookie(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = world.sign_in()
    answer = await client.delete("/api/v1/session", headers=headers)
    assert answer.json() == {"signed_in": False, "actor": None}
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert (await client.get("/api/v1/session", headers=headers)).json()["signed_in"] is False
    write = await client.post("/api/v1/tags/write", json={"path": SPEED, "value": 2}, headers=headers)
    assert write.json()["code"] == "WEB-403"


@pytest.mark.parametrize("cookie", ["", "x", "plantgate_session", "\xff\xfe", "a" * 5_000])
async def test_an_invented_cookie_is_nobody(world: World, client: httpx.AsyncClient, cookie: str) -> None:
    port = world.host.rpartition(":")[2]
    headers = {"cookie": f"plantgate_session_{port}={cookie}".encode("latin-1")}
    answer = await client.get("/api/v1/session", headers=headers)  # type: ignore[arg-type]
    assert answer.json() == {"signed_in": False, "actor": None}


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 100_000}, {"token": 1}, {"token": "\ud800"}])
async def test_a_wrong_token_does_not_sign_in(world: World, client: httpx.AsyncClient, body: dict[str, object]) -> None:
    import json

    answer = await client.post("/api/v1/session", content=json.dumps(body))
    assert answer.status_code in (400, 403)
    assert "set-cookie" not in answer.headers
    assert len(world.context.sessions) == 0


async def test_the_audit_gets_the_actor_and_the_address(world: World, client: httpx.AsyncClient) -> None:
    from structlog.testing import capture_logs

    with capture_logs() as lines:
        await client.post("/api/v1/tags/write", json={"path": SPEED, "value": 2}, headers=world.sign_in())
    (line,) = [line for line in lines if line["event"] == "command"]
    assert (line["actor"], line["address"], line["outcome"]) == ("ada", "127.0.0.1", "done")


async def test_two_gateways_do_not_share_sessions(world: World, client: httpx.AsyncClient, tmp_path: Path) -> None:
    async with open_world(tmp_path / "other") as other:
        answer = await client.get("/api/v1/session", headers=other.sign_in())
    assert answer.json()["signed_in"] is False
