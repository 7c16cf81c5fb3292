"""`plantgate init DIR` and `plantgate config`: make a configuration, check one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    JsonOption,
    RequiredDataOption,
    SetOption,
    note,
    print_json,
    say,
    told,
)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Check the configuration of a gateway."""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The data directory to make.")],
    as_json: JsonOption = False,
) -> None:
    """Write a commented gateway.xml and plantgate.toml, and a folder for tags, into DIR."""
    with told(as_json=as_json):
        from plantgate.config.template import write_pair

        written = write_pair(directory)
    if as_json:
        print_json({"directory": str(directory), "files": [str(path) for path in written]})
        return
    for path in written:
        say(f"wrote {path}")
    say(f"next: edit them, then  plantgate run --data {directory}")


@app.command("check")
def check(data: RequiredDataOption, sets: SetOption = None, as_json: JsonOption = False) -> None:
    """Tell every mistake in the configuration, each with its file and line. Starts and changes nothing."""
    from plantgate.config.load import load
    from plantgate.config.problems import ConfigErrors
    from plantgate.drivers.modbus import device_address_problem, parse_address
    from plantgate.errors import ConfigError
    from plantgate.tags.derived import formula_inputs

    try:
        configuration = load(
            data,
            sets or (),
            address_check=device_address_problem,
            formula_check=formula_inputs,
            modbus_address=parse_address,
        )
    except ConfigError as error:
        found = error.errors if isinstance(error, ConfigErrors) else (error,)
        if as_json:
            errors = [{"code": item.code, "message": item.message, "hint": item.hint} for item in found]
            print_json({"ok": False, "errors": errors, "warnings": []})
        else:
            for item in found:
                note(f"error: {item}")
            say(f"{len(found)} error{'s' if len(found) > 1 else ''}; nothing was started or changed")
        raise typer.Exit(EXIT_PROBLEM) from None
    counts = {
        "devices": len(configuration.devices),
        "tags": len(configuration.tags),
        "readers": len(configuration.readers),
        "cards": len(configuration.cards),
        "doors": len(configuration.doors),
        "databases": len(configuration.databases),
    }
    if as_json:
        print_json({"ok": True, "errors": [], "warnings": list(configuration.warnings), **counts})
        return
    for sentence in configuration.warnings:
        note(f"warning: {sentence}")
    say("ok: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
