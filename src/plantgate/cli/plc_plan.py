"""`plantgate plc plan`: which requests the tags of a device become, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import Column, JsonOption, RequiredDataOption, SetOption, note, print_json, print_table, told
from plantgate.errors import UsageError

if TYPE_CHECKING:
    from plantgate.config.document import Configuration, Device
    from plantgate.model.device import PlannedRequest


def register(app: typer.Typer) -> None:
    """Add the command to the group `plc`."""
    app.command("plan")(plan)


def plan(
    data: RequiredDataOption,
    device: Annotated[str, typer.Argument(metavar="[DEVICE]", help="One device; all without it.")] = "",
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the requests that poll the tags of each device: what each reads, what for nothing, why it ends there.

    With --json one object per device: device, tags, requests, requests_per_s, wasted_bytes, plan (one object each).
    """
    with told(as_json=as_json):
        configuration = load_checked(data, sets)
        found = [_planned(each, configuration) for each in devices(configuration, device)]
    if as_json:
        print_json(found)
        return
    if not found:
        note("no device is configured: add a [[device]] to plantgate.toml")
    for item in found:
        _print(item)


def load_checked(data: Path, sets: Sequence[str] | None) -> Configuration:
    """The configuration, as a gateway would start with it. Raises ConfigErrors."""
    from plantgate.config.load import load
    from plantgate.drivers.modbus import device_address_problem, parse_address
    from plantgate.tags.derived import formula_inputs

    return load(
        data,
        sets or (),
        address_check=device_address_problem,
        modbus_address=parse_address,
        formula_check=formula_inputs,
    )


def devices(configuration: Configuration, name: str) -> list[Device]:
    """The device of that name, every one if it is empty. Raises UsageError."""
    from plantgate.config.problems import did_you_mean

    found = [device for device in configuration.devices if name in ("", device.name)]
    if name and not found:
        known = [device.name for device in configuration.devices]
        raise UsageError("PLC-105", f"there is no device {name!r}{did_you_mean(name, known)}")
    return found


def _planned(device: Device, configuration: Configuration) -> dict[str, Any]:
    from dataclasses import asdict

    from plantgate.drivers.modbus.direct import natural_type
    from plantgate.drivers.modbus.options import modbus_options
    from plantgate.drivers.modbus.plan_view import planned, totals
    from plantgate.drivers.modbus.planner import Point

    options = modbus_options(device)
    rates = {group.name: group.rate for group in configuration.tag_groups}
    points = []
    for number, tag in enumerate(configuration.tags):
        if tag.device == device.name:
            address = options.address(tag.address)
            unit = options.unit_id if address.unit is None else address.unit
            points.append((Point(number, unit, address, natural_type(address)), rates[tag.group]))
    rows: list[PlannedRequest] = planned(points, options)
    return {"device": device.name, "enabled": device.enabled, **totals(rows), "plan": [asdict(row) for row in rows]}


def _print(item: dict[str, Any]) -> None:
    requests = f"{item['requests']:,} requests a poll, {item['requests_per_s']:g} a second"
    off = "" if item["enabled"] else ", disabled"
    title = f"{item['device']}{off}: {item['tags']:,} tags, {requests}, {item['wasted_bytes']:,} bytes for nothing"
    columns: list[str | Column] = [
        Column("every", "right"),
        Column("unit", "right"),
        Column("function", "right"),
        "from",
        "to",
        Column("count", "right"),
        Column("tags", "right"),
        Column("bytes wasted", "right"),
        "ends because",
    ]
    rows = [
        (
            f"{row['rate']:g} s",
            row["unit"],
            f"{row['function']:02X}",
            row["first"],
            row["last"],
            row["count"],
            row["tags"],
            row["wasted"],
            row["why"],
        )
        for row in item["plan"]
    ]
    note(title)
    print_table(columns, rows)
