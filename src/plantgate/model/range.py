"""Ends of ranges and bands around values."""

from __future__ import annotations

from enum import StrEnum


class Bounds(StrEnum):
    """Which ends of a range hold (Ignition: clampMode, engLimitMode)."""

    NONE = "none"
    LOW = "low"
    HIGH = "high"
    BOTH = "both"


class DeadbandMode(StrEnum):
    """What `deadband` counts in: units of the tag, or percent of its engineering range."""

    ABSOLUTE = "absolute"
    PERCENT = "percent"
