"""What a probe finds: the vocabulary of probe.py, verdicts.py and everything that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from plantgate.ports.tls import TlsFacts


class Finding(StrEnum):
    """EXPECTED: it is what the port is for. OTHER: it is something else. UNPROVED: open, but it did not say what it
    is. CLOSED: nobody accepted. NOT_ASKED: a badge reader, which is probed only when asked for by name.
    """

    EXPECTED = "EXPECTED"
    OTHER = "OTHER"
    UNPROVED = "UNPROVED"
    CLOSED = "CLOSED"
    NOT_ASKED = "NOT_ASKED"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was proved. `protocol` is `http`, `tls`, `opcua`, `modbus`, ... or a name outside the atlas (`SSH`)."""

    protocol: str
    product: str = ""
    version: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    tls: TlsFacts | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    """It was not proved. `head` is how the peer's answer began.

    `silent`: nothing came in time. `closed`: nobody accepted the connection, and `reason` says why. Where neither is
    so and `head` is empty the peer accepted and hung up.
    """

    reason: str
    head: bytes = b""
    silent: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """`expected` is the port's name in the atlas, empty for a port that has none.

    `verdict` is a sentence for people; `latency` is seconds from the first connect to the proof.
    """

    host: str
    port: int
    expected: str
    finding: Finding
    verdict: str
    protocol: str = ""
    product: str = ""
    version: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    tls: TlsFacts | None = None
    latency: float | None = None

    def as_json(self) -> dict[str, object]:
        latency = None if self.latency is None else round(self.latency * 1_000, 3)
        return {
            "expected": self.expected,
            "finding": self.finding,
            "verdict": self.verdict,
            "speaks": self.protocol,
            "product": self.product,
            "version": self.version,
            "facts": self.facts,
            "tls": None if self.tls is None else asdict(self.tls),
            "probe_ms": latency,
        }
