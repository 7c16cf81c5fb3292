"""What is known of ports beyond the atlas: who depends on each, who else usually takes it, who must hear of a change.

Sources: the ports reference (primary ports, conflicts, usage table) and Ignition's table of ports (8.3 manual). The
programs in SUSPECTS are hints from general knowledge, not checked against each program's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plantgate.ports.specs import Direction


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`used_by` is what stops when the port is shut; `alternative` what people usually take instead.

    `in_ignition` is the way to the setting in Ignition's pages; `clients` who must be told of a new port.
    """

    used_by: Sequence[str]
    alternative: int
    in_ignition: str
    clients: Sequence[str]


_WEB_CLIENTS = (
    "bookmarks and shortcuts of the page, launchers and Designer connections",
    "programs that call the REST API or WebDev, with their base address",
    "load balancers and monitors that ask for /StatusPing",
    "gateway.publicAddress.* in gateway.xml, if it is set",
)
_GATEWAY_SETTINGS = "Gateway > Config > System > Gateway Settings, then save and restart"
_OPCUA_SETTINGS = "Gateway > Config > OPC UA > Server Settings, then save and restart"
_DATABASE = Knowledge(
    used_by=("history and journals that are kept in this database", "queries and transaction groups"),
    alternative=0,
    in_ignition="Gateway > Config > Databases > Connections, per connection",
    clients=("every other program that uses this database: the port is the database server's own setting",),
)

KNOWN: Mapping[tuple[str, Direction], Knowledge] = {
    ("http", Direction.LISTEN): Knowledge(
        used_by=(
            "the gateway's page and configuration",
            "Perspective sessions without encryption",
            "Designer launcher connections",
            "web services and REST API",
            "WebDev module endpoints",
            "StatusPing, which load balancers ask for",
        ),
        alternative=8080,
        in_ignition=f"{_GATEWAY_SETTINGS} (HTTP Port)",
        clients=_WEB_CLIENTS,
    ),
    ("https", Direction.LISTEN): Knowledge(
        used_by=(
            "the gateway's page and configuration, encrypted",
            "Perspective sessions, encrypted",
            "secure Designer connections",
            "web services, encrypted: what production should use",
            "the redirect from HTTP, if gateway.forceSecureRedirect is on",
        ),
        alternative=8443,
        in_ignition=f"{_GATEWAY_SETTINGS} (HTTPS Port)",
        clients=_WEB_CLIENTS,
    ),
    ("metro_ssl", Direction.LISTEN): Knowledge(
        used_by=(
            "the gateway network between gateways (mutual TLS)",
            "enterprise administration (EAM)",
            "redundancy: the connection between master and backup",
            "remote tag providers and other distributed services",
        ),
        alternative=8061,
        in_ignition="Gateway > Config > Networking > Gateway Network, then save and restart",
        clients=(
            "the outgoing connections of every other gateway that connects to this one",
            "the backup gateway, if this one is a redundant master",
        ),
    ),
    ("opcua", Direction.LISTEN): Knowledge(
        used_by=("OPC UA clients: SCADA, MES, historians", "other gateways that read tags over OPC UA"),
        alternative=62541,
        in_ignition=_OPCUA_SETTINGS,
        clients=("the endpoint address of every OPC UA client: opc.tcp://HOST:PORT",),
    ),
    ("opcua_discovery", Direction.LISTEN): Knowledge(
        used_by=("OPC UA clients that look for servers before they connect",),
        alternative=4097,
        in_ignition=_OPCUA_SETTINGS,
        clients=(
            "the discovery address of every OPC UA client; those that know the server's own address need nothing",
        ),
    ),
    ("modbus", Direction.LISTEN): Knowledge(
        used_by=("Modbus TCP clients that read tags of this gateway: panels, PLCs, energy meters",),
        alternative=1502,
        in_ignition="Ignition has no Modbus server",
        clients=("every Modbus client: the port beside the address; old panels can do 502 only",),
    ),
    ("modbus", Direction.CONNECT): Knowledge(
        used_by=("every tag of this device",),
        alternative=503,
        in_ignition="Gateway > Config > OPC UA > Device Connections, per device (Port)",
        clients=("the PLC or its gateway: the port is its own setting, change it there first",),
    ),
    ("reader", Direction.CONNECT): Knowledge(
        used_by=("every badge at this reader, and the doors beside it",),
        alternative=4001,
        in_ignition="Ignition has no such driver; scripts connect by themselves",
        clients=("the reader: it is the TCP server, so change the port in its configuration first",),
    ),
    **{(name, Direction.CONNECT): _DATABASE for name in ("mysql", "postgresql", "mssql", "oracle")},
}

# Who listens on a port as delivered, by the name that its process or its service has where that helps.
SUSPECTS: Mapping[int, Sequence[str]] = {
    80: ("IIS and other users of Windows' HTTP.sys (shown as System, pid 4)", "nginx, Apache httpd, Caddy"),
    102: ("SIMATIC PLCSIM Advanced and NetToPLCsim", "other S7 servers (snap7)"),
    389: ("Active Directory domain controllers", "OpenLDAP (slapd)"),
    443: ("IIS and other users of Windows' HTTP.sys (shown as System, pid 4)", "nginx, Apache httpd, Caddy", "VPNs"),
    502: (
        "another Modbus server or simulator: diagslave, ModbusPal, pymodbus, Node-RED",
        "Modbus gateways: mbusd, drivers of serial device servers",
        "soft PLCs: CODESYS Control, OpenPLC",
    ),
    1433: ("another SQL Server instance (sqlservr)",),
    1521: ("another Oracle listener (tnslsnr)",),
    1883: ("Mosquitto, EMQX, HiveMQ",),
    2222: ("SSH servers on a second port", "Rockwell FactoryTalk Linx, RSLinx"),
    3306: ("MySQL or MariaDB of another program (mysqld, mariadbd): XAMPP, WAMP",),
    4000: ("development servers: Phoenix, Jekyll and many Node.js tools", "NoMachine (nxd)", "reader simulators"),
    4096: ("an Ignition up to 7.9 or one that was upgraded from it",),
    4840: (
        "OPC UA Local Discovery Server of the OPC Foundation (opcualds)",
        "other OPC UA servers: CODESYS Control, TwinCAT, WinCC, open62541, KEPServerEX if set to the registered port",
    ),
    5432: ("another PostgreSQL (postgres); a second instance usually takes 5433",),
    8043: ("TP-Link Omada controller (its HTTPS management)", "other HTTPS services, UniFi beside its 8443"),
    8060: ("another Ignition or plantgate", "Atlassian FishEye and Crucible"),
    8080: ("Tomcat, Jenkins and many other Java servers", "development servers and proxies"),
    8088: (
        "another web server or a development tool",
        "Hadoop YARN ResourceManager",
        "InfluxDB 1.x (RPC for backups)",
        "Apache Superset, Splunk HTTP Event Collector, ksqlDB, Asterisk",
    ),
    8443: ("Tomcat and other Java servers", "UniFi Network controller", "Plesk"),
    8883: ("Mosquitto, EMQX, HiveMQ (TLS)",),
    44818: ("Rockwell FactoryTalk Linx, RSLinx, Studio 5000 emulators",),
    47808: ("other BACnet programs: YABE, controllers' tools",),
    62541: ("another Ignition (its OPC UA server)", "Eclipse Milo demonstration servers"),
}


@dataclass(frozen=True, slots=True)
class OtherPort:
    """A port that an Ignition gateway uses and this product does not. `inbound`: others come to the gateway."""

    port: int
    transport: str
    inbound: bool
    use: str
    changeable: str


OTHER_PORTS: Sequence[OtherPort] = (
    OtherPort(80, "tcp", True, "HTTP of Ignition Cloud Edition, instead of 8088", "yes"),
    OtherPort(443, "tcp", True, "HTTPS of Ignition Cloud Edition, instead of 8043; balancers", "yes"),
    OtherPort(1883, "tcp", True, "MQTT Distributor module", "no"),
    OtherPort(4445, "udp", False, "multicast discovery of gateways, outgoing", "yes"),
    OtherPort(4446, "udp", True, "multicast discovery of gateways, incoming", "yes"),
    OtherPort(6501, "tcp", True, "Vision local client fallback", "no"),
    OtherPort(8883, "tcp", True, "MQTT Distributor module, TLS", "no"),
    OtherPort(17341, "udp", False, "SMS notification, outgoing", "no"),
    OtherPort(17342, "udp", True, "SMS notification, incoming", "no"),
    OtherPort(62541, "tcp", True, "Ignition's OPC UA server as delivered (a preset of plantgate)", "yes"),
    OtherPort(102, "tcp", False, "Siemens S7 devices", "per device"),
    OtherPort(389, "tcp", False, "LDAP, Active Directory", "per user source"),
    OtherPort(465, "tcp", False, "mail server (SMTPS)", "per profile"),
    OtherPort(636, "tcp", False, "LDAP over TLS", "per user source"),
    OtherPort(2222, "tcp", False, "older Allen-Bradley devices", "per device"),
    OtherPort(3050, "tcp", False, "Firebird database", "per connection"),
    OtherPort(9600, "udp", False, "Omron FINS devices (also TCP)", "per device"),
    OtherPort(20000, "tcp", False, "DNP3 outstations", "per device"),
    OtherPort(44818, "tcp", False, "EtherNet/IP: Allen-Bradley Logix and others", "per device"),
    OtherPort(47808, "udp", False, "BACnet/IP devices", "per device"),
    OtherPort(50000, "tcp", False, "IBM DB2 database", "per connection"),
)
