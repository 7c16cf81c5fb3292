"""`plantgate reader simulate|present|hold|remove|rude`: simulated badge readers and the cards shown to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from plantgate.cli.common import EXIT_PROBLEM, JsonOption, note, print_json, say, told
from plantgate.errors import UsageError

if TYPE_CHECKING:
    from plantgate.protocols.scrdr.registers import RegisterFile
    from plantgate.runtime.clock import Clock
    from plantgate.simulators.reader.main import SimulatorOptions
    from plantgate.simulators.reader.screen import Screen

_JITTER_HELP = "Seconds between two cards, 30 % more or less."
_TRAITS = "How it behaves where nothing is published"
_RUDE_HELP = "Be a rude device: dead, stalls, garbage, ... (see `plantgate reader rude --help`)."

ControlOption: TypeAlias = Annotated[
    str, typer.Option("--control", metavar="HOST:PORT", help="Control socket of the simulator.", show_default=False)
]
UidArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="UID", help="Id of the card in hex: 047DAE02C84080.", show_default=False)
]
InterfaceOption: TypeAlias = Annotated[
    str, typer.Option(help="Where it is read: 13.56, bluetooth, 900, or two hex digits.", show_default=False)
]
ProtocolOption: TypeAlias = Annotated[
    str, typer.Option(help="NFC-A, NFC-B, iBeacon, ..., or two hex digits.", show_default=False)
]
TemplateOption: TypeAlias = Annotated[
    str, typer.Option(help="Number of the template that is to take it: two hex digits.", show_default=False)
]
RssiOption: TypeAlias = Annotated[
    str, typer.Option(help="Signal strength, one byte in hex (Bluetooth, UHF).", show_default=False)
]
TagDataOption: TypeAlias = Annotated[
    str | None, typer.Option("--tag-data", help="What the template makes of it.", show_default=False)
]
DetailsOption: TypeAlias = Annotated[str, typer.Option("--tag-details", help="TagDetails.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add these commands to the group `reader`."""
    for command in (simulate, present, hold, remove, rude):
        app.command()(command)


def simulate(
    port: Annotated[
        int | None,
        typer.Option(help="Port of the reader in place of register 0285 (4000); 0 picks one.", min=0, max=65_535),
    ] = None,
    control_port: Annotated[
        int | None,
        typer.Option(help="Port of the control socket (this host only); 0 picks one.", min=0, max=65_535),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    registers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Registers as `plantgate reader registers` writes them.", show_default=False),
    ] = None,
    factory: Annotated[bool, typer.Option("--factory", help="A device as delivered: nothing is set up.")] = False,
    udp_to: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="Where datagrams go, in place of register 0294.", show_default=False),
    ] = None,
    cards: Annotated[
        str | None,
        typer.Option(help="Cards shown in turn: UID,UID or a file with one a line.", show_default=False),
    ] = None,
    every: Annotated[float, typer.Option(help=_JITTER_HELP, min=0.01)] = 5.0,
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Replay a day, see examples/reader-day.script.")
    ] = None,
    speed: Annotated[float, typer.Option(help="How many times as fast the script goes.", min=0.001, max=100_000)] = 1.0,
    seed: Annotated[int | None, typer.Option(help="The same number gives the same day.", show_default=False)] = None,
    rude: Annotated[str | None, typer.Option(metavar="NAME", help=_RUDE_HELP, show_default=False)] = None,
    rude_for: Annotated[
        float | None, typer.Option(help="Seconds after which it is healthy again.", min=0, show_default=False)
    ] = None,
    track: Annotated[
        bool | None, typer.Option(help="Tell insertions and removals (register 02A0 bit 4).", show_default=False)
    ] = None,
    repeat: Annotated[
        float | None,
        typer.Option(help="Seconds after which a held card is read again (register 02A1).", min=0, max=25.4),
    ] = None,
    checksum: Annotated[str, typer.Option(help="exclusive, inclusive or off.", rich_help_panel=_TRAITS)] = "exclusive",
    dialect: Annotated[str, typer.Option(help="hex or text.", rich_help_panel=_TRAITS)] = "hex",
    hello: Annotated[str, typer.Option(help="full, short or none.", rich_help_panel=_TRAITS)] = "full",
    writes: Annotated[str, typer.Option(help="whole, bytes, crlf or burst.", rich_help_panel=_TRAITS)] = "whole",
    second_client: Annotated[
        str, typer.Option(help="close, reset, refuse, hang or take-over.", rich_help_panel=_TRAITS)
    ] = "close",
    half_open: Annotated[
        float,
        typer.Option(
            help="Seconds that a vanished client keeps the slot; negative: for ever.", rich_help_panel=_TRAITS
        ),
    ] = 60.0,
    reboot: Annotated[float, typer.Option(help="Seconds that a reboot takes.", min=0, rich_help_panel=_TRAITS)] = 3.0,
    reboot_ends: Annotated[
        str, typer.Option(help="How a reboot ends the connection: reset or close.", rich_help_panel=_TRAITS)
    ] = "reset",
    tag_id: Annotated[str, typer.Option(help="TagId is the uid or the template's.", rich_help_panel=_TRAITS)] = "uid",
    removal: Annotated[
        str, typer.Option(help="What an R carries: usual, full or bare.", rich_help_panel=_TRAITS)
    ] = "usual",
    legacy_no_commands: Annotated[
        bool, typer.Option("--legacy-no-commands", help="Do not read $SCCMD at all.", rich_help_panel=_TRAITS)
    ] = False,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Send reserved characters within fields as they are.", rich_help_panel=_TRAITS),
    ] = False,
    lines: Annotated[bool, typer.Option("--lines", help="Lines instead of a picture on a terminal.")] = False,
    exit_with_parent: Annotated[bool, typer.Option("--exit-with-parent", help="End when standard input ends.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Be a SpringCore badge reader until Ctrl+C: by default $SCRDR over TCP, set up for plantgate."""
    with told(as_json=as_json):
        from plantgate.simulators.reader.main import SimulatorOptions
        from plantgate.simulators.reader.options import Personality, change
        from plantgate.simulators.reader.rude import rude_named
        from plantgate.simulators.reader.schedule import read_cards
        from plantgate.simulators.reader.script import read_script
        from plantgate.simulators.reader.setup import adapted

        traits: dict[str, Any] = {
            "checksum": checksum,
            "dialect": dialect,
            "hello": hello,
            "writes": writes,
            "second_client": second_client,
            "half_open_s": None if half_open < 0 else half_open,
            "reboot": reboot_ends,
            "reboot_s": reboot,
            "tag_id": tag_id,
            "removal": removal,
            "legacy_no_commands": legacy_no_commands,
            "raw": raw,
        }
        options = SimulatorOptions(
            host=host,
            port=port,
            control_port=control_port,
            udp_to=None if udp_to is None else _target(udp_to),
            cards=read_cards(cards) if cards else (),
            every=every,
            personality=change(Personality(), traits),
            registers=adapted(_registers(registers, factory=factory), track=track, repeat_s=repeat),
            rude=None if rude is None else rude_named(rude),
            rude_for=rude_for,
            script=read_script(script) if script else (),
            speed=speed,
            seed=seed,
        )
        _run(options, as_json=as_json, lines=lines, with_parent=exit_with_parent)


def _registers(path: Path | None, *, factory: bool) -> RegisterFile:
    from plantgate.simulators.reader.setup import FACTORY, configured, read_registers

    if path is None:
        return FACTORY if factory else configured()
    if factory:
        raise UsageError("SIM-105", "--factory and --registers are two different devices", "give one of them")
    return read_registers(path)


def _target(text: str) -> tuple[str, int]:
    """`HOST` or `HOST:PORT`; port 0 is the reader's own."""
    host, _, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "0")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UsageError("SIM-106", f"{text!r} is no address", "HOST or HOST:PORT, for example 127.0.0.1:4001")
    return host.strip("[]"), int(port)


def _run(options: SimulatorOptions, *, as_json: bool, lines: bool, with_parent: bool) -> None:
    import asyncio
    import contextlib
    import sys

    from plantgate.runtime import log
    from plantgate.runtime.clock import SystemClock
    from plantgate.simulators.reader.events import as_text
    from plantgate.simulators.reader.main import simulate as run_simulator

    quiet = False

    def report(event: dict[str, Any]) -> None:
        nonlocal quiet
        if quiet:
            return
        try:
            if as_json:
                print_json(event, one_line=True)
            else:
                say(as_text(event))
        except BrokenPipeError:
            quiet = True  # whoever read our output has gone; the reader goes on

    log.configure(None, console=True, level="WARNING")
    clock = SystemClock()
    screen = None if as_json or lines or not sys.stdout.isatty() else _screen(clock)
    running = run_simulator(
        options,
        clock,
        report if screen is None else screen.report,
        with_parent=with_parent,
        beside=None if screen is None else lambda simulator: screen.draw(simulator, sys.stdout),
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(running)


def _screen(clock: Clock) -> Screen | None:
    """None for a terminal that can't be redrawn."""
    import sys

    from plantgate.simulators.reader.screen import Screen, can_draw

    return Screen(clock) if can_draw(sys.stdout) else None


def present(
    uid: UidArgument,
    control: ControlOption,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the host's answer.", min=0, max=60)] = 1.0,
    interface: InterfaceOption = "",
    protocol: ProtocolOption = "",
    template: TemplateOption = "",
    rssi: RssiOption = "",
    data: TagDataOption = None,
    details: DetailsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show a card to a simulated reader and tell what the host answered."""
    with told(as_json=as_json):
        card = _card(uid, interface, protocol, template, rssi, data, details)
        answer = _ask(control, "present", within=wait, **card, wait=wait)
    uid = uid.upper()
    if as_json:
        print_json({"event": "presented", "uid": uid, **answer})
    elif answer["sent"]:
        say(f"{uid}: {_answer(answer, wait)}")
    _require_sent([uid], answer, as_json=as_json)


def hold(
    uids: Annotated[
        list[str], typer.Argument(metavar="UID...", help="Ids of the cards in hex: 047DAE02C84080.", show_default=False)
    ],
    control: ControlOption,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Seconds after which it is taken away.", min=0, show_default=False)
    ] = None,
    interface: InterfaceOption = "",
    protocol: ProtocolOption = "",
    template: TemplateOption = "",
    rssi: RssiOption = "",
    data: TagDataOption = None,
    details: DetailsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Put cards on a simulated reader and leave them there."""
    with told(as_json=as_json):
        cards = [_card(uid, interface, protocol, template, rssi, data, details) for uid in uids]
        answer = _ask(control, "hold", cards=cards, seconds=seconds)
    shown = [uid.upper() for uid in uids]
    if as_json:
        print_json({"event": "held", "uids": shown, **answer})
    else:
        say(f"{', '.join(shown)}: on the reader" + ("" if seconds is None else f" for {seconds:g} s"))
    _require_sent(shown, answer, as_json=as_json)


def remove(
    control: ControlOption,
    uids: Annotated[
        list[str] | None, typer.Argument(metavar="[UID...]", help="Ids of the cards in hex.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever lies on it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take cards away from a simulated reader. Exit status 1 if one was not there."""
    with told(as_json=as_json):
        if bool(uids) == everything:
            raise UsageError("SIM-107", "which card?", "give ids, or --all")
        wanted = [_card(uid)["uid"] for uid in uids or ()]
        if everything:
            removed = {"all": _ask(control, "remove", all=True)["removed"]}
        else:
            removed = {uid: _ask(control, "remove", uid=uid)["removed"] for uid in wanted}
    if as_json:
        print_json({"event": "removed", **removed})
    elif everything:
        say(f"{removed['all']} cards removed")
    for uid in wanted:
        if removed[uid] and not as_json:
            say(f"{uid}: removed")
        elif not removed[uid] and not as_json:
            note(f"{uid}: is not on the reader")
    if not all(removed[uid] for uid in wanted):
        raise typer.Exit(EXIT_PROBLEM)


def rude(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of the names above, or healthy.")],
    control: ControlOption,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Seconds after which it is healthy again.", min=0, show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a simulated reader a rude device, or healthy again.

    dead, stalls, reset-mid-frame, half-close, wrong-id, late-reply, double-reply, garbage, dribble, wrong-length,
    endless-errors, slow: docs/reader-simulator.md says what each of them does.
    """
    with told(as_json=as_json):
        from plantgate.simulators.reader.rude import rude_named

        rude_named(name)
        answer = _ask(control, "rude", name=name, seconds=seconds)
    if as_json:
        print_json({"event": "rude", "name": answer["rude"], "seconds": seconds})
    else:
        say(f"the reader is now: {name}" + ("" if seconds is None else f", for {seconds:g} s"))


def _ask(control: str, op: str, *, within: float = 0.0, **request: Any) -> dict[str, Any]:
    import asyncio

    from plantgate.simulators.reader.client import ask, control_address

    return asyncio.run(ask(*control_address(control), op, within=within, **request))


def _card(
    uid: str,
    interface: str = "",
    protocol: str = "",
    template: str = "",
    rssi: str = "",
    data: str | None = None,
    details: str = "",
) -> dict[str, str]:
    """The fields that are given, checked here: a card that can't be is wrong use, and nobody is asked."""
    from plantgate.simulators.reader.card import card_of

    fields = {
        "interface": interface,
        "protocol": protocol,
        "template": template,
        "rssi": rssi,
        "details": details,
    }
    given = {"uid": uid, **{name: value for name, value in fields.items() if value}}
    if data is not None:
        given["data"] = data
    return {**given, "uid": card_of(given).uid}


def _require_sent(uids: list[str], answer: dict[str, Any], *, as_json: bool) -> None:
    if answer["sent"]:
        return
    if not as_json:
        hint = " to the reader (is the gateway running?)" if "no host is connected" in answer["reason"] else ""
        note(f"{', '.join(uids)}: nobody was told, {answer['reason']}{hint}")
    raise typer.Exit(EXIT_PROBLEM)


def _answer(answer: dict[str, Any], wait: float) -> str:
    if answer.get("latency_ms") is None:
        return "shown" if not wait else f"shown, no answer within {wait:g} s"
    name = answer["name"] or (f"sequence {answer['seq']}" if answer["seq"] else "LEDs or buzzer")
    return f"{name} after {answer['latency_ms']:.2f} ms"
