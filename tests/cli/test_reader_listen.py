"""`plantgate reader listen` against simulated readers of every kind, as a person and a script meet it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.processes import free_ports
from plantgate.cli.reader import app
from plantgate.protocols.scrdr import Checksum, RegisterFile
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream, StreamServer, bind, connect
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.options import Dialect, HelloKind, Personality, SecondClient, Writes
from plantgate.simulators.reader.setup import configured

UID = "047DAE02C84080"
READ = b"$SCRDR;03;01;01;;047DAE02C84080;;00047DAE02C84080;*57\r\n"
KEYS = {"interface", "protocol", "template", "rssi", "tag_id", "move", "tag_data", "tag_details"}
Eventually = Callable[..., Awaitable[None]]
Running = tuple[ReaderSimulator, list[dict[str, Any]]]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["listen", *arguments])


@asynccontextmanager
async def listening(*arguments: str) -> AsyncIterator[asyncio.Future[Any]]:
    """The command on a thread while the block runs; it has to end by itself, and does so in the end."""
    limit = () if "--timeout" in arguments else ("--timeout", "20")
    with ThreadPoolExecutor(1) as thread:
        command = asyncio.get_running_loop().run_in_executor(thread, lambda: invoke(*arguments, *limit))
        try:
            yield command
        finally:
            await asyncio.wait([command])


@asynccontextmanager
async def reader(
    personality: Personality | None = None, registers: RegisterFile | None = None, **options: Any
) -> AsyncIterator[Running]:
    events: list[dict[str, Any]] = []
    simulator = ReaderSimulator(
        SimulatorOptions(
            port=0, personality=personality or Personality(), registers=registers or configured(), **options
        ),
        SystemClock(),
        events.append,
    )
    await simulator.start()
    try:
        yield simulator, events
    finally:
        await simulator.stop()


def named(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


# any correct peer


@pytest.mark.parametrize("checksum", [Checksum.EXCLUSIVE, Checksum.INCLUSIVE])
@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("writes", list(Writes))
async def test_every_dialect_checksum_and_cut(
    checksum: Checksum, dialect: Dialect, writes: Writes, eventually: Eventually
) -> None:
    kind = Personality(checksum=checksum, dialect=dialect, writes=writes)
    async with reader(kind) as (simulator, events):
        arguments = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--json", "--accept", "--count", "3")
        async with listening(*arguments) as command:
            await eventually(lambda: simulator.device.attached)
            for _ in range(3):
                simulator.device.tap(Card(UID))
            result = await command
        await eventually(lambda: named(events, "disconnected"))
    rows = objects(result.stdout)
    assert result.exit_code == 0, result.output
    assert [(row["tag_id"], row["tag_data"], row["move"]) for row in rows] == [(UID, f"00{UID}", "")] * 3
    assert all(set(row) >= KEYS for row in rows)
    assert {(row["interface_name"], row["protocol_name"]) for row in rows} == {("13.56", "NFC-A")}
    assert {row["interface"] for row in rows} == {"13.56" if dialect is Dialect.TEXT else "03"}
    assert [event["raw"] for event in named(events, "command")] == ["$SCCMD;SEQ=60"] * 3
    assert named(events, "disconnected")[0]["reason"] == "closed by the host"


@pytest.mark.parametrize("hello", list(HelloKind))
async def test_every_hello_and_none(hello: HelloKind, eventually: Eventually) -> None:
    async with reader(Personality(hello=hello)) as (simulator, events):
        async with listening("--ip", "127.0.0.1", "--port", str(simulator.port), "--once", "--deny") as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.tap(Card(UID))
            result = await command
        await eventually(lambda: named(events, "disconnected"))
        # A hello is no card: it is not answered.
        assert [event["raw"] for event in named(events, "command")] == ["$SCCMD;SEQ=61"]
    assert result.exit_code == 0
    assert ("hello of the reader" in result.stderr) is (hello is not HelloKind.NONE)


async def test_track_mode(eventually: Eventually) -> None:
    async with reader(registers=configured(track=True)) as (simulator, _):
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port))
        async with listening(*where, "--count", "3") as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.hold(Card(UID))
            simulator.device.remove(UID)
            simulator.device.tap(Card("04C16802C84080"))
            result = await command
    words = [line.split("  ")[1:3] for line in result.stdout.splitlines()]
    assert words == [
        [f"card {UID}", "inserted"],
        [f"card {UID}", "removed"],
        ["card 04C16802C84080", "came and went"],
    ]


async def test_what_a_person_sees(eventually: Eventually) -> None:
    async with reader() as (simulator, _):
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port))
        async with listening(*where, "--once", "--wink") as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.tap(Card(UID, rssi="C4", data="https://a.example/", details="0201"))
            result = await command
    assert result.stdout[8:] == (
        f"  card {UID}  read  13.56 NFC-A  template 01  rssi C4  data https://a.example/ (text)  details 0201\n"
    )
    told = [line[10:] for line in result.stderr.splitlines()]
    assert told[0] == f"connecting to 127.0.0.1:{simulator.port}, Ctrl+C leaves"
    assert f"connected to 127.0.0.1:{simulator.port}" in told
    assert "checksum: exclusive reading (between $ and *)" in told
    assert told[-1] == "sent $SCCMD;SEQ=0E (wink)"


async def test_the_command_goes_out_as_the_device_wants_it(eventually: Eventually) -> None:
    """CR LF, no checksum: right under both readings (springcore.md 1.5)."""
    heard = b""
    told = asyncio.Event()

    async def play(stream: Stream) -> None:
        nonlocal heard
        stream.write(READ + READ)
        while len(heard) < 30 and (data := await stream.read()):
            heard += data
        told.set()

    tasks = TaskGroup("test", SystemClock())
    server = StreamServer(bind("127.0.0.1", 0), play, tasks)
    await server.start()
    async with listening("--addr", "127.0.0.1", "--port", str(server.port), "--accept", "--count", "2"):
        await told.wait()
    await server.stop()
    assert heard == b"$SCCMD;SEQ=60\r\n" * 2


# what is refused


async def test_a_refused_line_is_an_object_with_error(eventually: Eventually) -> None:
    async with reader() as (simulator, events):
        async with listening("--addr", "127.0.0.1", "--port", str(simulator.port), "--json", "--once") as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.raw(b"noise\r\n$SCRDR;03;01;01;;04;;;*00\r\n\x9b31m\x1b[2J\r\n")
            simulator.device.tap(Card(UID))
            result = await command
        assert not named(events, "command")
    rows = objects(result.stdout)
    assert [row["error"]["code"] for row in rows if "error" in row] == ["SC-101", "SC-104", "SC-101"]
    assert all(row["error"]["message"] for row in rows if "error" in row)
    assert "tag_id" not in rows[0]
    assert rows[-1]["tag_id"] == UID
    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert "\x1b" not in result.output


async def test_nothing_of_a_peer_reaches_the_terminal_as_it_is(eventually: Eventually) -> None:
    async with reader(Personality(raw=True)) as (simulator, _):
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port))
        async with listening(*where, "--once") as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.raw(b"\x1b[2J\xc2\x9b31m\r\n")
            simulator.device.tap(Card(UID, data="a;b\x1b[31m"))
            result = await command
    assert "\x1b" not in result.output
    assert "\x9b" not in result.output
    assert r"a;b\x1b[31m" in result.stdout
    assert "(ambiguous: more than eight fields)" in result.stdout
    assert "(bytes outside ASCII)" in result.stdout


async def test_a_reader_that_speaks_json(eventually: Eventually) -> None:
    """Factory setting: nothing is understood, the next step names the register once, exit status 1."""
    async with reader(Personality(hello=HelloKind.NONE)) as (simulator, _):
        arguments = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--no-reconnect")
        async with listening(*arguments) as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.raw(b'{"Type":"READER EVENT"}\r\n' * 2)
            simulator.server.drop(reset=False)
            result = await command
    assert result.exit_code == 1
    assert result.stdout.count("refused: bytes that belong to no message [SC-101]") == 2
    assert result.stderr.count("02A0 = 00xxxx01xx") == 1
    assert "nothing that the reader sent was a $SCRDR message (2 lines were refused) [RDR-204]" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
async def test_a_reader_as_delivered_but_for_the_profile(eventually: Eventually) -> None:
    """Its JSON never ends a line: the hint comes with the first bytes."""
    async with reader(registers=RegisterFile().with_value(0x02C0, b"\x24")) as (simulator, _):
        with process(simulator.port) as child:
            await eventually(lambda: simulator.device.attached, within=20)
            simulator.device.tap(Card(UID))
            assert child.stderr is not None
            await asyncio.get_running_loop().run_in_executor(None, _until, child.stderr, b"02A0 = 00xxxx01xx")
            child.send_signal(signal.SIGINT)
            assert await ended(child, eventually) == 1
            assert b"nothing that the reader sent was a $SCRDR message" in child.stderr.read()
            assert child.stdout is not None
            assert b"refused: " in child.stdout.read()
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_reader_without_checksums(eventually: Eventually) -> None:
    async with reader(Personality(checksum=Checksum.OFF)) as (simulator, _):
        arguments = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--no-reconnect", "--nolog")
        async with listening(*arguments) as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.tap(Card(UID))
            simulator.server.drop(reset=False)
            result = await command
    assert result.exit_code == 1
    assert result.stdout.count("refused: no checksum [SC-103]") == 2  # the hello is refused too


async def test_half_a_message_at_the_end(eventually: Eventually) -> None:
    async with reader() as (simulator, _):
        arguments = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--no-reconnect", "--json", "--nolog")
        async with listening(*arguments) as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.raw(READ[:20])
            simulator.server.drop(reset=False)
            result = await command
    assert [row["error"]["code"] for row in objects(result.stdout)] == ["SC-108"]


# busy, refused, dead, lost


async def test_busy(eventually: Eventually) -> None:
    async with reader() as (simulator, _):
        other = await connect("127.0.0.1", simulator.port, timeout=5.0)
        async with listening("--addr", "127.0.0.1", "--port", str(simulator.port), "--no-reconnect") as command:
            result = await command
        other.close()
        await other.wait_closed()
    assert result.exit_code == 1
    assert "another host holds the reader" in result.stderr
    assert "stop the other host" in result.stderr
    assert "connected to" not in result.stderr


def test_refused() -> None:
    [port] = free_ports(1)
    result = invoke("--addr", "127.0.0.1", "--port", str(port), "--no-reconnect", "--nolog")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "refused the connection" in result.stderr
    assert "02C0 = 24" in result.stderr
    result = invoke("--addr", "127.0.0.1", "--port", str(port), "--no-reconnect", "--json", "--nolog")
    assert json.loads(result.stderr)["error"]["code"] == "RDR-204"


def test_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog that is full answers nothing, as a reader without power."""
    monkeypatch.setattr("plantgate.cli.reader_connection._CONNECT_SECONDS", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):  # the kernel takes one or two more than it was told
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        result = invoke("--addr", "127.0.0.1", "--port", str(listener.getsockname()[1]), "--no-reconnect")
        for client in waiting:
            client.close()
    assert result.exit_code == 1
    assert "dead: " in result.stderr
    assert "is it powered" in result.stderr


def test_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    result = invoke("--addr", "reader.invalid", "--no-reconnect")
    assert result.exit_code == 1
    assert "the name reader.invalid is unknown" in result.stderr


def test_a_silent_name_server_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr("plantgate.cli.reader_connection._CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(60))
    result = invoke("--addr", "reader.invalid", "--no-reconnect")
    assert "the name server does not answer" in result.stderr
    release.set()


async def test_connects_again(eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.cli.reader_connection._FIRST_SECONDS", 0.02)
    async with reader() as (simulator, events):
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port))
        async with listening(*where, "--accept", "--count", "3") as command:
            for number, reset in ((1, False), (2, True), (3, False)):
                await eventually(lambda due=number: len(named(events, "connected")) == due)
                simulator.device.tap(Card(UID))
                await eventually(lambda due=number: len(named(events, "command")) == due)
                if number < 3:
                    simulator.server.drop(reset=reset)
            result = await command
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert "closed the connection" in result.stderr
    assert "reset the connection" in result.stderr


async def test_take_over(eventually: Eventually) -> None:
    async with reader(Personality(second_client=SecondClient.TAKE_OVER)) as (simulator, _):
        arguments = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--no-reconnect")
        async with listening(*arguments) as command:
            await eventually(lambda: simulator.device.attached)
            other = await connect("127.0.0.1", simulator.port, timeout=5.0)
            result = await command
        other.close()
        await other.wait_closed()
    assert "lost: " in result.stderr
    assert result.exit_code == 0


# how long


async def test_timeout(eventually: Eventually) -> None:
    async with reader() as (simulator, events):
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--nolog")
        async with listening(*where, "--timeout", "0.7") as command:
            result = await command
        assert (result.exit_code, result.output) == (0, "")
        await eventually(lambda: not simulator.device.attached)
        async with listening(*where, "--timeout", "0.7", "--count", "2") as command:
            await eventually(lambda: simulator.device.attached)
            simulator.device.tap(Card(UID))
            result = await command
        assert result.exit_code == 1
        assert "1 of 2 card messages came" in result.stderr
        await eventually(lambda: len(named(events, "disconnected")) == 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--addr 192.168.1.50"),
        (("--addr", "127.0.0.1", "--wink", "--deny"), "one reply to a card"),
        (("--addr", "127.0.0.1", "--once", "--count", "2"), "keep one"),
        (("--addr", "127.0.0.1", "--port", "0"), "--port"),
        (("--addr", "127.0.0.1", "--port", "4000a"), "--port"),
        (("--addr", "127.0.0.1", "--count", "0"), "--count"),
        (("--addr", "127.0.0.1", "--nothing"), "--nothing"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option: str) -> None:
    result = invoke(option)
    assert result.exit_code == 0
    for name in ("--addr", "--ip", "--port", "--wink", "--accept", "--deny", "--nolog", "--logtofile", "--json"):
        assert name in result.stdout


# the log file


async def test_log_file(tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with reader() as (simulator, _):
        where = ("--addr", "127.0.0.1", "--port", str(simulator.port), "--once", "--nolog")
        for more in (("--logtofile", "my.log"), ("--logtofile=my.log",), ("--logtofile",), ("--logtofile", "--accept")):
            async with listening(*where, *more) as command:
                await eventually(lambda: simulator.device.attached)
                simulator.device.tap(Card(UID))
                result = await command
            assert (result.exit_code, result.stderr) == (0, "")
            await eventually(lambda: not simulator.device.attached)
    for name in ("my.log", "plantgate-reader.log"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count(f"card {UID}") == 2  # appended
        assert text.count("  connected to ") == 2
    assert "sent $SCCMD;SEQ=60" in (tmp_path / "plantgate-reader.log").read_text(encoding="utf-8")


def test_log_file_that_cannot_be(tmp_path: Path) -> None:
    result = invoke("--addr", "127.0.0.1", "--logtofile", str(tmp_path))
    assert result.exit_code == 1
    assert "can't be written" in result.stderr


# UDP


async def test_udp() -> None:
    [port] = free_ports(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.setblocking(False)
        where = ("--udp", "--addr", "127.0.0.1", "--port", str(device.getsockname()[1]), "--local-port", str(port))
        async with listening(*where, "--json", "--accept", "--count", "2") as command:
            loop = asyncio.get_running_loop()
            heard: list[bytes] = []
            while not command.done():  # what is sent before it listens is lost
                device.sendto(READ.rstrip() if heard else READ, ("127.0.0.1", port))
                try:
                    async with asyncio.timeout(0.1):
                        heard.append(await loop.sock_recv(device, 512))
                except (TimeoutError, ConnectionError):
                    continue
            result = await command
    assert [row["tag_id"] for row in objects(result.stdout)] == [UID, UID]
    assert set(heard) == {b"$SCCMD;SEQ=60\r\n"}
    assert result.exit_code == 0


async def test_udp_of_the_simulator(eventually: Eventually) -> None:
    [port] = free_ports(1)
    registers = configured().with_value(0x02C0, b"\x44")
    async with reader(registers=registers, udp_to=("127.0.0.1", port)) as (simulator, events):
        where = ("--udp", "--addr", "127.0.0.1", "--port", str(simulator.port), "--local-port", str(port))
        async with listening(*where, "--deny", "--count", "2") as command:
            while not command.done():
                simulator.device.tap(Card(UID))
                await asyncio.wait([command], timeout=0.1)
            result = await command
        assert result.exit_code == 0, result.output
        await eventually(lambda: len(named(events, "command")) == 2)
    assert [event["raw"] for event in named(events, "command")] == ["$SCCMD;SEQ=61"] * 2
    assert result.stdout.count(f"card {UID}") == 2


def test_udp_in_silence() -> None:
    [port] = free_ports(1)
    result = invoke("--udp", "--addr", "127.0.0.1", "--local-port", str(port), "--timeout", "0.5", "--nolog")
    assert result.exit_code == 1
    assert "never connected: " in result.stderr


def test_udp_port_that_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        result = invoke("--udp", "--addr", "127.0.0.1", "--local-port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "is already in use" in result.stderr


# leaving


@contextmanager
def process(port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process; nobody reads its output unless the test does."""
    command = [sys.executable, "-m", "plantgate.cli.main", "reader", "listen", "--addr", "127.0.0.1"]
    child = subprocess.Popen(
        [*command, "--port", str(port), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            assert pipe is not None
            pipe.close()


async def ended(child: subprocess.Popen[bytes], eventually: Eventually) -> int:
    await eventually(lambda: child.poll() is not None, what="the command leaves")
    return child.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_frees_the_slot_at_once(number: int, eventually: Eventually) -> None:
    async with reader() as (simulator, events):
        with process(simulator.port, "--accept") as child:
            await eventually(lambda: simulator.device.attached, within=20)
            simulator.device.tap(Card(UID))
            await eventually(lambda: named(events, "command"))
            child.send_signal(number)
            assert await ended(child, eventually) == 0
            assert child.stderr is not None
            assert b"Traceback" not in child.stderr.read()
        await eventually(lambda: named(events, "disconnected"))
        assert named(events, "disconnected")[0]["reason"] == "closed by the host"  # FIN, not a reset
        stream = await connect("127.0.0.1", simulator.port, timeout=5.0)
        assert (await stream.read()).startswith(b"$SCRDR")  # the next client is served, not told that it is busy
        stream.close()
        await stream.wait_closed()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_a_full_pipe_holds_up_the_output(number: int, eventually: Eventually) -> None:
    async with reader() as (simulator, events):
        with process(simulator.port, "--json", "--nolog") as child:
            await eventually(lambda: simulator.device.attached, within=20)
            for _ in range(800):  # 300 bytes of JSON each: more than a pipe holds
                simulator.device.raw(READ)
            while not _blocked(child):
                await asyncio.sleep(0.02)
            child.send_signal(number)
            assert await ended(child, eventually) == 0
            assert child.stderr is not None
            assert child.stderr.read() == b""
        await eventually(lambda: named(events, "disconnected"))


def _blocked(child: subprocess.Popen[bytes]) -> bool:
    """It waits for somebody to read its pipe."""
    import psutil

    return not _room(child) and psutil.Process(child.pid).status() == psutil.STATUS_SLEEPING


def _room(child: subprocess.Popen[bytes]) -> bool:
    """Whether its standard output takes more."""
    import fcntl
    import struct
    import termios

    assert child.stdout is not None
    waiting: int = struct.unpack("i", fcntl.ioctl(child.stdout, termios.FIONREAD, b"\0" * 4))[0]
    return waiting < (60_000 if sys.platform == "linux" else 15_000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
async def test_a_signal_while_nobody_answers(eventually: Eventually) -> None:
    """Between two attempts: exit status 1, for it never connected."""
    [port] = free_ports(1)
    with process(port) as child:
        assert child.stderr is not None
        read = asyncio.get_running_loop().run_in_executor(None, _until, child.stderr, b"next:")
        await read
        child.send_signal(signal.SIGINT)
        assert await ended(child, eventually) == 1
        assert b"never connected" in child.stderr.read()
    await asyncio.get_running_loop().shutdown_default_executor()


def _until(pipe: Any, words: bytes) -> None:
    while words not in pipe.readline():
        pass


async def test_a_reader_of_the_output_that_goes_away(eventually: Eventually) -> None:
    async with reader() as (simulator, events):
        with process(simulator.port, "--nolog") as child:
            await eventually(lambda: simulator.device.attached, within=20)
            simulator.device.tap(Card(UID))
            assert child.stdout is not None
            assert child.stderr is not None
            line = await asyncio.get_running_loop().run_in_executor(None, child.stdout.readline)
            assert UID.encode() in line
            child.stdout.close()
            simulator.device.tap(Card(UID))
            assert await ended(child, eventually) == 0
            assert child.stderr.read() == b""
        await eventually(lambda: named(events, "disconnected"))
    await asyncio.get_running_loop().shutdown_default_executor()
