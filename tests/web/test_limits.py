"""Limits and approvals on pages."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from exports.models import Export, Limits, Membership, Status, Whom
from exports.services.limits import Allowed, rules_of, set_limits, set_limits_of_person
from tests.support.cast import Cast, make_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

QUESTION = {"types": ["individual"], "range": "days", "first_day": "2026-10-01", "last_day": "2026-10-31"}


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def here(cast: Cast, rest: str = "") -> str:
    return f"/workspaces/{cast.acme.pk}/limits/{rest}"


def held(cast: Cast, **fields: object) -> Export:
    return make_export(
        cast.acme, cast.bob, Status.QUEUED, hold="approval", waiting_code="approval", data_type="individual", **fields
    )


def test_page_is_the_managers(cast: Cast, browse: Browse) -> None:
    statuses = {
        name: browse(getattr(cast, name)).get(here(cast)).status_code
        for name in ("alice", "bob", "vera", "charlie", "ada")
    }
    assert statuses == {"alice": 200, "bob": 403, "vera": 403, "charlie": 404, "ada": 200}
    assert browse(cast.bob).post(here(cast), {}).status_code == 403
    assert here(cast) in [one.attrs.get("href") for one in read(browse(cast.alice).get(f"/workspaces/{cast.acme.pk}/"))]


def test_limits_are_saved_shown_again_and_taken_away(cast: Cast, alice: Client) -> None:
    values = {
        "together-per_day": "20",
        "together-gigabytes": "2.5",
        "together-types": ["page", "event"],
        "each-at_once": "3",
        "each-range_days": "31",
        "approval_types": ["individual"],
    }
    answer = alice.post(here(cast), values, follow=True)
    assert "The limits are saved." in text_of(answer)
    check_page(answer)
    shown = {one.attrs["name"]: one.attrs.get("value") for one in read(answer) if one.attrs.get("type") == "number"}
    assert shown == {
        "together-per_day": "20",
        "together-at_once": "",
        "together-gigabytes": "2.5",
        "together-range_days": "",
        "together-retention_hours": "",
        "each-per_day": "",
        "each-at_once": "3",
        "each-gigabytes": "",
        "each-range_days": "31",
        "each-retention_hours": "",
    }
    checked = {(one.attrs["name"], one.attrs["value"]) for one in read(answer) if "checked" in one.attrs}
    masked = {("masked_roles", "viewer"), ("masked_roles", "member")}  # offered so; no column is masked
    types = {("together-types", "page"), ("together-types", "event"), ("approval_types", "individual")}
    assert checked == types | masked
    together = Limits.objects.get(whom=Whom.TOGETHER)
    assert (together.per_day, together.bytes_kept, together.approval_types) == (20, 2_500_000_000, ["individual"])
    alice.post(here(cast), {})
    assert rules_of(cast.bob, cast.acme)[0].per_day is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("together-per_day", "0"),
        ("together-per_day", "many"),
        ("each-at_once", "-1"),
        ("each-gigabytes", "nan"),
        ("each-gigabytes", "1e300"),
        ("each-range_days", "9" * 30),
        ("together-types", "everything"),
        ("approval_types", "everything"),
    ],
)
def test_limit_that_can_not_be_is_said_at_its_input(name: str, value: str, cast: Cast, alice: Client) -> None:
    answer = alice.post(here(cast), {name: value})
    assert answer.status_code == 422
    assert "field-errors" in answer.content.decode()
    check_page(answer)
    assert not Limits.objects.exists()


def test_person_gets_limits_of_their_own_and_loses_them(cast: Cast, alice: Client) -> None:
    page = alice.get(here(cast))
    assert "Vera" not in text_of(page)  # a viewer asks for nothing
    opened = alice.get(here(cast), {"person": str(cast.bob.pk)})
    assert here(cast, f"{cast.bob.pk}/") in [one.attrs.get("action") for one in read(opened)]
    check_page(opened)
    answer = alice.post(here(cast, f"{cast.bob.pk}/"), {"person-per_day": "2", "person-types": ["page"]}, follow=True)
    assert "Bob has limits of their own now." in text_of(answer)
    assert "2 a day, Pages" in text_of(answer)
    check_page(answer)
    again = alice.get(here(cast), {"person": str(cast.bob.pk)})
    assert 'name="person-per_day"' in again.content.decode()
    answer = alice.post(here(cast, f"{cast.bob.pk}/remove/"), follow=True)
    assert "The limits of each person count for Bob again." in text_of(answer)
    assert not Limits.objects.exists()


def test_refused_limits_of_a_person_stay_in_the_form(cast: Cast, alice: Client) -> None:
    answer = alice.post(here(cast, f"{cast.bob.pk}/"), {"person-per_day": "0"})
    assert answer.status_code == 422
    assert "field-errors" in answer.content.decode()
    check_page(answer)


@pytest.mark.parametrize("rest", ["", "remove/"])
def test_stranger_s_limits_are_not_found(rest: str, cast: Cast, alice: Client) -> None:
    assert alice.post(here(cast, f"{cast.charlie.pk}/{rest}"), {}).status_code == 404


def test_limits_of_a_former_member_can_be_taken_away(cast: Cast, alice: Client) -> None:
    set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.bob, allowed=Allowed(per_day=1))
    Membership.objects.filter(user=cast.bob).delete()
    assert "Bob" in text_of(alice.get(here(cast)))
    alice.post(here(cast, f"{cast.bob.pk}/remove/"))
    assert not Limits.objects.exists()


def test_form_shows_limits_before_they_bite_and_refuses_in_words(cast: Cast, browse: Browse) -> None:
    set_limits(
        actor=cast.alice,
        workspace=cast.acme,
        together=Allowed(per_day=1, types=("page", "individual"), approval_types=("individual",)),
        each=Allowed(range_days=7),
    )
    bob = browse(cast.bob)
    question = QUESTION | {"workspace": str(cast.acme.pk)}
    preview = text_of(bob.get("/exports/new/preview/", question))
    assert "Queued today in this workspace: 0 of 1." in preview
    assert "Ranges of at most 7 days." in preview
    assert "This workspace allows ranges of at most 7 days." in preview
    assert "Individuals: a manager has to approve it first." in preview
    refused = bob.post("/exports/new/", question)
    assert refused.status_code == 422
    assert "at most 7 days" in text_of(refused)
    check_page(refused)
    short = question | {"last_day": "2026-10-02"}
    bob.post("/exports/new/", short)
    full = bob.post("/exports/new/", short | {"last_day": "2026-10-03"})
    assert full.status_code == 429
    assert "This workspace’s limit of 1 new exports a day is reached." in text_of(full)
    assert Export.objects.count() == 1
    run_again = bob.post(f"/exports/{Export.objects.get().pk}/run-again/", follow=True)
    assert "You have joined it" in text_of(run_again) or "you have joined it" in text_of(run_again)


def test_each_of_several_types_is_answered_and_what_the_limit_refuses_is_said(cast: Cast, browse: Browse) -> None:
    set_limits(actor=cast.alice, workspace=cast.acme, together=Allowed(per_day=2), each=Allowed())
    question = QUESTION | {"workspace": str(cast.acme.pk), "types": ["page", "event", "segment"]}
    answer = browse(cast.bob).post("/exports/new/", question, follow=True)
    assert Export.objects.count() == 2
    assert text_of(answer).count("A new export.") == 2
    assert "This workspace’s limit of 2 new exports a day is reached." in text_of(answer)
    check_page(answer)
    refused = browse(cast.bob).post("/exports/new/", question | {"types": ["segment", "identity"]})
    assert refused.status_code == 429
    assert text_of(refused).count("This workspace’s limit of 2 new exports a day is reached.") == 1
    assert Export.objects.count() == 2


def test_manager_approves_from_the_queue(cast: Cast, alice: Client) -> None:
    export = held(cast, name="For the audit", note="Asked by legal.\nToday.")
    page = alice.get("/approvals/")
    assert "For the audit" in text_of(page)
    assert "Bob asked" in text_of(page)
    assert "Asked by legal." in text_of(page)
    check_page(page)
    waiting = text_of(alice.get(f"/exports/{export.pk}/"))
    assert "until a manager has decided" in waiting
    assert "goes on by itself" not in waiting
    answer = alice.post(f"/exports/{export.pk}/approve/", follow=True)
    assert "Approved: it takes its place in the queue." in text_of(answer)
    assert "Nothing waits for you" in text_of(answer)
    export.refresh_from_db()
    assert export.hold == ""
    check_page(answer)


def test_manager_declines_with_a_reason_that_the_person_reads(cast: Cast, alice: Client, browse: Browse) -> None:
    export = held(cast)
    without = alice.post(f"/exports/{export.pk}/decline/", {"reason": " "})
    assert without.status_code == 422
    assert "Say why: the person reads it." in text_of(without)
    check_page(without)
    alice.post(f"/exports/{export.pk}/decline/", {"reason": "Not for <this> purpose."})
    page = browse(cast.bob).get(f"/exports/{export.pk}/")
    assert "Declined: Not for <this> purpose." in text_of(page)
    assert "A manager declined this request" in text_of(page)
    check_page(page)
    late = alice.post(f"/exports/{export.pk}/approve/", follow=True)
    assert "doesn’t wait for an approval" in text_of(late)


def test_export_s_own_page_lets_managers_decide_and_others_see_what_it_waits_for(
    cast: Cast, alice: Client, browse: Browse
) -> None:
    export = held(cast)
    page = alice.get(f"/exports/{export.pk}/")
    assert f"/exports/{export.pk}/approve/" in [one.attrs.get("action") for one in read(page)]
    check_page(page)
    for person in (cast.bob, cast.vera):
        other = browse(person).get(f"/exports/{export.pk}/")
        assert "A manager’s approval" in text_of(other)
        assert "/approve/" not in other.content.decode()
    answer = alice.post(f"/exports/{export.pk}/approve/", {"next": f"/exports/{export.pk}/"})
    assert answer.headers["Location"] == f"/exports/{export.pk}/"


@pytest.mark.parametrize("deed", ["approve", "decline"])
def test_others_do_not_decide(deed: str, cast: Cast, browse: Browse) -> None:
    export = held(cast)
    address, values = f"/exports/{export.pk}/{deed}/", {"reason": "no"}
    statuses = [browse(person).post(address, values).status_code for person in (cast.bob, cast.vera, cast.charlie)]
    assert statuses == [403, 403, 404]
    export.refresh_from_db()
    assert export.hold == "approval"


def test_managers_are_told_on_the_list_that_something_waits(cast: Cast, alice: Client, browse: Browse) -> None:
    assert "/approvals/" not in alice.get("/").content.decode()
    held(cast, created_at=timezone.now() - timedelta(hours=2))
    held(cast)
    page = alice.get("/")
    assert "2 exports wait for your approval." in text_of(page)
    check_page(page)
    assert "/approvals/" not in browse(cast.bob).get("/").content.decode()
