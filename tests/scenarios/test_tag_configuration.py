"""Tags are edited while the gateway runs: files, tree, PLC, history, Modbus server and pages change as one."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import threading
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as Sim
from pymodbus.simulator import SimData, SimDevice

from bench.processes import free_ports, plantgate, wait_for
from plantgate.app import Gateway, configuration_of
from plantgate.config.document import Configuration
from plantgate.config.load import load
from plantgate.config.tags.edit import TagPlan
from plantgate.model.quality import Quality
from plantgate.model.tag import full_path
from plantgate.runtime.clock import SystemClock
from plantgate.security import sign_in

# Tags that the gateway makes while it runs, and that stay until it ends.
_MADE = ("[default]Access/", "[default]Devices/", "[default]Alarms/")
Eventually = Callable[..., Awaitable[None]]
XML = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties>
<entry key="gateway.port">{http}</entry>
<entry key="gateway.sslport">0</entry>
<entry key="gateway.metroSSLPort">0</entry>
</properties>
"""
MAIN = """\
[[device]]
name = "PLC1"
host = "127.0.0.1"
port = {plc}

[[tag_group]]
name = "default"
rate = "100ms"

[[tag_group]]
name = "fast"
rate = "50ms"

[modbus_server]
enabled = true
port = {server}

[[modbus_server.map]]
address = "HR1"
tag = "Line 1/Count"
"""
LINE = """\
# as delivered
[[tag]]
path = "Line 1/Speed"
type = "Int2"
address = "[PLC1]HR1"
history = true

[[tag]]
path = "Line 1/Count"
type = "Int2"
writable = true
initial = 7
"""


@pytest_asyncio.fixture
async def plc() -> AsyncIterator[int]:
    """Holding register n has n * 10."""
    words = [SimData(0, values=[10 * (number + 1) for number in range(100)], datatype=Sim.REGISTERS)]
    bits = [SimData(0, values=[False] * 16, datatype=Sim.BITS)]
    server = ModbusTcpServer(SimDevice(0, simdata=(bits, bits, words, words)), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    await server.shutdown()  # type: ignore[no-untyped-call]


@dataclass
class Plant:
    """A gateway in this process, and its HTTP API."""

    data: Path
    gateway: Gateway
    client: httpx.AsyncClient
    server: int

    async def ask(self, method: str, path: str, **keys: Any) -> httpx.Response:
        return await self.client.request(method, f"/api/v1/{path}", **keys)

    async def put(self, *rows: dict[str, Any], **keys: Any) -> dict[str, Any]:
        answer = await self.ask("PUT", "tags/configuration", json={"items": rows}, **keys)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def now(self, path: str) -> tuple[Any, int] | None:
        tag = self.gateway.tree.find(path)
        found = None if tag is None else self.gateway.tree.read(tag)
        return None if found is None else (found.value, found.quality)

    def same_as_files(self) -> None:
        """The tree has what a fresh start would give it, and the configuration says so too."""
        fresh = {tag.path: tag for tag in configuration_of(self.data).tags}
        tree = self.gateway.tree
        live = {tree.definitions()[tag].path: tree.definitions()[tag] for tag in tree.ids()}
        assert {path: live.get(path) for path in fresh} == fresh
        assert {tag.path: tag for tag in self.gateway.configuration.tags} == fresh
        ours = {tag.path for tag in self.gateway._definitions()}
        assert set(live) - ours - {path for path in live if path.startswith(_MADE)} == set()


@asynccontextmanager
async def opened(folder: Path, plc: int) -> AsyncIterator[Plant]:
    http, server = free_ports(2)
    (folder / "tags").mkdir(parents=True)
    (folder / "gateway.xml").write_text(XML.format(http=http))
    (folder / "plantgate.toml").write_text(MAIN.format(plc=plc, server=server))
    (folder / "tags/line.toml").write_text(LINE)
    gateway = Gateway(configuration_of(folder), folder, SystemClock())
    await gateway.start()
    application, cookie = gateway.api("ada")
    name, _, value = cookie.partition("=")
    transport = httpx.ASGITransport(application)
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:0", cookies={name: value}, timeout=60
        ) as client:
            yield Plant(folder, gateway, client, server)
    finally:
        await gateway.stop()
        assert [crash for group in gateway._tasks.values() for crash in group.crashes] == []


@pytest_asyncio.fixture
async def plant(tmp_path: Path, plc: int) -> AsyncIterator[Plant]:
    async with opened(tmp_path / "data", plc) as found:
        yield found


async def test_a_new_device_tag_is_polled_and_stored(plant: Plant, eventually: Eventually) -> None:
    await eventually(lambda: plant.now("Line 1/Speed") == (10, Quality.GOOD))
    row = {"path": "Line 1/Level", "type": "Int2", "address": "[PLC1]HR5", "history": True, "group": "fast"}
    done = await plant.put(row)
    assert (done["added"], done["files"]) == (["[default]Line 1/Level"], ["tags/line.toml"])
    await eventually(lambda: plant.now("Line 1/Level") == (50, Quality.GOOD))
    await eventually(lambda: plant.now("Devices/PLC1/Rates/50 ms/RequestCount") == (1, Quality.GOOD))
    await plant.put({**row, "address": "[PLC1]HR6"})
    await eventually(lambda: plant.now("Line 1/Level") == (60, Quality.GOOD))
    await plant.gateway.historian.flush()
    series = await plant.gateway.historian.query("Line 1/Level", 0, 1 << 62)
    assert [value for value in series.values if value is not None][:1] == [50]
    assert 60 in series.values
    assert (await plant.ask("POST", "tags/remove", json={"paths": ["Line 1/Level"]})).status_code == 200
    assert plant.now("Line 1/Level") is None
    assert (plant.data / "tags/line.toml").read_text() == LINE + "\n"
    await plant.gateway.historian.flush()
    series = await plant.gateway.historian.query("Line 1/Level", 0, 1 << 62)
    assert series.qualities[-1] == Quality.BAD_NOT_FOUND
    assert (await plant.put(row))["added"]
    await eventually(lambda: plant.now("Line 1/Level") == (50, Quality.GOOD))
    plant.same_as_files()


async def test_tags_made_of_others(plant: Plant, eventually: Eventually) -> None:
    await plant.put(
        {"path": "M/Double", "type": "Int4", "expression": "{Line 1/Count} * 2"},
        {"path": "M/All", "type": "Float8", "expression": "sum({M/N*})"},
        {"path": "M/Same", "type": "Int4", "source": "Line 1/Count", "writable": True},
    )
    await eventually(lambda: plant.now("M/Double") == (14, Quality.GOOD))
    await plant.ask("POST", "tags/write", json={"path": "M/Same", "value": 9})
    await eventually(lambda: plant.now("M/Double") == (18, Quality.GOOD))
    await plant.put({"path": "M/Double", "type": "Int4", "expression": "{Line 1/Count} * 3"})
    await eventually(lambda: plant.now("M/Double") == (27, Quality.GOOD))
    await plant.put({"path": "M/N1", "type": "Int4", "initial": 5}, {"path": "M/N2", "type": "Int4", "initial": 6})
    await eventually(lambda: plant.now("M/All") == (11.0, Quality.GOOD))
    await plant.ask("POST", "tags/remove", json={"paths": ["M/N1"]})
    await eventually(lambda: plant.now("M/All") == (6.0, Quality.GOOD))
    plant.same_as_files()


async def test_a_memory_tag_takes_its_value_to_its_new_path(tmp_path: Path, plc: int, eventually: Eventually) -> None:
    async with opened(tmp_path / "data", plc) as plant:
        await plant.put({"path": "M/Kept", "type": "Int4", "writable": True, "persist": True, "initial": 1})
        await plant.put({"path": "M/Sum", "type": "Int4", "expression": "{[.]Kept} + 1"})
        assert (await plant.ask("POST", "tags/write", json={"path": "M/Kept", "value": 41})).json()["outcome"] == "done"
        await eventually(lambda: plant.now("M/Sum") == (42, Quality.GOOD))
        answer = await plant.ask("POST", "tags/rename", json={"path": "M", "to": "Area/Store"})
        assert answer.json()["renamed"] == [
            ["[default]M/Kept", "[default]Area/Store/Kept"],
            ["[default]M/Sum", "[default]Area/Store/Sum"],
        ]
        assert plant.now("Area/Store/Kept") == (41, Quality.GOOD)
        await eventually(lambda: plant.now("Area/Store/Sum") == (42, Quality.GOOD))
        assert plant.now("M/Kept") is None
        plant.same_as_files()
        data = plant.data
    again = Gateway(configuration_of(data), data, SystemClock())
    await again.tags.start([])
    tag = again.tree.find("Area/Store/Kept")
    assert tag is not None
    assert again.tree.read(tag).value == 41
    await again._tasks["gateway"].stop()
    await again.tags.stop()


async def test_the_modbus_server_shows_other_definitions(plant: Plant) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=plant.server)
    await client.connect()
    assert (await client.read_holding_registers(0, count=1)).registers == [7]
    refused = await plant.ask("POST", "tags/remove", json={"paths": ["Line 1/Count"]})
    assert refused.status_code == 409
    assert "the Modbus server's HR1" in refused.json()["errors"][0]["message"]
    await plant.put({"path": "Line 1/Count", "type": "Float8", "writable": True, "initial": 3.0})
    assert (await client.read_holding_registers(0, count=1)).registers == [3]
    wrong = await plant.ask("PUT", "tags/configuration", json={"items": [{"path": "Line 1/Count", "type": "String"}]})
    assert wrong.status_code in {200, 409}
    client.close()
    plant.same_as_files()


async def test_nothing_is_applied_when_one_item_is_wrong(plant: Plant) -> None:
    before = {path: path.read_bytes() for path in plant.data.rglob("*.toml")}
    ids, revision = list(plant.gateway.tree.ids()), plant.gateway.tag_configuration.revision
    rows = [{"path": "Good", "type": "Int4"}, {"path": "Wrong", "type": "Int4", "address": "[PLC1]HR0"}]
    answer = await plant.ask("PUT", "tags/configuration", json={"items": rows})
    assert [(each["path"], each["key"]) for each in answer.json()["errors"]] == [("[default]Wrong", "address")]
    tried = await plant.ask("PUT", "tags/configuration", json={"items": rows[:1], "dry_run": True})
    assert tried.json()["differences"][0]["after"] == {"path": "Good", "type": "Int4"}
    assert {path: path.read_bytes() for path in plant.data.rglob("*.toml")} == before
    assert (list(plant.gateway.tree.ids()), plant.gateway.tag_configuration.revision) == (ids, revision)


async def test_of_two_who_looked_at_the_same_one_is_told(plant: Plant) -> None:
    seen = (await plant.ask("GET", "tags/configuration?path=Line 1/Count")).headers["etag"]
    rows = [{"path": "Line 1/Count", "type": "Int2", "writable": True, "unit": unit} for unit in ("a", "b", "c", "d")]
    answers = await asyncio.gather(
        *(plant.ask("PUT", "tags/configuration", json={"items": [row]}, headers={"if-match": seen}) for row in rows)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    (winner,) = [row["unit"] for row, answer in zip(rows, answers, strict=True) if answer.status_code == 200]
    assert (await plant.ask("GET", "tags/configuration?path=Line 1/Count")).json()["entry"]["unit"] == winner
    plant.same_as_files()


async def test_without_if_match_all_are_done_in_turn(plant: Plant) -> None:
    rows = [{"path": f"Many/T{number}", "type": "Int4"} for number in range(12)]
    answers = await asyncio.gather(*(plant.ask("PUT", "tags/configuration", json={"items": [row]}) for row in rows))
    assert {answer.status_code for answer in answers} == {200}
    plant.same_as_files()


async def test_too_many_at_once_are_turned_away(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.composing.tags.TAG_EDITS_WAITING", 3)
    rows = [{"path": f"Many/T{number}", "type": "Int4"} for number in range(8)]
    answers = await asyncio.gather(*(plant.ask("PUT", "tags/configuration", json={"items": [row]}) for row in rows))
    assert [answer.status_code for answer in answers].count(503) == 5
    plant.same_as_files()


async def test_who_asked_may_go_away(plant: Plant, eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    book = plant.gateway.tag_configuration._book
    write = book.write

    def slow(plan: TagPlan) -> Configuration:
        begun.set()
        go_on.wait(20)
        return write(plan)

    monkeypatch.setattr(book, "write", slow)
    async with asyncio.TaskGroup() as tasks:
        rows = [{"path": "Gone/A", "type": "Int4"}]
        asked = tasks.create_task(plant.ask("PUT", "tags/configuration", json={"items": rows}))
        await eventually(begun.is_set)
        asked.cancel()
    assert plant.now("Gone/A") is None
    go_on.set()
    await eventually(lambda: plant.now("Gone/A") is not None)
    plant.same_as_files()


async def test_a_full_disk_leaves_everything_as_it_is(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plantgate.config.tags.commit.write_atomic", full)
    answer = await plant.ask("PUT", "tags/configuration", json={"items": [{"path": "A", "type": "Int4"}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "CFG-411")
    group = await plant.ask("PUT", "tag-groups/fast", json={"rate": "1s"})
    assert group.status_code == 503
    monkeypatch.undo()
    assert plant.now("A") is None
    plant.same_as_files()
    await plant.put({"path": "A", "type": "Int4"})


async def test_removed_rows_are_bounded(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.tags.tree.TAGS_REMOVED", 1)
    await plant.put(*({"path": f"Many/T{number}", "type": "Int4"} for number in range(3)))
    answer = await plant.ask("POST", "tags/remove", json={"paths": ["Many"]})
    assert (answer.status_code, answer.json()["code"]) == (503, "CFG-452")
    plant.same_as_files()
    assert (await plant.ask("POST", "tags/remove", json={"paths": ["Many/T1"]})).status_code == 200
    plant.same_as_files()


async def test_ten_thousand_tags_come_live(plant: Plant) -> None:
    lines = [f"Big {number // 1000}/T{number},Int4,{number}" for number in range(10_000)]
    content = "\n".join(["path,type,initial", *lines])
    answer = await plant.ask("POST", "tags/import?format=csv", content=content)
    assert (answer.status_code, len(answer.json()["added"])) == (200, 10_000), answer.text[:500]
    assert plant.now("Big 9/T9999") == (9999, Quality.GOOD)
    plant.same_as_files()
    assert len((await plant.ask("GET", "tags/browse?path=[default]&search=big")).json()["items"]) == 10


async def test_tag_groups_change_live(plant: Plant, eventually: Eventually) -> None:
    await plant.put({"path": "Line 1/Level", "type": "Int2", "address": "[PLC1]HR5", "group": "fast"})
    assert (await plant.ask("PUT", "tag-groups/fast", json={"rate": "70ms"})).status_code == 200
    assert (await plant.ask("DELETE", "tag-groups/fast")).status_code == 409
    await eventually(lambda: plant.now("Devices/PLC1/Rates/70 ms/IdealSamplingInterval") == (70.0, Quality.GOOD))
    assert (await plant.ask("PUT", "tag-groups/new", json={"rate": 0.2})).status_code == 200
    await plant.put({"path": "Line 1/Level", "type": "Int2", "address": "[PLC1]HR5", "group": "new"})
    assert (await plant.ask("DELETE", "tag-groups/fast")).status_code == 200
    assert [group.name for group in configuration_of(plant.data).tag_groups] == ["default", "new"]
    names = [row["name"] for row in (await plant.ask("GET", "tag-groups")).json()["items"]]
    assert names == ["default", "new"]
    plant.same_as_files()


async def test_alarms_of_new_tags(plant: Plant, eventually: Eventually) -> None:
    alarms = [{"name": "High", "mode": "above", "setpoint": 5, "priority": "high"}]
    await plant.put({"path": "A/T", "type": "Int4", "writable": True, "initial": 1, "alarms": alarms})
    await eventually(lambda: plant.now("A/T/Alarms/High/Active") == (False, Quality.GOOD))
    await plant.ask("POST", "tags/write", json={"path": "A/T", "value": 9})
    await eventually(lambda: plant.now("A/T/Alarms/High/Active") == (True, Quality.GOOD))
    await plant.ask("POST", "tags/remove", json={"paths": ["A"]})
    assert plant.now("A/T/Alarms/High/Active") is None
    plant.same_as_files()


async def test_any_edits_leave_the_tree_as_a_fresh_start_would(plant: Plant) -> None:
    chance = random.Random(5)
    paths = [f"{folder}/{name}" for folder in ("Line 1", "X", "X/Y") for name in ("A", "B", "C")]
    done = 0
    for _ in range(120):
        path, other = chance.sample(paths, 2)
        kind = chance.random()
        if kind < 0.6:
            row: dict[str, Any] = {"path": path, "type": chance.choice(["Int4", "Float8"])}
            row |= chance.choice(
                [{}, {"address": "[PLC1]HR3"}, {"expression": f"{{{other}}} + 1"}, {"source": other}, {"persist": True}]
            )
            row |= chance.choice([{}, {"history": True}, {"group": "fast"}, {"unit": "m"}])
            answer = await plant.ask("PUT", "tags/configuration", json={"items": [row]})
        elif kind < 0.8:
            answer = await plant.ask("POST", "tags/remove", json={"paths": [path]})
        else:
            answer = await plant.ask("POST", "tags/rename", json={"path": path, "to": other})
        assert answer.status_code in {200, 409}
        done += answer.status_code == 200
        plant.same_as_files()
    assert done > 20


async def test_the_page_of_a_removed_tag_hears_of_it_once(plant: Plant) -> None:
    class Sink:
        def __init__(self) -> None:
            self.heard: list[tuple[str, int]] = []

        def changed(self, batch: Any) -> None:
            names = plant.gateway.tree.definitions()
            self.heard += [(names[tag].path, quality) for tag, quality in zip(batch.tags, batch.qualities, strict=True)]

    await plant.put({"path": "Page/T", "type": "Int4", "initial": 1})
    sink = Sink()
    plant.gateway.tree.add_sink(sink)
    await plant.ask("POST", "tags/remove", json={"paths": ["Page/T"]})
    await plant.put({"path": "Page/T", "type": "Int4", "initial": 2})
    assert [each for each in sink.heard if each[0] == full_path("Page/T")] == [
        (full_path("Page/T"), int(Quality.BAD_NOT_FOUND)),
        (full_path("Page/T"), int(Quality.GOOD)),
    ]


def test_a_gateway_that_is_killed_in_an_edit_starts_again(tmp_path: Path) -> None:
    """Killed while it replaces two files: what it has then is one of the two states, whole."""
    data = tmp_path / "data"
    (data / "tags").mkdir(parents=True)
    (http,) = free_ports(1)
    (data / "gateway.xml").write_text(XML.format(http=http))
    (data / "plantgate.toml").write_text("")
    for name in ("a", "b"):
        rows = [{"path": f"{name.upper()}/T{number}", "type": "Int4", "unit": "0"} for number in range(300)]
        (data / f"tags/{name}.json").write_text(json.dumps(rows))
    for attempt in range(3):
        with plantgate("run", "--data", str(data)) as gateway:
            wait_for(lambda: _edit(data, http, "-1") or gateway.process.poll() is not None, "a gateway that answers")
            editing = threading.Thread(target=_edit_for_ever, args=(data, http, attempt))
            editing.start()
            wait_for((data / "state/tag-edit").exists, "an edit of two files that is under way")
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait(10)
            editing.join(20)
        units = {tag.unit for tag in load(data, (), {}).tags}
        assert len(units) == 1, "both files or none"


def _edit_for_ever(data: Path, http: int, attempt: int) -> None:
    number = 0
    while _edit(data, http, f"{attempt}.{number}"):
        number += 1


def _edit(data: Path, http: int, unit: str) -> bool:
    """Change all tags of both files."""
    with httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=20) as client:
        try:
            token = sign_in.create(data, "ada", SystemClock())
            if client.post("/api/v1/session", json={"token": token}).status_code != 200:
                return False
            rows = [{"path": f"{name}/T{at}", "type": "Int4", "unit": unit} for name in "AB" for at in range(300)]
            return client.put("/api/v1/tags/configuration", json={"items": rows}).status_code == 200
        except (httpx.HTTPError, OSError):
            return False


async def test_comments_of_every_file_are_still_there(plant: Plant) -> None:
    await plant.put({"path": "Line 1/Speed", "type": "Int2", "address": "[PLC1]HR2", "history": True, "unit": "m"})
    text = (plant.data / "tags/line.toml").read_text()
    assert text.startswith("# as delivered\n[[tag]]\n")
    assert tomllib.loads(text)["tag"][0]["unit"] == "m"
