"""A workspace's access token: written, kept sealed, forgotten."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from exports.models import AuditEntry, PauseCode, Status, Workspace
from exports.services import tokens
from exports.services.refusals import Forbidden, Refused
from tests.support.cast import ACME_TOKEN, GLOBEX_TOKEN, Cast, make_export

pytestmark = pytest.mark.django_db

NEW_TOKEN = "new-token-of-the-tests-0123456789"


def reject(workspace: Workspace, code: PauseCode = PauseCode.TOKEN_REJECTED) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(paused_at=timezone.now(), pause_code=code)


def test_token_is_sealed_in_the_database_and_shows_who_set_it_when(cast: Cast) -> None:
    saved = tokens.set_token(actor=cast.alice, workspace=cast.acme, token=f"  {NEW_TOKEN}\n")
    assert saved.read_token().reveal() == NEW_TOKEN
    assert (saved.token_last4, saved.token_set_by, saved.token_worked_at) == ("6789", cast.alice, None)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert NEW_TOKEN not in repr(cursor.fetchall())


def test_token_is_on_record_without_its_text(cast: Cast) -> None:
    tokens.set_token(actor=cast.alice, workspace=cast.acme, token=NEW_TOKEN)
    entry = AuditEntry.objects.get(action="token.set", actor=cast.alice)
    assert entry.data == {"replaced": True, "expires_at": None}


def test_short_token_shows_none_of_it(cast: Cast) -> None:
    assert tokens.set_token(actor=cast.alice, workspace=cast.acme, token="short").token_last4 == ""


@pytest.mark.parametrize("code", [PauseCode.TOKEN_REJECTED, PauseCode.TOKEN_UNREADABLE, PauseCode.BASE_URL_REFUSED])
@pytest.mark.parametrize("token", [ACME_TOKEN, NEW_TOKEN])
def test_saving_a_token_the_same_one_too_resumes_the_lane(cast: Cast, code: PauseCode, token: str) -> None:
    reject(cast.acme, code)
    export = make_export(cast.acme, cast.bob, Status.WAITING, faults=3, last_problem="paused")
    elsewhere = make_export(cast.globex, cast.charlie)
    saved = tokens.set_token(actor=cast.alice, workspace=cast.acme, token=token)
    assert (saved.paused_at, saved.pause_code) == (None, "")
    assert saved.resumed_at is not None
    due = elsewhere.due_at
    for row in (export, elsewhere):
        row.refresh_from_db()
    assert export.due_at is not None
    assert export.due_at <= timezone.now()
    assert export.faults == 0
    assert elsewhere.due_at == due
    assert export.events.get().code == "resumed"


def test_same_token_keeps_the_proof_that_it_worked_and_another_does_not(cast: Cast) -> None:
    worked = timezone.now()
    Workspace.objects.filter(pk=cast.acme.pk).update(token_worked_at=worked)
    assert tokens.set_token(actor=cast.alice, workspace=cast.acme, token=ACME_TOKEN).token_worked_at == worked
    assert tokens.set_token(actor=cast.alice, workspace=cast.acme, token=NEW_TOKEN).token_worked_at is None


def test_workers_are_woken_only_once_the_token_is_committed(
    cast: Cast, django_capture_on_commit_callbacks: object
) -> None:
    make_export(cast.acme, cast.bob, Status.WAITING)
    make_export(cast.acme, cast.bob, Status.CANCELLED)
    with django_capture_on_commit_callbacks() as rings:  # type: ignore[operator]
        tokens.set_token(actor=cast.alice, workspace=cast.acme, token=NEW_TOKEN)
    assert len(rings) == 1


def test_address_no_longer_listed_keeps_the_workspace_paused(cast: Cast, settings: LazySettings) -> None:
    settings.ANALYTICS_CLOUD_ORIGINS = ["https://elsewhere.example.com"]
    saved = tokens.set_token(actor=cast.alice, workspace=cast.acme, token=NEW_TOKEN)
    assert saved.pause_code == PauseCode.BASE_URL_REFUSED


def test_token_in_use_by_another_workspace_is_refused_and_changes_nothing(cast: Cast) -> None:
    with pytest.raises(Refused, match="token_used_elsewhere"):
        tokens.set_token(actor=cast.alice, workspace=cast.acme, token=GLOBEX_TOKEN)
    cast.acme.refresh_from_db()
    assert cast.acme.read_token().reveal() == ACME_TOKEN


def test_token_given_up_by_one_workspace_may_be_used_by_another(cast: Cast) -> None:
    tokens.forget_token(actor=cast.charlie, workspace=cast.globex)
    saved = tokens.set_token(actor=cast.alice, workspace=cast.acme, token=GLOBEX_TOKEN)
    assert saved.read_token().reveal() == GLOBEX_TOKEN


def test_expiry_in_the_past_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="token_expired"):
        tokens.set_token(
            actor=cast.alice, workspace=cast.acme, token=NEW_TOKEN, expires_at=timezone.now() - timedelta(days=1)
        )


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_touch_tokens(cast: Cast, who: str) -> None:
    with pytest.raises(Forbidden):
        tokens.set_token(actor=getattr(cast, who), workspace=cast.acme, token=NEW_TOKEN)
    with pytest.raises(Forbidden):
        tokens.forget_token(actor=getattr(cast, who), workspace=cast.acme)


def test_forgotten_token_is_gone_and_the_workspace_paused(cast: Cast) -> None:
    running = make_export(cast.acme, cast.bob)
    forgotten = tokens.forget_token(actor=cast.alice, workspace=cast.acme)
    assert (forgotten.token_sealed, forgotten.token_fingerprint, forgotten.token_set_at) == ("", "", None)
    assert forgotten.pause_code == PauseCode.TOKEN_MISSING
    tokens.forget_token(actor=cast.alice, workspace=cast.acme)
    assert [(event.code, event.actor) for event in running.events.all()] == [("paused", cast.alice)]
    tokens.set_token(actor=cast.alice, workspace=cast.acme, token=NEW_TOKEN)
    assert [event.code for event in running.events.all()] == ["paused", "resumed"]
    assert AuditEntry.objects.filter(action="token.forgotten").count() == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "token_empty"),
        (" \t\r\n ", "token_empty"),
        ("Bearer abc", "token_with_bearer"),
        ("bearer\tabc", "token_with_bearer"),
        ("BEARER:abc", "token_with_bearer"),
        ("Authorization: Bearer abc", "token_with_bearer"),
        ("Bearer", "token_with_bearer"),
        ("two words", "token_characters"),
        ("nul\x00l", "token_characters"),
        ("del\x7f!", "token_characters"),
        ("é", "token_characters"),
        ("\u200babc", "token_characters"),
        ("\ud800", "token_characters"),
        ("x" * 513, "token_too_long"),
    ],
)
def test_text_that_is_no_token_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        tokens.clean_token(text)
    assert (refused.value.code, refused.value.field) == (code, "token")


@given(st.text(max_size=600))
def test_clean_token_is_always_what_a_header_carries(text: str) -> None:
    try:
        token = tokens.clean_token(text)
    except Refused as refused:
        said = str(refused.message)
    else:
        said = ""
        assert 1 <= len(token) <= 512
        assert all("!" <= char <= "~" for char in token)
        assert tokens.clean_token(token) == token
    assert len(text.strip()) < 12 or text.strip() not in said
