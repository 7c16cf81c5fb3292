"""Checks run side by side: one that hangs, fails or has a defect costs itself and nothing else."""

from __future__ import annotations

import asyncio
import threading

import pytest

from plantgate.config.document import Configuration
from plantgate.errors import PeerError
from plantgate.limits import LIMITS
from plantgate.ports.doctor import exposure, local, outside
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, together, warning, worst
from plantgate.ports.doctor.run import examine
from plantgate.ports.doctor.subject import Once, Subject
from plantgate.runtime.clock import SystemClock


def _subject() -> Subject:
    return Subject(Configuration(), SystemClock())


def _check(code: str, look: object) -> Check:
    return Check(code, code, Status.PROBLEM, look)  # type: ignore[arg-type]


async def test_each_check_ends_and_the_order_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def hangs(_: Subject) -> Finding:
        release.wait(30)
        return ok("late")

    async def waits(_: Subject) -> Finding:
        await asyncio.Event().wait()
        return ok("never")

    def forbidden(_: Subject) -> Finding:
        raise PermissionError(13, "Permission denied")

    def peer(_: Subject) -> Finding:
        raise PeerError("X-1", "it \x1b[31m lied", "ask again")

    def defect(_: Subject) -> Finding:
        raise KeyError("nonsense")

    checks = [
        _check(str(index), look)
        for index, look in enumerate((hangs, waits, forbidden, peer, defect, lambda _: ok("x")))
    ]
    results = await examine(checks, _subject(), deadline=0.05)
    release.set()
    while any(thread.name == "doctor-0" for thread in threading.enumerate()):
        await asyncio.sleep(0.001)
    assert [result.code for result in results] == ["0", "1", "2", "3", "4", "5"]
    assert [result.status for result in results] == [*[Status.NOT_CHECKED] * 5, Status.OK]
    assert "no answer within" in results[0].evidence[0]
    assert "Permission denied" in results[2].evidence[0]
    assert results[3].evidence == ("it \\x1b[31m lied",)
    assert "KeyError" in results[4].evidence[0]
    assert "report it" in results[4].next_step


async def test_no_checks_is_no_results() -> None:
    assert await examine([], _subject()) == []


def test_codes_are_unique_and_speak() -> None:
    checks = [*local.CHECKS, *exposure.CHECKS, *outside.checks("host")]
    assert len({check.code for check in checks}) == len(checks)
    assert all(check.title and check.severity in {Status.WARNING, Status.PROBLEM} for check in checks)
    assert LIMITS["DOCTOR_LOG_BYTES"].value >= LIMITS["DOCTOR_FILE_BYTES"].value


def test_findings_together_are_the_worst_of_them() -> None:
    found = together(
        [ok("a"), problem("b", next_step="mend"), warning("c", next_step="mend"), not_checked("d")], "none"
    )
    assert found == Finding(Status.PROBLEM, ("b", "c", "d", "a"), "mend")
    assert together([], "none") == ok("none")
    assert worst([]) is Status.OK
    assert worst([Status.WARNING, Status.NOT_CHECKED]) is Status.WARNING


def test_what_is_shared_is_asked_once() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    once = Once(ask)
    threads = [threading.Thread(target=once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (once(), asked) == (1, [1])
