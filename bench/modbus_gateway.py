"""The gateway in a process of its own, polling quick devices at 1 s; no history, no page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import Plant, free_ports, plantgate, wait_for, write_data


@contextmanager
def gateway_that_polls(data: Path, ports: Sequence[int], tags: int) -> Iterator[Plant]:
    """`plantgate run` with a device for each port and `tags` holding registers of each, until every one is good."""
    data.mkdir()
    http, plc_port, reader_port, control = free_ports(4)
    write_data(data, http, plc_port, reader_port)
    (data / "tags" / "line1.csv").unlink()
    toml = data / "plantgate.toml"
    text = toml.read_text(encoding="utf-8")
    head = text[: text.index("[[device]]")].replace('keep = "30d"', "enabled = false")
    tables = "".join(f'[[device]]\nname = "P{port}"\nhost = "127.0.0.1"\nport = {port}\n\n' for port in ports)
    toml.write_text(head + tables, encoding="utf-8")
    lines = [f"P{port}/R{number:05d},Int4,[P{port}]HRUS{number}" for port in ports for number in range(1, tags + 1)]
    (data / "tags" / "load.csv").write_text("\n".join(["path,type,address", *lines]) + "\n", encoding="utf-8")
    with plantgate("run", "--data", str(data)) as gateway:
        site = Plant(data, http, plc_port, reader_port, control, gateway, gateway)
        wait_for(lambda: site.state() == "RUNNING", "RUNNING", 60)
        wait_for(lambda: figure(site, "tags_good") == len(lines), "every tag good", 60)
        yield site


def figure(site: Plant, name: str) -> int:
    """The sum of a figure over all devices."""
    items: list[dict[str, Any]] = site.get("/api/v1/status")["items"]
    return sum(part["details"][name] for part in items if part["kind"] == "device")
