"""Every address of the portal, read from the URL configuration, and a row of the database for each key in it."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils import timezone

from exports.models import Preset, Role, SavedView, Status, User
from exports.services.api_tokens import make_api_token
from exports.services.invitations import invite
from tests.support.cast import Cast, content_of, make_export, make_ready_export
from tests.web.conftest import BACKEND

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PEOPLE = ("nobody", "charlie", "vera", "bob", "alice", "ada")
# What stands in the place of keys that are no row of ours.
EXAMPLES = {"uidb36": "1", "key": "a-b", "url": "nowhere", "content_type_id": "1", "app_label": "exports"}


@dataclass(frozen=True)
class Address:
    """One entry of the URL configuration."""

    name: str
    route: str
    keys: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        """True for the JSON API: personal tokens instead of sessions."""
        return self.route.startswith("api/")

    @property
    def is_admin(self) -> bool:
        """True for Django's administration."""
        return self.route.startswith("admin/")

    def path(self, keys: dict[str, Any]) -> str:
        """Return the path with these keys."""
        path = self.route
        for key in self.keys:
            value = str(keys.get(key, EXAMPLES.get(key, "0")))
            for written in (f"<uuid:{key}>", f"<path:{key}>", f"<str:{key}>", f"<int:{key}>", f"<{key}>"):
                path = path.replace(written, value)
        return f"/{path}"


def _walk(resolver: URLResolver, before: str, names: tuple[str, ...], keys: tuple[str, ...] = ()) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        here = (*keys, *pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            space = (pattern.namespace,) if pattern.namespace else ()
            yield from _walk(pattern, before + _readable(pattern), names + space, here)
        else:
            route = before + _readable(pattern)
            yield Address(":".join((*names, pattern.name or route)), route, here)


def _readable(pattern: URLPattern | URLResolver) -> str:
    if isinstance(pattern.pattern, RoutePattern):
        return str(pattern.pattern)
    text = str(pattern.pattern).strip("^$")
    for key in pattern.pattern.regex.groupindex:
        start = text.index(f"(?P<{key}>")
        end = text.index(")", start)
        text = f"{text[:start]}<{key}>{text[end + 1 :]}"
    return text


def every_address() -> list[Address]:
    """Return all addresses, each name and route once."""
    return list(dict.fromkeys(_walk(get_resolver(), "", ())))


def browser_of(person: User | None, **more: Any) -> Client:
    """Return a browser, signed in unless it is nobody's."""
    client = Client(raise_request_exception=False, **more)
    if person is not None:
        client.force_login(person, backend=BACKEND)
    return client


def another(browser: Client) -> Client:
    """Return a new browser with the cookies of this one: signed in like it, at a tenth of a sign-in's cost."""
    client = Client(raise_request_exception=False)
    client.handler = browser.handler  # with its middleware, which each browser would put together anew
    client.cookies = copy.deepcopy(browser.cookies)
    return client


_numbers = itertools.count(1)


def keys_for(address: Address, cast: Cast) -> dict[str, Any]:
    """Make what an address of Acme's is about."""
    name, number = address.name, next(_numbers)  # names and addresses are taken once
    keys: dict[str, Any] = {"workspace_id": cast.acme.pk, "person": cast.vera.pk}
    if name.startswith(("export", "api-export", "file-")):
        # Each deed on an export in which it is possible.
        ready = name in (
            "export",
            "export-download",
            "file-preview",
            "export-extend",
            "export-pin",
            "export-unpin",
            "export-delete",
            "api-export-file",
        )
        ended = name in ("export-run-again", "api-export-run-again")
        made = (
            make_ready_export(cast.acme, cast.bob, pinned_at=timezone.now() if name == "export-unpin" else None)
            if ready
            else make_export(cast.acme, cast.bob, Status.FAILED if ended else Status.QUEUED)
        )
        keys["pk"] = keys["export_id"] = made.pk
    elif name == "preset-delete":
        keys["pk"] = Preset.objects.create(workspace=cast.acme, user=cast.bob, name=f"No. {number}", is_shared=True).pk
    elif name == "view-delete":
        keys["pk"] = SavedView.objects.create(user=cast.alice, name=f"No. {number}", query="who=mine").pk
    elif name == "api-token-revoke":
        keys["pk"] = make_api_token(user=cast.alice, name="nightly")[0].pk
    elif name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        keys["pk"] = Authenticator.objects.create(user=cast.alice, type="webauthn", data={"name": "Laptop"}).pk
    elif name == "session-end":
        keys["pk"] = UserSession.objects.create(user=cast.alice, ip="192.0.2.1", session_key=f"elsewhere{number}").pk
    elif name.startswith("invitation"):
        made = invite(actor=cast.alice, workspace=cast.acme, email=f"dana{number}@example.com", role=Role.VIEWER)
        keys |= {"pk": cast.acme.pk, "invitation": made.pk, "secret": made.secret()}
    else:
        keys["pk"] = cast.acme.pk
    return keys


def ask(client: Client, method: str, path: str, **more: Any) -> tuple[int, str]:
    """Send a request; return its status and where it leads, and close the answer."""
    answer = getattr(client, method.lower())(path, **more)
    content_of(answer)
    return answer.status_code, answer.headers.get("Location", "")
