"""Reads the environment once and refuses what cannot work, in a sentence, before anything starts."""

import os
from email.utils import parseaddr
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

env = environ.Env()


def value_of(name: str, default: str = "") -> str:
    """A setting without white space around it; one that is empty means its default."""
    # Not by ``env``, for which a secret that begins with a dollar sign is the name of another variable.
    return os.environ.get(name, "").strip() or default


def required(name: str, how: str) -> str:
    """Return a variable that has no default.

    Raises:
        ImproperlyConfigured: it is missing or empty; ``how`` tells what to do.
    """
    value = value_of(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {how}")
    return value


def number(name: str, default: float, *, least: float, most: float | None = None) -> float:
    """Return a number (fractions allowed).

    Raises:
        ImproperlyConfigured: not a number, or out of range.
    """
    text = value_of(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {text!r}.") from None
    if not isfinite(value) or value < least or (most is not None and value > most):
        bound = f"at least {least:g}" + (f" and at most {most:g}" if most is not None else "")
        raise ImproperlyConfigured(f"{name} must be {bound}, not {text!r}.")
    return value


def whole(name: str, default: int, *, least: int, most: int | None = None) -> int:
    """Return a whole number.

    Raises:
        ImproperlyConfigured: not a whole number, or out of range.
    """
    value = number(name, default, least=least, most=most)
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
    if not keys:
        raise ImproperlyConfigured(f"{name} holds no key. {KEY_HELP}")
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
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment or set("@*") & set(parts.netloc):
        raise ImproperlyConfigured(f"{name} must be like https://host or http://host:port, not {text!r}.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def listed(name: str, default: list[str] | None = None) -> list[str]:
    """Return the entries of a comma separated list, without white space around them; empty ones are none."""
    return [entry.strip() for entry in env.list(name, default=default or []) if entry.strip()]


def origins(name: str, default: list[str]) -> list[str]:
    """Return the listed origins (comma separated).

    Raises:
        ImproperlyConfigured: one of them is not an origin.
    """
    return [origin(name, entry) for entry in listed(name, default)]


def folder(name: str, default: Path) -> Path:
    """Return an absolute path; relative ones start at the working directory."""
    return Path(value_of(name) or default).expanduser().absolute()


def database(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings of the database at an address, which may hold a password and is not repeated.

    Raises:
        ImproperlyConfigured: it is neither an SQLite file nor a PostgreSQL server.
    """
    text = value_of(name, default)
    try:
        if text.partition(":")[0] in ("sqlite", "postgres", "postgresql", "psql", "pgsql"):
            found: dict[str, Any] = env.db_url_config(text)
            return found
    except ValueError:
        pass
    raise ImproperlyConfigured(
        f"{name} must be like sqlite:////folder/file or postgres://user:password@host:port/name."
    )


def broker(name: str, default: str) -> str:
    """Return the address of Redis, which may hold a password and is not repeated.

    Raises:
        ImproperlyConfigured: it is no such address.
    """
    text = value_of(name, default)
    try:
        parse_url(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} must be like redis://host:port/0, rediss://… or unix:///folder/socket."
        ) from None
    return text


def mail_server(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings of outgoing mail; the address may hold a password and is not repeated.

    Raises:
        ImproperlyConfigured: it is of no kind that there is.
    """
    try:
        found: dict[str, Any] = env.email_url_config(value_of(name, default))
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(f"{name} must be like smtp+tls://user:password@host:587.") from None
    return found


def sender(name: str, default: str) -> str:
    """Return whom mails come from: an address, or a name and an address in angle brackets.

    Raises:
        ImproperlyConfigured: no mail can be sent with it.
    """
    text = value_of(name, default)
    if "@" not in parseaddr(text)[1] or not text.isprintable():
        raise ImproperlyConfigured(f"{name} must be like portal@example.com or LAC Portal <portal@example.com>.")
    return text


def location(name: str) -> str:
    """Return a location of nginx, or an empty text.

    Raises:
        ImproperlyConfigured: it does not begin with a slash: every download would fail.
    """
    text = value_of(name)
    if text and not text.startswith("/"):
        raise ImproperlyConfigured(f"{name} must begin with a slash, like /files/, not {text!r}.")
    return text


def identity_provider() -> tuple[str, str, str]:
    """Return address, client and secret of the company's sign-in; empty texts when there is none.

    Raises:
        ImproperlyConfigured: one of the three is missing, or the address is not https (loopback aside).
    """
    names = ("OIDC_SERVER_URL", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    url, client, secret = (value_of(name) for name in names)
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
    for entry in listed(name):
        domain, *rest = entry.lower().split(":")
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
