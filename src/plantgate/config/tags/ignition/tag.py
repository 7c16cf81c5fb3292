"""One AtomicTag of Ignition's tag export as a [[tag]]. What would mean something else here is left out, with a reason.

Ignition 8.3 manual, tag properties; names, forms and what is left out as a default as exports of 8.0 to 8.3 have them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from plantgate.config.tags.ignition.alarms import from_alarms
from plantgate.config.tags.write import Row, plain_row, short_path
from plantgate.model.value import DataType

Lost: TypeAlias = Callable[[str, str], None]

OPC_SERVER: Final = "Ignition OPC UA Server"
_OWN_SERVERS: Final = frozenset({"", OPC_SERVER, "Ignition OPC-UA Server"})  # the last one until 7.9
# Ours -> Ignition's, where the value stays as it is.
SAME: Final[Mapping[str, str]] = {
    "unit": "engUnit",
    "low": "engLow",
    "high": "engHigh",
    "format": "formatString",
    "description": "tooltip",
    "documentation": "documentation",
    "deadband": "deadband",
    "history": "historyEnabled",
    "raw_low": "rawLow",
    "raw_high": "rawHigh",
    "scaled_low": "scaledLow",
    "scaled_high": "scaledHigh",
    "factor": "scaleFactor",
}
WORDS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "scale": (
        "scaleMode",
        {
            "off": "Off",
            "linear": "Linear",
            "square_root": "SquareRoot",
            "exponential_filter": "ExponentialFilter",
            "bit_inversion": "BitInversion",
        },
    ),
    "clamp": ("clampMode", {"none": "No_Clamp", "low": "Clamp_Low", "high": "Clamp_High", "both": "Clamp_Both"}),
    "limit": ("engLimitMode", {"none": "No_Clamp", "low": "Clamp_Low", "high": "Clamp_High", "both": "Clamp_Both"}),
    "deadband_mode": ("deadbandMode", {"absolute": "Absolute", "percent": "Percent"}),
    "execute": ("executionMode", {"event": "EventDriven", "rate": "TagGroupRate"}),
}
KINDS: Final = {
    "opc": "device",
    "memory": "memory",
    "expr": "expression",
    "derived": "derived",
    "reference": "reference",
}
_NODE = re.compile(r"(?:nsu?=[^;]*;)?(?:s=)?(?P<item>\[.*|\{.*)\Z", re.DOTALL)
_TYPES: Final = {str(kind).lower(): str(kind) for kind in DataType}
# Keys that say nothing that we don't know already.
_IDLE: Final = frozenset({"name", "tagType", "tags", "typeId", "parameters", "typeColor", "valueSource", "enabled"})
# Keys of other sources stay in an export when somebody changes the source of a tag.
_OF_SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "device": frozenset({"opcServer", "opcItemPath"}),
    "memory": frozenset({"value", "defaultValue", "valuePersistence"}),
    "expression": frozenset({"expression"}),
    "derived": frozenset({"sourceTagPath", "deriveExpressionGetter", "deriveExpressionSetter"}),
    "reference": frozenset({"sourceTagPath"}),
    "query": frozenset({"query", "queryType", "datasource"}),
}
_EVERY_SOURCE: Final = frozenset().union(*_OF_SOURCES.values())
_OTHER_WORDS: Final = {"expression": "expr", "query": "db", "none": "noclamp"}
_NUMBERS: Final = frozenset({"low", "high", "deadband", "raw_low", "raw_high", "scaled_low", "scaled_high", "factor"})
_SCALING: Final = ("scale", "raw_low", "raw_high", "scaled_low", "scaled_high", "clamp", "factor")
_RANGED: Final = frozenset({"linear", "square_root"})
_LOW, _HIGH = 0.0, 100.0  # of a tag that doesn't say


class Skip(Exception):  # noqa: N818 - caught by whoever reads the export
    """A tag that is left out; the text says why."""


def atomic_tag(path: str, values: Mapping[str, Any], lost: Lost, *, whole: bool) -> Row:
    """A [[tag]]; as an override (not `whole`) only what is said. `lost` takes a key and a reason. Raises Skip."""
    return _Tag(path, values, lost, whole=whole).row


def item_of(text: str) -> str | None:
    """`ns=1;s=[PLC1]HR4` -> `[PLC1]HR4`, None for what is no item of a device."""
    match = _NODE.match(text)
    return match["item"] if match else None


def bound_text(value: object) -> object:
    """A value, or for `{"bindType": "parameter", "binding": "{x}"}` the text with parameters."""
    if isinstance(value, dict) and value.get("bindType") == "parameter":
        return value.get("binding")
    return value


class _Tag:
    def __init__(self, path: str, values: Mapping[str, Any], lost: Lost, *, whole: bool) -> None:
        self._values, self._lost, self._whole = values, lost, whole
        self._known = {*_IDLE, "dataType", "tagGroup", "readOnly"}
        self.row: Row = {"path": path}
        kind = self._kind()
        self._known |= _EVERY_SOURCE - _OF_SOURCES.get(kind, _EVERY_SOURCE)
        self._type(kind)
        self._group()
        {
            "device": self._device, "memory": self._memory, "expression": self._expression, "derived": self._derived,
            "reference": self._source,
        }[kind]()  # fmt: skip
        self._rights(kind)
        self._plain_values()
        self._words()
        if whole:
            self._fit_scaling(kind)
            self._fit_range()
            self._fit_deadband(kind)
            self._fit_history()
        self._alarms()
        for key in values:
            if key not in self._known:
                lost(key, "no counterpart")
        if whole:
            self.row = plain_row(self.row)

    def _get(self, key: str) -> Any:
        """None for what is not there, or is bound in a way that we can't carry over."""
        self._known.add(key)
        value = bound_text(self._values.get(key))
        if isinstance(value, dict):
            self._lost(key, "no plain value, nor one with parameters")
            return None
        return value

    def _text(self, key: str) -> str:
        value = self._get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self._lost(key, "no text")
        return ""

    # where its value comes from

    def _kind(self) -> str:
        source = self._text("valueSource") or "memory"
        source = _OTHER_WORDS.get(source, source)
        if source not in KINDS:
            raise Skip(f"valueSource {source} has no counterpart")
        if self._get("enabled") in (False, "false"):
            raise Skip("it is disabled there: left out")
        if isinstance(self._get("enabled"), str) and self._get("enabled") != "true":
            self._lost("enabled", "bound to a parameter: it is enabled here")
        return KINDS[source]

    def _type(self, kind: str) -> None:
        given = self._text("dataType")
        if not given and not self._whole:
            return
        name = _TYPES.get(given.lower(), "") if given else "Int4"
        if not name and "{" not in given:
            raise Skip(f"dataType {given} has no counterpart: left out")
        self.row["type"] = name or given
        if kind != "memory" and not self._whole and "valueSource" in self._values:
            self.row["persist"] = False

    def _group(self) -> None:
        group = self._text("tagGroup")
        if group:
            self.row["group"] = "default" if group == "Default" else group

    def _device(self) -> None:
        server, given = self._get("opcServer"), self._text("opcItemPath")
        if isinstance(server, str) and server not in _OWN_SERVERS and "{" not in server:
            raise Skip(f"it is on the OPC UA server {server}: tags of other servers have no counterpart")
        if item := item_of(given):
            self.row["address"] = item
        elif self._whole or given:
            raise Skip(f"opcItemPath {given or 'is missing and'} is no item of a device, [Device]Address: left out")

    def _memory(self) -> None:
        given = self._get("defaultValue")
        if "value" in self._values:
            if given is not None and given != self._values["value"]:
                self._lost("defaultValue", "it begins with value")
            given = self._document("value") or self._get("value")
        if given is not None:
            self.row["initial"] = given * 1_000 if self.row.get("type") == "DateTime" and type(given) is int else given
        if self._whole or "valuePersistence" in self._values:
            self.row["persist"] = (self._text("valuePersistence") or "Database") != "None"

    def _document(self, key: str) -> str | None:
        """A DataSet or Document may be written as what it is."""
        value = self._values[key]
        if (
            isinstance(value, dict | list)
            and self.row.get("type") in {"DataSet", "Document"}
            and "bindType" not in value
        ):
            self._known.add(key)
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return None

    def _formula(self, theirs: str, ours: str) -> bool:
        if text := self._text(theirs):
            self.row[ours] = text
        return bool(text)

    def _expression(self) -> None:
        if not self._formula("expression", "expression") and self._whole:
            raise Skip("without an expression: left out")

    def _derived(self) -> None:
        self._source()
        if self._formula("deriveExpressionGetter", "expression"):
            self.row["expression"] = self.row["expression"].replace("{source}", "{value}")
        elif self._whole:
            self.row["expression"] = "{value}"
        writable = self._values.get("readOnly") in (None, False)
        if not self._formula("deriveExpressionSetter", "write_expression") and self._whole and writable:
            self.row["write_expression"] = "{value}"  # what is written goes to the source as it is

    def _source(self) -> None:
        path = self._text("sourceTagPath")
        if path:
            self.row["source"] = short_path(path).removeprefix("[~]")
        elif self._whole:
            raise Skip("without a sourceTagPath: left out")

    def _rights(self, kind: str) -> None:
        read_only = self._get("readOnly")
        if isinstance(read_only, str) and read_only.lower() in ("true", "false"):
            read_only = read_only.lower() == "true"
        if isinstance(read_only, str):
            self._lost("readOnly", "bound to a parameter: it can't be written here")
        if self._whole:
            self.row["writable"] = kind != "expression" and read_only in (None, False)
        elif read_only is not None:
            self.row["writable"] = read_only is False

    # everything else

    def _plain_values(self) -> None:
        for ours, theirs in SAME.items():
            value = self._get(theirs)
            if isinstance(value, list):
                self._lost(theirs, "no plain value, nor one with parameters")
            elif value is not None:
                self.row[ours] = _number(value) if ours in _NUMBERS else _truth(value) if ours == "history" else value

    def _words(self) -> None:
        for ours, (theirs, words) in WORDS.items():
            value = self._get(theirs)
            if value is None:
                continue
            given = str(value).replace("_", "").lower()
            given = _OTHER_WORDS.get(given, given)
            word = next((word for word, name in words.items() if name.replace("_", "").lower() == given), None)
            if word is not None or "{" in given:
                self.row[ours] = word or value
            elif given == "off" and ours == "deadband_mode":
                self.row.pop("deadband", None)
            else:
                self._lost(theirs, f"{value} has no counterpart")

    def _alarms(self) -> None:
        """The one place where alarms come in."""
        self._known |= {"alarms", "alarmEvalEnabled"}
        if "alarms" in self._values:
            alarms = from_alarms(self._values["alarms"], str(self.row.get("type", "")), self._lost, whole=self._whole)
            if alarms:
                self.row["alarms"] = alarms
        evaluated = bound_text(self._values.get("alarmEvalEnabled"))
        if evaluated in (False, "false"):
            self.row["alarms"] = [{**alarm, "enabled": False} for alarm in self.row.get("alarms", ())]
        elif isinstance(evaluated, str) and evaluated != "true":
            self._lost("alarmEvalEnabled", "bound to a parameter: its alarms are enabled here")

    # what a [[tag]] of ours must be

    def _fit_scaling(self, kind: str) -> None:
        """A number that is shown without its scaling would be a wrong one: rather none."""
        row = self.row
        mode = row.get("scale", "off")
        if mode == "off":
            for key in _SCALING:
                row.pop(key, None)  # has no effect there either
            return
        if kind != "device":
            raise Skip(f"scaleMode {self._values.get('scaleMode')} of a tag that is no OPC tag: left out")
        if mode in _RANGED:
            row.setdefault("raw_low", _LOW)
            row.setdefault("scaled_low", _LOW)
            for low, high in (("raw_low", "raw_high"), ("scaled_low", "scaled_high")):
                if high not in row or row[low] == row[high]:
                    raise Skip(f"scaleMode {self._values.get('scaleMode')} without {SAME[high]}: left out")
            row.pop("factor", None)
            return
        for key in _SCALING[1:-1]:
            row.pop(key, None)
        if mode == "exponential_filter" and "factor" not in row:
            raise Skip("scaleMode ExponentialFilter without scaleFactor: left out")
        if mode == "bit_inversion":
            row.pop("factor", None)

    def _fit_range(self) -> None:
        row = self.row
        if row.get("limit", "none") != "none" or (row.get("deadband_mode") == "percent" and row.get("deadband")):
            row.setdefault("low", _LOW)
            row.setdefault("high", _HIGH)
        low, high = row.get("low"), row.get("high")
        if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
            self._lost("engHigh", f"{high:g} is not above engLow, {low:g}: there is no range here")
            for key in ("low", "high", "limit"):
                row.pop(key, None)
            if row.get("deadband_mode") == "percent":
                row.pop("deadband", None)

    def _fit_deadband(self, kind: str) -> None:
        row = self.row
        if row.get("deadband"):
            number = row["type"] not in {str(each) for each in DataType if not each.is_number}
            if kind != "memory" and number:
                return
            self._lost("deadband", "only for numbers that are read or computed")
        row.pop("deadband", None)
        row.pop("deadband_mode", None)

    def _fit_history(self) -> None:
        row = self.row
        if row.get("history") is True and row["type"] in _TYPES.values() and not DataType(row["type"]).has_history:
            self._lost("historyEnabled", f"the history has no place for a value of type {row['type']}")
            del row["history"]


def _number(value: Any) -> Any:
    """A number that somebody wrote as a text is one."""
    try:
        return float(value) if isinstance(value, str) and "{" not in value else value
    except ValueError:
        return value


def _truth(value: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
