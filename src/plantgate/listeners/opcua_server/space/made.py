"""Values of `asyncua.ua` as we make them. Its classes say UInt32 where any int will do: said here, once."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from asyncua import ua

# Never changed by anybody.
NO_VALUE = ua.Variant()
NO_NODE = ua.NodeId()


def string_id(path: str, namespace: int) -> ua.NodeId:
    identifier: Any = path
    index: Any = namespace
    return ua.NodeId(identifier, index, ua.NodeIdType.String)


def numeric(identifier: int) -> ua.NodeId:
    """A node id of namespace 0."""
    number: Any = identifier
    return ua.NodeId(number)


@lru_cache(maxsize=256)
def status_code(code: int) -> ua.StatusCode:
    """Nobody changes one: all values of one status share it."""
    value: Any = code
    return ua.StatusCode(value)


def data_value(variant: ua.Variant = NO_VALUE, status: int = 0, time: datetime | None = None) -> ua.DataValue:
    """With a source timestamp or none, and no server timestamp yet."""
    source: Any = time
    return ua.DataValue(variant, status_code(status), source)
