"""The tag engine: loading from files, memory, changes to three consumers, formulas, and how the cost grows.

    python -m bench.tags [--tags 1000 10000 100000]

One core, one process per row of the loading table (memory is that of a fresh process). The three consumers are what
a gateway has: the history's queue, the pages' coalescing queue and one that counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

from bench.table import table
from plantgate.config.tags.write import TagRows, csv_text, json_text, toml_text
from plantgate.historian.intake import IntakeQueue
from plantgate.model.seams import ChangeSink
from plantgate.model.tag import ScaleMode, Scaling, TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.queues import Latest
from plantgate.tags.derived import DerivedTags
from plantgate.tags.tree import TagTree

COUNTS = (1_000, 10_000, 100_000)
CHANGES = 1_000_000
BATCH = 125  # the registers of one Modbus answer
PER_FILE = 25_000
WRITERS: dict[str, Callable[[TagRows], str]] = {"toml": toml_text, "json": json_text, "csv": csv_text}


def rows(begin: int, end: int) -> TagRows:
    return TagRows(
        tag=[
            {
                "path": f"Area {number // 1_000:03}/Machine {number // 50 % 20:02}/Value {number:06}",
                "type": "Float4",
                "address": f"[PLC1]HRF{1 + number % 60_000}",
                "history": number % 2 == 0,
                "unit": "bar",
                "high": 600,
                "description": f"measured at point {number}",
            }
            for number in range(begin, end)
        ]
    )


def write_data(folder: Path, form: str, count: int) -> None:
    (folder / "tags").mkdir(parents=True)
    (folder / "plantgate.toml").write_text('[[device]]\nname = "PLC1"\nhost = "192.0.2.1"\n', encoding="utf-8")
    for begin in range(0, count, PER_FILE):
        text = WRITERS[form](rows(begin, min(count, begin + PER_FILE)))
        (folder / "tags" / f"area{begin:06}.{form}").write_text(text, encoding="utf-8")


LOADER = """
import json, resource, sys
from pathlib import Path
from time import perf_counter
from plantgate.config.load import load
from plantgate.drivers.modbus import device_address_problem
from plantgate.runtime.clock import SystemClock
from plantgate.tags.tree import TagTree
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = perf_counter()
configuration = load(Path(sys.argv[1]), (), {}, address_check=device_address_problem)
loaded = perf_counter() - began
tree = TagTree(configuration.tags, SystemClock())
total = perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([len(tree.definitions()), loaded, total, before // 1024, peak // 1024]))
"""


def loading(counts: list[int]) -> None:
    found: list[list[object]] = []
    for form in WRITERS:
        for count in counts:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / "data"
                write_data(folder, form, count)
                size = sum(path.stat().st_size for path in (folder / "tags").iterdir())
                done = subprocess.run(
                    [sys.executable, "-c", LOADER, str(folder)], capture_output=True, text=True, check=True
                )
                tags, loaded, total, before, peak = json.loads(done.stdout)
                found.append([form, tags, size / 1e6, loaded, total, total / tags * 1e6, before, peak])
    table(
        "Loading definitions: files to a live tree",
        ["format", "tags", "MB of files", "load s", "with tree s", "us a tag", "MB before", "MB peak"],
        found,
    )


class History:
    """The historian's queue, emptied as its writer does."""

    def __init__(self, tree: TagTree) -> None:
        self.queue = IntakeQueue(1_000_000)
        self.queue.register(list(enumerate(tree.definitions())))

    def changed(self, batch: Batch) -> None:
        self.queue.put(batch)
        if self.queue.weight > 100_000:
            self.queue.settle(self.queue.next(1 << 60), None)


class Pages:
    """The newest value of each tag, taken ten times a second."""

    def __init__(self) -> None:
        self.latest: Latest[int, tuple[Scalar, int, int]] = Latest()
        self.batches = 0

    def changed(self, batch: Batch) -> None:
        for tag, value, quality, time in zip(batch.tags, batch.values, batch.qualities, batch.times, strict=True):
            self.latest.put(tag, (value, quality, time))
        self.batches += 1
        if self.batches % 200 == 0:
            self.latest.take()


class Count:
    def __init__(self) -> None:
        self.changes = 0

    def changed(self, batch: Batch) -> None:
        self.changes += len(batch.tags)


def definitions(count: int, scaling: Scaling | None = None, deadband: float = 0.0) -> list[TagDefinition]:
    return [
        TagDefinition(
            f"[default]Area {number // 1_000}/T{number}",
            DataType.FLOAT8,
            TagKind.DEVICE,
            "PLC1",
            "HRF1",
            history=True,
            scaling=scaling,
            deadband=deadband,
        )
        for number in range(count)
    ]


def publish_all(tree: TagTree, count: int) -> float:
    """Processor seconds for CHANGES changes, in batches of one answer each."""
    batches: list[Batch] = []
    for turn in (0.5, 1.5):
        for begin in range(0, count, BATCH):
            tags = list(range(begin, min(count, begin + BATCH)))
            size = len(tags)
            batches.append(Batch(tags, [turn + tag for tag in tags], [192] * size, [5] * size, 6))
    began, done = process_time(), 0
    while done < CHANGES:
        for batch in batches:
            tree.publish(batch)
            done += len(batch.tags)
            if done >= CHANGES:
                break
    return (process_time() - began) * CHANGES / done


def fan_out(counts: list[int]) -> None:
    found: list[list[object]] = []
    for count in counts:
        for name, scaling, deadband in (
            ("plain", None, 0.0),
            ("scaled, deadband", Scaling(ScaleMode.LINEAR, 0, 100, 0, 1_000), 0.01),
        ):
            tree = TagTree(definitions(count, scaling, deadband), SystemClock())
            sinks: list[ChangeSink] = [History(tree), Pages(), Count()]
            for sink in sinks:
                tree.add_sink(sink)
            spent = publish_all(tree, count)
            assert tree.changes >= CHANGES
            found.append([name, count, round(CHANGES / spent), spent / CHANGES * 1e6])
    table("Changes to three consumers (history, pages, a count)", ["tags", "number", "changes/s", "us a change"], found)


def unchanged(counts: list[int]) -> None:
    found: list[list[object]] = []
    for count in counts:
        tree = TagTree(definitions(count), SystemClock())
        tree.add_sink(Count())
        batches = [
            Batch(range(begin, begin + BATCH), [1.0] * BATCH, [192] * BATCH, [5] * BATCH, 6)
            for begin in range(0, count - BATCH, BATCH)
        ]
        began, done = process_time(), 0
        while done < CHANGES:
            for batch in batches:
                tree.publish(batch)
                done += BATCH
        found.append([count, round(done / (process_time() - began))])
    table("Values that are as they were", ["tags", "values/s"], found)


def formulas(counts: list[int]) -> None:
    found: list[list[object]] = []
    for count in counts:
        sources = [replace(each, path=f"[default]Machine {tag}/Speed") for tag, each in enumerate(definitions(count))]
        made = [
            TagDefinition(
                f"[default]Machine {number}/Twice", DataType.FLOAT8, TagKind.EXPRESSION, expression="{./Speed} * 2 + 1"
            )
            for number in range(count)
        ]
        began = perf_counter()
        tree = TagTree([*sources, *made], SystemClock())
        engine = DerivedTags(tree, {"default": 1.0}, SystemClock())
        tree.add_sink(engine)
        engine.settle()
        ready = perf_counter() - began
        before = engine.evaluations
        began = process_time()
        for turn in range(3):
            tree.publish(Batch(range(count), [float(turn)] * count, [192] * count, [5] * count, 6))
            engine.settle()
        found.append([count, ready, round((engine.evaluations - before) / (process_time() - began))])
    table("Expression tags of one type, one input each", ["formulas", "ready s", "changes through/s"], found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tags")
    parser.add_argument("--tags", type=int, nargs="+", default=list(COUNTS))
    counts: list[int] = parser.parse_known_args()[0].tags
    loading(counts)
    print()
    fan_out(counts)
    print()
    unchanged(counts)
    print()
    formulas(counts)


if __name__ == "__main__":
    main()
