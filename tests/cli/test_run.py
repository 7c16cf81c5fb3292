"""What `plantgate run` says when it runs: a link that works, and what is not well."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bench.processes import free_ports
from plantgate.app import Gateway
from plantgate.cli.run import announce
from plantgate.config.load import load
from plantgate.config.template import GATEWAY_XML_TEXT
from plantgate.runtime.clock import SystemClock


def gateway(folder: Path, http: int, https: int) -> Gateway:
    (folder / "plantgate.toml").write_text("")
    (folder / "gateway.xml").write_text(GATEWAY_XML_TEXT)
    sets = [f"gateway.port={http}", f"gateway.sslport={https}"]
    return Gateway(load(folder, sets, environ={}), folder, SystemClock())


async def said(running: Gateway) -> list[str]:
    lines: list[str] = []
    await running.start()
    try:
        announce(running, lines.append)
    finally:
        await running.stop()
    return lines


async def test_the_link_never_leads_to_a_port_of_somebody_else(tmp_path: Path) -> None:
    (https,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        first, second = await said(gateway(tmp_path, taken, https))
    assert f"https://localhost:{https}/#signin=" in first
    assert f"port {taken} is taken" in second


async def test_without_any_port_there_is_no_link(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        first, *_ = await said(gateway(tmp_path, squatter.getsockname()[1], 0))
    assert "signin" not in first
    assert "without a page" in first


async def test_a_disk_that_takes_no_link_does_not_end_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plantgate.security.sign_in.create", full)
    (http,) = free_ports(1)
    (line,) = await said(gateway(tmp_path, http, 0))
    assert f"http://localhost:{http}/ " in line
    assert "No space left on device" in line
