"""The simulator's control socket: newline-delimited JSON, one request and one response per line, loopback only.

    {"op": "present", "uid": "047DAE02C84080", "wait": 1.0}
    {"ok": true, "sent": true, "seq": "60", "name": "access granted", "latency_ms": 0.7}

| op            | fields                                    | response                                              |
|---------------|-------------------------------------------|-------------------------------------------------------|
| `present`     | card, `wait` (s, default 0)               | `sent`; with `wait` also `seq` `name` `latency_ms`    |
| `present`     | `cards`: several, one right after another | `sent`: all of them; `told`: how many                 |
| `hold`        | card or `cards`, `seconds` (default: stay) | `sent`, `told`                                        |
| `remove`      | `uid`, or `all`: true                     | `removed`; of `all` how many                          |
| `measure`     | `count`, `uids` (optional), `timeout` (s) | figures: `replied` `lost` `p50_ms` `p99_ms` `max_ms`  |
| `status`      |                                           | see `_status`                                         |
| `personality` | `set`: trait to value                     | `personality`                                         |
| `rude`        | `name` or `healthy`, `seconds` (optional) | `rude`: what it is now, null if healthy               |
| `registers`   | `set`: address to value, in hex           | `registers`: those that are set; `pending`: not in    |
|               |                                           | force before the next reboot                          |
| `drop`        | `reset` (default false)                   | `dropped`                                             |
| `vanish`      |                                           | `vanished`                                            |
| `reboot`      |                                           |                                                       |
| `raw`         | `hex`: any bytes                          | `sent`                                                |

What was not `sent` has a `reason`. A card is `uid` and, if wanted, `interface` `protocol` `template` `rssi` `data`
`details`. A request that can't be met answers `{"ok": false, "code": ..., "error": ..., "hint": ...}`; the connection
stays open.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from plantgate.errors import PlantgateError, UsageError
from plantgate.limits import SIMULATOR_REQUEST_BYTES
from plantgate.protocols.scrdr import sequence_name
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card, cards_of
from plantgate.simulators.reader.device import ReaderDevice, Reply
from plantgate.simulators.reader.options import change
from plantgate.simulators.reader.rude import rude_named
from plantgate.simulators.reader.server import ReaderServer
from plantgate.simulators.reader.setup import changed, in_words

_MEASURE_SECONDS = 1.0
_MEASURE_MOST = 100_000
_HOLD_SECONDS = _RUDE_SECONDS = 86_400.0


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
            "rude": self._rude,
            "registers": self._registers,
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
        cards = cards_of(request)
        if "cards" in request:
            if wait:
                raise UsageError("SIM-403", "wait is for one card: whose answer came is not told by the host")
            return self._told([self._device.tap(card) for card in cards])
        if not wait:
            return self._why({"sent": self._device.tap(cards[0])})
        sent, reply = await self._device.tap_and_wait(cards[0], wait)
        return self._why({"sent": sent, **_reply(reply)})

    def _told(self, told: list[bool]) -> dict[str, Any]:
        return self._why({"sent": all(told), "told": sum(told)})

    def _why(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer if answer["sent"] else {**answer, "reason": self._device.drop_reason}

    async def _hold(self, request: dict[str, Any]) -> dict[str, Any]:
        seconds = _optional(request.pop("seconds", None), "seconds", most=_HOLD_SECONDS)
        return self._told([self._device.hold(card, seconds) for card in cards_of(request)])

    async def _remove(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("all") is True:
            return {"removed": self._device.remove_all()}
        if not isinstance(request.get("uid"), str):
            raise UsageError("SIM-403", "which card? uid is missing", '{"op": "remove", "uid": "047DAE02C84080"}')
        return {"removed": self._device.remove(request["uid"])}

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
        """Where it listens and who is there; what it shows; counters since it was started."""
        device = self._device
        look = device.front.look(self._clock.mono())
        return {
            "port": self._server.port,
            "listening": self._server.listening,
            "host": self._server.peer,
            "udp": self._server.udp,
            "mode": in_words(device.registers),
            "silent": self._server.silence or None,
            "rude": device.manners.rude,
            "shows": look.name,
            "leds": [{"colour": lamp.colour or None, "does": lamp.word} for lamp in look.lamps],
            "buzzer": look.buzzer,
            "held": device.held,
            "last_card": device.last_card,
            "sent": device.sent,
            "dropped": device.dropped,
            "commands": device.commands,
            "last_command": device.last_command,
            "personality": asdict(device.personality),
        }

    async def _personality(self, request: dict[str, Any]) -> dict[str, Any]:
        changes = _object(request, "set", "trait to value")
        self._device.personality = change(self._device.personality, changes)
        return {"personality": asdict(self._device.personality)}

    async def _rude(self, request: dict[str, Any]) -> dict[str, Any]:
        seconds = _optional(request.get("seconds"), "seconds", most=_RUDE_SECONDS)
        self._device.manners.become(rude_named(str(request.get("name", ""))), seconds)
        return {"rude": self._device.manners.rude}

    async def _registers(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is written takes effect with the next reboot, as on a real reader."""
        device = self._device
        device.stored = changed(device.stored, _object(request, "set", "address to value, both in hex"))
        values = {f"{address:04X}": value.hex().upper() for address, value in device.stored.values.items()}
        return {"registers": values, "pending": device.stored != device.registers}

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


def _object(request: dict[str, Any], name: str, what: str) -> dict[str, Any]:
    value = request.get(name, {})
    if not isinstance(value, dict):
        raise UsageError("SIM-403", f"{name} is an object: {what}")
    return value


def _number(value: Any, name: str, *, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UsageError("SIM-403", f"{name} is a number from 0 to {most:g}, not {value!r}")
    return float(value)


def _optional(value: Any, name: str, *, most: float) -> float | None:
    return None if value is None else _number(value, name, most=most)


def _reply(reply: Reply | None) -> dict[str, Any]:
    if reply is None or reply.seq is None:
        return {"seq": None, "name": None, "latency_ms": None if reply is None else reply.latency_ms}
    return {"seq": f"{reply.seq:02X}", "name": sequence_name(reply.seq), "latency_ms": reply.latency_ms}
