"""Staleness: a quality set by the clock, not by hope."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import repeat

from plantgate.model.tag import TagKind
from plantgate.runtime.clock import Clock
from plantgate.tags.tree import TagTree

SWEEP_SECONDS = 0.5
# A fast group on a busy host would flicker between good and stale; below a second nobody could act on it.
SHORTEST_SECONDS = 1.0


class Ageing:
    """Marks tags of the `polled` devices that were not heard of for two periods of their tag group.

    `rates` are the seconds of each group, as they are in force at any time.

    Is a `GroupPoller`: a group that has changed its rate is given two of its new periods before anything of it is
    stale, and one that is not read by the clock (0) never is. Run `run` as an owned task.
    """

    def __init__(self, tree: TagTree, rates: Mapping[str, float], clock: Clock) -> None:
        self._tree = tree
        self._rates = rates
        self._clock = clock
        self._polled: frozenset[str] = frozenset()
        self._since: dict[str, float] = {}
        self._tags: defaultdict[str, dict[int, None]] = defaultdict(dict)
        self._group_of: dict[int, str] = {}

    def start(self, polled: Collection[str]) -> None:
        """From now on, for all tags."""
        self._polled = frozenset(polled)
        self._tags.clear()
        self._group_of.clear()
        self.change(self._tree.ids())

    def change(self, put: Collection[int], removed: Collection[int] = ()) -> None:
        """Tags of the tree are new or have another definition (`put`), or are gone."""
        definitions = self._tree.definitions()
        for tag in (*put, *removed):
            if (old := self._group_of.pop(tag, None)) is not None:
                del self._tags[old][tag]
            definition = definitions[tag]
            if definition.kind is TagKind.DEVICE and definition.device in self._polled:
                self._group_of[tag] = definition.group
                self._tags[definition.group][tag] = None

    # GroupPoller

    def set_rate(self, group: str, seconds: float) -> None:
        self._since[group] = self._clock.mono()

    def read_once(self, group: str) -> None:
        """Whether it came is the driver's to say."""

    async def run(self) -> None:
        """Run for ever: mark what went stale, twice a second."""
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            now = self._clock.mono()
            for group, tags in list(self._tags.items()):
                rate = self._rates.get(group, 0.0)
                limit = max(SHORTEST_SECONDS, 2 * rate)
                if rate and now - self._since.get(group, -math.inf) > limit:
                    self._tree.mark_stale(zip(tags, repeat(limit)))
