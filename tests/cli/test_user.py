"""`plantgate user` on a data directory, and beside a gateway's open accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from plantgate.cli.user import app
from plantgate.model.account import Lockout, Role
from plantgate.runtime.clock import SystemClock
from plantgate.security import passwords
from plantgate.security.accounts import Accounts
from plantgate.security.accounts_file import AccountsFile

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_CURRENT", (64, 1, 1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "plantgate.toml").write_text("")
    return tmp_path


def run(data: Path, *arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)], input=text)


def done(data: Path, *arguments: str, text: str = "") -> Any:
    result = run(data, *arguments, "--json", text=text)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_account_from_its_beginning_to_its_end(data: Path) -> None:
    empty = run(data, "list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "user add" in empty.stderr
    assert run(data, "add", "root", "--role", "administrator", "--password-file", "-", text=PASSWORD).exit_code == 0
    made = done(data, "add", "ada", "--generate")
    assert len(made["password"]) == 23
    assert [(row["name"], row["role"], row["enabled"]) for row in done(data, "list")["items"]] == [
        ("ada", "viewer", True),
        ("root", "administrator", True),
    ]
    assert run(data, "role", "ada", "engineer").stdout == "ada is engineer\n"
    assert run(data, "disable", "ada").exit_code == 0
    assert "disabled" in run(data, "list").stdout
    assert run(data, "enable", "ada").exit_code == 0
    assert run(data, "unlock", "ADA").exit_code == 0
    changed = run(data, "password", "ada", "--generate").stdout.splitlines()
    assert changed[1].startswith("password: ")
    assert changed[1] != f"password: {made['password']}"
    assert run(data, "remove", "ada").exit_code == 0
    assert [row["name"] for row in done(data, "list")["items"]] == ["root"]


async def test_a_running_gateway_takes_it_over(data: Path) -> None:
    accounts = Accounts(data, SystemClock())
    await accounts.open()
    try:
        assert (
            run(data, "add", "ada", "--role", "operator", "--password-file", "-", text=f"{PASSWORD}\r\n").exit_code == 0
        )
        found = await accounts.verify("ada", PASSWORD, "192.0.2.1")
        assert found is not None
        assert found.role is Role.OPERATOR
        await accounts.follow()
        item = done(data, "list")["items"][0]
        assert item["last_sign_in"] == pytest.approx(SystemClock().wall() // 1000, abs=60_000)
        assert item["last_address"] == "192.0.2.1"
        assert run(data, "remove", "ada").exit_code == 0
        await accounts.follow()
        assert await accounts.verify("ada", PASSWORD, "192.0.2.1") is None
    finally:
        await accounts.close()


def test_who_is_locked_out_is_shown(data: Path) -> None:
    done(data, "add", "ada", "--generate")
    with AccountsFile(data, SystemClock()) as file:
        file.note({}, [Lockout("ada", "192.0.2.1", SystemClock().wall() + 60_000_000)])
    assert "locked for 192.0.2.1 until" in run(data, "list").stdout
    assert done(data, "list")["items"][0]["locked"][0]["address"] == "192.0.2.1"
    done(data, "unlock", "ada")
    assert done(data, "list")["items"][0]["locked"] == []


def test_the_password_is_the_first_line_of_a_file(data: Path) -> None:
    file = data / "password"
    file.write_text(f"{PASSWORD}\nsecond line\n")
    done(data, "add", "ada", "--password-file", str(file))
    with AccountsFile(data, SystemClock()) as accounts:
        assert passwords.matches(accounts.read().records["ada"].password_hash, PASSWORD.encode())


@pytest.mark.parametrize(
    ("arguments", "text", "status", "code"),
    [
        (["add", "ada", "--password-file", "-"], "Password123!", 2, "USR-401"),
        (["add", "ada", "--password-file", "-"], "", 2, "USR-401"),
        (["add", "ada"], "", 2, "USR-104"),
        (["add", "ada", "--generate", "--password-file", "-"], "", 2, "USR-103"),
        (["add", "ada", "--password-file", "nowhere/at/all"], "", 2, "USR-105"),
        (["add", "a/b", "--generate"], "", 2, "USR-201"),
        (["add", "ROOT", "--generate"], "", 1, "USR-203"),
        (["role", "root", "viewer"], "", 1, "USR-205"),
        (["remove", "root"], "", 1, "USR-205"),
        (["disable", "root"], "", 1, "USR-205"),
        (["password", "nobody", "--generate"], "", 1, "USR-204"),
        (["unlock", "nobody"], "", 1, "USR-204"),
    ],
)
def test_what_is_refused_and_why(data: Path, arguments: list[str], text: str, status: int, code: str) -> None:
    done(data, "add", "root", "--role", "administrator", "--generate")
    result = run(data, *arguments, "--json", text=text)
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (status, code)
    assert result.stdout == ""
    assert [row["name"] for row in done(data, "list")["items"]] == ["root"]


def test_the_last_administrator_goes_with_force(data: Path) -> None:
    done(data, "add", "root", "--role", "administrator", "--generate")
    done(data, "role", "root", "viewer", "--force")
    done(data, "remove", "root")


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    result = run(tmp_path, "add", "ada", "--generate")
    assert result.exit_code == 2
    assert "USR-102" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_nobody_can_give_a_password_on_the_command_line(data: Path) -> None:
    assert run(data, "add", "ada", "--password", PASSWORD).exit_code == 2
    assert run(data, "add", "ada", PASSWORD).exit_code == 2
