"""`plantgate init` and `plantgate config check`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from plantgate.cli.config import app, init

CASES = Path(__file__).parents[1] / "config" / "cases"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PLANTGATE_", "GATEWAY_")):
            monkeypatch.delenv(name)


def test_init_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path / "plant", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in told["files"]] == ["gateway.xml", "plantgate.toml", "example.toml"]
    result = CliRunner().invoke(app, ["check", "--data", str(tmp_path / "plant")])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "ok: 0 devices, 0 tags, 0 readers, 0 cards, 0 doors, 0 databases\n"
    with pytest.raises(typer.Exit) as left:
        init(tmp_path / "plant")
    assert left.value.exit_code == 2
    assert str(tmp_path / "plant" / "gateway.xml") in capsys.readouterr().err


def test_check_tells_all_errors_and_finds_a_problem() -> None:
    case = CASES / "invalid" / "unknown_keys"
    result = CliRunner().invoke(app, ["check", "--data", str(case)])
    assert result.exit_code == 1
    expected = (case / "expected.txt").read_text()
    told = [line.removeprefix("error: ") for line in result.stderr.splitlines()]
    assert told == expected.splitlines()
    assert result.stdout == "6 errors; nothing was started or changed\n"


def test_check_as_json() -> None:
    result = CliRunner().invoke(app, ["check", "--data", str(CASES / "invalid" / "xml_values"), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert [error["code"] for error in told["errors"]] == ["CFG-111"] * 5
    result = CliRunner().invoke(app, ["check", "--data", str(CASES / "valid" / "plant"), "--json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"], told["tags"], len(told["warnings"])) == (0, True, 10, 2)


def test_check_without_a_directory_is_wrong_use() -> None:
    assert CliRunner().invoke(app, ["check"]).exit_code == 2
