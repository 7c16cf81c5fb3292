"""What proposed rules would have done with the badges of a day."""

from __future__ import annotations

import pytest

from plantgate.access import whatif
from plantgate.access.decide import Rulebook
from plantgate.access.edit import edit
from plantgate.errors import Unavailable
from plantgate.model.access import Effect, ReplaceRules, Rule, WhatIf, Why
from plantgate.model.badge import AccessVerdict, JournalEntry
from tests.access.plant import ADA, BERLIN, GRACE, JOE, RULES, UNKNOWN, at, badge, plant

DATA = plant()
NO_ADA_IN_THE_HALL = Rule(name="No Ada", effect=Effect.DENY, holders=("17",), zones=("Hall 3",))


def simulate(entries: list[JournalEntry], *first: Rule) -> WhatIf:
    proposed = edit(DATA, [ReplaceRules((*first, *RULES))]).data
    return whatif.simulate(Rulebook(DATA, zone=BERLIN), Rulebook(proposed, zone=BERLIN), entries)


DAY = [
    badge(1, "gate in", ADA, at("2026-11-20 06:00")),
    badge(2, "hall 3", ADA, at("2026-11-20 06:05")),
    badge(3, "hall 3", GRACE, at("2026-11-20 06:06")),
    badge(4, "strong room", ADA, at("2026-11-20 06:10")),
    badge(5, "strong room", GRACE, at("2026-11-20 06:11")),
    badge(6, "hall 3", UNKNOWN, at("2026-11-20 06:20"), accepted=False),
    badge(7, "hall 3", "", at("2026-11-20 06:21"), accepted=False),  # from before cards had hashes
    badge(8, "gate out", JOE, at("2026-11-20 06:30")),
]


def test_the_same_rules_change_nothing() -> None:
    assert simulate(DAY) == WhatIf(events=7, count=0, changed=())


def test_a_proposed_rule_is_shown_by_what_it_would_have_changed() -> None:
    found = simulate(list(reversed(DAY)), NO_ADA_IN_THE_HALL)
    assert (found.events, found.count) == (7, 1)
    (change,) = found.changed
    assert (change.event, change.reader, change.last4) == (2, "hall 3", "AAAA")
    assert change.before.reason == "Ada Lovelace may enter Hall 3 (rule Early shift)"
    assert change.after.reason == "Ada Lovelace may not enter Hall 3 (rule No Ada)"


def test_who_would_not_have_been_let_in_is_not_inside() -> None:
    """With Ada kept out of the strong room, which takes one person, Grace would have got in."""
    ban = Rule(name="Ban", effect=Effect.DENY, holders=("17",), readers=("strong room",))
    found = simulate(DAY, ban)
    assert [(change.event, change.before.why, change.after.why) for change in found.changed] == [
        (4, Why.RULE, Why.RULE),
        (5, Why.ZONE_FULL, Why.RULE),
    ]
    assert found.changed[1].after.verdict is AccessVerdict.ACCEPTED


def test_a_door_that_stayed_shut_let_nobody_in() -> None:
    failed = badge(4, "strong room", ADA, at("2026-11-20 06:10"), reply_error="the door stuck")
    free = Rule(name="Free", groups=("*",), readers=("strong room",))
    found = simulate([failed, badge(5, "strong room", JOE, at("2026-11-20 06:11"))], free)
    assert [(change.event, change.after.why) for change in found.changed] == [(5, Why.RULE)]


def test_the_answer_is_bounded_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "ACCESS_WHAT_IF_CHANGES", 3)
    many = [badge(number, "hall 3", ADA, at("2026-11-20 06:00") + number) for number in range(10)]
    found = simulate(many, NO_ADA_IN_THE_HALL)
    assert (found.events, found.count, len(found.changed)) == (10, 10, 3)


def test_it_can_be_given_up() -> None:
    book = Rulebook(DATA)
    with pytest.raises(Unavailable, match="ACC-230"):
        whatif.simulate(book, book, DAY, lambda: True)
