"""HAProxy 2.4 and later: active checks of state and role, sticky by cookie or by address."""

from __future__ import annotations

from collections.abc import Iterator

from plantgate.ports.balancer.model import (
    CHECK_EVERY,
    CHECK_WITHIN,
    CONNECT,
    COOKIE,
    REQUEST,
    SILENT,
    STREAM,
    Balancer,
    Tls,
    header,
)


def write(balancer: Balancer) -> str:
    remarks = []
    if balancer.ignition:
        remarks.append("StatusPing says RUNNING on a standby node too: the role of an Ignition node is not checked.")
    if balancer.tls is Tls.REENCRYPT:
        remarks.append("HAProxy wants certificate and key in one file: cat certificate.pem key.pem > FILE")
    if not balancer.ca:
        remarks.append("The gateways' certificates are not checked: --ca FILE names the authority that signed them.")
    place = "Add to /etc/haproxy/haproxy.cfg, behind its own global section. Check with: haproxy -c -f FILE"
    parts = [*header("HAProxy", place, balancer, *remarks), "", *_resolvers(balancer)]
    lines = [*parts, *_frontend(balancer), "", *_backend(balancer)]
    return "\n".join(lines) + "\n"


def _resolvers(balancer: Balancer) -> Iterator[str]:
    if any(gateway.is_name for gateway in balancer.gateways):
        yield "# A name that is unknown takes its gateway out; HAProxy would not even start otherwise."
        yield "resolvers plantgate"
        yield "    parse-resolv-conf"
        yield ""


def _frontend(balancer: Balancer) -> Iterator[str]:
    reencrypt = balancer.tls is Tls.REENCRYPT
    tls = f" ssl crt {balancer.certificate} ssl-min-ver TLSv1.2 alpn http/1.1" if reencrypt else ""
    yield "frontend plantgate"
    yield f"    mode {'http' if reencrypt else 'tcp'}"
    yield f"    bind {balancer.endpoint or f':::{balancer.port} v4v6'}{tls}"
    yield f"    timeout client {SILENT}s"
    if reencrypt:
        yield f"    timeout http-request {REQUEST}s"
        yield "    # What a client says of itself is replaced: nobody gets in by a forged header."
        yield "    http-request del-header Forwarded"
        yield "    http-request set-header X-Forwarded-For %[src]"
        yield "    http-request set-header X-Forwarded-Proto https"
        yield "    http-request set-header X-Forwarded-Host %[req.hdr(Host)]"
        yield f"    http-request set-header X-Forwarded-Port {balancer.port}"
    yield "    default_backend plantgate_gateways"


def _backend(balancer: Balancer) -> Iterator[str]:
    reencrypt = balancer.tls is Tls.REENCRYPT
    yield "backend plantgate_gateways"
    yield f"    mode {'http' if reencrypt else 'tcp'}"
    if reencrypt:
        yield "    balance leastconn"
        yield "    # Sessions live on one gateway: a browser stays where it signed in."
        yield f"    cookie {COOKIE} insert indirect nocache httponly secure"
    else:
        yield "    # Inside TLS there is no cookie to see: an address stays on its gateway, also all behind one NAT."
        yield "    balance source"
        yield "    hash-type consistent"
    yield "    option redispatch"
    yield "    retries 2"
    yield f"    timeout connect {CONNECT}s"
    yield f"    timeout server {SILENT}s"
    yield "    timeout queue 10s"
    yield f"    timeout check {CHECK_WITHIN}s"
    yield "    # WebSockets, once they are upgraded."
    yield f"    timeout tunnel {STREAM}s"
    yield from _checks(balancer)
    for number, gateway in enumerate(balancer.gateways, 1):
        name = f"gateway{number}"
        verify = f"verify required ca-file {balancer.ca}" if balancer.ca else "verify none"
        tls = f"ssl alpn http/1.1 {verify}" if reencrypt else f"check-ssl {verify}"
        look_up = " resolvers plantgate init-addr last,libc,none" if gateway.is_name else ""
        sticky = f" cookie {name}" if reencrypt else ""
        yield (
            f"    server {name} {gateway.target} check inter {CHECK_EVERY}s fastinter 500ms fall 2 rise 2"
            f" on-marked-down shutdown-sessions {tls}{sticky}{look_up}"
        )


def _checks(balancer: Balancer) -> Iterator[str]:
    """One after the other; the first that is not as expected takes the gateway out."""
    works = "" if balancer.ignition else " and, with 200, that it is the node that works"
    yield f"    # A gateway gets traffic while it says RUNNING{works}."
    yield "    option httpchk"
    yield "    http-check connect ssl"
    yield "    http-check send meth GET uri /StatusPing ver HTTP/1.1 hdr Host localhost hdr Connection close"
    yield "    http-check expect string RUNNING"
    if not balancer.ignition:
        yield "    http-check connect ssl"
        yield "    http-check send meth GET uri /health/active ver HTTP/1.1 hdr Host localhost hdr Connection close"
        yield "    http-check expect status 200"
