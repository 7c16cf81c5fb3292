"""Where the port of a name is written, and the edit of the file that changes it: nothing else in the file moves."""

from __future__ import annotations

import difflib
import errno
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantgate.config.document import DATABASE_PORTS, Configuration
from plantgate.config.edit import edit_toml_bytes
from plantgate.config.load import GATEWAY_XML, PLANTGATE_TOML
from plantgate.config.overrides import ALIASES
from plantgate.config.problems import did_you_mean, one_of, shown
from plantgate.config.source import read_bytes
from plantgate.config.xmlfile import edit_bytes
from plantgate.errors import ConfigError, StorageError, UsageError
from plantgate.limits import CONFIG_FILE_BYTES
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.owners import free_port_near
from plantgate.ports.specs import Direction
from plantgate.runtime.files import write_atomic

LAST_PORT = 65_535
_EMPTY_XML = b"""\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties>
<comment>Gateway Properties</comment>
</properties>
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """A port that can be set: `name` is what a person types, `endpoint` how it is configured now."""

    name: str
    endpoint: Endpoint

    @property
    def key(self) -> str:
        return self.endpoint.key

    @property
    def in_gateway_xml(self) -> bool:
        return self.key.startswith("gateway.")

    @property
    def listens(self) -> bool:
        return self.endpoint.direction is Direction.LISTEN


def settings(configuration: Configuration) -> dict[str, Setting]:
    """Every port that can be set, by name: http ... modbus_server, `reader.NAME`, `device.NAME`."""
    return {setting.name: setting for setting in _settings(configuration)}


def setting_of(name: str, configuration: Configuration) -> Setting:
    """The setting that `name` means: a name of the atlas, a key, or a name of the ports reference (`http_port`).

    Raises UsageError (PORT-421) that says which names there are.
    """
    known = settings(configuration)
    keys = {setting.key: setting for setting in known.values()}
    wanted = name.strip()
    by_key = keys.get(ALIASES.get(wanted, wanted))
    found = known.get("modbus_server" if wanted == "modbus" else wanted) or by_key
    if found is not None:
        return found
    if wanted in set(DATABASE_PORTS) or wanted.startswith("database."):
        raise UsageError(
            "PORT-421",
            f"the port of a database is part of its url: {shown(name)} is not set by itself",
            "change url in the [[database]] of plantgate.toml",
        )
    raise UsageError(
        "PORT-421",
        f"there is no port named {shown(name)}{did_you_mean(wanted, known)}",
        f"names: {one_of(known)}",
    )


def check_number(setting: Setting, port: int) -> None:
    """Raises UsageError (PORT-422) for a number that this port can't have."""
    low = 0 if setting.listens else 1
    if not low <= port <= LAST_PORT:
        words = "from 0 (off) to 65535" if setting.listens else "from 1 to 65535"
        raise UsageError("PORT-422", f"{port} is not a port number {words}", "nothing was changed")


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A change of one file that has been worked out and not been made."""

    path: Path
    before: bytes
    after: bytes

    @property
    def changes(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """A unified diff; empty if nothing changes."""
        before, after = (_lines(data) for data in (self.before, self.after))
        name = self.path.name
        return "".join(difflib.unified_diff(before, after, f"{name} (now)", f"{name} (new)", n=2))

    def write(self) -> None:
        """Make it, whole or not at all. Raises StorageError; also if the file is not what it was any more."""
        if not self.changes:
            return
        if _read(self.path) != self.before:
            raise StorageError(
                "PORT-424", f"{self.path} was changed by somebody else in this moment", "look at it and try again"
            )
        try:
            # The folder's right would do to replace it: who made the file read-only meant that nobody does.
            if self.before and not self.path.stat().st_mode & 0o222:
                raise PermissionError(errno.EACCES, "read-only file")
            write_atomic(self.path, self.after)
        except OSError as error:
            raise StorageError(
                "PORT-423",
                f"{self.path} can't be written: {(error.strerror or str(error)).lower()}",
                "make it writable, and run this as the user that runs the gateway or as administrator",
            ) from None


def file_of(setting: Setting, data: Path | None, gateway_xml: Path | None) -> Path:
    """The file that holds `setting`. Raises UsageError (PORT-425) if it was not named."""
    if setting.in_gateway_xml and (gateway_xml is not None or data is not None):
        return gateway_xml or (data or Path()) / GATEWAY_XML
    if data is None:
        file = GATEWAY_XML if setting.in_gateway_xml else PLANTGATE_TOML
        more = " or --gateway-xml FILE" if setting.in_gateway_xml else ""
        raise UsageError("PORT-425", f"{setting.name} is set in {file}: which one?", f"add --data DIR{more}")
    return data / PLANTGATE_TOML


def plan(setting: Setting, port: int, path: Path) -> FileEdit:
    """The edit that sets `setting` to `port` in `path`. Raises ConfigError for a file that can't be edited."""
    before = _read(path)
    if setting.in_gateway_xml:
        after = edit_bytes(before or _EMPTY_XML, {setting.key: str(port)}, path.name)
    else:
        after = edit_toml_bytes(before, {setting.key: port}, path.name)
    return FileEdit(path, before, after)


def free_near(endpoint: Endpoint, endpoints: Sequence[Endpoint], above: int = 0) -> int | None:
    """A port more than `above` over that of `endpoint` which is free on its address now.

    None of the listeners in `endpoints` wants it. None if there is no such port near.
    """
    wanted = {each.port for each in endpoints if each.direction is Direction.LISTEN and each.enabled}
    port = free_port_near(endpoint.port + above, endpoint.host)
    while port is not None and port in wanted:
        port = free_port_near(port, endpoint.host)
    return port


def set_command(endpoint: Endpoint, port: int | None, directory: Path | None, gateway_xml: Path | None = None) -> str:
    """`plantgate ports set http 8080 --data DIR`; `gateway_xml` is a file that stands alone.

    Empty without a port, where there is no such setting, and where an override stands above the files: to edit them
    would change nothing.
    """
    in_a_file = endpoint.key.endswith(".port") or endpoint.key.startswith("gateway.")
    if port is None or not in_a_file or endpoint.source.startswith(("--set", "environment")):
        return ""
    where = ("--data", str(directory)) if directory is not None else ()
    if directory is None and gateway_xml is not None:
        where = ("--gateway-xml", str(gateway_xml))
    return typed("plantgate", "ports", "set", _name(endpoint), str(port), *where)


def typed(*arguments: str) -> str:
    """A command line as this system's shell wants it."""
    return subprocess.list2cmdline(arguments) if sys.platform == "win32" else shlex.join(arguments)


def _name(endpoint: Endpoint) -> str:
    """What a person types."""
    if endpoint.direction is Direction.LISTEN:
        return "modbus_server" if endpoint.name == "modbus" else endpoint.name
    return endpoint.key.removesuffix(".port")


def _settings(configuration: Configuration) -> Iterator[Setting]:
    for endpoint in atlas(configuration):
        if endpoint.direction is Direction.LISTEN or (endpoint.instance and endpoint.key.endswith(".port")):
            yield Setting(_name(endpoint), endpoint)


def _read(path: Path) -> bytes:
    """What is in `path`; nothing if it is not there. Raises ConfigError."""
    try:
        return read_bytes(path, CONFIG_FILE_BYTES)
    except ConfigError:
        if path.parent.is_dir() and not path.exists():
            return b""
        raise


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").splitlines(keepends=True)
    return [line.rstrip("\r\n") + "\n" for line in lines]
