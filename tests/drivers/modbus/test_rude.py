"""R37: twelve rude devices beside healthy ones, and what users of other gateways suffer from."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.model.quality import Quality, is_good
from plantgate.model.value import Batch
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.modbus.conftest import Tags, definition
from tests.drivers.modbus.rude import RudeDevice

Eventually = Callable[..., Awaitable[None]]
RATE = 0.05
TWELVE = (
    "dead",
    "stalled",
    "reset",
    "half close",
    "wrong id",
    "late",
    "double",
    "garbage",
    "dribble",
    "wrong length",
    "exception",
    "slow",
)
TAKEN = {"double", "dribble"}  # odd, and right all the same


class Plant:
    """Devices with ten registers each, all polled by this process."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.tasks = TaskGroup("plant", self.clock)
        self.devices: dict[str, RudeDevice] = {}
        self.drivers: dict[str, ModbusDevice] = {}
        self.tags: dict[str, Tags] = {}

    async def add(self, name: str, **options: Any) -> None:
        self.devices[name] = device = RudeDevice()
        await device.start()
        tags = self.tags[name] = _Forgetful()
        settings: dict[str, Any] = {"host": "127.0.0.1", "port": device.port, "timeout": 0.1, **options}
        points = [(tag, definition(f"HR{tag + 1}"), RATE) for tag in range(10)]
        driver = ModbusDevice(name, ModbusOptions(**settings), points, self.clock, tags, lambda: 0.0)
        self.drivers[name] = driver
        self.tasks.spawn(name, driver.run)

    def all_good(self, name: str) -> bool:
        tags = self.tags[name]
        return len(tags.qualities) == 10 and tags.all(Quality.GOOD)

    def detail(self, name: str, key: str) -> int:
        value = self.drivers[name].status()[0].details[key]
        assert isinstance(value, int)
        return value


class _Forgetful(Tags):
    """It keeps the newest only: what grows is then the driver's."""

    def publish(self, batch: Batch) -> None:
        super().publish(batch)
        self.batches.clear()
        if not all(map(is_good, batch.qualities)):
            self.left_good = True

    left_good = False


@pytest_asyncio.fixture
async def plant() -> AsyncIterator[Plant]:
    site = Plant()
    yield site
    await site.tasks.stop()
    for device in site.devices.values():
        await device.stop()
    assert site.tasks.crashes == []


async def test_twelve_rude_devices_cost_the_healthy_ones_nothing_and_come_back(
    plant: Plant, eventually: Eventually
) -> None:
    for name in (*TWELVE, "healthy 1", "healthy 2"):
        await plant.add(name)
    await eventually(lambda: all(map(plant.all_good, plant.devices)))
    for name in TWELVE:
        if name == "dead":
            await plant.devices[name].stop()
        else:
            plant.devices[name].delay = 10.0
            plant.devices[name].manner = name
    healthy = [plant.tags["healthy 1"], plant.tags["healthy 2"]]
    for tags in healthy:
        tags.left_good = False  # type: ignore[attr-defined]
    rude = [name for name in TWELVE if name not in TAKEN]
    await eventually(lambda: not any(is_good(code) for name in rude for code in plant.tags[name].qualities.values()))
    asked = len(plant.devices["healthy 1"].asked)
    await eventually(lambda: len(plant.devices["healthy 1"].asked) > asked + 20)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    asked = len(plant.devices["healthy 1"].asked)
    for device in plant.devices.values():
        device.asked.clear()
        device.units.clear()
    await eventually(lambda: len(plant.devices["healthy 1"].asked) > 40)
    for device in plant.devices.values():
        device.asked.clear()
        device.units.clear()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000, f"{grown:,} bytes more after 40 polls among rude devices"
    assert not any(tags.left_good for tags in healthy)  # type: ignore[attr-defined]
    for name in TWELVE:
        plant.devices[name].manner = "well"
    await plant.devices["dead"].start(plant.devices["dead"].port)
    await eventually(lambda: all(map(plant.all_good, plant.devices)), within=20.0)


@pytest.mark.parametrize("manner", [name for name in TWELVE if name not in {*TAKEN, "dead"}])
async def test_bad_within_two_periods_or_the_timeout(plant: Plant, eventually: Eventually, manner: str) -> None:
    """Counted in polls of a healthy device beside it: time on a busy machine says nothing."""
    await plant.add("rude", timeout=2 * RATE)
    await plant.add("healthy")
    await eventually(lambda: plant.all_good("rude") and plant.all_good("healthy"))
    plant.devices["rude"].delay = 10.0
    asked = len(plant.devices["healthy"].asked)
    plant.devices["rude"].manner = manner
    await eventually(lambda: not any(map(is_good, plant.tags["rude"].qualities.values())))
    assert len(plant.devices["healthy"].asked) - asked <= 6
    assert plant.all_good("healthy")


# What users of other gateways suffer from (peers.md 3: complaints 1, 2 and 9).


async def test_data_after_every_reconnect(plant: Plant, eventually: Eventually) -> None:
    """Complaint 1: after a drop and return, no data until restart."""
    await plant.add("plc")
    device = plant.devices["plc"]
    for word in range(1, 6):
        await eventually(lambda: plant.all_good("plc"))
        await device.stop()
        await eventually(lambda: not any(map(is_good, plant.tags["plc"].qualities.values())))
        device.registers[0] = word
        await device.start(device.port)
        await eventually(lambda word=word: plant.all_good("plc") and plant.tags["plc"].values[0] == word)
    assert plant.detail("plc", "reconnects") >= 5
    assert device.open == 1


async def test_one_dead_device_starves_nobody(plant: Plant, eventually: Eventually) -> None:
    """Complaint 2: one dead device stops the healthy ones."""
    for number in range(8):
        await plant.add(f"plc {number}", timeout=30.0)
    await eventually(lambda: all(map(plant.all_good, plant.devices)))
    plant.devices["plc 0"].manner = "silent"
    before = {name: len(device.asked) for name, device in plant.devices.items()}
    for name in [f"plc {number}" for number in range(1, 8)]:
        await eventually(lambda name=name: len(plant.devices[name].asked) > before[name] + 20)
    assert all(plant.all_good(f"plc {number}") for number in range(1, 8))
    # Long before its timeout of 30 s the silent one's values are stale.
    assert plant.tags["plc 0"].all(Quality.BAD_STALE)


async def test_not_one_request_for_each_register(plant: Plant, eventually: Eventually) -> None:
    """Complaint 9: one request per register."""
    await plant.add("plc")
    await eventually(lambda: plant.all_good("plc"))
    await eventually(lambda: len(plant.devices["plc"].asked) >= 5)
    assert {request.count for request in plant.devices["plc"].asked} == {10}  # type: ignore[union-attr]
