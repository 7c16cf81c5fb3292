"""Badge to reply, measured by the simulated reader: from its write of $SCRDR to the receipt of $SCCMD."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from bench.processes import CARD, Plant, plant, wait_for
from bench.table import table
from plantgate.simulators.reader.client import measure

# Both rounds together stay within what one reader may tell at once (READER_BADGES_AT_ONCE).
PRESENTATIONS = 240


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder, plant(Path(folder)) as site, site.gateway():
        site.connected()
        cases: list[tuple[str, list[str] | None]] = [
            ("accepted, the door opens", [CARD]),
            ("denied, unknown cards", None),
        ]
        for name, cards in cases:
            figures: dict[str, Any] = asyncio.run(measure("127.0.0.1", site.control, PRESENTATIONS, cards))
            rows.append([name, figures["replied"], figures["p50_ms"], figures["p99_ms"], figures["max_ms"]])
        total = wait_for(lambda: _newest(site) >= 2 * PRESENTATIONS and _newest(site), "every decision stored", 60)
    table(
        f"Badge to reply on the wire, ms; {PRESENTATIONS:,} presentations each, the PLC polled meanwhile",
        ["", "replies", "p50", "p99", "max"],
        rows,
    )
    print(f"  decisions in the journal afterwards: {total:,}")


def _newest(site: Plant) -> int:
    """The id of the newest stored decision: ids count from 1 without holes."""
    items = site.get("/api/v1/badge-events", limit="1")["items"]
    return int(items[0]["id"]) if items else 0


if __name__ == "__main__":
    main()
