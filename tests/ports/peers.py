"""Peers that no package brings: an Ignition double, TLS servers, TDS and TNS responders; on free loopback ports."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plantgate.runtime.clock import SystemClock

Answer = Callable[[socket.socket], None]

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


def certificate(
    folder: Path, *, name: str = "gw.plant.example", days: int = 90, common_name: str = "gw"
) -> tuple[Path, Path]:
    """A self-signed one; `days` may be negative."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.fromtimestamp(SystemClock().wall() // 1_000_000, datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
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
    days: int = 90,
) -> ssl.SSLContext:
    public, private = certificate(folder, days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    context.maximum_version, context.minimum_version = newest, oldest
    context.verify_mode = client
    if client is not ssl.CERT_NONE:
        context.load_verify_locations(public)
    return context
