"""`plantgate ports set` and `ports confirm`: another port, in the file and in the gateway that runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import DataOption, JsonOption, RequiredDataOption, note, print_json, say, told
from plantgate.cli.ports_source import Source, XmlOption, source_for
from plantgate.errors import PlantgateError, Unavailable, UsageError

if TYPE_CHECKING:
    from plantgate.ports.owners import Listening
    from plantgate.ports.running import Running
    from plantgate.ports.settings import FileEdit, Setting

_LIVE = ("http", "https", "modbus_server")


def register(app: typer.Typer) -> None:
    # A port of -5 is a wrong number, not an unknown option.
    app.command("set", context_settings={"ignore_unknown_options": True})(set_port)
    app.command("confirm")(confirm_port)


def set_port(
    name: Annotated[str, typer.Argument(help="http, https, modbus_server, opcua, reader.NAME, device.NAME ...")],
    port: Annotated[str, typer.Argument(help="The new port; 0 turns a listener off.")],
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change, make none.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also a port that another process has; only the file changes.")
    ] = False,
    revert_after: Annotated[
        str | None,
        typer.Option(metavar="TIME", help='Take it back after e.g. "5m" unless confirmed.', show_default=False),
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Keep this port, which is on trial.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Change a port: the file keeps everything else byte for byte, a gateway that runs moves http, https and its
    Modbus server at once.

    The new port is open before the old one closes. With --revert-after nothing is written until `ports confirm`.
    """
    with told(as_json=as_json):
        number = _number(port)
        if confirm:
            _tell(_confirmed(_required(data), name, number), as_json)
            return
        work = _prepare(name, number, data, gateway_xml, force=force)
        seconds = _seconds(revert_after, work)
        if not as_json and work.edit.changes:
            say(work.edit.diff().rstrip("\n"))
        if dry_run:
            answer = {**_answer(work, number), "applied": False}
        elif work.live:
            answer = {**_answer(work, number), **_move(work, number, seconds), "applied": True}
        else:
            work.edit.write()
            answer = {**_answer(work, number), "applied": True}
        answer["next_step"] = _next_step(work, answer, dry_run=dry_run)
    _tell(answer, as_json)


def confirm_port(
    data: RequiredDataOption,
    name: Annotated[str, typer.Argument(help="http, https or modbus_server; without a name whatever waits.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Keep a port that is on trial: it goes into its file and stays."""
    with told(as_json=as_json):
        answer = _confirmed(data, name, None)
    _tell(answer, as_json)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done. `live`: the gateway that runs does it."""

    source: Source
    setting: Setting
    edit: FileEdit
    running: Running | None
    live: bool


def _number(text: str) -> int:
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 6):
        raise UsageError("PORT-441", f"{text[:40]!r} is not a port number", "give a whole number from 0 (off) to 65535")
    return int(text)


def _required(data: Path | None) -> Path:
    if data is None:
        raise UsageError("PORT-442", "which gateway? a change on trial belongs to one that runs", "add --data DIR")
    return data


def _prepare(name: str, port: int, data: Path | None, gateway_xml: Path | None, *, force: bool) -> _Work:
    """Everything is judged before anything is touched."""
    from plantgate.ports.owners import listening_sockets
    from plantgate.ports.running import running_gateway
    from plantgate.ports.settings import check_number, file_of, plan

    source, setting = _setting(name, port, data, gateway_xml)
    check_number(setting, port)
    edit = plan(setting, port, file_of(setting, source.data, source.gateway_xml))
    sockets = listening_sockets()
    running = running_gateway(source.data, sockets)
    if setting.listens and port:
        _refuse_own(source, setting, port)
        if not force:
            _refuse_taken(source, setting, port, sockets, running)
    live = running is not None and _can_move(source, setting) and not force and _is_its_own(source)
    return _Work(source, setting, edit, running, live)


def _can_move(source: Source, setting: Setting) -> bool:
    """A gateway that runs can do it: the listener is there."""
    return setting.name in _LIVE and (setting.name != "modbus_server" or source.configuration.modbus_server.enabled)


def _is_its_own(source: Source) -> bool:
    """The file is the one that the gateway of this data directory reads by itself."""
    from plantgate.config.load import GATEWAY_XML

    if source.data is None or source.gateway_xml is None:
        return source.data is not None
    own = source.data / GATEWAY_XML
    return source.gateway_xml == own or (own.exists() and source.gateway_xml.samefile(own))


def _setting(name: str, port: int, data: Path | None, gateway_xml: Path | None) -> tuple[Source, Setting]:
    """The setting as it is in the files. A port that is wrong there may be what this command repairs."""
    from plantgate.config.overrides import ALIASES
    from plantgate.ports.settings import LAST_PORT, setting_of

    try:
        source = source_for(data, gateway_xml)
    except PlantgateError:
        key = {"http": "gateway.port", "https": "gateway.sslport", "metro_ssl": "gateway.metroSSLPort"}.get(name)
        key = key or ALIASES.get(name, "")
        if not key or not 0 <= port <= LAST_PORT:
            raise
        source = source_for(data, gateway_xml, [f"{key}={port}"])  # raises what else is wrong
    return source, setting_of(name, source.configuration)


def _refuse_own(source: Source, setting: Setting, port: int) -> None:
    """Raises Unavailable (PORT-448) for a port of another listener: such a configuration would not even load."""
    from plantgate.ports.atlas import listening

    for each in listening(source.configuration):
        if each.port == port and each.key != setting.key:
            raise Unavailable(
                "PORT-448",
                f"port {port} is that of {each.label} in this configuration; nothing was changed",
                f"take a free one such as {_free_near(source, setting, port)}, or move {each.label} first",
            )


def _refuse_taken(
    source: Source, setting: Setting, port: int, sockets: tuple[Listening, ...], running: Running | None
) -> None:
    """Raises Unavailable (PORT-443) for a port that another process has."""
    from plantgate.ports.owners import overlapping
    from plantgate.runtime.streams import PortUnavailable, bind

    holders = overlapping(sockets, setting.endpoint.host, port)
    if running is not None and any(item.owner.pid == running.pid for item in holders):
        return  # it is this gateway's already: on trial, or as it was
    if source.ignition and port == setting.endpoint.port:
        return  # an Ignition that runs has its own port
    owner = next((item.owner for item in holders if item.owner.pid is not None), holders[0].owner if holders else None)
    if owner is None:
        try:
            bind(setting.endpoint.host, port).close()
        except PortUnavailable as error:
            if not error.taken:
                note(f"warning: {error.message}. {error.hint}")
                return
        else:
            return
    raise Unavailable(
        "PORT-443",
        f"port {port} is taken: {owner or 'somebody whom this user can not see'} listens there; nothing was changed",
        f"take a free one such as {_free_near(source, setting, port)}, or add --force to write it all the same",
    )


def _free_near(source: Source, setting: Setting, port: int) -> int | None:
    from plantgate.ports.atlas import atlas
    from plantgate.ports.settings import free_near

    return free_near(setting.endpoint, atlas(source.configuration), port - setting.endpoint.port)


def _seconds(text: str | None, work: _Work) -> float | None:
    if text is None:
        return None
    from plantgate.config.units import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError:
        raise UsageError("PORT-444", f"{text[:40]!r} is not a time", 'a number with its unit: "30s", "5m"') from None
    if not work.live:
        why = "no gateway runs here" if work.running is None else f"{work.setting.name} does not change while it runs"
        raise UsageError("PORT-445", f"--revert-after: {why}, so nobody could take it back", "leave it out")
    return seconds


def _answer(work: _Work, port: int) -> dict[str, Any]:
    return {
        "name": work.setting.name,
        "key": work.setting.key,
        "file": str(work.edit.path),
        "before": work.setting.endpoint.port,
        "port": port,
        "diff": work.edit.diff(),
        "live": work.live,
        "waiting": False,
        "revert_at": None,
        "url": "",
        "note": "",
    }


def _move(work: _Work, port: int, seconds: float | None) -> dict[str, Any]:
    """Have the gateway that runs change its port; it writes the file itself."""
    from plantgate.cli.gateway_client import gateway_client

    assert work.running is not None
    assert work.source.data is not None
    with gateway_client(work.source.data, work.source.configuration, work.running) as client:
        body = {"port": port, "revert_after_s": seconds}
        made = client.ask("POST", f"/api/v1/ports/{work.setting.endpoint.name}", body)
    return {"before": made["previous"], **{key: made[key] for key in ("waiting", "revert_at", "url", "note")}}


def _confirmed(data: Path, name: str, port: int | None) -> dict[str, Any]:
    from plantgate.cli.gateway_client import gateway_client
    from plantgate.ports.owners import listening_sockets
    from plantgate.ports.running import running_gateway

    source = source_for(data, None)
    running = running_gateway(data, listening_sockets())
    if running is None:
        raise Unavailable(
            "PORT-446", f"no gateway runs on {data}: nothing waits to be confirmed", "a restart undoes it"
        )
    with gateway_client(data, source.configuration, running) as client:
        waiting = client.ask("GET", "/api/v1/port-changes")["items"]
        known = "modbus" if name == "modbus_server" else name
        found = [each for each in waiting if (not name or each["name"] == known) and port in (None, each["port"])]
        if not found:
            what = " ".join(str(part) for part in (name, port) if part) or "port"
            raise Unavailable(
                "PORT-447",
                f"no change of {what} waits to be confirmed",
                "it was confirmed or taken back before: see plantgate ports list",
            )
        made = [client.ask("POST", f"/api/v1/ports/{each['name']}/confirm") for each in found][-1]
    return {
        "name": made["name"],
        "key": made["key"],
        "before": made["previous"],
        "port": made["port"],
        "live": True,
        "applied": True,
        "waiting": False,
        "revert_at": None,
        "url": made["url"],
        "note": made["note"],
        "next_step": "",
    }


def _next_step(work: _Work, answer: dict[str, Any], *, dry_run: bool) -> str:
    from plantgate.ports.settings import typed

    if dry_run:
        return "nothing was changed; leave out --dry-run to do it"
    if answer["waiting"]:
        words = ("plantgate", "ports", "confirm", work.setting.name, "--data", str(work.source.data))
        return f"keep it with: {typed(*words)}"
    if work.live:
        return ""
    if work.source.ignition:
        return "restart Ignition: it reads gateway.xml at its start only"
    if not work.setting.endpoint.spec.served:
        return (
            "nothing to do: this version of plantgate does not open this port yet, now or at its next start "
            f"({work.setting.endpoint.spec.title}); the number waits for the version that does"
        )
    if work.running is not None:
        return f"restart the gateway (pid {work.running.pid}): this takes effect at its start"
    return "it takes effect when the gateway starts"


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    if answer["applied"]:
        how = "on trial" if answer["waiting"] else ("changed while running" if answer["live"] else "written")
        say(f"{answer['name']}: {answer['before']} -> {answer['port']}, {how}")
    if answer["waiting"]:
        say(f"  it goes back to {answer['before']} at {_clock_time(answer['revert_at'])} unless confirmed")
    if answer["url"]:
        say(f"  the page: {answer['url']}")
    if answer["note"]:
        say(f"  note: {answer['note']}")
    if answer["next_step"]:
        say(f"  next: {answer['next_step']}")


def _clock_time(milliseconds: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(milliseconds / 1_000).astimezone().strftime("%H:%M:%S")
