"""What a tag is: its definition, before it has any value."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from plantgate.model.alarm import AlarmDefinition
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.value import DataType, Scalar

DEFAULT_PROVIDER = "default"

# Ignition 8.3 manual, tag paths: letters, digits, underscore first, then also space ' - : ( ); at most 256.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ '\-:()]{0,255}\Z")
_PATH = re.compile(r"\[(?P<provider>[^\]]+)\](?P<rest>.*)\Z")


class TagKind(StrEnum):
    """Where a tag's value comes from.

    A device tag is polled; a memory tag keeps what is written to it; an expression tag is computed from other tags; a
    derived tag is one source tag seen through a formula, with a formula back; a reference tag is another tag under a
    second path.
    """

    DEVICE = "device"
    MEMORY = "memory"
    EXPRESSION = "expression"
    DERIVED = "derived"
    REFERENCE = "reference"


class Execution(StrEnum):
    """When an expression is computed: when an input changes, or at the rate of its tag group."""

    EVENT = "event"
    RATE = "rate"


class ScaleMode(StrEnum):
    """How a raw value becomes a scaled one (Ignition: scaleMode)."""

    OFF = "off"
    LINEAR = "linear"
    SQUARE_ROOT = "square_root"
    EXPONENTIAL_FILTER = "exponential_filter"
    BIT_INVERSION = "bit_inversion"


@dataclass(frozen=True, slots=True)
class Scaling:
    """From what a device has to what people see, and back when they write.

    `clamp` holds scaled values within `scaled_low` to `scaled_high`. `factor` (0 to 1) is the share that a new value
    has in an exponential filter: 1 filters nothing.
    """

    mode: ScaleMode
    raw_low: float = 0.0
    raw_high: float = 100.0
    scaled_low: float = 0.0
    scaled_high: float = 100.0
    clamp: Bounds = Bounds.NONE
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class TagDefinition:
    """`path` is full (`[default]Line 1/Filler/Speed`).

    `address` is the driver's own (`HRF40`, `3.C12`), without `[device]` before it.
    `writable` is for commands through the gate; `history` stores every change; `unit` is the engineering unit.
    `low` and `high` are the engineering range, for charts and gauges; `limit` says which ends are enforced: a value
    beyond is uncertain and can't be written. `format` is how numbers are shown (`0.00`).
    A change of less than `deadband` is none. `persist` is for a memory tag whose value outlives a restart.
    `source` is the full path that a reference or derived tag follows, `expression` the formula of an expression or
    derived tag, `write_expression` that of a derived tag's way back.
    """

    path: str
    data_type: DataType
    kind: TagKind = TagKind.MEMORY
    device: str = ""
    address: str = ""
    unit: str = ""
    description: str = ""
    history: bool = False
    writable: bool = False
    group: str = "default"
    low: float | None = None
    high: float | None = None
    initial: Scalar = None
    format: str = ""
    documentation: str = ""
    limit: Bounds = Bounds.NONE
    scaling: Scaling | None = None
    deadband: float = 0.0
    deadband_mode: DeadbandMode = DeadbandMode.ABSOLUTE
    persist: bool = False
    source: str = ""
    expression: str = ""
    write_expression: str = ""
    execute: Execution = Execution.EVENT
    alarms: tuple[AlarmDefinition, ...] = ()

    @property
    def on_device(self) -> TagDefinition:
        """As its driver is to read it: a whole number that is made of a scaled one is none yet."""
        if self.scaling is None or self.scaling.mode is ScaleMode.BIT_INVERSION:
            return self
        return replace(self, data_type=DataType.FLOAT8)

    @property
    def band(self) -> float:
        """The deadband in units of the tag."""
        if self.deadband_mode is DeadbandMode.ABSOLUTE or self.low is None or self.high is None:
            return self.deadband
        return self.deadband / 100 * (self.high - self.low)


def full_path(path: str) -> str:
    """`Line 1/Speed` -> `[default]Line 1/Speed`; a path that names its provider stays as it is."""
    return path if path.startswith("[") else f"[{DEFAULT_PROVIDER}]{path}"


def path_problem(path: str) -> str | None:
    """Why `path` can't be a tag path, in words, or None if it can."""
    match = _PATH.match(full_path(path))
    if match is None:
        return "a tag path looks like [provider]Folder/Tag"
    for name in (match["provider"], *match["rest"].split("/")):
        if not _NAME.match(name):
            return f"{name!r} can't be a name: letters, digits and _ first, then also space ' - : ( ), at most 256"
    return None


def provider_of(path: str) -> str:
    """`[default]Line 1/Speed` -> `[default]`."""
    return path[: path.index("]") + 1]


def folder_of(path: str) -> str:
    """`[default]Line 1/Speed` -> `[default]Line 1/`; of a tag at the top its provider."""
    slash = path.rfind("/")
    return path[: slash + 1] if slash >= 0 else provider_of(path)


def resolved(path: str, of: str) -> str:
    """The full path that `path` means when the tag `of` (a full path) names it.

    `[.]Speed` and `./Speed` are beside `of`, `../Speed` and `[..]Speed` a folder up, `[~]Line 1/Speed` and
    `Line 1/Speed` from the root of its provider. What would lead out of the provider stays at its root.
    """
    if path.startswith(("./", "../")):
        path = f"[.]{path}"
    elif path.startswith("[..]"):
        path = f"[.]../{path[4:]}"
    if path.startswith("[~]") or not path.startswith("["):
        return provider_of(of) + path.removeprefix("[~]")
    if not path.startswith("[.]"):
        return path
    folder, rest = folder_of(of), path[3:].removeprefix("./")
    while rest.startswith("../"):
        folder, rest = folder_of(folder.rstrip("/")) if "/" in folder else folder, rest[3:]
    return folder + rest
