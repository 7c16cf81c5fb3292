"""The ports of a gateway that runs: the atlas, with how each endpoint is right now."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantgate.config.document import Configuration
from plantgate.model.gateway import PortRow, PortState
from plantgate.model.status import Health, PartStatus, PortOwner
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.connections import Connection, established, peers_of
from plantgate.ports.owners import owner_of
from plantgate.ports.settings import free_near, set_command
from plantgate.ports.specs import Direction

_PRIVILEGED_BELOW = 1_024
# A port to offer where a privileged one was wanted, as people know them: 502 becomes 1502.
_UNPRIVILEGED = 1_000


@dataclass(frozen=True, slots=True)
class _Look:
    """What all rows are made from: asked of the system once."""

    parts: Mapping[tuple[str, str], PartStatus]
    endpoints: Sequence[Endpoint]
    connections: Sequence[Connection]
    directory: Path | None


def port_rows(configuration: Configuration, parts: Sequence[PartStatus]) -> list[PortRow]:
    """One row per endpoint; conflicts name the process. Blocks while it asks the system: use a worker."""
    endpoints = atlas(configuration)
    by_name = {(part.kind, part.name): part for part in parts}
    look = _Look(by_name, endpoints, established(), configuration.directory)
    return [_row(endpoint, look) for endpoint in endpoints]


def _row(endpoint: Endpoint, look: _Look) -> PortRow:
    listens = endpoint.direction is Direction.LISTEN
    part = _part(endpoint, look.parts)
    state = _state(endpoint, part)
    owner = _owner(endpoint, state) if listens else None
    spec = endpoint.spec
    return PortRow(
        name=endpoint.name,
        instance=endpoint.instance,
        host=endpoint.host,
        port=endpoint.port,
        transport=spec.transport,
        direction=str(endpoint.direction),
        protocol=spec.protocol,
        purpose=spec.purpose,
        required=spec.required,
        key=endpoint.key,
        source=endpoint.source,
        state=state,
        owner=owner,
        reason=part.reason if part else "",
        next_step=part.next_step if part else "",
        connections=_connections(endpoint, state, look),
        command=_command(endpoint, part, look) if listens else "",
    )


def _part(endpoint: Endpoint, parts: Mapping[tuple[str, str], PartStatus]) -> PartStatus | None:
    """The tile that tells about this endpoint."""
    if endpoint.direction is Direction.LISTEN:
        return parts.get(("listener", endpoint.name))
    kind = "reader" if endpoint.name == "reader" else "device"
    return parts.get((kind, endpoint.instance)) if endpoint.instance else None


def _state(endpoint: Endpoint, part: PartStatus | None) -> PortState:
    if not endpoint.enabled:
        return PortState.DISABLED
    if part is None:
        return PortState.CLOSED if endpoint.direction is Direction.LISTEN else PortState.UNKNOWN
    if endpoint.direction is Direction.CONNECT:
        return PortState.CONNECTED if part.health is Health.OK else PortState.CLOSED
    if part.health is Health.OK:
        return PortState.LISTENING
    return PortState.TAKEN if part.state == "port taken" else PortState.CLOSED


def _owner(endpoint: Endpoint, state: PortState) -> PortOwner | None:
    if state in (PortState.LISTENING, PortState.TAKEN):
        return owner_of(endpoint.port, endpoint.host)
    return None


def _connections(endpoint: Endpoint, state: PortState, look: _Look) -> int:
    """On a taken port those of its holder. Towards a device only our own: another program's are none of this page."""
    if state is PortState.DISABLED:
        return 0
    if endpoint.direction is Direction.LISTEN:
        return peers_of(endpoint, look.connections).total()
    own = [item for item in look.connections if item.pid == os.getpid()]
    return peers_of(endpoint, own, look.endpoints).total()


def _command(endpoint: Endpoint, part: PartStatus | None, look: _Look) -> str:
    """What to type so that a listener that could not bind its port gets one."""
    if part is None or part.health is not Health.FAILED:
        return ""
    forbidden = part.state == "can't bind" and endpoint.port < _PRIVILEGED_BELOW
    if forbidden and sys.platform == "linux":
        return f"sudo sysctl -w net.ipv4.ip_unprivileged_port_start={endpoint.port}"
    if part.state != "port taken" and not forbidden:
        return ""
    return set_command(endpoint, free_near(endpoint, look.endpoints, _UNPRIVILEGED if forbidden else 0), look.directory)
