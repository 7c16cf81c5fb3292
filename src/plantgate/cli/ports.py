"""`plantgate ports`: which ports there are, who holds them, which are open. Needs no running gateway."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import (
    Cell,
    Column,
    DataOption,
    JsonOption,
    Mark,
    SetOption,
    note,
    print_json,
    print_table,
    progress,
    say,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plantgate.config.document import Configuration
    from plantgate.ports.atlas import Endpoint
    from plantgate.ports.owners import Listening
    from plantgate.ports.scan import ScanResult

app = typer.Typer(no_args_is_help=True, help="Know, prove and fix every port.")

XmlOption = Annotated[
    Path | None,
    typer.Option(
        "--gateway-xml", metavar="FILE", help="A gateway.xml, also an Ignition gateway's.", show_default=False
    ),
]

_PORT = Column("port", "right")
_LIST_HEADS = (
    "name",
    "of",
    _PORT,
    "state",
    "held by",
    "set by",
    Column("purpose", optional=True),
    Column("required", optional=True),
    Column("protocol", optional=True),
)
_SCAN_HEADS = ("name", "of", _PORT, "state", Column("answer", "right"), "address", Column("protocol", optional=True))
_STYLES = {"LISTENING": "green", "OPEN": "green", "FILTERED": "yellow", "UNREACHABLE": "yellow"}


@app.command("list")
def list_ports(
    data: DataOption = None, gateway_xml: XmlOption = None, sets: SetOption = None, as_json: JsonOption = False
) -> None:
    """Every port: what for, configured where, listening or not, and which process holds it."""
    with told(as_json=as_json):
        configuration = _configuration(data, gateway_xml, sets)
        from plantgate.ports.atlas import atlas
        from plantgate.ports.owners import listening_sockets

        sockets = listening_sockets()
        rows = [_listed(endpoint, sockets) for endpoint in atlas(configuration)]
    _warn(configuration)
    if as_json:
        print_json(rows)
        return
    print_table(_LIST_HEADS, [_list_cells(row) for row in rows])


@app.command("scan")
def scan_ports(
    host: Annotated[str, typer.Argument(help="Name or address.")] = "localhost",
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 1.0,
    concurrency: Annotated[int, typer.Option(help="Connections at the same time.")] = 128,
    as_json: JsonOption = False,
) -> None:
    """Try every port of the atlas on HOST: OPEN, CLOSED, FILTERED (no answer) or UNREACHABLE.

    Nothing is sent. A badge reader takes one client at a time: one that is in use may answer CLOSED.
    """
    import asyncio

    with told(as_json=as_json):
        configuration = _configuration(data, gateway_xml, sets)
        from plantgate.ports.atlas import atlas
        from plantgate.ports.scan import scan

        endpoints = atlas(configuration)
        ports = list(dict.fromkeys(endpoint.port for endpoint in endpoints if endpoint.port))
        with progress(len(ports), f"scanning {host}", enabled=not as_json) as advance:
            results = asyncio.run(scan(host, ports, timeout=timeout, concurrency=concurrency, done=advance))
        by_port = {result.port: result for result in results}
        rows = [_scanned(endpoint, host, by_port) for endpoint in _once(endpoints)]
    _warn(configuration)
    if as_json:
        print_json(rows)
        return
    print_table(_SCAN_HEADS, [_scan_cells(row) for row in rows])
    count = sum(result.state == "OPEN" for result in results)
    say(f"{count} of {len(results)} ports are open on {host}")


def _once(endpoints: Sequence[Endpoint]) -> Sequence[Endpoint]:
    """One endpoint per name and port, the one that is in use: on one host, two devices on port 502 are one port."""
    found: dict[tuple[str, int], Endpoint] = {}
    for endpoint in endpoints:
        before = found.get((endpoint.name, endpoint.port))
        if before is None or (endpoint.enabled and not before.enabled):
            found[endpoint.name, endpoint.port] = endpoint
    return tuple(found.values())


def _configuration(data: Path | None, gateway_xml: Path | None, sets: Sequence[str] | None) -> Configuration:
    from plantgate.config.load import load

    return load(data, sets or (), gateway_xml=gateway_xml)


def _warn(configuration: Configuration) -> None:
    for sentence in configuration.warnings:
        note(f"warning: {sentence}")


def _about(endpoint: Endpoint) -> dict[str, Any]:
    """What both commands say of an endpoint, in the order of the columns."""
    return {
        "name": endpoint.name,
        "instance": endpoint.instance,
        "host": endpoint.host,
        "port": endpoint.port,
        "transport": endpoint.spec.transport,
        "protocol": endpoint.spec.protocol,
        "direction": endpoint.direction,
        "purpose": endpoint.spec.purpose,
        "required": endpoint.spec.required,
        "default": endpoint.spec.default,
        "enabled": endpoint.enabled,
        "key": endpoint.key,
        "source": endpoint.source,
    }


def _listed(endpoint: Endpoint, sockets: Sequence[Listening]) -> dict[str, Any]:
    """An endpoint with what this machine's sockets say of it.

    LISTENING: somebody does, `owner` says who. FREE: it could be opened. OFF: the configuration does not want it.
    NOT_CHECKED: it is a port of another machine, which `ports scan` looks at.
    """
    from plantgate.ports.owners import overlapping

    local = endpoint.direction == "listen" or endpoint.host in {"", "localhost", "127.0.0.1", "::1"}
    holders = overlapping(sockets, endpoint.host, endpoint.port) if local and endpoint.port else ()
    if holders:
        state = "LISTENING"
    elif not endpoint.enabled:
        state = "OFF"
    else:
        state = "FREE" if local else "NOT_CHECKED"
    owner = next((item.owner for item in holders if item.owner.pid is not None), None)
    if owner is None and holders:
        owner = holders[0].owner
    told_owner = (
        None if owner is None else {"pid": owner.pid, "name": owner.name, "user": owner.user, "command": owner.command}
    )
    return {**_about(endpoint), "state": state, "owner": told_owner}


def _scanned(endpoint: Endpoint, host: str, results: Mapping[int, ScanResult]) -> dict[str, Any]:
    """An endpoint with the state of its port on the scanned host; OFF for port 0."""
    result = results.get(endpoint.port)
    latency = result.latency if result is not None else None
    return {
        **_about(endpoint),
        "host": host,
        "state": result.state if result is not None else "OFF",
        "address": result.address if result is not None else None,
        "latency_ms": None if latency is None else round(latency * 1000, 3),
    }


def _state_cell(state: str) -> Cell:
    return Mark(state, _STYLES[state]) if state in _STYLES else state


def _list_cells(row: Mapping[str, Any]) -> list[Cell]:
    owner = row["owner"]
    held = "" if owner is None else (owner["name"] or "not visible to this user")
    if owner is not None and owner["pid"] is not None:
        held += f" (pid {owner['pid']}, {owner['user'] or 'another user'})"
    return [
        row["name"],
        row["instance"] or ("this gateway" if row["direction"] == "listen" else "none yet"),
        row["port"],
        _state_cell(row["state"]),
        held,
        row["source"],
        row["purpose"],
        row["required"],
        row["protocol"],
    ]


def _scan_cells(row: Mapping[str, Any]) -> list[Cell]:
    latency = row["latency_ms"]
    return [
        row["name"],
        row["instance"],
        row["port"],
        _state_cell(row["state"]),
        None if latency is None else f"{latency:.1f} ms",
        row["address"],
        row["protocol"],
    ]
