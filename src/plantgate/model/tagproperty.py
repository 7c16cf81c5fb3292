"""Properties of tags behind a path: `[default]Line 1/Speed.unit`, and one value of an array: `Profile[3]`.

No name of a tag has a dot or a bracket, so a path says by itself where its property begins. Ours are lower case; those
of Ignition 8.3 (manual, tag properties) mean the same, and capital letters don't matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from plantgate.model.tag import TagDefinition
from plantgate.model.value import Scalar, TagValue

_SUFFIX = re.compile(r"(?P<path>.*[^./\[\]])(?:\.(?P<property>[^./\[\]]*)|(?P<element>\[[0-9]{1,9}\]))\Z", re.DOTALL)

# Of the value, as it is now.
LIVE: Final[Mapping[str, Callable[[TagValue], Scalar]]] = {
    "value": lambda found: found.value,
    "quality": lambda found: int(found.quality),
    "timestamp": lambda found: found.timestamp,
    "reason": lambda found: found.reason,
}
# Of the definition.
DEFINED: Final[Mapping[str, Callable[[TagDefinition], Scalar]]] = {
    "name": lambda tag: re.split(r"[/\]]", tag.path)[-1],
    "path": lambda tag: tag.path,
    "type": lambda tag: str(tag.data_type),
    "kind": lambda tag: str(tag.kind),
    "unit": lambda tag: tag.unit,
    "low": lambda tag: tag.low,
    "high": lambda tag: tag.high,
    "format": lambda tag: tag.format,
    "description": lambda tag: tag.description,
    "documentation": lambda tag: tag.documentation,
    "group": lambda tag: tag.group,
    "device": lambda tag: tag.device,
    "address": lambda tag: tag.address,
    "source": lambda tag: tag.source,
    "expression": lambda tag: tag.expression,
    "writable": lambda tag: tag.writable,
    "readonly": lambda tag: not tag.writable,
    "history": lambda tag: tag.history,
    "deadband": lambda tag: tag.deadband,
}
# Ignition's names, in small letters -> ours.
THEIRS: Final[Mapping[str, str]] = {
    "engunit": "unit",
    "englow": "low",
    "enghigh": "high",
    "formatstring": "format",
    "tooltip": "description",
    "datatype": "type",
    "valuesource": "kind",
    "taggroup": "group",
    "opcitempath": "address",
    "sourcetagpath": "source",
    "historyenabled": "history",
}
NAMES: Final = (*LIVE, *DEFINED)
# Whatever a property is called, in small letters -> ours.
KNOWN: Final[Mapping[str, str]] = {**{name: name for name in NAMES}, **THEIRS}


def property_name(written: str) -> str:
    """Our name of a property. Raises ValueError, in words, if there is none."""
    name = KNOWN.get(written.lower())
    if name is None:
        raise ValueError(f"a tag has no property {written}: there are {', '.join(NAMES)}")
    return name


def split_property(path: str) -> tuple[str, str]:
    """`Line 1/Speed.EngUnit` -> (`Line 1/Speed`, `unit`); `Profile[3]` -> (`Profile`, `[3]`); without one (path, "").

    Raises ValueError for a property that no tag has.
    """
    match = _SUFFIX.match(path)
    if match is None:
        return path, ""
    return match["path"], match["element"] or property_name(match["property"])


def property_of(definition: TagDefinition, value: TagValue, name: str) -> Scalar:
    """What `split_property` found (`unit`, `[3]`, "" for the value). An element beyond the end is None."""
    if name in DEFINED:
        return DEFINED[name](definition)
    if name.startswith("["):
        return element_of(value.value, int(name[1:-1]))
    return LIVE[name or "value"](value)


def element_of(value: Scalar, index: int) -> Scalar:
    """One value of an array, None if there is none."""
    return value[index] if isinstance(value, tuple) and 0 <= index < len(value) else None
