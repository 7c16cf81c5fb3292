"""The demo's ports and its data directory."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bench.processes import free_offset
from plantgate.cli.demo import choose_ports, run, wanted_ports
from plantgate.cli.demo_plant import write_plant
from plantgate.config.load import load
from plantgate.errors import ConfigError, Unavailable, UsageError
from plantgate.runtime.lockfile import LockFile


def test_the_offset_is_added_to_every_port() -> None:
    offset = free_offset()
    ports, moved = choose_ports(offset)
    assert moved == []
    assert ports == {name: port + offset for name, port in wanted_ports().items()}


def test_a_taken_port_is_moved_and_said() -> None:
    offset = free_offset()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 4000 + offset))
        squatter.listen(1)
        ports, moved = choose_ports(offset)
    assert [(each.name, each.wanted, each.reason) for each in moved] == [("reader entrance", 4000 + offset, "is taken")]
    assert ports["reader entrance"] == moved[0].port != 4000 + offset
    assert len(set(ports.values())) == len(ports), "no two parts share a port"


def test_an_offset_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(UsageError, match="65535"):
        choose_ports(65_000)


def test_the_demo_writes_a_configuration_that_loads(tmp_path: Path) -> None:
    ports, _ = choose_ports(free_offset())
    write_plant(tmp_path / "demo", ports)
    configuration = load(tmp_path / "demo", environ={})
    assert configuration.web_server.port == ports["http"]
    assert configuration.devices[0].port == ports["plc"]
    assert [reader.port for reader in configuration.readers] == [ports["reader entrance"], ports["reader filler"]]
    assert len(configuration.tags) > 40
    assert configuration.door_of("entrance") is not None
    assert configuration.warnings == ()


def test_what_a_person_changed_stays_and_the_ports_follow_the_offset(tmp_path: Path) -> None:
    first = {name: port + 100 for name, port in wanted_ports().items()}
    write_plant(tmp_path, first)
    toml = tmp_path / "plantgate.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("Ada Lovelace", "Ada King"), encoding="utf-8")
    second = {name: port + 200 for name, port in wanted_ports().items()}
    write_plant(tmp_path, second)
    configuration = load(tmp_path, environ={})
    assert configuration.cards[0].holder == "Ada King"
    assert configuration.devices[0].port == second["plc"]


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "plantgate.toml"
    mine.write_text('[gateway]\nname = "press shop"\n')
    with pytest.raises(ConfigError, match="another gateway"):
        write_plant(tmp_path, wanted_ports())
    assert mine.read_text() == '[gateway]\nname = "press shop"\n'
    assert [each.name for each in tmp_path.iterdir()] == ["plantgate.toml"]


def test_a_second_demo_changes_nothing_under_the_first(tmp_path: Path) -> None:
    write_plant(tmp_path, wanted_ports())
    before = {name: (tmp_path / name).read_bytes() for name in ("plantgate.toml", "gateway.xml")}
    with LockFile.of(tmp_path), pytest.raises(Unavailable, match="in use by another plantgate"):
        run(tmp_path, free_offset())
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_demo_in_somebody_elses_directory_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "plantgate.toml").write_text('[gateway]\nname = "press shop"\n')
    with pytest.raises(ConfigError, match="another gateway"):
        run(tmp_path, free_offset())
    assert [each.name for each in tmp_path.iterdir()] == ["plantgate.toml"]
