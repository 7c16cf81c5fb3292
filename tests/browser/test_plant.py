"""The plant is changed while it runs: an alarm from its definition to the journal, tags made, moved and imported."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.world import Demo, picture

LEVEL = "[default]Line 1/Tank A/Level"


def field(page: Page, key: str) -> Locator:
    return page.get_by_test_id(f"field-{key}").locator("input, select, textarea").first


def apply(page: Page) -> None:
    """Look at what would change, then let it be so."""
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("files")).to_contain_text("tags/")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def signed_in(demo: Demo, page: Page) -> None:
    page.goto(demo.link)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")


def test_an_alarm_is_defined_seen_acknowledged_shelved_and_remembered(demo: Demo, page: Page) -> None:
    signed_in(demo, page)
    page.goto(f"{demo.url}/tags?tag={LEVEL}")
    page.get_by_test_id("add-alarm").click()
    field(page, "name").fill("Filled")
    field(page, "setpoint").fill("nonsense")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("field-setpoint")).to_contain_text(re.compile("not a number"))
    field(page, "setpoint").fill("0.5")
    field(page, "priority").select_option("critical")
    field(page, "notes").fill("Nothing: this is how it should be.")
    apply(page)
    expect(page.get_by_test_id("tag-alarm")).to_have_attribute("data-state", "active_unacked")
    expect(page.get_by_test_id("alarm-badge")).to_contain_text("1")
    expect(page.get_by_test_id("alarm-announcement")).to_contain_text("Critical alarm: Filled")

    page.goto(f"{demo.url}/alarms")
    row = page.locator(f'[data-testid=alarm-row][data-path="{LEVEL}"]')
    expect(row).to_contain_text("above 0.5")
    picture(page, "alarms")
    row.get_by_test_id("acknowledge").click()
    expect(row).to_have_attribute("data-state", "active_acked")
    page.get_by_test_id("select-all").check()
    page.get_by_test_id("shelve-selected").click()
    page.get_by_test_id("shelve-reason").fill("known")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="Shelved").click()
    expect(row).to_contain_text("Shelved until")
    row.get_by_test_id("unshelve").click()
    expect(page.get_by_text("No alarm is shelved")).to_be_visible()
    page.get_by_role("link", name="Journal").click()
    told = page.get_by_test_id("alarm-record")
    expect(told).to_have_count(4)
    assert [one.get_attribute("data-change") for one in told.all()] == ["unshelved", "shelved", "ack", "active"]


def test_tags_are_made_moved_and_imported_and_the_files_say_so(demo: Demo, page: Page) -> None:
    signed_in(demo, page)
    page.goto(f"{demo.url}/tags?folder=[default]Line 1")
    page.get_by_test_id("new-tag").click()
    page.get_by_test_id("tag-kind").select_option("expression")
    page.get_by_test_id("tag-name").fill("Double")
    field(page, "expression").fill("{[~]Line 1/Tank A/Level * 2")
    page.get_by_test_id("form-submit").click()
    expect(field(page, "expression")).to_have_attribute("aria-invalid", "true")
    field(page, "expression").fill("{[~]Line 1/Tank A/Level} * 2")
    apply(page)
    expect(page.get_by_test_id("tag-file")).to_contain_text("tags/")

    page.goto(f"{demo.url}/tags?tag={LEVEL}")
    page.get_by_test_id("tag-move").click()
    page.get_by_test_id("move-name").fill("Height")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("differences").last).to_contain_text("Tank A/Height} * 2")
    page.get_by_test_id("form-submit").click()
    expect(page).to_have_url(re.compile("Height"))
    expect(page.get_by_test_id("detail-value")).to_have_text(re.compile(r"\d"))
    texts = "".join(file.read_text(encoding="utf-8") for file in (demo.data / "tags").rglob("*.*"))
    assert "Line 1/Tank A/Height" in texts
    assert "Tank A/Height} * 2" in texts

    page.goto(f"{demo.url}/tags")
    page.get_by_test_id("import-tags").click()
    rows = b"path,type\nSpare/A,Float4\nSpare/B,Int4\n"
    page.get_by_test_id("tags-file").set_input_files({"name": "spare.csv", "mimeType": "text/csv", "buffer": rows})
    expect(page.get_by_test_id("import-result")).to_contain_text("Added: 2")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    page.get_by_test_id("form-submit").click()
    page.locator('[data-testid=folder][data-path="[default]Spare"]').click()
    expect(page.get_by_test_id("tag-row")).to_have_count(2)
    page.get_by_test_id("remove-folder-button").click()
    expect(page.get_by_test_id("removed").get_by_role("listitem")).to_have_count(2)
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator('[data-testid=folder][data-path="[default]Spare"]')).to_be_hidden()


def test_a_device_shows_its_rates_and_its_plan_and_a_group_is_slowed(demo: Demo, page: Page) -> None:
    signed_in(demo, page)
    page.goto(f"{demo.url}/devices")
    page.locator('[data-testid=device][data-name="PLC1"]').get_by_role("link", name="PLC1").click()
    expect(page.get_by_test_id("device-state")).to_have_attribute("data-health", "ok")
    expect(page.locator('[data-testid=device-rate][data-rate="1000"]')).to_be_visible()
    expect(page.get_by_test_id("register-map")).to_have_count(4)
    picture(page, "device")
    page.goto(f"{demo.url}/devices?group=default")
    page.get_by_test_id("group-rate").fill("2s")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("differences")).to_contain_text("2s")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator('[data-testid=tag-group][data-name="default"]')).to_contain_text("2 s")
