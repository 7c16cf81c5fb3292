"""Where commands edit tags: at the gateway that runs on a data directory, or in its files while none does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias
from urllib.parse import urlencode

import typer

from plantgate.errors import Unavailable, UsageError
from plantgate.model.tagedit import Conflict, TagEdit, TagsEdited

if TYPE_CHECKING:
    from plantgate.cli.gateway_client import GatewayClient
    from plantgate.config.document import Configuration
    from plantgate.config.tags.edit import TagBook, TagPlan

DataDirectory: TypeAlias = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="PLANTGATE_DATA", help="Data directory of the gateway."),
]
HERE = Path("plantgate-data")
Answer: TypeAlias = Mapping[str, Any]

_JSON = {"content-type": "application/json"}
_IMPORT_SECONDS = 300.0
_BASE = "/api/v1/tags"


def loaded(data: Path, drafts: Mapping[Path, bytes] | None = None) -> Configuration:
    """Raises ConfigError."""
    from plantgate.config.load import load
    from plantgate.drivers.modbus import device_address_problem, parse_address
    from plantgate.tags.derived import formula_inputs

    return load(
        data,
        address_check=device_address_problem,
        modbus_address=parse_address,
        formula_check=formula_inputs,
        tag_drafts=drafts,
    )


@contextmanager
def running_client(data: Path) -> Iterator[GatewayClient]:
    """The gateway that runs on `data`. Raises Unavailable if none does."""
    with _client_or_none(data) as client:
        if client is None:
            raise Unavailable("CFG-214", f"no gateway runs on {data}", f"plantgate run --data {data}")
        yield client


@contextmanager
def _client_or_none(data: Path) -> Iterator[GatewayClient | None]:
    from plantgate.cli.gateway_client import gateway_client
    from plantgate.config.load import load
    from plantgate.ports.owners import listening_sockets
    from plantgate.ports.running import running_gateway

    running = running_gateway(data, listening_sockets())
    if running is None:
        yield None
        return
    with gateway_client(data, load(data), running) as client:
        yield client


class TagDesk(Protocol):
    """Answers have the keys of `TagsEdited`. Everything raises TagFaults with all that is wrong, or another of ours."""

    live: bool

    def edit(self, edit: TagEdit, *, dry_run: bool) -> Answer: ...

    def import_file(self, file: Path, conflict: Conflict, *, into: str, to: str, dry_run: bool) -> Answer: ...

    def entry(self, path: str) -> dict[str, Any] | None:
        """The keys of a tag, None if there is none."""
        ...

    def reload(self) -> Answer: ...


@contextmanager
def tag_desk(data: Path) -> Iterator[TagDesk]:
    """Raises Unavailable if a gateway starts in this moment, ConfigError if the files are wrong."""
    with _client_or_none(data) as client:
        if client is not None:
            yield _Running(client)
            return
        from plantgate.runtime.lockfile import LockFile

        with LockFile.of(data):
            yield _Resting(data)


class _Running:
    live = True

    def __init__(self, client: GatewayClient) -> None:
        self._client = client

    def _ask(self, method: str, path: str, content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        from plantgate.config.tags.faults import TagFaults
        from plantgate.model.tagedit import TagFault

        answer = self._client.send(method, f"{_BASE}/{path}", content, headers or _JSON)
        if answer.status == HTTPStatus.CONFLICT:
            errors = json.loads(answer.content).get("errors")
            if errors:
                raise TagFaults([TagFault(**error) for error in errors])
        return answer.json()

    def edit(self, edit: TagEdit, *, dry_run: bool) -> Answer:
        if edit.rename is not None:
            old, new = edit.rename
            return self._ask("POST", "rename", _body(path=old, to=new, dry_run=dry_run))
        if edit.remove:
            return self._ask("POST", "remove", _body(paths=list(edit.remove), dry_run=dry_run))
        return self._ask("PUT", "configuration", _body(items=[dict(row) for row in edit.put], dry_run=dry_run))

    def import_file(self, file: Path, conflict: Conflict, *, into: str, to: str, dry_run: bool) -> Answer:
        from plantgate.config.source import read_bytes
        from plantgate.limits import TAG_IMPORT_BYTES

        wanted = {
            "format": {".xml": "ignition"}.get(file.suffix.lower(), file.suffix.lower().removeprefix(".")),
            "on_conflict": conflict,
            "into": into,
            "file": to,
            "dry_run": json.dumps(dry_run),
        }
        self._client.patience(_IMPORT_SECONDS)
        return self._ask("POST", f"import?{urlencode(wanted)}", read_bytes(file, TAG_IMPORT_BYTES))

    def entry(self, path: str) -> dict[str, Any] | None:
        answer = self._client.send("GET", f"{_BASE}/configuration?{urlencode({'path': path})}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        found: dict[str, Any] = answer.json()["entry"]
        return found

    def reload(self) -> Answer:
        self._client.patience(_IMPORT_SECONDS)
        return self._ask("POST", "reload", b"")


class _Resting:
    """Nobody runs: the files are edited."""

    live = False

    def __init__(self, data: Path) -> None:
        from plantgate.config.tags.edit import TagBook
        from plantgate.config.tags.references import Checks
        from plantgate.drivers.modbus import device_address_problem, parse_address
        from plantgate.tags.derived import formula_inputs

        checks = Checks(device_address_problem, parse_address, formula_inputs)
        self._book: TagBook = TagBook(loaded(data), data, checks)

    def _done(self, make: Callable[[], TagPlan], *, dry_run: bool) -> Answer:
        plan = make()
        if not dry_run:
            self._book.write(plan)
        return _answer(plan.result)

    def edit(self, edit: TagEdit, *, dry_run: bool) -> Answer:
        return self._done(lambda: self._book.plan(edit), dry_run=dry_run)

    def import_file(self, file: Path, conflict: Conflict, *, into: str, to: str, dry_run: bool) -> Answer:
        from plantgate.config.source import read_bytes
        from plantgate.limits import TAG_IMPORT_BYTES

        def plan() -> TagPlan:
            data = read_bytes(file, TAG_IMPORT_BYTES)
            return self._book.plan_import(data, str(file), conflict, into=into, file=to)

        return self._done(plan, dry_run=dry_run)

    def entry(self, path: str) -> dict[str, Any] | None:
        from plantgate.model.tag import full_path

        found = self._book.configured(full_path(path))
        return None if found is None else dict(found.entry)

    def reload(self) -> Answer:
        raise UsageError("CFG-217", "no gateway runs: it reads the files when it starts", "plantgate config check")


def _answer(result: TagsEdited) -> Answer:
    from dataclasses import asdict

    return asdict(result)


def _body(**keys: Any) -> bytes:
    return json.dumps(keys).encode()
