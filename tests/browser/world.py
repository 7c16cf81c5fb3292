"""What browser tests do to the running demo and to the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

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


def picture(page: Page, name: str, after_seconds: float = 0) -> None:
    """Keep a screenshot where PLANTGATE_SCREENSHOTS says (make screenshots: docs/images)."""
    if folder := os.environ.get("PLANTGATE_SCREENSHOTS"):
        page.wait_for_timeout(after_seconds * 1_000)  # a picture of a plant that has been running for a while
        page.screenshot(path=Path(folder) / f"{name}.png")
