"""The tables of springcore.md 1.4, 1.6 and 1.7, written out: a code that is renamed by accident fails here."""

from __future__ import annotations

import pytest

from plantgate.protocols.scrdr import (
    in_text,
    interface_name,
    led_mode_name,
    names,
    protocol_name,
    sequence_name,
)

INTERFACES = {"03": "13.56", "06": "900", "84": "bluetooth"}
PROTOCOLS = {
    "03": "01 NFC-A,02 NFC-B,03 NFC-F,04 NFC-V,08 ICODE1,10 Inside-Pico,11 NFC-T1T,14 EM_4134,18 NFC-Barcode,"
    "20 ST-SR,34 NFC-EPC,40 ASK-CTS,4F NFC Forum,80 Innovatron",
    "06": "03 UHF-EPC",
    "84": "10 BLE,11 iBeacon,12 Eddystone",
}
SEQUENCES = {
    0x01: "no mother board",
    0x03: "hardware error",
    0x04: "not genuine",
    0x05: "cancel all sequences",
    0x06: "startup",
    0x07: "shutdown",
    0x08: "please wait",
    0x09: "bootloader waiting",
    0x0A: "firmware upgrading",
    0x0B: "firmware upgraded",
    0x0C: "configuration cleared",
    0x0D: "self test",
    0x0E: "wink",
    0x0F: "blackout",
    0x10: "started, idle",
    0x11: "started, active",
    0x13: "suspended",
    0x20: "RF field off",
    0x21: "RF field on",
    0x22: "reading",
    0x23: "read success",
    0x24: "read failed",
    0x25: "present again",
    0x28: "coupler tag insert",
    0x29: "coupler tag present",
    0x2A: "coupler tag active",
    0x2B: "coupler tag error",
    0x2C: "coupler tag counterfeit",
    0x2E: "NFC listener idle",
    0x2F: "NFC listener active",
    0x30: "startup profile Direct",
    0x60: "access granted",
    0x61: "access denied",
}


@pytest.mark.parametrize("code", INTERFACES)
def test_interfaces_and_their_protocols_in_both_dialects(code: str) -> None:
    name = INTERFACES[code]
    assert (interface_name(code), interface_name(name)) == (name, name)
    for pair in PROTOCOLS[code].split(","):
        number, _, protocol = pair.partition(" ")
        assert protocol_name(code, number) == protocol_name(name, number.lower()) == protocol
        assert protocol_name(name, protocol) == protocol
        assert in_text(code, number, "01") == (name, protocol, "1")
    assert len(names.PROTOCOLS[code]) == len(PROTOCOLS[code].split(","))


def test_what_is_unknown_stays_as_it_is() -> None:
    assert len(names.INTERFACES) == len(INTERFACES)
    assert (interface_name("00"), protocol_name("00", "00")) == ("00", "00")
    assert (interface_name("EE"), protocol_name("EE", "01"), protocol_name("03", "7F")) == ("EE", "01", "7F")
    assert (interface_name("bluetooth"), protocol_name("bluetooth", "SpringBlue")) == ("bluetooth", "SpringBlue")
    assert in_text("EE", "7F", "00") == ("EE", "7F", "0")


def test_every_documented_sequence_and_no_other_has_a_name() -> None:
    assert {number: sequence_name(number) for number in range(256) if sequence_name(number)} == SEQUENCES


def test_led_modes_are_opaque_but_for_two() -> None:
    assert led_mode_name(0x00) == "off"
    assert led_mode_name(0x92) == "flashing, 20 % on, 10 times a second"
    assert [led_mode_name(mode) for mode in (0x01, 0x17, 0xFF)] == ["mode 01", "mode 17", "mode FF"]
