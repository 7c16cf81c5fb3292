"""What operating systems say about sockets, and what can be set on them, each in its own way."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket

# Windows: ERROR_CONNECTION_REFUSED of the proactor loop, WSAECONNREFUSED of the selector loop.
_REFUSED = {str(errno.ECONNREFUSED), "1225", "10061"}


def is_refusal(error: OSError) -> bool:
    """A name with several addresses that all refuse gives one OSError whose text lists the numbers of the others."""
    if isinstance(error, ConnectionRefusedError):
        return True
    numbers = set(re.findall(r"\[(?:Errno|WinError) (\d+)\]", str(error)))
    return error.errno is None and bool(numbers) and numbers <= _REFUSED


def reason(error: OSError) -> str:
    """The system's words for an error: asyncio puts "Connect call failed" in their place."""
    return os.strerror(error.errno).lower() if error.errno else str(error)


def keep_alive(connected: socket.socket, idle: int, interval: int, probes: int) -> None:
    """TCP keep-alive: macOS calls the idle time TCP_KEEPALIVE; where an option is missing the system's own is used."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = (
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPALIVE", idle),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", probes),
        # Linux: keep-alive rests while sent bytes wait for their acknowledgement, for up to 15 minutes.
        ("TCP_USER_TIMEOUT", (idle + interval * probes) * 1_000),
    )
    for name, value in options:
        if (option := getattr(socket, name, None)) is not None:
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, option, value)
