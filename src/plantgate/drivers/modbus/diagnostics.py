"""The diagnostic tags of a device, by Ignition's names: `[default]Devices/<name>/...`.

    Connected Hostname Name Port State Status MonitoredItemCount, and of ours GoodItemCount SilentUnits ...
    Rates/1000 ms/ActualSamplingInterval ...   one folder for each tag group's rate
    Aggregate/OverloadFactor ...               all rates together

Intervals and durations are milliseconds, throughput is requests a second. OverloadFactor is the part of the period that
its poll takes, in percent: above 100 the device can't keep up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from plantgate.config.document import Device
from plantgate.drivers.modbus.blocks import PollGroup
from plantgate.drivers.modbus.jobs import Counters
from plantgate.drivers.modbus.polling import Poller
from plantgate.model.quality import Quality
from plantgate.model.seams import BatchSink
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import Clock

_Row: TypeAlias = tuple[str, DataType, str, str]
_FOLDER: Final = "Devices"
_INT, _FLOAT, _TEXT = DataType.INT8, DataType.FLOAT8, DataType.STRING
_DEVICE: Final[tuple[_Row, ...]] = (
    ("Connected", DataType.BOOLEAN, "", "The device answers"),
    ("Hostname", _TEXT, "", "Host or address from the configuration"),
    ("Name", _TEXT, "", "Name of the device"),
    ("Port", DataType.INT4, "", "TCP port"),
    ("State", _TEXT, "", "What the connection is doing"),
    ("Status", _TEXT, "", "What is wrong, empty if nothing is"),
    ("MonitoredItemCount", _INT, "", "Tags that are polled"),
    ("GoodItemCount", _INT, "", "Tags whose quality is good"),
    ("SilentUnits", _TEXT, "", "Unit ids that do not answer and are asked apart"),
    ("ResponseTimeMean", _FLOAT, "ms", "Moving mean of the response time"),
    ("ResponseTimeMax", _FLOAT, "ms", "Slowest answer since the last publication"),
    ("TotalRequestCount", _INT, "", "Requests since the gateway started"),
    ("TimeoutCount", _INT, "", "Requests without an answer"),
    ("ExceptionCount", _INT, "", "Requests that the device refused"),
    ("LatePollCount", _INT, "", "Polls that could not begin in their period"),
    ("ReconnectCount", _INT, "", "Connections after the first"),
)
_THROUGHPUT: Final[tuple[_Row, ...]] = (
    ("ActualThroughput", _FLOAT, "1/s", "Answers a second"),
    ("IdealThroughput", _FLOAT, "1/s", "Requests a second that the plan needs"),
    ("OverloadFactor", _FLOAT, "%", "Part of the period that the poll takes; above 100 the device falls behind"),
    ("QueueDuration", _FLOAT, "ms", "How long a request waits for its turn"),
    ("RequestCount", _INT, "", "Requests for one poll"),
)
_UNUSED: Final = ("ActualThroughput", "IdealThroughput", "OverloadFactor", "QueueDuration", "RequestCount")
_RATE: Final[tuple[_Row, ...]] = (
    ("ActualSamplingInterval", _FLOAT, "ms", "Time between the last two polls"),
    ("IdealSamplingInterval", _FLOAT, "ms", "Rate of the tag group"),
    *_THROUGHPUT,
)


def device_tag_definitions(device: str, rates: Iterable[float]) -> list[TagDefinition]:
    """The tags that `device` publishes about itself; `rates` (seconds) are those of the tag groups it is polled at."""
    rows: list[_Row] = list(_DEVICE)
    rows += [(f"Aggregate/{name}", kind, unit, text) for name, kind, unit, text in _THROUGHPUT]
    for folder in _folders(rates):
        rows += [(f"Rates/{folder}/{name}", kind, unit, text) for name, kind, unit, text in _RATE]
    return [
        TagDefinition(path=_path(device, name), data_type=kind, unit=unit, description=text)
        for name, kind, unit, text in rows
    ]


def tag_definitions_of_devices(
    devices: Iterable[Device], tags: Iterable[TagDefinition], rates: Mapping[str, Collection[float]]
) -> list[TagDefinition]:
    """The diagnostic tags of every device that is enabled; `rates` are the seconds that each tag group may have."""
    polled: dict[str, set[float]] = {device.name: set() for device in devices if device.enabled}
    for tag in tags:
        if tag.kind is TagKind.DEVICE and tag.device in polled:
            polled[tag.device].update(rates[tag.group])
    return [definition for name, found in polled.items() for definition in device_tag_definitions(name, found)]


def _path(device: str, name: str) -> str:
    return full_path(f"{_FOLDER}/{device}/{name}")


def _folder(rate: float) -> str:
    return f"{round(rate * 1_000)} ms"


def _folders(rates: Iterable[float]) -> list[str]:
    return list(dict.fromkeys(_folder(rate) for rate in sorted(set(rates)) if rate > 0))


class Diagnostics:
    """Publishes the tags of one device. `find` gives the id of a tag path; what has none is not published."""

    def __init__(self, device: str, find: Callable[[str], int | None], clock: Clock, sink: BatchSink) -> None:
        self._device = device
        self._find = find
        self._clock = clock
        self._sink = sink
        self._told: set[str] = set()
        self._marked_at = clock.mono()

    def publish(self, values: Mapping[str, Scalar]) -> None:
        """Values by tag name below the device's folder."""
        rows = [
            (tag, value) for name, value in values.items() if (tag := self._find(_path(self._device, name))) is not None
        ]
        if not rows:
            return
        wall = self._clock.wall()
        tags, column = [tag for tag, _ in rows], [value for _, value in rows]
        self._sink.publish(Batch(tags, column, [int(Quality.GOOD)] * len(rows), [wall] * len(rows), wall))

    def figures(self, poller: Poller, counters: Counters) -> None:
        """Publish the figures of the time since this was last called."""
        now = self._clock.mono()
        seconds, self._marked_at = now - self._marked_at, now
        values: dict[str, Scalar] = {
            "GoodItemCount": poller.tags_good,
            "SilentUnits": ", ".join(map(str, poller.silent_units)),
            "ResponseTimeMean": _ms(counters.response_seconds),
            "ResponseTimeMax": _ms(counters.slowest_seconds),
            "TotalRequestCount": counters.requests,
            "TimeoutCount": counters.timeouts,
            "ExceptionCount": counters.exceptions,
            "LatePollCount": counters.late_polls,
            "ReconnectCount": max(0, counters.connects - 1),
        }
        counters.slowest_seconds = 0.0
        groups = poller.groups
        actual = {group.rate: _throughput(group, seconds) for group in groups}
        of_rates = {_folder(group.rate): _of_rate(group, actual) for group in groups}
        for folder in self._told - of_rates.keys():
            values |= {f"Rates/{folder}/{name}": 0 for name in _UNUSED}  # no group has this rate now
        self._told = set(of_rates)
        for folder, figures in of_rates.items():
            values |= {f"Rates/{folder}/{name}": value for name, value in figures.items()}
        values |= {f"Aggregate/{name}": value for name, value in _of_all(groups, actual, counters).items()}
        self.publish(values)


def _throughput(group: PollGroup, seconds: float) -> float:
    """Answers a second since this was last asked."""
    answered, group.answered = group.answered, 0
    return round(answered / seconds, 2) if seconds > 0 else 0.0


def _of_rate(group: PollGroup, actual: Mapping[float, float]) -> dict[str, Scalar]:
    return {
        "ActualSamplingInterval": _ms(group.interval),
        "IdealSamplingInterval": _ms(group.rate),
        "ActualThroughput": actual[group.rate],
        "IdealThroughput": round(group.requests / group.rate, 2),
        "OverloadFactor": round(group.load_percent or 0.0, 1),
        "QueueDuration": _ms(group.queued),
        "RequestCount": group.requests,
    }


def _of_all(groups: Sequence[PollGroup], actual: Mapping[float, float], counters: Counters) -> dict[str, Scalar]:
    return {
        "ActualThroughput": round(sum(actual.values()), 2),
        "IdealThroughput": round(sum(group.requests / group.rate for group in groups), 2),
        "OverloadFactor": round(sum(group.load_percent or 0.0 for group in groups), 1),
        "QueueDuration": _ms(counters.queue_seconds),
        "RequestCount": sum(group.requests for group in groups),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 3)
