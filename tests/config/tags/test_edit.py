"""Edits of tags in their files: all or none, comments and order kept, always what a fresh load would give."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plantgate.config.document import Configuration
from plantgate.config.load import load
from plantgate.config.tags import commit as tagcommit
from plantgate.config.tags.commit import commit, finish, pending
from plantgate.config.tags.edit import TagBook, TagPlan
from plantgate.config.tags.faults import TagFaults
from plantgate.config.tags.groups import plan_group
from plantgate.config.tags.references import Checks
from plantgate.drivers.modbus import device_address_problem, parse_address
from plantgate.errors import ConfigError, Refused, StorageError
from plantgate.model.tagedit import Conflict, TagEdit
from plantgate.tags.derived import formula_inputs

CHECKS = Checks(device_address_problem, parse_address, formula_inputs)
MAIN = """\
# the plant
[[device]]
name = "PLC1"
host = "192.0.2.1"

[[tag_group]]
name = "fast"  # for the fillers
rate = "100ms"

[[door]]
name = "entrance"
strike = "Door/Strike"

[[tag]]
path = "Here/Local"
type = "Int4"
"""
LINE = """\
# Line 1, as delivered
# by the builder

[[tag]]
# of the filler
path = "Line 1/Speed"  # rpm
type = "Float4"
address = "[PLC1]HRF1"
initial = 0x10

# its double
[[tag]]
path = "Line 1/Twice"
type = "Float8"
expression = "{[.]Speed} * 2"
documentation = \"\"\"
[[tag]]
# no comment
\"\"\"

[[tag]]
path = "Line 1/List"
type = "Int4Array"
initial = [
  1,  # one
  2,
]
# the end
"""
TYPES = """\
[[udt]]
name = "Motor"
parameters = { Base = 100 }

[[udt.member]]
path = "Speed"
type = "Float4"
address = "[PLC1]HRF{Base}"
unit = "rpm"

[[udt.member]]
path = "On"
type = "Boolean"

[[udt]]
name = "Pair"

[[udt.member]]
path = "Left"
udt = "Motor"
override = { On = { description = "left" } }
"""
MORE = """\
[[instance]]
path = "Pairs/One"
udt = "Pair"
# kept
[[instance]]
path = "Line 1/Motor"
udt = "Motor"
parameters = { Base = 200 }
"""
ROWS = 'path,type,unit,writable\nDoor/Strike,Boolean,,true\n"Door/State",Int4,"a ""b""",\n'
JSON = '[\n  {"path": "Js/One", "type": "Int4"},\n  {"path": "Js/Two",\n   "type": "Int4"}\n]\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return plant(tmp_path / "data")


def plant(folder: Path) -> Path:
    (folder / "tags" / "types").mkdir(parents=True)
    for name, text in {
        "plantgate.toml": MAIN,
        "tags/line1.toml": LINE,
        "tags/types/motor.toml": TYPES,
        "tags/more.toml": MORE,
        "tags/door.csv": ROWS,
        "tags/js.json": JSON,
    }.items():
        (folder / name).write_bytes(text.encode())
    return folder


def loaded(data: Path) -> Configuration:
    return load(
        data,
        (),
        {},
        address_check=CHECKS.address,
        modbus_address=CHECKS.modbus,
        formula_check=CHECKS.formula,
    )


def opened(data: Path) -> TagBook:
    return TagBook(loaded(data), data, CHECKS)


def do(book: TagBook, edit: TagEdit) -> TagPlan:
    plan = book.plan(edit)
    book.accept(plan, book.write(plan))
    same_as_loaded(book)
    return plan


def same_as_loaded(book: TagBook) -> None:
    fresh = loaded(book.directory)
    assert {tag.path: tag for tag in fresh.tags} == dict(book.state.tags)
    assert dict(fresh.instance_of) == dict(book.state.instance_of)
    assert dict(fresh.digests) == dict(book.state.digests)
    assert list(book.state.order) == sorted(book.state.tags)
    assert {udt.name: udt for udt in fresh.udts} == dict(book.state.udts)
    assert {tag.path for tag in book.configuration.tags} == {tag.path for tag in fresh.tags}
    again = TagBook(fresh, book.directory, CHECKS).state
    assert dict(again.reads) == dict(book.state.reads)
    assert {section: dict(files) for section, files in again.files.items()} == {
        section: dict(files) for section, files in book.state.files.items()
    }


def contents(data: Path) -> dict[str, bytes]:
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}


def faults(book: TagBook, edit: TagEdit) -> list[tuple[str, str, str]]:
    before = contents(book.directory)
    with pytest.raises(TagFaults) as refused:
        book.plan(edit)
    assert contents(book.directory) == before
    return [(fault.path.removeprefix("[default]"), fault.key, fault.code) for fault in refused.value.faults]


SPEED = {"path": "Line 1/Speed", "type": "Float4", "address": "[PLC1]HRF1", "initial": 16}


# one edit


def test_a_key_changes_and_everything_else_stays(data: Path) -> None:
    plan = do(opened(data), TagEdit(put=[{**SPEED, "unit": "1/min", "type": "Float8"}]))
    assert plan.result.changed == ["[default]Line 1/Speed"]
    assert plan.result.files == ["tags/line1.toml"]
    text = (data / "tags/line1.toml").read_text()
    added = LINE.replace('"Float4"\naddr', '"Float8"\naddr').replace(
        "initial = 0x10\n", 'initial = 0x10\nunit = "1/min"\n'
    )
    assert text == added


def test_what_means_the_same_is_no_change(data: Path) -> None:
    before = contents(data)
    plan = do(opened(data), TagEdit(put=[{**SPEED, "path": "[default]Line 1/Speed", "kind": "device", "unit": ""}]))
    assert (plan.result.unchanged, plan.files) == (["[default]Line 1/Speed"], {})
    assert contents(data) == before


def test_keys_go_with_their_lines(data: Path) -> None:
    book = opened(data)
    do(book, TagEdit(put=[{"path": "Line 1/List", "type": "Int4Array", "initial": [3]}]))
    text = (data / "tags/line1.toml").read_text()
    assert tomllib.loads(text)["tag"][2] == {"path": "Line 1/List", "type": "Int4Array", "initial": [3]}
    assert text.endswith("# the end\n")
    do(book, TagEdit(put=[{"path": "Line 1/Twice", "type": "Float8", "expression": "{[.]Speed} * 3"}]))
    text = (data / "tags/line1.toml").read_text()
    assert "no comment" not in text
    assert "# its double\n[[tag]]" in text


def test_new_tags_go_beside_their_neighbours(data: Path) -> None:
    book = opened(data)
    rows: list[dict[str, Any]] = [
        {"path": "Line 1/New", "type": "Int4"},
        {"path": "Line 1/Deep/Folder/New", "type": "Int4"},
        {"path": "Door/New", "type": "String", "initial": "a,b", "history": True},
        {"path": "Js/New", "type": "Int4", "initial": 5},
        {"path": "Here/New", "type": "Int4"},
        {"path": "Hall: 1/New", "type": "Int4"},
        {"path": "Top", "type": "Int4"},
        {"path": "[other]Line 1/New", "type": "Int4"},
    ]
    plan = do(book, TagEdit(put=rows))
    assert len(plan.result.added) == 8
    files = {path: book.state.files["tag"][path] for path in plan.result.added}
    assert files == {
        "[default]Line 1/New": "tags/line1.toml",
        "[default]Line 1/Deep/Folder/New": "tags/line1.toml",
        "[default]Door/New": "tags/door.csv",
        "[default]Js/New": "tags/js.json",
        "[default]Here/New": "plantgate.toml",
        "[default]Hall: 1/New": "tags/Hall_ 1.toml",
        "[default]Top": "tags/tags.toml",
        "[other]Line 1/New": "tags/other Line 1.toml",
    }
    assert (data / "tags/door.csv").read_text() == (
        "path,type,unit,writable,history,initial\nDoor/Strike,Boolean,,true\n"
        '"Door/State",Int4,"a ""b""",\nDoor/New,String,,,true,"a,b"\n'
    ).replace("history,initial", "initial,history").replace(',,,true,"a,b"', ',,,"a,b",true')
    assert json.loads((data / "tags/js.json").read_text())[2] == {"path": "Js/New", "type": "Int4", "initial": 5}
    assert (data / "plantgate.toml").read_text().startswith(MAIN)


def test_json_and_csv_keep_their_form(data: Path) -> None:
    book = opened(data)
    do(book, TagEdit(put=[{"path": "Js/Two", "type": "Int4", "unit": "m"}, {"path": "Door/State", "type": "Int2"}]))
    assert (data / "tags/js.json").read_text() == JSON.replace(
        '{"path": "Js/Two",\n   "type": "Int4"}',
        '{\n    "path": "Js/Two",\n    "type": "Int4",\n    "unit": "m"\n  }',
    )
    assert (data / "tags/door.csv").read_text().splitlines()[1:] == ["Door/Strike,Boolean,,true", "Door/State,Int2,,"]
    do(book, TagEdit(remove=["Js/Two"]))
    assert json.loads((data / "tags/js.json").read_text()) == [{"path": "Js/One", "type": "Int4"}]
    do(book, TagEdit(remove=["Js", "Door/State"]))
    assert json.loads((data / "tags/js.json").read_text()) == []
    do(book, TagEdit(put=[{"path": "Js/One", "type": "Int4"}]))


def test_line_ends_and_marks_stay(data: Path) -> None:
    for name, text in {"line1.toml": LINE, "door.csv": ROWS}.items():
        (data / "tags" / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    book = opened(data)
    do(book, TagEdit(put=[{**SPEED, "unit": "m"}, {"path": "Door/State", "type": "Int2"}]))
    for name in ("line1.toml", "door.csv"):
        found = (data / "tags" / name).read_bytes()
        assert found.startswith(b"\xef\xbb\xbf")
        assert found.count(b"\n") == found.count(b"\r\n")


@pytest.mark.parametrize("value", ["", " ", "ä \U0001f600", 'a"b\\c\n', "{x}", "\x7f", "# no", "true", "1"])
def test_every_text_comes_back(data: Path, value: str) -> None:
    """In CSV an empty cell says nothing: what it can't say is refused."""
    book = opened(data)
    row = {"type": "String", "initial": value, "description": value}
    do(book, TagEdit(put=[{**row, "path": "Line 1/T"}, {**row, "path": "Js/T"}]))
    if value.strip():
        do(book, TagEdit(put=[{**row, "path": "Door/T"}]))
    else:
        assert faults(book, TagEdit(put=[{**row, "path": "Door/T"}])) == [("Door/T", "", "CFG-436")]


# members of instances


def test_an_edit_of_a_member_is_an_override(data: Path) -> None:
    book = opened(data)
    member = {"path": "Line 1/Motor/Speed", "type": "Float4", "address": "[PLC1]HRF200"}
    plan = do(book, TagEdit(put=[{**member, "unit": "1/min", "history": True}]))
    assert plan.result.changed == ["[default]Line 1/Motor", "[default]Line 1/Motor/Speed"]
    found = tomllib.loads((data / "tags/more.toml").read_text())["instance"][1]
    assert found["override"] == {"Speed": {"unit": "1/min", "history": True}}
    assert "# kept" in (data / "tags/more.toml").read_text()
    do(book, TagEdit(put=[{**member, "path": "[default]Line 1/Motor/Speed"}]))  # no unit: the type's is taken back
    assert tomllib.loads((data / "tags/more.toml").read_text())["instance"][1]["override"] == {"Speed": {"unit": ""}}
    do(book, TagEdit(put=[{**member, "unit": "rpm"}]))
    assert "override" not in tomllib.loads((data / "tags/more.toml").read_text())["instance"][1]


def test_a_member_of_an_instance_within_an_instance(data: Path) -> None:
    book = opened(data)
    do(book, TagEdit(put=[{"path": "Pairs/One/Left/On", "type": "Boolean", "description": "both", "unit": "x"}]))
    tag = book.state.tags["[default]Pairs/One/Left/On"]
    assert (tag.description, tag.unit) == ("both", "x")
    assert tomllib.loads((data / "tags/more.toml").read_text())["instance"][0]["override"] == {
        "Left": {"override": {"On": {"description": "both", "unit": "x"}}}
    }
    do(book, TagEdit(put=[{"path": "Pairs/One/Left/On", "type": "Boolean", "description": "left"}]))


def test_instances_are_put_removed_and_moved(data: Path) -> None:
    book = opened(data)
    do(book, TagEdit(put=[{"path": "Line 1/Second", "udt": "Motor", "parameters": {"Base": 300}}]))
    assert book.state.tags["[default]Line 1/Second/Speed"].address == "HRF300"
    plan = do(book, TagEdit(rename=("Line 1/Second", "Line 2/First")))
    assert ("[default]Line 1/Second/On", "[default]Line 2/First/On") in plan.result.renamed
    assert faults(book, TagEdit(remove=["Line 2/First/On"])) == [("Line 2/First/On", "", "CFG-427")]
    assert faults(book, TagEdit(rename=("Line 2/First/On", "Line 2/First/Off"))) == [("Line 2/First/On", "", "CFG-429")]
    assert do(book, TagEdit(remove=["Line 2"])).result.removed == [
        "[default]Line 2/First/On",
        "[default]Line 2/First/Speed",
    ]
    assert faults(book, TagEdit(put=[{"path": "Line 1/Motor", "type": "Int4"}])) == [("Line 1/Motor", "", "CFG-422")]
    assert faults(book, TagEdit(put=[{"path": "Line 1/Speed", "udt": "Motor"}])) == [("Line 1/Speed", "", "CFG-424")]
    assert faults(book, TagEdit(put=[{"path": "Line 1/X", "udt": "Mottor"}]))[0][2] == "CFG-192"


# what is refused


def test_all_that_is_wrong_is_told_by_tag_and_key(data: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"path": "A", "type": "Int9"},
        {"path": "B", "type": "Int4", "unit": 5, "adress": "HR1"},
        {"path": "C", "type": "Int4", "address": "[PLC1]XX1"},
        {"path": "D", "type": "Int4", "address": "[PLC9]HR1"},
        {"path": "E", "type": "Int4", "group": "slow"},
        {"path": "F", "type": "Int4", "expression": "{F} + {[.]A}"},
        {"path": "G", "type": "Int4", "expression": "1 +"},
        {"path": "H", "type": "Int4", "source": "Nowhere"},
        {"path": "I", "type": "Int4", "source": "A"},
        {"path": "J/", "type": "Int4"},
        {"path": "K", "type": "Int4", "low": 5, "high": 1},
        {"type": "Int4"},
        {"path": "L", "type": "Int4"},
        {"path": "[default]L", "type": "Int4"},
        {"path": "Door/Strike", "type": "Int4"},
    ]
    found = faults(opened(data), TagEdit(put=rows))
    assert {(path, key) for path, key, _ in found if path} == {
        ("A", "type"),
        ("B", "unit"),
        ("B", "adress"),
        ("C", "address"),
        ("D", "address"),
        ("E", "group"),
        ("F", "expression"),
        ("G", "expression"),
        ("H", "source"),
        ("J/", "path"),
        ("K", "high"),
        ("L", ""),
    }
    assert {key for path, key, _ in found if not path} == {"path", "door.entrance.strike"}


def test_circles_through_tags_that_were_there(data: Path) -> None:
    book = opened(data)
    do(book, TagEdit(put=[{"path": "A", "type": "Int4", "expression": "{Line 1/Twice}"}]))
    loop = {"path": "Line 1/Speed", "type": "Float4", "expression": "{A}"}
    assert faults(book, TagEdit(put=[loop])) == [("Line 1/Speed", "expression", "CFG-196")]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (TagEdit(remove=["Line 1/Speed"]), ("Line 1/Speed", "", "CFG-420")),
        (TagEdit(remove=["Door"]), ("Door/Strike", "", "CFG-420")),
        (TagEdit(remove=["Nowhere"]), ("Nowhere", "", "CFG-428")),
        (TagEdit(rename=("Door/Strike", "Door/Lock")), ("Door/Strike", "", "CFG-432")),
        (TagEdit(rename=("Line 1/Speed", "Line 1/Twice")), ("Line 1/Speed", "", "CFG-431")),
        (TagEdit(rename=("Line 1", "Line 1/Old")), ("Line 1/Old", "", "CFG-430")),
        (TagEdit(rename=("Line 1", "Line?")), ("Line?", "path", "CFG-140")),
    ],
)
def test_what_is_needed_stays(data: Path, edit: TagEdit, expected: tuple[str, str, str]) -> None:
    assert expected in faults(opened(data), edit)


def test_who_needs_a_tag_goes_with_it(data: Path) -> None:
    removed = do(opened(data), TagEdit(remove=["Line 1/Speed", "Line 1/Twice"])).result.removed
    assert removed == ["[default]Line 1/Speed", "[default]Line 1/Twice"]


def test_tags_of_the_gateway_itself(data: Path) -> None:
    book = opened(data)
    with pytest.raises(TagFaults, match="gateway itself"):
        book.plan(TagEdit(put=[{"path": "Devices/PLC1/Port", "type": "Int4"}]), lambda path: "Devices" in path)


def test_one_inline_list_can_not_be_edited(data: Path) -> None:
    (data / "tags/inline.toml").write_text('tag = [{ path = "Inline/A", type = "Int4" }]\n')
    book = opened(data)
    assert faults(book, TagEdit(put=[{"path": "Inline/A", "type": "Int2"}])) == [("Inline/A", "", "CFG-434")]
    assert book.configured("[default]Inline/A") is not None
    do(book, TagEdit(put=[{"path": "Inline/B", "type": "Int2"}]))
    assert (data / "tags/Inline 2.toml").exists()


# other paths


def test_formulas_follow(data: Path) -> None:
    (data / "tags/users.toml").write_text(
        '[[tag]]\npath = "User/A"\ntype = "Float8"\nexpression = "{Line 1/Speed} + {[~]Line 1/Speed.quality} + {./B}"\n'
        '[[tag]]\npath = "User/B"\ntype = "Float8"\nsource = "Line 1/Speed"\n'
        '[[tag]]\npath = "User/C"\ntype = "Float8"\nexpression = "len(\\"{Line 1/Speed}\\") + {Line 1/Speed}"\n'
    )
    book = opened(data)
    do(book, TagEdit(rename=("Line 1/Speed", "Area/Fast")))
    assert book.state.tags["[default]Line 1/Twice"].expression == "{Area/Fast} * 2"
    assert book.state.tags["[default]User/A"].expression == "{Area/Fast} + {Area/Fast.quality} + {./B}"
    assert book.state.tags["[default]User/B"].source == "[default]Area/Fast"
    assert book.state.reads["[default]User/C"].inputs == ("[default]Area/Fast",)
    assert book.state.files["tag"]["[default]Area/Fast"] == "tags/line1.toml", "where an item stands it stays"
    do(book, TagEdit(rename=("Line 1", "Line 7")))
    assert book.state.tags["[default]Line 7/Twice"].expression == "{Area/Fast} * 2"
    do(book, TagEdit(rename=("User", "Users/All")))
    assert book.state.tags["[default]Users/All/A"].expression.endswith("{./B}")


# import


def test_policies_know_every_file(data: Path) -> None:
    book = opened(data)
    rows = [{"path": "Door/State", "type": "Int8"}, {"path": "Js/One", "type": "Int4"}, {"path": "X", "type": "Int4"}]
    given = json.dumps(rows).encode()
    with pytest.raises(TagFaults) as refused:
        book.plan_import(given, "x.json", Conflict.ABORT)
    assert [fault.path for fault in refused.value.faults] == ["[default]Door/State", "[default]Js/One"]
    merged = book.plan_import(given, "x.json", Conflict.MERGE)
    assert merged.after.tags["[default]Door/State"].unit == 'a "b"'
    done = book.plan_import(given, "x.json", Conflict.OVERWRITE).result
    assert (done.changed, done.unchanged, done.added) == (["[default]Door/State"], ["[default]Js/One"], ["[default]X"])
    renamed = book.plan_import(given, "x.json", Conflict.RENAME, into="In").result
    assert renamed.added == ["[default]In/Door/State", "[default]In/Js/One", "[default]In/X"]
    assert book.plan_import(given, "x.json", Conflict.RENAME).result.renamed[0] == (
        "[default]Door/State",
        "[default]Door/State 1",
    )
    ignored = book.plan_import(given, "x.json", Conflict.IGNORE).result
    assert (ignored.added, ignored.ignored) == (["[default]X"], ["[default]Door/State", "[default]Js/One"])


def test_types_come_by_import_and_change_every_instance(data: Path) -> None:
    book = opened(data)
    members = [{"path": "Load", "type": "Int2"}, {"path": "On", "type": "Int2"}]
    given = {"udt": [{"name": "Motor", "parameters": {"Base": 1}, "member": members}]}
    plan = book.plan_import(json.dumps(given).encode(), "x.json", Conflict.OVERWRITE)
    assert plan.result.types == ["Motor"]
    assert "[default]Line 1/Motor/Load" in plan.after.tags
    book.accept(plan, book.write(plan))
    same_as_loaded(book)
    fresh = {"udt": [{"name": "Valve", "member": [{"path": "Open", "type": "Boolean"}]}], "tag": []}
    plan = book.plan_import(json.dumps(fresh).encode(), "x.json", Conflict.ABORT)
    book.accept(plan, book.write(plan))
    same_as_loaded(book)
    assert (data / "tags/types/Valve.toml").exists()
    broken = {"udt": [{"name": "Pair", "member": [{"path": "Left", "udt": "Pair"}]}]}
    with pytest.raises(TagFaults):
        book.plan_import(json.dumps(broken).encode(), "x.json", Conflict.OVERWRITE)


# the files


@pytest.mark.parametrize("how", ["changed", "new", "gone"])
def test_files_that_were_edited_by_hand(data: Path, how: str) -> None:
    book = opened(data)
    _ = book.state
    if how == "changed":
        (data / "tags/js.json").write_text(JSON.replace("Int4", "Int2"))
    elif how == "new":
        (data / "tags/hand.csv").write_text("path,type\nHand,Int4\n")
    else:
        (data / "tags/js.json").unlink()
    before = contents(data)
    with pytest.raises(Refused, match="CFG-413") as refused:
        book.plan(TagEdit(put=[{**SPEED, "unit": "m"}]))
    assert "reload" in refused.value.hint
    assert contents(data) == before
    plan = book.plan_reload(loaded(data))
    expected = {
        "changed": ((), ("[default]Js/One", "[default]Js/Two"), ()),
        "new": (("[default]Hand",), (), ()),
        "gone": ((), (), ("[default]Js/One", "[default]Js/Two")),
    }[how]
    assert tuple(map(tuple, (plan.result.added, plan.result.changed, plan.result.removed))) == expected
    book.accept(plan, book.write(plan))
    do(book, TagEdit(put=[{**SPEED, "unit": "m"}]))


def test_a_tag_of_the_main_file_that_was_edited_by_hand(data: Path) -> None:
    book = opened(data)
    _ = book.state
    (data / "plantgate.toml").write_text(MAIN.replace('"Int4"', '"Int2"'))
    assert faults(book, TagEdit(put=[{"path": "Here/Local", "type": "Float4"}])) == [("Here/Local", "", "CFG-435")]


def test_a_reload_brings_no_tags_of_devices_that_do_not_run(data: Path) -> None:
    book = opened(data)
    _ = book.state
    (data / "plantgate.toml").write_text(MAIN.replace("[[door]]", '[[device]]\nname = "P2"\nhost = "h"\n\n[[door]]'))
    (data / "tags/new.csv").write_text("path,type,address\nN,Int4,[P2]HR1\n")
    with pytest.raises(TagFaults, match="does not run yet"):
        book.plan_reload(loaded(data))


class Disk:
    """Refuses to replace the files of these names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, path: Path, data: bytes, *, private: bool = False) -> None:
        if path.name in self.names:
            raise OSError(28, "No space left on device")
        path.write_bytes(data)


BOTH = TagEdit(put=[{**SPEED, "unit": "m"}, {"path": "Js/One", "type": "Int2"}])


@pytest.mark.parametrize("name", ["line1.toml", "js.json", "tag-edit"])
def test_a_full_disk_changes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    book = opened(data)
    plan = book.plan(BOTH)
    before = contents(data)
    monkeypatch.setattr(tagcommit, "write_atomic", Disk(name))
    with pytest.raises(StorageError, match="CFG-411"):
        book.write(plan)
    assert contents(data) == before
    monkeypatch.undo()
    do(book, BOTH)


def test_a_disk_that_refuses_to_put_back_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what was decided counts, from the next load on."""
    book = opened(data)
    plan = book.plan(BOTH)

    written: list[str] = []

    def failing(path: Path, data: bytes, *, private: bool = False) -> None:
        if path.name != "tag-edit" and written[1:]:
            raise OSError(5, "Input/output error")
        written.append(path.name)
        path.write_bytes(data)

    monkeypatch.setattr(tagcommit, "write_atomic", failing)
    with pytest.raises(StorageError):
        book.write(plan)
    monkeypatch.undo()
    assert {tag.path: tag for tag in loaded(data).tags} == dict(plan.after.tags)
    finish(data)
    assert not pending(data)
    assert {tag.path: tag for tag in loaded(data).tags} == dict(plan.after.tags)


def test_a_damaged_log_is_told(data: Path) -> None:
    commit(data, {data / "tags/a.toml": b"", data / "tags/b.toml": b""})
    (data / "state").mkdir(exist_ok=True)
    (data / "state/tag-edit").write_bytes(b'plantgate tag-edit 1\n[["tags/a.toml", 5]]\nab')
    with pytest.raises(ConfigError, match="CFG-410"):
        load(data, (), {})


_KILLED = """
import os, sys
from pathlib import Path
from plantgate.config.tags import commit as tagcommit
folder, at = Path(sys.argv[1]), int(sys.argv[2])
steps = 0
def counted(function):
    def step(*given, **named):
        global steps
        steps += 1
        if steps == at:
            os._exit(9)
        return function(*given, **named)
    return step
for owner, name in ((os, "open"), (os, "fsync"), (os, "rename"), (os, "replace"), (os, "unlink")):
    setattr(owner, name, counted(getattr(owner, name)))
files = {folder / "tags/js.json": b'[{"path": "Moved", "type": "Int4"}]', folder / "tags/line1.toml": b""}
files[folder / "tags/fresh.toml"] = b'[[tag]]\\npath = "Js/One"\\ntype = "Int4"\\n'
tagcommit.commit(folder, files)
os._exit(7)
"""


def test_a_process_killed_at_any_step_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Moves a tag from file to file: half of it would be a tag that is there twice, or not at all."""
    seen = set()
    for step in range(1, 60):
        data = plant(tmp_path / str(step))
        before = {tag.path for tag in loaded(data).tags}
        status = subprocess.run([sys.executable, "-c", _KILLED, str(data), str(step)], check=False).returncode
        found = {tag.path for tag in load(data, (), {}).tags}
        after = before - {f"[default]Line 1/{name}" for name in ("Speed", "Twice", "List")} - {"[default]Js/Two"}
        assert found in (before, after | {"[default]Moved"})
        finish(data)
        assert {tag.path for tag in load(data, (), {}).tags} == found
        seen.add((status, found == before))
        if status == 7:
            break
    assert seen == {(9, True), (9, False), (7, False)}


# tag groups


def test_groups_keep_their_comments(data: Path) -> None:
    configuration = loaded(data)
    plan = plan_group(configuration, data, "fast", {"rate": 0.25, "mode": "leased", "leased_rate": "50ms"})
    text = plan.files[data / "plantgate.toml"].decode()
    assert text == MAIN.replace('rate = "100ms"', 'rate = "250ms"\nmode = "leased"\nleased_rate = "50ms"')
    commit(data, plan.files)
    assert loaded(data).tag_groups == plan.groups
    assert plan_group(loaded(data), data, "fast", {"rate": "0.25s", "mode": "leased", "leased_rate": 0.05}).files == {}
    added = plan_group(loaded(data), data, "slow", {"rate": 90})
    assert added.files[data / "plantgate.toml"].decode().endswith('[[tag_group]]\nname = "slow"\nrate = "90s"\n')
    gone = plan_group(loaded(data), data, "fast", None)
    assert "fillers" not in gone.files[data / "plantgate.toml"].decode()
    default = plan_group(loaded(data), data, "default", {"rate": "2s"})
    assert [group.rate for group in default.groups if group.name == "default"] == [2.0]


@pytest.mark.parametrize(
    ("name", "row", "code"),
    [
        ("fast", {"rate": "soon"}, "CFG-111"),
        ("fast", {"rate": "1s", "mode": "driven"}, "CFG-198"),
        ("fast", {"mode": "driven", "driving_tag": "No", "condition": "> 1", "driven_rate": 1}, "CFG-155"),
        ("default", None, "CFG-442"),
        ("nobody", None, "CFG-441"),
    ],
)
def test_groups_that_are_wrong(data: Path, name: str, row: dict[str, Any] | None, code: str) -> None:
    with pytest.raises(TagFaults) as refused:
        plan_group(loaded(data), data, name, row)
    assert code in [fault.code for fault in refused.value.faults]


def test_a_group_in_use_stays(data: Path) -> None:
    book = opened(data)
    do(book, TagEdit(put=[{**SPEED, "group": "fast"}]))
    with pytest.raises(TagFaults, match="is used by"):
        plan_group(book.configuration, data, "fast", None)


# any sequence of edits


NAMES = st.sampled_from(["Line 1", "Door", "Js", "Here", "Hall", "Line 1/Motor", "Pairs/One/Left", "New/Deep"])
LEAVES = st.sampled_from(["Speed", "Twice", "State", "One", "On", "T1", "T2", "Strike"])
PATHS = st.builds(lambda folder, leaf: f"{folder}/{leaf}", NAMES, LEAVES)
ENTRIES = st.fixed_dictionaries(
    {"path": PATHS, "type": st.sampled_from(["Int4", "Float8", "String", "Boolean"])},
    optional={
        "unit": st.sampled_from(["", "m", "a,b", 'q"q', "#"]),
        "description": st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
        "history": st.booleans(),
        "writable": st.booleans(),
        "low": st.sampled_from([0, -1.5, None]),
        "group": st.sampled_from(["default", "fast", "none"]),
        "expression": st.sampled_from(["{[.]T1} + 1", "{Line 1/Speed}", "1 +", "{New/Deep/T2}"]),
        "source": st.sampled_from(["Line 1/Speed", "./T1", "Js/One"]),
        "initial": st.sampled_from([1, 2.5, "x", True]),
        "alarms": st.just([{"name": "High", "mode": "above", "setpoint": 5}]),
    },
)
EDITS = st.one_of(
    st.builds(lambda rows: TagEdit(put=rows), st.lists(ENTRIES, min_size=1, max_size=4)),
    st.builds(lambda paths: TagEdit(remove=paths), st.lists(PATHS | NAMES, min_size=1, max_size=2)),
    st.builds(lambda old, new: TagEdit(rename=(old, new)), PATHS | NAMES, PATHS | NAMES),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EDITS, min_size=1, max_size=8))
def test_any_sequence_of_edits_is_what_a_fresh_load_gives(edits: Sequence[TagEdit]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        book = opened(plant(Path(folder) / "data"))
        for edit in edits:
            before = contents(book.directory)
            try:
                do(book, edit)
            except TagFaults:
                assert contents(book.directory) == before
