"""The validated configuration: what every other part is built from. Frozen; a change makes a new document.

Each struct is also the schema of its section: the field names are the keys (`rename` where gateway.xml has its own),
the defaults are the defaults, the annotations are the bounds. `fields.py` reads sections by these declarations.

Durations are seconds (float) here and text with a unit ("500ms", "2s", "90d") in the files.
Keys, names and defaults of gateway.xml: Ignition 8.3, `gateway.port` 8088 and so on; of `[[device]]`: its Modbus TCP
driver, in snake_case.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from msgspec import Meta, Struct

from plantgate.config.badges import Access, BadgeWrite, WritePermit
from plantgate.config.kinds import Count, Host, Milliseconds, Name, PeerPort, Port, Seconds, Secret
from plantgate.config.modbus_server import ModbusMapping, ModbusServer
from plantgate.config.tags.document import InstanceEntry, TagEntry, TagGroup, UdtEntry
from plantgate.limits import MODBUS_CONCURRENT_REQUESTS
from plantgate.model.tag import TagDefinition

_XML_KEYS = {
    "port": "gateway.port",
    "ssl_port": "gateway.sslport",
    "metro_ssl_port": "gateway.metroSSLPort",
    "require_ssl": "gateway.requireSSL",
    "force_secure_redirect": "gateway.forceSecureRedirect",
    "public_address_auto_detect": "gateway.publicAddress.autoDetect",
    "public_address": "gateway.publicAddress.address",
    "public_http_port": "gateway.publicAddress.httpPort",
    "public_https_port": "gateway.publicAddress.httpsPort",
    "use_proxy_forwarded_header": "gateway.useProxyForwardedHeader",
    "resolve_host_names": "gateway.resolveHostNames",
    "max_threads": "gateway.maxThreads",
    "accept_count": "gateway.acceptCount",
    "connection_timeout_ms": "gateway.connectionTimeout",
    "keep_alive_timeout_ms": "gateway.keepAliveTimeout",
    "max_keep_alive_requests": "gateway.maxKeepAliveRequests",
    "included_cipher_suites": "gateway.includedCipherSuites",
    "excluded_cipher_suites": "gateway.excludedCipherSuites",
    "autobackup_delay": "localdb.autobackup.delay",
    "autobackup_count": "localdb.autobackup.count",
    "faultbackup_count": "localdb.faultbackup.count",
    "use_autobackups": "context.startup.useautobackups",
    "props_version": "context.props.version",
    "data_dir": "data.dir",
}


class WebServer(Struct, frozen=True, kw_only=True, rename=_XML_KEYS):
    """gateway.xml. A port of 0 is a listener that is off. `require_ssl` is an extension: Ignition does not know it."""

    port: Port = 8088
    ssl_port: Port = 8043
    metro_ssl_port: Port = 8060
    require_ssl: bool = False
    force_secure_redirect: bool = False
    public_address_auto_detect: bool = True
    public_address: str = ""
    public_http_port: Port | None = None
    public_https_port: Port | None = None
    use_proxy_forwarded_header: bool = False
    resolve_host_names: bool = False
    max_threads: Count = 300
    accept_count: Count = 100
    connection_timeout_ms: Milliseconds = 60_000
    keep_alive_timeout_ms: Milliseconds = 60_000
    max_keep_alive_requests: Count = 200
    included_cipher_suites: tuple[str, ...] = ()
    excluded_cipher_suites: tuple[str, ...] = ()
    autobackup_delay: Count = 60
    autobackup_count: Count = 5
    faultbackup_count: Count = 3
    use_autobackups: bool = True
    props_version: Count = 3
    data_dir: str = "data/"


class Gateway(Struct, frozen=True, kw_only=True):
    """[gateway]"""

    name: Name = "plantgate"


class Web(Struct, frozen=True, kw_only=True):
    """[web]: `address` is what HTTP and HTTPS bind to; 127.0.0.1 is this machine only, 0.0.0.0 every IPv4 interface."""

    address: Host = "127.0.0.1"


class History(Struct, frozen=True, kw_only=True):
    """[history]: `keep` is how long points stay, in seconds."""

    enabled: bool = True
    keep: Seconds = 90 * 86_400.0


class Alarms(Struct, frozen=True, kw_only=True):
    """[alarms]: `keep` is how long the journal of alarms goes back, in seconds."""

    keep: Seconds = 365 * 86_400.0


class Service(Struct, frozen=True, kw_only=True):
    """A listener that is off until asked for."""

    enabled: bool = False
    port: Port = 0


class OpcUaServer(Service, frozen=True, kw_only=True):
    """[opcua.server]"""

    port: Port = 4840


class OpcUaDiscovery(Service, frozen=True, kw_only=True):
    """[opcua.discovery]"""

    port: Port = 4096


class DriverName(StrEnum):
    """Ignition's device types ModbusTcp and ModbusRtuOverTcp."""

    MODBUS = "modbus"
    MODBUS_RTU_OVER_TCP = "modbus_rtu_over_tcp"


class Device(Struct, frozen=True, kw_only=True):
    """[[device]]: a PLC that we poll.

    `local_address` is an address of this host to connect from. `address_map` is a CSV file with names for addresses,
    relative to the data directory; after `load` it is the whole path. `read_write_multiple_registers_allowed` is ours.
    """

    name: Name
    host: Host
    port: PeerPort = 502
    driver: DriverName = DriverName.MODBUS
    enabled: bool = True
    unit_id: Annotated[int, Meta(ge=0, le=255)] = 1
    timeout: Seconds = 2.0
    local_address: str = ""
    concurrent_requests: Annotated[int, Meta(ge=1, le=MODBUS_CONCURRENT_REQUESTS)] = 1
    span_gaps: bool = True
    max_holding_registers_per_request: Annotated[int, Meta(ge=1, le=125)] = 125
    max_holding_registers_per_write_request: Annotated[int, Meta(ge=1, le=123)] = 123
    max_input_registers_per_request: Annotated[int, Meta(ge=1, le=125)] = 125
    max_coils_per_request: Annotated[int, Meta(ge=1, le=2000)] = 2000
    max_discrete_inputs_per_request: Annotated[int, Meta(ge=1, le=2000)] = 2000
    write_multiple_registers_allowed: bool = True
    force_multiple_register_writes: bool = False
    write_multiple_coils_allowed: bool = True
    read_write_multiple_registers_allowed: bool = False
    read_multiple_registers_allowed: bool = True
    read_multiple_coils_allowed: bool = True
    read_multiple_discrete_inputs_allowed: bool = True
    reconnect_after_consecutive_timeouts: bool = True
    reverse_word_order: bool = False
    zero_based_addressing: bool = False
    max_retry_count: Annotated[int, Meta(ge=0, le=10)] = 1
    reverse_string_byte_order: bool = False
    right_justify_strings: bool = False
    read_raw_strings: bool = False
    address_map: str = ""


class Checksum(StrEnum):
    """What we add to commands for a reader. Whether `$` and `*` belong to it is contradictory in the vendor's pages."""

    OFF = "off"
    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"


class Transport(StrEnum):
    """How a reader is reached: register 02C0 = 24 is TCP, 44 is UDP."""

    TCP = "tcp"
    UDP = "udp"


class Credential(StrEnum):
    """What of a card decides: its id, or what the reader's template makes of it (TagId and TagData)."""

    UID = "uid"
    DATA = "data"


class Reader(Struct, frozen=True, kw_only=True):
    """[[reader]]: a SpringCore badge reader that we connect to, or that sends us datagrams.

    `local_port` is where the datagrams of a UDP reader arrive, 0: the same number as `port`. Several may share one.
    While a card stays a reader repeats its message every `repeat_interval` (its register 02A1, 3 s as delivered): the
    same card at that interval is not a new badge, sooner or later it is.
    `door` is the name of a [[door]], or the tag path of a strike; after `load` it is a name of `Configuration.doors`.
    """

    name: Name
    host: Host
    port: PeerPort = 4000
    enabled: bool = True
    transport: Transport = Transport.TCP
    local_port: Port = 0
    credential: Credential = Credential.UID
    checksum: Checksum = Checksum.OFF
    repeat_interval: Seconds = 3.0
    door: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """[[card]]: `uid` is upper-case hex after `load`; `readers` are names, "*" is every reader."""

    uid: str
    holder: str
    enabled: bool = True
    readers: tuple[str, ...] = ("*",)


class Door(Struct, frozen=True, kw_only=True):
    """[[door]]: `strike` is the full path of a writable Boolean tag after `load`, held true for `pulse` seconds."""

    name: Name
    strike: str
    pulse: Seconds = 3.0
    readers: tuple[str, ...] = ()


class DatabaseKind(StrEnum):
    """By the names of the port atlas."""

    MYSQL = "mysql"
    POSTGRESQL = "postgresql"
    MSSQL = "mssql"
    ORACLE = "oracle"
    SQLITE = "sqlite"


class Database(Struct, frozen=True, kw_only=True):
    """[[database]]: `url` may hold a password and is never shown; `shown_url` may be."""

    name: Name
    url: Secret
    enabled: bool = True

    @property
    def kind(self) -> DatabaseKind | None:
        """None for a scheme we don't know; `load` refuses that."""
        return DATABASE_SCHEMES.get(urlsplit(self.url).scheme.partition("+")[0].lower())

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int | None:
        """The port of the URL, the server's usual one without it, None for a file."""
        kind = self.kind
        return urlsplit(self.url).port or (DATABASE_PORTS.get(kind) if kind else None)

    @property
    def shown_url(self) -> str:
        """Without user, password and query: any of them can be a secret."""
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, f"***@{place}" if "@" in parts.netloc else place, parts.path, "", ""))

    def __repr__(self) -> str:
        return f"Database(name={self.name!r}, url={self.shown_url!r}, enabled={self.enabled!r})"


DATABASE_SCHEMES: Mapping[str, DatabaseKind] = {
    "mysql": DatabaseKind.MYSQL,
    "mariadb": DatabaseKind.MYSQL,
    "postgresql": DatabaseKind.POSTGRESQL,
    "postgres": DatabaseKind.POSTGRESQL,
    "mssql": DatabaseKind.MSSQL,
    "sqlserver": DatabaseKind.MSSQL,
    "oracle": DatabaseKind.ORACLE,
    "sqlite": DatabaseKind.SQLITE,
}
DATABASE_PORTS: Mapping[DatabaseKind, int] = {
    DatabaseKind.MYSQL: 3306,
    DatabaseKind.POSTGRESQL: 5432,
    DatabaseKind.MSSQL: 1433,
    DatabaseKind.ORACLE: 1521,
}


class Configuration(Struct, frozen=True, kw_only=True):
    """Everything, checked as a whole: names and paths are unique, every reference leads somewhere.

    `directory` is the data directory, None when only defaults or a lone gateway.xml were asked for; `gateway_xml` the
    file that was read as such, None if there is none.
    `tag_groups` always holds "default"; `doors` also holds the ones that a reader's `door` = tag path implies.
    `tags` has the members of `instances` too; `instance_of` tells their instance's full path by theirs.
    `warnings` are sentences about what is allowed but surely not meant.
    `sets` are the texts behind `--set`. `digests` tells which content of each tag file was read, by its name in errors.
    `sources` says where a value comes from that is not a default; ask `source_of`.
    """

    directory: Path | None = None
    gateway_xml: Path | None = None
    web_server: WebServer = WebServer()
    gateway: Gateway = Gateway()
    web: Web = Web()
    history: History = History()
    alarms: Alarms = Alarms()
    opcua_server: OpcUaServer = OpcUaServer()
    opcua_discovery: OpcUaDiscovery = OpcUaDiscovery()
    modbus_server: ModbusServer = ModbusServer()
    modbus_map: tuple[ModbusMapping, ...] = ()
    access: Access = Access()
    devices: tuple[Device, ...] = ()
    tag_groups: tuple[TagGroup, ...] = (TagGroup(name="default"),)
    readers: tuple[Reader, ...] = ()
    cards: tuple[Card, ...] = ()
    doors: tuple[Door, ...] = ()
    badge_writes: tuple[BadgeWrite, ...] = ()
    write_permits: tuple[WritePermit, ...] = ()
    databases: tuple[Database, ...] = ()
    tags: tuple[TagDefinition, ...] = ()
    udts: tuple[UdtEntry, ...] = ()
    instances: tuple[InstanceEntry, ...] = ()
    instance_of: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    digests: Mapping[str, str] = {}
    sources: Mapping[str, str] = {}

    def source_of(self, key: str) -> str:
        """Where the effective value of `key` comes from.

        "gateway.xml:12", "plantgate.toml:31", "--set", "environment PLANTGATE_GATEWAY_PORT" or "default". Keys are
        those of `--set`: `gateway.port`, `web.address`, `reader.entrance.port`; for a tag only `tag.<full path>`.
        """
        return self.sources.get(key, "default")

    def door_of(self, reader: str) -> Door | None:
        """The door that a reader opens, None if it opens none."""
        return next((door for door in self.doors if reader in door.readers), None)

    def group_rate(self, group: str) -> float:
        """Seconds between two readings of the group's tags."""
        return next(item.rate for item in self.tag_groups if item.name == group)


# The keys that plantgate.toml may have, and the struct that each is read by. A dot: a table or list in another table.
TABLES: Mapping[str, type[Struct]] = {
    "gateway": Gateway,
    "web": Web,
    "history": History,
    "alarms": Alarms,
    "opcua.server": OpcUaServer,
    "opcua.discovery": OpcUaDiscovery,
    "modbus_server": ModbusServer,
    "access": Access,
}
LISTS: Mapping[str, tuple[type[Struct], str]] = {
    "device": (Device, "name"),
    "tag_group": (TagGroup, "name"),
    "reader": (Reader, "name"),
    "card": (Card, "uid"),
    "door": (Door, "name"),
    "badge_write": (BadgeWrite, "name"),
    "write_permit": (WritePermit, "name"),
    "database": (Database, "name"),
    "udt": (UdtEntry, "name"),
    "instance": (InstanceEntry, "path"),
    "tag": (TagEntry, "path"),
    "modbus_server.map": (ModbusMapping, "address"),
}
