"""A gateway without devices: the real tag tree, gate, sessions and listeners, fakes for what is behind other seams."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websockets

from plantgate.access.desk import Desk
from plantgate.access.pictures import Pictures
from plantgate.config.tags.document import TagGroup
from plantgate.errors import Refused, StorageError, UsageError
from plantgate.listeners.binding import Conflict
from plantgate.listeners.web.application import Secure, application
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.readers import ReaderBoard
from plantgate.listeners.web.server import HttpListener
from plantgate.listeners.web.stream import StreamHub
from plantgate.model.alarm import AlarmDefinition, AlarmMode, Priority
from plantgate.model.badge import AccessDecision, AccessVerdict, JournalEntry
from plantgate.model.command import DONE, Command, Origin, Outcome, Verdict
from plantgate.model.device import BadPoint, DeviceRow, DeviceState, PlannedRequest, RateFigures, UnitState
from plantgate.model.gateway import GatewayInfo, PortChange, PortRow, PortState, Sample
from plantgate.model.history import Series, StoreStats
from plantgate.model.journal import EVERY_ENTRY, ChainHead, ExportForm, JournalCheck, JournalFilter
from plantgate.model.status import GatewayState, Health, PartStatus, PortOwner
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.taggroup import GroupMode
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import Clock, SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.security.sessions import Sessions
from plantgate.tags.gate import Gate
from plantgate.tags.groups import TagGroups
from plantgate.tags.tree import TagTree
from tests.listeners.web.alarmboard import Board
from tests.listeners.web.tagdesk import TagDesk

START = 1_700_000_000_000_000
HIGH = "High"
SPEED, LEVEL, STRIKE, NOTE = "[default]Line 1/Speed", "[default]Line 1/Level", "[default]Door/Strike", "[default]Note"


def tags() -> list[TagDefinition]:
    return [
        TagDefinition(
            SPEED,
            DataType.FLOAT8,
            unit="1/min",
            description="Filler drive",
            history=True,
            writable=True,
            initial=1.5,
            alarms=(
                AlarmDefinition(HIGH, AlarmMode.ABOVE, Priority.HIGH, setpoint=80, notes="Look at the belt."),
                AlarmDefinition("Lost", AlarmMode.BAD_QUALITY, Priority.DIAGNOSTIC),
            ),
        ),
        TagDefinition(
            LEVEL,
            DataType.INT2,
            description="Tank of the filler",
            low=0,
            high=100,
            initial=7,
            alarms=(AlarmDefinition("Low", AlarmMode.BELOW, Priority.CRITICAL, setpoint=5, label="Tank is empty"),),
        ),
        TagDefinition(STRIKE, DataType.BOOLEAN, TagKind.DEVICE, device="plc", address="C1", writable=True),
        TagDefinition(NOTE, DataType.STRING, writable=True, initial="calm"),
    ]


class History:
    """`HistoryReader`: points of Speed, once a second for ten seconds."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int, int | None]] = []
        self.seeded: list[bool] = []
        self.unknown = False

    async def query(
        self, path: str, start: int, end: int, max_points: int | None = None, *, seed: bool = False
    ) -> Series:
        if self.unknown:
            raise UsageError("HST-301", f"{path} has no history", "wait for it")
        self.asked.append((path, start, end, max_points))
        self.seeded.append(seed)
        times = [time for time in range(START, START + 10_000_000, 1_000_000) if start <= time <= end]
        times = times[:max_points]
        return Series(path, times, [n * 0.5 for n in range(len(times))], [192] * len(times))

    async def stats(self) -> StoreStats:
        return StoreStats(10, 1, 0, 10, 4_096, START, START + 9_000_000)


class Journal:
    """`DecisionJournal` in memory."""

    def __init__(self) -> None:
        self.stored: list[JournalEntry] = []
        self.broken = False

    async def append(self, decision: AccessDecision) -> JournalEntry:
        self.stored.append(JournalEntry(len(self.stored) + 1, decision))
        return self.stored[-1]

    async def newest(
        self, limit: int, before: int | None = None, wanted: JournalFilter = EVERY_ENTRY
    ) -> Sequence[JournalEntry]:
        if self.broken:
            raise StorageError("HST-999", "the journal can't be read", "free some space")
        found = [entry for entry in reversed(self.stored) if before is None or entry.id < before]
        return [entry for entry in found if wanted.reader in ("", entry.decision.reader)][:limit]

    async def entries(self, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[Sequence[JournalEntry]]:
        yield self.stored

    async def export(self, form: ExportForm, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[bytes]:
        if self.broken:
            raise StorageError("HST-999", "the journal can't be read", "free some space")
        yield form.encode()
        for entry in self.stored:
            yield f"\n{entry.id}".encode()

    async def head(self) -> ChainHead:
        return ChainHead(len(self.stored), "ab" * 32)

    async def verify(self) -> JournalCheck:
        return JournalCheck(ok=not self.broken, entries=len(self.stored), head=await self.head())


class Target:
    """`CommandTarget`: notes what it was told, says what it is asked to say."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.verdict: Verdict = DONE

    async def execute(self, command: Command) -> Verdict:
        self.commands.append(command)
        return self.verdict


class Ports:
    """`PortControl`: a change of http from 8088 waits when it may be taken back."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float | None, str]] = []

    async def change(self, name: str, port: int, revert_after: float | None, origin: Origin) -> PortChange:
        if name != "http":
            raise Refused("PORT-999", f"{name} can't change", "take http")
        self.asked.append((name, port, revert_after, origin.actor))
        return PortChange(name, "gateway.port", port, 8088, None if revert_after is None else START, "a note")

    async def confirm(self, name: str, origin: Origin) -> PortChange:
        return PortChange(name, "gateway.port", 8089, 8088)

    def waiting(self) -> Sequence[PortChange]:
        return [PortChange("http", "gateway.port", 8089, 8088, START)]


def decision(number: int = 1, verdict: AccessVerdict = AccessVerdict.ACCEPTED) -> AccessDecision:
    return AccessDecision(
        reader="entrance",
        card=f"{number:032x}",
        last4=f"{number:04X}",
        holder="Ada",
        at=START + number,
        verdict=verdict,
        why="rule",
        reason="card is on the list",
        door="door",
        latency_us=1_500,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Devices:
    """`DeviceInspector`: a PLC with a bad register, one that is off, and the reader."""

    def __init__(self) -> None:
        figures = RateFigures(1.0, 3, 1, 1_000.2, 12.5, 0.4)
        units = (UnitState(1, "answering", 2, 0), UnitState(2, "silent", 1, 1))
        state = DeviceState(3, 1, 12.5, 1.0, 2.25, (figures,), (BadPoint(2, START),), units)
        sick = PartStatus("device", "plc", Health.FAILED, "no answer", START, "timeout", "check the cable")
        off = PartStatus("device", "oven", Health.DISABLED, "disabled", START, "", "enabled = true")
        reader = PartStatus("reader", "entrance", Health.OK, "connected", START)
        self.rows = [
            DeviceRow("modbus_tcp", "10.0.0.1", 502, 1, True, sick, state, {"timeout": 2.0, "span_gaps": True}),
            DeviceRow("modbus_rtu_over_tcp", "10.0.0.2", 502, 1, False, off, DeviceState(7, 7)),
            DeviceRow("springcore", "10.0.0.9", 4000, None, True, reader, DeviceState(8)),
        ]
        self.requests = [
            PlannedRequest(1.0, 1, 3, "HR1", "HR9", 0, 9, 2, 6, 12, 1, "limit of 125"),
            PlannedRequest(0.0, 2, 1, "C1", "C1", 0, 1, 1, 0, 0, 1, "no more tags"),
        ]

    def devices(self) -> Sequence[DeviceRow]:
        return self.rows

    def device(self, name: str) -> DeviceRow | None:
        return next((row for row in self.rows if row.part.name == name), None)

    def plan(self, name: str) -> Sequence[PlannedRequest] | None:
        if name == "plc":
            return self.requests
        return None if self.device(name) is None else ()


def tag_groups() -> list[TagGroup]:
    return [
        TagGroup(name="default"),
        TagGroup(name="looked at", mode=GroupMode.LEASED, rate=30.0, leased_rate=0.5),
        TagGroup(name="at speed", mode=GroupMode.DRIVEN, driving_tag=SPEED, condition="> 100", driven_rate=0.1),
    ]


@dataclass
class World:
    """Everything a test may turn, and the ways in."""

    context: WebContext
    tree: TagTree
    gate: Gate
    history: History
    journal: Journal
    device: Target
    reader: Target
    parts: list[PartStatus]
    samples: list[Sample]
    hub: StreamHub
    board: ReaderBoard
    tasks: TaskGroup
    listener: HttpListener
    clock: Clock
    ports: Ports
    desk: Desk
    alarms: Board
    groups: TagGroups
    state: GatewayState = GatewayState.RUNNING
    tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def client(self, **settings: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20, **({"verify": False} | settings))

    def sign_in(self) -> dict[str, str]:
        """Headers of somebody who is signed in."""
        port = self.host.rpartition(":")[2]
        return {"cookie": f"plantgate_session_{port}={self.context.sessions.begin('ada')}"}

    def page(self, **settings: Any) -> websockets.connect:
        return websockets.connect(f"ws://{self.host}/api/v1/stream", proxy=None, **settings)

    def change(self, path: str, value: Scalar, quality: int = 192, reason: str = "") -> None:
        tag = self.tree.find(path)
        assert tag is not None
        now = self.clock.wall()
        self.tree.publish(Batch([tag], [value], [quality], [now], now, reason))

    async def badge(self, number: int) -> JournalEntry:
        entry = await self.journal.append(decision(number))
        self.board.decided(entry)
        self.hub.decided(entry)
        return entry

    async def connect(self, **settings: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, **settings)  # noqa: TID251 - as any client would

    async def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """Send `data` on a connection of its own and give all that comes back until the gateway closes it."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionError):
                    return await reader.read()
            return b""
        finally:
            await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def no_conflict(_: int) -> Conflict:
    return Conflict(PortOwner(4711, "java", "ignition", "java -jar"), "stop it, or set gateway.port")


def listener(
    port: int, clock: Clock, tasks: TaskGroup, keep_alive: int = 60, tls: ssl.SSLContext | None = None
) -> HttpListener:
    async def certificate() -> ssl.SSLContext:
        assert tls is not None
        return tls

    encrypted = certificate if tls is not None else None
    return HttpListener("http", "127.0.0.1", port, keep_alive, clock, tasks, no_conflict, encrypted)


async def _ports() -> Sequence[PortRow]:
    words = ("tcp", "listen", "http", "the page", "always", "gateway.port", "default")
    owner = PortOwner(1, "init", "root", None)
    return [
        PortRow("http", "", "127.0.0.1", 8088, *words, PortState.LISTENING, connections=2),
        PortRow(
            "https",
            "",
            "127.0.0.1",
            8043,
            *words,
            PortState.TAKEN,
            owner,
            "taken",
            "free it",
            0,
            "plantgate ports set https 8044",
        ),
    ]


@contextlib.asynccontextmanager
async def open_world(
    folder: Path,
    *,
    secure: Secure | None = None,
    tls: ssl.SSLContext | None = None,
    definitions: Sequence[TagDefinition] | None = None,
    redeem: dict[str, str] | None = None,
    keep_alive: int = 60,
) -> AsyncIterator[World]:
    clock = SystemClock()
    group = TaskGroup("test", clock, random.random)
    tree = TagTree(definitions or tags(), clock)
    gate, device, reader = Gate(tree, clock), Target(), Target()
    gate.add_device("plc", device)
    gate.add_reader("entrance", reader)
    history, journal, hub, board = History(), Journal(), StreamHub(), ReaderBoard()
    desk, pictures = Desk(folder, clock, journal, readers=("entrance",)), Pictures(folder)
    groups = TagGroups(tag_groups(), tree, clock)
    tree.add_sink(groups)
    group.spawn("groups", groups.run)
    tree.add_sink(hub, pending=True)
    alarms = gate.alarms = Board(tree)
    parts = [
        PartStatus("listener", "http", Health.OK, "listening", START, details={"port": 8088}),
        PartStatus(
            "reader",
            "entrance",
            Health.OK,
            "connected",
            START,
            details={"host": "10.0.0.9", "port": 4000, "badges": 3, "reconnects": 1, "errors": 0, "last_card": None},
        ),
        PartStatus("device", "plc", Health.FAILED, "no answer", START, "timeout", "check the cable"),
    ]
    samples = [
        Sample(
            "plantgate_badge_decisions_total", "counter", "badges", (("reader", 'a"\n\\'), ("verdict", "denied")), 2
        ),
        Sample("plantgate_tags", "gauge", "tags", (), 4),
        Sample("plantgate_badge_decisions_total", "counter", "badges", (("reader", "b"), ("verdict", "denied")), 1),
    ]
    ports = Ports()
    links = redeem if redeem is not None else {"once": "operator"}
    info = GatewayInfo("plant", "1.2.3", "Independent", str(folder), clock.wall() - 5_000_000)
    desk_of_tags = TagDesk(tree)
    context = WebContext(
        info=info,
        clock=clock,
        state=lambda: world.state,
        tags=tree,
        gate=gate,
        history=history,
        journal=journal,
        access=desk,
        alarms=alarms,
        pictures=pictures,
        statuses=lambda: parts,
        ports=_ports,
        port_control=ports,
        samples=lambda: samples,
        devices=Devices(),
        groups=groups,
        leases=groups,
        tag_configuration=desk_of_tags,
        sessions=Sessions(clock),
        redeem=lambda token: links.pop(token, None),
        hosts=frozenset({"localhost", "gate.plant"}),
        static=folder / "static",
    )
    opened = listener(free_port(), clock, group, keep_alive, tls)
    world = World(
        context,
        tree,
        gate,
        history,
        journal,
        device,
        reader,
        parts,
        samples,
        hub,
        board,
        group,
        opened,
        clock,
        ports,
        desk,
        alarms,
        groups,
        tls=tls,
    )
    await desk.start()
    await pictures.start()
    hub.start(context, group)
    await opened.start(application(context, hub, board, group, secure))
    try:
        yield world
    finally:
        await opened.stop()
        await group.stop()
        await pictures.stop()
        await desk.stop()


def write_page(folder: Path) -> None:
    """A built page below `folder`, and a secret beside it."""
    assets = folder / "static" / "assets"
    assets.mkdir(parents=True)
    (folder / "static" / "index.html").write_text("<!doctype html>the page")
    (assets / "index-abc.js").write_text("let page = 1")
    (folder / "secret.txt").write_text("SECRET")


def failed_listener(world: World) -> None:
    world.parts.append(
        PartStatus(
            "listener", "https", Health.FAILED, "port taken", START, "port 8043 is taken, held by java (pid 4711)", "x"
        )
    )


def with_outcome(target: Target, outcome: Outcome, code: str = "MB-101", message: str = "no answer") -> None:
    target.verdict = Verdict(outcome, code, message)
