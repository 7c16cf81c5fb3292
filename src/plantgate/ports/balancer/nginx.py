"""nginx, the open-source one: no active checks (those are in NGINX Plus), sticky by a cookie that it makes itself."""

from __future__ import annotations

from collections.abc import Iterator

from plantgate.ports.balancer.model import CONNECT, COOKIE, REQUEST, SILENT, STREAM, Balancer, Tls, header

_NO_CHECKS = (
    "Open-source nginx can't ask /StatusPing or /health/active: a gateway is out after a failed request, for 10 s.",
    "A standby node that answers gets traffic: use HAProxy or Caddy in front of a redundant pair.",
)
_NAMES = (
    "nginx looks names up when it starts and is reloaded, and does not start while one is unknown: addresses are safer."
)


def write(balancer: Balancer) -> str:
    looked_up = (_NAMES,) if any(gateway.is_name for gateway in balancer.gateways) else ()
    unchecked = "The gateways' certificates are not checked: --ca FILE names the authority that signed them."
    if balancer.tls is Tls.PASSTHROUGH:
        place = (
            "Include from /etc/nginx/nginx.conf beside http { }, not inside; needs the stream module "
            "(Debian: libnginx-mod-stream). Check with: nginx -t"
        )
        lines = [*header("nginx", place, balancer, *_NO_CHECKS, *looked_up), "", *_stream(balancer)]
    else:
        place = "Save as /etc/nginx/conf.d/plantgate.conf. Check with: nginx -t"
        remarks = (*_NO_CHECKS, *looked_up, *(() if balancer.ca else (unchecked,)))
        lines = [
            *header("nginx", place, balancer, *remarks),
            "",
            *_maps(),
            "",
            *_upstream(balancer),
            "",
            *_server(balancer),
        ]
    return "\n".join(lines) + "\n"


def _servers(balancer: Balancer, indent: str) -> Iterator[str]:
    for gateway in balancer.gateways:
        yield f"{indent}server {gateway.target} max_fails=1 fail_timeout=10s;"


def _places(balancer: Balancer) -> tuple[str, ...]:
    return (balancer.endpoint,) if balancer.endpoint else (f"{balancer.port}", f"[::]:{balancer.port}")


def _stream(balancer: Balancer) -> Iterator[str]:
    yield "stream {"
    yield "    upstream plantgate_gateways {"
    yield "        # Inside TLS there is no cookie to see: an address stays on its gateway, also all behind one NAT."
    yield "        hash $remote_addr consistent;"
    yield from _servers(balancer, "        ")
    yield "    }"
    yield "    server {"
    yield from (f"        listen {place};" for place in _places(balancer))
    yield "        proxy_pass plantgate_gateways;"
    yield f"        proxy_connect_timeout {CONNECT}s;"
    yield f"        proxy_timeout {STREAM}s;"
    yield "    }"
    yield "}"


def _maps() -> Iterator[str]:
    yield "map $http_upgrade $plantgate_connection {"
    yield "    default upgrade;"
    yield '    "" "";'
    yield "}"
    yield "# Sessions live on one gateway: a new browser gets a random mark, and the mark decides where it goes."
    yield f"map $cookie_{COOKIE} $plantgate_key {{"
    yield f"    default $cookie_{COOKIE};"
    yield '    "" $request_id;'
    yield "}"
    yield f"map $cookie_{COOKIE} $plantgate_mark {{"
    yield '    default "";'
    yield f'    "" "{COOKIE}=$request_id; Path=/; Secure; HttpOnly; SameSite=Lax";'
    yield "}"


def _upstream(balancer: Balancer) -> Iterator[str]:
    yield "upstream plantgate_gateways {"
    yield "    hash $plantgate_key consistent;"
    yield from _servers(balancer, "    ")
    yield "    keepalive 16;"
    yield "}"


def _server(balancer: Balancer) -> Iterator[str]:
    yield "server {"
    yield from (f"    listen {place} ssl;" for place in _places(balancer))
    yield f'    ssl_certificate "{balancer.certificate}";'
    yield f'    ssl_certificate_key "{balancer.certificate}";'
    yield "    ssl_protocols TLSv1.2 TLSv1.3;"
    yield f"    client_header_timeout {REQUEST}s;"
    yield "    location / {"
    yield "        proxy_pass https://plantgate_gateways;"
    if balancer.ca:
        yield "        proxy_ssl_verify on;"
        yield f'        proxy_ssl_trusted_certificate "{balancer.ca}";'
        yield "        # nginx compares every gateway's certificate with one name: each must have it among its names."
        yield f"        proxy_ssl_name {balancer.gateways[0].host};"
    yield "        proxy_http_version 1.1;"
    yield "        proxy_set_header Host $http_host;"
    yield "        proxy_set_header Upgrade $http_upgrade;"
    yield "        proxy_set_header Connection $plantgate_connection;"
    yield "        # What a client says of itself is replaced: nobody gets in by a forged header."
    yield '        proxy_set_header Forwarded "";'
    yield "        proxy_set_header X-Forwarded-For $remote_addr;"
    yield "        proxy_set_header X-Forwarded-Proto $scheme;"
    yield "        proxy_set_header X-Forwarded-Host $http_host;"
    yield "        proxy_set_header X-Forwarded-Port $server_port;"
    yield "        add_header Set-Cookie $plantgate_mark always;"
    yield "        proxy_next_upstream error timeout http_502 http_503 http_504;"
    yield "        proxy_next_upstream_tries 2;"
    yield f"        proxy_connect_timeout {CONNECT}s;"
    yield f"        proxy_send_timeout {SILENT}s;"
    yield "        # Of a WebSocket too: without it nginx ends one that is silent for a minute."
    yield f"        proxy_read_timeout {STREAM}s;"
    yield "        proxy_buffering off;"
    yield "    }"
    yield "}"
