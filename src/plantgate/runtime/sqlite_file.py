"""A SQLite file that a part keeps its data in: how it is opened, what a failure means, and where a damaged one goes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from plantgate.errors import StorageError
from plantgate.runtime.files import sync_folder

Connect: TypeAlias = Callable[[Path], sqlite3.Connection]

DAMAGED: Final = "HI-112"
NEWER: Final = "HI-115"
_BUSY_SECONDS = 5.0
_WAL_BYTES = 67_108_864

_FAILURES: Final[dict[int, tuple[str, str, str]]] = {
    sqlite3.SQLITE_FULL: ("HI-110", "the disk is full", "free space on the disk of the data directory"),
    sqlite3.SQLITE_IOERR: ("HI-111", "the disk reports an error", "check the disk and the system's log"),
    sqlite3.SQLITE_CORRUPT: (
        DAMAGED,
        "the file is damaged",
        "it is kept under another name; restore a backup if needed",
    ),
    sqlite3.SQLITE_NOTADB: (
        DAMAGED,
        "the file is damaged",
        "it is kept under another name; restore a backup if needed",
    ),
    sqlite3.SQLITE_BUSY: ("HI-113", "another process holds the file", "find the other gateway on this data directory"),
    sqlite3.SQLITE_LOCKED: (
        "HI-113",
        "another process holds the file",
        "find the other gateway on this data directory",
    ),
    sqlite3.SQLITE_READONLY: ("HI-114", "the file can't be written", "give the gateway's user write access"),
    sqlite3.SQLITE_CANTOPEN: (
        "HI-114",
        "the file can't be opened",
        "give the gateway's user access to the data directory",
    ),
    sqlite3.SQLITE_PERM: ("HI-114", "the file can't be opened", "give the gateway's user access to the data directory"),
}


def storage_error(path: Path, error: sqlite3.Error | OSError) -> StorageError:
    """What SQLite or the system said, as one of ours: a stable code and the next step."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    code, what, step = _FAILURES.get(primary, ("HI-119", "the store failed", "see the log; report it if it stays"))
    return StorageError(code, f"{path}: {what} ({error})", step)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that writes: WAL, and an fsync at each commit (`synchronous=FULL`, on macOS with F_FULLFSYNC).

    Checkpoints are ours (`wal_autocheckpoint=0`): SQLite ignores what goes wrong in its automatic ones.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
    try:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "fullfsync=ON",
            "checkpoint_fullfsync=ON",
            "wal_autocheckpoint=0",
            f"journal_size_limit={_WAL_BYTES}",
            "temp_store=MEMORY",
            "cache_size=-8192",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that can't write. Works beside a running gateway, and on a read-only directory at rest.

    Raises StorageError HI-114 where reading needs a file that can't be made.
    """
    if not path.exists():
        raise StorageError("HI-116", f"{path} is not there: nothing was stored yet", "check --data")
    wal = path.with_name(f"{path.name}-wal")
    at_rest = not wal.exists() or wal.stat().st_size == 0
    # Without a log beside it the file is whole; a directory that can't be written then needs no shared memory file.
    immutable = "&immutable=1" if at_rest and not _can_write(path.parent) else ""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro{immutable}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_SECONDS,
        )
    except sqlite3.Error as error:
        raise storage_error(path, error) from error
    return connection


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def prepare(connection: sqlite3.Connection, path: Path, application: int, version: int, schema: str) -> None:
    """Make the tables of a new file; refuse a file that is another application's or a newer version's.

    Raises sqlite3.Error, and StorageError HI-115 for a newer version.
    """
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {schema} PRAGMA application_id={application}; PRAGMA user_version={version}; COMMIT;"
        )
        sync_folder(path.parent)
    else:
        identify(connection, path, application, version)


def identify(connection: sqlite3.Connection, path: Path, application: int, version: int) -> None:
    """Raises StorageError: HI-112 for a file of another application, HI-115 for one of a newer version."""
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    (stored,) = connection.execute("PRAGMA user_version").fetchone()
    if found != application:
        raise StorageError(DAMAGED, f"{path}: this is not a store of plantgate", "it is kept under another name")
    if stored > version:
        raise StorageError(
            NEWER,
            f"{path}: written by a newer plantgate (format {stored}, this one knows {version})",
            "install the newer version again, or move the file away",
        )


def checkpoint(connection: sqlite3.Connection, mode: str) -> bool:
    """Move the log into the file and fsync it. False if a reader keeps part of it back."""
    busy, _, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return not busy


def set_aside(path: Path, wall: int) -> Path:
    """Rename a damaged file (and its log) to `<stem>.corrupt.<UTC time>`; nothing is deleted. Raises OSError."""
    stamp = datetime.fromtimestamp(wall / 1e6, UTC).strftime("%Y%m%dT%H%M%S%f")
    target = path.with_name(f"{path.stem}.corrupt.{stamp}")
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if suffix == "-shm":
            beside.unlink(missing_ok=True)
        elif beside.exists():
            beside.rename(target.with_name(target.name + suffix))
    path.rename(target)
    sync_folder(path.parent)
    return target


def discard(connection: sqlite3.Connection) -> None:
    """Close a connection that failed. What it says about that is of no use: the failure is known."""
    with contextlib.suppress(sqlite3.Error):
        connection.close()
