"""Personal API tokens."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.models import ApiToken, AuditEntry, Scope
from exports.services.api_tokens import authenticate, make_api_token, revoke_api_token, workspaces_of
from exports.services.refusals import Forbidden, Refused
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


def test_token_lets_its_person_in_and_only_its_digest_is_kept(cast: Cast) -> None:
    token, text = make_api_token(user=cast.bob, name=" CI ")
    assert text.startswith("lac_")
    found = authenticate(text)
    assert found == token
    assert found is not None
    assert (found.user, found.name, found.last4) == (cast.bob, "CI", text[-4:])
    assert found.scopes == [scope.value for scope in Scope]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert text not in repr(cursor.fetchall())


def test_making_and_revoking_are_on_record(cast: Cast) -> None:
    token, text = make_api_token(user=cast.bob, name="CI", scopes=[Scope.READ])
    revoke_api_token(actor=cast.bob, token=token)
    revoke_api_token(actor=cast.bob, token=token)
    entries = AuditEntry.objects.filter(actor=cast.bob).order_by("id")
    assert list(entries.values_list("action", "subject")) == [("api_token.made", "CI"), ("api_token.revoked", "CI")]
    assert authenticate(text) is None


def test_revoking_somebody_elses_token_takes_a_site_administrator(cast: Cast) -> None:
    token, text = make_api_token(user=cast.bob, name="CI")
    with pytest.raises(Forbidden, match="not_yours"):
        revoke_api_token(actor=cast.alice, token=token)
    assert authenticate(text) == token
    revoke_api_token(actor=cast.ada, token=token)
    assert authenticate(text) is None


def test_expired_token_is_unknown(cast: Cast) -> None:
    _token, text = make_api_token(user=cast.bob, name="CI", expires_at=timezone.now() + timedelta(hours=1))
    assert authenticate(text) is not None
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert authenticate(text) is None


def test_token_of_somebody_who_cant_sign_in_is_unknown(cast: Cast) -> None:
    _token, text = make_api_token(user=cast.bob, name="CI")
    cast.bob.is_active = False
    cast.bob.save(update_fields=["is_active"])
    assert authenticate(text) is None


def test_last_use_is_written_at_most_once_a_minute(cast: Cast, django_assert_num_queries: object) -> None:
    token, text = make_api_token(user=cast.bob, name="CI")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        with django_assert_num_queries(2):  # type: ignore[operator]
            authenticate(text)
        clock.shift(timedelta(seconds=59))
        with django_assert_num_queries(1):  # type: ignore[operator]
            authenticate(text)
        token.refresh_from_db()
        assert token.last_used_at == start
        clock.shift(timedelta(seconds=1))
        authenticate(text)
        token.refresh_from_db()
        assert token.last_used_at == start + timedelta(minutes=1)


def test_token_reaches_no_further_than_its_person_or_its_own_list(cast: Cast) -> None:
    everywhere, _ = make_api_token(user=cast.ada, name="all")
    narrow, _ = make_api_token(user=cast.bob, name="some", workspaces=[cast.acme, cast.globex])
    nowhere, _ = make_api_token(user=cast.bob, name="none", workspaces=[])
    assert set(workspaces_of(everywhere)) == {cast.acme, cast.globex}
    assert set(workspaces_of(narrow)) == {cast.acme}
    assert set(workspaces_of(nowhere)) == set()


def test_token_that_cant_be_is_refused(cast: Cast) -> None:
    for refused in (
        {"name": ""},
        {"name": "x" * 101},
        {"name": "CI", "scopes": []},
        {"name": "CI", "scopes": ["everything"]},
        {"name": "CI", "expires_at": timezone.now()},
    ):
        with pytest.raises(Refused):
            make_api_token(user=cast.bob, **refused)
    assert not ApiToken.objects.exists()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.text().map(lambda text: f"lac_{text}"))
def test_any_other_text_lets_nobody_in(db: None, text: str) -> None:
    assert authenticate(text) is None
