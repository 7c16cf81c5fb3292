"""/openapi.json: valid, complete, and kept by the answers themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.readers import ReaderBoard
from plantgate.listeners.web.routes import endpoints
from tests.listeners.web.examples import path, request, seed
from tests.listeners.web.world import World


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolve(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    node: Any = document
    for key in reference[2:].split("/"):
        node = node[key]
    return node


async def test_every_route_is_described_and_every_reference_resolves(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    table = {(endpoint.method.lower(), endpoint.path) for endpoint in endpoints(ReaderBoard())}
    assert described == table | {("get", "/StatusPing")}
    found = list(references(document))
    assert len(found) > len(table)
    for reference in found:
        assert isinstance(resolve(document, reference), dict)


async def test_operations_say_what_they_take_and_who_may(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for endpoint in endpoints(ReaderBoard()):
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["summary"]
        assert operation["security"] == ([{"session": []}] if endpoint.rule is Rule.COMMAND else [])
        assert ("requestBody" in operation) == (endpoint.takes is not None)
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        in_path = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert in_path == {part.strip("{}") for part in endpoint.path.split("/") if part.startswith("{")}
    write = document["paths"]["/api/v1/tags/write"]["post"]["responses"]
    assert write["502"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/TagWritten"}


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """The part of JSON Schema that msgspec writes."""
    if "$ref" in schema:
        return fits(document, resolve(document, schema["$ref"]), value)
    if "anyOf" in schema:
        return any(fits(document, each, value) for each in schema["anyOf"])
    kinds: dict[str, Any] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
        "array": list,
        "object": dict,
    }
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return False
    if kind == "object":
        known = schema.get("properties", {})
        if not set(schema.get("required", [])) <= set(value) or (known and not set(value) <= set(known)):
            return False
        return all(fits(document, known[key], each) for key, each in value.items() if key in known)
    if kind == "array":
        before = schema.get("prefixItems", [])
        rest = schema.get("items")
        if rest is False:
            return len(value) == len(before) and all(map(lambda s, v: fits(document, s, v), before, value))
        return all(fits(document, rest, each) for each in value) if isinstance(rest, dict) else True
    return True


@pytest.mark.parametrize("endpoint", [each for each in endpoints(ReaderBoard()) if each.gives], ids=lambda e: e.path)
async def test_answers_are_what_is_described(world: World, client: httpx.AsyncClient, endpoint: Any) -> None:
    await seed(world)
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"][endpoint.path][endpoint.method.lower()]
    answer = await client.request(endpoint.method, path(endpoint), headers=world.sign_in(), **request(endpoint))
    assert answer.status_code == 200, answer.text
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert fits(document, schema, answer.json()), answer.text
    assert not fits(document, schema, {"unheard": "of"})
