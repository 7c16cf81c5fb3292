"""Turns [[tag]] entries into tag definitions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from msgspec import ValidationError, convert

from plantgate.config.document import TagEntry
from plantgate.config.fields import Entry, read_entry
from plantgate.config.problems import Problems, shown
from plantgate.model.tag import TagDefinition, TagKind, full_path, path_problem
from plantgate.model.value import DataType, Scalar

_OPC_PATH = re.compile(r"\[(?P<device>[^\]]*)\](?P<address>.*)\Z")
_INTEGER_BYTES: Mapping[DataType, int] = {DataType.INT1: 1, DataType.INT2: 2, DataType.INT4: 4, DataType.INT8: 8}
_FLOATS = frozenset({DataType.FLOAT4, DataType.FLOAT8})


def read_tag(entry: Entry, label: str, problems: Problems) -> TagDefinition | None:
    """The definition of one tag, or None when anything in it is wrong."""
    written = _fast(entry) or read_entry(TagEntry, entry, label, problems)
    return None if written is None else _Definer(written, entry, label, problems).define()


def _fast(entry: Entry) -> TagEntry | None:
    """The whole entry in one step, where nothing is wrong with it: a plant has tens of thousands."""
    if entry.as_text or entry.overrides:
        return None
    try:
        return convert(entry.values, TagEntry)
    except ValidationError:
        return None


class _Definer:
    """Makes the definition of one entry; collects what is wrong on the way."""

    def __init__(self, tag: TagEntry, entry: Entry, label: str, problems: Problems) -> None:
        self.tag = tag
        self.entry = entry
        self._label = label
        self._problems = problems
        self.good = True

    def refuse(self, key: str, what: str, hint: str = "") -> None:
        self.good = False
        where = self.entry.source(key) or self.entry.where(None)
        self._problems.add("CFG-140", where, f"{self._label}.{key}", what, hint)

    def define(self) -> TagDefinition | None:
        tag = self.tag
        if (problem := path_problem(tag.path)) is not None:
            self.refuse("path", problem)
        kind, device, address = self._place()
        self._check_range()
        initial = None if tag.initial is None else self._checked_initial()
        if not self.good:
            return None
        return TagDefinition(
            path=full_path(tag.path),
            data_type=tag.type,
            kind=kind,
            device=device,
            address=address,
            unit=tag.unit,
            description=tag.description,
            history=tag.history,
            writable=tag.writable,
            group=tag.group,
            low=tag.low,
            high=tag.high,
            initial=initial,
        )

    def _place(self) -> tuple[TagKind, str, str]:
        """Kind, device and address: `address` may hold the device too ("[PLC1]HRF40"), and both make the kind."""
        device, address = self.tag.device, self.tag.address
        if (match := _OPC_PATH.match(address)) is not None:
            if device and device != match["device"]:
                self.refuse("address", f"{shown(address)} names another device than device = {shown(device)}")
            device, address = match["device"], match["address"]
        kind = self.tag.kind or (TagKind.DEVICE if device or address else TagKind.MEMORY)
        if kind is TagKind.DEVICE and not (device and address):
            key = "address" if device else "device"
            self.refuse(key, "missing: a device tag has both", 'write address = "[PLC1]HRF40"')
        if kind is TagKind.MEMORY and (device or address):
            self.refuse("kind", "a memory tag has neither device nor address")
        return kind, device, address

    def _check_range(self) -> None:
        low, high = self.tag.low, self.tag.high
        for key, bound in (("low", low), ("high", high)):
            if bound is not None and not math.isfinite(bound):
                self.refuse(key, f"{bound} is not a number that a chart can end at")
        if low is not None and high is not None and low >= high:
            self.refuse("high", f"{high:g} is not above low, {low:g}")

    def _checked_initial(self) -> Scalar:
        as_text = self.entry.as_text or "initial" in self.entry.overrides
        try:
            return _initial(self.tag.initial, self.tag.type, as_text=as_text)
        except (ValidationError, ValueError, OverflowError):
            self.refuse("initial", f"{shown(self.tag.initial)} is not a value of type {self.tag.type}")
            return None


def _initial(value: Scalar, kind: DataType, *, as_text: bool) -> Scalar:
    """`value` as a value of `kind`. Raises ValueError or ValidationError; a DateTime is microseconds since 1970 UTC."""
    strict = not as_text
    if kind is DataType.STRING:
        return str(value) if as_text else convert(value, str)
    if kind is DataType.BOOLEAN:
        return convert(value, bool, strict=strict)
    if kind in _FLOATS:
        number = convert(value, float, strict=strict)
        if not math.isfinite(number):
            raise ValueError("not finite")
        return number
    whole = convert(value, int, strict=strict)
    bits = 8 * _INTEGER_BYTES.get(kind, 8)
    if not -(1 << (bits - 1)) <= whole < (1 << (bits - 1)):
        raise ValueError("out of range")
    return whole
