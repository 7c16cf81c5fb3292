"""The hello of every protocol that we can recognise on a port: what to send, and what the answer proves.

    conversation.py  the three outcomes, and how the steps of a recogniser run over bytes cut anywhere
    http.py          StatusPing and gwinfo          opcua.py       Hello, GetEndpoints, FindServers
    modbus.py        device identification          mysql.py       greeting
    postgresql.py    SSLRequest, StartupMessage     mssql.py       PRELOGIN
    oracle.py        CONNECT (COMMAND=VERSION)      scrdr.py       listen only
    tls.py           the clear part of a handshake  sniff.py       what the first bytes tell

Nothing that is sent here writes, logs in or changes anything at the peer.
"""

from plantgate.protocols.hello.conversation import (
    Ask,
    Conversation,
    Malformed,
    NeedMore,
    NotThis,
    Outcome,
    Recognised,
    Silence,
    Steps,
    Verdict,
)
from plantgate.protocols.hello.sniff import sniff
from plantgate.protocols.hello.tls import ALERTS, FirstFlight

__all__ = [
    "ALERTS",
    "Ask",
    "Conversation",
    "FirstFlight",
    "Malformed",
    "NeedMore",
    "NotThis",
    "Outcome",
    "Recognised",
    "Silence",
    "Steps",
    "Verdict",
    "sniff",
]
