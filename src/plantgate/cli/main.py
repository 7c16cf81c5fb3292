"""`plantgate`: one file per command group. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from plantgate.cli.common import DataOption, JsonOption, RequiredDataOption, SetOption, say, told
from plantgate.cli.on_demand import on_demand

COMMANDS = {
    "doctor": (
        "plantgate.cli.doctor",
        "Find what is wrong, with evidence and the next step. "
        "Exit status: 0 fine or warnings, 1 a problem, 2 wrong use.",
    ),
    "ports": ("plantgate.cli.ports", "Know, prove and fix every port."),
    "reader": ("plantgate.cli.reader", "Badge readers (SpringCore $SCRDR over TCP)."),
    "access": ("plantgate.cli.access", "Cards, holders and rules, and why somebody is let in."),
    "plc": ("plantgate.cli.plc", "PLCs: read, write, scan, plan the polling, simulate."),
    "tags": ("plantgate.cli.tags", "Browse, edit, import and export tags; read, write and watch their values."),
    "alarms": ("plantgate.cli.alarms", "Alarms: what is active and what was; acknowledge and shelve."),
    "history": ("plantgate.cli.history", "Query, export and check the stored values of tags."),
    "config": ("plantgate.cli.config", "Check the configuration of a gateway."),
    "user": ("plantgate.cli.user", "Accounts and their roles; sign-in links."),
    "trust": ("plantgate.cli.trust", "Certificates of OPC UA clients and servers: who is trusted, who knocked."),
}

app = typer.Typer(
    name="plantgate",
    cls=on_demand(COMMANDS),
    help="An open industrial gateway: Modbus PLCs, badge readers, history, and ports it can explain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from plantgate import __version__

        say(f"plantgate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """An open industrial gateway: Modbus PLCs, badge readers, history, and ports it can explain."""


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    as_json: JsonOption = False,
) -> None:
    """Write a commented gateway.xml and plantgate.toml into DIR."""
    from plantgate.cli import config

    config.init(directory, as_json)


@app.command()
def run(data: RequiredDataOption, sets: SetOption = None) -> None:
    """Run the gateway on a data directory, in the foreground."""
    from plantgate.app import configuration_of
    from plantgate.cli import run as runner
    from plantgate.runtime.clock import SystemClock
    from plantgate.runtime.lockfile import LockFile

    with told():
        configuration = configuration_of(data, sets or ())
        with LockFile.of(data):
            runner.serve(
                configuration,
                data,
                SystemClock(),
                console=True,
                on_running=lambda gateway: runner.announce(gateway, say),
            )


@app.command()
def demo(
    data: DataOption = None,
    port_offset: Annotated[
        int, typer.Option("--port-offset", metavar="N", help="Added to every port that the demo uses.")
    ] = 0,
) -> None:
    """Start a gateway with a simulated plant: a PLC and two badge readers, over real sockets."""
    from plantgate.cli import demo as demonstration

    with told():
        demonstration.run(data, port_offset)


def main() -> None:
    gc.freeze()  # what has been imported stays: no collection need look at it
    app()


if __name__ == "__main__":
    main()
