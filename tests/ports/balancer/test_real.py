"""HAProxy, nginx and Caddy run the generated text in front of two real gateways."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from bench.processes import Command, free_ports, plantgate, wait_for
from plantgate.ports.balancer.model import COOKIE, Balancer, Gateway, Tls
from plantgate.ports.balancer.writers import configuration_text
from plantgate.runtime.clock import SystemClock
from plantgate.security.sign_in import create

Program: TypeAlias = Callable[..., str]
NAMES = ("alpha", "beta")
TRUST = ssl.create_default_context()
TRUST.check_hostname = False
TRUST.verify_mode = ssl.CERT_NONE


@dataclass
class Node:
    """A gateway: its name, HTTPS port, and the session cookies of somebody who signed in there directly."""

    name: str
    https: int
    data: Path
    command: Command
    cookies: dict[str, str]

    def sign_in(self) -> None:
        running = self.command.process
        wait_for(lambda: _state(self.https) == "RUNNING" or running.poll() is not None, f"{self.name} RUNNING")
        assert running.poll() is None, self.command.lines
        token = create(self.data, "operator", SystemClock())
        with httpx.Client(verify=TRUST) as client:
            answer = client.post(f"https://127.0.0.1:{self.https}/api/v1/session", json={"token": token})
            assert answer.status_code == 200, answer.text
            self.cookies.update(client.cookies)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of the balancer in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "balancer.test")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=20_000))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "balancer.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(built.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Two gateways that run, HTTPS only, with somebody signed in on each."""
    with ExitStack() as stack:
        found = []
        for name, https in zip(NAMES, free_ports(2), strict=True):
            data = tmp_path / name
            data.mkdir()
            (data / "plantgate.toml").write_text(f'[gateway]\nname = "{name}"\n', encoding="utf-8")
            ports = ["--set=gateway.port=0", f"--set=gateway.sslport={https}", "--set=gateway.metroSSLPort=0"]
            command = stack.enter_context(plantgate("run", "--data", str(data), *ports))
            found.append(Node(name, https, data, command, {}))
        for each in found:
            each.sign_in()
        yield found


def _state(port: int) -> str:
    try:
        return str(httpx.get(f"https://127.0.0.1:{port}/StatusPing", verify=TRUST, timeout=2).json()["state"])
    except (httpx.TransportError, ValueError, KeyError):
        return ""


def _wrapped(product: str, text: str, folder: Path, program: Program) -> tuple[list[str], list[str]]:
    """The text with what the product's own main file would have around it: (check command, run command)."""
    file = folder / "balancer.conf"
    if product == "haproxy":
        haproxy = program("haproxy", package="haproxy")
        file.write_text(text, encoding="utf-8")
        return [haproxy, "-c", "-f", str(file)], [haproxy, "-db", "-f", str(file)]
    if product == "caddy":
        caddy = program("caddy", package="caddy")
        file.write_text("{\n\tadmin off\n}\n" + text, encoding="utf-8")
        config = ["--adapter", "caddyfile", "--config", str(file)]
        return [caddy, "validate", *config], [caddy, "run", *config]
    nginx = program("nginx", package="nginx-light")
    modules = ""
    if text.find("\nstream {") >= 0:
        module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        if not module.exists():
            program(str(module), package="libnginx-mod-stream")
        modules = f"load_module {module};\n"
        inner = text
    else:
        places = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        inner = f"http {{\naccess_log off;\n{places}{text}}}\n"
    main = (
        f"{modules}daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n{inner}"
    )
    file.write_text(main, encoding="utf-8")
    return [nginx, "-t", "-e", "stderr", "-c", str(file)], [nginx, "-e", "stderr", "-c", str(file)]


@contextmanager
def balancing(product: str, balancer: Balancer, folder: Path, program: Program) -> Iterator[str]:
    """The product runs; gives its URL."""
    check, run = _wrapped(product, configuration_text(product, balancer), folder, program)
    environment = {
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "PATH": "/usr/bin",
    }
    checked = subprocess.run(check, capture_output=True, text=True, check=False, env=environment, timeout=30)
    assert checked.returncode == 0, checked.stderr
    assert "[WARNING]" not in checked.stderr
    assert "[warn]" not in checked.stderr
    log = folder / "balancer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(run, stdout=output, stderr=output, env=environment)
        try:
            wait_for(lambda: _state(balancer.port) == "RUNNING" or process.poll() is not None, f"{product} answers")
            assert process.poll() is None, log.read_text()
            yield f"https://127.0.0.1:{balancer.port}"
        finally:
            process.terminate()
            process.wait(10)


def _balancer(nodes: list[Node], tls: Tls, certificate: Path) -> Balancer:
    (port,) = free_ports(1)
    return Balancer(
        gateways=tuple(Gateway("127.0.0.1", each.https) for each in nodes),
        tls=tls,
        port=port,
        certificate=str(certificate) if tls is Tls.REENCRYPT else "",
        address="127.0.0.1",
    )


def _signed_in(nodes: list[Node]) -> dict[str, str]:
    """Somebody who is signed in on both gateways: their cookies have different names."""
    return {name: value for each in nodes for name, value in each.cookies.items()}


def _answering(url: str, nodes: list[Node], source: str = "127.0.0.1") -> str:
    """The name of the gateway that a new browser gets; empty if none answers."""
    transport = httpx.HTTPTransport(verify=TRUST, local_address=source)
    with httpx.Client(transport=transport, cookies=_signed_in(nodes), timeout=10) as client:
        try:
            answer = client.get(f"{url}/api/v1/gateway")
        except httpx.TransportError:
            return ""
        return str(answer.json()["name"]) if answer.status_code == 200 else ""


def _spread(url: str, nodes: list[Node], count: int = 24) -> Counter[str]:
    """Which gateway `count` new browsers get, each from an address of its own."""
    return Counter(_answering(url, nodes, f"127.1.{number}.{number * 7}") for number in range(1, count + 1))


def _all_get(url: str, nodes: list[Node], names: set[str]) -> bool:
    """Whether browsers get exactly these gateways."""
    return set(_spread(url, nodes, 12)) == names


@contextmanager
def _stream(url: str, cookies: dict[str, str]) -> Iterator[ClientConnection]:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with connect(
        f"{url.replace('https', 'wss')}/api/v1/stream",
        ssl=TRUST,
        origin=Origin(url),
        additional_headers={"Cookie": header},
        proxy=None,
    ) as socket:
        yield socket


def _message(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = json.loads(socket.recv(timeout=10))
        if found["type"] == kind:
            return found


def _hello_of(url: str, cookies: dict[str, str]) -> str:
    """The name of the gateway whose stream opens, once it also answers what it is asked."""
    with _stream(url, cookies) as socket:
        name = str(_message(socket, "hello")["gateway"])
        socket.send(json.dumps({"subscribe": {"tags": None, "badges": False, "status": True}}))
        assert _message(socket, "status")["state"] == "RUNNING"
        return name


def _stays_and_streams(url: str, nodes: list[Node]) -> None:
    """A browser stays on the gateway that it got first, and so do its WebSockets."""
    with httpx.Client(verify=TRUST, cookies=_signed_in(nodes), timeout=10) as client:
        name = client.get(f"{url}/api/v1/gateway").json()["name"]
        assert COOKIE in client.cookies
        assert {client.get(f"{url}/api/v1/gateway").json()["name"] for _ in range(10)} == {name}
        assert {_hello_of(url, dict(client.cookies)) for _ in range(4)} == {name}


def _forged_headers_get_nobody_in(url: str) -> None:
    """The gateways stand on this machine, where reading needs no sign-in: who comes through a proxy does not count."""
    for forged in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": ""}):
        answer = httpx.get(f"{url}/api/v1/gateway", headers=forged, verify=TRUST)
        assert answer.status_code == 403, forged


class _Pretender(BaseHTTPRequestHandler):
    """Says RUNNING, as a standby node does; whether it is the working one is in `server.active`."""

    def do_GET(self) -> None:
        good = self.path != "/health/active" or vars(self.server)["active"]
        body = b'{"state":"RUNNING"}' if self.path != "/" else vars(self.server)["name"].encode()
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to the terminal."""


@contextmanager
def pretender(name: str, certificate: Path, *, active: bool) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pretender)
    vars(server).update(name=name, active=active)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # The handshake is the business of each connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("product", "tls"), [("haproxy", Tls.PASSTHROUGH), ("caddy", Tls.REENCRYPT)])
def test_a_standby_node_that_says_running_gets_nothing_until_it_takes_over(
    product: str, tls: Tls, certificate: Path, tmp_path: Path, program: Program
) -> None:
    (port,) = free_ports(1)
    with pretender("one", certificate, active=True) as one, pretender("two", certificate, active=False) as two:
        gateways = tuple(Gateway("127.0.0.1", server.server_address[1]) for server in (one, two))
        file = str(certificate) if tls is Tls.REENCRYPT else ""
        wanted = Balancer(gateways=gateways, tls=tls, port=port, certificate=file, address="127.0.0.1")

        def answering() -> set[str]:
            transports = [httpx.HTTPTransport(verify=TRUST, local_address=f"127.1.{n}.{n * 7}") for n in range(1, 9)]
            found = set()
            for transport in transports:
                with httpx.Client(transport=transport, timeout=10) as client, suppress(httpx.TransportError):
                    found.add(client.get(f"https://127.0.0.1:{port}/").text)
            return found

        with balancing(product, wanted, tmp_path, program):
            wait_for(lambda: answering() == {"one"}, "the working node alone")
            vars(one)["active"], vars(two)["active"] = False, True
            wait_for(lambda: answering() == {"two"}, "the other node alone")


WAYS = {
    "haproxy": (Tls.REENCRYPT, Tls.PASSTHROUGH),
    "nginx": (Tls.REENCRYPT, Tls.PASSTHROUGH),
    "caddy": (Tls.REENCRYPT,),
}


@pytest.mark.parametrize("product", list(WAYS))
def test_a_balancer_in_front_of_two_gateways(
    product: str, nodes: list[Node], certificate: Path, tmp_path: Path, program: Program
) -> None:
    """Requests spread, browsers and WebSockets stay, and a gateway that stops gets nothing more."""
    with ExitStack() as stack:
        urls = {}
        for tls in WAYS[product]:
            folder = tmp_path / tls
            folder.mkdir()
            wanted = _balancer(nodes, tls, certificate)
            urls[tls] = stack.enter_context(balancing(product, wanted, folder, program))
        for tls, url in urls.items():
            wait_for(partial(_all_get, url, nodes, set(NAMES)), f"{tls}: both gateways are in rotation")
            if tls is Tls.REENCRYPT:
                _stays_and_streams(url, nodes)
                _forged_headers_get_nobody_in(url)
            else:
                assert _hello_of(url, _signed_in(nodes)) in NAMES
        assert nodes[0].command.stop() == 0
        for tls, url in urls.items():
            wait_for(partial(_all_get, url, nodes, {"beta"}), f"{tls}: the stopped gateway is out")
            assert _spread(url, nodes) == {"beta": 24}, tls
