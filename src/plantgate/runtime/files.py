"""Files that are either the old one or the new one, never half."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path

from plantgate.limits import LEFTOVER_SECONDS


def write_atomic(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace `path` with `data`: written beside it, fsynced, renamed, the folder fsynced where the system can.

    `private` files are readable by their owner only; others keep owner and mode of the file they replace, a new one has
    what the process allows (umask). A link stays: the file that it leads to is replaced. What a process that was killed
    in the middle has left beside it goes. Raises OSError; the old file is untouched then.
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    before = None if private else _stat(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600 if private or before is not None else 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):  # some network file systems have no locks; age alone must do there
                _lock(descriptor)
            if before is not None:
                _keep_owner(temporary, before)
                temporary.chmod(stat.S_IMODE(before.st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            written = os.fstat(descriptor).st_mtime
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    remove_leftovers(path, written)


def remove_leftovers(path: Path, now: float) -> None:
    """Remove what a `write_atomic` of `path` that was killed has left: LEFTOVER_SECONDS old, and nobody holds it.

    `now` is seconds since 1970, best those of the clock that stamps the files.
    """
    path = path.resolve()
    ours = re.compile(re.escape(f".{path.name}.") + "[0-9a-f]{8}")
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_leftover(Path(entry.path), now)


def _remove_leftover(file: Path, now: float) -> None:
    with contextlib.suppress(OSError):  # gone in this moment, still being written, or not ours to remove
        if now - file.stat().st_mtime < LEFTOVER_SECONDS:
            return
        with file.open("rb") as opened:
            _lock(opened.fileno())
            if os.name != "nt":
                file.unlink()
        if os.name == "nt":  # what is open, also elsewhere, can't be removed there
            file.unlink()


def _lock(descriptor: int) -> None:
    """Tell `remove_leftovers` that somebody still writes; the system lets go when the process ends. Raises OSError."""
    if os.name == "nt":
        return
    import fcntl  # noqa: PLC0415 - POSIX only

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _keep_owner(temporary: Path, before: os.stat_result) -> None:
    """An administrator's edit must not take the file from the user that runs the gateway. Raises OSError."""
    now = temporary.stat()
    if hasattr(os, "chown") and (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.chown(temporary, before.st_uid, before.st_gid)


def private_folder(folder: Path) -> None:
    """Make `folder` and what is above it; what is new at its end is its owner's alone (who badged when is nobody's)."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True, mode=0o700)


def sync_folder(folder: Path) -> None:
    """Make a rename durable. Windows has no way to sync a folder and does it by itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):  # some network file systems refuse; the rename itself has happened
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
