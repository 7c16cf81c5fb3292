"""Alarms in the browser: found among thousands, acknowledged, shelved, told to those who do not look.

Against a played gateway; from the alarm's definition to its journal against the real one in test_plant.py.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.alarmrows import alarm, many
from tests.browser.fake import NOW, Gateway, Json, RefusalError, listing, tag

TANK = "[default]Line 1/Tank 5/Level"


def done(body: Json, name: str) -> Json:
    return {"items": [{"id": one, "outcome": "done", "code": "", "message": ""} for one in body[name]]}


def acknowledging(played: Gateway) -> None:
    """Acknowledging works, and the stream tells of it."""

    def acknowledge(_: Json, body: Json) -> Json:
        for row in played.alarms:
            if row["id"] in body["events"]:
                state = "active_acked" if row["state"].startswith("active") else "clear_acked"
                row |= {"state": state, "acked_at": NOW, "acked_by": "ada", "ack_note": body["note"]}
        return done(body, "events")

    played.answers["POST /alarms/acknowledge"] = acknowledge


def tell(played: Gateway, ids: list[int]) -> None:
    played.tell_alarms([row for row in played.alarms if row["id"] in ids])


def test_the_most_urgent_is_first_and_acknowledged_with_one_press(played: Gateway, page: Page) -> None:
    played.alarms = [
        alarm(1, "[default]A/Old", priority="critical", state="active_acked", acked_by="grace", acked_at=NOW),
        alarm(2, TANK, priority="low"),
        alarm(3, "[default]B/New", priority="medium", label="Pressure too high"),
    ]
    acknowledging(played)
    played.open("/alarms")
    rows = page.get_by_test_id("alarm-row")
    expect(rows).to_have_count(3)
    assert [row.get_attribute("data-id") for row in rows.all()] == ["3", "2", "1"]
    badge = page.get_by_test_id("alarm-badge")
    expect(badge).to_contain_text("2")
    expect(badge).to_contain_text("Critical")

    rows.first.get_by_test_id("acknowledge").click()
    expect(page.get_by_test_id("alarm-work")).to_have_text("1 alarm acknowledged.")
    assert played.bodies("POST /alarms/acknowledge") == [{"events": [3], "note": ""}]
    tell(played, [3])
    expect(page.locator('[data-testid=alarm-row][data-id="3"]')).to_have_attribute("data-state", "active_acked")
    page.mouse.move(0, 0)
    expect(rows.first).to_have_attribute("data-id", "2")
    expect(badge).to_contain_text("1")
    assert played.told == []


def test_the_list_stands_still_under_the_pointer(played: Gateway, page: Page) -> None:
    played.alarms = [alarm(1, "[default]A"), alarm(2, "[default]B")]
    acknowledging(played)
    played.open("/alarms")
    rows = page.get_by_test_id("alarm-row")
    expect(rows).to_have_count(2)
    rows.last.hover()
    played.alarms.append(alarm(3, "[default]C", priority="critical"))
    played.alarms[1] |= {"state": "clear_acked"}
    tell(played, [2, 3])
    expect(page.get_by_test_id("alarms-waiting")).to_have_text("1 more alarm: show")
    assert [row.get_attribute("data-id") for row in rows.all()] == ["1", "2"]
    expect(rows.last).to_contain_text("No longer here")
    expect(page.get_by_test_id("alarm-announcement")).to_have_text("Critical alarm: High, C")
    page.mouse.move(0, 0)
    expect(rows.first).to_have_attribute("data-id", "3")
    expect(rows).to_have_count(2)


def test_five_thousand_alarms_are_found_selected_and_acknowledged_in_pieces(played: Gateway, page: Page) -> None:
    played.alarms = many(5_000)
    acknowledging(played)
    played.open("/alarms")
    rows = page.get_by_test_id("alarm-row")
    expect(page.get_by_test_id("alarm-count")).to_contain_text(re.compile(r"5.000 alarms, 3.333 unacknowledged"))
    assert rows.count() < 60, "only what is in sight is drawn"

    page.get_by_test_id("alarm-search").fill("tank 4999")
    expect(rows).to_have_count(1)
    page.get_by_test_id("alarm-search").fill("")
    page.get_by_label("Priority", exact=True).select_option("critical")
    page.get_by_label("Folder or tag").fill("Line 1")
    page.get_by_label("Folder or tag").press("Enter")
    expect(page.get_by_test_id("alarm-count")).to_contain_text(re.compile("^(8[0-9]) of 5"))
    page.get_by_role("link", name="Live").click()

    page.get_by_test_id("ack-all").click()
    page.get_by_test_id("ack-note").fill("after the power cut")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("alarm-work")).to_have_text(re.compile("3.333 alarms acknowledged"))
    sent = played.bodies("POST /alarms/acknowledge")
    assert [len(body["events"]) for body in sent] == [500] * 6 + [333]
    assert {body["note"] for body in sent} == {"after the power cut"}
    assert played.told == []


def test_a_note_that_an_alarm_wants_is_asked_for(played: Gateway, page: Page) -> None:
    played.alarms = [alarm(1, TANK, ack_note_required=True)]
    acknowledging(played)
    played.open("/alarms")
    page.get_by_test_id("acknowledge").click()
    expect(page.get_by_test_id("form-submit")).to_be_disabled()
    page.get_by_test_id("ack-note").fill("valve closed")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert played.bodies("POST /alarms/acknowledge") == [{"events": [1], "note": "valve closed"}]


def test_alarms_are_shelved_for_a_while_and_taken_back(played: Gateway, page: Page) -> None:
    played.alarms = [alarm(1, TANK), alarm(2, "[default]Line 2/Speed", shelvable=False), alarm(3, TANK)]

    def shelve(_: Json, body: Json) -> Json:
        return {"items": [one | {"outcome": "done", "code": "", "message": ""} for one in body["alarms"]]}

    played.answers["POST /alarms/shelve"] = played.answers["POST /alarms/unshelve"] = shelve
    played.answers["GET /alarms"] = lambda query, _: listing(
        [alarm(1, TANK, shelved_until=NOW + 1_800_000, shelved_by="ada")], query, counts=played.counts(), revision=1
    )
    played.open("/alarms")
    page.get_by_test_id("select-all").check()
    page.get_by_test_id("shelve-selected").click()
    page.get_by_label("another time").check()
    page.get_by_test_id("shelve-minutes").fill("90")
    page.get_by_test_id("shelve-reason").fill("sensor is being changed")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    wanted = {"alarms": [{"path": TANK, "name": "High"}], "seconds": 5_400, "reason": "sensor is being changed"}
    assert played.bodies("POST /alarms/shelve") == [wanted], (
        "once, though it has two events; the other can't be shelved"
    )

    page.get_by_role("link", name="Shelved").click()
    expect(page.get_by_test_id("alarm-row")).to_contain_text("Shelved until")
    page.get_by_test_id("unshelve").click()
    expect(page.get_by_test_id("alarm-work")).to_have_text("1 alarm unshelved.")
    assert played.bodies("POST /alarms/unshelve") == [{"alarms": [{"path": TANK, "name": "High"}]}]


def test_what_the_gateway_refuses_is_said(played: Gateway, page: Page) -> None:
    played.alarms = [alarm(1, TANK)]
    gone = {"items": [{"id": 1, "outcome": "failed", "code": "ALM-104", "message": "this event is no longer there"}]}
    played.answers["POST /alarms/acknowledge"] = lambda *_: gone
    played.open("/alarms")
    page.get_by_test_id("acknowledge").click()
    note = page.get_by_role("alert").filter(has_text="ALM-104")
    expect(note).to_contain_text("1 alarm not acknowledged")
    expect(note).to_contain_text("This event is no longer there", ignore_case=True)


def test_the_journal_is_filtered_paged_and_saved(played: Gateway, page: Page) -> None:
    def record(number: int) -> Json:
        change = "ack" if number % 2 else "active"
        return {
            "id": number, "event": number, "path": TANK, "name": "High", "label": "", "priority": "high",
            "change": change,
            "at": NOW - (1_000 - number) * 1_000, "value": 81.0, "actor": "ada" if number % 2 else "", "note": "",
        }  # fmt: skip

    def journal(query: Json, _: Json) -> Json:
        if query.get("search") == "nothing":
            return listing([])
        before = int(query.get("before", 151))
        return listing([record(number) for number in range(before - 1, max(0, before - 101), -1)])

    played.answers["GET /alarms/journal"] = journal
    played.open("/alarms/journal")
    expect(page.get_by_test_id("alarm-record").first).to_contain_text("Active")
    page.get_by_role("button", name="Load older").click()
    expect(page.get_by_text("That is all.")).to_be_visible()
    page.get_by_label("What happened").select_option("ack")
    page.get_by_label("Priority", exact=True).select_option("high")
    link = page.get_by_test_id("journal-csv")
    expect(link).to_have_attribute("href", "/api/v1/alarms/journal?priority=high&change=ack&format=csv")
    page.get_by_test_id("alarm-search").fill("nothing")
    expect(page.get_by_text("Nothing in the journal matches")).to_be_visible()


def test_an_alarm_tells_what_to_do_and_where_it_comes_from(played: Gateway, page: Page) -> None:
    row = alarm(1, TANK, notes="Close valve V3.", label="Level too high")
    played.alarms = [row]
    played.tags = [tag(TANK, 82.5, unit="%")]
    played.answers["GET /alarms"] = lambda query, _: listing([row], query, counts=played.counts(), revision=1)
    played.answers["GET /alarms/journal"] = lambda query, _: listing([], query)
    part = {
        "kind": "listener",
        "name": "http",
        "health": "ok",
        "state": "Listening",
        "since": NOW,
        "reason": "",
        "next_step": "",
    }
    played.parts = [part | {"details": {}}]
    played.open("/")
    expect(page.get_by_test_id("alarm-tile")).to_have_attribute("data-highest", "high")
    page.get_by_test_id("alarm-row").get_by_role("link").click()
    expect(page.get_by_test_id("alarm-notes")).to_have_text("Close valve V3.")
    page.get_by_role("dialog").get_by_role("link", name="Line 1/Tank 5/Level").click()
    expect(page.get_by_test_id("tag-alarm")).to_contain_text("Level too high")


def test_a_page_without_alarms_says_how_to_make_one(played: Gateway, page: Page) -> None:
    played.answers["GET /alarms"] = lambda query, _: listing([], query, counts=played.counts(), revision=1)
    played.open("/alarms")
    expect(page.get_by_text("No alarm is active")).to_be_visible()
    page.get_by_role("link", name="all configured", exact=True).click()
    expect(page.get_by_text("[[tag.alarms]]")).to_be_visible()


def test_a_visitor_sees_alarms_and_can_do_nothing(played: Gateway, page: Page) -> None:
    played.signed_in = False
    played.alarms = [alarm(1, TANK)]
    played.open("/alarms")
    expect(page.get_by_test_id("acknowledge")).to_be_disabled()
    expect(page.get_by_text("Sign in to acknowledge")).to_be_visible()


def test_an_error_is_told_with_its_code_on_a_phone(played: Gateway, page: Page) -> None:
    def broken(*_: Json) -> Json:
        raise RefusalError(503, "the alarm journal can't be read", "ALM-201", "look at the disk")

    page.set_viewport_size({"width": 360, "height": 740})
    played.alarms = many(30)
    played.answers["GET /alarms/journal"] = played.answers["GET /alarms"] = broken
    for path, shown in (("", "alarm-row"), ("/shelved", ""), ("/journal", ""), ("/all", "")):
        played.open(f"/alarms{path}")
        if shown:
            expect(page.get_by_test_id(shown).first).to_be_visible()
        else:
            expect(page.get_by_role("alert").filter(has_text="ALM-201").first).to_contain_text(
                "Look at the disk", ignore_case=True
            )
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_nothing_blinks_for_those_who_want_no_motion(played: Gateway, page: Page) -> None:
    played.alarms = [alarm(1, TANK), alarm(2, TANK, "Low", state="active_acked")]
    played.open("/alarms")
    marks = "[data-testid=alarm-row] .priority svg"
    expect(page.locator(marks)).to_have_count(2)
    names = f"[...document.querySelectorAll('{marks}')].map(mark => getComputedStyle(mark).animationName)"
    first, second = page.evaluate(names)
    assert "blink" in first
    assert second == "none", "acknowledged"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(names) == ["none", "none"]
