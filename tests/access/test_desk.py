"""The desk: changes from people, decisions for doors, and disks that fail in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from plantgate.access import cardkey, desk, store
from plantgate.access.cardkey import last4
from plantgate.access.desk import Desk
from plantgate.config.document import Card as CardEntry
from plantgate.errors import ConfigError, Overload, Refused, StorageError
from plantgate.model.access import (
    AccessData,
    AccessKind,
    Card,
    Effect,
    Group,
    Holder,
    Lockdown,
    Passage,
    Put,
    Remove,
    ReplaceRules,
    Rule,
    Why,
    Zone,
)
from plantgate.model.badge import AccessDecision, AccessVerdict, JournalEntry
from plantgate.model.command import Origin
from plantgate.model.journal import EVERY_ENTRY, JournalFilter
from plantgate.model.seams import AccessDesk
from plantgate.model.status import Health
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import ManualClock
from tests.access.conftest import FakeJournal
from tests.access.plant import BERLIN, ITEMS, READERS, RULES, badge
from tests.conftest import Eventually

ADA = Origin("ada", "10.0.0.7", may_write=True)
GUEST = Origin("guest")
UID = "04A1B2C3"
OK, NO = AccessVerdict.ACCEPTED, AccessVerdict.DENIED
FILE_CARD = CardEntry(uid="04FFFFFF", holder="Guard", readers=("*",))


class Journal(FakeJournal):
    """A journal whose past a test writes down."""

    def __init__(self, past: Sequence[JournalEntry] = ()) -> None:
        super().__init__([])
        self.past = list(past)
        self.reads = 0
        self.fails = False

    async def newest(
        self, limit: int, before: int | None = None, wanted: JournalFilter = EVERY_ENTRY
    ) -> Sequence[JournalEntry]:
        self.reads += 1
        if self.fails:
            raise StorageError("HI-119", "the journal can't be read")
        older = [entry for entry in reversed(self.past) if before is None or entry.id < before]
        return older[:limit]


class Switch:
    """A disk that can be switched off: whoever commits or opens is told that it is full."""

    def __init__(self) -> None:
        self.off = False

    def connect(self, path: Path) -> sqlite3.Connection:
        switch = self
        if switch.off:
            raise self.error()

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
                if switch.off and sql.startswith("COMMIT"):
                    raise switch.error()
                return super().execute(sql, *arguments)

        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
        connection.execute("PRAGMA journal_mode=WAL")
        return connection

    @staticmethod
    def error() -> sqlite3.OperationalError:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        return error


@contextlib.asynccontextmanager
async def opened(
    folder: Path,
    clock: ManualClock,
    journal: Journal | None = None,
    *,
    connect: sqlite_file.Connect = sqlite_file.connect,
    accept_without_data: bool = False,
    cards: Sequence[CardEntry] = (FILE_CARD,),
) -> AsyncIterator[Desk]:
    found = Desk(
        folder, clock, journal or Journal(), cards=cards, readers=READERS, zone=BERLIN, connect=connect,
        accept_without_data=accept_without_data,
    )  # fmt: skip
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


async def furnish(found: Desk) -> AccessData:
    """The plant of the other tests, and a card of Ada's that a reader can tell."""
    card = Card(id=found.card_id(UID), last4=last4(UID), holder="17")
    return await found.apply([*(Put(item) for item in ITEMS), Put(card), ReplaceRules(RULES)], ADA)


def accepted(found: Desk, reader: str, when: int, uid: str = UID) -> AccessDecision:
    """Badge, be let in, and be inside, as the control does it."""
    ruling = found.rule(reader, uid, when)
    assert ruling.verdict is OK, ruling.reason
    entry = badge(1, reader, ruling.card, when, holder_id=ruling.holder_id, enters=ruling.enters, leaves=ruling.leaves)
    found.entered(entry.decision)
    return entry.decision


def implements(found: Desk) -> AccessDesk:
    return found


async def test_a_change_is_in_force_and_on_disk_when_the_call_returns(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        assert found.rule("gate in", UID, clock.wall()).why is Why.UNKNOWN_CARD
        data = await furnish(found)
        assert data is found.data()
        assert data.revision == 1
        on_disk = store.read(tmp_path / "state" / store.FILE_NAME).data
        assert on_disk.cards == data.cards
        assert found.rule("gate in", UID, clock.wall()).verdict is OK
        assert implements(found).explain("gate in", found.card_id(UID), clock.wall()).ruling.holder == "Ada Lovelace"
    async with opened(tmp_path, clock) as again:
        assert again.data().rules == RULES
        assert again.rule("gate in", "04:a1:b2:c3", clock.wall()).verdict is OK
        assert again.rule("machine", "04FFFFFF", clock.wall()).rule == "plantgate.toml"


async def test_faults_change_nothing(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        with pytest.raises(ConfigError, match=r"no holder 9.*no group B"):
            await found.apply(
                [Put(Card(id="a" * 32, last4="A", holder="9")), Put(Holder(id="1", name="X", groups=("B",)))], ADA
            )
        assert found.data().revision == 0


async def test_only_who_may_changes(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        for attempt in (
            found.apply([Put(Group(name="G"))], GUEST),
            found.forgive("17", GUEST),
            found.import_csv(b"", GUEST),
        ):
            with pytest.raises(Refused, match="guest may look at access data but not change it"):
                await attempt


async def test_two_people_do_not_overwrite_each_other(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        results = await asyncio.gather(
            *(found.apply([Put(Group(name=f"G{number}"))], ADA, revision=0) for number in range(3)),
            return_exceptions=True,
        )
        assert [getattr(result, "code", "done") for result in results] == ["done", "ACC-202", "ACC-202"]
        assert set(found.data().groups) == {"G0"}
        with pytest.raises(Refused, match="ACC-202"):
            await found.import_csv(b"card,holder_id\n", ADA, revision=0)


async def test_a_caller_that_goes_away_leaves_memory_and_disk_the_same(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await found.apply([Put(Group(name="G"))], ADA)
        await found.apply([Put(Group(name="H"))], ADA)
        assert store.read(tmp_path / "state" / store.FILE_NAME).data.groups == found.data().groups


async def test_too_many_changes_at_once_are_told(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "ACCESS_CHANGES_WAITING", 3)
    async with opened(tmp_path, clock) as found:
        changes = (found.apply([Put(Group(name=f"G{number}"))], ADA) for number in range(10))
        results = await asyncio.gather(*changes, return_exceptions=True)
        assert sum(isinstance(result, Overload) for result in results) == 7
        assert len(found.data().groups) == 3


async def test_watchers_hear_of_data_and_presences(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        heard: list[tuple[int, int]] = []
        found.watch(lambda: heard.append((found.data().revision, found.presence_revision)))
        await furnish(found)
        decision = accepted(found, "gate in", clock.wall())
        found.not_entered(decision)
        found.entered(badge(1, "gate in", "", 5, accepted=False).decision)  # nothing happened
        assert heard == [(1, 0), (1, 1), (1, 2)]


async def test_the_audit_trail_names_who_and_what_but_no_card(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        caplog.clear()
        card = found.data().cards[found.card_id(UID)]
        new = Holder(id="40", name="New")
        await found.apply(
            [Put(Card(id=card.id, last4=card.last4, holder="18", enabled=False)), Put(new), ReplaceRules(RULES[1:])],
            ADA,
        )
        await found.forgive("17", ADA)
        lines = [line for line in caplog.text.splitlines() if " audit:" in line]
        text = "\n".join(lines)
        for said in (
            "cards …B2C3 of 18 changed: holder, enabled",
            "holders 40 added",
            "rules Everybody in the yard removed",
            "rules order changed",
            "presence of 17 forgiven",
        ):
            assert said in text
        assert all("actor=ada address=10.0.0.7" in line for line in lines)
        assert UID not in caplog.text
        assert card.id not in caplog.text
        await found.apply([Put(Group(name=f"G{number}")) for number in range(60)], ADA)
        assert "and more: 10 groups added" in caplog.text


async def test_who_changed_what(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await found.apply([Put(Group(name="G"))], ADA)
        await found.apply([Remove(AccessKind.GROUPS, "G")], ADA)
        newest, oldest = await found.changes(10)
        assert (newest.who, newest.revision, newest.before, newest.after) == ("ada", 2, Group(name="G"), None)
        assert (oldest.at, oldest.before, oldest.after) == (clock.wall(), None, Group(name="G"))


# --- presence ---------------------------------------------------------------------------------------------


async def test_who_is_inside_is_found_again_and_a_pardon_holds(tmp_path: Path, clock: ManualClock) -> None:
    now = clock.wall()
    past = [
        badge(1, "gate in", "a" * 32, now - 20 * 3_600_000_000, holder_id="19", enters="Yard"),  # too long ago
        badge(2, "gate in", "a" * 32, now - 3_000_000, holder_id="17", enters="Yard"),
        badge(3, "gate in", "a" * 32, now - 2_000_000, holder_id="18", enters="Yard"),
        badge(4, "hall 3", "a" * 32, now - 1_000_000, holder_id="18", enters="Hall 3", leaves="Yard"),
    ]
    async with opened(tmp_path, clock) as found:
        await furnish(found)
    async with opened(tmp_path, clock, Journal(past)) as found:
        assert [(each.holder_id, each.zone) for each in found.presences()] == [("18", "Hall 3"), ("17", "Yard")]
        await found.forgive("18", ADA)
        assert [each.holder_id for each in found.presences()] == ["17"]
        with pytest.raises(Refused, match="there is no holder 99"):
            await found.forgive("99", ADA)
        await found.forgive("Guard", ADA)  # one of plantgate.toml
    async with opened(tmp_path, clock, Journal(past)) as found:
        assert [each.holder_id for each in found.presences()] == ["17"]


async def test_the_past_is_read_in_pages_and_not_beyond_what_counts(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plantgate.access import past

    async with opened(tmp_path, clock) as found:
        await furnish(found)
    monkeypatch.setattr(past, "_PAGE", 10)
    day = 86_400_000_000
    old = [badge(n, "gate in", "", clock.wall() - day, holder_id="17", enters="Yard") for n in range(1, 101)]
    new = [badge(n, "gate in", "", clock.wall() - 1, holder_id=f"h{n}", enters="Yard") for n in range(101, 126)]
    journal = Journal([*old, *new])
    async with opened(tmp_path, clock, journal) as found:
        assert len(found.presences()) == 25
        assert journal.reads == 3
    journal.fails = True
    async with opened(tmp_path, clock, journal) as found:
        assert found.presences() == []


async def test_who_is_removed_is_nowhere(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        accepted(found, "gate in", clock.wall())
        card = next(key for key, card in found.data().cards.items() if card.last4 == "AAAA")
        rules = tuple(rule for rule in RULES if "17" not in rule.holders)
        gone = [card, found.card_id(UID)]
        await found.apply(
            [ReplaceRules(rules), *(Remove(AccessKind.CARDS, key) for key in gone), Remove(AccessKind.HOLDERS, "17")],
            ADA,
        )
        assert found.presences() == []


async def test_anti_passback_at_the_desk(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        decision = accepted(found, "strong room", clock.wall())
        assert found.rule("strong room", UID, clock.wall()).why is Why.ANTI_PASSBACK
        found.not_entered(decision)  # the door stayed shut: badging again is no passback
        accepted(found, "strong room", clock.wall())
        await found.forgive("17", ADA)
        accepted(found, "strong room", clock.wall())


# --- asking -----------------------------------------------------------------------------------------------


async def test_an_unknown_card_is_enrolled_from_the_feed(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        ruling = found.rule("gate in", "04DDDDDD", clock.wall())
        assert ruling.why is Why.UNKNOWN_CARD
        event = badge(7, "gate in", ruling.card, clock.wall(), accepted=False, holder_id="")
        put = found.enrol(event, "19", "visitor badge")
        assert isinstance(put.item, Card)
        assert (put.item.id, put.item.holder, put.item.label) == (found.card_id("04DDDDDD"), "19", "visitor badge")
        await found.apply([put], ADA)
        assert found.rule("gate in", "04DDDDDD", clock.wall()).verdict is OK
        with pytest.raises(Refused, match="belongs to 19 already"):
            found.enrol(event, "18")
        with pytest.raises(Refused, match="badge event 8 has no card"):
            found.enrol(badge(8, "gate in", "", 0), "18")


@pytest.mark.parametrize("when", [-1, 0, 1 << 62, 1 << 90])
async def test_a_time_that_no_calendar_shows_is_refused(tmp_path: Path, clock: ManualClock, when: int) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        with pytest.raises(Refused, match="ACC-209"):
            found.explain("hall 3", found.card_id(UID), when)


async def test_what_if(tmp_path: Path, clock: ManualClock) -> None:
    journal = Journal()
    async with opened(tmp_path, clock, journal) as found:
        await furnish(found)
        card, now = found.card_id(UID), clock.wall()
        journal.past = [badge(number, "gate in", card, now - 100 + number) for number in range(1, 21)]
        ban = Rule(name="Ban", effect=Effect.DENY, holders=("17",), readers=("*",))
        result = await found.what_if([ban, *RULES], now - 90)
        assert (result.events, result.count) == (11, 11)
        assert result.changed[0].event == 10
        assert found.data().rules == RULES
        with pytest.raises(ConfigError, match="no group B"):
            await found.what_if([Rule(name="R", groups=("B",), readers=("*",))], 0)


async def test_cards_go_out_to_a_file_and_come_back(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        text = await found.export_csv()
        assert UID not in text
        assert (await found.import_csv(text.encode(), ADA)).unchanged == 5
        assert found.data().revision == 1
        more = b"card,holder_id,holder,groups\n04E1E2E3,50,Eve,Visitors\n"
        dry = await found.import_csv(more, ADA, create=True, dry_run=True)
        assert (dry.new_cards, dry.new_holders, dry.new_groups, dry.revision) == (1, 1, 1, 1)
        assert "50" not in found.data().holders
        bad = await found.import_csv(more, ADA)
        assert [(row.line, row.column) for row in bad.bad] == [(2, "holder_id")]
        done = await found.import_csv(more, ADA, create=True)
        assert (done.new_cards, done.revision) == (1, 2)
        assert found.rule("gate in", "04E1E2E3", clock.wall()).verdict is OK


# --- trouble ----------------------------------------------------------------------------------------------


async def test_a_disk_that_takes_nothing_keeps_what_was(
    tmp_path: Path, clock: ManualClock, eventually: Eventually
) -> None:
    switch = Switch()
    async with opened(tmp_path, clock, connect=switch.connect) as found:
        await furnish(found)
        switch.off = True
        with pytest.raises(StorageError, match="HI-110"):
            await found.apply([Put(Group(name="G"))], ADA)
        assert "G" not in found.data().groups
        assert found.rule("gate in", UID, clock.wall()).verdict is OK  # no door waits for a disk
        (tile,) = found.status()
        assert (tile.health, tile.state) == (Health.FAILED, "waiting for the disk")
        assert tile.next_step == "free space on the disk of the data directory"
        switch.off = False
        await eventually(lambda: clock.sleepers)
        await clock.advance(5)
        await eventually(lambda: found.status()[0].health is Health.OK)


async def test_a_lockdown_does_not_wait_for_a_disk(tmp_path: Path, clock: ManualClock, eventually: Eventually) -> None:
    switch = Switch()
    async with opened(tmp_path, clock, connect=switch.connect) as found:
        await furnish(found)
        switch.off = True
        lockdown = Put(Lockdown(zone="*", since=clock.wall(), by="ada", reason="gas"))
        with pytest.raises(StorageError, match="it is in force now, but a restart would forget it"):
            await found.apply([lockdown], ADA)
        assert found.rule("gate in", UID, clock.wall()).why is Why.LOCKDOWN
        switch.off = False
        await eventually(lambda: clock.sleepers)
        await clock.advance(5)
        await eventually(lambda: found.status()[0].health is Health.OK)
        assert "*" in store.read(tmp_path / "state" / store.FILE_NAME).data.lockdowns
        await found.apply([Remove(AccessKind.LOCKDOWNS, "*")], ADA)
        assert found.rule("gate in", UID, clock.wall()).verdict is OK
        with pytest.raises(ConfigError, match="there is none that could be removed"):
            await found.apply([Remove(AccessKind.LOCKDOWNS, "*")], ADA)


async def test_a_pardon_that_can_t_be_stored_holds_until_the_restart(
    tmp_path: Path, clock: ManualClock, eventually: Eventually
) -> None:
    switch = Switch()
    async with opened(tmp_path, clock, connect=switch.connect) as found:
        await furnish(found)
        accepted(found, "strong room", clock.wall())
        switch.off = True
        for _ in range(3):
            with pytest.raises(StorageError, match="HI-110"):
                await found.forgive("17", ADA)
        assert found.presences() == []
        assert len(vars(found)["_tasks"]) == 2  # the writer, and one that heals
        switch.off = False
        await eventually(lambda: clock.sleepers)
        await clock.advance(5)
        await eventually(lambda: found.status()[0].health is Health.OK)


async def test_what_only_memory_has_is_written_at_the_stop(tmp_path: Path, clock: ManualClock) -> None:
    switch = Switch()
    async with opened(tmp_path, clock, connect=switch.connect) as found:
        await furnish(found)
        switch.off = True
        with pytest.raises(StorageError):
            await found.apply([Put(Lockdown(zone="*", since=0, by="ada"))], ADA)
        switch.off = False
    assert "*" in store.read(tmp_path / "state" / store.FILE_NAME).data.lockdowns


@pytest.mark.parametrize(("accept", "verdict"), [(False, NO), (True, OK)])
async def test_data_that_can_t_be_read_decides_as_configured_until_it_can(
    tmp_path: Path, clock: ManualClock, eventually: Eventually, accept: bool, verdict: AccessVerdict
) -> None:
    switch = Switch()
    async with opened(tmp_path, clock) as found:
        await furnish(found)
    switch.off = True
    async with opened(tmp_path, clock, connect=switch.connect, accept_without_data=accept) as found:
        ruling = found.rule("gate in", UID, clock.wall())
        assert (ruling.verdict, ruling.why) == (verdict, Why.NO_DATA)
        assert "the disk is full" in ruling.reason
        # Also for cards of the file: what is stored may say otherwise, and a lockdown may be in force.
        assert found.rule("gate in", "04FFFFFF", clock.wall()).why is Why.NO_DATA
        assert found.status()[0].health is Health.FAILED
        with pytest.raises(StorageError, match="HI-110"):
            await found.apply([Put(Group(name="G"))], ADA)
        with pytest.raises(StorageError, match="HI-110"):
            found.card_id(UID)
        switch.off = False
        await clock.advance(5)
        await eventually(lambda: found.status()[0].health is Health.OK)
        assert found.rule("gate in", UID, clock.wall()).why is Why.RULE


async def test_a_new_installation_on_a_full_disk_knows_the_cards_of_its_file(
    tmp_path: Path, clock: ManualClock, eventually: Eventually
) -> None:
    (tmp_path / "state").write_text("not a folder")
    async with opened(tmp_path, clock) as found:
        assert found.rule("machine", "04FFFFFF", clock.wall()).verdict is OK
        assert found.rule("machine", UID, clock.wall()).why is Why.UNKNOWN_CARD
        assert found.status()[0].health is Health.FAILED
        with pytest.raises(StorageError):
            await found.apply([Put(Group(name="G"))], ADA)
        (tmp_path / "state").unlink()
        await clock.advance(5)
        await eventually(lambda: found.status()[0].health is Health.OK)
        await furnish(found)
        assert found.rule("machine", "04FFFFFF", clock.wall()).verdict is OK
    async with opened(tmp_path, clock) as found:
        assert found.rule("gate in", UID, clock.wall()).verdict is OK


def lose(folder: Path) -> None:
    cardkey.path_of(folder).unlink()


def swap(folder: Path) -> None:
    cardkey.path_of(folder).write_text("ab" * 32 + "\n")


def spoil(folder: Path) -> None:
    cardkey.path_of(folder).write_text("oops")


@pytest.mark.parametrize(("accident", "code"), [(lose, "ACC-113"), (swap, "ACC-114"), (spoil, "ACC-111")])
async def test_a_key_that_does_not_fit_the_cards_is_said_and_nothing_is_made_up(
    tmp_path: Path, clock: ManualClock, accident: Callable[[Path], None], code: str
) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
    accident(tmp_path)
    before = cardkey.path_of(tmp_path).read_text() if cardkey.path_of(tmp_path).exists() else None
    async with opened(tmp_path, clock) as found:
        ruling = found.rule("gate in", UID, clock.wall())
        assert (ruling.verdict, ruling.why) == (NO, Why.NO_DATA)
        (tile,) = found.status()
        assert "access.key" in tile.reason
        assert "backup" in tile.next_step
        with pytest.raises(StorageError, match=code):
            await found.apply([Put(Group(name="G"))], ADA)
        with pytest.raises(StorageError, match=code):
            await found.export_csv()
    assert (cardkey.path_of(tmp_path).read_text() if cardkey.path_of(tmp_path).exists() else None) == before


async def test_a_lost_key_without_cards_is_made_anew(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await found.apply([Put(Group(name="G"))], ADA)
    lose(tmp_path)
    async with opened(tmp_path, clock) as found:
        await furnish(found)
    async with opened(tmp_path, clock) as found:
        assert found.rule("gate in", UID, clock.wall()).verdict is OK


async def test_damaged_data_deny_until_somebody_takes_charge(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
    (tmp_path / "state" / store.FILE_NAME).write_bytes(b"damaged!" * 1_000)
    for _ in range(2):
        async with opened(tmp_path, clock) as found:
            assert found.rule("gate in", "04FFFFFF", clock.wall()).why is Why.NO_DATA
            (tile,) = found.status()
            assert (tile.health, tile.state) == (Health.FAILED, "lost")
            assert "access.corrupt." in tile.reason
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        assert found.rule("gate in", UID, clock.wall()).verdict is OK
        assert found.status()[0].health is Health.OK


async def test_after_the_stop_nothing_is_changed(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        pass
    with pytest.raises(StorageError, match="ACC-203"):
        await found.apply([Put(Group(name="G"))], ADA)


async def test_the_tile_counts(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        await furnish(found)
        accepted(found, "gate in", clock.wall())
        (tile,) = found.status()
        assert (tile.kind, tile.name, tile.health, tile.state) == ("store", "access data", Health.OK, "in force")
        assert tile.details == {"revision": 1, "holders": 4, "cards": 5, "rules": 7, "inside": 1}


async def test_zones_that_change_take_their_people_along(tmp_path: Path, clock: ManualClock) -> None:
    async with opened(tmp_path, clock) as found:
        zone, passage = Zone(name="Z"), Passage(reader="machine", enters="Z")
        rule = Rule(name="R", groups=("*",), readers=("*",))
        await found.apply([Put(zone), Put(passage), ReplaceRules((rule,))], ADA)
        accepted(found, "machine", clock.wall(), "04FFFFFF")
        assert [each.holder for each in found.presences()] == ["Holder Guard"]
        await found.apply([Remove(AccessKind.PASSAGES, "machine"), Remove(AccessKind.ZONES, "Z")], ADA)
        assert found.presences() == []
