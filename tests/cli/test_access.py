"""`plantgate access` on a directory at rest and on one whose gateway runs: the same answers, the same refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.processes import plant, wait_for
from plantgate.cli.access import app
from plantgate.cli.demo_plant import write_plant

CARD = "04AA11BB22CC33"
CSV = f"card,holder_id,holder,groups,label\n{CARD},grace,Grace Hopper,navy,blue\n04C0FFEE,linus,Linus,crew|navy,\n"


class Desk:
    """Runs `plantgate access ...` on one data directory."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data = data
        self.folder = folder

    def run(self, *arguments: str | Path, text: str = "") -> Result:
        return CliRunner().invoke(app, [*map(str, arguments), "--data", str(self.data)], input=text)

    def json(self, *arguments: str | Path, status: int = 0) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    def file(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return path

    def filled(self) -> None:
        assert self.run("import", self.file("cards.csv", CSV), "--create").exit_code == 0
        rules = [{"name": "navy", "groups": ["navy"], "readers": ["entrance"]}]
        assert self.run("put", "rules", self.file("rules.json", json.dumps(rules))).exit_code == 0


@contextmanager
def at_rest(folder: Path) -> Iterator[Path]:
    data = folder / "data"
    data.mkdir()
    names = ("http", "https", "plc", "reader entrance", "reader filler")
    write_plant(data, {name: port for port, name in enumerate(names, start=1)})
    yield data


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    with plant(folder) as site, site.gateway():
        wait_for(lambda: site.state() == "RUNNING", "RUNNING")
        yield site.data


@pytest.fixture(params=[at_rest, running], ids=["at rest", "running"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with request.param(tmp_path) as data:
        yield Desk(data, tmp_path)


def test_a_day_of_a_security_officer(desk: Desk) -> None:
    desk.filled()
    assert [item["id"] for item in desk.json("list", "holders", "--search", "hopper")["items"]] == ["grace"]
    told = desk.json("explain", CARD, "entrance")
    assert (told["verdict"], told["rule"], told["holder"], told["last4"]) == (
        "accepted",
        "navy",
        "Grace Hopper",
        "CC33",
    )
    assert desk.json("explain", "--holder", "linus", "entrance")["verdict"] == "accepted"
    assert desk.json("explain", "FFFFFFFF", "entrance", status=1)["why"] == "unknown-card"

    assert desk.run("lockdown", "--reason", "gas leak").exit_code == 0
    denied = desk.run("explain", CARD, "entrance")
    assert denied.exit_code == 1
    assert re.search(r"denied: Grace Hopper, card …CC33 at entrance: .*gas leak", denied.stdout)
    assert desk.json("list", "lockdowns")["items"][0]["zone"] == "*"
    assert desk.run("release").exit_code == 0
    again = desk.run("release")
    assert (again.exit_code, "not locked down" in again.stderr) == (2, True)

    changes = desk.json("changes")["items"]
    assert [(row["what"], row["kind"]) for row in changes[:2]] == [("removed", "lockdowns"), ("added", "lockdowns")]
    assert desk.json("verify")["ok"] is True
    what_if = desk.json("what-if", desk.file("none.json", '{"items": []}'))
    assert what_if["count"] == 0


def test_what_is_exported_is_imported_and_names_no_card(desk: Desk) -> None:
    desk.filled()
    file = desk.folder / "out.csv"
    assert desk.run("export", file).exit_code == 0
    assert CARD not in file.read_text(encoding="utf-8")
    assert desk.json("import", file)["unchanged"] == 2
    assert desk.run("export").stdout == file.read_text(encoding="utf-8")
    for path in desk.data.rglob("*"):
        assert not path.is_file() or CARD.encode() not in path.read_bytes(), path


def test_what_is_listed_can_be_put_back(desk: Desk) -> None:
    desk.filled()
    for kind in ("holders", "cards", "groups", "rules"):
        before = desk.json("list", kind)
        result = desk.run("put", kind, desk.file("again.json", json.dumps(before)))
        assert result.exit_code == 0, result.output
        assert desk.json("list", kind)["items"] == before["items"]
    assert desk.run("remove", "holders", "grace").exit_code == 2
    card = next(item["id"] for item in desk.json("list", "cards")["items"] if item["holder"] == "grace")
    assert desk.run("remove", "cards", card).exit_code == 0
    assert desk.run("remove", "holders", "grace").exit_code == 0


def test_a_file_with_bad_rows_imports_nothing_and_lists_them(desk: Desk) -> None:
    desk.filled()
    before = desk.json("list", "cards")["items"]
    bad = desk.file("bad.csv", "card,holder_id\n04000001,grace\n04000002,ghost\n4.7E+13,grace\n")
    result = desk.run("import", bad)
    assert result.exit_code == 2
    assert f"{bad}:3: " in result.stderr
    assert f"{bad}:4: card: " in result.stderr
    assert desk.json("list", "cards")["items"] == before


def test_tables_for_people(tmp_path: Path) -> None:
    with at_rest(tmp_path) as data:
        desk = Desk(data, tmp_path)
        empty = desk.run("list", "zones")
        assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "there are no zones\n")
        desk.filled()
        desk.run("put", "zones", desk.file("z.json", '[{"name": "hall", "anti_passback": "hard", "limit": 9}]'))
        desk.run("put", "passages", desk.file("p.json", '[{"reader": "entrance", "enters": "hall"}]'))
        week = '[{"name": "day", "time_zone": "UTC", "week": [{"days": [0, 4], "start": "06:00", "end": "14:00"}]}]'
        desk.run("put", "schedules", desk.file("s.json", week))
        holidays = '[{"name": "at", "holidays": [{"date": "2026-12-25", "name": "Christmas", "yearly": true}]}]'
        desk.run("put", "calendars", desk.file("c.json", holidays))
        desk.run("lockdown", "hall", "--reason", "drill")
        shown = {kind: desk.run("list", kind).stdout.splitlines()[1] for kind in (
            "holders", "cards", "groups", "zones", "passages", "schedules", "calendars", "lockdowns", "rules"
        )}  # fmt: skip
        assert "Grace Hopper" in shown["holders"]
        assert shown["zones"].split()[:3] == ["hall", "hard", "12"]
        assert shown["passages"].split() == ["entrance", "outside", "hall"]
        assert "Mon Fri 06:00-14:00" in shown["schedules"]
        assert "2026-12-25 yearly Christmas" in shown["calendars"]
        assert shown["rules"].split()[:4] == ["navy", "allow", "navy", "entrance"]
        assert "drill" in shown["lockdowns"]
        inside = desk.run("inside").stdout
        assert re.search(r"hall +0 +9 +locked", inside)
        assert "added" in desk.run("changes").stdout
        assert desk.run("journal").stdout.startswith("id,time,")
        assert "0 entries are as they were written" in desk.run("verify").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "people"), "Invalid value"),
        (("explain", CARD, "cellar", "--at", "yesterday"), "not a time"),
        (("put", "rules", "/nowhere.json"), "can't be read"),
        (("import", "/nowhere.csv"), "can't be read"),
        (("forgive", "ghost"), "no holder ghost"),
        (("lockdown", "moon"), "moon"),
        (("remove", "cards", "x"), "there is no 'x' in cards"),
    ],
)
def test_wrong_use(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    with at_rest(tmp_path) as data:
        result = Desk(data, tmp_path).run(*arguments)
        assert result.exit_code in (1, 2)
        assert says in result.stderr


def test_no_directory(tmp_path: Path) -> None:
    result = Desk(tmp_path / "none", tmp_path).run("list", "cards")
    assert result.exit_code == 2
    assert "there is no data directory" in result.stderr
