"""Names of the codes in `$SCRDR` and `$SCCMD` messages (`springcore.md` 1.4, 1.6, 1.7).

A device may write hex codes or, in the textual dialect (Q4), the names themselves; an unknown code stays as it is.
"""

from __future__ import annotations

INTERFACES = {"03": "13.56", "06": "900", "84": "bluetooth"}

PROTOCOLS: dict[str, dict[str, str]] = {
    "03": {
        "01": "NFC-A",
        "02": "NFC-B",
        "03": "NFC-F",
        "04": "NFC-V",
        "08": "ICODE1",
        "10": "Inside-Pico",
        "11": "NFC-T1T",
        "14": "EM_4134",
        "18": "NFC-Barcode",
        "20": "ST-SR",
        "34": "NFC-EPC",
        "40": "ASK-CTS",
        "4F": "NFC Forum",
        "80": "Innovatron",
    },
    "06": {"03": "UHF-EPC"},
    "84": {"10": "BLE", "11": "iBeacon", "12": "Eddystone"},
}

SEQ_WINK = 0x0E
SEQ_ACCEPT = 0x60
SEQ_DENY = 0x61

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
    SEQ_WINK: "wink",
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
    SEQ_ACCEPT: "access granted",
    SEQ_DENY: "access denied",
}

_INTERFACE_CODES = {name: code for code, name in INTERFACES.items()}


def interface_name(interface: str) -> str:
    """`13.56` for `03`; a name or an unknown code stays as it is."""
    return INTERFACES.get(interface.upper(), interface)


def protocol_name(interface: str, protocol: str) -> str:
    """`NFC-A` for protocol `01` of interface `03` (or `13.56`); a name or an unknown code stays as it is."""
    code = _INTERFACE_CODES.get(interface, interface.upper())
    return PROTOCOLS.get(code, {}).get(protocol.upper(), protocol)


def in_text(interface: str, protocol: str, template: str) -> tuple[str, str, str]:
    """The three codes as the textual dialect writes them: `03`, `01`, `01` -> `13.56`, `NFC-A`, `1`."""
    return interface_name(interface), protocol_name(interface, protocol), template.lstrip("0") or "0"


def sequence_name(seq: int) -> str | None:
    """What the device plays for a sequence number; None for one that is not documented."""
    return SEQUENCES.get(seq)


def led_mode_name(mode: int) -> str:
    """LED mode bytes are opaque (Q13) but for these two."""
    if mode == 0x00:
        return "off"
    if mode == 0x92:
        return "flashing, 20 % on, 10 times a second"
    return f"mode {mode:02X}"
