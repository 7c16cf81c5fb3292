"""What a reader's front shows, and the picture of it on a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from plantgate.protocols.scrdr import CommandReceived
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.rude import Rude
from plantgate.simulators.reader.screen import Screen, can_draw
from plantgate.simulators.reader.setup import FACTORY
from plantgate.simulators.reader.ui import OFF, Front
from tests.simulators.reader.world import UID, Outlet


def words(front: Front, now: float) -> tuple[list[str], bool, str]:
    look = front.look(now)
    return [f"{lamp.colour} {lamp.word}".strip() for lamp in look.lamps], look.buzzer, look.name


def test_accept_and_back_to_idle() -> None:
    front = Front()
    front.started(0.0, active=True)
    assert words(front, 0.0) == (["blue on", "off", "off", "off"], False, "started, active")
    front.play(0x60, 10.0)
    assert words(front, 10.1) == (["green on"] * 4, True, "access granted")
    assert words(front, 10.5) == (["green on"] * 4, False, "access granted")
    assert words(front, 12.1)[2] == "started, active"


def test_deny_beeps_longer_than_accept() -> None:
    front = Front()
    front.play(0x61, 0.0)
    assert words(front, 0.7) == (["red on"] * 4, True, "access denied")


def test_not_genuine_gives_way_to_the_sequence_before() -> None:
    front = Front()
    front.play(0x08, 0.0)
    front.play(0x04, 1.0)
    assert words(front, 1.5) == (["red flashing x3, 10 times a second"] * 4, True, "not genuine")
    assert not front.look(2.5).buzzer
    assert words(front, 3.1)[2] == "please wait"


@pytest.mark.parametrize("seq", [0x05, 0x0F])
def test_all_off(seq: int) -> None:
    front = Front()
    front.play(0x0E, 0.0)
    front.play(seq, 0.1)
    assert front.look(0.2).lamps == (OFF,) * 4
    assert not front.look(0.15).buzzer


def test_a_sequence_that_is_not_known_changes_nothing() -> None:
    front = Front()
    front.play(0x06, 0.0)
    front.play(0xFE, 0.1)
    assert words(front, 0.2) == (["white on"] * 4, False, "startup")


def test_led_modes_and_buzzer() -> None:
    front = Front()
    front.light(bytes.fromhex("92000192"))
    front.beep(100, 5.0)
    lamps, beep, name = words(front, 5.05)
    assert lamps == [
        "white flashing, 20 % on, 10 times a second",
        "off",
        "white mode 01",
        "white flashing, 20 % on, 10 times a second",
    ]
    assert (beep, name) == (True, "set by the host")
    assert not front.look(5.2).buzzer


def test_a_beep_does_not_stop_what_is_shown() -> None:
    front = Front()
    front.play(0x60, 0.0)
    front.beep(5_000, 0.1)
    assert words(front, 1.0) == (["green on"] * 4, True, "access granted")


def test_mute() -> None:
    front = Front()
    front.volume = 0
    front.beep(1_000, 0.0)
    assert not front.look(0.5).buzzer


def drawn(simulator: ReaderSimulator, screen: Screen, *, colour: bool = True) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, no_color=not colour, legacy_windows=False)
    console.print(screen.picture(simulator))
    return output.getvalue()


def made(**options: Any) -> tuple[ReaderSimulator, Screen, ManualClock]:
    clock = ManualClock()
    screen = Screen(clock)
    return ReaderSimulator(SimulatorOptions(port=0, **options), clock, screen.report), screen, clock


async def test_picture_of_an_accepted_card() -> None:
    simulator, screen, _ = made()
    simulator.device.attach(Outlet())
    simulator.device.tap(Card(UID))
    simulator.device.outcome(CommandReceived("$SCCMD;SEQ=60", seq=0x60), 0)
    simulator.device.hold(Card("AABB"))
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn(simulator, screen))
    assert text.count("(*) LED") == 1
    assert "green, on" in text
    assert "buzzer: BEEP" in text
    assert "plays: read success" in text
    assert "TCP server, $SCRDR" in text
    for row in ("cards on it   AABB", "last card     AABB", "counters      3 sent, 0 dropped, 1 commands"):
        assert row in text
    assert "last command  $SCCMD;SEQ=60: access granted" in text
    await simulator.stop()


def test_colour_only_repeats_the_words() -> None:
    simulator, screen, clock = made()
    simulator.device.front.play(0x61, clock.mono())
    with_colour, without = drawn(simulator, screen), drawn(simulator, screen, colour=False)
    assert re.search(r"\x1b\[[0-9;]*31m", with_colour)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", without)
    assert without.count("(*) LED") == 4
    assert without.count("red, on") == 4


async def test_picture_of_a_reader_that_is_not_set_up_and_dead() -> None:
    clock = ManualClock()
    screen = Screen(clock)
    simulator = ReaderSimulator(SimulatorOptions(registers=FACTORY), clock, screen.report)
    simulator.device.manners.become(Rude.DEAD)
    simulator.device.front.volume = 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn(simulator, screen))
    assert "register 02C0=00: network off, profile Direct" in text
    assert "manners       dead" in text
    assert "buzzer: silent (muted)" in text
    assert "rude         name=dead" in text
    await simulator.stop()


def test_a_peer_can_not_move_the_cursor() -> None:
    simulator, screen, _ = made()
    simulator.device.outcome(CommandReceived("$SCCMD;\x1b[2J=1"), 0)
    text = drawn(simulator, screen)
    assert "\x1b[2J" not in text
    assert "\\x1b[2J" in text


async def test_redrawn_in_place() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    simulator, screen, clock = made()
    output = Terminal()
    tasks = TaskGroup("test", clock)
    tasks.spawn("draw", lambda: screen.draw(simulator, output))
    await clock.advance(0.05)
    before = len(output.getvalue())
    simulator.device.front.play(0x60, clock.mono())
    await clock.advance(0.1)
    assert "green, on" in output.getvalue()[before:]
    assert "\x1b[1A" in output.getvalue()[before:]  # a line up: the same lines are written again
    await tasks.stop()
    await simulator.stop()


def test_where_a_picture_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert can_draw(Terminal())
    assert not can_draw(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not can_draw(Terminal())
