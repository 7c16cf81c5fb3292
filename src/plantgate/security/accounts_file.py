"""Accounts on disk: one SQLite file, `DIR/state/accounts.sqlite`, its owner's alone.

The command line and the running gateway write it side by side; each sees what the other committed. Each change is one
transaction with a row that says who made it. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from plantgate.errors import Refused, StorageError, UsageError
from plantgate.limits import ACCOUNT_CHANGES_KEPT, ACCOUNT_NAME_CHARS, ACCOUNTS
from plantgate.model.account import Account, Lockout, Role
from plantgate.model.command import Origin
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import private_folder
from plantgate.runtime.log import printable
from plantgate.security import passwords

FILE: Final = Path("state") / "accounts.sqlite"
APPLICATION: Final = 0x70675531  # "pgU1"
VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE account(key TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, enabled INTEGER NOT NULL,
                     epoch INTEGER NOT NULL, created INTEGER NOT NULL, password_changed INTEGER NOT NULL,
                     hash TEXT NOT NULL, last_sign_in INTEGER, last_address TEXT NOT NULL DEFAULT '',
                     unlocked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE lockout(key TEXT NOT NULL, address TEXT NOT NULL, until INTEGER NOT NULL,
                     PRIMARY KEY(key, address)) WITHOUT ROWID;
CREATE TABLE change(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,
                    address TEXT NOT NULL, what TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0);
"""
_NAME: Final = re.compile(r"\w(?:[\w.@ -]*[\w.@-])?")
_COLUMNS: Final = "name, role, enabled, epoch, created, password_changed, hash, last_sign_in, last_address, unlocked"


@dataclass(frozen=True, slots=True)
class Record:
    """An account with what is known of its password. `unlocked` grows with each unlocking."""

    account: Account
    password_hash: str = field(repr=False)
    unlocked: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Who changed what, for the audit log. `at` is microseconds UTC."""

    id: int
    at: int
    who: str
    address: str
    what: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All accounts by `key_of` their name, and who is locked out."""

    records: Mapping[str, Record] = field(default_factory=dict)
    lockouts: Sequence[Lockout] = ()


def key_of(name: str) -> str:
    """Names that differ in capitals only are one account's. Cut: a forged name may be a megabyte."""
    return unicodedata.normalize("NFKC", name[: ACCOUNT_NAME_CHARS + 1]).casefold()


class AccountsFile:
    """The open file. Every method but `close` raises StorageError; those that change somebody also our other errors."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self.path = data_dir / FILE
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._seen = -1

    def __enter__(self) -> AccountsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        connection, self._db = self._db, None
        if connection is not None:
            sqlite_file.discard(connection)

    def changed(self) -> bool:
        """Whether another process committed, or put another file in place, since the last `read`."""
        with self._open() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
            return version != self._seen or self._is_replaced()

    def read(self) -> Snapshot:
        """All of it. The file is made if there is none; one that is damaged stays where it is, and is told of."""
        if self._is_replaced():
            self.close()
        with self._open() as db:
            (self._seen,) = db.execute("PRAGMA data_version").fetchone()
            rows = db.execute(f"SELECT key, {_COLUMNS} FROM account ORDER BY key")  # noqa: S608 - our own columns
            records = {key: _record(row) for key, *row in rows}
            locks = db.execute(
                "SELECT name, address, until FROM lockout JOIN account USING(key) WHERE until > ? ORDER BY until",
                (self._clock.wall(),),
            )
            return Snapshot(records, [Lockout(*row) for row in locks])

    # --- changing ---------------------------------------------------------------------------------------

    def add(self, name: str, role: Role, password: str, by: Origin) -> Account:
        """Raises UsageError for a name or password that won't do, Refused if the name is taken."""
        if len(name) > ACCOUNT_NAME_CHARS or not _NAME.fullmatch(name):
            raise UsageError(
                "USR-201",
                f"an account can't have this name: letters, digits and . _ - @, at most {ACCOUNT_NAME_CHARS}",
                "take something like ada or line-1",
            )
        passwords.require_good(name, password)
        secret, now = passwords.hashed(password), self._clock.wall()
        with self._change(by, f"{name} added, {role}") as db:
            (count,) = db.execute("SELECT count(*) FROM account").fetchone()
            if count >= ACCOUNTS:
                raise Refused("USR-202", f"there are {count} accounts already", "remove some first")
            try:
                db.execute(
                    "INSERT INTO account(key, name, role, enabled, epoch, created, password_changed, hash) "
                    "VALUES(?, ?, ?, 1, ?, ?, ?, ?)",
                    (key_of(name), name, role.value, _epoch(), now, now, secret),
                )
            except sqlite3.IntegrityError:
                raise Refused("USR-203", f"there is an account {name} already", "take another name") from None
            return _record_of(db, name).account

    def remove(self, name: str, by: Origin, *, force: bool = False) -> None:
        """Raises Refused for the last administrator, unless `force`."""
        with self._change(by, f"{name} removed") as db:
            _keep_an_administrator(db, name, force=force)
            db.execute("DELETE FROM account WHERE key = ?", (key_of(name),))
            db.execute("DELETE FROM lockout WHERE key = ?", (key_of(name),))

    def set_password(self, name: str, password: str, by: Origin) -> None:
        """Ends its sessions and its lockouts. Raises UsageError if `password` won't do."""
        passwords.require_good(name, password)
        secret = passwords.hashed(password)
        with self._change(by, f"password of {name} changed") as db:
            _record_of(db, name)
            db.execute(
                "UPDATE account SET hash = ?, password_changed = ?, epoch = ?, unlocked = unlocked + 1 WHERE key = ?",
                (secret, self._clock.wall(), _epoch(), key_of(name)),
            )
            db.execute("DELETE FROM lockout WHERE key = ?", (key_of(name),))

    def set_role(self, name: str, role: Role, by: Origin, *, force: bool = False) -> None:
        """Ends its sessions. Raises Refused for the last administrator, unless `force`."""
        with self._change(by, f"role of {name} changed to {role}") as db:
            if role is Role.ADMINISTRATOR:
                _record_of(db, name)
            else:
                _keep_an_administrator(db, name, force=force)
            db.execute("UPDATE account SET role = ?, epoch = ? WHERE key = ?", (role.value, _epoch(), key_of(name)))

    def set_enabled(self, name: str, by: Origin, *, enabled: bool, force: bool = False) -> None:
        """Disabling ends its sessions. Raises Refused for the last administrator, unless `force`."""
        with self._change(by, f"{name} {'enabled' if enabled else 'disabled'}") as db:
            if enabled:
                _record_of(db, name)
            else:
                _keep_an_administrator(db, name, force=force)
            db.execute("UPDATE account SET enabled = ?, epoch = ? WHERE key = ?", (enabled, _epoch(), key_of(name)))

    def unlock(self, name: str, by: Origin) -> None:
        """A running gateway forgets the wrong passwords of `name`, from wherever they came."""
        with self._change(by, f"{name} unlocked") as db:
            _record_of(db, name)
            db.execute("UPDATE account SET unlocked = unlocked + 1 WHERE key = ?", (key_of(name),))
            db.execute("DELETE FROM lockout WHERE key = ?", (key_of(name),))

    # --- what happens ---------------------------------------------------------------------------------------

    def note(self, signed_in: Mapping[str, tuple[int, str]], locked: Sequence[Lockout]) -> None:
        """Who (by key) signed in when and from where, and who was locked out. Unknown names are not kept."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE account SET last_sign_in = ?, last_address = ? WHERE key = ?",
                ((at, address, key) for key, (at, address) in signed_in.items()),
            )
            db.execute("DELETE FROM lockout WHERE until <= ?", (self._clock.wall(),))
            db.executemany(
                "INSERT OR REPLACE INTO lockout SELECT key, ?, ? FROM account WHERE key = ?",
                ((lock.address, lock.until, key_of(lock.name)) for lock in locked),
            )

    def rehash(self, name: str, before: str, after: str) -> None:
        """The same password at new costs, unless somebody has changed it meanwhile."""
        with self._transaction() as db:
            db.execute("UPDATE account SET hash = ? WHERE key = ? AND hash = ?", (after, key_of(name), before))

    def untold(self) -> list[Change]:
        """Changes, by whomever, that no gateway has written into its audit log yet; from now on they count as told."""
        with self._open() as db:
            rows = db.execute("SELECT id, at, who, address, what FROM change WHERE NOT told ORDER BY id").fetchall()
        if rows:
            with self._transaction() as db:
                db.execute("UPDATE change SET told = 1 WHERE id <= ?", (rows[-1][0],))
        return [Change(*row) for row in rows]

    # --- SQLite -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _change(self, by: Origin, what: str) -> Iterator[sqlite3.Connection]:
        """A transaction that says who made it."""
        with self._transaction() as db:
            yield db
            added = db.execute(
                "INSERT INTO change(at, who, address, what) VALUES(?, ?, ?, ?)",
                (self._clock.wall(), by.actor, by.address, what),
            )
            db.execute("DELETE FROM change WHERE id <= ?", ((added.lastrowid or 0) - ACCOUNT_CHANGES_KEPT,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
            sqlite_file.checkpoint(db, "PASSIVE")

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection, made if need be; what SQLite says becomes one of our errors."""
        try:
            if self._db is None:
                self._db = self._connected()
            yield self._db
        except sqlite3.Error as error:
            raise self._failure(sqlite_file.storage_error(self.path, error)) from None
        except OSError as error:
            raise StorageError(
                "USR-206", f"{self.path} can't be used: {error.strerror or error}", "run this as the gateway's user"
            ) from None

    def _connected(self) -> sqlite3.Connection:
        """Raises sqlite3.Error, OSError, StorageError."""
        private_folder(self.path.parent)
        _make_private(self.path)
        connection = sqlite_file.connect(self.path)
        try:
            sqlite_file.prepare(connection, self.path, APPLICATION, VERSION, SCHEMA)
        except BaseException as error:
            sqlite_file.discard(connection)
            if isinstance(error, StorageError):
                raise self._failure(error) from None
            raise
        self._opened = _identity(self.path)
        return connection

    def _failure(self, error: StorageError) -> StorageError:
        """A damaged file is not set aside: without it anybody could make themselves the first administrator."""
        if error.code != sqlite_file.DAMAGED:
            return error
        return StorageError(
            "USR-207",
            f"{self.path} is damaged: no account can be used",
            "put a backup in its place, or move it away and add the accounts anew",
        )

    def _is_replaced(self) -> bool:
        """A file that is gone is none: what was read holds until there is another."""
        found = _identity(self.path)
        return self._db is not None and found is not None and found != self._opened


def _keep_an_administrator(db: sqlite3.Connection, name: str, *, force: bool) -> None:
    """Raises Refused if there is no account `name`, or no administrator without it."""
    account = _record_of(db, name).account
    others = db.execute(
        "SELECT count(*) FROM account WHERE role = ? AND enabled AND key != ?", (Role.ADMINISTRATOR.value, key_of(name))
    ).fetchone()
    if account.role is Role.ADMINISTRATOR and account.enabled and others == (0,) and not force:
        raise Refused("USR-205", f"{name} is the last administrator who can sign in", "make somebody else one first")


def _record_of(db: sqlite3.Connection, name: str) -> Record:
    """Raises Refused if there is no account `name`."""
    row = db.execute(f"SELECT {_COLUMNS} FROM account WHERE key = ?", (key_of(name),)).fetchone()  # noqa: S608
    if row is None:
        raise Refused("USR-204", f"there is no account {printable(name)}", "see `plantgate user list`")
    return _record(row)


def _record(row: Sequence[Any]) -> Record:
    name, role, enabled, epoch, created, password_changed, secret, last_sign_in, last_address, unlocked = row
    try:
        known = Role(role)
    except ValueError:  # of a newer version: it may look, no more
        known = Role.VIEWER
    account = Account(name, known, bool(enabled), epoch, created, password_changed, last_sign_in, last_address)
    return Record(account, secret, unlocked)


def _epoch() -> int:
    return secrets.randbits(63)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: Path) -> None:
    """SQLite gives its logs the mode and, for root, the owner of the file: so it is made before. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if hasattr(os, "chown") and os.geteuid() == 0:  # made by an administrator for the user that runs the gateway
            folder = path.parent.stat()
            os.chown(path, folder.st_uid, folder.st_gid)
    if path.stat().st_mode & 0o077 and os.name != "nt":
        path.chmod(0o600)
