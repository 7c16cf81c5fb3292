"""A device that can be rude, a sink that remembers, and a driver that is stopped in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.modbus.rude import RudeDevice


class Tags:
    """The tag tree as a driver sees it: the newest value, quality and reason of each tag."""

    def __init__(self) -> None:
        self.values: dict[int, Scalar] = {}
        self.qualities: dict[int, int] = {}
        self.reasons: dict[int, str] = {}
        self.batches: list[Batch] = []

    def publish(self, batch: Batch) -> None:
        assert len(batch.tags) == len(batch.values) == len(batch.qualities) == len(batch.times)
        self.batches.append(batch)
        for tag, value, quality in zip(batch.tags, batch.values, batch.qualities, strict=True):
            self.values[tag] = value
            self.qualities[tag] = quality
            self.reasons[tag] = batch.reason

    def all(self, quality: int) -> bool:
        return bool(self.qualities) and set(self.qualities.values()) == {quality}


def definition(address: str, data_type: DataType = DataType.INT4) -> TagDefinition:
    return TagDefinition(
        f"[default]{address.replace('.', '-')}", data_type, TagKind.DEVICE, "plc", address, writable=True
    )


Start: TypeAlias = Callable[..., ModbusDevice]


@pytest.fixture
def tags() -> Tags:
    return Tags()


@pytest_asyncio.fixture
async def rude() -> AsyncIterator[RudeDevice]:
    device = RudeDevice()
    await device.start()
    yield device
    await device.stop()


@pytest_asyncio.fixture
async def start(rude: RudeDevice, tags: Tags) -> AsyncIterator[Start]:
    """`start(["HR1", ...], rate=..., **options)` runs a driver against the rude device; tag ids count from 0."""
    clock = SystemClock()
    group = TaskGroup("test", clock)

    def run(addresses: list[str], rate: float = 0.05, **options: Any) -> ModbusDevice:
        settings: dict[str, Any] = {"host": "127.0.0.1", "port": rude.port, "timeout": 0.3, **options}
        points = [(tag, definition(address), rate) for tag, address in enumerate(addresses)]
        # No jitter and the shortest pause: tests wait for what happens, not for the pause.
        device = ModbusDevice("plc", ModbusOptions(**settings), points, clock, tags, lambda: 0.0)
        group.spawn("plc", device.run)
        return device

    yield run
    await group.stop()
    assert group.crashes == []
