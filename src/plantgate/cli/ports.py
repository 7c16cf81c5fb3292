"""`plantgate ports`: which ports there are, who holds them, which are open. Needs no running gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from plantgate.cli import ports_check, ports_firewall, ports_scan, ports_watch
from plantgate.cli.common import Cell, Column, DataOption, JsonOption, SetOption, print_json, print_table, told
from plantgate.cli.ports_rows import about, state_cell, warn
from plantgate.cli.ports_source import XmlOption, configuration_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plantgate.ports.atlas import Endpoint
    from plantgate.ports.owners import Listening

app = typer.Typer(no_args_is_help=True, help="Know, prove and fix every port.")

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


@app.command("list")
def list_ports(
    data: DataOption = None, gateway_xml: XmlOption = None, sets: SetOption = None, as_json: JsonOption = False
) -> None:
    """Every port: what for, configured where, listening or not, and which process holds it."""
    with told(as_json=as_json):
        configuration = configuration_for(data, gateway_xml, sets)
        from plantgate.ports.atlas import atlas
        from plantgate.ports.owners import listening_sockets

        sockets = listening_sockets()
        rows = [_listed(endpoint, sockets) for endpoint in atlas(configuration)]
    warn(configuration)
    if as_json:
        print_json(rows)
        return
    print_table(_LIST_HEADS, [_list_cells(row) for row in rows])


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
    return {**about(endpoint), "state": state, "owner": told_owner}


def _list_cells(row: Mapping[str, Any]) -> list[Cell]:
    owner = row["owner"]
    held = "" if owner is None else (owner["name"] or "not visible to this user")
    if owner is not None and owner["pid"] is not None:
        held += f" (pid {owner['pid']}, {owner['user'] or 'another user'})"
    return [
        row["name"],
        row["instance"] or ("this gateway" if row["direction"] == "listen" else "none yet"),
        row["port"],
        state_cell(row["state"]),
        held,
        row["source"],
        row["purpose"],
        row["required"],
        row["protocol"],
    ]


ports_scan.register(app)
ports_check.register(app)
ports_firewall.register(app)
ports_watch.register(app)
