"""HTTP and HTTPS: health, REST, the live stream and the page."""

from __future__ import annotations

from pathlib import Path


def static_folder() -> Path:
    """Where the built browser application is; empty in a checkout that has not built it."""
    return Path(__file__).parent / "static"
