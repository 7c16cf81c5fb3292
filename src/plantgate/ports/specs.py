"""The single table of every port the product can use (DESIGN 4; Ignition's own table: manual 8.3, ports).

Listeners bind from the configuration that `key` names; everything that talks about ports is a view of this table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec


class Direction(StrEnum):
    """`listen`: others come to us. `connect`: we go to them, and the port is open on their side."""

    LISTEN = "listen"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class PortSpec:
    """One kind of port.

    `name` is the atlas name that commands and JSON use; Modbus has it in both directions. `key` is the setting,
    `[[device]].port` for one of a list. `required` is "yes", "recommended" or "if using ...". `served_by` is the
    folder below src/plantgate. `ignition` says what an Ignition gateway does there.
    """

    name: str
    title: str
    default: int
    direction: Direction
    protocol: str
    purpose: str
    required: str
    key: str
    served_by: str
    ignition: str
    transport: str = "tcp"

    @property
    def served(self) -> bool:
        """True if this version of plantgate has what opens the port, or connects to it."""
        opener = f"plantgate.{self.served_by.replace('/', '.')}"
        if self.direction is Direction.LISTEN:
            opener += ".server"  # the module that every listener has
        try:
            return find_spec(opener) is not None
        except ModuleNotFoundError:
            return False


_DATABASE = "an outgoing JDBC connection per database"

SPECS: Sequence[PortSpec] = (
    PortSpec(
        name="http",
        title="HTTP",
        default=8088,
        direction=Direction.LISTEN,
        protocol="HTTP",
        purpose="page, sessions, REST, WebDev, StatusPing",
        required="yes (or HTTPS)",
        key="gateway.port",
        served_by="listeners/web",
        ignition="same key and default; also the plain gateway network",
    ),
    PortSpec(
        name="https",
        title="HTTPS",
        default=8043,
        direction=Direction.LISTEN,
        protocol="HTTPS",
        purpose="the same as HTTP, encrypted",
        required="recommended",
        key="gateway.sslport",
        served_by="listeners/web",
        ignition="same key and default; open only once a certificate is installed",
    ),
    PortSpec(
        name="metro_ssl",
        title="Gateway network",
        default=8060,
        direction=Direction.LISTEN,
        protocol="TLS, both sides with a certificate",
        purpose="gateway to gateway: remote tags, fleet tasks, redundancy",
        required="if using the gateway network",
        key="gateway.metroSSLPort",
        served_by="network",
        ignition="same key and default (Gateway Area Network, EAM, redundancy)",
    ),
    PortSpec(
        name="opcua",
        title="OPC UA server",
        default=4840,
        direction=Direction.LISTEN,
        protocol="OPC UA binary",
        purpose="tags for OPC UA clients",
        required="if using OPC UA",
        key="opcua.server.port",
        served_by="listeners/opcua_server",
        ignition="62541 on localhost as delivered; 4840 is the registered port",
    ),
    PortSpec(
        name="opcua_discovery",
        title="OPC UA discovery",
        default=4096,
        direction=Direction.LISTEN,
        protocol="OPC UA binary",
        purpose="tells OPC UA clients which servers there are",
        required="if using OPC UA",
        key="opcua.discovery.port",
        served_by="listeners/opcua_discovery",
        ignition="4096 until 7.9; since then a path on the server's port",
    ),
    PortSpec(
        name="modbus",
        title="Modbus TCP server",
        default=502,
        direction=Direction.LISTEN,
        protocol="Modbus TCP",
        purpose="tags for Modbus clients",
        required="if using the Modbus server",
        key="modbus_server.port",
        served_by="listeners/modbus_server",
        ignition="has no Modbus server",
    ),
    PortSpec(
        name="modbus",
        title="Modbus TCP device",
        default=502,
        direction=Direction.CONNECT,
        protocol="Modbus TCP",
        purpose="a PLC that is polled",
        required="if using Modbus",
        key="[[device]].port",
        served_by="drivers/modbus",
        ignition="the same: outgoing, one per device connection",
    ),
    PortSpec(
        name="reader",
        title="Badge reader",
        default=4000,
        direction=Direction.CONNECT,
        protocol="SpringCore $SCRDR",
        purpose="a badge reader; it takes one client at a time",
        required="if using badge readers",
        key="[[reader]].port",
        served_by="drivers/springcore",
        ignition="has no such driver",
    ),
    PortSpec(
        name="mysql",
        title="MySQL, MariaDB",
        default=3306,
        direction=Direction.CONNECT,
        protocol="MySQL",
        purpose="a database for history and journals",
        required="if using MySQL or MariaDB",
        key="[[database]].url",
        served_by="historian",
        ignition=_DATABASE,
    ),
    PortSpec(
        name="postgresql",
        title="PostgreSQL",
        default=5432,
        direction=Direction.CONNECT,
        protocol="PostgreSQL",
        purpose="a database for history and journals",
        required="if using PostgreSQL",
        key="[[database]].url",
        served_by="historian",
        ignition=_DATABASE,
    ),
    PortSpec(
        name="mssql",
        title="SQL Server",
        default=1433,
        direction=Direction.CONNECT,
        protocol="TDS",
        purpose="a database for history and journals",
        required="if using SQL Server",
        key="[[database]].url",
        served_by="historian",
        ignition=_DATABASE,
    ),
    PortSpec(
        name="oracle",
        title="Oracle",
        default=1521,
        direction=Direction.CONNECT,
        protocol="Oracle Net",
        purpose="a database for history and journals",
        required="if using Oracle",
        key="[[database]].url",
        served_by="historian",
        ignition=_DATABASE,
    ),
)

NAMES: Sequence[str] = tuple(dict.fromkeys(spec.name for spec in SPECS))


def spec_of(name: str, direction: Direction) -> PortSpec:
    """The row of the table; KeyError if there is none."""
    for spec in SPECS:
        if spec.name == name and spec.direction is direction:
            return spec
    raise KeyError((name, direction))
