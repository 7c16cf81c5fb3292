"""`plantgate plc map import|export|check`: names for addresses, as an address map of Ignition's driver has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import (
    Column,
    JsonOption,
    RequiredDataOption,
    print_json,
    print_table,
    say,
    told,
)
from plantgate.cli.plc_plan import devices, load_checked
from plantgate.errors import StorageError, UsageError

if TYPE_CHECKING:
    from plantgate.config.document import Device
    from plantgate.drivers.modbus.address_map import AddressMap

_FOLDER = "maps"
DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="A device of the configuration.")]


def register(app: typer.Typer) -> None:
    """Add the group `map` to the group `plc`."""
    group = typer.Typer(help="Address maps: names such as N7:3 for Modbus addresses.", no_args_is_help=True)
    group.command("check")(check)
    group.command("export")(export)
    group.command("import")(import_)
    app.add_typer(group, name="map")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file.")],
    zero_based: Annotated[bool, typer.Option("--zero-based", help="Addresses count from 0.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check an address map: every row, every end, no name twice. Errors name the line."""
    with told(as_json=as_json):
        from plantgate.drivers.modbus.address_map import load_map

        rows = _rows(load_map(file), zero_based)
    if as_json:
        print_json(rows)
        return
    _print(rows)


def export(
    device: DeviceArgument,
    data: RequiredDataOption,
    expanded: Annotated[bool, typer.Option("--names", help="Every name with its address, not the ranges.")] = False,
    output: Annotated[Path | None, typer.Option("--output", help="A new file; else it is printed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the address map of a device as CSV (`map import` takes it), or every name of it."""
    with told(as_json=as_json):
        from plantgate.drivers.modbus.address_map import write_map

        found, known = _map_of(device, data)
        names = [
            (name, address.text(zero_based=found.zero_based_addressing))
            for name, address in (known.names(zero_based=found.zero_based_addressing) if expanded or as_json else ())
        ]
        text = "name,address\n" + "".join(f"{name},{address}\n" for name, address in names) if expanded else ""
        text = text or write_map(known)
        if output is not None:
            _write_new(output, text)
    if as_json:
        print_json([{"name": name, "address": address} for name, address in names])
    elif output is None:
        say(text.rstrip("\n"))
    else:
        say(f"{output}: written")


def import_(
    device: DeviceArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, from `map export` or Ignition.")],
    data: RequiredDataOption,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check an address map and give it to a device. A running gateway takes it at its next start.

    It replaces the file that the device's `address_map` names; without one it becomes maps/DEVICE.csv, and
    plantgate.toml says so.
    """
    with told(as_json=as_json):
        from plantgate.config.edit import edit_toml
        from plantgate.drivers.modbus.address_map import load_map, write_map

        [found] = devices(load_checked(data, None), device)
        target = Path(found.address_map) if found.address_map else data / _FOLDER / f"{device}.csv"
        known = load_map(file)
        rows = _rows(known, found.zero_based_addressing)
        if not dry_run:
            _replace(target, write_map(known))
            if not found.address_map:
                edit_toml(data / "plantgate.toml", {f"device.{device}.address_map": f"{_FOLDER}/{device}.csv"})
    if as_json:
        print_json({"device": device, "file": str(target), "applied": not dry_run, "rows": rows})
        return
    _print(rows)
    say(f"{target}: {'would be ' if dry_run else ''}written")


def _map_of(name: str, data: Path) -> tuple[Device, AddressMap]:
    from plantgate.drivers.modbus.address_map import AddressMap, load_map

    [found] = devices(load_checked(data, None), name)
    return found, load_map(found.address_map) if found.address_map else AddressMap()


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError("PLC-107", f"{path} is already there and is not overwritten", "choose another name") from None
    except OSError as error:
        raise StorageError("PLC-108", f"{path} can't be written: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    from plantgate.runtime.files import write_atomic

    try:
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, text.encode("utf-8"))
    except OSError as error:
        raise StorageError("PLC-108", f"{path} can't be written: {error.strerror}") from None


def _rows(known: AddressMap, zero_based: bool) -> list[dict[str, Any]]:
    return [
        {
            "from": f"{row.prefix}{row.number(row.start)}",
            "to": f"{row.prefix}{row.number(row.start + (row.count - 1) * row.step)}",
            "names": row.count,
            "first_address": row.at(row.start, zero_based=zero_based).text(zero_based=zero_based),
            "last_address": row.at(row.start + (row.count - 1) * row.step, zero_based=zero_based).text(
                zero_based=zero_based
            ),
        }
        for row in known.rows
    ]


def _print(rows: list[dict[str, Any]]) -> None:
    columns: list[str | Column] = ["from", "to", Column("names", "right"), "first address", "last address"]
    print_table(columns, [tuple(row.values()) for row in rows])
