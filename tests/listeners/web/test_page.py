"""The browser application's files, the headers that protect it, and what plain HTTP may do when TLS is demanded."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
import websockets

from plantgate.listeners.web import static_folder
from plantgate.listeners.web.application import Secure
from plantgate.listeners.web.page import SECURITY_HEADERS
from tests.listeners.web.world import World, open_world

BUILT = "<!doctype html>the page"


async def test_the_page_and_its_files(client: httpx.AsyncClient) -> None:
    for path in ("/", "/index.html", "/tags", "/tags/[default]Line%201/Speed", "/deep/er"):
        answer = await client.get(path)
        assert (answer.status_code, answer.text, answer.headers["cache-control"]) == (200, BUILT, "no-cache")
        assert answer.headers["content-type"].startswith("text/html")
    answer = await client.get("/assets/index-abc.js")
    assert (answer.status_code, answer.text) == (200, "let page = 1")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "javascript" in answer.headers["content-type"]
    assert (await client.get("/assets/index-old.js")).status_code == 404


async def test_what_the_browser_has_is_not_sent_again(world: World, client: httpx.AsyncClient) -> None:
    for path in ("/assets/index-abc.js", "/"):
        first = await client.get(path)
        again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert again.headers["x-content-type-options"] == "nosniff"
    old = (await client.get("/")).headers["etag"]
    (world.context.static / "index.html").write_text("another page")
    assert (await client.get("/", headers={"if-none-match": old})).text == "another page"


async def test_types_do_not_depend_on_the_system(world: World, client: httpx.AsyncClient) -> None:
    types = {"a.js": "text/javascript", "a.css": "text/css", "icon.svg": "image/svg+xml", "a.bin": "application/octet"}
    for name, kind in types.items():
        (world.context.static / name).write_bytes(b"")
        assert (await client.get(f"/{name}")).headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "/....//secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "///%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/C:/Windows/win.ini",
        "/secret.txt%00.js",
        "/%00",
        "/..%00/secret.txt",
        "/file:///etc/passwd",
        "/\xc0\xae\xc0\xae/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/" + "a" * 5_000,
        "/" + "a/" * 5_000,
        "/link",
        "/linked/secret.txt",
    ],
)
async def test_nothing_outside_the_page_is_served(world: World, path: str) -> None:
    static = world.context.static
    (static / "link").symlink_to(static.parent / "secret.txt")
    (static / "linked").symlink_to(static.parent)
    request = b"GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % path.encode("latin-1")
    answer = await world.raw(request)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"SECRET" not in body
    assert b"root:" not in body
    assert head.split()[1] in (b"200", b"400", b"404")
    assert head.split()[1] != b"200" or body == BUILT.encode()


async def test_a_page_that_was_not_built_says_how(world: World, client: httpx.AsyncClient) -> None:
    shutil.rmtree(world.context.static)
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "make web" in answer.text
    assert (await client.get("/api/v1/gateway")).status_code == 200


def test_the_built_page_lives_in_the_package() -> None:
    assert static_folder().parent.joinpath("server.py").is_file()


async def test_security_headers_are_on_every_answer(world: World, client: httpx.AsyncClient) -> None:
    paths = {
        "/": 200,
        "/assets/gone.js": 404,
        "/StatusPing": 200,
        "/api/v1/gone": 404,
        "/api/v1/tags?limit=0": 400,
        "/metrics": 200,
        "/openapi.json": 200,
        "/api/v1/status": 500,
    }
    for path, status in paths.items():
        if status == 500:
            world.parts.append(None)  # type: ignore[arg-type]
        answer = await client.get(path)
        assert answer.status_code == status
        for name, value in SECURITY_HEADERS:
            assert answer.headers.get_list(name) == [value], f"{name} of {path}"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
    broken = await world.raw(b"GARBAGE\r\n\r\n")
    assert broken.startswith(b"HTTP/1.1 400 ")
    for name, _ in SECURITY_HEADERS:
        assert name.encode() in broken.lower()
    policy = dict(SECURITY_HEADERS)["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-eval" not in policy


# requireSSL and forceSecureRedirect


async def test_require_ssl_leaves_health_only(tmp_path: Path) -> None:
    async with open_world(tmp_path, secure=Secure(required=True, port=8043)) as world, world.client() as client:
        for path in ("/", "/api/v1/gateway", "/metrics", "/system/gwinfo", "/openapi.json", "/assets/x.js"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "WEB-426")
            assert answer.headers["x-frame-options"] == "DENY"
        answer = await client.post("/api/v1/session", json={"token": "once"})
        assert answer.json()["code"] == "WEB-426"  # the token did not even get read
        for path in ("/StatusPing", "/system/StatusPing", "/health/live", "/health/ready"):
            assert (await client.get(path)).status_code == 200
        with pytest.raises(websockets.InvalidStatus):
            async with world.page():
                pass


async def test_redirect_keeps_path_query_and_method(tmp_path: Path) -> None:
    async with open_world(tmp_path, secure=Secure(redirect=True, port=8043)) as world, world.client() as client:
        answer = await client.get("/api/v1/tags?limit=2")
        assert answer.status_code == 308
        assert answer.headers["location"] == "https://127.0.0.1:8043/api/v1/tags?limit=2"
        answer = await client.get("/", headers={"host": "[::1]:8088"})
        assert answer.headers["location"] == "https://[::1]:8043/"
        assert (await client.get("/StatusPing")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        with pytest.raises(websockets.InvalidStatus):
            async with world.page():
                pass


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8088", "", "[x", "a b", "127.0.0.1@evil.example"])
async def test_a_redirect_goes_to_no_foreign_host(tmp_path: Path, host: str) -> None:
    async with open_world(tmp_path, secure=Secure(redirect=True, port=8043)) as world:
        answer = await world.raw(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        assert answer.split()[1] == b"421"
        assert b"location:" not in answer.lower()


async def test_redirect_without_https_serves_plain_and_its_stream(tmp_path: Path) -> None:
    async with open_world(tmp_path, secure=Secure(redirect=True, port=0)) as world, world.client() as client:
        assert (await client.get("/api/v1/gateway")).status_code == 200
        async with world.page() as page:
            assert '"hello"' in str(await page.recv())


async def test_required_wins_where_there_is_nowhere_to_redirect(tmp_path: Path) -> None:
    async with open_world(tmp_path, secure=Secure(required=True, redirect=True)) as world, world.client() as client:
        assert (await client.get("/")).status_code == 403
