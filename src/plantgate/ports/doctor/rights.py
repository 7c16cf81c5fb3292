"""Check on the rights of files: secrets for their owner only, nothing that others may change."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from plantgate.limits import DOCTOR_FILES
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, problem, together, warning
from plantgate.ports.doctor.subject import Subject
from plantgate.ports.settings import typed

_SHOWN = 5
_FOLDERS = ("state", "pki", "tags", "logs")


def files(subject: Subject) -> Finding:
    """state/, pki/ and the configuration: what others may read or change."""
    directory = subject.directory
    if directory is None:
        return not_checked("there is no plantgate data directory to look at")
    if subject.system.platform == "win32":
        return not_checked(
            "rights of files are lists on Windows; the data directory should be open to the service's user and "
            "administrators only",
            typed("icacls", str(directory)),
        )
    looked = dict(_modes(directory))
    secret = [
        path for path, mode in looked.items() if _is_secret(path.relative_to(directory), subject) and mode & 0o077
    ]
    writable = [path for path, mode in looked.items() if mode & 0o022 and not stat.S_ISLNK(mode)]
    readable = [
        path
        for path, mode in looked.items()
        if path.suffix.startswith(".sqlite") and mode & 0o004 and not _closed_above(path, looked)
    ]
    found = []
    if secret:
        found.append(problem(f"others may read secrets: {_names(secret)}", next_step=_chmod("go=", secret)))
    if writable:
        found.append(problem(f"others may change: {_names(writable)}", next_step=_chmod("go-w", writable)))
    if readable:
        found.append(
            warning(
                f"every user of this machine may read history and badges: {_names(readable)}",
                next_step=typed("chmod", "700", str(directory / "state")),
            )
        )
    cut = f" (the first {DOCTOR_FILES} looked at)" if len(looked) >= DOCTOR_FILES else ""
    return together(
        found, f"{len(looked)} files and folders{cut}: secrets are their owner's, nothing is open to change"
    )


def _modes(directory: Path) -> Iterator[tuple[Path, int]]:
    """Path and mode of the data directory, its configuration files and what is below its folders; bounded."""
    paths = _walk(directory)
    for _, path in zip(range(DOCTOR_FILES), paths, strict=False):
        try:
            yield path, path.lstat().st_mode
        except FileNotFoundError:
            continue  # used up or rotated in this moment


def _walk(directory: Path) -> Iterator[Path]:
    yield directory
    for name in ("gateway.xml", "plantgate.toml"):
        if (directory / name).exists():
            yield directory / name
    for name in _FOLDERS:
        for folder, _, names in os.walk(directory / name):
            yield Path(folder)
            yield from (Path(folder) / each for each in sorted(names))


def _is_secret(path: Path, subject: Subject) -> bool:
    """Private keys, sign-in promises, and plantgate.toml where database passwords are in it."""
    if path.name.endswith(".key.pem") or path.parts[:2] == ("state", "sign-in"):
        return True
    passwords = any("@" in database.url for database in subject.configuration.databases)
    return path.name == "plantgate.toml" and passwords


def _closed_above(path: Path, looked: dict[Path, int]) -> bool:
    """True if a folder on the way keeps others out."""
    return any(not looked[parent] & 0o001 for parent in path.parents if parent in looked)


def _names(paths: list[Path]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(str(path) for path in paths[:_SHOWN]) + more


def _chmod(mode: str, paths: list[Path]) -> str:
    return typed("chmod", mode, *(str(path) for path in paths[:_SHOWN]))


CHECKS = (Check("file-rights", "Rights of files in state/ and pki/", Status.PROBLEM, files),)
