"""Two machines in network namespaces of their own: a gateway's and a client's, joined by one cable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The client's addresses with the gateway's beside them.
ALLOWED, STRANGER = ("10.77.0.2", "10.77.0.1"), ("192.168.77.2", "192.168.77.1")
ALLOWED6, STRANGER6 = ("fd77::2", "fd77::1"), ("fd78::2", "fd78::1")
PAIRS = (ALLOWED, STRANGER, ALLOWED6, STRANGER6)

# Listens on every port named, IPv4 and IPv6, and greets whoever comes, until its input ends.
SERVER = """
import asyncio, sys
async def greet(reader, writer):
    writer.write(b"hello\\n")
    while line := await reader.readline():
        writer.write(line)
    writer.close()
async def main():
    for port in sys.argv[1:]:
        await asyncio.start_server(greet, ["0.0.0.0", "::"], int(port))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""
# Tries [source, destination, port] triples at once; prints for each whether it was greeted.
_CLIENT = """
import asyncio, json, sys
async def greeted(source, destination, port):
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(destination, port, local_addr=(source, 0))
            answer = await reader.readline()
            writer.close()
            return answer == b"hello\\n"
    except OSError:
        return False
async def main():
    print(json.dumps(await asyncio.gather(*(greeted(*item) for item in json.loads(sys.argv[1])))))
asyncio.run(main())
"""
# `plantgate ports` with the two commands of this part.
PORTS_COMMAND = "import typer; from plantgate.cli.ports_firewall import register; a = typer.Typer(); register(a); a()"
_BOUND_OVER = 'mount --bind "$1" /etc/ufw && mount --bind "$2" /etc/default/ufw && shift 2 && exec "$@"'


@dataclass(frozen=True)
class World:
    gateway: str
    client: str
    ufw: Path

    def inside(self, *argv: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program on the gateway's machine, with ufw's files being copies."""
        command = ["ip", "netns", "exec", self.gateway]
        if self.ufw.exists():
            command += [
                "unshare",
                "--mount",
                "sh",
                "-c",
                _BOUND_OVER,
                "sh",
                str(self.ufw / "etc"),
                str(self.ufw / "default"),
            ]
        done = subprocess.run([*command, *argv], input=stdin, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 or not check, f"{argv}: {done.stdout}{done.stderr}"
        return done

    def ports(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """`plantgate ports ARGUMENTS` on the gateway's machine."""
        return self.inside(sys.executable, "-c", PORTS_COMMAND, *arguments, stdin=stdin, check=check)

    def reached(self, ports: Sequence[int]) -> dict[tuple[str, int], bool]:
        """Which of the client's addresses gets an answer on which port."""
        wanted = [(source, destination, port) for source, destination in PAIRS for port in ports]
        done = subprocess.run(
            ["ip", "netns", "exec", self.client, sys.executable, "-c", _CLIENT, json.dumps(wanted)],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        answers: list[bool] = json.loads(done.stdout)
        return {(source, port): answer for (source, _, port), answer in zip(wanted, answers, strict=True)}

    def popen(self, name: str, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", name, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def build(world: World) -> None:
    near, far = f"{world.gateway[-12:]}a", f"{world.gateway[-12:]}b"
    ip("link", "add", near, "netns", world.gateway, "type", "veth", "peer", "name", far, "netns", world.client)
    for name, link, side in ((world.gateway, near, 1), (world.client, far, 0)):
        for pair in PAIRS:
            six = ":" in pair[side]
            more = ["nodad"] if six else []
            ip("-n", name, "address", "add", f"{pair[side]}/{64 if six else 24}", "dev", link, *more)
        ip("-n", name, "link", "set", link, "up")
        ip("-n", name, "link", "set", "lo", "up")
