"""An expression, ready to be evaluated: closures that are made once for each text, and the paths of one tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache

from plantgate.limits import EXPRESSION_CACHE, EXPRESSION_CLOCK_MS
from plantgate.model.value import TagValue
from plantgate.tags.expressions.evaluation import UNCERTAIN, Context, Read, ReadFolder, Run, Trouble, Value, checked
from plantgate.tags.expressions.functions import FUNCTIONS
from plantgate.tags.expressions.functions.folders import good_of_folder, whole_folder
from plantgate.tags.expressions.grammar import tree
from plantgate.tags.expressions.operators import compiled
from plantgate.tags.expressions.paths import WrittenPath
from plantgate.tags.expressions.syntax import Call, Literal, Node, Reference, written_out

_NOW_MS = 1_000
_NO_TAGS: dict[str, TagValue] = {}
_NO_FOLDERS: dict[str, Sequence[TagValue]] = {}


@dataclass(frozen=True, slots=True)
class _Program:
    """What all tags with the same text share."""

    node: Node
    run: Run
    references: tuple[WrittenPath, ...]
    folders: tuple[WrittenPath, ...]
    needs_clock: float | None


class Expression:
    """Immutable. Without `bound` its paths are as they were written, which is enough if all name their provider.

    `needs_clock`: seconds after which it must be evaluated again although no tag has changed, or None.
    """

    __slots__ = ("_paths", "_patterns", "_program", "_zone", "folders", "needs_clock", "references")

    def __init__(
        self, program: _Program, paths: Sequence[str], patterns: Sequence[str], zone: tzinfo | None = None
    ) -> None:
        self._program, self._paths, self._patterns, self._zone = program, paths, patterns, zone
        self.references = frozenset(paths)
        self.folders = frozenset(patterns)
        self.needs_clock = program.needs_clock

    def __str__(self) -> str:
        """One way to write it; parses to an equal expression."""
        return written_out(self._program.node)

    def bound(self, folder: str, zone: tzinfo | None = None) -> Expression:
        """With full paths, for a tag in `folder` (`[default]Line 1`). Times are in `zone`, None for this host's.

        Cheap: what is compiled is shared. Raises ExpressionError EXP-131 for a path that leaves the provider.
        """
        program = self._program
        return Expression(
            program,
            [path.resolved(folder) for path in program.references],
            [path.resolved(folder) for path in program.folders],
            zone,
        )

    def evaluate(self, read: Read, now: int, folder: ReadFolder) -> tuple[Value, int, str]:
        """(value, quality, reason). Raises nothing that `read` and `folder` don't raise.

        `read` and `folder` are called with entries of `references` and `folders`; `now` is microseconds UTC.
        The quality is the worst of the inputs that were used, or an error's, then without a value.
        """
        context = Context(read, folder, now, self._zone, self._paths, self._patterns)
        try:
            value = self._program.run(context)
        except Trouble as trouble:
            context.failed(trouble)
            return None, context.quality, context.reason
        kind = type(value)
        if kind is float or kind is str:
            value = checked(value, context)
        return value, context.quality, context.reason


@lru_cache(maxsize=EXPRESSION_CACHE)
def parse(text: str) -> Expression:
    """Raises ExpressionError: what is wrong, in which column, and the next step."""
    node = tree(text)
    compiler = _Compiler()
    run = compiler.single(node)
    references, folders = tuple(compiler.references), tuple(compiler.folders)
    program = _Program(node, run, references, folders, compiler.clock)
    return Expression(program, [path.text for path in references], [path.text for path in folders])


class _Compiler:
    def __init__(self) -> None:
        self.references: dict[WrittenPath, int] = {}
        self.folders: dict[WrittenPath, int] = {}
        self.clock: float | None = None

    def single(self, node: Node) -> Run:
        """Recursion is bounded: no tree is deeper than EXPRESSION_DEPTH."""
        return self._compiled(node)[0]

    def _compiled(self, node: Node) -> tuple[Run, bool]:
        """The closure, and whether it always gives the same."""
        if isinstance(node, Literal):
            return _constant(node.value), True
        if isinstance(node, Reference):
            return self._reference(node.path), False
        if isinstance(node, Call):
            if node.name == "onlyGood":
                return self._good(node.arguments[0]), False
            function = FUNCTIONS[node.name]
            parts = [self._compiled(each) for each in node.arguments]
            if node.name == "now":
                self._clock(node.arguments)
            run, timeless = function.make([part for part, _ in parts]), function.timeless
        else:
            parts = [self._compiled(each) for each in node.operands]
            run, timeless = compiled(node.operator, [part for part, _ in parts]), True
        constant = timeless and all(each for _, each in parts)
        return (_calculated(run), True) if constant else (run, False)

    def _reference(self, path: WrittenPath) -> Run:
        if path.is_pattern:
            return whole_folder(self.folders.setdefault(path, len(self.folders)))
        return _reading(self.references.setdefault(path, len(self.references)))

    def _good(self, node: Node) -> Run:
        assert isinstance(node, Reference), "the grammar lets nothing else through"
        return good_of_folder(self.folders.setdefault(node.path, len(self.folders)))

    def _clock(self, arguments: Sequence[Node]) -> None:
        rate = arguments[0].value if arguments and isinstance(arguments[0], Literal) else _NOW_MS
        if isinstance(rate, int) and rate > 0:
            seconds = max(rate, EXPRESSION_CLOCK_MS) / 1_000
            self.clock = seconds if self.clock is None else min(seconds, self.clock)


def _constant(value: Value) -> Run:
    return lambda _: value


def _reading(index: int) -> Run:
    def run(context: Context) -> Value:
        path = context.paths[index]
        found = context.read(path)
        if found.quality >= UNCERTAIN:
            context.note(path, found)
        return found.value

    return run


def _calculated(run: Run) -> Run:
    """Once, now, unless it has trouble: that belongs to an evaluation."""
    context = Context(_NO_TAGS.__getitem__, _NO_FOLDERS.__getitem__, 0, None, (), ())
    try:
        value = run(context)
    except Trouble:
        return run
    return run if context.reason else _constant(value)
