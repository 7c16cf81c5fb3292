"""Tag groups that change their rate: what drives them, who looks, and how little a flicker costs."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from plantgate.config.tags.document import TagGroup
from plantgate.limits import TAG_GROUP_READS_PER_SECOND, TAG_GROUP_SWITCH_SECONDS
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.taggroup import GroupMode
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.ageing import SHORTEST_SECONDS, Ageing
from plantgate.tags.engine import TagEngine
from plantgate.tags.groups import LEASE_ENDS_SECONDS, TagGroups
from plantgate.tags.tree import TagTree

GOOD = int(Quality.GOOD)
RUNNING, COUNTER, A, B, SEEN = range(5)


def driven(condition: str = "= true", **more: object) -> TagGroup:
    settings = {"rate": 10.0, "driven_rate": 0.5, "driving_tag": "[default]Running", **more}
    return TagGroup(name="driven", mode=GroupMode.DRIVEN, condition=condition, **settings)  # type: ignore[arg-type]


LEASED = TagGroup(name="leased", mode=GroupMode.LEASED, rate=30.0, leased_rate=0.25)


class Reads:
    """A `GroupPoller` that remembers, with the time."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.rates: list[tuple[str, float]] = []
        self.once: list[str] = []
        self.at: list[float] = []

    def set_rate(self, group: str, seconds: float) -> None:
        self.rates.append((group, seconds))
        self.at.append(self.clock.mono())

    def read_once(self, group: str) -> None:
        self.once.append(group)
        self.at.append(self.clock.mono())


class Site:
    """A tree with two driving tags, a tag in each group and a reference to the leased one."""

    def __init__(self, *groups: TagGroup) -> None:
        self.clock = ManualClock()
        self.tree = TagTree(
            [
                TagDefinition("[default]Running", DataType.BOOLEAN, initial=False),
                TagDefinition("[default]Counter", DataType.INT4, initial=0),
                TagDefinition("[default]A", DataType.INT4, TagKind.DEVICE, "PLC1", "HR1", group="driven"),
                TagDefinition("[default]B", DataType.INT4, TagKind.DEVICE, "PLC1", "HR2", group="leased"),
                TagDefinition("[default]Seen", DataType.INT4, TagKind.REFERENCE, source="[default]B"),
            ],
            self.clock,
        )
        self.groups = TagGroups([TagGroup(name="default"), *groups], self.tree, self.clock)
        self.reads = Reads(self.clock)
        self.groups.add_poller(self.reads)
        self.tree.add_sink(self.groups)
        self.tasks = TaskGroup("test", self.clock)
        self.tasks.spawn("groups", self.groups.run)

    def put(self, tag: int, value: Scalar, quality: int = GOOD) -> None:
        self.tree.publish(Batch([tag], [value], [quality], [5], 5))

    def now(self, group: str) -> tuple[float, str]:
        (row,) = [row for row in self.groups.groups() if row.settings["name"] == group]
        return row.now.rate, row.now.why


Make = Callable[..., Site]


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """`make(group, ...)` gives a site whose groups are run, and stopped in the end."""
    made: list[Site] = []

    def site(*groups: TagGroup) -> Site:
        made.append(Site(*groups))
        return made[-1]

    yield site
    for each in made:
        await each.tasks.stop()
        assert each.tasks.crashes == []


async def test_a_driven_group_is_fast_while_its_condition_holds(make: Make) -> None:
    site = make(driven())
    assert site.now("driven") == (10.0, "not [default]Running = true")
    site.put(RUNNING, True)
    assert site.reads.rates == [("driven", 0.5)]
    assert site.now("driven") == (0.5, "[default]Running = true")
    assert site.groups.rates["driven"] == 0.5
    await site.clock.advance(TAG_GROUP_SWITCH_SECONDS)
    site.put(RUNNING, False)
    assert site.reads.rates[1:] == [("driven", 10.0)]
    assert site.groups.rates["driven"] == 10.0


async def test_a_driving_tag_that_is_bad_meets_no_condition(make: Make) -> None:
    site = make(driven("!= false"))
    site.put(RUNNING, True)
    await site.clock.advance(TAG_GROUP_SWITCH_SECONDS)
    site.put(RUNNING, True, Quality.BAD_NOT_CONNECTED)
    assert site.reads.rates == [("driven", 0.5), ("driven", 10.0)]


async def test_a_condition_that_holds_at_the_start_counts(make: Make) -> None:
    site = make(driven("> 5", driving_tag="[default]Counter"), driven("= 0", driving_tag="[default]Counter"))
    assert site.groups.rates["driven"] == 0.5


async def test_what_is_to_be_read_at_the_start_waits_for_the_drivers(make: Make) -> None:
    site = make(driven("= 0", driving_tag="[default]Counter", one_shot=True))
    late = Reads(site.clock)
    site.groups.add_poller(late)
    await site.clock.advance(0)
    assert late.once == ["driven"]


async def test_one_shot_reads_once_each_time_the_condition_begins_to_hold(make: Make) -> None:
    site = make(driven("> 5", driving_tag="[default]Counter", one_shot=True, rate=0.0, driven_rate=None))
    for value in (1, 6, 7, 8, 2, 3, 9):
        site.put(COUNTER, value)
        await site.clock.advance(1.0)
    assert site.reads.once == ["driven", "driven"]
    assert site.reads.rates == []


async def test_any_change_reads_once_a_change(make: Make) -> None:
    site = make(driven("any change", driving_tag="[default]Counter", rate=0.0, driven_rate=None))
    await site.clock.advance(1.0)
    assert site.reads.once == ["driven"], "what there is at the start is new"
    for value in (1, 1, 2, 2, 3):
        site.put(COUNTER, value)
        site.put(COUNTER, value, Quality.BAD_STALE)
        await site.clock.advance(1.0)
    assert site.reads.once == ["driven"] * 4


@pytest.mark.parametrize("condition", ["= true", "any change"])
async def test_ten_thousand_changes_in_ten_seconds_are_a_few_reads(condition: str, make: Make) -> None:
    one_shot = condition == "any change"
    site = make(driven(condition, one_shot=one_shot))
    for number in range(10_001):
        site.put(RUNNING, number % 2 == 0)
        if number % 10 == 0:
            await site.clock.advance(0.01)
    await site.clock.advance(TAG_GROUP_SWITCH_SECONDS)
    if one_shot:
        assert 90 <= len(site.reads.once) <= 10 * TAG_GROUP_READS_PER_SECOND + 2
        assert site.reads.rates == []
    else:
        assert 5 <= len(site.reads.rates) <= 10 / TAG_GROUP_SWITCH_SECONDS + 2
        assert site.reads.rates[-1] == ("driven", 0.5), "what holds in the end is in force"
        gaps = [later - earlier for earlier, later in zip(site.reads.at, site.reads.at[1:], strict=False)]
        assert min(gaps) >= TAG_GROUP_SWITCH_SECONDS
    assert len(site.groups._states._waiting) == 0


async def test_the_last_of_many_changes_is_followed_by_a_read(make: Make) -> None:
    site = make(driven("any change", driving_tag="[default]Counter", one_shot=True))
    await site.clock.advance(1)
    site.reads.once.clear()
    for value in range(1, 6):
        site.put(COUNTER, value)
    assert len(site.reads.once) == 1
    changed = site.clock.mono()
    await site.clock.advance(5)
    assert len(site.reads.once) == 2
    assert site.reads.at[-1] > changed


async def test_a_leased_group_is_fast_while_somebody_looks(make: Make) -> None:
    site = make(LEASED)
    site.groups.lease([B, A])
    assert site.reads.rates == [("leased", 0.25)]
    assert site.now("leased") == (0.25, "somebody looks at its tags")
    site.groups.lease([B])
    site.groups.release([B, A])
    await site.clock.advance(10)
    assert len(site.reads.rates) == 1, "one of two still looks"
    ended = site.clock.mono()
    site.groups.release([B])
    await site.clock.advance(10)
    assert site.reads.rates[1:] == [("leased", 30.0)]
    assert site.reads.at[-1] >= ended + LEASE_ENDS_SECONDS
    assert not site.groups._leases


async def test_a_page_that_is_loaded_anew_does_not_slow_its_group_down(make: Make) -> None:
    site = make(LEASED)
    for _ in range(20):
        site.groups.lease([B])
        await site.clock.advance(3)
        site.groups.release([B])
        await site.clock.advance(LEASE_ENDS_SECONDS / 2)
    assert site.reads.rates == [("leased", 0.25)]


async def test_who_looks_at_a_reference_looks_at_its_source(make: Make) -> None:
    site = make(LEASED)
    site.groups.lease([SEEN])
    assert site.reads.rates == [("leased", 0.25)]


async def test_a_tag_that_comes_to_a_leased_group_while_it_is_looked_at(make: Make) -> None:
    site = make(LEASED)
    site.groups.lease([A])
    assert site.reads.rates == []
    moved = TagDefinition("[default]A", DataType.INT4, TagKind.DEVICE, "PLC1", "HR1", group="leased")
    site.tree.replace(A, moved)
    site.groups.change([A])
    assert site.reads.rates == [("leased", 0.25)]
    assert [(row.settings["name"], row.tags) for row in site.groups.groups()] == [("default", 0), ("leased", 2)]


async def test_other_groups_while_everything_runs(make: Make) -> None:
    site = make(driven(), LEASED)
    site.put(RUNNING, True)
    site.groups.lease([B])
    site.reads.rates.clear()
    quicker = TagGroup(name="default", rate=0.1)
    site.groups.configure([quicker, driven(), LEASED, TagGroup(name="new", rate=7.0)])
    assert site.reads.rates == [("default", 0.1)], "the others are as they were"
    assert site.groups.rates == {"default": 0.1, "driven": 0.5, "leased": 0.25, "new": 7.0}
    assert site.groups.plain == {"default": 0.1, "driven": 10.0, "leased": 30.0, "new": 7.0}
    site.groups.configure([quicker, TagGroup(name="driven", rate=3.0)])
    assert site.reads.rates[1:] == [("driven", 3.0)]
    assert site.groups.rates == {"default": 0.1, "driven": 3.0}
    site.put(RUNNING, False)
    site.groups.release([B])
    assert len(site.reads.rates) == 2


# --- staleness


class Plant:
    """A poller of its own: publishes tag A whenever its group is due, while `alive`."""

    def __init__(self, site: Site) -> None:
        self.site, self.alive = site, True
        self.ageing = Ageing(site.tree, site.groups.rates, site.clock)
        self.ageing.start(["PLC1"])
        site.groups.add_poller(self.ageing)
        site.tasks.spawn("ageing", self.ageing.run)
        self.asked = -math.inf

    async def live(self, seconds: float) -> list[int]:
        """The qualities of A, ten times a second."""
        seen = []
        for _ in range(round(seconds * 10)):
            rate = self.site.groups.rates["driven"]
            if self.alive and rate and self.asked + rate <= self.site.clock.mono() + 1e-6:
                self.asked = self.site.clock.mono()
                self.site.put(A, round(self.asked * 10))
            await self.site.clock.advance(0.1)
            seen.append(self.site.tree.read(A).quality)
        return seen


async def test_changing_its_rate_turns_no_tag_stale(make: Make) -> None:
    site = make(driven())
    plant = Plant(site)
    site.put(RUNNING, True)
    for number in range(30):
        seen = await plant.live(1.5 + number % 4 * 5)
        assert set(seen) == {GOOD}, number
        site.put(RUNNING, number % 2 == 1)


async def test_a_tag_of_a_slow_group_that_is_made_fast_has_time_to_be_read(make: Make) -> None:
    site = make(driven(rate=60.0))
    plant = Plant(site)
    assert set(await plant.live(50)) == {GOOD}
    plant.alive = False
    site.put(RUNNING, True)
    seen = await plant.live(5)
    assert seen[0] == GOOD
    limit = max(SHORTEST_SECONDS, 2 * 0.5)
    assert seen.index(Quality.BAD_STALE) * 0.1 >= limit - 0.11, "not at once, although its value is 50 s old"


async def test_what_is_never_read_by_the_clock_is_never_stale_by_it(make: Make) -> None:
    site = make(driven(rate=0.0))
    plant = Plant(site)
    site.put(RUNNING, True)
    assert set(await plant.live(3)) == {GOOD}
    site.put(RUNNING, False)
    assert set(await plant.live(3_600 / 100)) == {GOOD}
    plant.alive = False
    site.put(RUNNING, True)
    assert (await plant.live(3))[-1] == Quality.BAD_STALE


async def test_the_first_driven_group_may_come_while_everything_runs(tmp_path: Path) -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    running = TagDefinition("[default]Running", DataType.BOOLEAN, initial=False)
    engine = TagEngine([running], [TagGroup(name="default")], tmp_path, clock, tasks)
    reads = Reads(clock)
    engine.groups.add_poller(reads)
    engine.configure([TagGroup(name="default"), driven()])
    engine.tree.publish(Batch([0], [True], [GOOD], [5], 5))
    assert reads.rates == [("driven", 0.5)]
    await tasks.stop()
