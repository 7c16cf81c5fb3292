"""Decisions as a guard would read them. 2026-11-20 was a Friday; 2026-11-18 is a holiday of the plant."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plantgate.access.cardkey import CardKey
from plantgate.access.decide import NoData, Rulebook
from plantgate.access.presence import PresenceBook
from plantgate.access.tomlcards import hashed
from plantgate.config.document import Card as CardEntry
from plantgate.model.access import (
    AccessData,
    AccessItem,
    AntiPassback,
    Card,
    Effect,
    Group,
    Holder,
    Hours,
    Lockdown,
    Passage,
    Rule,
    Ruling,
    Schedule,
    Why,
    Zone,
)
from plantgate.model.badge import AccessVerdict
from tests.access.plant import ADA, BERLIN, FIRE, GRACE, JOE, RULES, UNKNOWN, at, badge, plant

OK, NO = AccessVerdict.ACCEPTED, AccessVerdict.DENIED


def decide(
    reader: str, card: str, when: str, *items: AccessItem, inside: PresenceBook | None = None, rules: object = None
) -> Ruling:
    data = plant(*items, rules=RULES if rules is None else rules)  # type: ignore[arg-type]
    return Rulebook(data, zone=BERLIN).decide(reader, card, at(when), inside or PresenceBook(data.zones))


@pytest.mark.parametrize(
    ("reader", "card", "when", "verdict", "why", "reason"),
    [
        ("hall 3", ADA, "2026-11-20 06:00", OK, Why.RULE, "Ada Lovelace may enter Hall 3 (rule Early shift)"),
        ("hall 3", ADA, "2026-11-20 14:32", NO, Why.NO_RULE,
         "Ada Lovelace may enter Hall 3 from 06:00 to 14:00 on Monday to Friday; it is 14:32"),
        ("hall 3", ADA, "2026-11-22 09:00", NO, Why.NO_RULE,
         "Ada Lovelace may enter Hall 3 from 06:00 to 14:00 on Monday to Friday; it is Sunday 09:00"),
        ("hall 3", ADA, "2026-11-18 06:30", NO, Why.NO_RULE,
         "Ada Lovelace may enter Hall 3 from 08:00 to 12:00 every day, on holidays;"
         " it is 06:30 on a holiday (Repentance Day)"),
        ("hall 3", JOE, "2026-11-20 09:00", NO, Why.NO_RULE, "no rule lets Joe Visitor enter Hall 3"),
        ("gate in", JOE, "2026-11-20 03:00", OK, Why.RULE, "Joe Visitor may enter Yard (rule Everybody in the yard)"),
        ("gate out", JOE, "2026-11-20 03:00", OK, Why.RULE, "Joe Visitor may leave Yard (rule Everybody out)"),
        ("hall 3 out", JOE, "2026-11-20 03:00", OK, Why.RULE,
         "Joe Visitor may enter Yard (rule Everybody in the yard)"),
        ("hall 3", GRACE, "2026-11-20 23:00", NO, Why.RULE,
         "Grace Hopper may not enter Hall 3 (rule No office at night)"),
        ("machine", ADA, "2026-11-20 09:00", NO, Why.NO_RULE, "no rule lets Ada Lovelace pass at machine"),
        ("machine", FIRE, "2026-11-20 09:00", OK, Why.RULE, "Flo Brand may pass at machine (rule Fire)"),
        ("strong room", ADA, "2026-11-20 03:00", OK, Why.RULE,
         "Ada Lovelace may enter Strong room (rule Strong room)"),
        ("nowhere", ADA, "2026-11-20 09:00", NO, Why.NO_RULE, "no rule lets Ada Lovelace pass at nowhere"),
        ("hall 3", UNKNOWN, "2026-11-20 09:00", NO, Why.UNKNOWN_CARD, "nobody is known to hold this card"),
    ],
)  # fmt: skip
def test_the_plant_on_a_day(reader: str, card: str, when: str, verdict: AccessVerdict, why: Why, reason: str) -> None:
    ruling = decide(reader, card, when)
    assert (ruling.verdict, ruling.why, ruling.reason) == (verdict, why, reason)


NOON = "2026-11-20 12:00"
ADAS_CARD = Card(id=ADA, last4="AAAA", holder="17")
ADA_HERSELF = Holder(id="17", name="Ada Lovelace", groups=("Shift A",))


@pytest.mark.parametrize(
    ("item", "why", "reason"),
    [
        (replace(ADAS_CARD, enabled=False), Why.CARD_DISABLED, "the card …AAAA of Ada Lovelace is disabled"),
        (replace(ADAS_CARD, valid_from=at(NOON) + 1), Why.CARD_NOT_YET_VALID,
         "the card …AAAA of Ada Lovelace is valid from 2026-11-20 12:00"),
        (replace(ADAS_CARD, valid_until=at(NOON)), Why.CARD_EXPIRED,
         "the card …AAAA of Ada Lovelace was valid until 2026-11-20 12:00"),
        (replace(ADA_HERSELF, enabled=False), Why.HOLDER_DISABLED, "Ada Lovelace is disabled"),
        (replace(ADA_HERSELF, valid_from=at("2026-12-01 06:00")), Why.HOLDER_NOT_YET_VALID,
         "Ada Lovelace is valid from 2026-12-01 06:00"),
        (replace(ADA_HERSELF, valid_until=at("2026-11-01 00:00")), Why.HOLDER_EXPIRED,
         "Ada Lovelace was valid until 2026-11-01 00:00"),
        (Lockdown(zone="Hall 3", since=at("2026-11-20 11:50"), by="ada", reason="gas alarm"), Why.LOCKDOWN,
         "Hall 3 is locked down since 2026-11-20 11:50 by ada: gas alarm"),
        (Lockdown(zone="*", since=at("2026-11-20 11:50"), by="ada"), Why.LOCKDOWN,
         "everything is locked down since 2026-11-20 11:50 by ada"),
    ],
)  # fmt: skip
def test_what_denies_before_any_rule(item: AccessItem, why: Why, reason: str) -> None:
    ruling = decide("hall 3", ADA, NOON, item)
    assert (ruling.verdict, ruling.why, ruling.reason, ruling.rule) == (NO, why, reason, "")
    assert (ruling.holder_id, ruling.last4, ruling.enters, ruling.leaves) == ("17", "AAAA", "Hall 3", "Yard")


def test_a_card_is_good_from_one_moment_to_before_the_other() -> None:
    now = at(NOON)
    assert decide("hall 3", ADA, NOON, replace(ADAS_CARD, valid_from=now, valid_until=now + 1)).verdict is OK


@pytest.mark.parametrize(
    ("zone", "reader", "card", "verdict"),
    [
        ("Hall 3", "hall 3", ADA, NO),
        ("Hall 3", "gate in", ADA, OK),  # another zone
        ("Hall 3", "hall 3 out", ADA, OK),  # out of it
        ("Hall 3", "hall 3", FIRE, OK),  # members of the fire brigade
        ("*", "gate in", ADA, NO),
        ("*", "gate out", ADA, OK),  # nobody is locked in
        ("*", "hall 3 out", ADA, NO),  # that is further into the plant, not out of it
        ("*", "machine", FIRE, OK),
    ],
)
def test_a_lockdown_keeps_people_out_and_nobody_in(zone: str, reader: str, card: str, verdict: AccessVerdict) -> None:
    ruling = decide(reader, card, NOON, Lockdown(zone=zone, since=0, by="ada"))
    assert ruling.verdict is verdict
    assert (ruling.why is Why.LOCKDOWN) is (verdict is NO)


def inside(data: AccessData, *badges: tuple[str, str, str, str]) -> PresenceBook:
    """Badges before the one that is decided: (holder id, enters, leaves, when)."""
    book = PresenceBook(data.zones)
    for number, (holder_id, enters, leaves, when) in enumerate(badges):
        book.entered(
            badge(number, "somewhere", ADA, at(when), holder_id=holder_id, enters=enters, leaves=leaves).decision
        )
    return book


HALL_AT_TEN = ("17", "Hall 3", "Yard", "2026-11-20 10:00")
ROOM_AT_HALF_PAST_ELEVEN = ("17", "Strong room", "Hall 3", "2026-11-20 11:30")


def test_soft_anti_passback_remarks() -> None:
    ruling = decide("hall 3", ADA, NOON, inside=inside(plant(), HALL_AT_TEN))
    assert ruling.verdict is OK
    assert ruling.remark == "Ada Lovelace is already in Hall 3, since 2026-11-20 10:00 by reader somewhere"


def test_hard_anti_passback_denies_until_it_forgives() -> None:
    book = inside(plant(), ROOM_AT_HALF_PAST_ELEVEN)
    ruling = decide("strong room", ADA, NOON, inside=book)
    assert (ruling.verdict, ruling.why) == (NO, Why.ANTI_PASSBACK)
    assert ruling.reason == "Ada Lovelace is already in Strong room, since 2026-11-20 11:30 by reader somewhere"
    assert decide("strong room", ADA, "2026-11-20 12:29", inside=book).verdict is NO
    assert decide("strong room", ADA, "2026-11-20 12:30", inside=book).verdict is OK  # reset_after is an hour


def test_off_anti_passback_says_nothing() -> None:
    ruling = decide("gate in", ADA, NOON, inside=inside(plant(), ("17", "Yard", "", "2026-11-20 10:00")))
    assert (ruling.verdict, ruling.remark) == (OK, "")


def test_leaving_is_only_remarked() -> None:
    hard = Passage(reader="gate out", leaves="Strong room")
    ruling = decide("gate out", ADA, NOON, hard)
    assert ruling.verdict is OK
    assert ruling.remark == "Ada Lovelace leaves Strong room without having been seen to enter it"
    seen = decide("gate out", ADA, NOON, hard, inside=inside(plant(), ROOM_AT_HALF_PAST_ELEVEN))
    assert (seen.verdict, seen.remark) == (OK, "")


def test_a_full_zone_takes_nobody_more() -> None:
    book = inside(plant(), ("18", "Strong room", "Hall 3", "2026-11-20 11:30"))
    ruling = decide("strong room", ADA, NOON, inside=book)
    assert (ruling.why, ruling.reason) == (Why.ZONE_FULL, "Strong room is full: 1 of 1 are inside")
    assert decide("strong room", ADA, "2026-11-20 12:30", inside=book).verdict is OK  # forgotten after an hour
    # Whoever is inside takes no further place: that is for anti-passback to judge.
    assert decide("strong room", GRACE, NOON, inside=book).why is Why.ANTI_PASSBACK


def test_the_first_rule_that_matches_decides() -> None:
    ban = Rule(name="Ban", effect=Effect.DENY, holders=("17",), zones=("*",))
    assert decide("gate in", ADA, NOON, rules=(ban, *RULES)).rule == "Ban"
    assert decide("gate out", ADA, NOON, rules=(ban, *RULES)).rule == "Ban"
    assert decide("gate in", ADA, NOON, rules=(*RULES, ban)).rule == "Everybody in the yard"
    assert decide("gate in", GRACE, NOON, rules=(ban, *RULES)).rule == "Everybody in the yard"
    assert decide("machine", ADA, NOON, rules=(ban,)).why is Why.NO_RULE  # it stands between no zones


def test_the_order_holds_over_all_groups_of_a_holder() -> None:
    """Rules are found by group and must come back into their order."""
    others = [Rule(name=f"other {number}", groups=("Fire brigade",), readers=("machine",)) for number in range(40)]
    for first, second in ((1, 8), (3, 32), (8, 17)):
        rules = others.copy()
        rules[first] = Rule(name="first", groups=("Office",), readers=("machine",))
        rules[second] = Rule(name="second", effect=Effect.DENY, groups=("Shift A",), readers=("machine",))
        assert decide("machine", GRACE, NOON, rules=rules).rule == "first"


def test_a_schedule_in_an_unknown_zone_denies_in_doubt() -> None:
    """Data that came from a host which knows more time zones."""
    data = plant()
    lost = {"Early": Schedule(name="Early", time_zone="Mars/Olympus"), **{}}
    lost |= {"Night": Schedule(name="Night", time_zone="Mars/Olympus")}
    broken = AccessData(
        1, data.holders, data.cards, data.groups, data.zones, data.passages, data.calendars, lost, {}, data.rules
    )
    book, nobody = Rulebook(broken, zone=BERLIN), PresenceBook(data.zones)
    ada = book.decide("hall 3", ADA, at(NOON), nobody)
    assert (ada.verdict, ada.why) == (NO, Why.NO_RULE)
    assert "time zone Mars/Olympus is not known on this host" in ada.reason
    assert book.decide("hall 3", GRACE, at(NOON), nobody).rule == "No office at night"
    assert "Mars/Olympus" in book.explain("hall 3", GRACE, at(NOON), nobody).steps[-1].text


def test_without_data_it_is_as_configured() -> None:
    nobody = PresenceBook()
    denied = Rulebook(AccessData(), no_data=NoData("the disk is away")).decide("gate in", ADA, 0, nobody)
    assert (denied.verdict, denied.why) == (NO, Why.NO_DATA)
    assert denied.reason == "there is no access data to decide from: the disk is away"
    accepted = Rulebook(plant(), no_data=NoData("the disk is away", accept=True)).decide("gate in", ADA, 0, nobody)
    assert (accepted.verdict, accepted.why, accepted.holder_id) == (OK, Why.NO_DATA, "")
    assert accepted.remark == "accepted without access data: the disk is away"


# --- cards of plantgate.toml ------------------------------------------------------------------------------

KEY = CardKey(b"k" * 32)
FILE_CARDS = (
    CardEntry(uid="04A1B2C3", holder="Max", readers=("gate in",)),
    CardEntry(uid="04A1B2C4", holder="Max", readers=("machine",)),
    CardEntry(uid="04A1B2C5", holder="Guard", readers=("*",)),
    CardEntry(uid="04A1B2C6", holder="Gone", readers=("*",), enabled=False),
    CardEntry(uid="04A1B2C7", holder="17", readers=("machine",)),
    CardEntry(uid="04A1B2C8", holder="Max", readers=("*",)),
)


@pytest.mark.parametrize(
    ("uid", "reader", "verdict", "reason"),
    [
        ("04A1B2C3", "gate in", OK, "Max may enter Yard (rule Everybody in the yard)"),
        ("04A1B2C3", "machine", NO, "the card of Max in plantgate.toml is not for reader machine"),
        ("04A1B2C4", "machine", OK, "Max may pass at machine (card in plantgate.toml)"),
        ("04A1B2C5", "hall 3", OK, "Guard may enter Hall 3 (card in plantgate.toml)"),
        ("04A1B2C6", "machine", NO, "the card …B2C6 of Gone is disabled"),
        # The holder is one of the store: its groups count, and the card's readers come last.
        ("04A1B2C7", "hall 3", OK, "Ada Lovelace may enter Hall 3 (rule Early shift)"),
        ("04A1B2C7", "machine", OK, "Ada Lovelace may pass at machine (card in plantgate.toml)"),
        # The store knows this card too, as Joe's: the file has no say.
        ("04A1B2C8", "machine", NO, "no rule lets Joe Visitor pass at machine"),
    ],
)
def test_cards_of_the_file(uid: str, reader: str, verdict: AccessVerdict, reason: str) -> None:
    data = plant(Card(id=KEY.card_id("04A1B2C8"), last4="B2C8", holder="19"))
    book = Rulebook(data, hashed(FILE_CARDS, KEY), zone=BERLIN)
    nobody = PresenceBook(data.zones)
    ruling = book.decide(reader, KEY.card_id(uid), at(NOON), nobody)
    assert (ruling.verdict, ruling.reason) == (verdict, reason)
    assert book.explain(reader, KEY.card_id(uid), at(NOON), nobody).ruling == ruling


# --- explaining -------------------------------------------------------------------------------------------


def test_an_explanation_says_what_each_check_said() -> None:
    data = plant()
    explanation = Rulebook(data, zone=BERLIN).explain("hall 3", ADA, at("2026-11-20 14:32"), PresenceBook(data.zones))
    assert [(step.check, step.passed, step.text) for step in explanation.steps] == [
        ("data", True, "revision 1"),
        ("card", True, "the card …AAAA of Ada Lovelace is known"),
        ("card enabled", True, "the card is enabled"),
        ("card valid", True, "the card is valid already"),
        ("card valid", True, "the card is still valid"),
        ("holder enabled", True, "Ada Lovelace is enabled"),
        ("holder valid", True, "the holder is valid already"),
        ("holder valid", True, "the holder is still valid"),
        ("lockdown", True, "no lockdown stands in the way"),
        ("room", True, "there is room beyond"),
        ("anti-passback", True, "Ada Lovelace leaves Yard without having been seen to enter it")
        if data.zones["Yard"].anti_passback is not AntiPassback.OFF
        else ("anti-passback", True, "it is no passback"),
        ("rule Everybody in the yard", None, "it is for other places (Yard)"),
        ("rule Everybody out", None, "it is for other places (leaving)"),
        ("rule No office at night", None, "it is for others (Office)"),
        ("rule Early shift", False,
         "allows it from 06:00 to 14:00 on Monday to Friday (Europe/Berlin); it is 14:32"),
        ("rule Strong room", None, "it is for other places (strong room)"),
        ("rule Fire", None, "it is for others (Fire brigade)"),
        ("rule Old rule", None, "it is switched off"),
    ]  # fmt: skip
    assert explanation.ruling.why is Why.NO_RULE
    assert (explanation.reader, explanation.at) == ("hall 3", at("2026-11-20 14:32"))


GROUPS, HOLDERS, PLACES = ["g1", "g2", "g3"], ["h1", "h2", "h3"], ["z1", "z2"]
DOORS = ["d1", "d2", "d3", "d4"]
CARDS = ["1" * 32, "2" * 32, "3" * 32, "4" * 32]
moments = st.one_of(st.none(), st.integers(0, 200).map(lambda hours: hours * 3_600_000_000))
some = st.integers(0, 200).map(lambda hours: hours * 3_600_000_000)


def subset(names: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), max_size=3, unique=True).map(tuple)


@st.composite
def plants(draw: st.DrawFn) -> AccessData:
    """Any data at all, also with references that lead nowhere."""
    schedules = {
        name: Schedule(
            name=name,
            time_zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Nowhere/Atall"])),
            week=(
                Hours(days=draw(st.sampled_from([(3,), (4, 5), (0, 6)])), start=draw(st.integers(0, 1439)), end=700),
            ),
        )
        for name in ("s1", "s2")
    }
    rules = [
        Rule(
            name=f"r{number}",
            effect=draw(st.sampled_from(Effect)),
            groups=draw(subset([*GROUPS, "*"])),
            holders=draw(subset(HOLDERS)),
            readers=draw(subset([*DOORS, "*"])),
            zones=draw(subset([*PLACES, "*", ""])),
            schedule=draw(st.sampled_from(["", "s1", "s2", "s3"])),
            enabled=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    return AccessData(
        revision=1,
        holders={
            name: Holder(id=name, name=name.upper(), groups=draw(subset(GROUPS)), enabled=draw(st.booleans()),
                         valid_from=draw(moments), valid_until=draw(moments))
            for name in HOLDERS
        },
        cards={
            card: Card(id=card, last4=card[:4], holder=holder, enabled=draw(st.integers(0, 4)) > 0,
                       valid_from=draw(moments), valid_until=draw(moments))
            for card, holder in zip(CARDS, [*HOLDERS, "nobody"], strict=True)
        },
        groups={name: Group(name=name, in_lockdown=draw(st.booleans())) for name in GROUPS},
        zones={
            name: Zone(name=name, anti_passback=draw(st.sampled_from(AntiPassback)), reset_after=7_200.0,
                       limit=draw(st.sampled_from([None, 0, 1, 2])))
            for name in PLACES
        },
        passages={
            door: Passage(reader=door, enters=draw(st.sampled_from([*PLACES, ""])),
                          leaves=draw(st.sampled_from([*PLACES, ""])))
            for door in DOORS[:3]
        },
        schedules=schedules,
        lockdowns={
            zone: Lockdown(zone=zone, since=0, by="ada")
            for zone in draw(st.sampled_from([(), (), (), ("z1",), ("*",), ("z1", "z2")]))
        },
        rules=tuple(rules),
    )  # fmt: skip


def first_match(data: AccessData, reader: str, holder: Holder) -> list[str]:
    """The rules that can match, found by looking at every one: the oracle for the index."""
    passage = data.passages.get(reader, Passage(reader=reader))
    return [
        rule.name
        for rule in data.rules
        if rule.enabled
        and ({*rule.groups} & {*holder.groups, "*"} or holder.id in rule.holders)
        and (
            {reader, "*"} & {*rule.readers}
            or (passage.enters != passage.leaves and {passage.enters, "*"} & {*rule.zones})
        )
    ]


@settings(max_examples=300)
@given(plants(), st.lists(st.tuples(st.sampled_from(DOORS), st.sampled_from([*CARDS, UNKNOWN]), some), max_size=12))
def test_explaining_is_deciding(data: AccessData, badges: list[tuple[str, str, int]]) -> None:
    """Whatever the data: both say the same, and neither depends on what was asked before."""
    book, presence = Rulebook(data), PresenceBook(data.zones)
    for number, (reader, card, when) in enumerate(sorted(badges, key=lambda each: each[2])):
        fresh = Rulebook(data).explain(reader, card, when, presence)
        ruling = book.decide(reader, card, when, presence)
        assert ruling == book.explain(reader, card, when, presence).ruling == fresh.ruling
        assert ruling.reason
        # The last step that has an opinion is the one that decided.
        decided = [step for step in fresh.steps if step.passed is not None]
        if ruling.rule:
            assert decided[-1].check == f"rule {ruling.rule}"
            assert decided[-1].passed is True
        elif ruling.why is not Why.NO_RULE:
            assert (decided[-1].passed, decided[-1].text) == (False, ruling.reason)
        if ruling.holder_id:
            holder = data.holders[ruling.holder_id]
            passage = data.passages.get(reader, Passage(reader=reader))
            found = [each.rule.name for each in book.policy.applicable(passage, holder)]
            assert found == first_match(data, reader, holder)
        presence.entered(
            badge(number, reader, card, when, accepted=ruling.verdict is OK, holder_id=ruling.holder_id,
                  enters=ruling.enters, leaves=ruling.leaves).decision
        )  # fmt: skip


def test_ten_thousands_of_unknown_cards_leave_nothing_behind() -> None:
    data = plant()
    book, presence = Rulebook(data), PresenceBook(data.zones)
    dice = random.Random(4)
    for number in range(20_000):
        ruling = book.decide(f"forged {number}", f"{dice.getrandbits(128):032x}", at(NOON), presence)
        assert ruling.why is Why.UNKNOWN_CARD
        presence.entered(badge(number, "gate in", UNKNOWN, at(NOON), accepted=False).decision)
    assert vars(book.policy)["_places"] == {}
    assert presence.all(at(NOON)) == []


def test_known_cards_at_unknown_readers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.access.policy.ACCESS_RULE_CACHE", 10)
    data = plant()
    book, presence = Rulebook(data), PresenceBook(data.zones)
    for number in range(50):
        assert book.decide(f"forged {number}", ADA, at(NOON), presence).why is Why.NO_RULE
        assert book.decide("gate in", ADA, at(NOON), presence).verdict is OK
    assert len(vars(book.policy)["_places"]) == 10


def test_what_is_still_true_is_not_compiled_again() -> None:
    data = plant()
    book = Rulebook(data)
    same = AccessData(2, data.holders, {}, *(getattr(data, name) for name in AccessData.__slots__[3:]))
    assert Rulebook(same, before=book).policy is book.policy
    assert Rulebook(plant(), before=book).policy is not book.policy
