"""plantgate.toml: the line of every key, and edits that keep the rest."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from plantgate.config.badges import Access, WritePermit
from plantgate.config.edit import edit_toml, edit_toml_bytes
from plantgate.config.load import load
from plantgate.config.template import GATEWAY_XML_TEXT, PLANTGATE_TOML_TEXT
from plantgate.config.tomllines import locate
from plantgate.errors import ConfigError

TRICKY = '''\
# "not = a key"
a = 1 # b = 2
"quoted key" = "x = 1"
'literal.key' = 'C:\\path'
dotted . "in side" = 3

multi = """
[not.a.table]
c = 3 \\
   """
empty = """"""
quotes = """"two "" inside"""""
lit = \'\'\'
d = 4\'\'\'
list = [
  1, # one
  "two", [3, 4,],
  { x = 1, y = [ 5 ] },
]
date = 1979-05-27 07:32:00
[table] # with a comment
e = 5
  [table.sub]
  f = { }
[[items]]
g = 6
[items.inner]
h = 7
[[items]]

[[items.deep]]
i = -inf
[[items.deep]]
i = +1_000
'''


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key and list position of a document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_of_a_tricky_file_has_its_line(newline: str) -> None:
    text = TRICKY.replace("\n", newline)
    lines = locate(text)
    assert set(lines) == set(_paths(tomllib.loads(text)))
    source = TRICKY.splitlines()
    for path, key in {
        ("a",): "a =",
        ("quoted key",): '"quoted',
        ("literal.key",): "'literal",
        ("dotted", "in side"): "dotted",
        ("multi",): "multi",
        ("quotes",): "quotes",
        ("list", 2): '"two"',
        ("list", 3, "y", 0): "{ x",
        ("table",): "[table]",
        ("table", "sub", "f"): "f =",
        ("items", 0, "inner", "h"): "h =",
        ("items", 1, "deep", 1, "i"): "i = +1",
    }.items():
        assert key in source[lines[path] - 1], path


_VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), _VALUES, max_size=5))
def test_every_key_of_any_file_has_a_line(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # tomlkit writes some control characters that TOML forbids
    assert set(locate(text)) == set(_paths(read))


PLANT = """\
# a comment at the top

[web]   # where it listens
address   =   "127.0.0.1"   # this machine only

[[reader]]
name = "entrance"
host = "192.0.2.1"   # at the gate
# port = 4000

[[reader]]
name = "exit"
port = 4001 # second
host = "192.0.2.2"
"""


def test_an_edit_keeps_comments_and_order() -> None:
    edited = edit_toml_bytes(
        PLANT.encode(),
        {"web.address": "0.0.0.0", "reader.exit.port": 5001, "reader.entrance.port": 5000, "opcua.server.port": 1},
        "plantgate.toml",
    ).decode()
    expected = (
        PLANT.replace('"127.0.0.1"', '"0.0.0.0"')
        .replace("port = 4001", "port = 5001")
        .replace("# port = 4000\n", "# port = 4000\nport = 5000\n")
    )
    assert edited.startswith(expected.rstrip("\n"))
    assert tomllib.loads(edited) == tomllib.loads(expected) | {"opcua": {"server": {"port": 1}}}


def test_an_edit_of_what_is_so_already_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plantgate.toml"
    path.write_bytes(PLANT.replace("\n", "\r\n").encode())
    before = path.stat().st_mtime_ns
    edit_toml(path, {"web.address": "127.0.0.1", "reader.exit.port": 4001})
    assert path.stat().st_mtime_ns == before
    edit_toml(path, {"reader.exit.port": 4002})
    assert path.read_bytes() == PLANT.replace("\n", "\r\n").replace("4001", "4002").encode()


@pytest.mark.parametrize("key", ["web.adress", "wbe.address", "reader.gate.port", "reader.exit.prot", "x", ""])
def test_an_edit_of_an_unknown_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="CFG-171"):
        edit_toml_bytes(PLANT.encode(), {key: 1}, "plantgate.toml")


def test_the_template_shows_the_true_defaults(tmp_path: Path) -> None:
    """Its commented examples are valid, and every example value that repeats a default does so truly."""
    lines = PLANTGATE_TOML_TEXT.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("# --- devices"))
    opened = [
        line.removeprefix("# ") if line.startswith("# ") and not line.startswith("# ---") else line
        for line in lines[start:]
    ]
    paths = ("Doors/Main strike", "Doors/Red light", "Line 1/Setpoint", "Line 1/Recipe/Name")
    tags = [f'[[tag]]\npath = "{path}"\ntype = "Boolean"\nwritable = true\n' for path in paths]
    (tmp_path / "plantgate.toml").write_text("\n".join([*lines[:start], *opened, *tags]))
    (tmp_path / "gateway.xml").write_text(GATEWAY_XML_TEXT)
    full = load(tmp_path, (), {})
    assert [device.name for device in full.devices] == ["PLC1"]
    device = full.devices[0]
    for name in device.__struct_fields__:
        default = dict(
            zip(device.__struct_fields__[-len(device.__struct_defaults__) :], device.__struct_defaults__, strict=True)
        )
        if name in default:
            assert getattr(device, name) == default[name], name
    assert full.access == Access()
    defaults = WritePermit(
        name="setting up", tags=full.write_permits[0].tags, readers=("entrance",), groups=("setters",)
    )
    assert full.write_permits == (defaults,)
    (tmp_path / "plantgate.toml").write_text(PLANTGATE_TOML_TEXT)
    plain = load(tmp_path, (), {})
    for section in (
        "web_server",
        "gateway",
        "web",
        "history",
        "opcua_server",
        "opcua_discovery",
        "modbus_server",
        "access",
    ):
        assert getattr(plain, section) == type(getattr(plain, section))(), section
    assert plain.warnings == ()
