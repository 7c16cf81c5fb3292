"""Tarjan's strongly connected components, without recursion (R. Tarjan, SIAM J. Comput. 1 (1972) 146)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator


def components(seeds: Iterable[str], followers: Callable[[str], Iterator[str]]) -> list[list[str]]:
    """Of all that can be reached from `seeds`: each component after those that follow it."""
    search = _Search(followers)
    for seed in seeds:
        if seed not in search.number:
            search.walk(seed)
    return search.found


class _Search:
    def __init__(self, followers: Callable[[str], Iterator[str]]) -> None:
        self._followers = followers
        self.number: dict[str, int] = {}
        self.found: list[list[str]] = []
        self._low: dict[str, int] = {}
        self._open: list[str] = []
        self._is_open: set[str] = set()

    def walk(self, start: str) -> None:
        stack = [self._enter(start)]
        while stack:
            vertex, rest = stack[-1]
            for reader in rest:
                if reader not in self.number:
                    stack.append(self._enter(reader))
                    break
                if reader in self._is_open:
                    self._low[vertex] = min(self._low[vertex], self.number[reader])
            else:
                stack.pop()
                self._leave(vertex)
                if stack:
                    parent = stack[-1][0]
                    self._low[parent] = min(self._low[parent], self._low[vertex])

    def _enter(self, vertex: str) -> tuple[str, Iterator[str]]:
        self.number[vertex] = self._low[vertex] = len(self.number)
        self._open.append(vertex)
        self._is_open.add(vertex)
        return vertex, self._followers(vertex)

    def _leave(self, vertex: str) -> None:
        if self._low[vertex] != self.number[vertex]:
            return
        component: list[str] = []
        while not component or component[-1] != vertex:
            component.append(self._open.pop())
        self._is_open.difference_update(component)
        self.found.append(component)
