"""What became of a command, as the status code of a Write or a Call.

The gate says it in its own codes (`tags/gate.py`); devices have theirs, and are told apart by who is at fault.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncua.ua.status_codes import StatusCodes

from plantgate.model.command import Outcome, Verdict

_BY_CODE: Mapping[str, int] = {
    "CMD-101": StatusCodes.BadUserAccessDenied,  # the origin may not command
    "CMD-103": StatusCodes.BadNodeIdUnknown,  # no such tag (any more)
    "CMD-104": StatusCodes.BadNotWritable,
    "CMD-105": StatusCodes.BadOutOfRange,  # the type was right, so it is the value: too long, infinite, no JSON
    "CMD-106": StatusCodes.BadNotConnected,  # its device is not running
    "CMD-107": StatusCodes.BadTimeout,  # given up before the answer came
    "CMD-108": StatusCodes.BadUserAccessDenied,  # needs a badge
    "CMD-109": StatusCodes.BadOutOfRange,  # beyond the limits of the tag
    "CMD-110": StatusCodes.BadOutOfRange,  # no value of the source gives it
    "CMD-111": StatusCodes.BadConfigurationError,  # leads to no tag that holds a value
    "CMD-115": StatusCodes.BadTimeout,  # its turn did not come in time
    "CMD-117": StatusCodes.BadTimeout,  # the device took it and has not shown it
    "CMD-118": StatusCodes.BadNoCommunication,  # the device took it and can't be read
}
_BY_OUTCOME: Mapping[Outcome, int] = {
    Outcome.DONE: StatusCodes.Good,
    Outcome.REFUSED: StatusCodes.BadOutOfRange,  # by the device's driver: no value that its register can hold
    Outcome.FAILED: StatusCodes.BadDeviceFailure,
}


def status_of_verdict(verdict: Verdict) -> int:
    if verdict.done:
        return StatusCodes.Good
    return _BY_CODE.get(verdict.code, _BY_OUTCOME[verdict.outcome])
