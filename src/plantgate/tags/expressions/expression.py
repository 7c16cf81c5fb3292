"""An expression, ready to be evaluated: the closures of its shape, its own literals, and the paths of one tag."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import lru_cache

from plantgate.limits import EXPRESSION_CACHE
from plantgate.model.tagproperty import split_property
from plantgate.tags.expressions.evaluation import Context, Define, Memory, Read, ReadFolder, Trouble, Value, checked
from plantgate.tags.expressions.grammar import tree
from plantgate.tags.expressions.paths import WrittenPath
from plantgate.tags.expressions.program import Program
from plantgate.tags.expressions.syntax import written_out
from plantgate.tags.expressions.templates import KNOWN, filled


class Expression:
    """Immutable, but for what hasChanged() remembers.

    Without `bound` its paths are as they were written, which is enough if all name their provider and nothing is to be
    remembered. `needs_clock`: seconds after which it must be evaluated again although no tag has changed, or None.
    """

    __slots__ = (
        "_memory", "_paths", "_patterns", "_program", "_text", "_values", "_zone", "folders", "needs_clock",
        "references",
    )  # fmt: skip

    def __init__(
        self,
        text: str,
        program: Program,
        values: Sequence[Value],
        needs_clock: float | None,
        paths: Sequence[str],
        patterns: Sequence[str],
    ) -> None:
        self._text, self._program, self._values = text, program, values
        self._paths, self._patterns = paths, patterns
        self._zone: tzinfo | None = None
        self._memory: Memory = None
        self.needs_clock = needs_clock
        self.references = frozenset(paths)
        self.folders = frozenset(patterns)

    def __str__(self) -> str:
        """One way to write it; parses to an equal expression."""
        return written_out(tree(self._text))

    def bound(self, folder: str, zone: tzinfo | None = None) -> Expression:
        """With full paths, for a tag in `folder` (`[default]Line 1`). Times are in `zone`, None for this host's.

        Cheap: what is compiled is shared. What it remembers is its own. Raises ExpressionError EXP-131 for a path that
        leaves the provider.
        """
        references, folders = _written(self._text)
        other = Expression(
            self._text,
            self._program,
            self._values,
            self.needs_clock,
            [path.resolved(folder) for path in references],
            [path.resolved(folder) for path in folders],
        )
        other._zone = zone
        other._memory = [None] * self._program.memory if self._program.memory else None
        return other

    def evaluate(
        self, read: Read, now: int, folder: ReadFolder, define: Define | None = None
    ) -> tuple[Value, int, str]:
        """(value, quality, reason). Raises nothing that `read`, `folder` and `define` don't raise.

        `read` and `folder` are called with entries of `references` and `folders`; `now` is microseconds UTC. `define`
        gives the definition of an entry of `references`, for properties such as its unit; without it there are none.
        The quality is the worst of the inputs that were used, or an error's, then without a value.
        """
        context = Context(read, folder, now, self._zone, self._paths, self._patterns, self._values)
        context.define = define
        context.memory = self._memory
        try:
            value = self._program.run(context)
        except Trouble as trouble:
            context.failed(trouble)
            return None, context.quality, context.reason
        kind = type(value)
        if kind is float or kind is str or kind is tuple:
            value = checked(value, context)
        return value, context.quality, context.reason


def parse(text: str) -> Expression:
    """Raises ExpressionError: what is wrong, in which column, and the next step."""
    return _parsed(text)[0]


@lru_cache(maxsize=EXPRESSION_CACHE)
def _parsed(text: str) -> tuple[Expression, tuple[Sequence[WrittenPath], Sequence[WrittenPath]]]:
    program, found = filled(text)
    references = [found[slot] for slot in program.references]
    folders = [found[slot] for slot in program.folders]
    expression = Expression(
        text,
        program,
        program.values(found),
        program.clock(found),
        [split_property(path.text)[0] for path in references],
        [path.text for path in folders],
    )
    return expression, (references, folders)


def _written(text: str) -> tuple[Sequence[WrittenPath], Sequence[WrittenPath]]:
    """The paths of `text` as they are written."""
    return _parsed(text)[1]


def forget() -> None:
    """Parse everything anew: for measurements and tests."""
    KNOWN.clear()
    _parsed.cache_clear()
