"""Writes several configuration files as one: all of them or none, also for a process that is killed in between.

One file is replaced atomically as it is. Of several the new contents go into `state/tag-edit` first, fsynced and
renamed: from then on they count, for `load` too, whatever has become of the files themselves. Then the files are
replaced and `state/tag-edit` goes. Whoever finds it does the rest. When the disk refuses in the middle, the old files
are put back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from plantgate.config.problems import config_error
from plantgate.errors import StorageError
from plantgate.runtime.files import private_folder, sync_folder, write_atomic

_LOG = "tag-edit"
_MAGIC = b"plantgate tag-edit 1\n"


def digest(data: bytes) -> str:
    """Tells whether a file is still the one that was read."""
    return hashlib.sha256(data).hexdigest()


def pending(directory: Path) -> dict[Path, bytes]:
    """Files as an edit has left them that was decided, but not written out everywhere. Raises ConfigError."""
    log = directory / "state" / _LOG
    try:
        data = log.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise config_error("CFG-410", str(log), "", f"can't be read: {error.strerror}") from None
    try:
        return _files_in(directory, data)
    except (ValueError, TypeError):
        hint = "look at the files of tags/, then remove it"
        raise config_error("CFG-410", str(log), "", "is damaged", hint) from None


def _files_in(directory: Path, data: bytes) -> dict[Path, bytes]:
    """Raises ValueError or TypeError for what `_log_edit` has not written."""
    head, _, rest = data.removeprefix(_MAGIC).partition(b"\n")
    found, at = dict[Path, bytes](), 0
    for name, size in json.loads(head):
        found[directory.joinpath(*name.split("/"))] = rest[at : at + size]
        at += size
    if at != len(rest) or not data.startswith(_MAGIC):
        raise ValueError("not whole")
    return found


def finish(directory: Path) -> None:
    """Do what an edit left to be done that was killed. Raises ConfigError or StorageError."""
    files = pending(directory)
    if not files:
        return
    try:
        for path, data in files.items():
            _write(path, data)
        _forget(directory)
    except OSError as error:
        raise _failure(error, "an edit of tags that was decided can't be written out") from None


def commit(directory: Path, files: Mapping[Path, bytes]) -> None:
    """Replace `files` (paths below `directory`). Raises StorageError: everything is as it was then."""
    if not files:
        return
    done: list[Path] = []
    before: dict[Path, bytes | None] = {}
    try:
        before = {path: path.read_bytes() if path.exists() else None for path in files}
        if len(files) > 1:
            _log_edit(directory, files)
        for path, data in files.items():
            done.append(path)
            _write(path, data)
        if len(files) > 1:
            _forget(directory)
    except OSError as error:
        reached = _put_back({path: before[path] for path in done})
        if reached and len(files) > 1:
            with contextlib.suppress(OSError):
                _forget(directory)
        raise _failure(error, "the tag files can't be written, nothing was changed") from None


def _log_edit(directory: Path, files: Mapping[Path, bytes]) -> None:
    private_folder(directory / "state")
    head = json.dumps([[path.relative_to(directory).as_posix(), len(data)] for path, data in files.items()])
    write_atomic(directory / "state" / _LOG, b"".join([_MAGIC, head.encode(), b"\n", *files.values()]), private=True)


def _forget(directory: Path) -> None:
    (directory / "state" / _LOG).unlink(missing_ok=True)
    sync_folder(directory / "state")  # found again after a power cut it would undo what came later


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)


def _put_back(before: Mapping[Path, bytes | None]) -> bool:
    """False if the disk refuses that too: what was decided then holds from the next start on."""
    try:
        for path, data in before.items():
            if data is None:
                path.unlink(missing_ok=True)
            elif path.read_bytes() != data:
                _write(path, data)
    except OSError:
        return False
    return True


def _failure(error: OSError, what: str) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError("CFG-411", f"{what}: {reason}", "check the disk, and the rights of the data directory")
