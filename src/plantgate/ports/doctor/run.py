"""Run checks at the same time, each with a deadline; none can hold up or break another."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

import psutil

from plantgate.errors import PlantgateError
from plantgate.ports.doctor.report import Check, Finding, Result, not_checked
from plantgate.ports.doctor.subject import Subject
from plantgate.runtime.detached import detached
from plantgate.runtime.log import printable
from plantgate.runtime.tasks import TaskGroup

DEADLINE_SECONDS = 8.0


async def examine(checks: Sequence[Check], subject: Subject, *, deadline: float = DEADLINE_SECONDS) -> list[Result]:
    """The result of each check, in the order given, after `deadline` seconds at the latest."""
    findings: dict[str, Finding] = {}
    group = TaskGroup("doctor", subject.clock)

    async def one(check: Check) -> None:
        findings[check.code] = await _look(check, subject, deadline)

    try:
        tasks = [group.spawn(check.code, partial(one, check)) for check in checks]
        if tasks:
            await asyncio.wait(tasks)
    finally:
        await group.stop()
    crashed = {crash.task.rpartition("/")[2]: crash.text for crash in group.crashes}
    return [Result.of(check, findings.get(check.code) or _defect(crashed.get(check.code, ""))) for check in checks]


async def _look(check: Check, subject: Subject, deadline: float) -> Finding:
    try:
        async with asyncio.timeout(deadline):
            if inspect.iscoroutinefunction(check.look):
                return await cast("Callable[[Subject], Awaitable[Finding]]", check.look)(subject)
            blocking = cast("Callable[[Subject], Finding]", check.look)
            return await detached(f"doctor-{check.code}", blocking, subject)
    except TimeoutError:
        return not_checked(f"no answer within {deadline:g} s", "is a disk, a name server or a program hanging?")
    except PlantgateError as error:
        return not_checked(printable(error.message), error.hint)
    except (OSError, psutil.Error) as error:
        return not_checked(printable(error), "may this user see it? Try again as administrator")


def _defect(text: str) -> Finding:
    return not_checked(f"the check itself failed ({text})", "a defect of plantgate: please report it")
