"""Alarms of a plant: what is live, what the journal says, what people may do about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plantgate.limits import ALARM_EVENTS_KEPT, ALARM_NOTE_CHARS, ALARM_SHELVE_SECONDS
from plantgate.model.alarm import AckMode, AlarmChange, AlarmCounts, AlarmFilter, AlarmMode, Priority
from plantgate.model.command import AcknowledgeAlarm, Origin, Outcome, ShelveAlarm
from plantgate.model.tag import TagKind
from plantgate.model.value import DataType, Scalar
from tests.tags.alarms.plant import ADA, BAD, World, alarm, key, tag

M = AlarmMode


async def test_an_alarm_from_beginning_to_end(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm(priority=Priority.HIGH, label="too hot"))).start()
    world.put(T=50.0)
    assert (world.shown(), world.alarms.counts(), world.alarms.revision) == ([], AlarmCounts(), 0)
    world.put(T=81.0)
    (event,) = world.live()
    assert (event.key, event.priority, event.label, event.value) == (key("T"), Priority.HIGH, "too hot", 81.0)
    assert event.active_at == world.clock.wall()
    assert world.alarms.counts() == AlarmCounts(1, 1, 0, Priority.HIGH)
    await world.passes(10.0)
    world.put(T=82.0)
    assert len(world.told) == world.alarms.revision == 1, "another value of the same is nothing new"
    assert (await world.acknowledge(event.id, "pump throttled")).done
    assert world.shown() == [("High", "active_acked")]
    assert world.alarms.counts() == AlarmCounts(1, 0, 0, Priority.HIGH)
    await world.passes(10.0)
    world.put(T=70.0)
    assert (world.shown(), world.alarms.counts()) == ([], AlarmCounts())
    last = world.told[-1][0]
    assert (last.id, last.state.value, last.cleared_value) == (event.id, "clear_acked", 70.0)
    assert (last.acked_by, last.ack_note) == ("ada", "pump throttled")
    lines = await world.lines()
    assert [(line.change, line.event, line.value, line.actor, line.note) for line in lines] == [
        (AlarmChange.ACTIVE, event.id, 81.0, "", ""),
        (AlarmChange.ACK, event.id, None, "ada", "pump throttled"),
        (AlarmChange.CLEAR, event.id, 70.0, "", ""),
    ]
    assert [line.at for line in lines] == [event.active_at, event.active_at + 10_000_000, event.active_at + 20_000_000]
    await world.stop()


@pytest.mark.parametrize(
    ("ack", "states", "words"),
    [
        (AckMode.MANUAL, ["active_unacked", "clear_unacked"], ["active", "clear"]),
        (AckMode.AUTO, ["active_unacked", None], ["active", "clear", "ack"]),
        (AckMode.UNUSED, ["active_acked", None], ["active", "clear"]),
    ],
)
async def test_who_acknowledges(tmp_path: Path, ack: AckMode, states: list[str | None], words: list[str]) -> None:
    world = await World(tmp_path, tag("T", alarm(ack=ack))).start()
    for value, state in zip((81.0, 10.0), states, strict=True):
        world.put(T=value)
        assert world.shown() == ([] if state is None else [("High", state)])
    assert await world.words() == words
    await world.stop()


async def test_any_change_is_active_and_clear_in_one(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm("Moved", M.ANY_CHANGE))).start()
    world.put(T=1.0)
    assert world.shown() == [], "the first value is no change"
    world.put(T=2.0)
    (event,) = world.live()
    assert (event.state.value, event.value, event.cleared_at) == ("clear_unacked", 2.0, event.active_at)
    assert (await world.acknowledge(event.id)).done
    assert await world.words() == ["active", "clear", "ack"]
    await world.stop()


async def test_several_alarms_of_a_tag_and_a_pulse_between_two_looks(tmp_path: Path) -> None:
    world = await World(
        tmp_path, tag("T", alarm(), alarm("Higher", setpoint=90.0), alarm("Off", enabled=False))
    ).start()
    for value in (10.0, 95.0, 85.0, 10.0):
        world.publish(T=value)
    world.alarms.engine.settle()
    assert world.shown() == [("High", "clear_unacked"), ("Higher", "clear_unacked")]
    assert [event.value for event in world.live()] == [95.0, 95.0]
    await world.stop()


async def test_a_bad_value_keeps_the_alarm(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm(), alarm("Bad", M.BAD_QUALITY))).start()
    world.put(T=81.0)
    world.put(BAD, T=0.0)
    assert world.shown() == [("High", "active_unacked"), ("Bad", "active_unacked")]
    world.put(T=10.0)
    assert world.shown() == [("High", "clear_unacked"), ("Bad", "clear_unacked")]
    await world.stop()


async def test_delays_by_the_clock(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm(active_delay=5.0, clear_delay=2.0))).start()
    began = world.clock.wall()
    world.put(T=81.0)
    await world.passes(4.9)
    assert world.shown() == []
    await world.passes(1.0)
    (event,) = world.live()
    assert (event.active_at - began, event.value) == (5_000_000, 81.0), "the time at which the delay was over"
    world.put(T=10.0)
    await world.passes(1.0)
    world.put(T=81.0)
    await world.passes(5.0)
    assert world.shown() == [("High", "active_unacked")]
    world.put(T=10.0)
    await world.passes(2.1)
    assert world.shown() == [("High", "clear_unacked")]
    await world.stop()


async def test_a_delay_that_began_anew(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm(active_delay=5.0))).start()
    world.put(T=81.0)
    await world.passes(3.0)
    world.put(T=10.0)
    world.put(T=82.0)
    await world.passes(4.9)
    assert world.shown() == []
    await world.passes(0.2)
    assert world.shown() == [("High", "active_unacked")]
    await world.stop()


async def test_what_was_before_the_start_does_not_count(tmp_path: Path) -> None:
    world = World(tmp_path, tag("T", alarm(), alarm("Moved", M.ANY_CHANGE)))
    world.publish(T=81.0)
    world.publish(T=1.0)
    await world.start()
    world.alarms.engine.settle()
    assert world.shown() == []
    await world.stop()


async def test_a_short_delay_is_not_held_up_by_a_long_one(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A", alarm(active_delay=600.0)), tag("B", alarm(active_delay=0.3))).start()
    world.put(A=81.0)
    await world.passes(1.0)
    world.put(B=81.0)
    await world.passes(0.5)
    assert [event.key.path for event in world.live()] == ["[default]B"]
    await world.stop()


async def test_the_oldest_of_too_many_events_is_acknowledged(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm())).start()
    for _ in range(ALARM_EVENTS_KEPT + 2):
        world.put(T=81.0)
        world.put(T=10.0)
    assert len(world.live()) == ALARM_EVENTS_KEPT
    assert world.alarms.counts() == AlarmCounts(0, ALARM_EVENTS_KEPT, 0, Priority.LOW)
    acks = await world.lines(AlarmFilter(changes=frozenset({AlarmChange.ACK})))
    assert [(line.event, line.actor) for line in acks] == [(1, "auto"), (2, "auto")]
    assert acks[0].note == "more than 5 events of this alarm waited"
    await world.stop()


# --- formulas ---------------------------------------------------------------------------------------------


async def test_a_condition_of_several_tags(tmp_path: Path) -> None:
    wanted = alarm("Stuck", M.ON_CONDITION, expression="{[.]Running} && {value} < 5")
    world = await World(tmp_path, tag("L/Speed", wanted), tag("L/Running")).start()
    world.put(**{"L/Speed": 3.0})
    assert world.shown() == [], "nothing is known of Running"
    world.put(**{"L/Running": 1.0})
    (event,) = world.live()
    assert event.value == 3.0, "that of the tag, not of the formula"
    world.put(BAD, **{"L/Running": 0.0})
    assert world.shown() == [("Stuck", "active_unacked")]
    world.put(**{"L/Speed": 9.0, "L/Running": 1.0})
    assert world.shown() == [("Stuck", "clear_unacked")]
    await world.stop()


async def test_a_condition_over_a_folder_knows_tags_that_come_later(tmp_path: Path) -> None:
    wanted = alarm("Many", M.ON_CONDITION, expression="count({Motors/*}) > 1")
    world = await World(tmp_path, tag("T", wanted), tag("Motors/A")).start()
    world.put(**{"Motors/A": 1.0, "T": 0.0})
    assert world.shown() == []
    world.tree.add([tag("Motors/B", kind=TagKind.MEMORY)])
    world.put(**{"Motors/B": 2.0})
    assert world.shown() == [("Many", "active_unacked")]
    await world.stop()


async def test_a_condition_with_the_time_in_it(tmp_path: Path) -> None:
    wanted = alarm("Old", M.ON_CONDITION, expression="{value} > 0 && toMillis(now(1000)) > 1700000005000")
    world = await World(tmp_path, tag("T", wanted)).start()
    world.put(T=1.0)
    assert world.shown() == []
    await world.passes(10.0)
    assert world.shown() == [("Old", "active_unacked")]
    await world.stop()


async def test_a_setpoint_that_another_tag_holds(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm(expression="{Limit}")), tag("Limit")).start()
    world.put(T=90.0)
    assert world.shown() == [], "the limit is not known yet"
    world.put(Limit=95.0)
    assert world.shown() == []
    world.put(Limit=85.0)
    assert world.shown() == [("High", "active_unacked")]
    world.put(T=84.0)
    assert world.shown() == [("High", "clear_unacked")]
    world.put(BAD, Limit=0.0)
    world.put(T=1000.0)
    assert world.shown() == [("High", "clear_unacked")], "without a limit nothing is raised"
    await world.stop()


async def test_a_formula_that_cannot_be_read_is_shown(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm("X", M.ON_CONDITION, expression="1 +"), alarm())).start()
    world.put(T=81.0)
    assert world.shown() == [("High", "active_unacked")]
    (tile,) = world.alarms.status()
    assert (tile.state, "X of [default]T" in tile.reason) == ("not watched", True)
    await world.stop()


# --- people -----------------------------------------------------------------------------------------------


async def test_what_the_gate_refuses(tmp_path: Path) -> None:
    world = await World(
        tmp_path, tag("T", alarm(ack_note_required=True, shelvable=False), alarm("Quiet", ack=AckMode.UNUSED))
    ).start()
    world.put(T=81.0)
    high, quiet = world.live()
    if high.key.name != "High":
        high, quiet = quiet, high

    async def code(command: AcknowledgeAlarm | ShelveAlarm, origin: Origin = ADA) -> tuple[Outcome, str]:
        verdict = await world.gate.submit(command, origin)
        return verdict.outcome, verdict.code

    refused = Outcome.REFUSED
    assert await code(AcknowledgeAlarm(high.id), Origin("eve")) == (refused, "CMD-101")
    assert await code(AcknowledgeAlarm(99)) == (refused, "ALM-101")
    assert await code(AcknowledgeAlarm(quiet.id)) == (refused, "ALM-102")
    assert await code(AcknowledgeAlarm(high.id, "  ")) == (refused, "ALM-104")
    assert await code(AcknowledgeAlarm(high.id, "x" * (ALARM_NOTE_CHARS + 1))) == (refused, "ALM-109")
    assert await code(AcknowledgeAlarm(high.id, "seen")) == (Outcome.DONE, "")
    assert await code(AcknowledgeAlarm(high.id, "seen")) == (refused, "ALM-103")
    assert await code(ShelveAlarm(key("T"), 60.0)) == (refused, "ALM-105")
    assert await code(ShelveAlarm(key("T", "Quiet"), 0.0)) == (refused, "ALM-106")
    assert await code(ShelveAlarm(key("T", "Quiet"), ALARM_SHELVE_SECONDS + 1.0)) == (refused, "ALM-106")
    assert await code(ShelveAlarm(key("T", "Quiet"), float("nan"))) == (refused, "ALM-106")
    assert await code(ShelveAlarm(key("T", "None"), 60.0)) == (refused, "ALM-108")
    verdict = await world.unshelve(key("T", "Quiet"))
    assert (verdict.outcome, verdict.code) == (refused, "ALM-107")
    await world.stop()


async def test_a_shelf_hides_and_ends(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("T", alarm()), tag("U", alarm())).start()
    world.put(T=81.0, U=81.0)
    assert (await world.shelve(key("T"), 60.0, "sensor is being changed")).done
    assert world.alarms.counts() == AlarmCounts(1, 1, 1, Priority.LOW)
    (shelf,) = world.alarms.shelves()
    assert (shelf.key, shelf.until - world.clock.wall(), shelf.by) == (key("T"), 60_000_000, "ada")
    world.put(T=10.0)
    world.put(T=81.0)
    assert len(world.live()) == 3, "what is shelved is watched all the same"
    assert world.told[-1], "and told: who shows it decides"
    await world.passes(61.0)
    assert (world.alarms.shelves(), world.alarms.counts()) == ([], AlarmCounts(2, 3, 0, Priority.LOW))
    assert (await world.shelve(key("U"))).done
    assert (await world.shelve(key("U"), 7_200.0)).done, "again is longer"
    assert (await world.unshelve(key("U"))).done
    people = [line for line in await world.lines() if line.change >= AlarmChange.SHELVED]
    assert [(line.change.name, line.key.path, line.actor, line.note) for line in people] == [
        ("SHELVED", "[default]T", "ada", "sensor is being changed"),
        ("UNSHELVED", "[default]T", "", ""),
        ("SHELVED", "[default]U", "ada", ""),
        ("SHELVED", "[default]U", "ada", ""),
        ("UNSHELVED", "[default]U", "ada", ""),
    ]
    await world.stop()


# --- tags -------------------------------------------------------------------------------------------------


async def test_alarm_state_as_tags(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("L/T", alarm(priority=Priority.HIGH))).start()

    def states() -> list[Scalar]:
        names = ("Active", "Unacknowledged", "Shelved")
        found = [world.tree.read(world.id(f"L/T/Alarms/High/{name}")).value for name in names]
        counts = ("ActiveCount", "UnacknowledgedCount", "ShelvedCount", "HighestPriority")
        return [*found, *(world.tree.read(world.id(f"Alarms/{name}")).value for name in counts)]

    assert states() == [False, False, False, 0, 0, 0, -1]
    world.put(**{"L/T": 81.0})
    await world.passes(0.2)
    assert states() == [True, True, False, 1, 1, 0, 3]
    assert (await world.shelve(key("L/T"))).done
    await world.passes(0.2)
    assert states() == [True, True, True, 0, 0, 1, -1]
    assert (await world.acknowledge(world.live()[0].id)).done
    world.put(**{"L/T": 1.0})
    assert (await world.unshelve(key("L/T"))).done
    await world.passes(0.2)
    assert states() == [False, False, False, 0, 0, 0, -1]
    definition = world.tree.definitions()[world.id("L/T/Alarms/High/Active")]
    assert (definition.data_type, definition.writable, definition.kind) == (DataType.BOOLEAN, False, TagKind.MEMORY)
    await world.stop()


async def test_an_alarm_may_follow_another_ones_tag(tmp_path: Path) -> None:
    second = alarm("Second", M.ON_CONDITION, expression="{T/Alarms/High/Active}")
    world = await World(tmp_path, tag("T", alarm()), tag("U", second)).start()
    world.put(U=0.0, T=81.0)
    await world.passes(0.3)
    assert world.shown() == [("High", "active_unacked"), ("Second", "active_unacked")]
    await world.stop()


# --- configuration while it runs --------------------------------------------------------------------------


async def test_changes_of_the_configuration(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A", alarm(), alarm("Low", M.BELOW, setpoint=5.0)), tag("B", alarm())).start()
    world.put(A=81.0, B=81.0)
    kept = next(event for event in world.live() if event.key == key("A"))
    assert (await world.shelve(key("A"))).done
    a, b = world.id("A"), world.id("B")
    # A: High stays with a higher limit, Low goes, a new one comes. B goes. C is new.
    world.tree.replace(a, tag("A", alarm(setpoint=80.5), alarm("New", M.ABOVE, setpoint=60.0)))
    world.tree.remove([b])
    (c,) = world.tree.add([tag("C", alarm())])
    more, fewer = world.alarms.change([a, c], [b])
    paths = {world.tree.definitions()[each].path for each in more}
    assert {"[default]A/Alarms/New/Active", "[default]C/Alarms/High/Shelved"} <= paths
    assert "[default]A/Alarms/High/Active" not in paths
    assert len(fewer) == 6
    assert world.tree.find("B/Alarms/High/Active") is None
    assert [(event.key.path, event.key.name) for event in world.live()] == [
        ("[default]A", "High"),
        ("[default]A", "New"),
    ]
    assert world.live()[0].id == kept.id
    assert [shelf.key for shelf in world.alarms.shelves()] == [key("A")]
    assert len(world.alarms.configured()) == 3
    lines = [line for line in await world.lines() if line.key.path == "[default]B"]
    assert [(line.change.name, line.note) for line in lines] == [
        ("ACTIVE", ""),
        ("CLEAR", "the alarm was removed"),
        ("ACK", "the alarm was removed"),
    ]
    world.put(C=81.0)
    assert len(world.live()) == 3
    await world.stop()


async def test_disabling_clears_and_enabling_judges(tmp_path: Path) -> None:
    on, off = tag("A", alarm()), tag("A", alarm(enabled=False))
    world = await World(tmp_path, on).start()
    world.put(A=81.0)
    number = world.id("A")
    world.tree.replace(number, off)
    world.alarms.change([number], [])
    assert world.shown() == [("High", "clear_unacked")]
    world.put(A=90.0)
    assert world.shown() == [("High", "clear_unacked")]
    world.tree.replace(number, on)
    world.alarms.change([number], [])
    assert world.shown() == [("High", "clear_unacked"), ("High", "active_unacked")]
    lines = await world.lines()
    assert [(line.change.name, line.event) for line in lines] == [
        ("ACTIVE", 1), ("DISABLED", 0), ("CLEAR", 1), ("ENABLED", 0), ("ACTIVE", 2),
    ]  # fmt: skip
    await world.stop()


async def test_a_delay_goes_on_where_the_alarm_is_the_same(tmp_path: Path) -> None:
    definition = tag("A", alarm(active_delay=5.0))
    world = await World(tmp_path, definition).start()
    world.put(A=81.0)
    await world.passes(3.0)
    world.tree.replace(world.id("A"), replace(definition, description="another word"))
    world.alarms.change([world.id("A")], [])
    await world.passes(2.1)
    assert world.shown() == [("High", "active_unacked")]
    await world.stop()


async def test_a_shorter_delay_is_not_held_up_by_the_one_before(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A", alarm(active_delay=600.0))).start()
    world.put(A=81.0)
    await world.passes(1.0)
    world.tree.replace(world.id("A"), tag("A", alarm(active_delay=1.0)))
    world.alarms.change([world.id("A")], [])
    await world.passes(1.2)
    assert world.shown() == [("High", "active_unacked")]
    await world.stop()


async def test_another_mode_ends_what_it_cannot_clear(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A", alarm())).start()
    world.put(A=81.0)
    world.tree.replace(world.id("A"), tag("A", alarm("High", M.ANY_CHANGE)))
    world.alarms.change([world.id("A")], [])
    assert world.shown() == [("High", "clear_unacked")]
    await world.stop()


async def test_nothing_is_opened_for_nobody(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A")).start()
    world.put(A=81.0)
    assert not world.alarms
    assert await world.alarms.journal(10) == []
    await world.stop()
    assert not (tmp_path / "state").exists()


async def test_the_first_alarm_may_come_later(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A")).start()
    world.put(A=81.0)
    world.tree.replace(world.id("A"), tag("A", alarm()))
    world.alarms.change([world.id("A")], [])
    await world.alarms.start()
    assert world.shown() == [("High", "active_unacked")]
    await world.stop()


async def test_figures(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A", alarm())).start()
    world.put(A=81.0)
    await world.lines()
    figures = {sample.name: sample.value for sample in world.alarms.samples()}
    assert figures["plantgate_alarms_active"] == figures["plantgate_alarms_unacknowledged"] == 1
    assert (figures["plantgate_alarm_lines_total"], figures["plantgate_alarm_lines_lost_total"]) == (1, 0)
    await world.stop()
