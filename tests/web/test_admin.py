"""The administration: people are made there, all else is read."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from exports.models import Export, Status, User, Workspace
from exports.services.api_tokens import make_api_token
from tests.support.cast import Cast, make_export
from tests.web.conftest import Browse

pytestmark = pytest.mark.django_db

OURS = [model for model in admin.site._registry if model._meta.app_label == "exports"]


@pytest.fixture
def ada(cast: Cast, browse: Browse) -> Client:
    return browse(cast.ada)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_list_opens_and_is_searched(model: type, cast: Cast, ada: Client) -> None:
    make_export(cast.acme, cast.bob, Status.FAILED)
    make_api_token(user=cast.bob, name="nightly")
    address = reverse(f"admin:exports_{model.__name__.lower()}_changelist")
    assert ada.get(address).status_code == 200
    assert ada.get(address, {"q": "acme"}).status_code == 200


@pytest.mark.parametrize("model", [one for one in OURS if one is not User], ids=lambda model: model.__name__)
def test_nothing_but_people_is_added_changed_or_deleted(model: type, cast: Cast, ada: Client) -> None:
    name = model.__name__.lower()
    assert ada.get(reverse(f"admin:exports_{name}_add")).status_code == 403


def test_workspace_s_page_shows_neither_token_nor_fingerprint(cast: Cast, ada: Client) -> None:
    address = reverse("admin:exports_workspace_change", args=[cast.acme.pk])
    content = ada.get(address).content.decode()
    assert cast.acme.token_sealed not in content
    assert cast.acme.token_fingerprint not in content
    assert ada.post(address, {"name": "Other"}).status_code == 403
    assert Workspace.objects.get(pk=cast.acme.pk).name == "Acme"


def test_export_s_page_is_read_only(cast: Cast, ada: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.FAILED)
    address = reverse("admin:exports_export_change", args=[export.pk])
    assert ada.get(address).status_code == 200
    assert ada.post(address, {"status": "queued"}).status_code == 403
    assert Export.objects.get(pk=export.pk).status == Status.FAILED


def test_person_is_made_and_switched_off_but_never_deleted(cast: Cast, ada: Client) -> None:
    ada.post(
        reverse("admin:exports_user_add"),
        {
            "email": "Dana@example.com",
            "name": "Dana",
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        },
    )
    dana = User.objects.get(email__iexact="dana@example.com")
    assert dana.check_password("correct horse battery")
    assert not dana.is_superuser
    ada.post(
        reverse("admin:exports_user_change", args=[dana.pk]),
        {"email": dana.email, "name": "Dana", "theme": "system"},
    )
    dana.refresh_from_db()
    assert not dana.is_active
    assert ada.post(reverse("admin:exports_user_delete", args=[dana.pk])).status_code == 403


def test_administration_is_closed_to_managers(cast: Cast, browse: Browse) -> None:
    assert browse(cast.alice).get("/admin/").status_code == 302
