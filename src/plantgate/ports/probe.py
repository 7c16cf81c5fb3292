"""What is behind an open port: the protocol is proved by speaking it. Nothing is written, nobody is logged in.

First the expected protocol is spoken; if that is not it, what the peer's first bytes tell, then the others in turn,
each on a connection of its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from plantgate.errors import PlantgateError, Unavailable
from plantgate.ports.findings import Finding, Mute, ProbeResult, Spoken
from plantgate.ports.scan import DEFAULT_TIMEOUT, resolve
from plantgate.ports.tls import TlsChannel, inspect, lenient_context, opened
from plantgate.ports.verdicts import judge
from plantgate.protocols.hello import (
    Conversation,
    NeedMore,
    NotThis,
    Recognised,
    Steps,
    Verdict,
    http,
    modbus,
    mssql,
    mysql,
    opcua,
    oracle,
    postgresql,
    scrdr,
    sniff,
)
from plantgate.protocols.hello.sniff import BANNERS
from plantgate.runtime.clock import Clock, SystemClock
from plantgate.runtime.log import printable
from plantgate.runtime.streams import Stream, address_text, connect


class Channel(Protocol):
    async def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to ask: `host` is the name that was given, `address` where it is."""

    host: str
    address: str
    port: int
    timeout: float
    clock: Clock
    unit: int

    async def open(self) -> Stream:
        return await connect(self.address, self.port, timeout=self.timeout)

    @property
    def where(self) -> str:
        return address_text((self.host, self.port))

    async def ask(self, protocol: str, steps: Callable[[], Steps]) -> Spoken | Mute:
        """One recogniser on a new connection. Unavailable if there is none."""
        async with opened(self.open) as stream:
            verdict, head = await converse(stream, steps(), self.timeout)
        return _spoken(protocol, verdict, head)

    async def ask_tls(self, protocol: str, steps: Callable[[], Steps]) -> Spoken | Mute:
        """The same inside TLS that trusts everybody."""
        try:
            async with asyncio.timeout(2 * self.timeout), opened(self.open) as stream:
                channel = TlsChannel(stream, lenient_context(), self.host)
                await channel.handshake()
                verdict, head = await converse(channel, steps(), self.timeout)
        except (ssl.SSLError, TimeoutError) as error:
            return Mute(f"ends TLS: {error}")
        return _spoken(protocol, verdict, head)


async def converse(channel: Channel, steps: Steps, timeout: float) -> tuple[Verdict, bytes]:
    """Run a recogniser over a connection: its verdict, and how the answer began.

    A recogniser that may try another way after a silence gets `timeout` seconds for it once more.
    """
    conversation = Conversation(steps)
    outcome = conversation.begin()
    for _ in range(2):
        try:
            async with asyncio.timeout(timeout):
                while isinstance(outcome, NeedMore):
                    if outcome.send:
                        channel.write(outcome.send)
                    data = await channel.read()
                    outcome = conversation.receive(data) if data else conversation.closed()
        except TimeoutError:
            outcome = conversation.quiet()
        except PlantgateError:  # it hung up while we wrote
            outcome = conversation.closed()
        if not isinstance(outcome, NeedMore):
            return outcome, conversation.head
    verdict = conversation.closed()
    assert not isinstance(verdict, NeedMore)
    return verdict, conversation.head


async def probe(
    host: str,
    port: int,
    expected: str = "",
    *,
    timeout: float = DEFAULT_TIMEOUT,
    address: str = "",
    unit: int = 1,
    by_name: bool = False,
    clock: Clock | None = None,
) -> ProbeResult:
    """Prove what listens on `port`. `expected` is its name in the atlas; `address` spares the look-up of `host`.

    `by_name`: a badge reader is asked only then, because it takes one client. `unit` is the Modbus unit. `timeout` is
    seconds per step. Raises UsageError or Unavailable only for a name that can't be resolved.
    """
    clock = clock or SystemClock()
    if expected == "reader" and not by_name:
        sentence = "not asked: a badge reader takes one client at a time; ask for it by name with --only reader"
        return ProbeResult(host, port, expected, Finding.NOT_ASKED, sentence)
    found = address or (await resolve(host, timeout))[0]
    peer = Peer(host, found, port, timeout, clock, unit)
    began = clock.mono()
    try:
        answer = await _identify(peer, expected)
    except Unavailable as error:
        return ProbeResult(host, port, expected, Finding.CLOSED, error.message)
    latency = clock.mono() - began
    finding, sentence = judge(expected, port, answer)
    if isinstance(answer, Mute):
        return ProbeResult(host, port, expected, finding, sentence, latency=latency)
    return ProbeResult(
        host, port, expected, finding, sentence, answer.protocol, answer.product, answer.version,
        answer.facts, answer.tls, latency,
    )  # fmt: skip


async def _identify(peer: Peer, expected: str) -> Spoken | Mute:
    """What the peer speaks, or why the expected protocol was not proved."""
    first = Mute("")
    tried = {_SAME.get(expected, expected)}
    waiting = list(_PLC_ORDER if expected == "modbus" else _ORDER)
    told = ""
    if expected in PROBES:
        answer = await PROBES[expected](peer)
        if isinstance(answer, Spoken) or expected == "reader":
            return answer
        first, told = answer, sniff(answer.head)
    while told not in _UNASKED and (name := _next(told, waiting, tried)):
        tried.add(name)
        try:
            answer = await PROBES[name](peer)
        except Unavailable:  # it takes one client, or no more of them for now
            continue
        if isinstance(answer, Spoken):
            return answer
        told = sniff(answer.head) or told
        first = first if first.head or expected else answer
    if told in _UNASKED:
        banner = first.head.decode("latin-1").splitlines() or [""]
        return Spoken(told, facts={"banner": printable(banner[0])})
    return first


def _next(told: str, waiting: list[str], tried: set[str]) -> str:
    """What to try next: what the peer's bytes tell, else the next in the order."""
    guess = "https" if told == "tls" else told
    if guess in PROBES and guess not in tried:
        return guess
    while waiting:
        name = waiting.pop(0)
        if name not in tried:
            return name
    return ""


def _spoken(protocol: str, verdict: Verdict | NeedMore, head: bytes) -> Spoken | Mute:
    if isinstance(verdict, Recognised):
        facts = {name: _clean(value) for name, value in verdict.facts.items()}
        return Spoken(protocol, printable(verdict.product), printable(verdict.version), facts)
    return Mute(verdict.reason if isinstance(verdict, NotThis) else "said nothing", head)


def _clean(value: object) -> object:
    """Texts of a peer made fit to be shown."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {str(name): _clean(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_clean(item) for item in value]
    return value


Ask = Callable[[Callable[[], Steps]], Awaitable[Spoken | Mute]]


async def _gateway(ask: Ask, peer: Peer) -> Spoken | Mute:
    """StatusPing proves HTTP, gwinfo tells which gateway."""
    first = await ask(lambda: http.status_ping(peer.where))
    if isinstance(first, Mute):
        return first
    second = await ask(lambda: http.gwinfo(peer.where))
    if isinstance(second, Mute):
        return first
    product = second.product or first.product
    facts = {**second.facts, **first.facts}  # what StatusPing says of the state is what balancers look at
    return Spoken(first.protocol, product, second.version, facts)


async def _http(peer: Peer) -> Spoken | Mute:
    return await _gateway(lambda steps: peer.ask("http", steps), peer)


async def _tls(peer: Peer) -> Spoken | Mute:
    """TLS, and what is spoken inside it to somebody without a certificate."""
    facts = await inspect(peer.open, peer.host, peer.timeout, peer.clock)
    if facts is None:
        return await peer.ask("tls", _no_tls)
    if facts.failure or facts.client_certificate == "required":
        return Spoken("tls", tls=facts)
    inside = await _gateway(lambda steps: peer.ask_tls("https", steps), peer)
    if isinstance(inside, Spoken):
        return Spoken("https", inside.product, inside.version, inside.facts, facts)
    return Spoken("tls", tls=facts)


def _no_tls() -> Steps:
    """Plain HTTP, to tell what it is that does not speak TLS."""
    verdict = yield from http.status_ping("localhost")
    return NotThis("speaks HTTP without TLS" if isinstance(verdict, Recognised) else verdict.reason)


async def _opcua(peer: Peer) -> Spoken | Mute:
    return await peer.ask("opcua", lambda: opcua.hello(f"opc.tcp://{peer.where}"))


async def _modbus(peer: Peer) -> Spoken | Mute:
    first = await peer.ask("modbus", lambda: modbus.identify(peer.unit))
    if isinstance(first, Spoken) or first.head:
        return first
    return await peer.ask("modbus", lambda: modbus.read(peer.unit))


async def _postgresql(peer: Peer) -> Spoken | Mute:
    first = await peer.ask("postgresql", postgresql.ssl_request)
    if isinstance(first, Mute) or first.facts.get("tls") is not True:
        return first
    # One byte proves little: SSH greets with an S too.
    second = await peer.ask("postgresql", postgresql.startup)
    if isinstance(second, Mute):
        return second
    return Spoken("postgresql", first.product, second.version, {**first.facts, **second.facts})


PROBES: Mapping[str, Callable[[Peer], Awaitable[Spoken | Mute]]] = {
    "http": _http,
    "https": _tls,
    "metro_ssl": _tls,
    "opcua": _opcua,
    "opcua_discovery": _opcua,
    "modbus": _modbus,
    "mysql": lambda peer: peer.ask("mysql", mysql.greeting),
    "postgresql": _postgresql,
    "mssql": lambda peer: peer.ask("mssql", mssql.prelogin),
    "oracle": lambda peer: peer.ask("oracle", oracle.version),
    "reader": lambda peer: peer.ask("reader", scrdr.listen),
}

# The same under two names; what is tried when the expected one is not it (what greets by itself is told by its first
# bytes, so it needs no turn), and of what may be a PLC only what is no threat to it; names of sniff that end it.
_SAME = {"metro_ssl": "https", "opcua_discovery": "opcua"}
_ORDER = ("https", "http", "postgresql", "opcua", "mssql", "oracle", "modbus")
_PLC_ORDER = ("https", "http")
_UNASKED = frozenset(BANNERS) - PROBES.keys()
