"""Tags are found in folders, made, changed, moved, deleted, imported: looked at first, then applied.

Against a played gateway; what is written into the files is tested against the real one in test_plant.py.
"""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.alarmrows import alarm
from tests.browser.fake import GOOD, PENDING, Gateway, Json, Query, RefusalError, listing, tag

LEVEL = "[default]Line 1/Tank 1/Level"
ENTRY = {"path": LEVEL, "type": "Float4", "device": "PLC1", "address": "HRF41", "unit": "%", "history": True}


def edited(**changes: Json) -> Json:
    """What the gateway answers to an edit."""
    lists = "added changed unchanged removed renamed ignored types files unmapped differences errors"
    return {"revision": 8} | {name: [] for name in lists.split()} | changes


def plant(played: Gateway, entry: Json = None, **more: Json) -> None:
    """Two lines with tanks, and configuration that can be changed."""
    played.tags = [
        tag(f"[default]Line {line}/Tank {tank}/Level", 1.5 * tank, unit="%") for line in (1, 2) for tank in (1, 2, 3)
    ]
    configured = {
        "path": LEVEL, "entry": entry or ENTRY, "origin": "tag", "udt": "", "instance": "", "file": "tags/line1.toml",
        "line": 42, "editable": True, "why_not": "", "revision": 7,
    }  # fmt: skip
    played.answers |= {
        "GET /tags/browse": lambda query, _: browse(played, query),
        "GET /tags/configuration": lambda query, _: configured | {"path": query["path"]} | more,
        "GET /tag-groups": lambda *_: {"items": []},
        "GET /alarms": lambda query, _: listing([], query, counts=played.counts(), revision=1),
        "PUT /tags/configuration": lambda *_: edited(changed=[LEVEL], files=["tags/line1.toml"]),
    }


def browse(played: Gateway, query: Query) -> Json:
    """One level of folders."""
    parent = query.get("path", "")
    if parent == "":
        return listing([{"name": "default", "path": "[default]", "kind": "folder", "tags": 6, "bad": 0, "tag": None}])
    prefix = parent if parent.endswith("]") else f"{parent}/"
    rests = [row["path"].removeprefix(prefix) for row in played.tags if row["path"].startswith(prefix)]
    names = sorted({rest.split("/")[0] for rest in rests if "/" in rest})
    rows = [
        {
            "name": name, "path": prefix + name, "kind": "folder", "bad": 0, "tag": None,
            "tags": sum(rest.startswith(f"{name}/") for rest in rests),
        }
        for name in names
    ]  # fmt: skip
    return listing(rows)


def field(page: Page, key: str) -> Locator:
    return page.get_by_test_id(f"field-{key}").locator("input, select, textarea").first


def test_folders_open_as_one_walks_and_narrow_the_list(played: Gateway, page: Page) -> None:
    plant(played)
    played.open("/tags")
    rows = page.get_by_test_id("tag-row")
    folders = page.get_by_test_id("folder")
    expect(rows).to_have_count(6)
    expect(folders).to_have_count(3)
    assert not any(query.get("path") == "[default]Line 1" for asked, query, _ in played.asked if "browse" in asked)
    page.locator('[data-testid=folder][data-path="[default]Line 1"]').click()
    expect(rows).to_have_count(3)
    expect(folders).to_have_count(6)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("navigation", name="Where").get_by_role("link", name="Line 1").click()
    expect(rows).to_have_count(3)
    played.tags[0] |= {"quality": 522, "reason": "no answer"}
    played.tell({"type": "tags", "now": 0, "changes": [[LEVEL, 1.5, 522, 0, "no answer"]]})
    expect(page.locator('[data-testid=folder][data-path="[default]Line 1"]')).to_contain_text(re.compile("1 ?not good"))
    page.get_by_test_id("all-folders").click()
    expect(rows).to_have_count(6)
    assert played.told == []


def test_a_tag_is_changed_after_its_change_was_seen(played: Gateway, page: Page) -> None:
    plant(played)
    played.open(f"/tags?tag={LEVEL}")
    expect(page.get_by_test_id("tag-file")).to_have_text("tags/line1.toml")
    page.get_by_test_id("tag-edit").click()
    expect(page.get_by_test_id("form-submit")).to_be_disabled()
    field(page, "unit").fill("m³")
    field(page, "history").uncheck()
    page.get_by_test_id("form-submit").click()
    rows = page.get_by_test_id("differences").get_by_role("row")
    expect(rows).to_have_text(["KeyBeforeAfter", re.compile("unit ?% ?m³"), re.compile("history ?true")])
    page.get_by_role("button", name="Back").click()
    expect(field(page, "unit")).to_have_value("m³")
    page.get_by_test_id("form-submit").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    bodies = played.bodies("PUT /tags/configuration")
    wanted = {"path": LEVEL, "type": "Float4", "device": "PLC1", "address": "HRF41", "unit": "m³"}
    assert bodies == [{"items": [wanted], "dry_run": dry} for dry in (True, True, False)]


def test_what_is_wrong_stands_at_its_field(played: Gateway, page: Page) -> None:
    plant(played)

    def refuse(*_: Json) -> Json:
        wrong = [
            {
                "path": LEVEL,
                "key": "address",
                "message": "there is no designator XX",
                "hint": "did you mean HR?",
                "code": "MB-202",
            },
            {"path": "[default]Sum", "key": "expression", "message": "it needs a number", "hint": "", "code": "EXP-3"},
        ]
        raise RefusalError(409, "The tags can't be changed like this", "CFG-200", errors=wrong)

    played.answers["PUT /tags/configuration"] = refuse
    played.open(f"/tags?tag={LEVEL}")
    page.get_by_test_id("tag-edit").click()
    field(page, "address").fill("XX1")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("field-address")).to_contain_text("no designator XX")
    expect(field(page, "address")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_test_id("entry-errors")).to_have_text(re.compile("Sum.expression.*it needs a number"))
    field(page, "address").fill("")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("field-address")).to_contain_text(re.compile("needed|no designator"))
    page.keyboard.press("Escape")
    expect(page.get_by_text("What you typed is not saved.")).to_be_visible()


def test_a_change_of_somebody_else_is_noticed_before_ours_is_applied(played: Gateway, page: Page) -> None:
    plant(played)
    answers: list[Json] = [edited(changed=[LEVEL]), None]

    def put(_: Query, body: Json) -> Json:
        if not body["dry_run"] and answers.pop() is None:
            raise RefusalError(412, "the configuration has changed meanwhile", "CFG-412")
        return edited(changed=[LEVEL])

    played.answers["PUT /tags/configuration"] = put
    played.open(f"/tags?tag={LEVEL}")
    page.get_by_test_id("tag-edit").click()
    field(page, "unit").fill("l")
    page.get_by_test_id("form-submit").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("alert").filter(has_text="CFG-412")).to_be_visible()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_tag_is_made_copied_moved_and_deleted(played: Gateway, page: Page) -> None:
    plant(played)
    entry = {"path": "[default]Sum", "type": "Float4", "expression": "{[~]Line 1/Tank 1/Level} * 2"}
    follows = {"path": "[default]Sum", "before": entry, "after": entry | {"expression": "{[~]Line 2/Height} * 2"}}
    played.answers["POST /tags/rename"] = lambda _, body: edited(
        renamed=[[body["path"], body["to"]]], differences=[follows]
    )
    played.answers["POST /tags/remove"] = lambda _, body: edited(removed=body["paths"])
    played.open("/tags?folder=[default]Line 1")
    page.get_by_test_id("new-tag").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("field-address")).to_contain_text("needed")
    page.get_by_test_id("tag-kind").select_option("expression")
    page.get_by_test_id("tag-name").fill("Sum")
    field(page, "expression").fill("{[.]Tank 1/Level} * 2")
    page.get_by_test_id("form-submit").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    made = played.bodies("PUT /tags/configuration")[-1]
    sum_tag = {"path": "[default]Line 1/Sum", "type": "Float4", "expression": "{[.]Tank 1/Level} * 2"}
    assert made == {"items": [sum_tag], "dry_run": False}

    played.open(f"/tags?tag={LEVEL}")
    page.get_by_test_id("tag-copy").click()
    page.get_by_test_id("tag-name").fill("Level B")
    page.get_by_test_id("form-submit").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert played.bodies("PUT /tags/configuration")[-1]["items"] == [ENTRY | {"path": "[default]Line 1/Tank 1/Level B"}]

    played.open(f"/tags?tag={LEVEL}")
    page.get_by_test_id("tag-move").click()
    page.get_by_test_id("move-folder").fill("Line 2")
    page.get_by_test_id("move-name").fill("Height")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("differences").last).to_contain_text("{[~]Line 2/Height} * 2")
    page.get_by_test_id("form-submit").click()
    expect(page).to_have_url(re.compile("Line\\+2%2FHeight"))
    moved = {"path": LEVEL, "to": "[default]Line 2/Height"}
    assert played.bodies("POST /tags/rename") == [moved | {"dry_run": True}, moved | {"dry_run": False}]

    played.open("/tags?folder=[default]Line 1")
    page.get_by_test_id("remove-folder-button").click()
    expect(page.get_by_test_id("removed")).to_contain_text("Line 1")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    gone = {"paths": ["[default]Line 1"]}
    assert played.bodies("POST /tags/remove") == [gone | {"dry_run": True}, gone | {"dry_run": False}]


def test_who_still_refers_to_a_tag_is_named(played: Gateway, page: Page) -> None:
    plant(played)

    def refuse(*_: Json) -> Json:
        wrong = [
            {
                "path": "[default]Sum",
                "key": "expression",
                "message": "it reads Line 1/Tank 1/Level",
                "hint": "",
                "code": "CFG-9",
            }
        ]
        raise RefusalError(409, "others still refer to it", "CFG-201", errors=wrong)

    played.answers["POST /tags/remove"] = refuse
    played.open(f"/tags?tag={LEVEL}")
    page.get_by_test_id("tag-remove").click()
    expect(page.get_by_test_id("entry-errors")).to_contain_text("Sum.expression")
    expect(page.get_by_test_id("form-submit")).to_be_disabled()


def test_an_alarm_is_added_to_a_tag_changed_and_taken_out(played: Gateway, page: Page) -> None:
    high = {"name": "High", "mode": "above", "setpoint": 80}
    plant(played, ENTRY | {"alarms": [high]})
    row = alarm(None, LEVEL)
    played.answers["GET /alarms"] = lambda query, _: listing([row], query, counts=played.counts(), revision=1)
    played.open(f"/tags?tag={LEVEL}")
    page.get_by_test_id("add-alarm").click()
    field(page, "name").fill("Low")
    field(page, "mode").select_option("below")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("field-setpoint")).to_contain_text("needed")
    field(page, "setpoint").fill("5")
    field(page, "priority").select_option("critical")
    page.get_by_test_id("form-submit").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    low = {"name": "Low", "mode": "below", "setpoint": 5, "priority": "critical"}
    assert played.bodies("PUT /tags/configuration")[-1]["items"] == [ENTRY | {"alarms": [high, low]}]

    page.get_by_test_id("edit-alarm").click()
    page.get_by_test_id("remove-alarm").click()
    expect(page.get_by_test_id("differences")).to_contain_text("above")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert played.bodies("PUT /tags/configuration")[-1] == {"items": [ENTRY], "dry_run": False}


def test_what_belongs_to_a_type_says_why_it_cant_be_changed(played: Gateway, page: Page) -> None:
    why = {"origin": "instance", "udt": "Tank", "instance": "[default]Line 1/Tank 1", "editable": False}
    plant(played, **why, why_not="change the type Tank")
    played.open(f"/tags?tag={LEVEL}")
    expect(page.get_by_text("change the type Tank")).to_be_visible()
    expect(page.get_by_test_id("tag-edit")).to_have_count(0)
    expect(page.get_by_test_id("add-alarm")).to_have_count(0)


def test_a_file_is_looked_at_before_it_is_imported(played: Gateway, page: Page) -> None:
    plant(played)
    unmapped = [["[default]Old", "a script is nothing here"]]
    found = edited(
        added=[f"[default]New/{n}" for n in range(30)], changed=[LEVEL], unmapped=unmapped, files=["tags/new.toml"]
    )
    wrong = [
        {"path": "[default]Bad", "key": "type", "message": "there is no type Float", "hint": "Float4?", "code": "CFG-3"}
    ]

    def take(query: Query, _: Json) -> Json:
        if query["format"] == "json":
            raise RefusalError(409, "the file can't be imported", "CFG-300", errors=wrong)
        return found

    played.answers["POST /tags/import"] = take
    played.open("/tags")
    page.get_by_test_id("import-tags").click()
    expect(page.get_by_test_id("form-submit")).to_be_disabled()
    file = page.get_by_test_id("tags-file")
    file.set_input_files({"name": "line.json", "mimeType": "application/json", "buffer": b"{}"})
    expect(page.get_by_test_id("entry-errors")).to_contain_text("there is no type Float")
    expect(page.get_by_test_id("form-submit")).to_be_disabled()
    file.set_input_files({"name": "line.csv", "mimeType": "text/csv", "buffer": b"path,type"})
    result = page.get_by_test_id("import-result")
    expect(result).to_contain_text("Added: 30")
    expect(result).to_contain_text("a script is nothing here")
    expect(page.get_by_test_id("files")).to_contain_text("tags/new.toml")
    page.get_by_test_id("import-conflict").select_option("merge")
    expect(result).to_contain_text("Changed: 1")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    query = [query for asked, query, _ in played.asked if asked == "POST /tags/import"][-1]
    assert query == {"format": "csv", "on_conflict": "merge", "dry_run": "false"}
    page.get_by_test_id("form-submit").click()
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_test_id("export-file")).to_have_attribute("href", "/api/v1/tags/export?format=toml")


def test_arrays_and_tables_are_read_and_written(played: Gateway, page: Page) -> None:
    plant(played)
    orders = {"columns": ["Order", "Count"], "rows": [[1, 20], [2, 30]]}
    played.tags += [
        tag("[default]Profile", [1.5, 2, 3, 4, 5, 6], data_type="Float4Array"),
        tag("[default]Orders", json.dumps(orders), data_type="DataSet"),
        tag("[default]Valve", True, data_type="Boolean", quality=PENDING),
    ]
    played.answers["POST /tags/write"] = lambda _, body: {
        "outcome": "done", "code": "", "message": "", "path": body["path"], "value": body["value"], "quality": GOOD,
    }  # fmt: skip
    played.open("/tags?q=profile")
    expect(page.get_by_test_id("tag-value")).to_have_text("[1.50, 2.00, 3.00, 4.00, …] 6 values")
    played.open("/tags?q=valve")
    expect(page.get_by_test_id("tag-row")).to_contain_text("Write pending")
    played.open("/tags?tag=[default]Orders")
    expect(page.get_by_test_id("value-table").get_by_role("row")).to_have_count(3)
    page.get_by_test_id("tag-write").click()
    entered = page.get_by_test_id("write-input")
    entered.fill('{"columns": ["Order"]}')
    page.get_by_test_id("write-review").click()
    expect(page.get_by_text("A DataSet looks like")).to_be_visible()
    entered.fill(json.dumps(orders | {"rows": [[3, 40]]}))
    page.get_by_test_id("write-review").click()
    page.get_by_test_id("write-confirm").click()
    expect(page.get_by_text("Written.")).to_be_visible()
    (body,) = played.bodies("POST /tags/write")
    assert json.loads(body["value"]) == {"columns": ["Order", "Count"], "rows": [[3, 40]]}


def test_five_thousand_tags_and_a_phone(played: Gateway, page: Page) -> None:
    plant(played)
    played.tags = [tag(f"[default]Area {n % 9}/Cell {n % 90}/Value {n}", float(n)) for n in range(5_000)]
    page.set_viewport_size({"width": 360, "height": 740})
    played.open("/tags")
    expect(page.get_by_test_id("tag-row").first).to_be_visible()
    assert page.get_by_test_id("tag-row").count() < 60
    page.get_by_role("button", name="Folders").click()
    page.get_by_role("dialog").locator('[data-path="[default]Area 3"]').click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="of 5")).to_have_text(re.compile("^556 of"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
