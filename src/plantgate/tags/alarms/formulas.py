"""The formulas of alarms: conditions of on_condition, setpoints that follow other tags."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from plantgate.model.alarm import AlarmDefinition, AlarmKey, AlarmMode
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, folder_of, provider_of
from plantgate.model.value import Scalar, TagValue
from plantgate.runtime.clock import Clock
from plantgate.tags.alarms.alarm import Alarm
from plantgate.tags.expressions import Expression, ExpressionError, FolderPattern, parse
from plantgate.tags.tree import TagTree

_SHORTEST_SECONDS = 0.1
_WITH_FORMULA: Final = frozenset(
    {AlarmMode.ON_CONDITION, AlarmMode.EQUAL, AlarmMode.NOT_EQUAL, AlarmMode.ABOVE, AlarmMode.BELOW}
)


def alarm_formula_inputs(definition: TagDefinition, alarm: AlarmDefinition) -> Sequence[str] | str:
    """The full paths that the alarm's `expression` reads besides its tag, or what is wrong with it: for checks."""
    try:
        expression = _parsed(definition.path, alarm.expression)
    except ExpressionError as error:
        return f"{error.message}{f'; {error.hint}' if error.hint else ''}"
    return sorted(expression.references - {_own_value(definition.path)})


@dataclass(frozen=True, slots=True)
class _Formula:
    alarm: Alarm
    expression: Expression | None
    own: str


class Formulas:
    """`watched` are the tags that make a formula give another result, `faults` what can't be parsed: an alarm with
    such a formula is neither raised nor cleared."""

    def __init__(self, tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._formulas: dict[int, _Formula] = {}
        self._of_tag: dict[int, list[int]] = {}
        self._followers: dict[int, list[Alarm]] = {}
        self._members: dict[str, list[int]] = {}
        self._noted: dict[int, Alarm] = {}
        self._timers: list[tuple[float, int, Alarm]] = []
        self._timed: set[int] = set()
        self._structure = -1
        self.watched: frozenset[int] = frozenset()
        self.faults: dict[AlarmKey, str] = {}

    def put(self, tag: int, alarms: Iterable[Alarm]) -> None:
        """The enabled alarms of `tag` from now on. `refresh` follows."""
        for known in self._of_tag.pop(tag, ()):
            gone = self._formulas.pop(known).alarm
            self.faults.pop(gone.key, None)
            self._noted.pop(known, None)
            self._structure = -1
        for alarm in alarms:
            definition, path = alarm.definition, alarm.key.path
            if not definition.expression or definition.mode not in _WITH_FORMULA:
                continue
            expression = None
            try:
                expression = _parsed(path, definition.expression)
            except ExpressionError as error:
                self.faults[alarm.key] = error.message
            self._formulas[id(alarm)] = _Formula(alarm, expression, _own_value(path))
            self._of_tag.setdefault(tag, []).append(id(alarm))
            self._structure = -1
            if expression is not None and expression.needs_clock is not None and id(alarm) not in self._timed:
                self._timed.add(id(alarm))
                heapq.heappush(self._timers, (self._clock.mono() + expression.needs_clock, id(alarm), alarm))

    def has(self, alarm: Alarm) -> bool:
        return id(alarm) in self._formulas

    def are_outdated(self) -> bool:
        """Whether there are other tags than were known, which may be inputs."""
        return bool(self._formulas) and self._tree.structure != self._structure

    def refresh(self) -> None:
        """Know the tags of now."""
        if not self._formulas and not self.watched:
            return
        if self._tree.structure == self._structure:
            return
        before = self.watched
        self._follow()
        self.note(self.watched - before)

    def _follow(self) -> None:
        definitions = self._tree.definitions()
        self._structure = self._tree.structure
        texts = {text for each in self._formulas.values() if each.expression for text in each.expression.folders}
        patterns = {text: FolderPattern(text) for text in texts}
        self._members = {
            text: [tag for tag in self._tree.ids() if pattern.matches(definitions[tag].path)]
            for text, pattern in patterns.items()
        }
        self._followers = {}
        for formula in self._formulas.values():
            for tag in self._inputs(formula):
                self._followers.setdefault(tag, []).append(formula.alarm)
        self.watched = frozenset(self._followers)

    def _inputs(self, formula: _Formula) -> set[int]:
        alarm, expression = formula.alarm, formula.expression
        if expression is None:
            return set()
        found = {self._tree.find(path) for path in expression.references - {formula.own}}
        tags = {tag for tag in found if tag is not None}
        if alarm.definition.mode is AlarmMode.ON_CONDITION or formula.own in expression.references:
            tags.add(alarm.tag)
        return tags.union(*(self._members[text] for text in expression.folders))

    # what is due

    def note(self, tags: Iterable[int]) -> None:
        """These tags have changed."""
        if self._followers:
            for tag in self.watched.intersection(tags):
                for alarm in self._followers[tag]:
                    self._noted[id(alarm)] = alarm

    def take_noted(self) -> Collection[Alarm]:
        noted, self._noted = self._noted, {}
        return noted.values()

    @property
    def next_due(self) -> float:
        """When (mono seconds) the next formula is due by the clock."""
        return self._timers[0][0] if self._timers else float("inf")

    def note_due(self, mono: float) -> bool:
        """Note what is due by the clock; whether there was any."""
        some = False
        while self._timers and self._timers[0][0] <= mono:
            _, _, alarm = heapq.heappop(self._timers)
            formula = self._formulas.get(id(alarm))
            if formula is None or formula.alarm is not alarm or formula.expression is None:
                self._timed.discard(id(alarm))  # an alarm that is gone
                continue
            period = max(formula.expression.needs_clock or 0.0, _SHORTEST_SECONDS)
            heapq.heappush(self._timers, (mono + period, id(alarm), alarm))
            self._noted[id(alarm)] = alarm
            some = True
        return some

    # evaluating

    def evaluate(self, alarm: Alarm, now: int) -> tuple[Scalar, int]:
        """(result, quality); without a result where it can't be computed."""
        formula = self._formulas.get(id(alarm))
        if formula is None or formula.expression is None:
            return None, Quality.ERROR_CONFIGURATION
        own, tag = formula.own, alarm.tag

        def read(path: str) -> TagValue:
            return self._tree.pending.settled(tag) if path == own else self._read(path, now)

        value, quality, _ = formula.expression.evaluate(read, now, self._read_folder, self._define)
        return (value if quality < Quality.BAD else None), quality

    def _read(self, path: str, now: int) -> TagValue:
        tag = self._tree.find(path)
        if tag is None:
            return TagValue(None, Quality.BAD_REFERENCE_NOT_FOUND, now, f"there is no tag {path}")
        return self._tree.pending.settled(tag)

    def _define(self, path: str) -> TagDefinition | None:
        tag = self._tree.find(path)
        return None if tag is None else self._tree.definitions()[tag]

    def _read_folder(self, pattern: str) -> Sequence[TagValue]:
        return [self._tree.pending.settled(tag) for tag in self._members.get(pattern, ())]


def _own_value(path: str) -> str:
    """What {value} becomes in the formulas of an alarm of tag `path`."""
    return f"{provider_of(path)}value"


def _parsed(path: str, text: str) -> Expression:
    """Raises ExpressionError."""
    return parse(text).bound(folder_of(path).rstrip("/"))
