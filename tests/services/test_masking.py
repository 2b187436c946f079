"""Masked columns: for whom, and that masked and unmasked files never mix."""

import json
from typing import Any

import pytest

from exports.models import AuditEntry, DerivedFile, Export
from exports.services import formats, masking
from exports.services.refusals import Forbidden, Refused
from tests.support.cast import ApiCaller, Cast, content_of, make_ready_export, zip_of
from tests.web.conftest import Browse
from tests.web.conftest import browse as browse
from tests.web.markup import check_page, text_of

ROWS = b'{"emailAddress":"SECRET@example.com","city":"Oslo"}\n' * 3


@pytest.fixture
def export(cast: Cast) -> Export:
    masking.set_masking(actor=cast.alice, workspace=cast.acme, columns=["emailAddress", " "], roles=["viewer"])
    cast.acme.refresh_from_db()
    return make_ready_export(cast.acme, cast.bob, zip_of(ROWS), rows=3, data_type="individual")


def make_all() -> None:
    for row in DerivedFile.objects.filter(state=DerivedFile.State.WANTED):
        assert formats.make_format(row.pk)


def file_of(caller: ApiCaller, export: Export, **query: str) -> Any:
    answer = caller.get(f"exports/{export.pk}/file", data=query)
    if answer.status_code == 202:
        content_of(answer)
        make_all()
        answer = caller.get(f"exports/{export.pk}/file", data=query)
    return answer


def test_masked_column_that_no_type_has_is_told_of(cast: Cast, browse: Browse) -> None:
    alice, address = browse(cast.alice), f"/workspaces/{cast.acme.pk}/masking/"
    columns = "\n".join(["emailAdress", "EMAILADDRESS", "fields.phone", "<x>"])
    answer = alice.post(address, {"masked_columns": columns, "masked_roles": ["viewer"]}, follow=True)
    assert "known to have these columns: emailAdress, <x>." in text_of(answer)
    cast.acme.refresh_from_db()
    assert len(cast.acme.masked_columns) == 4  # it may still be one that Analytics Cloud has since added
    answer = alice.post(address, {"masked_columns": "city", "masked_roles": ["viewer"]}, follow=True)
    assert "known to have" not in text_of(answer)


def test_viewer_gets_formats_masked_and_the_original_not_at_all(export: Export, cast: Cast) -> None:
    vera = ApiCaller(cast.vera)
    refused = file_of(vera, export)
    assert refused.status_code == 403
    assert "Choose another format" in json.loads(content_of(refused))["detail"]
    for name in ("jsonl", "csv", "json"):
        got = content_of(file_of(vera, export, format=name))
        assert b"***" in got
        assert b"Oslo" in got
        assert b"SECRET" not in got
    assert b"SECRET" not in content_of(file_of(vera, export, format="csv", guard="off"))


def test_page_instead_of_the_original_offers_what_there_is(export: Export, cast: Cast, browse: Browse) -> None:
    answer = browse(cast.vera).get(f"/exports/{export.pk}/download/")
    assert answer.status_code == 403
    assert f"/exports/{export.pk}/download/?format=xlsx" in answer.content.decode()
    check_page(answer)


@pytest.mark.parametrize("first", ["vera", "bob"])
def test_masked_and_unmasked_never_mix(first: str, export: Export, cast: Cast) -> None:
    for who in (first, "vera", "bob", "ada", "alice"):
        got = content_of(file_of(ApiCaller(getattr(cast, who)), export, format="csv"))
        assert (b"SECRET" in got) is (who != "vera"), who
    assert DerivedFile.objects.count() == 2


def test_range_and_conditions_of_an_unmasked_file_give_nothing(export: Export, cast: Cast) -> None:
    whole = file_of(ApiCaller(cast.bob), export, format="jsonl")
    content_of(whole)
    etag = whole.headers["ETag"]
    for headers in ({"Range": "bytes=0-40"}, {"If-None-Match": etag}, {"Range": "bytes=0-40", "If-Range": etag}):
        content_of(file_of(ApiCaller(cast.vera), export, format="jsonl"))
        answer = ApiCaller(cast.vera).get(f"exports/{export.pk}/file?format=jsonl", headers=headers)
        assert answer.status_code in (200, 206)
        assert b"SECRET" not in content_of(answer)


def test_other_columns_make_other_files(export: Export, cast: Cast) -> None:
    vera = ApiCaller(cast.vera)
    assert b"Oslo" in content_of(file_of(vera, export, format="csv"))
    masking.set_masking(actor=cast.alice, workspace=cast.acme, columns=["emailAddress", "city"], roles=["viewer"])
    assert b"Oslo" not in content_of(file_of(vera, export, format="csv"))


def test_role_lowered_meanwhile_counts_at_the_next_request(export: Export, cast: Cast) -> None:
    bob = ApiCaller(cast.bob)
    assert b"SECRET" in content_of(file_of(bob, export, format="csv"))
    cast.acme.memberships.filter(user=cast.bob).update(role="viewer")
    assert b"SECRET" not in content_of(file_of(bob, export, format="csv"))
    assert file_of(bob, export).status_code == 403


def test_pages_offer_and_show_only_what_is_masked(export: Export, cast: Cast, browse: Browse) -> None:
    vera = browse(cast.vera)
    page = vera.get(export.get_absolute_url())
    check_page(page)
    assert "Some columns are masked for your role." in text_of(page)
    assert f'href="{export.get_absolute_url()}download/"' not in page.content.decode()
    assert vera.get(f"{export.get_absolute_url()}download/").status_code == 403
    browse(cast.bob).get(f"{export.get_absolute_url()}preview/")  # unmasked, made beside it
    vera.get(f"{export.get_absolute_url()}preview/")
    make_all()
    for tab in ("rows", "columns", "charts"):
        shown = vera.get(f"{export.get_absolute_url()}preview/?tab={tab}").content.decode()
        assert "SECRET" not in shown
    assert "SECRET" in browse(cast.bob).get(f"{export.get_absolute_url()}preview/").content.decode()


def test_change_is_on_record_and_the_same_again_is_not(export: Export, cast: Cast) -> None:
    entry = AuditEntry.objects.filter(action="masking.changed").get()
    assert entry.data == {"columns": ["emailAddress"], "roles": ["viewer"]}
    cast.acme.refresh_from_db()
    masking.set_masking(actor=cast.alice, workspace=cast.acme, columns=["emailAddress"], roles=["viewer"])
    assert AuditEntry.objects.filter(action="masking.changed").count() == 1


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_say_what_is_masked(who: str, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        masking.set_masking(actor=getattr(cast, who), workspace=cast.acme, columns=[], roles=[])


@pytest.mark.parametrize(
    ("columns", "roles"),
    [(["a\x00b"], []), (["x" * 201], []), (["x"], ["manager"]), ([str(n) for n in range(101)], [])],
)
def test_what_can_not_be_is_refused(columns: list[str], roles: list[str], cast: Cast) -> None:
    with pytest.raises(Refused):
        masking.set_masking(actor=cast.alice, workspace=cast.acme, columns=columns, roles=roles)


def test_manager_sets_it_on_the_page(cast: Cast, browse: Browse) -> None:
    alice, here = browse(cast.alice), f"/workspaces/{cast.acme.pk}/"
    sent = {"masked_columns": "emailAddress\r\n\r\nfields.value", "masked_roles": ["viewer", "member"]}
    page = alice.post(f"{here}masking/", sent, follow=True)
    check_page(page)
    cast.acme.refresh_from_db()
    assert (cast.acme.masked_columns, cast.acme.masked_roles) == (
        ["emailAddress", "fields.value"],
        ["viewer", "member"],
    )
    refused = alice.post(f"{here}masking/", {"masked_columns": "x" * 201})
    assert refused.status_code == 422
    check_page(refused)
