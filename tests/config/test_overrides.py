"""--set and the environment: what beats what, and where a value says it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from plantgate.config.document import Configuration
from plantgate.config.load import load
from plantgate.config.problems import ConfigErrors
from plantgate.errors import ConfigError

TOML = """\
[web]
address = "127.0.0.1"

[[device]]
name = "PLC1"
host = "192.0.2.1"

[[device]]
name = "PLC 2-b"
host = "192.0.2.2"
port = 1502

[[reader]]
name = "entrance"
host = "192.0.2.3"

[[card]]
uid = "04:a1"
holder = "Ada"

[[tag]]
path = "Line 1/Speed"
type = "Float4"

[[database]]
name = "main"
url = "mysql://db/plant"
"""
XML = """\
<properties>
<entry key="gateway.port">8001</entry>
</properties>
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "plantgate.toml").write_text(TOML)
    (tmp_path / "gateway.xml").write_text(XML)
    return tmp_path


def _errors(directory: Path, sets: Sequence[str], environ: Mapping[str, str] | None = None) -> list[ConfigError]:
    with pytest.raises(ConfigErrors) as raised:
        load(directory, sets, environ or {})
    return list(raised.value.errors)


def test_the_strongest_wins_and_says_so(directory: Path) -> None:
    ignition = {"GATEWAY_HTTP_PORT": "8002", "GATEWAY_HTTPS_PORT": "8012", "GATEWAY_GAN_PORT": "8022"}
    ours = ignition | {"PLANTGATE_GATEWAY_PORT": "8003"}
    found = [
        load(directory, sets, environ)
        for sets, environ in (
            ((), {}),
            ((), ignition),
            ((), ours),
            (("gateway.port=8004",), ours),
            (("gateway.port=8004", "http_port=8005"), ours),
        )
    ]
    assert [(item.web_server.port, item.source_of("gateway.port")) for item in found] == [
        (8001, "gateway.xml:2"),
        (8002, "environment GATEWAY_HTTP_PORT"),
        (8003, "environment PLANTGATE_GATEWAY_PORT"),
        (8004, "--set"),
        (8005, "--set"),
    ]
    assert (found[1].web_server.ssl_port, found[1].web_server.metro_ssl_port) == (8012, 8022)
    assert found[0].source_of("gateway.sslport") == "default"


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("http_port=9", lambda c: c.web_server.port),
        ("https_port=9", lambda c: c.web_server.ssl_port),
        ("metro_ssl_port=9", lambda c: c.web_server.metro_ssl_port),
        ("opcua_port=9", lambda c: c.opcua_server.port),
        ("modbus_port=9", lambda c: c.modbus_server.port),
        ("modbus_port=9", lambda c: c.devices[0].port),
        ("reader.entrance.port=9", lambda c: c.readers[0].port),
        ("device.PLC 2-b.port=9", lambda c: c.devices[1].port),
        ("device.PLC1.port = 9", lambda c: c.devices[0].port),
        ("opcua.discovery.port=9", lambda c: c.opcua_discovery.port),
    ],
)
def test_every_kind_of_port_can_be_set(directory: Path, key: str, read: object) -> None:
    assert callable(read)
    assert read(load(directory, [key], {})) == 9


def test_other_types_are_read_from_text(directory: Path) -> None:
    configuration = load(
        directory,
        [
            "web.address=0.0.0.0",
            "history.keep=36h",
            "history.enabled=no",
            "gateway.requireSSL=true",
            'card.04A1.readers=["entrance", "*"]',
            "device.PLC1.timeout=250ms",
            "tag.Line 1/Speed.history=true",
            "tag.[default]Line 1/Speed.initial=2.5",
        ],
        {},
    )
    assert configuration.web.address == "0.0.0.0"
    assert (configuration.history.keep, configuration.history.enabled) == (36 * 3600.0, False)
    assert configuration.web_server.require_ssl is True
    assert configuration.cards[0].readers == ("entrance", "*")
    assert configuration.devices[0].timeout == 0.25
    assert (configuration.tags[0].history, configuration.tags[0].initial) == (True, 2.5)


def test_modbus_port_leaves_a_device_with_a_port_of_its_own(directory: Path) -> None:
    for sets, environ in ((["modbus_port=1"], {}), ([], {"PLANTGATE_MODBUS_PORT": "1"})):
        assert [device.port for device in load(directory, sets, environ).devices] == [1, 1502]
    both = load(directory, ["device.PLC1.port=2", "modbus_port=1"], {"PLANTGATE_MODBUS_PORT": "3"})
    assert [device.port for device in both.devices] == [2, 1502]


@pytest.mark.parametrize(
    ("name", "value", "read", "wanted"),
    [
        ("PLANTGATE_WEB_ADDRESS", "::", lambda c: c.web.address, "::"),
        ("PLANTGATE_GATEWAY_METROSSLPORT", "7", lambda c: c.web_server.metro_ssl_port, 7),
        ("PLANTGATE_GATEWAY_METRO_SSL_PORT", "7", lambda c: c.web_server.metro_ssl_port, 7),
        ("PLANTGATE_METRO_SSL_PORT", "7", lambda c: c.web_server.metro_ssl_port, 7),
        ("PLANTGATE_OPCUA_SERVER_PORT", "7", lambda c: c.opcua_server.port, 7),
        ("PLANTGATE_OPCUA__SERVER__PORT", "7", lambda c: c.opcua_server.port, 7),
        ("PLANTGATE_READER__ENTRANCE__PORT", "7", lambda c: c.readers[0].port, 7),
        ("PLANTGATE_DEVICE__PLC_2_B__UNIT_ID", "7", lambda c: c.devices[1].unit_id, 7),
        ("PLANTGATE_DATABASE__MAIN__URL", "oracle://h/x", lambda c: c.databases[0].url, "oracle://h/x"),
    ],
)
def test_the_environment_names_every_key(directory: Path, name: str, value: str, read: object, wanted: object) -> None:
    configuration = load(directory, (), {name: value})
    assert callable(read)
    assert read(configuration) == wanted
    assert f"environment {name}" in configuration.sources.values()
    assert configuration.warnings == ()


def test_a_secret_may_stand_in_a_file(directory: Path, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://u:hunter2@h/x\n")
    name = "PLANTGATE_DATABASE__MAIN__URL_FILE"
    configuration = load(directory, (), {name: str(secret)})
    assert configuration.databases[0].url == "postgresql://u:hunter2@h/x"
    assert configuration.source_of("database.main.url") == f"environment {name}"
    assert "hunter2" not in repr(configuration)
    both = {name: str(secret), "PLANTGATE_DATABASE__MAIN__URL": "mysql://h/x"}
    assert [error.code for error in _errors(directory, (), both)] == ["CFG-132"]
    assert [error.code for error in _errors(directory, (), {name: str(tmp_path / "none")})] == ["CFG-134"]


def test_a_stranger_in_the_environment_is_a_warning(directory: Path) -> None:
    environ = {
        "PLANTGATE_WEB_ADRESS": "::",
        "PLANTGATE_SERVICE_HOST": "10.0.0.1",
        "PLANTGATE_PORT": "tcp://10.0.0.1:8088",
        "PLANTGATE_PORT_8088_TCP": "tcp://10.0.0.1:8088",
        "PLANTGATE_HTTP_PORT": "",
    }
    configuration = load(directory, (), environ)
    assert configuration.warnings == (
        "environment PLANTGATE_WEB_ADRESS: not a setting; the nearest valid one is "
        '"PLANTGATE_WEB_ADDRESS". It is ignored',
    )
    assert configuration.web_server.port == 8001


def test_kubernetes_in_the_place_of_a_port_is_told(directory: Path) -> None:
    errors = _errors(directory, (), {"PLANTGATE_GATEWAY_PORT": "tcp://10.0.0.1:8088"})
    assert [error.code for error in errors] == ["CFG-133"]
    assert "enableServiceLinks" in errors[0].hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gateway.port", '--set: "gateway.port": expected key=value'),
        ("gateway.prot=1", '--set: gateway.prot: unknown key; the nearest valid one is "gateway.port"'),
        ("htp_port=1", '--set: htp_port: unknown key; the nearest valid one is "http_port"'),
        ("gateway.port=x", '--set: gateway.port: "x" is not a port number from 0 (off) to 65535'),
        ("reader.entrnce.port=1", 'there is no reader "entrnce"; the nearest valid one is "entrance"'),
        ("reader.entrance.prot=1", '--set: reader.entrance.prot: unknown key; the nearest valid one is "port"'),
        ("door.Main.pulse=1s", '--set: door.Main.pulse: there is no door "Main"'),
        ("database.main.url=hunter2", 'database.main.url: unknown kind of database ""'),
    ],
)
def test_a_wrong_set_says_what_was_meant(directory: Path, text: str, message: str) -> None:
    errors = _errors(directory, [text])
    assert len(errors) == 1
    assert message in errors[0].message
    assert "hunter2" not in str(errors[0])


def test_config_file_names_another_gateway_xml(directory: Path, tmp_path: Path) -> None:
    other = tmp_path / "ignition.xml"
    other.write_text(XML.replace("8001", "8111"))
    for configuration in (
        load(directory, [f"config_file={other}"], {}),
        load(directory, (), {"PLANTGATE_CONFIG_FILE": str(other)}),
        load(None, (), {}, gateway_xml=other),
    ):
        assert configuration.web_server.port == 8111
        assert configuration.source_of("gateway.port") == "ignition.xml:2"


def test_nothing_at_all_gives_the_defaults() -> None:
    assert load(None, (), {}) == Configuration()


def test_a_directory_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(ConfigError, match="CFG-16") as raised:
            load(path, (), {})
        assert raised.value.hint == f"plantgate init {path}"


def test_an_address_that_the_driver_refuses_has_its_line(directory: Path) -> None:
    (directory / "tags").mkdir()
    (directory / "tags" / "a.csv").write_text("path,type,address\nA,Int2,[PLC1]HR1\nB,Int2,[PLC1]XY1\n")
    with pytest.raises(ConfigErrors) as raised:
        load(directory, (), {}, address_check=lambda tag, _: "what?" if tag.address == "XY1" else None)
    assert [error.message for error in raised.value.errors] == ["tags/a.csv:3: tag.[default]B.address: what?"]


def test_thousands_of_errors_are_cut(directory: Path) -> None:
    (directory / "tags").mkdir()
    (directory / "tags" / "a.csv").write_text("path,type\n" + "".join(f"T{i},Flot\n" for i in range(5_000)))
    errors = _errors(directory, ())
    assert len(errors) == 201
    assert errors[-1].message == "and 4800 more"


def test_an_unreadable_file_is_not_blamed_on_the_others(directory: Path) -> None:
    """Tags of a device that a broken plantgate.toml may well hold are no errors of their own."""
    (directory / "tags").mkdir()
    (directory / "tags" / "a.csv").write_text("path,type,address\nA,Int2,[PLC9]HR1\n")
    (directory / "plantgate.toml").write_text("[[device]\n")
    errors = _errors(directory, ["reader.entrance.port=1"])
    assert [error.message.partition(" not ")[0] for error in errors] == ["plantgate.toml:1:"]
