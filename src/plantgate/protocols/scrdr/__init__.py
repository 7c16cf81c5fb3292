"""SpringCard SpringCore `$SCRDR` / `$SCCMD`: both roles, without I/O.

* host: `ScrdrReceiver` (bytes -> events), `PresenceFilter` (events -> what a card did), `encode_command`
* device: `SccmdReceiver` (bytes and time -> outcomes), `encode_event`, `encode_hello`

No peer bytes make a receiver raise; the encoders raise UsageError for what the protocol can't carry.
"""

from plantgate.protocols.scrdr.device import (
    SILENCE_SECONDS,
    CommandFault,
    CommandIgnored,
    CommandReceived,
    DeviceEvent,
    SccmdReceiver,
    SkippedTuple,
)
from plantgate.protocols.scrdr.host import (
    ChecksumLocked,
    Hello,
    HostEvent,
    LineError,
    LineFault,
    ScrdrReceiver,
)
from plantgate.protocols.scrdr.names import (
    SEQ_ACCEPT,
    SEQ_DENY,
    SEQ_WINK,
    in_text,
    interface_name,
    led_mode_name,
    protocol_name,
    sequence_name,
)
from plantgate.protocols.scrdr.presence import (
    REPEAT_SECONDS,
    REPEAT_TOLERANCE_SECONDS,
    PresenceFilter,
    Sighted,
    Sighting,
)
from plantgate.protocols.scrdr.registers import RegisterErrors, RegisterFile
from plantgate.protocols.scrdr.registers_setup import Finding, Severity, findings, for_installation
from plantgate.protocols.scrdr.registers_table import NetworkFormat, NetworkMode, Profile
from plantgate.protocols.scrdr.wire import (
    Checksum,
    ReaderCommand,
    TagEvent,
    checksum,
    encode_command,
    encode_event,
    encode_hello,
)

__all__ = [
    "REPEAT_SECONDS",
    "REPEAT_TOLERANCE_SECONDS",
    "SEQ_ACCEPT",
    "SEQ_DENY",
    "SEQ_WINK",
    "SILENCE_SECONDS",
    "Checksum",
    "ChecksumLocked",
    "CommandFault",
    "CommandIgnored",
    "CommandReceived",
    "DeviceEvent",
    "Finding",
    "Hello",
    "HostEvent",
    "LineError",
    "LineFault",
    "NetworkFormat",
    "NetworkMode",
    "PresenceFilter",
    "Profile",
    "ReaderCommand",
    "RegisterErrors",
    "RegisterFile",
    "SccmdReceiver",
    "ScrdrReceiver",
    "Severity",
    "Sighted",
    "Sighting",
    "SkippedTuple",
    "TagEvent",
    "checksum",
    "encode_command",
    "encode_event",
    "encode_hello",
    "findings",
    "for_installation",
    "in_text",
    "interface_name",
    "led_mode_name",
    "protocol_name",
    "sequence_name",
]
