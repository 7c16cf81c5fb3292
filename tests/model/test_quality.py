from __future__ import annotations

import pytest

from plantgate.model.quality import Quality, is_good, label


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (192, "Good"), (0, "Good_Unspecified"), (2, "Good_WritePending"), (257, "Uncertain_LastKnownValue"),
        (512, "Bad"), (516, "Bad_Stale"), (522, "Bad_NotConnected"), (523, "Bad_GatewayCommOff"), (768, "Error"),
        (777, "Error_InvalidPathSyntax"), (600, "Quality_600"), (-1, "Quality_-1"),
    ],
)  # fmt: skip
def test_labels_are_ignitions(code: int, text: str) -> None:
    assert label(code) == text


def test_bands() -> None:
    for quality in Quality:
        level = quality.name.partition("_")[0]
        low = {"GOOD": 0, "UNCERTAIN": 256, "BAD": 512, "ERROR": 768}[level]
        assert low <= quality < low + 256
        assert is_good(quality) == (level == "GOOD")
