"""The recognisers: good answers are recognised, and any bytes in any cutting give one of the three outcomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import fuzz_hello
from plantgate.limits import HELLO_BYTES
from plantgate.protocols.hello import (
    Conversation,
    NeedMore,
    NotThis,
    Recognised,
    http,
    modbus,
    opcua,
    postgresql,
    sniff,
)


@pytest.mark.parametrize("number", range(len(fuzz_hello.RECOGNISERS)))
def test_a_good_answer_is_recognised(number: int) -> None:
    _, _, verdict = fuzz_hello.run(fuzz_hello.RECOGNISERS[number], [fuzz_hello.GOOD[number]])
    assert isinstance(verdict, Recognised), verdict


@pytest.mark.parametrize("number", range(len(fuzz_hello.RECOGNISERS)))
@pytest.mark.parametrize("other", range(len(fuzz_hello.RECOGNISERS)))
def test_nobody_is_taken_for_somebody_else(number: int, other: int) -> None:
    same = ({0, 1, 11}, {2, 3}, {8, 9})
    if any({number, other} <= group for group in same) or number == other:
        return
    _, _, verdict = fuzz_hello.run(fuzz_hello.RECOGNISERS[number], [fuzz_hello.GOOD[other]])
    assert isinstance(verdict, NotThis), verdict


@given(st.integers(0, 11), st.integers(0, 3), st.binary(max_size=400))
def test_any_bytes(number: int, cut: int, data: bytes) -> None:
    fuzz_hello.check(bytes([number, cut]) + data)


@given(st.integers(0, 11), st.integers(0, 3), st.data())
def test_good_answers_with_a_tail_or_a_cut(number: int, cut: int, source: st.DataObject) -> None:
    good = fuzz_hello.GOOD[number]
    end = source.draw(st.integers(0, len(good)))
    fuzz_hello.check(bytes([number, cut]) + good[:end] + source.draw(st.binary(max_size=60)))


def test_a_peer_without_end_is_bounded() -> None:
    conversation = Conversation(http.status_ping("gw"))
    conversation.begin()
    assert isinstance(conversation.receive(b"HTTP/1.1 200 OK\r\n\r\n"), NeedMore)
    outcome = conversation.receive(b"x" * (HELLO_BYTES + 1))
    assert isinstance(outcome, Recognised | NotThis)


def test_a_silent_plc_is_asked_for_a_register() -> None:
    conversation = Conversation(modbus.identify(7))
    first = conversation.begin()
    second = conversation.quiet()
    assert isinstance(first, NeedMore)
    assert isinstance(second, NeedMore)
    assert (first.send[6:9], second.send[6:]) == (b"\x07\x2b\x0e", b"\x07\x03\x00\x00\x00\x01")
    outcome = conversation.receive(second.send[:2] + b"\x00\x00\x00\x03\x07\x83\x02")
    assert isinstance(outcome, Recognised)
    assert outcome.facts["refused"] == "exception 02, illegal data address"
    assert isinstance(conversation.quiet(), Recognised), "a verdict stays"


def test_a_slow_plc_may_still_answer_the_first_question() -> None:
    conversation = Conversation(modbus.identify(7))
    first, second = conversation.begin(), conversation.quiet()
    assert isinstance(first, NeedMore)
    assert isinstance(second, NeedMore)
    outcome = conversation.receive(first.send[:2] + b"\x00\x00\x00\x03\x07\xab\x01")
    assert outcome == Recognised(facts={"unit": 7, "refused": "exception 01, illegal function"})
    only_read = Conversation(modbus.read(7))
    only_read.begin()
    late = first.send[:2] + b"\x00\x00\x00\x03\x07\xab\x01"
    assert isinstance(only_read.receive(late), NotThis), "nobody asked it that"


@pytest.mark.parametrize(
    "body",
    [
        b"<title>400 The plain HTTP request was sent to HTTPS port</title>",
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"x" * 2_000 + b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
    ],
    ids=["nginx", "Go", "Apache"],
)
def test_a_web_server_that_wants_tls_is_no_proof_of_http(body: bytes) -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    _, _, verdict = fuzz_hello.run(lambda: http.status_ping("gw"), [answer])
    assert verdict == NotThis("wants TLS on this port")


def test_an_opc_ua_server_that_refuses_a_channel_without_security_has_proved_itself() -> None:
    refusal = (0x80550000).to_bytes(4, "little") + b"\x02\x00\x00\x00no"
    answer = b"ACKF" + (28).to_bytes(4, "little") + bytes(20)
    answer += b"ERRF" + (8 + len(refusal)).to_bytes(4, "little") + refusal
    _, _, verdict = fuzz_hello.run(lambda: opcua.hello("opc.tcp://gw:4840"), [answer])
    assert verdict == Recognised(facts={"refused": "Bad_SecurityPolicyRejected: no"})


def test_a_page_tells_status_and_headers() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://gw/\r\nContent-Length: 0\r\n\r\n"
    _, _, verdict = fuzz_hello.run(lambda: http.page("/", "gw"), [answer])
    assert isinstance(verdict, Recognised)
    assert verdict.facts == {"status": 302, "headers": {"location": "https://gw/", "content-length": "0"}}


@pytest.mark.parametrize(
    ("host", "line"), [("gw:8088", b"Host: gw:8088\r\n"), ("a\r\nX: y", b"Host: aX:y\r\n"), ("ä", b"Host: \r\n")]
)
def test_a_host_can_not_add_a_header(host: str, line: bytes) -> None:
    assert line in http.request("/StatusPing", host)


def test_gwinfo_of_something_else_names_nobody() -> None:
    assert http.read_gwinfo(b"<html>a=b;c=d</html>") == Recognised()


def test_postgresql_tells_its_version_where_everybody_is_let_in() -> None:
    version = b"server_version\x0016.4 (Debian)\x00"
    answer = b"R\x00\x00\x00\x08" + bytes(4) + b"S" + (len(version) + 4).to_bytes(4, "big") + version + b"Z\0\0\0\x05I"
    _, _, verdict = fuzz_hello.run(postgresql.startup, [answer])
    assert verdict == Recognised("PostgreSQL", "16.4", {"auth": "none (everybody is trusted)"})


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port", "tls"),
        (b"HTTP/1.1 200 OK", "http"),
        (b"SSH-2.0-x", "SSH"),
        (b"\x4a\x00\x00\x00\x0a5.5", "mysql"),
        (b"", ""),
        (b"\x00\x01", ""),
    ],
)
def test_the_first_bytes(head: bytes, name: str) -> None:
    assert sniff(head) == name
