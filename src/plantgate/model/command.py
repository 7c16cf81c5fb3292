"""Commands: messages that travel back towards a device, through one gate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from plantgate.model.value import Scalar


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks: `actor` ("ada", "rule:entrance"), the peer's `address` or empty, and what their role allows."""

    actor: str
    address: str = ""
    may_write: bool = False


@dataclass(frozen=True, slots=True)
class WriteTag:
    path: str
    value: Scalar


class ReaderAction(StrEnum):
    ACCEPT = "accept"
    DENY = "deny"
    WINK = "wink"


@dataclass(frozen=True, slots=True)
class SignalReader:
    """Play a sequence on a badge reader."""

    reader: str
    action: ReaderAction


Command: TypeAlias = WriteTag | SignalReader


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a command, in a form the caller can show."""

    outcome: Outcome
    code: str = ""
    message: str = ""

    @property
    def done(self) -> bool:
        return self.outcome is Outcome.DONE


DONE = Verdict(Outcome.DONE)
