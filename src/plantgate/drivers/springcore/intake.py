"""From the bytes of a reader to badges, within what one reader may cost the others."""

from __future__ import annotations

from plantgate.drivers.springcore import tags as tag
from plantgate.drivers.springcore.budget import Budget, LogBudget
from plantgate.drivers.springcore.condition import Condition
from plantgate.drivers.springcore.figures import Figures
from plantgate.drivers.springcore.link import CONNECTED, HEARD, other_language, too_fast
from plantgate.drivers.springcore.options import Credential
from plantgate.drivers.springcore.tags import ReaderTags
from plantgate.limits import (
    PEER_TEXT_CHARS,
    READER_BADGES_AT_ONCE,
    READER_BADGES_PER_SECOND,
    SCRDR_BYTES_PER_SECOND,
)
from plantgate.model.badge import BadgeRead, Move, last4, masked, without_cards
from plantgate.model.seams import BadgeSink
from plantgate.protocols.scrdr import (
    ChecksumLocked,
    HostEvent,
    LineError,
    PresenceFilter,
    ScrdrReceiver,
    Sighted,
    Sighting,
    TagEvent,
    interface_name,
    protocol_name,
)
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.tasks import TaskGroup

_log = get_logger("drivers.springcore")

_SLICE_BYTES = 1_024  # decoded at once, 50 short messages at most; others get their turn in between
_LINE_COST_BYTES = 200
_SHOWN_CHARS = 64
_CALM_SECONDS = 5.0  # without a badge over the budget: the reader is well again
_MOVES = {sighted: Move(sighted.value) for sighted in Sighted}


class Intake:
    """Decodes what one reader sends and hands over its badges. `begin` with each connection, `end` with its end."""

    def __init__(
        self,
        condition: Condition,
        presence: PresenceFilter,
        credential: Credential,
        clock: Clock,
        tasks: TaskGroup,
        badges: BadgeSink,
        tags: ReaderTags,
        figures: Figures,
        *,
        full_cards: bool = False,
    ) -> None:
        self._condition = condition
        self._presence = presence
        self._by_uid = credential is Credential.UID
        self._clock = clock
        self._tasks = tasks
        self._badges = badges
        self._tags = tags
        self._figures = figures
        self._full_cards = full_cards
        self._receiver = ScrdrReceiver()
        self._understood = False
        self._garbage_lines = LogBudget(clock)
        self._badge_budget = Budget(clock, READER_BADGES_AT_ONCE, 1.0 / READER_BADGES_PER_SECOND)
        self._shedding = False
        self._second, self._bytes = clock.mono(), SCRDR_BYTES_PER_SECOND

    @property
    def repeats(self) -> int:
        return self._presence.repeats

    def begin(self) -> None:
        self._receiver = ScrdrReceiver()
        self._understood = self._shedding = False

    def end(self) -> None:
        """Half a message that was left is an error; which cards are still there is not known any more."""
        self._handle(self._receiver.finish())
        self._presence.disconnected()

    async def take(self, data: bytes) -> None:
        """Decode in slices, so that a reader at wire speed neither holds up the loop nor fills memory.

        Waits when the reader is over its budget of bytes: whoever reads from it reads more slowly.
        """
        self._figures.last_heard = self._clock.wall()
        for start in range(0, len(data), _SLICE_BYTES):
            part = data if len(data) <= _SLICE_BYTES else data[start : start + _SLICE_BYTES]
            events = self._receiver.feed(part)
            if events:
                self._handle(events)
            self._bytes -= max(len(part), len(events) * _LINE_COST_BYTES)
            now = self._clock.mono()
            if now - self._second >= 1.0:
                self._second, self._bytes = now, SCRDR_BYTES_PER_SECOND
            elif self._bytes <= 0:
                await self._clock.sleep(self._second + 1.0 - now)
            elif start + _SLICE_BYTES < len(data):
                await self._clock.sleep(0)

    def _handle(self, events: list[HostEvent]) -> None:
        for event in events:
            if isinstance(event, TagEvent):
                self._card(event)
            elif isinstance(event, LineError):
                self._refused(event)
            elif isinstance(event, ChecksumLocked):
                self._figures.checksum = event.reading.value
                self._understood = True
                self._well()

    def _well(self) -> None:
        """Nothing is wrong any more with what it sends."""
        if self._condition.link.up and self._condition.link.reason and not self._shedding:
            self._condition.become(HEARD if self._condition.link.state is HEARD.state else CONNECTED)

    def _card(self, event: TagEvent) -> None:
        figures, mono_ns = self._figures, self._clock.mono_ns()
        if event.ambiguous or event.non_ascii:
            figures.doubtful += 1
        for sighting in self._presence.observe(event, mono_ns / 1e9):
            uid = _uid(sighting.tag_id)
            told = sighting.what is not Sighted.REMOVED
            if not uid and not sighting.tag_data:
                self._condition.error("a message about no card")
                continue
            if told and not self._admit():
                return
            read = BadgeRead(
                reader=self._condition.name,
                uid=uid,
                data=sighting.tag_data,
                interface=printable(interface_name(event.interface)),
                protocol=printable(protocol_name(event.interface, event.protocol)),
                move=_MOVES[sighting.what],
                received_at=self._clock.wall(),
                received_mono=mono_ns,
                credential=uid if self._by_uid else self._data_credential(sighting),
            )
            self._badges.badge(read)
            if told:
                figures.badges += 1
                figures.last_card = masked(printable(last4(read.credential)))
                self._tags.set(tag.BADGES, figures.badges)
                shown = printable(read.credential) if self._full_cards else figures.last_card
                self._tags.set(tag.LAST_CARD, shown)

    def _data_credential(self, sighting: Sighting) -> str:
        """TagData as it is, or nothing, which is nobody's card: cut short it could be somebody else's."""
        data = sighting.tag_data
        if data and len(data) <= PEER_TEXT_CHARS and data.isprintable():
            return data
        if sighting.what is not Sighted.REMOVED:
            self._condition.error(f"a card {'whose TagData is no credential' if data else 'without TagData'}")
        return ""

    def _admit(self) -> bool:
        """Whether a badge is within the reader's budget. Over it: counted, and said for as long as it goes on."""
        if self._badge_budget.take():
            return True
        self._figures.shed += 1
        if not self._shedding:
            self._shedding = True
            self._condition.become(too_fast(self._condition.link, READER_BADGES_PER_SECOND))
            self._tasks.spawn(f"reader-{self._condition.name}-shed", self._until_it_calms_down)
        return False

    async def _until_it_calms_down(self) -> None:
        before = -1
        while before != self._figures.shed:
            before = self._figures.shed
            await self._clock.sleep(_CALM_SECONDS)
        self._shedding = False
        self._well()

    def _refused(self, event: LineError) -> None:
        self._figures.bad_lines += 1
        sample = without_cards(printable(event.sample, _SHOWN_CHARS))
        self._condition.error(f"{event.reason} [{event.code.value}]: {sample}")
        link = self._condition.link
        if not self._understood and link.up and not link.reason:
            self._condition.become(other_language(link, event.reason))
        left_out = self._garbage_lines.allow()
        if left_out is not None:
            _log.warning(
                f"reader {self._condition.name} at {self._condition.where} sent what is not a good message",
                error=self._figures.last_error,
                bytes=event.length,
                left_out=left_out,
                bad_lines=self._figures.bad_lines,
            )


def _uid(tag_id: str) -> str:
    """Upper-case, and fit for a log and a page: what is longer or unprintable is no card's id."""
    if len(tag_id) <= PEER_TEXT_CHARS and tag_id.isprintable():
        return tag_id.upper()
    return printable(tag_id)
