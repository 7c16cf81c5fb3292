"""`plantgate doctor`: what is wrong with this gateway, or with another one as seen from here, and what to do.

Exit status: 0 when nothing worse than a warning was found, 1 when there is a problem, 2 for wrong use. A configuration
that has errors is a problem that is found (1): the other checks look at what could be read. A data directory or file
that is not there is wrong use (2).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    DataOption,
    JsonOption,
    Mark,
    SetOption,
    note,
    print_json,
    say,
    told,
)
from plantgate.cli.ports_source import XmlOption, local_ignition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plantgate.errors import PlantgateError
    from plantgate.ports.doctor.hardening import Step
    from plantgate.ports.doctor.report import Result
    from plantgate.ports.doctor.subject import Subject

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red", "not checked": "dim"}
_STEP_STYLES = {"met": "green", "not met": "yellow", "not checked": "dim"}
# What people copy: a shell would run the first half of a command that is folded.
_COMMAND = r"\b(?:plantgate|sudo|chmod|icacls) [^;,()]*|<entry [^;,()]*"
_TOGETHER = "\x00"
# Files that are not there, or are no data directory: nothing can be looked at.
_WRONG_USE = frozenset({"CFG-101", "CFG-102", "CFG-161", "CFG-162"})


def register(app: typer.Typer) -> None:
    """Add `doctor` to the commands of `app`."""
    app.command("doctor")(doctor)


def doctor(
    host: Annotated[
        str, typer.Argument(metavar="[HOST]", help="Look at this host from outside instead.", show_default=False)
    ] = "",
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    hardening: Annotated[
        bool, typer.Option("--hardening", help="Score the ten steps of the hardening guide instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find what is wrong, with evidence and the next step. Exit status: 0 fine or warnings, 1 a problem, 2 wrong use.

    Ports and who holds them, certificates, firewall, clock, disk, file rights, wrapper.log, the configuration. Works on
    an Ignition gateway too (--gateway-xml), and needs no running gateway. Changes nothing.
    """
    with told(as_json=as_json):
        _check_host(host, hardening)
        subject = _subject(data, gateway_xml, sets, outside=bool(host))
        results = _examine(subject, host, more=hardening)
    if hardening:
        _tell_hardening(results, as_json)
    elif as_json:
        print_json({"host": host or None, "checks": [_row(result) for result in results], **_counts(results)})
    else:
        _tell(results)
    if not hardening and any(result.status == "problem" for result in results):
        raise typer.Exit(EXIT_PROBLEM)


def _check_host(host: str, hardening: bool) -> None:
    """Raises UsageError for what is not one host."""
    from plantgate.errors import UsageError
    from plantgate.ports.hosts import parse_hosts

    if host and hardening:
        raise UsageError("DOC-121", "--hardening looks at this machine", "leave out the host")
    if host.startswith("-") or len(host) > 253:
        raise UsageError("DOC-122", f"{host[:40]!r} is not a host name", "give a name or an address")
    if host and parse_hosts([host]).count != 1:
        raise UsageError(
            "DOC-123",
            f"{host[:60]} is several hosts; the doctor looks at one",
            f"plantgate ports scan --probe {host[:60]} looks at many",
        )


def _subject(data: Path | None, gateway_xml: Path | None, sets: Sequence[str] | None, *, outside: bool) -> Subject:
    from plantgate.ports.doctor.subject import Subject
    from plantgate.runtime.clock import SystemClock

    if data is None and gateway_xml is None and not outside:
        gateway_xml = local_ignition()
    configuration, errors = _load(data, gateway_xml, sets or ())
    named = gateway_xml or (configuration.gateway_xml if data is None else None)
    return Subject(configuration, SystemClock(), data, named, errors)


def _load(data: Path | None, gateway_xml: Path | None, sets: Sequence[str]) -> tuple[Any, Sequence[PlantgateError]]:
    """The configuration and its errors; with errors what can still be read. Raises ConfigError for wrong use."""
    from plantgate.config.document import Configuration
    from plantgate.config.load import load
    from plantgate.config.problems import ConfigErrors
    from plantgate.drivers.modbus import device_address_problem, parse_address
    from plantgate.errors import ConfigError
    from plantgate.tags.derived import formula_inputs

    try:
        found = load(
            data,
            sets,
            gateway_xml=gateway_xml,
            address_check=device_address_problem,
            modbus_address=parse_address,
            formula_check=formula_inputs,
        )
    except ConfigError as error:
        errors: Sequence[ConfigError] = error.errors if isinstance(error, ConfigErrors) else (error,)
        if any(item.code in _WRONG_USE for item in errors):
            raise
    else:
        return found, ()
    xml = gateway_xml or (data / "gateway.xml" if data is not None else None)
    try:
        return load(None, (), {}, gateway_xml=xml if xml is not None and xml.exists() else None), errors
    except ConfigError:
        return Configuration(directory=data), errors


def _examine(subject: Subject, host: str, *, more: bool) -> Sequence[Result]:
    import asyncio

    from plantgate.ports.doctor import exposure, local, outside
    from plantgate.ports.doctor.run import examine
    from plantgate.ports.scan import RESOLVE_TIMEOUT, resolve

    async def work() -> Sequence[Result]:
        if host:
            await resolve(host, RESOLVE_TIMEOUT)  # a name that nobody knows is wrong use, and not six findings
            return await examine(outside.checks(host.strip("[]")), subject, deadline=outside.DEADLINE_SECONDS)
        return await examine((*local.CHECKS, *(exposure.CHECKS if more else ())), subject)

    return asyncio.run(work())


def _row(result: Result) -> dict[str, Any]:
    return {
        "code": result.code,
        "title": result.title,
        "severity": result.severity,
        "status": result.status,
        "evidence": list(result.evidence),
        "next_step": result.next_step,
    }


def _counts(results: Sequence[Result]) -> dict[str, int]:
    found = [str(result.status) for result in results]
    return {
        "problems": found.count("problem"),
        "warnings": found.count("warning"),
        "ok": found.count("ok"),
        "not_checked": found.count("not checked"),
    }


def _tell(results: Sequence[Result]) -> None:
    for result in results:
        _line(Mark(str(result.status), _STYLES[result.status]), f"{result.code}: {result.title}", 11)
        for line in result.evidence:
            _below(line, 13)
        for step in filter(None, result.next_step.split("\n")):
            _below(f"next: {step}", 13)
    counts = _counts(results)
    bad = ", ".join(result.code for result in results if result.status == "problem")
    _below(
        f"{_count(counts['problems'], 'problem')}{f' ({bad})' if bad else ''}, "
        f"{_count(counts['warnings'], 'warning')}, {counts['ok']} fine, {counts['not_checked']} not checked",
        0,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _line(mark: Mark, text: str, width: int) -> None:
    """A line with a coloured word in front on a colour terminal."""
    import sys

    word = mark.text.ljust(width)
    if not sys.stdout.isatty():
        say(f"{word}  {text}")
        return
    from rich.console import Console
    from rich.text import Text

    rest = _fitted(f"{word}  {text}", 0, len(word) + 2)[len(word) :]
    Console().print(Text.assemble((word, mark.style), rest), soft_wrap=True)


def _below(text: str, indent: int) -> None:
    """Text under a line: as it is in a pipe, wrapped between words on a terminal."""
    import sys

    say(_fitted(text, indent, indent + 2) if sys.stdout.isatty() else " " * indent + text)


def _fitted(text: str, first: int, others: int) -> str:
    """`text` as wide as the terminal, indented; on a narrow one the indents shrink. A command to type stays whole."""
    import re
    import shutil
    import textwrap

    columns = max(20, shutil.get_terminal_size().columns)
    first, others = (min(indent, columns // 10) for indent in (first, others))
    joined = re.sub(_COMMAND, lambda command: command[0].replace(" ", _TOGETHER), text)
    wrapped = textwrap.fill(
        joined,
        columns,
        initial_indent=" " * first,
        subsequent_indent=" " * others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(_TOGETHER, " ")


def _tell_hardening(results: Sequence[Result], as_json: bool) -> None:
    from plantgate.ports.doctor.hardening import score, steps

    found = steps(results)
    met, seen, unseen = score(found)
    if as_json:
        print_json({"met": met, "seen": seen, "not_checked": unseen, "steps": [_step(step) for step in found]})
        return
    for step in found:
        _below(f"{step.number:>2}  {step.title}: {f'{step.met} of {step.seen}' if step.seen else 'not checked'}", 0)
        for each in step.criteria:
            _line(Mark(f"    {each.met}", _STEP_STYLES[each.met]), each.counts, 15)
            _below(f"saw: {each.saw}" if each.check else f"why: {each.saw}", 19)
            if each.met == "not met":
                for line in filter(None, each.next_step.split("\n")):
                    _below(f"next: {line}", 19)
    _below(f"hardening: {met} of {seen} criteria met; {unseen} more can't be seen from here", 0)
    if met < seen:
        note("what is not met is advice to weigh, not an error: the exit status stays 0")


def _step(step: Step) -> dict[str, Any]:
    return {
        "step": step.number,
        "title": step.title,
        "met": step.met,
        "seen": step.seen,
        "criteria": [
            {
                "counts": each.counts,
                "check": each.check or None,
                "met": each.met,
                "saw": each.saw,
                "next_step": each.next_step,
            }
            for each in step.criteria
        ],
    }
