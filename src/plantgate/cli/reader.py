"""`plantgate reader ...`: the group is put together here, one file per family of commands."""

from __future__ import annotations

import typer

from plantgate.cli import reader_capture, reader_listen, reader_registers, reader_simulate

app = typer.Typer(help="Badge readers (SpringCore $SCRDR over TCP).", no_args_is_help=True)
for commands in (reader_simulate, reader_listen, reader_registers, reader_capture):
    commands.register(app)
