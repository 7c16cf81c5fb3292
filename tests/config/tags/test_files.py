"""Tag files: the short way through TOML, lines of JSON, writing, importing, Ignition's export."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.config.document import Configuration
from plantgate.config.jsonlines import locate_json
from plantgate.config.load import load
from plantgate.config.problems import ConfigErrors, Problems
from plantgate.config.tags import files as tagfiles
from plantgate.config.tags.faults import TagFaults
from plantgate.config.tags.ignition.export import to_ignition
from plantgate.config.tags.ignition.reading import from_ignition
from plantgate.config.tags.imports import Conflict, plan_import, read_rows
from plantgate.config.tags.write import TagRows, csv_text, json_text, rows_of, toml_text
from plantgate.config.tomlfile import Sections
from plantgate.errors import ConfigError

TYPES = Path(__file__).parents[1] / "cases" / "valid" / "types"
PLANT = Path(__file__).parents[1] / "cases" / "valid" / "plant"


def entries(text: str, name: str = "a.toml") -> list[tuple[dict[str, Any], str, list[str]]]:
    """(values, line of the item, lines of its keys) of each tag."""
    sections, problems = Sections(), Problems()
    tagfiles.read_tag_file(Path("tags") / name, sections, problems, text.encode())
    problems.raise_any()
    return [
        (dict(entry.values), entry.where(None), [entry.where(key) for key in entry.values])
        for entry in sections.lists["tag"]
    ]


PLAIN = """\
# a file that a program wrote

[[tag]]
path = "Line 1/Speed"
type = "Float4"
low = -1.5

[[tag]]
# of the filler
path = "Line 1/Count"
history = true
  # indented
high = 10
"""


def test_plain_files_take_the_short_way_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    short = entries(PLAIN)
    assert tagfiles._plain_items(PLAIN) is not None
    monkeypatch.setattr(tagfiles, "_plain_items", lambda _: None)
    assert short == entries(PLAIN)
    assert short[1] == (
        {"path": "Line 1/Count", "history": True, "high": 10},
        "tags/a.toml:8",
        ["tags/a.toml:10", "tags/a.toml:11", "tags/a.toml:13"],
    )


@pytest.mark.parametrize(
    "line",
    [
        'path = "a\\tb"',
        "path = 'a'",
        "initial = [1, 2]",
        "low = 1e3",
        "low = inf",
        "low = 1_000",
        'path = """a"""',
        "a.b = 1",
        'path = "a"  # why',
        '"path" = "a"',
        "low = 0x10",
    ],
)
def test_what_is_not_plain_takes_the_long_way(line: str) -> None:
    text = f"[[tag]]\n{line}\n"
    assert tagfiles._plain_items(text) is None
    assert entries(text)[0][0] == tomllib.loads(text)["tag"][0]


@pytest.mark.parametrize(
    "text",
    [
        "[[tag]]\nlow = 01\n",
        '[[tag]]\npath = "a"\npath = "b"\n',
        "[[tag]]\nlow = 1 2\n",
        '[[tag]]\npath = "a\n',
        "[[tag]\n",
    ],
)
def test_what_is_not_toml_is_refused_all_the_same(text: str) -> None:
    with pytest.raises(ConfigErrors, match="CFG-120"):
        entries(text)


LINES = st.lists(
    st.sampled_from(
        [
            "[[tag]]",
            "",
            "# x",
            'a = "b"',
            "a = 1",
            "b = 2.5",
            "c = -0",
            "d = true",
            "e = +1",
            "[[udt]]",
            'f = "\\u0041"',
            "g = 1.",
        ]
    ),
    max_size=8,
)


@given(LINES)
def test_the_short_way_never_gives_what_toml_does_not(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = tagfiles._plain_items(text)
    if found is not None:
        assert tomllib.loads(text) == {"tag": found}


@given(
    st.recursive(
        st.integers() | st.booleans() | st.text(max_size=4) | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=12,
    )
)
def test_lines_of_json(value: Any) -> None:
    """Written with an item a line, each path is on the line that json gives it."""
    text = json.dumps(value, indent=1)
    found = locate_json(text)

    def check(path: tuple[str | int, ...], item: Any) -> None:
        line = text.split("\n")[found[path] - 1]
        if path and isinstance(path[-1], str):
            assert line.strip().startswith(json.dumps(path[-1]))
        for key, inner in item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ():
            check((*path, key), inner)

    check((), value)


def again(rows: TagRows, suffix: str, tmp_path: Path) -> TagRows:
    file = tmp_path / f"again{suffix}"
    file.write_text({".toml": toml_text, ".json": json_text, ".csv": csv_text}[suffix](rows), encoding="utf-8")
    return read_rows(file)[0]


@pytest.mark.parametrize("suffix", [".toml", ".json", ".csv"])
@pytest.mark.parametrize("case", [TYPES, PLANT])
def test_what_is_written_is_read_back(case: Path, suffix: str, tmp_path: Path) -> None:
    rows = rows_of(load(case, (), {}), expanded=suffix == ".csv")
    assert len(rows.tag) > 3
    assert again(rows, suffix, tmp_path) == rows


def test_an_exported_plant_is_the_same_plant(tmp_path: Path) -> None:
    before = load(TYPES, (), {})
    data = tmp_path / "data"
    shutil.copytree(TYPES, data)
    shutil.rmtree(data / "tags")
    text = (data / "plantgate.toml").read_text()
    (data / "plantgate.toml").write_text(text[: text.index("[[tag]]")])
    (data / "tags").mkdir()
    (data / "tags" / "all.toml").write_text(toml_text(rows_of(before)))
    after = load(data, (), {})
    assert sorted(after.tags, key=lambda tag: tag.path) == sorted(before.tags, key=lambda tag: tag.path)


def test_texts_are_stable() -> None:
    rows = rows_of(load(TYPES, (), {}))
    rows.tag.reverse()
    assert toml_text(rows.sorted()) == toml_text(rows_of(load(TYPES, (), {})))
    assert toml_text(TagRows(tag=[{"path": "a\x7f\n", "initial": [1, 2.5], "x y": {"b": True}}])) == (
        '[[tag]]\npath = "a\\u007f\\n"\ninitial = [1, 2.5]\n"x y" = { b = true }\n'
    )


# import


def loaded(data: Path) -> Any:
    def check(drafts: Mapping[Path, bytes]) -> Configuration:
        return load(data, (), {}, tag_drafts=drafts)

    return check


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "tags").mkdir(parents=True)
    (folder / "plantgate.toml").write_text('[[device]]\nname = "PLC1"\nhost = "192.0.2.1"\n')
    (folder / "tags" / "line.toml").write_text('[[tag]]\npath = "A"\ntype = "Int2"\nunit = "mm"\n')
    return folder


def test_an_import_is_whole_or_not_at_all(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("path,type,address\nB,Int2,[PLC1]HR1\nC,Int2,[PLC9]HR1\n")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    with pytest.raises(TagFaults, match=r'\[default\]C.address: there is no device "PLC9"'):
        plan_import(data, file, loaded(data))
    file.write_text("path,type,address\nB,Int2,[PLC1]HR1\nC,Int2,[PLC1]HR1\n")
    plan = plan_import(data, file, loaded(data))
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    plan.apply()
    assert [tag.path for tag in load(data, (), {}).tags] == ["[default]A", "[default]B", "[default]C"]
    assert (plan.result.added, plan.files) == (["[default]B", "[default]C"], ["tags/new.toml"])


@pytest.mark.parametrize(
    ("conflict", "to", "expected"),
    [
        (Conflict.IGNORE, "line.toml", {"A": "mm", "B": ""}),
        (Conflict.OVERWRITE, "line.toml", {"A": "", "B": ""}),
        (Conflict.MERGE, "line.toml", {"A": "mm", "B": ""}),
        (Conflict.RENAME, "other.json", {"A": "mm", "A 1": "", "B": ""}),
        (Conflict.IGNORE, "other.csv", {"A": "mm", "B": ""}),
    ],
)
def test_what_is_there_already(
    data: Path, tmp_path: Path, conflict: Conflict, to: str, expected: dict[str, str]
) -> None:
    file = tmp_path / "new.json"
    file.write_text('[{"path": "A", "type": "Int4"}, {"path": "B", "type": "Int4"}]')
    with pytest.raises(TagFaults) as refused:
        plan_import(data, file, loaded(data), to=to)
    assert [(fault.code, fault.path) for fault in refused.value.faults] == [("CFG-205", "[default]A")]
    plan_import(data, file, loaded(data), to=to, conflict=conflict).apply()
    found = {tag.path.removeprefix("[default]"): tag.unit for tag in load(data, (), {}).tags}
    assert found == expected


def test_what_is_there_is_overwritten_where_it_is(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text('[{"path": "A", "type": "Int4"}]')
    plan = plan_import(data, file, loaded(data), conflict=Conflict.OVERWRITE)
    plan.apply()
    assert plan.files == ["tags/line.toml"]
    assert (data / "tags" / "line.toml").read_text() == '[[tag]]\npath = "A"\ntype = "Int4"\n'


def test_comments_are_not_lost(data: Path, tmp_path: Path) -> None:
    (data / "tags" / "line.toml").write_text('# mine\n[[tag]]\npath = "A"  # the first\ntype = "Int2"\n# end\n')
    file = tmp_path / "new.json"
    file.write_text('[{"path": "B", "type": "Int4"}, {"path": "A", "type": "Int4"}]')
    plan_import(data, file, loaded(data), to="line.toml", conflict=Conflict.OVERWRITE).apply()
    assert (data / "tags" / "line.toml").read_text() == (
        '# mine\n[[tag]]\npath = "A"  # the first\ntype = "Int4"\n# end\n\n[[tag]]\npath = "B"\ntype = "Int4"\n'
    )


@pytest.mark.parametrize("to", ["../x.toml", "x.txt", "types/../../y.toml"])
def test_an_import_stays_in_its_folder(data: Path, tmp_path: Path, to: str) -> None:
    file = tmp_path / "new.json"
    file.write_text('[{"path": "B", "type": "Int4"}]')
    with pytest.raises(ConfigError, match="CFG-203"):
        plan_import(data, file, loaded(data), to=to)


def test_a_file_without_format(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CFG-201"):
        plan_import(data, tmp_path / "tags.txt", loaded(data))


# Ignition

EXPORT = {
    "name": "default",
    "tagType": "Provider",
    "tags": [
        {
            "name": "_types_",
            "tagType": "Folder",
            "tags": [
                {
                    "name": "Motor",
                    "tagType": "UdtType",
                    "parameters": {"Base": {"dataType": "Integer", "value": 100}, "Device": {"value": "PLC1"}},
                    "tags": [
                        {
                            "name": "Speed",
                            "tagType": "AtomicTag",
                            "valueSource": "opc",
                            "dataType": "Float4",
                            "opcServer": "Ignition OPC UA Server",
                            "opcItemPath": {"bindType": "parameter", "binding": "ns=1;s=[{Device}]HRF{Base}"},
                            "engUnit": "rpm",
                            "alarms": [{"name": "High"}],
                        }
                    ],
                }
            ],
        },
        {
            "name": "Line 1",
            "tagType": "Folder",
            "tags": [
                {
                    "name": "Motor 1",
                    "tagType": "UdtInstance",
                    "typeId": "Motor",
                    "parameters": {"Base": {"dataType": "Integer", "value": 200}},
                    "tags": [{"name": "Speed", "tagType": "AtomicTag", "engHigh": 1500.0, "historyEnabled": True}],
                },
                {
                    "name": "Level",
                    "tagType": "AtomicTag",
                    "valueSource": "opc",
                    "dataType": "Float8",
                    "opcItemPath": "ns=1;s=[PLC1]HR10",
                    "scaleMode": "Linear",
                    "rawLow": 0,
                    "rawHigh": 27648,
                    "scaledLow": 0,
                    "scaledHigh": 100,
                    "clampMode": "Clamp_Both",
                    "deadbandMode": "Percent",
                    "deadband": 0.5,
                    "engLow": 0,
                    "engHigh": 100,
                    "readOnly": True,
                    "tagGroup": "Default",
                    "eventScripts": [],
                },
                {"name": "Recipe", "valueSource": "memory", "dataType": "StringArray", "value": ["a", "b"]},
                {
                    "name": "Half",
                    "valueSource": "derived",
                    "dataType": "Float8",
                    "sourceTagPath": "[.]Level",
                    "deriveExpressionGetter": "{source} / 2",
                    "deriveExpressionSetter": "{value} * 2",
                },
                {"name": "Sum", "valueSource": "expr", "dataType": "Float8", "expression": "{[.]Level} + {[.]Half}"},
                {"name": "Off", "valueSource": "memory", "enabled": False},
                {"name": "Query", "valueSource": "db", "query": "SELECT 1"},
            ],
        },
    ],
}


def test_an_export_of_ignition(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(EXPORT))
    plan = plan_import(data, file, loaded(data), to="line 1.toml")
    assert [tuple(item) for item in plan.unmapped] == [
        ("Line 1/Level.eventScripts", "no counterpart"),
        ("Line 1/Off", "it is disabled there: left out"),
        ("Line 1/Query", "valueSource db has no counterpart"),
    ]
    plan.apply()
    tags = {tag.path.removeprefix("[default]"): tag for tag in load(data, (), {}).tags}
    assert list(tags) == ["Line 1/Half", "Line 1/Level", "Line 1/Recipe", "Line 1/Sum", "A", "Line 1/Motor 1/Speed"]
    speed, level, half = tags["Line 1/Motor 1/Speed"], tags["Line 1/Level"], tags["Line 1/Half"]
    assert (speed.device, speed.address, speed.high, speed.unit, speed.history) == (
        "PLC1",
        "HRF200",
        1500.0,
        "rpm",
        True,
    )
    assert [(alarm.name, str(alarm.mode), alarm.setpoint) for alarm in speed.alarms] == [("High", "equal", 0.0)]
    assert (level.writable, level.band, speed.writable) == (False, 0.5, True)
    assert level.scaling is not None
    assert (level.scaling.raw_high, str(level.scaling.clamp)) == (27648, "both")
    assert (half.source, half.expression, half.writable) == ("[default]Line 1/Level", "{value} / 2", True)
    assert (tags["Line 1/Recipe"].initial, tags["Line 1/Recipe"].persist) == (("a", "b"), True)


def test_to_ignition_and_back() -> None:
    rows = rows_of(load(TYPES, (), {}))
    document, unmapped = to_ignition(rows)
    assert unmapped == []
    back, lost = from_ignition(json.loads(json.dumps(document)))
    assert lost == []
    for row in rows.tag:
        if row["path"] == "Batch":
            row["writable"] = True
    by_path = {row["path"]: row for row in back.tag}
    for row in rows.tag:
        if row["path"] != "Batch":
            assert by_path[row["path"]].get("address") == row.get("address")
            assert by_path[row["path"]].get("expression") == row.get("expression")
            assert by_path[row["path"]].get("scale") == row.get("scale")
    assert [row["path"] for row in back.instance] == [row["path"] for row in rows.instance]
    assert [row["name"] for row in back.udt] == [row["name"] for row in rows.udt]
    assert back.instance[1]["override"]["Speed"] == {"history": True, "unit": "1/min"}


@pytest.mark.parametrize("document", [{}, 7, {"items": []}, "x"])
def test_what_is_no_export(document: object) -> None:
    with pytest.raises(ValueError, match="no tag export"):
        from_ignition(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["opc", "memory", "{a}"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["name", "tagType", "tags", "parameters", "valueSource", "opcItemPath", "value", "typeId", "x"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_nothing_in_an_export_breaks_the_reading(value: object) -> None:
    from_ignition([value])
