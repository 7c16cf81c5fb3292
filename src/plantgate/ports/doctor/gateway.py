"""Checks: is the configuration right, and does the gateway run?"""

from __future__ import annotations

import json
from dataclasses import dataclass

import psutil

from plantgate.ports.doctor import asking
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, warning
from plantgate.ports.doctor.subject import Subject
from plantgate.ports.findings import Finding as Proof
from plantgate.ports.running import running_gateway
from plantgate.runtime.log import printable

_SHOWN_ERRORS = 20


def configuration(subject: Subject) -> Finding:
    """Every error and warning of the configuration files."""
    named = subject.directory or subject.gateway_xml
    if subject.errors:
        lines = [printable(error.message, 300) for error in subject.errors[:_SHOWN_ERRORS]]
        more = len(subject.errors) - len(lines)
        hints = dict.fromkeys(error.hint for error in subject.errors if error.hint)
        return problem(
            *lines,
            *([f"and {more} more"] if more else []),
            "the other checks use what could be read, and the defaults",
            next_step="; ".join(list(hints)[:3]) or "correct the lines that are named",
        )
    if subject.configuration.warnings:
        return warning(*subject.configuration.warnings, next_step="correct the lines that are named")
    return ok(f"{named}: no errors" if named else "no files named: the defaults are looked at")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process of the lock file; `user` is None where the system hides it."""

    pid: int
    user: str | None


def holder_of(subject: Subject) -> Holder | None:
    """Who runs on the data directory; None if nobody does."""
    if subject.directory is None:
        return None
    found = running_gateway(subject.directory, ())
    if found is None:
        return None
    try:
        return Holder(found.pid, psutil.Process(found.pid).username())
    except (psutil.Error, KeyError):  # KeyError: a user id without a name
        return Holder(found.pid, None)


async def running(subject: Subject) -> Finding:
    """The lock of the data directory, and what /StatusPing says."""
    holder = holder_of(subject)
    seen = f"pid {holder.pid} holds the data directory" if holder is not None else ""
    ports = [
        (port, tls)
        for port, tls in (
            (subject.configuration.web_server.port, False),
            (subject.configuration.web_server.ssl_port, True),
        )
        if port
    ]
    if not ports:
        evidence = [seen] if seen else []
        return Finding(Status.NOT_CHECKED, (*evidence, "HTTP and HTTPS are off: /StatusPing can't be asked"))
    answers: list[str] = []
    for port, tls in ports:
        state, words = await _ping(subject, port, tls=tls)
        answers.append(words)
        if state:
            return _answered(subject, state, seen, words, expected=holder is not None or subject.directory is None)
    if holder is not None:
        return problem(
            seen,
            *answers,
            next_step="see the end of logs/wrapper.log, and the check ports-taken; then restart the gateway",
        )
    start = subject.command("run") if subject.directory is not None else "start the gateway's service"
    return warning("the gateway does not run", *answers, next_step=f"start it: {start}")


def _answered(subject: Subject, state: str, seen: str, words: str, *, expected: bool) -> Finding:
    evidence = tuple(filter(None, (seen, words)))
    if not expected:
        return problem(
            *evidence,
            f"but no gateway holds {subject.directory}: another one answers there",
            next_step=f"stop the other gateway or change the port: {subject.command('ports', 'list')}",
        )
    if state == "RUNNING":
        return ok(*evidence)
    return warning(*evidence, next_step="wait a moment and look again; if it stays, see the end of wrapper.log")


async def _ping(subject: Subject, port: int, *, tls: bool) -> tuple[str, str]:
    """The state of /StatusPing (empty if nobody said one), and a sentence."""
    found = await asking.gateway(subject, port, tls=tls)
    where = f"{'https' if tls else 'http'} port {port}"
    state, details = str(found.facts.get("state", "")), found.facts.get("details")
    if not state or found.finding is not Proof.EXPECTED:
        return "", f"{where}: {found.verdict}"
    return state, f"{where}: /StatusPing says {state}{f' ({details})' if details else ''}"


def sign_in_links(subject: Subject) -> Finding:
    """Links that were made and not used: each is a key that lies about until its day is over."""
    if subject.directory is None:
        return not_checked("there is no plantgate data directory: Ignition has accounts of its own")
    folder = subject.directory / "state" / "sign-in"
    now, waiting, over = subject.clock.wall(), 0, 0
    try:
        files = sorted(folder.glob("*.json"))
    except OSError as error:
        return not_checked(f"{folder} can't be read ({printable(error)})", "try again as the gateway's user")
    for file in files:
        try:
            until = int(json.loads(file.read_bytes())["until"])
        except (OSError, ValueError, KeyError, TypeError):
            over += 1
            continue
        waiting, over = (waiting + 1, over) if until > now else (waiting, over + 1)
    if over:
        return warning(
            f"{over} old or unreadable sign-in link{'s' if over > 1 else ''} in {folder}, {waiting} that can be used",
            next_step=f"the next link clears them: {subject.command('user', 'link')}",
        )
    if waiting > 1:
        return warning(
            f"{waiting} sign-in links wait to be used; each signs in once",
            next_step=f"delete those that nobody needs: {folder}",
        )
    return ok(f"{waiting or 'no'} sign-in link{'' if waiting == 1 else 's'} waiting to be used")


CHECKS = (
    Check("configuration", "Configuration files", Status.PROBLEM, configuration),
    Check("gateway-running", "The gateway runs and answers", Status.PROBLEM, running),
    Check("sign-in-links", "Unused sign-in links", Status.WARNING, sign_in_links),
)
