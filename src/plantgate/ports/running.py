"""Which gateway runs on a data directory, and on which ports. Asks the system: blocks for some milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from plantgate.ports.owners import Holder, Listening, holder_of

_LOCK = Path("state") / "gateway.lock"
_CLOCK_SECONDS = 2.0  # how far apart the times of a file and of a process may be told


@dataclass(frozen=True, slots=True)
class Running:
    """The process that holds a data directory, with the sockets that it listens on as far as they are seen."""

    pid: int
    sockets: Sequence[Listening]


def running_gateway(data: Path | None, sockets: Sequence[Listening]) -> Running | None:
    """The gateway that runs on `data`, None if none does.

    The lock is not touched: to try it would make a gateway that starts in this moment give up.
    """
    pid = _pid_of(data / _LOCK) if data is not None else None
    if pid is None:
        return None
    return Running(pid, tuple(item for item in sockets if item.owner.pid == pid))


def is_own(item: Listening, running: Running | None, *, ignition: bool) -> bool:
    """True for a socket of the very gateway that is looked at: the one that runs, or of any Ignition for its file."""
    if running is not None and item.owner.pid == running.pid:
        return True
    return ignition and holder_of(item.owner.command or "") is Holder.IGNITION


def _pid_of(lock: Path) -> int | None:
    """The process that wrote the lock file, if it is still there: its number may belong to another by now."""
    try:
        pid, written = int(lock.read_text(encoding="ascii")), lock.stat().st_mtime
    except (OSError, ValueError):
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if process.create_time() <= written + _CLOCK_SECONDS:
            return pid
        # Where the clock was set after the start, the times say nothing: the command does.
        return pid if holder_of(" ".join(process.cmdline())) is Holder.PLANTGATE else None
    except psutil.AccessDenied:
        return pid
    except (ValueError, OverflowError, psutil.Error):
        return None
