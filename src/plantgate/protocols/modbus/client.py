"""The asking side of one connection ([TCP] 4.3): transaction table, one deadline sweep, checked answers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from plantgate.errors import Overload, PeerError
from plantgate.limits import MODBUS_ABANDONED_IDS, MODBUS_CONCURRENT_REQUESTS
from plantgate.protocols.modbus.framing import HEADER, Broken, Deframer, Frame, frame
from plantgate.protocols.modbus.pdu import EXCEPTION_BIT, Exchange

_HEADER_BYTES = HEADER.size
_EXCEPTION_LENGTH = 2
_TRANSACTIONS = 0x10000

Token = TypeVar("Token")


class Reply(NamedTuple, Generic[Token]):
    """The right answer: `data` is the bits or registers read, empty for a write. `seconds` is the response time."""

    token: Token
    data: bytes
    seconds: float


class ExceptionReply(NamedTuple, Generic[Token]):
    """The device understood and refused ([AP] 7)."""

    token: Token
    code: int
    seconds: float


class Malformed(NamedTuple, Generic[Token]):
    """An answer to this request that can't be one. The framing held, so the connection may be kept."""

    token: Token
    error: PeerError


class TimedOut(NamedTuple, Generic[Token]):
    """No answer before the deadline. One that still comes is an `Unexpected` with `late`."""

    token: Token


class Unexpected(NamedTuple):
    """A frame nobody waits for: `late` if we gave up on it, else an id never asked or already answered."""

    transaction: int
    late: bool


class Quiet(NamedTuple, Generic[Token]):
    """The answer is overdue by its unit's own pace: its place is free for another unit, itself it may still come."""

    token: Token


ClientEvent: TypeAlias = (
    Reply[Token] | ExceptionReply[Token] | Malformed[Token] | TimedOut[Token] | Quiet[Token] | Unexpected | Broken
)


# An open request: token, unit, what was asked, when it was sent, when it stops counting against the depth, when it is
# given up. A plain tuple: one is made for every request.
_Open: TypeAlias = tuple[Token, int, Exchange, float, float, float]


class ClientCore(Generic[Token]):
    """One connection, used once. `depth` is how many requests may be open ([TCP] 4.3: NumberMaxOfClientTransaction).

    `now` is monotonic seconds. A token is whatever the caller wants back with the outcome of its request.
    """

    def __init__(self, depth: int = 1, first_transaction: int = 0) -> None:
        self.depth = min(max(depth, 1), MODBUS_CONCURRENT_REQUESTS)
        self._next = first_transaction % _TRANSACTIONS
        self._deframer = Deframer()
        self._pending: dict[int, _Open[Token]] = {}
        self._quiet: set[int] = set()
        self._abandoned: OrderedDict[int, None] = OrderedDict()

    @property
    def free(self) -> int:
        """How many requests may be made now."""
        return self.depth - len(self._pending) + len(self._quiet)

    @property
    def partial(self) -> bool:
        """True while an incomplete frame is held."""
        return self._deframer.partial

    def request(
        self, what: Exchange, unit: int, now: float, timeout: float, token: Token, patience: float | None = None
    ) -> tuple[int, bytes]:
        """Enter a request in the table; returns its transaction id and the bytes to send.

        After `patience` seconds (None: never) it counts no more against the depth: see `Quiet`.
        Raises Overload when `depth` requests are open.
        """
        pending = self._pending
        if len(pending) - len(self._quiet) >= self.depth:
            raise Overload("MB-107", f"{self.depth} requests are open, as many as this device may have")
        transaction = self._next
        while transaction in pending or transaction in self._abandoned:
            transaction = (transaction + 1) % _TRANSACTIONS
        self._next = (transaction + 1) % _TRANSACTIONS
        deadline = now + timeout
        release = deadline if patience is None else now + patience
        pending[transaction] = (token, unit, what, now, release, deadline)
        return transaction, frame(transaction, unit, what.pdu)

    def receive(self, data: bytes, now: float) -> list[ClientEvent[Token]]:
        """What `data` completes, in wire order. `Broken` is the last event there will ever be."""
        if self._deframer.between and (reply := self._right_answer(data, now)) is not None:
            return [reply]
        frames, broken = self._deframer.receive(data)
        events = [self._judge(item, now) for item in frames]
        if broken is not None:
            events.append(broken)
        return events

    def _right_answer(self, data: bytes, now: float) -> Reply[Token] | None:
        """The usual case in a third of the time: `data` is one whole answer, and right. None if it is anything else."""
        if len(data) < _HEADER_BYTES:
            return None
        transaction, protocol, size, unit = HEADER.unpack_from(data)
        pending = self._pending.get(transaction)
        if pending is None:
            return None
        token, asked, (_, _, prefix, length), sent, _, _ = pending
        if protocol or unit != asked or size != length + 1 or len(data) != _HEADER_BYTES + length:
            return None
        if not data.startswith(prefix, _HEADER_BYTES):
            return None
        del self._pending[transaction]
        if self._quiet:
            self._quiet.discard(transaction)
        return Reply(token, data[_HEADER_BYTES + len(prefix) :], now - sent)

    def next_deadline(self) -> float | None:
        """When `tick` has to be called, or None while nothing is open."""
        if not self._pending:
            return None
        quiet = self._quiet
        return min(
            deadline if transaction in quiet else release
            for transaction, (_, _, _, _, release, deadline) in self._pending.items()
        )

    def tick(self, now: float) -> list[ClientEvent[Token]]:
        """Give up on the requests whose deadline has come; free the places of those that are overdue."""
        events: list[ClientEvent[Token]] = []
        for transaction, (token, _, _, _, release, deadline) in list(self._pending.items()):
            if deadline <= now:
                events.append(TimedOut(self._abandon(transaction)))
            elif release <= now and transaction not in self._quiet:
                self._quiet.add(transaction)
                events.append(Quiet(token))
        return events

    def drain(self) -> list[Token]:
        """The connection is gone: the tokens of all open requests, in the order they were asked."""
        tokens = [token for token, *_ in self._pending.values()]
        self._pending.clear()
        self._quiet.clear()
        return tokens

    def _abandon(self, transaction: int) -> Token:
        # Its id is not used again while its answer may still be under way.
        self._abandoned[transaction] = None
        self._quiet.discard(transaction)
        if len(self._abandoned) > MODBUS_ABANDONED_IDS:
            self._abandoned.popitem(last=False)
        return self._pending.pop(transaction)[0]

    def _judge(self, item: Frame, now: float) -> ClientEvent[Token]:
        transaction, unit, pdu = item
        pending = self._pending.pop(transaction, None)
        if pending is None:
            late = transaction in self._abandoned
            if late:
                del self._abandoned[transaction]
            return Unexpected(transaction, late)
        if self._quiet:
            self._quiet.discard(transaction)
        token, asked, what, sent, _, _ = pending
        _, function, prefix, length = what
        if unit == asked:
            if len(pdu) == (length or len(pdu)) and pdu.startswith(prefix):
                return Reply(token, pdu[len(prefix) :], now - sent)
            if pdu[0] == function | EXCEPTION_BIT and len(pdu) == _EXCEPTION_LENGTH:
                return ExceptionReply(token, pdu[1], now - sent)
        return Malformed(token, what_is_wrong(asked, what, item))


def what_is_wrong(unit: int, what: Exchange, item: Frame) -> PeerError:
    """Words for an answer that is not one to `what`."""
    _, answering, pdu = item
    if answering != unit:
        # [TCP] 3.1.3: the server copies the unit id from the request.
        return PeerError("MB-111", f"unit {unit} was asked and unit {answering} answered", "check the unit id")
    if pdu[0] & ~EXCEPTION_BIT != what.function:
        return PeerError("MB-112", f"function {what.function:02X} was asked and {pdu[0]:02X} answered")
    if what.reply_length and len(pdu) != what.reply_length:
        return PeerError("MB-113", f"the answer has {len(pdu)} bytes, {what.reply_length} were expected")
    return PeerError("MB-114", f"the answer begins with {pdu[: len(what.prefix)].hex()}, not {what.prefix.hex()}")
