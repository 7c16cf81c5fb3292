"""`PortChanger`: on trial, confirmed, taken back, refused; with a clock that the test turns."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from plantgate.config.document import Configuration
from plantgate.config.load import load
from plantgate.errors import ConfigError, PeerError, Refused, Unavailable
from plantgate.model.command import Origin
from plantgate.ports.change import RETRY_SECONDS, PortChanger
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from tests.conftest import Eventually

ADA = Origin("ada", "127.0.0.1", may_write=True)
XML = '<properties>\n<entry key="gateway.port">8088</entry>\n<entry key="gateway.sslport">8043</entry>\n</properties>\n'


class Listener:
    """`Rebindable`: notes where it was moved to; `taken` ports can't be had."""

    def __init__(self, port: int, taken: set[int]) -> None:
        self.port = port
        self._taken = taken
        self.moves: list[int] = []

    async def rebind(self, port: int) -> None:
        if port in self._taken:
            raise Unavailable("NET-121", f"port {port} is taken")
        self.port = port
        self.moves.append(port)


@dataclass
class Site:
    changer: PortChanger
    configurations: list[Configuration]
    http: Listener
    https: Listener
    taken: set[int]
    clock: ManualClock
    file: Path

    @property
    def configuration(self) -> Configuration:
        return self.configurations[-1]

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def site(folder: Path, *sets: str) -> AsyncIterator[Site]:
    file = folder / "gateway.xml"
    file.write_text(XML, encoding="utf-8")
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    taken: set[int] = set()
    first = load(folder, sets, {})
    http, https = (Listener(port, taken) for port in (first.web_server.port, first.web_server.ssl_port))

    now = [first]
    changer = PortChanger({"http": http, "https": https}, lambda: now[-1], now.append, folder, clock, tasks)
    opened = Site(changer, now, http, https, taken, clock, file)
    try:
        yield opened
    finally:
        await tasks.stop()


async def test_for_good_it_is_moved_and_written(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        change = await it.changer.change("http", 9000, None, ADA)
        assert (change.port, change.previous, change.revert_at, change.note) == (9000, 8088, None, "")
        assert it.http.port == it.configuration.web_server.port == 9000
        assert it.text == XML.replace("8088", "9000")
        assert it.changer.waiting() == []


async def test_on_trial_nothing_is_written_and_it_goes_back(tmp_path: Path, eventually: Eventually) -> None:
    async with site(tmp_path) as it:
        change = await it.changer.change("http", 9000, 300, ADA)
        assert change.revert_at == it.clock.wall() + 300_000_000
        assert it.changer.waiting() == [change]
        assert (it.http.port, it.text) == (9000, XML)
        await it.clock.advance(299)
        assert it.http.port == 9000
        await it.clock.advance(2)
        await eventually(lambda: it.http.port == 8088)
        await eventually(lambda: it.changer.waiting() == [])
        assert it.configuration.web_server.port == 8088
        assert it.configuration.source_of("gateway.port") == "gateway.xml:2"
        assert it.text == XML


async def test_confirmed_it_stays(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        await it.changer.change("https", 9443, 300, ADA)
        kept = await it.changer.confirm("https", ADA)
        assert (kept.port, kept.revert_at) == (9443, None)
        await it.clock.advance(600)
        assert it.https.port == 9443
        assert it.text == XML.replace("8043", "9443")
        with pytest.raises(Refused, match="PORT-431"):
            await it.changer.confirm("https", ADA)


async def test_an_old_port_that_was_taken_is_waited_for(tmp_path: Path, eventually: Eventually) -> None:
    async with site(tmp_path) as it:
        await it.changer.change("http", 9000, 10, ADA)
        it.taken.add(8088)
        await it.clock.advance(11)
        assert it.http.port == 9000
        it.taken.clear()
        await eventually(lambda: it.clock.sleepers == 1)
        await it.clock.advance(RETRY_SECONDS)
        await eventually(lambda: it.http.port == 8088)


async def test_a_second_trial_goes_back_to_the_first_port(tmp_path: Path, eventually: Eventually) -> None:
    async with site(tmp_path) as it:
        await it.changer.change("http", 9000, 10, ADA)
        change = await it.changer.change("http", 9001, 20, ADA)
        assert change.previous == 8088
        await it.clock.advance(15)
        assert it.http.port == 9001
        await it.clock.advance(6)
        await eventually(lambda: it.http.port == 8088)
        assert it.http.moves == [9000, 9001, 8088]


async def test_taken_back_by_hand(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        await it.changer.change("http", 9000, 10, ADA)
        await it.changer.change("http", 8088, None, ADA)
        assert (it.changer.waiting(), it.http.port, it.text) == ([], 8088, XML)
        assert it.configuration.source_of("gateway.port") == "gateway.xml:2"


async def test_a_port_that_can_not_be_had_changes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        it.taken.add(9000)
        with pytest.raises(Unavailable, match="NET-121"):
            await it.changer.change("http", 9000, None, ADA)
        assert (it.http.port, it.configuration.web_server.port, it.text) == (8088, 8088, XML)


async def test_a_file_that_can_not_be_edited_takes_the_port_back(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        it.file.write_text("<properties><entry", encoding="utf-8")
        with pytest.raises(ConfigError):
            await it.changer.change("http", 9000, None, ADA)
        assert it.http.moves == [9000, 8088]
        assert it.configuration.web_server.port == 8088


@pytest.mark.parametrize(
    ("name", "port", "seconds", "kind", "code"),
    [
        ("metro_ssl", 9000, None, PeerError, "PORT-432"),
        ("http\x1b[2J", 9000, None, PeerError, "PORT-432"),
        ("http", -1, None, PeerError, "PORT-433"),
        ("http", 65_536, None, PeerError, "PORT-433"),
        ("http", 9000, 0.0, PeerError, "PORT-434"),
        ("http", 9000, 1e9, PeerError, "PORT-434"),
        ("http", 8043, None, Refused, "PORT-436"),
        ("http", 8060, None, Refused, "PORT-436"),
    ],
)
async def test_what_can_not_be_meant(
    tmp_path: Path, name: str, port: int, seconds: float | None, kind: type[Exception], code: str
) -> None:
    async with site(tmp_path) as it:
        with pytest.raises(kind, match=code):
            await it.changer.change(name, port, seconds, ADA)
        assert it.http.moves == []


async def test_a_port_that_another_may_go_back_to_is_kept_for_it(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        await it.changer.change("http", 9000, 300, ADA)
        with pytest.raises(Refused, match="PORT-436"):
            await it.changer.change("https", 8088, None, ADA)


async def test_the_last_way_in_can_not_be_closed(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        await it.changer.change("https", 0, None, ADA)
        with pytest.raises(Refused, match="PORT-435"):
            await it.changer.change("http", 0, None, ADA)


async def test_who_may_only_look_may_not(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        with pytest.raises(Refused, match="PORT-437"):
            await it.changer.change("http", 9000, None, Origin("eve"))
        assert it.http.moves == []


async def test_an_override_that_beats_the_file_is_said(tmp_path: Path) -> None:
    async with site(tmp_path, "http_port=8090") as it:
        change = await it.changer.change("http", 9000, None, ADA)
        assert "--set" in change.note
        assert it.text == XML.replace("8088", "9000")


async def test_the_modbus_server_moves_too_and_is_no_way_in(tmp_path: Path) -> None:
    (tmp_path / "plantgate.toml").write_text("[modbus_server]\nenabled = true\nport = 1502 # plc\n", encoding="utf-8")
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    now = [load(tmp_path, (), {})]
    http, modbus = Listener(8088, set()), Listener(1502, set())
    listeners = {"http": http, "modbus": modbus}
    changer = PortChanger(listeners, lambda: now[-1], now.append, tmp_path, clock, tasks)
    change = await changer.change("modbus", 1503, None, ADA)
    assert (change.name, change.key, change.previous) == ("modbus", "modbus_server.port", 1502)
    assert (modbus.port, now[-1].modbus_server.port, now[-1].web_server.port) == (1503, 1503, 8088)
    assert now[-1].source_of("modbus_server.port") == "plantgate.toml"
    text = (tmp_path / "plantgate.toml").read_text(encoding="utf-8")
    assert text == "[modbus_server]\nenabled = true\nport = 1503 # plc\n"
    with pytest.raises(Refused, match="PORT-435"):
        await changer.change("http", 0, None, ADA)
    with pytest.raises(Refused, match="PORT-436"):
        await changer.change("modbus", 8088, None, ADA)
    await changer.change("modbus", 0, None, ADA)
    assert modbus.port == 0
    await tasks.stop()
