"""All checks of this machine, in the order they are told."""

from __future__ import annotations

from collections.abc import Sequence

from plantgate.ports.doctor import certificates, firewall, gateway, listeners, logs, machine, rights
from plantgate.ports.doctor.report import Check

CHECKS: Sequence[Check] = (
    *gateway.CHECKS,
    *listeners.CHECKS,
    *certificates.CHECKS,
    *firewall.CHECKS,
    *machine.CHECKS,
    *rights.CHECKS,
    *logs.CHECKS,
)
