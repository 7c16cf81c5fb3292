"""The composition root: the only place where siblings meet. Read it from `Gateway.__init__` to see the whole flow.

PLC -> ModbusDevice --\\                          /-> Historian
                       +-> TagTree (batches) ----+-> StreamHub (pages)
reader -> SpringCoreReader -> AccessControl      \\-> doors
                 ^                  |
                 +----- Gate <------+---- pages, REST
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from starlette.types import ASGIApp

import plantgate
from plantgate.composing.access import AccessParts, crash_tiles
from plantgate.composing.devices import DeviceBoard, build_devices, diagnostic_tags
from plantgate.composing.modbus_server import remap, servers
from plantgate.composing.tags import TagConfigurator
from plantgate.config.badges import ShowCards
from plantgate.config.document import Configuration
from plantgate.config.document import Reader as ReaderEntry
from plantgate.config.load import GATEWAY_XML, PLANTGATE_TOML, load
from plantgate.config.tags.references import Checks
from plantgate.drivers.modbus import device_address_problem, parse_address
from plantgate.drivers.springcore import (
    Credential,
    ReaderOptions,
    SpringCoreReader,
    Transport,
    reader_tag_definitions,
)
from plantgate.drivers.springcore import Shared as SharedByReaders
from plantgate.errors import ConfigError
from plantgate.historian.service import Historian, HistoryOptions
from plantgate.listeners.binding import Conflict
from plantgate.listeners.modbus_server import ModbusListener
from plantgate.listeners.web import static_folder
from plantgate.listeners.web.application import Secure, application
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.guard import cookie_of_port
from plantgate.listeners.web.readers import ReaderBoard
from plantgate.listeners.web.server import HttpListener
from plantgate.listeners.web.stream import StreamHub
from plantgate.model.badge import JournalEntry
from plantgate.model.gateway import GatewayInfo, PortRow, Sample
from plantgate.model.seams import StatusSource
from plantgate.model.status import GatewayState, PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.ports.atlas import unserved
from plantgate.ports.change import PortChanger
from plantgate.ports.live import port_rows
from plantgate.ports.owners import describe_conflict
from plantgate.protocols.scrdr import Checksum
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import remove_leftovers
from plantgate.runtime.lag import LagMeter
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker
from plantgate.security import sign_in
from plantgate.security.certificate import server_context
from plantgate.security.sessions import Sessions
from plantgate.tags.alarms import alarm_tag_definitions
from plantgate.tags.derived import formula_inputs
from plantgate.tags.engine import TagEngine

_log = get_logger("gateway")
# Strikes are released and journal entries stored within it, or the stop goes on without them: 2 s is the promise.
_ACCESS_STOP_SECONDS = 0.8
_STORE_STOP_SECONDS = 1.0
# Listeners answer STOPPING for at least so long: a balancer hears it before its connections are refused.
_FAREWELL_SECONDS = 0.5
# What only the parts can judge: addresses and formulas.
_CHECKS = Checks(device_address_problem, parse_address, formula_inputs)


class Gateway:
    """One gateway on one data directory. `start`, then `stop`; the state is what /StatusPing says."""

    def __init__(self, configuration: Configuration, data_dir: Path, clock: Clock) -> None:
        """Raises ConfigError for what only the parts can judge (an address that is none). Opens nothing."""
        self.configuration = configuration
        self.data_dir = data_dir
        self._clock = clock
        self.state = GatewayState.STARTING
        self.info = GatewayInfo(
            configuration.gateway.name, plantgate.__version__, "Independent", str(data_dir), clock.wall()
        )
        self._tasks = {
            name: TaskGroup(name, clock, random.random)
            for name in ("gateway", "access", "drivers", "pages", "listeners")
        }
        groups = configuration.tag_groups
        kept = configuration.alarms.keep
        self.tags = TagEngine(self._definitions(), groups, data_dir, clock, self._tasks["gateway"], kept)
        self.tree, self.gate = self.tags.tree, self.tags.gate
        self.historian = Historian(data_dir, clock, HistoryOptions(keep_days=configuration.history.keep / 86_400))
        self.hub, self.board, self.lag = StreamHub(), ReaderBoard(), LagMeter(clock)
        self.access = AccessParts(
            configuration,
            data_dir,
            self.tree,
            self.gate,
            [self.hub, self.board, self],
            self._register_history,
            self._tag,
            clock,
            self._tasks["access"],
        )
        self.devices = build_devices(configuration, self.tags, clock)
        self._by_readers = SharedByReaders(clock, self._tasks["drivers"], self.tree)
        self.readers = [self._build_reader(reader) for reader in configuration.readers if reader.enabled]
        self._reader_of = {reader.name: reader for reader in self.readers}
        self._device_board = DeviceBoard(lambda: self.configuration, self.devices, self.readers, self.tree, clock)
        self.listeners = self._build_listeners()
        self.servers = servers(configuration, self.tree, self.gate, clock, self._tasks["listeners"], self._explain)
        server = configuration.web_server
        self._secure = Secure(server.require_ssl, server.force_secure_redirect, server.ssl_port)
        self.port_changer = PortChanger(
            {**self.listeners, **self.servers},
            lambda: self.configuration,
            self._reconfigured,
            data_dir,
            clock,
            self._tasks["gateway"],
        )
        self.tag_configuration = self._build_tag_configuration()
        self._connect_parts()

    # building

    def _build_tag_configuration(self) -> TagConfigurator:
        return TagConfigurator(
            lambda: self.configuration,
            self._reconfigured,
            lambda: configuration_of(self.data_dir, self.configuration.sets),
            self.data_dir,
            _CHECKS,
            self.tags,
            self.devices,
            self.historian if self.configuration.history.enabled else None,
            lambda: remap(self.configuration, self.tree, self.servers.values()),
            self._clock,
            self._tasks["gateway"],
        )

    def _definitions(self) -> list[TagDefinition]:
        readers = [reader_tag_definitions(reader.name) for reader in self.configuration.readers if reader.enabled]
        made = [*diagnostic_tags(self.configuration), *(definition for group in readers for definition in group)]
        return [*self.configuration.tags, *made, *alarm_tag_definitions([*self.configuration.tags, *made])]

    def _tag(self, path: str) -> int:
        tag = self.tree.find(path)
        if tag is None:
            raise ConfigError("APP-101", f"there is no tag {path}", "define it in plantgate.toml or tags/")
        return tag

    def _build_reader(self, reader: ReaderEntry) -> SpringCoreReader:
        paths = [definition.path for definition in reader_tag_definitions(reader.name)]
        return SpringCoreReader(
            reader.name,
            reader.host,
            reader.port,
            clock=self._clock,
            tasks=self._tasks["drivers"],
            badges=self.access.control,
            shared=self._by_readers,
            tag_ids={path: self._tag(path) for path in paths},
            options=ReaderOptions(
                transport=Transport(reader.transport),
                local_port=reader.local_port,
                credential=Credential(reader.credential),
                full_cards=self.configuration.access.show_cards is ShowCards.FULL,
                checksum=Checksum(reader.checksum),
                repeat_seconds=reader.repeat_interval,
            ),
        )

    def _build_listeners(self) -> dict[str, HttpListener]:
        web, server = self.configuration.web, self.configuration.web_server
        keep_alive = max(1, server.keep_alive_timeout_ms // 1_000)
        return {
            name: HttpListener(
                name, web.address, port, keep_alive, self._clock, self._tasks["listeners"], self._explain, tls
            )
            for name, port, tls in (("http", server.port, None), ("https", server.ssl_port, self._certificate))
        }

    async def _certificate(self) -> ssl.SSLContext:
        """For whoever listens encrypted. Raises ConfigError or StorageError."""
        worker = Worker("certificate")
        try:
            return await worker.run(server_context, self.data_dir, self._clock)
        finally:
            await worker.close()

    @staticmethod
    def _explain(port: int) -> Conflict:
        owner, next_step = describe_conflict(port)
        return Conflict(owner, next_step)

    def _reconfigured(self, configuration: Configuration) -> None:
        """A port or the tags have changed while we run."""
        self.configuration = configuration
        self._secure.port = configuration.web_server.ssl_port

    def _connect_parts(self) -> None:
        for device in self.devices:
            self.gate.add_device(device.name, device)
        for reader in self.readers:
            self.gate.add_reader(reader.name, reader)
        if self.configuration.history.enabled:
            self._register_history()
            self.tree.add_sink(self.historian)
        self.tree.add_sink(self.access.control)
        self.tree.add_sink(self.hub, pending=True)

    def _register_history(self) -> None:
        """The tags are known, or there are more of them."""
        self.historian.register([(tag, each) for tag, each in enumerate(self.tree.definitions()) if each.history])

    # DecisionSink

    def decided(self, entry: JournalEntry) -> None:
        """Hand a decision back to its reader, for its tags and tile."""
        if (reader := self._reader_of.get(entry.decision.reader)) is not None:
            reader.decided(entry.decision)

    # life

    async def start(self) -> None:
        """Listeners first, so that whoever asks hears STARTING; then stores, then devices.

        The caller holds the data directory's LockFile. A port that is taken, a store that can't be opened or a device
        that is away is no reason not to start: each is shown with its next step.
        """
        _log.info("starting", gateway=self.info.name, version=self.info.version)
        for name in (GATEWAY_XML, PLANTGATE_TOML):
            remove_leftovers(self.data_dir / name, self._clock.wall() / 1e6)
        await self._start_listeners()
        self.access.start_opening()
        await self.historian.start()
        await self.access.start()
        await self.tags.start([device.name for device in self.devices])
        await self.tag_configuration.start()
        self._tasks["gateway"].spawn("lag", self.lag.run, restart=True)
        for device in self.devices:
            self._tasks["drivers"].spawn(device.name, device.run, restart=True)
        for reader in self.readers:
            reader.start()
        for server in self.servers.values():
            await server.start()
        self.state = GatewayState.RUNNING
        _log.info("running", gateway=self.info.name, version=self.info.version, tags=len(self.tree.definitions()))
        for warning in [*self.configuration.warnings, *unserved(self.configuration)]:
            _log.warning(warning)

    async def _start_listeners(self) -> None:
        context = self._web_context()
        app = application(context, self.hub, self.board, self._tasks["pages"], self._secure)
        self.hub.start(context, self._tasks["pages"])
        for listener in self.listeners.values():
            await listener.start(app)

    def api(self, actor: str) -> tuple[ASGIApp, str]:
        """The HTTP API without a listener, and the cookie of a session of `actor` at port 0 (see cli/offline.py)."""
        context = self._web_context()
        cookie = f"{cookie_of_port(0)}={context.sessions.begin(actor)}"
        return application(context, self.hub, self.board, self._tasks["pages"]), cookie

    def _web_context(self) -> WebContext:
        server = self.configuration.web_server
        hosts = {"localhost", socket.gethostname().lower(), server.public_address.lower()} - {""}
        return WebContext(
            info=self.info,
            clock=self._clock,
            state=lambda: self.state,
            tags=self.tree,
            gate=self.gate,
            history=self.historian,
            journal=self.access.journal,
            access=self.access.desk,
            pictures=self.access.pictures,
            statuses=self.statuses,
            ports=self.ports,
            port_control=self.port_changer,
            samples=self.samples,
            devices=self._device_board,
            groups=self.tags.groups,
            leases=self.tags.groups,
            tag_configuration=self.tag_configuration,
            alarms=self.tags.alarms,
            sessions=Sessions(self._clock),
            redeem=lambda token: sign_in.redeem(self.data_dir, token, self._clock),
            hosts=frozenset(hosts),
            static=static_folder(),
        )

    async def stop(self) -> None:
        """In order: strikes released, devices left, what was read stored, listeners last. Under 2 s."""
        self.state = GatewayState.STOPPING
        farewell = self._clock.mono() + _FAREWELL_SECONDS
        _log.info("stopping")
        try:
            async with asyncio.timeout(_ACCESS_STOP_SECONDS):
                await self.access.control.stop()
        except TimeoutError:
            _log.error("a door strike or the badge journal did not finish in time")
            await self._tasks["access"].stop()
        await asyncio.gather(*(server.stop() for server in self.servers.values()))
        await asyncio.gather(*(reader.stop() for reader in self.readers))
        await self._tasks["drivers"].stop()
        await self._tasks["gateway"].stop()
        await asyncio.gather(self._stop_stores(), self._stop_listeners(farewell))
        await self._tasks["pages"].stop()
        await self._tasks["listeners"].stop()
        _log.info("stopped")

    async def _stop_stores(self) -> None:
        try:
            async with asyncio.timeout(_STORE_STOP_SECONDS):
                stops = (each.stop() for each in (self.historian, self.tags, self.tag_configuration))
                await asyncio.gather(*stops, self.access.stop_stores())
        except TimeoutError:
            _log.error("the disk did not take the last values in time: what was reported as stored is stored")

    async def _stop_listeners(self, farewell: float) -> None:
        await self._clock.sleep_until(farewell)
        await asyncio.gather(*(listener.stop() for listener in self.listeners.values()))

    # what others ask

    def statuses(self) -> Sequence[PartStatus]:
        """Every part that has a tile, listeners first."""
        sources: list[StatusSource] = [*self.listeners.values(), *self.servers.values(), *self.devices, *self.readers]
        sources += [self.access, self.historian, self.tags]
        parts = [part for source in sources for part in source.status()]
        crashes = [group.crashes for group in self._tasks.values()]
        crashes += [server.crashes for server in self.servers.values()]
        return [*parts, *crash_tiles(crashes)]

    async def ports(self) -> Sequence[PortRow]:
        """Every port as it is now. Asking the system takes too long for the event loop."""
        worker = Worker("ports")
        try:
            return await worker.run(port_rows, self.configuration, self.statuses())
        finally:
            await worker.close()

    def samples(self) -> Iterator[Sample]:
        """Figures for /metrics that no tile has."""
        yield Sample("plantgate_tags", "gauge", "tags in the tree", (), len(self.tree.ids()))
        yield Sample("plantgate_tags_good", "gauge", "tags whose quality is good", (), self.tree.good_count())
        yield Sample("plantgate_tag_changes_total", "counter", "changes of tags since start", (), self.tree.changes)
        for (reader, verdict), count in sorted(self.access.control.decisions.items()):
            labels = (("reader", reader), ("verdict", str(verdict)))
            yield Sample("plantgate_badge_decisions_total", "counter", "badges decided since start", labels, count)
        yield Sample(
            "plantgate_badges_shed_total", "counter", "badges over the bound", (), self.access.control.counters.shed
        )
        for outcome, count in self.gate.commands.items():
            yield Sample(
                "plantgate_commands_total", "counter", "commands through the gate", (("outcome", str(outcome)),), count
            )
        listeners: dict[str, HttpListener | ModbusListener] = {**self.listeners, **self.servers}
        for name, listener in listeners.items():
            where = (("listener", name),)
            yield Sample("plantgate_connections", "gauge", "open connections", where, listener.connections)
            yield Sample("plantgate_connections_refused_total", "counter", "over the bound", where, listener.refused)
        yield from self.tags.alarms.samples()
        yield Sample("plantgate_pages", "gauge", "pages on the live stream", (), self.hub.clients)
        yield Sample("plantgate_loop_lag_seconds", "gauge", "worst delay of the event loop in 10 s", (), self.lag.worst)


def configuration_of(data_dir: Path, sets: Sequence[str] = ()) -> Configuration:
    """`config.load` with what only the parts can judge: addresses and formulas. Raises ConfigError."""
    return load(
        data_dir,
        sets,
        address_check=_CHECKS.address,
        modbus_address=_CHECKS.modbus,
        formula_check=_CHECKS.formula,
    )
