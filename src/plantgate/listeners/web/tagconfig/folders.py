"""Folders of tags. All paths in order, made anew when somebody asks after tags have come or gone; on a thread."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from plantgate.limits import CONFIG_TAGS
from plantgate.model.quality import is_good
from plantgate.model.seams import TagReader
from plantgate.model.tag import provider_of
from plantgate.runtime.worker import Worker

# "0" follows "/": between the two is what is in a folder.
_AFTER_SLASH: Final = "0"
_SLICE: Final = 5_000


class Child(NamedTuple):
    """One name in a folder. `start` to `stop` are the places of what is beneath it; `tag` is its id, if it is one."""

    name: str
    path: str
    start: int
    stop: int
    tag: int | None


class _Order(NamedTuple):
    ids: Sequence[int]
    paths: Sequence[str]
    tags: Sequence[int]


@dataclass(slots=True)
class TagFolders:
    _order: _Order | None = None
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def children(self, tags: TagReader, folder: str, words: Sequence[str]) -> list[Child] | None:
        """The names in `folder` ("[default]Line 1", without it the providers), folders first; None: there is none.

        With `words` only names that have all of them.
        """
        async with self._making:
            ids = tags.ids()
            worker = Worker("tag-folders")
            try:
                if self._order is None or not (ids is self._order.ids or ids == self._order.ids):
                    self._order = await worker.run(_ordered, tags, ids)
                return await worker.run(_children, self._order, folder, words)
            finally:
                await worker.close()

    async def bad(self, child: Child, tags: TagReader) -> int:
        """How many beneath it are not good; a slice at a time."""
        order, bad = self._order, 0
        if order is None:
            return 0
        for start in range(child.start, child.stop, _SLICE):
            ids = order.tags[start : min(child.stop, start + _SLICE)]
            bad += sum(not is_good(tags.read(tag).quality) for tag in ids)
            if child.stop - child.start > _SLICE:
                await asyncio.sleep(0)
        return bad


def _ordered(tags: TagReader, ids: Sequence[int]) -> _Order:
    definitions = tags.definitions()
    rows = sorted((definitions[tag].path, tag) for tag in ids)
    return _Order(ids, [path for path, _ in rows], [tag for _, tag in rows])


def _children(order: _Order, folder: str, words: Sequence[str]) -> list[Child] | None:
    if not folder:
        return [child for child in _providers(order) if _fits(child, words)]
    prefix = folder if folder.endswith("]") else f"{folder.rstrip('/')}/"
    paths = order.paths
    at = bisect_left(paths, prefix)
    if at == len(paths) or not paths[at].startswith(prefix):
        return None
    found: dict[str, Child] = {}
    while at < len(paths) and paths[at].startswith(prefix) and len(found) < CONFIG_TAGS:
        name, slash, _ = paths[at][len(prefix) :].partition("/")
        path = prefix + name
        if not slash:
            found[name] = Child(name, path, at + 1, at + 1, order.tags[at])
            at += 1
            continue
        stop = bisect_left(paths, path + _AFTER_SLASH, at)
        tag = found[name].tag if name in found else None  # a tag with tags of its alarms beneath it
        found[name] = Child(name, path, at, stop, tag)
        at = stop
    return sorted(
        (child for child in found.values() if _fits(child, words)),
        key=lambda child: (child.tag is not None, child.name.casefold(), child.name),
    )


def _providers(order: _Order) -> list[Child]:
    found: list[Child] = []
    at = 0
    while at < len(order.paths):
        provider = provider_of(order.paths[at])
        stop = bisect_left(order.paths, f"{provider}\U0010ffff", at)
        found.append(Child(provider[1:-1], provider, at, stop, None))
        at = stop
    return found


def _fits(child: Child, words: Collection[str]) -> bool:
    name = child.name.casefold()
    return all(word in name for word in words)
