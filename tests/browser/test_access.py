"""People, cards and doors in the browser: from somebody without a card to a lockdown, and why each time."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from bench.processes import CARD, wait_for
from tests.browser.world import SLOW, Demo, picture

STRANGER = "04C0FFEE5EA51D"
TABS = ("", "/readers", "/inside", "/people", "/rules", "/schedules", "/places", "/explain", "/changes")


def complaints(page: Page) -> list[str]:
    """What the browser's console tells as an error from now on."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    return told


def show(demo: Demo, page: Page, card: str, verdict: str, words: str) -> Locator:
    """Hold `card` to the entrance; its row in the feed, once it tells of `verdict` and `words`.

    The demo shows cards of its own, too: what was there before does not count.
    """
    events = page.get_by_test_id("badge-event")
    expect(events.or_(page.get_by_text("No badge yet")).first).to_be_visible()
    before = max((int(event.get_attribute("data-id") or 0) for event in events.all()), default=0)
    demo.present(card)
    rows = page.locator(f'[data-testid=badge-event][data-uid="…{card[-4:]}"][data-verdict={verdict}]', has_text=words)

    def newer() -> str | None:
        found = rows.first.get_attribute("data-id") if rows.count() else None
        return found if found is not None and int(found) > before else None

    found = wait_for(newer, f"{verdict} at {words!r}; the feed: {events.all_inner_texts()[:5]}", SLOW / 1_000)
    return page.locator(f'[data-testid=badge-event][data-id="{found}"]')


def choose(page: Page, testid: str, text: str) -> None:
    """Type into a chooser and take what it suggests first."""
    chooser = page.get_by_test_id(testid)
    chooser.get_by_role("combobox").fill(text)
    chooser.get_by_role("option", name=text).first.click()


def test_a_stranger_is_enrolled_let_in_locked_out_and_told_why(demo: Demo, page: Page) -> None:
    told = complaints(page)
    page.goto(demo.link)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")

    page.goto(f"{demo.url}/badges/people")
    page.get_by_test_id("add-holder").click()
    page.get_by_test_id("holder-name").fill("Katherine Johnson")
    page.get_by_test_id("holder-id").fill("2001")
    choose(page, "group-chooser", "Operators")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("add-card")).to_be_visible()
    picture(page, "badges-people")

    page.goto(f"{demo.url}/badges")
    show(demo, page, STRANGER, "denied", "nobody is known").locator("a").click()
    expect(page.get_by_test_id("steps").locator('[data-passed="false"]')).to_have_count(1)
    page.get_by_test_id("enrol").click()
    choose(page, "holder-chooser", "Katherine Johnson")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("differs")).to_contain_text("accepted")
    page.keyboard.press("Escape")
    show(demo, page, STRANGER, "accepted", "Katherine Johnson")

    page.goto(f"{demo.url}/badges/inside")
    hall = page.locator('[data-testid=person][data-holder="2001"]')
    expect(hall).to_contain_text("Production hall")
    page.get_by_test_id("lock-all").click()
    page.get_by_test_id("lockdown-reason").fill("Fire drill")
    page.get_by_test_id("form-submit").click()
    banner = page.get_by_test_id("lockdown-banner")
    expect(banner).to_contain_text("Fire drill")
    picture(page, "badges-lockdown")
    page.goto(f"{demo.url}/badges")
    expect(banner).to_be_visible()
    show(demo, page, STRANGER, "denied", "locked down")
    banner.get_by_role("link").click()
    page.get_by_test_id("release-all").click()
    page.get_by_test_id("form-submit").click()
    expect(banner).to_be_hidden()
    page.goto(f"{demo.url}/badges")
    show(demo, page, STRANGER, "accepted", "Katherine Johnson")

    page.goto(f"{demo.url}/badges/explain")
    choose(page, "holder-chooser", "Katherine Johnson")
    page.get_by_test_id("explain-reader").select_option("entrance")
    page.get_by_test_id("explain").click()
    expect(page.get_by_test_id("explanation")).to_have_attribute("data-verdict", "accepted")
    expect(page.get_by_test_id("steps").locator("li").last).to_contain_text("Operators everywhere")

    page.goto(f"{demo.url}/badges/changes")
    expect(page.locator('[data-testid=change][data-kind="holders"]').first).to_contain_text("added holder 2001")
    assert told == []


def test_rules_are_tried_on_last_week_before_they_are_saved(demo: Demo, page: Page) -> None:
    told = complaints(page)
    page.goto(demo.link)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")
    page.goto(f"{demo.url}/badges")
    show(demo, page, CARD, "accepted", "Ada Lovelace")

    page.goto(f"{demo.url}/badges/rules")
    rules = page.get_by_test_id("rule")
    expect(rules.first).to_have_attribute("data-name", "Operators everywhere")
    page.get_by_test_id("add-rule").click()
    page.get_by_test_id("rule-name").fill("Operators stay outside")
    form = page.get_by_test_id("rule-form")
    form.get_by_label("Effect").select_option("deny")
    choose(page, "group-chooser", "Operators")
    choose(page, "reader-chooser", "entrance")
    for _ in range(rules.count() - 1):
        page.get_by_label("Move Operators stay outside up").click()
    expect(rules.first).to_have_attribute("data-name", "Operators stay outside")
    page.get_by_test_id("what-if").click()
    expect(page.get_by_test_id("what-if-result")).to_contain_text("Ada Lovelace")
    picture(page, "badges-rules")
    page.get_by_test_id("save-rules").click()
    expect(page.get_by_test_id("unsaved")).to_be_hidden()

    page.goto(f"{demo.url}/badges")
    show(demo, page, CARD, "denied", "Operators stay outside")
    assert told == []


def test_what_somebody_else_changed_is_shown_and_nothing_typed_is_lost(demo: Demo, page: Page) -> None:
    told = complaints(page)
    page.goto(demo.link)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")
    page.goto(f"{demo.url}/badges/people?holder=1001")
    note = page.get_by_label("Note")
    note.fill("typed here")
    body = {"name": "Ada King", "groups": ["Operators"]}
    headers = {"origin": demo.url}
    assert page.request.put(f"{demo.url}/api/v1/access/holders/1001", data=body, headers=headers).ok
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_test_id("theirs")).to_contain_text("Ada King")
    expect(note).to_have_value("typed here")
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator('[data-testid=holder][data-id="1001"]')).to_contain_text("Ada Lovelace")
    assert told == []


def test_a_visitor_sees_how_to_sign_in_and_every_tab_fits_a_phone(demo: Demo, page: Page) -> None:
    told = complaints(page)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{demo.url}/badges")
    expect(page.get_by_test_id("badge-event").first).to_be_visible()
    page.goto(f"{demo.url}/badges/people")
    expect(page.get_by_test_id("sign-in-needed")).to_contain_text("plantgate user link")
    page.goto(demo.link)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")
    for tab in TABS:
        page.goto(f"{demo.url}/badges{tab}")
        expect(page.get_by_role("navigation", name="Badges").locator("[aria-current=page]")).to_be_visible()
        expect(page.get_by_text("Loading …")).to_have_count(0)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"/badges{tab} is {width} px wide on a phone"
    assert told == []


def test_a_slip_of_a_key_loses_nothing(demo: Demo, page: Page) -> None:
    page.goto(demo.link)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")
    page.goto(f"{demo.url}/badges/schedules?schedules=Guided+tours")
    cell = page.get_by_test_id("week-grid").first.locator('[data-day="5"][data-hour="10"]')
    expect(cell).to_have_attribute("aria-selected", "false")
    cell.click()
    expect(cell).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_label("Hours of the week as fields").get_by_role("listitem")).to_have_count(2)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keep editing").click()
    page.get_by_test_id("form-submit").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    row = page.locator('[data-testid=named][data-key="Guided tours"]')
    expect(row).to_contain_text(re.compile("Sat 10:00.12:00"))
