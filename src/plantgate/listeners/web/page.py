"""The browser application: files that `make web` built into `static/`, and headers that keep everything else out."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import HTMLResponse, Response

_NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>plantgate</title>
<h1>The page has not been built</h1><p>The gateway runs. Build its page with <code>make web</code> and reload.</p>"""

# 'unsafe-inline' for style attributes only: the chart library positions its axes with them. Scripts are ours alone.
SECURITY_HEADERS = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("cross-origin-opener-policy", "same-origin"),
]


# By our own table: the system's (the registry, on Windows) may call a script text/plain, and `nosniff` then forbids it.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


def page(static: Path, path: str, known: str | None) -> Response:
    """The built file at `path`, else index.html: the page has routes of its own. Never a file outside `static`.

    `known` is the entity tag of what the browser has already (If-None-Match).
    """
    index = static / "index.html"
    if not index.is_file():
        return HTMLResponse(_NOT_BUILT, 503)
    wanted = _built(static.resolve(), path)
    if wanted is None and path.startswith("/assets/"):
        return Response(status_code=404)
    # Vite puts a hash of the content into the names under assets/: they never change.
    lasting = wanted is not None and path.startswith("/assets/")
    return _file(wanted or index, "public, max-age=31536000, immutable" if lasting else "no-cache", known)


def _file(file: Path, age: str, known: str | None) -> Response:
    """Read at once: the files are ours, few and small, and a thread for each would cost more."""
    about = file.stat()
    headers = {"cache-control": age, "etag": f'"{about.st_mtime_ns:x}-{about.st_size:x}"'}
    if known == headers["etag"]:
        return Response(status_code=304, headers=headers)
    kind = _TYPES.get(file.suffix.lower(), "application/octet-stream")
    return Response(file.read_bytes(), headers=headers | {"content-type": kind})


def _built(root: Path, path: str) -> Path | None:
    """The file that `path` names below `root`, None if there is none."""
    try:
        wanted = (root / path.lstrip("/")).resolve()
        found = wanted.is_relative_to(root) and wanted.is_file() and wanted != root / "index.html"
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        return None
    return wanted if found else None
