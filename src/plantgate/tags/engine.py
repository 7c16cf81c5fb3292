"""The tags of a gateway put together: tree, gate, staleness, tags made of others, values that outlive a restart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from plantgate.model.status import PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.ageing import stale_limits, sweep
from plantgate.tags.derived import DerivedTags
from plantgate.tags.gate import Gate
from plantgate.tags.retained import RetainedValues
from plantgate.tags.tree import TagTree


class TagEngine:
    """`start` before the devices, then `stop` after them. `rates` are the seconds of the tag groups by their names."""

    def __init__(
        self,
        definitions: Sequence[TagDefinition],
        rates: Mapping[str, float],
        data_dir: Path,
        clock: Clock,
        tasks: TaskGroup,
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._tasks = tasks
        self.tree = TagTree(definitions, clock)
        self.gate = Gate(self.tree, clock)
        self.gate.derived = self.derived = DerivedTags(self.tree, rates, clock)
        self.gate.retained = self.retained = RetainedValues(data_dir, self.tree, clock)
        if self.derived:
            self.tree.add_sink(self.derived)
        if self.retained:
            self.tree.add_sink(self.retained)

    async def start(self, polled: Collection[str]) -> None:
        """`polled` are the names of the devices whose tags become stale."""
        await self.retained.start()
        limits = stale_limits(self.tree, self._rates, frozenset(polled))
        self._tasks.spawn("ageing", lambda: sweep(self.tree, limits, self._clock), restart=True)
        if self.derived:
            self._tasks.spawn("derived", self.derived.run, restart=True)
            self._tasks.spawn("derived-clock", self.derived.tick, restart=True)
        if self.retained:
            self._tasks.spawn("retained", self.retained.run, restart=True)

    async def stop(self) -> None:
        """The tasks have been stopped."""
        await self.retained.stop()

    def status(self) -> Sequence[PartStatus]:
        """StatusSource: a tile only where something is wrong."""
        return self.retained.status()
