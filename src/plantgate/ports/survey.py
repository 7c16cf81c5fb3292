"""Many ports of many hosts, each host reported as soon as it is known; open ports are probed meanwhile if asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plantgate.limits import SCAN_PROBED_HOSTS
from plantgate.ports.hosts import Hosts
from plantgate.ports.scan import (
    DEFAULT_CONCURRENCY,
    DEFAULT_TIMEOUT,
    RESOLVE_TIMEOUT,
    PortState,
    ScanResult,
    Target,
    resolve,
    scan_targets,
)
from plantgate.runtime.clock import Clock, SystemClock

if TYPE_CHECKING:
    from plantgate.ports.findings import ProbeResult


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port to look at; `name` is its name in the atlas, empty if it has none."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """`readers`: badge readers were asked for by name. `unit` is the Modbus unit that is asked."""

    timeout: float = DEFAULT_TIMEOUT
    readers: bool = False
    unit: int = 1


@dataclass(slots=True)
class HostReport:
    """One host: the state of each port, and what the open ones proved to be."""

    host: str
    results: dict[int, ScanResult] = field(default_factory=dict)
    probes: dict[Wanted, ProbeResult] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return any(result.state is PortState.OPEN for result in self.results.values())

    @property
    def answers(self) -> bool:
        """Somebody is there, if only to say that nobody listens."""
        return any(result.state in (PortState.OPEN, PortState.CLOSED) for result in self.results.values())


async def survey(
    hosts: Hosts,
    wanted: Sequence[Wanted],
    report: Callable[[HostReport], None],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    concurrency: int = DEFAULT_CONCURRENCY,
    rate: float | None = None,
    probing: ProbeOptions | None = None,
    clock: Clock | None = None,
    done: Callable[[int], None] | None = None,
) -> None:
    """Call `report` with each host once all its ports are known; hosts come in the order in which they get ready.

    `done(n)` is called for each n ports looked at. Holds the hosts under way, not all. Raises as `scan_targets` does,
    and UsageError before anything is sent for a name that is unknown.
    """
    clock = clock or SystemClock()
    names = [item.text for item in hosts.ranges if not item.version]
    known = {name: await resolve(name, max(timeout, RESOLVE_TIMEOUT)) for name in names}
    run = _Survey(wanted, report, probing, clock, done)

    async def look() -> None:
        targets = _targets(hosts, run.ports, known)
        await scan_targets(targets, run.found, timeout=timeout, concurrency=concurrency, rate=rate, clock=clock)
        run.over()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look())
            for _ in range(SCAN_PROBED_HOSTS if probing is not None else 0):
                tasks.create_task(run.prove())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


class _Survey:
    """The hosts under way, and those that wait to be probed."""

    def __init__(
        self,
        wanted: Sequence[Wanted],
        report: Callable[[HostReport], None],
        probing: ProbeOptions | None,
        clock: Clock,
        done: Callable[[int], None] | None,
    ) -> None:
        self.ports = list(dict.fromkeys(item.port for item in wanted))
        self._wanted = wanted
        self._report = report
        self._probing = probing
        self._clock = clock
        self._done = done
        self._under_way: dict[str, HostReport] = {}
        self._waiting: asyncio.Queue[HostReport | None] = asyncio.Queue()

    def found(self, result: ScanResult) -> None:
        mine = self._under_way.setdefault(result.host, HostReport(result.host))
        mine.results[result.port] = result
        if self._done is not None:
            self._done(1)
        if len(mine.results) < len(self.ports):
            return
        del self._under_way[result.host]
        if self._probing is not None and mine.open:
            self._waiting.put_nowait(mine)
        else:
            self._report(mine)

    def over(self) -> None:
        """Nothing more comes."""
        for _ in range(SCAN_PROBED_HOSTS):
            self._waiting.put_nowait(None)

    async def prove(self) -> None:
        """Probe hosts until there are none left."""
        assert self._probing is not None
        while (mine := await self._waiting.get()) is not None:
            await _probe_host(mine, self._wanted, self._probing, self._clock)
            self._report(mine)


def _targets(hosts: Hosts, ports: Sequence[int], known: Mapping[str, Sequence[str]]) -> Iterator[Target]:
    for host in hosts:
        addresses = known.get(host, (host,))
        for port in ports:
            yield Target(host, addresses, port)


async def _probe_host(mine: HostReport, wanted: Sequence[Wanted], options: ProbeOptions, clock: Clock) -> None:
    """All open ports of a host at the same time."""
    from plantgate.ports.probe import probe  # noqa: PLC0415 - ssl and codecs: only where something is probed

    async def one(item: Wanted, result: ScanResult) -> None:
        mine.probes[item] = await probe(
            mine.host,
            item.port,
            item.name,
            timeout=options.timeout,
            address=result.address,
            unit=options.unit,
            by_name=options.readers,
            clock=clock,
        )

    async with asyncio.TaskGroup() as tasks:
        for item in wanted:
            result = mine.results[item.port]
            if result.state is PortState.OPEN:
                tasks.create_task(one(item, result))
