"""How a port is asked what it is: a few steps, each of which sends something and wants so many bytes.

A recogniser is a generator of `Ask`s that returns `Recognised` or `NotThis`. `Conversation` runs it over bytes cut
anywhere: the same bytes give the same outcome however they were cut, because a step only ever sees what it asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from plantgate.limits import HELLO_BYTES

HEAD_BYTES: Final = 1_024
SAID_NOTHING: Final = "said nothing"


@dataclass(frozen=True, slots=True)
class NeedMore:
    """Nothing is decided. `send` is to be sent now (may be empty)."""

    send: bytes = b""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The peer speaks the protocol. `product` and `version` are empty where it does not tell.

    `facts` are JSON values by name. Texts are as the peer wrote them: make them printable before they are shown.
    """

    product: str = ""
    version: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotThis:
    """The peer does not speak the protocol, or not so that it could be proved. `reason` ends "the peer ..."."""

    reason: str


Verdict: TypeAlias = Recognised | NotThis
Outcome: TypeAlias = NeedMore | Verdict


@dataclass(frozen=True, slots=True)
class Ask:
    """One step: send `send`, then want `exactly` so many bytes, or all `until` these, or (neither) all to the end.

    `limit` bounds the two that have no length of their own.
    """

    send: bytes = b""
    exactly: int | None = None
    until: bytes | None = None
    limit: int = HELLO_BYTES


Steps: TypeAlias = Generator[Ask, bytes, Verdict]


class Malformed(Exception):  # noqa: N818 - an outcome of decoding, not an error of ours
    """Raised by a recogniser: the bytes can't be of its protocol."""


class Silence(Exception):  # noqa: N818
    """Thrown into a recogniser whose bytes do not come. `hung_up`: they never will."""

    def __init__(self, *, hung_up: bool) -> None:
        super().__init__("hung up" if hung_up else SAID_NOTHING)
        self.hung_up = hung_up


class Conversation:
    """Runs the steps of one recogniser on one connection.

    `begin` once, then `receive` with what arrives, `quiet` when nothing came for a while, `closed` when the peer has
    hung up. Each gives an outcome; after a verdict they give the same one again.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._ask = Ask()
        self._held = bytearray()
        self._searched = 0
        self._total = 0
        self._verdict: Verdict | None = None
        self.head = b""

    def begin(self) -> Outcome:
        return self._resume(None)

    def receive(self, data: bytes) -> Outcome:
        """At most HELLO_BYTES in all are looked at."""
        if self._verdict is not None:
            return self._verdict
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + data)[:HEAD_BYTES]
        self._held += data[: HELLO_BYTES - self._total]
        over = self._total + len(data) > HELLO_BYTES
        self._total = min(HELLO_BYTES, self._total + len(data))
        outcome = self._advance()
        if over and isinstance(outcome, NeedMore):
            return self._end(NotThis(f"sent more than {HELLO_BYTES} bytes"))
        return outcome

    def quiet(self) -> Outcome:
        """The peer said nothing for a while: a recogniser may try another way."""
        return self._silence(hung_up=False)

    def closed(self) -> Outcome:
        """The peer has hung up; always a verdict."""
        if self._verdict is None and self._ask.exactly is None and self._ask.until is None:
            self._resume(self._take(len(self._held)))
        outcome = self._silence(hung_up=True)
        return self._end(NotThis("hung up")) if isinstance(outcome, NeedMore) else outcome

    def _silence(self, *, hung_up: bool) -> Outcome:
        if self._verdict is not None:
            return self._verdict
        return self._resume(Silence(hung_up=hung_up))

    def _advance(self) -> Outcome:
        """Hand over what the step wants, as long as it is there."""
        wanted = self._wanted()
        return NeedMore() if wanted is None else self._resume(self._take(wanted))

    def _wanted(self) -> int | None:
        """How many of the held bytes the step gets now; None while they are not all there."""
        ask, held = self._ask, self._held
        if ask.exactly is not None:
            return ask.exactly if len(held) >= ask.exactly else None
        if ask.until is None:
            return ask.limit if len(held) >= ask.limit else None
        place = held.find(ask.until, max(0, self._searched - len(ask.until)), ask.limit)
        self._searched = len(held)
        if place >= 0:
            return place + len(ask.until)
        return ask.limit if len(held) >= ask.limit else None

    def _take(self, count: int) -> bytes:
        data = bytes(self._held[:count])
        del self._held[:count]
        self._searched = 0
        return data

    def _resume(self, value: bytes | Silence | None) -> Outcome:
        """Run the steps until one wants bytes that are not there; what they send on the way is sent together."""
        sent = b""
        while True:
            try:
                if isinstance(value, Silence):
                    self._ask = self._steps.throw(value)
                elif value is None:
                    self._ask = next(self._steps)
                else:
                    self._ask = self._steps.send(value)
            except StopIteration as end:
                return self._end(end.value)
            except (Malformed, Silence) as reason:
                return self._end(NotThis(str(reason)))
            sent += self._ask.send
            wanted = self._wanted()
            if wanted is None:
                return NeedMore(sent)
            value = self._take(wanted)

    def _end(self, verdict: Verdict) -> Verdict:
        self._verdict = verdict
        self._held.clear()
        self._steps.close()
        return verdict
