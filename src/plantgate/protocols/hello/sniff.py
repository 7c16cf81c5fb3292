"""What the first bytes of a peer tell, whoever was meant to be asked."""

from __future__ import annotations

from typing import Final

# Protocol by how its peer begins. Names as in the atlas where it has one.
_BEGINNINGS: Final = (
    (b"HTTP/", "http"),
    (b"SSH-", "SSH"),
    (b"$SCRDR", "reader"),
    (b"ACKF", "opcua"),
    (b"ERRF", "opcua"),
    (b"RFB ", "VNC"),
    (b"220 ", "FTP or SMTP"),
    (b"220-", "FTP or SMTP"),
    (b"+OK", "POP3 or Redis"),
    (b"-ERR", "Redis"),
    (b"* OK", "IMAP"),
    (b"AMQP", "AMQP"),
    (b"\x03\x00\x00", "RDP or S7"),
    (b"\xff\xfb", "Telnet"),
    (b"\xff\xfd", "Telnet"),
)
# What nginx, Go (Caddy) and Apache answer in clear text to plain HTTP on a TLS port.
_PLAIN_TO_TLS: Final = (
    b"HTTP request was sent to HTTPS port",
    b"HTTP request to an HTTPS server",
    b"HTTP to an SSL-enabled server port",
)


def wants_tls(answer: bytes) -> bool:
    """True if an HTTP answer says that plain HTTP came to a TLS port."""
    return any(mark in answer for mark in _PLAIN_TO_TLS)


def sniff(head: bytes) -> str:
    """`http`, `tls`, `SSH`, ...; empty if the bytes tell nothing."""
    if len(head) >= 5 and head[0] in range(20, 24) and head[1] == 3 and head[2] <= 4:
        return "tls"
    if head.startswith(b"HTTP/") and wants_tls(head):
        return "tls"
    if len(head) >= 5 and head[3] == 0 and head[4] in (10, 0xFF) and head[2] == 0:
        return "mysql"
    return next((name for start, name in _BEGINNINGS if head.startswith(start)), "")


BANNERS: Final = tuple(dict.fromkeys(name for _, name in _BEGINNINGS))
