"""Figures that the tiles already carry, as samples for /metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plantgate.model.gateway import Sample
from plantgate.model.status import Health, PartStatus

# kind of tile -> its label, and which details are figures: detail -> (metric, kind, help)
_FIGURES: dict[str, dict[str, tuple[str, str, str]]] = {
    "device": {
        "tags": ("plantgate_device_tags", "gauge", "tags polled from the device"),
        "tags_good": ("plantgate_device_tags_good", "gauge", "of them with good quality"),
        "requests": ("plantgate_device_requests_total", "counter", "requests answered or given up"),
        "exceptions": ("plantgate_device_exceptions_total", "counter", "exception replies"),
        "timeouts": ("plantgate_device_timeouts_total", "counter", "requests without an answer in time"),
        "unexpected": ("plantgate_device_unexpected_total", "counter", "answers that nobody asked for"),
        "malformed": ("plantgate_device_malformed_total", "counter", "answers that the protocol forbids"),
        "reconnects": ("plantgate_device_reconnects_total", "counter", "connections after the first"),
        "late_polls": ("plantgate_device_late_polls_total", "counter", "polls that began after their time"),
        "writes": ("plantgate_device_writes_total", "counter", "writes carried out"),
    },
    "reader": {
        "badges": ("plantgate_reader_badges_total", "counter", "cards shown, repeats not counted"),
        "bad_lines": ("plantgate_reader_bad_lines_total", "counter", "lines that are no good message"),
        "errors": ("plantgate_reader_errors_total", "counter", "failed connections, bad lines, unsent commands"),
        "reconnects": ("plantgate_reader_reconnects_total", "counter", "connections after the first"),
    },
    "store": {
        "points": ("plantgate_store_points", "gauge", "points in the store, fsynced"),
        "stored": ("plantgate_store_stored_total", "counter", "stored and fsynced since start"),
        "queued": ("plantgate_store_queued", "gauge", "waiting to be stored"),
        "lost": ("plantgate_store_lost_total", "counter", "not stored, with a gap recorded"),
        "failures": ("plantgate_store_failures_total", "counter", "commits that failed"),
        "cards": ("plantgate_access_cards", "gauge", "cards in the access data"),
        "inside": ("plantgate_access_inside", "gauge", "people who are in a zone"),
    },
}


def part_samples(parts: Sequence[PartStatus]) -> Iterator[Sample]:
    """`plantgate_part_ok` for every part, and what its details count."""
    for part in parts:
        labels = (("kind", part.kind), ("name", part.name))
        well = part.health in (Health.OK, Health.DISABLED)
        yield Sample("plantgate_part_ok", "gauge", "1 if the part is well, or off as configured", labels, float(well))
    for part in parts:
        for detail, (name, kind, words) in _FIGURES.get(part.kind, {}).items():
            value = part.details.get(detail)
            if isinstance(value, int | float):
                yield Sample(name, kind, words, ((part.kind, part.name),), float(value))
