"""`plantgate plc ...`: the group is put together here, one file per family of commands."""

from __future__ import annotations

import typer

from plantgate.cli import plc_device, plc_map, plc_plan, plc_simulate

app = typer.Typer(help="PLCs: read, write, scan, plan the polling, simulate.", no_args_is_help=True)
for commands in (plc_device, plc_plan, plc_map, plc_simulate):
    commands.register(app)
