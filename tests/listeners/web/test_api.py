"""Every route: what it gives, and how it says no."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from plantgate.limits import READ_LIST_ITEMS, WRITE_LIST_ITEMS
from plantgate.model.badge import AccessVerdict
from plantgate.model.command import DriveReader, Outcome, ReaderAction, SignalReader, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.status import Health
from tests.listeners.web.world import LEVEL, NOTE, SPEED, START, STRIKE, World, with_outcome

START_MS = START // 1_000


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of `answer`, which must be a whole one: title, detail, code and a next step."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"]
    assert body["detail"]
    assert body["hint"]
    return body


# the gateway


async def test_gateway(world: World, client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/gateway")).json()
    assert (body["name"], body["version"], body["state"], body["role"]) == ("plant", "1.2.3", "RUNNING", "Independent")
    assert body["problems"] == 1
    assert body["now"] - body["started_at"] >= 5_000
    assert body["uptime_s"] >= 5
    assert body["data_dir"] == world.context.info.data_dir


async def test_status_gives_every_part(client: httpx.AsyncClient) -> None:
    items = (await client.get("/api/v1/status")).json()["items"]
    assert [(item["kind"], item["name"], item["health"]) for item in items] == [
        ("listener", "http", "ok"),
        ("reader", "entrance", "ok"),
        ("device", "plc", "failed"),
    ]
    assert items[2] == {
        "kind": "device",
        "name": "plc",
        "health": "failed",
        "state": "no answer",
        "since": START_MS,
        "reason": "timeout",
        "next_step": "check the cable",
        "details": {},
    }


async def test_ports(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/ports")).json()
    assert body["metadata"] == {"total": 2, "matching": 2, "limit": 2, "offset": 0}
    assert body["items"][0]["owner"] is None
    assert [(row["connections"], row["command"]) for row in body["items"]] == [
        (2, ""),
        (0, "plantgate ports set https 8044"),
    ]
    assert body["items"][1]["state"] == "TAKEN"
    assert body["items"][1]["owner"] == {"pid": 1, "name": "init", "user": "root", "command": None}


# tags


async def test_one_tag(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/tags/value", params={"path": LEVEL})
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert body.pop("t") > START_MS
    assert body == {
        "path": LEVEL,
        "kind": "memory",
        "data_type": "Int2",
        "unit": "",
        "description": "Tank of the filler",
        "device": "",
        "address": "",
        "history": False,
        "writable": False,
        "low": 0.0,
        "high": 100.0,
        "value": 7,
        "quality": 192,
        "quality_name": "Good",
        "reason": "",
    }


async def test_a_bad_tag_keeps_its_value_and_tells_the_reason(world: World, client: httpx.AsyncClient) -> None:
    world.change(LEVEL, None, Quality.BAD_NOT_CONNECTED, "refused by 10.0.0.7:502")
    body = (await client.get("/api/v1/tags/value", params={"path": "Line 1/Level"})).json()
    assert (body["value"], body["quality"], body["quality_name"]) == (7, 522, "Bad_NotConnected")
    assert body["reason"] == "refused by 10.0.0.7:502"


@pytest.mark.parametrize(
    ("query", "paths", "matching"),
    [
        ("", [STRIKE, LEVEL, SPEED, NOTE], 4),
        ("sort=-path", [NOTE, SPEED, LEVEL, STRIKE], 4),
        ("limit=2", [STRIKE, LEVEL], 4),
        ("limit=2&offset=3", [NOTE], 4),
        ("offset=9", [], 4),
        ("search=FILLER", [LEVEL, SPEED], 2),
        ("search=filler+line+tank", [LEVEL], 1),
        ("search=line+line+line", [LEVEL, SPEED], 2),
        ("search=nothing", [], 0),
        ("quality=bad", [STRIKE, LEVEL], 2),
        ("quality=good", [SPEED, NOTE], 2),
        ("quality=bad&search=line", [LEVEL], 1),
        ("sort=quality", [LEVEL, STRIKE, SPEED, NOTE], 4),
        ("sort=-quality", [NOTE, SPEED, STRIKE, LEVEL], 4),
    ],
)
async def test_tags_are_searched_filtered_sorted_and_paged(
    world: World, client: httpx.AsyncClient, query: str, paths: list[str], matching: int
) -> None:
    world.change(LEVEL, None, Quality.BAD_NOT_CONNECTED, "gone")
    body = (await client.get(f"/api/v1/tags?{query}")).json()
    assert [item["path"] for item in body["items"]] == paths
    assert (body["metadata"]["total"], body["metadata"]["matching"]) == (4, matching)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "WEB-402"),
        ("limit=5001", "WEB-402"),
        ("limit=-1", "WEB-402"),
        ("limit=ten", "WEB-401"),
        ("limit=", "WEB-401"),
        ("limit=1e3", "WEB-401"),
        (f"limit={'9' * 5000}", "WEB-401"),
        (f"limit={'9' * 500}", "WEB-402"),
        ("offset=-1", "WEB-402"),
        ("quality=ugly", "WEB-411"),
        ("sort=size", "WEB-412"),
        ("sort=--path", "WEB-412"),
        ("search=" + "+".join(f"w{n}" for n in range(17)), "WEB-419"),
    ],
)
async def test_wrong_list_parameters(client: httpx.AsyncClient, query: str, code: str) -> None:
    body = problem(await client.get(f"/api/v1/tags?{query}"), 400, code)
    assert len(body["detail"]) < 300


async def test_a_tag_that_is_not_named_or_not_there(client: httpx.AsyncClient) -> None:
    problem(await client.get("/api/v1/tags/value"), 400, "WEB-410")
    body = problem(await client.get("/api/v1/tags/value", params={"path": "[default]" + "x" * 5_000}), 404, "WEB-404")
    assert len(body["detail"]) < 400


# writing


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.DONE, 200), (Outcome.REFUSED, 403), (Outcome.FAILED, 502)])
async def test_the_verdict_of_a_write_has_a_status(
    world: World, client: httpx.AsyncClient, outcome: Outcome, status: int
) -> None:
    with_outcome(world.device, outcome)
    answer = await client.post("/api/v1/tags/write", json={"path": STRIKE, "value": True}, headers=world.sign_in())
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    nobody_looked = {"value": None, "quality": None, "quality_name": None}
    verdict = {"outcome": outcome, "code": "MB-101", "message": "no answer", "path": STRIKE}
    assert answer.json() == verdict | nobody_looked
    assert world.device.commands == [WriteTag(STRIKE, True)]


async def test_a_memory_tag_is_written(world: World, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/tags/write", json={"path": SPEED, "value": 12}, headers=world.sign_in())
    seen = {"path": SPEED, "value": 12.0, "quality": 192, "quality_name": "Good"}
    assert answer.json() == {"outcome": "done", "code": "", "message": ""} | seen
    assert (await client.get("/api/v1/tags/value", params={"path": SPEED})).json()["value"] == 12


async def test_several_tags_are_written_and_each_has_its_verdict(world: World, client: httpx.AsyncClient) -> None:
    items = [{"path": SPEED, "value": 12}, {"path": LEVEL, "value": 1}, {"path": "No/Such", "value": 1}]
    answer = await client.post("/api/v1/tags/write-many", json={"items": items}, headers=world.sign_in())
    assert answer.status_code == 207
    rows = answer.json()["items"]
    assert [(row["path"], row["outcome"], row["code"], row["value"]) for row in rows] == [
        (SPEED, "done", "", 12.0),
        (LEVEL, "refused", "CMD-104", None),
        ("No/Such", "refused", "CMD-103", None),
    ]
    good = {"items": [{"path": STRIKE, "value": True}, {"path": STRIKE, "value": False}], "timeout_ms": 5_000}
    answer = await client.post("/api/v1/tags/write-many", json=good, headers=world.sign_in())
    assert answer.status_code == 200
    assert world.device.commands == [WriteTag(STRIKE, True), WriteTag(STRIKE, False)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"items": []}, "WEB-470"),
        ({"items": [{"path": SPEED, "value": 1}] * (WRITE_LIST_ITEMS + 1)}, "WEB-470"),
        ({"items": [{"path": SPEED, "value": 1}], "timeout_ms": 0}, "WEB-471"),
        ({"items": [{"path": SPEED, "value": 1}], "timeout_ms": 10**9}, "WEB-471"),
        ({"items": [{"path": SPEED}]}, "WEB-400"),
    ],
)
async def test_a_list_of_writes_that_is_none(
    world: World, client: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    problem(await client.post("/api/v1/tags/write-many", json=body, headers=world.sign_in()), 400, code)
    assert world.tree.changes == 0


async def test_several_tags_are_read_in_the_order_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/tags/read", json={"paths": [LEVEL, "No/Such", SPEED, LEVEL]})
    assert answer.status_code == 200
    rows = answer.json()["items"]
    assert [(row["path"], row["value"], row["quality_name"], row["code"]) for row in rows] == [
        (LEVEL, 7, "Good", ""),
        ("No/Such", None, "Bad_NotFound", "WEB-404"),
        (SPEED, 1.5, "Good", ""),
        (LEVEL, 7, "Good", ""),
    ]
    problem(await client.post("/api/v1/tags/read", json={"paths": ["x"] * (READ_LIST_ITEMS + 1)}), 400, "WEB-470")


async def test_properties_of_tags_are_read(client: httpx.AsyncClient) -> None:
    asked = [f"{SPEED}.value", f"{SPEED}.DataType", f"{SPEED}.colour", "No/Such.unit", f"{SPEED}[0]"]
    rows = (await client.post("/api/v1/tags/read", json={"paths": asked})).json()["items"]
    assert [(row["path"], row["value"], row["code"]) for row in rows] == [
        (f"{SPEED}.value", 1.5, ""),
        (f"{SPEED}.DataType", "Float8", ""),
        (f"{SPEED}.colour", None, "WEB-404"),
        ("No/Such.unit", None, "WEB-404"),
        (f"{SPEED}[0]", None, ""),
    ]
    assert "no property colour" in rows[2]["reason"]


async def test_the_gate_refuses_what_does_not_fit(world: World, client: httpx.AsyncClient) -> None:
    for path, value, code in [(LEVEL, 1, "CMD-104"), (SPEED, "fast", "CMD-105"), (SPEED, 10**400, "CMD-105")]:
        answer = await client.post("/api/v1/tags/write", json={"path": path, "value": value}, headers=world.sign_in())
        assert (answer.status_code, answer.json()["code"]) == (403, code)


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "WEB-400", 400),
        (b"{", "WEB-400", 400),
        (b"[]", "WEB-400", 400),
        (b'{"path":"[default]Note"}', "WEB-400", 400),
        (b'{"path":"[default]Note","value":{}}', "WEB-400", 400),
        (b'{"path":"[default]Note","value":"a","force":true}', "WEB-400", 400),
        (b'{"path":"[default]Note","value":NaN}', "WEB-400", 400),
        (b'{"path":"[default]Note","value":"\\ud800"}', "WEB-400", 400),
        (b'{"path":"[default]Note","value":"\xff"}', "WEB-400", 400),
        (b'{"path":"[default]Note","value":' + b"[" * 100_000, "WEB-400", 400),
        (b'{"path":"[default]Gone","value":1}', "WEB-404", 404),
    ],
)
async def test_a_body_that_is_no_write(
    world: World, client: httpx.AsyncClient, body: bytes, code: str, status: int
) -> None:
    answer = await client.post("/api/v1/tags/write", content=body, headers=world.sign_in())
    problem(answer, status, code)


# history


async def test_history_as_json(world: World, client: httpx.AsyncClient) -> None:
    query: dict[str, str | int] = {"path": SPEED, "from": START_MS, "to": START_MS + 4_000, "max_points": 3}
    body = (await client.get("/api/v1/history", params=query)).json()
    assert body == {
        "path": SPEED,
        "unit": "1/min",
        "points": [[START_MS, 0.0, 192], [START_MS + 1_000, 0.5, 192], [START_MS + 2_000, 1.0, 192]],
    }
    assert world.history.asked == [(SPEED, START, START + 4_000_000, 3)]


async def test_history_of_the_last_hour_unless_asked_otherwise(world: World, client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/history", params={"path": SPEED})
    await client.get("/api/v1/history", params={"path": SPEED, "last": "1h30m", "to": START_MS})
    await client.get("/api/v1/history", params={"path": SPEED, "last": "999999999999w"})
    plain, last, ages = world.history.asked
    assert plain[2] - plain[1] == 3_600_000_000
    assert 0 <= plain[2] - world.clock.wall() + 10_000_000 <= 10_001_000
    assert plain[3] == 2_000
    assert (last[1], last[2]) == (START - 5_400_000_000, START)
    assert ages[1] == 0  # before 1970 there is nothing, and no store need cope with it


async def test_history_as_csv(client: httpx.AsyncClient) -> None:
    query: dict[str, str | int] = {"path": SPEED, "from": START_MS, "to": START_MS + 9_000, "format": "csv"}
    answer = await client.get("/api/v1/history", params=query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="default_Line_1_Speed.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["time", "value", "quality", "quality_name"]
    assert rows[1] == ["2023-11-14T22:13:20.000000+00:00", "0.0", "192", "Good"]
    assert len(rows) == 11


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "WEB-410"),
        ({"path": ""}, "WEB-410"),
        ({"path": SPEED, "from": "yesterday"}, "WEB-401"),
        ({"path": SPEED, "from": -1}, "WEB-402"),
        ({"path": SPEED, "to": 10**18}, "WEB-402"),
        ({"path": SPEED, "from": 2_000, "to": 1_000}, "WEB-416"),
        ({"path": SPEED, "last": "10"}, "WEB-415"),
        ({"path": SPEED, "last": "-5m"}, "WEB-415"),
        ({"path": SPEED, "last": ""}, "WEB-415"),
        ({"path": SPEED, "format": "xls"}, "WEB-414"),
        ({"path": SPEED, "max_points": 2}, "WEB-402"),
        ({"path": SPEED, "seed": "yes"}, "WEB-418"),
        ({"path": SPEED, "max_points": 10**9}, "WEB-402"),
    ],
)
async def test_wrong_history_parameters(
    world: World, client: httpx.AsyncClient, query: dict[str, str | int], code: str
) -> None:
    problem(await client.get("/api/v1/history", params=query), 400, code)
    assert world.history.asked == []


async def test_a_chart_may_ask_for_the_value_at_its_left_edge(world: World, client: httpx.AsyncClient) -> None:
    for seed in ("true", "false"):
        await client.get("/api/v1/history", params={"path": SPEED, "seed": seed})
    assert world.history.seeded == [True, False]


@pytest.mark.parametrize(("path", "hint"), [(SPEED, "wait for it"), (LEVEL, "set history = true in its definition")])
async def test_a_tag_that_was_never_stored(world: World, client: httpx.AsyncClient, path: str, hint: str) -> None:
    world.history.unknown = True
    body = problem(await client.get("/api/v1/history", params={"path": path}), 404, "HST-301")
    assert body["hint"] == hint


async def test_history_of_an_unknown_tag(client: httpx.AsyncClient) -> None:
    problem(await client.get("/api/v1/history", params={"path": "[default]Gone"}), 404, "WEB-404")


async def test_history_stats(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/history/stats")).json() == {
        "points": 10,
        "tags": 1,
        "blocks": 0,
        "hot_points": 10,
        "bytes": 4_096,
        "oldest": START_MS,
        "newest": START_MS + 9_000,
    }


# readers and badges


async def test_readers_before_and_after_a_badge(world: World, client: httpx.AsyncClient) -> None:
    (before,) = (await client.get("/api/v1/readers")).json()["items"]
    assert before["last_card"] == before["last_holder"] == before["last_verdict"] == ""
    assert (before["host"], before["port"], before["badges"], before["reconnects"]) == ("10.0.0.9", 4000, 3, 1)
    assert before["last_at"] is None
    await world.badge(1)
    await world.badge(2)
    (after,) = (await client.get("/api/v1/readers")).json()["items"]
    assert (after["last_card"], after["last_holder"], after["last_verdict"]) == ("…0002", "Ada", "accepted")
    assert (after["accepted"], after["denied"], after["last_at"]) == (2, 0, START_MS)


@pytest.mark.parametrize("action", list(ReaderAction))
async def test_a_reader_is_told(world: World, client: httpx.AsyncClient, action: ReaderAction) -> None:
    answer = await client.post("/api/v1/readers/entrance/commands", json={"action": action}, headers=world.sign_in())
    assert (answer.status_code, answer.json()["outcome"]) == (200, "done")
    assert world.reader.commands == [SignalReader("entrance", action)]


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ({"seq": "2c"}, DriveReader("entrance", seq=0x2C)),
        ({"leds": "92009200"}, DriveReader("entrance", leds=b"\x92\x00\x92\x00")),
        ({"leds": "00000000", "buzz": 65_535}, DriveReader("entrance", leds=bytes(4), buzz=65_535)),
        ({"buzz": 0}, DriveReader("entrance", buzz=0)),
    ],
)
async def test_a_reader_is_driven(
    world: World, client: httpx.AsyncClient, body: dict[str, object], command: DriveReader
) -> None:
    answer = await client.post("/api/v1/readers/entrance/commands", json=body, headers=world.sign_in())
    assert (answer.status_code, answer.json()["outcome"]) == (200, "done")
    assert world.reader.commands == [command]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "WEB-422"),
        ({"action": "wink", "seq": "0E"}, "WEB-422"),
        ({"seq": "0E", "buzz": 1}, "WEB-422"),
        ({"seq": "0E", "leds": "00000000"}, "WEB-422"),
        ({"seq": "E"}, "WEB-424"),
        ({"seq": "0G"}, "WEB-424"),
        ({"seq": " E"}, "WEB-424"),
        ({"leds": "9292"}, "WEB-424"),
        ({"leds": "9292929292"}, "WEB-424"),
        ({"buzz": -1}, "WEB-423"),
        ({"buzz": 65_536}, "WEB-423"),
        ({"buzz": 10**4_000}, "WEB-423"),
        ({"buzz": True}, "WEB-400"),
        ({"seq": 14}, "WEB-400"),
        ({"relay": 1}, "WEB-400"),
    ],
)
async def test_how_a_reader_can_not_be_driven(
    world: World, client: httpx.AsyncClient, body: dict[str, object], code: str
) -> None:
    answer = await client.post("/api/v1/readers/entrance/commands", json=body, headers=world.sign_in())
    problem(answer, 400, code)
    assert world.reader.commands == []


async def test_a_reader_command_that_makes_no_sense(world: World, client: httpx.AsyncClient) -> None:
    headers = world.sign_in()
    answer = await client.post("/api/v1/readers/entrance/commands", json={"action": "open"}, headers=headers)
    problem(answer, 400, "WEB-417")
    answer = await client.post("/api/v1/readers/nobody/commands", json={"action": "wink"}, headers=headers)
    problem(answer, 404, "WEB-404")
    assert world.reader.commands == []


async def test_badge_events_are_paged_backward(world: World, client: httpx.AsyncClient) -> None:
    for number in range(1, 6):
        await world.badge(number)
    first = (await client.get("/api/v1/badge-events", params={"limit": 2})).json()
    assert [item["id"] for item in first["items"]] == [5, 4]
    assert first["items"][0] == {
        "id": 5,
        "reader": "entrance",
        "uid": "…0005",
        "card": f"{5:032x}",
        "last4": "0005",
        "holder": "Ada",
        "holder_id": "",
        "t": START_MS,
        "verdict": str(AccessVerdict.ACCEPTED),
        "why": "rule",
        "reason": "card is on the list",
        "rule": "",
        "enters": "",
        "leaves": "",
        "remark": "",
        "door": "door",
        "latency_ms": 1.5,
        "reply_error": "",
    }
    rest = (await client.get("/api/v1/badge-events", params={"before": 4})).json()
    assert [item["id"] for item in rest["items"]] == [3, 2, 1]
    assert (await client.get("/api/v1/badge-events", params={"before": 1})).json()["items"] == []
    problem(await client.get("/api/v1/badge-events", params={"limit": 0}), 400, "WEB-402")
    problem(await client.get("/api/v1/badge-events", params={"before": "x"}), 400, "WEB-401")


async def test_a_broken_store_is_a_problem_with_its_next_step(world: World, client: httpx.AsyncClient) -> None:
    world.journal.broken = True
    body = problem(await client.get("/api/v1/badge-events"), 503, "HST-999")
    assert body["hint"] == "free some space"


# what is not there, and what breaks


async def test_unknown_routes_and_methods(client: httpx.AsyncClient) -> None:
    problem(await client.get("/api/v1/nothing"), 404, "WEB-404")
    problem(await client.get("/health/none"), 404, "WEB-404")
    wrong = await client.get("/api/v1/tags/write")
    problem(wrong, 405, "WEB-427")
    assert wrong.headers["allow"] == "POST"
    wrong = await client.delete("/api/v1/gateway")
    problem(wrong, 405, "WEB-427")
    assert "GET" in wrong.headers["allow"]


async def test_a_defect_shows_a_code_and_no_insides(
    world: World, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    world.parts.append(None)  # type: ignore[arg-type]
    answer = await client.get("/api/v1/status")
    problem(answer, 500, "WEB-500")
    assert "Traceback" not in answer.text
    assert "NoneType" in caplog.text
    world.parts.pop()
    assert (await client.get("/api/v1/status")).status_code == 200


# metrics


async def test_metrics_parse_and_are_ours(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {"plantgate_badge_decisions", "plantgate_tags", "plantgate_part_ok", "plantgate_reader_badges"} <= set(
        families
    )
    for family in families.values():
        assert family.name.startswith("plantgate_")
        assert family.documentation
        assert all(sample.name.endswith("_total") for sample in family.samples if family.type == "counter")
    counts = [(sample.labels["reader"], sample.value) for sample in families["plantgate_badge_decisions"].samples]
    assert counts == [('a"\n\\', 2.0), ("b", 1.0)]
    assert families["plantgate_tags"].type == "gauge"


async def test_metrics_say_how_every_part_is(world: World, client: httpx.AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    wells = {(s.labels["kind"], s.labels["name"]): s.value for s in families["plantgate_part_ok"]}
    assert wells == {("listener", "http"): 1.0, ("reader", "entrance"): 1.0, ("device", "plc"): 0.0}
    assert [(s.labels, s.value) for s in families["plantgate_reader_badges"]] == [({"reader": "entrance"}, 3.0)]
    world.parts.clear()
    assert "plantgate_part_ok" not in (await client.get("/metrics")).text


def test_health_words_of_parts_are_the_contract() -> None:
    assert {str(health) for health in Health} == {"ok", "starting", "failed", "disabled"}
