"""`plantgate plc read|write|scan`: talk to a device, without a gateway and without a configuration."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    Cell,
    JsonOption,
    Mark,
    note,
    print_json,
    print_table,
    progress,
    say,
    told,
)
from plantgate.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from plantgate.drivers.modbus.address import Address
    from plantgate.drivers.modbus.direct import Reading, UnitFound
    from plantgate.drivers.modbus.options import ModbusOptions
    from plantgate.model.command import Verdict
    from plantgate.model.value import Scalar

_ENDPOINT = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<host>[^:]+))(?::(?P<port>\d{1,5}))?\Z")
_RANGE = re.compile(r"(?P<first>\d{1,3})(?:-(?P<last>\d{1,3}))?\Z")
_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}

HostArgument = Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="The device; port 502 if none is named.")]
UnitOption = Annotated[int, typer.Option(min=0, max=255, help="Unit id of addresses that name none (3.HR1 names 3).")]
TimeoutOption = Annotated[float, typer.Option(min=0.05, max=600, help="Seconds to wait for an answer.")]
RtuOption = Annotated[bool, typer.Option("--rtu", help="RTU frames over TCP, as serial device servers pass them on.")]
ZeroOption = Annotated[bool, typer.Option("--zero-based", help="HR0 is the first register, not HR1.")]
ReverseOption = Annotated[
    bool, typer.Option("--reverse-word-order", help="Values of several registers: low word first.")
]
MostOption = Annotated[int, typer.Option(min=1, max=125, help="Registers in one request, at most.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group `plc`."""
    app.command("read")(read)
    app.command("write")(write)
    app.command("scan")(scan)


def read(
    host: HostArgument,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="HR1 HRF40 3.IRUI7 C12 HRS20:8 HR1.3")],
    unit: UnitOption = 1,
    timeout: TimeoutOption = 2.0,
    rtu: RtuOption = False,
    zero_based: ZeroOption = False,
    reverse_word_order: ReverseOption = False,
    max_registers: MostOption = 125,
    as_json: JsonOption = False,
) -> None:
    """Read addresses of a Modbus device. A bad one spoils only itself. Exit status 1 if one is not good.

    With --json one object per address: address, value, quality, quality_name, reason.
    """
    with told(as_json=as_json):
        options = _options(
            host, unit, timeout, rtu, zero_based, reverse_word_order, max_holding_registers_per_request=max_registers
        )
        wanted = _addresses(addresses, options)
        readings = asyncio.run(_read(options, wanted))
    rows = [_row(text, reading) for text, reading in zip(addresses, readings, strict=True)]
    if as_json:
        print_json(rows)
    else:
        _print_readings(rows)
    if any(row["reason"] for row in rows):
        raise typer.Exit(EXIT_PROBLEM)


def write(
    host: HostArgument,
    assignments: Annotated[list[str], typer.Argument(metavar="ADDRESS=VALUE...", help="HR1=-5 HRF40=2.5 C3=true")],
    unit: UnitOption = 1,
    timeout: TimeoutOption = 2.0,
    rtu: RtuOption = False,
    zero_based: ZeroOption = False,
    reverse_word_order: ReverseOption = False,
    multiple: Annotated[
        bool, typer.Option("--multiple", help="Function 10 for single registers too (force_multiple_register_writes).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write values to a Modbus device, in the order given, and read each back. Nothing is sent if one can't be written.

    With --json one object per address: address, value (as it is now), quality, outcome, code, message.
    """
    with told(as_json=as_json):
        options = _options(host, unit, timeout, rtu, zero_based, reverse_word_order, force_multiple_registers=multiple)
        texts, values = _assignments(assignments)
        wanted = _addresses(texts, options)
        pairs = [(address, _value(text, address)) for address, text in zip(wanted, values, strict=True)]
        _check_writable(texts, pairs, options)
        written = asyncio.run(_write(options, pairs))
    rows = [
        {
            **_row(text, reading),
            "outcome": verdict.outcome.value,
            "code": verdict.code,
            "message": verdict.message,
        }
        for text, (verdict, reading) in zip(texts, written, strict=True)
    ]
    if as_json:
        print_json(rows)
    else:
        cells = [(row["address"], _shown(row["value"]), row["outcome"], row["code"], row["message"]) for row in rows]
        print_table(["address", "value", "outcome", "code", "message"], cells)
    if not all(verdict.done for verdict, _ in written):
        raise typer.Exit(EXIT_PROBLEM)


def scan(
    host: HostArgument,
    units: Annotated[str, typer.Option(metavar="LIST", help="Unit ids: 1-247, or 0,1,5-9,255.")] = "1-247",
    timeout: TimeoutOption = 0.5,
    rtu: RtuOption = False,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Questions open at the same time.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Find which unit ids answer behind an address, and who they say they are. Only reads.

    With --json one object per unit: unit, answer, identity. Exit status 1 if nobody answers.
    """
    with told(as_json=as_json):
        numbers = _units(units)
        options = _options(host, 1, timeout, rtu, False, False, concurrent_requests=at_once, reconnect_after_timeouts=0)
        found = asyncio.run(_scan(options, numbers, at_once))
    if as_json:
        print_json([{"unit": each.unit, "answer": each.answer, "identity": each.identity} for each in found])
    elif found:
        keys = (("vendor",), ("product_name", "product_code"), ("revision",), ("model",))
        cells: list[tuple[Cell, ...]] = [
            (each.unit, each.answer, *(next((each.identity[k] for k in key if k in each.identity), "") for key in keys))
            for each in found
        ]
        print_table(["unit", "answer", "vendor", "product", "revision", "model"], cells)
        if len(found) == len(numbers) > 1:
            note("every unit id answers: the device does not look at it, any one will do")
    else:
        note(f"nobody answers at {options.where} as any of these units")
    if not found:
        raise typer.Exit(EXIT_PROBLEM)


# conversations


async def _read(options: ModbusOptions, wanted: Sequence[Address]) -> list[Reading]:
    from plantgate.drivers.modbus.direct import direct
    from plantgate.runtime.clock import SystemClock

    async with direct(options, SystemClock(), _asked(options, wanted)) as line:
        return await line.read(wanted)


async def _write(options: ModbusOptions, pairs: Sequence[tuple[Address, Scalar]]) -> list[tuple[Verdict, Reading]]:
    from plantgate.drivers.modbus.direct import direct
    from plantgate.runtime.clock import SystemClock

    async with direct(options, SystemClock(), _asked(options, [address for address, _ in pairs])) as line:
        return [await line.write(address, value) for address, value in pairs]


async def _scan(options: ModbusOptions, numbers: Sequence[int], at_once: int) -> list[UnitFound]:
    from plantgate.drivers.modbus.direct import direct
    from plantgate.runtime.clock import SystemClock

    found: list[UnitFound] = []
    async with direct(options, SystemClock(), numbers) as line:
        with progress(len(numbers), "units") as step:
            for start in range(0, len(numbers), at_once):
                some = numbers[start : start + at_once]
                found += [each for each in await asyncio.gather(*map(line.scan, some)) if each is not None]
                step(len(some))
    return found


def _asked(options: ModbusOptions, addresses: Sequence[Address]) -> set[int]:
    return {options.unit_id if address.unit is None else address.unit for address in addresses}


# what was typed


def _options(
    host: str, unit: int, timeout: float, rtu: bool, zero_based: bool, reverse_word_order: bool, **more: Any
) -> ModbusOptions:
    from plantgate.drivers.modbus.options import Framing, ModbusOptions

    found = _ENDPOINT.match(host)
    if found is None:
        raise UsageError("PLC-101", f"{host!r} is no address of a device", "write 192.168.1.10 or plc.local:1502")
    return ModbusOptions(
        host=found["bracketed"] or found["host"],
        port=int(found["port"] or 502),
        framing=Framing.RTU_OVER_TCP if rtu else Framing.TCP,
        unit_id=unit,
        timeout=timeout,
        zero_based=zero_based,
        reverse_word_order=reverse_word_order,
        **more,
    )


def _addresses(texts: Sequence[str], options: ModbusOptions) -> list[Address]:
    """All that were typed. Raises ConfigErrors with each that is none."""
    from plantgate.config.problems import ConfigErrors

    found: list[Address] = []
    errors: list[ConfigError] = []
    for text in texts:
        try:
            found.append(options.address(text))
        except ConfigError as error:
            errors.append(error)
    if errors:
        raise ConfigErrors(errors)
    return found


def _assignments(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    parts = [text.partition("=") for text in texts]
    for text, (address, sign, _) in zip(texts, parts, strict=True):
        if not sign or not address:
            raise UsageError("PLC-102", f"{text!r} says not what to write", "write ADDRESS=VALUE: HR1=5 C3=true")
    return [address for address, _, _ in parts], [value for _, _, value in parts]


def _value(text: str, address: Address) -> Scalar:
    """What was typed as what the address holds; a text that is none is judged by the driver."""
    from plantgate.drivers.modbus.address import Kind

    if address.kind is Kind.STRING:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for read_as in (int, float):
        try:
            return read_as(text)
        except ValueError:
            continue
    return text


def _check_writable(texts: Sequence[str], pairs: Sequence[tuple[Address, Scalar]], options: ModbusOptions) -> None:
    """Before anything is sent: a list of which the half was written is worse than one that was refused."""
    from plantgate.config.problems import ConfigErrors
    from plantgate.drivers.modbus.values import Unwritable
    from plantgate.drivers.modbus.writing import words_of

    errors: list[ConfigError] = []
    for text, (address, value) in zip(texts, pairs, strict=True):
        try:
            words_of(address, value, options)
        except Unwritable as error:
            errors.append(ConfigError("PLC-103", f"{text}: {error}", "nothing was sent"))
    if errors:
        raise ConfigErrors(errors)


def _units(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        found = _RANGE.match(part.strip())
        first = int(found["first"]) if found else 256
        last = int(found["last"] or first) if found else 256
        if last > 255 or last < first:
            raise UsageError("PLC-104", f"{part!r} is no range of unit ids", "write 1-247 or 0,1,5-9,255")
        numbers += range(first, last + 1)
    return list(dict.fromkeys(numbers))


# what is shown


def _row(text: str, reading: Reading) -> dict[str, Any]:
    from plantgate.model.quality import label

    return {
        "address": text,
        "value": reading.value,
        "quality": int(reading.quality),
        "quality_name": label(reading.quality),
        "reason": reading.reason,
    }


def _print_readings(rows: Sequence[dict[str, Any]]) -> None:
    if len(rows) == 1 and not rows[0]["reason"]:
        say(_shown(rows[0]["value"]))
        return
    cells = [
        (row["address"], _shown(row["value"]), Mark(row["quality_name"], "red" if row["reason"] else ""), row["reason"])
        for row in rows
    ]
    print_table(["address", "value", "quality", "reason"], cells)


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
