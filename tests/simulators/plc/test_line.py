"""The bottling line, with time in our hands."""

from __future__ import annotations

from plantgate.simulators.plc.line import MAX_STEPS, BottlingLine, MachineState


def ran(seconds: float, line: BottlingLine | None = None, since: float = 0.0) -> BottlingLine:
    line = line or BottlingLine()
    line.advance(since)
    line.advance(since + seconds)
    return line


def test_the_line_comes_up_to_speed_and_makes_bottles() -> None:
    line = ran(60)
    assert line.filler.state is MachineState.RUNNING
    assert abs(line.filler.speed - 180) < 10
    assert 120 < line.filler.count < 180
    assert line.filler.count >= line.capper.count >= line.labeller.count > 100
    assert line.energy > 0
    assert abs(line.mixer_temperature - 68) < 3


def test_the_same_time_gives_the_same_line_however_it_is_cut() -> None:
    whole = ran(30)
    cut = BottlingLine()
    for tick in range(3_001):
        cut.advance(tick / 100)
    assert (cut.tank_a, cut.filler, cut.doors) == (whole.tank_a, whole.filler, whole.doors)


def test_stop_and_emergency_stop_end_the_motion() -> None:
    line = ran(30)
    line.emergency_stop = True
    made = ran(40, line, 30).filler.count
    assert line.filler.speed == 0
    assert line.alarm
    assert ran(10, line, 70).filler.count == made
    line.emergency_stop, line.run = False, False
    assert ran(10, line, 80).filler.state is MachineState.STOPPED
    assert not line.alarm


def test_the_door_follows_its_strike() -> None:
    line = ran(1)
    line.doors[0].strike = True
    assert not ran(0.2, line, 1).doors[0].open
    assert ran(0.5, line, 1.2).doors[0].open
    assert line.status_word & 0b010000
    line.doors[0].strike = False
    assert ran(0.5, line, 1.7).doors[0].open
    assert not ran(0.8, line, 2.2).doors[0].open
    assert not line.doors[1].open


def test_tanks_are_refilled_and_stay_within_their_walls() -> None:
    line = BottlingLine()
    seen = set()
    for second in range(3_600):
        line.advance(float(second))
        assert 0 <= line.tank_a.level <= 100
        seen.add(line.tank_a.valve_open)
    assert seen == {True, False}


def test_fill_now_opens_the_valve_once() -> None:
    line = ran(1)
    line.tank_a_fill = True
    ran(1, line, 1)
    assert line.tank_a.valve_open
    assert not line.tank_a_fill


def test_a_long_pause_is_not_caught_up_with() -> None:
    line = ran(0)
    line.advance(1e9)
    assert line.seconds < MAX_STEPS * 0.1 + 1
