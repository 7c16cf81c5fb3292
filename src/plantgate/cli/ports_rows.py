"""What `ports list` and `ports scan` say alike: the row of an endpoint, and how a state looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plantgate.cli.common import Cell, Mark, note

if TYPE_CHECKING:
    from plantgate.config.document import Configuration
    from plantgate.ports.atlas import Endpoint

_STYLES = {
    "LISTENING": "green",
    "OPEN": "green",
    "FILTERED": "yellow",
    "UNREACHABLE": "yellow",
    "OTHER": "red",
    "UNPROVED": "yellow",
}


def warn(configuration: Configuration) -> None:
    """The warnings of a configuration, beside the answer."""
    for sentence in configuration.warnings:
        note(f"warning: {sentence}")


def about(endpoint: Endpoint) -> dict[str, Any]:
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


def state_cell(state: str) -> Cell:
    return Mark(state, _STYLES[state]) if state in _STYLES else state
