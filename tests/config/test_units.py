from __future__ import annotations

import pytest

from plantgate.config.units import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        ("1.5 h", 5400.0),
        ("15min", 900.0),
        ("15m", 900.0),
        ("90d", 7_776_000.0),
        ("1w", 604_800.0),
        ("1h30m", 5400.0),
        (" 1m 30s ", 90.0),
    ],
)
def test_times_with_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", " ", "2", "s", "-1s", "1 y", "1s2", "2 seconds", "1e3s", "٣s", "1s" + "9" * 30])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|empty"):
        parse_duration(text)
