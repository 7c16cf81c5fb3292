"""Which process listens on a port of this machine.

psutil reads the system's tables: it blocks for some milliseconds, so call it through a worker from the event loop.
What the system keeps from this user comes back as None, never as an error.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import psutil

from plantgate.limits import FREE_PORT_TRIES, PEER_TEXT_CHARS
from plantgate.model.status import PortOwner

T = TypeVar("T")

UNKNOWN = PortOwner(pid=None, name=None, user=None, command=None)

_WILDCARDS = frozenset({"0.0.0.0", "::", "*", ""})  # noqa: S104 - compared with, nothing is bound
_SECRET_WORD = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api[-_.]?key|private[-_.]?key|auth)"  # noqa: S105
_SECRET_VALUE = re.compile(rf"(?i)^([-/]*[\w.:-]*{_SECRET_WORD}[\w.-]*[=:]).+", re.DOTALL)
_SECRET_FLAG = re.compile(rf"(?i)^[-/]+[\w.-]*{_SECRET_WORD}[\w.-]*$")
_SECRET_QUERY = re.compile(rf"(?i)([?&;][\w.-]*{_SECRET_WORD}[\w.-]*=)[^&;\s]*")
_URL_LOGIN = re.compile(r"(?<=://)[^/\s@]*@")
_OURS = re.compile(r"\bplantgate\b")
_IGNITION = re.compile(r"(?i)\bignition\b")


class Holder(StrEnum):
    """What kind of process a command line tells of."""

    PLANTGATE = "plantgate"
    IGNITION = "ignition"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening TCP socket: `address` is what it is bound to."""

    address: str
    port: int
    owner: PortOwner


def listening_sockets() -> tuple[Listening, ...]:
    """All listening TCP sockets of this machine that the system lets this user see."""
    owners: dict[int, PortOwner] = {}
    found: dict[tuple[str, int, int | None], Listening] = {}
    for address, port, holder in _sockets():
        pid = None if holder is None else _leader(holder, address, port)
        if pid is not None and pid not in owners:
            owners[pid] = _owner(pid)
        owner = owners[pid] if pid is not None else UNKNOWN
        found.setdefault((address, port, pid), Listening(address, port, owner))
    return tuple(found.values())


def overlapping(sockets: Sequence[Listening], address: str, port: int) -> tuple[Listening, ...]:
    """Those of `sockets` that stand in the way of a listener on `address`:`port`."""
    bare = "127.0.0.1" if address == "localhost" else address
    return tuple(
        item
        for item in sockets
        if item.port == port and (item.address == bare or bare in _WILDCARDS or item.address in _WILDCARDS)
    )


def owner_of(port: int, address: str = "") -> PortOwner | None:
    """Who listens on `port` (on `address`, or on any): None if nobody is seen to."""
    found = overlapping(listening_sockets(), address, port)
    known = [item.owner for item in found if item.owner.pid is not None]
    return known[0] if known else (found[0].owner if found else None)


def describe_conflict(port: int, *, key: str = "", address: str = "127.0.0.1") -> tuple[PortOwner | None, str]:
    """Who holds a port that we can't bind, and what to do about it in one sentence.

    `key` is the setting to change (`gateway.port`). Blocks: use a worker.
    """
    owner = owner_of(port, address)
    free = free_port_near(port, address)
    setting = f"--set {key}={free}" if key else f"another port, such as {free}"
    change = f"use {setting}" if free is not None else "use another port"
    if owner is None:
        return None, (
            "no listening process is seen: it may belong to another user, a container or a connection that is just "
            f"closing; try again as administrator, or {change}"
        )
    return owner, f"{_who(owner)}; {change}"


def free_port_near(port: int, address: str = "127.0.0.1") -> int | None:
    """The next port above `port` that can be bound on `address` now; None if none of the next ones can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for candidate in range(port + 1, min(port + 1 + FREE_PORT_TRIES, 65_536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, candidate))
                probe.listen(1)
            except OSError:
                continue
            return candidate
    return None


def shown_command(arguments: Sequence[str]) -> str:
    """A command line to show: on one line, cut, and what looks like a secret is `***`."""
    words: list[str] = []
    masked_next = False
    for argument in arguments:
        if masked_next:
            words.append("***")
        else:
            shown = _SECRET_QUERY.sub(r"\1***", _SECRET_VALUE.sub(r"\1***", argument))
            words.append(_URL_LOGIN.sub("***@", shown))
        masked_next = not masked_next and _SECRET_FLAG.match(argument) is not None
    text = "".join(char if char.isprintable() else " " for char in " ".join(words))
    return text if len(text) <= PEER_TEXT_CHARS else f"{text[: PEER_TEXT_CHARS - 3]}..."


def holder_of(command: str) -> Holder:
    """Whose process a command line is."""
    if _OURS.search(command):
        return Holder.PLANTGATE
    if _IGNITION.search(command):
        return Holder.IGNITION
    return Holder.OTHER if command else Holder.UNKNOWN


def _who(owner: PortOwner) -> str:
    holder = holder_of(owner.command or owner.name or "")
    if owner.pid is None:
        return "see who it is as administrator and stop that, or leave it the port"
    if holder is Holder.PLANTGATE:
        return f"that is another plantgate: stop it (pid {owner.pid}) if it should not run"
    if holder is Holder.IGNITION:
        return f"that is an Ignition gateway (pid {owner.pid}): both can run, each on ports of its own"
    return f"stop {owner.name or 'it'} (pid {owner.pid}) if it should not run"


def _sockets() -> Iterator[tuple[str, int, int | None]]:
    """Address, port, pid. macOS tells only an administrator of all: there we ask each of our own processes."""
    try:
        for item in psutil.net_connections(kind="tcp"):
            if item.status == psutil.CONN_LISTEN and item.laddr:
                yield item.laddr.ip, item.laddr.port, item.pid
    except (psutil.AccessDenied, PermissionError):
        yield from _own_sockets()


def _own_sockets() -> Iterator[tuple[str, int, int | None]]:
    for process in psutil.process_iter():
        try:
            for item in process.net_connections(kind="tcp"):
                if item.status == psutil.CONN_LISTEN and item.laddr:
                    yield item.laddr.ip, item.laddr.port, process.pid
        except (psutil.Error, PermissionError):
            continue


def _leader(pid: int, address: str, port: int) -> int:
    """Of a server and its workers, which all hold the socket, the one to stop: workers are started again.

    The system names any one of them.
    """
    leader = pid
    try:
        process = psutil.Process(pid)
        while (parent := process.parent()) is not None and parent.name() == process.name():
            sockets = parent.net_connections(kind="tcp")
            if not any(item.laddr == (address, port) and item.status == psutil.CONN_LISTEN for item in sockets):
                break
            leader, process = parent.pid, parent
    except (psutil.Error, PermissionError):
        pass  # ended in this moment, or not ours to look into: the worker is better than nothing
    return leader


def _owner(pid: int) -> PortOwner:
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return PortOwner(pid=pid, name=None, user=None, command=None)
    arguments = _allowed(process.cmdline)
    return PortOwner(
        pid=pid,
        name=_allowed(process.name),
        user=_allowed(process.username),
        command=shown_command(arguments) if arguments else None,
    )


def _allowed(ask: Callable[[], T]) -> T | None:
    """What the system answers, None if it refuses or the process has just ended."""
    try:
        return ask()
    except (psutil.Error, OSError, KeyError):  # KeyError: a user id without a name
        return None
