"""The table of ports, and the rows it makes with a configuration."""

from __future__ import annotations

from pathlib import Path

from plantgate.config.document import Configuration, Reader, Service, WebServer
from plantgate.config.load import load
from plantgate.ports.atlas import atlas, listening
from plantgate.ports.specs import NAMES, SPECS, Direction

PLANT = Path(__file__).parents[1] / "config" / "cases" / "valid" / "plant"


def test_the_table_has_every_name_with_its_default() -> None:
    assert {spec.name: spec.default for spec in SPECS} == {
        "http": 8088,
        "https": 8043,
        "metro_ssl": 8060,
        "opcua": 4840,
        "opcua_discovery": 4096,
        "modbus": 502,
        "reader": 4000,
        "mysql": 3306,
        "postgresql": 5432,
        "mssql": 1433,
        "oracle": 1521,
    }
    assert len(NAMES) == 11
    assert {(spec.name, spec.direction) for spec in SPECS if spec.name == "modbus"} == {
        ("modbus", Direction.LISTEN),
        ("modbus", Direction.CONNECT),
    }


def test_the_table_and_the_document_have_the_same_defaults() -> None:
    """Two places that say 8088 must not drift apart."""
    rows = {(row.name, row.direction): row for row in atlas(Configuration())}
    assert len(rows) == len(SPECS)
    for spec in SPECS:
        assert rows[spec.name, spec.direction].port == spec.default, spec.name
        assert rows[spec.name, spec.direction].source == "default"
    assert Reader(name="x", host="y").port == rows["reader", Direction.CONNECT].port
    assert [row.name for row in listening(Configuration())] == ["http", "https", "metro_ssl"]


def test_each_device_reader_and_database_has_its_row() -> None:
    rows = atlas(load(PLANT, (), {}))
    found = [(row.label, row.host, row.port, row.enabled, row.source) for row in rows]
    assert found == [
        ("http", "0.0.0.0", 8088, True, "gateway.xml:6"),
        ("https", "0.0.0.0", 0, False, "gateway.xml:7"),
        ("metro_ssl", "0.0.0.0", 8060, True, "default"),
        ("opcua", "0.0.0.0", 62541, True, "plantgate.toml:93"),
        ("opcua_discovery", "0.0.0.0", 4096, False, "default"),
        ("modbus", "127.0.0.1", 502, False, "default"),
        ("modbus PLC1", "192.0.2.10", 502, True, "default"),
        ("modbus PLC2", "plc2.example", 1502, False, "plantgate.toml:20"),
        ("reader entrance", "192.0.2.20", 4000, True, "default"),
        ("reader exit", "2001:db8::20", 4001, True, "plantgate.toml:60"),
        ("reader store", "192.0.2.21", 4000, True, "default"),
        ("mysql legacy", "192.0.2.30", 3307, True, "plantgate.toml:89"),
        ("postgresql main", "db.example", 5432, True, "plantgate.toml:85"),
        ("mssql", "", 1433, False, "default"),
        ("oracle", "", 1521, False, "default"),
    ]


def test_the_key_of_a_row_is_what_set_takes() -> None:
    for row in atlas(load(PLANT, (), {})):
        if row.key.endswith(".url") or row.key.startswith("[["):
            continue
        again = load(PLANT, [f"{row.key}=7777"], {})
        assert [other.port for other in atlas(again) if other.key == row.key] == [7777], row.label


def test_port_0_is_a_listener_that_is_off() -> None:
    off = Configuration(web_server=WebServer(port=0, ssl_port=0, metro_ssl_port=0))
    assert listening(off) == ()
    assert Service().port == 0
