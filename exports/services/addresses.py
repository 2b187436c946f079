"""From where a request came: the peer's own address, or what the one proxy in front of us saw."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

# This machine and private networks: where a proxy of ours can be (RFC 1918, RFC 4193, link-local).
NEAR = [
    ip_network(net)
    for net in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]


def client_address(request: HttpRequest) -> str | None:
    """Return the network address a request came from, or None where there is none.

    Anybody can write ``X-Forwarded-For``, so it is asked only when all of this holds: the portal is reached by https
    (``PUBLIC_URL``), which only a proxy in front can give it, and the peer itself is that near: on this machine, in a
    private network, or at a socket. Then only its last address counts: the one the proxy added, whatever the visitor
    wrote before it.
    """
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER and (peer is None or any(peer in net for net in NEAR)):
        seen = _address(request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
        if seen is not None:
            return str(seen)
    return None if peer is None else str(peer)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.scope_id:
            return IPv6Address(int(found))  # the zone is a name of this machine's own
        return found.ipv4_mapped or found
    return found
