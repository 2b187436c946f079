"""The people and workspaces of all tests are written quickly; they must be those that the services make."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

from exports.models import AuditEntry, Membership, UpstreamHost, User, Workspace
from exports.models.secrets import unseal
from tests.support.cast import ACME_TOKEN, GLOBEX_TOKEN, Cast, make_cast, make_person, make_workspace

OWN = {"id", "password"}  # random, and compared by what it is for below


def by_the_services() -> Cast:
    alice, bob, vera, charlie = (make_person(name) for name in ("Alice", "Bob", "Vera", "Charlie"))
    ada = User.objects.create_superuser("ada@example.com", name="Ada")
    acme = make_workspace("Acme", token=ACME_TOKEN, manager=alice, member=bob, viewer=vera)
    return Cast(alice, bob, vera, charlie, ada, acme, make_workspace("Globex", token=GLOBEX_TOKEN, manager=charlie))


def plain(row: Model) -> dict[str, Any]:
    """A row without what differs each time: times by whether there is one, others by their names, the token read."""
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        value = getattr(row, field.name)
        if field.name in OWN:
            continue
        if field.name == "token_sealed":
            value = unseal(row.token_sealed).reveal()
        found[field.name] = "a time" if isinstance(value, datetime) else str(value)
    return found


def all_rows() -> list[list[dict[str, Any]]]:
    return [
        sorted((plain(row) for row in model.objects.all()), key=repr)
        for model in (User, UpstreamHost, Workspace, Membership, AuditEntry)
    ]


def told(cast: Cast) -> list[dict[str, Any]]:
    """What the test holds in its hands."""
    people = (cast.alice, cast.bob, cast.vera, cast.charlie, cast.ada)
    assert not any(person.has_usable_password() for person in people)
    return [plain(row) for row in (*people, cast.acme, cast.globex)]


def test_cast_is_the_one_the_services_make(db: None) -> None:
    with transaction.atomic():
        expected = told(by_the_services()), all_rows()
        transaction.set_rollback(True)
    assert (told(make_cast()), all_rows()) == expected
