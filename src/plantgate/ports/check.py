"""`ports check`: can every port be opened that this configuration asks for, and if not, what resolves it.

Each one is bound for a moment, on the address that is configured. Blocks while it asks the system.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from plantgate.config.document import Configuration, Service
from plantgate.config.modbus_server import ModbusServer
from plantgate.model.status import PortOwner
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.explain import suspects_of
from plantgate.ports.owners import Holder, Listening, holder_of, listening_sockets, overlapping
from plantgate.ports.running import is_own, running_gateway
from plantgate.ports.settings import free_near, set_command
from plantgate.ports.specs import Direction
from plantgate.runtime.streams import PortUnavailable, bind

_PRIVILEGED_BELOW = 1_024
_UNPRIVILEGED = 1_000  # 502 becomes 1502, 443 becomes 1443


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class State(StrEnum):
    """FREE: it can be opened. RUNNING: the gateway that this configuration belongs to has it. OFF: not wanted."""

    FREE = "FREE"
    RUNNING = "RUNNING"
    OFF = "OFF"
    TAKEN = "TAKEN"
    FORBIDDEN = "FORBIDDEN"
    CANT_BIND = "CANT_BIND"


@dataclass(frozen=True, slots=True)
class Finding:
    """One listening endpoint: `code` is stable. `command` resolves it, `alternative` is a port that is free now."""

    endpoint: Endpoint
    level: Level
    state: State
    code: str
    message: str
    next_step: str = ""
    owner: PortOwner | None = None
    holder: Holder | None = None
    suspects: Sequence[str] = ()
    alternative: int | None = None
    command: str = ""


def check(configuration: Configuration, gateway_xml: Path | None = None) -> list[Finding]:
    """What is to be said of each port that the configuration listens on, and of those that are off.

    That no two of them want the same port is what `load` has seen to.
    `gateway_xml` is the file of an Ignition that stands alone: its own running gateway is then no conflict.
    """
    return list(_Check(configuration, gateway_xml).run())


class _Check:
    def __init__(self, configuration: Configuration, gateway_xml: Path | None) -> None:
        self._configuration = configuration
        self._data = configuration.directory
        self._foreign = gateway_xml if configuration.directory is None else None
        self._sockets = listening_sockets()
        self._running = running_gateway(self._data, self._sockets)

    def run(self) -> Iterator[Finding]:
        for endpoint in atlas(self._configuration):
            if endpoint.direction is not Direction.LISTEN:
                continue
            if self._foreign is not None and not endpoint.key.startswith("gateway."):
                continue  # an Ignition keeps the others elsewhere
            yield self._look(endpoint) if endpoint.enabled else self._off(endpoint)
        web = self._configuration.web_server
        if web.port == 0 and web.ssl_port == 0:
            endpoint = next(each for each in atlas(self._configuration) if each.name == "http")
            yield Finding(
                endpoint,
                Level.PROBLEM,
                State.OFF,
                "CHECK-NO-WEB",
                "HTTP and HTTPS are both off: nobody can reach the page or the API",
                "turn one of them on",
                alternative=endpoint.spec.default,
                command=set_command(endpoint, endpoint.spec.default, self._data, self._foreign),
            )

    def _off(self, endpoint: Endpoint) -> Finding:
        services: dict[str, Service | ModbusServer] = {
            "opcua": self._configuration.opcua_server,
            "opcua_discovery": self._configuration.opcua_discovery,
            "modbus": self._configuration.modbus_server,
        }
        service = services.get(endpoint.name)
        if service is not None and service.enabled and service.port == 0:
            return Finding(
                endpoint,
                Level.WARNING,
                State.OFF,
                "CHECK-PORT-0",
                f"{endpoint.name} is enabled, and its port 0 turns it off ({endpoint.source})",
                "give it a port, or set enabled = false",
                alternative=endpoint.spec.default,
                command=set_command(endpoint, endpoint.spec.default, self._data, self._foreign),
            )
        why = "port 0" if endpoint.port == 0 else "not enabled"
        return Finding(endpoint, Level.OK, State.OFF, "CHECK-OFF", f"off: {why}")

    def _look(self, endpoint: Endpoint) -> Finding:
        holders = overlapping(self._sockets, endpoint.host, endpoint.port)
        if own := self._own(holders):
            kind = holder_of(own.owner.command or "")
            message = f"the gateway of this configuration has it (pid {own.owner.pid})"
            return Finding(endpoint, Level.OK, State.RUNNING, "CHECK-RUNNING", message, owner=own.owner, holder=kind)
        try:
            bind(endpoint.host, endpoint.port).close()
        except PortUnavailable as error:
            if not error.taken:
                return self._cant_bind(endpoint, error)
            return self._taken(endpoint, _best(holders))
        if holders:  # some systems let two listeners in where one of them is on every address
            return self._taken(endpoint, _best(holders))
        return Finding(endpoint, Level.OK, State.FREE, "CHECK-FREE", f"free on {endpoint.host}")

    def _own(self, holders: Sequence[Listening]) -> Listening | None:
        """The socket of the very gateway that this configuration belongs to."""
        return next((each for each in holders if is_own(each, self._running, ignition=bool(self._foreign))), None)

    def _taken(self, endpoint: Endpoint, owner: PortOwner | None) -> Finding:
        holder = holder_of((owner.command or owner.name or "") if owner is not None else "")
        who = f": {owner} has it" if owner is not None else ", and the system does not show by whom"
        advice = {
            Holder.PLANTGATE: "that is another plantgate: stop it if it should not run, or take another port",
            Holder.IGNITION: "that is an Ignition gateway: both can run, each on ports of its own",
            Holder.OTHER: "stop it if it should not run, or take another port",
            Holder.UNKNOWN: "ask again as administrator to see who it is, or take another port",
        }[holder]
        return self._conflict(
            endpoint, State.TAKEN, "CHECK-TAKEN", f"port {endpoint.port} is taken{who}", advice, owner, holder
        )

    def _cant_bind(self, endpoint: Endpoint, error: PortUnavailable) -> Finding:
        if error.code != "NET-122":
            return self._conflict(endpoint, State.CANT_BIND, "CHECK-BIND", error.message, error.hint)
        above = _UNPRIVILEGED if endpoint.port < _PRIVILEGED_BELOW else 0
        return self._conflict(
            endpoint, State.FORBIDDEN, "CHECK-RIGHT", error.message, _right_to(endpoint.port), above=above
        )

    def _conflict(
        self,
        endpoint: Endpoint,
        state: State,
        code: str,
        message: str,
        next_step: str,
        owner: PortOwner | None = None,
        holder: Holder | None = None,
        *,
        above: int = 0,
    ) -> Finding:
        free = free_near(endpoint, atlas(self._configuration), above)
        return Finding(
            endpoint,
            Level.PROBLEM,
            state,
            code,
            message,
            next_step + self._beaten(endpoint, free),
            owner,
            holder,
            suspects_of(endpoint.port, endpoint.spec.default) if state is State.TAKEN else (),
            free,
            set_command(endpoint, free, self._data, self._foreign),
        )

    def _beaten(self, endpoint: Endpoint, free: int | None) -> str:
        """A setting from above the files is changed where it comes from."""
        if not _overridden(endpoint) or free is None:
            return ""
        return f"; the port comes from {endpoint.source}, so change it there: {endpoint.key}={free}"


def _best(holders: Sequence[Listening]) -> PortOwner | None:
    known = [item.owner for item in holders if item.owner.pid is not None]
    return known[0] if known else (holders[0].owner if holders else None)


def _overridden(endpoint: Endpoint) -> bool:
    return endpoint.source.startswith(("--set", "environment"))


def _right_to(port: int) -> str:
    """How a process gets a port that this user may not open."""
    if sys.platform == "win32":
        return "Windows may have reserved it: netsh interface ipv4 show excludedportrange protocol=tcp"
    if sys.platform == "linux" and port < _PRIVILEGED_BELOW:
        return (
            "ports below 1024 need a right: in a systemd unit AmbientCapabilities=CAP_NET_BIND_SERVICE, "
            f"or for all programs: sudo sysctl -w net.ipv4.ip_unprivileged_port_start={port}; or take a higher port"
        )
    return "run it as administrator, forward the port with the firewall, or take a higher port"
