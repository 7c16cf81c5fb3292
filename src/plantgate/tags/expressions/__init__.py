"""The expression language of tags: text in, closures out; no tree, no clock, no I/O. Reference: docs/expressions.md.

parse(text) -> Expression                       raises ExpressionError (column, hint)
Expression.bound(folder, zone=None)             the same with full paths, for a tag in `folder`
Expression.references, .folders, .needs_clock   what makes it change
Expression.evaluate(read, now, folder)          -> (value, quality, reason); raises nothing
FolderPattern(text).base, .matches(path)        which tags an entry of `.folders` names
Graph.update(put, remove) -> tags to look at    dependencies of all expressions: faults and order
Graph.fault(tag) -> Fault(quality, reason)      a cycle, a chain too deep, or None
Graph.order(changed, due) -> tags               what to evaluate, each once, inputs first
"""

from plantgate.tags.expressions.errors import ExpressionError
from plantgate.tags.expressions.expression import Expression, parse
from plantgate.tags.expressions.graph import Dependencies, Fault, Graph, Inputs
from plantgate.tags.expressions.paths import FolderPattern

__all__ = ["Dependencies", "Expression", "ExpressionError", "Fault", "FolderPattern", "Graph", "Inputs", "parse"]
