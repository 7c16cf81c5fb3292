"""`plantgate tags` on a data directory at rest, and on one whose gateway runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.processes import free_ports, plantgate, wait_for
from plantgate.cli.tags import app

TYPES = Path(__file__).parents[1] / "config" / "cases" / "valid" / "types"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: str | Path) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    shutil.copytree(TYPES, tmp_path / "data")
    return tmp_path / "data"


def test_browse_a_level(data: Path) -> None:
    top = answer("browse", "--data", data, "--json")["items"]
    assert [(item["name"], item["kind"]) for item in top] == [
        ("Batch", "memory"),
        ("Level", "reference"),
        ("Line 1/", "folder"),
        ("Line 2/", "folder"),
        ("Pumps/", "folder"),
        ("Recipe", "memory"),
        ("Total", "expression"),
    ]
    below = answer("browse", "Line 2/Motor 2", "--data", data, "--json")["items"]
    assert [item["path"] for item in below][:1] == ["[default]Line 2/Motor 2/Load"]
    everything = answer("browse", "-r", "--data", data, "--json")["items"]
    assert len(everything) == 6 + 12
    tree = [line.split()[0] for line in run("browse", "-r", "Line 2", "--data", data).stdout.splitlines()[1:]]
    assert tree[:2] == ["Motor", "Load"]
    assert "HRF100" in run("browse", "Line 1/Motor 1", "--data", data).output


def test_browse_nothing(data: Path) -> None:
    result = run("browse", "Line 9", "--data", data)
    assert (result.exit_code, "there is no folder Line 9" in result.output) == (2, True)


@pytest.mark.parametrize("form", ["toml", "json", "csv"])
def test_out_and_in_again(data: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"out.{form}"
    assert run("export", file, "--data", data).exit_code == 0
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    text = (data / "plantgate.toml").read_text()
    groups = text[: text.index("[[tag_group]]")] + '[[tag_group]]\nname = "looked at"\n'
    (fresh / "plantgate.toml").write_text(groups)
    written = answer("import", file, "--data", fresh, "--json")
    assert written["written"]
    assert written["added"] == {"toml": 6 + 12 + 3, "json": 6 + 12 + 3, "csv": 18}[form]
    assert written["types"] == {"toml": 3, "json": 3, "csv": 0}[form]
    again = tmp_path / f"again.{form}"
    assert run("export", again, "--data", fresh).exit_code == 0
    assert again.read_bytes() == file.read_bytes()


def test_to_ignition(data: Path, tmp_path: Path) -> None:
    result = run("export", tmp_path / "out.json", "--format", "ignition", "--data", data)
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["tagType"] == "Provider"
    result = run("import", tmp_path / "out.json", "--data", data, "--dry-run", "--on-conflict", "rename")
    assert result.exit_code == 0, result.output
    assert not (data / "tags" / "out.toml").exists()


def test_an_import_that_is_refused_tells_every_line(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("path,type,adress\nX,Int2,1\nY,Integer,\n")
    result = run("import", file, "--data", data)
    assert result.exit_code == 2
    assert f"{tmp_path.name}/bad.csv:2: tag.X.adress: unknown key" in result.output
    assert f"{tmp_path.name}/bad.csv:3: tag.Y.type" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere.csv"], "there is no file"),
        (["export", "x.xml"], "in which format?"),
        (["read", "A"], "no gateway runs on"),
        (["write", "A"], "what is to be written?"),
    ],
)
def test_wrong_use(data: Path, arguments: list[str], words: str) -> None:
    result = run(*arguments, "--data", data)
    assert result.exit_code in {1, 2}
    assert words in result.output


def test_edits_of_files_while_no_gateway_runs(data: Path, tmp_path: Path) -> None:
    done = answer("set", "Line 3/Tank", "type=Float4", "unit=5", "high=2.5", "--data", data, "--json")
    assert (done["added"], done["files"]) == (["[default]Line 3/Tank"], ["tags/Line 3.toml"])
    assert answer("set", "Line 3/Tank", "unit=", "history=true", "--data", data, "--json")["changed"]
    text = (data / "tags" / "Line 3.toml").read_text()
    assert text == '[[tag]]\npath = "Line 3/Tank"\ntype = "Float4"\nhigh = 2.5\nhistory = true\n'
    before = (data / "tags" / "Line 3.toml").read_bytes()
    tried = answer("rename", "Line 3", "Line 4", "--dry-run", "--data", data, "--json")
    assert (tried["written"], tried["renamed"]) == (False, [["[default]Line 3/Tank", "[default]Line 4/Tank"]])
    assert (data / "tags" / "Line 3.toml").read_bytes() == before
    assert "1 renamed" in run("rename", "Line 3", "Line 4", "--data", data).stdout
    refused = run("set", "Line 4/Tank", "adress=1", "high=low", "--data", data)
    assert refused.exit_code == 2
    assert "adress: unknown key" in refused.output
    assert "high" in refused.output
    assert "1 removed" in run("remove", "Line 4", "--data", data).stdout
    assert run("reload", "--data", data).exit_code == 2


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    data = tmp_path / "live"
    data.mkdir()
    (http,) = free_ports(1)
    (data / "gateway.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        '<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">\n'
        f'<properties>\n<entry key="gateway.port">{http}</entry>\n<entry key="gateway.sslport">0</entry>\n'
        '<entry key="gateway.metroSSLPort">0</entry>\n</properties>\n'
    )
    (data / "plantgate.toml").write_text(
        '[[tag]]\npath = "Setpoint"\ntype = "Float8"\nwritable = true\npersist = true\ninitial = 1.5\nlow = 0\n'
        'high = 100\nlimit = "both"\n'
        '[[tag]]\npath = "Twice"\ntype = "Float8"\nexpression = "{Setpoint} * 2"\n'
        '[[tag]]\npath = "Alias"\ntype = "Float8"\nsource = "Setpoint"\nwritable = true\n'
        '[[tag]]\npath = "List"\ntype = "Int4Array"\nwritable = true\n'
    )
    with plantgate("run", "--data", str(data)) as gateway:
        wait_for(
            lambda: (
                run("read", "Setpoint", "Twice", "Alias", "--data", data).exit_code == 0
                or gateway.process.poll() is not None
            ),
            "a gateway that answers",
        )
        assert gateway.process.poll() is None, gateway.lines
        yield data
        assert gateway.stop() == 0


def test_a_running_gateway(running: Path) -> None:
    data = running

    def values() -> list[Any]:
        return [
            item["value"] for item in answer("read", "Setpoint", "Twice", "Alias", "--data", data, "--json")["items"]
        ]

    assert values() == [1.5, 3.0, 1.5]
    written = answer("write", "Alias=40.5", "List=[1, 2, 3]", "--data", data, "--json")["items"]
    assert [item["outcome"] for item in written] == ["done", "done"]
    wait_for(lambda: values() == [40.5, 81.0, 40.5], "what follows from the write")
    assert answer("read", "List", "--data", data, "--json")["items"][0]["value"] == [1, 2, 3]
    shown = run("write", "Setpoint=40.5", "--data", data)
    assert shown.exit_code == 0
    assert [word in shown.stdout for word in ("Setpoint", "done", "40.5", "Good")] == [True] * 4
    refused = run("write", "Setpoint=101", "Twice=1", "--data", data, "--json")
    assert refused.exit_code == 1
    assert [item["code"] for item in json.loads(refused.stdout)["items"]] == ["CMD-109", "CMD-104"]
    watched = run("watch", "Setpoint", "Twice", "--count", "2", "--data", data)
    assert watched.exit_code == 0, watched.output
    assert "81.0" in watched.stdout
    missing = run("read", "Nobody", "Setpoint", "--data", data)
    assert missing.exit_code == 1
    assert "Bad_NotFound" in missing.stdout
    assert "40.5" in missing.stdout
    assert run("watch", "Nobody", "--data", data).exit_code == 2


def test_edits_of_a_running_gateway(running: Path, tmp_path: Path) -> None:
    data = running
    assert answer("set", "Line 1/Sum", "type=Float8", "expression={Setpoint} + 1", "--data", data, "--json")["added"]
    wait_for(
        lambda: answer("read", "Line 1/Sum", "--data", data, "--json")["items"][0]["value"] == 2.5, "what it computes"
    )
    assert (data / "tags" / "Line 1.toml").exists()
    refused = run("remove", "Setpoint", "--data", data)
    assert refused.exit_code == 2
    assert "is needed by tag [default]Twice" in refused.output
    file = tmp_path / "more.csv"
    file.write_text("path,type,initial\nSetpoint,Int4,1\nLine 2/New,Int4,7\n")
    assert "it is there already" in run("import", file, "--data", data).output
    done = answer("import", file, "--on-conflict", "ignore", "--data", data, "--json")
    assert (done["added"], done["ignored"], done["files"]) == (1, 1, ["tags/more.toml"])
    assert answer("read", "Line 2/New", "--data", data, "--json")["items"][0]["value"] == 7
    hand = data / "tags" / "more.toml"
    hand.write_text(hand.read_text().replace("initial = 7", "initial = 8"))
    late = run("set", "Line 2/New", "unit=m", "--data", data)
    assert late.exit_code in {1, 2}
    assert "plantgate tags reload" in late.output
    assert answer("reload", "--data", data, "--json")["changed"] == ["[default]Line 2/New"]
    assert answer("set", "Line 2/New", "unit=m", "--data", data, "--json")["changed"]
    assert "1 renamed" in run("rename", "Line 2/New", "Line 2/Old", "--data", data).stdout
    assert "1 removed" in run("remove", "Line 2", "--data", data).stdout
