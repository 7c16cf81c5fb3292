"""What the pages of devices and tag groups are told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from plantgate.limits import TAG_GROUP_SWITCH_SECONDS
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import DataType
from tests.conftest import Eventually
from tests.listeners.web.test_stream import receive, subscribe, until
from tests.listeners.web.world import SPEED, START, World


async def listed(client: httpx.AsyncClient, **parameters: Any) -> list[str]:
    answer = await client.get("/api/v1/devices", params=parameters)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def test_the_sick_ones_come_first(client: httpx.AsyncClient) -> None:
    assert await listed(client) == ["plc", "entrance", "oven"]
    (item,) = (await client.get("/api/v1/devices", params={"limit": 1})).json()["items"]
    assert item == {
        "name": "plc",
        "driver": "modbus_tcp",
        "host": "10.0.0.1",
        "port": 502,
        "unit_id": 1,
        "enabled": True,
        "health": "failed",
        "state": "no answer",
        "reason": "timeout",
        "next_step": "check the cable",
        "since": START // 1_000,
        "tags": 3,
        "tags_bad": 1,
        "overload_percent": 12.5,
        "requests_per_second": 1.0,
        "response_ms": 2.25,
    }


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"search": "modbus 10.0"}, ["plc", "oven"]),
        ({"search": "SPRING"}, ["entrance"]),
        ({"health": "disabled"}, ["oven"]),
        ({"sort": "-health"}, ["oven", "entrance", "plc"]),
        ({"sort": "name"}, ["entrance", "oven", "plc"]),
        ({"sort": "-tags_bad"}, ["oven", "plc", "entrance"]),
        ({"sort": "overload_percent", "offset": 2}, ["plc"]),
        ({"sort": "driver", "limit": 2}, ["oven", "plc"]),
    ],
)
async def test_filters_and_pages(client: httpx.AsyncClient, parameters: dict[str, Any], names: list[str]) -> None:
    assert await listed(client, **parameters) == names


@pytest.mark.parametrize(
    ("parameters", "code"), [({"health": "ill"}, "WEB-461"), ({"sort": "port"}, "WEB-462"), ({"limit": "0"}, "WEB-402")]
)
async def test_wrong_parameters_are_named(client: httpx.AsyncClient, parameters: dict[str, str], code: str) -> None:
    answer = await client.get("/api/v1/devices", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_one_device_names_its_bad_tags_and_when_they_are_tried_again(client: httpx.AsyncClient) -> None:
    device = (await client.get("/api/v1/devices/plc")).json()
    assert device["options"] == {"timeout": 2.0, "span_gaps": True}
    assert device["rates"] == [
        {
            "rate_ms": 1000.0,
            "tags": 3,
            "requests": 1,
            "ideal_interval_ms": 1000.0,
            "actual_interval_ms": 1000.2,
            "overload_percent": 12.5,
            "queue_ms": 0.4,
            "response_ms": 2.25,
        }
    ]
    assert device["bad_count"] == 1
    (bad,) = device["bad"]
    assert (bad["path"], bad["address"], bad["next_try_at"]) == ("[default]Door/Strike", "C1", START // 1_000)
    assert bad["quality_name"] == "Uncertain_InitialValue"
    assert bad["reason"] == "no value has arrived yet"
    assert device["units"][1] == {"unit": 2, "state": "silent", "tags": 1, "bad": 1}


async def test_the_plan(client: httpx.AsyncClient) -> None:
    plan = (await client.get("/api/v1/devices/plc/plan")).json()
    assert plan["metadata"]["total"] == 2
    assert plan["requests"][0] == {
        "rate_ms": 1000.0,
        "unit": 1,
        "function": 3,
        "start": 0,
        "count": 9,
        "tags": 2,
        "gap_registers": 6,
        "first": "HR1",
        "last": "HR9",
        "requests": 1,
        "why": "limit of 125",
    }
    page = (await client.get("/api/v1/devices/plc/plan", params={"offset": 1, "limit": 1})).json()
    assert [each["first"] for each in page["requests"]] == ["C1"]
    assert (await client.get("/api/v1/devices/entrance/plan")).json()["requests"] == []


@pytest.mark.parametrize("path", ["/api/v1/devices/nobody", "/api/v1/devices/nobody/plan"])
async def test_a_device_that_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "WEB-404")


async def test_tag_groups_and_their_rates_now(world: World, client: httpx.AsyncClient) -> None:
    async def now() -> dict[str, tuple[float, str]]:
        items = (await client.get("/api/v1/tag-groups")).json()["items"]
        return {item["name"]: (item["now"]["rate"], item["now"]["why"]) for item in items}

    assert await now() == {
        "default": (1.0, "its rate"),
        "looked at": (30.0, "nobody looks at its tags"),
        "at speed": (1.0, f"not {SPEED} > 100"),
    }
    world.change(SPEED, 120.0)
    assert (await now())["at speed"] == (0.1, f"{SPEED} > 100")
    first = (await client.get("/api/v1/tag-groups")).json()["items"][0]
    assert first == {
        "name": "default",
        "rate": 1.0,
        "mode": "direct",
        "driving_tag": "",
        "condition": "",
        "driven_rate": None,
        "one_shot": False,
        "leased_rate": None,
        "read_after_write": False,
        "optimistic_writes": False,
        "optimistic_write_timeout": 5.0,
        "tags": 1,
        "now": {"rate": 1.0, "why": "its rate"},
    }


async def test_a_page_leases_the_tags_it_names_while_it_is_open(world: World, eventually: Eventually) -> None:
    leased = TagDefinition("[default]Leased", DataType.INT4, TagKind.DEVICE, "plc", "HR1", group="looked at")
    world.groups.change(world.tree.add([leased]))

    def rate() -> float:
        return world.groups.rates["looked at"]

    async with world.page() as everything:
        await subscribe(everything, tags="all")
        await until(everything, "tags")
        assert rate() == 30.0, "who wants everything looks at nothing in particular"
        async with world.page() as page:
            await subscribe(page, tags=[SPEED])
            await until(page, "tags")
            assert rate() == 30.0
            await subscribe(page, tags=[leased.path, SPEED])
            await eventually(lambda: rate() == 0.5)
            await subscribe(page, tags=[leased.path])
            await until(page, "tags")
            await receive(page)
            assert rate() == 0.5
        await eventually(lambda: rate() == 30.0)
    assert TAG_GROUP_SWITCH_SECONDS <= 2
    assert not world.groups._leases


async def test_a_page_that_leases_nothing_any_more_lets_go(world: World, eventually: Eventually) -> None:
    leased = TagDefinition("[default]Leased", DataType.INT4, TagKind.DEVICE, "plc", "HR1", group="looked at")
    world.groups.change(world.tree.add([leased]))
    async with world.page() as page:
        await subscribe(page, tags=[leased.path])
        await eventually(lambda: world.groups.rates["looked at"] == 0.5)
        await subscribe(page, badges=True)
        await eventually(lambda: world.groups.rates["looked at"] == 30.0)
