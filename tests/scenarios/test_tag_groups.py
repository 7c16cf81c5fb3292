"""Tag groups of a whole gateway: driven by a tag of the same PLC, leased by a page, and what the pages say of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import websockets

from bench.processes import free_ports
from plantgate.app import Gateway, configuration_of
from plantgate.config.template import write_pair
from plantgate.protocols.modbus import Read
from plantgate.runtime.clock import SystemClock
from tests.conftest import Eventually
from tests.drivers.modbus.rude import RudeDevice

TOML = """
[[device]]
name = "PLC1"
host = "127.0.0.1"
port = {plc}
concurrent_requests = 2

[[tag_group]]
name = "quick"
rate = "50ms"

[[tag_group]]
name = "while running"
mode = "driven"
rate = "60s"
driving_tag = "Running"
condition = "> 0"
driven_rate = "50ms"

[[tag_group]]
name = "recipe"
mode = "driven"
rate = "0s"
driving_tag = "Running"
condition = "> 0"
one_shot = true

[[tag_group]]
name = "looked at"
mode = "leased"
rate = "60s"
leased_rate = "50ms"

[[tag]]
path = "Running"
type = "Int4"
address = "[PLC1]HR1"
group = "quick"

[[tag]]
path = "Torque"
type = "Int4"
address = "[PLC1]HR301"
group = "while running"

[[tag]]
path = "Recipe/Number"
type = "Int4"
address = "[PLC1]HR601"
group = "recipe"

[[tag]]
path = "Wear"
type = "Int4"
address = "[PLC1]HR901"
group = "looked at"
"""
TORQUE, RECIPE, WEAR = 300, 600, 900


class Site:
    def __init__(self, plc: RudeDevice, gateway: Gateway, url: str) -> None:
        self.plc, self.gateway, self.url = plc, gateway, url

    def asked(self, address: int) -> int:
        reads = [request for request in self.plc.asked if isinstance(request, Read)]
        return sum(request.start <= address < request.start + request.count for request in reads)

    def value(self, path: str) -> object:
        tag = self.gateway.tree.find(path)
        assert tag is not None
        return self.gateway.tree.read(tag).value

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient(base_url=f"http://{self.url}", trust_env=False) as client:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            return answer.json()

    async def rate(self, group: str) -> float:
        items = (await self.get("/api/v1/tag-groups"))["items"]
        rate: float = next(item["now"]["rate"] for item in items if item["name"] == group)
        return rate


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    plc = RudeDevice()
    plc.registers[0] = 0
    await plc.start()
    (http,) = free_ports(1)
    write_pair(tmp_path)
    (tmp_path / "plantgate.toml").write_text(TOML.format(plc=plc.port), encoding="utf-8")
    sets = [f"gateway.port={http}", "gateway.sslport=0", "web.address=127.0.0.1"]
    gateway = Gateway(configuration_of(tmp_path, sets), tmp_path, SystemClock())
    await gateway.start()
    try:
        yield Site(plc, gateway, f"127.0.0.1:{http}")
    finally:
        await gateway.stop()
        await plc.stop()


@contextlib.asynccontextmanager
async def page(site: Site, *paths: str) -> AsyncIterator[None]:
    async with websockets.connect(f"ws://{site.url}/api/v1/stream", proxy=None) as socket:
        await socket.send(json.dumps({"subscribe": {"tags": list(paths)}}))
        yield


async def more(site: Site, address: int, count: int, eventually: Callable[..., Any]) -> None:
    before = site.asked(address)
    await eventually(lambda: site.asked(address) >= before + count)


async def test_a_machine_that_starts_is_read_faster_and_its_recipe_once(site: Site, eventually: Eventually) -> None:
    await eventually(lambda: site.value("Torque") == TORQUE)
    await more(site, 0, 10, eventually)
    assert site.asked(TORQUE) == 1
    assert site.asked(RECIPE) == 0
    for start in (1, 2):
        site.plc.registers[RECIPE] = 40 + start
        site.plc.registers[0] = 1
        await eventually(lambda start=start: site.value("Recipe/Number") == 40 + start)
        await more(site, TORQUE, 20, eventually)
        assert await site.rate("while running") == 0.05
        site.plc.registers[0] = 0
        await eventually(lambda: site.gateway.tags.groups.rates["while running"] == 60.0)
        seen = site.asked(TORQUE)
        await more(site, 0, 20, eventually)
        assert site.asked(TORQUE) <= seen + 1
        assert site.asked(RECIPE) == start


async def test_a_page_that_looks_makes_its_tags_quick(site: Site, eventually: Eventually) -> None:
    await eventually(lambda: site.value("Wear") == WEAR)
    assert site.asked(WEAR) == 1
    async with page(site, "Wear"):
        await more(site, WEAR, 20, eventually)
        plan = (await site.get("/api/v1/devices/PLC1/plan"))["requests"]
        assert {each["first"]: each["rate_ms"] for each in plan}["HR901"] == 50.0
    await eventually(lambda: site.gateway.tags.groups.rates["looked at"] == 60.0)
    await more(site, 0, 10, eventually)
    seen = site.asked(WEAR)
    await more(site, 0, 20, eventually)
    assert site.asked(WEAR) == seen
    assert site.plc.connections == 1


async def test_what_the_pages_say(site: Site, eventually: Eventually) -> None:
    await eventually(lambda: site.value("Devices/PLC1/Rates/50 ms/RequestCount") == 1)
    assert site.value("Devices/PLC1/Rates/60000 ms/IdealSamplingInterval") == 60_000.0
    (item,) = (await site.get("/api/v1/devices"))["items"]
    assert (item["name"], item["driver"], item["health"], item["tags"], item["tags_bad"]) == (
        "PLC1", "modbus_tcp", "ok", 4, 1,
    )  # fmt: skip
    device = await site.get("/api/v1/devices/PLC1")
    assert device["options"]["concurrent_requests"] == 2
    assert [(rate["rate_ms"], rate["tags"]) for rate in device["rates"]] == [(0.0, 1), (50.0, 1), (60_000.0, 2)]
    (bad,) = device["bad"]
    assert (bad["path"], bad["next_try_at"]) == ("[default]Recipe/Number", None)
    groups = {item["name"]: item for item in (await site.get("/api/v1/tag-groups"))["items"]}
    assert groups["recipe"]["now"] == {"rate": 0.0, "why": "and once for [default]Running > 0"}
    assert groups["looked at"]["tags"] == 1


async def test_no_tag_is_stale_while_rates_change(site: Site, eventually: Eventually) -> None:
    bad: list[tuple[str, int]] = []

    class Sink:
        def changed(self, batch: Any) -> None:
            paths = site.gateway.tree.definitions()
            bad.extend(
                (paths[tag].path, code) for tag, code in zip(batch.tags, batch.qualities, strict=True) if code >= 256
            )

    await eventually(lambda: site.value("Torque") == TORQUE)
    site.gateway.tree.add_sink(Sink())
    for value in (1, 0, 1, 0, 1, 0):
        site.plc.registers[0] = value
        async with page(site, "Wear"):
            await asyncio.sleep(0.6)
    assert bad == []
