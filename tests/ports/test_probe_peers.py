"""Probes against real servers in the settings a plant has: TLS on and required, secured endpoints, odd PLCs, nginx."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncua.server.server
import pytest
from asyncua import ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer

from bench.databases import mariadb, postgresql, postgresql_folder
from bench.processes import free_ports, wait_for
from plantgate.ports.findings import Finding, ProbeResult
from plantgate.ports.probe import probe
from plantgate.ports.specs import NAMES
from plantgate.runtime.clock import SystemClock
from plantgate.security.certificate import server_context
from tests.conftest import find_program
from tests.listeners.web.world import open_world
from tests.ports import peers

Tls13, Tls12 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2


async def _probe(port: int, expected: str, host: str = "127.0.0.1", **more: Any) -> ProbeResult:
    return await probe(host, port, expected, **{"timeout": 5.0, **more})


# --- databases --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("only_tls", [False, True], ids=["TLS offered", "hostssl only"])
def test_a_real_postgresql_with_tls(tmp_path: Path, only_tls: bool) -> None:
    find_program("pg_ctlcluster", "postgres", package="postgresql")
    programs = postgresql_folder()
    assert programs is not None
    with postgresql(programs, tls=peers.certificate(tmp_path), only_tls=only_tls) as port:
        result = asyncio.run(_probe(port, "postgresql"))
        others = {name: asyncio.run(_probe(port, name)) for name in NAMES if name not in ("reader", "modbus")}
    assert (result.finding, result.product) == (Finding.EXPECTED, "PostgreSQL")
    assert (result.facts["tls"], result.facts["auth"]) == (True, "password, SCRAM")
    assert ("insists on TLS" in result.verdict, "offers TLS" in result.verdict) == (only_tls, not only_tls)
    for name, other in others.items():
        assert other.protocol == "postgresql", (name, other.verdict)


def test_a_real_postgresql_that_does_not_let_this_host_in(tmp_path: Path) -> None:
    find_program("pg_ctlcluster", "postgres", package="postgresql")
    programs = postgresql_folder()
    assert programs is not None
    with postgresql(programs, auth="reject", tls=peers.certificate(tmp_path)) as port:
        result = asyncio.run(_probe(port, "postgresql"))
    assert result.finding is Finding.EXPECTED
    assert "tls_required" not in result.facts
    assert result.facts["error"] == "28000"


def test_a_real_mariadb_with_tls(tmp_path: Path) -> None:
    server = find_program("mariadbd", package="mariadb-server")
    with mariadb(server, tls=peers.certificate(tmp_path)) as port:
        result = asyncio.run(_probe(port, "mysql"))
        others = {name: asyncio.run(_probe(port, name, by_name=True)) for name in NAMES if name != "mysql"}
    assert (result.finding, result.product, result.facts["tls"]) == (Finding.EXPECTED, "MariaDB", True)
    assert "offers TLS" in result.verdict
    for name, other in others.items():
        assert other.protocol == "mysql", (name, other.verdict)


# --- OPC UA -----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _opcua(folder: Path, policies: list[ua.SecurityPolicyType], tokens: list[type]) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    server = asyncua.server.server.Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant")
    server.set_server_name("Line 1")
    uri = "urn:plantgate:test"
    await server.set_application_uri(uri)
    key, public = folder / "opcua.pem", folder / "opcua.der"
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    await setup_self_signed_certificate(key, public, uri, "127.0.0.1", usage, {"commonName": "line 1"})
    await server.load_certificate(str(public))
    await server.load_private_key(str(key))
    server.set_security_policy(policies)
    server.set_identity_tokens(tokens)
    async with server:
        yield port


async def test_an_opc_ua_server_with_secured_endpoints(tmp_path: Path) -> None:
    policies = [
        ua.SecurityPolicyType.NoSecurity,
        ua.SecurityPolicyType.Basic256Sha256_Sign,
        ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ]
    tokens = [ua.UserNameIdentityToken, ua.X509IdentityToken]
    async with _opcua(tmp_path, policies, tokens) as port:
        result = await _probe(port, "opcua")
        discovery = await _probe(port, "opcua_discovery")
    assert result.finding is Finding.EXPECTED
    endpoints: Any = result.facts["endpoints"]
    assert {(item["mode"], item["policy"].rpartition("#")[2]) for item in endpoints} == {
        ("None", "None"), ("Sign", "Basic256Sha256"), ("SignAndEncrypt", "Basic256Sha256"),
    }  # fmt: skip
    assert {token for item in endpoints for token in item["tokens"]} == {"UserName", "Certificate"}
    assert "Basic256Sha256/SignAndEncrypt" in result.verdict
    assert "anybody may log in" not in result.verdict, "without security, and not without a name"
    servers: Any = discovery.facts["servers"]
    assert servers[0]["application_uri"] == "urn:plantgate:test"
    assert servers[0]["urls"] == [f"opc.tcp://127.0.0.1:{port}/plant"]
    assert "knows 1 server" in discovery.verdict


async def test_an_opc_ua_server_with_security_only(tmp_path: Path) -> None:
    async with _opcua(
        tmp_path, [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt], [ua.UserNameIdentityToken]
    ) as port:
        result = await _probe(port, "opcua")
    assert (result.finding, result.protocol) == (Finding.EXPECTED, "opcua")
    endpoints: Any = result.facts["endpoints"]
    assert [(item["mode"], item["tokens"]) for item in endpoints] == [("SignAndEncrypt", ["UserName"])]
    assert "1 endpoint (Basic256Sha256/SignAndEncrypt)" in result.verdict
    assert "anybody may log in" not in result.verdict


async def test_find_servers_of_a_discovery_server_that_knows_others(tmp_path: Path) -> None:
    async with (
        _opcua(tmp_path, [ua.SecurityPolicyType.NoSecurity], [ua.AnonymousIdentityToken]) as discovery_port,
        contextlib.AsyncExitStack() as stack,
    ):
        (port,) = free_ports(1)
        line = asyncua.server.server.Server()
        await line.init()
        line.set_endpoint(f"opc.tcp://127.0.0.1:{port}/line2")
        await line.set_application_uri("urn:plantgate:line2")
        line.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await stack.enter_async_context(line)
        await line.register_to_discovery(f"opc.tcp://127.0.0.1:{discovery_port}", period=0)
        result = await _probe(discovery_port, "opcua_discovery")
        await line.unregister_from_discovery(f"opc.tcp://127.0.0.1:{discovery_port}")
    servers: Any = result.facts["servers"]
    assert {item["application_uri"] for item in servers} == {"urn:plantgate:test", "urn:plantgate:line2"}
    assert "knows 2 servers" in result.verdict


# --- Modbus -----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _pymodbus(unit: int, names: dict[int, str] | None, *, ignore: bool) -> AsyncIterator[int]:
    """Without `names` it leaves Read Device Identification without an answer, as simple PLCs do.

    `ignore`: so it does with what is asked of another unit.
    """

    def unheard(answer: bytes) -> bool:
        return (not names and answer[7] & 0x7F == 0x2B) or (ignore and answer[6] != unit)

    (port,) = free_ports(1)
    devices: Any = {unit: ModbusDeviceContext(hr=ModbusSequentialDataBlock(1, [0] * 10))}  # type: ignore[no-untyped-call]
    context = ModbusServerContext(devices=devices, single=False)
    identity = ModbusDeviceIdentification(names) if names else None  # type: ignore[no-untyped-call]
    device = ModbusTcpServer(
        context,
        identity=identity,
        address=("127.0.0.1", port),
        trace_packet=lambda sending, data: b"" if sending and unheard(data) else data,
    )
    await device.serve_forever(background=True)
    try:
        yield port
    finally:
        await device.shutdown()  # type: ignore[no-untyped-call]


async def test_a_plc_with_and_without_a_name() -> None:
    async with _pymodbus(1, {0: "Acme", 1: "PX-7", 2: "4.2.1"}, ignore=True) as port:
        named = await _probe(port, "modbus")
    assert (named.finding, named.product, named.version) == (Finding.EXPECTED, "Acme PX-7", "4.2.1")
    async with _pymodbus(1, None, ignore=True) as port:
        nameless = await _probe(port, "modbus", timeout=1.0)
    assert (nameless.finding, nameless.product) == (Finding.EXPECTED, "")
    assert nameless.facts["proved_by"] == "one register was read"


async def test_a_unit_that_does_not_answer_and_the_one_that_does() -> None:
    async with _pymodbus(7, None, ignore=True) as port:
        wrong = await _probe(port, "modbus", timeout=0.3)
        right = await _probe(port, "modbus", timeout=1.0, unit=7)
    assert wrong.finding is Finding.UNPROVED
    assert "the peer said nothing; is its one connection in use, or is it another unit (--unit)?" in wrong.verdict
    assert (right.finding, right.facts["unit"]) == (Finding.EXPECTED, 7)


async def test_a_modbus_gateway_that_says_that_the_unit_is_not_there() -> None:
    async with _pymodbus(7, None, ignore=False) as port:
        result = await _probe(port, "modbus", timeout=1.0, unit=3)
    assert result.finding is Finding.EXPECTED
    assert "answers our question with exception" in result.verdict


# --- TLS --------------------------------------------------------------------------------------------------


def _https(folder: Path, **more: Any) -> peers.Answer:
    return peers.tls(peers.ignition(), peers.tls_context(folder, **more))


async def test_a_chain_of_three_is_told_and_trusted_where_its_root_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = peers.authority("plant root")
    middle = peers.authority("plant issuing", root)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(peers.pem(root.certificate))
    with peers.server(_https(tmp_path, chain=[middle])) as port:
        unknown = await _probe(port, "https")
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        trusted = await _probe(port, "https")
        other_name = await _probe(port, "https", host="localhost", address="127.0.0.1")
    with peers.server(_https(tmp_path, issuer=middle)) as port:
        alone = await _probe(port, "https")
    assert trusted.tls is not None
    assert [(item.subject, item.issuer) for item in trusted.tls.chain] == [
        ("CN=gw", "CN=plant issuing"),
        ("CN=plant issuing", "CN=plant root"),
    ]
    assert trusted.tls.trust == ""
    assert unknown.tls is not None
    assert unknown.tls.trust == "unable to get local issuer certificate"
    assert other_name.tls is not None
    assert "localhost" in other_name.tls.trust
    assert "the certificate is not for localhost" in other_name.verdict
    assert alone.tls is not None
    assert len(alone.tls.chain) == 1
    assert alone.tls.trust, "a server that forgets the intermediate is not trusted"


@pytest.mark.parametrize(
    ("oldest", "newest", "version"), [(Tls12, Tls12, "TLSv1.2"), (Tls13, Tls13, "TLSv1.3"), (Tls12, Tls13, "TLSv1.3")]
)
async def test_one_version_only(tmp_path: Path, oldest: ssl.TLSVersion, newest: ssl.TLSVersion, version: str) -> None:
    with peers.server(_https(tmp_path, oldest=oldest, newest=newest)) as port:
        result = await _probe(port, "https")
    assert result.finding is Finding.EXPECTED
    assert result.tls is not None
    assert result.tls.version == version
    assert f"over {version}" in result.verdict


@pytest.mark.parametrize("expected", ["https", "metro_ssl"])
@pytest.mark.parametrize("newest", [Tls12, Tls13])
async def test_who_requires_a_certificate_of_the_client_proves_itself_by_that(
    tmp_path: Path, expected: str, newest: ssl.TLSVersion
) -> None:
    with peers.server(_https(tmp_path, client=ssl.CERT_REQUIRED, newest=newest)) as port:
        result = await _probe(port, expected)
    assert (result.finding, result.protocol) == (Finding.EXPECTED, "tls")
    assert "a certificate of the client is required" in result.verdict


async def test_dates_that_are_wrong(tmp_path: Path) -> None:
    with peers.server(_https(tmp_path, days=-10)) as port:
        over = await _probe(port, "https")
    with peers.server(_https(tmp_path, begins=5)) as port:
        early = await _probe(port, "https")
    with peers.server(_https(tmp_path, days=12)) as port:
        soon = await _probe(port, "https")
    assert "certificate CN=gw expired 10 days ago" in over.verdict
    assert "the certificate has expired: clients refuse it" in over.verdict
    assert "valid only in 5 days" in early.verdict
    assert "not yet valid: clients refuse it (is a clock wrong?)" in early.verdict
    assert "the certificate ends in 12 days" in soon.verdict


async def test_a_subject_moves_no_cursor(tmp_path: Path) -> None:
    with peers.server(_https(tmp_path, common_name="gw\x1b[2J")) as port:
        result = await _probe(port, "https")
    assert result.tls is not None
    assert "\x1b" not in result.verdict + result.tls.chain[0].subject + result.tls.chain[0].issuer


# --- HTTP -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_our_own_web_listener(tmp_path: Path, secure: bool) -> None:
    tls = server_context(tmp_path, SystemClock()) if secure else None
    async with open_world(tmp_path, tls=tls) as world:
        right = await _probe(world.port, "https" if secure else "http")
        swapped = await _probe(world.port, "http" if secure else "https")
        plc = await _probe(world.port, "opcua")
    assert (right.finding, right.product) == (Finding.EXPECTED, "plantgate")
    assert "RUNNING" in right.verdict
    for other in (swapped, plc):
        assert (other.finding, other.product) == (Finding.OTHER, "plantgate")


@contextlib.contextmanager
def _nginx(folder: Path, server: str) -> Iterator[int]:
    program = find_program("nginx", package="nginx-light")
    (port,) = free_ports(1)
    configuration = folder / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary} server {{ {server.format(port=port)} }} }}\n"
    )
    with subprocess.Popen([program, "-c", str(configuration), "-e", str(folder / "error.log")]) as process:
        try:
            wait_for(lambda: _open(port), "nginx listens")
            yield port
        finally:
            process.terminate()


def _open(port: int) -> bool:
    import socket

    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_nginx_that_says_that_plain_http_came_to_its_tls_port(tmp_path: Path) -> None:
    public, private = peers.certificate(tmp_path)
    server = f"listen 127.0.0.1:{{port}} ssl; ssl_certificate {public}; ssl_certificate_key {private};"
    with _nginx(tmp_path, server) as port:
        result = asyncio.run(_probe(port, "http"))
    assert (result.finding, result.protocol) == (Finding.OTHER, "https")
    assert "clients need https:// here" in result.verdict


def test_nginx_that_sends_everything_to_https(tmp_path: Path) -> None:
    with _nginx(tmp_path, "listen 127.0.0.1:{port}; return 301 https://gw.plant.example$request_uri;") as port:
        result = asyncio.run(_probe(port, "http"))
    assert result.finding is Finding.EXPECTED
    assert "sends to https://gw.plant.example/StatusPing" in result.verdict


# --- IPv6 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("http", lambda _: peers.ignition()),
        ("https", lambda folder: _https(folder, address="::1")),
        ("mssql", lambda _: peers.tds),
        ("oracle", lambda _: peers.tns(2, b"TNSLSNR for Linux: Version 19.0.0.0.0 - Production")),
    ],
)
async def test_over_ipv6(tmp_path: Path, expected: str, answer: Callable[[Path], peers.Answer]) -> None:
    with peers.server(answer(tmp_path), "::1") as port:
        result = await _probe(port, expected, host="::1")
        mismatch = await _probe(port, "opcua", host="::1")
    assert (result.finding, result.protocol) == (Finding.EXPECTED, expected)
    assert (mismatch.finding, mismatch.protocol) == (Finding.OTHER, expected)
