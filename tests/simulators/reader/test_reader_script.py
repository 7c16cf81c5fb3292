"""A day as a text file: read, refused with line numbers, and replayed under a clock of the test's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from plantgate.errors import ConfigError
from plantgate.limits import SIMULATOR_SCRIPT_BYTES
from plantgate.runtime.clock import ManualClock
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.options import Personality
from plantgate.simulators.reader.script import Entry, parse_script, read_script, settle
from tests.simulators.reader.world import HELLO, READ, UID, host, named, receive, running

Eventually = Callable[..., Awaitable[None]]
EXAMPLE = Path(__file__).parents[3] / "examples" / "reader-day.script"


def told(text: str) -> list[tuple[float, str, list[str], str]]:
    return [(entry.at, entry.action, [card.uid for card in entry.cards], entry.word) for entry in parse_script(text)]


def test_times_of_day_and_steps() -> None:
    assert told(
        """\
        # a comment
        7:55          present AA     # the first line is where the script begins
        +10s          present BB
        +1m30.5s      drop
        07:58:00.25   reboot
        +1h           vanish
        """
    ) == [
        (0.0, "present", ["AA"], ""),
        (10.0, "present", ["BB"], ""),
        (100.5, "drop", [], ""),
        (180.25, "reboot", [], ""),
        (3780.25, "vanish", [], ""),
    ]


def test_steps_before_the_first_time_of_day() -> None:
    assert told("+0s present AA\n+10s present BB\n08:00 present CC\n08:01 present DD") == [
        (0.0, "present", ["AA"], ""),
        (10.0, "present", ["BB"], ""),
        (10.0, "present", ["CC"], ""),
        (70.0, "present", ["DD"], ""),
    ]


def test_what_lasts_comes_to_its_end() -> None:
    assert told("8:00 hold AA for 3s\n8:00:01 present BB\n8:00:02 rude slow for 5s") == [
        (0.0, "hold", ["AA"], ""),
        (1.0, "present", ["BB"], ""),
        (2.0, "rude", [], "slow"),
        (3.0, "remove", ["AA"], ""),
        (7.0, "rude", [], "healthy"),
    ]


def test_cards() -> None:
    entries = parse_script(
        f"""\
        card ada {UID} data="Line 1"
        +0s present ada
        +1s present 0123456789AB interface=bluetooth protocol=iBeacon rssi=C4
        +1s present ada|AABB
        +1s remove all
        +1s drop reset
        """
    )
    assert [entry.cards for entry in entries] == [
        (Card(UID, data="Line 1"),),
        (Card("0123456789AB", "84", "11", rssi="C4"),),
        (Card(UID, data="Line 1"), Card("AABB")),
        (),
        (),
    ]
    assert [entry.word for entry in entries][-2:] == ["all", "reset"]
    assert [entry.line for entry in entries] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("noon present AA", "'noon' is no time"),
        ("24:00 present AA", "24:00 is no time of a day"),
        ("7:60 present AA", "7:60 is no time of a day"),
        ("7:00:60 present AA", "7:00:60 is no time of a day"),
        ("05:59 present AA", "05:59 is before the line above"),
        ("+x present AA", "'x' is no duration"),
        ("+ present AA", "'' is no duration"),
        ("+1s ~often present AA", "'often' is no duration"),
        ("+1s", "what happens then?"),
        ("+1s ~1s", "what happens then?"),
        ("+1s dance AA", "'dance' is no action"),
        ("+1s present", "which card?"),
        ("+1s present nobody", "'nobody' is no card id"),
        ("+1s present ada rssi=C4", "takes no 'rssi=C4'"),
        ("+1s present AA rssi", "'rssi' is no field of a card"),
        ("+1s present AA colour=red", "a card has no 'colour'"),
        ("+1s present AA for 3s", "'for' comes last"),
        ("+1s hold AA for", "'for' comes last"),
        ("+1s hold AA|BB for 3s", "'for' needs one card"),
        ("+1s rude", "no rude device is called ''"),
        ("+1s rude grumpy", "no rude device is called 'grumpy'"),
        ("+1s reboot now", "reboot takes no 'now'"),
        ("+1s drop softly", "drop takes no 'softly'"),
        ('+1s present "AA', "a quote is not closed"),
        ("card ada", "a card has a name and an id"),
        ("card ada AA", "the name 'ada' is taken"),
        ("card all AA", "the name 'all' is taken"),
    ],
)
def test_a_bad_line_is_named(line: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_script(f"06:00 present AA\ncard ada {UID}\n\n{line}\n+1s present BB", "day.script")
    assert refused.value.message.startswith("day.script:4: ")
    assert words in refused.value.message


def test_every_bad_line_is_told_up_to_a_bound() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_script("x\n" * 2 + "+1s present AA\n" + "y\n" * 100, "day")
    errors = refused.value.errors  # type: ignore[attr-defined]
    assert [error.message.partition(" ")[0] for error in errors][:3] == ["day:1:", "day:2:", "day:4:"]
    assert "and 52 more bad lines" in errors[-1].message
    assert len(errors) == 51


@pytest.mark.parametrize(("text", "code"), [("# nothing", "SIM-903"), ("#" * (SIMULATOR_SCRIPT_BYTES + 1), "SIM-901")])
def test_no_script(text: str, code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        parse_script(text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SIM-901"):
        read_script(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="SIM-901"):
        read_script(tmp_path / "binary")


def test_the_same_seed_gives_the_same_day() -> None:
    entries = parse_script("\n".join("+1m ~30s present AA|BB|CC" for _ in range(50)))
    assert settle(entries, 7) == settle(entries, 7)
    assert settle(entries, 7) != settle(entries, 8)
    for seed in range(20):
        settled = settle(entries, seed)
        assert [entry.at for entry in settled] == sorted(entry.at for entry in settled)
        assert all(len(entry.cards) == 1 for entry in settled)
        assert all(0 <= entry.at <= 50 * 60 + 30 for entry in settled)
    assert settle([Entry(1.0, "present", (Card("AA"),))], None) == [Entry(1.0, "present", (Card("AA"),))]


def test_the_example() -> None:
    entries = settle(read_script(EXAMPLE), 1)
    assert {entry.action for entry in entries} == {
        "present", "hold", "remove", "rude", "drop", "reboot", "vanish"
    }  # fmt: skip
    assert 10 * 3600 < entries[-1].at - entries[0].at < 12 * 3600


async def test_a_day_is_replayed(eventually: Eventually) -> None:
    clock = ManualClock()
    script = parse_script(
        f"""\
        08:00    hold {UID} for 10m
        08:20    present {UID} data="a;b"
        09:00    rude wrong-id for 1h
        09:30    present {UID}
        12:00    remove all
        13:00    drop
        14:00    reboot
        """
    )
    async with running(Personality(reboot_s=0.0), clock=clock, script=script, speed=60.0) as (simulator, events):
        await clock.advance(9.9)
        assert simulator.device.held == [UID]
        assert simulator.device.drop_reason == "no host is connected"
        await clock.advance(0.2)
        assert simulator.device.held == []
        await clock.advance(10.0)
        assert named(events, "script")[2:] == [
            {"event": "script", "line": 2, "action": "present", "uid": UID, "what": None},
            {
                "event": "script",
                "line": 2,
                "error": "a field holds ; * $ or an unprintable byte, and $SCRDR has no escape for it",
                "code": "SC-201",
            },
        ]
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO
            await clock.advance(70.0)
            assert await receive(stream, len(READ)) != READ
            assert simulator.device.manners.rude == "wrong-id"
            await clock.advance(210.0)
            assert simulator.device.manners.rude is None
            assert await receive(stream, 1) == b""
        assert named(events, "disconnected")[0]["reason"] == "dropped by the reader"
        await eventually(lambda: simulator.server.peer is None)
        await clock.advance(60.0)
        await eventually(lambda: named(events, "rebooting"))
        assert named(events, "script ended") == [{"event": "script ended", "entries": 9}]
