"""Writes to Modbus devices as plants have them: an honest one, one that changes nothing, one that dies half-way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as Sim
from pymodbus.simulator import SimData, SimDevice

from plantgate.config.tags.document import TagGroup
from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.limits import MODBUS_WAITING_WRITES
from plantgate.model.command import Origin, Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import DataType, Scalar
from plantgate.protocols.modbus import Read
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.engine import TagEngine
from tests.drivers.modbus.rude import RudeDevice

ADA = Origin("ada", may_write=True)
Eventually = Callable[..., Awaitable[None]]
PLAIN = TagGroup(name="g", rate=0.1)
BACK = TagGroup(name="g", rate=0.1, read_after_write=True)
BRAVE = TagGroup(name="g", rate=0.1, optimistic_writes=True, optimistic_write_timeout=0.6)
BRAVE_BACK = TagGroup(name="g", rate=0.1, read_after_write=True, optimistic_writes=True, optimistic_write_timeout=0.6)
GROUPS = {"plain": PLAIN, "back": BACK, "brave": BRAVE, "brave back": BRAVE_BACK}


class Plant:
    """Tags `<device>/<address>` of one group on devices at given ports."""

    def __init__(
        self, group: TagGroup, tasks: TaskGroup, folder: Path, ports: dict[str, int], addresses: dict[str, DataType]
    ) -> None:
        clock = SystemClock()
        definitions = [
            TagDefinition(f"[default]{name}/{_name(text)}", kind, TagKind.DEVICE, name, text, writable=True, group="g")
            for name in ports
            for text, kind in addresses.items()
        ]
        groups = [TagGroup(name="default"), group]
        self.tags = TagEngine(definitions, groups, folder, clock, tasks)
        self.tree, self.gate = self.tags.tree, self.tags.gate
        self._tasks = tasks
        self._clock = clock
        for name, port in ports.items():
            points = [(tag, each, 0.1) for tag, each in enumerate(definitions) if each.device == name]
            options = ModbusOptions("127.0.0.1", port, timeout=0.3)
            device = ModbusDevice(name, options, points, clock, self.tree, lambda: 0.0)
            self.gate.add_device(name, device)
            tasks.spawn(name, device.run)

    async def write(self, path: str, value: Scalar) -> Verdict:
        return await self.gate.submit(WriteTag(path, value), ADA)

    def now(self, path: str) -> tuple[Scalar, int]:
        tag = self.tree.find(path)
        assert tag is not None
        found = self.tree.read(tag)
        return found.value, found.quality

    def good(self, name: str) -> bool:
        return all(self.now(each.path)[1] == Quality.GOOD for each in self.tree.definitions() if each.device == name)


def _name(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")


Build = Callable[..., Awaitable[Plant]]


@pytest_asyncio.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    tasks = TaskGroup("test", SystemClock())

    async def make(group: TagGroup, addresses: dict[str, DataType], **ports: int) -> Plant:
        plant = Plant(group, tasks, tmp_path, ports, addresses)
        await plant.tags.start([])
        return plant

    yield make
    await tasks.stop()
    assert tasks.crashes == []


@pytest_asyncio.fixture
async def rude() -> AsyncIterator[RudeDevice]:
    device = RudeDevice()
    await device.start()
    yield device
    await device.stop()


@pytest_asyncio.fixture
async def honest() -> AsyncIterator[int]:
    """The port of a device of pymodbus: coils, discrete inputs, holding and input registers."""
    bits = [SimData(0, values=[False] * 16, datatype=Sim.BITS)]
    words = [SimData(0, values=[0] * 100, datatype=Sim.REGISTERS)]
    server = ModbusTcpServer(SimDevice(0, simdata=(bits, bits, words, words)), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    await server.shutdown()  # type: ignore[no-untyped-call]


VALUES: dict[str, tuple[DataType, Scalar]] = {
    "HR1": (DataType.INT2, -5),
    "HRF3": (DataType.FLOAT4, 0.1),
    "HRD5": (DataType.FLOAT8, 1e-300),
    "HRUI_6411": (DataType.INT8, 2**62),
    "HRS21:8": (DataType.STRING, "Grün"),
    "HRBCD31": (DataType.INT2, 1234),
    "C2": (DataType.BOOLEAN, True),
}


@pytest.mark.parametrize("group", GROUPS)
async def test_every_type_is_written_to_an_honest_device(
    honest: int, build: Build, eventually: Eventually, group: str
) -> None:
    settings = GROUPS[group]
    plant = await build(settings, {address: kind for address, (kind, _) in VALUES.items()}, plc=honest)
    await eventually(lambda: plant.good("plc"))
    writes = [WriteTag(f"plc/{_name(address)}", value) for address, (_, value) in VALUES.items()]
    verdicts = await plant.gate.submit_many(writes, ADA)
    for verdict, (kind, value) in zip(verdicts, VALUES.values(), strict=True):
        assert (verdict.outcome, verdict.code) == (Outcome.DONE, "")
        if settings is PLAIN:
            assert verdict.now is None, "nobody has looked"
            continue
        assert verdict.now is not None
        assert verdict.now.quality == Quality.GOOD
        assert verdict.now.value == (pytest.approx(value) if kind is DataType.FLOAT4 else value)
    await eventually(lambda: plant.now("plc/HR1") == (-5, Quality.GOOD))


NEVER_SENT: list[tuple[str, DataType, Any, str]] = [
    ("HR1", DataType.INT4, 32_768, "MB-403"),
    ("HRUS1", DataType.INT4, -1, "MB-403"),
    ("HR1", DataType.INT2, 40_000, "CMD-105"),
    ("HR1", DataType.FLOAT8, 1.5, "MB-403"),
    ("HRF1", DataType.FLOAT8, 1e39, "MB-403"),
    ("HRF1", DataType.FLOAT4, float("nan"), "CMD-105"),
    ("HRF1", DataType.FLOAT4, float("inf"), "CMD-105"),
    ("HR1", DataType.INT2, [1, 2], "CMD-105"),
    ("HR1", DataType.INT2_ARRAY, (1, 2), "MB-403"),
    ("HR1", DataType.INT2_ARRAY, (1,) * 100_000, "CMD-105"),
    ("IR1", DataType.INT2, 1, "MB-403"),
    ("IRF1", DataType.FLOAT4, 1.0, "MB-403"),
    ("DI1", DataType.BOOLEAN, True, "MB-403"),
    ("IR1.3", DataType.BOOLEAN, True, "MB-403"),
    ("HR1.3", DataType.INT2, 2, "MB-403"),
    ("C1", DataType.INT2, 2, "MB-403"),
    ("HRS1:4", DataType.STRING, "12345", "MB-403"),
    ("HRS1:4", DataType.STRING, "äää", "MB-403"),
    ("HRBCD1", DataType.INT2, -1, "MB-403"),
    ("HRBCD1", DataType.INT2, 10_000, "MB-403"),
    ("HRI1", DataType.INT8, 2**31, "MB-403"),
]


@pytest.mark.parametrize("address", dict.fromkeys(row[0] for row in NEVER_SENT))
async def test_what_can_not_be_is_answered_with_a_code_and_never_sent(
    rude: RudeDevice, build: Build, eventually: Eventually, address: str
) -> None:
    for kind in {kind: None for text, kind, _, _ in NEVER_SENT if text == address}:
        plant = await build(BRAVE_BACK, {address: kind}, **{f"plc {kind}": rude.port})
        await eventually(lambda: any(isinstance(request, Read) for request in rude.asked))
        for text, its, value, code in NEVER_SENT:
            if (text, its) == (address, kind):
                verdict = await plant.write(f"plc {kind}/{_name(address)}", value)
                assert (verdict.outcome, verdict.code) == (Outcome.REFUSED, code), verdict
    assert all(isinstance(request, Read) for request in rude.asked)


@pytest.mark.parametrize("group", ["back", "brave", "brave back"])
async def test_a_device_that_answers_and_changes_nothing(
    rude: RudeDevice, build: Build, eventually: Eventually, group: str
) -> None:
    settings = GROUPS[group]
    plant = await build(settings, {"HR1": DataType.INT2}, plc=rude.port)
    await eventually(lambda: plant.good("plc"))
    rude._take = lambda request: None  # type: ignore[method-assign]
    rude.registers[0] = 5
    await eventually(lambda: plant.now("plc/HR1") == (5, 192))
    verdict = await plant.write("plc/HR1", 9)
    if settings is BACK:
        assert (verdict.outcome, verdict.code) == (Outcome.DONE, "MB-410")
    else:
        assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "CMD-117")
    assert verdict.now is not None
    assert verdict.now.value == 5
    assert plant.now("plc/HR1") == (5, 192)


@pytest.mark.parametrize("group", ["back", "brave back"])
async def test_a_device_that_dies_between_write_and_read_back(
    rude: RudeDevice, build: Build, eventually: Eventually, group: str
) -> None:
    plant = await build(GROUPS[group], {"HR1": DataType.INT2}, plc=rude.port)
    await eventually(lambda: plant.good("plc"))
    usual = rude._take

    def take_and_die(request: Any) -> None:
        usual(request)
        rude.manner = "reset after this"

    rude._take = take_and_die  # type: ignore[method-assign]
    rude._manners["reset after this"] = rude._reset
    verdict = await plant.write("plc/HR1", 9)
    assert rude.registers[0] == 9
    if GROUPS[group].optimistic_writes:
        assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "CMD-118")
    else:
        assert (verdict.outcome, verdict.code) == (Outcome.DONE, "MB-411")
        assert "could not be read back" in verdict.message
    rude.manner = "well"
    await eventually(lambda: plant.now("plc/HR1") == (9, 192))


async def test_one_dead_device_of_three(build: Build, eventually: Eventually) -> None:
    devices = [RudeDevice() for _ in range(3)]
    for device in devices:
        await device.start()
    try:
        ports = {f"plc{number}": device.port for number, device in enumerate(devices)}
        plant = await build(BACK, {f"HR{number}": DataType.INT2 for number in range(1, 11)}, **ports)
        await eventually(lambda: all(plant.good(name) for name in ports))
        devices[1].manner = "silent"
        writes = [WriteTag(f"plc{number}/HR{at}", at + 100) for at in range(1, 11) for number in range(3)]
        verdicts = await plant.gate.submit_many(writes, ADA, 1.0)
        for number in (0, 2):
            assert all(verdict.done for verdict in verdicts[number::3])
            assert devices[number].registers[:10] == list(range(101, 111))
        assert not any(verdict.done for verdict in verdicts[1::3])
        assert {verdict.code for verdict in verdicts[1::3]} <= {"MB-404", "MB-406", "MB-408", "CMD-107", "CMD-115"}
    finally:
        for device in devices:
            await device.stop()


async def test_a_flood_of_writes_is_bounded(rude: RudeDevice, build: Build, eventually: Eventually) -> None:
    plant = await build(PLAIN, {"HR1": DataType.INT2}, plc=rude.port)
    await eventually(lambda: plant.good("plc"))
    rude.manner = "slow"
    verdicts = await asyncio.gather(*(plant.write("plc/HR1", value) for value in range(300)))
    shed = [verdict for verdict in verdicts if verdict.code == "MB-405"]
    assert len(shed) == 300 - MODBUS_WAITING_WRITES
    assert all("not sent" in verdict.message for verdict in shed)
    assert plant.gate.commands[Outcome.DONE] + plant.gate.commands[Outcome.FAILED] == 300
