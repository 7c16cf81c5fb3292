"""`plantgate alarms` on a gateway that runs, and the journal on one that does not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.processes import free_ports, plantgate, wait_for
from plantgate.cli import alarm_rows
from plantgate.cli.alarms import app
from plantgate.cli.common import Mark
from plantgate.cli.tags import app as tags

XML = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">\n'
    '<properties>\n<entry key="gateway.port">{}</entry>\n<entry key="gateway.sslport">0</entry>\n'
    '<entry key="gateway.metroSSLPort">0</entry>\n</properties>\n'
)
TAGS = """\
[[tag]]
path = "Tank/Level"
type = "Float8"
unit = "%"
writable = true
initial = 1.5

[[tag.alarms]]
name = "High"
mode = "above"
setpoint = 80
priority = "critical"
label = "Tank nearly full"
ack_note_required = true

[[tag]]
path = "Pump"
type = "Boolean"
writable = true
initial = false
alarms = [{ name = "Runs", mode = "when_true", priority = "low" }]
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: str | Path, status: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (http,) = free_ports(1)
    (folder / "gateway.xml").write_text(XML.format(http))
    (folder / "plantgate.toml").write_text(TAGS)
    return folder


@pytest.fixture
def running(data: Path) -> Iterator[Path]:
    with plantgate("run", "--data", str(data)) as gateway:
        wait_for(
            lambda: run("list", "--data", data).exit_code == 0 or gateway.process.poll() is not None,
            "a gateway that answers",
        )
        assert gateway.process.poll() is None, gateway.lines
        yield data
        if gateway.process.poll() is None:
            assert gateway.stop() == 0


def write(data: Path, value: str) -> None:
    result = CliRunner().invoke(tags, ["write", value, "--data", str(data)])
    assert result.exit_code == 0, result.output


def live(data: Path) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(run("list", "--data", data, "--json").stdout)["items"]
    return items


def test_an_alarm_from_its_beginning_to_its_journal(running: Path) -> None:
    data = running
    assert live(data) == []
    assert len(answer("list", "--state", "all", "--data", data)["items"]) == 2
    write(data, "Tank/Level=81")
    write(data, "Pump=true")
    wait_for(lambda: len(live(data)) == 2, "two alarms")
    first, second = answer("list", "--data", data, status=1)["items"]
    assert (first["label"], first["limit"], first["value"], second["name"]) == (
        "Tank nearly full",
        "above 80",
        81,
        "Runs",
    )
    shown = run("list", "--priority", "high", "--data", data)
    assert shown.exit_code == 1
    assert "■1 critical" in shown.stdout
    assert "Runs" not in shown.stdout
    assert "2 active, 2 not acknowledged, 0 shelved" in shown.stderr

    watched = run("watch", "--count", "2", "--data", data)
    assert watched.exit_code == 0, watched.output
    assert [line.split("  ")[1] for line in watched.stdout.splitlines()] == ["■1 critical", "●4 low"]
    watched_row = json.loads(run("watch", "--count", "1", "--json", "--data", data).stdout)
    assert (watched_row["id"], watched_row["state"]) == (first["id"], "active_unacked")

    refused = run("ack", first["id"], second["id"], "--data", data)
    assert refused.exit_code == 1
    assert "note" in refused.stdout
    done = answer("ack", first["id"], "--note", "valve V12 was open", "--data", data)
    assert [(item["id"], item["outcome"]) for item in done["items"]] == [(first["id"], "done")]
    assert run("list", "--state", "unacknowledged", "--data", data).exit_code == 0

    assert (
        answer("shelve", "Pump", "Runs", "--for", "2h", "--reason", "tests", "--data", data)["items"][0]["outcome"]
        == "done"
    )
    assert [row["name"] for row in answer("list", "--state", "shelved", "--data", data)["items"]] == ["Runs"]
    assert [row["name"] for row in live(data)] == ["High"]
    assert answer("unshelve", "Pump", "Runs", "--data", data)["items"][0]["path"] == "[default]Pump"
    assert answer("unshelve", "Pump", "Runs", "--data", data, status=1)["items"][0]["outcome"] == "refused"

    lines = answer("journal", "--path", "Tank", "--data", data)["items"]
    assert [(line["change"], line["note"]) for line in lines] == [("ack", "valve V12 was open"), ("active", "")]
    table = run("journal", "--change", "shelved,unshelved", "--data", data).stdout
    assert [line.split()[4] for line in table.splitlines()[1:]] == ["unshelved", "shelved"]


def test_the_journal_outlives_the_gateway(data: Path) -> None:
    with plantgate("run", "--data", str(data)) as gateway:
        wait_for(lambda: run("list", "--data", data).exit_code == 0, "a gateway that answers")
        write(data, "Pump=true")
        wait_for(lambda: len(live(data)) == 1, "an alarm")
        before = answer("journal", "--data", data)["items"]
        assert gateway.stop() == 0
    assert before
    assert answer("journal", "--data", data)["items"] == before
    assert run("journal", "--search", "nothing", "--data", data).stderr.startswith("the journal has no such line")
    rows = list(csv.DictReader(io.StringIO(run("journal", "--csv", "-", "--data", data).stdout)))
    assert [row["change"] for row in rows] == [item["change"] for item in before]
    assert answer("journal", "--until", "2020-01-01", "--data", data)["items"] == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["list"], 1, "no gateway runs on"),
        (["ack", "1"], 1, "no gateway runs on"),
        (["watch"], 1, "no gateway runs on"),
        (["shelve", "Pump", "Runs", "--for", "long"], 2, "--for long: not a time"),
        (["journal", "--change", "born"], 2, "change takes active"),
        (["journal", "--since", "yesterday"], 2, "--since yesterday: not a time"),
    ],
)
def test_wrong_use(data: Path, arguments: list[str], status: int, words: str) -> None:
    result = run(*arguments, "--data", data)
    assert result.exit_code == status
    assert words in result.output


def test_no_data_directory(tmp_path: Path) -> None:
    result = run("list", "--data", tmp_path / "nowhere")
    assert (result.exit_code, "there is no data directory" in result.output) == (2, True)


ITEM = {
    "id": None, "priority": "medium", "state": "clear_acked", "label": "Hot", "path": "[default]T", "value": None,
    "unit": "", "limit": "above 5", "active_at": None, "cleared_at": None, "acked_at": None, "acked_by": "",
    "ack_note": "", "shelved_until": None, "shelved_by": "", "enabled": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "priority", "state"),
    [
        ({}, "▽3 medium", "normal"),
        ({"enabled": False}, "▽3 medium", "disabled"),
        ({"state": "active_unacked", "priority": "diagnostic"}, "⬢5 diagnostic", "active"),
        ({"state": "active_acked", "priority": "high"}, "△2 high", "active, acknowledged"),
        ({"state": "clear_unacked", "priority": "low"}, "●4 low", "cleared, not acknowledged"),
    ],
)
def test_shape_number_and_word_say_what_the_colour_says(changed: dict[str, Any], priority: str, state: str) -> None:
    _, first, second, *_ = alarm_rows.row({**ITEM, **changed})
    assert isinstance(first, Mark)
    assert isinstance(second, Mark)
    assert (first.text, second.text) == (priority, state)


def test_a_line_tells_what_was_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_rows, "when", lambda time: "" if time is None else f"at {time}")
    item = {**ITEM, "id": 7, "state": "active_acked", "active_at": 1, "acked_at": 5, "acked_by": "ada", "value": 6.5}
    assert alarm_rows.line(item) == (
        "at 5  ▽3 medium  active, acknowledged  Hot  [default]T  6.5  above 5  #7  acknowledged by ada"
    )
    shelved = {**item, "shelved_until": 9, "shelved_by": "bob"}
    assert alarm_rows.line(shelved).endswith("#7  shelved until at 9 by bob")


def test_where_shapes_can_not_be_written_the_words_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    cell = alarm_rows.row(ITEM)[1]
    assert isinstance(cell, Mark)
    assert cell.text == "3 medium"
