"""What waits to be stored: whole batches in order, bounded in points; what does not fit becomes a gap."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeAlias

from plantgate.historian.hot import TEXT_WEIGHT, Columns
from plantgate.historian.schema import Gap
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType

Routes: TypeAlias = Mapping[int, TagDefinition]


@dataclass(frozen=True, slots=True)
class Intake:
    """One batch in the queue. Its `columns.tags` are the tree's indexes; `routes` tells which tags they were."""

    routes: Routes
    columns: Columns
    weight: int

    @property
    def has_texts(self) -> bool:
        return self.weight > len(self.columns)

    def gap(self, reason: str) -> Gap:
        return Gap(min(self.columns.times), max(self.columns.times), len(self.columns), reason)


class IntakeQueue:
    """Filled on the event loop without touching single values; `bound` is in points, a text counting as 16."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._routes: Routes = {}
        self._weights = bytearray()
        self._items: deque[Intake] = deque()
        self.weight = 0
        self.taken = 0
        self.settled = 0
        self.gap: Gap | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def points(self) -> int:
        return sum(len(item.columns) for item in self._items)

    def register(self, definitions: Sequence[tuple[int, TagDefinition]]) -> None:
        kept = {index: definition for index, definition in definitions if definition.history}
        weights = bytearray(max(kept, default=-1) + 1)
        for index, definition in kept.items():
            weights[index] = TEXT_WEIGHT if definition.data_type is DataType.STRING else 1
        self._routes, self._weights = kept, weights

    def change(self, put: Sequence[tuple[int, TagDefinition]], removed: Sequence[int]) -> None:
        """Tags are new or have another definition, or are gone. What waits is stored as it was taken in."""
        kept = dict(self._routes)
        weights = bytearray(self._weights)
        weights += bytes(max(0, max((index for index, _ in put), default=-1) + 1 - len(weights)))
        for index in (*removed, *(index for index, _ in put)):
            kept.pop(index, None)
            if index < len(weights):
                weights[index] = 0
        for index, definition in put:
            if definition.history:
                kept[index] = definition
                weights[index] = TEXT_WEIGHT if definition.data_type is DataType.STRING else 1
        self._routes, self._weights = kept, weights

    def has_path(self, path: str) -> bool:
        return any(definition.path == path for definition in self._routes.values())

    def paths(self) -> list[str]:
        return [definition.path for definition in self._routes.values()]

    def put(self, batch: Batch) -> Intake | None:
        """Keep what of `batch` has history. Gives it back if there is no room for it: the caller calls `lose`."""
        try:
            weights = bytes(map(self._weights.__getitem__, batch.tags))
        except IndexError:  # tags above the highest one with history
            known = len(self._weights)
            weights = bytes(self._weights[tag] if tag < known else 0 for tag in batch.tags)
        weight = sum(weights)
        if weight == 0:
            return None
        columns = Columns(batch.tags, batch.times, batch.qualities, batch.values)
        if 0 in weights:
            columns = Columns(
                list(compress(batch.tags, weights)),
                list(compress(batch.times, weights)),
                list(compress(batch.qualities, weights)),
                list(compress(batch.values, weights)),
            )
        item = Intake(self._routes, columns, weight)
        if self.weight + weight > self._bound:
            return item
        self._items.append(item)
        self.weight += weight
        self.taken += 1
        return None

    def lose(self, item: Intake, reason: str) -> None:
        """Write down that `item` is not kept. Losses grow into one gap until that is on disk."""
        new, old = item.gap(reason), self.gap
        if old is not None:
            new = Gap(min(new.t0, old.t0), max(new.t1, old.t1), new.points + old.points, old.reason)
        self.gap = new

    def next(self, most: int) -> list[Intake]:
        """The oldest batches of `most` points together, at least one if any waits. They stay until `settle`."""
        chosen: list[Intake] = []
        weight = 0
        for item in self._items:
            if chosen and weight + item.weight > most:
                break
            chosen.append(item)
            weight += item.weight
        return chosen

    def settle(self, items: Sequence[Intake], gap: Gap | None) -> None:
        """The oldest `items` and `gap` are dealt with."""
        for _ in items:
            self.weight -= self._items.popleft().weight
        self.settled += len(items)
        if gap is not None and self.gap is not None:
            rest = self.gap.points - gap.points  # it may have grown while it was being written
            self.gap = Gap(gap.t1, max(gap.t1, self.gap.t1), rest, self.gap.reason) if rest else None
