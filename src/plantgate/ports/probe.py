"""What is behind an open port: the protocol is proved by speaking it. Nothing is written, nobody is logged in.

First the expected protocol is spoken. A peer that answers something else, or hangs up, is decided at once: what its
first bytes tell is spoken next, else all the others at the same time, each on a connection of its own. One that says
nothing may be waiting for a line end that never comes: while the expected protocol still waits, the others are tried
beside it, so that silence costs one timeout. A PLC is never asked two things at a time, and a badge reader nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from plantgate.errors import PlantgateError, Unavailable
from plantgate.ports.findings import Finding, Mute, ProbeResult, Spoken
from plantgate.ports.scan import DEFAULT_TIMEOUT, resolve
from plantgate.ports.tls import NoTls, TlsChannel, inspect, lenient_context, opened
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
from plantgate.protocols.hello.conversation import SAID_NOTHING
from plantgate.protocols.hello.sniff import BANNERS
from plantgate.runtime.clock import Clock, SystemClock
from plantgate.runtime.log import printable
from plantgate.runtime.streams import Stream, address_text, connect


class Channel(Protocol):
    async def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...


class Connect(Protocol):
    """Opens a connection, when it is its turn."""

    async def __call__(self, host: str, port: int, *, timeout: float) -> Stream: ...


class _Ear:
    """A connection that notes when the peer first says something."""

    def __init__(self, stream: Stream, heard: asyncio.Event) -> None:
        self._stream = stream
        self._heard = heard
        self.write, self.abort, self.wait_closed = stream.write, stream.abort, stream.wait_closed

    async def read(self) -> bytes:
        data = await self._stream.read()
        if data:
            self._heard.set()
        return data


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to ask: `host` is the name that was given, `address` where it is. `heard` is set by its first byte."""

    host: str
    address: str
    port: int
    timeout: float
    clock: Clock
    unit: int = 1
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    connect: Connect = connect

    async def open(self) -> _Ear:
        return _Ear(await self.connect(self.address, self.port, timeout=self.timeout), self.heard)

    @property
    def where(self) -> str:
        return address_text((self.host, self.port))

    async def ask(self, protocol: str, steps: Callable[[], Steps], *, rounds: int = 1) -> Spoken | Mute:
        """One recogniser on a new connection; see `converse` for `rounds`."""
        try:
            async with opened(self.open) as stream:
                verdict, head = await converse(stream, steps(), self.timeout, rounds)
        except Unavailable as error:
            return _unreachable(error)
        return _spoken(protocol, verdict, head)

    async def ask_tls(self, protocol: str, steps: Callable[[], Steps]) -> Spoken | Mute:
        """The same inside TLS that trusts everybody."""
        try:
            async with opened(self.open) as stream, asyncio.timeout(2 * self.timeout):
                channel = TlsChannel(stream, lenient_context(), self.host)
                await channel.handshake()
                verdict, head = await converse(channel, steps(), self.timeout)
        except (ssl.SSLError, TimeoutError) as error:
            return Mute(f"ends TLS: {printable(error, 120)}")
        except Unavailable as error:
            return _unreachable(error)
        return _spoken(protocol, verdict, head)


def _unreachable(error: PlantgateError) -> Mute:
    """Nobody accepted; or somebody did, and reset the connection before it was looked at."""
    if isinstance(error.__context__, ConnectionResetError | ConnectionAbortedError):
        return Mute("hung up")
    return Mute(error.message, closed=True)


async def converse(channel: Channel, steps: Steps, timeout: float, rounds: int = 1) -> tuple[Verdict, bytes]:
    """Run a recogniser over a connection for `timeout` seconds: its verdict, and how the answer began.

    A recogniser that tries another way after a silence gets `rounds` parts of the time.
    """
    conversation = Conversation(steps)
    outcome = conversation.begin()
    for _ in range(rounds):
        try:
            async with asyncio.timeout(timeout / rounds):
                while isinstance(outcome, NeedMore):
                    if outcome.send:
                        channel.write(outcome.send)
                    data = await channel.read()
                    outcome = conversation.receive(data) if data else conversation.closed()
        except TimeoutError:
            outcome = conversation.quiet()
        except (PlantgateError, ssl.SSLError):  # it hung up while we wrote, or ends TLS
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
    connect: Connect = connect,
) -> ProbeResult:
    """Prove what listens on `port`. `expected` is its name in the atlas; `address` spares the look-up of `host`.

    `by_name`: a badge reader is asked only then, because it takes one client. `unit` is the Modbus unit. `timeout` is
    seconds per step. `connect` opens the connections. Raises UsageError or Unavailable only for a name that can't be
    resolved.
    """
    clock = clock or SystemClock()
    if expected == "reader" and not by_name:
        sentence = "not asked: a badge reader takes one client at a time; ask for it by name with --only reader"
        return ProbeResult(host, port, expected, Finding.NOT_ASKED, sentence)
    found = address or (await resolve(host, timeout))[0]
    peer = Peer(host, found, port, timeout, clock, unit, connect=connect)
    began = clock.mono()
    answer = await _identify(peer, expected)
    latency = clock.mono() - began
    finding, sentence = judge(expected, host, port, answer)
    if isinstance(answer, Mute):
        return ProbeResult(host, port, expected, finding, sentence, latency=None if answer.closed else latency)
    return ProbeResult(
        host, port, expected, finding, sentence, answer.protocol, answer.product, answer.version,
        answer.facts, answer.tls, latency,
    )  # fmt: skip


async def page(peer: Peer, path: str, *, tls: bool) -> Spoken | Mute:
    """A page over HTTP or HTTPS, of which `facts` tell `status` and `headers`."""
    ask = peer.ask_tls if tls else peer.ask
    return await ask("https" if tls else "http", lambda: http.page(path, peer.where))


async def _identify(peer: Peer, expected: str) -> Spoken | Mute:
    """What the peer speaks, or why the expected protocol was not proved."""
    own = _SAME.get(expected, expected) or _FIRST
    others = [name for name in (_BESIDE_A_PLC if expected == "modbus" else _OTHERS) if name != own]
    if own in _ALONE:
        answer = await PROBES[own](peer)
    else:
        answer, others = await _race(peer, own, others)
    if isinstance(answer, Spoken) or answer.closed:
        return answer
    told = sniff(answer.head)
    if told in _TOLD or own == "reader":
        return _named(told, answer.head) if told else answer
    likely = "https" if told == "tls" else told
    if likely in PROBES and likely != own:
        found = await PROBES[likely](peer)
        if isinstance(found, Spoken):
            return found
    if answer.silent:  # a PLC has had all of its time
        peer = replace(peer, timeout=min(_PATIENCE, peer.timeout / 2))
    found = await _one_of(peer, [name for name in others if name != likely])
    return found if isinstance(found, Spoken) else answer


async def _race(peer: Peer, own: str, others: list[str]) -> tuple[Spoken | Mute, list[str]]:
    """The answer to what was expected, and the others that were not tried beside it.

    One of the others decides only while the peer has not begun to answer to what was expected of it.
    """
    patience = min(_PATIENCE, peer.timeout / 2)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(PROBES[own](peer))
        await asyncio.wait({first}, timeout=patience)
        if first.done() or peer.heard.is_set():
            return await first, others
        beside = replace(peer, timeout=peer.timeout - patience, heard=asyncio.Event())
        second = tasks.create_task(_one_of(beside, others))
        await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        if second.done() and isinstance(second.result(), Spoken) and not peer.heard.is_set():
            first.cancel()
            return second.result(), []
        answer = await first
        if isinstance(answer, Spoken):
            second.cancel()
            return answer, []
        other = await second
        if isinstance(other, Spoken):
            return other, []
        return replace(answer, head=answer.head or other.head), []


async def _one_of(peer: Peer, names: Sequence[str]) -> Spoken | Mute:
    """All of them at the same time: the first that is proved, else the first that was answered to, if any."""
    mute = Mute(SAID_NOTHING, silent=True)
    async with asyncio.TaskGroup() as tasks:
        running = {tasks.create_task(PROBES[name](peer)) for name in names}
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for answer in (task.result() for task in done):
                if isinstance(answer, Spoken):
                    for task in running:
                        task.cancel()
                    return answer
                mute = answer if answer.head and not mute.head else mute
    return mute


def _named(protocol: str, head: bytes) -> Spoken:
    """What the first bytes tell, without another question."""
    banner = head.decode("latin-1").splitlines() or [""]
    return Spoken(protocol, facts={} if protocol in PROBES else {"banner": printable(banner[0])})


def _spoken(protocol: str, verdict: Verdict | NeedMore, head: bytes) -> Spoken | Mute:
    if isinstance(verdict, Recognised):
        facts = {name: _clean(value) for name, value in verdict.facts.items()}
        return Spoken(protocol, printable(verdict.product), printable(verdict.version), facts)
    assert isinstance(verdict, NotThis)
    silent = verdict.reason == SAID_NOTHING
    if silent and head:
        return Mute("began to answer and then said nothing more", head, silent=True)
    return Mute(verdict.reason, head, silent)


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
    if isinstance(facts, NoTls):
        if facts.unreachable is not None:
            return _unreachable(facts.unreachable)
        reason = "does not answer in TLS" if facts.head else (SAID_NOTHING if facts.silent else "hung up")
        return Mute(reason, facts.head, facts.silent)
    if facts.failure or facts.client_certificate == "required":
        return Spoken("tls", tls=facts)
    inside = await _gateway(lambda steps: peer.ask_tls("https", steps), peer)
    if isinstance(inside, Spoken):
        return Spoken("https", inside.product, inside.version, inside.facts, facts)
    return Spoken("tls", tls=facts)


async def _opcua(peer: Peer) -> Spoken | Mute:
    return await peer.ask("opcua", lambda: opcua.hello(f"opc.tcp://{peer.where}"))


async def _modbus(peer: Peer) -> Spoken | Mute:
    first = await peer.ask("modbus", lambda: modbus.identify(peer.unit), rounds=2)
    if isinstance(first, Spoken) or first.head or first.silent or first.closed:
        return first
    return await peer.ask("modbus", lambda: modbus.read(peer.unit))


async def _postgresql(peer: Peer) -> Spoken | Mute:
    first = await peer.ask("postgresql", postgresql.ssl_request)
    if isinstance(first, Mute) or first.facts.get("tls") is not True:
        return first
    # One byte proves little: SSH greets with an S too.
    second = await peer.ask("postgresql", postgresql.startup)
    if isinstance(second, Spoken) and second.facts.get("error") == postgresql.NOT_ALLOWED:
        inside = await _postgresql_in_tls(peer)
        if isinstance(inside, Spoken) and "auth" in inside.facts:
            second = replace(inside, facts={**inside.facts, "tls_required": True})
    if isinstance(second, Mute):
        return second
    return Spoken("postgresql", first.product, second.version, {**first.facts, **second.facts})


async def _postgresql_in_tls(peer: Peer) -> Spoken | Mute:
    """The start-up of a server that lets nobody in without TLS, or not this host."""
    try:
        async with opened(peer.open) as stream, asyncio.timeout(2 * peer.timeout):
            await converse(stream, postgresql.ssl_request(), peer.timeout)
            channel = TlsChannel(stream, lenient_context(), peer.host)
            await channel.handshake()
            verdict, head = await converse(channel, postgresql.startup(), peer.timeout)
    except (ssl.SSLError, TimeoutError, PlantgateError) as error:
        return Mute(f"ends TLS: {printable(error, 120)}")
    return _spoken("postgresql", verdict, head)


PROBES: Mapping[str, Callable[[Peer], Coroutine[Any, Any, Spoken | Mute]]] = {
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

# The same under two names; what a port without a name is asked first.
_SAME = {"metro_ssl": "https", "opcua_discovery": "opcua"}
_FIRST = "http"
# What is tried when the expected one is not it (what greets by itself is told by its first bytes), and of what may be
# a PLC only what is no threat to it.
_OTHERS = ("https", "http", "postgresql", "opcua", "mssql", "oracle", "modbus")
_BESIDE_A_PLC = ("https", "http")
_ALONE = frozenset({"modbus", "reader"})
# Names of sniff that end it: nothing of ours, and the reader, which is never asked by chance.
_TOLD = frozenset(BANNERS) - PROBES.keys() | {"reader"}
# Seconds after which a peer that was not heard is asked the others too.
_PATIENCE = 0.5
