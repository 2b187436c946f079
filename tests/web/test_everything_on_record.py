"""Whatever changes something leaves exactly one entry: a row for every address that takes a POST or PUT.

The rows are compared with the URL configuration: an address without one fails.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings as portal_settings
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from exports.models import (
    AuditEntry,
    Export,
    Invitation,
    Limits,
    Preset,
    SavedView,
    Status,
    User,
    Workspace,
)
from exports.services.api_tokens import make_api_token
from exports.services.invitations import invite
from tests.support.cast import BASE_URL, ApiCaller, Cast, content_of, make_export, make_ready_export
from tests.web.markup import read

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"
NEW_TOKEN = "brand-new-token-0123456789abcdefghijklmnopqrstuvwxyz99"
QUESTION = {"type": "page", "from": "2026-10-01T00:00:00Z", "to": "2026-10-02T00:00:00Z"}


@dataclass
class Scene:
    """The cast, and a browser in which one of them is signed in by password."""

    cast: Cast
    client: Client

    def as_(self, person: User) -> Client:
        """Sign a person in as people do, with a password."""
        person.set_password(PASSWORD)
        person.save(update_fields=["password"])
        answer = self.client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        assert answer.status_code == 302
        return self.client

    def acme(self, **changes: Any) -> str:
        """Return Acme's key, its row changed."""
        if changes:
            Workspace.objects.filter(pk=self.cast.acme.pk).update(**changes)
        return str(self.cast.acme.pk)

    def export(self, status: Status = Status.QUEUED) -> str:
        """Make an export of Bob's; return its key."""
        make: Callable[..., Export] = make_ready_export if status == Status.READY else make_export
        more = {} if status == Status.READY else {"status": status}
        return str(make(self.cast.acme, self.cast.bob, **more).pk)


# Name of the address -> who does it, the address's keys, what is sent.
Row = tuple[str, Callable[[Scene], list[Any]], dict[str, Any] | Callable[[Scene], dict[str, Any]], str]


def _here(scene: Scene) -> list[str]:
    return [scene.acme()]


def _paused(scene: Scene) -> list[str]:
    return [scene.acme(paused_at=timezone.now(), pause_code="manager")]


def _archived(scene: Scene) -> list[str]:
    return [scene.acme(archived_at=timezone.now())]


def _member(scene: Scene) -> list[str]:
    return [scene.acme(), str(scene.cast.bob.pk)]


def _session_elsewhere(scene: Scene) -> list[Any]:
    return [UserSession.objects.create(user=scene.cast.alice, ip="192.0.2.1", session_key="elsewhere").pk]


def _invited(scene: Scene) -> list[str]:
    made = invite(actor=scene.cast.alice, workspace=scene.cast.acme, email="dana@example.com", role="viewer")
    return [scene.acme(), str(made.pk)]


def _queued(scene: Scene) -> list[str]:
    return [scene.export()]


def _ended(scene: Scene) -> list[str]:
    return [scene.export(Status.CANCELLED)]


def _ready(scene: Scene) -> list[str]:
    return [scene.export(Status.READY)]


def _pinned(scene: Scene) -> list[str]:
    key = scene.export(Status.READY)
    Export.objects.filter(pk=key).update(pinned_at=timezone.now())
    return [key]


def _left(scene: Scene) -> list[str]:
    key = scene.export()
    scene.cast.bob.memberships.all().delete()
    return [key]


def _held(scene: Scene) -> list[str]:
    key = scene.export()
    Export.objects.filter(pk=key).update(hold="approval")
    return [key]


def _limited(scene: Scene) -> list[str]:
    Limits.objects.create(workspace=scene.cast.acme, whom="person", user=scene.cast.bob)
    return _member(scene)


def _question(scene: Scene) -> dict[str, Any]:
    return {
        "workspace": scene.acme(),
        "types": ["page"],
        "range": "days",
        "first_day": "2026-10-01",
        "last_day": "2026-10-31",
    }


def _preset(scene: Scene) -> list[str]:
    return [str(Preset.objects.create(workspace_id=scene.acme(), user=scene.cast.bob, name="Monthly").pk)]


def _view(scene: Scene) -> list[str]:
    return [str(SavedView.objects.create(user=scene.cast.vera, name="Mine", query="who=mine").pk)]


def _own_api_token(scene: Scene) -> list[str]:
    return [str(make_api_token(user=scene.cast.alice, name="nightly")[0].pk)]


def _settings(scene: Scene) -> dict[str, Any]:
    return {"name": "ACME", "base_url": BASE_URL, "time_zone": "Asia/Tokyo", "retention_hours": "5"}


def _nothing(scene: Scene) -> list[str]:
    return []


PAGES: dict[str, Row] = {
    "export-new": ("bob", _nothing, _question, "export.queued"),
    "export-bulk": (
        "bob",
        _nothing,
        lambda scene: {"deed": "cancel", "pick": [scene.export()]},
        "export.cancelled",
    ),
    "preset-save": (
        "bob",
        _nothing,
        lambda scene: _question(scene) | {"preset_name": "Monthly", "preset_shared": "on"},
        "preset.saved",
    ),
    "preset-delete": ("bob", _preset, {}, "preset.deleted"),
    "view-save": ("vera", _nothing, {"view_name": "Failed", "query": "status=failed"}, "person.view_saved"),
    "view-delete": ("vera", _view, {}, "person.view_deleted"),
    "export-cancel": ("bob", _queued, {}, "export.cancelled"),
    "export-run-again": ("bob", _ended, {}, "export.queued"),
    "export-extend": ("bob", _ready, {}, "export.extended"),
    "export-pin": ("alice", _ready, {}, "export.pinned"),
    "export-unpin": ("alice", _pinned, {}, "export.unpinned"),
    "export-delete": ("bob", _ready, {}, "export.file_deleted"),
    "export-bump": ("alice", _queued, {"reason": "The board meets at noon."}, "export.bumped"),
    "export-take-over": ("alice", _left, {}, "export.taken_over"),
    "export-approve": ("alice", _held, {}, "export.approved"),
    "export-decline": ("alice", _held, {"reason": "Not now."}, "export.declined"),
    "workspace-limits": ("alice", _here, {"together-per_day": "5", "approval_types": ["event"]}, "limits.changed"),
    "workspace-masking": (
        "alice",
        _here,
        {"masked_columns": "emailAddress", "masked_roles": ["viewer"]},
        "masking.changed",
    ),
    "person-limits": ("alice", _member, {"person-per_day": "5"}, "limits.changed"),
    "person-limits-remove": ("alice", _limited, {}, "limits.changed"),
    "workspace-new": ("ada", _nothing, _settings(None) | {"name": "New", "token": NEW_TOKEN}, "workspace.created"),  # type: ignore[arg-type]
    "workspace-settings": ("alice", _here, _settings, "workspace.changed"),
    "workspace-pause": ("alice", _here, {}, "workspace.paused"),
    "workspace-resume": ("alice", _paused, {}, "workspace.resumed"),
    "workspace-archive": ("alice", _here, {}, "workspace.archived"),
    "workspace-unarchive": ("alice", _archived, {}, "workspace.unarchived"),
    "workspace-delete": ("ada", _here, {"name": "Acme"}, "workspace.deleted"),
    "workspace-token": ("alice", _here, {"token": NEW_TOKEN, "anyway": "on"}, "token.set"),
    "workspace-token-test": ("alice", _here, {}, "token.tested"),
    "workspace-token-forget": ("alice", _here, {}, "token.forgotten"),
    "member-add": ("alice", _here, {"email": "charlie@example.com", "role": "viewer"}, "member.added"),
    "member-change": ("alice", _member, {"role": "viewer"}, "member.changed"),
    "member-remove": ("bob", _member, {}, "member.removed"),
    "invitation-resend": ("alice", _invited, {}, "invitation.resent"),
    "invitation-revoke": ("alice", _invited, {}, "invitation.revoked"),
    "session-end": ("alice", _session_elsewhere, {}, "person.sessions_ended"),
    "usersessions_list": ("alice", _nothing, {}, "person.sessions_ended"),
    "account": ("alice", _nothing, {"name": "Alice K", "theme": "dark"}, "person.settings_changed"),
    "api-token-make": (
        "alice",
        _nothing,
        {"name": "nightly", "scopes": ["read"], "lifetime": "90"},
        "api_token.made",
    ),
    "api-token-revoke": ("alice", _own_api_token, {}, "api_token.revoked"),
    "set-language": ("alice", _nothing, {"language": "ja"}, "person.settings_changed"),
    "account_logout": ("alice", _nothing, {}, "person.signed_out"),
    "account_reauthenticate": ("alice", _nothing, {"password": PASSWORD}, "person.confirmed"),
    "account_change_password": (
        "alice",
        _nothing,
        {"oldpassword": PASSWORD, "password1": "another horse battery", "password2": "another horse battery"},
        "person.password_changed",
    ),
}

API: dict[tuple[str, str], tuple[str, Callable[[Scene], str], Any, str]] = {
    ("api-workspaces", "POST"): (
        "ada",
        lambda scene: "workspaces",
        {"name": "New", "base_url": BASE_URL, "token": NEW_TOKEN},
        "workspace.created",
    ),
    ("api-workspace-token", "PUT"): (
        "alice",
        lambda scene: f"workspaces/{scene.acme()}/token",
        {"token": NEW_TOKEN},
        "token.set",
    ),
    ("api-exports", "POST"): (
        "bob",
        lambda scene: "exports",
        lambda scene: QUESTION | {"workspace": scene.acme()},
        "export.queued",
    ),
    ("api-export-cancel", "POST"): (
        "bob",
        lambda scene: f"exports/{scene.export()}/cancel",
        None,
        "export.cancelled",
    ),
    ("api-export-run-again", "POST"): (
        "bob",
        lambda scene: f"exports/{scene.export(Status.FAILED)}/run-again",
        None,
        "export.queued",
    ),
    ("api-export-file", "GET"): (
        "vera",
        lambda scene: f"exports/{scene.export(Status.READY)}/file",
        None,
        "export.downloaded",
    ),
}

# Deeds on oneself that need nothing to be filled in.
NOT_REFUSED = ("account", "set-language", "account_logout", "usersessions_list")

# Addresses whose own tests are below, in test_passkeys.py or in test_company_sign_in.py: they need more than one step.
STEPS = {
    "company-sign-in",
    "openid_connect_callback",
    "socialaccount_connections",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
    "mfa_login_webauthn",
    "mfa_reauthenticate_webauthn",
    "invitation",
    "account_login",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "account_reset_password_from_key",
}
# Addresses that take a POST and change nothing.
NOTHING = {
    "account_signup": "closed",
    "socialaccount_signup": "nothing is asked: whoever the company's sign-in knows is in or isn't",
    "openid_connect_login": "company-sign-in stands before it",
    "account_email": "the address above it answers",
    "account_reset_password": "only sends a link",
    "account_confirm_login_code": "there are no codes by mail",
    "account_set_password": "everybody has a password",
    "account_confirm_email": "addresses are confirmed by administrators",
    "accounts/email/": "leads to the person's own page",
    "favicon.ico": "leads to the picture",
}
# Parts of Django's administration that are no model's pages: nothing, or what other rows tell.
ADMIN_FRAME = {"index", "login", "logout", "password_change", "autocomplete", "jsi18n", "view_on_site", "app_list"}


@pytest.fixture
def scene(cast: Cast, client: Client) -> Scene:
    cache.clear()  # allauth counts sign-ins a minute there
    return Scene(cast, client)


def addresses(resolver: URLResolver | None = None) -> Iterator[tuple[str, URLPattern]]:
    """Yield every address of the portal by name; without one by its route."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern)
        else:
            yield pattern.name or str(pattern.pattern), pattern


def new_entries(since: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(pk__gt=since).order_by("pk"))


def newest() -> int:
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def only_entry(since: int, action: str, person: User | None) -> AuditEntry:
    (entry,) = new_entries(since)
    assert (entry.action, entry.actor) == (action, person)
    assert entry.address == "127.0.0.1"
    return entry


def test_every_address_has_a_row_or_takes_no_post(scene: Scene) -> None:
    client = scene.as_(scene.cast.ada)
    known = {*PAGES, *STEPS, *NOTHING, *(name for name, _method in API)}
    example = {"pk": scene.acme(), "secret": "x", "person": str(scene.cast.bob.pk), "uidb36": "1", "key": "a-b"}
    without = []
    for name, pattern in addresses():
        if name in known or name in ADMIN_FRAME or _is_admin(pattern):
            continue
        if name.startswith("api-"):
            continue  # tests/api/test_matrix.py walks all methods of all addresses of the API
        try:
            path = reverse(name, kwargs={key: example[key] for key in pattern.pattern.regex.groupindex})
        except Exception:
            path = "/" + name
        since = newest()
        answer = client.post(path)
        content_of(answer)
        if answer.status_code not in (404, 405) or newest() != since:
            without.append((name, answer.status_code))
    assert without == []


def _is_admin(pattern: URLPattern) -> bool:
    return "admin" in getattr(pattern.callback, "__module__", "") or hasattr(pattern.callback, "model_admin")


@pytest.mark.parametrize("name", PAGES)
def test_deed_on_a_page_leaves_exactly_one_entry(name: str, scene: Scene) -> None:
    who, keys, data, action = PAGES[name]
    person = getattr(scene.cast, who)
    client = scene.as_(person)
    path = reverse(name, args=keys(scene))
    body = data(scene) if callable(data) else data
    since = newest()
    answer = client.post(path, body)
    assert answer.status_code in (200, 302), answer.content.decode()
    only_entry(since, action, person)


@pytest.mark.parametrize(("name", "method"), API, ids=lambda value: str(value))
def test_call_of_the_api_leaves_exactly_one_entry(name: str, method: str, scene: Scene) -> None:
    who, path, body, action = API[name, method]
    person = getattr(scene.cast, who)
    caller = ApiCaller(person)
    address = path(scene)
    since = newest()
    answer = caller.send(method, address, body(scene) if callable(body) else body)
    assert answer.status_code < 300, content_of(answer)
    content_of(answer)
    only_entry(since, action, person)


@pytest.mark.parametrize("name", [name for name in PAGES if name not in NOT_REFUSED])
def test_refused_deed_leaves_no_entry(name: str, scene: Scene) -> None:
    _who, keys, _data, _action = PAGES[name]
    path = reverse(name, args=keys(scene))
    client = scene.as_(scene.cast.charlie)
    since = newest()
    client.post(path)
    assert [entry.action for entry in new_entries(since)] == []


def test_sign_in_refusal_lock_and_sign_in_elsewhere_are_on_record(scene: Scene) -> None:
    bob = scene.cast.bob
    bob.set_password(PASSWORD)
    bob.save()
    wrong = {"login": "BOB@example.com", "password": "wrong"}
    since = newest()
    for _attempt in range(portal_settings.AXES_FAILURE_LIMIT + 3):
        scene.client.post("/accounts/login/", wrong)
    entries = new_entries(since)
    assert [entry.action for entry in entries] == [
        *["person.sign_in_failed"] * (portal_settings.AXES_FAILURE_LIMIT - 1),
        "person.sign_in_locked",
    ]
    assert {(entry.actor, entry.subject, entry.address) for entry in entries} == {
        (None, "bob@example.com", "127.0.0.1")
    }
    since = newest()
    Client(REMOTE_ADDR="192.0.2.7").post("/accounts/login/", wrong | {"password": PASSWORD})
    (entry,) = new_entries(since)
    assert (entry.action, entry.actor, entry.address) == ("person.signed_in", bob, "192.0.2.7")
    assert not entry.as_site_administrator


def test_password_typed_into_the_address_is_not_kept(scene: Scene) -> None:
    since = newest()
    scene.client.post("/accounts/login/", {"login": "my secret password", "password": "x"})
    scene.client.post("/admin/login/", {"username": "my secret password", "password": "x"})
    assert not [entry for entry in new_entries(since) if "secret" in entry.subject + str(entry.data)]


def _code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_second_factor_from_first_to_last_is_on_record(
    scene: Scene, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    alice = scene.cast.alice
    client, other = scene.as_(alice), Client()

    def on_record(client: Client, name: str, **data: str) -> list[AuditEntry]:
        since = newest()
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse(name), data)
        return new_entries(since)

    def recovery_code() -> str:
        return Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()[0]

    (entry,) = on_record(client, "account_reauthenticate", password=PASSWORD)
    assert (entry.action, entry.actor) == ("person.confirmed", alice)
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    (entry,) = on_record(client, "mfa_activate_totp", code=_code(secret))
    assert (entry.action, entry.actor, entry.data) == ("person.second_factor_added", alice, {"kind": "totp"})
    (entry,) = on_record(client, "mfa_generate_recovery_codes")
    assert (entry.action, entry.actor) == ("person.second_factor_renewed", alice)

    assert on_record(other, "account_login", login=alice.email, password=PASSWORD) == []  # not in yet
    (entry,) = on_record(other, "mfa_authenticate", code="000000")
    assert (entry.action, entry.actor, entry.subject) == ("person.sign_in_failed", None, alice.email)
    assert entry.data == {"step": "second_factor"}
    (entry,) = on_record(other, "mfa_authenticate", code=recovery_code())
    assert (entry.action, entry.actor) == ("person.signed_in", alice)

    (entry,) = on_record(client, "mfa_reauthenticate", code=recovery_code())
    assert (entry.action, entry.actor) == ("person.confirmed", alice)
    (entry,) = on_record(client, "mfa_deactivate_totp")
    assert (entry.action, entry.actor) == ("person.second_factor_removed", alice)
    assert secret not in str(list(AuditEntry.objects.values_list("subject", "data")))


def test_invitation_sent_and_accepted_is_one_entry_each(scene: Scene) -> None:
    client = scene.as_(scene.cast.alice)
    since = newest()
    client.post(reverse("member-add", args=[scene.acme()]), {"email": "dana@example.com", "role": "member"})
    assert only_entry(since, "invitation.sent", scene.cast.alice).subject == "dana@example.com"
    (invitation,) = Invitation.objects.all()
    since = newest()
    Client().post(reverse("invitation", args=[invitation.secret()]), {"name": "Dana", "password": PASSWORD})
    dana = User.objects.get(email="dana@example.com")
    entry = only_entry(since, "invitation.accepted", dana)
    assert entry.data == {"role": "member", "is_new": True}
    assert PASSWORD not in str(list(AuditEntry.objects.values_list("data", flat=True)))


def test_password_set_by_a_mailed_link_is_on_record(scene: Scene, mailoutbox: list[Any]) -> None:
    alice = scene.cast.alice
    alice.set_password(PASSWORD)
    alice.save()
    scene.client.post(reverse("account_reset_password"), {"email": alice.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mailoutbox[0].body)
    assert link is not None
    form = scene.client.get(link.group(), follow=True)
    since = newest()
    scene.client.post(
        form.request["PATH_INFO"], {"password1": "another horse battery", "password2": "another horse battery"}
    )
    only_entry(since, "person.password_reset", alice)


def _made_in_administration(scene: Scene) -> dict[type, Any]:
    return {
        User: scene.cast.vera,
        EmailAddress: EmailAddress.objects.create(user=scene.cast.vera, email="vera@example.com"),
        Authenticator: Authenticator.objects.create(
            user=scene.cast.vera, type="totp", data={"secret": "x"}, last_used_at=timezone.now()
        ),
        AccessAttempt: AccessAttempt.objects.create(
            username="vera@example.com", ip_address="192.0.2.1", failures_since_start=1
        ),
    }


def test_every_change_in_the_administration_is_one_entry(scene: Scene) -> None:
    client = scene.as_(scene.cast.ada)
    request = client.get("/admin/").wsgi_request
    made = _made_in_administration(scene)
    for model, model_admin in admin.site._registry.items():
        place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = made.get(model) or model._default_manager.first()
        if row is None and model in (AccessFailureLog,):
            continue  # never made: AXES_ENABLE_ACCESS_FAILURE_LOG is off
        changes = model_admin.has_change_permission(request, row)
        deletes = model_admin.has_delete_permission(request, row)
        adds = model_admin.has_add_permission(request)
        if not (changes or deletes or adds):
            continue
        if row is None:
            assert not changes and not adds, f"{model}: make one for this test"  # noqa: PT018
            continue
        if changes:
            path = reverse(f"{place}_change", args=[row.pk])
            since = newest()
            answer = client.post(path, _form_of(client.get(path)))
            assert answer.status_code == 302, (model, answer.content.decode()[-3000:])
            only_entry(since, "admin.changed", scene.cast.ada)
        if deletes:
            since = newest()
            answer = client.post(reverse(f"{place}_delete", args=[row.pk]), {"post": "yes"})
            assert answer.status_code == 302, model
            entry = only_entry(since, "admin.deleted", scene.cast.ada)
            assert entry.data["kind"] == f"{model._meta.app_label}.{model._meta.model_name}"


def _form_of(page: Any) -> dict[str, Any]:
    """Return what a browser would send of a page's forms when nothing is changed."""
    values: dict[str, Any] = {}
    for one in read(page):
        name, kind = one.attrs.get("name"), one.attrs.get("type")
        if not name or one.tag not in ("input", "textarea") or kind in ("submit", "file"):
            continue
        if kind in ("checkbox", "radio") and "checked" not in one.attrs:
            continue
        values[name] = one.attrs.get("value", "on" if kind == "checkbox" else one.text)
    for select, options in re.findall(r'<select name="([^"]+)"(.*?)</select>', page.content.decode(), re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        if chosen:
            values[select] = chosen.group(1)
    return values


def test_person_made_and_given_a_password_in_the_administration_is_on_record_without_it(scene: Scene) -> None:
    client = scene.as_(scene.cast.ada)
    new = {"usable_password": "true", "password1": "yet another battery", "password2": "yet another battery"}
    since = newest()
    client.post(reverse("admin:exports_user_add"), {"email": "dana@example.com", "name": "Dana", **new})
    entry = only_entry(since, "admin.added", scene.cast.ada)
    assert (entry.subject, entry.as_site_administrator) == ("Dana", True)
    dana = User.objects.get(email="dana@example.com")
    since = newest()
    client.post(reverse("admin:auth_user_password_change", args=[dana.pk]), new)
    only_entry(since, "admin.changed", scene.cast.ada)
    path = reverse("admin:exports_user_change", args=[dana.pk])
    since = newest()
    client.post(path, _form_of(client.get(path)) | {"is_superuser": "on"})
    changed = only_entry(since, "admin.changed", scene.cast.ada)
    assert changed.data["fields"]
    assert "battery" not in str(list(AuditEntry.objects.values_list("data", flat=True)))


def test_rows_are_not_deleted_in_bulk_where_each_would_leave_no_entry(scene: Scene) -> None:
    client = scene.as_(scene.cast.ada)
    made = _made_in_administration(scene)[AccessAttempt]
    client.post(
        reverse("admin:axes_accessattempt_changelist"),
        {"action": "delete_selected", "_selected_action": [made.pk], "post": "yes"},
    )
    assert AccessAttempt.objects.filter(pk=made.pk).exists()
