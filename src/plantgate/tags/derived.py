"""Tags that are made of other tags: expressions, derived and reference tags, computed when an input changes.

The tree tells what changed; that is noted at once and computed by a task of its own, in slices, so that neither the
drivers nor the pages wait. Every tag is computed once per pass, after its inputs. Who stands on a circle is
Error_CycleDetected and is not computed.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from plantgate.errors import ConfigError
from plantgate.limits import DERIVED_SLICE
from plantgate.model.quality import Quality
from plantgate.model.tag import Execution, TagDefinition, TagKind, folder_of, provider_of
from plantgate.model.value import Batch, Scalar, TagValue
from plantgate.runtime.clock import Clock
from plantgate.tags.expressions import Expression, ExpressionError, FolderPattern, Graph, Inputs, parse
from plantgate.tags.fitting import fitted
from plantgate.tags.tree import TagTree

MADE: Final = frozenset({TagKind.EXPRESSION, TagKind.DERIVED, TagKind.REFERENCE})
_Reader: TypeAlias = Callable[[str], TagValue]
_Definer: TypeAlias = Callable[[str], TagDefinition | None]
_SHORTEST_SECONDS = 0.1


@dataclass(slots=True)
class _Made:
    """One tag to compute. `period`: seconds until it is computed again although nothing has changed."""

    tag: int
    definition: TagDefinition
    inputs: Inputs
    expression: Expression | None = None
    period: float | None = None


@dataclass(slots=True)
class _Folder:
    """A pattern that `readers` formulas read; `members` are the ids of its tags, in order."""

    pattern: FolderPattern
    members: dict[int, None] = field(default_factory=dict)
    readers: int = 0


@dataclass(slots=True)
class _Rows:
    """Results of one reason, as columns."""

    tags: list[int] = field(default_factory=list)
    values: list[Scalar] = field(default_factory=list)
    qualities: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


class DerivedTags:
    """Is a `ChangeSink`. Run `run` and `tick` as owned tasks."""

    def __init__(self, tree: TagTree, rates: Mapping[str, float], clock: Clock) -> None:
        """`rates` are the seconds of the tag groups, for tags that are computed at those."""
        self._tree = tree
        self._rates = rates
        self._clock = clock
        self._graph = Graph()
        self._made: dict[str, _Made] = {}
        self._known = 0
        self._wanted: Counter[str] = Counter()  # paths that formulas name, and how many do
        self._folders: dict[str, _Folder] = {}
        self._watched: set[int] = set()
        self._dirty: set[int] = set()
        self._due: set[str] = set()
        self._timers: list[tuple[float, int, _Made]] = []
        self._timers_set = 0
        self._ready = asyncio.Event()
        self._timer_set = asyncio.Event()
        self._results: dict[str, TagValue] = {}
        self._publishing = False
        self.evaluations = 0
        self._take_in()

    def __bool__(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self._made)

    # what there is

    def _take_in(self) -> None:
        """Learn the tags that were added to the tree since it was last looked at."""
        known, self._known = self._known, len(self._tree.definitions())
        self._learn(range(known, self._known))

    def change(self, put: Collection[int], removed: Collection[int]) -> None:
        """Tags of the tree are new or have another definition (`put`), or are gone.

        Raises ConfigError for a formula that can't be read.
        """
        self._known = len(self._tree.definitions())
        self._learn(put, removed)

    def _learn(self, put: Collection[int], removed: Collection[int] = ()) -> None:
        definitions = self._tree.definitions()
        fresh = {
            definitions[tag].path: self._make(tag, definitions[tag]) for tag in put if definitions[tag].kind in MADE
        }
        touched = [definitions[tag].path for tag in (*put, *removed)]
        before = [self._made[path] for path in touched if path in self._made]
        for made in before:
            self._unwatch(made)
            del self._made[made.definition.path]
        self._made |= fresh
        self._due.difference_update(made.definition.path for made in before)
        forgotten = [made.definition.path for made in before if made.definition.path not in fresh]
        if fresh or forgotten:
            self._due |= self._graph.update({path: made.inputs for path, made in fresh.items()}, forgotten)
        self._watch_members(put, removed)
        for made in fresh.values():
            self._watch(made)
            if made.period is not None:
                self._set_timer(self._clock.mono() + made.period, made)
        self._dirty.update(tag for tag in (*put, *removed) if tag in self._watched)
        if fresh or forgotten or self._dirty:
            self._ready.set()
        self._timer_set.set()

    def _set_timer(self, at: float, made: _Made) -> None:
        self._timers_set += 1
        heapq.heappush(self._timers, (at, self._timers_set, made))

    def _make(self, tag: int, definition: TagDefinition) -> _Made:
        sources = {definition.source} if definition.source else set()
        if definition.kind is TagKind.REFERENCE:
            return _Made(tag, definition, Inputs(frozenset(sources)))
        expression = _bound(definition, definition.expression)
        references = expression.references - {_own_value(definition)} if definition.source else expression.references
        period = expression.needs_clock
        if definition.execute is Execution.RATE:
            period = self._rates.get(definition.group, 1.0) or None
        return _Made(tag, definition, Inputs(references | sources, expression.folders), expression, period)

    # which tags make others change: an id too many costs a look, so that nothing is taken back before it must be

    def _watch(self, made: _Made) -> None:
        definitions = self._tree.definitions()
        for path in made.inputs.references:
            self._wanted[path] += 1
            tag = self._tree.find(path)
            if tag is not None and tag not in self._watched:
                self._watched.add(tag)
                self._dirty.add(tag)
        for text in made.inputs.folders:
            folder = self._folders.get(text)
            if folder is None:
                folder = self._folders[text] = _Folder(FolderPattern(text))
                matches = folder.pattern.matches
                folder.members = {tag: None for tag in self._tree.ids() if matches(definitions[tag].path)}
                self._dirty.update(tag for tag in folder.members if tag not in self._watched)
                self._watched.update(folder.members)
            folder.readers += 1

    def _unwatch(self, made: _Made) -> None:
        for path in made.inputs.references:
            self._wanted[path] -= 1
            if not self._wanted[path]:
                del self._wanted[path]
        for text in made.inputs.folders:
            self._folders[text].readers -= 1
            if not self._folders[text].readers:
                del self._folders[text]

    def _watch_members(self, put: Collection[int], removed: Collection[int]) -> None:
        """Tags that formulas have named before, or that are in folders that they read."""
        definitions = self._tree.definitions()
        for tag in put:
            path = definitions[tag].path
            if path in self._wanted:
                self._watched.add(tag)
            for folder in self._folders.values():
                if folder.pattern.matches(path):
                    folder.members[tag] = None
                    self._watched.add(tag)
        for tag in removed:
            for folder in self._folders.values():
                folder.members.pop(tag, None)

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        if self._publishing:
            return  # ours: what follows from it is computed in the same pass
        hit = self._watched.intersection(batch.tags)
        if hit:
            self._dirty |= hit
            self._ready.set()
        elif len(self._tree.definitions()) != self._known:
            self._ready.set()  # new tags may be inputs of ours

    # life

    async def run(self) -> None:
        """Compute what changed, for ever."""
        while True:
            await self._ready.wait()
            waiting = self._begin()
            for start in range(0, len(waiting), DERIVED_SLICE):
                self._compute(waiting[start : start + DERIVED_SLICE])
                await asyncio.sleep(0)

    async def tick(self) -> None:
        """Note what is due by the clock, for ever."""
        while True:
            if not self._timers:
                self._timer_set.clear()
                await self._timer_set.wait()
                continue
            await self._clock.sleep_until(self._timers[0][0])
            now = self._clock.mono()
            while self._timers and self._timers[0][0] <= now:
                _, _, made = heapq.heappop(self._timers)
                if self._made.get(made.definition.path) is made and made.period is not None:
                    self._set_timer(now + max(made.period, _SHORTEST_SECONDS), made)
                    self._due.add(made.definition.path)
            self._ready.set()

    def settle(self) -> None:
        """Compute all that waits, now: for tests and commands without a loop."""
        self._compute(self._begin())

    def _begin(self) -> list[str]:
        """The paths to compute, inputs first. Faults are told here: they are not computed."""
        definitions = self._tree.definitions()
        if len(definitions) != self._known:
            self._take_in()
        dirty, due = self._dirty, self._due
        self._dirty, self._due = set(), set()
        self._ready.clear()
        changed = [definitions[tag].path for tag in dirty]
        order = self._graph.order(changed, due)
        self._tell_faults(due)
        return [path for path in order if path in due or self._made[path].definition.execute is Execution.EVENT]

    def _tell_faults(self, paths: Iterable[str]) -> None:
        results: dict[str, TagValue] = {}
        now = self._clock.wall()
        for path in paths:
            if (fault := self._graph.fault(path)) is not None:
                results[path] = TagValue(None, fault.quality, now, fault.reason)
        self._publish(results, now)

    # computing

    def _compute(self, paths: Collection[str]) -> None:
        """One slice: later ones read from the tree what this one has made."""
        now, results = self._clock.wall(), self._results
        for path in paths:
            made = self._made.get(path)
            if made is None:
                continue  # removed while it waited for its turn
            if made.expression is None:
                found = self._read(made.definition.source)
            else:
                value, quality, reason = self._evaluate(made.expression, made.definition, now)
                found = TagValue(value, quality, now, reason)
            results[path] = fitted(found, made.definition.data_type)
        self.evaluations += len(paths)
        self._publish(results, now)
        results.clear()

    def _publish(self, results: Mapping[str, TagValue], now: int) -> None:
        """One batch for each reason there is; mostly that is one."""
        by_reason: dict[str, _Rows] = {}
        for path, found in results.items():
            rows = by_reason.get(found.reason)
            if rows is None:
                rows = by_reason[found.reason] = _Rows()
            rows.tags.append(self._made[path].tag)
            rows.values.append(found.value)
            rows.qualities.append(found.quality)
            rows.times.append(found.timestamp)
        self._publishing = True
        try:
            for reason, rows in by_reason.items():
                self._tree.publish(Batch(rows.tags, rows.values, rows.qualities, rows.times, now, reason))
        finally:
            self._publishing = False

    def _read(self, path: str) -> TagValue:
        found = self._results.get(path)
        if found is not None:
            return found
        tag = self._tree.find(path)
        if tag is None:
            return TagValue(None, Quality.BAD_REFERENCE_NOT_FOUND, self._clock.wall(), f"there is no tag {path}")
        return self._tree.pending.settled(tag)

    def _evaluate(
        self, formula: Expression, definition: TagDefinition, now: int, given: TagValue | None = None
    ) -> tuple[Scalar, int, str]:
        """(value, quality, reason). `given` is what {value} of a derived tag is instead of its source's value."""
        if not definition.source:
            return formula.evaluate(self._read, now, self._read_folder, self._define)
        source = _Source(self._read, self._define, definition, given)
        return formula.evaluate(source.read, now, self._read_folder, source.define)

    def _define(self, path: str) -> TagDefinition | None:
        tag = self._tree.find(path)
        return None if tag is None else self._tree.definitions()[tag]

    def _read_folder(self, pattern: str) -> Sequence[TagValue]:
        definitions, folder = self._tree.definitions(), self._folders.get(pattern)
        members = folder.members if folder is not None else {}
        return [self._read(definitions[tag].path) for tag in members]

    def seen(self, definition: TagDefinition, source: TagValue) -> TagValue:
        """What a reference or derived tag shows when its source shows `source`."""
        if definition.kind is TagKind.DERIVED:
            formula = _bound(definition, definition.expression)
            value, quality, reason = self._evaluate(formula, definition, self._clock.wall(), source)
            source = TagValue(value, quality, source.timestamp, reason)
        return fitted(source, definition.data_type)

    # the way back

    def source_value(self, definition: TagDefinition, value: Scalar) -> tuple[Scalar, str]:
        """(what to write to the source of a reference or derived tag, "") or (None, why not)."""
        if definition.kind is TagKind.REFERENCE:
            return value, ""
        now = self._clock.wall()
        way_back = _bound(definition, definition.write_expression)
        found, quality, reason = self._evaluate(way_back, definition, now, TagValue(value, Quality.GOOD, now))
        if quality >= Quality.UNCERTAIN:
            return None, f"its write_expression can't be computed: {reason}"
        return found, ""


class _Source:
    """Reads for a derived tag: {value} is that of its source, or what is being written; {value.unit} its source's."""

    __slots__ = ("_define", "_given", "_own", "_read", "_source")

    def __init__(self, read: _Reader, define: _Definer, definition: TagDefinition, given: TagValue | None) -> None:
        self._read = read
        self._define = define
        self._own = _own_value(definition)
        self._source = definition.source
        self._given = given

    def read(self, path: str) -> TagValue:
        if path != self._own:
            return self._read(path)
        return self._read(self._source) if self._given is None else self._given

    def define(self, path: str) -> TagDefinition | None:
        return self._define(self._source if path == self._own else path)


def _own_value(definition: TagDefinition) -> str:
    """What {value} becomes in the formulas of a derived tag."""
    return f"{provider_of(definition.path)}value"


def _bound(definition: TagDefinition, text: str) -> Expression:
    """Raises ConfigError, which names the tag."""
    try:
        return _parsed(definition, text)
    except ExpressionError as error:
        raise ConfigError("TAG-104", f"tag {definition.path}: {error.message}", error.hint) from None


def _parsed(definition: TagDefinition, text: str) -> Expression:
    """Raises ExpressionError."""
    return parse(text).bound(folder_of(definition.path).rstrip("/"))


def formula_inputs(definition: TagDefinition, key: str) -> Sequence[str] | str:
    """What the formula in `key` (expression, write_expression) reads, or what is wrong with it: for `config.load`."""
    try:
        expression = _parsed(definition, definition.expression if key == "expression" else definition.write_expression)
    except ExpressionError as error:
        return f"{error.message}{f'; {error.hint}' if error.hint else ''}"
    own = {_own_value(definition)} if definition.source else set()
    return sorted(expression.references - own)
