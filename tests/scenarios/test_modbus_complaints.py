"""What users of other gateways complain about, with a whole gateway and real sockets.

One request for every register; one dead device that starves the others; no data after a reconnect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from bench.modbus_devices import deaf
from bench.processes import free_ports
from plantgate.app import Gateway, configuration_of
from plantgate.config.template import write_pair
from plantgate.model.quality import Quality
from plantgate.protocols.modbus import Asked, Read
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream
from tests.conftest import Eventually
from tests.drivers.modbus.rude import RudeDevice

LIVE = 5
LONGER_THAN_A_TEST = "10m"


class Plc(RudeDevice):
    """A device that can `forget` its connections: it leaves them open and answers on newer ones only.

    So looks a connection whose other end lost power or sits behind a firewall that has dropped it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._age = 0
        self._born: dict[Stream, int] = {}

    def forget(self) -> None:
        self._age += 1

    async def _behave(self, stream: Stream, asked: Asked) -> None:
        if self._born.setdefault(stream, self._age) == self._age:
            await super()._behave(stream, asked)

    def polls_of(self, register: int) -> int:
        reads = [request for request in self.asked if isinstance(request, Read)]
        return sum(read.start <= register < read.start + read.count for read in reads)


class Site:
    """A running gateway: what it says of its tags and devices."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def quality(self, path: str) -> int:
        tag = self.gateway.tree.find(path)
        assert tag is not None
        return self.gateway.tree.read(tag).quality

    def value(self, path: str) -> object:
        """The value if it is good."""
        tag = self.gateway.tree.find(path)
        assert tag is not None
        found = self.gateway.tree.read(tag)
        return found.value if found.quality == Quality.GOOD else None

    def detail(self, device: str, name: str) -> Any:
        [tile] = [part for part in self.gateway.statuses() if (part.kind, part.name) == ("device", device)]
        return tile.details[name]


Device: TypeAlias = tuple[str, int, str]  # name, port, timeout


@pytest_asyncio.fixture
async def plcs() -> AsyncIterator[list[Plc]]:
    """Devices on ports of their own; a test takes as many as it needs."""
    made = [Plc() for _ in range(LIVE + 1)]
    for plc in made:
        await plc.start()
    yield made
    for plc in made:
        await plc.stop()


@asynccontextmanager
async def gateway(folder: Path, rate: str, devices: Sequence[Device], registers: int) -> AsyncIterator[Site]:
    """A gateway that polls `registers` holding registers of each device."""
    (http,) = free_ports(1)
    write_pair(folder)
    tables = [
        f'[[device]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {p}\ntimeout = "{t}"\n' for name, p, t in devices
    ]
    group = f'[[tag_group]]\nname = "polled"\nrate = "{rate}"\n'
    (folder / "plantgate.toml").write_text("\n".join([group, *tables]), encoding="utf-8")
    rows = [f"{name}/R{n},Int4,[{name}]HRUS{n},polled" for name, _, _ in devices for n in range(1, registers + 1)]
    (folder / "tags").mkdir(exist_ok=True)
    (folder / "tags" / "all.csv").write_text("\n".join(["path,type,address,group", *rows]) + "\n", encoding="utf-8")
    sets = [f"gateway.port={http}", "gateway.sslport=0", "web.address=127.0.0.1", "history.enabled=false"]
    made = Gateway(configuration_of(folder, sets), folder, SystemClock())
    await made.start()
    try:
        yield Site(made)
    finally:
        await made.stop()


async def test_a_thousand_registers_are_few_requests(tmp_path: Path, plcs: list[Plc], eventually: Eventually) -> None:
    """Counted at the device. Each poll is 8 requests of 125 registers, so 8 a second at 1 s."""
    plc = plcs[0]
    async with gateway(tmp_path, "50ms", [("plc", plc.port, "2s")], 1_000) as site:
        await eventually(lambda: site.detail("plc", "tags_good") == 1_000)
        assert site.value("plc/R1000") == 999
        begun = plc.polls_of(0)
        plc.asked.clear()
        await eventually(lambda: plc.polls_of(0) >= 10)
        polls = plc.polls_of(0)
        assert len(plc.asked) <= 10 * polls, f"{len(plc.asked)} requests in {polls} polls"
        assert begun
        assert all(plc.polls_of(register) for register in range(0, 1_000, 25))
        assert plc.connections == 1


async def test_dead_devices_cost_the_others_no_poll(tmp_path: Path, plcs: list[Plc], eventually: Eventually) -> None:
    """One leaves connects unanswered, one accepts and never answers, and both are waited for all the time."""
    *live, silent = plcs
    silent.manner = "silent"
    with deaf(1) as (unreachable,):
        devices = [(f"live{n}", plc.port, "2s") for n, plc in enumerate(live)]
        devices += [("silent", silent.port, LONGER_THAN_A_TEST), ("deaf", unreachable, LONGER_THAN_A_TEST)]
        async with gateway(tmp_path, "1s", devices, 300) as site:
            await eventually(lambda: all(site.detail(f"live{n}", "tags_good") == 300 for n in range(LIVE)))
            for plc in live:
                plc.asked.clear()
            await eventually(lambda: all(plc.polls_of(299) >= 4 for plc in live))
            for number, plc in enumerate(live):
                assert site.detail(f"live{number}", "late_polls") == 0
                assert site.detail(f"live{number}", "timeouts") == 0
                assert site.detail(f"live{number}", "tags_good") == 300
                assert {plc.polls_of(register) for register in (0, 150, 299)} <= {4, 5}
            assert len(silent.asked) == 1, "one request is waited for, and no other sent"
            assert site.detail("silent", "tags_good") == site.detail("deaf", "tags_good") == 0


@pytest.mark.parametrize("half_open", [False, True])
async def test_data_are_back_by_themselves(
    tmp_path: Path, plcs: list[Plc], eventually: Eventually, half_open: bool
) -> None:
    """After a restart of the device, and after its end of the connection was lost without a word."""
    plc = plcs[0]
    async with gateway(tmp_path, "50ms", [("plc", plc.port, "300ms")], 200) as site:
        for turn in (1, 2, 3):
            await eventually(lambda: site.detail("plc", "tags_good") == 200, within=30.0)
            connections = plc.connections
            if half_open:
                plc.forget()
            else:
                await plc.stop()
            await eventually(lambda: site.quality("plc/R200") != Quality.GOOD)
            plc.registers[199] = 1_000 + turn
            if not half_open:
                await plc.start(plc.port)
            await eventually(lambda turn=turn: site.value("plc/R200") == 1_000 + turn, within=30.0)
            assert plc.connections == connections + 1
            assert plc.open <= 2, "at most the new connection, and the one that is being closed"
        assert site.detail("plc", "reconnects") == 3
