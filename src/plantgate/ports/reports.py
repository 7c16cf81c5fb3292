"""What was found, host by host, in the order in which the hosts were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from plantgate.limits import SCAN_HELD_HOSTS
from plantgate.ports.connects import (
    DEFAULT_CONCURRENCY,
    DEFAULT_TIMEOUT,
    Connects,
    PortState,
    ScanResult,
    Target,
)
from plantgate.ports.hosts import Hosts

if TYPE_CHECKING:
    from plantgate.ports.findings import ProbeResult


class Wanted(NamedTuple):
    """A port to look at; `name` is its name in the atlas, empty if it has none."""

    name: str
    port: int


@dataclass(slots=True)
class HostReport:
    """One host: the state of each port, and what the open ones proved to be."""

    host: str
    results: dict[int, ScanResult] = field(default_factory=dict)
    probes: dict[Wanted, ProbeResult] = field(default_factory=dict)
    ready: bool = False

    @property
    def open(self) -> bool:
        return any(result.state is PortState.OPEN for result in self.results.values())

    @property
    def answers(self) -> bool:
        """Somebody is there, if only to say that nobody listens."""
        return any(result.state in (PortState.OPEN, PortState.CLOSED) for result in self.results.values())


class Reports:
    """Makes reports out of results, and hands each on once it and all before it are ready.

    `complete` is called with each host as soon as its ports are known; whoever takes it calls `ready` later. `done(n)`
    is called for each n ports looked at.
    """

    def __init__(
        self,
        wanted: Sequence[Wanted],
        report: Callable[[HostReport], None],
        *,
        complete: Callable[[HostReport], None] | None = None,
        done: Callable[[int], None] | None = None,
    ) -> None:
        self.ports = list(dict.fromkeys(item.port for item in wanted))
        self._report = report
        self._complete = complete or self.ready
        self._done = done
        self._held: dict[str, HostReport] = {}  # the oldest first

    def targets(self, hosts: Hosts, known: Mapping[str, Sequence[str]]) -> Iterator[Target]:
        """What to connect to, read as connects can be made. `known` are the addresses of the names."""
        for host in hosts:
            self._held[host] = HostReport(host)
            yield Target(host, known.get(host, (host,)), self.ports)

    def full(self) -> bool:
        """So many hosts wait for an earlier one that no more should be looked at."""
        return len(self._held) > SCAN_HELD_HOSTS

    def found(self, result: ScanResult) -> None:
        mine = self._held[result.host]
        mine.results[result.port] = result
        if len(mine.results) == len(self.ports):
            self._complete(mine)
            if self._done is not None:
                self._done(len(self.ports))

    def ready(self, mine: HostReport) -> None:
        """Nothing more is going to be known of this one."""
        mine.ready = True
        while self._held and (oldest := next(iter(self._held.values()))).ready:
            del self._held[oldest.host]
            self._report(oldest)


def sweep(
    hosts: Hosts,
    wanted: Sequence[Wanted],
    report: Callable[[HostReport], None],
    *,
    mono: Callable[[], float],
    timeout: float = DEFAULT_TIMEOUT,
    concurrency: int = DEFAULT_CONCURRENCY,
    done: Callable[[int], None] | None = None,
) -> None:
    """As `survey.survey` for numeric hosts, without probes and without an event loop: it blocks."""
    reports = Reports(wanted, report, done=done)
    with Connects(
        reports.targets(hosts, {}),
        reports.found,
        timeout=timeout,
        concurrency=concurrency,
        mono=mono,
        hold=reports.full,
    ) as connects:
        connects.run()
