"""What would have happened: badges of the past decided anew, with the rules of now and with proposed ones.

Two presence books walk along: whoever the proposed rules would not have let in is not inside for them either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from plantgate.access.decide import Rulebook
from plantgate.access.presence import PresenceBook
from plantgate.errors import Unavailable
from plantgate.limits import ACCESS_WHAT_IF_CHANGES
from plantgate.model.access import Ruling, WhatIf, WhatIfChange
from plantgate.model.badge import AccessDecision, JournalEntry

_LOOK_UP_EVERY: Final = 1_000


def simulate(
    now: Rulebook, proposed: Rulebook, entries: Iterable[JournalEntry], given_up: Callable[[], bool] = lambda: False
) -> WhatIf:
    """Decide `entries` (in any order) anew. Lockdowns are those of now; events without a card's hash are left out.

    Rulebooks keep answers: these must be nobody else's. Raises Unavailable ACC-230 when `given_up` says so.
    """
    before_book, after_book = PresenceBook(now.data.zones), PresenceBook(proposed.data.zones)
    events = count = 0
    changed: list[WhatIfChange] = []
    for entry in sorted(entries, key=lambda entry: entry.id):
        decision = entry.decision
        if not decision.card:
            continue
        if events % _LOOK_UP_EVERY == 0 and given_up():
            raise Unavailable("ACC-230", "the what-if was given up: the gateway is stopping")
        events += 1
        before = now.decide(decision.reader, decision.card, decision.at, before_book)
        after = proposed.decide(decision.reader, decision.card, decision.at, after_book)
        if not decision.reply_error:
            before_book.entered(_moved(decision, before))
            after_book.entered(_moved(decision, after))
        if before.verdict is not after.verdict:
            count += 1
            if len(changed) < ACCESS_WHAT_IF_CHANGES:
                last4 = decision.last4 or before.last4
                changed.append(WhatIfChange(entry.id, decision.at, decision.reader, last4, before, after))
    return WhatIf(events, count, tuple(changed))


def _moved(decision: AccessDecision, ruling: Ruling) -> AccessDecision:
    """The badge as it would have been journaled after `ruling`."""
    return AccessDecision(
        reader=decision.reader,
        card=ruling.card,
        last4=ruling.last4,
        at=decision.at,
        verdict=ruling.verdict,
        why=ruling.why,
        reason=ruling.reason,
        holder_id=ruling.holder_id,
        holder=ruling.holder,
        enters=ruling.enters,
        leaves=ruling.leaves,
    )
