"""How the connection to a reader is, in words a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from plantgate.errors import Unavailable
from plantgate.model.status import Health


class LinkState(StrEnum):
    """`LISTENING` is the only state of a reader that sends datagrams: there is nothing to connect."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LISTENING = "listening"
    BUSY = "busy"
    REFUSED = "refused"
    DEAD = "dead"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Link:
    """`reason` says what is wrong, `next_step` what to do; both empty when nothing is. `up`: the reader can be used."""

    state: LinkState
    reason: str = ""
    next_step: str = ""
    up: bool = False

    @property
    def health(self) -> Health:
        if self.up:
            return Health.FAILED if self.reason else Health.OK
        waiting = self.state in (LinkState.CONNECTING, LinkState.LISTENING)
        return Health.STARTING if waiting else Health.FAILED


CONNECTING = Link(LinkState.CONNECTING)
CONNECTED = Link(LinkState.CONNECTED, up=True)
HEARD = Link(LinkState.LISTENING, up=True)


def listening(where: str, local_port: int) -> Link:
    """Nothing has been heard yet of a reader that sends datagrams."""
    return Link(
        LinkState.LISTENING,
        f"nothing was heard of {where} yet: a reader in UDP mode has no heartbeat",
        f"show it a card; if that changes nothing: register 02C0 = 44 (Smart Reader, UDP), 02A0 = 00xxxx01xx, 0294 this"
        f" gateway's address, 0285 its port {local_port}, and the firewall lets UDP {local_port} in",
    )


def stranger(link: Link, count: int, last: str) -> Link:
    """`link` of a reader that is silent while datagrams come from an address that nobody is configured with."""
    return Link(link.state, f"{link.reason}; {count} datagrams came from others, the last from {last}", link.next_step)


def busy(where: str) -> Link:
    return Link(
        LinkState.BUSY,
        f"{where} accepted the connection and closed it without a word: another host holds the reader",
        "a SpringCore reader takes one client at a time: stop the other host, or restart the reader if it is gone",
    )


def lost(where: str, error: Exception | None) -> Link:
    if isinstance(error, TimeoutError):
        why = f"{where} no longer answers: the network or the reader's power is gone"
    elif error is not None:
        why = f"{where} reset the connection"
    else:
        why = f"{where} closed the connection"
    return Link(LinkState.LOST, why, "connecting again goes by itself; if it does not come back check power and cable")


def not_connected(error: Unavailable) -> Link:
    """A connection that never came about: NET-112 is a host that is there and has nothing on that port."""
    if error.code == "NET-112":
        return Link(
            LinkState.REFUSED,
            error.message,
            "the host is there but nothing listens: is the reader starting, is register 02C0 = 24 (Smart Reader,"
            " TCP server), and is the port that of register 0285?",
        )
    return Link(LinkState.DEAD, error.message, error.hint)


def no_hello(where: str) -> Link:
    """Connected, and silent where it was not before: the system took the connection, the reader has not."""
    return Link(
        LinkState.CONNECTED,
        f"{where} took the connection but does not say hello as it did before: it may still be held by another host",
        "it gives the place free when that host hangs up or its own time runs out; restarting the reader helps at once",
        up=True,
    )


def other_language(link: Link, detail: str) -> Link:
    return Link(
        link.state,
        f"nothing that it sent was a $SCRDR message ({detail})",
        "set the network format to $SCRDR: register 02A0 = 00xxxx01xx (the factory setting is JSON), then restart it",
        up=link.up,
    )


def too_fast(link: Link, most: int) -> Link:
    return Link(
        link.state,
        f"it tells more than {most} badges a second: the others are left out",
        "no door has so many people: look what is behind that address, or set the read interval (register 02A1)",
        up=link.up,
    )
