from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plantgate.errors import PlantgateError, Refused, StorageError, UsageError
from plantgate.limits import ACCOUNT_CHANGES_KEPT
from plantgate.model.account import Lockout, Role
from plantgate.model.command import Origin
from plantgate.runtime.clock import ManualClock
from plantgate.security import accounts_file as module
from plantgate.security import passwords
from plantgate.security.accounts_file import FILE, AccountsFile, key_of

pytestmark = pytest.mark.usefixtures("quick_hashes")
PASSWORD = "correct horse battery"
BY = Origin("ada (command line)", "192.0.2.9")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[AccountsFile]:
    with AccountsFile(tmp_path, ManualClock()) as opened:
        yield opened


def test_what_is_added_is_read_again_and_names_differ_by_more_than_capitals(file: AccountsFile, tmp_path: Path) -> None:
    added = file.add("Ada", Role.ENGINEER, PASSWORD, BY)
    assert (added.name, added.role, added.enabled, added.last_sign_in) == ("Ada", Role.ENGINEER, True, None)
    with pytest.raises(Refused, match="USR-203"):
        file.add("aDA", Role.VIEWER, PASSWORD, BY)
    with AccountsFile(tmp_path, ManualClock()) as other:
        record = other.read().records[key_of("ADA")]
    assert record.account == added
    assert passwords.matches(record.password_hash, PASSWORD.encode())
    assert record.password_hash not in repr(record)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_file_and_its_logs_are_their_owners_alone(file: AccountsFile, tmp_path: Path) -> None:
    file.add("ada", Role.VIEWER, PASSWORD, BY)
    folder = (tmp_path / FILE).parent
    assert {path.name for path in folder.iterdir()} >= {"accounts.sqlite", "accounts.sqlite-wal"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    (tmp_path / FILE).chmod(0o644)
    with AccountsFile(tmp_path, ManualClock()) as other:
        other.read()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_no_password_is_in_the_file(file: AccountsFile, tmp_path: Path) -> None:
    file.add("ada", Role.VIEWER, PASSWORD, BY)
    file.set_password("ada", "another horse battery", BY)
    for path in (tmp_path / FILE).parent.iterdir():
        assert b"horse battery" not in path.read_bytes()


@pytest.mark.parametrize("name", ["", " ada", "ada ", "a/b", "a\nb", "a" * 65, "-", "a\u202eb"])
def test_names_that_can_not_be_an_accounts(file: AccountsFile, name: str) -> None:
    with pytest.raises(UsageError, match="USR-201"):
        file.add(name, Role.VIEWER, PASSWORD, BY)


def test_every_change_but_unlocking_ends_the_sessions(file: AccountsFile) -> None:
    epochs = [file.add("ada", Role.VIEWER, PASSWORD, BY).epoch]

    def epoch() -> int:
        return file.read().records["ada"].account.epoch

    file.set_role("ada", Role.OPERATOR, BY)
    epochs.append(epoch())
    file.set_password("ada", "another horse battery", BY)
    epochs.append(epoch())
    file.set_enabled("ada", BY, enabled=False)
    epochs.append(epoch())
    file.remove("ada", BY)
    epochs.append(file.add("ada", Role.OPERATOR, PASSWORD, BY).epoch)
    assert len(set(epochs)) == 5
    file.unlock("ada", BY)
    file.rehash("ada", file.read().records["ada"].password_hash, "x")
    assert epoch() == epochs[-1]


def test_the_last_administrator_stays_unless_forced(file: AccountsFile) -> None:
    file.add("ada", Role.ADMINISTRATOR, PASSWORD, BY)
    file.add("grace", Role.ADMINISTRATOR, PASSWORD, BY)
    file.set_enabled("grace", BY, enabled=False)
    attempts: tuple[Callable[[], None], ...] = (
        lambda: file.remove("ada", BY),
        lambda: file.set_role("ADA", Role.VIEWER, BY),
        lambda: file.set_enabled("ada", BY, enabled=False),
    )
    for attempt in attempts:
        with pytest.raises(Refused, match="USR-205"):
            attempt()
    assert file.read().records["ada"].account.role is Role.ADMINISTRATOR
    file.set_enabled("grace", BY, enabled=True)
    file.remove("ada", BY)
    file.remove("grace", BY, force=True)
    assert not file.read().records


def test_nobody_is_told_as_such(file: AccountsFile) -> None:
    attempts: tuple[Callable[[], None], ...] = (
        lambda: file.remove("ada", BY),
        lambda: file.set_role("ada", Role.VIEWER, BY),
        lambda: file.set_role("ada", Role.ADMINISTRATOR, BY),
        lambda: file.set_password("ada", PASSWORD, BY),
        lambda: file.set_enabled("ada", BY, enabled=True),
        lambda: file.unlock("ada", BY),
    )
    for attempt in attempts:
        with pytest.raises(Refused, match="USR-204"):
            attempt()
    assert file.untold() == []


def test_each_change_is_told_once_with_who_made_it(file: AccountsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.add("ada", Role.VIEWER, PASSWORD, BY)
    file.set_role("ada", Role.OPERATOR, Origin("grace"))
    assert [(change.who, change.address, change.what) for change in file.untold()] == [
        ("ada (command line)", "192.0.2.9", "ada added, viewer"),
        ("grace", "", "role of ada changed to operator"),
    ]
    assert file.untold() == []
    monkeypatch.setattr(module, "ACCOUNT_CHANGES_KEPT", 3)
    for _ in range(5):
        file.unlock("ada", BY)
    assert len(file.untold()) == 3
    assert ACCOUNT_CHANGES_KEPT > 3


def test_there_is_an_end_to_accounts(file: AccountsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACCOUNTS", 2)
    file.add("ada", Role.VIEWER, PASSWORD, BY)
    file.add("grace", Role.VIEWER, PASSWORD, BY)
    with pytest.raises(Refused, match="USR-202"):
        file.add("linus", Role.VIEWER, PASSWORD, BY)


def test_who_signed_in_and_who_is_locked_out_of_those_that_exist(file: AccountsFile) -> None:
    file.add("ada", Role.VIEWER, PASSWORD, BY)
    now = ManualClock().wall()
    locks = [Lockout("ada", "192.0.2.1", now + 1), Lockout("nobody", "192.0.2.1", now + 1)]
    file.note({"ada": (5, "192.0.2.2"), "nobody": (6, "")}, locks)
    snapshot = file.read()
    assert (snapshot.records["ada"].account.last_sign_in, snapshot.records["ada"].account.last_address) == (
        5,
        "192.0.2.2",
    )
    assert snapshot.lockouts == locks[:1]
    file.note({}, [Lockout("ada", "192.0.2.3", now)])
    assert [lock.address for lock in file.read().lockouts] == ["192.0.2.1"]
    file.unlock("ada", BY)
    assert file.read().lockouts == []


def test_another_process_and_another_file_are_noticed(file: AccountsFile, tmp_path: Path) -> None:
    file.read()
    assert not file.changed()
    with AccountsFile(tmp_path, ManualClock()) as other:
        other.add("ada", Role.VIEWER, PASSWORD, BY)
    assert file.changed()
    assert set(file.read().records) == {"ada"}
    assert not file.changed()
    with AccountsFile(tmp_path / "backup", ManualClock()) as backup:
        backup.add("grace", Role.VIEWER, PASSWORD, BY)
    (tmp_path / "backup" / FILE).replace(tmp_path / FILE)
    for beside in ("-wal", "-shm"):
        (tmp_path / f"{FILE}{beside}").unlink(missing_ok=True)
    assert file.changed()
    assert set(file.read().records) == {"grace"}
    (tmp_path / FILE).unlink()
    assert not file.changed()
    assert set(file.read().records) == {"grace"}


def test_a_damaged_file_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database at all, but long enough to look like one" * 100)
    with AccountsFile(tmp_path, ManualClock()) as file, pytest.raises(StorageError, match="USR-207"):
        file.read()
    assert path.read_bytes().startswith(b"not a database")
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other(x)")
    connection.close()
    with AccountsFile(tmp_path, ManualClock()) as file, pytest.raises(StorageError, match="USR-207"):
        file.read()


def test_a_folder_that_can_not_be_made_is_one_of_our_errors(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with AccountsFile(tmp_path, ManualClock()) as file, pytest.raises(PlantgateError, match="USR-206"):
        file.read()


def test_a_role_of_a_newer_version_may_look_only(file: AccountsFile, tmp_path: Path) -> None:
    file.add("ada", Role.ADMINISTRATOR, PASSWORD, BY)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("UPDATE account SET role = 'auditor'")
    connection.commit()
    connection.close()
    assert file.read().records["ada"].account.role is Role.VIEWER
