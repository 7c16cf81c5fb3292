"""Peers that no package brings: an Ignition double, TLS servers, TDS and TNS responders; on free loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import ipaddress
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plantgate.runtime.clock import SystemClock

Answer = Callable[[socket.socket], None]
Result = TypeVar("Result")

IGNITION_GWINFO = (
    "ContextStatus=RUNNING;PlatformName=Ignition;Version=8.3.4;PlatformEdition=;OS=Linux;RuntimeVersion=17.0.16;"
    "RedundancyStatus=Master;RedundantState=Good;RedundantNodeActiveStatus=Active;RequireSsl=false;"
)


@contextlib.contextmanager
def server(answer: Answer, address: str = "127.0.0.1") -> Iterator[int]:
    """Runs `answer` for each connection in a thread of its own; errors of a peer that hangs up are its manner."""
    listener = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []

    def handle(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            answer(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.settimeout(5)
                clients.append(client)
                threads.append(threading.Thread(target=handle, args=(client,)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def says(greeting: bytes) -> Answer:
    """Greets and waits until the other side hangs up."""

    def answer(client: socket.socket) -> None:
        client.sendall(greeting)
        while client.recv(4096):
            pass

    return answer


def http(pages: dict[str, str], status: int = 404, name: str = "Jetty(12.0)") -> Answer:
    """A page per path, `status` for the others; what is no HTTP is answered with 400."""

    def answer(client: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = client.recv(4096)
            if not more:
                return
            data += more
            if not data.startswith(b"GET /"[: len(data)]):
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                return
        path = data.split()[1].decode()
        body = pages.get(path)
        code = status if body is None else 200
        text = (body or "").encode()
        head = f"HTTP/1.1 {code} X\r\nServer: {name}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode() + text)

    return answer


def ignition(state: str = '{"state":"RUNNING"}', gwinfo: str = IGNITION_GWINFO) -> Answer:
    return http({"/StatusPing": state, "/system/gwinfo": gwinfo})


def tls(answer: Answer, context: ssl.SSLContext) -> Answer:
    """`answer` inside TLS."""

    def secured(client: socket.socket) -> None:
        if not client.recv(1, socket.MSG_PEEK):  # wrap_socket leaks a socket that is reset under its hands
            return
        with context.wrap_socket(client, server_side=True) as inner:
            answer(inner)

    return secured


def tds(client: socket.socket) -> None:
    """SQL Server 2022's answer to PRELOGIN."""
    head = client.recv(8, socket.MSG_WAITALL)
    if head[:1] != b"\x12":
        return
    client.recv(struct.unpack_from(">H", head, 2)[0] - 8, socket.MSG_WAITALL)
    options = bytes([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF])
    body = options + bytes([16, 0, 0x10, 0x5D, 0, 0]) + b"\x01"
    client.sendall(bytes([4, 1]) + struct.pack(">H", len(body) + 8) + bytes(4) + body)


def tns(kind: int, text: bytes) -> Answer:
    """An Oracle listener that accepts (2) and tells its version, or refuses (4)."""

    def answer(client: socket.socket) -> None:
        head = client.recv(8, socket.MSG_WAITALL)
        if len(head) < 8 or head[4] != 1:
            return
        asked = client.recv(struct.unpack_from(">H", head)[0] - 8, socket.MSG_WAITALL)
        assert asked.endswith(b"(CONNECT_DATA=(COMMAND=VERSION))")
        if kind == 4:
            body = b"\x22\x00" + struct.pack(">H", len(text)) + text
            client.sendall(struct.pack(">HHBBH", len(body) + 8, 0, 4, 0, 0) + body)
            return
        client.sendall(struct.pack(">HHBBH", 32, 0, 2, 0, 0) + bytes(24))
        client.sendall(struct.pack(">HHBBH", len(text) + 10, 0, 6, 0, 0) + b"\0\0" + text)

    return answer


@dataclasses.dataclass(frozen=True)
class Issuer:
    """An authority, to sign with."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(SystemClock().wall() // 1_000_000, datetime.UTC)


def _sign(
    key: ec.EllipticCurvePrivateKey,
    common_name: str,
    names: list[x509.GeneralName],
    *,
    days: int,
    begins: int = -400,
    issuer: Issuer | None = None,
    authority: bool = False,
) -> x509.Certificate:
    """Valid from `begins` days from now for `days` from now and an hour; self-signed without an `issuer`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() + datetime.timedelta(days=begins, hours=-1))
        .not_valid_after(_now() + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def authority(common_name: str, issuer: Issuer | None = None) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    return Issuer(_sign(key, common_name, [], days=1_000, issuer=issuer, authority=True), key)


def certificate(
    folder: Path,
    *,
    name: str = "gw.plant.example",
    address: str = "127.0.0.1",
    days: int = 90,
    begins: int = -400,
    common_name: str = "gw",
    chain: Sequence[Issuer] = (),
    issuer: Issuer | None = None,
) -> tuple[Path, Path]:
    """Self-signed, or by `issuer`, or by the first of `chain`, which are sent with it. `days` may be negative."""
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(address))]
    made = _sign(key, common_name, names, days=days, begins=begins, issuer=chain[0] if chain else issuer)
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(b"".join(pem(each) for each in (made, *(issuer.certificate for issuer in chain))))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def tls_context(
    folder: Path,
    *,
    client: ssl.VerifyMode = ssl.CERT_NONE,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    **more: Any,
) -> ssl.SSLContext:
    """`more` is for `certificate`."""
    public, private = certificate(folder, **more)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    context.maximum_version, context.minimum_version = newest, oldest
    context.verify_mode = client
    if client is not ssl.CERT_NONE:
        context.load_verify_locations(public)
    return context


class _Impatient(selectors.DefaultSelector):
    """Waits no longer than a moment for sockets; what it was to wait beyond that, it says has passed."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else min(timeout, 0.005))
        if not ready and timeout is not None:
            self.skipped += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """Time stands still while somebody works and jumps while all wait: how long a wait took can be told exactly.

    For peers that run in this very loop: those in threads would miss their turn.
    """

    def __init__(self) -> None:
        self._waits = _Impatient()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.skipped


def run_skipping(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work)


@contextlib.asynccontextmanager
async def inside(protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    """A server in the running loop."""
    running = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


class PatientWeb(asyncio.Protocol):
    """A web server that waits for an empty line whatever comes, as Go's, Apache and Python's do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        if b"\r\n\r\n" in self._held:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nServer: patient\r\nContent-Length: 0\r\n\r\n")
            self._transport.close()
