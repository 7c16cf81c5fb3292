"""Alarms over REST and the live stream: lists, commands on several, the journal, what pages hear."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from plantgate.limits import ALARM_LIST_ITEMS, PAGE_ROWS, SEARCH_WORDS
from plantgate.listeners.web import stream
from plantgate.listeners.web.alarms import feed, routes
from plantgate.listeners.web.alarms.shapes import limit_text
from plantgate.model.alarm import AlarmChange, AlarmDefinition, AlarmKey, AlarmMode, AlarmState, Priority, Shelf
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType
from tests.listeners.web.alarmboard import SECOND
from tests.listeners.web.test_stream import receive, subscribe, until
from tests.listeners.web.world import HIGH, LEVEL, SPEED, START, World, open_world

ALARMS = "/api/v1/alarms"
MS = START // 1_000


async def listed(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    answer = await client.get(ALARMS, params=wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(row["name"], row["id"]) for row in found["items"]]


async def test_a_row_says_all_that_people_need(world: World, client: httpx.AsyncClient) -> None:
    event = world.alarms.turn(SPEED, HIGH, at=5)
    world.alarms.put(dataclasses.replace(event, cleared_at=START + 9 * SECOND, state=AlarmState.CLEAR_UNACKED))
    found = await listed(client)
    assert found["items"] == [
        {
            "id": 1,
            "path": SPEED,
            "name": "High",
            "label": "High",
            "priority": "high",
            "mode": "above",
            "state": "clear_unacked",
            "value": 81.5,
            "unit": "1/min",
            "limit": "above 80",
            "active_at": MS + 5_000,
            "cleared_at": MS + 9_000,
            "acked_at": None,
            "acked_by": "",
            "ack_note": "",
            "ack": "manual",
            "ack_note_required": False,
            "shelvable": True,
            "shelved_until": None,
            "shelved_by": "",
            "notes": "Look at the belt.",
            "enabled": True,
        }
    ]
    assert found["metadata"] == {"total": 1, "matching": 1, "limit": 200, "offset": 0}
    assert found["counts"] == {
        "active": 0,
        "unacknowledged": 1,
        "shelved": 0,
        "highest": "high",
        "by_priority": {"diagnostic": 0, "low": 0, "medium": 0, "high": 1, "critical": 0},
    }
    assert found["revision"] == world.alarms.revision


async def test_states_and_the_most_urgent_first(world: World, client: httpx.AsyncClient) -> None:
    board = world.alarms
    board.turn(SPEED, "Lost", at=9, state=AlarmState.ACTIVE_UNACKED)
    board.turn(SPEED, HIGH, at=1, state=AlarmState.ACTIVE_UNACKED)
    board.turn(SPEED, HIGH, at=2, state=AlarmState.CLEAR_UNACKED)
    board.turn(LEVEL, "Low", at=3, state=AlarmState.ACTIVE_ACKED)
    assert names(await listed(client)) == [("High", 3), ("High", 2), ("Lost", 1), ("Low", 4)]
    assert names(await listed(client, state="active")) == [("High", 2), ("Lost", 1), ("Low", 4)]
    assert names(await listed(client, state="unacknowledged")) == [("High", 3), ("High", 2), ("Lost", 1)]
    assert names(await listed(client, state="all")) == [("High", 3), ("High", 2), ("Lost", 1), ("Low", 4)]
    key = AlarmKey(SPEED, HIGH)
    board.shelved[key] = Shelf(key, START + 60 * SECOND, "ada", "known")
    board.tell()
    found = await listed(client, state="shelved")
    assert [(row["id"], row["shelved_until"], row["shelved_by"]) for row in found["items"]] == [
        (3, MS + 60_000, "ada"),
        (2, MS + 60_000, "ada"),
    ]
    assert names(await listed(client)) == [("Lost", 1), ("Low", 4)]
    assert found["counts"]["shelved"] == 1
    assert found["counts"]["by_priority"] == {"diagnostic": 1, "low": 0, "medium": 0, "high": 0, "critical": 1}


async def test_all_alarms_are_there_also_those_that_never_were_active(world: World, client: httpx.AsyncClient) -> None:
    event = world.alarms.turn(SPEED, "Lost")
    world.alarms.put(dataclasses.replace(event, state=AlarmState.CLEAR_ACKED))
    key = AlarmKey(LEVEL, "Low")
    world.alarms.shelved[key] = Shelf(key, START, "ada")
    found = await listed(client, state="all")
    assert [(row["path"], row["label"], row["state"], row["value"]) for row in found["items"]] == [
        (LEVEL, "Tank is empty", "clear_acked", None),
        (SPEED, "High", "clear_acked", None),
        (SPEED, "Lost", "clear_acked", None),
    ]
    assert found["items"][0]["shelved_until"] == MS
    assert names(await listed(client, state="shelved")) == [("Low", None)]
    assert names(await listed(client, state="all", limit=1, offset=1)) == [("High", None)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"search": "tank EMPTY"}, ["Low"]),
        ({"search": "line speed"}, ["High", "Lost"]),
        ({"search": "filler"}, []),
        ({"priority": "high"}, ["Low", "High"]),
        ({"priority": "critical"}, ["Low"]),
        ({"path": "Line 1"}, ["Low", "High", "Lost"]),
        ({"path": "Line"}, []),
        ({"path": "[default]Line 1/Speed"}, ["High", "Lost"]),
        ({"path": "[default]"}, ["Low", "High", "Lost"]),
        ({"path": "*/Lev?l"}, ["Low"]),
        ({"sort": "path"}, ["Low", "High", "Lost"]),
        ({"sort": "-path"}, ["Lost", "High", "Low"]),
        ({"sort": "label"}, ["High", "Lost", "Low"]),
        ({"sort": "priority"}, ["Low", "High", "Lost"]),
        ({"sort": "-priority"}, ["Lost", "High", "Low"]),
        ({"sort": "active_at"}, ["High", "Low", "Lost"]),
    ],
)
@pytest.mark.parametrize("state", ["live", "all"])
async def test_filters_and_orders(
    world: World, client: httpx.AsyncClient, wanted: dict[str, str], expected: list[str], state: str
) -> None:
    for at, (path, name) in enumerate(((SPEED, HIGH), (LEVEL, "Low"), (SPEED, "Lost"))):
        world.alarms.turn(path, name, at=at)
    found = await listed(client, state=state, **wanted)
    assert [row["name"] for row in found["items"]] == expected
    assert (found["metadata"]["total"], found["metadata"]["matching"]) == (3, len(expected))


@pytest.mark.parametrize(
    ("route", "wanted", "code"),
    [
        ("", {"state": "dead"}, "WEB-480"),
        ("", {"priority": "urgent"}, "WEB-481"),
        ("", {"search": " ".join(map(str, range(SEARCH_WORDS + 1)))}, "WEB-482"),
        ("", {"path": "x" * 2_001}, "WEB-483"),
        ("", {"sort": "id"}, "WEB-485"),
        ("", {"limit": PAGE_ROWS + 1}, "WEB-402"),
        ("/journal", {"change": "active,born"}, "WEB-484"),
        ("/journal", {"format": "xml"}, "WEB-487"),
        ("/journal", {"from": "yesterday"}, "WEB-401"),
        ("/journal", {"before": -1}, "WEB-402"),
    ],
)
async def test_what_can_not_be_meant(client: httpx.AsyncClient, route: str, wanted: dict[str, Any], code: str) -> None:
    answer = await client.get(f"{ALARMS}{route}", params=wanted)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_an_event_whose_alarm_is_gone_is_shown(world: World, client: httpx.AsyncClient) -> None:
    event = world.alarms.turn(SPEED, HIGH)
    world.alarms.put(dataclasses.replace(event, key=AlarmKey("[default]Gone", HIGH)))
    (row,) = (await listed(client))["items"]
    assert (row["path"], row["mode"], row["limit"], row["priority"], row["shelvable"]) == (
        "[default]Gone", "", "", "high", False
    )  # fmt: skip


# commands


async def test_several_are_acknowledged_each_with_its_verdict(world: World, client: httpx.AsyncClient) -> None:
    world.alarms.turn(SPEED, HIGH)
    world.alarms.turn(LEVEL, "Low")
    answer = await client.post(
        f"{ALARMS}/acknowledge", json={"events": [2, 7, 1], "note": "seen"}, headers=world.sign_in()
    )
    assert answer.status_code == 207
    assert [(item["id"], item["outcome"], item["code"]) for item in answer.json()["items"]] == [
        (2, "done", ""),
        (7, "refused", "ALM-998"),
        (1, "done", ""),
    ]
    (first, second) = (await listed(client))["items"]
    assert (first["acked_by"], first["ack_note"], second["state"]) == ("ada", "seen", "active_acked")


async def test_alarms_are_shelved_and_heard_of_again(world: World, client: httpx.AsyncClient) -> None:
    wanted = [{"path": "Line 1/Speed", "name": HIGH}, {"path": LEVEL, "name": "Low"}]
    body = {"alarms": wanted, "seconds": 60, "reason": "cleaning"}
    answer = await client.post(f"{ALARMS}/shelve", json=body, headers=world.sign_in())
    assert answer.status_code == 200
    assert [(item["path"], item["name"], item["outcome"]) for item in answer.json()["items"]] == [
        (SPEED, HIGH, "done"),
        (LEVEL, "Low", "done"),
    ]
    assert {(shelf.by, shelf.reason) for shelf in world.alarms.shelves()} == {("ada", "cleaning")}
    odd = [*wanted, {"path": "Nowhere", "name": "x"}]
    answer = await client.post(f"{ALARMS}/unshelve", json={"alarms": odd}, headers=world.sign_in())
    assert answer.status_code == 207
    assert [item["outcome"] for item in answer.json()["items"]] == ["done", "done", "refused"]
    assert world.alarms.shelves() == []


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        ("acknowledge", {"events": []}, "WEB-486"),
        ("acknowledge", {"events": list(range(ALARM_LIST_ITEMS + 1))}, "WEB-486"),
        ("acknowledge", {"events": ["1"]}, "WEB-400"),
        ("shelve", {"alarms": [{"path": SPEED, "name": HIGH}]}, "WEB-400"),
        ("shelve", {"alarms": [], "seconds": 5}, "WEB-486"),
        ("unshelve", {"alarms": [{"path": SPEED}]}, "WEB-400"),
    ],
)
async def test_bodies_that_are_none(
    world: World, client: httpx.AsyncClient, route: str, body: dict[str, Any], code: str
) -> None:
    answer = await client.post(f"{ALARMS}/{route}", json=body, headers=world.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (400, code)


# the journal


async def test_the_journal_pages_backward(world: World, client: httpx.AsyncClient) -> None:
    event = world.alarms.turn(SPEED, HIGH)
    for change in (AlarmChange.ACTIVE, AlarmChange.CLEAR, AlarmChange.ACK):
        world.alarms.record(event, change, "ada" if change is AlarmChange.ACK else "")
    first = (await client.get(f"{ALARMS}/journal", params={"limit": 2})).json()
    assert [(line["id"], line["change"], line["actor"]) for line in first["items"]] == [
        (3, "ack", "ada"),
        (2, "clear", ""),
    ]
    assert first["metadata"] == {"total": 3, "matching": 2, "limit": 2, "offset": 0}
    rest = (await client.get(f"{ALARMS}/journal", params={"limit": 2, "before": 2})).json()
    assert rest["items"] == [
        {
            "id": 1,
            "event": 1,
            "path": SPEED,
            "name": HIGH,
            "label": HIGH,
            "priority": "high",
            "change": "active",
            "at": MS + 1_000,
            "value": 81.5,
            "actor": "",
            "note": "",
        }
    ]


async def test_the_journal_is_asked_for_what_is_wanted(world: World, client: httpx.AsyncClient) -> None:
    params: dict[str, Any] = {
        "from": MS,
        "to": MS + 5,
        "path": "Line 1/",
        "priority": "medium",
        "change": "active, ack",
        "search": "A b",
    }
    assert (await client.get(f"{ALARMS}/journal", params=params)).status_code == 200
    (_, _, wanted) = world.alarms.asked[-1]
    assert (wanted.since, wanted.until) == (START, START + 5_000)
    assert wanted.paths == ("[default]Line 1", "[default]Line 1/*")
    assert (wanted.lowest, wanted.changes, wanted.search) == (
        Priority.MEDIUM,
        frozenset({AlarmChange.ACTIVE, AlarmChange.ACK}),
        "a b",
    )


async def test_the_journal_as_a_file_page_by_page(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PAGE_ROWS", 3)
    event = world.alarms.turn(LEVEL, "Low")
    for number in range(7):
        world.alarms.record(event, AlarmChange.ACK, "ada", f"=cmd {number}")
    answer = await client.get(f"{ALARMS}/journal", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "alarm-journal.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == ["7", "6", "5", "4", "3", "2", "1"]
    assert rows[0] == {
        "time": "2023-11-14T22:13:27.000+00:00",
        "event": "1",
        "path": LEVEL,
        "name": "Low",
        "label": "Tank is empty",
        "priority": "critical",
        "change": "ack",
        "value": "81.5",
        "actor": "ada",
        "note": "'=cmd 6",
        "id": "7",
    }
    assert [(limit, before) for limit, before, _ in world.alarms.asked] == [(3, None), (3, 5), (3, 2), (3, 1)]


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_journal_that_can_not_be_read(world: World, client: httpx.AsyncClient, form: str) -> None:
    world.alarms.broken = True
    answer = await client.get(f"{ALARMS}/journal", params={"format": form})
    assert (answer.status_code, answer.json()["code"]) == (503, "ALM-999")


# the stream


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ALARM_SECONDS", 0.02)


@pytest.mark.usefixtures("quick")
async def test_a_page_gets_all_that_is_live_and_then_what_changes(world: World) -> None:
    world.alarms.turn(SPEED, HIGH)
    async with world.page() as page:
        await subscribe(page, alarms=True)
        first = await until(page, "alarms")
        assert first["snapshot"] is True
        assert [(row["id"], row["state"], row["limit"]) for row in first["events"]] == [
            (1, "active_unacked", "above 80")
        ]
        assert (first["counts"]["active"], first["counts"]["highest"]) == (1, "high")
        second = world.alarms.turn(LEVEL, "Low")
        change = await until(page, "alarms")
        assert "snapshot" not in change
        assert [(row["id"], row["label"]) for row in change["events"]] == [(2, "Tank is empty")]
        assert change["revision"] == world.alarms.revision
        world.alarms.put(dataclasses.replace(second, state=AlarmState.CLEAR_ACKED))
        change = await until(page, "alarms")
        assert [(row["id"], row["state"]) for row in change["events"]] == [(2, "clear_acked")]
        assert change["counts"]["active"] == 1


@pytest.mark.usefixtures("quick")
async def test_a_shelf_is_told_with_the_events_below_it(world: World) -> None:
    world.alarms.turn(SPEED, HIGH)
    world.alarms.turn(LEVEL, "Low")
    key = AlarmKey(SPEED, HIGH)
    async with world.page() as page:
        await subscribe(page, alarms=True)
        await until(page, "alarms")
        world.alarms.shelved[key] = Shelf(key, START, "ada")
        world.alarms.tell()
        change = await until(page, "alarms")
        assert [(row["id"], row["shelved_until"]) for row in change["events"]] == [(1, MS)]
        assert (change["counts"]["active"], change["counts"]["shelved"]) == (1, 1)
        async with world.page() as other:
            await subscribe(other, alarms=True)
            assert [row["id"] for row in (await until(other, "alarms"))["events"]] == [2]
        del world.alarms.shelved[key]
        world.alarms.tell()
        change = await until(page, "alarms")
        assert [(row["id"], row["shelved_until"]) for row in change["events"]] == [(1, None)]


async def test_many_changes_are_one_message_with_the_last_state_of_each(world: World) -> None:
    async with world.page() as page:
        await subscribe(page, alarms=True)
        await until(page, "alarms")
        event = world.alarms.turn(SPEED, HIGH)
        for state in (AlarmState.CLEAR_UNACKED, AlarmState.ACTIVE_UNACKED, AlarmState.CLEAR_UNACKED):
            world.alarms.put(dataclasses.replace(event, state=state))
        change = await until(page, "alarms")
        assert [row["state"] for row in change["events"]] == ["clear_unacked"]


@pytest.mark.usefixtures("quick")
async def test_when_everything_happens_at_once_a_page_gets_the_most_urgent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "ALARM_STREAM_ROWS", 2)
    async with world.page() as page:
        await subscribe(page, alarms=True)
        await until(page, "alarms")
        for at, (path, name) in enumerate(((SPEED, "Lost"), (SPEED, HIGH), (LEVEL, "Low"))):
            world.alarms.turn(path, name, at=at)
        message = await until(page, "alarms")
        assert message["snapshot"] is True
        assert [row["name"] for row in message["events"]] == ["Low", "High"]
        assert message["counts"]["active"] == 3


async def test_who_did_not_ask_hears_nothing_of_alarms(world: World) -> None:
    async with world.page() as page:
        await subscribe(page, badges=True, tags=[SPEED])
        await until(page, "tags")
        world.alarms.turn(SPEED, HIGH)
        await world.badge(1)
        await until(page, "badge")
        while (message := await receive(page))["type"] != "ping":
            assert message["type"] != "alarms"


async def test_what_happened_while_nobody_looked_is_in_the_snapshot_only(world: World) -> None:
    world.alarms.turn(SPEED, HIGH)
    async with world.page() as page:
        await subscribe(page, alarms=True)
        assert len((await until(page, "alarms"))["events"]) == 1
        world.alarms.turn(LEVEL, "Low")
        assert [row["id"] for row in (await until(page, "alarms"))["events"]] == [2]


# words


@pytest.mark.parametrize(
    ("alarm", "text"),
    [
        (AlarmDefinition("A", AlarmMode.EQUAL, setpoint=True), "equal to true"),
        (AlarmDefinition("A", AlarmMode.NOT_EQUAL, setpoint="Lager"), "not equal to Lager"),
        (AlarmDefinition("A", AlarmMode.ABOVE, setpoint=80.50), "above 80.5"),
        (AlarmDefinition("A", AlarmMode.BELOW, expression="{[.]Limit}"), "below {[.]Limit}"),
        (AlarmDefinition("A", AlarmMode.BETWEEN, low=1, high=2.5), "between 1 and 2.5"),
        (AlarmDefinition("A", AlarmMode.OUTSIDE, high=2), "outside … to 2"),
        (AlarmDefinition("A", AlarmMode.OUT_OF_RANGE), "out of range 0 to …"),
        (AlarmDefinition("A", AlarmMode.BAD_QUALITY), "bad quality"),
        (AlarmDefinition("A", AlarmMode.ANY_CHANGE), "any change"),
        (AlarmDefinition("A", AlarmMode.BIT, bit=3), "bit 3 set"),
        (AlarmDefinition("A", AlarmMode.ON_CONDITION, expression="{value} > 1"), "{value} > 1"),
        (AlarmDefinition("A", AlarmMode.WHEN_FALSE), "false"),
    ],
)
def test_limits_in_words(alarm: AlarmDefinition, text: str) -> None:
    assert limit_text(alarm, TagDefinition("[default]T", DataType.FLOAT8, low=0)) == text


async def test_very_many_alarms_page_by_page(tmp_path: Path) -> None:
    alarm = (AlarmDefinition("High", AlarmMode.ABOVE, setpoint=1),)
    many = [TagDefinition(f"[default]A/T{number:05}", DataType.FLOAT8, alarms=alarm) for number in range(20_000)]
    async with open_world(tmp_path, definitions=many) as world, world.client() as client:
        world.alarms.turn("[default]A/T19999", "High")
        found = await listed(client, state="all", limit=2, offset=19_998)
        assert [row["path"] for row in found["items"]] == ["[default]A/T19997", "[default]A/T19998"]
        assert found["metadata"]["total"] == 20_000
        found = await listed(client, state="all", search="t12345")
        assert found["metadata"]["matching"] == 1


@pytest.mark.parametrize("piece", [1, 3, 7, 50])
@pytest.mark.parametrize("busy", [[], [0], [0, 1, 2], [5, 6, 39], [39, 38, 0, 20], list(range(40))])
async def test_all_pages_together_are_all_alarms_once(tmp_path: Path, busy: list[int], piece: int) -> None:
    alarm = (AlarmDefinition("High", AlarmMode.ABOVE, setpoint=1),)
    paths = [f"[default]A/T{number:02}" for number in range(40)]
    many = [TagDefinition(path, DataType.FLOAT8, alarms=alarm) for path in paths]
    async with open_world(tmp_path, definitions=many) as world, world.client() as client:
        for at, number in enumerate(busy):
            world.alarms.turn(paths[number], "High", at=at)
        found = [row["path"] for start in range(0, 45, piece)
                 for row in (await listed(client, state="all", limit=piece, offset=start))["items"]]  # fmt: skip
    first = [paths[number] for number in reversed(busy)]
    assert found == [*first, *(path for path in paths if path not in first)]
