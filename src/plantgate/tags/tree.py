"""The live tag tree: one row per tag, columns for what changes.

A tag id is the row number; rows are added at the end and never go. A tag that is removed leaves its row: its id means
no other tag ever, and the same path gets it back. Drivers publish batches of ids; what changed goes on to every sink as
one batch. Nothing here waits.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from plantgate.errors import ConfigError, Overload, UsageError
from plantgate.limits import TAGS_REMOVED
from plantgate.model.quality import Quality, is_good
from plantgate.model.seams import ChangeSink
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import Batch, Scalar, TagValue
from plantgate.runtime.clock import Clock
from plantgate.tags.shaping import Shaping
from plantgate.tags.writing import PENDING, PendingWrites

_NOT_YET = "no value has arrived yet"
_STALE = "no fresh value within two poll periods"
_REMOVED = "the tag was removed from the configuration"


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
        self._gone: dict[str, int] = {}
        self._gone_ids: set[int] = set()
        self._there: Sequence[int] | None = None
        self._sinks: list[tuple[ChangeSink, bool]] = []
        now = clock.wall()
        count = len(self._definitions)
        self._values: list[Scalar] = [definition.initial for definition in self._definitions]
        self._qualities = array("H", [self._first_quality(definition) for definition in self._definitions])
        self._times = array("q", [now]) * count
        self._seen = array("d", [clock.mono()]) * count
        self._reasons = {tag: _NOT_YET for tag in range(count) if not is_good(self._qualities[tag])}
        self._shaping = Shaping()
        for tag, definition in enumerate(self._definitions):
            self._shaping.put(tag, definition)
        self.changes = 0
        self.structure = 0
        self.pending = PendingWrites(self, clock)

    @staticmethod
    def _first_quality(definition: TagDefinition) -> int:
        return Quality.GOOD if definition.kind is TagKind.MEMORY else Quality.UNCERTAIN_INITIAL_VALUE

    # what there is

    def add(self, definitions: Sequence[TagDefinition]) -> list[int]:
        """More tags, while everything runs; gives their ids. Those whose path is there already are not added again.

        Whoever polls devices is told of its tags by the caller, and sinks of first values by `announce`.
        """
        return [self._add(definition) for definition in definitions]

    def _add(self, definition: TagDefinition) -> int:
        tag = self._ids.get(definition.path)
        if tag is not None:
            return tag
        self.structure += 1
        self._there = None
        tag = self._gone.pop(definition.path, None)
        if tag is None:
            tag = len(self._definitions)
            self._definitions.append(definition)
            self._values.append(None)
            self._qualities.append(Quality.BAD_NOT_FOUND)
            self._times.append(0)
            self._seen.append(0.0)
        else:
            self._gone_ids.discard(tag)
        self._ids[definition.path] = tag
        self._define(tag, definition)
        self._begin(tag, definition)
        return tag

    def _define(self, tag: int, definition: TagDefinition) -> None:
        self._definitions[tag] = definition
        self._shaping.put(tag, definition)

    def _begin(self, tag: int, definition: TagDefinition) -> None:
        """As at a start of the gateway."""
        self._values[tag] = definition.initial
        self._qualities[tag] = quality = self._first_quality(definition)
        self._times[tag] = self._clock.wall()
        self._seen[tag] = self._clock.mono()
        if is_good(quality):
            self._reasons.pop(tag, None)
        else:
            self._reasons[tag] = _NOT_YET

    def replace(self, tag: int, definition: TagDefinition) -> bool:
        """Another definition of the same path. The value stays if it still is one of that source and that type.

        Returns whether the tag has begun anew; `announce` of that is left to the caller.
        Raises UsageError for a path that is not the tag's.
        """
        old = self._definitions[tag]
        if self._ids.get(definition.path) != tag:
            raise UsageError("TAG-103", f"{definition.path} is not tag {tag}", "a defect of plantgate: report it")
        self._define(tag, definition)
        if _value_of(old) != _value_of(definition):
            now = self._clock.wall()
            self.pending.sifted(Batch([tag], [None], [Quality.BAD_NOT_FOUND], [now], now))  # nobody waits any longer
            self._begin(tag, definition)
            return True
        return False

    def remove(self, tags: Sequence[int]) -> None:
        """Forget the paths; the sinks are told Bad_NotFound once. What is published to them from now on is dropped.

        Raises Overload, and removes nothing, when as many rows are left over as a gateway keeps.
        """
        gone = [tag for tag in tags if tag not in self._gone_ids]
        if not gone:
            return
        if len(self._gone) + len(gone) > TAGS_REMOVED:
            raise Overload(
                "TAG-105",
                f"{len(self._gone)} tags were removed since the gateway started, {TAGS_REMOVED} are the most",
                "restart the gateway: it then forgets them",
            )
        now, count = self._clock.wall(), len(gone)
        self.publish(Batch(gone, [None] * count, [Quality.BAD_NOT_FOUND] * count, [now] * count, now, _REMOVED))
        self.structure += 1
        self._there = None
        for tag in gone:
            definition = self._definitions[tag]
            self._define(tag, TagDefinition(definition.path, definition.data_type))
            del self._ids[definition.path]
            self._gone[definition.path] = tag
            self._values[tag] = None
        self._gone_ids.update(gone)

    @property
    def room(self) -> int:
        """How many tags more may be removed until the next start."""
        return TAGS_REMOVED - len(self._gone)

    def announce(self, tags: Sequence[int]) -> None:
        """Tell every sink how `tags` are now, as if that had just changed."""
        by_reason: dict[str, list[int]] = {}
        for tag in tags:
            by_reason.setdefault(self._reasons.get(tag, ""), []).append(tag)
        for reason, those in by_reason.items():
            values, qualities = [self._values[tag] for tag in those], [self._qualities[tag] for tag in those]
            times = [self._times[tag] for tag in those]
            self._tell(Batch(those, values, qualities, times, self._clock.wall(), reason))

    def add_sink(self, sink: ChangeSink, *, pending: bool = False) -> None:
        """`sink` is told of every change from now on; of values that no device has confirmed only with `pending`."""
        self._sinks.append((sink, pending))

    # TagReader

    def definitions(self) -> Sequence[TagDefinition]:
        """By id. A tag that was removed stands there with its path, as nothing that anybody polls, stores or shows."""
        return self._definitions

    def ids(self) -> Sequence[int]:
        """The ids of the tags that are there now."""
        if not self._gone:
            return range(len(self._definitions))
        if self._there is None:
            self._there = sorted(self._ids.values())
        return self._there

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
        if self._gone_ids and not self._gone_ids.isdisjoint(batch.tags):
            batch = self._without_gone(batch)
        if self.pending.concern(batch.tags):
            batch = self.pending.sifted(batch)
        if self._shaping.concerns(batch.tags):
            for part in self._shaping.shaped(batch, self._values, self._qualities):
                self._take(part)
        else:
            self._take(batch)

    def _without_gone(self, batch: Batch) -> Batch:
        """A write may still have been under way when its tag was removed."""
        kept = [place for place, tag in enumerate(batch.tags) if tag not in self._gone_ids]
        return replace(
            batch,
            tags=[batch.tags[place] for place in kept],
            values=[batch.values[place] for place in kept],
            qualities=[batch.qualities[place] for place in kept],
            times=[batch.times[place] for place in kept],
        )

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
        settled = _without_pending(batch) if PENDING in batch.qualities else batch
        for sink, pending in self._sinks:
            if pending or settled.tags:
                sink.changed(batch if pending else settled)

    # for `pending`

    def show(self, tag: int, now: TagValue) -> None:
        """Show `now` as it is: neither scaled nor measured against limits and deadband; a filter begins anew."""
        self._shaping.reset(tag)
        self._values[tag], self._qualities[tag] = now.value, now.quality
        if is_good(now.quality):
            self._reasons.pop(tag, None)
        else:
            self._reasons[tag] = now.reason
        self.heard(tag)
        self._tell(Batch([tag], [now.value], [now.quality], [now.timestamp], self._clock.wall(), now.reason))

    def heard(self, tag: int) -> None:
        """Its device is alive: the tag is not stale."""
        self._seen[tag] = self._clock.mono()

    # the clock

    def mark_stale(self, limits: Iterable[tuple[int, float]]) -> int:
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


def _without_pending(batch: Batch) -> Batch:
    rows = zip(batch.tags, batch.values, batch.qualities, batch.times, strict=True)
    settled = [row for row in rows if row[2] != PENDING]
    tags, values, qualities, times = zip(*settled, strict=True) if settled else ((), (), (), ())
    return replace(batch, tags=tags, values=values, qualities=qualities, times=times)


def _value_of(definition: TagDefinition) -> tuple[object, ...]:
    """What a value belongs to: another one of these, and the old value says nothing."""
    return definition.kind, definition.data_type, definition.device, definition.address, definition.scaling


def _same(value: Scalar, old: Scalar) -> bool:
    """Whether a page or the history would show the same: 1, 1.0 and true differ, one NaN is like another."""
    if type(value) is not type(old):
        return False
    return value == old or (value != value and old != old)  # noqa: PLR0124 - only a NaN differs from itself
