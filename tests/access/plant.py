"""A small plant for tests: a yard with a hall and a strong room in it, shifts, and people with cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from plantgate.access.edit import edit
from plantgate.model.access import (
    AccessChange,
    AccessData,
    AccessItem,
    AntiPassback,
    Calendar,
    Card,
    Effect,
    Group,
    Holder,
    Holiday,
    Hours,
    Passage,
    Put,
    ReplaceRules,
    Rule,
    Schedule,
    Zone,
)
from plantgate.model.badge import AccessDecision, AccessVerdict, JournalEntry

BERLIN = ZoneInfo("Europe/Berlin")
READERS = frozenset({"gate in", "gate out", "hall 3", "hall 3 out", "strong room", "machine"})
ADA, GRACE, JOE, FIRE = (digit * 32 for digit in "abcd")
UNKNOWN = "0" * 32
MONDAY_TO_FRIDAY = (0, 1, 2, 3, 4)

ITEMS: Sequence[AccessItem] = (
    Group(name="Shift A"),
    Group(name="Office"),
    Group(name="Fire brigade", in_lockdown=True),
    Holder(id="17", name="Ada Lovelace", groups=("Shift A",)),
    Holder(id="18", name="Grace Hopper", groups=("Office", "Shift A")),
    Holder(id="19", name="Joe Visitor"),
    Holder(id="20", name="Flo Brand", groups=("Fire brigade",)),
    Card(id=ADA, last4="AAAA", holder="17"),
    Card(id=GRACE, last4="BBBB", holder="18"),
    Card(id=JOE, last4="CCCC", holder="19"),
    Card(id=FIRE, last4="DDDD", holder="20"),
    Zone(name="Yard"),
    Zone(name="Hall 3", anti_passback=AntiPassback.SOFT),
    Zone(name="Strong room", anti_passback=AntiPassback.HARD, limit=1, reset_after=3_600.0),
    Passage(reader="gate in", enters="Yard"),
    Passage(reader="gate out", leaves="Yard"),
    Passage(reader="hall 3", enters="Hall 3", leaves="Yard"),
    Passage(reader="hall 3 out", enters="Yard", leaves="Hall 3"),
    Passage(reader="strong room", enters="Strong room", leaves="Hall 3"),
    Calendar(
        name="Saxony",
        holidays=(Holiday(date="2026-11-18", name="Repentance Day"), Holiday(date="2020-12-25", yearly=True)),
    ),
    Schedule(
        name="Early",
        time_zone="Europe/Berlin",
        week=(Hours(days=MONDAY_TO_FRIDAY, start=360, end=840),),
        calendar="Saxony",
        on_holidays=(Hours(days=(0, 1, 2, 3, 4, 5, 6), start=480, end=720),),
    ),
    Schedule(name="Night", time_zone="Europe/Berlin", week=(Hours(days=(4,), start=22 * 60, end=6 * 60),)),
)
RULES = (
    Rule(name="Everybody in the yard", groups=("*",), zones=("Yard",)),
    Rule(name="Everybody out", groups=("*",), zones=("",)),
    Rule(name="No office at night", effect=Effect.DENY, groups=("Office",), zones=("Hall 3",), schedule="Night"),
    Rule(name="Early shift", groups=("Shift A",), zones=("Hall 3",), schedule="Early"),
    Rule(name="Strong room", holders=("17", "18"), readers=("strong room",)),
    Rule(name="Fire", groups=("Fire brigade",), readers=("*",)),
    Rule(name="Old rule", groups=("*",), readers=("*",), enabled=False),
)


def plant(*items: AccessItem, rules: Sequence[Rule] = RULES) -> AccessData:
    """The plant, with `items` in place of those of the same key."""
    changes: list[AccessChange] = [*(Put(item) for item in (*ITEMS, *items)), ReplaceRules(tuple(rules))]
    return edit(AccessData(), changes, READERS).data


def at(text: str) -> int:
    """Microseconds UTC of a time in Berlin: "2026-11-20 14:32" was a Friday."""
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * 1_000_000


def badge(
    number: int,
    reader: str,
    card: str,
    when: int,
    *,
    accepted: bool = True,
    holder_id: str = "17",
    enters: str = "",
    leaves: str = "",
    reply_error: str = "",
) -> JournalEntry:
    """A stored event."""
    decision = AccessDecision(
        reader=reader,
        card=card,
        last4=card[-4:].upper(),
        at=when,
        verdict=AccessVerdict.ACCEPTED if accepted else AccessVerdict.DENIED,
        why="rule",
        reason="",
        holder_id=holder_id,
        holder=f"Holder {holder_id}",
        enters=enters,
        leaves=leaves,
        reply_error=reply_error,
    )
    return JournalEntry(number, decision)
