"""The simulator's control socket: newline-delimited JSON, one request and one response per line, loopback only.

    {"op": "present", "uid": "047DAE02C84080", "wait": 1.0}
    {"ok": true, "sent": true, "seq": "60", "name": "access granted", "latency_ms": 0.7}

| op            | fields                                    | response                                              |
|---------------|-------------------------------------------|-------------------------------------------------------|
| `present`     | card, `wait` (s, default 0)               | `sent`; with `wait` also `seq` `name` `latency_ms`    |
| `hold`        | card                                      | `sent`                                                |
| `remove`      | `uid`                                     | `removed`                                             |
| `measure`     | `count`, `uids` (optional), `timeout` (s) | figures: `replied` `lost` `p50_ms` `p99_ms` `max_ms`  |
| `status`      |                                           | `port` `host` `held` `personality`, counters          |
| `personality` | `set`: trait to value                     | `personality`                                         |
| `drop`        | `reset` (default false)                   | `dropped`                                             |
| `vanish`      |                                           | `vanished`                                            |
| `reboot`      |                                           |                                                       |
| `raw`         | `hex`: any bytes                          | `sent`                                                |

A card is `uid` and, if wanted, `interface` `protocol` `template` `rssi` `data` `details`. A request that can't be
met answers `{"ok": false, "code": ..., "error": ..., "hint": ...}`; the connection stays open.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from typing import Any

from plantgate.errors import PlantgateError, UsageError
from plantgate.limits import SIMULATOR_REQUEST_BYTES
from plantgate.protocols.scrdr import sequence_name
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.device import Card, ReaderDevice, Reply
from plantgate.simulators.reader.options import change
from plantgate.simulators.reader.server import ReaderServer

_CARD_FIELDS = frozenset(field.name for field in fields(Card))
_MEASURE_SECONDS = 1.0
_MEASURE_MOST = 100_000


class ControlServer:
    """Carries out requests on one simulated reader."""

    def __init__(self, device: ReaderDevice, server: ReaderServer, port: int, clock: Clock) -> None:
        self._device = device
        self._server = server
        self._clock = clock
        self._tasks = TaskGroup("simulator/control", clock)
        self._listener = StreamServer(bind("127.0.0.1", port), self._converse, self._tasks)
        self.port = self._listener.port
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "present": self._present,
            "hold": self._hold,
            "remove": self._remove,
            "measure": self._measure,
            "status": self._status,
            "personality": self._personality,
            "drop": self._drop,
            "vanish": self._vanish,
            "reboot": self._reboot,
            "raw": self._raw,
        }

    async def start(self) -> None:
        await self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    async def _converse(self, stream: Stream) -> None:
        pending = bytearray()
        while data := await stream.read():
            scanned = len(pending)
            pending += data
            while (end := pending.find(b"\n", scanned)) >= 0:
                scanned = 0
                line = bytes(pending[:end])
                del pending[: end + 1]
                stream.write(json.dumps(await self._answer(line)).encode() + b"\n")
            if len(pending) > SIMULATOR_REQUEST_BYTES:
                return

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise UsageError("SIM-401", "a request is a JSON object", '{"op": "status"}')
            operation = self._operations.get(str(request.pop("op", "")))
            if operation is None:
                raise UsageError("SIM-402", "no such op", f"one of {', '.join(self._operations)}")
            return {"ok": True, **await operation(request)}
        except PlantgateError as error:
            return {"ok": False, "code": error.code, "error": error.message, "hint": error.hint}
        except (ValueError, RecursionError) as error:
            return {"ok": False, "code": "SIM-401", "error": f"not JSON: {error}", "hint": '{"op": "status"}'}

    async def _present(self, request: dict[str, Any]) -> dict[str, Any]:
        wait = _number(request.pop("wait", 0), "wait", most=60)
        card = _card(request)
        if not wait:
            return {"sent": self._device.tap(card)}
        sent, reply = await self._device.tap_and_wait(card, wait)
        return {"sent": sent, **_reply(reply)}

    async def _hold(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"sent": self._device.hold(_card(request))}

    async def _remove(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"removed": self._device.remove(str(request.get("uid", "")))}

    async def _measure(self, request: dict[str, Any]) -> dict[str, Any]:
        """Cards one after the other, each as soon as the one before is answered."""
        count = int(_number(request.get("count", 1_000), "count", most=_MEASURE_MOST))
        timeout = _number(request.get("timeout", _MEASURE_SECONDS), "timeout", most=60)
        uids = request.get("uids") or [f"04{number:012X}" for number in range(1, count + 1)]
        if not isinstance(uids, list):
            raise UsageError("SIM-403", "uids is a list of card ids")
        cards = itertools.cycle([Card(str(uid)) for uid in uids])
        began = self._clock.mono()
        latencies: list[float] = []
        for card in itertools.islice(cards, count):
            sent, reply = await self._device.tap_and_wait(card, timeout)
            if not sent:
                break
            if reply is not None and reply.latency_ms is not None:
                latencies.append(reply.latency_ms)
        return {"count": count, "seconds": round(self._clock.mono() - began, 3), **figures(count, latencies)}

    async def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        device = self._device
        return {
            "port": self._server.port,
            "listening": self._server.listening,
            "host": self._server.peer,
            "held": device.held,
            "sent": device.sent,
            "dropped": device.dropped,
            "commands": device.commands,
            "last_command": device.last_command,
            "personality": asdict(device.personality),
        }

    async def _personality(self, request: dict[str, Any]) -> dict[str, Any]:
        changes = request.get("set", {})
        if not isinstance(changes, dict):
            raise UsageError("SIM-403", "set is an object: trait to value")
        self._device.personality = change(self._device.personality, changes)
        return {"personality": asdict(self._device.personality)}

    async def _drop(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"dropped": self._server.drop(reset=bool(request.get("reset", False)))}

    async def _vanish(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"vanished": self._server.vanish()}

    async def _reboot(self, _: dict[str, Any]) -> dict[str, Any]:
        self._server.reboot()
        return {}

    async def _raw(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            data = bytes.fromhex(str(request.get("hex", "")))
        except ValueError:
            raise UsageError("SIM-403", "hex is bytes in hex") from None
        return {"sent": self._device.raw(data)}


def figures(count: int, latencies: list[float]) -> dict[str, Any]:
    """How many of `count` were answered, and the median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(latencies)

    def at(share: float) -> float | None:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4) if ordered else None

    return {
        "replied": len(ordered),
        "lost": count - len(ordered),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": at(1.0),
    }


def _card(request: dict[str, Any]) -> Card:
    for name, value in request.items():
        if name not in _CARD_FIELDS:
            raise UsageError("SIM-404", f"a card has no {name!r}", f"one of {', '.join(sorted(_CARD_FIELDS))}")
        if not isinstance(value, str):
            raise UsageError("SIM-404", f"{name} of a card is text, not {value!r}")
    if "uid" not in request:
        raise UsageError("SIM-404", "which card? uid is missing")
    return Card(**request)


def _number(value: Any, name: str, *, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UsageError("SIM-403", f"{name} is a number from 0 to {most:g}, not {value!r}")
    return float(value)


def _reply(reply: Reply | None) -> dict[str, Any]:
    if reply is None or reply.seq is None:
        return {"seq": None, "name": None, "latency_ms": None if reply is None else reply.latency_ms}
    return {"seq": f"{reply.seq:02X}", "name": sequence_name(reply.seq), "latency_ms": reply.latency_ms}
