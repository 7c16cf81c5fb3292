"""The demo as a person meets it: one command, one link, a browser that sees the plant move and a badge accepted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from bench.processes import CARD, wait_for
from tests.browser.world import Demo, picture


def test_a_browser_sees_the_plant_move_and_a_badge_accepted(demo: Demo, page: Page) -> None:
    page.goto(demo.link)
    expect(page.get_by_test_id("gateway-state")).to_contain_text("Running", ignore_case=True)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "true")
    assert "signin" not in page.url, "the link's token is not left in the address bar"
    expect(page.locator('[data-testid=tile][data-name="PLC1"]')).to_have_attribute("data-health", "ok")

    demo.present(CARD)
    shown = f'[data-testid=badge-event][data-uid="…{CARD[-4:]}"]'
    badge = page.locator(shown, has_text="Ada Lovelace").first
    expect(badge).to_have_attribute("data-verdict", "accepted")
    picture(page, "overview", after_seconds=75)

    page.goto(f"{demo.url}/tags")
    value = page.locator('[data-testid=tag-row][data-path="[default]Line 1/Utilities/Energy"] [data-testid=tag-value]')
    page.get_by_test_id("tag-search").fill("energy")
    expect(value).not_to_have_text("")
    before = value.inner_text()
    expect(value).not_to_have_text(before)
    page.get_by_test_id("tag-search").fill("")
    picture(page, "tags")

    page.goto(f"{demo.url}/badges/readers")
    page.locator('[data-testid=reader-wink][data-reader="entrance"]').click()
    log = demo.data / "logs" / "wrapper.log"
    wait_for(lambda: "reader entrance wink" in log.read_text(encoding="utf-8"), "the wink is in the audit log")
    page.goto(f"{demo.url}/badges")
    expect(badge).to_be_visible()
    picture(page, "badges")

    page.goto(f"{demo.url}/trends?tag=[default]Line 1/Tank A/Level&tag=[default]Line 1/Filler/Speed&range=5m")
    picture(page, "trends", after_seconds=5)

    page.goto(f"{demo.url}/ports")
    expect(page.locator('[data-testid=port-row][data-name="http"]')).to_have_attribute("data-state", "LISTENING")
    picture(page, "ports")


def test_a_lost_gateway_is_said_and_the_page_recovers(demo: Demo, page: Page, tmp_path: Path) -> None:
    page.goto(demo.url)
    expect(page.get_by_test_id("gateway-state")).to_contain_text("Running", ignore_case=True)
    expect(page.get_by_test_id("sign-in-state")).to_have_attribute("data-signed-in", "false")
    lock = (tmp_path / "demo" / "state" / "gateway.lock").read_text().strip()
    os.kill(int(lock), signal.SIGSTOP)
    try:
        expect(page.get_by_test_id("connection-lost")).to_be_visible()
    finally:
        os.kill(int(lock), signal.SIGCONT)
    expect(page.get_by_test_id("connection-lost")).to_be_hidden()


def test_it_works_at_phone_width_in_the_dark(demo: Demo, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(demo.url)
    expect(page.get_by_test_id("gateway-state")).to_contain_text("Running", ignore_case=True)
    for path in ("/", "/tags", "/trends", "/badges", "/devices", "/ports"):
        page.goto(f"{demo.url}{path}")
        expect(page.locator("h1, h2").first).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"{path} is {width} px wide on a phone"
    picture(page, "phone")
