"""The texts for each product, and what can't be asked of them.

`GOLDEN=write pytest tests/ports/balancer/test_texts.py` writes the texts anew; read the difference before keeping it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import UsageError
from plantgate.limits import BALANCER_GATEWAYS
from plantgate.ports.balancer.model import Balancer, Gateway, Tls, parse_gateways
from plantgate.ports.balancer.writers import PRODUCTS, configuration_text

CASES = Path(__file__).parent / "cases"
PAIR = (Gateway("192.0.2.10", 8043), Gateway("2001:db8::11", 8443))
ENCRYPTING = Balancer(PAIR, Tls.REENCRYPT, certificate="/etc/ssl/plant.pem")
WANTED = {
    "passthrough": Balancer(PAIR),
    "reencrypt": ENCRYPTING,
    "checked": Balancer(
        PAIR, Tls.REENCRYPT, 8443, "/etc/ssl/plant.pem", ca="/etc/ssl/ca.pem", ignition=True, address="192.0.2.1"
    ),
}


@pytest.mark.parametrize("wanted", list(WANTED))
@pytest.mark.parametrize("product", list(PRODUCTS))
def test_the_text_of_every_product(product: str, wanted: str) -> None:
    if (product, wanted) == ("caddy", "passthrough"):
        with pytest.raises(UsageError, match="BAL-121"):
            configuration_text(product, WANTED[wanted])
        return
    file = CASES / f"{product}.{wanted}.txt"
    text = configuration_text(product, WANTED[wanted])
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text
    assert text.isascii()


def test_a_name_that_is_unknown_keeps_no_balancer_from_starting() -> None:
    named = Balancer((*PAIR, Gateway("gw3.plant", 8043)))
    text = configuration_text("haproxy", named)
    assert "resolvers plantgate\n    parse-resolv-conf\n" in text
    (line,) = [line for line in text.splitlines() if "gw3.plant" in line]
    assert line.endswith("resolvers plantgate init-addr last,libc,none")
    assert "does not start while one is unknown" in configuration_text("nginx", named)


def test_gateways_by_name_and_address() -> None:
    texts = ["plc.example", "192.0.2.1:443", "[2001:db8::1]:8443", "[2001:db8::2]", "2001:db8::3"]
    assert [gateway.target for gateway in parse_gateways(texts, 8043)] == [
        "plc.example:8043",
        "192.0.2.1:443",
        "[2001:db8::1]:8443",
        "[2001:db8::2]:8043",
        "[2001:db8::3]:8043",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a:0", "BAL-104"),
        ("a:65536", "BAL-104"),
        ("a:http", "BAL-104"),
        ("a:", "BAL-104"),
        ("[::1]x", "BAL-104"),
        ("", "BAL-105"),
        ("a b", "BAL-105"),
        ("-a", "BAL-105"),
        ("a;b", "BAL-105"),
        ("[nonsense::g]", "BAL-105"),
        ("1:2:3", "BAL-105"),
    ],
)
def test_a_gateway_that_can_not_be_meant(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_gateways([text], 8043)
    assert caught.value.code == code


@given(st.text())
def test_no_gateway_gets_out_of_its_word(text: str) -> None:
    try:
        (gateway,) = parse_gateways([text], 8043)
    except UsageError:
        return
    assert not set(gateway.target) & set(" \t\r\n\"'{};#\\$")


def test_what_a_balancer_can_not_be() -> None:
    def code(**changes: object) -> str:
        with pytest.raises(UsageError) as caught:
            Balancer(**{"gateways": PAIR, **changes})  # type: ignore[arg-type]
        return caught.value.code

    assert code(tls=Tls.REENCRYPT) == "BAL-102"
    assert code(certificate='x" y') == "BAL-101"
    assert code(ca="x;y") == "BAL-101"
    assert code(port=0) == "BAL-103"
    assert code(gateways=()) == "BAL-106"
    assert code(gateways=tuple(Gateway("h", port) for port in range(1, BALANCER_GATEWAYS + 2))) == "BAL-107"
    assert code(gateways=(PAIR[0], PAIR[0])) == "BAL-108"
    assert code(address="here") == "BAL-109"
    assert code(address="fe80::1%eth0") == "BAL-109"
    with pytest.raises(UsageError, match="one of haproxy, nginx, caddy"):
        configuration_text("apache", ENCRYPTING)


def test_a_gateway_behind_the_same_loopback_is_warned_about() -> None:
    near = (Gateway("127.0.0.1", 8043), PAIR[0])
    (warning,) = Balancer(near).warnings
    assert "without signing in" in warning
    assert f"# {warning}" in configuration_text("haproxy", Balancer(near)).splitlines()
    assert Balancer(near, Tls.REENCRYPT, certificate="x").warnings == ()
