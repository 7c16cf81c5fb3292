"""The demo as a person meets it: one command, one link, a browser that sees the plant move and a badge accepted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from bench.processes import CARD, free_offset, plantgate, wait_for

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SLOW = 20_000  # milliseconds: a busy machine with two cores runs the plant, the gateway and the browser


class Demo:
    """The running demo: its sign-in link and what tests do to it."""

    def __init__(self, data: Path, offset: int, link: str) -> None:
        self.data, self.offset, self.link = data, offset, link

    @property
    def url(self) -> str:
        return self.link.partition("/#")[0]

    def present(self, uid: str) -> None:
        command = ["reader", "present", "--control", f"127.0.0.1:{4010 + self.offset}", uid]
        subprocess.run(
            [sys.executable, "-m", "plantgate.cli.main", *command], check=True, capture_output=True, timeout=20
        )


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    offset = free_offset()
    with plantgate("demo", "--data", str(tmp_path / "demo"), "--port-offset", str(offset)) as command:
        link = wait_for(
            lambda: re.search(r"http://\S+#signin=\S+", "\n".join(command.lines)),
            f"a link; printed: {command.lines}",
            30,
        ).group()
        yield Demo(tmp_path / "demo", offset, link)
        command.stop(signal.SIGTERM)


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB")
        opened.set_default_timeout(SLOW)
        expect.set_options(timeout=SLOW)
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        browser.close()
        assert errors == [], "the page threw"


def picture(page: Page, name: str, after_seconds: float = 0) -> None:
    """Keep a screenshot where PLANTGATE_SCREENSHOTS says (make screenshots: docs/images)."""
    if folder := os.environ.get("PLANTGATE_SCREENSHOTS"):
        page.wait_for_timeout(after_seconds * 1_000)  # a picture of a plant that has been running for a while
        page.screenshot(path=Path(folder) / f"{name}.png")


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

    page.goto(f"{demo.url}/badges")
    page.locator('[data-testid=reader-wink][data-reader="entrance"]').click()
    log = demo.data / "logs" / "wrapper.log"
    wait_for(lambda: "reader entrance wink" in log.read_text(encoding="utf-8"), "the wink is in the audit log")
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
