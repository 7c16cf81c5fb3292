from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from plantgate.cli.trust import app
from plantgate.runtime.clock import SystemClock
from plantgate.security.trust_folders import Folder, TrustFolders
from plantgate.security.trust_read import read_certificate
from tests.security.pki import ALL, make, make_authority, revocations

_LEAF = make(days=(-10, 10_000))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "plantgate.toml").write_text("")
    TrustFolders(tmp_path, SystemClock()).create()
    return tmp_path


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def told(data: Path, *arguments: str, status: int = 0) -> Any:
    result = run(data, *arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_from_a_knock_to_trust_and_back(data: Path) -> None:
    empty = run(data, "list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    TrustFolders(data, SystemClock()).keep_rejected(read_certificate(_LEAF.der))
    rows = run(data, "list").stdout.splitlines()
    assert rows[1].split()[:4] == ["rejected", _LEAF.fingerprint[:16], "UaExpert@host", "urn:plant:uaexpert"]
    shown = told(data, "show", _LEAF.fingerprint[:8], status=1)
    assert (shown["folders"], shown["problems"][0]["status"]) == (["rejected"], "BadCertificateUntrusted")
    text = run(data, "show", _LEAF.fingerprint[:8])
    assert f"next: compare the fingerprint with the peer's, then: plantgate trust accept {_LEAF.fingerprint[:16]}" in (
        text.stdout
    )
    assert told(data, "accept", _LEAF.fingerprint[:16])["folder"] == "trusted"
    assert told(data, "show", _LEAF.fingerprint[:8])["problems"] == []
    assert run(data, "show", _LEAF.fingerprint).stdout.endswith("trusted\n")
    assert [item["folder"] for item in told(data, "list")["items"]] == ["trusted"]
    assert told(data, "list", "rejected")["items"] == []
    assert (
        run(data, "reject", _LEAF.fingerprint[:16]).stdout
        == f"no longer trusted: UaExpert@host ({_LEAF.fingerprint})\n"
    )
    assert [item["folder"] for item in told(data, "list")["items"]] == ["rejected"]


def test_a_file_is_accepted_and_what_is_still_wrong_is_said(data: Path, tmp_path: Path) -> None:
    ended = make("old", days=(-20, -10), usages=ALL)
    file = tmp_path / "old.pem"
    file.write_bytes(ended.pem)
    result = run(data, "accept", str(file))
    assert result.exit_code == 0
    assert result.stdout == f"trusted: old ({ended.fingerprint})\n"
    assert "refused all the same" in result.stderr
    assert "no longer valid" in result.stderr


def test_an_authority_must_be_meant(data: Path, tmp_path: Path) -> None:
    authority = make_authority()
    file = tmp_path / "ca.der"
    file.write_bytes(authority.der)
    refused = run(data, "accept", str(file))
    assert refused.exit_code == 1
    assert "CRT-103" in refused.stderr
    assert run(data, "accept", str(file), "--authority").exit_code == 0
    folder = TrustFolders(data, SystemClock()).path(Folder.REVOCATIONS)
    (folder / "plant.crl").write_bytes(revocations(authority, _LEAF.certificate))
    (folder / "bad.crl").write_bytes(b"garbage")
    rows = {row.split()[0]: row for row in run(data, "list").stdout.splitlines()}
    assert rows["trusted"].endswith("authority")
    items = {item["folder"]: item for item in told(data, "list")["items"] if "problem" not in item}
    assert items["crl"]["revoked"] == 1
    assert items["trusted"]["authority"] is True
    assert any("problem" in item for item in told(data, "list", "crl")["items"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["accept", "0123456789"], "CRT-102"),
        (["reject", "0123456789"], "CRT-102"),
        (["show", "0123456789"], "CRT-102"),
        (["show", ""], "CRT-102"),
        (["accept", "{garbage}"], "CRT-402"),
        (["accept", "{two}"], "CRT-402"),
    ],
)
def test_what_can_not_be_meant(data: Path, tmp_path: Path, arguments: list[str], code: str) -> None:
    (tmp_path / "garbage").write_bytes(b"garbage")
    (tmp_path / "two").write_bytes(_LEAF.pem + make_authority().pem)
    TrustFolders(data, SystemClock()).keep_rejected(read_certificate(_LEAF.der))
    given = [each.format(garbage=tmp_path / "garbage", two=tmp_path / "two") for each in arguments]
    result = run(data, *given, "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (2, code)


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    result = run(tmp_path, "list")
    assert result.exit_code == 2
    assert "CRT-401" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_name_does_not_reach_the_terminal(data: Path) -> None:
    evil = make("\x1b[2Jevil\nrow", names=[x509.UniformResourceIdentifier("urn:\x1b[2J")])
    TrustFolders(data, SystemClock()).keep_rejected(read_certificate(evil.der))
    for command in (["list"], ["show", evil.fingerprint]):
        shown = CliRunner().invoke(app, [*command, "--data", str(data)], color=True).output
        assert evil.fingerprint[:16] in shown
        assert "\x1b" not in shown
