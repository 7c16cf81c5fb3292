"""The schedule with time in our hands: no drift, nothing asked twice, silence seen within two periods."""

from __future__ import annotations

import struct

import pytest

from plantgate.drivers.modbus.address import parse_address
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import Lost
from plantgate.drivers.modbus.planner import Point
from plantgate.drivers.modbus.polling import Poller
from plantgate.drivers.modbus.session import Session
from plantgate.errors import Unavailable
from plantgate.limits import MODBUS_SPLIT_REQUESTS
from plantgate.model.quality import Quality
from plantgate.model.value import DataType
from plantgate.protocols.modbus import ExceptionReply, Reply, TimedOut
from plantgate.runtime.clock import ManualClock
from tests.drivers.modbus.conftest import Tags


class Line(Session):
    """A session without a connection: it keeps the jobs, the test answers them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, job: Job, *, urgent: bool = False) -> None:
        self.jobs.append(job)


class Bench:
    """A poller, its line and its clock. `turn` moves the clock and lets the poller do what is due."""

    def __init__(self, tags: Tags, rates: dict[str, float], **options: object) -> None:
        self.clock = ManualClock(mono=100.0)
        self.tags = tags
        self.counters = Counters()
        self.line = Line()
        points = [
            (Point(tag, 1, parse_address(text), DataType.INT4), rate) for tag, (text, rate) in enumerate(rates.items())
        ]
        self.poller = Poller(points, ModbusOptions("plc", **options), self.clock, tags, self.counters)  # type: ignore[arg-type]
        self.poller.start(self.line)

    async def turn(self, seconds: float = 0.0) -> list[Job]:
        await self.clock.advance(seconds)
        self.poller.on_due(self.clock.mono())
        jobs, self.line.jobs = self.line.jobs, []
        return jobs

    def answer(self, jobs: list[Job], word: int = 7) -> None:
        for job in jobs:
            data = struct.pack(">H", word) * ((job.exchange.reply_length - 2) // 2)
            job.done(Reply(job, data, 0.0), self.clock.mono())


async def test_the_schedule_does_not_drift(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0})
    due = []
    for late in (0.0, 0.3, 0.0, 0.7, 0.1):
        bench.answer(await bench.turn(bench.poller.next_due() - bench.clock.mono() + late))
        due.append(bench.poller.next_due())
    assert due == [101.0, 102.0, 103.0, 104.0, 105.0]
    assert bench.counters.late_polls == 0


async def test_missed_periods_are_skipped_and_counted(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0})
    bench.answer(await bench.turn())
    assert len(await bench.turn(5.2)) == 1
    assert bench.poller.next_due() == 106.0
    assert bench.counters.late_polls == 4


async def test_a_tag_leaves_good_within_two_periods_of_silence(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0, "HR200": 10.0})
    bench.answer(await bench.turn())
    jobs = await bench.turn(1.0)
    assert len(jobs) == 1
    assert bench.poller.next_due() == 102.0
    await bench.turn(0.99)
    assert tags.qualities == {0: Quality.GOOD, 1: Quality.GOOD}
    assert await bench.turn(0.01) == []
    assert tags.qualities == {0: Quality.BAD_STALE, 1: Quality.GOOD}
    assert tags.values[0] == 7
    assert "has not answered a poll for 2.0 s" in tags.reasons[0]
    assert bench.counters.late_polls == 1
    bench.answer(jobs)
    assert tags.qualities[0] == Quality.GOOD


async def test_a_device_slower_than_the_rate_is_slow_not_stale(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 0.1})
    for _ in range(3):
        jobs = await bench.turn(0.0 if not tags.batches else bench.poller.groups[0].due - bench.clock.mono())
        await bench.clock.advance(0.5)
        bench.answer(jobs)
    await bench.turn()
    tags.batches.clear()
    await bench.turn(0.9)
    assert not tags.batches
    await bench.turn(0.2)
    assert tags.qualities[0] == Quality.BAD_STALE
    assert (bench.poller.load_percent or 0) > 100


async def test_an_unchanged_answer_is_decoded_once_and_still_published(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0})
    bench.answer(await bench.turn())
    bench.answer(await bench.turn(1.0))
    first, second = tags.batches
    assert second.values is first.values
    assert second.times[0] == first.times[0] + 1_000_000


async def test_a_timeout_is_bad_and_the_next_poll_is_asked(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0})
    for job in await bench.turn():
        job.done(TimedOut(job), bench.clock.mono())
    assert tags.qualities == {0: Quality.ERROR_TIMEOUT_EXPIRED}
    assert bench.poller.trouble == tags.reasons[0]
    bench.answer(await bench.turn(1.0))
    assert tags.qualities == {0: Quality.GOOD}
    assert bench.poller.trouble == ""


async def test_a_lost_connection_is_told_once_for_all(tags: Tags) -> None:
    bench = Bench(tags, {f"HR{number}": 1.0 for number in range(1, 300)})
    for job in await bench.turn():
        job.done(Lost(Unavailable("MB-302", "gone")), bench.clock.mono())
    assert tags.batches == []
    bench.poller.all_bad(Quality.BAD_NOT_CONNECTED, "gone")
    assert len(tags.batches) == 3
    assert tags.all(Quality.BAD_NOT_CONNECTED)
    assert bench.poller.tags_good == 0


async def test_the_search_in_one_poll_is_bounded(tags: Tags) -> None:
    bench = Bench(tags, {f"HR{number}": 1.0 for number in range(1, 126)})
    jobs, asked = await bench.turn(), 0
    while jobs:
        asked += len(jobs)
        for job in jobs:
            job.done(ExceptionReply(job, 2, 0.0), bench.clock.mono())
        jobs, bench.line.jobs = bench.line.jobs, []
    assert asked <= 1 + MODBUS_SPLIT_REQUESTS
    assert tags.all(Quality.BAD_OUT_OF_RANGE)
    assert len(tags.qualities) == 125


@pytest.mark.parametrize(("polls", "requests"), [(2, 1), (3, 3)])
async def test_a_device_failure_is_given_three_polls_before_it_is_searched(
    tags: Tags, polls: int, requests: int
) -> None:
    bench = Bench(tags, {"HR1": 1.0, "HR2": 1.0})
    jobs: list[Job] = []
    for turn in range(polls):
        jobs = await bench.turn(1.0 if turn else 0.0)
        for job in jobs:
            job.done(ExceptionReply(job, 4, 0.0), bench.clock.mono())
    assert len(jobs) + len(bench.line.jobs) == requests
    assert tags.qualities.get(0, Quality.BAD_FAILURE) == Quality.BAD_FAILURE
    assert bench.poller.tags_good == 0
