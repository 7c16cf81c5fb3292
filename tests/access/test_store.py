"""Access data on disk: whole, fsynced, and found again; a disk that fails or lies."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plantgate.access import store
from plantgate.access.edit import edit
from plantgate.access.store import AccessStore
from plantgate.errors import StorageError
from plantgate.model.access import (
    AccessChange,
    AccessData,
    AccessKind,
    Card,
    Group,
    Holder,
    Put,
    Remove,
    ReplaceRules,
    Rule,
)
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import ManualClock
from tests.access.plant import ITEMS, RULES, plant

NAMES = [name for name in AccessData.__slots__ if name != "revision"]


def same(one: AccessData, other: AccessData) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in AccessData.__slots__)


class Box:
    """A store, and the memory of who writes to it."""

    def __init__(self, folder: Path, connect: sqlite_file.Connect = sqlite_file.connect) -> None:
        self.store = AccessStore(folder / "state" / store.FILE_NAME, ManualClock(), connect)
        self.data = self.store.open().data

    def change(self, *changes: AccessChange) -> AccessData:
        edited = edit(self.data, changes)
        self.store.write(self.data, edited.data, edited.rows, 5, "ada")
        self.data = edited.data
        return self.data


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    found = Box(tmp_path)
    yield found
    found.store.close()


def reopened(folder: Path) -> store.Stored:
    other = AccessStore(folder / "state" / store.FILE_NAME, ManualClock())
    try:
        return other.open()
    finally:
        other.close()


def test_everything_is_found_again(box: Box, tmp_path: Path) -> None:
    box.change(*(Put(item) for item in ITEMS), ReplaceRules(RULES))
    box.change(Remove(AccessKind.PASSAGES, "gate in"), ReplaceRules(tuple(reversed(RULES))), Put(Group(name="New")))
    found = reopened(tmp_path)
    assert same(found.data, box.data)
    assert found.data.revision == 2
    assert (found.lost, dict(found.pardons)) == ("", {})
    assert same(store.read(box.store.path).data, box.data)  # beside the running gateway


def test_it_is_private(box: Box) -> None:
    if os.name != "nt":
        assert box.store.path.parent.stat().st_mode & 0o077 == 0


def test_who_changed_what_is_kept(box: Box) -> None:
    box.change(Put(Group(name="G")), Put(Holder(id="1", name="Ada", groups=("G",))))
    box.change(Put(Holder(id="1", name="Ada King", groups=("G",))), ReplaceRules(RULES[:1][:0]))
    box.change(Put(Card(id="a" * 32, last4="AAAA", holder="1")))
    rule = Rule(name="R", groups=("G",), readers=("*",))
    box.change(ReplaceRules((rule,)))
    found = box.store.changes(100)
    assert [(each.revision, each.kind, each.key) for each in reversed(found)] == [
        (1, AccessKind.GROUPS, "G"),
        (1, AccessKind.HOLDERS, "1"),
        (2, AccessKind.HOLDERS, "1"),
        (3, AccessKind.CARDS, "a" * 32),
        (4, AccessKind.RULES, "R"),
        (4, AccessKind.RULES, ""),
    ]
    assert (found[0].before, found[0].after) == ((), ("R",))
    assert (found[1].before, found[1].after) == (None, rule)
    assert isinstance(found[3].before, Holder)
    assert (found[3].before.name, found[3].who, found[3].at) == ("Ada", "ada", 5)
    assert [each.id for each in box.store.changes(2, before=found[1].id)] == [found[2].id, found[3].id]


def test_old_changes_go(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ACCESS_CHANGES_KEPT", 5)
    for number in range(12):
        box.change(Put(Group(name=f"G {number}")))
    assert [each.key for each in box.store.changes(100)] == [f"G {number}" for number in range(11, 6, -1)]


def test_pardons_are_kept_while_they_are_of_use(box: Box, tmp_path: Path) -> None:
    box.store.pardon("17", 1_000, 0)
    box.store.pardon("18", 2_000, 0)
    box.store.pardon("17", 3_000, 2_500)
    assert dict(reopened(tmp_path).pardons) == {"17": 3_000}


# --- disks that fail --------------------------------------------------------------------------------------


class Disk:
    """Makes connections that fail at the statement that `fails` picks, once per message in `errors`."""

    def __init__(self) -> None:
        self.fails: Callable[[str], bool] = lambda _: False
        self.code = sqlite3.SQLITE_FULL
        self.failed = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
                if disk.fails(sql):
                    disk.failed += 1
                    error = sqlite3.OperationalError("the disk said no")
                    error.sqlite_errorcode = disk.code
                    raise error
                return super().execute(sql, *arguments)

        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
        connection.execute("PRAGMA journal_mode=WAL")
        return connection


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT", "DELETE", "COMMIT", "SELECT max"])
def test_a_failed_write_changes_nothing_and_the_next_one_heals(tmp_path: Path, statement: str) -> None:
    disk = Disk()
    box = Box(tmp_path, disk.connect)
    box.change(Put(Group(name="before")))
    disk.fails = lambda sql: sql.lstrip().startswith(statement)
    with pytest.raises(StorageError, match="HI-110"):
        box.change(Put(Group(name="lost")))
    assert disk.failed == 1
    assert box.store.doubtful
    disk.fails = lambda _: False
    box.change(Put(Group(name="after")))
    assert not box.store.doubtful
    assert set(reopened(tmp_path).data.groups) == {"before", "after"}
    box.store.close()


def test_a_commit_that_was_made_and_reported_as_failed_is_undone(tmp_path: Path) -> None:
    """An fsync that fails after the log was written: the row may be there, but its owner was told that it is not."""
    disk = Disk()
    box = Box(tmp_path, disk.connect)
    box.change(Put(Group(name="before")))
    edited = edit(box.data, [Put(Group(name="ghost"))])
    box.store.write(box.data, edited.data, edited.rows, 5, "ada")  # memory keeps what was before
    box.store.doubtful = True
    box.change(Put(Group(name="after")))
    found = reopened(tmp_path).data
    assert set(found.groups) == {"before", "after"}
    assert found.revision == box.data.revision
    box.store.close()


def test_what_only_memory_has_can_be_written(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.store.keep_fingerprint("f")
    data = plant()
    box.store.rewrite(data)
    found = reopened(tmp_path)
    assert same(found.data, data)
    assert found.key_fingerprint == "f"
    box.store.close()


def damage_header(path: Path) -> None:
    path.write_bytes(b"damaged!" * 2_000)


def damage_document(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("UPDATE item SET doc = '{' WHERE kind = 'holders'")
    other.close()


def damage_page(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4_096:] = b"\xff" * (len(raw) - 4_096)
    path.write_bytes(raw)


def other_application(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id = 7")
    other.close()


@pytest.mark.parametrize("damage", [damage_header, damage_document, damage_page, other_application])
def test_a_damaged_file_is_set_aside_and_said_until_somebody_takes_charge(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    box = Box(tmp_path)
    box.change(*(Put(item) for item in ITEMS))
    sqlite_file.checkpoint(vars_db(box.store), "TRUNCATE")
    box.store.close()
    damage(box.store.path)
    for _ in range(2):  # also after another start
        found = reopened(tmp_path)
        assert found.data == AccessData()
        assert found.lost.startswith("access.corrupt.")
        assert len(list(box.store.path.parent.glob("access.corrupt.*"))) == 1
    again = Box(tmp_path)
    again.change(Put(Group(name="new")))
    again.store.close()
    assert reopened(tmp_path).lost == ""


def vars_db(opened: AccessStore) -> sqlite3.Connection:
    connection = opened._db
    assert connection is not None
    return connection


def test_a_file_that_is_damaged_while_it_is_open_is_replaced_by_what_memory_has(tmp_path: Path) -> None:
    disk = Disk()
    box = Box(tmp_path, disk.connect)
    box.change(*(Put(item) for item in ITEMS))
    disk.code = sqlite3.SQLITE_CORRUPT
    disk.fails = lambda sql: sql.startswith("BEGIN")
    with pytest.raises(StorageError, match="HI-112"):
        box.change(Put(Group(name="New")))
    disk.fails = lambda _: False
    damage_header(box.store.path)
    for suffix in ("-wal", "-shm"):
        box.store.path.with_name(box.store.path.name + suffix).unlink(missing_ok=True)
    box.change(Put(Group(name="New")))
    found = reopened(tmp_path)
    assert same(found.data, box.data)
    assert found.lost == ""
    box.store.close()


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.store.close()
    with sqlite3.connect(box.store.path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StorageError, match="HI-115"):
        reopened(tmp_path)
    with pytest.raises(StorageError, match="HI-115"):
        store.read(box.store.path)
    assert list(box.store.path.parent.glob("*corrupt*")) == []


def test_reading_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="HI-116"):
        store.read(tmp_path / "access.sqlite")


def test_texts_that_no_disk_takes_leave_the_transaction(box: Box, tmp_path: Path) -> None:
    """Validation refuses them; should one slip through, the next change must not find an open transaction."""
    broken = AccessData(1, groups={"\ud800": Group(name="\ud800")})
    with pytest.raises(UnicodeEncodeError):
        box.store.rewrite(broken)
    box.change(Put(Group(name="fine")))
    assert set(reopened(tmp_path).data.groups) == {"fine"}
