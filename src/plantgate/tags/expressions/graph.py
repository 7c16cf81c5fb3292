"""Which expression depends on what: in which order a change is carried on, and who stands on a cycle.

Vertices are full tag paths and patterns (`[default]Line 1/*`: no tag has a `*`). An edge goes from what is read to who
reads it; a pattern stands between its tags and its readers, so that a folder of m tags with n readers costs m + n.
An update looks at what lies downstream of its changes, and an order at what lies downstream of the changed tags: both
are linear in that. Nothing here recurses.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from plantgate.limits import CONFIG_TAGS, EXPRESSION_CHAIN, EXPRESSION_PATTERNS
from plantgate.model.quality import Quality
from plantgate.tags.expressions.components import components
from plantgate.tags.expressions.paths import FolderPattern

_NAMED_CYCLES = 8
_NAMED_TAGS = 5


class Dependencies(Protocol):
    """A bound Expression, or Inputs."""

    @property
    def references(self) -> frozenset[str]: ...

    @property
    def folders(self) -> frozenset[str]: ...


class Inputs(NamedTuple):
    """What a tag that is no expression, but made of other tags, depends on."""

    references: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()


class Fault(NamedTuple):
    """Why a tag is not evaluated."""

    quality: Quality
    reason: str


class _Folder:
    """A pattern in use. `members` are only those that are expressions themselves: they make chains longer."""

    __slots__ = ("depth", "matches", "members", "pattern", "readers")

    def __init__(self, text: str) -> None:
        self.pattern = FolderPattern(text)
        self.readers: dict[str, None] = {}
        self.members: set[str] = set()
        self.depth = 0


class Graph:
    """The dependencies of all expressions of a gateway."""

    def __init__(self) -> None:
        self._nodes: dict[str, Dependencies] = {}
        self._readers: dict[str, dict[str, None]] = {}
        self._folders: dict[str, _Folder] = {}
        self._starting: dict[str, list[str]] = {}  # base of patterns -> the patterns
        self._fitting: dict[str, tuple[str, ...]] = {}  # tag -> patterns that name it, as far as asked
        self._depths: dict[str, int] = {}
        self._faults: dict[str, Fault] = {}
        self._refused: dict[str, Fault] = {}

    def update(self, put: Mapping[str, Dependencies], remove: Collection[str] = ()) -> frozenset[str]:
        """Add or replace the tags of `put`, forget those of `remove`, as one change.

        Returns the tags to look at anew: all of `put`, and those whose fault appeared, changed or went.
        """
        gone = [tag for tag in remove if tag not in put and tag in self._nodes]
        for tag in (*gone, *put):
            self._detach(tag)
        fresh: list[str] = []
        for tag, inputs in put.items():
            fresh += self._attach(tag, inputs)
        if fresh:
            self._gather(fresh)
        return frozenset(self._judge((*put, *gone)).difference(gone).union(put))

    def fault(self, tag: str) -> Fault | None:
        return self._faults.get(tag)

    def order(self, changed: Iterable[str] = (), due: Iterable[str] = ()) -> list[str]:
        """What to evaluate, each tag once and after its inputs: all that depends on `changed`, and `due` with theirs.

        `changed` may name any tags. Tags with a fault are left out, with what they alone would have moved.
        """
        done: set[str] = set()
        backwards: list[str] = []
        for tag in due:
            if tag in self._nodes and tag not in self._faults:
                self._follow(tag, done, backwards)
        for tag in changed:
            if tag in self._readers or self._starting:  # most tags of a plant are in no expression
                for reader in self._followers(tag):
                    self._follow(reader, done, backwards)
        backwards.reverse()
        return backwards

    def _followers(self, vertex: str) -> Iterator[str]:
        """The sound readers of `vertex`, and the patterns that name it."""
        return (reader for reader in self._all_followers(vertex) if reader not in self._faults)

    def _all_followers(self, vertex: str) -> Iterator[str]:
        folder = self._folders.get(vertex)
        if folder is not None:
            yield from folder.readers
            return
        yield from self._readers.get(vertex, ())
        if self._starting:
            yield from self._patterns_of(vertex)

    def _follow(self, start: str, done: set[str], backwards: list[str]) -> None:
        """Depth first; a tag is noted when all that follows it has been."""
        if start in done:
            return
        done.add(start)
        stack = [(start, self._followers(start))]
        while stack:
            vertex, rest = stack[-1]
            for reader in rest:
                if reader not in done:
                    done.add(reader)
                    stack.append((reader, self._followers(reader)))
                    break
            else:
                stack.pop()
                if vertex in self._nodes:
                    backwards.append(vertex)

    def _patterns_of(self, tag: str) -> tuple[str, ...]:
        known = self._fitting.get(tag)
        if known is None:
            known = tuple(
                text
                for base in _ancestors(tag)
                for text in self._starting.get(base, ())
                if self._folders[text].pattern.matches(tag)
            )
            if len(self._fitting) >= CONFIG_TAGS:
                self._fitting.clear()
            self._fitting[tag] = known
        return known

    def _detach(self, tag: str) -> None:
        inputs = self._nodes.pop(tag, None)
        if inputs is None:
            return
        self._depths.pop(tag, None)
        self._refused.pop(tag, None)
        for path in inputs.references:
            readers = self._readers[path]
            del readers[tag]
            if not readers:
                del self._readers[path]
        for text in self._patterns_of(tag):
            self._folders[text].members.discard(tag)
        for text in inputs.folders:
            folder = self._folders.get(text)
            if folder is not None and tag in folder.readers:
                del folder.readers[tag]
                if not folder.readers:
                    self._forget(text, folder)

    def _forget(self, text: str, folder: _Folder) -> None:
        del self._folders[text]
        siblings = self._starting[folder.pattern.base]
        siblings.remove(text)
        if not siblings:
            del self._starting[folder.pattern.base]
        self._fitting.clear()

    def _attach(self, tag: str, inputs: Dependencies) -> list[str]:
        """Returns the patterns that are new."""
        self._nodes[tag] = inputs
        for path in inputs.references:
            self._readers.setdefault(path, {})[tag] = None
        for text in self._patterns_of(tag):
            self._folders[text].members.add(tag)
        fresh: list[str] = []
        for text in inputs.folders:
            if text not in self._folders and not self._start(text):
                self._refused[tag] = Fault(
                    Quality.ERROR_CONFIGURATION,
                    f"{text}: more than {EXPRESSION_PATTERNS} paths with * begin in the same folder",
                )
                continue
            if not self._folders[text].readers:
                fresh.append(text)
            self._folders[text].readers[tag] = None
        return fresh

    def _start(self, text: str) -> bool:
        folder = _Folder(text)
        siblings = self._starting.setdefault(folder.pattern.base, [])
        if len(siblings) >= EXPRESSION_PATTERNS:
            return False
        siblings.append(text)
        self._folders[text] = folder
        self._fitting.clear()
        return True

    def _gather(self, fresh: Iterable[str]) -> None:
        """The members of new patterns: in order, the tags below a folder are neighbours."""
        ordered = sorted(self._nodes)
        for text in fresh:
            folder = self._folders[text]
            base = folder.pattern.base
            for place in range(bisect_left(ordered, base), len(ordered)):
                if not ordered[place].startswith(base):
                    break
                if folder.pattern.matches(ordered[place]):
                    folder.members.add(ordered[place])
            self._measure(folder)

    def _judge(self, seeds: Iterable[str]) -> set[str]:
        """Faults and depths downstream of `seeds`. Returns whose fault is another one now."""
        changed: set[str] = set()
        found = components(seeds, self._all_followers)
        for component in reversed(found):
            first = component[0]
            if len(component) > 1 or first in self._all_followers(first):
                faults = self._on_cycle(component)
                for tag in faults:
                    self._depths[tag] = 1
            else:
                faults = self._alone(first)
            for vertex in component:
                fault = faults.get(vertex)
                if fault != self._faults.get(vertex):
                    changed.add(vertex)
                if fault is None:
                    self._faults.pop(vertex, None)
                else:
                    self._faults[vertex] = fault
        return changed

    def _alone(self, vertex: str) -> dict[str, Fault]:
        folder = self._folders.get(vertex)
        if folder is not None:
            self._measure(folder)
            return {}
        inputs = self._nodes.get(vertex)
        if inputs is None:
            return {}
        above = max((self._depths.get(path, 0) for path in inputs.references), default=0)
        for text in inputs.folders:
            if text in self._folders:
                above = max(above, self._folders[text].depth)
        self._depths[vertex] = above + 1
        if vertex in self._refused:
            return {vertex: self._refused[vertex]}
        if above < EXPRESSION_CHAIN:
            return {}
        reason = f"it depends on a chain of more than {EXPRESSION_CHAIN} expressions"
        return {vertex: Fault(Quality.ERROR_CONFIGURATION, reason)}

    def _measure(self, folder: _Folder) -> None:
        folder.depth = max((self._depths.get(tag, 0) for tag in folder.members), default=0)

    def _on_cycle(self, component: list[str]) -> dict[str, Fault]:
        """The same example for a tangle of very many cycles: naming the shortest for each would cost its square."""
        tags = sorted(vertex for vertex in component if vertex in self._nodes)
        for vertex in component:
            if vertex in self._folders:
                self._folders[vertex].depth = 1
        faults: dict[str, Fault] = {}
        example = Fault(Quality.ERROR_CYCLE_DETECTED, "")
        members, named = set(component), 0
        for tag in tags:
            if tag in faults:
                continue
            if named < _NAMED_CYCLES:
                named += 1
                way = _way_back(tag, members, self._all_followers)
                example = Fault(Quality.ERROR_CYCLE_DETECTED, _cycle_in_words(way))
                faults.update(dict.fromkeys((on_it for on_it in way if on_it in self._nodes), example))
            faults[tag] = example
        return faults


def _cycle_in_words(way: tuple[str, ...]) -> str:
    """`A <- B <- A`: each is made from the next."""
    names = [way[0], *reversed(way[1:])]
    if len(names) > _NAMED_TAGS:
        names[_NAMED_TAGS - 1 :] = [f"{len(names) - _NAMED_TAGS + 1} more"]
    return f"it is made from itself: {' <- '.join((*names, way[0]))}"


def _way_back(tag: str, component: Collection[str], followers: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """The shortest way from `tag` to itself within its component, without the end."""
    origin: dict[str, str] = {}
    row = [tag]
    while row:
        following: list[str] = []
        for vertex in row:
            for reader in followers(vertex):
                if reader == tag:
                    return _backwards(origin, tag, vertex)
                if reader not in origin and reader in component:
                    origin[reader] = vertex
                    following.append(reader)
        row = following
    raise AssertionError("a component with a cycle has a way back from each of its vertices")


def _backwards(origin: Mapping[str, str], tag: str, vertex: str) -> tuple[str, ...]:
    way: list[str] = []
    while vertex != tag:
        way.append(vertex)
        vertex = origin[vertex]
    return (tag, *reversed(way))


def _ancestors(tag: str) -> Iterator[str]:
    """The folders a tag lies in, the provider's root first: `[default]`, `[default]Line 1`."""
    root = tag.find("]") + 1
    yield tag[:root]
    place = tag.find("/", root)
    while place >= 0:
        yield tag[:place]
        place = tag.find("/", place + 1)
