"""The troubleshooting list, in our log and in Ignition's."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantgate.config.document import Configuration
from plantgate.limits import DOCTOR_LOG_BYTES
from plantgate.ports.doctor.logs import TROUBLES, scan, tail, wrapper_log
from plantgate.ports.doctor.report import Status
from plantgate.ports.doctor.subject import Subject
from plantgate.runtime.clock import SystemClock

START = "STATUS | wrapper  | 2025/03/14 08:49:20 | --> Wrapper Started as Daemon"
IGNITION = f"""\
INFO   | jvm 1    | 2025/03/13 08:00:00 | E [Client] [07:00:00]: java.net.ConnectException: Connection timed out
{START}
INFO   | jvm 1    | 2025/03/14 08:49:25 | E [c.i.i.g.WebServerManager      ] [07:49:25]: Error starting web server
INFO   | jvm 1    | 2025/03/14 08:49:25 | java.net.BindException: Address already in use: bind port 8088
INFO   | jvm 1    | 2025/03/14 08:49:26 | \tat sun.nio.ch.Net.bind0(Native Method)
INFO   | jvm 1    | 2025/03/14 08:49:27 | W [g.Connection                  ] [07:49:27]: SSL handshake failed
javax.net.ssl.SSLHandshakeException: PKIX path building failed
INFO   | jvm 1    | 2025/03/14 08:50:00 | I [ClockDriftDetector] [07:50:00]: Clock drift, degraded performance
"""


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("java.net.BindException: Address already in use: bind", "address-in-use"),
        (
            "Only one usage of each socket address (protocol/network address/port) is normally permitted",
            "address-in-use",
        ),
        ('reason="port 39043 is taken: 127.0.0.1:39043 is already in use, held by python"', "address-in-use"),
        ("java.net.BindException: Permission denied", "bind-refused"),
        ('reason="this user may not listen on 127.0.0.1:502"', "bind-refused"),
        ("javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure", "handshake-failed"),
        ("SSL handshake failed", "handshake-failed"),
        ("java.net.SocketTimeoutException: connect timed out", "timed-out"),
        ('reason="10.0.0.7:502 did not answer within 2 s" code=NET-113', "timed-out"),
        ("java.net.ConnectException: Connection refused (Connection refused)", "refused"),
        ("java.net.UnknownHostException: plc7", "unknown-host"),
        ("No space left on device", "disk-full"),
        ("java.lang.OutOfMemoryError: Java heap space", "out-of-memory"),
        ("Too many open files", "too-many-files"),
        ("[SQLITE_CORRUPT] database disk image is malformed", "database-damaged"),
    ],
)
def test_each_line_of_the_list_is_known(line: str, code: str) -> None:
    now, _ = scan([f"INFO   | jvm 1    | 2025/03/14 08:49:25 | E [x] [07:49:25]: {line}"])
    assert [(trouble.code, seen.last) for trouble, seen in now] == [(code, "2025/03/14 08:49:25")]
    assert all(trouble.advice for trouble in TROUBLES)


def test_an_ignition_log_since_its_last_start() -> None:
    now, before = scan(IGNITION.splitlines())
    assert [(trouble.code, seen.count) for trouble, seen in now] == [
        ("address-in-use", 1),
        ("handshake-failed", 2),
        ("clock-drift", 1),
    ]
    assert now[0][1].ports == {8088}
    assert now[1][1].last == "2025/03/14 08:49:27", "a stack trace has the time of the line above it"
    assert [(trouble.code, seen.count) for trouble, seen in before] == [("timed-out", 1)]


def test_the_log_of_an_ignition_is_beside_its_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "wrapper.log").write_text(IGNITION, encoding="utf-8")
    subject = Subject(Configuration(), SystemClock(), None, tmp_path / "data" / "gateway.xml")
    found = wrapper_log(subject)
    assert found.status is Status.PROBLEM
    assert found.evidence[0].startswith("Address already in use (port 8088), 1 x, last 2025/03/14 08:49:25")
    assert "stop it or change the port" in found.next_step


def test_a_restart_that_went_well_clears_it(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    subject = Subject(Configuration(), SystemClock(), tmp_path)
    assert wrapper_log(subject) == wrapper_log(subject)
    assert wrapper_log(subject).status is Status.NOT_CHECKED
    ours = (
        "INFO   | plantgate | 2026/11/20 20:32:11 | I [gateway                       ] [20:32:11]: starting gateway=x"
    )
    (logs / "wrapper.log").write_text(f"{IGNITION}{ours}\n", encoding="utf-8")
    found = wrapper_log(subject)
    assert found.status is Status.OK
    assert "Address already in use 1 x" in found.evidence[1]


def test_only_the_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    file = tmp_path / "wrapper.log"
    file.write_bytes(b"Address already in use\n" * 10 + b"x" * DOCTOR_LOG_BYTES + b"\nfirst\nlast \xff\n")
    assert tail(file) == ["first", "last \ufffd"]


def test_nothing_a_log_says_reaches_the_terminal_raw() -> None:
    now, _ = scan(["connection refused \x1b[2J" + "x" * 10_000])
    assert "\x1b" not in now[0][1].text
    assert len(now[0][1].text) < 300
