"""The established TCP connections of this machine, and how many of them are on which port of the atlas.

psutil reads the system's tables: it blocks for some milliseconds, so call it through a worker from the event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import psutil

from plantgate.ports.atlas import Endpoint
from plantgate.ports.specs import Direction

_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, nothing is bound


@dataclass(frozen=True, slots=True)
class Connection:
    """One end of an established connection, as this machine sees it. `pid` None: another user's process."""

    address: str
    port: int
    peer: str
    peer_port: int
    pid: int | None


def established() -> tuple[Connection, ...]:
    """All established TCP connections that the system lets this user see; both ends of one within this machine."""
    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, PermissionError):  # macOS tells only an administrator of all
        return tuple(_of_each_process())
    return tuple(
        Connection(plain(item.laddr.ip), item.laddr.port, plain(item.raddr.ip), item.raddr.port, item.pid)
        for item in found
        if item.status == psutil.CONN_ESTABLISHED and item.laddr and item.raddr
    )


def _of_each_process() -> Iterator[Connection]:
    for process in psutil.process_iter():
        try:
            for item in process.net_connections(kind="tcp"):
                if item.status == psutil.CONN_ESTABLISHED and item.raddr:
                    yield Connection(
                        plain(item.laddr.ip), item.laddr.port, plain(item.raddr.ip), item.raddr.port, process.pid
                    )
        except (psutil.Error, PermissionError):
            continue


def plain(address: str) -> str:
    """`10.0.0.7` of `::ffff:10.0.0.7`, and no interface behind a %: one peer has one name."""
    bare = address.partition("%")[0]
    try:
        parsed = ip_address(bare)
    except ValueError:
        return bare
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def peers_of(endpoint: Endpoint, connections: Sequence[Connection], others: Sequence[Endpoint] = ()) -> Counter[str]:
    """Remote address -> how many connections are on `endpoint`.

    A port of ours has the clients on it. A port that we connect to has the connections to its host; a host that is a
    name is not looked up (a dead name server would hold up everything): what goes to its port and to none of the
    addresses of the `others` counts for it.
    """
    if endpoint.direction is Direction.LISTEN:
        return Counter(item.peer for item in connections if item.port == endpoint.port and _is_on(item, endpoint.host))
    if not endpoint.host:
        return Counter()
    known = _literal(endpoint.host)
    taken = {_literal(other.host) for other in others if other is not endpoint and other.port == endpoint.port}
    return Counter(
        item.peer
        for item in connections
        if item.peer_port == endpoint.port and (item.peer == known if known else item.peer not in taken)
    )


def _is_on(item: Connection, address: str) -> bool:
    bare = "127.0.0.1" if address == "localhost" else address
    return bare in _WILDCARDS or item.address == plain(bare)


def _literal(host: str) -> str:
    """`host` if it is an address, empty if it is a name."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    return plain(host)
