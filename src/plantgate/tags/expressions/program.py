"""The closures of a tree, made once for all expressions of the same shape: what they differ in is handed to them.

Literals are `context.values`, tags `context.paths`, folders `context.patterns`, each by its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from plantgate.limits import EXPRESSION_CLOCK_MS
from plantgate.model.value import TagValue
from plantgate.tags.expressions.evaluation import Context, Run, Trouble, Value
from plantgate.tags.expressions.functions import FUNCTIONS
from plantgate.tags.expressions.functions.folders import good_of_folder, whole_folder
from plantgate.tags.expressions.operators import compiled
from plantgate.tags.expressions.reading import reading
from plantgate.tags.expressions.syntax import Call, Literal, Node, Reference

_NOW_MS = 1_000
_NO_TAGS: dict[str, TagValue] = {}
_NO_FOLDERS: dict[str, Sequence[TagValue]] = {}
# In the place of a constant part that has trouble: that belongs to an evaluation.
_LATER: Final = object()


class Program(NamedTuple):
    """`literals`, `references` and `folders` say which slots of a text those are, in the order of their places.

    `constants` are parts that are the same in every evaluation: their results follow the literals. `rates` are slots
    with milliseconds, or milliseconds themselves (negative). `memory`: how many values it remembers.
    """

    run: Run
    literals: Sequence[int]
    references: Sequence[int]
    folders: Sequence[int]
    constants: Sequence[Run]
    rates: Sequence[int]
    memory: int

    def values(self, found: Sequence[Value]) -> list[Value]:
        """What the closures find in `context.values`; `found` is what stands in the slots of a text."""
        values = [found[slot] for slot in self.literals]
        for part in self.constants:
            values.append(_calculated(part, values))
        return values

    def clock(self, found: Sequence[Value]) -> float | None:
        """Seconds after which it is due again, None if only its tags move it."""
        given = [-rate if rate < 0 else found[rate] for rate in self.rates]
        shortest = min((rate for rate in given if rate > 0), default=0)
        return max(shortest, EXPRESSION_CLOCK_MS) / 1_000 if shortest else None


def program(node: Node, slots: Mapping[int, int], wanted: Mapping[int, str]) -> Program:
    """`slots` says which slot belongs to the node in which column, `wanted` which property of a tag is meant there."""
    compiler = _Compiler(slots, wanted)
    run = compiler.part(*compiler.compiled(node))
    # The results of constant parts follow the literals, whose number is only known now.
    compiler.first_constant[0] = len(compiler.literals)
    return Program(
        run,
        tuple(compiler.literals),
        tuple(compiler.references),
        tuple(compiler.folders),
        tuple(compiler.constants),
        tuple(compiler.rates),
        compiler.memory,
    )


class _Part(NamedTuple):
    """`constant`: always gives the same; `simple`: and costs nothing."""

    run: Run
    constant: bool
    simple: bool = False


class _Compiler:
    def __init__(self, slots: Mapping[int, int], wanted: Mapping[int, str]) -> None:
        self._slots, self._wanted = slots, wanted
        self.literals: list[int] = []
        self.references: list[int] = []
        self.folders: list[int] = []
        self.constants: list[Run] = []
        self.first_constant = [0]
        self.rates: list[int] = []
        self.memory = 0

    def compiled(self, node: Node) -> _Part:
        """Recursion is bounded: no tree is deeper than EXPRESSION_DEPTH."""
        if isinstance(node, Literal):
            slot = self._slots.get(node.column)
            return _Part(_same(node.value) if slot is None else self._literal(slot), constant=True, simple=True)
        if isinstance(node, Reference):
            return _Part(self._reference(node), constant=False)
        if isinstance(node, Call):
            return self._call(node)
        parts = [self.compiled(each) for each in node.operands]
        constant = all(part.constant for part in parts)
        return _Part(compiled(node.operator, self._runs(parts, constant=constant)), constant)

    def part(self, run: Run, constant: bool, simple: bool) -> Run:
        """`run` as a part of something that is not constant: calculated once for each text if it is constant."""
        if simple or not constant:
            return run
        self.constants.append(run)
        return _constant(len(self.constants) - 1, self.first_constant, run)

    def _runs(self, parts: Sequence[_Part], *, constant: bool) -> list[Run]:
        return [part.run if constant else self.part(*part) for part in parts]

    def _literal(self, slot: int) -> Run:
        place = len(self.literals)
        self.literals.append(slot)
        return lambda context: context.values[place]

    def _call(self, node: Call) -> _Part:
        function = FUNCTIONS[node.name]
        if node.name == "onlyGood":
            return _Part(good_of_folder(self._folder(node.arguments[0])), constant=False)
        if function.rate is not None:
            self._rate(node.arguments, function.rate)
        if function.takes_references:
            return _Part(function.make([self._as_tag(node.arguments[0], "timestamp")]), constant=False)
        if function.asks_quality and self._is_quality(node.arguments[0]):
            return _Part(function.make([self._as_tag(node.arguments[0])]), constant=False)
        parts = [self.compiled(each) for each in node.arguments]
        if function.remembers:
            self.memory += 1
            return _Part(function.make(self.memory - 1, self._runs(parts, constant=False)), constant=False)
        constant = function.timeless and all(part.constant for part in parts)
        return _Part(function.make(self._runs(parts, constant=constant)), constant)

    def _is_quality(self, node: Node) -> bool:
        return isinstance(node, Reference) and self._wanted.get(node.column) == "quality"

    def _as_tag(self, node: Node, wanted: str = "") -> Run:
        """For functions that look at a tag's quality or time: `{Speed.quality}` is as good as `{Speed}`."""
        self.references.append(self._slots[node.column])
        return reading(len(self.references) - 1, wanted)

    def _reference(self, node: Reference) -> Run:
        if node.path.is_pattern:
            return whole_folder(self._folder(node))
        return self._as_tag(node, self._wanted[node.column])

    def _folder(self, node: Node) -> int:
        self.folders.append(self._slots[node.column])
        return len(self.folders) - 1

    def _rate(self, arguments: Sequence[Node], place: int) -> None:
        """now() is due once a second, also if nobody says so; hasChanged() only if somebody does."""
        if len(arguments) > place:
            self.rates.append(self._slots[arguments[place].column])
        elif place == 0:
            self.rates.append(-_NOW_MS)


def _same(value: Value) -> Run:
    return lambda _: value


def _constant(number: int, first: Sequence[int], run: Run) -> Run:
    def result(context: Context) -> Value:
        value = context.values[first[0] + number]
        return run(context) if value is _LATER else value

    return result


def _calculated(run: Run, values: Sequence[Value]) -> Value:
    context = Context(_NO_TAGS.__getitem__, _NO_FOLDERS.__getitem__, 0, None, (), (), values)
    try:
        value = run(context)
    except Trouble:
        return _LATER
    return _LATER if context.reason else value
