"""Quality codes: Ignition's, used by the whole gateway and mapped to OPC UA status codes at the edge.

Ignition 8.3 manual, tags, quality codes: good 0-255, uncertain 256-511, bad 512-767, error 768-1023.
"""

from __future__ import annotations

from enum import IntEnum


class Quality(IntEnum):
    GOOD_UNSPECIFIED = 0
    GOOD_WRITE_PENDING = 2
    GOOD = 192
    GOOD_PROVISIONAL = 200
    GOOD_INITIAL = 201
    GOOD_OVERLOAD = 202
    GOOD_BACKFILL = 203
    UNCERTAIN = 256
    UNCERTAIN_LAST_KNOWN_VALUE = 257
    UNCERTAIN_INITIAL_VALUE = 258
    UNCERTAIN_DATA_SUBNORMAL = 259
    UNCERTAIN_ENGINEERING_UNITS_EXCEEDED = 260
    UNCERTAIN_INCOMPLETE_OPERATION = 261
    BAD = 512
    BAD_UNAUTHORIZED = 513
    BAD_ACCESS_DENIED = 514
    BAD_DISABLED = 515
    BAD_STALE = 516
    BAD_TRIAL_EXPIRED = 517
    BAD_LICENSE_EXCEEDED = 518
    BAD_NOT_FOUND = 519
    BAD_REFERENCE_NOT_FOUND = 520
    BAD_AGGREGATE_NOT_FOUND = 521
    BAD_NOT_CONNECTED = 522
    BAD_GATEWAY_COMM_OFF = 523
    BAD_OUT_OF_RANGE = 524
    BAD_DATABASE_NOT_CONNECTED = 525
    BAD_READ_ONLY = 526
    BAD_FAILURE = 527
    BAD_UNSUPPORTED = 528
    ERROR = 768
    ERROR_CONFIGURATION = 769
    ERROR_EXPRESSION_EVAL = 770
    ERROR_TAG_EXECUTION = 771
    ERROR_TYPE_CONVERSION = 772
    ERROR_DATABASE_QUERY = 773
    ERROR_IO = 774
    ERROR_TIMEOUT_EXPIRED = 775
    ERROR_EXCEPTION = 776
    ERROR_INVALID_PATH_SYNTAX = 777
    ERROR_FORMATTING = 778
    ERROR_SCRIPT_EVAL = 779
    ERROR_CYCLE_DETECTED = 780

    @property
    def label(self) -> str:
        """The name as Ignition writes it: `Bad_NotConnected`."""
        level, _, rest = self.name.partition("_")
        words = "".join(word.capitalize() for word in rest.split("_")) if rest else ""
        return f"{level.capitalize()}_{words}" if words else level.capitalize()


def is_good(code: int) -> bool:
    return code < Quality.UNCERTAIN


def label(code: int) -> str:
    """`Bad_NotConnected` for 522; an unknown code is shown as its number, never refused."""
    try:
        return Quality(code).label
    except ValueError:
        return f"Quality_{code}"
