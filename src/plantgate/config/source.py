"""Reading of configuration files, bounded."""

from __future__ import annotations

from pathlib import Path

from plantgate.config.problems import config_error
from plantgate.limits import GATEWAY_XML_BYTES


def read_bytes(path: Path, limit: int = GATEWAY_XML_BYTES) -> bytes:
    """A configuration file, bounded. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else "check the path and this user's rights"
        raise config_error("CFG-101", str(path), "", f"can't be read: {error.strerror}", hint) from None
    if len(data) > limit:
        raise config_error("CFG-102", str(path), "", f"is larger than {limit} bytes and surely not a configuration")
    return data
