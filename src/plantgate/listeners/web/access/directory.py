"""All holders in the order of their names, each with their cards and with what a search looks at.

It is made anew when somebody asks after a change, a slice at a time: with 100,000 holders it takes a good while, and
meanwhile badges are decided on the same event loop.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from plantgate.model.access import AccessData, Card, Holder

_SLICE: Final = 1_000
T = TypeVar("T")


class Entry(NamedTuple):
    """`text` is folded for a search: name, id, groups and note of the holder, last4 and label of the cards."""

    name: str
    id: str
    text: str
    holder: Holder
    cards: Sequence[Card]


@dataclass(slots=True)
class Directory:
    _data: AccessData | None = None
    _entries: Sequence[Entry] = ()
    _cards: Mapping[str, Sequence[Card]] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def entries(self, data: AccessData) -> Sequence[Entry]:
        """By name, then id."""
        async with self._making:
            await self._know(data)
            return self._entries

    async def cards_of(self, data: AccessData, holder: str) -> Sequence[Card]:
        async with self._making:
            await self._know(data)
            return self._cards.get(holder, ())

    async def _know(self, data: AccessData) -> None:
        if self._data is data:
            return
        cards: dict[str, list[Card]] = {}
        async for piece in slices(data.cards.values()):
            for card in piece:
                cards.setdefault(card.holder, []).append(card)
        runs = [
            sorted(_entry(holder, cards.get(holder.id, ())) for holder in some)
            async for some in slices(data.holders.values())
        ]
        entries: list[Entry] = []
        async for some in slices(heapq.merge(*runs)):
            entries += some
        self._data, self._entries, self._cards = data, entries, cards


def _entry(holder: Holder, cards: Sequence[Card]) -> Entry:
    marks = " ".join(f"{card.last4} {card.label}" for card in cards)
    text = f"{holder.id} {holder.name} {' '.join(holder.groups)} {holder.note} {marks}".casefold()
    return Entry(holder.name.casefold(), holder.id, text, holder, cards)


async def slices(items: Iterable[T]) -> AsyncIterator[Sequence[T]]:
    """Pieces of `items`; between two of them others have their turn."""
    iterator: Iterator[T] = iter(items)
    while piece := list(islice(iterator, _SLICE)):
        yield piece
        await asyncio.sleep(0)
