"""Where a token may go: an exact list of origins, and redirects that stay on one host (`design.md` §6)."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal
from urllib.parse import urljoin, urlsplit

RefusalCode = Literal["not_an_origin", "odd_host", "not_listed", "other_host"]

SENTENCES: dict[RefusalCode, str] = {
    "not_an_origin": "not an origin: https://host or https://host:port, without user, path or query",
    "odd_host": "the host name is not written in its plain form",
    "not_listed": "the origin is not on the list of allowed origins",
    "other_host": "the target is not the https form of the same host",
}

DEFAULT_PORTS = {"http": 80, "https": 443}
HIGHEST_PORT = 65535
LONGEST_HOST = 253

_ORIGIN = re.compile(r"(https?)://([^/?#@\\\s]+)/?", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
# A backslash, a blank or a control character in a Location is read differently by different parsers.
_PLAIN_LOCATION = re.compile(r"[!-\[\]-~]+", re.ASCII)


class OriginRefused(ValueError):
    """An address that a token may not go to. The text is a fixed sentence and never repeats the address.

    Attributes:
        code: ``not_an_origin``, ``odd_host``, ``not_listed`` or, for a redirect, ``other_host``.
    """

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(SENTENCES[code])
        self.code: RefusalCode = code


def _canonical_host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        except AddressValueError:
            raise OriginRefused("odd_host") from None
    labels = host.split(".")
    if len(host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise OriginRefused("odd_host")
    # 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 are addresses to a resolver although they look like names.
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise OriginRefused("odd_host") from None
    return host


def canonical_origin(text: str) -> str:
    """Return ``text`` as ``scheme://host[:port]``: lower case, no default port, no trailing slash.

    Raises:
        OriginRefused: ``not_an_origin`` or ``odd_host``.
    """
    whole = _ORIGIN.fullmatch(text)
    if whole is None:
        raise OriginRefused("not_an_origin")
    scheme = whole[1].lower()
    authority = _AUTHORITY.fullmatch(whole[2])
    if authority is None:
        raise OriginRefused("odd_host")
    host = _canonical_host(authority[1].lower())
    port = int(authority[2] or DEFAULT_PORTS[scheme])
    if port > HIGHEST_PORT:
        raise OriginRefused("not_an_origin")
    return f"{scheme}://{host}" if port == DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def listed_origins(allowed_origins: Iterable[str]) -> frozenset[str]:
    """Return the canonical forms of the listed origins; an entry that is no origin allows nothing."""
    listed = set()
    for entry in allowed_origins:
        try:
            listed.add(canonical_origin(entry.strip()))
        except OriginRefused:
            # An entry that is no origin allows nothing; the settings refuse it at start.
            continue
    return frozenset(listed)


def normalize_base_url(text: str, allowed_origins: Sequence[str]) -> str:
    """Return the canonical origin ``https://host[:port]`` of a workspace's base URL.

    An origin on the list is allowed as it stands, http and loopback included; nothing else is. One trailing
    slash and white space around are cut; a path, a query, user info or an oddly written host is refused.

    Raises:
        OriginRefused: with ``code`` ``not_an_origin``, ``odd_host`` or ``not_listed``.
    """
    origin = canonical_origin(text.strip())
    if origin not in listed_origins(allowed_origins):
        raise OriginRefused("not_listed")
    return origin


def origin_of(url: str) -> str:
    """Return the canonical origin of a whole URL.

    Raises:
        OriginRefused: ``not_an_origin`` or ``odd_host``.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise OriginRefused("not_an_origin") from None
    return canonical_origin(f"{parts.scheme}://{parts.netloc}")


def redirect_target(current_url: str, location: str, allowed_origins: Sequence[str]) -> str:
    """Return the absolute URL a redirect leads to, when a token may follow it (`analytics-cloud-api.md` §1).

    The target must be listed, and be the same origin or the https form of the same host. The URL is put
    together from the origin that was checked, so that no second parser can read another host out of it.

    Raises:
        OriginRefused: the redirect must not be followed.
    """
    if not _PLAIN_LOCATION.fullmatch(location):
        raise OriginRefused("not_an_origin")
    try:
        target = urlsplit(urljoin(current_url, location))
    except ValueError:
        raise OriginRefused("not_an_origin") from None
    origin = normalize_base_url(f"{target.scheme}://{target.netloc}", allowed_origins)
    here = origin_of(current_url)
    same_host = urlsplit(origin).hostname == urlsplit(here).hostname
    if origin != here and not (same_host and origin.startswith("https://")):
        raise OriginRefused("other_host")
    path = target.path if target.path.startswith("/") else f"/{target.path}"
    return f"{origin}{path}?{target.query}" if target.query else f"{origin}{path}"
