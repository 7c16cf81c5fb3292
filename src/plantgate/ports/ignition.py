"""Where a local Ignition keeps its gateway.xml: the usual places on Windows, Linux and macOS.

Source for Windows: the ports reference (`C:\\Program Files\\Inductive Automation\\Ignition\\data\\gateway.xml`). The
container image and Linux use /usr/local/bin/ignition/data; the other places are common and cost one look each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

_FILE = "gateway.xml"
_WINDOWS_BELOW = ("Inductive Automation", "Ignition", "data")
# Programs of 64 bit and of 32 bit see different folders under one name: all of them are asked.
_PROGRAM_FOLDERS = ("ProgramW6432", "ProgramFiles", "ProgramFiles(x86)")
_LINUX = (
    "/usr/local/bin/ignition/data",
    "/var/lib/ignition/data",
    "/opt/ignition/data",
    "/opt/inductiveautomation/ignition/data",
    "/usr/local/ignition/data",
    "/usr/local/share/ignition/data",
)
_MACOS = ("/usr/local/ignition/data", "/Applications/Ignition/data", "/usr/local/bin/ignition/data")


def _is_file(path: PurePath) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a folder that this user may not enter
        return False


@dataclass(frozen=True, slots=True)
class Host:
    """What the search depends on. `platform` is `sys.platform`; `exists` says whether a path is a file."""

    platform: str = sys.platform
    exists: Callable[[PurePath], bool] = _is_file
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)


def usual_places(host: Host) -> tuple[PurePath, ...]:
    """Every place where `host` may have Ignition's gateway.xml, the likeliest first."""
    return tuple(dict.fromkeys(_places(host)))


def find_gateway_xml(host: Host) -> PurePath | None:
    """The gateway.xml of the Ignition that is installed on `host`; None if there is none in a usual place."""
    return next((place for place in usual_places(host) if host.exists(place)), None)


def _places(host: Host) -> Iterator[PurePath]:
    if host.platform == "win32":
        # Windows does not care about the case of a variable's name; a plain dict does.
        folders = {name.upper(): value for name, value in host.variables.items()}
        named = [folders.get(name.upper(), "") for name in _PROGRAM_FOLDERS]
        for folder in [*named, r"C:\Program Files"]:
            if folder:
                yield PureWindowsPath(folder, *_WINDOWS_BELOW, _FILE)
        return
    for folder in _MACOS if host.platform == "darwin" else _LINUX:
        yield PurePosixPath(folder, _FILE)
