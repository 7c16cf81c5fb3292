"""Fewer points that look the same: minimum and maximum per bucket of time, and where quality was not good."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from plantgate.historian.codec import Points, Scaled
from plantgate.model.quality import Quality
from plantgate.model.value import Scalar

LEAST = 3


def decimate(pieces: Sequence[Points], most: int) -> Points:
    """At most `most` (>= 3) points of `pieces`, all of them real ones, in time order.

    `pieces` follow each other in time. Per bucket of equal duration stay: the least and the greatest good number (of
    texts the first and the last), and the last point that is not good, so that a chart breaks its line where the data
    does. The very first and last point stay. Linear in the number of points.
    """
    if sum(map(len, pieces)) <= most:
        return join(pieces)
    good = all(piece.good for piece in pieces)
    count = max(1, (most - 2) // (2 if good else 3))
    begin, end = pieces[0].times[0], pieces[-1].times[-1]
    thinned = join([_thin(piece, begin, end, count) for piece in pieces])
    reduced = _thin(thinned, begin, end, count)  # buckets that lie in two pieces have two pairs by now
    return _with_ends(reduced, pieces, most)


def join(pieces: Sequence[Points]) -> Points:
    """The columns of `pieces`, one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    times: list[int] = []
    values: list[Scalar] = []
    codes: list[int] = []
    for piece in pieces:
        times += piece.times
        values += piece.values
        codes += piece.qualities
    return Points(times, values, codes, good=all(piece.good for piece in pieces))


def _with_ends(points: Points, pieces: Sequence[Points], most: int) -> Points:
    first, last = pieces[0], pieces[-1]
    head = Points(first.times[:1], first.values[:1], first.qualities[:1], first.good)
    tail = Points(last.times[-1:], last.values[-1:], last.qualities[-1:], last.good)
    ends = [
        *([head] if points.times[0] != first.times[0] else []),
        points,
        *([tail] if points.times[-1] != last.times[-1] else []),
    ]
    # With less than five points to give, the extremes are worth more than the ends.
    return join(ends) if len(points) + len(ends) - 1 <= most else points


def _thin(points: Points, begin: int, end: int, count: int) -> Points:
    scaled = isinstance(points.values, Scaled)
    column: Sequence[Scalar] = points.values.whole if isinstance(points.values, Scaled) else points.values
    plain = points.good and (scaled or _numbers(column))
    chosen: list[int] = []
    for first, last in _buckets(points.times, begin, end, count):
        chosen += _extremes(column, first, last) if plain else _mixed(points, first, last)
    times, values, codes = points.times, points.values, points.qualities
    return Points(
        [times[place] for place in chosen],
        [values[place] for place in chosen],
        [codes[place] for place in chosen],
        good=points.good,
    )


def _numbers(column: Sequence[Scalar]) -> bool:
    """Whether min and max mean something: no text, and no NaN, which would hide other numbers."""
    if isinstance(column, range):
        return True
    if isinstance(column, array):
        return not math.isnan(sum(column))
    kinds = set(map(type, column))
    return kinds <= {int, bool} or (kinds <= {int, bool, float} and not math.isnan(sum(column)))  # type: ignore[arg-type]


def _buckets(times: Sequence[int], begin: int, end: int, count: int) -> Iterator[tuple[int, int]]:
    """Places [first, last) of the points of each bucket that has any."""
    duration = end - begin + 1
    first, most = 0, len(times)
    while first < most:
        bucket = (times[first] - begin) * count // duration
        edge = begin - (-duration * (bucket + 1) // count)  # the least time of the next bucket
        last = bisect_left(times, edge, first)
        yield first, last
        first = last


def _extremes(column: Sequence[Scalar], first: int, last: int) -> list[int]:
    part: Sequence[float] = column[first:last]  # type: ignore[assignment]  # numbers, see `_numbers`
    return _pair(first + part.index(min(part)), first + part.index(max(part)))


def _pair(one: int, other: int) -> list[int]:
    if one == other:
        return [one]
    return [one, other] if one < other else [other, one]


def _mixed(points: Points, first: int, last: int) -> list[int]:
    values, codes = points.values, points.qualities
    good: list[int] = []
    bad = -1
    for place in range(first, last):
        value = values[place]
        known = value is not None and not (isinstance(value, float) and math.isnan(value))
        if known and codes[place] < Quality.UNCERTAIN:
            good.append(place)
        else:
            bad = place
    chosen = _pair(*_ends(values, good)) if good else []
    return sorted([*chosen, bad]) if bad >= 0 else chosen


def _ends(values: Sequence[Scalar], places: Sequence[int]) -> tuple[int, int]:
    numbers = [(value, place) for place in places if not isinstance(value := values[place], str) and value is not None]
    if len(numbers) < len(places):
        return places[0], places[-1]
    return min(numbers)[1], max(numbers)[1]
