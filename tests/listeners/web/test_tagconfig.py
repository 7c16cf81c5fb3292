"""Tags as they are configured, over REST and the stream: what reaches the seam, and what of it comes back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from plantgate.limits import TAG_EDIT_BYTES
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition
from plantgate.model.tagedit import Conflict, TagEdit, TagFault
from plantgate.model.value import Batch, DataType
from tests.listeners.web.tagdesk import TagDesk
from tests.listeners.web.world import LEVEL, NOTE, SPEED, World

TAGS = "/api/v1/tags"


@pytest.fixture
def desk(world: World) -> TagDesk:
    found = world.context.tag_configuration
    assert isinstance(found, TagDesk)
    return found


async def items(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{TAGS}/browse", params=query)).json()["items"]
    return found


async def test_browse_folders(world: World, client: httpx.AsyncClient) -> None:
    (provider,) = await items(client)
    assert (provider["path"], provider["kind"], provider["tags"]) == ("[default]", "folder", 4)
    top = await items(client, path="[default]")
    assert [(each["name"], each["kind"]) for each in top] == [
        ("Door", "udt_instance"),
        ("Line 1", "folder"),
        ("Note", "tag"),
    ]
    assert [each["tags"] for each in top] == [1, 2, 0]
    assert top[0]["bad"] == 1, "a device tag without a value"
    world.tree.publish(Batch([0], [None], [int(Quality.BAD_STALE)], [1], 1, "late"))
    below = await items(client, path="Line 1/")
    assert [(each["name"], each["tag"]["path"]) for each in below] == [("Level", LEVEL), ("Speed", SPEED)]
    assert (await items(client, path="[default]"))[1]["bad"] == 1
    assert [each["name"] for each in await items(client, path="Line 1", search="SPE")] == ["Speed"]
    assert (await client.get(f"{TAGS}/browse", params={"path": "Line 9"})).status_code == 404
    page = (await client.get(f"{TAGS}/browse", params={"path": "[default]", "limit": 1, "offset": 1})).json()
    assert ([each["name"] for each in page["items"]], page["metadata"]["matching"]) == (["Line 1"], 3)


async def test_browse_knows_what_came_and_went(world: World, client: httpx.AsyncClient) -> None:
    assert len(await items(client, path="Line 1")) == 2
    world.tree.add([TagDefinition("[default]Line 1/Level/Alarms/Low/Active", DataType.BOOLEAN)])
    world.tree.remove([0])
    (level,) = await items(client, path="Line 1")
    assert (level["kind"], level["tags"], level["tag"]["path"]) == ("tag", 1, LEVEL), "a tag with tags beneath it"
    listed = (await client.get(TAGS)).json()
    assert SPEED not in [each["path"] for each in listed["items"]]
    assert listed["metadata"]["total"] == 4
    world.tree.add([TagDefinition(SPEED, DataType.FLOAT8)])
    assert len(await items(client, path="Line 1")) == 2


async def test_entries(client: httpx.AsyncClient) -> None:
    found = await client.get(f"{TAGS}/configuration", params={"path": "Line 1/Level"})
    answer = found.json()
    assert (answer["path"], answer["origin"], answer["line"], answer["revision"]) == (LEVEL, "tag", 3, 7)
    assert found.headers["etag"] == '"7"'
    assert answer["entry"]["high"] == 100
    assert (await client.get(f"{TAGS}/configuration", params={"path": "Nobody"})).status_code == 404
    assert (await client.get(f"{TAGS}/configuration")).json()["code"] == "WEB-511"


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ({}, ["[default]Door/Strike", LEVEL, SPEED, NOTE]),
        ({"path": "Line 1"}, [LEVEL, SPEED]),
        ({"path": NOTE}, [NOTE]),
        ({"kind": "device"}, ["[default]Door/Strike"]),
        ({"device": "plc"}, ["[default]Door/Strike"]),
        ({"group": "fast"}, []),
        ({"search": "tank FILLER"}, [LEVEL]),
        ({"limit": "1", "offset": "2"}, [SPEED]),
    ],
)
async def test_lists_of_entries(client: httpx.AsyncClient, query: dict[str, str], paths: list[str]) -> None:
    answer = (await client.get(f"{TAGS}/configurations", params=query)).json()
    assert [each["path"] for each in answer["items"]] == paths
    assert all(each["editable"] == (each["path"] != NOTE) for each in answer["items"])


async def test_a_file(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{TAGS}/export", params={"format": "ignition", "path": "Line 1"})
    assert answer.content == b"ignition Line 1"
    assert answer.headers["x-unmapped"] == "1"
    assert 'filename="tags.json"' in answer.headers["content-disposition"]


async def test_edits(world: World, client: httpx.AsyncClient, desk: TagDesk) -> None:
    signed = world.sign_in()
    assert (await client.put(f"{TAGS}/configuration", json={"items": []})).status_code == 403
    answer = await client.put(f"{TAGS}/configuration", json={"items": [{"path": "A"}], "dry_run": True}, headers=signed)
    assert (answer.status_code, answer.json()["revision"]) == (200, 7)
    assert answer.json()["differences"] == [{"path": "[default]New", "before": None, "after": {}}]
    answer = await client.put(
        f"{TAGS}/configuration", json={"items": [{"path": "A"}]}, headers={**signed, "if-match": '"7"'}
    )
    assert (answer.json()["added"], answer.headers["etag"], answer.json()["differences"]) == (
        ["[default]New"],
        '"8"',
        [],
    )
    late = await client.post(f"{TAGS}/remove", json={"paths": ["A"]}, headers={**signed, "if-match": '"7"'})
    assert (late.status_code, late.json()["code"]) == (412, "CFG-450")
    await client.post(f"{TAGS}/rename", json={"path": "A", "to": "B"}, headers=signed)
    assert desk.asked == [
        (TagEdit(put=[{"path": "A"}]), True),
        (TagEdit(put=[{"path": "A"}]), False),
        (TagEdit(rename=("A", "B")), False),
    ]


async def test_an_import(world: World, client: httpx.AsyncClient, desk: TagDesk) -> None:
    query = {"format": "ignition", "on_conflict": "rename", "into": "Area", "dry_run": "true"}
    answer = await client.post(f"{TAGS}/import", params=query, content=b"{}", headers=world.sign_in())
    assert answer.status_code == 200
    assert desk.asked == [(b"{}", "import.json", Conflict.RENAME, "Area", "", True)]


async def test_every_fault_is_told(world: World, client: httpx.AsyncClient, desk: TagDesk) -> None:
    desk.faults = [
        TagFault("[default]A", "unit", "5 is not a text", "", "CFG-111"),
        TagFault("[default]B", "", "is needed by door x", "change that", "CFG-420"),
    ]
    answer = await client.put(f"{TAGS}/configuration", json={"items": [{}]}, headers=world.sign_in())
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert [(each["path"], each["key"], each["code"]) for each in answer.json()["errors"]] == [
        ("[default]A", "unit", "CFG-111"),
        ("[default]B", "", "CFG-420"),
    ]
    assert "nothing was changed" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", f"{TAGS}/configuration", b"[", "WEB-513"),
        ("PUT", f"{TAGS}/configuration", b'{"items": 5}', "WEB-400"),
        ("PUT", f"{TAGS}/configuration", b" " * (TAG_EDIT_BYTES + 1), "WEB-413"),
        ("POST", f"{TAGS}/remove", b'{"paths": ["A"], "force": true}', "WEB-400"),
        ("POST", f"{TAGS}/import?format=xml", b"", "WEB-514"),
        ("POST", f"{TAGS}/import?on_conflict=maybe", b"", "WEB-515"),
        ("POST", f"{TAGS}/import?dry_run=1", b"", "WEB-516"),
        ("PUT", "/api/v1/tag-groups/fast", b'{"name": "slow"}', "WEB-517"),
        ("PUT", "/api/v1/tag-groups/fast", b'{"rat": "1s"}', "WEB-400"),
        ("DELETE", "/api/v1/tag-groups/nobody", b"", "WEB-404"),
    ],
)
async def test_requests_that_can_not_be_meant(
    world: World, client: httpx.AsyncClient, desk: TagDesk, method: str, path: str, body: bytes, code: str
) -> None:
    answer = await client.request(method, path, content=body, headers=world.sign_in())
    assert answer.json()["code"] == code
    assert desk.asked == []


async def test_tag_groups(world: World, client: httpx.AsyncClient, desk: TagDesk) -> None:
    signed = world.sign_in()
    given = {"name": "default", "rate": 0.5, "mode": "leased", "leased_rate": "100ms", "condition": None}
    assert (await client.put("/api/v1/tag-groups/default", json=given, headers=signed)).json() == {"revision": 8}
    await client.request("DELETE", "/api/v1/tag-groups/default", headers=signed)
    assert desk.asked == [
        ("default", {"rate": 0.5, "mode": "leased", "leased_rate": "100ms"}, False),
        ("default", None, False),
    ]


async def test_pages_hear_of_changes(world: World, client: httpx.AsyncClient) -> None:
    async with world.page() as socket:
        await socket.send(json.dumps({"subscribe": {"configuration": True}}))
        assert json.loads(await socket.recv())["type"] == "hello"
        while not any(page.configuration for page in world.hub._clients):
            await client.get(f"{TAGS}/browse")
        await client.post(f"{TAGS}/reload", headers=world.sign_in())
        assert json.loads(await socket.recv()) == {"type": "configuration", "revision": 8}
