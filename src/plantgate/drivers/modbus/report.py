"""The figures of a device's page."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice

from plantgate.drivers.modbus.blocks import BlockState, PollGroup
from plantgate.drivers.modbus.jobs import Counters
from plantgate.drivers.modbus.polling import Poller
from plantgate.limits import DEVICE_BAD_ROWS
from plantgate.model.device import BadPoint, DeviceState, RateFigures, UnitState
from plantgate.model.quality import is_good
from plantgate.runtime.clock import Clock


def report(poller: Poller, counters: Counters, rate: float, clock: Clock, *, connected: bool) -> DeviceState:
    """`rate` is requests a second. Figures of a connection that is gone are left out: they would look fresh."""
    groups = list(poller.every_group())
    bad = [
        (group, state, index)
        for group in groups
        for state in group.blocks
        for index, quality in enumerate(state.qualities)
        if not is_good(quality)
    ]
    mono, wall = clock.mono(), clock.wall()

    def moment(at: float) -> int | None:
        return wall + round(1e6 * max(0.0, at - mono)) if connected and at < math.inf else None

    load, response = poller.load_percent, counters.response_seconds
    return DeviceState(
        tags=sum(len(state.block.points) for group in groups for state in group.blocks),
        bad_count=len(bad),
        overload_percent=round(load, 1) if connected and load is not None else None,
        requests_per_second=round(rate, 2),
        response=_ms(response) if connected and response is not None else None,
        rates=tuple(_figures(group) for group in groups),
        bad=tuple(
            BadPoint(state.block.points[index].tag, moment(_next_try(group, state, index, mono)))
            for group, state, index in islice(bad, DEVICE_BAD_ROWS)
        ),
        units=_units(groups, poller.silent_units, connected=connected),
    )


def _figures(group: PollGroup) -> RateFigures:
    load = group.load_percent
    return RateFigures(
        rate=group.rate,
        tags=sum(len(state.block.points) for state in group.blocks),
        requests=group.requests,
        actual_interval=_ms(group.interval) if group.interval else None,
        overload_percent=None if load is None else round(load, 1),
        queue=_ms(group.queued),
    )


def _next_try(group: PollGroup, state: BlockState, index: int, now: float) -> float:
    """When a point that is not good is asked again: a poll has it only once its retry is due."""
    due = min(group.due, group.again_at)
    retry = state.isolation.retry_at(index)
    if retry is None or not group.rate or due == math.inf:
        return due
    return due + group.rate * max(0, math.ceil((retry - max(due, now)) / group.rate))


def _units(groups: list[PollGroup], silent: list[int], *, connected: bool) -> tuple[UnitState, ...]:
    tags: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    asked: set[int] = set()
    for group in groups:
        for state in group.blocks:
            unit = state.block.unit
            tags[unit] += len(state.block.points)
            bad[unit] += sum(not is_good(quality) for quality in state.qualities)
            if state.asked > -math.inf:
                asked.add(unit)

    def word(unit: int) -> str:
        if not connected:
            return "not connected"
        if unit in silent:
            return "silent"
        return "answering" if unit in asked else "not asked yet"

    return tuple(UnitState(unit, word(unit), tags[unit], bad[unit]) for unit in sorted(tags))


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
