"""The cards of plantgate.toml: a simple way for a site with a few cards and no more wishes than "this card, that door".

They are read-only. Their holder is the one of that id in the store if there is one (and then its groups, dates and
rules count), else somebody who has nothing but this card. After all rules, the card's own readers are a last one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plantgate.access.cardkey import CardKey, last4
from plantgate.config.document import Card as CardEntry
from plantgate.model.access import Card


@dataclass(frozen=True, slots=True)
class TomlCard:
    """`card.holder` is the name from the file; `readers` are names, EVERYWHERE is every reader."""

    card: Card
    readers: frozenset[str]


def hashed(entries: Iterable[CardEntry], key: CardKey) -> dict[str, TomlCard]:
    """The `[[card]]` entries by their keyed hash."""
    found: dict[str, TomlCard] = {}
    for entry in entries:
        card = Card(id=key.card_id(entry.uid), last4=last4(entry.uid), holder=entry.holder, enabled=entry.enabled)
        found[card.id] = TomlCard(card, frozenset(entry.readers))
    return found
