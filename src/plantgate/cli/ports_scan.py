"""`plantgate ports scan`: which ports of which hosts are open, and what is behind them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    Bar,
    Cell,
    Column,
    DataOption,
    JsonOption,
    SetOption,
    note,
    print_table,
    progress,
    say,
    told,
)
from plantgate.cli.ports_rows import about, state_cell, warn
from plantgate.cli.ports_source import XmlOption, configuration_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plantgate.config.document import Configuration
    from plantgate.ports.atlas import Endpoint
    from plantgate.ports.hosts import Hosts
    from plantgate.ports.reports import HostReport, Wanted

_HEADS = (
    "name",
    "of",
    Column("port", "right"),
    "state",
    Column("answer", "right"),
    "address",
    Column("protocol", optional=True),
)
_PROBED_HEADS = (*_HEADS[:5], "finding", "what it is")
_QUIET = ("CLOSED", "OFF")


def register(app: typer.Typer) -> None:
    """Adds the command to `ports`."""
    app.command("scan")(scan_ports)


def scan_ports(
    hosts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HOST]...", help="Name, address, block (10.0.0.0/24) or range (10.0.0.1-20)."),
    ] = None,
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Only this port of the atlas; several times.", show_default=False),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--port", metavar="N,A-B", help="Also these ports; several times.", show_default=False),
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Prove the protocol behind each open port.")] = False,
    unit: Annotated[int, typer.Option(help="Modbus unit that --probe asks.", min=0, max=255)] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 1.0,
    concurrency: Annotated[int, typer.Option(help="Connections at the same time.")] = 128,
    rate: Annotated[float | None, typer.Option(help="Most connects a second.", metavar="N", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Scan more than 65,536 addresses.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try every port of the atlas on each HOST: OPEN, CLOSED, FILTERED (no answer) or UNREACHABLE.

    Without --probe nothing is sent. With it each open port is asked what it is; nothing is written, nobody is logged
    in. A badge reader takes one client at a time: it is asked only with --only reader, and one in use may answer
    CLOSED.

    Exit status 1: a port that is required is not open, or something else than expected answers.
    """
    with told(as_json=as_json):
        from plantgate.ports.hosts import parse_hosts

        wanted_hosts = parse_hosts(hosts or ["localhost"], force=force)
        configuration = configuration_for(data, gateway_xml, sets)
        plan = _plan(configuration, only or (), more or (), single=wanted_hosts.single)
        output: _Output = _Lines(plan) if as_json else _Tables(plan, one=wanted_hosts.count == 1, probed=probe)
        total = wanted_hosts.count * len({item.port for item in plan.wanted})
        label = f"scanning {' '.join(hosts or ['localhost'])}"[:60]
        if force and wanted_hosts.count > 1:
            note(f"scanning {wanted_hosts.count:,} addresses, {total:,} ports")
        look = _Look(timeout, concurrency, rate, unit if probe else None, readers="reader" in (only or ()))
        try:
            with progress(total, label, enabled=not as_json) as output.bar:
                look(wanted_hosts, plan.wanted, output.host, output.bar)
        finally:
            output.end()
    warn(configuration)
    if output.problems:
        raise typer.Exit(EXIT_PROBLEM)


@dataclass(frozen=True, slots=True)
class _Look:
    """How to look. `unit` is the Modbus unit to ask, None if nothing is probed."""

    timeout: float
    concurrency: int
    rate: float | None
    unit: int | None
    readers: bool

    def __call__(
        self, hosts: Hosts, wanted: Sequence[Wanted], report: Callable[[HostReport], None], done: Callable[[int], None]
    ) -> None:
        """Without an event loop where there is nothing to wait for at the same time: it takes long to import."""
        if self.rate is None and self.unit is None and all(item.version for item in hosts.ranges):
            from time import perf_counter

            from plantgate.ports.reports import sweep

            sweep(
                hosts, wanted, report, mono=perf_counter, timeout=self.timeout, concurrency=self.concurrency, done=done
            )
            return
        import asyncio

        from plantgate.ports.survey import ProbeOptions, survey

        probing = None if self.unit is None else ProbeOptions(self.timeout, readers=self.readers, unit=self.unit)
        asyncio.run(
            survey(
                hosts,
                wanted,
                report,
                timeout=self.timeout,
                concurrency=self.concurrency,
                rate=self.rate,
                probing=probing,
                done=done,
            )
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """`endpoints` of the atlas and the ports beside it. `named`: with --only each of them has to be there."""

    endpoints: Sequence[Endpoint]
    extra: Sequence[int]
    named: bool
    single: bool

    @property
    def wanted(self) -> list[Wanted]:
        from plantgate.ports.reports import Wanted

        found = [Wanted(endpoint.name, endpoint.port) for endpoint in self.endpoints if endpoint.port]
        return list(dict.fromkeys([*found, *(Wanted("", port) for port in self.extra)]))

    def kinds(self) -> Iterator[tuple[Wanted, dict[str, Any]]]:
        """What is the same for every host: a row per endpoint, then the other ports."""
        from plantgate.ports.reports import Wanted

        for endpoint in self.endpoints:
            yield Wanted(endpoint.name, endpoint.port), about(endpoint)
        for port in self.extra:
            yield Wanted("", port), {"name": "", "instance": "", "host": "", "port": port}

    def rows(self, report: HostReport) -> Iterator[dict[str, Any]]:
        for item, row in self.kinds():
            yield {**row, **_result(report, item)}

    def problems(self, report: HostReport) -> bool:
        """Something required is not open, or what is open is not what it should be."""
        for item, probe in report.probes.items():
            if probe.finding in ("OTHER", "UNPROVED", "CLOSED") and item.name:
                return True
        return self.single and bool(self._missing(report))

    def _missing(self, report: HostReport) -> list[Endpoint]:
        missing = []
        web = [item for item in self.endpoints if item.name in ("http", "https") and item.enabled]
        if web and not self.named and not any(_open(report, item) for item in web):
            missing += web
        for endpoint in self.endpoints:
            if self._required(endpoint, report.host) and not _open(report, endpoint):
                missing.append(endpoint)
        return missing

    def _required(self, endpoint: Endpoint, host: str) -> bool:
        if endpoint.direction == "connect" and endpoint.instance:
            return endpoint.enabled and endpoint.host == host
        return self.named or (
            endpoint.direction == "listen"
            and endpoint.enabled
            and endpoint.name in ("opcua", "opcua_discovery", "modbus")
        )


def _plan(configuration: Configuration, only: Sequence[str], more: Sequence[str], *, single: bool) -> _Plan:
    from plantgate.errors import UsageError
    from plantgate.ports.atlas import atlas
    from plantgate.ports.specs import NAMES

    for name in only:
        if name not in NAMES:
            raise UsageError("PORT-131", f"{name[:60]!r} is no port of the atlas", f"one of {', '.join(NAMES)}")
    endpoints = [item for item in atlas(configuration) if not only or item.name in only]
    extra = _ports(more)
    plan = _Plan(_once(endpoints), [port for port in extra if port], bool(only), single)
    if not plan.wanted:
        raise UsageError("PORT-132", "there is no port to look at", "all of them are 0 (off): name some with --port")
    return plan


def _once(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """One endpoint per name and port, the one that is in use: on one host, two devices on port 502 are one port."""
    found: dict[tuple[str, int], Endpoint] = {}
    for endpoint in endpoints:
        before = found.get((endpoint.name, endpoint.port))
        if before is None or (endpoint.enabled and not before.enabled):
            found[endpoint.name, endpoint.port] = endpoint
    return list(found.values())


def _ports(texts: Sequence[str]) -> list[int]:
    """`80,443,8000-8010` -> numbers."""
    from plantgate.errors import UsageError
    from plantgate.limits import SCAN_PORTS

    found: dict[int, None] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        first, _, last = part.partition("-")
        numbers = [item.strip() for item in (first, last or first)]
        if not all(item.isascii() and item.isdigit() and len(item) <= 5 for item in numbers):
            raise UsageError("PORT-133", f"{part[:60]!r} is no port and no range of ports", "like --port 80,8000-8010")
        start, end = map(int, numbers)
        if not 1 <= start <= end <= 65_535:
            raise UsageError("PORT-133", f"{part} is no range of ports from 1 to 65535", "like --port 80,8000-8010")
        found.update(dict.fromkeys(range(start, end + 1)))
    if len(found) > SCAN_PORTS:
        raise UsageError("PORT-134", f"{len(found)} ports; {SCAN_PORTS} are the most of one scan", "name fewer")
    return list(found)


def _open(report: HostReport, endpoint: Endpoint) -> bool:
    result = report.results.get(endpoint.port)
    return result is not None and result.state == "OPEN"


def _result(report: HostReport, item: Wanted) -> dict[str, Any]:
    """State of the port on this host; OFF for port 0. What was proved, where it was."""
    result = report.results.get(item.port)
    latency = result.latency if result is not None else None
    row: dict[str, Any] = {
        "host": report.host,
        "state": result.state if result is not None else "OFF",
        "address": result.address if result is not None else None,
        "latency_ms": None if latency is None else round(latency * 1000, 3),
    }
    probe = report.probes.get(item)
    return row if probe is None else {**row, "probe": probe.as_json()}


@dataclass
class _Output:
    """Takes hosts as they get ready."""

    plan: _Plan
    problems: bool = False
    bar: Bar = field(default_factory=Bar)

    def host(self, report: HostReport) -> None:
        self.problems = self.problems or self.plan.problems(report)

    def end(self) -> None:
        """After the last host, or an error."""


@dataclass
class _Lines(_Output):
    """A flat JSON list with one object a line, written as it comes."""

    begun: bool = False

    def __post_init__(self) -> None:
        self._templates = [(item, *_template(row)) for item, row in self.plan.kinds()]

    def host(self, report: HostReport) -> None:
        super().host(report)
        host = json.dumps(report.host, ensure_ascii=False)
        lines = []
        for item, head, tail in self._templates:
            result, probe = report.results.get(item.port), report.probes.get(item)
            more = "" if probe is None else f', "probe": {json.dumps(probe.as_json(), ensure_ascii=False)}'
            if result is None:
                lines.append(f'{head}{host}{tail}, "state": "OFF", "address": null, "latency_ms": null}}')
                continue
            _, address, _, state, latency = result
            milliseconds = "null" if latency is None else f"{latency * 1000:.3f}"
            lines.append(
                f'{head}{host}{tail}, "state": "{state}", "address": "{address}", "latency_ms": {milliseconds}{more}}}'
            )
        sys.stdout.write((",\n" if self.begun else "[\n") + ",\n".join(lines))
        self.begun = True

    def end(self) -> None:
        if self.begun:
            sys.stdout.write("\n]\n")


def _template(row: Mapping[str, Any]) -> tuple[str, str]:
    """The JSON of a row before and after its host, without the brace at the end: written once for all hosts."""
    text = json.dumps({**row, "host": None}, ensure_ascii=False)
    head, mark, tail = text.partition('"host": ')
    return head + mark, tail.removeprefix("null").removesuffix("}")


@dataclass
class _Tables(_Output):
    """A table per host that has something to tell, and the others in a sentence."""

    one: bool = False
    probed: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    def host(self, report: HostReport) -> None:
        super().host(report)
        kind = "open" if report.open else ("closed" if report.answers else "silent")
        self.counts[kind] = self.counts.get(kind, 0) + 1
        rows = list(self.plan.rows(report))
        if not self.one and not report.open:
            return
        with self.bar.aside():
            if self.one:
                self._table(rows)
                count = sum(result.state == "OPEN" for result in report.results.values())
                say(f"{count} of {len(report.results)} ports are open on {report.host}")
            else:
                say(report.host)
                self._table([row for row in rows if row["state"] not in _QUIET])
                say()

    def end(self) -> None:
        if self.one or not self.counts:
            return
        told = {
            "open": "with open ports",
            "closed": "that answer, with none of these ports open",
            "silent": "that do not answer",
        }
        say(
            f"{sum(self.counts.values()):,} hosts: "
            + "; ".join(f"{self.counts[kind]:,} {text}" for kind, text in told.items() if kind in self.counts)
        )

    def _table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        print_table(_PROBED_HEADS if self.probed else _HEADS, [self._cells(row) for row in rows])

    def _cells(self, row: Mapping[str, Any]) -> list[Cell]:
        latency = row["latency_ms"]
        answer = None if latency is None else f"{latency:.1f} ms"
        first = [row["name"], row["instance"], row["port"], state_cell(row["state"]), answer]
        if not self.probed:
            return [*first, row["address"], row.get("protocol", "")]
        probe = row.get("probe")
        return [*first, *(("", "") if probe is None else (state_cell(probe["finding"]), probe["verdict"]))]
