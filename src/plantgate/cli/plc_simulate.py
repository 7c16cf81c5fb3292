"""`plantgate plc simulate`: a PLC to try things on."""

from __future__ import annotations

from typing import Annotated

import typer

from plantgate.cli.common import JsonOption, print_json, print_table, told


def register(app: typer.Typer) -> None:
    """Add the command to the group `plc`."""
    app.command("simulate")(simulate)


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 picks a free one.")] = 502,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    extra_registers: Annotated[
        int, typer.Option(min=0, max=60_000, help="Changing holding registers from HRUS1001 on, for load tests.")
    ] = 0,
    rtu: Annotated[bool, typer.Option("--rtu", help="RTU frames over TCP, as behind a serial device server.")] = False,
    exit_with_parent: Annotated[bool, typer.Option("--exit-with-parent", help="End when standard input ends.")] = False,
    show_map: Annotated[bool, typer.Option("--map", help="Print the register map and exit.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a small bottling line behind a Modbus TCP server (any unit id) until interrupted.

    With --json one object per event: listening, connected, disconnected, write (address, value), stopped.
    """
    if show_map:
        _print_map(as_json)
        return
    import asyncio

    from plantgate.runtime.clock import SystemClock
    from plantgate.simulators.plc.server import simulate as run

    with told(as_json=as_json):
        asyncio.run(
            run(
                host,
                port,
                extra=extra_registers,
                as_json=as_json,
                exit_with_parent=exit_with_parent,
                clock=SystemClock(),
                rtu=rtu,
            )
        )


def _print_map(as_json: bool) -> None:
    from plantgate.simulators.plc.table import ROWS

    if as_json:
        print_json(
            [
                {
                    "address": row.address,
                    "tag": row.name,
                    "type": row.data_type.value,
                    "unit": row.unit,
                    "meaning": row.meaning,
                    "writable": row.set is not None,
                }
                for row in ROWS
            ]
        )
        return
    print_table(
        ["address", "tag", "type", "unit", "write", "meaning"],
        [
            (row.address, row.name, row.data_type.value, row.unit, "yes" if row.set else "no", row.meaning)
            for row in ROWS
        ],
    )
