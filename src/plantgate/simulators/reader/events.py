"""What the simulator tells: one JSON object or one readable line per event.

| event          | fields                                                                                  |
|----------------|-----------------------------------------------------------------------------------------|
| `listening`    | `host`, `port`, `control_port` (null without one)                                        |
| `connected`    | `peer`                                                                                   |
| `refused`      | `peer`, `how`: a second client                                                           |
| `sent`         | `line` (without CR LF), `uid` (null for the hello)                                       |
| `dropped`      | `uid`, `reason`: a card that nobody was told about                                       |
| `command`      | `seq` (two hex digits or null), `name`, `leds`, `buzz`, `skipped`, `raw`, `latency_ms`   |
| `ignored`      | `code`, `reason`, `raw`: bytes that were no command                                      |
| `disconnected` | `peer`, `reason`                                                                         |
| `rebooting`    | `seconds`                                                                                |
| `silent`       | `reason`, `control_port`: the registers have it listen nowhere                           |
| `rude`         | `name`, `seconds` (null: until told otherwise); then `healthy`                           |
| `script`       | `line`, `action`, `uid`, `what`; or `line`, `error`, `code`                              |
| `script ended` | `entries`                                                                                |
| `port unavailable` | `reason`: after a reboot another process holds the port                              |

A `listening` reader that does more or other than `$SCRDR` over TCP adds `mode` and `udp` (where datagrams go), and
`sent` then has `to` for what went out as a datagram. `latency_ms` is from the write of the last unanswered card
message to the arrival of the command, else null.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from plantgate.protocols.scrdr import SEQ_ACCEPT, SEQ_DENY, SEQ_WINK, led_mode_name

Report: TypeAlias = Callable[[dict[str, Any]], None]

# Presentation only: what 60 and 61 look like on a real device is not published.
_PICTURES = {
    SEQ_ACCEPT: "LED (*) green, one short beep",
    SEQ_DENY: "LED (x) red, one long beep",
    SEQ_WINK: "LEDs (o)(o)(o) blinking",
}


def as_json(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"))


def as_text(event: dict[str, Any]) -> str:
    """One line for a person."""
    kind = event["event"]
    if kind == "command":
        return _command_text(event)
    if kind == "listening":
        control = event["control_port"]
        where = f"reader listens on {event['host']}:{event['port']}"
        if event.get("mode"):
            where += f" ({event['mode']}{', datagrams to ' + event['udp'] if event['udp'] else ''})"
        return where if control is None else f"{where}, control on 127.0.0.1:{control}"
    words = " ".join(f"{name}={value}" for name, value in event.items() if name != "event" and value is not None)
    return f"{kind:<12} {words}".rstrip()


def _command_text(event: dict[str, Any]) -> str:
    latency = "" if event["latency_ms"] is None else f" after {event['latency_ms']:.2f} ms"
    skipped = f", skipped {', '.join(event['skipped'])}" if event["skipped"] else ""
    return f"command      {event['raw']}: {picture(event)}{latency}{skipped}"


def picture(event: dict[str, Any]) -> str:
    """LEDs and buzzer in words."""
    if event["seq"] is not None:
        seq = int(event["seq"], 16)
        name = event["name"] or "no such sequence, nothing happens"
        shown = _PICTURES.get(seq)
        return f"{name} [{shown}]" if shown else str(name)
    parts = []
    if event["leds"] is not None:
        modes = [led_mode_name(mode) for mode in bytes.fromhex(event["leds"])]
        parts.append("; ".join(f"LED {number} {mode}" for number, mode in enumerate(modes, 1)))
    if event["buzz"] is not None:
        parts.append(f"beep of {event['buzz']} ms")
    return ", ".join(parts) or "nothing to apply"
