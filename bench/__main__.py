"""Measurements, as tables: `make bench`, or `python -m bench badge modbus` for some of them.

They print and judge nothing; docs/measurements.md quotes them.
"""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "startup",
    "badge",
    "readers",
    "access",
    "tags",
    "alarms",
    "expressions",
    "modbus",
    "modbus_server",
    "protocols",
    "historian",
    "web",
    "ports",
)


def main() -> int:
    wanted = sys.argv[1:] or NAMES
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in wanted:
        module = importlib.import_module(f"bench.{name}")
        module.main()
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
