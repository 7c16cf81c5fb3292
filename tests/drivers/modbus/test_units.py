"""Units behind a gateway: a dead one costs the others nothing, and comes back by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from plantgate.drivers.modbus.jobs import UnitLine
from plantgate.model.quality import Quality, is_good
from plantgate.protocols.modbus import Asked, Function, Read
from plantgate.runtime.streams import Stream
from tests.drivers.modbus.rude import RudeDevice

if TYPE_CHECKING:
    from tests.drivers.modbus.conftest import Start, Tags

Eventually = Callable[..., Awaitable[None]]
DEAD = [f"5.HR{number}" for number in (1, 500, 1000, 1500)]


async def test_others_are_polled_while_a_dead_unit_is_waited_for(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    """The timeout is longer than the test: nothing but giving its place up lets unit 9 be asked again and again."""
    rude.dead_units = {5}
    device = start([*DEAD, "9.HR1"], timeout=60.0, rate=0.02)
    await eventually(lambda: rude.units.count(9) > 20)
    assert tags.qualities[4] == Quality.GOOD
    assert rude.units.count(5) == 1
    assert rude.connections == 1
    assert device.status()[0].state == "connected"


async def test_a_dead_unit_is_asked_apart_and_its_tags_say_why(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.dead_units = {5}
    device = start([*DEAD, "9.HR1"], timeout=0.05, rate=0.01)
    await eventually(lambda: device.status()[0].details["silent_units"] == "5")
    before = rude.units.count(9)
    await eventually(lambda: rude.units.count(9) > before + 50)
    assert rude.units.count(5) <= 4
    assert rude.connections == 1
    assert {tags.qualities[tag] for tag in range(4)} == {Quality.ERROR_TIMEOUT_EXPIRED}
    assert "unit 5" in tags.reasons[3]
    assert tags.qualities[4] == Quality.GOOD


async def test_a_unit_that_comes_back_is_good_again(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.dead_units = {5}
    device = start([*DEAD, "9.HR1"], timeout=0.02, rate=0.02)
    await eventually(lambda: device.status()[0].details["silent_units"] == "5")
    rude.dead_units.clear()
    await eventually(lambda: len(tags.qualities) == 5 and tags.all(Quality.GOOD))
    assert device.status()[0].details["silent_units"] == ""


async def test_an_answer_that_was_overdue_still_counts(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.slow_units = {5: 0.8}
    device = start(["5.HR1", "9.HR1"], timeout=60.0, rate=0.02)
    await eventually(lambda: tags.qualities.get(0) == Quality.GOOD)
    assert device.status()[0].details["timeouts"] == 0
    assert rude.units.count(9) > rude.units.count(5)


async def test_a_gateway_that_answers_for_a_dead_unit_is_not_asked_for_it_again_and_again(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.missed_units = {5}
    device = start([*DEAD, "9.HR1"], timeout=0.5, rate=0.01)
    await eventually(lambda: device.status()[0].details["silent_units"] == "5")
    before = rude.units.count(5)
    await eventually(lambda: rude.units.count(9) > 60)
    assert rude.units.count(5) < before + 20
    assert not is_good(tags.qualities[0])
    rude.missed_units.clear()
    await eventually(lambda: tags.all(Quality.GOOD))


async def test_units_take_turns(rude: RudeDevice, start: Start, eventually: Eventually) -> None:
    many = [f"5.HR{number}" for number in range(1, 5000, 200)]
    start([*many, "9.HR1"], rate=60.0)
    await eventually(lambda: len(rude.asked) == 26)
    assert rude.units[:3] == [5, 9, 5]


async def test_a_gateway_that_takes_one_request_at_a_time_is_given_one_at_a_time(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    """It loses what it is asked while it waits for a dead unit: asking beside would cost the healthy ones answers."""
    usual = rude._behave

    async def behave(stream: Stream, asked: Asked) -> None:
        if rude.units[-2] != 5:
            await usual(stream, asked)

    device = start(["5.HR1", "9.HR1"], timeout=0.3, rate=0.02)
    await eventually(lambda: len(tags.qualities) == 2 and tags.all(Quality.GOOD))
    rude._behave = behave  # type: ignore[method-assign]
    rude.dead_units = {5}
    await eventually(lambda: device._counters.lost_beside >= 3)
    rude._behave = usual  # type: ignore[method-assign]
    asked = rude.units.count(9)
    await eventually(lambda: rude.units.count(9) > asked + 10)
    assert tags.qualities[1] == Quality.GOOD
    assert device._counters.lost_beside >= 3


async def test_silence_of_all_units_ends_the_connection(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["5.HR1", "9.HR1"], timeout=0.05, rate=0.02)
    await eventually(lambda: len(tags.qualities) == 2 and tags.all(Quality.GOOD))
    rude.manner = "silent"
    await eventually(lambda: device.status()[0].state == "silent")
    rude.manner = "well"
    await eventually(lambda: tags.all(Quality.GOOD))
    assert rude.connections > 1


def test_a_dead_unit_takes_a_small_share_of_the_line() -> None:
    pauses = [UnitLine.pause(0.1, failed) for failed in range(-1, 6)]
    assert pauses == [0.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    unit = UnitLine(3)
    assert unit.patience(None, 2.0) == 0.5
    assert unit.patience(0.001, 2.0) == 0.1
    unit.answered(0.2)
    assert unit.patience(0.001, 2.0) == 1.6
    assert unit.patience(0.001, 0.5) == 0.5


async def test_requests_are_read_by_their_unit(rude: RudeDevice, start: Start, eventually: Eventually) -> None:
    start(["5.HR1", "9.IR1"], rate=60.0)
    await eventually(lambda: len(rude.asked) == 2)
    assert dict(zip(rude.units, rude.asked, strict=True)) == {
        5: Read(Function.READ_HOLDING_REGISTERS, 0, 1),
        9: Read(Function.READ_INPUT_REGISTERS, 0, 1),
    }
