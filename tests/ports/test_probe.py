"""Probes against peers of every protocol, right and wrong ones, real servers where a package brings them."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import asyncua.server.server
import pytest

from bench.databases import mariadb, postgresql, postgresql_folder
from bench.processes import free_ports, plant
from plantgate.ports.findings import Finding, ProbeResult
from plantgate.ports.probe import probe
from tests.conftest import find_program
from tests.ports import peers


async def _probe(port: int, expected: str, **more: Any) -> ProbeResult:
    return await probe("127.0.0.1", port, expected, **{"timeout": 2.0, **more})


async def test_an_ignition_on_plain_http() -> None:
    with peers.server(peers.ignition()) as port:
        result = await _probe(port, "http")
    assert (result.finding, result.product, result.version) == (Finding.EXPECTED, "Ignition", "8.3.4")
    assert result.verdict == "Ignition 8.3.4, RUNNING, Master, active"
    assert result.facts["redundancy"] == "Good"
    assert result.latency is not None
    json.dumps(result.as_json())


async def test_an_ignition_that_is_not_commissioned() -> None:
    state = '{"state":"RUNNING","details":"COMMISSIONING"}'
    with peers.server(peers.ignition(state, "ContextStatus=NEEDS_COMMISSIONING;")) as port:
        result = await _probe(port, "http")
    assert (result.finding, result.product) == (Finding.EXPECTED, "Ignition")
    assert "first-run wizard is still open" in result.verdict


async def test_a_web_server_that_is_no_gateway() -> None:
    with peers.server(peers.http({"/": "hello"}, name="nginx/1.22")) as port:
        result = await _probe(port, "http")
    assert result.finding is Finding.OTHER
    assert result.verdict.startswith(f"port {port} is a web server (nginx/1.22), but no Ignition or plantgate")


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_https_tells_all_of_tls(tmp_path: Path, newest: ssl.TLSVersion) -> None:
    with peers.server(peers.tls(peers.ignition(), peers.tls_context(tmp_path, newest=newest))) as port:
        result = await _probe(port, "https")
    assert (result.finding, result.protocol, result.product) == (Finding.EXPECTED, "https", "Ignition")
    tls = result.tls
    assert tls is not None
    assert tls.version == newest.name.replace("_", ".")
    assert tls.cipher
    assert tls.client_certificate == "not asked for"
    assert "self-signed" in tls.trust
    (first,) = tls.chain
    assert (first.subject, first.issuer, first.self_signed, first.days_left) == ("CN=gw", "CN=gw", True, 90)
    assert list(first.names) == ["gw.plant.example", "127.0.0.1"]
    assert first.key == "EC 256"


async def test_a_certificate_that_has_expired_is_told(tmp_path: Path) -> None:
    with peers.server(peers.tls(peers.ignition(), peers.tls_context(tmp_path, days=-3))) as port:
        result = await _probe(port, "https")
    assert result.finding is Finding.EXPECTED
    assert "the certificate has expired" in result.verdict
    assert result.tls is not None
    assert result.tls.chain[0].days_left == -3


@pytest.mark.parametrize(
    ("mode", "oldest", "newest", "expected"),
    [
        (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "required"),
        (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "required"),
        (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "required"),
        (ssl.CERT_OPTIONAL, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "asked for"),
        (ssl.CERT_OPTIONAL, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "asked for"),
        (ssl.CERT_OPTIONAL, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "not required"),
        (ssl.CERT_NONE, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "not required"),
        (ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "not asked for"),
    ],
)
async def test_whether_a_certificate_of_the_client_is_asked_for(
    tmp_path: Path, mode: ssl.VerifyMode, oldest: ssl.TLSVersion, newest: ssl.TLSVersion, expected: str
) -> None:
    context = peers.tls_context(tmp_path, client=mode, oldest=oldest, newest=newest)
    with peers.server(peers.tls(peers.ignition(), context)) as port:
        result = await _probe(port, "metro_ssl")
    assert result.finding is Finding.EXPECTED
    assert result.tls is not None
    assert result.tls.client_certificate == expected
    assert [item.subject for item in result.tls.chain] == ["CN=gw"]
    insists = "does not insist on the other gateway's certificate" not in result.verdict
    assert insists == (expected in ("required", "asked for"))


async def test_http_and_https_swapped(tmp_path: Path) -> None:
    with (
        peers.server(peers.tls(peers.ignition(), peers.tls_context(tmp_path))) as secure,
        peers.server(peers.ignition()) as plain,
    ):
        first, second = await _probe(secure, "http"), await _probe(plain, "https")
    assert (first.finding, second.finding) == (Finding.OTHER, Finding.OTHER)
    assert first.verdict.startswith(f"port {secure} is open but speaks HTTP over TLS (HTTPS): a gateway's HTTP was ex")
    assert "https://" in first.verdict
    assert second.verdict.startswith(f"port {plain} is open but speaks HTTP: a gateway's HTTPS was expected")


def test_our_own_gateway_with_its_plc_and_reader(tmp_path: Path) -> None:
    with plant(tmp_path) as site, site.gateway():

        async def all_of_them() -> tuple[ProbeResult, ...]:
            return (
                await _probe(site.http, "http"),
                await _probe(site.plc_port, "modbus"),
                await _probe(site.reader_port, "reader"),
                await _probe(site.plc_port, "http", timeout=0.3),
            )

        gateway, plc, reader, wrong = asyncio.run(all_of_them())
    assert (gateway.finding, gateway.product) == (Finding.EXPECTED, "plantgate")
    assert gateway.verdict.startswith("plantgate 0.")
    assert plc.finding is Finding.EXPECTED
    assert reader.finding is Finding.NOT_ASKED
    assert wrong.finding is Finding.OTHER
    assert "speaks Modbus TCP" in wrong.verdict


async def test_a_reader_is_listened_to_when_asked_for_by_name() -> None:
    from plantgate.protocols.scrdr import encode_hello

    with peers.server(peers.says(encode_hello())) as port:
        silent, heard = await _probe(port, "reader"), await _probe(port, "reader", by_name=True)
    assert silent.finding is Finding.NOT_ASKED
    assert "--only reader" in silent.verdict
    assert (heard.finding, heard.facts["heard"]) == (Finding.EXPECTED, "hello")


async def test_a_reader_in_use_says_nothing() -> None:
    with peers.server(peers.says(b"")) as port:
        result = await _probe(port, "reader", by_name=True, timeout=0.2)
    assert result.finding is Finding.UNPROVED
    assert "in use by another host" in result.verdict


async def test_pymodbus() -> None:
    from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
    from pymodbus.pdu.device import ModbusDeviceIdentification
    from pymodbus.server import ModbusTcpServer

    (port,) = free_ports(1)
    context = ModbusServerContext(ModbusDeviceContext(hr=ModbusSequentialDataBlock(1, [0] * 10)), single=True)  # type: ignore[no-untyped-call]
    names = {0: "Acme", 1: "PX-7", 2: "4.2.1", 4: "Plant PLC"}
    identity = ModbusDeviceIdentification(names)  # type: ignore[no-untyped-call]
    device = ModbusTcpServer(context, identity=identity, address=("127.0.0.1", port))
    await device.serve_forever(background=True)
    try:
        result = await _probe(port, "modbus")
    finally:
        await device.shutdown()  # type: ignore[no-untyped-call]
    assert (result.finding, result.version) == (Finding.EXPECTED, "4.2.1")
    assert (result.facts["vendor"], result.facts["product_code"]) == ("Acme", "PX-7")


async def test_asyncua() -> None:
    (port,) = free_ports(1)
    server = asyncua.server.server.Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant")
    server.set_security_policy([asyncua.ua.SecurityPolicyType.NoSecurity])
    async with server:
        result = await _probe(port, "opcua")
        discovery = await _probe(port, "opcua_discovery")
    assert result.finding is discovery.finding is Finding.EXPECTED
    endpoints: Any = result.facts["endpoints"]
    assert [(item["mode"], item["policy"].rpartition("#")[2]) for item in endpoints] == [("None", "None")]
    assert "Anonymous" in endpoints[0]["tokens"]
    assert "anybody may log in without security" in result.verdict
    servers: Any = discovery.facts["servers"]
    assert servers[0]["application_uri"] == result.facts["application_uri"]


@pytest.mark.parametrize("auth", ["scram-sha-256", "trust"])
def test_a_real_postgresql(auth: str) -> None:
    find_program("pg_ctlcluster", "postgres", package="postgresql")
    programs = postgresql_folder()
    assert programs is not None
    with postgresql(programs, auth=auth) as port:
        result = asyncio.run(_probe(port, "postgresql"))
    assert (result.finding, result.product) == (Finding.EXPECTED, "PostgreSQL")
    assert result.facts["tls"] is False
    if auth == "trust":  # let in only to be told that there is no such user
        assert "does not exist" in str(result.facts["refused"])
    else:
        assert result.facts["auth"] == "password, SCRAM"


def test_a_real_mariadb_also_where_postgresql_was_expected() -> None:
    server = find_program("mariadbd", package="mariadb-server")
    with mariadb(server) as port:
        result = asyncio.run(_probe(port, "mysql"))
        wrong = asyncio.run(_probe(port, "postgresql"))
    assert (result.finding, result.product) == (Finding.EXPECTED, "MariaDB")
    assert result.version.startswith(("10.", "11.", "12."))
    assert wrong.finding is Finding.OTHER
    assert f"port {port} is open but speaks MySQL: PostgreSQL was expected (it is MariaDB" in wrong.verdict


async def test_sql_server_and_oracle() -> None:
    text = b"TNSLSNR for Linux: Version 19.0.0.0.0 - Production"
    refusal = b"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=1189)(ERROR_STACK=(ERROR=(CODE=1189)(EMFI=4))))"
    with (
        peers.server(peers.tds) as tds,
        peers.server(peers.tns(2, text)) as accepts,
        peers.server(peers.tns(4, refusal)) as refuses,
    ):
        sql, oracle, refused = (
            await _probe(tds, "mssql"), await _probe(accepts, "oracle"), await _probe(refuses, "oracle")
        )  # fmt: skip
    assert (sql.finding, sql.product, sql.version) == (Finding.EXPECTED, "SQL Server 2022", "16.0.4189")
    assert sql.facts["encryption"] == "on"
    assert (oracle.finding, oracle.version) == (Finding.EXPECTED, "19.0.0.0.0")
    assert (refused.finding, refused.version, refused.facts["refused"]) == (
        Finding.EXPECTED, "19.0.0.0.0", "TNS-01189",
    )  # fmt: skip


async def test_what_is_no_business_of_ours_is_named_by_its_banner() -> None:
    with peers.server(peers.says(b"SSH-2.0-OpenSSH_9.2\x1b[31m\r\n")) as port:
        result = await _probe(port, "postgresql")
    assert (result.finding, result.protocol) == (Finding.OTHER, "SSH")
    assert "\x1b" not in result.verdict, "what a peer sends moves no cursor"


async def test_a_silent_port_and_a_closed_one() -> None:
    with peers.server(peers.says(b"")) as port:
        silent = await _probe(port, "oracle", timeout=0.05)
    assert silent.finding is Finding.UNPROVED
    assert "said nothing" in silent.verdict
    closed = await _probe(free_ports(1)[0], "oracle")
    assert closed.finding is Finding.CLOSED
