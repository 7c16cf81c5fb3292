"""The part of a TLS 1.2 handshake that a server sends in clear text (RFC 5246, 6.2.1 and 7.4).

`FirstFlight` reads along: version, cipher number, the certificates, and whether a certificate of the client is asked
for. In TLS 1.3 all of that is encrypted; a TLS library has to tell what it can.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from plantgate.limits import HELLO_BYTES, HELLO_CERTIFICATES

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST, _DONE = 2, 11, 13, 14
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_RECORD_BYTES = 16_384 + 2_048
ALERTS = {
    40: "handshake failure",
    42: "bad certificate",
    48: "unknown certificate authority",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    109: "missing extension",
    112: "unrecognised name",
    116: "certificate required",
    120: "no application protocol",
}


@dataclass(slots=True)
class FirstFlight:
    """What was read so far. `certificates` are DER, the server's own first. `over`: nothing more is in clear text."""

    version: int | None = None
    certificates: list[bytes] = field(default_factory=list)
    asks_certificate: bool = False
    alert: int | None = None
    over: bool = False
    malformed: bool = False
    _records: bytearray = field(default_factory=bytearray)
    _messages: bytearray = field(default_factory=bytearray)

    @property
    def is_tls(self) -> bool:
        return self.version is not None or self.alert is not None

    @property
    def _reading(self) -> bool:
        return not self.over and not self.malformed

    def receive(self, data: bytes) -> None:
        """Reads on; after `over` or `malformed` nothing more is looked at."""
        if self._reading:
            self._records += data
        while self._reading and len(self._records) >= _RECORD_HEADER:
            kind, major = self._records[0], self._records[1]
            size = int.from_bytes(self._records[3:5], "big")
            if kind not in range(20, 24) or major != 3 or not 0 < size <= _RECORD_BYTES:
                self.malformed = True
            elif len(self._records) < _RECORD_HEADER + size:
                return
            else:
                content = bytes(self._records[_RECORD_HEADER : _RECORD_HEADER + size])
                del self._records[: _RECORD_HEADER + size]
                self._record(kind, content)

    def _record(self, kind: int, content: bytes) -> None:
        if kind == _HANDSHAKE:
            self._messages += content
            self._handshake()
        elif kind == _ALERT and len(content) == 2:
            self.alert = content[1]
            self.over = True
        else:  # change of cipher: what follows is encrypted
            self.over = True

    def _handshake(self) -> None:
        while self._reading and len(self._messages) >= _MESSAGE_HEADER:
            size = int.from_bytes(self._messages[1:4], "big")
            if size > HELLO_BYTES:
                self.malformed = True
                break
            if len(self._messages) < _MESSAGE_HEADER + size:
                return
            kind, body = self._messages[0], bytes(self._messages[_MESSAGE_HEADER : _MESSAGE_HEADER + size])
            del self._messages[: _MESSAGE_HEADER + size]
            self._message(kind, body)

    def _message(self, kind: int, body: bytes) -> None:
        if kind == _SERVER_HELLO and len(body) >= 2:
            self.version = int.from_bytes(body[:2], "big")
        elif self.version is None:
            self.malformed = True
        elif kind == _CERTIFICATE:
            self.certificates = _certificates(body)
        elif kind == _CERTIFICATE_REQUEST:
            self.asks_certificate = True
        elif kind == _DONE:
            self.over = True


def _certificates(body: bytes) -> list[bytes]:
    """Each with its length in three bytes, behind the length of all; one that does not fit ends the list."""
    found: list[bytes] = []
    place = 3
    while place + 3 <= len(body) and len(found) < HELLO_CERTIFICATES:
        size = int.from_bytes(body[place : place + 3], "big")
        if size == 0 or place + 3 + size > len(body):
            break
        found.append(body[place + 3 : place + 3 + size])
        place += 3 + size
    return found
