"""Access control over REST: collections, optimistic locking, questions, CSV, pictures, the journal for auditors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from plantgate.limits import ACCESS_PICTURE_BYTES, HTTP_BODY_BYTES
from plantgate.model.access import Card, Holder, Put
from plantgate.model.badge import AccessVerdict, JournalEntry
from plantgate.model.command import Origin
from tests.listeners.web.examples import PNG, SPARE_CARD, seed
from tests.listeners.web.world import World, decision

BASE = "/api/v1/access"
ADA_CARD = "a" * 32


@pytest_asyncio.fixture
async def guard_room(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in, with the access data of examples.py."""
    await seed(world)
    async with world.client(headers=world.sign_in()) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return body


# collections


async def test_lists_are_searched_filtered_and_paged(guard_room: httpx.AsyncClient) -> None:
    async def ids(path: str, key: str = "id", **params: Any) -> list[str]:
        answer = await guard_room.get(f"{BASE}/{path}", params=params)
        assert answer.status_code == 200
        assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'
        return [item[key] for item in answer.json()["items"]]

    assert await ids("holders") == ["ada", "spare"]
    assert await ids("holders", search="LOVE ada") == ["ada"]
    assert await ids("holders", search="may") == ["spare"]
    assert await ids("holders", group="staff") == ["ada"]
    assert await ids("holders", limit=1, offset=1) == ["spare"]
    assert set(await ids("cards", holder="ada")) == {ADA_CARD, SPARE_CARD}
    assert await ids("cards", search="c080") == [ADA_CARD]
    assert await ids("cards", holder="nobody") == []
    assert await ids("lockdowns", "zone") == ["hall"]
    metadata = (await guard_room.get(f"{BASE}/holders", params={"search": "ada", "limit": 1})).json()["metadata"]
    assert metadata == {"total": 2, "matching": 1, "limit": 1, "offset": 0}
    problem(await guard_room.get(f"{BASE}/holders", params={"search": " ".join(map(str, range(99)))}), 400, "WEB-432")


async def test_a_holder_is_shown_with_cards_and_picture(guard_room: httpx.AsyncClient) -> None:
    ada, spare = (await guard_room.get(f"{BASE}/holders")).json()["items"]
    assert sorted(card["last4"] for card in ada["cards"]) == ["5555", "C080"]
    assert (ada["picture"], ada["zone"], ada["since"]) == (True, "", None)
    assert (spare["picture"], spare["cards"]) == (False, [])


async def test_what_is_put_is_there_and_times_are_milliseconds(world: World, guard_room: httpx.AsyncClient) -> None:
    body = {"name": "Grace Hopper", "groups": ["staff"], "valid_from": 1_700_000_000_000, "note": "navy"}
    answer = await guard_room.put(f"{BASE}/holders/grace", json=body)
    assert answer.json() == {"revision": world.desk.data().revision}
    assert world.desk.data().holders["grace"].valid_from == 1_700_000_000_000_000
    (row,) = (await guard_room.get(f"{BASE}/holders", params={"search": "navy"})).json()["items"]
    assert (row["valid_from"], row["valid_until"]) == (1_700_000_000_000, None)
    week = [{"days": [5, 6], "start": "22:00", "end": "06:30"}]
    await guard_room.put(f"{BASE}/schedules/night", json={"time_zone": "Europe/Vienna", "week": week})
    (night,) = (await guard_room.get(f"{BASE}/schedules", params={"search": "night"})).json()["items"]
    assert night["week"] == week


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("holders/x", {"id": "y", "name": "X"}, 400, "WEB-433"),
        ("holders/x", {"name": "X", "shoe_size": 9}, 400, "WEB-400"),
        ("holders/x", {"name": 7}, 400, "WEB-400"),
        ("holders/x", [], 400, "WEB-400"),
        (
            "schedules/x",
            {"time_zone": "UTC", "week": [{"days": [0], "start": "25:00", "end": "26:00"}]},
            400,
            "WEB-434",
        ),
        ("schedules/x", {"time_zone": "UTC", "week": [{"days": [0], "start": "6", "end": "07:00"}]}, 400, "WEB-434"),
        (f"cards/{'b' * 32}", {"holder": "ada"}, 400, "WEB-436"),
        (f"cards/{SPARE_CARD}", {"holder": "ada", "credential": "04AA"}, 400, "WEB-435"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_changes(
    world: World, guard_room: httpx.AsyncClient, path: str, body: Any, status: int, code: str
) -> None:
    before = world.desk.data()
    problem(await guard_room.put(f"{BASE}/{path}", json=body), status, code)
    assert world.desk.data() is before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("holders/x", {"name": "X", "groups": ["ghosts"]}),
        ("schedules/x", {"time_zone": "Mars/Olympus"}),
        ("passages/entrance", {"enters": "nowhere"}),
        ("passages/cellar", {"enters": "hall"}),
    ],
)
async def test_what_fits_nothing_is_a_conflict(
    world: World, guard_room: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    before = world.desk.data()
    answer = await guard_room.put(f"{BASE}/{path}", json=body)
    assert answer.status_code == 409
    assert answer.json()["detail"]
    assert world.desk.data() is before


async def test_nothing_that_is_used_is_removed(world: World, guard_room: httpx.AsyncClient) -> None:
    answer = await guard_room.delete(f"{BASE}/groups/staff")
    assert answer.status_code == 409
    assert "holders" in answer.json()["detail"]
    problem(await guard_room.delete(f"{BASE}/groups/ghosts"), 404, "WEB-404")
    assert (await guard_room.delete(f"{BASE}/holders/spare")).status_code == 200
    assert "spare" not in world.desk.data().holders


async def test_a_removed_holder_takes_the_picture_along(world: World, guard_room: httpx.AsyncClient) -> None:
    await guard_room.put(f"{BASE}/holders/spare/picture", content=PNG)
    assert world.context.pictures.has("spare")
    await guard_room.delete(f"{BASE}/holders/spare")
    assert not world.context.pictures.has("spare")


async def test_who_has_not_seen_the_newest_version_is_stopped(world: World, guard_room: httpx.AsyncClient) -> None:
    tag = (await guard_room.get(f"{BASE}/groups")).headers["etag"]
    seen = {"if-match": tag}
    assert (await guard_room.put(f"{BASE}/groups/night", json={}, headers=seen)).status_code == 200
    problem(await guard_room.put(f"{BASE}/groups/day", json={}, headers=seen), 412, "ACC-202")
    assert "day" not in world.desk.data().groups
    assert (await guard_room.put(f"{BASE}/groups/day", json={}, headers={"if-match": "*"})).status_code == 200
    problem(await guard_room.put(f"{BASE}/groups/x", json={}, headers={"if-match": "yesterday"}), 400, "WEB-446")


async def test_a_card_number_becomes_a_hash_and_is_nowhere(world: World, guard_room: httpx.AsyncClient) -> None:
    number = "047DAE02C84080"
    answer = await guard_room.post(f"{BASE}/cards", json={"credential": number, "holder": "ada", "label": "new"})
    assert answer.status_code == 200
    (card,) = (await guard_room.get(f"{BASE}/cards", params={"search": "new"})).json()["items"]
    assert (card["last4"], card["id"]) == ("4080", world.desk.card_id(number))
    for path in ("cards", "holders", "changes", "export.csv"):
        assert number not in (await guard_room.get(f"{BASE}/{path}")).text
    problem(await guard_room.post(f"{BASE}/cards", json={"holder": "ada"}), 400, "WEB-435")


# questions


async def test_why(world: World, guard_room: httpx.AsyncClient) -> None:
    async def why(**params: Any) -> dict[str, Any]:
        answer = await guard_room.get(f"{BASE}/explain", params={"reader": "entrance", **params})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert found["steps"]
        return found

    monday_noon = 1_700_481_600_000  # 2023-11-20 12:00 UTC
    assert (await why(card=ADA_CARD, at=monday_noon))["why"] == "lockdown"
    await guard_room.post(f"{BASE}/release", json={"zone": "hall"})
    by_day = await why(card=ADA_CARD, at=monday_noon)
    assert (by_day["verdict"], by_day["why"], by_day["rule"], by_day["holder"]) == (
        "accepted",
        "rule",
        "staff",
        "Ada Lovelace",
    )
    assert by_day["at"] == monday_noon
    assert (await why(holder="ada", at=monday_noon))["verdict"] == "accepted"
    assert (await why(card=ADA_CARD, at=monday_noon + 12 * 3_600_000))["why"] == "no-rule"
    assert (await why(card="#1"))["why"] == "unknown-card"
    assert (await why(card="04FFFFFF"))["why"] == "unknown-card"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"card": ADA_CARD}, "WEB-437"),
        ({"reader": "entrance"}, "WEB-438"),
        ({"reader": "entrance", "holder": "spare"}, "WEB-438"),
        ({"reader": "entrance", "card": "#2"}, "WEB-439"),
        ({"reader": "entrance", "card": "#one"}, "WEB-439"),
        ({"reader": "entrance", "card": ADA_CARD, "at": -1}, "WEB-402"),
    ],
)
async def test_a_question_that_can_not_be_answered(
    guard_room: httpx.AsyncClient, params: dict[str, Any], code: str
) -> None:
    problem(await guard_room.get(f"{BASE}/explain", params=params), 400, code)


async def test_an_unknown_card_of_the_feed_is_enrolled(world: World, guard_room: httpx.AsyncClient) -> None:
    answer = await guard_room.post(f"{BASE}/enrol", json={"event": 1, "holder": "spare", "label": "found"})
    assert answer.json()["card"]["holder_name"] == "Nobody"
    assert world.desk.data().cards[f"{1:032x}"].holder == "spare"
    problem(await guard_room.post(f"{BASE}/enrol", json={"event": 1, "holder": "ada"}), 403, "ACC-208")
    problem(await guard_room.post(f"{BASE}/enrol", json={"event": 99, "holder": "ada"}), 400, "WEB-439")


async def test_who_is_inside_and_forgiven(world: World, guard_room: httpx.AsyncClient) -> None:
    ruling = world.desk.rule("entrance", "", world.clock.wall())
    assert ruling.verdict is AccessVerdict.DENIED
    world.desk.entered(_entry(world).decision)
    inside = (await guard_room.get(f"{BASE}/presence")).json()
    assert [(row["holder"], row["zone"], row["reader"]) for row in inside["items"]] == [("Ada", "hall", "entrance")]
    assert {zone["zone"]: (zone["inside"], zone["locked"]) for zone in inside["zones"]} == {
        "hall": (1, True),
        "spare": (0, False),
    }
    assert (await guard_room.get(f"{BASE}/holders", params={"search": "ada"})).json()["items"][0]["zone"] == "hall"
    assert (await guard_room.post(f"{BASE}/presence/forgive", json={"holder": "ada"})).status_code == 200
    assert (await guard_room.get(f"{BASE}/presence")).json()["items"] == []
    assert (await guard_room.post(f"{BASE}/presence/forgive", json={"holder": "ghost"})).status_code == 403


def _entry(world: World) -> JournalEntry:
    made = decision(7)
    known = {"holder_id": "ada", "card": ADA_CARD, "enters": "hall", "at": world.clock.wall()}
    return JournalEntry(7, type(made)(**{**{name: getattr(made, name) for name in made.__slots__}, **known}))


async def test_lockdown_and_release(world: World, guard_room: httpx.AsyncClient) -> None:
    assert (await guard_room.post(f"{BASE}/lockdown", json={"zone": "*", "reason": "gas"})).status_code == 200
    rows = (await guard_room.get(f"{BASE}/lockdowns")).json()["items"]
    assert {row["zone"]: (row["by"], row["reason"]) for row in rows} == {"hall": ("ada", ""), "*": ("ada", "gas")}
    assert all(zone["locked"] for zone in (await guard_room.get(f"{BASE}/presence")).json()["zones"])
    assert (await guard_room.post(f"{BASE}/release", json={"zone": "*"})).status_code == 200
    problem(await guard_room.post(f"{BASE}/release", json={"zone": "*"}), 404, "WEB-404")
    assert (await guard_room.post(f"{BASE}/lockdown", json={"zone": "moon"})).status_code == 409


async def test_what_if_does_not_change_anything(world: World, guard_room: httpx.AsyncClient) -> None:
    before = world.desk.data()
    await world.journal.append(_entry(world).decision)
    answer = await guard_room.post(f"{BASE}/what-if", json={"rules": [], "days": 36})
    assert answer.json() == {"events": 1, "count": 0, "changed": []}
    assert world.desk.data() is before
    for days in (0, -1, 1e9):
        problem(await guard_room.post(f"{BASE}/what-if", json={"rules": [], "days": days}), 400, "WEB-440")


async def test_every_change_is_told_with_who_and_what(guard_room: httpx.AsyncClient) -> None:
    await guard_room.put(f"{BASE}/groups/night", json={"note": "first"})
    await guard_room.put(f"{BASE}/groups/night", json={"note": "second"})
    await guard_room.delete(f"{BASE}/groups/night")
    rows = (await guard_room.get(f"{BASE}/changes", params={"limit": 3})).json()["items"]
    assert [(row["what"], row["key"], row["who"]) for row in rows] == [
        ("removed", "night", "ada"),
        ("changed", "night", "ada"),
        ("added", "night", "ada"),
    ]
    assert (rows[1]["before"]["note"], rows[1]["after"]["note"]) == ("first", "second")
    older = (await guard_room.get(f"{BASE}/changes", params={"before": rows[1]["id"], "limit": 1})).json()["items"]
    assert older[0]["what"] == "added"


# files


async def test_cards_go_out_and_come_back(world: World, guard_room: httpx.AsyncClient) -> None:
    exported = await guard_room.get(f"{BASE}/export.csv")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    answer = await guard_room.post(f"{BASE}/import", content=exported.content)
    assert answer.status_code == 200, answer.text
    assert answer.json()["unchanged"] == 2
    assert answer.json()["revision"] == world.desk.data().revision


async def test_an_import_can_be_tried_first(world: World, guard_room: httpx.AsyncClient) -> None:
    rows = b"card,holder_id,holder,groups\n04A1B2C3,bob,Bob,crew\n"
    before = world.desk.data()
    answer = await guard_room.post(f"{BASE}/import", content=rows, params={"create": "true", "dry_run": "true"})
    assert [answer.json()[key] for key in ("new_cards", "new_holders", "new_groups")] == [1, 1, 1]
    assert world.desk.data() is before
    await guard_room.post(f"{BASE}/import", content=rows, params={"create": "true"})
    assert world.desk.data().holders["bob"].groups == ("crew",)
    problem(await guard_room.post(f"{BASE}/import", content=rows, params={"create": "1"}), 400, "WEB-442")


async def test_a_file_with_bad_rows_imports_nothing_and_lists_them(world: World, guard_room: httpx.AsyncClient) -> None:
    before = world.desk.data()
    rows = b"card,holder_id\n04A1B2C3,ada\n,\n4,7E+13\n04A1B2C4,ghost\n"
    found = problem(await guard_room.post(f"{BASE}/import", content=rows), 400, "WEB-441")
    assert {row["line"] for row in found["errors"]} >= {4, 5}
    assert found["count"] == len(found["errors"])
    assert world.desk.data() is before


async def test_pictures(guard_room: httpx.AsyncClient) -> None:
    path = f"{BASE}/holders/ada/picture"
    for media, picture in {
        "image/png": PNG,
        "image/jpeg": b"\xff\xd8\xff\xe0 and so on",
        "image/webp": b"RIFF0000WEBPVP8 ",
    }.items():
        assert (await guard_room.put(path, content=picture)).status_code == 204
        answer = await guard_room.get(path)
        assert (answer.content, answer.headers["content-type"]) == (picture, media)
        assert answer.headers["x-content-type-options"] == "nosniff"
    problem(await guard_room.put(path, content=b"<svg onload=alert(1)>"), 400, "WEB-443")
    problem(await guard_room.put(path, content=PNG + bytes(ACCESS_PICTURE_BYTES)), 413, "WEB-413")
    problem(await guard_room.put(f"{BASE}/holders/ghost/picture", content=PNG), 404, "WEB-404")
    assert (await guard_room.delete(path)).status_code == 204
    problem(await guard_room.get(path), 404, "WEB-404")
    assert (await guard_room.get(path, params={"optional": "true"})).status_code == 204


async def test_the_journal_for_an_auditor(world: World, guard_room: httpx.AsyncClient) -> None:
    answer = await guard_room.get("/api/v1/badge-events/export", params={"format": "jsonl"})
    assert answer.text == "jsonl\n1"
    assert answer.headers["x-journal-head"] == f"1 {'ab' * 32}"
    assert answer.headers["content-disposition"] == 'attachment; filename="badge-journal.jsonl"'
    assert (await guard_room.get("/api/v1/badge-events/verify")).json()["ok"] is True
    problem(await guard_room.get("/api/v1/badge-events/export", params={"format": "pdf"}), 400, "WEB-445")
    problem(await guard_room.get("/api/v1/badge-events", params={"verdict": "maybe"}), 400, "WEB-444")
    assert (await guard_room.get("/api/v1/badge-events", params={"reader": "cellar"})).json()["items"] == []
    world.journal.broken = True
    problem(await guard_room.get("/api/v1/badge-events/export"), 503, "HST-999")


# the live stream


async def test_pages_hear_of_changes(world: World, guard_room: httpx.AsyncClient) -> None:
    async with world.page() as page:
        await page.send(json.dumps({"subscribe": {"access": True}}))
        assert json.loads(await page.recv())["type"] == "hello"
        items = [Put(Holder(id=str(n), name="N")) for n in range(3)]
        data = await world.desk.apply(items, Origin("ada", may_write=True))
        while (heard := json.loads(await page.recv()))["type"] != "access":
            pass
        assert heard["revision"] == data.revision
        world.desk.entered(_entry(world).decision)
        while (heard := json.loads(await page.recv()))["type"] != "access":
            pass
        assert heard["presence"] == world.desk.presence_revision


async def test_thousands_of_holders_are_a_page_each(world: World, guard_room: httpx.AsyncClient) -> None:
    many = [Put(Holder(id=f"h{n:05}", name=f"Holder {n:05}")) for n in range(3_000)]
    cards = [Put(Card(id=f"{n:032x}", last4=f"{n:04}", holder=f"h{n:05}")) for n in range(1_000, 4_000 - 1_000)]
    await world.desk.apply([*many, *cards], Origin("ada", may_write=True))
    answer = (await guard_room.get(f"{BASE}/holders", params={"offset": 2_990, "limit": 5, "search": "holder"})).json()
    assert [row["id"] for row in answer["items"]] == ["h02990", "h02991", "h02992", "h02993", "h02994"]
    assert answer["metadata"]["matching"] == 3_000


async def test_holders_come_by_name_and_are_found_by_their_cards(world: World, guard_room: httpx.AsyncClient) -> None:
    async def ids(**params: str) -> list[str]:
        return [row["id"] for row in (await guard_room.get(f"{BASE}/holders", params=params)).json()["items"]]

    await world.desk.apply([Put(Holder(id="z", name="aaron"))], Origin("ada", may_write=True))
    assert await ids() == ["z", "ada", "spare"]
    assert await ids(search="c080 BLUE") == ["ada"]
    assert (await ids(key="spare"), await ids(key="spar")) == (["spare"], [])
    await world.desk.apply([Put(Holder(id="z", name="Zoe"))], Origin("ada", may_write=True))
    assert await ids() == ["ada", "spare", "z"]


async def test_a_file_of_many_cards_is_longer_than_other_bodies(guard_room: httpx.AsyncClient) -> None:
    rows = "".join(f"04{n:08X},ada,{'x' * 80}\n" for n in range(40_000))
    assert len(rows) > 3 * HTTP_BODY_BYTES
    content = b"card,holder_id,label\n" + rows.encode()
    answer = await guard_room.post(f"{BASE}/import", params={"dry_run": "true"}, content=content)
    assert (answer.status_code, answer.json()["new_cards"]) == (200, 40_000)
