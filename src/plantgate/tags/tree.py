"""The live tag tree: one row per tag, columns for what changes.

A tag id is the row number; rows are added at the end and never go. Drivers publish batches of ids; what changed goes
on to every sink as one batch. Nothing here waits.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

from plantgate.errors import ConfigError, UsageError
from plantgate.model.quality import Quality, is_good
from plantgate.model.seams import ChangeSink
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import Batch, Scalar, TagValue
from plantgate.runtime.clock import Clock
from plantgate.tags.shaping import Shaping

_NOT_YET = "no value has arrived yet"
_STALE = "no fresh value within two poll periods"


class TagTree:
    """Implements `BatchSink` and `TagReader` of `model/seams.py`."""

    def __init__(self, definitions: Sequence[TagDefinition], clock: Clock) -> None:
        """Memory tags start with their initial value, device tags as Uncertain_InitialValue."""
        self._clock = clock
        self._definitions = list(definitions)
        self._ids = {definition.path: tag for tag, definition in enumerate(self._definitions)}
        if len(self._ids) != len(self._definitions):
            counts = Counter(definition.path for definition in self._definitions)
            twice = [path for path, count in counts.items() if count > 1]
            more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
            raise ConfigError("TAG-101", f"defined twice: {', '.join(twice[:5])}{more}", "a tag path names one tag")
        self._sinks: list[ChangeSink] = []
        now = clock.wall()
        count = len(self._definitions)
        self._values: list[Scalar] = [definition.initial for definition in self._definitions]
        self._qualities = array("H", [self._first_quality(definition) for definition in self._definitions])
        self._times = array("q", [now]) * count
        self._seen = array("d", [clock.mono()]) * count
        self._reasons = {tag: _NOT_YET for tag in range(count) if not is_good(self._qualities[tag])}
        self._shaping = Shaping()
        for tag, definition in enumerate(self._definitions):
            self._shaping.add(tag, definition)
        self.changes = 0

    @staticmethod
    def _first_quality(definition: TagDefinition) -> int:
        return Quality.GOOD if definition.kind is TagKind.MEMORY else Quality.UNCERTAIN_INITIAL_VALUE

    def add(self, definitions: Sequence[TagDefinition]) -> list[int]:
        """More tags, while everything runs; gives their ids. Those whose path is there already are not added again.

        Memory tags only: whoever polls devices was told its tags at start.
        """
        now = self._clock.wall()
        for definition in definitions:
            if definition.path in self._ids:
                continue
            if definition.kind is not TagKind.MEMORY:
                raise UsageError("TAG-103", f"{definition.path} is a device tag", "a defect of plantgate: report it")
            self._ids[definition.path] = len(self._definitions)
            self._definitions.append(definition)
            self._values.append(definition.initial)
            self._qualities.append(self._first_quality(definition))
            self._shaping.add(len(self._times), definition)
            self._times.append(now)
            self._seen.append(self._clock.mono())
        return [self._ids[definition.path] for definition in definitions]

    def add_sink(self, sink: ChangeSink) -> None:
        """`sink` is told of every change from now on."""
        self._sinks.append(sink)

    # TagReader

    def definitions(self) -> Sequence[TagDefinition]:
        return self._definitions

    def find(self, path: str) -> int | None:
        """The id of `path` (with or without its provider), None if there is no such tag."""
        return self._ids.get(full_path(path))

    def read(self, tag: int) -> TagValue:
        return TagValue(self._values[tag], self._qualities[tag], self._times[tag], self._reasons.get(tag, ""))

    def raw(self, tag: int, value: Scalar) -> tuple[Scalar, str]:
        """(what is written to the source of `tag` for `value`, "") or (None, why it can't be written)."""
        return self._shaping.raw(tag, value)

    def good_count(self) -> int:
        return sum(1 for quality in self._qualities if quality < Quality.UNCERTAIN)

    # BatchSink

    def publish(self, batch: Batch) -> None:
        """Take a batch in; hand what changed (value, quality or reason) to every sink as one batch.

        Values of scaled tags are the device's own; a change within the deadband is none, and where a value is beyond
        its limits there is a batch more.
        A bad row keeps the last value, so that a page can show what it was; its quality says not to trust it. The
        timestamp of a tag is that of its last change. Raises UsageError, and takes nothing in, if the columns differ in
        length.
        """
        if not len(batch.tags) == len(batch.values) == len(batch.qualities) == len(batch.times):
            raise UsageError("TAG-102", "the columns of a batch differ in length", "a defect of the driver: report it")
        if self._shaping.concerns(batch.tags):
            for part in self._shaping.shaped(batch, self._values, self._qualities):
                self._take(part)
        else:
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        values, qualities, seen = self._values, self._qualities, self._seen
        now, reason = self._clock.mono(), batch.reason
        changed: list[int] = []
        times: list[int] = []
        told: list[Scalar] = []
        qualities_told: list[int] = []
        for tag, value, quality, time in zip(batch.tags, batch.values, batch.qualities, batch.times, strict=True):
            seen[tag] = now
            old = values[tag]
            if (
                quality == qualities[tag]
                and (value is old or quality >= Quality.BAD or _same(value, old))
                and (quality < Quality.UNCERTAIN or self._reasons.get(tag) == reason)
            ):
                continue
            if quality < Quality.BAD:
                values[tag] = value
            qualities[tag] = quality
            if is_good(quality):
                self._reasons.pop(tag, None)
            else:
                self._reasons[tag] = reason
            changed.append(tag)
            times.append(time)
            told.append(values[tag])
            qualities_told.append(quality)
        if changed:
            self._tell(Batch(changed, told, qualities_told, times, batch.arrived, reason))

    def _tell(self, batch: Batch) -> None:
        for tag, time in zip(batch.tags, batch.times, strict=True):
            self._times[tag] = time
        self.changes += len(batch.tags)
        for sink in self._sinks:
            sink.changed(batch)

    # the clock

    def mark_stale(self, limits: Sequence[tuple[int, float]]) -> int:
        """Turn tags to Bad_Stale that were not heard of for their limit: `limits` are (tag id, seconds).

        Returns how many turned. A driver says itself why its tags are bad; this is for the driver that says nothing.
        """
        now, wall = self._clock.mono(), self._clock.wall()
        seen, qualities = self._seen, self._qualities
        late = [
            tag
            for tag, seconds in limits
            if now - seen[tag] > seconds
            and qualities[tag] < Quality.BAD
            and qualities[tag] != Quality.UNCERTAIN_INITIAL_VALUE
        ]
        if late:
            for tag in late:
                qualities[tag] = Quality.BAD_STALE
                self._reasons[tag] = _STALE
            values = [self._values[tag] for tag in late]
            self._tell(Batch(late, values, [Quality.BAD_STALE] * len(late), [wall] * len(late), wall, _STALE))
        return len(late)


def _same(value: Scalar, old: Scalar) -> bool:
    """Whether a page or the history would show the same: 1, 1.0 and true differ, one NaN is like another."""
    if type(value) is not type(old):
        return False
    return value == old or (value != value and old != old)  # noqa: PLR0124 - only a NaN differs from itself
