"""SpringCore reader: we listen and say nothing; it greets with an empty `$SCRDR` message, or reports a card."""

from __future__ import annotations

from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Steps
from plantgate.protocols.scrdr import Hello, ScrdrReceiver, TagEvent

_LINE_BYTES = 4_096


def listen() -> Steps:
    """`heard`: hello or card. What card it was is not told."""
    start = yield Ask(exactly=6)
    if start != b"$SCRDR":
        raise Malformed("does not greet as a SpringCore reader does")
    line = start + (yield Ask(until=b"\n", limit=_LINE_BYTES))
    for event in ScrdrReceiver().feed(line):
        if isinstance(event, Hello):
            return Recognised("SpringCore reader", "", {"heard": "hello"})
        if isinstance(event, TagEvent):
            return Recognised("SpringCore reader", "", {"heard": "card"})
    raise Malformed("sent a $SCRDR line that can't be read")
