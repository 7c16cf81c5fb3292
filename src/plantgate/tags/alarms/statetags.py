"""The state of alarms as tags, which formulas, pages and other systems can read:

<tag>/Alarms/<alarm>/Active, Unacknowledged, Shelved
[default]Alarms/ActiveCount, UnacknowledgedCount, ShelvedCount, HighestPriority (-1: none)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plantgate.errors import Overload
from plantgate.limits import ALARM_SLICE
from plantgate.model.alarm import AlarmCounts, AlarmKey, AlarmState
from plantgate.model.quality import Quality
from plantgate.model.tag import DEFAULT_PROVIDER, TagDefinition
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.tags.alarms.alarm import ACTIVE, UNACKED, Alarm
from plantgate.tags.tree import TagTree

_log = get_logger("alarms")

STATES: Final = ("Active", "Unacknowledged", "Shelved")
_FOLDER: Final = f"[{DEFAULT_PROVIDER}]Alarms"
_TOTALS: Final = {
    "ActiveCount": "alarms that are active and not shelved",
    "UnacknowledgedCount": "alarms that wait to be acknowledged and are not shelved",
    "ShelvedCount": "alarms that are shelved",
    "HighestPriority": "of what is active or waits to be acknowledged: 0 diagnostic to 4 critical, -1 nothing",
}
# Of a flood of alarms every one changes something: shown so often at most.
_PACE_SECONDS: Final = 0.1


def state_path(key: AlarmKey, state: str) -> str:
    """The configuration lets alarms have names that tags can have."""
    return f"{key.path}/Alarms/{key.name}/{state}"


def alarm_tag_definitions(definitions: Iterable[TagDefinition]) -> list[TagDefinition]:
    """The tags of all alarms of `definitions`; none where nothing has an alarm. A path that is taken stays as it is."""
    given = list(definitions)
    taken = {definition.path for definition in given}
    found: list[TagDefinition] = []
    for definition in given:
        for alarm in definition.alarms:
            found += _of_alarm(AlarmKey(definition.path, alarm.name))
    if found:
        found += _totals()
    unique = {definition.path: definition for definition in found if definition.path not in taken}
    return list(unique.values())


def _of_alarm(key: AlarmKey) -> list[TagDefinition]:
    return [
        TagDefinition(state_path(key, state), DataType.BOOLEAN, initial=False, description=f"{key.name}: {state}")
        for state in STATES
    ]


def _totals() -> list[TagDefinition]:
    return [
        TagDefinition(
            f"{_FOLDER}/{name}",
            DataType.INT4,
            description=words,
            history=True,
            initial=-1 if name == "HighestPriority" else 0,
        )
        for name, words in _TOTALS.items()
    ]


class StateTags:
    """Keeps those tags up to date. Run `run` as an owned task."""

    def __init__(self, tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._dirty: dict[AlarmKey, Alarm] = {}
        self._counts = AlarmCounts()
        self._ready = asyncio.Event()

    def add(self, keys: Iterable[AlarmKey]) -> Sequence[int]:
        """Tags for new alarms, while everything runs; gives the ids of those that are new."""
        wanted = [definition for key in keys for definition in _of_alarm(key)]
        missing = [each for each in (*wanted, *(_totals() if wanted else ())) if self._tree.find(each.path) is None]
        return self._tree.add(missing)

    def remove(self, keys: Iterable[AlarmKey]) -> Sequence[int]:
        """The tags of alarms that are gone; gives the ids of those that are removed."""
        found = [self._tree.find(state_path(key, state)) for key in keys for state in STATES]
        ids = [tag for tag in found if tag is not None]
        try:
            self._tree.remove(ids)
        except Overload as error:
            _log.warning("tags of removed alarms stay until the next start", reason=error.message)
            return ()
        return ids

    def touch(self, alarms: Iterable[Alarm], counts: AlarmCounts) -> None:
        """These are other than they were."""
        for alarm in alarms:
            self._dirty[alarm.key] = alarm
        self._counts = counts
        self._ready.set()

    async def run(self) -> None:
        """Publish what changed, for ever."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            dirty, self._dirty = list(self._dirty.items()), {}
            for begin in range(0, len(dirty), ALARM_SLICE):
                self._publish_states(dirty[begin : begin + ALARM_SLICE])
                await asyncio.sleep(0)
            self._publish_totals()
            await self._clock.sleep(_PACE_SECONDS)

    def _publish_states(self, alarms: Iterable[tuple[AlarmKey, Alarm]]) -> None:
        """One batch; the tree finds out what is new."""
        shown: dict[str, Scalar] = {}
        for key, alarm in alarms:
            states = [event.state for event in alarm.events]
            values = (_some(states, ACTIVE), _some(states, UNACKED), alarm.shelf is not None)
            shown |= {state_path(key, state): value for state, value in zip(STATES, values, strict=True)}
        self._publish(shown)

    def _publish_totals(self) -> None:
        counts = self._counts
        totals = (
            counts.active,
            counts.unacknowledged,
            counts.shelved,
            -1 if counts.highest is None else int(counts.highest),
        )
        self._publish({f"{_FOLDER}/{name}": value for name, value in zip(_TOTALS, totals, strict=True)})

    def _publish(self, shown: Mapping[str, Scalar]) -> None:
        found = [(tag, value) for path, value in shown.items() if (tag := self._tree.find(path)) is not None]
        now, count = self._clock.wall(), len(found)
        tags, values = [tag for tag, _ in found], [value for _, value in found]
        self._tree.publish(Batch(tags, values, [Quality.GOOD] * count, [now] * count, now))


def _some(states: Iterable[AlarmState], wanted: frozenset[AlarmState]) -> bool:
    return not wanted.isdisjoint(states)
