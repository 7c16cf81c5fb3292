"""Tags and rates that change while a real device is polled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.errors import ConfigError
from plantgate.model.command import Outcome as Result
from plantgate.model.command import WriteTag
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition
from plantgate.protocols.modbus import Read
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.modbus.conftest import Start, Tags, definition
from tests.drivers.modbus.rude import RudeDevice

Eventually = Callable[..., Awaitable[None]]
Points = list[tuple[int, TagDefinition, float]]


def points(numbers: range, rate: float = 0.05, first_tag: int = 0) -> Points:
    return [(first_tag + place, definition(f"HR{number}"), rate) for place, number in enumerate(numbers)]


def asked(rude: RudeDevice, address: int) -> int:
    """How many requests had this register (from 0)."""
    reads = [request for request in rude.asked if isinstance(request, Read)]
    return sum(request.start <= address < request.start + request.count for request in reads)


async def test_a_group_speeds_up_and_slows_down(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1"], rate=60.0)
    await eventually(lambda: tags.values.get(0) == 0)
    assert asked(rude, 0) == 1
    device.set_rate("default", 0.02)
    await eventually(lambda: asked(rude, 0) >= 20)
    device.set_rate("default", 60.0)
    await asyncio.sleep(0)
    seen = asked(rude, 0)
    for _ in range(3):  # what else the device is asked shows that time goes by
        await device.execute(WriteTag("[default]HR1", 0))
    await asyncio.sleep(0.2)
    assert asked(rude, 0) <= seen + 1 + 3, "at most the poll under way, and what the writes read back"
    assert tags.all(Quality.GOOD)
    assert rude.connections == 1


async def test_a_read_on_demand_is_one_request(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR5", "HR7"], rate=0.0)
    other = points(range(100, 101), first_tag=9)
    device.set_points([*points(range(5, 7), 0.0), *((tag, each, 0.02) for tag, each, _ in other)])
    await eventually(lambda: asked(rude, 99) > 2)
    assert asked(rude, 4) == 0
    for number in range(1, 4):
        device.read_once("default")
        before = asked(rude, 99)
        await eventually(lambda before=before: asked(rude, 99) > before + 3)
        assert asked(rude, 4) == number
    assert (tags.values[0], tags.values[1]) == (4, 5)


async def test_what_is_wanted_while_the_device_is_away_is_read_when_it_is_back(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    port = rude.port
    await rude.stop()
    device = start(["HR5"], rate=0.0)
    await eventually(lambda: tags.qualities.get(0) == Quality.BAD_NOT_CONNECTED)
    device.read_once("default")
    await rude.start(port)
    await eventually(lambda: tags.qualities.get(0) == Quality.GOOD)
    assert asked(rude, 4) == 1


async def test_set_points_under_load_loses_no_poll(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    """Every 30 ms the plan is another one; each tag that stays is read at its rate all the same."""
    rude.manner, rude.delay = "slow", 0.004
    device = start([f"HR{number}" for number in range(1, 501)], rate=0.1, concurrent_requests=2)
    await eventually(lambda: len(tags.values) == 500)
    tags.batches.clear()
    loop = asyncio.get_running_loop()
    begun, changes = loop.time(), 0
    while loop.time() - begun < 2.0:
        changes += 1
        more = points(range(600, 600 + changes % 60), 0.1, first_tag=1_000)
        device.set_points([*points(range(1, 501), 0.1), *more])
        await asyncio.sleep(0.03)
    seconds = loop.time() - begun
    counts = dict.fromkeys(range(500), 0)
    for batch in tags.batches:
        for tag in batch.tags:
            if tag in counts:
                counts[tag] += 1
    late = device.status()[0].details["late_polls"]
    assert isinstance(late, int)
    assert min(counts.values()) >= seconds / 0.1 - 2 - late
    assert changes > 20
    assert tags.all(Quality.GOOD)
    assert rude.connections == 1
    device.set_points(points(range(1, 501), 0.1))
    rude.asked.clear()
    await eventually(lambda: len(rude.asked) > 12)
    assert not any(asked(rude, number) for number in range(599, 700))


async def test_tags_come_and_go_and_writes_follow(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1", "HR2"])
    await eventually(lambda: len(tags.values) == 2)
    device.set_points([(1, definition("HR2"), 0.05), (7, definition("HR9"), 0.05)])
    await eventually(lambda: tags.values.get(7) == 8)
    assert (await device.execute(WriteTag("[default]HR1", 5))).code == "MB-402"
    assert (await device.execute(WriteTag("[default]HR9", 5))).outcome is Result.DONE
    assert rude.registers[8] == 5
    assert device.status()[0].details["tags"] == 2
    device.set_points([])
    await asyncio.sleep(0)
    rude.asked.clear()
    await asyncio.sleep(0.2)
    assert len(rude.asked) <= 1
    device.set_points([(1, definition("HR2"), 0.05)])
    await eventually(lambda: len(rude.asked) > 3)
    assert rude.connections == 1


async def test_a_wrong_address_changes_nothing(rude: RudeDevice, start: Start, eventually: Eventually) -> None:
    device = start(["HR1"])
    await eventually(lambda: asked(rude, 0) > 1)
    with pytest.raises(ConfigError, match=r"tag \[default\]XX9 of device plc"):
        device.set_points([(0, definition("HR1"), 0.05), (1, definition("XX9"), 0.05)])
    before = asked(rude, 0)
    await eventually(lambda: asked(rude, 0) > before + 3)
    assert device.status()[0].details["tags"] == 1


async def test_a_known_bad_register_stays_known(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.missing = {49}
    device = start([f"HR{number}" for number in range(1, 101)])
    await eventually(lambda: tags.qualities.get(49) == Quality.BAD_OUT_OF_RANGE)
    await eventually(lambda: sum(code == Quality.GOOD for code in tags.qualities.values()) == 99)
    seen = asked(rude, 49)
    device.set_points(points(range(1, 121)))
    await eventually(lambda: tags.qualities.get(119) == Quality.GOOD)
    assert asked(rude, 49) == seen
    (bad,) = device.inspect().bad
    assert bad.tag == 49
    assert bad.next_try is not None
    assert bad.next_try > SystemClock().wall()


async def test_what_its_page_shows(rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually) -> None:
    rude.dead_units = {7}
    device = start(["HR1", "HR300", "7.HR1"], concurrent_requests=4)
    await eventually(lambda: device.inspect().units[1].state == "silent")
    state = device.inspect()
    assert (state.tags, state.bad_count) == (3, 1)
    assert [(unit.unit, unit.state, unit.tags, unit.bad) for unit in state.units] == [
        (1, "answering", 2, 0),
        (7, "silent", 1, 1),
    ]
    (rate,) = state.rates
    assert (rate.rate, rate.tags, rate.requests) == (0.05, 3, 3)
    assert rate.actual_interval is not None
    assert [(each.first, each.start, each.count, each.unit) for each in device.plan()] == [
        ("HR1", 0, 1, 1),
        ("HR300", 299, 1, 1),
        ("HR1", 0, 1, 7),
    ]


async def test_the_device_that_is_away_shows_no_old_figures(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1"])
    await eventually(lambda: tags.values.get(0) == 0)
    await rude.stop()
    await eventually(lambda: tags.all(Quality.BAD_NOT_CONNECTED))
    state = device.inspect()
    assert (state.response, state.overload_percent, state.requests_per_second) == (None, None, 0.0)
    assert [unit.state for unit in state.units] == ["not connected"]
    assert [bad.next_try for bad in state.bad] == [None]


async def test_a_device_of_tags_that_are_read_on_demand_is_well(
    rude: RudeDevice, tags: Tags, eventually: Eventually
) -> None:
    clock = SystemClock()
    group = TaskGroup("test", clock)
    options = ModbusOptions("127.0.0.1", rude.port, timeout=0.3)
    device = ModbusDevice("plc", options, points(range(1, 3), 0.0), clock, tags)
    group.spawn("plc", device.run)
    await eventually(lambda: rude.connections == 1)
    device.read_once("default")
    await eventually(lambda: device.status()[0].state == "connected")
    assert device.status()[0].health.value == "ok"
    assert [each.rate for each in device.plan()] == [0.0]
    await group.stop()
