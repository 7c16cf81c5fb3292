"""What access control shows in the tag tree: how many are in each zone, which zones are locked down, the journal."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from plantgate.model.access import EVERYWHERE, AccessData, Presence
from plantgate.model.quality import Quality
from plantgate.model.seams import BatchSink
from plantgate.model.tag import DEFAULT_PROVIDER, TagDefinition
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import Clock

OCCUPANCY, LOCKDOWN = "Occupancy", "Lockdown"
_FOLDER = f"[{DEFAULT_PROVIDER}]Access"
# Presences end by themselves, without a badge: looked at so often.
_EXPIRY_SECONDS = 30.0
# Of a crowd at the doors every badge changes something: shown so often at most.
_PACE_SECONDS = 0.5
# What a tag's name can't have (model/tag.py).
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_ '\-:()]")


class Zones(Protocol):
    """The part of the desk that this needs."""

    def data(self) -> AccessData: ...

    def presences(self) -> Sequence[Presence]: ...

    def watch(self, changed: Callable[[], None]) -> None: ...


class TagAdder(BatchSink, Protocol):
    """The tag tree."""

    def add(self, definitions: Sequence[TagDefinition]) -> Sequence[int]: ...


def tag_name(zone: str) -> str:
    """The zone's folder: what a tag's name can't have becomes `_`."""
    name = _FORBIDDEN.sub("_", zone)[:256]
    return name if name[:1].isalnum() or name.startswith("_") else f"_{name}"[:256]


def zone_definitions(zone: str) -> list[TagDefinition]:
    folder = f"{_FOLDER}/Zones/{tag_name(zone)}"
    return [
        TagDefinition(
            f"{folder}/{OCCUPANCY}",
            DataType.INT4,
            description=f"people in {zone}",
            history=True,
            initial=0,
            unit="people",
        ),
        TagDefinition(
            f"{folder}/{LOCKDOWN}", DataType.BOOLEAN, description=f"{zone} is locked down", history=True, initial=False
        ),
    ]


_COUNTERS = {
    "Stored": "badge events stored since the gateway started",
    "Waiting": "badge events that wait for the disk",
    "Lost": "badge events that could not be stored since the gateway started",
}


def journal_definitions() -> list[TagDefinition]:
    return [
        TagDefinition(f"{_FOLDER}/Journal/{name}", DataType.INT8, description=words, initial=0)
        for name, words in _COUNTERS.items()
    ]


class AccessTags:
    """Keeps those tags up to date.

    A zone that is made while the gateway runs gets its tags at once; the tags of one that is removed turn bad, and are
    gone after the next start.
    """

    def __init__(
        self,
        tree: TagAdder,
        zones: Zones,
        journal: Callable[[], Sequence[int]],
        added: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`journal` gives stored, waiting and lost; `added` is called when the tree has got more tags."""
        self._tree = tree
        self._zones = zones
        self._journal = journal
        self._added = added
        self._clock = clock
        self._ids: dict[str, tuple[int, int]] = {}
        self._counters: Sequence[int] = ()
        self._changed = asyncio.Event()
        zones.watch(self._changed.set)

    async def run(self) -> None:
        """Run for ever."""
        while True:
            self._changed.clear()
            self.publish()
            await self._clock.sleep(_PACE_SECONDS)
            await self._changed.wait()

    async def tick(self) -> None:
        """Run for ever: what changes without a badge."""
        while True:
            await self._clock.sleep(_EXPIRY_SECONDS)
            self._changed.set()

    def touch(self) -> None:
        """A counter of the journal has changed."""
        self._changed.set()

    def publish(self) -> None:
        """Add the tags that are missing and tell all values; the tree finds out which are new."""
        self._add_missing()
        data, now = self._zones.data(), self._clock.wall()
        inside = Counter(presence.zone for presence in self._zones.presences())
        everywhere = EVERYWHERE in data.lockdowns
        tags, values = list(self._counters), list[Scalar](self._journal())
        gone: list[int] = []
        for zone, (occupancy, lockdown) in self._ids.items():
            if zone not in data.zones:
                gone += (occupancy, lockdown)
                continue
            tags += (occupancy, lockdown)
            values += (inside[zone], everywhere or zone in data.lockdowns)
        self._tell(tags, values, Quality.GOOD, now, "")
        self._tell(gone, [None] * len(gone), Quality.BAD_NOT_FOUND, now, "there is no such zone any more")

    def _add_missing(self) -> None:
        if not self._counters:
            self._counters = self._tree.add(journal_definitions())
            self._added()
        missing = [zone for zone in self._zones.data().zones if zone not in self._ids]
        for zone in missing:
            occupancy, lockdown = self._tree.add(zone_definitions(zone))
            self._ids[zone] = (occupancy, lockdown)
        if missing:
            self._added()

    def _tell(self, tags: list[int], values: list[Scalar], quality: Quality, now: int, reason: str) -> None:
        if tags:
            count = len(tags)
            self._tree.publish(Batch(tags, values, [int(quality)] * count, [now] * count, now, reason))
