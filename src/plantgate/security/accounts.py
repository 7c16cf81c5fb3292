"""The accounts of a running gateway: signing in with a password, and what changes while it runs.

All accounts are in memory; the file is read again when it was changed, by whomever. A password is checked on a thread
of its own, one at a time, the addresses in turn (`turns`): a flood of wrong ones costs one core and one hash's memory.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from plantgate.errors import Refused, StorageError
from plantgate.model.account import Account, Lockout, Role
from plantgate.model.command import Origin
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.worker import Worker
from plantgate.security import passwords
from plantgate.security.accounts_file import AccountsFile, Snapshot, key_of
from plantgate.security.lockout import Lockouts, place_of
from plantgate.security.turns import Turns

P = ParamSpec("P")
R = TypeVar("R")

_audit = get_logger("audit")
_log = get_logger("security.accounts")

# How soon a change by the command line is seen (and the end of sessions it means).
_FOLLOW_SECONDS: Final = 2.0
# A program that signs in again with the right password within so long does not cost a hash again.
_PROVEN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Proof:
    """A password that was right: its keyed digest, for the hash it belonged to, until `until` (mono)."""

    digest: bytes = field(repr=False)
    password_hash: str = field(repr=False)
    until: float


class Accounts:
    """`open`, then `run` in a task group, `close` at the end. See `verify`, `find`, `watch`."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._file = AccountsFile(data_dir, clock)
        self._worker = Worker("accounts")
        self._turns = Turns()
        self._lockouts = Lockouts()
        self._snapshot = Snapshot()
        self._newest = self._snapshot
        """What the thread read last: taken over on the event loop, also if whoever asked for it has gone."""
        self._reread = True
        self._nobody = passwords.nobodys_hash()
        self._key = secrets.token_bytes(32)  # of this process: a digest says nothing to whoever reads another one
        self._proofs: dict[str, _Proof] = {}
        self._watchers: list[Callable[[frozenset[str]], None]] = []
        self._signed_in: dict[str, tuple[int, str]] = {}
        self._locked: dict[tuple[str, str], Lockout] = {}
        self.problem = ""
        """Why the file can't be read or written now; what was read before holds meanwhile."""

    async def open(self) -> None:
        """Raises StorageError: nobody can sign in with a password then."""
        await self._worker.run(self._exchange, {}, [])
        self._take()
        now, wall = self._clock.mono(), self._clock.wall()
        for lock in self._snapshot.lockouts:
            self._lockouts.lock(key_of(lock.name), lock.address, now + (lock.until - wall) / 1e6)

    async def run(self) -> None:
        """Follow the file and store what happened, until cancelled."""
        while True:
            await self._clock.sleep(_FOLLOW_SECONDS)
            await self.follow()

    async def close(self) -> None:
        """Store what happened, and end the thread."""
        await self.follow()
        await self._worker.run(self._file.close)
        await self._worker.close()

    # --- looking ----------------------------------------------------------------------------------------

    def find(self, name: str) -> Account | None:
        """The account as it was at most two seconds ago."""
        record = self._snapshot.records.get(key_of(name))
        return record.account if record is not None else None

    def all(self) -> Sequence[Account]:
        """By name."""
        return [record.account for record in self._snapshot.records.values()]

    def lockouts(self) -> Sequence[Lockout]:
        """Of accounts that exist, as they are on disk, with those of the last two seconds missing."""
        wall = self._clock.wall()
        return [lock for lock in self._snapshot.lockouts if lock.until > wall]

    @property
    def has_administrator(self) -> bool:
        return any(account.enabled and account.role is Role.ADMINISTRATOR for account in self.all())

    def watch(self, changed: Callable[[frozenset[str]], None]) -> None:
        """Call `changed` with the names whose sessions have ended: password, role, enabled changed, or removed.

        On the event loop; it must return at once.
        """
        self._watchers.append(changed)

    # --- signing in -------------------------------------------------------------------------------------

    async def verify(self, name: str, password: str, address: str = "") -> Account | None:
        """The account if the password is right and it is enabled, else None, after the same work for any name.

        Raises Refused USR-301 while the name is locked for this address, Overload USR-501.
        """
        key, place = key_of(name), place_of(address)
        secret = passwords.encoded(password) or b""
        self._refuse_locked(key, place)
        if (account := self._proven(key, place, secret)) is not None:
            return account
        async with self._turns.of(place):
            # Those before us in the queue may have been wrong with the same name, or right with the same password.
            self._refuse_locked(key, place)
            if (account := self._proven(key, place, secret)) is not None:
                return account
            # Counted before it is known to be wrong: whoever hangs up meanwhile has tried all the same.
            locked = self._lockouts.tried(key, place, self._clock.mono())
            try:
                right = await self._worker.run(self._check, key, secret)
            finally:
                if locked and key in self._snapshot.records:
                    until = self._clock.wall() + int(self._lockouts.locked(key, place, self._clock.mono()) * 1e6)
                    self._locked[key, place] = Lockout(self._snapshot.records[key].account.name, place, until)
            return self._judge(key, secret, address, right=right, locked=locked)

    def _judge(self, key: str, secret: bytes, address: str, *, right: bool, locked: bool) -> Account | None:
        self._take()
        place, record = place_of(address), self._snapshot.records.get(key)
        if record is not None and right and record.account.enabled:
            self._lockouts.succeeded(key, place)
            self._locked.pop((key, place), None)
            until = self._clock.mono() + _PROVEN_SECONDS
            self._proofs[key] = _Proof(self._digest(secret), record.password_hash, until)
            self._signed_in[key] = (self._clock.wall(), printable(address))
            _audit.info("signed in", actor=record.account.name, address=address or "-")
            return record.account
        # Somebody who types the password where the name belongs must not find it in the log.
        who = record.account.name if record is not None else f"an unknown name of {len(key)} characters"
        why = "disabled" if right else "wrong password"
        _audit.warning("sign-in refused", actor=who, address=address or "-", reason=why if record else "unknown name")
        if locked:
            _audit.warning("locked out", actor=who, address=place or "-", reason="too many wrong passwords")
        return None

    def _check(self, key: str, secret: bytes) -> bool:
        """On the thread: one hash, whatever the name."""
        try:
            if self._file.changed():
                self._read()
        except StorageError as error:
            _log.warning("the accounts can't be read again; those of before hold", reason=error.message)
        record = self._newest.records.get(key)
        stored = record.password_hash if record is not None else ""
        known = passwords.usable(stored)
        right = passwords.matches(stored if known else self._nobody, secret) and known
        if right and not passwords.current(stored):
            with suppress(StorageError):  # the old hash will do until the disk is well
                self._file.rehash(key, stored, passwords.hashed(secret.decode()))
                self._read()
        return right

    def _read(self) -> None:
        """On the thread."""
        self._reread = True  # should it fail
        self._newest = self._file.read()
        self._reread = False

    def _refuse_locked(self, key: str, place: str) -> None:
        seconds = self._lockouts.locked(key, place, self._clock.mono())
        if seconds > 0:
            raise Refused(
                "USR-301",
                f"too many wrong passwords: locked for {max(1, round(seconds / 60))} more minutes",
                "wait, or ask an administrator: `plantgate user unlock NAME`",
            )

    def _proven(self, key: str, place: str, secret: bytes) -> Account | None:
        proof, record = self._proofs.get(key), self._snapshot.records.get(key)
        if proof is None or record is None or not record.account.enabled:
            return None
        if proof.until <= self._clock.mono() or proof.password_hash != record.password_hash:
            del self._proofs[key]
            return None
        if not hmac.compare_digest(proof.digest, self._digest(secret)):
            return None
        self._lockouts.succeeded(key, place)
        return record.account

    def _digest(self, secret: bytes) -> bytes:
        return hmac.digest(self._key, secret, hashlib.sha256)

    # --- changing ---------------------------------------------------------------------------------------

    async def add(self, name: str, role: Role, password: str, by: Origin) -> Account:
        """The changes raise what those of `AccountsFile` raise; they are in force when they return."""
        return await self._change(self._file.add, name, role, password, by)

    async def remove(self, name: str, by: Origin) -> None:
        await self._change(self._file.remove, name, by)

    async def set_password(self, name: str, password: str, by: Origin) -> None:
        await self._change(self._file.set_password, name, password, by)

    async def set_role(self, name: str, role: Role, by: Origin) -> None:
        await self._change(self._file.set_role, name, role, by)

    async def set_enabled(self, name: str, by: Origin, *, enabled: bool) -> None:
        await self._change(self._file.set_enabled, name, by, enabled=enabled)

    async def unlock(self, name: str, by: Origin) -> None:
        await self._change(self._file.unlock, name, by)

    async def _change(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        def change() -> R:
            result = function(*args, **kwargs)
            self._reread = True
            return result

        result = await self._worker.run(change)
        await self.follow()
        return result

    # --- following the file -------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Store who signed in and who was locked out; take over and audit what was changed, by whomever."""
        signed_in, self._signed_in = self._signed_in, {}
        locked, self._locked = self._locked, {}
        try:
            await self._worker.run(self._exchange, signed_in, list(locked.values()))
        except StorageError as error:
            if error.message != self.problem:
                _log.error("the accounts can't be stored or read; those of before hold", reason=error.message)
            self.problem = error.message
            self._signed_in = {**signed_in, **self._signed_in}
        else:
            self.problem = ""
        self._take()

    def _exchange(self, signed_in: Mapping[str, tuple[int, str]], locked: Sequence[Lockout]) -> None:
        """On the thread."""
        if signed_in or locked:
            self._file.note(signed_in, locked)
            self._reread = True
        if not self._reread and not self._file.changed():
            return
        self._read()
        for change in self._file.untold():
            _audit.info("account changed", actor=printable(change.who), address=change.address or "-", what=change.what)

    def _take(self) -> None:
        before, self._snapshot = self._snapshot.records, self._newest
        after = self._snapshot.records
        if before is after:
            return
        for key in self._proofs.keys() - after.keys():
            del self._proofs[key]
        ended = set()
        for key, record in before.items():
            now = after.get(key)
            if now is None or now.account.epoch != record.account.epoch:
                ended.add(record.account.name)
            if now is None or now.unlocked != record.unlocked:
                self._lockouts.unlock(key)
        if ended:
            for watcher in self._watchers:
                watcher(frozenset(ended))
