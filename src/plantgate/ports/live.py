"""The ports of a gateway that runs: the atlas, with how each endpoint is right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plantgate.config.document import Configuration
from plantgate.model.gateway import PortRow, PortState
from plantgate.model.status import Health, PartStatus, PortOwner
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.owners import owner_of
from plantgate.ports.specs import Direction


def port_rows(configuration: Configuration, parts: Sequence[PartStatus]) -> list[PortRow]:
    """One row per endpoint; conflicts name the process. Blocks while it asks the system: use a worker."""
    by_name = {(part.kind, part.name): part for part in parts}
    return [_row(endpoint, by_name) for endpoint in atlas(configuration)]


def _row(endpoint: Endpoint, parts: Mapping[tuple[str, str], PartStatus]) -> PortRow:
    listens = endpoint.direction is Direction.LISTEN
    part = _part(endpoint, parts)
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
