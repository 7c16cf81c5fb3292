"""Every product by its name on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plantgate.errors import UsageError
from plantgate.ports.balancer import caddy, haproxy, nginx
from plantgate.ports.balancer.model import Balancer

PRODUCTS: Mapping[str, Callable[[Balancer], str]] = {
    "haproxy": haproxy.write,
    "nginx": nginx.write,
    "caddy": caddy.write,
}


def configuration_text(product: str, balancer: Balancer) -> str:
    """The configuration of `product`. Raises UsageError (BAL-131, BAL-121)."""
    if product not in PRODUCTS:
        raise UsageError("BAL-131", f"no load balancer {product!r} is known", f"one of {', '.join(PRODUCTS)}")
    return PRODUCTS[product](balancer)
