"""`plantgate trust`: whose certificates this gateway trusts on OPC UA.

Works on the folders below DIR/pki, whether a gateway runs or not: one that runs takes it over within two seconds.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    Cell,
    Column,
    JsonOption,
    Mark,
    RequiredDataOption,
    note,
    print_json,
    print_table,
    say,
    told,
)

if TYPE_CHECKING:
    from plantgate.security.trust_folders import TrustEntry, TrustFolders
    from plantgate.security.trust_read import Certificate

app = typer.Typer(help="Certificates of OPC UA clients and servers: who is trusted, who knocked.", no_args_is_help=True)

WhichArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="SHA-256, its first six digits or more.")
]
_SHOWN = 16


class FolderName(StrEnum):
    """As `security.trust_folders.Folder`, which the command line need not import to show its help."""

    TRUSTED = "trusted"
    ISSUERS = "issuers"
    CRL = "crl"
    REJECTED = "rejected"


@app.command("list")
def list_entries(
    data: RequiredDataOption,
    folder: Annotated[FolderName | None, typer.Argument(metavar="[FOLDER]", help=", ".join(FolderName))] = None,
    as_json: JsonOption = False,
) -> None:
    """List what is in the folders: trusted, issuers, crl, rejected."""
    with told(as_json=as_json):
        found = [each for each in _folders(data).entries() if folder is None or each.folder.value == folder.value]
    if as_json:
        print_json({"items": [_item(entry) for entry in found]})
    elif found:
        columns: list[str | Column] = [
            "folder",
            "fingerprint",
            "name",
            "application",
            "until",
            Column("file", optional=True),
        ]
        print_table([*columns, "remark"], [_row(entry) for entry in found])
    else:
        note("nothing is there yet: who connects and is not known appears under rejected")


@app.command()
def show(which: WhichArgument, data: RequiredDataOption, as_json: JsonOption = False) -> None:
    """Show a certificate and whether it is trusted. Exit status: 0 trusted, 1 not."""
    from plantgate.security.trust_folders import Folder

    with told(as_json=as_json):
        folders = _folders(data)
        places = [entry.folder for entry in folders.entries() if _begins(entry, which)]
        certificate = _certificate(folders.find(places[0] if places else Folder.TRUSTED, which))
        problems, warnings = _judged(folders, certificate)
    details = _details(certificate)
    if as_json:
        print_json(details | {"folders": [each.value for each in places], "problems": problems, "warnings": warnings})
    else:
        print_table(["", ""], [[name.replace("_", " "), _text(value)] for name, value in details.items()])
        for problem in problems:
            say(f"refused: {problem['message']} [{problem['status']}, {problem['code']}]\n  next: {problem['hint']}")
        for warning in warnings:
            say(f"remark: {warning}")
        if not problems:
            say("trusted")
    if problems:
        raise typer.Exit(EXIT_PROBLEM)


@app.command()
def accept(
    which: Annotated[
        str, typer.Argument(metavar="FINGERPRINT|FILE", help="A rejected certificate, or a file with one, PEM or DER.")
    ],
    data: RequiredDataOption,
    authority: Annotated[
        bool, typer.Option("--authority", help="FILE is an authority's: all that it issues is trusted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Trust a certificate. Compare its fingerprint with the one that the peer shows before."""
    with told(as_json=as_json):
        folders = _folders(data)
        file = Path(which)
        entry = folders.add(_in_file(file), authority=authority) if file.is_file() else folders.accept(which)
        folders.refresh()
        certificate = _certificate(entry)
        problems = [] if certificate.of_authority else _judged(folders, certificate)[0]
    if as_json:
        print_json(_item(entry) | {"problems": problems})
        return
    say(f"trusted: {certificate.name} ({certificate.fingerprint})")
    for problem in problems:
        note(f"it is refused all the same: {problem['message']}\n  next: {problem['hint']}")


@app.command()
def reject(which: WhichArgument, data: RequiredDataOption, as_json: JsonOption = False) -> None:
    """No longer trust a certificate; it is kept among the rejected."""
    with told(as_json=as_json):
        entry = _folders(data).reject(which)
    if as_json:
        print_json(_item(entry))
    else:
        say(f"no longer trusted: {_certificate(entry).name} ({_certificate(entry).fingerprint})")


def _folders(data: Path) -> TrustFolders:
    """Raises UsageError CRT-401 for a folder that is no gateway's."""
    from plantgate.errors import UsageError
    from plantgate.runtime.clock import SystemClock
    from plantgate.security.trust_folders import TrustFolders

    if not any((data / name).is_file() for name in ("plantgate.toml", "gateway.xml")):
        raise UsageError(
            "CRT-401", f"{data} is no data directory of a gateway", "name it: --data DIR; or plantgate init"
        )
    folders = TrustFolders(data, SystemClock())
    folders.refresh()
    return folders


def _in_file(file: Path) -> Certificate:
    """Raises UsageError CRT-402."""
    from plantgate.errors import UsageError
    from plantgate.limits import TRUST_FILE_BYTES
    from plantgate.security.trust_read import in_file, read_certificate

    try:
        with file.open("rb") as opened:
            (der,) = in_file(opened.read(TRUST_FILE_BYTES))
        return read_certificate(der)
    except (OSError, ValueError) as error:
        raise UsageError("CRT-402", f"{file}: {error}", "give a file with one certificate, PEM or DER") from None


def _judged(folders: TrustFolders, certificate: Certificate) -> tuple[list[dict[str, str]], list[str]]:
    """As whichever of client and server it may be."""
    from plantgate.runtime.clock import SystemClock
    from plantgate.security.trust_judge import Peer, judge

    server_only = certificate.extended is not None and Peer.CLIENT.value not in certificate.extended
    peer = Peer.SERVER if server_only else Peer.CLIENT
    verdict = judge(folders.lists, [certificate.der], SystemClock().wall(), peer=peer)
    return [
        {"status": each.status, "code": each.code, "message": each.message, "hint": each.hint}
        for each in verdict.problems
    ], list(verdict.warnings)


def _begins(entry: TrustEntry, which: str) -> bool:
    wanted = which.replace(":", "").replace(" ", "").lower()
    return str(getattr(entry.found, "fingerprint", "")).startswith(wanted)


def _certificate(entry: TrustEntry) -> Certificate:
    from plantgate.security.trust_read import Certificate

    assert isinstance(entry.found, Certificate)
    return entry.found


def _item(entry: TrustEntry) -> dict[str, Any]:
    from plantgate.security.trust_read import Certificate, RevocationList

    item: dict[str, Any] = {"folder": entry.folder.value, "file": str(entry.file)}
    if isinstance(entry.found, Certificate):
        return item | _details(entry.found)
    if isinstance(entry.found, RevocationList):
        until = entry.found.next_update
        return item | {
            "issuer": entry.found.issuer_name,
            "revoked": len(entry.found.serials),
            "not_after": until // 1000 if until is not None else None,
        }
    return item | {"problem": entry.problem}


def _details(certificate: Certificate) -> dict[str, Any]:
    from plantgate.runtime.log import printable

    return {
        "name": certificate.name,
        "fingerprint": certificate.fingerprint,
        "issuer": certificate.issuer_name,
        "application_uris": [printable(uri) for uri in certificate.uris],
        "host_names": [printable(name) for name in certificate.dns_names],
        "addresses": list(certificate.addresses),
        "authority": certificate.of_authority,
        "not_before": certificate.not_before // 1000,
        "not_after": certificate.not_after // 1000,
        "serial": f"{certificate.serial:x}",
        "key": certificate.key_text,
    }


def _row(entry: TrustEntry) -> list[Cell]:
    from plantgate.runtime.log import printable
    from plantgate.security.trust_read import Certificate, RevocationList

    folder = entry.folder.value
    if isinstance(entry.found, Certificate):
        found = entry.found
        remark: Cell = found.weak or ("authority" if found.of_authority else "")
        uri = printable(found.uris[0]) if found.uris else None
        return [folder, found.fingerprint[:_SHOWN], found.name, uri, _day(found.not_after), entry.file.name, remark]
    if isinstance(entry.found, RevocationList):
        lists = entry.found
        until = _day(lists.next_update) if lists.next_update is not None else None
        return [folder, None, lists.issuer_name, None, until, entry.file.name, f"{len(lists.serials)} revoked"]
    return [folder, None, None, None, None, entry.file.name, Mark(entry.problem, "red")]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _day(value * 1000) if isinstance(value, int) else str(value)


def _day(wall: int) -> str:
    from plantgate.cli.moments import when

    return when(wall).strftime("%Y-%m-%d %H:%M UTC")
