"""What an outcome means for the tags of a request: a quality (Ignition's codes) and one sentence.

| outcome                                  | quality                      |
|------------------------------------------|------------------------------|
| no connection, connection lost           | Bad_NotConnected 522         |
| no answer before the timeout             | Error_TimeoutExpired 775     |
| not asked: its unit is silent            | Error_TimeoutExpired 775     |
| a poll unanswered for two periods        | Bad_Stale 516                |
| an answer that is none to its request    | Error_IO 774                 |
| exception 01 illegal function            | Bad_Unsupported 528          |
| exception 02, 03 illegal address, value  | Bad_OutOfRange 524           |
| exception 04 device failure, 05, 06 busy | Bad_Failure 527              |
| exception 08 memory parity               | Error_IO 774                 |
| exception 0A, 0B gateway path, target    | Bad_NotConnected 522         |
| any other exception                      | Error_Exception 776          |
| registers that hold no such value        | Bad_OutOfRange 524           |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from plantgate.errors import PlantgateError
from plantgate.model.quality import Quality
from plantgate.protocols.modbus.client import ExceptionReply, Malformed, Reply, TimedOut
from plantgate.protocols.modbus.pdu import ExceptionCode, exception_text

if TYPE_CHECKING:
    from plantgate.drivers.modbus.jobs import Job


class Lost(NamedTuple):
    """The connection ended before the answer came."""

    error: PlantgateError


class Skipped(NamedTuple):
    """It was not asked: `unit` leaves its requests unanswered and is asked apart from the others."""

    unit: int


Outcome: TypeAlias = "Reply[Job] | ExceptionReply[Job] | Malformed[Job] | TimedOut[Job] | Lost | Skipped"

_QUALITIES: dict[int, Quality] = {
    ExceptionCode.ILLEGAL_FUNCTION: Quality.BAD_UNSUPPORTED,
    ExceptionCode.ILLEGAL_DATA_ADDRESS: Quality.BAD_OUT_OF_RANGE,
    ExceptionCode.ILLEGAL_DATA_VALUE: Quality.BAD_OUT_OF_RANGE,
    ExceptionCode.SERVER_DEVICE_FAILURE: Quality.BAD_FAILURE,
    ExceptionCode.ACKNOWLEDGE: Quality.BAD_FAILURE,
    ExceptionCode.SERVER_DEVICE_BUSY: Quality.BAD_FAILURE,
    ExceptionCode.MEMORY_PARITY_ERROR: Quality.ERROR_IO,
    ExceptionCode.GATEWAY_PATH_UNAVAILABLE: Quality.BAD_NOT_CONNECTED,
    ExceptionCode.GATEWAY_TARGET_FAILED: Quality.BAD_NOT_CONNECTED,
}

# After how many refusals in a row a block is halved: an illegal address stays one, a failure may pass.
SPLIT_AFTER: dict[int, int] = {
    ExceptionCode.ILLEGAL_DATA_ADDRESS: 1,
    ExceptionCode.ILLEGAL_DATA_VALUE: 1,
    ExceptionCode.SERVER_DEVICE_FAILURE: 3,
}

# What is worth asking once more at once (Ignition: maxRetryCount applies to these only).
WORTH_A_RETRY: frozenset[int] = frozenset(
    {
        ExceptionCode.SERVER_DEVICE_FAILURE,
        ExceptionCode.SERVER_DEVICE_BUSY,
        ExceptionCode.GATEWAY_PATH_UNAVAILABLE,
        ExceptionCode.GATEWAY_TARGET_FAILED,
    }
)

# A gateway's own words about a unit that does not answer it.
GATEWAY_SAYS_DEAD: frozenset[int] = frozenset(
    {ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED}
)


def verdict_on(outcome: Outcome, unit: int, where: str, timeout: float) -> tuple[Quality, str]:
    """Quality and reason for the tags of a request to `unit` behind `where` (host:port) that was not answered well."""
    match outcome:
        case ExceptionReply(code=code):
            return quality_of(code), f"unit {unit} at {where} answered with {exception_text(code)}"
        case Malformed(error=error):
            return Quality.ERROR_IO, f"unit {unit} at {where} answered wrongly: {error.message}"
        case TimedOut():
            return Quality.ERROR_TIMEOUT_EXPIRED, f"no answer from unit {unit} at {where} within {timeout:g} s"
        case Skipped():
            return (
                Quality.ERROR_TIMEOUT_EXPIRED,
                f"unit {unit} at {where} does not answer; it is asked from time to time",
            )
        case Lost(error=error):
            return Quality.BAD_NOT_CONNECTED, error.message
        case _:
            return Quality.GOOD, ""


def quality_of(code: int) -> Quality:
    return _QUALITIES.get(code, Quality.ERROR_EXCEPTION)
