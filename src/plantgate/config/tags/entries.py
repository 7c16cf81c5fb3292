"""Turns [[tag]] entries into tag definitions."""

from __future__ import annotations

import math
import re
from functools import cache

from msgspec import ValidationError, convert

from plantgate.config.fields import Entry, read_entry
from plantgate.config.problems import Problems, shown
from plantgate.config.tags.alarms import read_alarms
from plantgate.config.tags.document import TagEntry
from plantgate.config.tags.values import initial_value
from plantgate.model.alarm import AlarmDefinition
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import ScaleMode, Scaling, TagDefinition, TagKind, full_path, path_problem, resolved
from plantgate.model.value import INTEGER_BITS, DataType, Scalar

_OPC_PATH = re.compile(r"\[(?P<device>[^\]]*)\](?P<address>.*)\Z")
_RANGE_KEYS = ("raw_low", "raw_high", "scaled_low", "scaled_high")
_SCALING_KEYS = frozenset({"scale", *_RANGE_KEYS, "clamp", "factor"})


def read_tag(entry: Entry, label: str, problems: Problems) -> TagDefinition | None:
    """The definition of one tag, or None when anything in it is wrong."""
    written = read_written(entry, label, problems)
    return None if written is None else _Definer(written, entry, label, problems).define()


def read_written(entry: Entry, label: str, problems: Problems) -> TagEntry | None:
    """The keys of one tag as they are written, or None when one of them is no such key or no such value."""
    return _fast(entry) or read_entry(TagEntry, entry, label, problems)


def _fast(entry: Entry) -> TagEntry | None:
    """The whole entry in one step, where nothing is wrong with it: a plant has tens of thousands."""
    if entry.overrides:
        return None
    try:
        return convert(entry.values, TagEntry, strict=not entry.as_text)
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
        path = full_path(tag.path)
        if (problem := path_problem(path)) is not None:
            self.refuse("path", problem)
        kind, device, address = self._place()
        source = self._source(path, kind) if tag.source else ""
        self._check_kind(kind)
        self._check_range()
        if tag.deadband:
            self._check_deadband(kind)
        scaling = self._scaling(kind) if _SCALING_KEYS & self.entry.keys() else None
        if tag.history and not tag.type.has_history:
            self.refuse("history", f"the history has no place for a value of type {tag.type}")
        initial = None if tag.initial is None else self._checked_initial()
        alarms = self._alarms() if tag.alarms else ()
        if not self.good:
            return None
        return TagDefinition(
            path=path,
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
            format=tag.format,
            documentation=tag.documentation,
            limit=tag.limit,
            scaling=scaling,
            deadband=tag.deadband,
            deadband_mode=tag.deadband_mode,
            persist=tag.persist,
            source=source,
            expression=tag.expression,
            write_expression=tag.write_expression,
            execute=tag.execute,
            alarms=alarms,
        )

    def _place(self) -> tuple[TagKind, str, str]:
        """Kind, device and address: `address` may hold the device too ("[PLC1]HRF40"), and both make the kind."""
        device, address = self.tag.device, self.tag.address
        if address[:1] == "[" and (match := _OPC_PATH.match(address)) is not None:
            if device and device != match["device"]:
                self.refuse("address", f"{shown(address)} names another device than device = {shown(device)}")
            device, address = match["device"], match["address"]
        kind = self.tag.kind or self._kind(bool(device or address))
        if kind is TagKind.DEVICE and not (device and address):
            key = "address" if device else "device"
            self.refuse(key, "missing: a device tag has both", 'write address = "[PLC1]HRF40"')
        if kind is not TagKind.DEVICE and (device or address):
            article = "an" if kind is TagKind.EXPRESSION else "a"
            self.refuse("kind", f"{article} {kind} tag has neither device nor address")
        return kind, device, address

    def _kind(self, on_device: bool) -> TagKind:
        """What the keys say where `kind` does not."""
        if on_device:
            return TagKind.DEVICE
        if self.tag.source:
            return TagKind.DERIVED if self.tag.expression or self.tag.write_expression else TagKind.REFERENCE
        return TagKind.EXPRESSION if self.tag.expression else TagKind.MEMORY

    def _source(self, path: str, kind: TagKind) -> str:
        if kind not in {TagKind.DERIVED, TagKind.REFERENCE}:
            self.refuse("source", f"only a derived or reference tag has a source, not one of kind {kind}")
        source = resolved(self.tag.source, path)
        if (problem := path_problem(source)) is not None:
            self.refuse("source", problem)
        return source

    def _check_kind(self, kind: TagKind) -> None:
        """What a tag of `kind` needs, and what means nothing for it."""
        tag = self.tag
        if kind in {TagKind.DERIVED, TagKind.REFERENCE} and not tag.source:
            self.refuse("source", "missing: the path of the tag that it follows", 'write source = "Line 1/Speed"')
        if kind in {TagKind.EXPRESSION, TagKind.DERIVED} and not tag.expression:
            self.refuse("expression", "missing: the formula of its value", 'write expression = "{[.]Speed} * 60"')
        if tag.expression and kind not in {TagKind.EXPRESSION, TagKind.DERIVED}:
            self.refuse("expression", f"only an expression or derived tag has a formula, not one of kind {kind}")
        if tag.write_expression and kind is not TagKind.DERIVED:
            self.refuse("write_expression", f"only a derived tag has a way back, not one of kind {kind}")
        if tag.persist and kind is not TagKind.MEMORY:
            self.refuse("persist", f"only a memory tag keeps its value, not one of kind {kind}")
        if tag.writable and kind is TagKind.EXPRESSION:
            self.refuse("writable", "an expression tag is computed: nothing can be written to it")
        if tag.writable and kind is TagKind.DERIVED and not tag.write_expression:
            hint = 'write write_expression = "{value} / 60"'
            self.refuse("writable", "a derived tag that can be written needs write_expression", hint)

    def _check_deadband(self, kind: TagKind) -> None:
        tag = self.tag
        if kind is TagKind.MEMORY:
            self.refuse("deadband", "a memory tag shows what was written to it, to the last digit")
        if not tag.type.is_number:
            self.refuse("deadband", f"only a number has a deadband, not a {tag.type}")
        elif tag.deadband_mode is DeadbandMode.PERCENT and (tag.low is None or tag.high is None):
            self.refuse("deadband_mode", "percent of what? the tag has no low and high")

    def _scaling(self, kind: TagKind) -> Scaling | None:
        tag, mode = self.tag, self.tag.scale
        if mode is ScaleMode.OFF:
            for key in sorted(_SCALING_KEYS & self.entry.keys() - {"scale"}):
                self.refuse(key, "means nothing without scale", 'write scale = "linear"')
            return None
        if kind is not TagKind.DEVICE:
            self.refuse("scale", f"only a device tag is scaled, not one of kind {kind}")
        inverts = mode is ScaleMode.BIT_INVERSION
        if not (tag.type in INTEGER_BITS or tag.type is DataType.BOOLEAN if inverts else tag.type.is_number):
            self.refuse("scale", f"{mode} is nothing for a tag of type {tag.type}")
        if mode is ScaleMode.EXPONENTIAL_FILTER and tag.factor is None:
            self.refuse("factor", "missing: the share of a new value", "write factor = 0.2 (1 filters nothing)")
        if mode in {ScaleMode.LINEAR, ScaleMode.SQUARE_ROOT}:
            self._check_scales(mode)
        if not self.good:
            return None
        return _shared_scaling(mode, tag.raw_low, tag.raw_high, tag.scaled_low, tag.scaled_high, tag.clamp, tag.factor)

    def _check_scales(self, mode: ScaleMode) -> None:
        ends = {key: getattr(self.tag, key) for key in _RANGE_KEYS}
        for key, end in ends.items():
            if end is None:
                self.refuse(key, f"missing: scale = {mode} needs it")
            elif not math.isfinite(end):
                self.refuse(key, f"{end} is no end of a range")
        for low, high in (("raw_low", "raw_high"), ("scaled_low", "scaled_high")):
            if ends[high] is not None and ends[low] == ends[high]:
                self.refuse(high, f"equals {low}: a range has two ends")

    def _check_range(self) -> None:
        low, high = self.tag.low, self.tag.high
        for key, bound in (("low", low), ("high", high)):
            if bound is not None and not math.isfinite(bound):
                self.refuse(key, f"{bound} is not a number that a chart can end at")
        if low is not None and high is not None and low >= high:
            self.refuse("high", f"{high:g} is not above low, {low:g}")
        if self.tag.limit is Bounds.NONE:
            return
        for key, bound, needed_by in (("low", low, Bounds.LOW), ("high", high, Bounds.HIGH)):
            if bound is None and self.tag.limit in {needed_by, Bounds.BOTH}:
                self.refuse("limit", f"{self.tag.limit} needs {key}")

    def _checked_initial(self) -> Scalar:
        as_text = self.entry.as_text or "initial" in self.entry.overrides
        try:
            return initial_value(self.tag.initial, self.tag.type, as_text=as_text)
        except (ValidationError, ValueError, OverflowError):
            self.refuse("initial", f"{shown(self.tag.initial)} is not a value of type {self.tag.type}")
            return None

    def _alarms(self) -> tuple[AlarmDefinition, ...]:
        alarms = read_alarms(self.tag, self.entry, self._label, self._problems)
        self.good = self.good and alarms is not None
        return alarms or ()


@cache
def _shared_scaling(
    mode: ScaleMode,
    raw_low: float | None,
    raw_high: float | None,
    scaled_low: float | None,
    scaled_high: float | None,
    clamp: Bounds,
    factor: float | None,
) -> Scaling:
    """One object for all tags that are scaled alike."""
    return Scaling(mode, raw_low or 0.0, raw_high or 0.0, scaled_low or 0.0, scaled_high or 0.0, clamp, factor or 1.0)
