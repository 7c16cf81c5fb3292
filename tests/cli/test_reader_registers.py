"""`plantgate reader registers` as a person and a script meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plantgate.cli.reader import app
from plantgate.protocols.scrdr import RegisterFile

IP = ("--ip", "192.168.1.50/24", "--gateway", "192.168.1.1", "--dns", "192.168.1.1")


def invoke(*arguments: str, given: str | None = None) -> Any:
    return CliRunner().invoke(app, ["registers", *arguments], input=given)


# explain


def test_explain_has_every_register() -> None:
    result = invoke("explain", "02C0=24")
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert result.exit_code == 0
    assert " ".join(lines["02C0"].split()) == "02C0 profile 24 no network: TCP server, profile: Smart Reader"
    assert " yes " in lines["02A0"]
    assert "network format: JSON" in lines["02A0"]
    assert len(lines) > 20


def test_explain_a_file_and_registers_over_it(tmp_path: Path) -> None:
    path = tmp_path / "reader.txt"
    path.write_text("# a reader\n02C0=44\n0293=00112233\n", encoding="utf-8")
    result = invoke("explain", str(path), "02C0=24", "--set-only", "--json")
    rows = {row["address"]: row for row in json.loads(result.stdout)}
    assert list(rows) == ["0293", "02C0"]
    assert rows["02C0"] == {
        "address": "02C0",
        "name": "profile",
        "value": "24",
        "default": False,
        "fields": {"network": "TCP server", "profile": "Smart Reader"},
    }
    assert rows["0293"]["value"] == "(not shown)"
    assert "00112233" not in result.stdout


def test_explain_standard_input() -> None:
    result = invoke("explain", "-", "--set-only", given="02D8=00\n")
    assert "volume: 0: mute" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "02C0=2"), "command line:1: 02C0"),
        (("explain", "02C=24"), "is no register address"),
        (("check", "no-such-file.txt"), "can't be read"),
        (("check", "02A0=00 03 00 01"), "has 5 bytes, here are 4"),
        (("check", "-"), "no register is given"),
        (("explain",), "Missing argument"),
    ],
)
def test_what_is_no_register(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments, given="")
    assert result.exit_code == 2
    assert words in result.stderr


def test_every_bad_line_of_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "reader.txt"
    path.write_bytes(b"02C0=24\nbad\n\xff\xfe\n02A0=\n02A0=\n")
    result = invoke("check", str(path), "--json")
    assert result.exit_code == 2
    assert [error["message"].split(": ")[0] for error in json.loads(result.stderr)["errors"]] == [
        f"{path}:{line}" for line in (2, 3, 5)
    ]


# check


def test_check_a_reader_that_works() -> None:
    result = invoke("check", "0280=C0A80132FFFFFF00C0A801010000000000000000", "02C0=24", "02A0=0003000100", "02D0=01")
    assert (result.exit_code, result.stdout) == (0, "a reader with these registers works with plantgate\n")


def test_check_a_reader_as_delivered() -> None:
    result = invoke("check", "02C0=00")
    assert result.exit_code == 1
    assert "02C0=24" in result.stdout
    assert "02A0=0003000100" in result.stdout
    assert result.stdout.endswith("it would not work\n")


def test_check_as_json() -> None:
    result = invoke("check", "02C0=24", "02A0=0003000300", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["problems"]) == (1, 1)
    assert answer["findings"][0] == {
        "code": "SC-524",
        "severity": "problem",
        "register": "02A0",
        "what": "byte 3 is 03: the network format is MK1, not $SCRDR; a page of the vendor gives 03 for $SCRDR, but"
        " 03 is MK1 and 01 is $SCRDR",
        "fix": "02A0=0003000100",
    }


# write


def test_write_what_check_is_content_with() -> None:
    result = invoke("write", *IP, "--host-ui")
    assert result.exit_code == 0
    assert result.stderr == ""
    checked = invoke("check", "-", given=result.stdout)
    assert (checked.exit_code, checked.stdout) == (0, "a reader with these registers works with plantgate\n")


def test_write_the_vendors_form() -> None:
    result = invoke("write", *IP, "--port", "4001", "--track", "--repeat", "removal", "--between", "500ms")
    registers = dict(line.split("#")[0].split("=") for line in result.stdout.splitlines() if not line.startswith("#"))
    assert {name: value.strip() for name, value in registers.items()} == {
        "0280": "C0A80132FFFFFF00C0A80101C0A8010100000000",
        "0283": "00",
        "0285": "00000000000000000FA100000000",
        "02A0": "1003000100",
        "02A1": "05FF",
        "02C0": "24",
        "02D0": "00",
    }
    assert "port = 4001" in result.stderr


def test_write_udp_by_dhcp_as_json() -> None:
    result = invoke("write", "--dhcp", "--mode", "udp", "--udp-to", "192.168.1.9", "--json")
    answer = json.loads(result.stdout)
    assert answer["registers"]["02C0"] == "44"
    assert answer["registers"]["0294"] == b"192.168.1.9".hex().upper()
    assert [item["code"] for item in answer["findings"]] == ["SC-529", "SC-534", "SC-539", "SC-536"]


def test_write_a_file(tmp_path: Path) -> None:
    path = tmp_path / "reader.txt"
    result = invoke("write", *IP, "-o", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert RegisterFile.parse(path.read_text(encoding="utf-8")).serves_tcp
    again = invoke("write", *IP, "-o", str(path))
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert invoke("write", *IP, "--mode", "both", "--base", str(path), "-o", str(path), "--force").exit_code == 0
    assert RegisterFile.parse(path.read_text(encoding="utf-8")).get(0x02C0) == b"\x34"
    assert list(tmp_path.iterdir()) == [path]


def test_write_where_nothing_can_be_written(tmp_path: Path) -> None:
    result = invoke("write", *IP, "-o", str(tmp_path / "no" / "reader.txt"))
    assert result.exit_code == 1
    assert "can't be written" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the reader's address?"),
        (("--ip", "192.168.1.50/24", "--dhcp"), "the reader's address?"),
        (("--ip", "192.168.1.50"), "--ip 192.168.1.50/24"),
        (("--ip", "192.168.1.0/24"), "is the network address"),
        (("--ip", "192.168.1.255/24"), "is the broadcast address"),
        (("--ip", "300.1.1.1/24"), "is no IPv4 address"),
        (("--ip", "192.168.1.50/33"), "is no IPv4 address"),
        (("--ip", "192.168.1.50/24", "--gateway", "192.168.2.1"), "is not in the reader's subnet"),
        (("--ip", "192.168.1.50/24", "--gateway", "router"), "--gateway router is no IPv4 address"),
        (("--ip", "192.168.1.50/24", "--port", "0"), "port 0 is not from 1 to 65535"),
        (("--ip", "192.168.1.50/24", "--port", "65536"), "port 65536 is not from 1 to 65535"),
        (("--ip", "192.168.1.50/24", "--mode", "mqtt"), "tcp, udp or both"),
        (("--ip", "192.168.1.50/24", "--repeat", "3"), "--repeat 3: not a time"),
        (("--ip", "192.168.1.50/24", "--repeat", "1min"), "repeat interval can't be 60 s"),
    ],
)
def test_nonsense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = invoke("write", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
