"""The demo's data directory: one PLC with the simulated bottling line, two badge readers, a few cards, one door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plantgate.config.edit import edit_gateway_xml, edit_toml
from plantgate.config.template import GATEWAY_XML_TEXT
from plantgate.errors import ConfigError, StorageError
from plantgate.runtime.files import write_atomic


@dataclass(frozen=True, slots=True)
class Plc:
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Reader:
    """`cards` are shown in turn, one every `every` seconds."""

    name: str
    port: int
    control_port: int
    cards: tuple[str, ...]
    every: float


PLC = Plc("PLC1", 502)
_ADA, _GRACE, _LINUS, _STRANGER = "047DAE02C84080", "047C7B02C44080", "04C16802C84080", "262BA1B0"
CARDS = {_ADA: "Ada Lovelace", _GRACE: "Grace Hopper", _LINUS: "Linus Pauling"}
READERS = (
    Reader("entrance", 4000, 4010, (_ADA, _GRACE, _STRANGER, _LINUS), 9.0),
    Reader("filler", 4001, 4011, (_GRACE, _LINUS), 23.0),
)
_MARK = "# The demo's plant."

_TOML = f"""\
{_MARK} Everything here may be changed; only the ports are set anew at every start of the demo.

[gateway]
name = "demo plant"

[web]
address = "127.0.0.1"          # this machine only; see `plantgate init` for a fully commented file

[history]
keep = "30d"

[[device]]
name = "{PLC.name}"
driver = "modbus"
host = "127.0.0.1"
port = {PLC.port}

[[reader]]
name = "entrance"
host = "127.0.0.1"
port = 4000
door = "Main door"

[[reader]]
name = "filler"
host = "127.0.0.1"
port = 4001

[[door]]
name = "Main door"
strike = "Line 1/Door 1/Strike"
pulse = "3s"

[[card]]
uid = "{_ADA}"
holder = "Ada Lovelace"

[[card]]
uid = "{_GRACE}"
holder = "Grace Hopper"

[[card]]
uid = "{_LINUS}"
holder = "Linus Pauling"
readers = ["filler"]           # not at the entrance
"""


def check_ours(directory: Path) -> None:
    """Raises ConfigError for a directory that holds another configuration: it is somebody's."""
    toml = directory / "plantgate.toml"
    try:
        ours = _MARK in toml.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(
            "DEMO-105", f"{toml} can't be read: {error.strerror}", "choose another folder: plantgate demo --data DIR"
        ) from None
    if not ours:
        raise ConfigError(
            "DEMO-103", f"{toml} belongs to another gateway", "choose an empty folder: plantgate demo --data DIR"
        )


def write_plant(directory: Path, ports: dict[str, int]) -> None:
    """Write the data directory if it is new, and `ports` (by the names of demo.wanted_ports) in any case.

    Raises ConfigError for a directory that holds another configuration: it is somebody's. Raises StorageError.
    """
    check_ours(directory)
    toml, xml = directory / "plantgate.toml", directory / "gateway.xml"
    try:
        if not toml.exists():
            (directory / "tags").mkdir(parents=True, exist_ok=True)
            write_atomic(directory / "tags" / "line1.csv", _tags())
            write_atomic(toml, _TOML.encode())
        if not xml.exists():
            write_atomic(xml, GATEWAY_XML_TEXT.encode())
    except OSError as error:
        raise StorageError(
            "DEMO-104", f"{directory} can't be written: {error.strerror}", "choose a folder that this user may write to"
        ) from None
    edit_gateway_xml(xml, {"gateway.port": ports["http"], "gateway.sslport": ports["https"]})
    values = {f"device.{PLC.name}.port": ports["plc"]}
    edit_toml(toml, values | {f"reader.{each.name}.port": ports[f"reader {each.name}"] for each in READERS})


# Each can be raised from the page: by Emergency Stop, Alarm Test, or an empty tank.
_ALARMS: Mapping[str, Mapping[str, object]] = {
    "Emergency Stop": {
        "name": "Pressed",
        "mode": "when_true",
        "priority": "critical",
        "ack_note_required": True,
        "label": "Emergency stop pressed",
        "notes": "Look for people in the line before anything is started again.",
    },
    "Alarm": {"name": "Common", "mode": "when_true", "priority": "high", "label": "Common alarm of line 1"},
    "Filler/State": {"name": "Blocked", "mode": "equal", "setpoint": 3, "priority": "high", "label": "Filler blocked"},
}


def _tags() -> bytes:
    """The simulator's own map as a tag file."""
    import csv
    import io
    import json

    from plantgate.simulators.plc.table import demo_tags

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "type", "address", "unit", "description", "history", "writable", "low", "high", "alarms"])
    for tag in demo_tags(PLC.name):
        alarm = _ALARMS.get(tag.path.partition("/")[2])
        writer.writerow(
            [
                tag.path,
                tag.data_type.value,
                f"[{PLC.name}]{tag.address}",
                tag.unit,
                tag.description,
                str(tag.history).lower(),
                str(tag.writable).lower(),
                "" if tag.low is None else tag.low,
                "" if tag.high is None else tag.high,
                json.dumps([alarm]) if alarm else "",
            ]
        )
    return text.getvalue().encode()
