"""Edits of ports: one value changes, every other byte stays; killed in the middle there is the old or the new file."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plantgate.config.load import load
from plantgate.errors import ConfigError, StorageError, UsageError
from plantgate.ports.settings import check_number, file_of, plan, setting_of, settings

IGNITION = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\r\n'
    b'<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">\r\n<properties>\r\n'
    b"<comment>Gateway Properties</comment>\r\n<!-- gateway.port 8088 -->\r\n"
    b'<entry key="gateway.port">8088</entry>\r\n\t<entry  key="gateway.sslport" >8043</entry>\r\n'
    b'<entry key="unknown.key">8088 &amp; more</entry>\r\n</properties>\r\n'
)
TOML = (
    b"# the plant\n[opcua.server]\nport = 4840  # registered\n\n"
    b'[[reader]]\nname = "entrance"\nhost = "10.0.0.9"\nport=4000 # as delivered\n'
    b'[[reader]]\nname = "filler"\nhost = "10.0.0.10"\n[[device]]\nname = "PLC 1"\nhost = "10.0.0.5"\n'
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "gateway.xml").write_bytes(IGNITION)
    (tmp_path / "plantgate.toml").write_bytes(TOML)
    return tmp_path


def _after(data: Path, name: str, port: int) -> tuple[bytes, bytes]:
    configuration = load(data, (), {})
    setting = setting_of(name, configuration)
    edit = plan(setting, port, file_of(setting, data, None))
    edit.write()
    again = setting_of(name, load(data, (), {}))
    assert again.endpoint.port == port
    return edit.before, edit.path.read_bytes()


def test_one_entry_of_gateway_xml_changes_and_nothing_else(data: Path) -> None:
    before, after = _after(data, "http", 9088)
    assert after == before.replace(b'"gateway.port">8088<', b'"gateway.port">9088<')
    before, after = _after(data, "https", 0)
    assert after == before.replace(b">8043<", b">0<")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("opcua", b"port = 4840 ", b"port = 9999 "),
        ("reader.entrance", b"port=4000 #", b"port=9999 #"),
        ("opcua_port", b"port = 4840 ", b"port = 9999 "),
    ],
)
def test_one_value_of_plantgate_toml_changes_and_nothing_else(data: Path, name: str, old: bytes, new: bytes) -> None:
    before, after = _after(data, name, 9999)
    assert after == before.replace(old, new)


@pytest.mark.parametrize("name", ["metro_ssl", "opcua_discovery", "modbus_server", "modbus", "device.PLC 1"])
def test_a_port_that_is_not_in_the_file_is_added(data: Path, name: str) -> None:
    setting = setting_of(name, load(data, (), {}))
    path = file_of(setting, data, None)
    edit = plan(setting, 9999, path)
    edit.write()
    assert setting_of(name, load(data, (), {})).endpoint.port == 9999
    removed = [line for line in edit.diff().splitlines() if line.startswith("-") and not line.startswith("---")]
    assert removed == []


def test_the_files_are_made_when_they_are_not_there(tmp_path: Path) -> None:
    configuration = load(None, (), {})
    for name in ("http", "opcua"):
        setting = setting_of(name, configuration)
        plan(setting, 9000, file_of(setting, tmp_path, None)).write()
    found = load(tmp_path, (), {})
    assert (found.web_server.port, found.opcua_server.port) == (9000, 9000)


def test_every_setting_has_a_name_of_its_own(data: Path) -> None:
    assert list(settings(load(data, (), {}))) == [
        *("http", "https", "metro_ssl", "opcua", "opcua_discovery", "modbus_server"),
        *("device.PLC 1", "reader.entrance", "reader.filler"),
    ]


@pytest.mark.parametrize("name", ["htttp", "", "reader.nobody", "mysql", "database.main", "gateway.requireSSL"])
def test_a_name_that_is_none_is_refused(data: Path, name: str) -> None:
    with pytest.raises(UsageError, match="PORT-421"):
        setting_of(name, load(data, (), {}))


@pytest.mark.parametrize(("name", "port"), [("http", -1), ("http", 65_536), ("reader.entrance", 0)])
def test_a_number_out_of_range_is_refused(data: Path, name: str, port: int) -> None:
    with pytest.raises(UsageError, match="PORT-422"):
        check_number(setting_of(name, load(data, (), {})), port)


def test_toml_settings_need_the_data_directory(data: Path) -> None:
    with pytest.raises(UsageError, match="PORT-425"):
        file_of(setting_of("opcua", load(data, (), {})), None, data / "gateway.xml")


def test_a_file_that_somebody_else_has_changed_is_not_overwritten(data: Path) -> None:
    edit = plan(setting_of("http", load(data, (), {})), 9000, data / "gateway.xml")
    (data / "gateway.xml").write_bytes(IGNITION.replace(b"8043", b"8044"))
    with pytest.raises(StorageError, match="PORT-424"):
        edit.write()
    assert b"8044" in (data / "gateway.xml").read_bytes()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        plan(setting_of("http", load(None, (), {})), 9000, tmp_path / "nowhere" / "gateway.xml")


def test_a_killed_edit_leaves_the_old_or_the_new_file(data: Path) -> None:
    """Processes that do nothing but edit are killed at random moments: the file is never anything else."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom plantgate.config.load import load\n"
        "from plantgate.ports.settings import plan, setting_of\n"
        "file = Path(sys.argv[1])\nsetting = setting_of('http', load(None, (), {}, gateway_xml=file))\n"
        "print('ready', flush=True)\n"
        "while True:\n    for port in (9001, 9002):\n        plan(setting, port, file).write()\n"
        "        print(port, flush=True)\n"
    )
    file = data / "gateway.xml"
    whole = {IGNITION.replace(b">8088<", b">%d<" % port, 1) for port in (8088, 9001, 9002)}
    chance = random.Random(7)
    seen = set()
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(chance.randint(2, 60)):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        assert file.read_bytes() in whole
        seen.add(file.read_bytes())
    assert seen - {IGNITION}
