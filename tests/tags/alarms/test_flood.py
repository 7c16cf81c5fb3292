"""Too much of everything: alarms that flicker, all alarms at once, more changes than anybody can look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.limits import ALARM_EVENTS_KEPT, ALARM_EVENTS_PER_MINUTE, ALARM_SLICE
from plantgate.model.alarm import (
    AckMode,
    AlarmChange,
    AlarmCounts,
    AlarmEvent,
    AlarmKey,
    AlarmMode,
    AlarmState,
    Priority,
    Shelf,
)
from plantgate.tags.alarms.alarm import ACTIVE, REFILL_SECONDS, UNACKED, Alarm, Line
from plantgate.tags.alarms.ledger import Ledger
from tests.tags.alarms.plant import World, alarm, key, tag


async def test_an_alarm_that_flickers_is_counted(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm())).start()
    for _ in range(1_000):
        world.put(T=81.0)
        world.put(T=1.0)
    lines = await world.lines(limit=5_000)
    begun = ALARM_EVENTS_PER_MINUTE
    assert len([line for line in lines if line.change is AlarmChange.ACTIVE]) == begun
    assert len([line for line in lines if line.change is AlarmChange.CLEAR]) == begun
    assert len(world.live()) == ALARM_EVENTS_KEPT
    assert world.alarms.live()[0].state is AlarmState.CLEAR_UNACKED
    await world.passes(5.0)
    last = (await world.lines(limit=5_000))[-1]
    assert (last.change, last.event) == (AlarmChange.CLEAR, begun)
    assert last.note == f"{2 * (1_000 - begun) - 1} changes before this one are not listed"
    await world.passes(60.0)
    world.put(T=81.0)
    newest = (await world.lines(limit=5_000))[-1]
    assert (newest.change, newest.event, newest.note) == (AlarmChange.ACTIVE, begun + 1, "")
    await world.stop()


async def test_the_journal_ends_as_the_plant_does(tmp_path: Path) -> None:
    """It flickers and then stays active: the journal must not say for hours that it is clear."""
    world = await World(tmp_path, tag("T", alarm())).start()
    for _ in range(50):
        world.put(T=81.0)
        world.put(T=1.0)
    world.put(T=85.0)
    stays_since = world.clock.wall()
    assert world.live()[-1].state is AlarmState.ACTIVE_UNACKED
    await world.passes(10.0)
    last = (await world.lines())[-1]
    assert (last.change, last.at) == (AlarmChange.ACTIVE, stays_since)
    world.put(T=1.0)
    last = (await world.lines())[-1]
    assert (last.change, last.note) == (AlarmChange.CLEAR, "")
    await world.stop()


async def test_an_acknowledged_flicker_stays_acknowledged_for_a_moment(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm())).start()
    for _ in range(50):
        world.put(T=81.0)
        world.put(T=1.0)
    for event in world.live():
        assert (await world.acknowledge(event.id)).done
    world.put(T=81.0)
    assert world.shown() == [("High", "active_acked")], "the same event goes on"
    await world.passes(61.0)
    world.put(T=1.0)
    world.put(T=81.0)
    assert world.shown() == [("High", "active_unacked")]
    await world.stop()


async def test_auto_and_any_change_flicker_too(tmp_path: Path) -> None:
    definitions = tag("T", alarm(ack=AckMode.AUTO), alarm("Moved", AlarmMode.ANY_CHANGE))
    world = await World(tmp_path, definitions).start()
    for number in range(300):
        world.put(T=81.0 + number)
        world.put(T=1.0 - number)
    assert len(await world.lines(limit=5_000)) < 6 * ALARM_EVENTS_PER_MINUTE
    assert {event.key.name for event in world.live()} == {"Moved"}
    moved = world.live()[-1]
    assert (moved.value, moved.state) == (1.0 - 299, AlarmState.CLEAR_UNACKED)
    world.put(T=500.0)
    assert world.live()[0].state in ACTIVE | UNACKED
    await world.stop()


async def test_ten_thousand_alarms_at_once(tmp_path: Path) -> None:
    count = 10_000
    definitions = [tag(f"T{number}", alarm(priority=Priority(number % 5))) for number in range(count)]
    world = await World(tmp_path, *definitions).start()
    world.put(**{f"T{number}": 81.0 for number in range(count)})
    assert world.alarms.counts() == AlarmCounts(count, count, 0, Priority.CRITICAL)
    assert sum(len(told) for told in world.told) == count
    assert max(len(told) for told in world.told) == ALARM_SLICE, "in pieces: a page and a driver have their turn"
    await world.lines()
    assert world.alarms.keeper.commits == 1, "they go to the disk together"
    await world.stop()
    again = await World(tmp_path, *definitions).start()
    assert again.alarms.counts() == AlarmCounts(count, count, 0, Priority.CRITICAL)
    await again.stop()


async def test_more_changes_than_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.tags.alarms.engine.ALARM_CHANGES_WAITING", 10)
    world = World(tmp_path, *[tag(f"T{number}", alarm()) for number in range(20)])
    world.alarms.engine._fold_at = 10
    await world.start()
    for turn in range(5):
        world.publish(**{f"T{number}": 90.0 + turn for number in range(20)})
        world.publish(**{f"T{number}": 1.0 for number in range(20)})
    world.publish(T3=99.0)
    assert len(world.alarms.engine._waiting) <= 3
    assert world.alarms.engine.folded > 0
    world.alarms.engine.settle()
    assert [event.value for event in world.live() if event.state is AlarmState.ACTIVE_UNACKED] == [99.0]
    await world.stop()


def test_tags_without_alarms_are_not_noted(tmp_path: Path) -> None:
    world = World(tmp_path, tag("A"), tag("B", alarm()))
    world.publish(A=1.0)
    assert not world.alarms.engine._waiting
    world.publish(A=2.0, B=1.0)
    assert len(world.alarms.engine._waiting) == 1


# --- the ledger against a plain reference -----------------------------------------------------------------


class Notes:
    """What is written down."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.live: dict[int, AlarmEvent] = {}
        self.shelves: set[AlarmKey] = set()

    def line(self, line: Line) -> None:
        self.lines.append(line)

    def event(self, event: AlarmEvent, *, live: bool) -> None:
        self.live.pop(event.id, None)
        if live:
            self.live[event.id] = event

    def shelf(self, alarm_key: AlarmKey, shelf: Shelf | None) -> None:
        self.shelves.discard(alarm_key)
        if shelf is not None:
            self.shelves.add(alarm_key)


steps = st.lists(
    st.tuples(
        st.sampled_from(["turn", "turn", "turn", "ack", "shelve", "wait", "long"]),
        st.integers(0, 2),
        st.integers(0, 5),
    ),
    max_size=120,
)


@settings(max_examples=400)
@given(
    st.sampled_from([1, 2, ALARM_EVENTS_PER_MINUTE]),
    st.lists(st.sampled_from(list(AckMode)), min_size=3, max_size=3),
    steps,
)
def test_the_ledger_holds_together(burst: int, acks: list[AckMode], rows: list[tuple[str, int, int]]) -> None:
    """Whatever comes: what is written, what is live, what is counted and what the journal says are one thing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plantgate.tags.alarms.alarm.ALARM_EVENTS_PER_MINUTE", burst)  # so that it is reached
        hold_together(burst, acks, rows)


def hold_together(burst: int, acks: list[AckMode], rows: list[tuple[str, int, int]]) -> None:
    notes = Notes()
    ledger = Ledger(notes)
    alarms = [
        Alarm(key(f"T{number}"), number, alarm(ack=ack, priority=Priority(number))) for number, ack in enumerate(acks)
    ]
    for each in alarms:
        ledger.add(each)
    mono, active = 0.0, [False] * 3
    for what, number, choice in rows:
        each, wall = alarms[number], round(mono * 1e6)
        if what == "turn":
            active[number] = not active[number]
            ledger.turned(each, active[number], 1.0, wall, mono)
        elif what == "ack":
            waiting = [event for event in each.events if event.state in UNACKED]
            if waiting:
                ledger.acknowledge(each, waiting[choice % len(waiting)], wall, "ada", "")
        elif what == "shelve":
            if each.shelf is None:
                ledger.shelve(each, Shelf(each.key, wall, "ada"), wall)
            else:
                ledger.unshelve(each, wall, "ada")
        else:
            mono += 0.1 if what == "wait" else 5.0
            ledger.list_the_unlisted(mono)
        check(ledger, notes, alarms, active)
    for _ in range(10):
        mono += 60.0
        ledger.list_the_unlisted(mono)
    for each, now_active in zip(alarms, active, strict=True):
        lines = [line for line in notes.lines if line.key == each.key and line.change <= AlarmChange.CLEAR]
        assert bool(lines and lines[-1].change is AlarmChange.ACTIVE) is now_active, "it ends as the plant does"
        assert len({line.event for line in lines}) <= burst + mono / REFILL_SECONDS


def check(ledger: Ledger, notes: Notes, alarms: list[Alarm], active: list[bool]) -> None:
    live = {event.id: event for event in ledger.live()}
    assert live == notes.live
    assert {shelf.key for shelf in ledger.shelves()} == notes.shelves
    assert [each.active is not None for each in alarms] == active
    assert all(len(each.events) <= ALARM_EVENTS_KEPT for each in alarms)
    heard = [event for event in live.values() if event.key not in notes.shelves]
    assert ledger.counts() == AlarmCounts(
        sum(event.state in ACTIVE for event in heard),
        sum(event.state in UNACKED for event in heard),
        len(notes.shelves),
        max((event.priority for event in heard), default=None),
    )
    for each in alarms:
        if each.definition.ack is AckMode.UNUSED:
            assert all(event.state is AlarmState.ACTIVE_ACKED for event in each.events)
