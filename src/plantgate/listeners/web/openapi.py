"""/openapi.json, made from the route table: what is not in the table does not exist, and what is, is described."""

from __future__ import annotations

from typing import Any

import msgspec

from plantgate.listeners.web import wire, wire_tags
from plantgate.listeners.web.alarms import shapes
from plantgate.listeners.web.guard import COOKIE, Rule
from plantgate.listeners.web.route import Endpoint


def document(endpoints: list[Endpoint], version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    shapes = {shape for endpoint in endpoints for shape in (endpoint.gives, endpoint.takes) if shape is not None}
    ordered = sorted(shapes | {wire.Problem}, key=lambda shape: shape.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    references = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {
        "/StatusPing": {
            "get": {
                "summary": "The state as Ignition answers it, always with status 200",
                "responses": {"200": {"description": "the state", "content": {"application/json": {}}}},
                "security": [],
            }
        }
    }
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "plantgate",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "the number is the port of the listener",
                }
            },
        },
    }


# Answers that are no problem documents although their status is not 200: what became of a command, how healthy.
_OTHERS: dict[type, tuple[str, ...]] = {
    wire.VerdictReply: ("403", "502"),
    wire_tags.TagWritten: ("403", "502"),
    wire_tags.TagsWritten: ("207",),
    shapes.AlarmsSeenReply: ("207",),
    shapes.AlarmsDone: ("207",),
    wire.Health: ("503",),
}


def _others(endpoint: Endpoint, references: dict[type, Any], problem: dict[str, Any]) -> dict[str, Any]:
    if endpoint.gives is None:
        return {}
    shape = {"application/json": {"schema": references[endpoint.gives]}}
    words = {"description": endpoint.words, "content": shape | problem["content"]}
    return dict.fromkeys(_OTHERS.get(endpoint.gives, ()), words)


def _operation(endpoint: Endpoint, references: dict[type, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": endpoint.words}
    if endpoint.gives is None:
        good["content"] = {"text/plain": {}}
    else:
        good["content"] = {"application/json": {"schema": references[endpoint.gives]}}
    problem = {
        "description": "a problem, with its code and the next step",
        "content": {"application/problem+json": {"schema": references[wire.Problem]}},
    }
    operation: dict[str, Any] = {
        "summary": endpoint.words,
        "responses": {"200": good, **_others(endpoint, references, problem), "default": problem},
        "security": [{"session": []}] if endpoint.rule is Rule.COMMAND else [],
    }
    if endpoint.parameters:
        operation["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "description": parameter.words,
                "required": parameter.required,
                "schema": {"type": parameter.kind},
            }
            for parameter in endpoint.parameters
        ]
    if endpoint.takes is not None:
        schema = {"application/json": {"schema": references[endpoint.takes]}}
        operation["requestBody"] = {"required": True, "content": schema}
    return operation
