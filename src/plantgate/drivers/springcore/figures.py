"""What is counted and remembered of a reader, and the tile that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plantgate.drivers.springcore.link import Link
from plantgate.model.status import PartStatus


@dataclass(slots=True)
class Figures:
    """Counts since the gateway started; the texts are empty until there is something to say.

    `shed` are badges over the reader's budget, `dropped` datagrams that came faster than they were decoded, `doubtful`
    messages whose fields are a guess or hold bytes that $SCRDR does not know. `last_heard` is microseconds UTC.
    """

    badges: int = 0
    accepted: int = 0
    denied: int = 0
    errors: int = 0
    reconnects: int = 0
    bad_lines: int = 0
    doubtful: int = 0
    commands: int = 0
    shed: int = 0
    dropped: int = 0
    last_heard: int | None = None
    last_card: str = ""
    last_verdict: str = ""
    last_error: str = ""
    checksum: str = ""

    def tile(self, name: str, address: Mapping[str, str | int], link: Link, since: int, repeats: int) -> PartStatus:
        """`address` is shown before the figures; `since` in microseconds UTC; `repeats` of cards left lying there."""
        return PartStatus(
            kind="reader",
            name=name,
            health=link.health,
            state=link.state.value,
            since=since,
            reason=link.reason,
            next_step=link.next_step,
            details={
                **address,
                "last_card": self.last_card,
                "last_verdict": self.last_verdict,
                "last_heard": None if self.last_heard is None else self.last_heard // 1_000,
                "badges": self.badges,
                "accepted": self.accepted,
                "denied": self.denied,
                "repeats": repeats,
                "shed": self.shed,
                "dropped": self.dropped,
                "commands": self.commands,
                "reconnects": self.reconnects,
                "errors": self.errors,
                "bad_lines": self.bad_lines,
                "doubtful": self.doubtful,
                "last_error": self.last_error,
                "checksum": self.checksum,
            },
        )
