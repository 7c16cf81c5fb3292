"""Changes of access data: all or nothing, and every fault in a sentence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from plantgate.access.edit import ORDER_KEY, Row, edit
from plantgate.errors import ConfigError
from plantgate.limits import ACCESS_FAULTS, ACCESS_LIST
from plantgate.model.access import (
    AccessChange,
    AccessItem,
    AccessKind,
    Calendar,
    Card,
    Group,
    Holder,
    Holiday,
    Hours,
    Lockdown,
    Passage,
    Put,
    Remove,
    ReplaceRules,
    Rule,
    Schedule,
    Zone,
)
from tests.access.plant import ADA, READERS, RULES, plant

DATA = plant()
NEW = "e" * 32


def fault(*changes: AccessChange) -> str:
    with pytest.raises(ConfigError, match="ACC-210") as caught:
        edit(DATA, changes, READERS)
    return caught.value.message


def test_a_change_makes_a_new_version_and_leaves_the_old() -> None:
    holder = Holder(id="21", name="New")
    done = edit(DATA, [Put(holder), Put(Card(id=NEW, last4="EEEE", holder="21"))], READERS)
    assert (done.data.revision, DATA.revision) == (2, 1)
    assert done.data.holders["21"] is holder
    assert "21" not in DATA.holders
    assert done.data.zones is DATA.zones  # untouched kinds are not copied
    assert done.rows[0] == Row(AccessKind.HOLDERS, "21", None, holder)


def test_what_changes_nothing_is_no_change() -> None:
    done = edit(DATA, [Put(DATA.holders["17"]), ReplaceRules(RULES)], READERS)
    assert (done.data, done.rows) == (DATA, ())
    there_and_back = edit(DATA, [Put(Group(name="G")), Remove(AccessKind.GROUPS, "G")], READERS)
    assert (there_and_back.data, there_and_back.rows) == (DATA, ())


def test_rules_are_recorded_one_by_one_and_their_order_apart() -> None:
    changed = (replace(RULES[0], note="new"), RULES[2], RULES[1], *RULES[3:-1])
    done = edit(DATA, [ReplaceRules(changed)], READERS)
    assert {(row.key, row.before is None, row.after is None) for row in done.rows} == {
        ("Everybody in the yard", False, False),
        ("Old rule", False, True),
        (ORDER_KEY, False, False),
    }
    order = next(row for row in done.rows if row.key == ORDER_KEY)
    assert order.after == tuple(rule.name for rule in changed)
    assert done.data.rules == changed


def test_a_rule_can_be_removed_by_its_name() -> None:
    assert edit(DATA, [Remove(AccessKind.RULES, "Fire")], READERS).data.rules == tuple(
        rule for rule in RULES if rule.name != "Fire"
    )


LONG = "x" * 200


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (Holder(id="", name="Nobody"), "holders.: the id is from 1 to 100 printable characters"),
        (Holder(id="9", name=" Ada"), "holders.9: the name is from 1 to 100 printable characters"),
        (Holder(id="9", name="A\x1bB"), "holders.9: the name is from 1 to 100 printable characters"),
        (Holder(id="9", name=LONG), "holders.9: the name is from 1 to 100 printable characters"),
        (Holder(id="*", name="All"), 'holders.*: the id can\'t be "*"'),
        (Holder(id="9", name="A", groups=("Shift B",)),
         'holders.9: there is no group Shift B; the nearest valid one is "Shift A"'),
        (Holder(id="9", name="A", valid_from=5, valid_until=5), "holders.9: it ends before it begins"),
        (Holder(id="9", name="A", valid_until=1 << 62), "holders.9: a date is from 1970 to 9998"),
        (Holder(id="9", name="A", note="x" * 1_001), "holders.9: 1,001 characters are more than the 1,000"),
        (Holder(id="9", name="A", note="\ud800"), "holders.9: it has characters that can't be shown"),
        (Card(id="04A1B2C3", last4="B2C3", holder="17"), "cards.…B2C3: its id is not the keyed hash of a card"),
        (Card(id=NEW, last4="04A1B2C3", holder="17"), "last4 is at most four printable characters"),
        (Card(id=NEW, last4="EEEE", holder="99"), "cards.…EEEE: there is no holder 99"),
        (Group(name="A|B"), "separates groups in a CSV file"),
        (Group(name="shift a"), "groups: Shift A and shift a differ in upper and lower case only"),
        (Zone(name="Z", reset_after=0.0), "zones.Z: reset_after is from 1 second to 366 days"),
        (Zone(name="Z", reset_after=float("nan")), "zones.Z: reset_after is from 1 second to 366 days"),
        (Zone(name="Z", limit=-1), "zones.Z: the limit of people can't be below 0"),
        (Passage(reader="gate on", enters="Yard"), "passages.gate on: there is no reader gate on"),
        (Passage(reader="machine", enters="Yrd"), 'there is no zone Yrd; the nearest valid one is "Yard"'),
        (Passage(reader="machine", enters="Yard", leaves="Yard"), "passages.machine: it enters what it leaves (Yard)"),
        (Passage(reader="machine"), "passages.machine: it enters what it leaves (outside)"),
        (Calendar(name="C", holidays=(Holiday(date="2026-02-29"),)), "calendars.C: '2026-02-29' is not a date"),
        (Calendar(name="C", holidays=(Holiday(date="2026-W01-1"),)), "calendars.C: '2026-W01-1' is not a date"),
        (Schedule(name="S", time_zone="Europe/Atlantis"), "schedules.S: time zone 'Europe/Atlantis' is not known"),
        (Schedule(name="S", time_zone="UTC", calendar="Bavaria"), "schedules.S: there is no calendar Bavaria"),
        (Schedule(name="S", time_zone="UTC", on_holidays=(Hours(days=(1,), start=0, end=5),)), "need a calendar"),
        (Schedule(name="S", time_zone="UTC", week=(Hours(days=(), start=0, end=5),)), "at least one and each once"),
        (Schedule(name="S", time_zone="UTC", week=(Hours(days=(7,), start=0, end=5),)), "0 (Monday) to 6 (Sunday)"),
        (Schedule(name="S", time_zone="UTC", week=(Hours(days=(1,), start=1_440, end=5),)), "from 00:00 to 24:00"),
        (Lockdown(zone="Hall 4", since=0, by="a"), 'lockdowns.Hall 4: there is no zone Hall 4; the nearest'),
    ],
)  # fmt: skip
def test_an_item_that_is_wrong(item: AccessItem, says: str) -> None:
    assert says in fault(Put(item))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Rule(name="R", zones=("Yard",)), "rules.R: it is for nobody"),
        (Rule(name="R", groups=("*",)), "rules.R: it is for no place"),
        (Rule(name="R", groups=("Office", "Shft A"), zones=("Yard",)),
         'rules.R: there is no group Shft A; the nearest valid one is "Shift A"'),
        (Rule(name="R", holders=("99",), zones=("Yard",)), "rules.R: there is no holder 99"),
        (Rule(name="R", groups=("*",), readers=("hall 4",)), "rules.R: there is no reader hall 4"),
        (Rule(name="R", groups=("*",), zones=("Hall 4",)), "rules.R: there is no zone Hall 4"),
        (Rule(name="R", groups=("*",), zones=("Yard",), schedule="Late"), "rules.R: there is no schedule Late"),
        (Rule(name="R", groups=("*",), readers=("machine",) * (ACCESS_LIST + 1)), "1,001 readers are more than"),
        (RULES[0], "rules: more than one is called Everybody in the yard"),
    ],
)  # fmt: skip
def test_a_rule_that_is_wrong(rule: Rule, says: str) -> None:
    assert says in fault(ReplaceRules((*RULES, rule)))


@pytest.mark.parametrize(
    ("kind", "key", "says"),
    [
        (AccessKind.HOLDERS, "17",
         "holders.17 is still used by cards: …AAAA; holders.17 is still used by rules: Strong room"),
        (AccessKind.GROUPS, "Shift A", "groups.Shift A is still used by holders: Ada Lovelace, Grace Hopper; "),
        (AccessKind.ZONES, "Hall 3", "zones.Hall 3 is still used by passages: hall 3, hall 3 out, strong room; "),
        (AccessKind.CALENDARS, "Saxony", "calendars.Saxony is still used by schedules: Early"),
        (AccessKind.SCHEDULES, "Early", "schedules.Early is still used by rules: Early shift"),
        (AccessKind.CARDS, NEW, f"cards.{NEW}: there is none that could be removed"),
        (AccessKind.LOCKDOWNS, "*", "lockdowns.*: there is none that could be removed"),
        (AccessKind.RULES, "No rule", "rules.No rule: there is none that could be removed"),
    ],
)  # fmt: skip
def test_what_can_t_be_removed(kind: AccessKind, key: str, says: str) -> None:
    assert says in fault(Remove(kind, key))


def test_what_is_removed_together_with_its_users_goes() -> None:
    data = edit(DATA, [Remove(AccessKind.CARDS, ADA), ReplaceRules(()), Remove(AccessKind.HOLDERS, "17")], READERS).data
    assert "17" not in data.holders
    assert ADA not in data.cards


def test_every_fault_is_told_up_to_a_bound() -> None:
    text = fault(*(Put(Card(id=NEW, last4="1", holder=f"{n}")) for n in (1, 2)), Put(Holder(id="8", name="")))
    assert text == (
        "cards.…1: there is no holder 2; "
        "holders.8: the name is from 1 to 100 printable characters without blanks around them"
    )
    many = fault(*(Put(Card(id=f"{number:032x}", last4="1", holder="none")) for number in range(5_000)))
    assert many.count("; ") == ACCESS_FAULTS
    assert many.endswith("; and more")


def test_a_reader_that_is_gone_does_not_stand_in_the_way_of_other_changes() -> None:
    fewer = READERS - {"strong room"}
    assert edit(DATA, [Put(Group(name="G"))], fewer).data.revision == 2
    kept = (*RULES, Rule(name="New", groups=("*",), zones=("Yard",)))
    assert edit(DATA, [ReplaceRules(kept)], fewer).data.rules == kept
    with pytest.raises(ConfigError, match="no reader strong room"):
        edit(DATA, [ReplaceRules((replace(RULES[4], note="touched"),))], fewer)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    from plantgate.access import faults

    monkeypatch.setitem(vars(faults)["_BY_KEY"], AccessKind.CARDS, 4)
    assert "cards: 5 are more than the 4 that a gateway keeps" in fault(Put(Card(id=NEW, last4="E", holder="17")))
