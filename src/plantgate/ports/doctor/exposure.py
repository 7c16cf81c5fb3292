"""Checks that only the hardening score asks for: what is open beyond need, and to whom."""

from __future__ import annotations

import datetime
import ssl
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

import plantgate
from plantgate.config.document import Database, DatabaseKind
from plantgate.model.tag import TagKind
from plantgate.ports.doctor import asking
from plantgate.ports.doctor.gateway import holder_of
from plantgate.ports.doctor.listeners import own_addresses
from plantgate.ports.doctor.outside import judge_old_tls
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, warning
from plantgate.ports.doctor.subject import LOOPBACK, Subject
from plantgate.runtime.log import printable

_HEADERS = ("content-security-policy", "x-content-type-options", "x-frame-options")
_ADMINISTRATORS = frozenset({"root", "system", "localsystem", "administrator"})
_DATABASE_ADMINISTRATORS = frozenset({"root", "sa", "postgres", "system", "sys", "admin", "administrator"})
# Ways into a machine that a gateway does not need; SSH is not among them.
_OTHER_SERVICES = {
    21: "FTP", 23: "Telnet", 111: "RPC", 135: "Windows RPC", 139: "NetBIOS", 445: "file sharing", 512: "rexec",
    513: "rlogin", 514: "rsh", 3389: "remote desktop", 5900: "VNC", 6000: "X11",
}  # fmt: skip
# When Python's developers stop mending a version (devguide, status of Python versions).
_PYTHON_ENDS = {(3, 11): (2027, 10), (3, 12): (2028, 10), (3, 13): (2029, 10), (3, 14): (2030, 10)}


async def headers(subject: Subject) -> Finding:
    """The headers that keep a browser safe, of the page itself."""
    port, tls = _web(subject)
    if not port:
        return not_checked("HTTP and HTTPS are off")
    answer = await asking.page(subject, subject.local_address, port, "/", tls=tls)
    missing = [name for name in _HEADERS if name not in answer.headers]
    if missing:
        return warning(
            f"port {port}: missing {', '.join(missing)}", next_step="set these headers in the proxy in front of it"
        )
    return ok(f"port {port} sends {', '.join(_HEADERS)}")


def _web(subject: Subject) -> tuple[int, bool]:
    web = subject.configuration.web_server
    return (web.ssl_port, True) if web.ssl_port else (web.port, False)


async def old_tls(subject: Subject) -> Finding:
    port = subject.configuration.web_server.ssl_port
    if not port:
        return not_checked("HTTPS is off")
    await asking.handshake(subject, subject.local_address, port)  # raises where there is no TLS to look at
    return await judge_old_tls(subject, subject.local_address, port)


async def anonymous(subject: Subject) -> Finding:
    """May somebody on the network read without signing in? Asked from an address of ours that is not loopback."""
    if subject.is_ignition:
        return not_checked("Ignition's page permissions are in its configuration, which needs a sign-in")
    if not subject.reachable:
        return ok(f"only this machine reaches the page ({subject.address})")
    port, tls = _web(subject)
    addresses = [each for each in own_addresses() if (":" in each) == (":" in subject.address)]
    if not port or not addresses:
        return not_checked("no address to ask from")
    answer = await asking.page(subject, addresses[0], port, "/api/v1/gateway", tls=tls)
    if answer.status == 200:
        return problem(
            f"{addresses[0]}:{port} gives data to people who are not signed in",
            next_step="bind to 127.0.0.1, or put a proxy with a sign-in in front",
        )
    return ok(f"{addresses[0]}:{port} answers {answer.status} to people who are not signed in")


def protocols(subject: Subject) -> Finding:
    """Listeners without a sign-in of their own."""
    if subject.is_ignition:
        return not_checked("Ignition keeps the settings of OPC UA and MQTT in its own configuration")
    service = subject.configuration.modbus_server
    if not service.enabled or not service.port:
        return ok("the Modbus server is off")
    where = f"the Modbus server on {service.port} knows no password"
    if service.address == "localhost" or _is_loopback(service.address):
        return ok(f"{where}; only this machine reaches it")
    if service.clients:
        return ok(f"{where}; only its clients may connect: {', '.join(service.clients)}")
    return warning(
        where, next_step=f"name its clients (modbus_server.clients), or: {subject.command('ports', 'firewall')}"
    )


def peers(subject: Subject) -> Finding:
    """Devices and readers on addresses of the internet: neither Modbus nor SpringCore is encrypted."""
    configuration = subject.configuration
    hosts = {device.host for device in configuration.devices if device.enabled}
    hosts |= {reader.host for reader in configuration.readers if reader.enabled}
    if not hosts:
        return not_checked("no device or reader is configured here")
    public = sorted(host for host in hosts if _is_public(host))
    named = sum(not _is_address(host) for host in hosts)
    seen = f"{len(hosts)} devices and readers, {named} of them by a name that was not looked up"
    if public:
        return problem(
            seen, f"on public addresses: {', '.join(public)}", next_step="reach them through a VPN or a private network"
        )
    return ok(seen, "none on a public address")


def cards(subject: Subject) -> Finding:
    """Cards that open every door."""
    held = subject.configuration.cards
    if not held:
        return not_checked("no card is configured here")
    everywhere = sum("*" in card.readers and card.enabled for card in held)
    nameless = sum(not card.holder.strip() for card in held)
    seen = f"{everywhere} of {len(held)} cards work at every reader, {nameless} have no holder"
    several = len(subject.configuration.readers) > 1
    if nameless or (several and everywhere * 2 > len(held)):
        return warning(seen, next_step="name each card's holder and its readers ([[card]] readers)")
    return ok(seen)


def writable(subject: Subject) -> Finding:
    """How much of the plant can be written at all."""
    tags = [tag for tag in subject.configuration.tags if tag.kind is TagKind.DEVICE]
    if not tags:
        return not_checked("no device tags are configured here")
    count = sum(tag.writable for tag in tags)
    seen = f"{count} of {len(tags)} device tags can be written"
    return (
        warning(seen, next_step="make only those writable that somebody has to set")
        if count * 2 > len(tags)
        else ok(seen)
    )


def audit(subject: Subject) -> Finding:
    """Every command leaves a line in wrapper.log, every badge one in the journal: are both there?"""
    if subject.directory is None:
        return not_checked("Ignition's audit profiles are in its configuration and databases")
    files = [subject.directory / "logs" / "wrapper.log", subject.directory / "state" / "journal.sqlite"]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        return not_checked(f"not there yet: {', '.join(missing)}")
    return ok("commands are written to logs/wrapper.log, badges to state/journal.sqlite")


def database_tls(subject: Subject) -> Finding:
    """Encrypted, or not leaving this machine."""
    remote = [each for each in _servers(subject) if each.host not in LOOPBACK]
    if not remote:
        return _no_database(subject) or ok("the databases are on this machine")
    plain = [each.name for each in remote if not _asks_for_tls(each)]
    if plain:
        return warning(
            f"without TLS in their URL: {', '.join(plain)}",
            next_step="add ?sslmode=verify-full (PostgreSQL) or ?ssl=true",
        )
    return ok(f"{len(remote)} databases of other machines, all with TLS")


def database_accounts(subject: Subject) -> Finding:
    """Not as the administrator of the database."""
    servers = _servers(subject)
    if not servers:
        return _no_database(subject) or ok("no database server is used")
    high = [each.name for each in servers if (urlsplit(each.url).username or "").lower() in _DATABASE_ADMINISTRATORS]
    if high:
        return warning(
            f"signed in as an administrator: {', '.join(high)}",
            next_step="give the gateway an account of its own that may use its tables and nothing else",
        )
    return ok(f"{len(servers)} databases, none as its administrator")


def _servers(subject: Subject) -> list[Database]:
    return [each for each in subject.configuration.databases if each.enabled and each.kind is not DatabaseKind.SQLITE]


def _no_database(subject: Subject) -> Finding | None:
    if subject.is_ignition:
        return not_checked("Ignition's database connections are in its configuration")
    return None if _servers(subject) else not_checked("no database server is configured")


def _asks_for_tls(database: Database) -> bool:
    query = {key.lower(): values[-1].lower() for key, values in parse_qs(urlsplit(database.url).query).items()}
    mode = query.get("sslmode") or query.get("ssl-mode") or query.get("ssl_mode") or ""
    on = {"true", "1", "yes", "required", "mandatory", "strict"}
    return mode.startswith(("require", "verify")) or any(
        query.get(key) in on for key in ("ssl", "tls", "encrypt", "usessl")
    )


def process_user(subject: Subject) -> Finding:
    """As whom the gateway runs."""
    holder = holder_of(subject)
    user = holder.user if holder is not None else None
    if user is None and subject.is_ignition:
        port = subject.configuration.web_server.port or subject.configuration.web_server.ssl_port
        user = next((item.owner.user for item in subject.sockets() if item.port == port), None)
    if user is None:
        return not_checked("the gateway does not run, or its user is hidden from this one")
    name = user.rpartition("\\")[2].lower()
    if name in _ADMINISTRATORS:
        return warning(f"the gateway runs as {user}", next_step="give it a user of its own without rights")
    return ok(f"the gateway runs as {user}")


def other_services(subject: Subject) -> Finding:
    """Old and remote-control services that are open to other machines."""
    seen = sorted(
        {item.port for item in subject.sockets() if item.port in _OTHER_SERVICES and not _is_loopback(item.address)}
    )
    if seen:
        names = ", ".join(f"{_OTHER_SERVICES[port]} ({port})" for port in seen)
        return warning(f"open to other machines: {names}", next_step="switch off what is not needed, filter the rest")
    return ok("no file sharing, remote desktop, Telnet or FTP listens for other machines")


def public_address(subject: Subject) -> Finding:
    """Reachable listeners on a machine with an address of the internet."""
    public = [address for address in own_addresses() if _is_public(address)]
    if not public:
        return ok("this machine has no public address")
    if not subject.reachable:
        return ok(f"public address {', '.join(public)}, but the listeners are on {subject.address}")
    return problem(
        f"this machine has a public address ({', '.join(public)}) and the listeners are on {subject.address}",
        next_step="put it behind a firewall or into a DMZ; nothing of a plant belongs on the internet",
    )


def python(subject: Subject) -> Finding:
    """Is this Python still mended?"""
    version = sys.version_info
    known = _PYTHON_ENDS.get((version.major, version.minor))
    seen = f"Python {version.major}.{version.minor}.{version.micro}, {ssl.OPENSSL_VERSION}"
    if subject.is_ignition:
        return not_checked("Ignition brings its own Java: see its version in /system/gwinfo")
    if known is None:
        return not_checked(f"{seen}: newer than this list")
    today = datetime.datetime.fromtimestamp(subject.clock.wall() / 1e6, datetime.UTC)
    if (today.year, today.month) > known:
        return warning(f"{seen}: no longer mended", next_step="install a newer Python and plantgate into it")
    return ok(f"{seen}: mended until {known[0]}-{known[1]:02}")


async def version(subject: Subject) -> Finding:
    """A gateway that was updated and not restarted still runs the old version."""
    port, tls = _web(subject)
    if not port:
        return not_checked("HTTP and HTTPS are off")
    found = await asking.gateway(subject, port, tls=tls)
    running = found.version
    if not running:
        return not_checked(f"port {port} does not tell its version")
    if subject.is_ignition or found.product != "plantgate":
        return not_checked(f"{found.product or 'it'} {running} runs: compare with its maker's newest")
    if running != plantgate.__version__:
        return warning(
            f"{printable(running, 40)} runs, {plantgate.__version__} is installed", next_step="restart the gateway"
        )
    return ok(f"{running} runs and is what is installed here")


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_public(host: str) -> bool:
    return _is_address(host) and ip_address(host.partition("%")[0]).is_global


def _is_loopback(address: str) -> bool:
    return _is_address(address) and ip_address(address.partition("%")[0]).is_loopback


def _checks() -> Iterable[Check]:
    yield Check("security-headers", "Headers of the page", Status.WARNING, headers)
    yield Check("old-tls", "Old versions of TLS", Status.WARNING, old_tls)
    yield Check("anonymous-read", "Reading without a sign-in", Status.PROBLEM, anonymous)
    yield Check("open-protocols", "Protocols without a password", Status.WARNING, protocols)
    yield Check("peer-networks", "Devices on public addresses", Status.PROBLEM, peers)
    yield Check("cards", "Cards and what they open", Status.WARNING, cards)
    yield Check("writable-tags", "Tags that can be written", Status.WARNING, writable)
    yield Check("audit", "Trace of commands and badges", Status.WARNING, audit)
    yield Check("database-tls", "Encryption to databases", Status.WARNING, database_tls)
    yield Check("database-accounts", "Accounts at databases", Status.WARNING, database_accounts)
    yield Check("process-user", "User of the gateway", Status.WARNING, process_user)
    yield Check("other-services", "Other services of this machine", Status.WARNING, other_services)
    yield Check("public-address", "Public addresses of this machine", Status.PROBLEM, public_address)
    yield Check("python", "Python", Status.WARNING, python)
    yield Check("version", "Version that runs", Status.WARNING, version)


CHECKS = tuple(_checks())
