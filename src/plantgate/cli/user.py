"""`plantgate user`: who may sign in, and what they may do.

Written into the data directory, whether a gateway runs on it or not: one that runs takes it over within two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from plantgate.cli.common import (
    Cell,
    Column,
    JsonOption,
    Mark,
    RequiredDataOption,
    SetOption,
    note,
    print_json,
    print_table,
    say,
    told,
)

if TYPE_CHECKING:
    from plantgate.model.account import Account, Lockout
    from plantgate.model.command import Origin
    from plantgate.security.accounts_file import AccountsFile

_HELP = "Accounts and their roles; sign-in links.\n\nWhoever may write the data directory may change them."
app = typer.Typer(help=_HELP, no_args_is_help=True)

NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")]
ForceOption: TypeAlias = Annotated[bool, typer.Option("--force", help="Even if it is the last administrator.")]
FileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Its first line is the password; - is standard input.",
        show_default=False,
    ),
]
GenerateOption: TypeAlias = Annotated[bool, typer.Option("--generate", help="Have a password made and print it once.")]
_STANDARD = Path("-")


class RoleName(StrEnum):
    """As `model.account.Role`, which the command line need not import to show its help."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"


RoleOption: TypeAlias = Annotated[RoleName, typer.Option("--role", help="What the account may do.")]


@app.command()
def add(
    name: NameArgument,
    data: RequiredDataOption,
    role: RoleOption = RoleName.VIEWER,
    password_file: FileOption = None,
    generate: GenerateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add an account. Its password is asked for, read from a file, or made."""
    from plantgate.model.account import Role

    with told(as_json=as_json), _accounts(data) as (accounts, by):
        password = _password(password_file, generate=generate)
        account = accounts.add(name, Role(role.value), password, by)
        _done(f"added {account.name}, {account.role}", account.name, password if generate else "", as_json=as_json)


@app.command("list")
def list_accounts(data: RequiredDataOption, as_json: JsonOption = False) -> None:
    """List the accounts: role, last sign-in, who is locked out."""
    with told(as_json=as_json), _accounts(data) as (accounts, _):
        snapshot = accounts.read()
    found = [record.account for record in snapshot.records.values()]
    locks: dict[str, list[Lockout]] = {}
    for lock in snapshot.lockouts:
        locks.setdefault(lock.name, []).append(lock)
    if as_json:
        print_json({"items": [_item(account, locks.get(account.name, [])) for account in found]})
    elif found:
        columns: list[str | Column] = ["name", "role", "state", "last sign-in", Column("from", optional=True)]
        columns.append(Column("password changed", optional=True))
        print_table(columns, [_row(account, locks.get(account.name, [])) for account in found])
    else:
        note("there are no accounts: plantgate user add NAME --role administrator")


@app.command()
def remove(
    name: NameArgument, data: RequiredDataOption, force: ForceOption = False, as_json: JsonOption = False
) -> None:
    """Remove an account and end its sessions."""
    with told(as_json=as_json), _accounts(data) as (accounts, by):
        accounts.remove(name, by, force=force)
        _done(f"removed {name}", name, as_json=as_json)


@app.command()
def password(
    name: NameArgument,
    data: RequiredDataOption,
    password_file: FileOption = None,
    generate: GenerateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give an account another password; its sessions end, its lockouts too."""
    with told(as_json=as_json), _accounts(data) as (accounts, by):
        given = _password(password_file, generate=generate)
        accounts.set_password(name, given, by)
        _done(f"{name} has another password", name, given if generate else "", as_json=as_json)


@app.command()
def role(
    name: NameArgument,
    wanted: Annotated[RoleName, typer.Argument(metavar="ROLE", help=", ".join(RoleName))],
    data: RequiredDataOption,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give an account another role; its sessions end."""
    from plantgate.model.account import Role

    with told(as_json=as_json), _accounts(data) as (accounts, by):
        accounts.set_role(name, Role(wanted.value), by, force=force)
        _done(f"{name} is {wanted.value}", name, as_json=as_json)


@app.command()
def unlock(name: NameArgument, data: RequiredDataOption, as_json: JsonOption = False) -> None:
    """Forget the wrong passwords of an account, from wherever they came."""
    with told(as_json=as_json), _accounts(data) as (accounts, by):
        accounts.unlock(name, by)
        _done(f"{name} is unlocked", name, as_json=as_json)


@app.command()
def disable(
    name: NameArgument, data: RequiredDataOption, force: ForceOption = False, as_json: JsonOption = False
) -> None:
    """Let nobody sign in with an account any more, and end its sessions; it stays in the list."""
    with told(as_json=as_json), _accounts(data) as (accounts, by):
        accounts.set_enabled(name, by, enabled=False, force=force)
        _done(f"{name} is disabled", name, as_json=as_json)


@app.command()
def enable(name: NameArgument, data: RequiredDataOption, as_json: JsonOption = False) -> None:
    """The way back from `disable`."""
    with told(as_json=as_json), _accounts(data) as (accounts, by):
        accounts.set_enabled(name, by, enabled=True)
        _done(f"{name} is enabled", name, as_json=as_json)


@app.command()
def link(
    data: RequiredDataOption,
    actor: Annotated[str, typer.Option("--name", help="The name that the audit log shows.")] = "operator",
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that signs one browser in, once, within a day."""
    from plantgate.config.load import load
    from plantgate.errors import StorageError
    from plantgate.runtime.clock import SystemClock
    from plantgate.security import sign_in

    with told(as_json=as_json):
        configuration = load(data, sets or ())
        try:
            token = sign_in.create(data, actor, SystemClock())
        except OSError as error:
            raise StorageError(
                "USR-101", f"{data} can't be written: {error.strerror}", "run this as the user that runs the gateway"
            ) from None
        url = sign_in.url(configuration.web.address, configuration.web_server.port, configuration.web_server.ssl_port)
        if as_json:
            print_json({"url": f"{url}/#signin={token}", "actor": actor})
        else:
            say(f"{url}/#signin={token}")


@app.callback()
def _group() -> None:
    """Accounts and their roles; sign-in links. Whoever may write the data directory may change them."""


@contextmanager
def _accounts(data: Path) -> Iterator[tuple[AccountsFile, Origin]]:
    """The accounts of a data directory, and who changes them."""
    from plantgate.cli.gateway_client import user_name
    from plantgate.errors import UsageError
    from plantgate.model.command import Origin
    from plantgate.runtime.clock import SystemClock
    from plantgate.security.accounts_file import AccountsFile

    if not any((data / name).is_file() for name in ("plantgate.toml", "gateway.xml")):
        raise UsageError(
            "USR-102", f"{data} is no data directory of a gateway", "name it: --data DIR; or plantgate init"
        )
    with AccountsFile(data, SystemClock()) as accounts:
        yield accounts, Origin(f"{user_name()} (command line)")


def _password(file: Path | None, *, generate: bool) -> str:
    """Never from the command line itself, which every user of the host can read. Raises UsageError."""
    import sys

    from plantgate.errors import UsageError
    from plantgate.limits import PASSWORD_BYTES
    from plantgate.security.passwords import generated

    if generate and file is not None:
        raise UsageError("USR-103", "--generate and --password-file can't be meant together")
    if generate:
        return generated()
    if file is None and sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    if file is None:
        raise UsageError(
            "USR-104", "nobody is here to type a password", "--password-file FILE (- is standard input), or --generate"
        )
    try:
        if file == _STANDARD:
            line = sys.stdin.buffer.readline(PASSWORD_BYTES + 3)
        else:
            with file.open("rb") as opened:
                line = opened.readline(PASSWORD_BYTES + 3)
        return line.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError("USR-105", f"{file} can't be read: {reason}") from None


def _done(text: str, name: str, made: str = "", *, as_json: bool) -> None:
    """What has happened, and the password that was made: nobody can read it again."""
    if as_json:
        print_json({"name": name, "done": text} | ({"password": made} if made else {}))
        return
    say(text)
    if made:
        say(f"password: {made}")


def _item(account: Account, locks: list[Lockout]) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role.value,
        "enabled": account.enabled,
        "created": account.created // 1000,
        "password_changed": account.password_changed // 1000,
        "last_sign_in": account.last_sign_in // 1000 if account.last_sign_in is not None else None,
        "last_address": account.last_address,
        "locked": [{"address": lock.address, "until": lock.until // 1000} for lock in locks],
    }


def _row(account: Account, locks: list[Lockout]) -> list[Cell]:
    state: Cell = "enabled" if account.enabled else Mark("disabled", "yellow")
    if locks:
        places = ", ".join(lock.address or "-" for lock in locks[:3]) + (", ..." if len(locks) > 3 else "")
        state = Mark(f"locked for {places} until {_moment(max(lock.until for lock in locks))}", "red")
    last = _moment(account.last_sign_in) if account.last_sign_in is not None else "never"
    return [account.name, account.role.value, state, last, account.last_address, _moment(account.password_changed)]


def _moment(wall: int) -> str:
    from plantgate.cli.moments import when

    return when(wall).astimezone().strftime("%Y-%m-%d %H:%M")
