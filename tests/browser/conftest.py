"""What browser tests share: the running demo, and a page that fails the test if it throws."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from bench.processes import free_offset, plantgate, wait_for
from tests.browser.fake import Gateway
from tests.browser.world import SLOW, Demo

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


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


@pytest.fixture
def played(page: Page) -> Gateway:
    """A gateway of the test's own: see fake.py for when that is right."""
    return Gateway(page)
