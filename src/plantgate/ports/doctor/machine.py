"""Checks on the machine: its clock, its disk."""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path

from plantgate.limits import DOCTOR_FILES
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, warning
from plantgate.ports.doctor.subject import Subject
from plantgate.runtime.detached import detached
from plantgate.runtime.log import printable

WARNING_PERCENT, PROBLEM_PERCENT = 80, 95
# No computer is right about a year before this program was written, or long after it.
_FIRST_YEAR, _LAST_YEAR = 2025, 2060
_SAMPLE_SECONDS = 0.5
_STEP_US = 100_000
_FUTURE_US = 120_000_000
_GIB = 1 << 30


async def clock(subject: Subject) -> Finding:
    """A believable year, no jumps, nothing on disk from the future, and what the system says of its time service."""
    started, mono = subject.clock.wall(), subject.clock.mono()
    now = datetime.datetime.fromtimestamp(started / 1e6, datetime.UTC)
    evidence = [f"it is {now:%Y-%m-%d %H:%M:%S} UTC"]
    step = "set the clock and switch a time service on (NTP)"
    if not _FIRST_YEAR <= now.year <= _LAST_YEAR:
        return problem(*evidence, "that year can't be: certificates and history will be wrong", next_step=step)
    await subject.clock.sleep(_SAMPLE_SECONDS)
    jump = (subject.clock.wall() - started) - round((subject.clock.mono() - mono) * 1e6)
    if abs(jump) > _STEP_US:
        return warning(
            *evidence,
            f"the wall clock moved {jump / 1e6:+.1f} s against the steady one within {_SAMPLE_SECONDS:g} s",
            next_step="two time services at work, or a virtual machine that was paused? Keep one service",
        )
    if (newest := await detached("doctor-newest", _newest, subject.directory)) > subject.clock.wall() + _FUTURE_US:
        ahead = (newest - subject.clock.wall()) / 60e6
        return warning(
            *evidence, f"a file of the data directory is {ahead:.0f} minutes from the future", next_step=step
        )
    synchronised = await detached("doctor-timedatectl", _synchronised, subject)
    if synchronised is False:
        return warning(*evidence, "timedatectl: not synchronised", next_step="sudo timedatectl set-ntp true")
    evidence.append("timedatectl: synchronised" if synchronised else "whether a time service keeps it: not told here")
    return ok(*evidence)


def _newest(directory: Path | None) -> int:
    """The newest change of a file that only a running gateway writes, microseconds UTC; 0 if there is none."""
    if directory is None:
        return 0
    newest = 0
    for file in (directory / "logs" / "wrapper.log", directory / "state" / "gateway.lock"):
        try:
            newest = max(newest, file.stat().st_mtime_ns // 1_000)
        except OSError:
            continue
    return newest


def _synchronised(subject: Subject) -> bool | None:
    """What systemd says; None where it is silent."""
    if subject.system.platform != "linux":
        return None
    said = subject.system.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    if said is None or said.status != 0:
        return None
    return {"yes": True, "no": False}.get(said.text.strip())


def disk(subject: Subject) -> Finding:
    """How full the disk of the data directory is: bytes and, where there is such a thing, inodes."""
    folder = subject.directory or (subject.gateway_xml.parent if subject.gateway_xml else None)
    if folder is None:
        return not_checked("no data directory was named", "plantgate doctor --data DIR")
    usage = shutil.disk_usage(folder)
    whole = max(1, usage.used + usage.free)  # without what is kept for root
    percent = 100 * usage.used / whole
    evidence = f"{folder}: {percent:.0f} % of {whole / _GIB:.1f} GiB used, {usage.free / _GIB:.1f} GiB free"
    inodes = _inodes(folder)
    step = "free space: old backups and logs first; or shorten [history] keep"
    if percent >= PROBLEM_PERCENT:
        return problem(evidence, "a full disk stops history and the badge journal", next_step=step)
    if inodes >= PROBLEM_PERCENT:
        return problem(evidence, f"{inodes:.0f} % of its inodes are used", next_step="delete small files on that disk")
    return warning(evidence, next_step=step) if percent >= WARNING_PERCENT else ok(evidence)


def _inodes(folder: Path) -> float:
    """Percent of inodes used; 0 where the file system does not count them."""
    if not hasattr(os, "statvfs"):
        return 0.0
    facts = os.statvfs(folder)
    return 100 * (1 - facts.f_favail / facts.f_files) if facts.f_files else 0.0


def history(subject: Subject) -> Finding:
    """How large history and journals have become, beside what is free."""
    if subject.directory is None:
        return not_checked("there is no plantgate data directory: Ignition keeps history in its databases")
    state = subject.directory / "state"
    if not state.is_dir():
        return not_checked("there is no state/ yet: the first start makes it")
    sizes: dict[str, int] = {}
    for _, file in zip(range(DOCTOR_FILES), state.glob("*.sqlite*"), strict=False):
        name = file.name.partition(".")[0]
        sizes[name] = sizes.get(name, 0) + file.stat().st_size
    total, free = sum(sizes.values()), shutil.disk_usage(state).free
    parts = ", ".join(f"{name} {_size(size)}" for name, size in sorted(sizes.items())) or "no files yet"
    keep = subject.configuration.history.keep / 86_400
    evidence = f"{parts}; points are kept for {keep:g} days; {_size(free)} are free"
    if total > free and total > _GIB:
        return warning(
            evidence,
            "history is larger than what is left of the disk",
            next_step="shorten [history] keep, or move the data directory to a larger disk",
        )
    return ok(printable(evidence, 400))


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / (1 << 20):.1f} MiB"


CHECKS = (
    Check("clock", "Clock of this machine", Status.PROBLEM, clock),
    Check("disk-space", "Space on the disk of the data directory", Status.PROBLEM, disk),
    Check("history-size", "Size of history and journals", Status.WARNING, history),
)
