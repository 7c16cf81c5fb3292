"""Write the pages of docs/ that are made from the code. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from plantgate.config.template import GATEWAY_XML_TEXT, PLANTGATE_TOML_TEXT
from plantgate.limits import LIMITS
from plantgate.listeners.web.readers import ReaderBoard
from plantgate.listeners.web.routes import endpoints

DOCS = Path(__file__).resolve().parent.parent / "docs"


def limits() -> str:
    lines = [
        "# Limits",
        "",
        "Every bound of plantgate: made from `src/plantgate/limits.py` by `make reference`.",
        "",
        "| limit | value | protects | against |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{limit.name}` | {limit.value:,} {limit.unit} | {limit.protects} | {limit.abused_by} |"
        for limit in LIMITS.values()
    ]
    return "\n".join(lines) + "\n"


def http_api() -> str:
    lines = [
        "# HTTP API",
        "",
        "Made from the route table by `make reference`; a running gateway has shapes and parameters in `/openapi.json`.",
        "",
        "Rules: **open** is anybody; **read** is this host, or a signed-in session; **command** is a signed-in session",
        "from our own page. Times are epoch milliseconds. Lists answer `{items, metadata}`. Errors are",
        "`application/problem+json` with a stable `code` and a `hint` that says what to do.",
        "",
        "| method | path | rule | what |",
        "|---|---|---|---|",
        '| GET | `/StatusPing` | open | `{"state":"RUNNING"}`, as Ignition answers it |',
    ]
    lines += [f"| {each.method} | `{each.path}` | {each.rule} | {each.words} |" for each in endpoints(ReaderBoard())]
    lines += [
        "",
        "## The live stream",
        "",
        '`/api/v1/stream` is a WebSocket. Send `{"subscribe":{"tags":"all","badges":true,"status":true}}`; `tags` may be a',
        "list of paths. Messages have a `type`:",
        "",
        "| type | what |",
        "|---|---|",
        "| `hello` | gateway, version, now |",
        "| `tags` | `changes`: rows of [path, value, quality, time, reason]; first a `snapshot`, then the latest of each |",
        "| `badge` | `event`: every decision, in order, once it is on disk |",
        "| `status` | `state` and `items`: all parts, when one changes |",
        "| `ping` | nothing happened for two seconds |",
        "",
        "A page that falls behind is closed with code 4408 and should connect anew.",
    ]
    return "\n".join(lines) + "\n"


def configuration() -> str:
    return f"""\
# Configuration

A data directory holds everything of one gateway:

| file | what |
|---|---|
| `gateway.xml` | the ports and the web server, in the format and with the keys of an Ignition gateway |
| `plantgate.toml` | everything else |
| `tags/*.toml`, `*.csv`, `*.json` | tags, if they are not in `plantgate.toml` |
| `pki/own/` | the HTTPS certificate and key; replace them, or delete both and a self-signed pair is made |
| `state/` | history, badge journal, unused sign-in links |
| `logs/wrapper.log` | the gateway's log, rotated |

`plantgate init DIR` writes the two files below. `plantgate config check --data DIR` tells every mistake with its line and
the nearest valid key; nothing starts on a configuration that has one.

A value is taken from the first of these that has it: `--set key=value`, `PLANTGATE_...` in the environment
(`PLANTGATE_GATEWAY_PORT`, `PLANTGATE_WEB_ADDRESS`, `PLANTGATE_READER__ENTRANCE__PORT`; `..._FILE` reads it from a file),
`GATEWAY_HTTP_PORT`, `GATEWAY_HTTPS_PORT` and `GATEWAY_GAN_PORT` as for Ignition's container, the files, the default. The
ports page and `plantgate ports list` say which one it was.

## gateway.xml

A port of 0 turns its listener off. Keys that plantgate does not know stay in the file untouched.

```xml
{GATEWAY_XML_TEXT}```

## plantgate.toml

```toml
{PLANTGATE_TOML_TEXT}```

This page is made by `make reference`.
"""


def main() -> int:
    pages = {
        DOCS / "limits.md": limits(),
        DOCS / "http-api.md": http_api(),
        DOCS / "configuration.md": configuration(),
    }
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.name} is out of date: make reference", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
