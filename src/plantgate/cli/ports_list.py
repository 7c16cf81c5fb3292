"""`plantgate ports list`: the atlas, and who of this machine holds which port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from plantgate.cli.common import Cell, Column, DataOption, JsonOption, SetOption, print_json, print_table, say, told
from plantgate.cli.ports_rows import about, state_cell, warn
from plantgate.cli.ports_source import Source, XmlOption, source_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plantgate.ports.atlas import Endpoint
    from plantgate.ports.owners import Listening
    from plantgate.ports.running import Running

_HEADS = (
    "name",
    "of",
    Column("port", "right"),
    "state",
    "held by",
    "set by",
    Column("purpose", optional=True),
    Column("required", optional=True),
    Column("protocol", optional=True),
)
_HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})


def register(app: typer.Typer) -> None:
    """Add `list` to the commands of `app` (`plantgate ports`)."""
    app.command("list")(list_ports)


def list_ports(
    data: DataOption = None, gateway_xml: XmlOption = None, sets: SetOption = None, as_json: JsonOption = False
) -> None:
    """Every port: what for, configured where, listening or not, and which process holds it."""
    with told(as_json=as_json):
        source = source_for(data, gateway_xml, sets)
        from plantgate.ports.atlas import atlas
        from plantgate.ports.owners import listening_sockets
        from plantgate.ports.running import running_gateway

        sockets = listening_sockets()
        running = running_gateway(source.data, sockets)
        rows = [_row(endpoint, sockets, source, running) for endpoint in atlas(source.configuration)]
    warn(source.configuration)
    if as_json:
        print_json(rows)
        return
    print_table(_HEADS, [_cells(row) for row in rows])
    for row in rows:
        if row["note"]:
            say(f"{row['name']} {row['port']} ({_of(row)}): {row['note']}")


def _row(endpoint: Endpoint, sockets: Sequence[Listening], source: Source, running: Running | None) -> dict[str, Any]:
    """An endpoint with what this machine's sockets say of it.

    LISTENING: somebody does, `owner` says who. FREE: it could be opened. OFF: the configuration does not want it,
    whoever has it. NOT_CHECKED: it is a port of another machine, which `ports scan` looks at.
    """
    from plantgate.ports.owners import overlapping

    local = endpoint.direction == "listen" or endpoint.host in _HERE
    holders = overlapping(sockets, endpoint.host, endpoint.port) if local and endpoint.port else ()
    holder = next((item for item in holders if item.owner.pid is not None), holders[0] if holders else None)
    if not endpoint.enabled:
        state = "OFF"
    elif holder is not None:
        state = "LISTENING"
    else:
        state = "FREE" if local else "NOT_CHECKED"
    owner = None if holder is None else holder.owner
    told_owner = (
        None if owner is None else {"pid": owner.pid, "name": owner.name, "user": owner.user, "command": owner.command}
    )
    return {
        **about(endpoint),
        "state": state,
        "owner": told_owner,
        "note": _note(endpoint, holder, source, running),
    }


def _note(endpoint: Endpoint, holder: Listening | None, source: Source, running: Running | None) -> str:
    """What the state alone would not tell."""
    from plantgate.ports.running import is_own

    if holder is not None and not endpoint.enabled:
        return f"this configuration does not use it; held by {holder.owner}"
    if endpoint.direction != "listen" or not endpoint.enabled:
        return ""
    if source.data is not None and not endpoint.spec.served:
        return f"this version of plantgate does not open it yet{f'; held by {holder.owner}' if holder else ''}"
    if holder is None or holder.owner.pid is None or (source.data is None and not source.ignition):
        return ""  # nobody, not visible, or there is no gateway that it could belong to
    if is_own(holder, running, ignition=source.ignition):
        return ""
    return f"held by {holder.owner}, not by the gateway of this configuration: see plantgate ports check"


def _of(row: Mapping[str, Any]) -> str:
    return str(row["instance"]) or ("this gateway" if row["direction"] == "listen" else "none yet")


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    owner = row["owner"]
    held = "" if owner is None else (owner["name"] or "not visible to this user")
    if owner is not None and owner["pid"] is not None:
        held += f" (pid {owner['pid']}, {owner['user'] or 'another user'})"
    return [
        row["name"],
        _of(row),
        row["port"],
        state_cell(row["state"]),
        held,
        row["source"],
        row["purpose"],
        row["required"],
        row["protocol"],
    ]
