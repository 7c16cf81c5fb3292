"""The schedule with time in our hands: no drift, nothing asked twice, silence seen within two periods."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.drivers.modbus.address import parse_address
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import Lost, Skipped
from plantgate.drivers.modbus.planner import Point
from plantgate.drivers.modbus.plans import Polled
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

    def wake(self) -> None:
        pass


class Bench:
    """A poller, its line and its clock. `turn` moves the clock and lets the poller do what is due."""

    def __init__(self, tags: Tags, rates: dict[str, float], **options: object) -> None:
        self.clock = ManualClock(mono=100.0)
        self.tags = tags
        self.counters = Counters()
        self.line = Line()
        points = [
            Polled(Point(tag, 1, parse_address(text), DataType.INT4), f"every {rate:g} s", rate)
            for tag, (text, rate) in enumerate(rates.items())
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


# --- what changes while it polls


def spans(jobs: list[Job]) -> list[tuple[int, int]]:
    """Start and count of each request."""
    return [struct.unpack(">HH", job.exchange.pdu[1:5]) for job in jobs]


async def test_a_group_that_is_made_fast_leaves_the_plan_of_the_others(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 10.0, "HR2": 20.0, "HR3": 10.0})
    bench.answer(await bench.turn())
    kept = next(group for group in bench.poller.groups if group.rate == 20.0)
    blocks = kept.blocks
    tags.batches.clear()
    bench.poller.set_rate("every 10 s", 1.0)
    bench.answer(await bench.turn(3.0))
    assert [group.rate for group in bench.poller.groups] == [1.0, 20.0]
    assert kept.blocks is blocks
    assert [list(batch.tags) for batch in tags.batches] == [[0, 2]], "older than its new period: read at once"
    due = []
    for _ in range(3):
        due.append(bench.poller.next_due())
        bench.answer(await bench.turn(due[-1] - bench.clock.mono()))
    assert due == [104.0, 105.0, 106.0]
    assert bench.counters.late_polls == 0


async def test_a_group_that_is_slowed_down_keeps_its_phase_and_its_quality(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0})
    bench.answer(await bench.turn())
    await bench.clock.advance(0.5)
    bench.poller.set_rate("every 1 s", 10.0)
    assert await bench.turn() == []
    assert bench.poller.next_due() == 110.0
    await bench.turn(9.0)
    assert tags.qualities == {0: Quality.GOOD}


async def test_groups_of_one_rate_share_requests_and_so_they_do_again(tags: Tags) -> None:
    bench = Bench(tags, {f"HR{number}": rate for number, rate in enumerate([1.0, 2.0] * 50, 1)})
    bench.answer(await bench.turn())
    assert [group.requests for group in bench.poller.groups] == [1, 1]
    bench.poller.set_rate("every 2 s", 1.0)
    jobs = await bench.turn(1.0)
    assert spans(jobs) == [(0, 100)]
    bench.answer(jobs)
    bench.poller.set_rate("every 2 s", 2.0)
    await bench.turn()
    assert [group.requests for group in bench.poller.groups] == [1, 1]
    assert bench.poller.tags_good == 100


async def test_an_answer_under_way_counts_when_the_plan_changes(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0, "HR2": 2.0})
    bench.answer(await bench.turn())
    jobs = await bench.turn(1.0)
    bench.poller.set_rate("every 2 s", 1.0)
    assert await bench.turn() == [], "asked already: nothing is asked twice"
    bench.answer(jobs, 9)
    assert tags.values[0] == 9
    assert bench.poller.tags_good == 2
    jobs = await bench.turn(1.0)
    assert spans(jobs) == [(0, 2)]
    bench.answer(jobs, 10)
    assert tags.values == {0: 10, 1: 10}


async def test_an_answer_to_what_is_read_no_more_is_dropped(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0, "HR2": 1.0})
    jobs = await bench.turn()
    moved = Point(1, 1, parse_address("HR500"), DataType.INT4)
    bench.poller.set_points([Polled(moved, "every 1 s", 1.0)])
    bench.answer(jobs, 5)
    assert tags.values == {}
    assert spans(await bench.turn()) == [(499, 1)], "a tag with another address is read at once"


async def test_a_change_of_rate_while_a_poll_is_slow_turns_nothing_stale(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 10.0, "HR2": 0.1})
    bench.answer(await bench.turn())
    for _ in range(3):
        jobs = await bench.turn(0.1)
        await bench.clock.advance(0.6)
        bench.answer(jobs)
    bench.poller.set_rate("every 10 s", 0.1)
    jobs = await bench.turn()
    await bench.turn(0.5)
    assert tags.all(Quality.GOOD)
    bench.answer(jobs)


async def test_what_is_known_of_bad_registers_outlives_a_new_plan(tags: Tags) -> None:
    bench = Bench(tags, {f"HR{number}": 1.0 for number in range(1, 9)})
    jobs = await bench.turn()
    while jobs:
        for job, (start, count) in zip(jobs, spans(jobs), strict=True):
            if start <= 3 < start + count:
                job.done(ExceptionReply(job, 2, 0.0), bench.clock.mono())
            else:
                bench.answer([job])
        jobs, bench.line.jobs = bench.line.jobs, []
    assert tags.qualities[3] == Quality.BAD_OUT_OF_RANGE
    points = [Polled(Point(tag, 1, parse_address(f"HR{tag}"), DataType.INT4), "g", 1.0) for tag in range(2, 10)]
    bench.poller.set_points(points)
    for _ in range(4):
        jobs = await bench.turn(1.0)
        assert all(not start <= 3 < start + count for start, count in spans(jobs)), "HR4 is not asked before its time"
        bench.answer(jobs)
    assert bench.poller.tags_good == 7
    asked = [span for _ in range(3) for span in spans(await bench.turn(1.0))]
    assert any(start <= 3 < start + count for start, count in asked), "and then it is"


async def test_a_rate_of_nothing_is_read_on_demand_only(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 0.0, "HR2": 1.0, "HR4": 0.0})
    bench.answer(await bench.turn())
    assert set(tags.values) == {1}
    bench.poller.read_once("every 0 s")
    jobs = await bench.turn()
    assert spans(jobs) == [(0, 4)]
    bench.answer(jobs)
    assert set(tags.values) == {0, 1, 2}
    for _ in range(5):
        jobs = await bench.turn(1.0)
        assert spans(jobs) == [(1, 1)]
        bench.answer(jobs)
    bench.poller.all_bad(Quality.BAD_NOT_CONNECTED, "gone")
    assert tags.qualities == {0: Quality.GOOD, 1: Quality.BAD_NOT_CONNECTED, 2: Quality.GOOD}


async def test_a_read_that_is_wanted_while_one_is_under_way_is_done_after_it(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 0.0})
    bench.poller.read_once("every 0 s")
    first = await bench.turn()
    bench.poller.read_once("every 0 s")
    bench.poller.read_once("every 0 s")
    assert await bench.turn() == []
    bench.answer(first, 1)
    second, bench.line.jobs = bench.line.jobs, []
    assert len(second) == 1
    bench.answer(second, 2)
    assert await bench.turn(10.0) == []
    assert tags.values == {0: 2}


async def test_a_read_that_was_lost_is_tried_again_until_the_device_has_answered(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 0.0})
    bench.poller.read_once("every 0 s")
    for outcome in (TimedOut, lambda job: Skipped(1)):
        jobs = await bench.turn(5.0)
        assert len(jobs) == 1
        jobs[0].done(outcome(jobs[0]), bench.clock.mono())
        assert await bench.turn(4.9) == []
    jobs = await bench.turn(0.2)
    jobs[0].done(Lost(Unavailable("MB-302", "gone")), bench.clock.mono())
    bench.poller.stop()
    await bench.clock.advance(60)
    bench.poller.start(bench.line)
    bench.answer(await bench.turn())
    assert tags.qualities == {0: Quality.GOOD}
    assert await bench.turn(60) == []


async def test_tags_that_come_while_the_device_is_away_say_so(tags: Tags) -> None:
    bench = Bench(tags, {"HR1": 1.0})
    bench.poller.stop()
    bench.poller.all_bad(Quality.BAD_NOT_CONNECTED, "gone")
    point = Point(7, 1, parse_address("HR7"), DataType.INT4)
    bench.poller.set_points([Polled(point, "new", 1.0)])
    bench.poller.next_due()
    assert tags.qualities[7] == Quality.BAD_NOT_CONNECTED
    assert tags.reasons[7] == "gone"


class Busy(ManualClock):
    """A host on which everything takes 10 ms."""

    def mono(self) -> float:
        self._mono += 0.01
        return self._mono


async def test_plans_that_take_long_are_made_less_often(tags: Tags) -> None:
    points = [Polled(Point(tag, 1, parse_address(f"HR{tag + 1}"), DataType.INT4), "g", 1.0) for tag in range(10)]
    clock = Busy(mono=100.0)
    poller = Poller(points, ModbusOptions("plc"), clock, tags, Counters())
    plans = {}
    for number in range(1_000):
        poller.set_rate("g", 2.0 - number % 2)
        plans[id(poller.groups[0].blocks)] = poller.groups[0].blocks
    spent = clock.mono() - 100.0
    assert 2 < len(plans) <= 1 + spent / 0.2, "each took 10 ms: the next waits for twenty times that"
    poller.set_points(points[:3])
    assert poller.groups[0].blocks[0].block.points == tuple(each.point for each in points[:3]), "but not for other tags"


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.floats(0, 2)), max_size=30))
async def test_whatever_has_changed_each_tag_is_read_at_its_rate(
    steps: list[tuple[int, float, float]],
) -> None:
    tags = Tags()
    bench = Bench(tags, {})
    points = [Point(tag, 1, parse_address(f"HR{tag * 7 % 40 + 1}"), DataType.INT4) for tag in range(40)]
    rates = dict.fromkeys(range(5), 1.0)
    bench.poller.set_points([Polled(point, str(point.tag % 5), 1.0) for point in points])
    bench.answer(await bench.turn())
    for group, rate, later in [*steps, (0, 1.0, 0.0)]:
        bench.poller.set_rate(str(group), rate)
        rates[group] = rate
        jobs = await bench.turn()
        await bench.clock.advance(later)
        jobs += await bench.turn()
        bench.answer(jobs)
    tags.batches.clear()
    for _ in range(14):
        bench.answer(await bench.turn(0.5))
    seen = Counter(tag for batch in tags.batches for tag in batch.tags)
    for point in points:
        rate = rates[point.tag % 5]
        assert seen[point.tag] == 0 if not rate else abs(seen[point.tag] - 7 / rate) <= 1, (point.tag, rate)
    blocks = [state.block.points for state in bench.poller.states]
    assert sorted(point.tag for block in blocks for point in block) == list(range(40))
    assert all(not state.ancestors or not state.busy for state in bench.poller.states)
