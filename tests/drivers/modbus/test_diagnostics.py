"""The diagnostic tags of a device, by Ignition's names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from plantgate.config.document import Device
from plantgate.drivers.modbus import (
    ModbusDevice,
    ModbusOptions,
    device_tag_definitions,
    tag_definitions_of_devices,
)
from plantgate.model.tag import TagKind, path_problem
from plantgate.model.value import Scalar
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.modbus.conftest import Tags, definition
from tests.drivers.modbus.rude import RudeDevice

Eventually = Callable[..., Awaitable[None]]
IGNITIONS = {"Connected", "Hostname", "Name", "Port", "State", "Status", "MonitoredItemCount"}
PER_RATE = {
    "ActualSamplingInterval",
    "IdealSamplingInterval",
    "ActualThroughput",
    "IdealThroughput",
    "OverloadFactor",
    "QueueDuration",
    "RequestCount",
}


def test_the_names_are_ignitions_and_can_be_paths() -> None:
    definitions = device_tag_definitions("PLC 1", [1.0, 0.05, 1.0])
    paths = [each.path for each in definitions]
    assert len(set(paths)) == len(paths)
    assert [path_problem(path) for path in paths if path_problem(path)] == []
    assert {f"[default]Devices/PLC 1/{name}" for name in IGNITIONS} <= set(paths)
    for rate in ("50 ms", "1000 ms"):
        assert {f"[default]Devices/PLC 1/Rates/{rate}/{name}" for name in PER_RATE} <= set(paths)
    assert "[default]Devices/PLC 1/Aggregate/OverloadFactor" in paths
    assert {each.kind for each in definitions} == {TagKind.MEMORY}


def test_each_enabled_device_has_them_for_the_rates_of_its_tags() -> None:
    devices = [Device(name="A", host="h"), Device(name="B", host="h"), Device(name="off", host="h", enabled=False)]
    tags = [replace(definition("HR1"), device="A", group=group) for group in ("fast", "slow", "slow")]
    made = tag_definitions_of_devices(devices, tags, {"fast": [0.1], "slow": [5.0]})
    folders = {each.path.rpartition("/")[0] for each in made}
    assert folders == {
        *(f"[default]Devices/A{rest}" for rest in ("", "/Aggregate", "/Rates/100 ms", "/Rates/5000 ms")),
        *(f"[default]Devices/B{rest}" for rest in ("", "/Aggregate")),
    }


async def test_what_they_say(rude: RudeDevice, tags: Tags, eventually: Eventually) -> None:
    clock = SystemClock()
    definitions = device_tag_definitions("plc", [0.05])
    ids = {each.path: 1_000 + number for number, each in enumerate(definitions)}
    points = [(tag, definition(f"HR{tag + 1}"), 0.05) for tag in range(200)]
    device = ModbusDevice(
        "plc", ModbusOptions("127.0.0.1", rude.port, timeout=0.2), points, clock, tags, lambda: 0.0, ids.get
    )
    group = TaskGroup("test", clock)

    def said(name: str) -> Scalar:
        return tags.values.get(ids[f"[default]Devices/plc/{name}"])

    group.spawn("plc", device.run)
    await eventually(lambda: said("Connected") is True)
    assert (said("Hostname"), said("Port"), said("Name"), said("State")) == ("127.0.0.1", rude.port, "plc", "connected")
    assert said("MonitoredItemCount") == 200
    await eventually(lambda: said("GoodItemCount") == 200)
    assert said("Aggregate/RequestCount") == said("Rates/50 ms/RequestCount") == 2
    assert said("Rates/50 ms/IdealSamplingInterval") == 50.0
    assert said("Rates/50 ms/IdealThroughput") == 40.0
    for name in ("Rates/50 ms/ActualThroughput", "Rates/50 ms/OverloadFactor", "ResponseTimeMean", "TotalRequestCount"):
        value = said(name)
        assert isinstance(value, float | int), name
        assert value > 0, name
    await rude.stop()
    await eventually(lambda: said("Connected") is False)
    await eventually(lambda: "refused" in str(said("Status")))
    await group.stop()
    assert said("State") == "stopped"


async def test_without_ids_nothing_is_published(rude: RudeDevice, tags: Tags, eventually: Eventually) -> None:
    clock = SystemClock()
    device = ModbusDevice("plc", ModbusOptions("127.0.0.1", rude.port), [(0, definition("HR1"), 0.05)], clock, tags)
    group = TaskGroup("test", clock)
    group.spawn("plc", device.run)
    await eventually(lambda: len(rude.asked) > 3)
    await group.stop()
    assert set(tags.values) == {0}
