"""The atlas: the table of ports and a configuration make one row per endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plantgate.config.document import Configuration, Service
from plantgate.config.modbus_server import ModbusServer
from plantgate.ports.specs import SPECS, Direction, PortSpec


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One port as configured.

    `instance` is the name of the device, reader or database; empty where there is only one or none is configured.
    `host` is the address we bind, or the peer's name or address; empty when no peer is configured. `port` 0 is off.
    `enabled` is what the configuration says. `key` is what `--set` takes, `source` where the value comes from.
    """

    spec: PortSpec
    instance: str
    host: str
    port: int
    enabled: bool
    key: str
    source: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def direction(self) -> Direction:
        return self.spec.direction

    @property
    def label(self) -> str:
        """`reader entrance`, for people."""
        return f"{self.name} {self.instance}" if self.instance else self.name


def atlas(configuration: Configuration) -> tuple[Endpoint, ...]:
    """All endpoints, in the order of the table. A kind that nobody has configured has one row with its default."""
    return tuple(endpoint for spec in SPECS for endpoint in _endpoints(spec, configuration))


def listening(configuration: Configuration) -> tuple[Endpoint, ...]:
    """The ports that this gateway itself is configured to open."""
    return tuple(
        endpoint for endpoint in atlas(configuration) if endpoint.direction is Direction.LISTEN and endpoint.enabled
    )


def unserved(configuration: Configuration) -> Iterator[str]:
    """A sentence for each service that is switched on and that this version does not have."""
    for endpoint in listening(configuration):
        if not endpoint.spec.served and not endpoint.key.startswith("gateway."):
            section = endpoint.key.removesuffix(".port")
            yield (
                f"{section}.enabled: this version does not serve it yet ({endpoint.spec.title}): nothing listens on "
                f"port {endpoint.port}; set it to false to be rid of this line"
            )


def _endpoints(spec: PortSpec, configuration: Configuration) -> Sequence[Endpoint]:
    if spec.direction is Direction.LISTEN:
        return (_listener(spec, configuration),)
    if spec.name == "modbus":
        items = [(item.name, item.host, item.port, item.enabled) for item in configuration.devices]
        return _peers(spec, "device", items, configuration)
    if spec.name == "reader":
        items = [(item.name, item.host, item.port, item.enabled) for item in configuration.readers]
        return _peers(spec, "reader", items, configuration)
    return tuple(_databases(spec, configuration)) or (_unused(spec),)


def _listener(spec: PortSpec, configuration: Configuration) -> Endpoint:
    web = configuration.web_server
    services: tuple[Service | ModbusServer, ...] = (
        configuration.opcua_server,
        configuration.opcua_discovery,
        configuration.modbus_server,
    )
    port, on = {
        "http": (web.port, True),
        "https": (web.ssl_port, True),
        "metro_ssl": (web.metro_ssl_port, True),
        **{
            name: (service.port, service.enabled)
            for name, service in zip(("opcua", "opcua_discovery", "modbus"), services, strict=True)
        },
    }[spec.name]
    source = configuration.source_of(spec.key)
    host = configuration.modbus_server.address if spec.name == "modbus" else configuration.web.address
    return Endpoint(spec, "", host, port, on and port != 0, spec.key, source)


def _peers(
    spec: PortSpec, section: str, items: Sequence[tuple[str, str, int, bool]], configuration: Configuration
) -> Sequence[Endpoint]:
    keys = [f"{section}.{name}.port" for name, _, _, _ in items]
    found = tuple(
        Endpoint(spec, name, host, port, enabled, key, configuration.source_of(key))
        for key, (name, host, port, enabled) in zip(keys, items, strict=True)
    )
    return found or (_unused(spec),)


def _databases(spec: PortSpec, configuration: Configuration) -> Iterator[Endpoint]:
    for database in configuration.databases:
        if database.kind == spec.name and database.port is not None:
            key = f"database.{database.name}.url"
            source = configuration.source_of(key)
            yield Endpoint(spec, database.name, database.host, database.port, database.enabled, key, source)


def _unused(spec: PortSpec) -> Endpoint:
    return Endpoint(spec, "", "", spec.default, enabled=False, key=spec.key, source="default")
