"""One valid request for every route that needs more than its path, and the access data that it is valid for."""

from __future__ import annotations

from typing import Any

from plantgate.listeners.web.route import Endpoint
from plantgate.model.access import (
    AccessChange,
    Calendar,
    Card,
    Group,
    Holder,
    Hours,
    Lockdown,
    Passage,
    Put,
    ReplaceRules,
    Rule,
    Schedule,
    Zone,
)
from plantgate.model.alarm import AlarmChange
from plantgate.model.command import Origin
from tests.listeners.web.world import HIGH, SPEED, World

PNG = b"\x89PNG\r\n\x1a\n and so on"
SPARE_CARD = "5" * 32
_RULE = {"name": "staff", "groups": ["staff"], "readers": ["entrance"], "schedule": "day"}

# Ada may enter by day; of each kind there is a spare one that nothing refers to.
SEED: tuple[AccessChange, ...] = (
    Put(Group(name="staff")),
    Put(Group(name="spare")),
    Put(Holder(id="ada", name="Ada Lovelace", groups=("staff",))),
    Put(Holder(id="spare", name="Nobody", note="leaves in May")),
    Put(Card(id="a" * 32, last4="C080", holder="ada", label="blue")),
    Put(Card(id=SPARE_CARD, last4="5555", holder="ada", enabled=False)),
    Put(Zone(name="hall", limit=10)),
    Put(Zone(name="spare")),
    Put(Calendar(name="spare")),
    Put(Schedule(name="day", time_zone="UTC", week=(Hours(days=(0, 1, 2, 3, 4), start=360, end=1_320),))),
    Put(Schedule(name="spare", time_zone="UTC")),
    Put(Passage(reader="entrance", enters="hall")),
    Put(Lockdown(zone="hall", since=1_700_000_000_000_000, by="ada")),
    ReplaceRules((Rule(name="staff", groups=("staff",), readers=("entrance",), schedule="day"),)),
)

_PICTURE = "/api/v1/access/holders/{key}/picture"
_KEYS = {"cards": SPARE_CARD, "passages": "entrance"}
_BODIES: dict[str, dict[str, Any]] = {
    "holders": {"name": "Spare", "groups": ["staff"], "valid_until": 1_900_000_000_000},
    "cards": {"holder": "ada", "label": "red"},
    "groups": {"note": "of the night shift"},
    "zones": {"anti_passback": "hard", "limit": 5},
    "passages": {"enters": "hall"},
    "calendars": {"holidays": [{"date": "2026-12-24", "name": "Christmas Eve", "yearly": True}]},
    "schedules": {"time_zone": "Europe/Vienna", "week": [{"days": [0, 6], "start": "22:00", "end": "06:00"}]},
}
_REQUESTS: dict[str, dict[str, Any]] = {
    "POST /api/v1/session": {"json": {"token": "once"}},
    "GET /api/v1/tags/value": {"params": {"path": SPEED}},
    "POST /api/v1/tags/read": {"json": {"paths": [SPEED]}},
    "POST /api/v1/tags/write": {"json": {"path": SPEED, "value": 2}},
    "POST /api/v1/tags/write-many": {"json": {"items": [{"path": SPEED, "value": 2}]}},
    "GET /api/v1/history": {"params": {"path": SPEED}},
    "GET /api/v1/tags/configuration": {"params": {"path": SPEED}},
    "PUT /api/v1/tags/configuration": {"json": {"items": [{"path": "New", "type": "Int4"}]}},
    "POST /api/v1/tags/remove": {"json": {"paths": [SPEED], "dry_run": True}},
    "POST /api/v1/tags/rename": {"json": {"path": SPEED, "to": "Line 2/Speed"}},
    "POST /api/v1/tags/import": {"content": b"[]", "params": {"format": "json", "on_conflict": "merge"}},
    "PUT /api/v1/tag-groups/{name}": {"json": {"rate": "2s"}},
    "POST /api/v1/readers/{name}/commands": {"json": {"action": "wink"}},
    "POST /api/v1/ports/{name}": {"json": {"port": 8089}},
    "POST /api/v1/access/cards": {"json": {"credential": "047DAE02C84080", "holder": "ada"}},
    "PUT /api/v1/access/rules": {"json": {"items": [_RULE]}},
    "GET /api/v1/access/explain": {"params": {"reader": "entrance", "holder": "ada"}},
    "POST /api/v1/access/what-if": {"json": {"rules": [_RULE], "days": 1}},
    "POST /api/v1/access/enrol": {"json": {"event": 1, "holder": "ada"}},
    "POST /api/v1/access/presence/forgive": {"json": {"holder": "ada"}},
    "POST /api/v1/access/lockdown": {"json": {"zone": "hall", "reason": "drill"}},
    "POST /api/v1/access/release": {"json": {"zone": "hall"}},
    "POST /api/v1/access/import": {"content": b"card,holder_id\n04AABBCC,ada\n"},
    "POST /api/v1/alarms/acknowledge": {"json": {"events": [1], "note": "seen"}},
    "POST /api/v1/alarms/shelve": {"json": {"alarms": [{"path": SPEED, "name": HIGH}], "seconds": 60}},
    "POST /api/v1/alarms/unshelve": {"json": {"alarms": [{"path": SPEED, "name": HIGH}]}},
    f"PUT {_PICTURE}": {"content": PNG},
}


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path(endpoint: Endpoint) -> str:
    if endpoint.path == _PICTURE:
        return endpoint.path.replace("{key}", "ada")
    kind = endpoint.path.split("/")[4] if "/access/" in endpoint.path else ""
    filled = endpoint.path.replace("{key}", _KEYS.get(kind, "spare"))
    return filled.replace(
        "{name}", "http" if "/ports/" in endpoint.path else "default" if "/tag-groups/" in endpoint.path else "entrance"
    )


def request(endpoint: Endpoint) -> dict[str, Any]:
    """What httpx takes besides method and path."""
    if endpoint.method == "PUT" and endpoint.path.endswith("/{key}"):
        return {"json": _BODIES[endpoint.path.split("/")[4]]}
    return _REQUESTS.get(name(endpoint), {})


async def seed(world: World) -> None:
    """Fill the access data; Ada has a picture, a card that nobody knows was denied (event 1), an alarm is active."""
    await world.desk.apply(SEED, Origin("test", may_write=True))
    await world.context.pictures.write("ada", PNG)
    await world.badge(1)
    world.alarms.record(world.alarms.turn(SPEED, HIGH), AlarmChange.ACTIVE)
