"""Occupancy and lockdown of zones as tags, also of zones that are made while everything runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio

from plantgate.access.zonetags import AccessTags, tag_name
from plantgate.model.access import AccessData, Lockdown, Presence, Zone
from plantgate.model.quality import is_good
from plantgate.model.tag import TagDefinition, path_problem
from plantgate.model.value import Batch
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup


class Desk:
    def __init__(self) -> None:
        self._data = AccessData()
        self._inside: list[Presence] = []
        self._changed: Callable[[], None] = lambda: None

    def data(self) -> AccessData:
        return self._data

    def presences(self) -> Sequence[Presence]:
        return self._inside

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def zones(self, *names: str, locked: Sequence[str] = ()) -> None:
        lockdowns = {name: Lockdown(zone=name, since=1, by="ada") for name in locked}
        self._data = replace(self._data, zones={name: Zone(name=name) for name in names}, lockdowns=lockdowns)
        self._changed()

    def inside(self, **zones: str) -> None:
        self._inside = [Presence(who, who, zone, 1, "entrance") for who, zone in zones.items()]
        self._changed()


class Tree:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self.values: dict[str, tuple[object, bool]] = {}
        self.batches = 0

    def add(self, definitions: Sequence[TagDefinition]) -> Sequence[int]:
        for definition in definitions:
            assert path_problem(definition.path) is None
            if definition.path not in self.paths:
                self.paths.append(definition.path)
        return [self.paths.index(definition.path) for definition in definitions]

    def publish(self, batch: Batch) -> None:
        self.batches += 1
        for tag, value, quality in zip(batch.tags, batch.values, batch.qualities, strict=True):
            self.values[self.paths[tag].removeprefix("[default]Access/")] = (value, is_good(quality))


@dataclass
class Site:
    desk: Desk
    tree: Tree
    tags: AccessTags
    clock: ManualClock
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    added: int = 0


@pytest_asyncio.fixture
async def site(clock: ManualClock) -> AsyncIterator[Site]:
    desk, tree, counts, tasks = Desk(), Tree(), [0, 0, 0], TaskGroup("access", clock)

    def added() -> None:
        found.added += 1

    tags = AccessTags(tree, desk, lambda: counts, added, clock)
    found = Site(desk, tree, tags, clock, counts)
    tasks.spawn("tags", tags.run)
    tasks.spawn("tick", tags.tick)
    await clock.advance(0)
    yield found
    await tasks.stop()


async def test_zones_and_who_is_in_them(site: Site) -> None:
    site.desk.zones("Hall", "Yard", locked=["Yard"])
    site.desk.inside(ada="Hall", grace="Hall", linus="Yard")
    await site.clock.advance(1)
    assert site.tree.values == {
        "Journal/Stored": (0, True),
        "Journal/Waiting": (0, True),
        "Journal/Lost": (0, True),
        "Zones/Hall/Occupancy": (2, True),
        "Zones/Hall/Lockdown": (False, True),
        "Zones/Yard/Occupancy": (1, True),
        "Zones/Yard/Lockdown": (True, True),
    }
    site.desk.zones("Hall", "Yard", locked=["*"])
    await site.clock.advance(1)
    assert site.tree.values["Zones/Hall/Lockdown"] == (True, True)


async def test_a_zone_made_now_has_its_tags_now_and_one_that_is_gone_is_bad(site: Site) -> None:
    before = site.added
    site.desk.zones("Hall")
    await site.clock.advance(1)
    assert site.added == before + 1, "whoever keeps history is told"
    site.desk.zones("Yard")
    await site.clock.advance(1)
    assert site.tree.values["Zones/Hall/Occupancy"][1] is False
    assert site.tree.values["Zones/Yard/Occupancy"] == (0, True)
    site.desk.zones("Yard", "Hall")
    await site.clock.advance(1)
    assert site.tree.values["Zones/Hall/Occupancy"] == (0, True)


async def test_a_crowd_is_told_twice_a_second_and_not_for_each(site: Site) -> None:
    site.desk.zones("Hall")
    await site.clock.advance(1)
    before = site.tree.batches
    for number in range(100):
        site.desk.inside(**{f"p{each}": "Hall" for each in range(number)})
        await site.clock.advance(0.01)
    await site.clock.advance(1)
    assert site.tree.batches - before <= 4
    assert site.tree.values["Zones/Hall/Occupancy"] == (99, True)


async def test_a_presence_that_ends_by_itself_and_a_counter_show_without_a_badge(site: Site) -> None:
    site.desk.zones("Hall")
    site.desk.inside(ada="Hall")
    await site.clock.advance(1)
    site.desk._inside = []
    site.counts[:] = [7, 1, 2]
    await site.clock.advance(31)
    assert site.tree.values["Zones/Hall/Occupancy"] == (0, True)
    assert site.tree.values["Journal/Stored"] == (7, True)


@pytest.mark.parametrize(
    ("zone", "name"), [("Hall", "Hall"), ("Hall / 3", "Hall _ 3"), ("Größe", "Gr__e"), ("(a)", "_(a)"), ("*", "_")]
)
def test_names(zone: str, name: str) -> None:
    assert tag_name(zone) == name
    assert path_problem(f"[default]Access/Zones/{tag_name(zone)}/Occupancy") is None
