"""`explain`: every port of the atlas and of Ignition's table has its page; no number is without an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantgate.config.load import load
from plantgate.errors import UsageError
from plantgate.ports.explain import explain
from plantgate.ports.knowledge import KNOWN, OTHER_PORTS, SUSPECTS
from plantgate.ports.settings import typed
from plantgate.ports.specs import SPECS

TOML = """
[[device]]
name = "PLC 1"
host = "10.0.0.5"
port = 1502
[[reader]]
name = "entrance"
host = "10.0.0.9"
[[database]]
name = "main"
url = "postgresql://ada:hunter2@db.plant:5433/history"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "plantgate.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def test_every_row_of_the_atlas_is_known() -> None:
    assert {(spec.name, spec.direction) for spec in SPECS} == set(KNOWN)
    for spec in SPECS:
        assert SUSPECTS[spec.default], spec.default


@pytest.mark.parametrize("port", sorted({spec.default for spec in SPECS} | {other.port for other in OTHER_PORTS}))
def test_a_known_port_has_everything(port: int) -> None:
    for each in explain(str(port), load(None, (), {})):
        assert each.port == port
        assert each.purpose
        assert each.ignition
        assert each.firewall
        assert set(each.tests) == {"windows", "linux", "macos"}
        assert all(any(str(port) in command for command in commands) for commands in each.tests.values())


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ("http", "plantgate ports set http 8080"),
        ("8088", "plantgate ports set http 8080"),
        ("http_port", "plantgate ports set http 8080"),
        ("gateway.port", "plantgate ports set http 8080"),
        ("opcua_port", "plantgate ports set opcua 62541"),
        ("modbus_server", "plantgate ports set modbus_server 1502"),
        ("reader.entrance", "plantgate ports set reader.entrance 4001"),
        ("device.PLC 1", typed("plantgate", "ports", "set", "device.PLC 1", "503")),
    ],
)
def test_a_name_is_understood_and_its_command_is_exact(data: Path, wanted: str, command: str) -> None:
    first = explain(wanted, load(data, (), {}))[0]
    assert first.change is not None
    assert first.change.command == f"{command} --data {data}"


def test_the_entry_of_the_file_is_exact(tmp_path: Path) -> None:
    file = tmp_path / "gateway.xml"
    file.write_text('<properties><entry key="gateway.port">9000</entry></properties>', encoding="utf-8")
    (http,) = explain("http", load(None, [], {}, gateway_xml=file), Path("/ignition/gateway.xml"))
    assert http.change is not None
    assert http.change.before == '<entry key="gateway.port">9000</entry>'
    assert http.change.after == '<entry key="gateway.port">8080</entry>'
    assert http.change.command == "plantgate ports set http 8080 --gateway-xml /ignition/gateway.xml"
    (overridden,) = explain("http", load(None, ["http_port=9000"], {}, gateway_xml=file), file)
    assert overridden.change is not None
    assert overridden.change.command == "", "an edit of the file would change nothing"


def test_commands_by_hand_are_those_of_each_system() -> None:
    (https,) = explain("https", load(None, (), {}))
    assert "powershell Test-NetConnection localhost -Port 8043" in https.tests["windows"]
    assert "netstat -ano | findstr :8043" in https.tests["windows"]
    assert "ss -ltnp 'sport = :8043'" in https.tests["linux"]
    assert "nc -vz localhost 8043" in https.tests["linux"]
    assert "curl -k https://localhost:8043/StatusPing" in https.tests["linux"]
    assert "lsof -nP -iTCP:8043 -sTCP:LISTEN" in https.tests["macos"]


def test_a_port_of_another_machine_is_tested_there(data: Path) -> None:
    (device,) = explain("1502", load(data, (), {}))
    assert (device.instance, device.direction) == ("PLC 1", "connect")
    assert "nc -vz 10.0.0.5 1502" in device.tests["linux"]


def test_a_moved_port_still_explains_its_default(data: Path) -> None:
    found = explain("8088", load(data, ["http_port=9000"], {}))
    assert [each.configured for each in found] == [None]
    assert "http has 9000 (--set)" in found[0].nearest


def test_a_database_shows_no_secret(data: Path) -> None:
    (database,) = explain("5433", load(data, (), {}))
    assert database.name == "postgresql"
    assert "hunter2" not in repr(database.change)
    assert database.change is not None
    assert database.change.command == ""


def test_a_port_that_nobody_knows_has_its_nearest() -> None:
    (unknown,) = explain("8090", load(None, (), {}))
    assert unknown.name == ""
    assert "8088: http" in unknown.nearest


def test_udp_is_looked_at_as_udp() -> None:
    (multicast,) = explain("4446", load(None, (), {}))
    assert multicast.tests["linux"] == ["ss -lunp 'sport = :4446'"]


@pytest.mark.parametrize("wanted", ["0", "-1", "65536", "9" * 5000, "htttp", "", "reader.", "nobody.there"])
def test_what_is_no_port_is_refused(wanted: str) -> None:
    with pytest.raises(UsageError):
        explain(wanted, load(None, (), {}))


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UsageError, match='the nearest valid one is "http"'):
        explain("htttp", load(None, (), {}))
