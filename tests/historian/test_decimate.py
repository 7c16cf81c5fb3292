"""Thinned series keep what an eye would miss."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.historian.codec import Points
from plantgate.historian.decimate import decimate
from plantgate.model.value import Scalar


def pieces_of(points: list[tuple[int, Scalar, int]], cuts: list[int]) -> list[Points]:
    edges = sorted({0, len(points), *(cut % len(points) for cut in cuts)})
    parts = [points[start:end] for start, end in itertools.pairwise(edges)]
    return [
        Points(
            [p[0] for p in part],
            [p[1] for p in part],
            [p[2] for p in part],
            good=all(p[2] < 256 and p[1] is not None for p in part),
        )
        for part in parts
    ]


POINT = st.tuples(
    st.integers(0, 10_000),
    st.floats(allow_infinity=False) | st.integers(-5, 5) | st.none(),
    st.sampled_from([192, 192, 192, 512]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=300), st.integers(3, 60), st.lists(st.integers(0, 1000), max_size=4))
def test_few_real_points_in_order_with_all_extremes_and_gaps(
    raw: list[tuple[int, Scalar, int]], most: int, cuts: list[int]
) -> None:
    points = sorted(raw, key=lambda point: point[0])
    thin = decimate(pieces_of(points, cuts), most)
    result = list(zip(thin.times, map(repr, thin.values), thin.qualities, strict=True))
    assert len(result) <= most
    assert list(thin.times) == sorted(thin.times)
    given_points = [(time, repr(value), code) for time, value, code in points]
    assert set(result) <= set(given_points)
    good = [value for _, value, code in points if code < 256 and value is not None and not math.isnan(value)]  # type: ignore[arg-type]
    kept = [value for value, code in zip(thin.values, thin.qualities, strict=True) if code < 256 and value is not None]
    if good:
        assert min(good) in kept
        assert max(good) in kept
    if any(code >= 256 for _, _, code in points) and all(v is not None and not math.isnan(v) for _, v, _ in points):  # type: ignore[arg-type]
        assert any(code >= 256 for code in thin.qualities)


def test_a_short_series_is_left_alone() -> None:
    points = Points([1, 2, 3], [1.0, 2.0, 3.0], [192] * 3, good=True)
    assert decimate([points], 3) is points


def test_a_spike_of_one_sample_in_a_day_is_kept() -> None:
    times = list(range(86_400))
    values: list[Scalar] = [math.sin(time / 5_000) for time in times]
    values[54_321] = 999.0
    thin = decimate([Points(times, values, [192] * len(times), good=True)], 1_000)
    assert len(thin) <= 1_000
    assert thin.values[thin.times.index(54_321)] == 999.0
    assert (thin.times[0], thin.times[-1]) == (0, 86_399)
    assert len(thin) > 900


def test_a_short_outage_breaks_the_line() -> None:
    times = list(range(10_000))
    codes = [192] * 10_000
    codes[5_000:5_004] = [522] * 4
    thin = decimate([Points(times, [1.0] * 10_000, codes, good=False)], 90)
    assert 522 in list(thin.qualities)
    assert len(thin) <= 90


def test_texts_keep_first_and_last_of_each_bucket() -> None:
    times = list(range(1_000))
    values: list[Scalar] = [*["idle"] * 500, *["run"] * 500]
    thin = decimate([Points(times, values, [192] * 1_000, good=True)], 20)
    assert set(thin.values) == {"idle", "run"}
    assert len(thin) <= 20
