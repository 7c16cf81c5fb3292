"""The namespaces as fixtures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.processes import wait_for
from tests.ports.firewall.netns import SERVER, World, build, ip


def _cannot(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def world(tmp_path: Path, program: Callable[..., str]) -> Iterator[World]:
    """Needs root and Linux; in CI that must be there, elsewhere the test is skipped."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        _cannot("network namespaces need root on Linux")
    program("ip", package="iproute2")
    made = World(f"pgw{os.getpid()}", f"pgc{os.getpid()}", tmp_path / "ufw")
    names: list[str] = []
    try:
        for name in (made.gateway, made.client):
            try:
                ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                _cannot(f"no network namespaces here: {error.stderr.strip()}")
            names.append(name)
        build(made)
        yield made
    finally:
        for name in names:
            ip("netns", "delete", name)


@pytest.fixture
def serving(world: World) -> Iterator[Callable[..., None]]:
    """`serving(8088, 2222)` listens on the gateway's machine until the test ends."""
    running: list[subprocess.Popen[Any]] = []

    def serve(*ports: int) -> None:
        process = world.popen(world.gateway, sys.executable, "-c", SERVER, *map(str, ports))
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    yield serve
    for process in running:
        process.communicate()


_BUS = """<busconfig><type>system</type><listen>unix:path={0}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""


@pytest.fixture
def firewalld(
    world: World, tmp_path: Path, program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """firewalld on the gateway's machine, with a message bus and files of its own; everything may come in."""
    bus = program("dbus-daemon", package="dbus")
    address, files = tmp_path / "bus", tmp_path / "firewalld"
    (files / "policies").mkdir(parents=True)
    (files / "zones").mkdir()
    (files / "firewalld.conf").write_text("DefaultZone=trusted\nFirewallBackend=nftables\n", encoding="utf-8")
    (tmp_path / "bus.conf").write_text(_BUS.format(address), encoding="utf-8")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={address}")
    with ExitStack() as stack:
        for command in (
            (bus, f"--config-file={tmp_path / 'bus.conf'}", "--nofork"),
            (
                "firewalld",
                "--nofork",
                "--nopid",
                f"--system-config={files}",
                f"--log-file={tmp_path / 'firewalld.log'}",
            ),
        ):
            process = stack.enter_context(world.popen(world.gateway, *command))
            stack.callback(process.terminate)
            if command[0] == bus:
                wait_for(address.exists, "the message bus")
        wait_for(lambda: world.inside("firewall-cmd", "--state", check=False).stdout == "running\n", "firewalld runs")
        yield files


@pytest.fixture
def ufw_files(world: World) -> Path:
    """Copies of ufw's files, which World.inside puts in the place of the real ones."""
    world.ufw.mkdir()
    shutil.copytree("/etc/ufw", world.ufw / "etc")
    text = Path("/etc/default/ufw").read_text(encoding="utf-8")
    # The kernel settings are the whole machine's business, not the namespace's.
    lines = [line for line in text.splitlines() if not line.startswith("IPT_SYSCTL")]
    (world.ufw / "default").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return world.ufw / "etc"
