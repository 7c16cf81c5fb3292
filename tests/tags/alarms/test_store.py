"""What outlives a restart, and what happens when the disk does not do as told."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from plantgate.limits import ALARM_LINES_WAITING
from plantgate.model.alarm import AckMode, AlarmChange, AlarmMode, AlarmState
from plantgate.model.command import Outcome
from plantgate.runtime.clock import ManualClock
from plantgate.tags.alarms import schema
from plantgate.tags.alarms.store import EVENTS_AHEAD
from tests.conftest import Eventually
from tests.tags.alarms.plant import BAD, Disk, World, alarm, key, pass_time, tag

M = AlarmMode
A = tag("A", alarm())


def later(world: World, seconds: float) -> ManualClock:
    return ManualClock(5.0, world.clock.wall() + round(seconds * 1e6))


async def test_what_is_live_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = await World(tmp_path, A, tag("B", alarm()), tag("C", alarm())).start()
    first.put(A=81.0, B=81.0, C=81.0)
    first.put(C=10.0)
    a, b, c = first.live()
    assert (await first.acknowledge(b.id, "known")).done
    assert (await first.shelve(key("B"), 600.0, "cleaning")).done
    before = first.live()
    await first.stop()

    second = await World(tmp_path, A, tag("B", alarm()), tag("C", alarm()), clock=later(first, 60)).start()
    assert second.live() == before, "the same events, the same ids, the note too"
    (shelf,) = second.alarms.shelves()
    assert (shelf.key, shelf.by, shelf.reason) == (key("B"), "ada", "cleaning")
    second.put(A=85.0, B=10.0)
    assert [event.id for event in second.live()] == [a.id, c.id], "still active is the same event; B has cleared"
    second.put(A=10.0)
    second.put(A=81.0)
    assert second.live()[-1].id == c.id + 1, "ids go on"
    assert [(line.change.name, line.event) for line in await second.lines()] == [
        ("ACTIVE", a.id), ("ACTIVE", b.id), ("ACTIVE", c.id), ("CLEAR", c.id), ("ACK", b.id), ("SHELVED", 0),
        ("CLEAR", b.id), ("CLEAR", a.id), ("ACTIVE", c.id + 1),
    ]  # fmt: skip
    await second.passes(600.0)
    assert second.alarms.shelves() == [], "the time of a shelf goes on while no gateway runs"
    await second.stop()


async def test_until_a_tag_has_a_value_nothing_is_cleared(tmp_path: Path) -> None:
    definitions = tag("A", alarm(), alarm("Bad", M.BAD_QUALITY))
    first = await World(tmp_path, definitions).start()
    first.put(A=81.0)
    first.put(BAD, A=0.0)
    assert len(first.shown()) == 2
    await first.stop()
    second = await World(tmp_path, definitions).start()
    assert [event.state for event in second.live()] == [AlarmState.ACTIVE_UNACKED] * 2
    second.put(BAD, A=0.0)
    assert [event.state for event in second.live()] == [AlarmState.ACTIVE_UNACKED] * 2
    second.put(A=1.0)
    assert [event.state for event in second.live()] == [AlarmState.CLEAR_UNACKED] * 2
    await second.stop()


async def test_alarms_that_went_while_no_gateway_ran(tmp_path: Path) -> None:
    first = await World(tmp_path, A, tag("B", alarm()), tag("C", alarm("Off"))).start()
    first.put(A=81.0, B=81.0, C=81.0)
    assert (await first.shelve(key("B"))).done
    await first.stop()
    second = await World(tmp_path, A, tag("C", alarm("Off", enabled=False))).start()
    assert second.shown() == [("High", "active_unacked"), ("Off", "clear_unacked")]
    assert second.alarms.shelves() == []
    lines = (await second.lines())[4:]
    assert [(line.change.name, line.key.path, line.note) for line in lines] == [
        ("CLEAR", "[default]B", "the alarm was removed"),
        ("ACK", "[default]B", "the alarm was removed"),
        ("CLEAR", "[default]C", "the alarm is disabled"),
    ]
    await second.stop()
    third = await World(tmp_path, tag("A")).start()
    assert third.live() == [], "no alarm is left, and yet the file is put in order"
    await third.stop()
    fourth = await World(tmp_path, A).start()
    assert fourth.live() == []
    await fourth.stop()


def killed(data: Path) -> Path:
    """A copy of the data as a kill would leave it now."""
    copy = data / "killed"
    (copy / "state").mkdir(parents=True)
    for file in (data / "state").glob("alarms.sqlite*"):
        if not file.name.endswith("-shm"):
            (copy / "state" / file.name).write_bytes(file.read_bytes())
    return copy


async def test_ids_of_a_gateway_that_was_killed_at_once(tmp_path: Path) -> None:
    world = await World(tmp_path, A).start()
    copy = killed(tmp_path)
    world.put(A=81.0)  # told to a page, and lost with the kill
    await world.stop()
    again = await World(copy, A).start()
    again.put(A=81.0)
    assert again.live()[0].id > EVENTS_AHEAD
    await again.stop()


async def test_ids_of_a_killed_gateway_are_not_given_again(tmp_path: Path) -> None:
    world = await World(tmp_path, A).start()
    world.put(A=81.0)
    await world.lines()
    copy = killed(tmp_path)
    world.put(A=1.0)
    world.put(A=81.0)  # told to a page, and lost with the kill
    await world.stop()
    again = await World(copy, A).start()
    assert [event.id for event in again.live()] == [1]
    again.put(A=1.0)
    again.put(A=81.0)
    assert again.live()[-1].id > EVENTS_AHEAD
    await again.stop()


# --- files ------------------------------------------------------------------------------------------------


async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / schema.FILE_NAME).write_bytes(b"no database " * 400)
    world = await World(tmp_path, A).start()
    world.put(A=81.0)
    assert await world.words() == ["active"]
    (tile,) = world.alarms.status()
    assert (tile.state, "alarms.corrupt." in tile.reason) == ("journal set aside", True)
    await world.stop()
    assert len(list((tmp_path / "state").glob("alarms.corrupt.*"))) == 1
    again = await World(tmp_path, A).start()
    assert (again.alarms.status(), len(again.live())) == ([], 1)
    await again.stop()


@pytest.mark.parametrize("damage", ["UPDATE event SET state = 'odd'", "UPDATE event SET priority = 77"])
async def test_rows_that_are_none_are_a_damage(tmp_path: Path, damage: str) -> None:
    world = await World(tmp_path, A).start()
    world.put(A=81.0)
    await world.stop()
    with sqlite3.connect(tmp_path / "state" / schema.FILE_NAME) as db:
        db.execute(damage)
    db.close()
    again = await World(tmp_path, A).start()
    assert again.live() == []
    assert again.alarms.status()[0].state == "journal set aside"
    await again.stop()


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    world = await World(tmp_path, A).start()
    world.put(A=81.0)
    await world.stop()
    path = tmp_path / "state" / schema.FILE_NAME
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    db.close()
    before = path.read_bytes()
    again = await World(tmp_path, A).start()
    (tile,) = again.alarms.status()
    assert "newer plantgate" in tile.reason
    again.put(A=81.0)
    assert again.shown() == [("High", "active_unacked")], "alarms work all the same"
    verdict = await again.acknowledge(again.live()[0].id)
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "ALM-121")
    assert again.shown() == [("High", "active_acked")], "and a person is not held up by the disk"
    await again.stop()
    assert path.read_bytes() == before


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY])
async def test_a_disk_that_fails_and_comes_back(tmp_path: Path, eventually: Eventually, code: int) -> None:
    disk = Disk()
    world = await World(tmp_path, A, tag("B", alarm()), connect=disk.connect).start()
    world.put(A=81.0)
    await world.lines()
    disk.broken = code
    world.put(A=1.0, B=81.0)
    first, second = world.live()
    verdict = await world.acknowledge(first.id, "seen")
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "ALM-121")
    assert (await world.shelve(key("B"))).outcome is Outcome.FAILED
    assert world.shown() == [("High", "active_unacked")], "what people did holds in memory"
    (tile,) = world.alarms.status()
    assert (tile.state, tile.details["waiting"]) == ("not stored", 4)
    disk.broken = 0
    world.tasks.spawn("time", lambda: pass_time(world.clock))
    await eventually(lambda: not world.alarms.status())
    await world.stop()
    again = await World(tmp_path, A, tag("B", alarm())).start()
    assert [(event.id, event.key) for event in again.live()] == [(second.id, key("B"))]
    assert [shelf.key for shelf in again.alarms.shelves()] == [key("B")]
    lines = await again.lines()
    assert [(line.change.name, line.event) for line in lines] == [
        ("ACTIVE", first.id), ("CLEAR", first.id), ("ACTIVE", second.id), ("ACK", first.id), ("SHELVED", 0),
    ], "each once, in order"  # fmt: skip
    await again.stop()


async def test_a_commit_that_was_told_as_failed_and_was_not(tmp_path: Path) -> None:
    """The lines are there, the caller heard that they are not: they are not there twice in the end."""
    disk = Disk()
    world = await World(tmp_path, A, connect=disk.connect).start()
    world.put(A=81.0)
    await world.lines()
    disk.broken = -1  # committed, and then an error
    assert (await world.acknowledge(world.live()[0].id)).outcome is Outcome.FAILED
    disk.broken = 0
    world.put(A=1.0)
    assert await world.words() == ["active", "ack", "clear"]
    await world.stop()


async def test_a_store_that_opens_later(tmp_path: Path, eventually: Eventually) -> None:
    first = await World(tmp_path, A, tag("B", alarm())).start()
    first.put(A=81.0, B=81.0)
    await first.stop()
    disk = Disk()
    disk.broken = sqlite3.SQLITE_CANTOPEN
    second = await World(tmp_path, A, tag("B", alarm()), connect=disk.connect).start()
    second.put(A=81.0, B=10.0)
    assert [event.key for event in second.live()] == [key("A")]
    now_active = second.live()[0].id
    assert now_active > 10 * EVENTS_AHEAD, "an id that no other run has given"
    disk.broken = 0
    second.tasks.spawn("time", lambda: pass_time(second.clock))
    await eventually(lambda: not second.alarms.status())
    assert [(event.id, event.state.value) for event in second.live()] == [
        (1, "clear_unacked"),
        (2, "clear_unacked"),
        (now_active, "active_unacked"),
    ]
    notes = {line.event: line.note for line in await second.lines() if line.change is AlarmChange.CLEAR}
    assert notes == {1: "when it cleared is not known", 2: ""}
    await second.stop()


async def test_while_the_disk_fails_memory_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.tags.alarms.keeping.ALARM_LINES_WAITING", 50)
    assert ALARM_LINES_WAITING > 10_000
    disk = Disk()
    definitions = [tag(f"T{number}", alarm()) for number in range(100)]
    world = await World(tmp_path, *definitions, connect=disk.connect).start()
    disk.broken = sqlite3.SQLITE_FULL
    world.put(**{f"T{number}": 81.0 for number in range(100)})
    assert (await world.acknowledge(1)).outcome is Outcome.FAILED
    (tile,) = world.alarms.status()
    assert (tile.details["waiting"], tile.details["lost"]) == (50, 51)
    assert len(world.live()) == 100
    disk.broken = 0
    assert len(await world.lines()) == 50
    await world.stop()
    again = await World(tmp_path, *definitions).start()
    assert len(again.live()) == 100, "lines are lost, alarms are not"
    await again.stop()


async def test_a_stop_waits_for_what_is_being_written(tmp_path: Path) -> None:
    definitions = [tag(f"T{number}", alarm()) for number in range(500)]
    world = await World(tmp_path, *definitions).start()
    for _ in range(3):
        world.put(**{f"T{number}": 81.0 for number in range(500)})
        world.put(**{f"T{number}": 1.0 for number in range(500)})
    await world.stop()
    again = await World(tmp_path, *definitions).start()
    assert (len(again.live()), len(await again.lines(limit=5_000))) == (1_500, 3_000)
    await again.stop()


# --- bounds -----------------------------------------------------------------------------------------------


async def test_the_oldest_lines_go_first(tmp_path: Path) -> None:
    world = await World(tmp_path, tag("A", alarm(ack=AckMode.UNUSED)), most=10).start()
    for _ in range(20):
        world.put(A=81.0)
        world.put(A=1.0)
    lines = await world.lines()
    assert [line.id for line in lines] == list(range(31, 41))
    await world.stop()


async def test_lines_that_are_too_old_go(tmp_path: Path) -> None:
    first = await World(tmp_path, A, keep_seconds=3_600.0).start()
    first.put(A=81.0)
    await first.stop()
    second = await World(tmp_path, A, keep_seconds=3_600.0, clock=later(first, 3_700)).start()
    assert await second.lines() == []
    second.put(A=1.0)
    assert [(line.id, line.change.name) for line in await second.lines()] == [(2, "CLEAR")], "an id is given once"
    await second.stop()


async def test_names_of_alarms_that_nothing_speaks_of_go(tmp_path: Path) -> None:
    first = await World(tmp_path, A, keep_seconds=3_600.0).start()
    first.put(A=81.0)
    first.put(A=1.0)
    assert (await first.acknowledge(1)).done
    await first.stop()
    for clock in (later(first, 3_700), later(first, 3_800)):
        world = await World(tmp_path, A, keep_seconds=3_600.0, clock=clock).start()
        await world.stop()
    with sqlite3.connect(tmp_path / "state" / schema.FILE_NAME) as db:
        assert db.execute("SELECT count(*) FROM alarm").fetchone() == (0,)
    db.close()


# --- for other eyes ---------------------------------------------------------------------------------------


async def test_the_journal_looks_like_ignitions(tmp_path: Path) -> None:
    world = await World(
        tmp_path, tag("L 1/T", alarm(label="too hot")), tag("S", alarm("Text", M.EQUAL, setpoint="x"))
    ).start()
    world.put(**{"L 1/T": 81.5})
    world.put(S="x")
    assert (await world.shelve(key("L 1/T"), 60.0, "why")).done
    assert (await world.acknowledge(1, "seen")).done
    await world.stop()
    with sqlite3.connect(tmp_path / "state" / schema.FILE_NAME) as db:
        events = db.execute("SELECT * FROM alarm_events ORDER BY id").fetchall()
        data = db.execute("SELECT * FROM alarm_event_data ORDER BY id, propname").fetchall()
    db.close()
    at = world.clock.wall() // 1_000
    source = "prov:default:/tag:L 1/T:/alm:High"
    assert events == [
        (1, 1, source, "too hot", 1, 0, 0, at),
        (2, 2, "prov:default:/tag:S:/alm:Text", "", 1, 0, 0, at),
        (3, 0, source, "too hot", 1, 6, 2, at),
        (4, 1, source, "too hot", 1, 2, 2, at),
    ]
    assert data == [
        (1, "eventValue", 1, 81, 81.5, "81.5"),
        (2, "eventValue", 2, None, None, '"x"'),
        (3, "notes", 2, None, None, "why"),
        (3, "user", 2, None, None, "ada"),
        (4, "ackNotes", 2, None, None, "seen"),
        (4, "ackUser", 2, None, None, "ada"),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that can't be written is POSIX's")
async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be", encoding="utf-8")
    world = await World(tmp_path, A).start()
    world.put(A=81.0)
    assert world.shown() == [("High", "active_unacked")]
    assert world.alarms.status()[0].state == "not stored"
    await world.stop()
