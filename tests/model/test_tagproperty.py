"""What a path names besides a tag."""

from __future__ import annotations

import pytest

from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.tagproperty import DEFINED, LIVE, NAMES, THEIRS, property_of, split_property
from plantgate.model.value import DataType, Scalar, TagValue

TAG = TagDefinition(
    "[default]Line 1/Speed", DataType.INT4_ARRAY, TagKind.DEVICE, device="PLC1", address="HRF4", unit="m/s",
    description="Belt", history=False, low=0.0, high=9.5,
)  # fmt: skip
VALUE = TagValue((1, 2), 516, 1_795_181_109_250_000, "no data")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("[default]A/B", ("[default]A/B", "")),
        ("A", ("A", "")),
        ("[default]A/B.EngUnit", ("[default]A/B", "unit")),
        ("A.quality", ("A", "quality")),
        ("[.]A.ReadOnly", ("[.]A", "readonly")),
        ("../A.unit", ("../A", "unit")),
        ("[default]A/Profile[3]", ("[default]A/Profile", "[3]")),
        ("..", ("..", "")),
        ("[..]", ("[..]", "")),
        ("[default]", ("[default]", "")),
        ("", ("", "")),
        ("a.b/C", ("a.b/C", "")),
    ],
)
def test_the_property_of_a_path(path: str, expected: tuple[str, str]) -> None:
    assert split_property(path) == expected


@pytest.mark.parametrize("path", ["A.", "A.speed", "[default]A/B.Speed"])
def test_what_no_tag_has(path: str) -> None:
    with pytest.raises(ValueError, match=r"a tag has no property .*: there are value, quality"):
        split_property(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", (1, 2)), ("value", (1, 2)), ("quality", 516), ("timestamp", 1_795_181_109_250_000), ("reason", "no data"),
        ("name", "Speed"), ("path", "[default]Line 1/Speed"), ("type", "Int4Array"), ("kind", "device"),
        ("unit", "m/s"), ("low", 0.0), ("high", 9.5), ("readonly", True), ("writable", False), ("address", "HRF4"),
        ("[1]", 2), ("[2]", None),
    ],
)  # fmt: skip
def test_what_a_property_is(name: str, value: Scalar) -> None:
    assert property_of(TAG, VALUE, name) == value


def test_every_property_is_a_plain_value_of_every_tag() -> None:
    for tag in (TAG, TagDefinition("[default]X", DataType.STRING)):
        for name in NAMES:
            assert isinstance(property_of(tag, VALUE, name), bool | int | float | str | tuple | None)
    assert set(THEIRS.values()) <= {*LIVE, *DEFINED}
    assert not set(LIVE) & set(DEFINED)
