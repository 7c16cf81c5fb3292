from __future__ import annotations

import pytest

from plantgate.access.rules import Card, CardList
from plantgate.model.badge import AccessVerdict

CARDS = CardList(
    [
        Card("04A1B2C3", "Ada", frozenset({"entrance", "lab"})),
        Card("04FFFFFF", "Guard", frozenset({"*"})),
        Card("04000000", "Nobody's door", frozenset()),
        Card("0badcafe", "Lower", frozenset({"*"})),
    ]
)


@pytest.mark.parametrize(
    ("reader", "uid", "accepted", "holder", "reason"),
    [
        ("entrance", "04A1B2C3", True, "Ada", "card is allowed at this reader"),
        ("lab", "04a1b2c3", True, "Ada", "card is allowed at this reader"),
        ("store", "04A1B2C3", False, "Ada", "card is not allowed at this reader"),
        ("anywhere", "04FFFFFF", True, "Guard", "card is allowed at this reader"),
        ("*", "04A1B2C3", False, "Ada", "card is not allowed at this reader"),
        ("entrance", "04000000", False, "Nobody's door", "card is not allowed at this reader"),
        ("entrance", "0BADCAFE", True, "Lower", "card is allowed at this reader"),
        ("entrance", "04A1B2C", False, "", "unknown card"),
        ("entrance", "04A1B2C3 ", False, "", "unknown card"),
        ("entrance", "", False, "", "unknown card"),
    ],
)
def test_rulings(reader: str, uid: str, accepted: bool, holder: str, reason: str) -> None:
    ruling = CARDS.rule(reader, uid)
    assert ruling.verdict is (AccessVerdict.ACCEPTED if accepted else AccessVerdict.DENIED)
    assert (ruling.holder, ruling.reason) == (holder, reason)
