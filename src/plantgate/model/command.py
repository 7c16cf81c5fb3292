"""Commands: messages that travel back towards a device, through one gate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from plantgate.model.alarm import AlarmKey
from plantgate.model.value import Scalar, TagValue

_SHOWN_BYTES = 8
_BYTE, _WORD = 0xFF, 0xFFFF


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks: `actor` ("ada", "rule:entrance"), the peer's `address` or empty, and what their role allows."""

    actor: str
    address: str = ""
    may_write: bool = False


@dataclass(frozen=True, slots=True)
class WriteTag:
    """`read_back`: the owner reads what the device has then. The gate decides it, by the group of the tag."""

    path: str
    value: Scalar
    read_back: bool = False


class ReaderAction(StrEnum):
    ACCEPT = "accept"
    DENY = "deny"
    WINK = "wink"


@dataclass(frozen=True, slots=True)
class SignalReader:
    """Play a sequence on a badge reader."""

    reader: str
    action: ReaderAction


@dataclass(frozen=True, slots=True)
class DriveReader:
    """Drive the LEDs and the buzzer of a badge reader.

    `seq` is the number of a predefined sequence (one byte), `leds` four LED mode bytes, `buzz` milliseconds (two
    bytes). A reader takes `seq` alone, or `leds` and `buzz` alone or together (SpringCore `$SCCMD`).
    """

    reader: str
    seq: int | None = None
    leds: bytes | None = None
    buzz: int | None = None

    @property
    def tuples(self) -> str:
        """The command as people and audit lines show it: `SEQ=0E`, `LEDS=92929292 BUZZ=100ms`; `?` can't be meant."""
        parts = [
            "" if self.seq is None else f"SEQ={self.seq:02X}" if 0 <= self.seq <= _BYTE else "SEQ=?",
            "" if self.leds is None else f"LEDS={self.leds[:_SHOWN_BYTES].hex().upper()}",
            "" if self.buzz is None else f"BUZZ={self.buzz}ms" if 0 <= self.buzz <= _WORD else "BUZZ=?",
        ]
        return " ".join(filter(None, parts)) or "nothing"


@dataclass(frozen=True, slots=True)
class AcknowledgeAlarm:
    """`event` is the id of a live alarm event."""

    event: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ShelveAlarm:
    """Hide an alarm for so many seconds."""

    alarm: AlarmKey
    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UnshelveAlarm:
    alarm: AlarmKey


AlarmCommand: TypeAlias = AcknowledgeAlarm | ShelveAlarm | UnshelveAlarm
Command: TypeAlias = WriteTag | SignalReader | DriveReader | AlarmCommand


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a command, in a form the caller can show.

    `now` is what a written tag has after it, None where nobody has looked.
    """

    outcome: Outcome
    code: str = ""
    message: str = ""
    now: TagValue | None = None

    @property
    def done(self) -> bool:
        return self.outcome is Outcome.DONE


DONE = Verdict(Outcome.DONE)
