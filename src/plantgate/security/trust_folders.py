"""The folders in which an administrator says whom this gateway trusts, one of each kind per purpose.

    DIR/pki/trusted/opcua    certificates that are trusted, and authorities: what those issued is trusted too
    DIR/pki/issuers/opcua    authorities that only lead from one certificate to the next
    DIR/pki/crl/opcua        revocation lists of both
    DIR/pki/rejected/opcua   who knocked and was not known; nothing here is trusted

Files are PEM or DER under any name that ends in .der .cer .crt .pem .crl. Everything here blocks.
"""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from plantgate.errors import Refused, StorageError, UsageError
from plantgate.limits import (
    TRUST_CRL_BYTES,
    TRUST_FILE_BYTES,
    TRUST_FILES,
    TRUST_REJECTED,
    TRUST_REJECTED_PER_MINUTE,
)
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import write_atomic
from plantgate.runtime.log import get_logger, printable
from plantgate.security.trust_judge import TrustLists
from plantgate.security.trust_read import Certificate, RevocationList, in_file, read_certificate, read_revocations

_log = get_logger("security.trust")

T = TypeVar("T", Certificate, RevocationList)
_Stamp: TypeAlias = tuple[int, int, int]
_ENDINGS: Final = (".der", ".cer", ".crt", ".pem", ".crl")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9@_-]+")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{6,64}")


class Folder(Enum):
    TRUSTED = "trusted"
    ISSUERS = "issuers"
    REVOCATIONS = "crl"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """What a file holds, or `problem`: why it can't be used."""

    folder: Folder
    file: Path
    found: Certificate | RevocationList | None
    problem: str = ""


class TrustFolders:
    """`lists` is what the folders held at the last `refresh`; it is replaced, never changed."""

    def __init__(self, data_dir: Path, clock: Clock, purpose: str = "opcua") -> None:
        self._clock = clock
        self._folders = {folder: data_dir / "pki" / folder.value / purpose for folder in Folder}
        self._read: dict[Path, tuple[_Stamp, list[TrustEntry]]] = {}
        self._written: deque[float] = deque(maxlen=TRUST_REJECTED_PER_MINUTE)
        self._told: set[tuple[Folder, str]] = set()
        self.lists = TrustLists()

    def path(self, folder: Folder) -> Path:
        return self._folders[folder]

    def create(self) -> None:
        """Make the folders, so that there is a place to put something. Raises StorageError CRT-101."""
        try:
            for folder in self._folders.values():
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(error) from None

    def refresh(self) -> bool:
        """Look at the folders again; only files that changed are read. True if `lists` is another one now."""
        entries = [*self._entries(Folder.TRUSTED), *self._entries(Folder.ISSUERS), *self._entries(Folder.REVOCATIONS)]
        kept = {entry.file for entry in entries}
        self._read = {file: read for file, read in self._read.items() if file in kept}
        lists = TrustLists(
            _certificates(entries, Folder.TRUSTED),
            _certificates(entries, Folder.ISSUERS),
            [entry.found for entry in entries if isinstance(entry.found, RevocationList)],
        )
        if (lists.trusted, lists.issuers) == (self.lists.trusted, self.lists.issuers) and _same(
            lists.revocations, self.lists.revocations
        ):
            return False
        self.lists = lists
        return True

    def entries(self) -> Iterator[TrustEntry]:
        """What is in all folders, the rejected ones too."""
        for folder in Folder:
            yield from self._entries(folder)

    def find(self, folder: Folder, wanted: str) -> TrustEntry:
        """The one whose fingerprint begins with `wanted`. Raises UsageError CRT-102 if there is none, or several."""
        prefix = wanted.replace(":", "").replace(" ", "").lower()
        found = {
            entry.found.fingerprint: entry
            for entry in self._entries(folder)
            if isinstance(entry.found, Certificate) and entry.found.fingerprint.startswith(prefix)
        }
        if not _FINGERPRINT.fullmatch(prefix) or len(found) != 1:
            what = f"{len(found)} certificates" if _FINGERPRINT.fullmatch(prefix) and found else "no certificate"
            raise UsageError(
                "CRT-102",
                f"{what} with the fingerprint {printable(wanted, 100)} in {self._folders[folder]}",
                "see `plantgate trust list`; six digits or more",
            )
        return next(iter(found.values()))

    def accept(self, wanted: str) -> TrustEntry:
        """Trust a rejected certificate. Raises UsageError CRT-102, StorageError CRT-101."""
        return self._move(self.find(Folder.REJECTED, wanted), Folder.TRUSTED)

    def add(self, certificate: Certificate, *, authority: bool) -> TrustEntry:
        """Trust a certificate that comes from elsewhere. Raises Refused CRT-103 for an authority's, unless meant."""
        self._require_meant(certificate, authority=authority)
        return self._write(certificate, Folder.TRUSTED)

    def reject(self, wanted: str) -> TrustEntry:
        """No longer trust a certificate: it is kept among the rejected. Raises UsageError CRT-102, StorageError."""
        return self._move(self.find(Folder.TRUSTED, wanted), Folder.REJECTED)

    def keep_rejected(self, certificate: Certificate) -> bool:
        """Keep a certificate that nobody knows, for an administrator to look at.

        False if it is there already, or too many come. Raises StorageError CRT-101.
        """
        if (self._folders[Folder.REJECTED] / _file_name(certificate)).exists():
            return False
        now = self._clock.mono()
        if len(self._written) == TRUST_REJECTED_PER_MINUTE and now - self._written[0] < 60:
            return False
        self._written.append(now)
        self._write(certificate, Folder.REJECTED)
        return True

    # --- files ------------------------------------------------------------------------------------------

    def _require_meant(self, certificate: Certificate, *, authority: bool) -> None:
        if certificate.of_authority and not authority:
            raise Refused(
                "CRT-103",
                f"{certificate.name} is an authority: whatever it issues would be trusted",
                "say --authority if that is meant",
            )

    def _move(self, entry: TrustEntry, to: Folder) -> TrustEntry:
        certificate = entry.found
        assert isinstance(certificate, Certificate)
        if to is Folder.TRUSTED:
            self._require_meant(certificate, authority=False)
        files = Counter(each.file for each in self._entries(entry.folder))
        holding = {each.file for each in self._entries(entry.folder) if each.found == certificate}
        if bundle := next((file for file in holding if files[file] > 1), None):
            raise Refused("CRT-104", f"{bundle} holds several certificates", "take that one out of the file")
        moved = self._write(certificate, to)
        try:
            for file in holding:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(error) from None
        return moved

    def _write(self, certificate: Certificate, to: Folder) -> TrustEntry:
        file = self._folders[to] / _file_name(certificate)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, certificate.der)
            if to is Folder.REJECTED:
                self._make_room()
        except OSError as error:
            raise _unwritable(error) from None
        return TrustEntry(to, file, certificate)

    def _make_room(self) -> None:
        """Raises OSError."""
        with os.scandir(self._folders[Folder.REJECTED]) as found:
            files = [(entry.stat().st_mtime_ns, entry.path) for entry in found if _is_ours(entry)]
        for _, path in sorted(files)[:-TRUST_REJECTED]:
            Path(path).unlink(missing_ok=True)

    def _entries(self, folder: Folder) -> Iterator[TrustEntry]:
        try:
            with os.scandir(self._folders[folder]) as found:
                looked_at = list(islice((entry for entry in found if _is_ours(entry)), TRUST_FILES + 1))
        except FileNotFoundError:
            return
        except OSError as error:  # not for us: nothing in it is trusted
            self._complain(folder, error.strerror or str(error))
            return
        if len(looked_at) > TRUST_FILES:
            self._complain(folder, f"only {TRUST_FILES} of its files are read")
        for entry in sorted(looked_at[:TRUST_FILES], key=lambda each: each.name):
            yield from self._read_again(folder, entry)

    def _complain(self, folder: Folder, reason: str) -> None:
        """Once: the folders are looked at every two seconds."""
        if (folder, reason) not in self._told:
            self._told.add((folder, reason))
            _log.error("a trust folder can't be read", path=str(self._folders[folder]), reason=reason)

    def _read_again(self, folder: Folder, entry: os.DirEntry[str]) -> list[TrustEntry]:
        file = Path(entry.path)
        try:
            found = file.stat()  # not the entry's, which Windows keeps from before
        except OSError:
            return []  # gone in this moment
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        before = self._read.get(file)
        if before is None or before[0] != stamp:
            before = self._read[file] = (stamp, list(islice(self._read_file(folder, file), TRUST_FILES)))
            for each in before[1]:
                if each.problem and folder is not Folder.REJECTED:
                    _log.warning("a file of a trust folder can't be used", path=str(file), reason=each.problem)
        return before[1]

    def _read_file(self, folder: Folder, file: Path) -> Iterator[TrustEntry]:
        revocations = folder is Folder.REVOCATIONS
        try:
            data = _content(file, TRUST_CRL_BYTES if revocations else TRUST_FILE_BYTES)
            ders = list(in_file(data)) or [b""]
        except (OSError, ValueError) as error:
            yield TrustEntry(folder, file, None, printable(getattr(error, "strerror", None) or error))
            return
        read: Callable[[bytes], Certificate | RevocationList] = read_revocations if revocations else read_certificate
        for der in ders:
            try:
                yield TrustEntry(folder, file, read(der))
            except ValueError as error:
                yield TrustEntry(folder, file, None, str(error))


def _content(file: Path, limit: int) -> bytes:
    """Raises OSError, ValueError."""
    with file.open("rb") as opened:
        data = opened.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    return data


def _is_ours(entry: os.DirEntry[str]) -> bool:
    """No directory or device: opening a pipe would wait for ever."""
    return entry.name.lower().endswith(_ENDINGS) and not entry.name.startswith(".") and entry.is_file()


def _certificates(entries: Iterable[TrustEntry], folder: Folder) -> dict[str, Certificate]:
    found = [entry.found for entry in entries if entry.folder is folder and isinstance(entry.found, Certificate)]
    return {certificate.fingerprint: certificate for certificate in found[:TRUST_FILES]}


def _same(one: Iterable[RevocationList], two: Iterable[RevocationList]) -> bool:
    """Files that did not change were not read again: the same objects."""
    return list(map(id, one)) == list(map(id, two))


def _file_name(certificate: Certificate) -> str:
    """`UaExpert@host-<SHA-256>.der`: safe on every system, told apart by its end."""
    name = _UNSAFE.sub("_", certificate.name).strip("_")[:40] or "certificate"
    return f"{name}-{certificate.fingerprint}.der"


def _unwritable(error: OSError) -> StorageError:
    return StorageError(
        "CRT-101",
        f"{error.filename or 'the folder pki'} can't be written: {error.strerror or error}",
        "give the gateway's user the right to write there",
    )
