"""`plantgate reader ...`: simulated badge readers and the cards shown to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import EXIT_PROBLEM, JsonOption, note, print_json, say, told

if TYPE_CHECKING:
    from plantgate.simulators.reader.main import SimulatorOptions

app = typer.Typer(help="Badge readers (SpringCore $SCRDR over TCP).", no_args_is_help=True)

_JITTER_HELP = "Seconds between two cards, 30 % more or less."


@app.command()
def simulate(
    port: Annotated[int, typer.Option(help="TCP port of the reader; 0 picks one.", min=0, max=65_535)] = 4000,
    control_port: Annotated[
        int | None,
        typer.Option(help="Port of the control socket (this host only); 0 picks one.", min=0, max=65_535),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    cards: Annotated[
        str | None,
        typer.Option(help="Cards shown in turn: UID,UID or a file with one a line.", show_default=False),
    ] = None,
    every: Annotated[float, typer.Option(help=_JITTER_HELP, min=0.01)] = 5.0,
    track: Annotated[bool, typer.Option(help="Tell insertions and removals (register 02A0 bit 4).")] = False,
    repeat: Annotated[
        float,
        typer.Option(help="Seconds after which a held card is read again (register 02A1).", min=0, max=25.4),
    ] = 3.0,
    checksum: Annotated[str, typer.Option(help="exclusive, inclusive or off.")] = "exclusive",
    dialect: Annotated[str, typer.Option(help="hex or text.")] = "hex",
    hello: Annotated[str, typer.Option(help="full, short or none.")] = "full",
    writes: Annotated[str, typer.Option(help="whole, bytes, crlf or burst.")] = "whole",
    second_client: Annotated[str, typer.Option(help="close, reset, refuse, hang or take-over.")] = "close",
    half_open: Annotated[
        float, typer.Option(help="Seconds that a vanished client keeps the slot; negative: for ever.")
    ] = 60.0,
    reboot: Annotated[float, typer.Option(help="Seconds that a reboot takes.", min=0)] = 3.0,
    legacy_no_commands: Annotated[bool, typer.Option(help="Do not read $SCCMD at all.")] = False,
    raw: Annotated[bool, typer.Option(help="Send reserved characters within fields as they are.")] = False,
    exit_with_parent: Annotated[bool, typer.Option("--exit-with-parent", help="End when standard input ends.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Be a SpringCore badge reader on a TCP port, until Ctrl+C."""
    with told(as_json=as_json):
        from plantgate.simulators.reader.main import SimulatorOptions
        from plantgate.simulators.reader.options import Personality, Registers, change
        from plantgate.simulators.reader.schedule import read_cards

        traits: dict[str, Any] = {
            "checksum": checksum,
            "dialect": dialect,
            "hello": hello,
            "writes": writes,
            "second_client": second_client,
            "half_open_s": None if half_open < 0 else half_open,
            "reboot_s": reboot,
            "legacy_no_commands": legacy_no_commands,
            "raw": raw,
        }
        options = SimulatorOptions(
            host=host,
            port=port,
            control_port=control_port,
            cards=read_cards(cards) if cards else (),
            every=every,
            personality=change(Personality(), traits),
            registers=Registers(
                r02a0=bytes([0x10 if track else 0x00]) + Registers().r02a0[1:],
                r02a1=bytes([min(10, round(repeat * 10)), round(repeat * 10)]),
            ),
        )
        _run(options, as_json=as_json, with_parent=exit_with_parent)


def _run(options: SimulatorOptions, *, as_json: bool, with_parent: bool) -> None:
    import asyncio
    import contextlib

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
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run_simulator(options, SystemClock(), report, with_parent=with_parent))


@app.command()
def present(
    uid: Annotated[str, typer.Argument(metavar="UID", help="Id of the card in hex: 047DAE02C84080.")],
    control: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Control socket of the simulator.", show_default=False)
    ],
    wait: Annotated[float, typer.Option(help="Seconds to wait for the host's answer.", min=0, max=60)] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Show a card to a simulated reader and tell what the host answered."""
    import asyncio

    with told(as_json=as_json):
        from plantgate.simulators.reader.client import control_address
        from plantgate.simulators.reader.client import present as show

        host, port = control_address(control)
        answer = asyncio.run(show(host, port, uid, wait=wait))
    if as_json:
        print_json({"event": "presented", "uid": uid.upper(), **answer})
    elif answer["sent"]:
        say(f"{uid.upper()}: {_answer(answer, wait)}")
    if not answer["sent"]:
        if not as_json:
            note(f"{uid.upper()}: nobody was told, no host is connected to the reader (is the gateway running?)")
        raise typer.Exit(EXIT_PROBLEM)


def _answer(answer: dict[str, Any], wait: float) -> str:
    if answer.get("latency_ms") is None:
        return "shown" if not wait else f"shown, no answer within {wait:g} s"
    name = answer["name"] or (f"sequence {answer['seq']}" if answer["seq"] else "LEDs or buzzer")
    return f"{name} after {answer['latency_ms']:.2f} ms"
