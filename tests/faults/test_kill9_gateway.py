"""kill -9 of the whole gateway, at any moment: whatever it had reported as stored is there when it is back."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import CARD, STRANGER, Plant, plant, wait_for
from plantgate.simulators.reader.client import measure


def acknowledged(site: Plant, seconds: float) -> tuple[int, set[int]]:
    """What the gateway reports as stored until it is killed: history points, ids of badge events."""
    points, events = 0, set[int]()
    killer = threading.Event()
    timer = threading.Timer(seconds, killer.set)
    timer.start()
    with httpx.Client(base_url=site.url, timeout=5) as client:
        while not killer.is_set():
            points = max(points, client.get("/api/v1/history/stats").json()["points"])
            events |= {event["id"] for event in client.get("/api/v1/badge-events?limit=500").json()["items"]}
    timer.join()
    return points, events


def every_event(site: Plant) -> list[int]:
    """The ids of all badge events, page by page."""
    ids: list[int] = []
    before: dict[str, str] = {}
    while items := site.get("/api/v1/badge-events", limit="5000", **before)["items"]:
        ids += [event["id"] for event in items]
        before = {"before": str(ids[-1])}
    return ids


def show_cards(site: Plant) -> None:
    """A stream of badges; it ends when the gateway does."""
    asyncio.run(measure("127.0.0.1", site.control, 400, [CARD, STRANGER]))


def offline_stats(data: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "plantgate.cli.main", "history", "stats", "--data", str(data), "--json"]
    stats: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)
    return stats


def kill_and_compare(site: Plant, cycles: int) -> None:
    chance = random.Random(20261120)
    known: set[int] = set()
    for _ in range(cycles):
        with site.gateway() as gateway:
            site.connected()
            assert known <= set(every_event(site)), "an event that was shown as stored is gone"
            cards = threading.Thread(target=show_cards, args=(site,))
            cards.start()
            wait_for(lambda: site.get("/api/v1/badge-events", limit="1")["items"], "the first badge is stored")
            points, events = acknowledged(site, chance.uniform(0.1, 1.2))
            gateway.stop(signal.SIGKILL)
            cards.join()
        assert len(known | events) > len(known), "badges were stored in this cycle"
        known |= events
        assert offline_stats(site.data)["points"] >= points, "points that were reported as stored are gone"
    with site.gateway():
        ids = every_event(site)
        assert known <= set(ids)
        assert len(ids) == len(set(ids)), "no event twice"


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with plant(tmp_path) as site:
        kill_and_compare(site, 4)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_acknowledged_is_lost_in_many_cycles(tmp_path: Path) -> None:
    with plant(tmp_path) as site:
        kill_and_compare(site, 60)
