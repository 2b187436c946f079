"""What each row calls itself, in the administration and in logs: never a secret."""

from datetime import timedelta

import pytest
from django.utils import timezone

from exports.models import (
    ApiToken,
    AskedWindow,
    AuditEntry,
    DerivedFile,
    Download,
    ExportEvent,
    Heartbeat,
    Preset,
    Requester,
    SavedView,
    UpstreamHost,
    User,
    Workspace,
)
from exports.models.limits import Limits
from exports.models.secrets import AccessToken
from tests.support.cast import ACME_TOKEN, Cast, make_export


def test_rows_name_themselves(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    moment = export.range_from
    rows = {
        f"csv of {export.pk}": DerivedFile(export=export, format="csv", variant="csv"),
        f"xlsx of {export.pk}": Download(export=export, format="xlsx"),
        f"ready {export.pk}": ExportEvent(export=export, code="ready"),
        "export.queued 1": AuditEntry(action="export.queued", subject="1"),
        f"{cast.bob.pk} wants {export.pk}": Requester(export=export, user=cast.bob),
        f"page {moment.isoformat()} {moment.isoformat()}": AskedWindow(
            data_type="page", asked_from=moment, asked_to=moment
        ),
        "laptop …abcd": ApiToken(name="laptop", last4="abcd"),
        "tick": Heartbeat(name="tick"),
        "https://analytics.liferay.com": UpstreamHost.objects.get(),
        "Acme": Workspace.objects.get(pk=cast.acme.pk),
        f"{cast.bob.pk} member in {cast.acme.pk}": cast.acme.memberships.get(user=cast.bob),
        f"each in {cast.acme.pk}": Limits(workspace=cast.acme, whom="each"),
        "Monthly pages": Preset(workspace=cast.acme, user=cast.bob, name="Monthly pages"),
        "Failed": SavedView(user=cast.bob, name="Failed"),
        "Bob": cast.bob,
        "nameless@example.com": User(email="nameless@example.com"),
    }
    assert {name: str(row) for name, row in rows.items()} == {name: name for name in rows}
    assert User(email="nameless@example.com").get_short_name() == "nameless"


def test_token_in_memory_shows_itself_to_nobody(cast: Cast) -> None:
    token = cast.acme.read_token()
    assert (str(token), repr(token), f"{token}", repr([token])) == ("***", "***", "***", "[***]")
    assert token.reveal() == ACME_TOKEN
    assert not hasattr(AccessToken("x"), "__dict__")


def test_person_needs_an_address_whatever_its_case(cast: Cast) -> None:
    with pytest.raises(ValueError, match="e-mail"):
        User.objects.create_user("")
    assert User.objects.create_user(" Eve@Example.COM ").email == "eve@example.com"
    assert User.objects.get_by_natural_key("EVE@example.com").name == ""
    assert User.objects.create_superuser("root@example.com").is_staff


def test_workspace_knows_its_host_token_and_hours(cast: Cast) -> None:
    workspace = cast.acme
    assert workspace.base_url == "https://analytics.liferay.com"
    assert workspace.has_token
    assert not workspace.is_paused
    assert workspace.kept_hours == 24
    workspace.retention_hours = 0.25
    assert workspace.kept_hours == 0.25


def test_people_who_left_see_and_do_nothing(cast: Cast) -> None:
    for person in (cast.alice, cast.ada):
        person.is_active = False
        assert cast.acme.role_of(person) is None
        assert not Workspace.objects.visible_to(person).exists()


def test_personal_token_is_usable_until_revoked_expired_or_its_person_left(cast: Cast) -> None:
    now = timezone.now()
    token = ApiToken(user=cast.bob, name="laptop")
    assert token.is_usable(now)
    for field, value in (("revoked_at", now), ("expires_at", now - timedelta(seconds=1))):
        setattr(token, field, value)
        assert not token.is_usable(now)
        setattr(token, field, None)
    cast.bob.is_active = False
    assert not token.is_usable(now)
