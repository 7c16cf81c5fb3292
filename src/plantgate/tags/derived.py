"""Tags that are made of other tags: expressions, derived and reference tags, computed when an input changes.

The tree tells what changed; that is noted at once and computed by a task of its own, in slices, so that neither the
drivers nor the pages wait. Every tag is computed once per pass, after its inputs. Who stands on a circle is
Error_CycleDetected and is not computed.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from plantgate.errors import ConfigError
from plantgate.limits import DERIVED_SLICE
from plantgate.model.quality import Quality
from plantgate.model.tag import Execution, TagDefinition, TagKind, folder_of, provider_of
from plantgate.model.value import INTEGER_BITS, Batch, DataType, Scalar, TagValue
from plantgate.runtime.clock import Clock
from plantgate.tags.expressions import Expression, ExpressionError, FolderPattern, Graph, Inputs, parse
from plantgate.tags.tree import TagTree

MADE: Final = frozenset({TagKind.EXPRESSION, TagKind.DERIVED, TagKind.REFERENCE})
_Reader: TypeAlias = Callable[[str], TagValue]
_FLOATS = frozenset({DataType.FLOAT4, DataType.FLOAT8})
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
        self._watched: frozenset[int] = frozenset()
        self._members: dict[str, list[int]] = {}
        self._dirty: set[int] = set()
        self._due: set[str] = set()
        self._timers: list[tuple[float, str]] = []
        self._ready = asyncio.Event()
        self._timer_set = asyncio.Event()
        self._results: dict[str, TagValue] = {}
        self._publishing = False
        self.evaluations = 0
        self._take_in(tree.definitions())

    def __bool__(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self._made)

    # what there is

    def _take_in(self, definitions: Sequence[TagDefinition]) -> None:
        """Learn the tags from `self._known` on."""
        fresh: dict[str, _Made] = {}
        for tag in range(self._known, len(definitions)):
            if definitions[tag].kind in MADE:
                fresh[definitions[tag].path] = self._make(tag, definitions[tag])
        self._known = len(definitions)
        self._made |= fresh
        if fresh:
            self._due |= self._graph.update({path: made.inputs for path, made in fresh.items()})
            self._ready.set()
        for made in fresh.values():
            if made.period is not None:
                heapq.heappush(self._timers, (self._clock.mono() + made.period, made.definition.path))
        self._timer_set.set()
        self._watch(definitions)

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

    def _watch(self, definitions: Sequence[TagDefinition]) -> None:
        """Which tags make others change."""
        watched: set[int] = set()
        for made in self._made.values():
            watched.update(tag for path in made.inputs.references if (tag := self._tree.find(path)) is not None)
        patterns = {text: FolderPattern(text) for made in self._made.values() for text in made.inputs.folders}
        self._members = {
            text: [tag for tag, definition in enumerate(definitions) if pattern.matches(definition.path)]
            for text, pattern in patterns.items()
        }
        before, self._watched = self._watched, frozenset(watched.union(*self._members.values()))
        self._dirty |= self._watched - before

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
                _, path = heapq.heappop(self._timers)
                period = self._made[path].period
                if period is not None:
                    heapq.heappush(self._timers, (now + max(period, _SHORTEST_SECONDS), path))
                self._due.add(path)
            self._ready.set()

    def settle(self) -> None:
        """Compute all that waits, now: for tests and commands without a loop."""
        self._compute(self._begin())

    def _begin(self) -> list[str]:
        """The paths to compute, inputs first. Faults are told here: they are not computed."""
        definitions = self._tree.definitions()
        if len(definitions) != self._known:
            self._take_in(definitions)
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
            made = self._made[path]
            if made.expression is None:
                found = self._read(made.definition.source)
            else:
                value, quality, reason = made.expression.evaluate(self._reader(made.definition), now, self._read_folder)
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
        return self._tree.read(tag)

    def _reader(self, definition: TagDefinition) -> _Reader:
        return self._read if not definition.source else _SourceReader(self._read, definition)

    def _read_folder(self, pattern: str) -> Sequence[TagValue]:
        definitions = self._tree.definitions()
        return [self._read(definitions[tag].path) for tag in self._members.get(pattern, ())]

    # the way back

    def source_value(self, definition: TagDefinition, value: Scalar) -> tuple[Scalar, str]:
        """(what to write to the source of a reference or derived tag, "") or (None, why not)."""
        if definition.kind is TagKind.REFERENCE:
            return value, ""
        given = TagValue(value, Quality.GOOD, self._clock.wall())
        reader = _SourceReader(self._read, definition, given)
        way_back = _bound(definition, definition.write_expression)
        found, quality, reason = way_back.evaluate(reader, self._clock.wall(), self._read_folder)
        if quality >= Quality.UNCERTAIN:
            return None, f"its write_expression can't be computed: {reason}"
        return found, ""


class _SourceReader:
    """Reads for a derived tag: {value} is that of its source, or what is being written."""

    __slots__ = ("_given", "_own", "_read", "_source")

    def __init__(self, read: _Reader, definition: TagDefinition, given: TagValue | None = None) -> None:
        self._read = read
        self._own = _own_value(definition)
        self._source = definition.source
        self._given = given

    def __call__(self, path: str) -> TagValue:
        if path != self._own:
            return self._read(path)
        return self._read(self._source) if self._given is None else self._given


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


def fitted(found: TagValue, data_type: DataType) -> TagValue:
    """`found` with a value of `data_type`; Error_TypeConversion, and why, if it can't be one."""
    value = found.value
    if value is None:
        return found
    try:
        fitting = _converted(value, data_type)
    except (ValueError, OverflowError):
        shown = repr(value)[:40]
        return TagValue(
            None, Quality.ERROR_TYPE_CONVERSION, found.timestamp, f"{shown} is no value of type {data_type}"
        )
    return found if fitting is value else TagValue(fitting, found.quality, found.timestamp, found.reason)


def _converted(value: Scalar, data_type: DataType) -> Scalar:
    """Raises ValueError or OverflowError."""
    if data_type.is_array:
        if not isinstance(value, tuple):
            raise ValueError("no list")
        return tuple(_converted(item, data_type.element) for item in value)  # type: ignore[misc]  # elements are no lists
    if data_type in _FLOATS:
        return value if type(value) is float else float(_number(value))
    if data_type is DataType.BOOLEAN:
        return value if type(value) is bool else bool(_number(value))
    if data_type in INTEGER_BITS or data_type is DataType.DATETIME:
        whole = round(_number(value))
        end = 1 << (INTEGER_BITS.get(data_type, 64) - 1)
        if not -end <= whole < end:
            raise OverflowError("out of range")
        return value if type(value) is int else whole
    return value if type(value) is str else _text(value)


def _number(value: Scalar) -> float:
    if not isinstance(value, int | float):
        raise ValueError("no number")  # noqa: TRY004 - the value is data, not a mistake of the caller
    return value


def _text(value: Scalar) -> str:
    if isinstance(value, tuple):
        raise ValueError("a list")  # noqa: TRY004
    return str(value).lower() if isinstance(value, bool) else str(value)


def formula_inputs(definition: TagDefinition, key: str) -> Sequence[str] | str:
    """What the formula in `key` (expression, write_expression) reads, or what is wrong with it: for `config.load`."""
    try:
        expression = _parsed(definition, definition.expression if key == "expression" else definition.write_expression)
    except ExpressionError as error:
        return f"{error.message}{f'; {error.hint}' if error.hint else ''}"
    own = {_own_value(definition)} if definition.source else set()
    return sorted(expression.references - own)
