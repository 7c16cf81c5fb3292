"""The main job, end to end, on real sockets: a PLC is polled, a badge opens a door, all of it is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import CARD, REFUSED_CARD, STRANGER, Plant, plant, plantgate, wait_for

STRIKE = "Line 1/Door 1/Strike"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Plant]:
    with plant(tmp_path) as running:
        yield running


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plantgate.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def newest_event(site: Plant, uid: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        items = site.get("/api/v1/badge-events", limit="20")["items"]
        return next((event for event in items if event["uid"] == f"…{uid[-4:]}"), None)

    event: dict[str, Any] = wait_for(found, f"a badge event of {uid}")
    return event


def test_a_badge_opens_the_door_and_is_kept(site: Plant) -> None:
    with site.gateway() as gateway:
        site.connected()
        site.present(CARD)
        event = newest_event(site, CARD)
        assert event["verdict"] == "accepted"
        assert event["holder"] == "Ada Lovelace"
        assert event["reader"] == "entrance"
        assert event["door"] == "Main door"
        assert event["latency_ms"] > 0
        assert event["reply_error"] == ""
        assert (event["why"], event["last4"], len(event["card"])) == ("rule", CARD[-4:], 32)
        assert site.reader.event("command")["seq"] == "60"
        # The strike was switched by a Modbus write that the PLC saw, and is switched back.
        writes = wait_for(
            lambda: [each for each in site.plc.events if each["event"] == "write"][1:] or None, "strike released", 10
        )
        assert writes
        wait_for(lambda: site.tag(STRIKE)["value"] is False, "the tag shows the released strike")
        assert gateway.stop() == 0
    # Everything is still there when nothing runs any more.
    stats = json.loads(command("history", "stats", "--data", str(site.data), "--json").stdout)
    assert stats["points"] > 30
    query = command("history", "query", "Line 1/Tank A/Level", "--last", "10m", "--data", str(site.data), "--json")
    assert len(json.loads(query.stdout)["points"]) >= 1, query.stderr


@pytest.mark.parametrize(
    ("uid", "holder", "why", "reason"),
    [
        (STRANGER, "", "unknown-card", "nobody is known to hold this card"),
        (
            REFUSED_CARD,
            "Linus Pauling",
            "no-rule",
            "the card of Linus Pauling in plantgate.toml is not for reader entrance",
        ),
    ],
)
def test_a_card_that_may_not_is_denied(site: Plant, uid: str, holder: str, why: str, reason: str) -> None:
    with site.gateway():
        site.connected()
        site.present(uid)
        event = newest_event(site, uid)
        assert (event["verdict"], event["holder"], event["why"], event["reason"]) == ("denied", holder, why, reason)
        assert site.reader.event("command")["seq"] == "61"
        assert site.tag(STRIKE)["value"] is False


def test_a_gateway_that_stops_releases_the_strike(site: Plant) -> None:
    with site.gateway() as gateway:
        site.connected()
        site.present(CARD)
        wait_for(lambda: site.tag(STRIKE)["value"] is True, "the strike is on")
        assert gateway.stop(signal.SIGINT) == 0
    last = [each for each in site.plc.events if each["event"] == "write"][-1]
    assert not last["value"], "the door must not stay open when the gateway has gone"


def test_it_says_stopping_before_it_ends(site: Plant) -> None:
    with site.gateway() as gateway:
        assert httpx.get(f"{site.url}/health/ready").status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: site.state() == "STOPPING", "STOPPING")
        assert httpx.get(f"{site.url}/health/ready").status_code == 503
        assert gateway.process.wait(10) == 0


def test_a_gateway_that_was_killed_releases_the_strike_when_it_is_back(site: Plant) -> None:
    with site.gateway() as gateway:
        site.connected()
        site.present(CARD)
        wait_for(lambda: site.tag(STRIKE)["value"] is True, "the strike is on")
        newest_event(site, CARD)
        gateway.stop(signal.SIGKILL)
    with site.gateway():
        assert newest_event(site, CARD)["verdict"] == "accepted", "what was shown as stored is stored"
        wait_for(lambda: site.tag(STRIKE)["quality"] == 192 and site.tag(STRIKE)["value"] is False, "strike released")


def test_the_plc_goes_and_comes_back(site: Plant) -> None:
    with site.gateway():
        site.connected()
        site.plc.stop(signal.SIGKILL)
        gone = wait_for(
            lambda: (tag := site.tag("Line 1/Tank A/Level"))["quality"] >= 512 and tag["reason"] and tag,
            "the tags turn bad and say why",
        )
        assert gone["value"] is not None, "the last value stays visible"
        assert site.tag("Readers/entrance/Connected")["quality"] == 192, "only the PLC's tags"
        with plantgate("plc", "simulate", "--port", str(site.plc_port), "--json", "--exit-with-parent"):
            wait_for(lambda: site.tag("Line 1/Tank A/Level")["quality"] == 192, "good again by itself", 30)


def test_a_taken_port_leaves_the_rest_running(site: Plant) -> None:
    import socket

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen(1)
        taken = squatter.getsockname()[1]
        with site.gateway("--set", f"gateway.sslport={taken}"):
            ready = wait_for(lambda: (r := httpx.get(f"{site.url}/health/ready")).status_code == 503 and r, "503")
            assert str(taken) in ready.text
            assert f"pid {os.getpid()}" in ready.text, "the process that holds the port is named"
            listener = next(part for part in site.get("/api/v1/status")["items"] if part["name"] == "https")
            assert listener["state"] == "port taken"
            assert listener["next_step"]
            port = next(row for row in site.get("/api/v1/ports")["items"] if row["name"] == "https")
            assert port["state"] == "TAKEN"
            assert port["owner"]["pid"]
            assert httpx.get(f"{site.url}/StatusPing").text == '{"state":"RUNNING"}'


def test_a_config_error_starts_nothing_and_names_the_place(site: Plant) -> None:
    toml = site.data / "plantgate.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("pulse", "puls"))
    done = command("run", "--data", str(site.data))
    assert done.returncode == 2
    line = next(number for number, text in enumerate(toml.read_text().splitlines(), 1) if "puls =" in text)
    assert f"plantgate.toml:{line}" in done.stderr
    assert "pulse" in done.stderr
    assert not (site.data / "state").exists()


def test_two_gateways_can_not_share_a_data_directory(site: Plant) -> None:
    with site.gateway() as first:
        second = command("run", "--data", str(site.data), "--set", "gateway.port=0")
        assert second.returncode == 1
        assert str(first.process.pid) in second.stderr


def test_the_log_is_in_the_data_directory(site: Plant) -> None:
    with site.gateway():
        site.connected()
    lines = (site.data / "logs" / "wrapper.log").read_text(encoding="utf-8").splitlines()
    assert any("running" in line and line.startswith("INFO   | plantgate | ") for line in lines)
