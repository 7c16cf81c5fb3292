"""`plantgate reader capture` and `replay`: a conversation taken from a simulated reader and played to a host."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.processes import free_ports, plantgate
from plantgate.cli.reader import app
from plantgate.cli.reader_replay import Replay
from plantgate.errors import ConfigError
from plantgate.protocols.scrdr.capture import Entry, Kind, decode, parse_capture, row
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream, connect
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.setup import configured

UID = "047DAE02C84080"
HELLO = b"$SCRDR;;;;;;;;*54\r\n"
READ = b"$SCRDR;03;01;01;;047DAE02C84080;;00047DAE02C84080;*57\r\n"
ACCEPT = b"$SCCMD;SEQ=60\r\n"
CAPTURES = Path(__file__).parents[1] / "protocols" / "captures"
Eventually = Callable[..., Awaitable[None]]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[asyncio.Future[Any]]:
    """The command on a thread; it has to end by itself."""
    with ThreadPoolExecutor(1) as thread:
        command = asyncio.get_running_loop().run_in_executor(thread, lambda: invoke(*arguments))
        try:
            yield command
        finally:
            await asyncio.wait([command])


@asynccontextmanager
async def reader() -> AsyncIterator[ReaderSimulator]:
    simulator = ReaderSimulator(SimulatorOptions(port=0, registers=configured()), SystemClock(), lambda _: None)
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


# capture


async def test_capture_of_both_directions(tmp_path: Path, eventually: Eventually) -> None:
    path = tmp_path / "day.txt"
    async with reader() as simulator:
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--timeout", "20")
        async with running("capture", *where, "--accept", "--count", "2", str(path)) as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.tap(Card(UID))
            await eventually(lambda: simulator.device.commands == 1)
            simulator.device.raw(b"noise \xff\r\n" + READ)
            result = await command
    assert result.exit_code == 0, result.output
    assert "2 card messages, 1 lines refused" in result.stderr
    entries = parse_capture(path.read_text(encoding="ascii"))
    assert [entry.kind for entry in entries][:1] + [entry.kind for entry in entries][-1:] == [Kind.OPEN, Kind.LEFT]
    said = b"".join(entry.data for entry in entries if entry.kind is Kind.READER)
    assert said == HELLO + READ + b"noise \xff\r\n" + READ
    assert b"".join(entry.data for entry in entries if entry.kind is Kind.HOST) == ACCEPT * 2
    assert re.match(r"# plantgate capture 1\n# reader 127.0.0.1:\d+\n# began \d{4}-", path.read_text(encoding="ascii"))
    assert os.listdir(tmp_path) == ["day.txt"]  # noqa: PTH208 - no temporary file is left


async def test_capture_goes_on_after_a_reset(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plantgate.cli.reader_connection._FIRST_SECONDS", 0.02)
    path = tmp_path / "day.txt"
    async with reader() as simulator:
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--timeout", "20")
        async with running("capture", *where, "--count", "1", str(path)) as command:
            await eventually(lambda: simulator.device.attached)
            simulator.server.drop(reset=True)
            await eventually(lambda: "reset" in path.read_text(encoding="ascii"))  # what there is is on disk
            await eventually(lambda: simulator.device.attached)
            simulator.device.tap(Card(UID))
            await command
    kinds = [entry.kind for entry in parse_capture(path.read_text(encoding="ascii"))]
    assert kinds.count(Kind.OPEN) == 2
    assert [kind for kind in kinds if kind in (Kind.RESET, Kind.LEFT)] == [Kind.RESET, Kind.LEFT]


async def test_capture_is_bounded(tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.limits.CAPTURE_BYTES", 1_000)
    path = tmp_path / "day.txt"
    async with reader() as simulator:
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--timeout", "20")
        async with running("capture", *where, str(path)) as command:
            await eventually(lambda: simulator.device.attached)
            for _ in range(30):
                simulator.device.tap(Card(UID))
            result = await command
    assert "the rest did not fit" in result.stderr
    assert path.stat().st_size <= 1_000
    assert parse_capture(path.read_text(encoding="ascii"))


def test_capture_into_nowhere(tmp_path: Path) -> None:
    result = invoke("capture", "--addr", "127.0.0.1", str(tmp_path / "no" / "day.txt"))
    assert result.exit_code == 1
    assert "can't be written" in result.stderr


def test_capture_of_nobody(tmp_path: Path) -> None:
    [port] = free_ports(1)
    result = invoke("capture", "--addr", "127.0.0.1", "--port", str(port), "--no-reconnect", str(tmp_path / "day.txt"))
    assert result.exit_code == 1
    assert "never connected" in result.stderr


# replay --check


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.txt")), ids=lambda path: path.stem)
def test_check_of_the_corpus(path: Path) -> None:
    result = invoke("replay", "--check", str(path), "--expect", str(path.with_suffix(".events")))
    assert (result.exit_code, result.stdout.endswith(" events as expected\n")) == (0, True)


def test_check_prints_the_events() -> None:
    path = CAPTURES / "garbage.txt"
    as_text = invoke("replay", "--check", str(path)).stdout.splitlines()
    assert as_text[0] == r"0.100000  refused: bytes that belong to no message [SC-101]: \x00ÿþnoise"
    assert as_text[3] == f"0.200000  card {UID}  read  13.56 NFC-A  template 01  data 00{UID} (hex)"
    as_json = invoke("replay", "--check", str(path), "--json").stdout
    assert as_json == path.with_suffix(".events").read_text(encoding="ascii")


def test_check_tells_what_differs(tmp_path: Path) -> None:
    expected = tmp_path / "events"
    lines = (CAPTURES / "hello.events").read_text(encoding="ascii").splitlines()
    expected.write_text("\n".join([lines[0], lines[2]]), encoding="ascii")
    result = invoke("replay", "--check", str(CAPTURES / "hello.txt"), "--expect", str(expected))
    assert result.exit_code == 1
    assert result.stdout.startswith("event 2 differs:\n- ")
    expected.write_text(lines[0], encoding="ascii")
    result = invoke("replay", "--check", str(CAPTURES / "hello.txt"), "--expect", str(expected))
    assert (result.exit_code, result.stdout) == (1, f"{len(lines)} events where 1 were expected\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [("nonsense\n", "day.txt:1: 'nonsense' is no entry"), (None, "can't be read"), ("# only\n", "has no connection")],
)
def test_replay_of_what_is_no_capture(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "day.txt"
    if text is not None:
        path.write_text(text, encoding="ascii")
    result = invoke("replay", str(path), "--port", "0")
    assert result.exit_code == 2
    assert words in result.stderr


# replay as a reader


@asynccontextmanager
async def playing(entries: list[Entry], **options: Any) -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
    """A replay on a free port, and what it reports; it is stopped at the end."""
    events: list[dict[str, Any]] = []
    started = asyncio.Event()

    def report(event: dict[str, Any]) -> None:
        events.append(event)
        started.set()

    tasks = TaskGroup("test", SystemClock())
    player = Replay(entries, SystemClock(), report, **options)
    tasks.spawn("replay", lambda: player.run("127.0.0.1", 0))
    await started.wait()
    try:
        yield events[0]["port"], events
    finally:
        await tasks.stop()
        assert not tasks.crashes


async def heard(stream: Stream) -> bytes:
    """All that comes until the end."""
    data = b""
    async with asyncio.timeout(10):
        while more := await stream.read():
            data += more
    stream.close()
    await stream.wait_closed()
    return data


def said(entries: list[Entry]) -> bytes:
    return b"".join(entry.data for entry in entries if entry.kind is Kind.READER)


@pytest.mark.parametrize("name", ["exclusive", "segments", "garbage", "dribble", "too-long"])
async def test_a_host_gets_what_the_reader_said_then(name: str, eventually: Eventually) -> None:
    entries = [
        entry
        for entry in parse_capture((CAPTURES / f"{name}.txt").read_text(encoding="ascii"))
        if entry.kind is not Kind.HOST
    ]
    async with playing(entries, speed=0) as (port, events):
        got = await heard(await connect("127.0.0.1", port, timeout=5.0))
        await eventually(lambda: events[-1]["event"] == "played")
    assert got == said(entries)
    again = [Entry(0, Kind.OPEN), Entry(0, Kind.READER, got), Entry(0, Kind.LEFT)]
    assert [row(event) for _, event in decode(again)] == [row(event) for _, event in decode(entries)]


async def test_one_connection_of_the_capture_each(eventually: Eventually) -> None:
    entries = parse_capture((CAPTURES / "hello.txt").read_text(encoding="ascii"))
    async with playing(entries, speed=0, loop=True) as (port, events):
        hellos = [(await heard(await connect("127.0.0.1", port, timeout=5.0))).split(b"\r\n")[0] for _ in range(5)]
        await eventually(lambda: events[-1]["event"] == "played")
    assert hellos[0] == hellos[4] == b"$SCRDR;;;;;;;;*54"
    assert hellos[1] == b"$SCRDR*54"
    assert hellos[3] == b"$SCRDR;;;;;;;;*5A"


ANSWERED = [
    Entry(0, Kind.OPEN),
    Entry(1, Kind.READER, READ),
    Entry(2, Kind.HOST, ACCEPT),
    Entry(3, Kind.READER, READ),
    Entry(4, Kind.CLOSED),
]


async def test_the_next_card_waits_for_the_answer_to_the_first(eventually: Eventually) -> None:
    async with playing(ANSWERED) as (port, events):
        stream = await connect("127.0.0.1", port, timeout=5.0)
        assert await stream.read() == READ
        stream.write(ACCEPT[:5])
        stream.write(ACCEPT[5:])
        assert await heard(stream) == READ
        await eventually(lambda: events[-1]["event"] == "played")
    assert [event["event"] for event in events] == ["listening", "connected", "played"]


async def test_another_answer_is_told(eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.cli.reader_replay._PATIENCE_SECONDS", 0.3)
    async with playing(ANSWERED, loop=True) as (port, events):
        stream = await connect("127.0.0.1", port, timeout=5.0)
        stream.write(b"$SCCMD;SEQ=61\r\n")
        assert await heard(stream) == READ * 2
        silent = await connect("127.0.0.1", port, timeout=5.0)
        assert await heard(silent) == READ * 2
        await eventually(lambda: [event["event"] for event in events].count("played") == 2)
    assert [(event["host said then"], event["now"]) for event in events if event["event"] == "different"] == [
        (r"$SCCMD;SEQ=60\r\n", r"$SCCMD;SEQ=61\r\n"),
        (r"$SCCMD;SEQ=60\r\n", "nothing"),
    ]


async def test_a_second_host_is_closed_without_a_byte(eventually: Eventually) -> None:
    entries = [Entry(0, Kind.OPEN), Entry(0, Kind.READER, HELLO), Entry(60_000_000, Kind.CLOSED)]
    async with playing(entries) as (port, events):
        first = await connect("127.0.0.1", port, timeout=5.0)
        assert await first.read() == HELLO
        assert await heard(await connect("127.0.0.1", port, timeout=5.0)) == b""
        first.close()
        await first.wait_closed()
        await eventually(lambda: events[-1]["event"] == "host left")


async def test_a_host_that_never_stops_talking_is_dropped(
    eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plantgate.cli.reader_replay._HEARD_BYTES", 1_000)
    entries = [Entry(0, Kind.OPEN), Entry(60_000_000, Kind.CLOSED)]
    async with playing(entries) as (port, events):
        stream = await connect("127.0.0.1", port, timeout=5.0)
        stream.write(b"x" * 2_000)
        assert await heard(stream) == b""
        await eventually(lambda: "more than 1000 bytes" in str(events[-1].get("reason")))


async def test_a_reset_is_played(eventually: Eventually) -> None:
    entries = [Entry(0, Kind.OPEN), Entry(0, Kind.READER, HELLO), Entry(100_000, Kind.RESET)]
    async with playing(entries) as (port, events):
        stream = await connect("127.0.0.1", port, timeout=5.0)
        assert await heard(stream) == HELLO
        await eventually(lambda: events[-1]["event"] == "played")


def test_a_capture_without_a_connection_is_none() -> None:
    with pytest.raises(ConfigError, match="has no connection"):
        Replay([], SystemClock(), lambda _: None)


def test_listen_to_a_replay() -> None:
    """Both commands as processes: what was captured is what is heard."""
    path = CAPTURES / "track.txt"
    with plantgate("reader", "replay", str(path), "--port", "0", "--speed", "100", "--json") as player:
        port = player.event("listening")["port"]
        with plantgate(
            *("reader", "listen", "--addr", "127.0.0.1", "--port", str(port)),
            *("--json", "--nolog", "--accept", "--count", "7"),
        ) as host:
            assert host.process.wait(20) == 0
        assert player.process.wait(20) == 0
    wanted = [json.loads(line) for line in path.with_suffix(".events").read_text(encoding="ascii").splitlines()]
    cards = [event for event in wanted if event["event"] == "card"]
    assert [event["tag_id"] for event in host.events] == [event["tag_id"] for event in cards]
    assert [event["move"] for event in host.events] == [event["move"] for event in cards]
