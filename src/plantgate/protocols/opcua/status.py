"""Status codes and times: ours to OPC UA and back, and the error that carries one.

Codes: Part 4, 7.39 (what they are made of), Part 6, annex A.2 (numbers), Part 8, 6.3 (those of data access).
Qualities are Ignition's numbers (`model.quality`), which this folder may not import: 192 is Good, 256 and up
Uncertain, 512 and up Bad, 768 and up Error.
"""

from __future__ import annotations

from plantgate.errors import PeerError

GOOD = 0
UNCERTAIN = 0x40000000
BAD = 0x80000000
BAD_UNEXPECTED_ERROR = 0x80010000
BAD_INTERNAL_ERROR = 0x80020000
BAD_RESOURCE_UNAVAILABLE = 0x80040000
BAD_COMMUNICATION_ERROR = 0x80050000
BAD_ENCODING_ERROR = 0x80060000
BAD_DECODING_ERROR = 0x80070000
BAD_ENCODING_LIMITS_EXCEEDED = 0x80080000
BAD_TIMEOUT = 0x800A0000
BAD_CERTIFICATE_INVALID = 0x80120000
BAD_SECURITY_CHECKS_FAILED = 0x80130000
BAD_USER_ACCESS_DENIED = 0x801F0000
BAD_SECURE_CHANNEL_ID_INVALID = 0x80220000
BAD_NONCE_INVALID = 0x80240000
BAD_TIMESTAMPS_TO_RETURN_INVALID = 0x802B0000
BAD_NO_COMMUNICATION = 0x80310000
BAD_NODE_ID_INVALID = 0x80330000
BAD_OUT_OF_RANGE = 0x803C0000
BAD_NOT_SUPPORTED = 0x803D0000
BAD_NOT_FOUND = 0x803E0000
BAD_NOT_WRITABLE = 0x803B0000
BAD_MONITORING_MODE_INVALID = 0x80410000
BAD_BROWSE_DIRECTION_INVALID = 0x804D0000
BAD_REQUEST_TYPE_INVALID = 0x80530000
BAD_SECURITY_MODE_REJECTED = 0x80540000
BAD_SECURITY_POLICY_REJECTED = 0x80550000
BAD_TYPE_MISMATCH = 0x80740000
BAD_TCP_MESSAGE_TYPE_INVALID = 0x807E0000
BAD_TCP_SECURE_CHANNEL_UNKNOWN = 0x807F0000
BAD_TCP_MESSAGE_TOO_LARGE = 0x80800000
BAD_TCP_ENDPOINT_URL_INVALID = 0x80830000
BAD_SECURE_CHANNEL_CLOSED = 0x80860000
BAD_SECURE_CHANNEL_TOKEN_UNKNOWN = 0x80870000
BAD_SEQUENCE_NUMBER_INVALID = 0x80880000
BAD_CONFIGURATION_ERROR = 0x80890000
BAD_NOT_CONNECTED = 0x808A0000
BAD_DEVICE_FAILURE = 0x808B0000
BAD_SENSOR_FAILURE = 0x808C0000
BAD_OUT_OF_SERVICE = 0x808D0000
BAD_CONNECTION_REJECTED = 0x80AC0000
BAD_SYNTAX_ERROR = 0x80B60000
BAD_REQUEST_TOO_LARGE = 0x80B80000
BAD_RESPONSE_TOO_LARGE = 0x80B90000
BAD_PROTOCOL_VERSION_UNSUPPORTED = 0x80BE0000
BAD_AGGREGATE_NOT_SUPPORTED = 0x80D50000
BAD_LICENSE_EXPIRED = 0x810E0000
BAD_LICENSE_LIMITS_EXCEEDED = 0x810F0000
BAD_CERTIFICATE_POLICY_CHECK_FAILED = 0x81140000
GOOD_OVERLOAD = 0x002F0000

# Part 4, 7.39.1: the low sixteen bits say something about a value, not what is wrong with it.
CODE_BITS = 0xFFFF0000
SEVERITY_BITS = 0xC0000000
OVERFLOW = 0x00000480  # InfoType DataValue, Overflow: values before this one were lost from the queue
SEMANTICS_CHANGED = 0x00004000
STRUCTURE_CHANGED = 0x00008000

_FROM_QUALITY = {
    202: GOOD_OVERLOAD,
    256: UNCERTAIN,
    257: 0x40900000,  # UncertainLastUsableValue
    258: 0x40920000,  # UncertainInitialValue
    259: 0x40A40000,  # UncertainDataSubNormal
    260: 0x40940000,  # UncertainEngineeringUnitsExceeded
    513: BAD_USER_ACCESS_DENIED,
    514: BAD_USER_ACCESS_DENIED,
    515: BAD_OUT_OF_SERVICE,
    516: BAD_NO_COMMUNICATION,  # stale: the source is known and says nothing
    517: BAD_LICENSE_EXPIRED,
    518: BAD_LICENSE_LIMITS_EXCEEDED,
    519: BAD_NOT_FOUND,
    520: BAD_NOT_FOUND,
    521: BAD_AGGREGATE_NOT_SUPPORTED,
    522: BAD_NOT_CONNECTED,
    523: BAD_NOT_CONNECTED,
    524: BAD_OUT_OF_RANGE,
    525: BAD_RESOURCE_UNAVAILABLE,
    526: BAD_NOT_WRITABLE,
    527: BAD_DEVICE_FAILURE,
    528: BAD_NOT_SUPPORTED,
    768: BAD_UNEXPECTED_ERROR,
    769: BAD_CONFIGURATION_ERROR,
    772: BAD_TYPE_MISMATCH,
    773: BAD_RESOURCE_UNAVAILABLE,
    774: BAD_COMMUNICATION_ERROR,
    775: BAD_TIMEOUT,
    776: BAD_INTERNAL_ERROR,
    777: BAD_SYNTAX_ERROR,
    780: BAD_CONFIGURATION_ERROR,
}
_TO_QUALITY = {
    **{code: quality for quality, code in reversed(_FROM_QUALITY.items())},
    BAD_USER_ACCESS_DENIED: 514,
    BAD_RESOURCE_UNAVAILABLE: 527,
    BAD_SENSOR_FAILURE: 527,
    0x408F0000: 257,  # UncertainNoCommunicationLastUsableValue
    0x40930000: 259,  # UncertainSensorNotAccurate
    0x40950000: 259,  # UncertainSubNormal
    0x80320000: 258,  # BadWaitingForInitialData: soon there is one
    0x80340000: 519,  # BadNodeIdUnknown
    0x803A0000: 514,  # BadNotReadable
    0x808E0000: 512,  # BadDeadbandFilterInvalid
    0x800D0000: 522,  # BadServerNotConnected
    0x80AD0000: 522,  # BadDisconnect
    0x80AE0000: 522,  # BadConnectionClosed
}
_GOOD_QUALITY, _UNCERTAIN_QUALITY, _BAD_QUALITY, _ERROR_QUALITY = 192, 256, 512, 768


class StatusError(PeerError):
    """The peer broke a rule, and `status` is the OPC UA name for it, to be sent where it can still be sent."""

    def __init__(self, code: str, message: str, hint: str = "", *, status: int) -> None:
        super().__init__(code, message, hint)
        self.status = status


def status_of(quality: int) -> int:
    """The status code of a quality; one we have no word for keeps its severity."""
    known = _FROM_QUALITY.get(quality)
    if known is not None:
        return known
    if quality < _UNCERTAIN_QUALITY:
        return GOOD
    return UNCERTAIN if quality < _BAD_QUALITY else BAD if quality < _ERROR_QUALITY else BAD_UNEXPECTED_ERROR


def quality_of(status: int) -> int:
    """The quality of a status code; one we have no word for keeps its severity. Severity 3 is bad (Part 4, 7.39.1)."""
    if status == GOOD:  # nearly all
        return _GOOD_QUALITY
    known = _TO_QUALITY.get(status & CODE_BITS)
    if known is not None:
        return known
    severity = status & SEVERITY_BITS
    return _BAD_QUALITY if severity & BAD else _UNCERTAIN_QUALITY if severity else _GOOD_QUALITY


# Part 6, 5.2.2.5: a DateTime counts 100 ns since 1601-01-01 UTC; 0 is none, the end of 9999 and later is the largest.
UNIX_EPOCH = 116_444_736_000_000_000
END_OF_9999 = 2_650_467_743_990_000_000
_MAX_TIME = 0x7FFF_FFFF_FFFF_FFFF


def filetime(wall: int) -> int:
    """A DateTime of microseconds since 1970, held within what one can say."""
    ticks = wall * 10 + UNIX_EPOCH
    if ticks <= 0:
        return 0
    return ticks if ticks < END_OF_9999 else _MAX_TIME


def wall_time(ticks: int) -> int | None:
    """Microseconds since 1970 of a DateTime, held within the years 1601 to 9999; None for none."""
    if ticks <= 0:
        return None
    return (min(ticks, END_OF_9999) - UNIX_EPOCH) // 10
