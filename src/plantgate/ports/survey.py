"""Many ports of many hosts, each host reported when it and those before it are known; open ports are probed meanwhile
if asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plantgate.limits import SCAN_PROBED_HOSTS
from plantgate.ports.connects import DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT, Connects, Pace, PortState, ScanResult
from plantgate.ports.hosts import Hosts
from plantgate.ports.reports import HostReport, Reports, Wanted
from plantgate.ports.scan import RESOLVE_TIMEOUT, drive, resolve
from plantgate.ports.slots import Slots
from plantgate.runtime.clock import Clock, SystemClock

__all__ = ["HostReport", "Wanted"]


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """`readers`: badge readers were asked for by name. `unit` is the Modbus unit that is asked."""

    timeout: float = DEFAULT_TIMEOUT
    readers: bool = False
    unit: int = 1


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
    """Call `report` with each host once all its ports are known, in the order asked for.

    `concurrency` and `rate` bound the connects of the scan and the connections of the probes together; `done(n)` is
    called for each n ports looked at. Holds the hosts under way and SCAN_HELD_HOSTS, not all. Raises as
    `scan_targets` does, and UsageError before anything is sent for a name that is unknown.
    """
    clock = clock or SystemClock()
    names = [item.text for item in hosts.ranges if not item.version]
    known = {name: await resolve(name, max(timeout, RESOLVE_TIMEOUT)) for name in names}
    prover = _Prover(wanted, probing, clock) if probing is not None else None
    reports = Reports(wanted, report, complete=prover.take if prover is not None else None, done=done)

    pace = Pace(rate, clock.mono) if rate is not None else None
    with Connects(
        reports.targets(hosts, known),
        reports.found,
        timeout=timeout,
        concurrency=concurrency,
        mono=clock.mono,
        pace=pace,
        hold=reports.full,
    ) as connects:

        async def look() -> None:
            await drive(connects, clock)
            if prover is not None:
                prover.over()

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(look())
                if prover is not None:
                    slots = Slots(connects, pace, clock, tasks)
                    for _ in range(SCAN_PROBED_HOSTS):
                        tasks.create_task(prover.work(reports.ready, slots))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


class _Prover:
    """The hosts that wait to be probed."""

    def __init__(self, wanted: Sequence[Wanted], options: ProbeOptions, clock: Clock) -> None:
        self._wanted = wanted
        self._options = options
        self._clock = clock
        self._waiting: asyncio.Queue[HostReport | None] = asyncio.Queue()

    def take(self, mine: HostReport) -> None:
        self._waiting.put_nowait(mine)

    def over(self) -> None:
        """Nothing more comes."""
        for _ in range(SCAN_PROBED_HOSTS):
            self._waiting.put_nowait(None)

    async def work(self, ready: Callable[[HostReport], None], slots: Slots) -> None:
        """Probe hosts until there are none left."""
        while (mine := await self._waiting.get()) is not None:
            if mine.open:
                await self._probe_host(mine, slots)
            ready(mine)

    async def _probe_host(self, mine: HostReport, slots: Slots) -> None:
        """All open ports of a host at the same time."""
        async with asyncio.TaskGroup() as tasks:
            for item in self._wanted:
                result = mine.results[item.port]
                if result.state is PortState.OPEN:
                    tasks.create_task(self._probe(mine, item, result, slots))

    async def _probe(self, mine: HostReport, item: Wanted, result: ScanResult, slots: Slots) -> None:
        from plantgate.ports.probe import probe  # noqa: PLC0415 - ssl and codecs: only where something is probed

        mine.probes[item] = await probe(
            mine.host,
            item.port,
            item.name,
            timeout=self._options.timeout,
            address=result.address,
            unit=self._options.unit,
            by_name=self._options.readers,
            clock=self._clock,
            connect=slots.connect,
        )
