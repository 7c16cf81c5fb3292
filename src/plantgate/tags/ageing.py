"""Staleness: a quality set by the clock, not by hope."""

from __future__ import annotations

from collections.abc import Mapping

from plantgate.model.tag import TagKind
from plantgate.runtime.clock import Clock
from plantgate.tags.tree import TagTree

SWEEP_SECONDS = 0.5
# A fast group on a busy host would flicker between good and stale; below a second nobody could act on it.
SHORTEST_SECONDS = 1.0


def stale_limits(tree: TagTree, rates: Mapping[str, float], polled: frozenset[str]) -> list[tuple[int, float]]:
    """(tag id, seconds) for each tag of a polled device: two periods of its tag group."""
    return [
        (tag, max(SHORTEST_SECONDS, 2 * rates[definition.group]))
        for tag, definition in enumerate(tree.definitions())
        if definition.kind is TagKind.DEVICE and definition.device in polled
    ]


async def sweep(tree: TagTree, limits: list[tuple[int, float]], clock: Clock) -> None:
    """Run for ever: mark what went stale, twice a second."""
    while True:
        await clock.sleep(SWEEP_SECONDS)
        tree.mark_stale(limits)
