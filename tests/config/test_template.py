"""`init`: a pair that loads, and never a lost file."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantgate.config.load import load
from plantgate.config.template import write_pair
from plantgate.errors import ConfigError, StorageError


def test_a_new_directory_loads_as_it_is(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "down"
    written = write_pair(directory)
    names = [path.relative_to(directory).as_posix() for path in written]
    assert names == ["gateway.xml", "plantgate.toml", "tags/example.toml"]
    assert sorted(path for path in directory.rglob("*") if path.is_file()) == sorted(written)
    configuration = load(directory, (), {})
    assert configuration.web_server.port == 8088
    assert configuration.source_of("gateway.port") == "gateway.xml:8"


@pytest.mark.parametrize("name", ["gateway.xml", "plantgate.toml", "tags/example.toml"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / "tags").mkdir()
    path = tmp_path / name
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="CFG-173") as raised:
        write_pair(tmp_path)
    assert raised.value.message.startswith(str(path))
    assert path.read_text() == "mine"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dangling_link_counts_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.xml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="CFG-173"):
        write_pair(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    with pytest.raises(StorageError, match="CFG-174"):
        write_pair(tmp_path / "data")
    assert (tmp_path / "data").read_text() == "mine"


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tags").write_text("a file where the folder should be")
    with pytest.raises(StorageError):
        write_pair(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tags"]
