"""The commands with which a person looks at a port without us, on Windows, Linux and macOS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Speaks: TypeAlias = Literal["http", "https", "tls", ""]
PLATFORMS: Sequence[str] = ("windows", "linux", "macos")


def tests_by_hand(host: str, port: int, *, transport: str, inbound: bool, speaks: Speaks) -> Mapping[str, list[str]]:
    """By platform, the commands that show who holds `port` and whether it answers.

    `inbound`: it is a port of this machine, so its holder can be asked for; else the connections to `host` are shown.
    """
    found = {
        "windows": _windows(host, port, transport, inbound=inbound),
        "linux": _linux(host, port, transport, inbound=inbound),
        "macos": _macos(host, port, transport, inbound=inbound),
    }
    shown = f"[{host}]" if ":" in host else host
    for platform, commands in found.items():
        if speaks in ("http", "https"):
            insecure = "-k " if speaks == "https" else ""
            curl = "curl.exe" if platform == "windows" else "curl"
            commands.append(f"{curl} {insecure}{speaks}://{shown}:{port}/StatusPing")
        if speaks in ("https", "tls") and platform != "windows":
            commands.append(f"openssl s_client -connect {shown}:{port} </dev/null")
    return found


def _windows(host: str, port: int, transport: str, *, inbound: bool) -> list[str]:
    if transport == "udp":
        return [f"netstat -ano -p UDP | findstr :{port}"]
    commands = [f"netstat -ano | findstr :{port}", f"powershell Test-NetConnection {host} -Port {port}"]
    if inbound:
        commands.insert(1, 'tasklist /fi "PID eq NUMBER"     (NUMBER: the last column of netstat)')
    return commands


def _linux(host: str, port: int, transport: str, *, inbound: bool) -> list[str]:
    if transport == "udp":
        return [f"ss -lunp 'sport = :{port}'"]
    first = f"ss -ltnp 'sport = :{port}'" if inbound else f"ss -tnp 'dport = :{port}'"
    return [first, f"nc -vz {host} {port}"]


def _macos(host: str, port: int, transport: str, *, inbound: bool) -> list[str]:
    if transport == "udp":
        return [f"lsof -nP -iUDP:{port}"]
    state = "LISTEN" if inbound else "ESTABLISHED"
    return [f"lsof -nP -iTCP:{port} -sTCP:{state}", f"nc -vz {host} {port}"]
