from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from plantgate.access import control as control_module
from plantgate.access.cardkey import CardKey
from plantgate.access.control import AccessControl
from plantgate.access.decide import NoData, Rulebook
from plantgate.access.door import Door, DoorSettings
from plantgate.access.permits import Permits, PermitSettings
from plantgate.access.presence import PresenceBook
from plantgate.limits import ACCESS_ANSWERS
from plantgate.model.access import AccessData, AntiPassback, Card, Holder, Passage, Rule, Ruling, Zone
from plantgate.model.badge import AccessDecision, AccessVerdict, BadgeRead, Move
from plantgate.model.command import DONE, Origin, Outcome, ReaderAction, SignalReader, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.status import Health
from plantgate.model.value import Batch
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from tests.access.conftest import FakeGate, FakeJournal, FakePage

ADA, STRANGER = "04A1B2C3", "04DEAD00"
STRIKE = 17
NO_PLC = Verdict(Outcome.FAILED, "MB-101", "PLC1 does not answer")


KEY = CardKey(b"a key of thirty-two bytes length")
HALL = Zone(name="Hall", anti_passback=AntiPassback.HARD)


def data_of(*, zones: tuple[Zone, ...] = ()) -> AccessData:
    """Ada may pass at the entrance and at the desk; with zones the entrance leads into them and the exit out again."""
    card = Card(id=KEY.card_id(ADA), last4="B2C3", holder="P1")
    passages = [
        passage
        for zone in zones
        for passage in (Passage(reader="entrance", enters=zone.name), Passage(reader="exit", leaves=zone.name))
    ]
    return AccessData(
        holders={"P1": Holder(id="P1", name="Ada", groups=("setters",))},
        cards={card.id: card},
        zones={zone.name: zone for zone in zones},
        passages={passage.reader: passage for passage in passages},
        rules=(Rule(name="Staff", groups=("*",), readers=("entrance", "desk", "exit")),),
    )


class Judge:
    """What the desk does for decisions."""

    def __init__(self, data: AccessData) -> None:
        self.presence = PresenceBook()
        self.use(data)

    def use(self, data: AccessData, no_data: NoData | None = None) -> None:
        self.rulebook = Rulebook(data, no_data=no_data)
        self.presence.use(data.zones)

    def rule(self, reader: str, credential: str, at: int) -> Ruling:
        return self.rulebook.decide(reader, KEY.card_id(credential), at, self.presence)

    def entered(self, decision: AccessDecision) -> None:
        self.presence.entered(decision)

    def not_entered(self, decision: AccessDecision) -> None:
        self.presence.not_entered(decision)


@dataclass
class Site:
    control: AccessControl
    clock: ManualClock
    tasks: TaskGroup
    judge: Judge

    @property
    def inside(self) -> list[str]:
        return [presence.zone for presence in self.judge.presence.all(self.clock.wall())]

    def badge(self, uid: str, reader: str = "entrance", move: Move = Move.READ, age_us: int = 0) -> None:
        received = self.clock.mono_ns() - age_us * 1_000
        self.control.badge(BadgeRead(reader, uid, "", "NFC", "ISO14443A", move, self.clock.wall(), received, uid))

    async def settle(self) -> None:
        """Also the moment is over in which decisions are collected after the last ones were stored."""
        await self.clock.advance(0.02)


@pytest_asyncio.fixture
async def site(gate: FakeGate, journal: FakeJournal, page: FakePage, clock: ManualClock) -> AsyncIterator[Site]:
    door = Door(DoorSettings("Main", "[default]Strike", 3.0), gate, clock)
    tasks = TaskGroup("access", clock)
    judge = Judge(data_of())
    control = AccessControl(judge, {"entrance": door}, {STRIKE: door}, gate, journal, [page], clock, tasks)
    control.start()
    await clock.advance(0)
    yield Site(control, clock, tasks, judge)
    await tasks.stop()


async def test_an_accept_replies_then_opens_then_is_journaled_then_shown(
    site: Site, gate: FakeGate, journal: FakeJournal, order: list[str]
) -> None:
    at = site.clock.wall()
    site.badge(ADA, age_us=1_500)
    await site.settle()
    assert order == ["reply", "strike", "journal", "page"]
    assert [command for _, command in gate.log] == [
        SignalReader("entrance", ReaderAction.ACCEPT),
        WriteTag("[default]Strike", True),
    ]
    assert all(origin.may_write and origin.actor == "access:entrance" for origin in gate.origins)
    (row,) = journal.rows
    assert (row.reader, row.holder, row.at, row.door) == ("entrance", "Ada", at, "Main")
    assert (row.card, row.last4, row.holder_id, row.rule) == (KEY.card_id(ADA), "B2C3", "P1", "Staff")
    assert (row.why, row.reason) == ("rule", "Ada may pass at entrance (rule Staff)")
    assert (row.verdict, row.latency_us, row.reply_error) == (AccessVerdict.ACCEPTED, 1_500, "")
    await site.clock.advance(10)
    assert gate.writes() == [(0, True), (3, False)]
    assert site.control.decisions == {("entrance", AccessVerdict.ACCEPTED): 1}


async def test_a_deny_opens_nothing(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    site.badge(STRANGER)
    site.badge(ADA, reader="store")
    await site.settle()
    assert [command for _, command in gate.log] == [
        SignalReader("entrance", ReaderAction.DENY),
        SignalReader("store", ReaderAction.DENY),
    ]
    assert [(row.why, row.holder, row.door) for row in journal.rows] == [
        ("unknown-card", "", ""),
        ("no-rule", "Ada", ""),
    ]
    assert [row.masked for row in journal.rows] == ["…AD00", "…B2C3"]
    assert journal.rows[0].card == KEY.card_id(STRANGER)


async def test_a_reader_without_a_door_is_answered(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    site.badge(ADA, reader="desk")
    await site.settle()
    assert gate.writes() == []
    assert (journal.rows[0].verdict, journal.rows[0].door) == (AccessVerdict.ACCEPTED, "")


async def test_removed_cards_and_cards_without_an_id_are_no_badges(site: Site, gate: FakeGate) -> None:
    site.badge(ADA, move=Move.REMOVED)
    site.badge("")
    await site.settle()
    assert gate.log == []
    for move in (Move.READ, Move.INSERTED, Move.PASSED):
        site.badge(ADA, move=move)
    await site.settle()
    assert site.control.decisions == {("entrance", AccessVerdict.ACCEPTED): 3}


async def test_a_reader_that_does_not_take_the_reply_is_told_in_the_journal(
    site: Site, gate: FakeGate, journal: FakeJournal
) -> None:
    gone = Verdict(Outcome.FAILED, "SC-301", "the reader is not connected")
    gate.answer = lambda command: gone if isinstance(command, SignalReader) else DONE
    site.badge(ADA)
    await site.settle()
    (row,) = journal.rows
    assert (row.latency_us, row.reply_error) == (None, "the reader is not connected")
    assert (row.verdict, row.door) == (AccessVerdict.ACCEPTED, "Main")


async def test_a_door_that_does_not_open_is_told_in_the_journal(
    site: Site, gate: FakeGate, journal: FakeJournal
) -> None:
    gate.answer = lambda command: NO_PLC if isinstance(command, WriteTag) else DONE
    site.badge(ADA, age_us=700)
    await site.settle()
    (row,) = journal.rows
    assert (row.verdict, row.latency_us) == (AccessVerdict.ACCEPTED, 700)
    assert row.reply_error == "door: PLC1 does not answer"
    await site.clock.advance(4)
    (tile,) = site.control.status()
    assert (tile.name, tile.health, tile.reason) == (
        "Main",
        Health.FAILED,
        "the strike can't be released: PLC1 does not answer",
    )
    gate.answer = lambda _: DONE
    await site.clock.advance(2)
    assert site.control.status()[0].health is Health.OK


async def test_a_journal_that_fails_is_counted_shown_and_recovers(
    site: Site, journal: FakeJournal, page: FakePage
) -> None:
    journal.broken = True
    for _ in range(3):
        site.badge(STRANGER)
    await site.settle()
    assert page.entries == []
    assert site.control.counters.unjournaled == 3
    tile = site.control.status()[-1]
    assert (tile.name, tile.health, tile.reason) == ("badge decisions", Health.FAILED, "the disk is full")
    assert tile.details == {"lost": 3}
    journal.broken = False
    site.badge(STRANGER)
    await site.settle()
    assert len(page.entries) == 1
    tile = site.control.status()[-1]
    assert (tile.health, tile.state, tile.details) == (Health.OK, "recovered", {"lost": 3})


async def test_a_crash_of_the_journal_costs_one_decision_not_all_that_wait(site: Site, journal: FakeJournal) -> None:
    journal.crashes = 1
    for _ in range(10):
        site.badge(STRANGER)
    await site.clock.advance(5)
    assert len(journal.rows) == 9
    assert site.control.counters.unjournaled == 1
    assert len(site.tasks.crashes) == 1


async def test_what_waits_for_the_journal_is_handed_over_together(site: Site, journal: FakeJournal) -> None:
    """The journal makes one commit, with one fsync, of what is appended at the same time."""
    first = journal.disk = asyncio.Event()
    site.badge(ADA)
    await site.settle()
    uids = [f"04AA{number:02X}" for number in range(8)]
    for uid in uids:
        site.badge(uid)
    await site.settle()
    then = journal.disk = asyncio.Event()
    first.set()
    await site.settle()
    assert journal.appending == len(uids)
    then.set()
    await site.settle()
    assert [row.card for row in journal.rows] == [KEY.card_id(uid) for uid in (ADA, *uids)], "in order"


async def test_badges_over_the_share_of_a_reader_are_shed_and_no_other_reader_notices(
    site: Site, gate: FakeGate, journal: FakeJournal
) -> None:
    answered = asyncio.Event()
    gate.hold = lambda _: answered
    share = ACCESS_ANSWERS // 2
    for _ in range(share + 5):
        site.badge(STRANGER)
    for number in range(200):
        site.badge(STRANGER, reader=f"reader {number}")
    await site.settle()
    assert len(gate.log) == share + 200
    assert site.control.counters.shed == 5
    answered.set()
    async with asyncio.timeout(5):
        while len(journal.rows) < share + 200:
            await site.settle()
    site.badge(STRANGER)  # room again
    await site.settle()
    assert len(journal.rows) == share + 201


async def test_very_many_readers_have_a_bound_together(site: Site, gate: FakeGate) -> None:
    answered = asyncio.Event()
    gate.hold = lambda _: answered
    for number in range(ACCESS_ANSWERS + 3):
        site.badge(STRANGER, reader=f"reader {number}")
    await site.settle()
    assert len(gate.log) == ACCESS_ANSWERS
    assert site.control.counters.shed == 3
    answered.set()
    await site.settle()


async def test_a_disk_that_is_too_slow_costs_whoever_floods_and_is_shown(site: Site, journal: FakeJournal) -> None:
    disk = journal.disk = asyncio.Event()
    site.control._backlog._bound = 8
    site.badge(STRANGER)  # the journal is busy with it
    await site.settle()
    for _ in range(10):
        site.badge(STRANGER)
    for reader in ("desk", "store"):
        site.badge(ADA, reader=reader)
    await site.settle()
    assert site.control.counters.unjournaled == 6
    assert "the disk is slow" in site.control.status()[-1].reason
    assert "entrance" in site.control.status()[-1].reason
    assert site.control.status()[-1].health is Health.FAILED
    journal.disk = None
    disk.set()
    await site.settle()
    assert [row.reader for row in journal.rows].count("entrance") == 5
    assert {"desk", "store"} <= {row.reader for row in journal.rows}


async def test_a_defect_in_a_driver_still_leaves_a_row(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    def crash(_: object) -> Verdict:
        raise ZeroDivisionError

    gate.answer = crash
    site.badge(ADA)
    await site.settle()
    (row,) = journal.rows
    assert (row.verdict, row.latency_us) == (AccessVerdict.ACCEPTED, None)
    assert "stopped or failed" in row.reply_error
    assert len(site.tasks.crashes) == 1


async def test_a_forged_id_can_not_forge_a_row(site: Site, journal: FakeJournal) -> None:
    site.badge("\x1b[2J" + "A" * 100_000)
    await site.settle()
    (row,) = journal.rows
    assert row.last4 == "AAAA"
    assert len(row.card) == 32
    assert "\x1b" not in repr(row)


async def test_a_strike_left_on_is_released(site: Site, gate: FakeGate) -> None:
    site.control.changed(Batch([3, STRIKE], [True, True], [Quality.GOOD, Quality.BAD_STALE], [1, 1], 1))
    await site.clock.advance(0)
    assert gate.writes() == []
    site.control.changed(Batch([3, STRIKE], [True, True], [Quality.GOOD, Quality.GOOD], [1, 1], 1))
    await site.clock.advance(0)
    assert gate.writes() == [(0, False)]


# the end


async def test_stop_releases_the_strike_and_stores_what_waits(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    journal.disk = asyncio.Event()
    site.badge(ADA)
    for _ in range(5):
        site.badge(STRANGER)
    await site.clock.advance(1)
    assert journal.rows == []
    asyncio.get_running_loop().call_later(0.05, journal.disk.set)
    await site.control.stop()
    assert gate.writes() == [(0, True), (1, False)]
    assert len(journal.rows) == 6
    assert len(site.tasks) == 0


async def test_an_answer_under_way_at_the_stop_leaves_no_strike_on_and_a_row(
    site: Site, gate: FakeGate, journal: FakeJournal
) -> None:
    answered = asyncio.Event()
    gate.hold = lambda command: answered if isinstance(command, SignalReader) else None
    site.badge(ADA)
    await site.clock.advance(0)
    asyncio.get_running_loop().call_later(0.02, answered.set)  # the reply comes when the stop has begun
    await site.control.stop()
    assert gate.writes() == [(0, True), (0, False)]
    assert [row.reply_error for row in journal.rows] == [""]


async def test_an_answer_that_never_comes_is_journaled_at_the_stop(
    site: Site, gate: FakeGate, journal: FakeJournal
) -> None:
    never = asyncio.Event()
    gate.hold = lambda command: never if isinstance(command, WriteTag) and command.value is True else None
    site.badge(ADA, age_us=300)
    await site.clock.advance(0)
    await site.control.stop()
    assert gate.writes() == [(0, True), (0, False)]
    (row,) = journal.rows
    assert (row.verdict, row.latency_us) == (AccessVerdict.ACCEPTED, 300)
    assert row.reply_error == f"door: {control_module._INTERRUPTED}"


async def test_an_answer_that_comes_after_the_doors_were_closed_opens_nothing(
    site: Site, gate: FakeGate, journal: FakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_module, "_LAST_ANSWERS_SECONDS", 0.01)
    journal.disk, answered = asyncio.Event(), asyncio.Event()
    site.badge(STRANGER)
    await site.settle()
    gate.hold = lambda command: answered if isinstance(command, SignalReader) else None
    site.badge(ADA)
    await site.settle()
    loop = asyncio.get_running_loop()
    loop.call_later(0.1, answered.set)
    loop.call_later(0.2, journal.disk.set)  # until then the stop waits for the disk
    await site.control.stop()
    assert gate.writes() == []
    assert [(row.last4, row.latency_us) for row in journal.rows] == [("AD00", 0), ("B2C3", None)]


async def test_a_badge_after_the_stop_is_shed(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    await site.control.stop()
    site.badge(ADA)
    await site.settle()
    assert gate.log == []
    assert site.control.counters.shed == 1
    assert len(site.tasks) == 0


async def test_every_door_is_served_even_if_its_strike_is_not_watched(
    gate: FakeGate, journal: FakeJournal, clock: ManualClock
) -> None:
    """Two doors on one strike, or a strike without a tag: whoever opens must also release."""
    doors = {name: Door(DoorSettings(name, "[default]Strike", 3.0), gate, clock) for name in ("a", "b")}
    judge = Judge(replace(data_of(), rules=(Rule(name="All", groups=("*",), readers=("*",)),)))
    tasks = TaskGroup("access", clock)
    control = AccessControl(judge, doors, {STRIKE: doors["a"]}, gate, journal, [], clock, tasks)
    control.start()
    control.badge(BadgeRead("b", ADA, "", "", "", Move.READ, 1, clock.mono_ns(), ADA))
    await clock.advance(10)
    assert gate.writes() == [(0, True), (3, False)]
    await control.stop()


# presence


async def test_of_two_quick_badges_the_second_is_a_passback(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    """Not even while the first one's door is still being opened."""
    site.judge.use(data_of(zones=(HALL,)))
    opening = asyncio.Event()
    gate.hold = lambda command: opening if isinstance(command, WriteTag) else None
    site.badge(ADA)
    site.badge(ADA)
    await site.settle()
    opening.set()
    await site.settle()
    assert sorted((row.verdict, row.why) for row in journal.rows) == [("accepted", "rule"), ("denied", "anti-passback")]
    assert site.inside == ["Hall"]


async def test_whoever_left_may_come_again(site: Site, journal: FakeJournal) -> None:
    site.judge.use(data_of(zones=(HALL,)))
    for reader in ("entrance", "exit", "entrance"):
        site.badge(ADA, reader=reader)
        await site.settle()
    assert [(row.verdict, row.enters, row.leaves) for row in journal.rows] == [
        (AccessVerdict.ACCEPTED, "Hall", ""),
        (AccessVerdict.ACCEPTED, "", "Hall"),
        (AccessVerdict.ACCEPTED, "Hall", ""),
    ]


async def test_a_door_that_stayed_shut_lets_them_try_again(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    site.judge.use(data_of(zones=(HALL,)))
    gate.answer = lambda command: NO_PLC if isinstance(command, WriteTag) else DONE
    site.badge(ADA)
    await site.settle()
    assert site.inside == []
    gate.answer = lambda _: DONE
    site.badge(ADA)
    await site.settle()
    assert [row.verdict for row in journal.rows] == [AccessVerdict.ACCEPTED] * 2
    assert site.inside == ["Hall"]


@pytest.mark.parametrize(("accept", "verdict"), [(False, AccessVerdict.DENIED), (True, AccessVerdict.ACCEPTED)])
async def test_without_data_the_configuration_decides(
    site: Site, journal: FakeJournal, accept: bool, verdict: AccessVerdict
) -> None:
    site.judge.use(AccessData(), NoData("it is still being read", accept))
    site.badge(ADA)
    await site.settle()
    (row,) = journal.rows
    assert (row.verdict, row.why, row.holder) == (verdict, "no-data", "")
    assert (row.card, row.last4) == (KEY.card_id(ADA), "B2C3")
    assert bool(row.remark) is accept


async def test_a_change_of_the_data_counts_from_the_next_badge(site: Site, journal: FakeJournal) -> None:
    site.badge(ADA)
    await site.settle()
    site.judge.use(replace(data_of(), rules=()))
    site.badge(ADA)
    await site.settle()
    assert [row.why for row in journal.rows] == ["rule", "no-rule"]


async def test_a_decision_waits_for_no_disk(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    journal.disk = asyncio.Event()  # never
    for _ in range(5):
        site.badge(ADA)
        await site.settle()
    assert [command for _, command in gate.log if isinstance(command, SignalReader)] == [
        SignalReader("entrance", ReaderAction.ACCEPT)
    ] * 5
    assert journal.rows == []


async def test_a_defect_in_a_decision_harms_no_reader(site: Site, gate: FakeGate, journal: FakeJournal) -> None:
    site.judge.rulebook = None  # type: ignore[assignment]
    site.badge(ADA)
    await site.settle()
    assert len(site.tasks.crashes) == 1
    site.judge.use(data_of())
    site.badge(ADA)
    await site.settle()
    assert len(journal.rows) == 1


async def test_a_permit_begins_with_the_decision(gate: FakeGate, journal: FakeJournal, clock: ManualClock) -> None:
    settings = PermitSettings(
        "setup", ("[default]Speed",), frozenset({"desk"}), frozenset({"setters"}), 30.0, once=False
    )
    permits, tasks = Permits([settings], clock), TaskGroup("access", clock)
    control = AccessControl(Judge(data_of()), {}, {}, gate, journal, [], clock, tasks, permits=permits)
    ada = Origin("ada", may_write=True)
    assert permits.problem("[default]Speed", ada)
    gate.hold = lambda _: asyncio.Event()  # the reply itself is still under way
    control.badge(BadgeRead("desk", ADA, "", "", "", Move.READ, clock.wall(), clock.mono_ns(), ADA))
    await clock.advance(0)
    assert permits.problem("[default]Speed", ada) is None
    await tasks.stop()


async def test_a_card_without_a_credential_is_denied_and_can_not_be_enrolled(site: Site, journal: FakeJournal) -> None:
    """The reader is set up for TagData, and this card has none: all such cards would be one."""
    site.control.badge(BadgeRead("entrance", ADA, "", "", "", Move.READ, site.clock.wall(), site.clock.mono_ns(), ""))
    await site.settle()
    (row,) = journal.rows
    assert (row.verdict, row.why, row.card, row.masked) == (AccessVerdict.DENIED, "unknown-card", "", "…B2C3")
