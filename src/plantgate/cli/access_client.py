"""Asks a gateway about access control: the one that runs on a data directory, or the directory itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from plantgate.cli.gateway_client import Answer, Asked, ask
from plantgate.errors import StorageError, UsageError
from plantgate.runtime.files import write_atomic

_STANDARD = Path("-")


class AccessClient:
    """See `access_client`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return ask(self._asked, method, path, body)

    def send(self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        return self._asked.send(method, path, content, headers)

    def put_item(self, path: str, key: str, item: Mapping[str, Any]) -> dict[str, Any]:
        """Put `item`, as a list shows it: what a list adds to an item is left out. A new card has a credential."""
        if key not in item and "credential" not in item:
            raise UsageError("ACC-301", f"an item has no {key}", f"{json.dumps(item)[:80]} ...")
        added = {"cards", "zone", "since", "picture", "last4", "holder_name"}
        wanted = {name: value for name, value in item.items() if name not in added}
        if "credential" in item:
            return self.ask("POST", path, wanted)
        return self.ask("PUT", f"{path}/{quote(str(item[key]), safe='')}", wanted)


@contextmanager
def access_client(data: Path) -> Iterator[AccessClient]:
    """A client of the gateway that runs on `data`, else of the directory itself, which is held meanwhile."""
    from plantgate.ports.owners import listening_sockets
    from plantgate.ports.running import running_gateway

    if not data.is_dir():
        raise UsageError("ACC-302", f"there is no data directory {data}", "name it: --data DIR, or PLANTGATE_DATA")
    running = running_gateway(data, listening_sockets())
    if running is None:
        from plantgate.cli.offline import offline_gateway

        with offline_gateway(data) as offline:
            yield AccessClient(offline)
        return
    from plantgate.cli.gateway_client import gateway_client
    from plantgate.config.load import load

    with gateway_client(data, load(data), running) as client:
        yield AccessClient(client)


def every_row(client: AccessClient, path: str, query: Mapping[str, str], page: int) -> list[dict[str, Any]]:
    """All pages of a list."""
    items: list[dict[str, Any]] = []
    while True:
        part = client.ask("GET", f"{path}?{urlencode({**query, 'limit': page, 'offset': len(items)})}")
        items += part["items"]
        if not part["items"] or len(items) >= part["metadata"]["matching"]:
            return items


def read_file(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == _STANDARD else file.read_bytes()
    except OSError as error:
        raise UsageError("ACC-303", f"{file} can't be read: {(error.strerror or str(error)).lower()}") from None


def read_items(file: Path) -> list[Any]:
    """The items of a JSON file: a list, or an object with `items`."""
    try:
        found = json.loads(read_file(file))
    except ValueError as error:
        raise UsageError("ACC-304", f"{file} is not JSON: {error}", "see access list KIND --json") from None
    items = found.get("items") if isinstance(found, dict) else found
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError("ACC-304", f"{file} holds no list of items", 'write {"items": [...]}')
    return items


def write_file(file: Path, content: bytes) -> None:
    if file == _STANDARD:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        write_atomic(file, content, private=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError("ACC-305", f"{file} can't be written: {reason}", "choose another place") from None
