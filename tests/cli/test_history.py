"""`plantgate history` on directories at rest and on one whose gateway runs."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from plantgate.cli.history import app
from plantgate.historian.service import Historian, state_file
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import SystemClock

T0 = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z
COUNT = 2_500


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: str | Path) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def filled(data: Path, shift: int = 0) -> Historian:
    historian = Historian(data, SystemClock())
    historian.register(
        [
            (0, TagDefinition("[default]Line 1/Speed", DataType.FLOAT8, history=True)),
            (1, TagDefinition("[default]Line 1/State", DataType.STRING, history=True)),
        ]
    )
    await historian.start()
    values: list[float | None] = [place / 10 for place in range(COUNT)]
    values[7] = None
    values[1_234] = 9_999.5
    codes = [192] * COUNT
    codes[7] = 522
    times = [T0 + shift + place * 1_000_000 for place in range(COUNT)]
    for start in range(0, COUNT, 500):
        part = slice(start, start + 500)
        historian.changed(Batch([0] * 500, values[part], codes[part], times[part], T0))
        await historian.flush()
    historian.changed(Batch([1, 1], ["idle", 'run, "fast"'], [192, 192], [times[0], times[9]], T0))
    await historian.flush()
    return historian


@pytest_asyncio.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    await (await filled(tmp_path)).stop()
    yield tmp_path


@pytest_asyncio.fixture(params=["at rest", "running"])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path]:
    historian = await filled(tmp_path)
    if request.param == "at rest":
        await historian.stop()
    yield tmp_path
    if request.param == "running":
        await historian.stop()


BETWEEN = ("--from", "2023-11-14T22:13:20Z", "--to", "2023-11-14T22:13:30Z")


@pytest.mark.parametrize("tag", ["Line 1/Speed", "[default]Line 1/Speed"])
async def test_json_of_a_tag(anywhere: Path, tag: str) -> None:
    found = answer("query", tag, *BETWEEN, "--json", "--data", anywhere)
    assert found["path"] == "[default]Line 1/Speed"
    assert len(found["points"]) == 11
    assert found["points"][1] == {
        "t": T0 // 1000 + 1000,
        "time": "2023-11-14T22:13:21.000000Z",
        "value": 0.1,
        "quality": 192,
        "quality_name": "Good",
    }
    assert found["points"][7]["value"] is None
    assert found["points"][7]["quality_name"] == "Bad_NotConnected"


async def test_last_looks_back_from_now(tmp_path: Path) -> None:
    shift = SystemClock().wall() - T0 - COUNT * 1_000_000
    await (await filled(tmp_path, shift)).stop()
    ten = answer("query", "Line 1/Speed", "--last", "10m", "--json", "--data", tmp_path)["points"]
    assert 595 <= len(ten) <= 600
    hour = answer("query", "Line 1/Speed", "--json", "--data", tmp_path)["points"]
    assert len(hour) == COUNT


async def test_stats(anywhere: Path) -> None:
    found = answer("stats", "--json", "--data", anywhere)
    assert found["points"] == COUNT + 2
    assert found["tags"] == 2
    assert found["blocks"] >= 1
    assert found["bytes"] > 10_000
    assert found["oldest"] == T0 // 1000
    table = run("stats", "--data", anywhere)
    assert table.exit_code == 0
    assert str(COUNT + 2) in table.stdout


async def test_fewer_points_keep_the_peak_and_the_gap(data: Path) -> None:
    found = answer("query", "Line 1/Speed", "--from", "2023-01-01", "--max-points", "50", "--json", "--data", data)
    assert len(found["points"]) <= 50
    assert 9_999.5 in [point["value"] for point in found["points"]]
    assert 522 in [point["quality"] for point in found["points"]]


async def test_a_table_for_people_is_short_and_says_what_it_left_out(data: Path) -> None:
    result = run("query", "Line 1/Speed", "--from", "2023-01-01", "--data", data)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) < 520
    assert "9999.5" in result.stdout
    assert f"500 of {COUNT} points" in result.stderr
    empty = run("query", "Line 1/Speed", "--last", "1m", "--data", data)
    assert empty.exit_code == 0
    assert "no values of [default]Line 1/Speed" in empty.stderr


def rows(text: str) -> Sequence[Sequence[str]]:
    return list(csv.reader(io.StringIO(text)))


async def test_csv_to_the_output_and_to_a_file(data: Path, tmp_path: Path) -> None:
    result = run("query", "Line 1/State", *BETWEEN, "--csv", "-", "--data", data)
    assert rows(result.stdout) == [
        ["path", "time", "value", "quality", "quality_name"],
        ["[default]Line 1/State", "2023-11-14T22:13:20.000000Z", "idle", "192", "Good"],
        ["[default]Line 1/State", "2023-11-14T22:13:29.000000Z", 'run, "fast"', "192", "Good"],
    ]
    file = tmp_path / "out.csv"
    result = run("export", "Line 1/Speed", "Line 1/State", "--csv", file, "--data", data)
    assert result.exit_code == 0, result.output
    assert f"wrote {COUNT + 2} points" in result.stderr
    written = rows(file.read_text(encoding="utf-8"))
    assert len(written) == COUNT + 3
    assert [row[2] for row in written[1:9]] == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", ""]
    assert sorted(row[1] for row in written[1 : COUNT + 1]) == [row[1] for row in written[1 : COUNT + 1]]
    assert not (tmp_path / "out.csv.part").exists()


async def test_a_file_that_can_t_be_written_is_told(data: Path, tmp_path: Path) -> None:
    result = run("export", "Line 1/Speed", "--csv", tmp_path / "no" / "out.csv", "--data", data)
    assert result.exit_code == 1
    assert "HI-117" in result.stderr


async def test_an_unknown_tag_names_the_nearest(data: Path) -> None:
    for arguments in (["query", "Line 1/Sped"], ["export", "Line 1/Speed", "Line 1/Sped", "--csv", "-"]):
        result = run(*arguments, "--data", data)
        assert result.exit_code == 1
        assert "[default]Line 1/Speed" in result.stderr
        assert result.stdout == ""
    told = json.loads(run("query", "Line 1/Sped", "--json", "--data", data).stderr)
    assert told["error"]["code"] == "HI-201"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--last", "soon"],
        ["--last", ""],
        ["--last", "99999999999999d"],
        ["--last", "1h", "--from", "2023-01-01"],
        ["--from", "yesterday"],
        ["--from", "2023-01-02", "--to", "2023-01-01"],
        ["--max-points", "2"],
    ],
)
async def test_a_time_that_can_t_be_meant_is_wrong_use(data: Path, arguments: list[str]) -> None:
    assert run("query", "Line 1/Speed", *arguments, "--data", data).exit_code == 2


def test_a_directory_without_history_is_told(tmp_path: Path) -> None:
    result = run("stats", "--data", tmp_path)
    assert result.exit_code == 1
    assert "HI-116" in result.stderr


async def test_the_directory_may_come_from_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTGATE_DATA", str(data))
    assert answer("stats", "--json")["points"] == COUNT + 2


async def test_check_names_a_damaged_block(data: Path) -> None:
    whole = run("check", "--data", data)
    assert whole.exit_code == 0
    assert "all as they were written" in whole.stdout
    with sqlite3.connect(state_file(data)) as connection:
        connection.execute("UPDATE body SET data = zeroblob(50) WHERE id = 1")
    connection.close()
    broken = run("check", "--json", "--data", data)
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["damaged"] == 1
    shown = run("query", "Line 1/Speed", "--from", "2023-01-01", "--json", "--data", data)
    assert shown.exit_code == 0
    assert "left out" in shown.stderr
    assert 0 < len(json.loads(shown.stdout)["points"]) < COUNT


@pytest.mark.skipif(os.name == "nt", reason="directories have no write bit on Windows")
async def test_a_directory_that_can_t_be_written_is_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_file(data).parent
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    state.chmod(0o555)
    # root, as which tests may run, can write everywhere
    monkeypatch.setattr(sqlite_file, "_can_write", lambda _: False)
    try:
        assert answer("stats", "--json", "--data", data)["points"] == COUNT + 2
        assert {file.name: file.read_bytes() for file in state.iterdir()} == before
    finally:
        state.chmod(0o755)
