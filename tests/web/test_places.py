"""A person's workspaces, as the list and the palette have them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from exports.models import Role, Workspace
from exports.web.places import places_of
from tests.support.cast import Cast, make_person, make_workspace
from tests.web.conftest import Browse
from tests.web.markup import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def test_places_come_by_name_with_the_role_and_what_the_banners_need(cast: Cast) -> None:
    ends = timezone.now() + timedelta(days=3)
    zebra = make_workspace('zebra 「動物」 "\\', manager=cast.vera)
    Workspace.objects.filter(pk=zebra.pk).update(token_expires_at=ends)
    gone = make_workspace("Gone", viewer=cast.vera)
    Workspace.objects.filter(pk=gone.pk).update(archived_at=ends)
    acme, animals = places_of(cast.vera)
    assert (acme.id, acme.name, acme.role, acme.paused_at) == (str(cast.acme.pk), "Acme", Role.VIEWER, None)
    zebra.refresh_from_db()
    expected = (str(zebra.pk), zebra.name, "token_missing", zebra.paused_at, Role.MANAGER, ends)
    assert animals == expected
    assert [place.name for place in places_of(cast.ada)] == ["Acme", "Globex", zebra.name]
    assert {place.role for place in places_of(cast.ada)} == {Role.MANAGER}
    assert list(places_of(make_person("Nobody"))) == []


def test_places_are_made_once_and_anew_when_something_changed(cast: Cast) -> None:
    before = places_of(cast.vera)
    assert places_of(cast.vera) is before
    assert not before.may_ask
    cast.acme.memberships.filter(user=cast.vera).update(role=Role.MEMBER)
    assert (places_of(cast.vera).may_ask, places_of(cast.vera).roles) == (True, {str(cast.acme.pk): Role.MEMBER})
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code="manager")
    assert [place.pause_code for place in places_of(cast.vera).paused] == ["manager"]
    cast.acme.memberships.filter(user=cast.vera).delete()
    assert len(places_of(cast.vera)) == 0
    assert (len(before), before.may_ask, before.paused) == (1, False, ())


def test_token_that_ends_is_told_to_managers_of_what_goes_on(cast: Cast) -> None:
    now = timezone.now()
    lively = {"token_expires_at": now + timedelta(days=3), "paused_at": None, "pause_code": ""}
    paused = lively | {"paused_at": now, "pause_code": "manager"}
    here, watched, still = (make_workspace(name, token=f"token-of-{name}") for name in ("Here", "Watched", "Still"))
    for workspace, role, values in (
        (here, Role.MANAGER, lively),
        (watched, Role.MEMBER, lively),
        (still, Role.MANAGER, paused),
    ):
        workspace.memberships.create(user=cast.vera, role=role)
        Workspace.objects.filter(pk=workspace.pk).update(**values)
    places = places_of(cast.vera)
    assert [place.name for place in places.with_tokens_ending_before(now + timedelta(days=4))] == ["Here"]
    assert places.with_tokens_ending_before(now + timedelta(days=2)) == []


def test_list_offers_the_workspaces_and_marks_the_chosen_one(cast: Cast, browse: Browse) -> None:
    other = make_workspace('<b>Zoo</b> & "more"', viewer=cast.vera)
    for chosen in ("", str(cast.acme.pk), str(other.pk), str(other.pk).upper()):
        answer = browse(cast.vera).get("/", {"workspace": chosen})
        options = {
            one.attrs["value"]: one for one in read(answer) if one.tag == "option" and len(one.attrs["value"]) == 36
        }
        assert [one.text for one in options.values()] == [other.name, "Acme"]
        marked = [value for value, one in options.items() if "selected" in one.attrs]
        assert marked == ([chosen.lower()] if chosen else [])
