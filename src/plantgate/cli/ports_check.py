"""`plantgate ports explain` and `plantgate ports check`; `register` also adds `set` and `confirm`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli import ports_set
from plantgate.cli.common import (
    EXIT_PROBLEM,
    Cell,
    Column,
    DataOption,
    JsonOption,
    Mark,
    SetOption,
    note,
    print_json,
    print_table,
    say,
    told,
)
from plantgate.cli.ports_source import XmlOption, source_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plantgate.config.document import Configuration
    from plantgate.ports.check import Finding
    from plantgate.ports.explain import Explanation

_HEADS = ("name", Column("port", "right"), "address", "state", "what", Column("set by", optional=True))
_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}
_TITLES = {"windows": "Windows", "linux": "Linux", "macos": "macOS"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file, and of `ports_set`, to `plantgate ports`."""
    app.command("explain")(explain_port)
    app.command("check")(check_ports)
    ports_set.register(app)


def explain_port(
    wanted: Annotated[str, typer.Argument(metavar="PORT|NAME", help="A port number, or a name such as http.")],
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a port is for, who usually takes it, how to test and to change it, whom to tell."""
    with told(as_json=as_json):
        source = source_for(data, gateway_xml, sets)
        from plantgate.ports.explain import explain

        found = explain(wanted, source.configuration, source.gateway_xml if source.ignition else None)
    _warn(source.configuration)
    if as_json:
        print_json([_explained(each) for each in found])
        return
    for index, each in enumerate(found):
        if index:
            say()
        for line in _lines(each):
            say(line)


def check_ports(
    data: DataOption = None, gateway_xml: XmlOption = None, sets: SetOption = None, as_json: JsonOption = False
) -> None:
    """Try to open every port that is configured: who stands in the way, and the command that resolves it.

    Exit status 0: all can be opened, 1: one can't, 2: the configuration is wrong.
    """
    with told(as_json=as_json):
        source = source_for(data, gateway_xml, sets)
        from plantgate.ports.check import Level, check

        found = check(source.configuration, source.gateway_xml if source.ignition else None)
    _warn(source.configuration)
    problems = [each for each in found if each.level is Level.PROBLEM]
    if as_json:
        print_json({"ok": not problems, "ports": [_finding(each) for each in found]})
    else:
        print_table(_HEADS, [_cells(each) for each in found])
        for each in found:
            if each.level is not Level.OK:
                _advise(each)
        say(f"{len(problems)} of {len(found)} ports have a problem" if problems else "every port can be opened")
    if problems:
        raise typer.Exit(EXIT_PROBLEM)


def _warn(configuration: Configuration) -> None:
    for sentence in configuration.warnings:
        note(f"warning: {sentence}")


# explain


def _explained(each: Explanation) -> dict[str, Any]:
    configured = each.configured
    endpoint = None
    if configured is not None:
        endpoint = {
            "host": configured.host,
            "port": configured.port,
            "enabled": configured.enabled,
            "key": configured.key,
            "source": configured.source,
        }
    change = None if each.change is None else asdict(each.change)
    return {
        "port": each.port,
        "name": each.name,
        "instance": each.instance,
        "title": each.title,
        "transport": each.transport,
        "direction": each.direction,
        "protocol": each.protocol,
        "purpose": each.purpose,
        "required": each.required,
        "ignition": each.ignition,
        "configured": endpoint,
        "used_by": list(each.used_by),
        "suspects": list(each.suspects),
        "tests": {platform: list(commands) for platform, commands in each.tests.items()},
        "change": change,
        "firewall": list(each.firewall),
        "clients": list(each.clients),
        "nearest": each.nearest,
    }


def _lines(each: Explanation) -> Iterator[str]:
    name = f"{each.name} {each.instance}".strip()
    yield f"{each.port}/{each.transport}  {each.title}" + (f"  ({name})" if name else "")
    yield f"  for           {each.purpose}"
    yield f"  required      {each.required}"
    if each.configured is not None:
        state = "on" if each.configured.enabled else "off"
        yield f"  configured    {each.configured.key}, {state}, from {each.configured.source}"
    yield f"  in Ignition   {each.ignition}"
    if each.nearest:
        yield f"  note          {each.nearest}"
    yield from _section("depends on it", each.used_by)
    yield from _section("usually taken by", each.suspects)
    yield "  test by hand"
    for platform in _own_first(each.tests):
        yield f"    {_TITLES[platform]}"
        yield from (f"      {command}" for command in each.tests[platform])
    yield from _change(each)
    yield from _section("firewall", each.firewall)
    yield from _section("clients to tell when it changes", each.clients)


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}"
        yield from (f"    {line}" for line in lines)


def _own_first(platforms: Any) -> list[str]:
    """This machine's system is the likeliest to be needed."""
    own = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    return sorted(platforms, key=lambda platform: platform != own)


def _change(each: Explanation) -> Iterator[str]:
    if each.change is None:
        return
    yield f"  change it in {each.change.file}"
    yield from (f"    now  {line}" for line in each.change.before.splitlines())
    yield from (f"    new  {line}" for line in each.change.after.splitlines())
    if each.change.command:
        yield f"    by command: {each.change.command}"
    yield f"    in Ignition: {each.change.in_ignition}"


# check


def _finding(each: Finding) -> dict[str, Any]:
    endpoint, owner = each.endpoint, each.owner
    return {
        "name": endpoint.name,
        "host": endpoint.host,
        "port": endpoint.port,
        "key": endpoint.key,
        "source": endpoint.source,
        "level": str(each.level),
        "state": str(each.state),
        "code": each.code,
        "message": each.message,
        "next_step": each.next_step,
        "owner": None if owner is None else asdict(owner),
        "holder": None if each.holder is None else str(each.holder),
        "suspects": list(each.suspects),
        "alternative": each.alternative,
        "command": each.command,
    }


def _cells(each: Finding) -> list[Cell]:
    endpoint = each.endpoint
    state = Mark(str(each.state), _STYLES[each.level])
    return [endpoint.name, endpoint.port, endpoint.host, state, each.message, endpoint.source]


def _advise(each: Finding) -> None:
    say(f"{each.level}: {each.endpoint.label} {each.endpoint.port}: {each.message} [{each.code}]")
    if each.owner is not None and each.owner.command:
        say(f"  command: {each.owner.command}")
    if each.owner is None and each.suspects:
        say(f"  usually: {'; '.join(each.suspects)}")
    say(f"  next: {each.next_step}")
    if each.command:
        say(f"  {each.command}")
