"""The tags of a gateway put together: tree, gate, staleness, tags made of others, values that outlive a restart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from plantgate.config.tags.document import TagGroup
from plantgate.model.status import PartStatus
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Batch
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.ageing import Ageing
from plantgate.tags.alarms import ALARMS_KEPT_SECONDS, Alarms
from plantgate.tags.derived import DerivedTags
from plantgate.tags.gate import Gate
from plantgate.tags.groups import TagGroups
from plantgate.tags.retained import RetainedValues
from plantgate.tags.tree import TagTree
from plantgate.tags.writing import write_policies


class TagsChanged(NamedTuple):
    """Ids: `put` are new or have another definition, `fresh` begin with a first value, `removed` are gone."""

    put: Sequence[int]
    fresh: Sequence[int]
    removed: Sequence[int]


class TagEngine:
    """`start` before the devices, then `stop` after them."""

    def __init__(
        self,
        definitions: Sequence[TagDefinition],
        groups: Sequence[TagGroup],
        data_dir: Path,
        clock: Clock,
        tasks: TaskGroup,
        alarms_kept: float = ALARMS_KEPT_SECONDS,
    ) -> None:
        """The alarm journal goes back `alarms_kept` seconds."""
        self._clock = clock
        self._tasks = tasks
        self._listening: set[str] = set()
        self._started: set[str] | None = None
        self.tree = TagTree(definitions, clock)
        self.groups = TagGroups(groups, self.tree, clock)
        self.gate = Gate(self.tree, clock)
        self.gate.policies = write_policies(groups)
        self.gate.derived = self.derived = DerivedTags(self.tree, self.groups.plain, clock)
        self.gate.retained = self.retained = RetainedValues(data_dir, self.tree, clock)
        self.ageing = Ageing(self.tree, self.groups.rates, clock)
        self.groups.add_poller(self.ageing)
        self.gate.alarms = self.alarms = Alarms(self.tree, data_dir, clock, tasks, keep_seconds=alarms_kept)
        self._listen()

    def _listen(self) -> None:
        """What has no tags of its own is not asked: each sink sees every change."""
        sinks: dict[str, DerivedTags | RetainedValues | TagGroups | Alarms] = {
            "derived": self.derived,
            "retained": self.retained,
            "groups": self.groups,
            "alarms": self.alarms,
        }
        for name, sink in sinks.items():
            if sink and name not in self._listening:
                self._listening.add(name)
                self.tree.add_sink(sink)

    async def start(self, polled: Collection[str]) -> None:
        """`polled` are the names of the devices whose tags become stale."""
        await self.retained.start()
        await self.alarms.start()
        self.ageing.start(polled)
        self._tasks.spawn("tag-groups", self.groups.run, restart=True)
        self._tasks.spawn("ageing", self.ageing.run, restart=True)
        self._tasks.spawn("pending-writes", self.tree.pending.run, restart=True)
        self._started = set()
        self._work()

    def _work(self) -> None:
        """Start the tasks of what has got tags of its own."""
        if self._started is None:
            return
        if self.derived and "derived" not in self._started:
            self._started.add("derived")
            self._tasks.spawn("derived", self.derived.run, restart=True)
            self._tasks.spawn("derived-clock", self.derived.tick, restart=True)
        if self.retained and "retained" not in self._started:
            self._started.add("retained")
            self._tasks.spawn("retained", self._retain, restart=True)
        if self.alarms and not self.alarms.started and "alarms" not in self._started:
            self._started.add("alarms")
            self._tasks.spawn("alarms-start", self.alarms.start)

    async def _retain(self) -> None:
        await self.retained.start()
        await self.retained.run()

    # definitions

    def configure(self, groups: Sequence[TagGroup]) -> None:
        """Other tag groups from now on; drivers are told of rates that are others then."""
        self.groups.configure(groups)
        self.gate.policies = write_policies(groups)
        self._listen()

    def change(
        self, put: Sequence[TagDefinition], removed: Sequence[str], renamed: Mapping[str, str] | None = None
    ) -> TagsChanged:
        """Take over new definitions, and forget tags, in one step between two events; `renamed` are new by old paths.

        A memory tag takes its value along to its new path. Sinks hear of what is gone at once, and of what is new by
        `tree.announce`, which is the caller's when everybody else knows the tags. Raises Overload, and changes nothing.
        """
        tree, renamed = self.tree, renamed or {}
        gone = [tag for path in removed if (tag := tree.find(path)) is not None]
        carried = {new: tree.read(tag) for old, new in renamed.items() if (tag := tree.find(old)) is not None}
        tree.remove(gone)
        fresh, replaced = list[int](), list[int]()
        for definition in put:
            tag = tree.find(definition.path)
            if tag is not None:
                (fresh if tree.replace(tag, definition) else replaced).append(tag)
                continue
            (tag,) = tree.add([definition])
            fresh.append(tag)
            value = carried.get(definition.path)
            if value is not None and definition.kind is TagKind.MEMORY:
                batch = Batch(
                    [tag], [value.value], [value.quality], [value.timestamp], self._clock.wall(), value.reason
                )
                tree.publish(batch)
        changed = TagsChanged((*fresh, *replaced), tuple(fresh), tuple(gone))
        for part in (self.derived, self.retained, self.groups, self.ageing):
            part.change(changed.put, changed.removed)
        more, fewer = self.alarms.change(changed.put, changed.removed)
        changed = TagsChanged((*changed.put, *more), (*changed.fresh, *more), (*changed.removed, *fewer))
        self._listen()
        self._work()
        return changed

    async def stop(self) -> None:
        """The tasks have been stopped."""
        await self.alarms.stop()
        await self.retained.stop()

    def status(self) -> Sequence[PartStatus]:
        """StatusSource: a tile only where something is wrong."""
        return [*self.retained.status(), *self.alarms.status()]
