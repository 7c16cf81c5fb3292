"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from plantgate.ports.doctor.subject import Subject


class Status(StrEnum):
    """In the order of how bad it is. `not checked` says why in the evidence: it is never the same as `ok`."""

    OK = "ok"
    NOT_CHECKED = "not checked"
    WARNING = "warning"
    PROBLEM = "problem"


_RANK = {status: rank for rank, status in enumerate(Status)}


@dataclass(frozen=True, slots=True)
class Finding:
    """`evidence` is what was seen, one fact a line; `next_step` what to do, one step a line, or empty."""

    status: Status
    evidence: tuple[str, ...]
    next_step: str = ""


Look: TypeAlias = Callable[[Subject], Finding] | Callable[[Subject], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """`code` is stable and short (`ports-taken`). `severity` is the worst that `look` may find.

    `look` may block (it gets a thread of its own) or be a coroutine function. It may raise PlantgateError, OSError or
    psutil.Error: the check is `not checked` then, with that reason.
    """

    code: str
    title: str
    severity: Status
    look: Look


@dataclass(frozen=True, slots=True)
class Result:
    """A check with its finding."""

    code: str
    title: str
    severity: Status
    status: Status
    evidence: tuple[str, ...]
    next_step: str

    @classmethod
    def of(cls, check: Check, finding: Finding) -> Result:
        return cls(check.code, check.title, check.severity, finding.status, finding.evidence, finding.next_step)


def ok(*evidence: str) -> Finding:
    return Finding(Status.OK, evidence)


def warning(*evidence: str, next_step: str) -> Finding:
    return Finding(Status.WARNING, evidence, next_step)


def problem(*evidence: str, next_step: str) -> Finding:
    return Finding(Status.PROBLEM, evidence, next_step)


def not_checked(why: str, next_step: str = "") -> Finding:
    return Finding(Status.NOT_CHECKED, (why,), next_step)


def worst(statuses: Iterable[Status]) -> Status:
    return max(statuses, key=_RANK.__getitem__, default=Status.OK)


def together(findings: Sequence[Finding], otherwise: str) -> Finding:
    """Several findings of one check as one: the worst first, its next step the one to take. `otherwise` if none."""
    ordered = sorted(findings, key=lambda finding: _RANK[finding.status], reverse=True)
    if not ordered:
        return ok(otherwise)
    steps = dict.fromkeys(finding.next_step for finding in ordered if finding.next_step)
    evidence = tuple(line for finding in ordered for line in finding.evidence)
    return Finding(ordered[0].status, evidence, "\n".join(steps))
