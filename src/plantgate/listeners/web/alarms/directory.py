"""Which alarms there are, and what they do now: found and put in order.

With a hundred thousand alarms all of this goes slice by slice: others have their turn in between.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from plantgate.listeners.web.access.directory import slices
from plantgate.listeners.web.alarms.queries import Shown, Wanted
from plantgate.listeners.web.alarms.shapes import AlarmPriorities, AlarmRow, AlarmTotals, label_of
from plantgate.model.alarm import AlarmDefinition, AlarmEvent, AlarmKey, AlarmState, Priority
from plantgate.model.seams import AlarmBoard, TagReader

_ACTIVE = frozenset({AlarmState.ACTIVE_UNACKED, AlarmState.ACTIVE_ACKED})
_UNACKED = frozenset({AlarmState.ACTIVE_UNACKED, AlarmState.CLEAR_UNACKED})
_Key: TypeAlias = "Callable[[Found], tuple[Any, ...]]"


class Found(NamedTuple):
    """An event of an alarm, or an alarm that has none."""

    key: AlarmKey
    event: AlarmEvent | None = None
    definition: AlarmDefinition | None = None

    @property
    def text(self) -> str:
        """What a search looks at."""
        return f"{self.key.path} {self.key.name} {label_of(*self)}".casefold()

    @property
    def priority(self) -> Priority:
        if self.event is not None:
            return self.event.priority
        return self.definition.priority if self.definition is not None else Priority.DIAGNOSTIC


def urgency(event: AlarmEvent) -> tuple[Any, ...]:
    """Not acknowledged first, then by priority, then the newest."""
    return event.state not in _UNACKED, -event.priority, -event.active_at, -event.id


def _urgency(found: Found) -> tuple[Any, ...]:
    if found.event is None:
        return True, found.key.path, found.key.name
    return False, *urgency(found.event)


_SORTS: Mapping[str, _Key] = {
    "": _urgency,
    "priority": lambda found: (-found.priority, found.key.path, found.key.name),
    "active_at": lambda found: (found.event.active_at if found.event is not None else 0, found.key.path),
    "path": lambda found: (found.key.path, found.key.name),
    "label": lambda found: (label_of(*found).casefold(), found.key.path),
}


class Selection(NamedTuple):
    """`page` of the `matching` ones, of `total` in that state."""

    page: Sequence[Found]
    total: int
    matching: int


@dataclass(slots=True)
class AlarmDirectory:
    """Keeps what costs more to make than to keep: all alarms by path and name, their texts, and the counts."""

    _configured: Sequence[tuple[AlarmKey, AlarmDefinition]] = ()
    _in_order: Sequence[Found] = ()
    _places: Mapping[AlarmKey, int] = field(default_factory=dict)
    _texts: Sequence[str] = ()
    _counted: tuple[int, AlarmTotals] | None = None

    def rows(self, page: Iterable[Found], board: AlarmBoard, tags: TagReader) -> list[AlarmRow]:
        shelves, definitions = {shelf.key: shelf for shelf in board.shelves()}, tags.definitions()
        rows: list[AlarmRow] = []
        for key, event, definition in page:
            number = tags.find(key.path)
            tag = None if number is None else definitions[number]
            if definition is None and tag is not None:
                definition = next((alarm for alarm in tag.alarms if alarm.name == key.name), None)  # noqa: PLW2901
            rows.append(AlarmRow.of(key, event, definition, tag, shelves.get(key)))
        return rows

    def totals(self, board: AlarmBoard) -> AlarmTotals:
        revision = board.revision
        if self._counted is None or self._counted[0] != revision:
            counts, by_priority = board.counts(), dict.fromkeys(Priority, 0)
            for event in heard(board):
                by_priority[event.priority] += 1
            highest = None if counts.highest is None else counts.highest.label
            each = AlarmPriorities(**{priority.label: count for priority, count in by_priority.items()})
            totals = AlarmTotals(counts.active, counts.unacknowledged, counts.shelved, highest, each)
            self._counted = revision, totals
        return self._counted[1]

    async def select(self, wanted: Wanted, board: AlarmBoard, tags: TagReader) -> Selection:
        """The most urgent first, unless another order is wanted; what has no event is behind, by path."""
        busy = _busy(wanted, board)
        fitting = [found async for some in slices(busy) for found in some if _fits(found, wanted)]
        if wanted.state is Shown.SHELVED:
            keys = {found.key for found in busy}
            shelved = [Found(shelf.key, None, _defined(shelf.key, tags)) for shelf in board.shelves()]
            idle = [found for found in shelved if found.key not in keys]
            fitting += [found for found in idle if _fits(found, wanted)]
            return await _selection(fitting, len(busy) + len(idle), wanted)
        if wanted.state is not Shown.ALL:
            return await _selection(fitting, len(busy), wanted)
        self._know(board)
        in_order = self._in_order  # a change of the configuration makes another one, also while we wait
        places = sorted({self._places[found.key] for found in busy if found.key in self._places})
        total = len(busy) + len(in_order) - len(places)
        if wanted.everything and not wanted.order:
            return Selection(await _piece(fitting, in_order, places, wanted), total, total)
        fitting += await self._idle(in_order, frozenset(places), wanted)
        return await _selection(fitting, total, wanted)

    def _know(self, board: AlarmBoard) -> None:
        configured = board.configured()
        if configured != self._configured:
            in_order = sorted((Found(key, None, each) for key, each in configured), key=_SORTS["path"])
            places = {found.key: place for place, found in enumerate(in_order)}
            self._configured, self._in_order, self._places, self._texts = configured, in_order, places, ()

    async def _idle(self, in_order: Sequence[Found], places: Collection[int], wanted: Wanted) -> list[Found]:
        """Of `in_order` those that are wanted, but for those at `places`."""
        texts = await self._searched(in_order) if wanted.words else [""] * len(in_order)
        return [
            found
            async for some in slices(zip(range(len(texts)), in_order, texts, strict=True))
            for place, found, text in some
            if (not wanted.words or wanted.has_words(text))
            and wanted.fits(found.key.path, found.priority)
            and place not in places
        ]

    async def _searched(self, in_order: Sequence[Found]) -> Sequence[str]:
        if self._texts and in_order is self._in_order:
            return self._texts
        texts = [found.text async for some in slices(in_order) for found in some]
        if in_order is self._in_order:
            self._texts = texts
        return texts


async def _piece(
    busy: Sequence[Found], in_order: Sequence[Found], places: Sequence[int], wanted: Wanted
) -> Sequence[Found]:
    """Of `busy` in its order, and then of the others, which are `in_order` but for those at `places`."""
    page = list((await _selection(busy, 0, wanted)).page)
    start = max(0, wanted.offset - len(busy))
    for place in places:
        start += place <= start
    skipped = frozenset(places)
    idle = (found for place, found in enumerate(in_order[start:], start) if place not in skipped)
    return [*page, *islice(idle, wanted.limit - len(page))]


def heard(board: AlarmBoard) -> Sequence[AlarmEvent]:
    """What wants attention: events of alarms that are not shelved, in no order."""
    shelved = {shelf.key for shelf in board.shelves()}
    return [event for event in board.live() if event.key not in shelved] if shelved else board.live()


def of_events(events: Iterable[AlarmEvent]) -> Sequence[Found]:
    return [Found(event.key, event) for event in events]


def _busy(wanted: Wanted, board: AlarmBoard) -> Sequence[Found]:
    """Those of the state that have an event, in no order."""
    if wanted.state is Shown.ALL:
        return of_events(board.live())
    if wanted.state is Shown.SHELVED:
        shelved = {shelf.key for shelf in board.shelves()}
        return of_events(event for event in board.live() if event.key in shelved)
    states = {Shown.ACTIVE: _ACTIVE, Shown.UNACKNOWLEDGED: _UNACKED}.get(wanted.state, frozenset(AlarmState))
    return of_events(event for event in heard(board) if event.state in states)


def _fits(found: Found, wanted: Wanted) -> bool:
    return wanted.fits(found.key.path, found.priority) and (not wanted.words or wanted.has_words(found.text))


async def _selection(fitting: Sequence[Found], total: int, wanted: Wanted) -> Selection:
    """Sorted in runs, of which the piece that is wanted is merged."""
    key, reverse = _SORTS[wanted.order.removeprefix("-")], wanted.order.startswith("-")
    runs = [sorted(some, key=key, reverse=reverse) async for some in slices(fitting)]
    end = wanted.offset + wanted.limit
    merged = (
        islice(heapq.merge(*runs, key=key, reverse=reverse), end) if len(runs) > 1 else runs[0][:end] if runs else ()
    )
    ordered = [found async for some in slices(merged) for found in some]
    return Selection(ordered[wanted.offset :], total, len(fitting))


def _defined(key: AlarmKey, tags: TagReader) -> AlarmDefinition | None:
    """None if the tag, or its alarm of that name, is gone."""
    number = tags.find(key.path)
    alarms = () if number is None else tags.definitions()[number].alarms
    return next((alarm for alarm in alarms if alarm.name == key.name), None)
