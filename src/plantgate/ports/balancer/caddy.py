"""Caddy 2.6 and later: active checks of one address with a pattern for its body, sticky by cookie; HTTP only."""

from __future__ import annotations

from collections.abc import Iterator

from plantgate.errors import UsageError
from plantgate.ports.balancer.model import (
    CHECK_EVERY,
    CHECK_WITHIN,
    CONNECT,
    COOKIE,
    REQUEST,
    Balancer,
    Tls,
    header,
)


def write(balancer: Balancer) -> str:
    """Raises UsageError (BAL-121): Caddy can't pass TLS through."""
    if balancer.tls is Tls.PASSTHROUGH:
        raise UsageError(
            "BAL-121",
            "Caddy can't pass TLS through: it balances HTTP only",
            "--tls reencrypt --certificate FILE, or haproxy or nginx",
        )
    if balancer.ignition:
        remarks = ["StatusPing says RUNNING on a standby node too: the role of an Ignition node is not checked."]
    else:
        remarks = [
            "Caddy asks one address per gateway: /health/active, which answers 200 on the working node only and has",
            "the state that StatusPing gives in its body.",
        ]
    if not balancer.ca:
        remarks.append("The gateways' certificates are not checked: --ca FILE names the authority that signed them.")
    place = "Add to /etc/caddy/Caddyfile. Check with: caddy validate --adapter caddyfile --config FILE"
    return "\n".join([*header("Caddy", place, balancer, *remarks), "", *_site(balancer)]) + "\n"


def _site(balancer: Balancer) -> Iterator[str]:
    uri = "/StatusPing" if balancer.ignition else "/health/active"
    yield f"https://:{balancer.port} {{"
    if balancer.address:
        yield f"\tbind {balancer.address}"
    yield f'\ttls "{balancer.certificate}" "{balancer.certificate}"'
    yield f"\treverse_proxy {' '.join(f'https://{gateway.target}' for gateway in balancer.gateways)} {{"
    yield "\t\t# Sessions live on one gateway: a browser stays where it signed in."
    yield f"\t\tlb_policy cookie {COOKIE}"
    yield f"\t\tlb_try_duration {CONNECT}s"
    yield "\t\tlb_try_interval 250ms"
    yield "\t\t# A gateway gets traffic while it answers 200 and says RUNNING."
    yield f"\t\thealth_uri {uri}"
    yield "\t\thealth_status 200"
    yield "\t\thealth_body RUNNING"
    yield f"\t\thealth_interval {CHECK_EVERY}s"
    yield f"\t\thealth_timeout {CHECK_WITHIN}s"
    yield "\t\t# Between two checks: out for 10 s after a failed connection."
    yield "\t\tfail_duration 10s"
    yield "\t\tmax_fails 1"
    yield "\t\tflush_interval -1"
    yield "\t\t# X-Forwarded-For, -Proto and -Host are set by Caddy itself, whatever the client says."
    yield "\t\theader_up -Forwarded"
    yield f"\t\theader_up X-Forwarded-Port {balancer.port}"
    yield "\t\ttransport http {"
    yield f"\t\t\tdial_timeout {CONNECT}s"
    yield f"\t\t\tresponse_header_timeout {REQUEST * 6}s"
    yield "\t\t\tversions 1.1"
    yield f'\t\t\ttls_trusted_ca_certs "{balancer.ca}"' if balancer.ca else "\t\t\ttls_insecure_skip_verify"
    yield "\t\t}"
    yield "\t}"
    yield "}"
