"""One process per data directory: two writers of one history would destroy it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from plantgate.errors import Unavailable


class LockFile:
    """Holds `path` until `release`, or until the process ends in whatever way: the system drops the lock then.

    Raises Unavailable naming the process that holds it. The file stays; an unlocked file means nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] | None = path.open("a+", encoding="ascii")
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
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def _read_holder(self) -> str:
        try:
            return f" (pid {int(self._path.read_text(encoding='ascii'))})"
        except (OSError, ValueError):
            return ""

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


if os.name == "nt":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # Far behind the text, so that others can still read the pid.
        file.seek(1 << 30)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
