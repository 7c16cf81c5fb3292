"""What happens to values on their way into the tree: scaling, engineering limits, deadband; and the way back.

Most tags have none of it, so this is a pass of its own over the columns of a batch, taken only if one of its tags does.
Scaling modes by Ignition 8.3's names (manual, tag properties, numeric).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from plantgate.model.quality import Quality
from plantgate.model.range import Bounds
from plantgate.model.tag import ScaleMode, Scaling, TagDefinition
from plantgate.model.value import INTEGER_BITS, Batch, DataType, Scalar

BEYOND: Final = "beyond the engineering range"
_UNFITTING: Final = "the scaled value does not fit the data type of the tag"


class Shaping:
    """The tags whose values are changed on their way in, by tag id."""

    def __init__(self) -> None:
        self._rules: dict[int, _Rule] = {}

    def put(self, tag: int, definition: TagDefinition) -> None:
        """`tag` is new, or has another definition."""
        if definition.scaling is not None or definition.deadband or definition.limit is not Bounds.NONE:
            self._rules[tag] = _Rule(definition)
        else:
            self._rules.pop(tag, None)

    def concerns(self, tags: Sequence[int]) -> bool:
        return bool(self._rules) and not self._rules.keys().isdisjoint(tags)

    def shaped(self, batch: Batch, held: Sequence[Scalar], qualities: Sequence[int]) -> Iterator[Batch]:
        """`batch` as the tree is to take it: one batch, and more where a value is outside its limits.

        `held` and `qualities` are the columns of the tree. A value within its deadband is replaced by the held one, so
        that the tree sees no change. What is bad passes as it is.
        """
        parts = _Parts(batch)
        latest: dict[int, tuple[Scalar, int]] = {}
        for tag, value, quality, time in zip(batch.tags, batch.values, batch.qualities, batch.times, strict=True):
            rule = self._rules.get(tag)
            if rule is None:
                parts.add(tag, value, quality, time, "")
                continue
            if quality >= Quality.BAD or type(value) not in _NUMERIC:
                rule.reset()
                latest[tag] = value, quality
                parts.add(tag, value, quality, time, "")
                continue
            scaled, shown, reason = rule.taken(value, quality)  # type: ignore[arg-type]  # a number, see above
            before, before_quality = latest[tag] if tag in latest else (held[tag], qualities[tag])
            if shown == before_quality and rule.is_within(scaled, before):
                scaled = before
            latest[tag] = scaled, shown
            parts.add(tag, scaled, shown, time, reason)
        return parts.batches()

    def reset(self, tag: int) -> None:
        """The tag shows what was not measured: a filter begins anew after it."""
        if (rule := self._rules.get(tag)) is not None:
            rule.reset()

    def raw(self, tag: int, value: Scalar) -> tuple[Scalar, str]:
        """(what the device gets for `value`, "") or (None, why it can't be written). `value` fits the tag's type."""
        rule = self._rules.get(tag)
        if rule is None or type(value) not in _NUMERIC:
            return value, ""
        return rule.raw(value)  # type: ignore[arg-type]


_NUMERIC: Final = frozenset({int, float, bool})


class _Parts:
    """Rows in batches of one reason each. Rows of one tag stay in their order."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._rows: dict[str, tuple[list[int], list[Scalar], list[int], list[int]]] = {}
        self._elsewhere: dict[int, str] = {}
        self._done: list[Batch] = []

    def add(self, tag: int, value: Scalar, quality: int, time: int, reason: str) -> None:
        if (reason or self._elsewhere) and self._elsewhere.setdefault(tag, reason) != reason:
            self._close()
            self._elsewhere[tag] = reason
        tags, values, qualities, times = self._rows.setdefault(reason, ([], [], [], []))
        tags.append(tag)
        values.append(value)
        qualities.append(quality)
        times.append(time)

    def _close(self) -> None:
        arrived = self._batch.arrived
        for reason, (tags, values, qualities, times) in self._rows.items():
            self._done.append(Batch(tags, values, qualities, times, arrived, reason or self._batch.reason))
        self._rows.clear()
        self._elsewhere.clear()

    def batches(self) -> Iterator[Batch]:
        self._close()
        return iter(self._done)


class _Rule:
    """What is done to the values of one tag."""

    __slots__ = ("_band", "_bits", "_factor", "_filtered", "_high", "_low", "_scale", "_scaling", "_type")

    def __init__(self, definition: TagDefinition) -> None:
        self._type = definition.data_type
        self._bits = INTEGER_BITS.get(definition.data_type, 0)
        self._band = definition.band
        self._low = definition.low if _holds_low(definition.limit) else None
        self._high = definition.high if _holds_high(definition.limit) else None
        self._scaling = definition.scaling
        self._scale = None if definition.scaling is None else _scale_of(definition.scaling, definition.data_type)
        self._factor = 0.0
        if definition.scaling is not None and definition.scaling.mode is ScaleMode.EXPONENTIAL_FILTER:
            self._factor = definition.scaling.factor
        self._filtered: float | None = None

    def reset(self) -> None:
        """A filter begins anew after a gap."""
        self._filtered = None

    def taken(self, value: float, quality: int) -> tuple[Scalar, int, str]:
        """The value as people see it, its quality and, where we have made that worse, why."""
        if self._factor:
            before = self._filtered
            value = value if before is None else before + self._factor * (value - before)
            self._filtered = value
        if self._scale is not None:
            value = self._scale(value)
            if self._bits and type(value) is float:
                if not math.isfinite(value) or abs(value) >= 1 << (self._bits - 1):
                    return None, Quality.ERROR_TYPE_CONVERSION, _UNFITTING
                value = round(value)
        if quality < Quality.UNCERTAIN and (
            (self._low is not None and value < self._low) or (self._high is not None and value > self._high)
        ):
            return value, Quality.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED, BEYOND
        return value, quality, ""

    def is_within(self, value: Scalar, before: Scalar) -> bool:
        """Whether the step from `before` is smaller than the deadband. Never for booleans, nor to or from NaN."""
        return (
            self._band > 0
            and isinstance(value, int | float)
            and isinstance(before, int | float)
            and abs(value - before) < self._band
        )

    def raw(self, value: float) -> tuple[Scalar, str]:
        if self._low is not None and value < self._low:
            return None, f"{value:g} is below {self._low:g}, the end of its range"
        if self._high is not None and value > self._high:
            return None, f"{value:g} is above {self._high:g}, the end of its range"
        if self._scaling is None:
            return value, ""
        return _raw_of(self._scaling, self._type, value)


def _holds_low(bounds: Bounds) -> bool:
    return bounds in {Bounds.LOW, Bounds.BOTH}


def _holds_high(bounds: Bounds) -> bool:
    return bounds in {Bounds.HIGH, Bounds.BOTH}


def _scale_of(scaling: Scaling, data_type: DataType) -> Callable[[float], float] | None:
    if scaling.mode is ScaleMode.BIT_INVERSION:
        return _not if data_type is DataType.BOOLEAN else _inverted
    if scaling.mode is ScaleMode.LINEAR:
        return _clamped(_linear(scaling), scaling)
    if scaling.mode is ScaleMode.SQUARE_ROOT:
        return _clamped(_square_root(scaling), scaling)
    return None  # an exponential filter has a memory, see `_Rule.taken`


def _linear(scaling: Scaling) -> Callable[[float], float]:
    gain = (scaling.scaled_high - scaling.scaled_low) / (scaling.raw_high - scaling.raw_low)
    raw_low, scaled_low = scaling.raw_low, scaling.scaled_low
    return lambda raw: scaled_low + (raw - raw_low) * gain


def _square_root(scaling: Scaling) -> Callable[[float], float]:
    """Flow from differential pressure: below the raw range nothing flows."""
    span = scaling.raw_high - scaling.raw_low
    height, raw_low, scaled_low = scaling.scaled_high - scaling.scaled_low, scaling.raw_low, scaling.scaled_low
    return lambda raw: scaled_low + math.sqrt(max(0.0, (raw - raw_low) / span)) * height


def _ends(scaling: Scaling) -> tuple[float, float]:
    """The range of scaled values, open where nothing is clamped. A scale may fall: its high end is then the lower."""
    low, high = sorted((scaling.scaled_low, scaling.scaled_high))
    return (
        low if _holds_low(scaling.clamp) else -math.inf,
        high if _holds_high(scaling.clamp) else math.inf,
    )


def _clamped(scale: Callable[[float], float], scaling: Scaling) -> Callable[[float], float]:
    if scaling.clamp is Bounds.NONE:
        return scale
    low, high = _ends(scaling)
    return lambda raw: min(max(scale(raw), low), high)


def _inverted(raw: float) -> float:
    return ~raw if isinstance(raw, int) else raw


def _not(raw: float) -> bool:
    return not raw


def _raw_of(scaling: Scaling, data_type: DataType, value: float) -> tuple[Scalar, str]:
    """The way back. What a clamp would change is refused: nobody wants another value than was written."""
    if scaling.mode is ScaleMode.BIT_INVERSION:
        return (_not(value) if data_type is DataType.BOOLEAN else _inverted(value)), ""
    if scaling.mode is ScaleMode.EXPONENTIAL_FILTER:
        return value, ""
    low, high = _ends(scaling)
    if not low <= value <= high:
        return None, f"{value:g} is outside {low:g} to {high:g}, its scaled range"
    share = (value - scaling.scaled_low) / (scaling.scaled_high - scaling.scaled_low)
    if scaling.mode is ScaleMode.SQUARE_ROOT:
        if share < 0:
            return None, f"{value:g} is beyond {scaling.scaled_low:g}, where a square root ends"
        share *= share
    raw = scaling.raw_low + share * (scaling.raw_high - scaling.raw_low)
    near = round(raw)
    # 50 % of 0 to 27648 is 13824, not 13824.000000000002.
    return (near if math.isclose(raw, near, rel_tol=1e-12, abs_tol=1e-9) else raw), ""
