"""What a writer gives: a text for people to read and keep, and the same as steps that can be run one by one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from plantgate.ports.firewall.rules import RuleSet

Argv: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One program to run, with arguments and what it reads, never through a shell.

    `unless`: skip the step if that program succeeds. `only_if`: skip it if that program fails.
    """

    argv: Argv
    stdin: str = ""
    unless: Argv = ()
    only_if: Argv = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps` is empty for systems whose text is applied by hand (Windows).

    `survey` is a program whose output `after` turns into steps that go before the others: what an earlier run left.
    """

    text: str
    steps: tuple[Step, ...] = ()
    survey: Argv = ()
    after: Callable[[str], tuple[Step, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of a writer. `outbound` also tells whether outgoing rules of an earlier run have to go."""

    rules: RuleSet
    outbound: bool = False
    zone: str = ""


def header(order: Order, title: str, *remarks: str, mark: str = "#") -> list[str]:
    """The comment lines on top of a text."""
    return [f"{mark} {line}" for line in (title, *remarks, *order.rules.remarks)]


def shell(steps: Sequence[Step]) -> str:
    """The steps as lines for sh."""
    return "".join(f"{_line(step)}\n" for step in steps)


def _line(step: Step) -> str:
    command = shlex.join(step.argv)
    if step.stdin:
        return f"{command} <<'END'\n{step.stdin}END"
    if step.unless:
        return f"{shlex.join(step.unless)} >/dev/null 2>&1 || {command}"
    if step.only_if:
        return f"if {shlex.join(step.only_if)} >/dev/null 2>&1; then {command}; fi"
    return command
