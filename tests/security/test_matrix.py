"""Every address, every role, every method. The addresses come from the URL configuration: one without a row fails."""

import hashlib
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from exports.models import User
from tests.api.test_matrix import MATRIX as API_MATRIX
from tests.security.addresses import METHODS, PEOPLE, Address, another, ask, browser_of, every_address, keys_for
from tests.support.cast import BASE_URL, Cast, make_export

pytestmark = pytest.mark.django_db

IN = "302L"  # to the sign-in page
# What people without a row of their own answer: nobody, a stranger, a viewer, a member, a manager, a site
# administrator (`PEOPLE`), to things of Acme's.
SIGNED_IN = f"{IN} 200 200 200 200 200"
MEMBERS = f"{IN} 404 200 200 200 200"
MANAGERS = f"{IN} 404 403 403 200 200"
ADMINISTRATORS = f"{IN} 403 403 403 403 200"
BY_MEMBERS = f"{IN} 404 403 302 302 302"
BY_MANAGERS = f"{IN} 404 403 403 302 302"
ANYBODY = "200 200 200 200 200 200"
AWAY = "302 302 302 302 302 302"
NO = "405 405 405 405 405 405"

# Name of the address -> GET, POST, and what is posted.
ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "export-list": (SIGNED_IN, NO, {}),
    "week": (SIGNED_IN, NO, {}),
    "find": (SIGNED_IN, NO, {}),
    "export-new": (SIGNED_IN, f"{IN} 422 422 422 422 422", {}),
    "export-preview": (SIGNED_IN, NO, {}),
    "export-asked": (f"{IN} 302 302 302 302 302", NO, {}),  # without answers to show
    "export-bulk": (NO, f"{IN} 302 302 302 302 302", {}),  # nothing picked; what is, asks its own service
    "preset-save": (NO, f"{IN} 422 422 422 422 422", {}),
    "preset-delete": (NO, f"{IN} 404 404 302 302 302", {}),  # Bob's, for the workspace
    "view-save": (NO, f"{IN} 302 302 302 302 302", {"view_name": "Failed", "query": "status=failed"}),
    "view-delete": (NO, f"{IN} 404 404 404 302 404", {}),  # Alice's
    "export": (MEMBERS, NO, {}),
    "export-download": (MEMBERS, NO, {}),
    "file-preview": (MEMBERS, NO, {}),
    "export-cancel": (NO, BY_MEMBERS, {}),
    "export-run-again": (NO, BY_MEMBERS, {}),
    "export-extend": (NO, BY_MEMBERS, {}),
    "export-delete": (NO, BY_MEMBERS, {}),
    "export-bump": (NO, BY_MANAGERS, {"reason": "The board meets at noon."}),
    "export-pin": (NO, BY_MANAGERS, {}),
    "export-unpin": (NO, BY_MANAGERS, {}),
    "export-take-over": (NO, BY_MANAGERS, {}),
    "export-approve": (NO, BY_MANAGERS, {}),
    "export-decline": (NO, BY_MANAGERS, {"reason": "Not now."}),
    "approval-list": (SIGNED_IN, NO, {}),
    "workspace-list": (SIGNED_IN, NO, {}),
    "workspace-new": (
        ADMINISTRATORS,
        f"{IN} 403 403 403 403 302",
        {"name": "Initech", "base_url": BASE_URL, "time_zone": "UTC"},
    ),
    "workspace": (MEMBERS, NO, {}),
    "workspace-settings": (NO, BY_MANAGERS, {"name": "Acme", "base_url": BASE_URL, "time_zone": "UTC"}),
    "workspace-pause": (NO, BY_MANAGERS, {}),
    "workspace-resume": (NO, BY_MANAGERS, {}),
    "workspace-archive": (NO, BY_MANAGERS, {}),
    "workspace-unarchive": (NO, BY_MANAGERS, {}),
    "workspace-delete": (f"{IN} 404 403 403 403 200", f"{IN} 404 403 403 403 302", {"name": "Acme"}),
    "workspace-token": (NO, BY_MANAGERS, {"token": "another-token-0123456789abcdef", "anyway": "on"}),
    "workspace-token-test": (NO, BY_MANAGERS, {}),
    "workspace-token-forget": (NO, BY_MANAGERS, {}),
    "member-add": (NO, BY_MANAGERS, {"email": "charlie@example.com", "role": "viewer"}),
    "member-change": (NO, BY_MANAGERS, {"role": "member"}),
    "member-remove": (NO, f"{IN} 404 302 403 302 302", {}),  # Vera, who may leave
    "invitation-resend": (NO, BY_MANAGERS, {}),
    "invitation-revoke": (NO, BY_MANAGERS, {}),
    # Open to whoever holds the link; somebody else's account is turned away, on the page itself.
    "invitation": (ANYBODY, AWAY, {"password": "another horse battery"}),
    "session-end": (NO, f"{IN} 404 404 404 302 404", {}),  # Alice's
    "account-confirm": (f"{IN} 200 200 200 200 200", NO, {}),
    "workspace-masking": (NO, BY_MANAGERS, {"masked_columns": "emailAddress", "masked_roles": "viewer"}),
    "workspace-limits": (MANAGERS, BY_MANAGERS, {"together-per_day": "5"}),
    "person-limits": (NO, BY_MANAGERS, {"person-per_day": "5"}),
    "person-limits-remove": (NO, BY_MANAGERS, {}),
    "workspace-audit": (MANAGERS, NO, {}),
    "workspace-audit-csv": (MANAGERS, NO, {}),
    "workspace-audit-jsonl": (MANAGERS, NO, {}),
    "audit": (ADMINISTRATORS, NO, {}),
    "audit-csv": (ADMINISTRATORS, NO, {}),
    "audit-jsonl": (ADMINISTRATORS, NO, {}),
    "account": (SIGNED_IN, f"{IN} 302 302 302 302 302", {"name": "X", "theme": "dark"}),
    "api-token-make": (NO, f"{IN} 200 200 200 200 200", {"name": "nightly", "scopes": "read", "lifetime": "30"}),
    "api-token-revoke": (NO, f"{IN} 404 404 404 302 404", {}),  # Alice's
    "set-language": (NO, AWAY, {"language": "ja"}),
    "health-live": (ANYBODY, NO, {}),
    "health-ready": (ANYBODY, NO, {}),
    "accounts/email/": (AWAY, AWAY, {}),
    "favicon.ico": (AWAY, AWAY, {}),
    "account_email": (AWAY, AWAY, {}),
    "account_login": ("200 302 302 302 302 302", "200 302 302 302 302 302", {}),
    "account_logout": ("302 200 200 200 200 200", AWAY, {}),
    "account_inactive": (ANYBODY, NO, {}),
    "account_signup": ("200 302 302 302 302 302", "200 302 302 302 302 302", {}),  # says that it is closed
    # Nobody of the cast has a password: nothing to be asked for again.
    "account_reauthenticate": (f"{IN} 403 403 403 403 403", f"{IN} 403 403 403 403 403", {}),
    "account_email_verification_sent": (ANYBODY, NO, {}),
    "account_change_password": (f"{IN} 302 302 302 302 302", f"{IN} 302 302 302 302 302", {}),
    "account_set_password": (SIGNED_IN, SIGNED_IN, {}),
    "account_reset_password": (ANYBODY, ANYBODY, {}),
    "account_confirm_login_code": (f"{IN} 302 302 302 302 302", f"{IN} 302 302 302 302 302", {}),
    "account_confirm_email": (ANYBODY, "404 404 404 404 404 404", {}),
    "account_reset_password_from_key": (ANYBODY, ANYBODY, {}),
    "account_reset_password_from_key_done": (ANYBODY, NO, {}),
    "account_reset_password_done": (ANYBODY, NO, {}),
    "usersessions_list": (SIGNED_IN, f"{IN} 302 302 302 302 302", {}),
    # The company's sign-in: none here, so nothing to go to or to come back from.
    "company-sign-in": ("405 405 405 405 405 405", "404 404 404 404 404 404", {}),
    "openid_connect_login": ("404 404 404 404 404 404", "404 404 404 404 404 404", {}),
    "openid_connect_callback": ("404 404 404 404 404 404", "404 404 404 404 404 404", {}),
    "socialaccount_login_cancelled": (ANYBODY, NO, {}),
    "socialaccount_login_error": ("401 401 401 401 401 401", NO, {}),
    "socialaccount_signup": (f"{IN} {IN} {IN} {IN} {IN} {IN}", f"{IN} {IN} {IN} {IN} {IN} {IN}", {}),
    "socialaccount_connections": (SIGNED_IN, SIGNED_IN, {}),
    # Old addresses of allauth's, which lead to the new ones.
    "accounts/social/login/cancelled/": ("301 301 301 301 301 301", "301 301 301 301 301 301", {}),
    "accounts/social/login/error/": ("301 301 301 301 301 301", "301 301 301 301 301 301", {}),
    "accounts/social/signup/": ("301 301 301 301 301 301", "301 301 301 301 301 301", {}),
    "accounts/social/connections/": ("301 301 301 301 301 301", "301 301 301 301 301 301", {}),
    "mfa_list_webauthn": (SIGNED_IN, f"{IN} 405 405 405 405 405", {}),
    "mfa_add_webauthn": (SIGNED_IN, SIGNED_IN, {}),
    "mfa_reauthenticate_webauthn": (f"{IN} 403 403 403 403 403", f"{IN} 403 403 403 403 403", {}),
    "mfa_remove_webauthn": (f"{IN} 404 404 404 200 404", f"{IN} 404 404 404 302 404", {}),
    "mfa_edit_webauthn": (f"{IN} 404 404 404 200 404", f"{IN} 404 404 404 302 404", {"name": "Laptop"}),
    "mfa_login_webauthn": (f"{IN} 302 302 302 302 302", f"{IN} 302 302 302 302 302", {}),
    "mfa_index": (SIGNED_IN, f"{IN} 405 405 405 405 405", {}),
    "mfa_authenticate": (f"{IN} 302 302 302 302 302", f"{IN} 302 302 302 302 302", {}),
    "mfa_reauthenticate": (f"{IN} 403 403 403 403 403", f"{IN} 403 403 403 403 403", {}),
    "mfa_activate_totp": (SIGNED_IN, SIGNED_IN, {}),
    "mfa_deactivate_totp": (f"{IN} 404 404 404 404 404", f"{IN} 404 404 404 404 404", {}),
    "mfa_view_recovery_codes": (f"{IN} 404 404 404 404 404", f"{IN} 405 405 405 405 405", {}),
    "mfa_generate_recovery_codes": (SIGNED_IN, SIGNED_IN, {}),
    "mfa_download_recovery_codes": (f"{IN} 404 404 404 404 404", f"{IN} 404 404 404 404 404", {}),
}
# Rows of the tables that these GETs may add to (design.md §6), and what a look at a session writes.
WRITES_ON_GET = {"export-download", "file-preview", "workspace-audit-csv", "workspace-audit-jsonl", "audit-csv"}
WRITES_ON_GET |= {"audit-jsonl", "api-export-file"}
VOLATILE = ("django_session", "usersessions_usersession", "sqlite_sequence")

ADDRESSES = every_address()
PAGES = [one for one in ADDRESSES if not one.is_api and not one.is_admin]
ADMIN = [one for one in ADDRESSES if one.is_admin]


def person(cast: Cast, who: str) -> User | None:
    return None if who == "nobody" else getattr(cast, who)


@pytest.fixture
def browsers(cast: Cast) -> dict[str, Client]:
    """A browser of each of `PEOPLE`, signed in as who they are."""
    return {who: browser_of(person(cast, who)) for who in PEOPLE}


def answers(
    cast: Cast, browsers: dict[str, Client], address: Address, method: str, data: dict[str, Any] | None = None
) -> str:
    seen = []
    for browser in browsers.values():
        undo = transaction.savepoint()  # the next person finds everything as this one did
        client, path = another(browser), address.path(keys_for(address, cast))
        status, place = ask(client, method, path, **({"data": data} if data else {}))
        transaction.savepoint_rollback(undo)
        seen.append(f"{status}L" if "/accounts/login/" in place and status == 302 else str(status))
    return " ".join(seen)


def fingerprint() -> dict[str, str]:
    """Return a hash of every table's rows."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in VOLATILE]
        prints = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            prints[table] = hashlib.sha256(repr(sorted(map(repr, cursor.fetchall()))).encode()).hexdigest()
    return prints


def test_every_address_has_a_row() -> None:
    assert {one.name for one in PAGES} == set(ROWS)
    api = {one.name for one in ADDRESSES if one.is_api}
    assert api == {name for name, _method in API_MATRIX} | {"api-nothing"}


@pytest.mark.parametrize("address", PAGES, ids=lambda one: one.name)
def test_address_answers_each_role_what_its_row_says(
    address: Address, cast: Cast, browsers: dict[str, Client], engine: None
) -> None:
    get, post, data = ROWS[address.name]
    assert answers(cast, browsers, address, "GET") == get
    assert answers(cast, browsers, address, "POST", data) == post


@pytest.mark.parametrize("address", [one for one in ADDRESSES if not one.is_admin], ids=lambda one: one.name)
def test_nothing_is_changed_but_by_its_own_method(address: Address, cast: Cast, engine: None) -> None:
    path = address.path(keys_for(address, cast))
    client = browser_of(cast.alice)
    before = fingerprint()
    for method in METHODS:
        writes = method in ("GET", "HEAD") and address.name in WRITES_ON_GET
        if method == "POST" or writes:
            continue
        data = {"data": ROWS[address.name][2]} if method not in ("GET", "HEAD") and address.name in ROWS else {}
        more = {} if method in ("GET", "HEAD", "TRACE") else {**data, "content_type": "application/json"}
        status, _place = ask(client, method, path, **more)
        assert status < 500
        if address.name in ROWS and ROWS[address.name][1] == NO and method not in ("GET", "HEAD", "OPTIONS"):
            assert status == 405, method
    assert fingerprint() == before


@pytest.mark.parametrize("address", PAGES, ids=lambda one: one.name)
def test_other_methods_open_nothing_to_anybody(
    address: Address, cast: Cast, browsers: dict[str, Client], engine: None
) -> None:
    """HEAD is GET without its body; what no row names is refused, and to a stranger's question like a GET at most."""
    get, post, data = ROWS[address.name]
    assert answers(cast, browsers, address, "HEAD") == get
    before = fingerprint()
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        statuses = answers(cast, browsers, address, method, data if method != "TRACE" else None).split()
        if NO in (get, post):
            assert set(statuses) == {"405"}, method
        # A form's view shows its page for what is no POST, to whom it would show it anyway.
        assert all(not one.startswith("2") or one == shown for one, shown in zip(statuses, get.split(), strict=True))
    assert fingerprint() == before


def test_administration_answers_a_site_administrator_what_its_rows_say(cast: Cast) -> None:
    """Read everywhere; people alone are made and changed; nothing is deleted but the counts of wrong passwords."""
    client = browser_of(cast.ada)
    export = make_export(cast.acme, cast.bob)
    rows = {"user": cast.bob, "workspace": cast.acme, "export": export}
    may_post = {"admin:exports_user_add", "admin:exports_user_change", "admin:auth_user_password_change"}
    may_post |= {"admin:login", "admin:logout", "admin:password_change"}
    before = fingerprint()
    for address in ADMIN:
        kind = address.name.rpartition("_")[0].removeprefix("admin:exports_")
        row = rows.get(kind, cast.bob)
        path = address.path({"object_id": row.pk, "id": row.pk})
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            if address.name in may_post or (kind == address.name and method == "POST"):
                continue
            more = {"data": {"post": "yes", "name": "x", "email": "x@example.com"}} if method == "POST" else {}
            status, _place = ask(client, method, path, **more)
            assert status < 500, (address, method)
    assert fingerprint() == before


def test_administration_is_shut_to_all_but_site_administrators(cast: Cast, browsers: dict[str, Client]) -> None:
    keys = {"object_id": cast.acme.pk, "id": cast.bob.pk}
    before = fingerprint()
    for who, client in browsers.items():
        if who == "ada":
            continue
        for address in ADMIN:
            if address.name == "admin:logout":
                continue
            for method in ("GET", "POST", "DELETE"):
                status, place = ask(client, method, address.path(keys))
                is_door = address.name == "admin:login"
                shut = (status == 302 and "login" in place) or status == 404 or (is_door and status in (302, 403))
                assert shut, (who, method, address, status, place)
    assert fingerprint() == before


def test_administration_shows_secrets_to_nobody(cast: Cast) -> None:
    """Sealed tokens, digests and the seeds of second factors have no page."""
    routes = " ".join(one.route for one in ADMIN)
    assert "authenticator" not in routes
    assert "emailaddress" not in routes
    assert "session" not in routes
