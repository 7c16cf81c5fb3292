"""The driver against a real socket and a device with every bad manner."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.errors import ConfigError
from plantgate.model.command import ReaderAction, SignalReader, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.status import Health
from plantgate.model.value import Scalar
from plantgate.protocols.modbus import ExceptionCode, Function, MaskWriteRegister, Read, WriteRegister
from plantgate.runtime.clock import SystemClock
from tests.drivers.modbus.rude import RudeDevice

if TYPE_CHECKING:
    from tests.drivers.modbus.conftest import Start, Tags

Eventually = Callable[..., Awaitable[None]]
GOOD = Quality.GOOD
MIXED = ["HR1", "HRUS2", "HRI3", "C1", "HR10.3"]


async def test_polls_everything_again_and_again(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.registers[:4] = [0xFFFE, 0xFFFF, 1, 2]
    rude.coils[0] = True
    rude.registers[9] = 8
    device = start(MIXED)
    await eventually(lambda: len(tags.qualities) == len(MIXED) and tags.all(GOOD))
    assert [tags.values[tag] for tag in range(5)] == [-2, 65535, 65538, 1, 1]
    rude.registers[1] = 7
    await eventually(lambda: tags.values[1] == 7)
    [status] = device.status()
    assert (status.health, status.state, status.reason) == (Health.OK, "connected", "")
    assert status.details["tags_good"] == status.details["tags"] == 5
    assert status.details["requests_per_poll"] == 2
    assert set(rude.units) == {1}


async def test_a_thousand_registers_are_eight_requests(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    start([f"HRUS{number}" for number in range(1, 1001)], rate=30.0)
    await eventually(lambda: len(tags.qualities) == 1000)
    assert tags.all(GOOD)
    assert [tags.values[tag] for tag in range(1000)] == list(range(1000))
    assert rude.asked == [Read(Function.READ_HOLDING_REGISTERS, at, 125) for at in range(0, 1000, 125)]


async def test_units_behind_one_address_are_asked_by_their_id(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    start(["HR1", "7.HR1"], unit_id=3)
    await eventually(lambda: len(tags.qualities) == 2)
    assert set(rude.units) == {3, 7}


@pytest.mark.parametrize(
    ("manner", "quality", "counter"),
    [
        ("silent", Quality.ERROR_TIMEOUT_EXPIRED, "timeouts"),
        ("exception", Quality.BAD_FAILURE, "exceptions"),
        ("wrong unit", Quality.ERROR_IO, "malformed"),
        ("wrong length", Quality.ERROR_IO, "malformed"),
        ("wrong function", Quality.ERROR_IO, "malformed"),
        ("wrong id", Quality.ERROR_TIMEOUT_EXPIRED, "unexpected"),
        ("late", Quality.ERROR_TIMEOUT_EXPIRED, "timeouts"),
        ("garbage", Quality.BAD_NOT_CONNECTED, "malformed"),
        ("reset", Quality.BAD_NOT_CONNECTED, "reconnects"),
        ("half close", Quality.BAD_NOT_CONNECTED, "reconnects"),
        ("flood", Quality.BAD_NOT_CONNECTED, "unexpected"),
    ],
)
async def test_a_rude_device_turns_its_tags_bad_and_they_recover(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually, manner: str, quality: int, counter: str
) -> None:
    device = start(["HR1", "HR2"])
    await eventually(lambda: tags.all(GOOD))
    rude.manner = manner
    await eventually(lambda: any(quality in batch.qualities for batch in tags.batches), what=f"{manner} -> {quality}")
    reason = next(batch.reason for batch in tags.batches if quality in batch.qualities)
    assert f"127.0.0.1:{rude.port}" in reason
    # What the tags last read stays to be seen, marked bad.
    assert next(batch for batch in tags.batches if quality in batch.qualities).values == [0, 1]
    await eventually(lambda: device.status()[0].details[counter], what=f"{manner} counted as {counter}")
    rude.manner = "well"
    await eventually(lambda: tags.all(GOOD), what=f"recovery from {manner}")
    assert device.status()[0].health is Health.OK


@pytest.mark.parametrize("manner", ["dribble", "double"])
async def test_odd_but_right_answers_are_taken(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually, manner: str
) -> None:
    rude.manner = manner
    device = start(["HR1", "HR2"])
    await eventually(lambda: len(rude.asked) > 4)
    assert tags.all(GOOD)
    assert device.status()[0].details["reconnects"] == 0


async def test_a_silent_device_is_dialled_again_after_three_timeouts(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.manner = "silent"
    device = start(["HR1"], timeout=0.05)
    await eventually(lambda: rude.connections > 1)
    assert len(rude.asked) >= 3
    [status] = device.status()
    assert (status.health, status.state) == (Health.FAILED, "silent")
    assert status.next_step
    assert tags.all(Quality.BAD_NOT_CONNECTED) or tags.all(Quality.ERROR_TIMEOUT_EXPIRED)


async def test_a_write_that_was_never_sent_says_so(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start([f"HR{number}" for number in range(1, 126)], rate=60.0, timeout=5.0)
    rude.manner = "silent"
    await eventually(lambda: rude.asked)

    async def cut() -> None:
        await rude.stop()

    [verdict, _] = await asyncio.gather(device.execute(WriteTag("[default]HR1", 1)), cut())
    assert verdict.code == "MB-406"
    assert "was not sent" in verdict.message


async def test_nobody_there_then_somebody(rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually) -> None:
    await rude.stop()
    device = start(["HR1"])
    await eventually(lambda: tags.all(Quality.BAD_NOT_CONNECTED))
    [status] = device.status()
    assert (status.health, status.state) == (Health.FAILED, "refused")
    assert "refused" in tags.reasons[0]
    assert (await device.execute(WriteTag("[default]HR1", 1))).code == "MB-404"
    await rude.start(rude.port)
    await eventually(lambda: tags.all(GOOD))


async def test_one_missing_register_costs_only_itself(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.missing = {40}
    addresses = [f"HR{number}" for number in range(1, 126)]
    device = start(addresses)
    await eventually(lambda: len(tags.qualities) == 125)
    assert tags.qualities[40] == Quality.BAD_OUT_OF_RANGE
    assert "illegal data address" in tags.reasons[40]
    assert all(tags.qualities[tag] == GOOD for tag in range(125) if tag != 40)

    # In the end two requests read the rest, and the missing register is left alone until its retry.
    def settled() -> bool:
        return rude.asked[-2:] in (
            [Read(Function.READ_HOLDING_REGISTERS, 0, 40), Read(Function.READ_HOLDING_REGISTERS, 41, 84)],
            [Read(Function.READ_HOLDING_REGISTERS, 41, 84), Read(Function.READ_HOLDING_REGISTERS, 0, 40)],
        )

    await eventually(settled)
    status = device.status()[0]
    assert status.health is Health.OK
    assert status.details["tags_good"] == 124
    assert "illegal data address" in str(status.details["tags_reason"])


async def test_a_hole_between_two_tags_stays_a_seam(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.missing = {5}
    start(["HR1", "HR10"])
    await eventually(lambda: len(tags.qualities) == 2 and tags.all(GOOD))
    await eventually(lambda: len(rude.asked) > 12)
    spanning = [request for request in rude.asked if isinstance(request, Read) and request.count == 10]
    assert len(spanning) == 2  # once as planned, once to see whether the seam is needed


async def test_writes_reach_the_device_and_are_read_back(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1", "HRF5", "C3", "HR10.3", "HRS20:8", "HRUI_6440"], rate=60.0)
    await eventually(lambda: len(tags.qualities) == 6)
    rude.registers[9] = 0xF0F0
    writes: list[tuple[str, Scalar]] = [
        ("HR1", -5),
        ("HRF5", 2.5),
        ("C3", True),
        ("HR10-3", True),
        ("HRS20:8", "Grün"),
        ("HRUI_6440", 2**63),
    ]
    for path, value in writes:
        verdict = await device.execute(WriteTag(f"[default]{path}", value, read_back=True))
        assert verdict.done, verdict
        assert verdict.now is not None
    assert rude.registers[0] == 0xFFFB
    assert struct.pack(">2H", *rude.registers[4:6]) == struct.pack(">f", 2.5)
    assert rude.coils[2]
    assert rude.registers[9] == 0xF0F8
    assert MaskWriteRegister(9, 0xFFF7, 8) in rude.asked
    # Polled once a minute: what the tree has now can only come from reading back.
    assert [tags.values[tag] for tag in range(6)] == [-5, 2, 1, 1, "Grün", 2**63]


@pytest.mark.parametrize(
    ("path", "value", "code", "words"),
    [
        ("[default]HR1", 40_000, "MB-403", "between -32768 and 32767"),
        ("[default]HR1", "hot", "MB-403", "not a number"),
        ("[default]IR1", 1, "MB-403", "can only be read"),
        ("[default]C1", 2, "MB-403", "neither on nor off"),
        ("[default]HR9", 1, "MB-402", "not a tag of device plc"),
    ],
)
async def test_what_can_not_be_written_is_refused_and_never_sent(
    rude: RudeDevice, start: Start, eventually: Eventually, path: str, value: Any, code: str, words: str
) -> None:
    device = start(["HR1", "IR1", "C1"], rate=60.0)
    await eventually(lambda: len(rude.asked) == 3)
    verdict = await device.execute(WriteTag(path, value))
    assert (verdict.outcome, verdict.code) == ("refused", code)
    assert words in verdict.message
    assert len(rude.asked) == 3


async def test_a_modbus_device_takes_no_reader_commands(start: Start) -> None:
    verdict = await start(["HR1"]).execute(SignalReader("entrance", ReaderAction.ACCEPT))
    assert verdict.code == "MB-401"


async def test_a_refused_and_an_unanswered_write_say_what_is_known(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1"], rate=60.0, timeout=0.1)
    await eventually(lambda: tags.all(GOOD))
    rude.manner = "exception"
    rude.code = ExceptionCode.ILLEGAL_DATA_VALUE
    verdict = await device.execute(WriteTag("[default]HR1", 1))
    assert (verdict.code, verdict.outcome) == ("MB-407", "failed")
    assert "was not written" in verdict.message
    rude.manner = "silent"
    verdict = await device.execute(WriteTag("[default]HR1", 1))
    assert verdict.code == "MB-408"
    assert "may or may not" in verdict.message


async def test_a_write_goes_before_the_polls_that_wait(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start([f"HR{number}" for number in range(1, 1001)], rate=60.0)
    rude.manner = "silent"
    await eventually(lambda: rude.asked)
    write = device.execute(WriteTag("[default]HR1", 1))
    verdict = await write
    assert verdict.code == "MB-408"
    # One poll was open; the other seven of the same cycle came after the write.
    assert rude.asked[1] == WriteRegister(0, 1)


async def test_two_rates_are_two_schedules(rude: RudeDevice, tags: Tags, eventually: Eventually) -> None:
    from plantgate.runtime.tasks import TaskGroup
    from tests.drivers.modbus.conftest import definition

    clock = SystemClock()
    points = [(0, definition("HR1"), 0.02), (1, definition("HR100"), 60.0), (2, definition("HR200"), 0.0)]
    device = ModbusDevice("plc", ModbusOptions("127.0.0.1", rude.port), points, clock, tags)
    group = TaskGroup("test", clock)
    group.spawn("plc", device.run)
    await eventually(lambda: len(rude.asked) > 8)
    await group.stop()
    assert rude.asked.count(Read(Function.READ_HOLDING_REGISTERS, 99, 1)) == 1
    assert 2 not in tags.qualities
    assert device.status()[0].health is Health.DISABLED


async def test_more_requests_are_open_at_once_if_the_device_allows(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.manner = "silent"
    start([f"HRUS{number}" for number in range(1, 1001)], concurrent_requests=4, timeout=5.0)
    await eventually(lambda: len(rude.asked) == 4)
    rude.manner = "well"
    assert len(rude.asked) == 4


def test_a_wrong_address_names_its_tag(tags: Tags) -> None:
    from tests.drivers.modbus.conftest import definition

    with pytest.raises(ConfigError, match=r"tag \[default\]HRX1 of device plc") as caught:
        ModbusDevice("plc", ModbusOptions("h"), [(0, definition("HRX1"), 1.0)], SystemClock(), tags)
    assert caught.value.code == "MB-202"


@pytest.mark.parametrize(
    "wrong", [{"host": ""}, {"port": 0}, {"timeout": 0}, {"concurrent_requests": 17}, {"max_coils_per_request": 2001}]
)
def test_options_outside_their_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ModbusOptions(**{"host": "plc", **wrong})
