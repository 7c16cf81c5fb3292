"""What the checks look at: a configuration, and the machine around it.

Everything that a test wants to be different (which system this is, what its programs print, who listens) is a field
of `System`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from plantgate.config.document import Configuration
from plantgate.errors import PlantgateError
from plantgate.limits import DOCTOR_FILE_BYTES
from plantgate.ports.owners import Listening, listening_sockets
from plantgate.ports.settings import typed
from plantgate.runtime.clock import Clock

T = TypeVar("T")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, nothing is bound
_PROGRAM_SECONDS = 3.0


class Once(Generic[T]):
    """The answer of `ask`, asked for once, whichever thread comes first."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answers: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._answers:
                self._answers.append(self._ask())
            return self._answers[0]


@dataclass(frozen=True, slots=True)
class Printed:
    """What a program printed (both outputs) and its exit status."""

    status: int
    text: str


def run_program(command: Sequence[str]) -> Printed | None:
    """Run a program of the system, in English, for 3 s at most. None if there is no such program."""
    # Debian keeps administrators' programs where a person's PATH does not look.
    found = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/sbin")
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_PROGRAM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Printed(-1, f"{command[0]} did not end within {_PROGRAM_SECONDS:g} s")
    return Printed(done.returncode, done.stdout[:DOCTOR_FILE_BYTES].decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class System:
    """The machine. `platform` is `sys.platform`; `root` is where /proc is."""

    platform: str = sys.platform
    root: Path = Path("/")
    run: Callable[[Sequence[str]], Printed | None] = run_program
    listening: Callable[[], Sequence[Listening]] = listening_sockets
    user_id: int | None = field(default_factory=lambda: os.geteuid() if hasattr(os, "geteuid") else None)

    def read(self, *parts: str) -> str | None:
        """The text of a small file of the system, None if it can't be read."""
        try:
            with self.root.joinpath(*parts).open("rb") as file:
                return file.read(DOCTOR_FILE_BYTES).decode("utf-8", "replace")
        except OSError:
            return None


@dataclass(frozen=True)
class Subject:
    """`directory` is a plantgate data directory; a `gateway_xml` without one belongs to an Ignition gateway.

    `errors` are those of the configuration: where there are any, `configuration` is what could be read without what
    is wrong, or the defaults.
    """

    configuration: Configuration
    clock: Clock
    directory: Path | None = None
    gateway_xml: Path | None = None
    errors: Sequence[PlantgateError] = ()
    system: System = field(default_factory=System)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    sockets: Once[Sequence[Listening]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sockets", Once(self.system.listening))

    @property
    def is_ignition(self) -> bool:
        return self.directory is None and self.gateway_xml is not None

    @property
    def address(self) -> str:
        """What the web ports bind to. Ignition has no such setting: it takes every interface."""
        return "0.0.0.0" if self.is_ignition else self.configuration.web.address  # noqa: S104 - nothing is bound here

    @property
    def reachable(self) -> bool:
        """True if other machines can get to the listeners, as far as their address says."""
        return self.address not in LOOPBACK

    @property
    def local_address(self) -> str:
        """Where this machine reaches its own listeners."""
        if self.address in EVERY_INTERFACE or self.address == "localhost":
            return "::1" if self.address == "::" else "127.0.0.1"
        return self.address

    def command(self, *arguments: str) -> str:
        """A plantgate command on this very subject, to type."""
        where: tuple[str, ...] = ()
        if self.directory is not None:
            where = ("--data", str(self.directory))
        elif self.gateway_xml is not None:
            where = ("--gateway-xml", str(self.gateway_xml))
        return typed("plantgate", *arguments, *where)
