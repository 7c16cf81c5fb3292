"""`plantgate reader registers explain|check|write`: how a reader is configured, in the vendor's hex form."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import EXIT_PROBLEM, JsonOption, Mark, note, print_json, print_table, say, told

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Interface

    from plantgate.protocols.scrdr import Finding, RegisterFile

_ASSIGNMENT = re.compile(r"\s*[^=/\\.]*=")
_MODES = {"tcp": 2, "both": 3, "udp": 4}
_STYLES = {"problem": "red", "warning": "yellow", "note": ""}

SourceArgument = Annotated[
    list[str],
    typer.Argument(metavar="FILE|ADDRESS=HEX...", help="A register file, - for standard input, or registers: 02C0=24."),
]


def register(app: typer.Typer) -> None:
    """Add the group `registers` to the group `reader`."""
    group = typer.Typer(help="Registers of a SpringCore reader: explain, check, write.", no_args_is_help=True)
    group.command("explain")(explain)
    group.command("check")(check)
    group.command("write")(write)
    app.add_typer(group, name="registers")


def explain(
    sources: SourceArgument,
    only_set: Annotated[bool, typer.Option("--set-only", help="Leave out what is not given.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what each register means: its value, whether that is the default, and every field in words."""
    with told(as_json=as_json):
        from plantgate.protocols.scrdr.registers_table import REGISTERS

        file = _read(sources)
        addresses = sorted({*file.values, *(() if only_set else REGISTERS)})
        rows = [_row(file, address) for address in addresses]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["register", "name", "value", "default", "meaning"],
        [
            (
                row["address"],
                row["name"],
                row["value"],
                "yes" if row["default"] else "no",
                ", ".join(f"{name}: {text}" for name, text in row["fields"].items()),
            )
            for row in rows
        ],
    )


def _row(file: RegisterFile, address: int) -> dict[str, Any]:
    """A secret is named, never shown."""
    from plantgate.protocols.scrdr.registers_table import spec_of

    spec, value = spec_of(address), file.get(address)
    return {
        "address": f"{address:04X}",
        "name": spec.name,
        "value": "(not shown)" if spec.secret and value else value.hex().upper(),
        "default": file.is_default(address),
        "fields": {item.field: item.text for item in file.describe(address)},
    }


def check(sources: SourceArgument, as_json: JsonOption = False) -> None:
    """Say what keeps a reader with these registers from working with plantgate, and the line that puts it right.

    What is not given has its factory value, so give all of the reader's registers. Exit status 1: it would not work.
    """
    with told(as_json=as_json):
        from plantgate.protocols.scrdr import Severity, findings

        found = findings(_read(sources))
        problems = sum(finding.severity is Severity.PROBLEM for finding in found)
    if as_json:
        print_json({"problems": problems, "findings": [_finding(item) for item in found]})
    else:
        _show(found)
        say("it would not work" if problems else "a reader with these registers works with plantgate")
    if problems:
        raise typer.Exit(EXIT_PROBLEM)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "register": f"{finding.address:04X}",
        "what": finding.what,
        "fix": finding.fix,
    }


def _show(found: list[Finding]) -> None:
    if not found:
        return
    rows = [
        (
            Mark(item.severity.value, _STYLES[item.severity.value]),
            f"{item.address:04X}",
            item.code,
            item.what,
            item.fix,
        )
        for item in found
    ]
    print_table(["", "register", "code", "what", "write"], rows)


def write(
    ip: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS/PREFIX", help="Address of the reader: 192.168.1.50/24.", show_default=False),
    ] = None,
    dhcp: Annotated[bool, typer.Option("--dhcp", help="The address comes from DHCP.")] = False,
    gateway: Annotated[str | None, typer.Option(help="Router of its subnet.", show_default=False)] = None,
    dns: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Name server; up to two.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(help="Port for $SCRDR.")] = 4000,
    mode: Annotated[str, typer.Option(help="tcp, udp, or both.")] = "tcp",
    track: Annotated[bool, typer.Option("--track", help="Tell insertions and removals, not repeated reads.")] = False,
    repeat: Annotated[
        str, typer.Option(help="How often a card that stays is told again: 3s; removal: not before it was removed.")
    ] = "3s",
    between: Annotated[str, typer.Option(help="Time between two reads at least.")] = "1s",
    from_start: Annotated[bool, typer.Option("--from-start", help="Read also while no host is connected.")] = False,
    host_ui: Annotated[
        bool, typer.Option("--host-ui", help="LEDs and buzzer by the host alone: right for doors.")
    ] = False,
    udp_to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="UDP: where to send; default: broadcast.", show_default=False)
    ] = None,
    base: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Registers to start from.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to FILE.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the registers that make a reader work with plantgate: the vendor's hex form, with comments.

    Load them with the vendor's tool; they take effect after a reset of the reader.
    """
    with told(as_json=as_json):
        from plantgate.errors import UsageError
        from plantgate.protocols.scrdr import NetworkMode, findings, for_installation

        if (ip is None) == (not dhcp):
            raise UsageError("RDR-301", "the reader's address?", "--ip 192.168.1.50/24, or --dhcp")
        if mode not in _MODES:
            raise UsageError("RDR-301", f"--mode can't be {mode!r}", "tcp, udp or both")
        file = for_installation(
            address=None if ip is None else _interface(ip),
            gateway=None if gateway is None else _address(gateway, "--gateway"),
            dns=[_address(item, "--dns") for item in dns or ()],
            port=port,
            mode=NetworkMode(_MODES[mode]),
            track=track,
            active_from_start=from_start,
            read_s=_seconds(between, "--between"),
            repeat_s=None if repeat == "removal" else _seconds(repeat, "--repeat"),
            host_ui=host_ui,
            udp_destination=None if udp_to is None else _address(udp_to, "--udp-to"),
            base=None if base is None else _read_file(base),
        )
        text = _HEADER + file.to_text()
        if output is not None:
            _save(output, text, force=force)
        found = findings(file)
    if as_json:
        registers = {f"{address:04X}": value.hex().upper() for address, value in file.values.items()}
        print_json({"registers": registers, "findings": [_finding(item) for item in found]})
    elif output is None:
        say(text.rstrip("\n"))
    else:
        note(f"{output} written: {len(file.values)} registers")
    if not as_json:
        for item in found:
            note(f"{item.severity.value}: {item.address:04X}: {item.what}")


_HEADER = """\
# Registers of a SpringCore reader for plantgate: ADDRESS=HEX.
# They take effect after a reset of the reader.
"""


def _save(path: Path, text: str, *, force: bool) -> None:
    from plantgate.errors import StorageError, UsageError
    from plantgate.runtime.files import write_atomic

    if path.exists() and not force:
        raise UsageError("RDR-302", f"{path} is there already", "give another name, or --force to replace it")
    try:
        write_atomic(path, text.encode("utf-8"))
    except OSError as error:
        raise StorageError("RDR-303", f"{path} can't be written ({error.strerror})") from None


def _read(sources: list[str]) -> RegisterFile:
    """Files and single registers, the later ones over the earlier. Raises ConfigError."""
    from plantgate.errors import UsageError
    from plantgate.protocols.scrdr import RegisterFile

    values: dict[int, bytes] = {}
    for source in sources:
        if _ASSIGNMENT.match(source):
            values |= RegisterFile.parse(source, "command line").values
        elif source == "-":
            values |= RegisterFile.parse(sys.stdin.read(), "standard input").values
        else:
            values |= _read_file(Path(source)).values
    if not values:
        raise UsageError("RDR-304", "no register is given", "a file, or registers: 02C0=24 02A0=0003000100")
    return RegisterFile(values)


def _read_file(path: Path) -> RegisterFile:
    from plantgate.errors import ConfigError
    from plantgate.limits import REGISTER_FILE_BYTES
    from plantgate.protocols.scrdr import RegisterFile

    try:
        with path.open("rb") as file:
            data = file.read(REGISTER_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError("RDR-305", f"{path} can't be read ({error.strerror})", "check the name") from None
    return RegisterFile.parse(data.decode("utf-8", "replace"), str(path))


def _interface(text: str) -> IPv4Interface:
    from ipaddress import IPv4Interface

    from plantgate.errors import UsageError

    if "/" not in text:
        raise UsageError("RDR-301", f"--ip {text} lacks the prefix of its subnet", f"--ip {text}/24")
    try:
        return IPv4Interface(text)
    except ValueError:
        raise UsageError("RDR-301", f"--ip {text} is no IPv4 address with prefix", "--ip 192.168.1.50/24") from None


def _address(text: str, option: str) -> IPv4Address:
    from ipaddress import IPv4Address

    from plantgate.errors import UsageError

    try:
        return IPv4Address(text)
    except ValueError:
        raise UsageError("RDR-301", f"{option} {text} is no IPv4 address", "four numbers: 192.168.1.1") from None


def _seconds(text: str, option: str) -> float:
    from plantgate.config.units import parse_duration
    from plantgate.errors import UsageError

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError("RDR-301", f"{option} {text}: {error}", "seconds with a unit: 3s, 500ms") from None
