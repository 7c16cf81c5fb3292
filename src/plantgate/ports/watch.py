"""What changes on the ports of an atlas: a picture of the machine's sockets, and the difference between two of them.

`look` asks the system (it blocks for some milliseconds); `differences` is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from plantgate.limits import WATCH_PEERS
from plantgate.model.status import PortOwner
from plantgate.ports.atlas import Endpoint
from plantgate.ports.connections import Connection, established, peers_of
from plantgate.ports.owners import Listening, listening_sockets, overlapping
from plantgate.ports.specs import Direction

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class View:
    """A port in one picture. `listening` is None for a port of another machine, where it can't be seen.

    `peers` counts established connections by remote address: the WATCH_PEERS with the most; `connections` is all.
    """

    endpoint: Endpoint
    listening: bool | None
    owner: PortOwner | None
    peers: Mapping[str, int]
    connections: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All ports at one time (microseconds UTC), by what `_key` makes of their endpoint."""

    at: int
    views: Mapping[tuple[str, str, str, int], View]


class Kind(StrEnum):
    OPENED = "opened"
    CLOSED = "closed"
    OWNER_CHANGED = "owner changed"
    CONNECTIONS_CHANGED = "connections changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, seen at `at`: `owner` now (before it closed, for CLOSED), `before` the one it was.

    `peers` are the remote addresses whose count changed, with the change; `connections` is how many there are now.
    """

    at: int
    kind: Kind
    endpoint: Endpoint
    owner: PortOwner | None
    before: PortOwner | None
    connections: int
    peers: Mapping[str, int]


def look(endpoints: Sequence[Endpoint], at: int) -> Picture:
    """A picture of `endpoints` now. Blocks while it asks the system."""
    return picture(endpoints, listening_sockets(), established(), at)


def picture(
    endpoints: Sequence[Endpoint], sockets: Sequence[Listening], connections: Sequence[Connection], at: int
) -> Picture:
    """`endpoints` as these sockets have them. A port that is 0 is left out."""
    return Picture(
        at, {_key(each): _view(each, endpoints, sockets, connections) for each in endpoints if each.port != 0}
    )


def _key(endpoint: Endpoint) -> tuple[str, str, str, int]:
    return (str(endpoint.direction), endpoint.name, endpoint.instance, endpoint.port)


def _view(
    endpoint: Endpoint, endpoints: Sequence[Endpoint], sockets: Sequence[Listening], connections: Sequence[Connection]
) -> View:
    ours = endpoint.direction is Direction.LISTEN
    local = ours or (bool(endpoint.host) and endpoint.host in _LOCAL)
    held = overlapping(sockets, endpoint.host, endpoint.port) if local else ()
    owner = next((item.owner for item in held if item.owner.pid is not None), held[0].owner if held else None)
    peers = peers_of(endpoint, connections, endpoints)
    return View(
        endpoint,
        bool(held) if local else None,
        owner,
        dict(Counter(peers).most_common(WATCH_PEERS)),
        peers.total(),
    )


def differences(before: Picture, after: Picture) -> list[Change]:
    """What changed from one picture to the next, in the order of the atlas.

    A port that is new in the atlas counts as closed before.
    """
    return [change for key, view in after.views.items() for change in _changes(before.views.get(key), view, after.at)]


def _changes(before: View | None, now: View, at: int) -> Iterator[Change]:
    was = before.listening if before is not None else False
    old = before.owner if before is not None else None
    counts = before.peers if before is not None else {}
    peers = _moved(counts, now.peers)
    if now.listening and not was:
        yield Change(at, Kind.OPENED, now.endpoint, now.owner, None, now.connections, {})
    elif was and now.listening is False:
        yield Change(at, Kind.CLOSED, now.endpoint, old, old, now.connections, {})
    elif was and _process(old) != _process(now.owner):
        yield Change(at, Kind.OWNER_CHANGED, now.endpoint, now.owner, old, now.connections, {})
    if peers or now.connections != (before.connections if before is not None else 0):
        yield Change(at, Kind.CONNECTIONS_CHANGED, now.endpoint, now.owner, old, now.connections, peers)


def _process(owner: PortOwner | None) -> int | None:
    """What tells owners apart. A process may rename itself; a number is given again only after it has ended."""
    return owner.pid if owner is not None else None


def _moved(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Remote address -> how many connections more (or less) it has."""
    moved = {peer: now.get(peer, 0) - before.get(peer, 0) for peer in {**before, **now}}
    return {peer: count for peer, count in moved.items() if count}
