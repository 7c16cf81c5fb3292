"""`ports explain`, `ports check`, `ports set` as a person calls them; an Ignition that is found by itself."""

from __future__ import annotations

import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from plantgate.cli import ports_check, ports_source
from plantgate.cli.ports_source import configuration_for, source_for
from plantgate.config.template import write_pair
from plantgate.errors import ConfigError
from plantgate.ports import ignition

APP = typer.Typer()
ports_check.register(APP)
IGNITION = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">\n<properties>\n'
    '<comment>Gateway Properties</comment>\n<entry key="gateway.port">8088</entry>\n'
    '<entry key="gateway.sslport">8043</entry>\n<entry key="localdb.autobackup.delay">60</entry>\n</properties>\n'
)


_LAUGHS = '<!ENTITY e0 "ha">' + "".join(
    f'<!ENTITY e{"" if number == 9 else number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10)
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PLANTGATE_", "GATEWAY_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(ignition, "find_gateway_xml", lambda _: None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_pair(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def xml(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.xml"
    file.write_text(IGNITION, encoding="utf-8")
    return file


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments])


def _json(*arguments: object, status: int = 0) -> Any:
    result = _run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


# where the configuration comes from


def test_a_local_ignition_is_used_and_said(
    xml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    xml.write_text(IGNITION.replace("8088", "9088"), encoding="utf-8")
    monkeypatch.setattr(ignition, "find_gateway_xml", lambda _: PurePath(xml))
    source = source_for(None, None)
    assert (source.configuration.web_server.port, source.gateway_xml, source.ignition) == (9088, xml, True)
    shown = capsys.readouterr()
    assert str(xml) in shown.err
    assert shown.out == ""


def test_what_is_named_beats_what_is_found(data: Path, xml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports_source, "local_ignition", lambda: pytest.fail("searched"))
    assert configuration_for(data, None).directory == data
    assert source_for(None, xml).gateway_xml == xml
    assert source_for(None, None, [f"config_file={xml}"]).gateway_xml == xml


def test_an_ignition_that_may_not_be_read_leaves_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ignition, "find_gateway_xml", lambda _: PurePath(tmp_path))  # a folder can't be read
    assert source_for(None, None).gateway_xml is None
    assert "can't read it" in capsys.readouterr().err


def test_an_ignition_that_is_broken_is_an_error(xml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xml.write_text("<properties>", encoding="utf-8")
    monkeypatch.setattr(ignition, "find_gateway_xml", lambda _: PurePath(xml))
    with pytest.raises(ConfigError, match=r"gateway\.xml:1"):
        source_for(None, None)


# explain


def test_explain_tells_it_all_in_words(data: Path) -> None:
    text = _run("explain", "8088", "--data", data).stdout
    for piece in (
        "8088/tcp  HTTP  (http)",
        "Hadoop YARN",
        "powershell Test-NetConnection localhost -Port 8088",
        "ss -ltnp 'sport = :8088'",
        "lsof -nP -iTCP:8088 -sTCP:LISTEN",
        '<entry key="gateway.port">8080</entry>',
        f"plantgate ports set http 8080 --data {data}",
        "netsh advfirewall",
    ):
        assert piece in text


def test_explain_as_json(xml: Path) -> None:
    (https,) = _json("explain", "https", "--gateway-xml", xml)
    assert (https["port"], https["name"], https["configured"]["source"]) == (8043, "https", "gateway.xml:6")
    assert https["change"]["command"] == f"plantgate ports set https 8443 --gateway-xml {xml}"
    assert len(_json("explain", "502")) == 2


def test_an_ignition_listens_on_every_interface(xml: Path) -> None:
    (http,) = _json("explain", "http", "--gateway-xml", xml)
    assert http["configured"]["host"] == "0.0.0.0"
    assert not any("127.0.0.1" in line for line in http["firewall"])
    # Its holder on any address is in its way.
    with _listener() as port:
        xml.write_text(IGNITION.replace("8088", str(port)), encoding="utf-8")
        found = _json("check", "--gateway-xml", xml, status=1)["ports"][0]
    assert (found["host"], found["state"]) == ("0.0.0.0", "TAKEN")
    (ours,) = _json("explain", "http", "--gateway-xml", xml, "--set", "web.address=127.0.0.1")
    assert ours["configured"]["host"] == "127.0.0.1"


@pytest.mark.parametrize("wanted", ["0", "65536", "htttp"])
def test_explain_of_nothing_is_wrong_use(wanted: str) -> None:
    result = _run("explain", wanted)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: " in result.stderr


# check


def test_check_is_fine_where_all_is_free() -> None:
    sets = [f"--set={name}={_free()}" for name in ("http_port", "https_port", "metro_ssl_port")]
    answer = _json("check", *sets)
    assert answer["ok"] is True
    assert "every port can be opened" in _run("check", *sets).stdout


def test_check_says_who_and_what_to_do(data: Path) -> None:
    with _listener() as port:
        (data / "gateway.xml").write_text(IGNITION.replace("8088", str(port)), encoding="utf-8")
        answer = _json("check", "--data", data, status=1)
        result = _run("check", "--data", data)
    http = answer["ports"][0]
    assert (answer["ok"], http["state"], http["owner"]["pid"]) == (False, "TAKEN", os.getpid())
    assert http["command"] == f"plantgate ports set http {http['alternative']} --data {data}"
    assert result.exit_code == 1
    assert "plantgate ports set http " in result.stdout


# set


def test_set_changes_one_value_and_shows_it(data: Path) -> None:
    file, port = data / "gateway.xml", _free()
    before = file.read_bytes()
    result = _run("set", "http", port, "--data", data)
    assert result.exit_code == 0
    assert '-<entry key="gateway.port">8088</entry>' in result.stdout
    assert f'+<entry key="gateway.port">{port}</entry>' in result.stdout
    assert file.read_bytes() == before.replace(b'gateway.port">8088<', b'gateway.port">%d<' % port)


def test_set_in_plantgate_toml(data: Path) -> None:
    file, port = data / "plantgate.toml", _free()
    before = file.read_bytes()
    answer = _json("set", "opcua", port, "--data", data)
    assert (answer["file"], answer["applied"], answer["live"]) == (str(file), True, False)
    assert len([line for line in answer["diff"].splitlines() if line[0] in "+-"]) == 4
    assert file.read_bytes() == before.replace(b"port = 4840", b"port = %d" % port)


def test_a_dry_run_changes_nothing(data: Path) -> None:
    before = (data / "gateway.xml").read_bytes()
    answer = _json("set", "http", _free(), "--data", data, "--dry-run")
    assert answer["diff"]
    assert answer["applied"] is False
    assert (data / "gateway.xml").read_bytes() == before


def test_an_ignition_file_is_edited_and_wants_a_restart(xml: Path) -> None:
    port = _free()
    answer = _json("set", "http", port, "--gateway-xml", xml)
    assert "restart Ignition" in answer["next_step"]
    assert xml.read_text(encoding="utf-8") == IGNITION.replace("8088", str(port))
    refused = _run("set", "opcua", _free(), "--gateway-xml", xml)
    assert refused.exit_code == 2
    assert "PORT-425" in refused.stderr


def test_a_taken_port_is_refused_unless_forced(data: Path) -> None:
    before = (data / "gateway.xml").read_bytes()
    with _listener() as port:
        refused = _run("set", "http", port, "--data", data)
        assert refused.exit_code == 1
        assert f"pid {os.getpid()}" in refused.stderr
        assert (data / "gateway.xml").read_bytes() == before
        assert _run("set", "http", port, "--data", data, "--force").exit_code == 0
        assert (data / "gateway.xml").read_bytes() != before


def test_a_port_of_another_listener_is_refused(data: Path) -> None:
    for more in ((), ("--force",)):
        refused = _run("set", "http", 8043, "--data", data, *more)
        assert refused.exit_code == 1
        assert "https" in refused.stderr


@pytest.mark.parametrize(
    ("name", "port"),
    [("http", "-1"), ("http", "65536"), ("http", "eighty"), ("http", "9" * 500), ("htttp", "80"), ("mysql", "3307")],
)
def test_what_can_not_be_meant_is_one_clear_line(data: Path, name: str, port: str) -> None:
    before = [(data / file).read_bytes() for file in ("gateway.xml", "plantgate.toml")]
    result = _run("set", name, port, "--data", data)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert [(data / file).read_bytes() for file in ("gateway.xml", "plantgate.toml")] == before


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        "<properties>",
        '<!DOCTYPE properties [<!ENTITY e SYSTEM "file:///etc/passwd">]><properties><entry key="gateway.port">&e;'
        "</entry></properties>",
        '<properties><entry key="gateway.port">1</entry><entry key="gateway.port">2</entry></properties>',
        '<properties><entry key="gateway.sslport">eighty</entry></properties>',
        '<properties><entry key="gateway.sslport">-4</entry></properties>',
        '<properties><entry key="gateway.sslport">65536</entry></properties>',
    ],
    ids=["text", "open", "entity", "twice", "word", "negative", "large"],
)
@pytest.mark.parametrize("command", ["check", "explain http", "set http 9321"])
def test_a_bad_gateway_xml_is_named_and_untouched(xml: Path, text: str, command: str) -> None:
    xml.write_text(text, encoding="utf-8")
    result = _run(*command.split(), "--gateway-xml", xml)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "gateway.xml:1" in result.stderr
    assert "root:" not in result.stderr
    assert xml.read_text(encoding="utf-8") == text


@contextmanager
def _web_server(asked: list[str]) -> Iterator[str]:
    """Notes what it is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("dtd", "line"),
    [
        ('[<!ENTITY e "8088">]', 1),
        ('[\n\n<!ENTITY e SYSTEM "file:///etc/passwd">]', 3),
        ('SYSTEM "URLx.dtd" [\n<!ENTITY e SYSTEM "URLe">]', 2),
        ('[<!ENTITY % p SYSTEM "URLp"> %p;]', 1),
        ("[\n" + _LAUGHS + "]", 2),
    ],
    ids=["internal", "file", "http", "parameter", "billion laughs"],
)
@pytest.mark.parametrize("place", ["text", "attribute"])
def test_entities_are_never_expanded_and_nothing_is_fetched(xml: Path, dtd: str, line: int, place: str) -> None:
    asked: list[str] = []
    with _web_server(asked) as url:
        key, value = ("gateway.port", "&e;") if place == "text" else ("&e;", "8088")
        head = f"<!DOCTYPE properties {dtd.replace('URL', url)}>"
        text = f'{head}<properties><entry key="{key}">{value}</entry></properties>'
        xml.write_text(text, encoding="utf-8")
        for command in (("check",), ("set", "http", "9321")):
            result = _run(*command, "--gateway-xml", xml)
            assert (result.exit_code, result.stdout) == (2, "")
            assert result.stderr.startswith(f"error: gateway.xml:{line}: <!ENTITY ")
            assert "CFG-109" in result.stderr
        assert xml.read_text(encoding="utf-8") == text
        xml.write_text(
            IGNITION.replace("http://java.sun.com/dtd/properties.dtd", f"{url}properties.dtd"), encoding="utf-8"
        )
        assert _run("set", "http", _free(), "--gateway-xml", xml).exit_code == 0
    assert asked == []


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "utf-8-sig"])
def test_an_ignition_file_keeps_every_other_byte(xml: Path, encoding: str) -> None:
    declared = encoding.replace("utf-8-sig", "UTF-8")
    text = (
        IGNITION.replace("UTF-8", declared)
        .replace("\n", "\r\n")
        .replace("Gateway Properties", "M\xfcller &amp; S\xf6hne")
    )
    xml.write_bytes(text.encode(encoding))
    port = _free()
    assert _run("set", "http", port, "--gateway-xml", xml).exit_code == 0
    assert xml.read_bytes() == text.replace(">8088<", f">{port}<").encode(encoding)


def test_a_read_only_file_is_left_alone(xml: Path) -> None:
    before = xml.read_bytes()
    xml.chmod(0o444)
    result = _run("set", "http", _free(), "--gateway-xml", xml)
    assert result.exit_code == 1
    assert "PORT-423" in result.stderr
    assert "read-only" in result.stderr
    assert xml.read_bytes() == before
    xml.chmod(0o644)


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_a_link_stays_a_link(xml: Path, tmp_path: Path) -> None:
    link, port = tmp_path / "link.xml", _free()
    link.symlink_to(xml)
    assert _run("set", "http", port, "--gateway-xml", link).exit_code == 0
    assert link.is_symlink()
    assert f">{port}<" in xml.read_text(encoding="utf-8")


def test_a_port_that_this_version_does_not_open_says_so(data: Path, xml: Path) -> None:
    for name in ("metro_ssl", "opcua", "opcua_discovery"):
        answer = _json("set", name, _free(), "--data", data)
        assert answer["applied"] is True
        assert "does not open this port yet" in answer["next_step"]
    assert "restart Ignition" in _json("set", "metro_ssl", _free(), "--gateway-xml", xml)["next_step"]


def test_a_file_that_is_not_there_is_said_with_the_next_step(tmp_path: Path) -> None:
    for command in (("check",), ("set", "http", "9321")):
        result = _run(*command, "--gateway-xml", tmp_path / "none.xml")
        assert result.exit_code == 2
        assert "none.xml: can't be read" in result.stderr
        assert "next: check the path" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_wrong_in_the_file_can_be_repaired(xml: Path) -> None:
    xml.write_text(IGNITION.replace("8088", "eighty"), encoding="utf-8")
    port = _free()
    assert _json("set", "http", port, "--gateway-xml", xml)["applied"] is True
    assert xml.read_text(encoding="utf-8") == IGNITION.replace("8088", str(port))


def test_a_trial_needs_a_gateway_that_runs(data: Path) -> None:
    result = _run("set", "http", _free(), "--data", data, "--revert-after", "5m")
    assert result.exit_code == 2
    assert "no gateway runs here" in result.stderr
    assert _run("set", "http", _free(), "--data", data, "--revert-after", "soon").exit_code == 2
    assert _run("confirm", "--data", data).exit_code == 1


def test_without_a_file_it_asks_which() -> None:
    result = _run("set", "http", _free())
    assert result.exit_code == 2
    assert "--data DIR or --gateway-xml FILE" in result.stderr
