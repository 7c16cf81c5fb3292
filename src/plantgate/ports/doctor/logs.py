"""Check on wrapper.log: the troubleshooting list of the ports reference, recognised in our log and in Ignition's.

Only what was written since the last start counts as trouble; what is older is told as such.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantgate.limits import DOCTOR_LOG_BYTES
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok
from plantgate.ports.doctor.subject import Subject
from plantgate.runtime.log import printable

_LINE = re.compile(r"^\s*[A-Z]+\s*\|\s*[^|]*\|\s*(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\s*\|\s?(.*)$")
# Ignition's service wrapper, and ours.
_START = re.compile(r"--> Wrapper Started as|Launching a JVM|\[gateway +\] \[[\d:]+\]: starting\b")
_PORT = re.compile(r"(?i)\bport[= ]+(\d{2,5})\b|:(\d{2,5})\b(?= is already| \(|\s*$|,| refused)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A line of the list: `pattern` finds it, `advice` is what the reference says to do."""

    code: str
    title: str
    pattern: re.Pattern[str]
    status: Status
    advice: str


def _trouble(code: str, title: str, pattern: str, status: Status, advice: str) -> Trouble:
    return Trouble(code, title, re.compile(pattern, re.IGNORECASE), status, advice)


TROUBLES: Sequence[Trouble] = (
    _trouble(
        "address-in-use",
        "Address already in use",
        r"already in use|Only one usage of each socket address|BindException(?!: Permission)",
        Status.PROBLEM,
        "find the process that holds the port (plantgate ports list), stop it or change the port, then restart",
    ),
    _trouble(
        "bind-refused",
        "No right to use a port",
        r"BindException: Permission denied|may not listen on|Permission denied.*bind",
        Status.PROBLEM,
        "use a port from 1024 on, or grant CAP_NET_BIND_SERVICE: see the check ports-privileged",
    ),
    _trouble(
        "handshake-failed",
        "SSL handshake failed",
        r"ssl handshake fail|SSLHandshakeException|handshake_failure|PKIX path building failed|certificate_unknown|"
        r"CertificateExpired|CERTIFICATE_VERIFY_FAILED|TLS-101",
        Status.WARNING,
        "check the certificate's dates, names and path, that both sides trust it, and that the port is open",
    ),
    _trouble(
        "timed-out",
        "Connection timed out",
        r"connection timed out|connect timed out|ConnectTimeoutException|SocketTimeoutException|did not answer within",
        Status.WARNING,
        "check the address and port of the peer, the firewall and the way there: plantgate doctor HOST",
    ),
    _trouble(
        "refused",
        "Connection refused",
        r"connection refused|refused the connection",
        Status.WARNING,
        "nobody listens there: is the peer running, and is its port the right one? plantgate doctor HOST",
    ),
    _trouble(
        "unknown-host",
        "Unknown host name",
        r"UnknownHostException|the name \S+ is unknown",
        Status.WARNING,
        "check the name, or use an address",
    ),
    _trouble(
        "disk-full",
        "Disk full",
        r"no space left on device|the disk is full|There is not enough space on the disk",
        Status.PROBLEM,
        "free space on the disk: see the check disk-space",
    ),
    _trouble(
        "out-of-memory",
        "Out of memory",
        r"OutOfMemoryError|MemoryError",
        Status.PROBLEM,
        "give the gateway more memory (ignition.conf: wrapper.java.maxmemory), or find what uses it",
    ),
    _trouble(
        "too-many-files",
        "Too many open files",
        r"too many open files",
        Status.PROBLEM,
        "raise the limit of open files (LimitNOFILE in the service's unit, ulimit -n)",
    ),
    _trouble(
        "clock-drift",
        "Clock drift",
        r"ClockDriftDetector.*(drift|deviation)|clock drift",
        Status.WARNING,
        "the machine was paused or overloaded: look at its processor load and at the virtual machine's host",
    ),
    _trouble(
        "database-damaged",
        "Damaged database file",
        r"SQLITE_CORRUPT|database disk image is malformed",
        Status.PROBLEM,
        "stop the gateway, copy the data directory away, restore the last backup",
    ),
)


@dataclass(slots=True)
class Seen:
    """How often a trouble was met, and its newest line: when (as written, local time) and what."""

    count: int = 0
    last: str = ""
    text: str = ""
    ports: frozenset[int] = frozenset()


def log_file(subject: Subject) -> Path | None:
    """DIR/logs/wrapper.log of ours; beside data/ for Ignition, whose container writes it elsewhere."""
    if subject.directory is not None:
        return subject.directory / "logs" / "wrapper.log"
    if subject.gateway_xml is None:
        return None
    home = subject.gateway_xml.absolute().parent.parent
    places = (home / "logs" / "wrapper.log", Path("/var/log/ignition/wrapper.log"))
    return next((place for place in places if place.is_file()), places[0])


def wrapper_log(subject: Subject) -> Finding:
    """The newest lines of the troubleshooting list since the last start."""
    file = log_file(subject)
    if file is None:
        return not_checked("no data directory was named", "plantgate doctor --data DIR")
    try:
        lines = tail(file)
    except FileNotFoundError:
        return not_checked(f"there is no {file}", "the first start of the gateway makes it")
    now, before = scan(lines)
    if not now:
        older = ", ".join(f"{trouble.title} {seen.count} x" for trouble, seen in before)
        return ok(
            f"{file}: {len(lines)} lines, nothing of the troubleshooting list since the last start",
            *([f"before it: {older}"] if older else []),
        )
    evidence = [_told(trouble, seen) for trouble, seen in now]
    steps = dict.fromkeys(f"{trouble.title}: {trouble.advice}" for trouble, _ in now)
    status = Status.PROBLEM if any(trouble.status is Status.PROBLEM for trouble, _ in now) else Status.WARNING
    return Finding(status, tuple(evidence), "\n".join(steps))


def _told(trouble: Trouble, seen: Seen) -> str:
    ports = f" (port {', '.join(str(port) for port in sorted(seen.ports))})" if seen.ports else ""
    return f"{trouble.title}{ports}, {seen.count} x, last {seen.last or 'without a time'}: {seen.text}"


def tail(file: Path) -> list[str]:
    """The last lines of a file, DOCTOR_LOG_BYTES at most; a line that was cut at its beginning is left out."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        start = max(0, size - DOCTOR_LOG_BYTES)
        opened.seek(start)
        data = opened.read(DOCTOR_LOG_BYTES)
    lines = data.decode("utf-8", "replace").splitlines()
    return lines[1:] if start else lines


def scan(lines: Sequence[str]) -> tuple[list[tuple[Trouble, Seen]], list[tuple[Trouble, Seen]]]:
    """What was met since the last start, and what before it; in the order of the list.

    Stack traces have no time of their own: they carry that of the line above them.
    """
    since: dict[str, Seen] = {}
    before: dict[str, Seen] = {}
    for when, text in _with_times(lines):
        if _START.search(text):
            for code, seen in since.items():
                earlier = before.setdefault(code, Seen())
                before[code] = Seen(earlier.count + seen.count, seen.last, seen.text, earlier.ports | seen.ports)
            since = {}
            continue
        for trouble in TROUBLES:
            if trouble.pattern.search(text):
                _count(since.setdefault(trouble.code, Seen()), when, text)
                break
    return _in_order(since), _in_order(before)


def _with_times(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    when = ""
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            yield when, line
            continue
        when = match[1] if _is_time(match[1]) else ""
        yield when, match[2]


def _is_time(text: str) -> bool:
    try:
        datetime.datetime.strptime(text, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - local time, as the log writes it
    except ValueError:
        return False
    return True


def _count(seen: Seen, when: str, text: str) -> None:
    seen.count += 1
    seen.last = when or seen.last
    seen.text = printable(text.strip(), 200)
    found = {int(number) for pair in _PORT.findall(text) for number in pair if number}
    seen.ports |= frozenset(port for port in found if 0 < port < 65_536)


def _in_order(found: dict[str, Seen]) -> list[tuple[Trouble, Seen]]:
    return [(trouble, found[trouble.code]) for trouble in TROUBLES if trouble.code in found]


CHECKS = (Check("wrapper-log", "Troubleshooting list in wrapper.log", Status.PROBLEM, wrapper_log),)
