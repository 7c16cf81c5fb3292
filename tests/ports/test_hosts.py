"""What stands behind `ports scan`: names, addresses, blocks, ranges, and what can't be meant."""

from __future__ import annotations

import itertools
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import UsageError
from plantgate.limits import SCAN_ADDRESSES
from plantgate.ports.hosts import parse_hosts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plant-gw-1", ["plant-gw-1"]),
        ("10-west.example", ["10-west.example"]),
        ("192.0.2.7", ["192.0.2.7"]),
        ("[2001:db8::7]", ["2001:db8::7"]),
        ("fe80::1%eth0", ["fe80::1%eth0"]),
        ("192.0.2.0/30", ["192.0.2.1", "192.0.2.2"]),
        ("192.0.2.5/30", ["192.0.2.5", "192.0.2.6"]),
        ("192.0.2.4/31", ["192.0.2.4", "192.0.2.5"]),
        ("192.0.2.4/32", ["192.0.2.4"]),
        ("2001:db8::/126", ["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        ("192.0.2.254-192.0.3.1", ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]),
        ("192.0.2.7-9", ["192.0.2.7", "192.0.2.8", "192.0.2.9"]),
        ("2001:db8::9-2001:db8::a", ["2001:db8::9", "2001:db8::a"]),
        ("2001:DB8:0::A", ["2001:db8::a"]),
        ("::1/126", ["::1", "::2", "::3"]),  # :: is no host
        ("[2001:db8::]/127", ["2001:db8::", "2001:db8::1"]),
        ("[2001:db8::1]-[2001:db8::2]", ["2001:db8::1", "2001:db8::2"]),
        ("::ffff:192.0.2.7", ["::ffff:192.0.2.7"] if sys.version_info >= (3, 13) else ["::ffff:c000:207"]),
        ("[fe80::1%eth0]", ["fe80::1%eth0"]),
        ("fe80::1%eth0-fe80::2", ["fe80::1%eth0", "fe80::2%eth0"]),
        ("fe80::1%eth0-fe80::2%eth0", ["fe80::1%eth0", "fe80::2%eth0"]),
        ("fe80::1%br-lan", ["fe80::1%br-lan"]),
        ("fe80::1%br-lan-fe80::2", ["fe80::1%br-lan", "fe80::2%br-lan"]),
        ("fe80::%eth0/127", ["fe80::%eth0", "fe80::1%eth0"]),
    ],
)
def test_what_can_be_named(text: str, expected: list[str]) -> None:
    hosts = parse_hosts([text])
    assert list(hosts) == expected
    assert hosts.count == len(expected)
    assert hosts.single == (len(expected) == 1)


def test_each_host_once() -> None:
    hosts = parse_hosts(["192.0.2.2", "plant", "192.0.2.1-3", "plant", "192.0.2.0/30"])
    assert list(hosts) == ["192.0.2.2", "plant", "192.0.2.1", "192.0.2.3"]
    hosts = parse_hosts(["::2", "[::2]", "0:0::2", "::1/126", "fe80::1%1", "fe80::1%2", "fe80::1%1", "fe80::1"])
    assert list(hosts) == ["::2", "::1", "::3", "fe80::1%1", "fe80::1%2", "fe80::1"]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ([], "PORT-121"),
        ([""], "PORT-123"),
        (["x" * 254], "PORT-123"),
        (["192.0.2"], "PORT-123"),
        (["192.0.2.256"], "PORT-123"),
        (["192.0.2.0/33"], "PORT-124"),
        (["plant/24"], "PORT-124"),
        (["192.0.2.1-plant"], "PORT-125"),
        (["192.0.2.1-2001:db8::1"], "PORT-125"),
        (["192.0.2.1-300"], "PORT-125"),
        (["192.0.2.9-192.0.2.1"], "PORT-126"),
        (["192.0.2.9-1"], "PORT-126"),
        (["fe80::1%eth0-fe80::2%eth1"], "PORT-125"),
        (["fe80::1-fe80::2%eth0"], "PORT-125"),
        (["2001:db8::2-2001:db8::1"], "PORT-126"),
        (["2001:db8::/129"], "PORT-124"),
        (["192.0.2.0%eth0/24"], "PORT-124"),
        (["fe80::%/64"], "PORT-124"),
    ],
)
def test_what_can_not(texts: list[str], code: str) -> None:
    with pytest.raises(UsageError, match=code):
        parse_hosts(texts)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.0.0.0/0", "4,294,967,294"), ("::/0", f"{2**128 - 1:,}"), ("10.0.0.0-10.1.0.0", "65,537")],
)
def test_too_many_are_refused_with_their_number_unless_forced(text: str, number: str) -> None:
    with pytest.raises(UsageError, match="PORT-122") as refused:
        parse_hosts([text])
    assert f"is {number} addresses" in refused.value.message
    assert "--force" in refused.value.hint
    hosts = parse_hosts([text], force=True)
    assert len(list(itertools.islice(hosts, 3))) == 3, "and none of them is written down before it is needed"


def test_the_bound_itself_is_allowed() -> None:
    assert parse_hosts(["10.0.0.0-10.0.255.255"]).count == SCAN_ADDRESSES


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    code = "PORT-12"
    try:
        hosts = parse_hosts([text], force=True)
    except UsageError as error:
        code = error.code
    else:
        assert next(iter(hosts))
    assert code.startswith("PORT-12")
