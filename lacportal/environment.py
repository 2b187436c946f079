"""Reads the environment once and refuses what cannot work, in a sentence, before anything starts."""

from math import isfinite
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()


def required(name: str, how: str) -> str:
    """Return a variable that has no default.

    Raises:
        ImproperlyConfigured: it is missing or empty; ``how`` tells what to do.
    """
    value = env.str(name, default="").strip()
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {how}")
    return value


def number(name: str, default: float, *, least: float, most: float | None = None) -> float:
    """Return a number (fractions allowed).

    Raises:
        ImproperlyConfigured: not a number, or out of range.
    """
    text = env.str(name, default=str(default)).strip() or str(default)
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {text!r}.") from None
    if not isfinite(value) or value < least or (most is not None and value > most):
        bound = f"at least {least:g}" + (f" and at most {most:g}" if most is not None else "")
        raise ImproperlyConfigured(f"{name} must be {bound}, not {text!r}.")
    return value


def whole(name: str, default: int, *, least: int) -> int:
    """Return a whole number.

    Raises:
        ImproperlyConfigured: not a whole number, or too small.
    """
    value = number(name, default, least=least)
    if value != int(value):
        raise ImproperlyConfigured(f"{name} must be a whole number.")
    return int(value)


def encryption_keys(name: str) -> list[str]:
    """Return the Fernet keys, the first of which encrypts.

    Raises:
        ImproperlyConfigured: none given, or one is not a Fernet key (which one is said, never its text).
    """
    keys = [key.strip() for key in required(name, KEY_HELP).split(",") if key.strip()]
    for place, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except (ValueError, TypeError):
            raise ImproperlyConfigured(f"{name}: key {place} is not a Fernet key. {KEY_HELP}") from None
    return keys


KEY_HELP = (
    "Make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())' "
    "and separate several by commas, the newest first."
)


def origin(name: str, text: str) -> str:
    """Return ``scheme://host[:port]`` of an http(s) address without a path.

    Raises:
        ImproperlyConfigured: it is not such an address.
    """
    parts = urlsplit(text.strip())
    try:
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ImproperlyConfigured(f"{name} must be like https://host or http://host:port, not {text!r}.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def origins(name: str, default: list[str]) -> list[str]:
    """Return the listed origins (comma separated).

    Raises:
        ImproperlyConfigured: one of them is not an origin.
    """
    listed = [item for item in env.list(name, default=default) if item.strip()]
    return [origin(name, item) for item in listed]


def folder(name: str, default: Path) -> Path:
    """Return an absolute path; relative ones start at the working directory."""
    return Path(env.str(name, default="") or default).expanduser().absolute()


def identity_provider() -> tuple[str, str, str]:
    """Return address, client and secret of the company's sign-in; empty texts when there is none.

    Raises:
        ImproperlyConfigured: one of the three is missing, or the address is not https (loopback aside).
    """
    names = ("OIDC_SERVER_URL", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    url, client, secret = (env.str(name, default="").strip() for name in names)
    if not url:
        return "", "", ""
    if not client or not secret:
        raise ImproperlyConfigured("OIDC_SERVER_URL needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET beside it.")
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        raise ImproperlyConfigured("OIDC_SERVER_URL must begin with https://.")
    return url.rstrip("/"), client, secret


def domains(name: str) -> dict[str, tuple[str, str]]:
    """Return e-mail domains with the workspace and role of their newcomers: ``example.com[:workspace id:role]``, ….

    Raises:
        ImproperlyConfigured: an entry is neither a domain alone nor all three.
    """
    found = {}
    for entry in env.list(name, default=[]):
        domain, *rest = entry.strip().lower().split(":")
        if not domain and not rest:
            continue
        if "." not in domain or "@" in domain or len(rest) not in (0, 2):
            raise ImproperlyConfigured(f"{name} is a list of example.com or example.com:workspace id:role.")
        if rest:
            try:
                rest[0] = str(UUID(rest[0]))
            except ValueError:
                raise ImproperlyConfigured(f"{name}: {rest[0]!r} is no id of a workspace.") from None
            if rest[1] not in ("viewer", "member"):
                raise ImproperlyConfigured(f"{name}: the role is viewer or member, not {rest[1]!r}.")
        found[domain] = (rest[0], rest[1]) if rest else ("", "")
    return found
