"""Pictures of sockets and the differences between them; then the same on real sockets."""

from __future__ import annotations

import itertools
import os
import socket

from plantgate.config.document import Configuration, Device, WebServer
from plantgate.limits import WATCH_PEERS
from plantgate.model.status import PortOwner
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.connections import Connection, established, peers_of, plain
from plantgate.ports.owners import Listening
from plantgate.ports.watch import Change, Kind, Picture, differences, look, picture

NGINX, GATE = PortOwner(4, "nginx", "root", "nginx"), PortOwner(7, "plantgate", "me", "plantgate run")


def _atlas(*devices: Device, port: int = 8088) -> tuple[Endpoint, ...]:
    web = WebServer(port=port, ssl_port=0, metro_ssl_port=0)
    rows = atlas(Configuration(web_server=web, devices=devices))
    return tuple(row for row in rows if row.name in {"http", "https"} or (row.name == "modbus" and row.instance))


def _client(peer: str, number: int = 50_000, port: int = 8088, address: str = "127.0.0.1") -> Connection:
    return Connection(address, port, peer, number, 7)


def _changes(before: Picture, after: Picture) -> list[tuple[str, str, int]]:
    return [(change.kind.value, change.endpoint.label, change.connections) for change in differences(before, after)]


def test_a_port_opens_changes_hands_and_closes() -> None:
    rows = _atlas()
    held = [Listening("0.0.0.0", 8088, NGINX)]
    ours = [Listening("127.0.0.1", 8088, GATE)]
    pictures = [picture(rows, sockets, (), at) for at, sockets in enumerate(([], held, held, ours, []))]
    found = [change for before, after in itertools.pairwise(pictures) for change in differences(before, after)]
    assert found == [
        Change(1, Kind.OPENED, rows[0], NGINX, None, 0, {}),
        Change(3, Kind.OWNER_CHANGED, rows[0], GATE, NGINX, 0, {}),
        Change(4, Kind.CLOSED, rows[0], GATE, GATE, 0, {}),
    ]


def test_connections_are_counted_by_remote_address() -> None:
    rows, sockets = _atlas(), [Listening("127.0.0.1", 8088, GATE)]
    one = picture(rows, sockets, [_client("10.0.0.1"), _client("10.0.0.1", 2), _client("10.0.0.2")], 1)
    two = picture(rows, sockets, [_client("10.0.0.1"), _client("10.0.0.3")], 2)
    (change,) = differences(one, two)
    assert change.kind is Kind.CONNECTIONS_CHANGED
    assert change.connections == 2
    assert change.peers == {"10.0.0.1": -1, "10.0.0.2": -1, "10.0.0.3": 1}
    assert differences(two, two) == []


def test_of_very_many_peers_the_total_stays_right() -> None:
    rows = _atlas()
    many = [_client(f"10.{number >> 8}.{number & 255}.1") for number in range(WATCH_PEERS + 500)]
    view = next(iter(picture(rows, (), many, 1).views.values()))
    assert len(view.peers) == WATCH_PEERS
    assert view.connections == WATCH_PEERS + 500


def test_a_device_is_told_from_another_on_the_same_port() -> None:
    rows = _atlas(*(Device(name=name, host=host) for name, host in (("A", "10.0.0.1"), ("B", "plc.example"))))
    connections = [
        Connection("10.0.0.9", 40_000, "10.0.0.1", 502, 7),
        Connection("10.0.0.9", 40_001, "10.0.0.5", 502, 7),
    ]
    counts = {row.instance: dict(peers_of(row, connections, rows)) for row in rows if row.instance}
    assert counts == {"A": {"10.0.0.1": 1}, "B": {"10.0.0.5": 1}}
    views = picture(rows, (), connections, 1).views.values()
    assert [view.listening for view in views if view.endpoint.instance] == [None, None], "another machine's ports"


def test_a_new_port_in_the_atlas_opens() -> None:
    before, after = picture(_atlas(), (), (), 1), picture(_atlas(port=8090), [Listening("::", 8090, GATE)], (), 2)
    assert _changes(before, after) == [("opened", "http", 0)]


def test_addresses_have_one_form() -> None:
    assert [plain(text) for text in ("::ffff:10.0.0.7", "fe80::1%eth0", "::1", "nonsense")] == [
        "10.0.0.7", "fe80::1", "::1", "nonsense",
    ]  # fmt: skip


def test_real_sockets() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        rows = _atlas(port=port)
        closed = look(rows, 1)
        server.listen()
        opened = look(rows, 2)
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            connected = look(rows, 3)
            assert any(item.pid == os.getpid() for item in established())
    assert _changes(closed, opened) == [("opened", "http", 0)]
    assert differences(closed, opened)[0].owner is not None
    assert _changes(opened, connected) == [("connections changed", "http", 1)]
    assert differences(opened, connected)[0].peers == {"127.0.0.1": 1}
