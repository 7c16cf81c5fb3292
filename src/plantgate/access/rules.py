"""The decision: a badge in, a verdict out. Pure, so that every rule is a line in a test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plantgate.model.badge import AccessVerdict

EVERY_READER = "*"


@dataclass(frozen=True, slots=True)
class Card:
    """`uid` is upper-case hex; `readers` are the names of the readers it opens, or `*` for all."""

    uid: str
    holder: str
    readers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ruling:
    verdict: AccessVerdict
    holder: str
    reason: str


class CardList:
    """The cards of `plantgate.toml`."""

    def __init__(self, cards: Iterable[Card]) -> None:
        self._cards = {card.uid.upper(): card for card in cards}

    def rule(self, reader: str, uid: str) -> Ruling:
        """Who holds `uid` and may they pass at `reader`. What is not allowed is denied, with the reason."""
        card = self._cards.get(uid.upper())
        if card is None:
            return Ruling(AccessVerdict.DENIED, "", "unknown card")
        if EVERY_READER in card.readers or reader in card.readers:
            return Ruling(AccessVerdict.ACCEPTED, card.holder, "card is allowed at this reader")
        return Ruling(AccessVerdict.DENIED, card.holder, "card is not allowed at this reader")
