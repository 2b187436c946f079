"""Nobody chooses for us which host we are, where a visitor is, or where a cookie goes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from axes.models import AccessAttempt
from django.conf import LazySettings
from django.core import mail
from django.test import Client

from exports.models import AuditEntry
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
SPOOFS = ("evil.example", "localhost.evil.example", "localhost@evil.example", "evil.example:80", "a b", "[::1", "")

# Runs in a process of its own: the settings are read once.
ASKS = """
import json, django
django.setup()
from django.core.management import call_command
from django.test import Client
from exports.models import User
call_command("migrate", verbosity=0)
User.objects.create_user("dana@example.com", "correct horse battery", name="Dana")
near = {"HTTP_HOST": "exports.example.com", "HTTP_X_FORWARDED_PROTO": "https"}
client = Client(**near)
page = client.get("/accounts/login/")
client.post("/accounts/login/", {"login": "dana@example.com", "password": "correct horse battery"})
client.post("/account/", {"name": "D", "theme": "dark"})
client.post("/language/", {"language": "ja"})
plain = Client(HTTP_HOST="exports.example.com").get("/workspaces/")
health = Client(HTTP_HOST="exports.example.com").get("/health/live")
print(json.dumps({
    "cookies": {name: {key: one[key] for key in ("secure", "httponly", "samesite", "path", "domain")}
                for name, one in client.cookies.items()},
    "hsts": page.headers.get("Strict-Transport-Security", ""),
    "plain": [plain.status_code, plain.headers.get("Location")],
    "health": health.status_code,
    "in": client.get("/workspaces/").status_code,
}))
"""


def ask_production(tmp_path: Path, public_url: str) -> dict:  # type: ignore[type-arg]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASKS],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PUBLIC_URL": public_url,
            "ALLOWED_HOSTS": "exports.example.com",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_cookies_behind_https_are_bound_to_the_host_and_closed_to_scripts(tmp_path: Path) -> None:
    seen = ask_production(tmp_path, "https://exports.example.com")
    assert {"__Host-sessionid", "__Host-csrftoken"} <= set(seen["cookies"])
    for name, cookie in seen["cookies"].items():
        assert cookie["secure"], name
        assert cookie["httponly"], name
        assert cookie["samesite"] in ("Lax", "Strict"), name
        assert (cookie["path"], cookie["domain"]) == ("/", ""), name
    assert "messages" not in seen["cookies"]
    assert "max-age=31536000" in seen["hsts"]
    assert "includeSubDomains" in seen["hsts"]
    assert seen["plain"] == [301, "https://exports.example.com/workspaces/"]
    assert (seen["health"], seen["in"]) == (200, 200)


def test_plain_http_works_without_them(tmp_path: Path) -> None:
    seen = ask_production(tmp_path, "http://exports.example.com")
    assert {"sessionid", "csrftoken"} <= set(seen["cookies"])
    assert all(cookie["httponly"] for cookie in seen["cookies"].values())
    assert (seen["hsts"], seen["in"]) == ("", 200)


@pytest.mark.parametrize("host", SPOOFS)
def test_unknown_host_is_refused(host: str, db: None) -> None:
    for path in ("/accounts/login/", "/accounts/password/reset/", "/api/v1/openapi.json", "/nowhere/"):
        assert Client(raise_request_exception=False).get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "web-7", "evil.example", ""])
def test_balancer_asks_for_health_under_any_name(host: str, db: None) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = Client(raise_request_exception=False).get(path, headers={"Host": host})
        assert answer.status_code in (200, 503)
        assert answer.headers["Content-Type"] == "application/json"
        assert "evil" not in answer.text
    for path in ("/health/", "/health/nothing"):
        assert "evil" not in Client(raise_request_exception=False).get(path, headers={"Host": host}).text


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"])
def test_header_chooses_no_host_for_a_mailed_link(header: str, cast: Cast) -> None:
    cast.bob.set_password("correct horse battery")
    cast.bob.save(update_fields=["password"])
    Client().post("/accounts/password/reset/", {"email": "bob@example.com"}, headers={header: "evil.example"})
    assert "evil" not in str(mail.outbox[0].body)


def test_mailed_link_leads_to_the_public_address_whatever_host_was_asked(cast: Cast, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUBLIC_URL = "https://exports.example.com"
    cast.bob.set_password("correct horse battery")
    cast.bob.save(update_fields=["password"])
    answer = Client().post("/accounts/password/reset/", {"email": "bob@example.com"}, headers={"Host": "evil.example"})
    assert answer.status_code == 302
    body = str(mail.outbox[0].body)
    assert "https://exports.example.com/accounts/password/reset/key/" in body
    assert "evil" not in body + mail.outbox[0].subject


def test_visitor_s_own_word_about_the_address_is_not_believed(cast: Cast) -> None:
    for number in range(3):
        Client().post(
            "/accounts/login/",
            {"login": "bob@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"},
        )
    assert {one.ip_address for one in AccessAttempt.objects.all()} == {"127.0.0.1"}
    assert {one.address for one in AuditEntry.objects.filter(action="person.sign_in_failed")} == {"127.0.0.1"}


def test_behind_a_proxy_of_ours_each_visitor_is_counted_apart(cast: Cast, settings: LazySettings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for claimed, real in (("10.9.9.9", "192.0.2.1"), ("", "192.0.2.2")):
        Client(REMOTE_ADDR="10.0.0.5").post(
            "/accounts/login/",
            {"login": "bob@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"{claimed}, {real}".lstrip(", ")},
        )
    assert {one.ip_address for one in AccessAttempt.objects.all()} == {"192.0.2.1", "192.0.2.2"}


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_no_page_leads_to_another_host(target: str, cast: Cast) -> None:
    cast.bob.set_password("correct horse battery")
    cast.bob.save(update_fields=["password"])
    client = Client()
    data = {"login": "bob@example.com", "password": "correct horse battery", "next": target}
    places = [client.post("/accounts/login/", data).headers["Location"]]
    places.append(client.post("/language/", {"language": "ja", "next": target}).headers["Location"])
    places.append(client.post("/accounts/logout/", {"next": target}).headers["Location"])
    assert all(place.startswith("/") and not place.startswith(("//", "/\\")) for place in places), places
