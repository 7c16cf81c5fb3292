"""Run a plan on this machine: argument lists and standard input only, one step after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from plantgate.errors import Refused, Unavailable, UsageError
from plantgate.ports.firewall.plan import Argv, Plan, Step
from plantgate.runtime.log import printable

_SECONDS = 60.0
# sudo and cron may leave out where administrators' programs are.
_PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def check(plan: Plan) -> None:
    """Raises UsageError (FW-131), Refused (FW-132) or Unavailable (FW-133) if `plan` can't be run here."""
    if not (plan.steps or plan.survey) or not sys.platform.startswith("linux"):
        raise UsageError(
            "FW-131",
            "--apply works on Linux, for nftables, iptables, ufw and firewalld",
            "print the rules, look at them and run them there yourself",
        )
    for program in dict.fromkeys(argv[0] for argv in _programs(plan)):
        _where(program)
    if os.geteuid() != 0:
        raise Refused("FW-132", "only root may change the firewall", "run the same command with sudo")


def complete(plan: Plan) -> tuple[Step, ...]:
    """All steps, with those that clear up what an earlier run left. Reads the firewall, changes nothing."""
    if plan.after is None:
        return plan.steps
    return (*plan.after(_run(Step(plan.survey))), *plan.steps)


def run(steps: tuple[Step, ...]) -> int:
    """Run the steps in order; gives how many were needed. Raises Unavailable (FW-134) at the first that fails."""
    count = 0
    for step in steps:
        if (step.unless and _succeeds(step.unless)) or (step.only_if and not _succeeds(step.only_if)):
            continue
        _run(step)
        count += 1
    return count


def _programs(plan: Plan) -> list[Argv]:
    return [*(step.argv for step in plan.steps), *([plan.survey] if plan.survey else [])]


def _where(program: str) -> str:
    found = shutil.which(program, path=_PLACES)
    if found is None:
        raise Unavailable(
            "FW-133", f"{program} is not installed here", "install it, or choose the firewall that this machine uses"
        )
    return found


def _call(argv: Argv, stdin: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_where(argv[0]), *argv[1:]],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=_SECONDS,
        env={**os.environ, "LC_ALL": "C", "PATH": _PLACES},
    )


def _succeeds(argv: Argv) -> bool:
    return _call(argv, "").returncode == 0


def _run(step: Step) -> str:
    try:
        done = _call(step.argv, step.stdin)
    except subprocess.TimeoutExpired:
        raise _failed(step, f"no end within {_SECONDS:g} s") from None
    if done.returncode != 0:
        raise _failed(step, printable(done.stderr.strip() or done.stdout.strip()))
    return done.stdout


def _failed(step: Step, reason: str) -> Unavailable:
    return Unavailable(
        "FW-134",
        f"{' '.join(step.argv)} failed: {reason}",
        "what was done before stays; the same command with --remove --apply undoes it",
    )
