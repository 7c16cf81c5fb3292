"""One process per data directory: two writers of one history would destroy it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from plantgate.errors import StorageError, Unavailable
from plantgate.runtime.files import private_folder


class LockFile:
    """Holds `path` until `release`, or until the process ends in whatever way: the system drops the lock then.

    Raises Unavailable naming the process that holds it, StorageError if `path` can't be written. The file stays; an
    unlocked file means nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = False
        try:
            private_folder(path.parent)
            self._file: IO[bytes] | None = path.open("a+b", buffering=0)
        except OSError as error:
            raise StorageError(
                "RUN-103",
                f"{path} can't be written: {error.strerror}",
                "give this user the right to write there, or use another data directory",
            ) from None
        try:
            _lock(self._file)
        except OSError:
            holder = self._read_holder()
            self.release()
            raise Unavailable(
                "RUN-101",
                f"{path.parent.parent} is in use by another plantgate{holder}",
                "stop that one first, or use another data directory",
            ) from None
        self._held = True
        with contextlib.suppress(OSError):  # a full disk: the lock holds, only its holder's name is missing
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n".encode("ascii"))

    @classmethod
    def of(cls, data_dir: Path) -> LockFile:
        """The lock of a gateway's data directory."""
        return cls(data_dir / "state" / "gateway.lock")

    def __enter__(self) -> LockFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _read_holder(self) -> str:
        try:
            return f" (pid {int(self._path.read_text(encoding='ascii'))})"
        except (OSError, ValueError):
            return ""

    def release(self) -> None:
        """Leaves no name behind: the pid of whoever held it may be somebody else's one day."""
        if self._file is not None:
            if self._held:
                with contextlib.suppress(OSError):
                    self._file.truncate(0)
            self._file.close()
            self._file = None


if os.name == "nt":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        # Far behind the text, so that others can still read the pid.
        file.seek(1 << 30)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
