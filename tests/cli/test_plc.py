"""`plantgate plc read|write|scan|plan|map`, as a person types them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import plantgate


def run(*words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "plantgate.cli.main", "plc", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def as_json(*words: str, expect: int = 0) -> Any:
    return json.loads(run(*words, "--json", expect=expect).stdout)


@pytest.fixture
def plc() -> Iterator[str]:
    with plantgate("plc", "simulate", "--port", "0", "--json", "--exit-with-parent") as command:
        yield f"127.0.0.1:{command.event('listening')['port']}"


def test_read_one_object_per_address_and_a_bad_one_spoils_only_itself(plc: str) -> None:
    rows = as_json("read", plc, "HRF1", "3.HRUS5", "HRS7:20", "C1", "DI1", "HR9000", "HRF3", expect=1)
    assert [row["address"] for row in rows] == ["HRF1", "3.HRUS5", "HRS7:20", "C1", "DI1", "HR9000", "HRF3"]
    assert {tuple(row) for row in rows} == {("address", "value", "quality", "quality_name", "reason")}
    good = [row for row in rows if row["quality"] == 192]
    assert [row["address"] for row in rows if row not in good] == ["HR9000"]
    assert rows[5]["value"] is None
    assert "illegal data address" in rows[5]["reason"]
    assert isinstance(rows[0]["value"], float)
    assert isinstance(rows[2]["value"], str)
    assert isinstance(rows[3]["value"], bool)


def test_rtu_over_tcp() -> None:
    with plantgate("plc", "simulate", "--port", "0", "--rtu", "--json", "--exit-with-parent") as command:
        host = f"127.0.0.1:{command.event('listening')['port']}"
        rows = as_json("read", host, "HRF1", "HR9000", "--rtu", expect=1)
        assert [row["quality"] for row in rows] == [192, 524]
        assert as_json("write", host, "HRF1=80", "--rtu")[0]["value"] == 80
        assert as_json("read", host, "HRF1", "--timeout", "0.3", expect=1)[0]["value"] is None


def test_read_alone_prints_the_value(plc: str) -> None:
    assert float(run("read", plc, "HRF1").stdout) > 0
    assert "Bad_OutOfRange" in run("read", plc, "HR9000", "HRF1", expect=1).stdout


def test_write_and_read_back(plc: str) -> None:
    rows = as_json("write", plc, "HRF1=99.5", "HRUS5=7", "C1=on", "HRS7:20=Water 1")
    assert [(row["address"], row["value"], row["quality"], row["outcome"]) for row in rows] == [
        ("HRF1", 99.5, 192, "done"),
        ("HRUS5", 7, 192, "done"),
        ("C1", True, 192, "done"),
        ("HRS7:20", "Water 1", 192, "done"),
    ]
    assert [row["value"] for row in as_json("read", plc, "HRF1", "HRUS5")] == [99.5, 7]
    [refused] = as_json("write", plc, "HRUS5=9999", expect=1)
    assert (refused["outcome"], refused["code"]) == ("failed", "MB-407")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("write", "HRUS5=70000", "HRF1=1"), "PLC-103"),
        (("write", "IR1=1"), "PLC-103"),
        (("write", "DI1=true"), "PLC-103"),
        (("write", "HRF1=hot"), "PLC-103"),
        (("write", "HRF1"), "PLC-102"),
        (("read", "HRX1"), "MB-202"),
        (("scan", "--units", "5-1"), "PLC-104"),
    ],
)
def test_what_can_not_be_meant_is_never_sent(words: tuple[str, ...], code: str) -> None:
    """Nobody listens there, and nobody is asked."""
    done = run(words[0], "127.0.0.1:1", *words[1:], "--json", expect=2)
    assert json.loads(done.stderr)["error"]["code"] == code
    assert done.stdout == ""


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        assert json.loads(run("read", host, "HR1", "--json", expect=1).stderr)["error"]["code"] == "NET-112"
    assert "PLC-101" in run("read", "::1:x", "HR1", expect=2).stderr


def test_a_silent_device_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        [row] = as_json("read", host, "HR1", "--timeout", "0.2", expect=1)
        assert row["quality_name"] == "Error_TimeoutExpired"
        assert as_json("scan", host, "--units", "1-2", "--timeout", "0.1", expect=1) == []


def test_scan_tells_who_is_there(plc: str) -> None:
    found = as_json("scan", plc, "--units", "1,7-8")
    assert [row["unit"] for row in found] == [1, 7, 8]
    assert {row["answer"] for row in found} == {"reads"}
    assert found[0]["identity"]["vendor"] == "plantgate"


TOML = """[[device]]
name = "PLC1"
host = "192.0.2.1"

[[device]]
name = "PLC2"
host = "192.0.2.2"
span_gaps = false
enabled = false

[[tag_group]]
name = "slow"
rate = "10s"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "tags").mkdir()
    (tmp_path / "plantgate.toml").write_text(TOML, encoding="utf-8")
    rows = [f"A/T{n},Int4,[PLC1]HRUS{n}," for n in range(1, 301)]
    rows += [f"A/F{n},Float4,[PLC1]3.HRF{1 + 4 * n},slow" for n in range(5)]
    rows += ["B/One,Int4,[PLC2]HR1,", "B/Two,Int4,[PLC2]HR9,", "B/Coil,Boolean,[PLC2]C1,"]
    text = "path,type,address,group\n" + "\n".join(row if not row.endswith(",") else f"{row}default" for row in rows)
    (tmp_path / "tags" / "a.csv").write_text(text + "\n", encoding="utf-8")
    return tmp_path


def test_a_plan_is_of_a_configuration_that_a_gateway_would_start_with(data: Path) -> None:
    (data / "tags" / "b.toml").write_text('[[tag]]\npath = "X"\ntype = "Int4"\nexpression = "1 +"\n', encoding="utf-8")
    assert "tag.[default]X.expression" in run("plan", "--data", str(data), expect=2).stderr


def test_the_plan_of_each_device(data: Path) -> None:
    one, two = as_json("plan", "--data", str(data))
    assert (one["device"], one["tags"], one["requests"], one["requests_per_s"]) == ("PLC1", 305, 4, 3.1)
    assert [(row["first"], row["last"], row["tags"], row["why"]) for row in one["plan"]] == [
        ("HR1", "HR125", 125, "limit of 125"),
        ("HR126", "HR250", 125, "limit of 125"),
        ("HR251", "HR300", 50, "no more tags"),
        ("HR1", "HR18", 5, "no more tags"),
    ]
    assert one["plan"][3]["wasted"] == one["wasted_bytes"] == 16
    assert (two["enabled"], [row["why"] for row in two["plan"]]) == (
        False,
        ["no more tags", "gap of 7, span_gaps is off", "no more tags"],
    )
    table = run("plan", "PLC2", "--data", str(data))
    assert "gap of 7" in table.stdout
    assert "3 requests a poll" in table.stderr
    assert "nearest valid one" in run("plan", "PLC3", "--data", str(data), expect=2).stderr


def test_an_address_map_is_checked_imported_used_and_exported(data: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("prefix,start,end,step,radix,unit,type,address\nN7:,0,9,1,10,,HR,101\n", encoding="utf-8")
    bad.write_text("prefix,start,end,step,radix,unit,type,address\nN7:,9,0,1,10,,HRX,101\n", encoding="utf-8")
    assert as_json("map", "check", str(good))[0] == {
        "from": "N7:0",
        "to": "N7:9",
        "names": 10,
        "first_address": "HR101",
        "last_address": "HR110",
    }
    assert "bad.csv:2" in run("map", "check", str(bad), expect=2).stderr
    run("map", "import", "PLC1", str(bad), "--data", str(data), expect=2)
    assert as_json("map", "import", "PLC1", str(good), "--data", str(data), "--dry-run")["applied"] is False
    assert "address_map" not in (data / "plantgate.toml").read_text(encoding="utf-8")
    run("map", "import", "PLC1", str(good), "--data", str(data))
    assert 'address_map = "maps/PLC1.csv"' in (data / "plantgate.toml").read_text(encoding="utf-8")
    assert run("map", "export", "PLC1", "--data", str(data)).stdout.splitlines() == good.read_text().splitlines()
    assert "N7:3,HR104" in run("map", "export", "PLC1", "--data", str(data), "--names").stdout
    out = tmp_path / "out.csv"
    run("map", "export", "PLC1", "--data", str(data), "--output", str(out))
    run("map", "export", "PLC1", "--data", str(data), "--output", str(out), expect=2)
    assert out.read_text(encoding="utf-8") == good.read_text(encoding="utf-8")
    (data / "tags" / "b.csv").write_text("path,type,address\nC/N,Int4,[PLC1]N7:3\n", encoding="utf-8")
    assert as_json("plan", "PLC1", "--data", str(data))[0]["tags"] == 306
    (data / "tags" / "b.csv").write_text("path,type,address\nC/N,Int4,[PLC1]N7:10\n", encoding="utf-8")
    assert "b.csv:2" in run("plan", "--data", str(data), expect=2).stderr
