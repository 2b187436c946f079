"""Whatever people, programs and Analytics Cloud write stays text: on pages, in mails, in headers, in files, in logs."""

import logging
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from exports.models import AuditEntry, Export, Mail, Preset, SavedView, Status, User, Workspace
from exports.redaction import RedactingFilter
from exports.services import mails
from exports.services.events import record_event
from tests.security.addresses import ask, browser_of, every_address, keys_for
from tests.support.cast import ApiCaller, Cast, content_of, make_export, make_ready_export
from tests.web.markup import read

pytestmark = pytest.mark.django_db

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{% csrf_token %}javascript:alert(1)"
FORMULA = '=HYPERLINK("https://evil.example","x")'
RTL = "invoice\u202egpj.exe"
PLACES = [one for one in every_address() if not one.is_api and not one.is_admin]


@pytest.fixture
def hostile(cast: Cast) -> Export:
    """Everything that somebody can name is named so as to break out."""
    Workspace.objects.filter(pk=cast.acme.pk).update(name=MARKUP[:100])
    User.objects.filter(pk=cast.bob.pk).update(name=MARKUP[:150])
    AuditEntry.objects.create(action="workspace.changed", subject=MARKUP, workspace=cast.acme, data={"x": MARKUP})
    Preset.objects.create(workspace=cast.acme, user=cast.bob, name=MARKUP[:80], is_shared=True)
    for person in (cast.alice, cast.ada):
        SavedView.objects.create(user=person, name=MARKUP[:80], query='q="><script>&status=failed')
    failed = make_export(
        *(cast.acme, cast.bob, Status.FAILED),
        **{"name": MARKUP[:100], "note": MARKUP, "error_code": "upstream_failed", "waiting_code": ""},
    )
    record_event(failed, "failed", at=timezone.now(), reason=MARKUP, message=MARKUP, note=MARKUP)
    return make_ready_export(cast.acme, cast.bob, name=MARKUP[:100], note=MARKUP)


def harmless(answer: Any) -> None:
    elements = read(answer)
    for one in elements:
        assert not [name for name in one.attrs if name.startswith("on")], one
        assert one.tag != "script" or one.attrs.get("src", "").startswith("/static/") or one.attrs.get("type")
        assert one.tag != "img" or one.attrs.get("src", "").startswith(("/static/", "data:image/"))
        for name in ("href", "action", "formaction", "hx-get", "hx-post"):
            assert "javascript:" not in one.attrs.get(name, "").replace("javascript%3A", ""), one
    assert "49" not in [one.text.strip() for one in elements]


@pytest.mark.parametrize("address", PLACES, ids=lambda one: one.name)
def test_hostile_names_stay_text_on_every_page(address: Any, hostile: Export, cast: Cast, engine: None) -> None:
    keys = keys_for(address, cast)
    if address.name in ("export", "file-preview"):
        keys["pk"] = hostile.pk
    for who in (cast.alice, cast.ada):
        answer = browser_of(who).get(address.path(keys))
        if answer.headers.get("Content-Type", "").startswith("text/html") and answer.status_code != 302:
            harmless(answer)
        content_of(answer)


def test_hostile_failure_s_page_is_text(hostile: Export, cast: Cast, engine: None) -> None:
    for export in Export.objects.all():
        answer = browser_of(cast.alice).get(f"/exports/{export.pk}/")
        harmless(answer)
        assert "&lt;script&gt;" in answer.content.decode()


@pytest.mark.parametrize("address", [one for one in every_address() if one.is_admin], ids=lambda one: one.name)
def test_administration_shows_hostile_names_as_text(address: Any, hostile: Export, cast: Cast) -> None:
    keys = {"object_id": cast.bob.pk if "user" in address.name else hostile.pk, "id": cast.bob.pk}
    answer = browser_of(cast.ada).get(address.path(keys))
    body = content_of(answer).decode()
    assert "<script>alert" not in body
    assert "<img src=x" not in body


def test_api_sends_them_as_json_that_no_browser_reads_as_a_page(hostile: Export, cast: Cast) -> None:
    answer = ApiCaller(cast.bob).get(f"exports/{hostile.pk}")
    assert answer.json()["name"] == MARKUP[:100]
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_words_in_the_address_are_never_a_page_s_markup(cast: Cast, engine: None) -> None:
    client = browser_of(cast.alice)
    for path in ("/", "/exports/new/", "/accounts/login/", f"/workspaces/{cast.acme.pk}/audit/", "/nowhere/"):
        for field in ("q", "next", "status", "workspace", "cursor", "name", "note", "who", "person", "subject"):
            answer = client.get(path, {field: MARKUP})
            if answer.headers["Content-Type"].startswith("text/html") and answer.status_code != 302:
                harmless(answer)


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x=1", "a\nb", "a\x00b", RTL, "a\x1b[31m", "\ud800"])
def test_name_that_would_break_out_of_its_line_is_refused(name: str, cast: Cast) -> None:
    question = {"workspace": str(cast.acme.pk), "type": "page", "from": "2026-10-01T00:00:00Z"}
    answer = ApiCaller(cast.bob).post("exports", question | {"to": "2026-10-02T00:00:00Z", "name": name})
    assert answer.status_code in (400, 422)
    client = browser_of(cast.bob)
    if name != "\ud800":
        assert ask(client, "POST", "/account/", data={"name": name, "theme": "dark"})[0] == 422
    assert not Export.objects.exists()
    cast.bob.refresh_from_db()
    assert cast.bob.name == "Bob"


def test_file_s_name_is_the_portal_s_own_whatever_the_workspace_is_called(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    for name in ('a"; filename="evil.exe', "../../etc/passwd", "日本" * 40, "CON", ".htaccess", "a;b=c", MARKUP[:100]):
        Workspace.objects.filter(pk=cast.acme.pk).update(name=name)
        answer = browser_of(cast.bob).get(f"/exports/{export.pk}/download/")
        header = answer.headers["Content-Disposition"]
        content_of(answer)
        assert header.startswith('attachment; filename="')
        assert header.count('"') == 2
        assert not set("\r\n/\\<>") & set(header.replace("filename*=UTF-8''", ""))
        assert header.split('"')[1].endswith(".zip")


def test_record_as_a_file_holds_no_formula(cast: Cast) -> None:
    for subject in (FORMULA, "+1+1", "-1+1", "@SUM(A1)", "\t=1", "|calc"):
        AuditEntry.objects.create(action="workspace.changed", subject=subject, workspace=cast.acme)
    body = content_of(browser_of(cast.alice).get(f"/workspaces/{cast.acme.pk}/audit/csv/")).decode("utf-8-sig")
    for cell in ("=HYPERLINK", "+1+1", "-1+1", "@SUM", "=1"):
        for before in (",", ',"', "\n"):
            assert f"{before}{cell}" not in body


def test_mail_to_a_person_with_a_hostile_name_has_one_subject_and_one_recipient(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.pk).update(name="x\r\nBcc: evil@example.com")
    cast.bob.set_password("correct horse battery")
    cast.bob.save(update_fields=["password"])
    browser_of(None).post("/accounts/password/reset/", {"email": "bob@example.com"})
    (message,) = mail.outbox
    assert message.to == ["bob@example.com"]
    assert message.recipients() == ["bob@example.com"]
    assert "\n" not in message.subject


def test_hostile_names_stay_text_in_every_mail(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    """Mails are plain text with one subject line: nothing in them is markup, a header or another recipient."""
    evil = MARKUP[:60] + "\r\nBcc: evil@example.com"
    Workspace.objects.filter(pk=cast.acme.pk).update(name=evil)
    User.objects.filter(pk=cast.bob.pk).update(name=evil)
    cast.acme.refresh_from_db()
    data = {"workspace": evil, "person": evil, "reason": evil, "name": evil, "type": "page", "export": "x", "n": 1}
    data |= {"expires_at": "2026-11-24T12:00:00+00:00", "since": "2026-11-24T12:00:00+00:00", "days": 7}
    data |= {"exports": [evil], "count": 3, "workspace_key": str(cast.acme.pk)}
    for kind in Mail.Kind:
        Mail.objects.create(kind=kind, key=kind, user=cast.bob, workspace=cast.acme, data=data)
    for row in Mail.objects.all():
        message = mails._message(row)
        assert message.recipients() == ["bob@example.com"]
        assert message.content_subtype == "plain"
        assert not getattr(message, "alternatives", [])
        whole = message.message()
        assert [name for name in whole if name.lower() in ("bcc", "cc")] == []
        assert "\n" not in str(whole["Subject"]).replace("\n ", "")


def test_every_way_into_the_log_is_filtered(settings: Any) -> None:
    told = settings.LOGGING
    for name, handler in told["handlers"].items():
        assert handler["filters"] == ["redact"], name
    for logger in (told["root"], *told["loggers"].values()):
        assert set(logger.get("handlers", [])) <= set(told["handlers"])
    assert settings.CELERY_WORKER_HIJACK_ROOT_LOGGER is False


def test_path_that_was_asked_for_can_write_no_line_of_the_log(cast: Cast) -> None:
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactingFilter())
    logging.getLogger().addHandler(handler)
    try:
        for path in ("/x%0d%0aCRITICAL root stolen", "/exports/%0aCRITICAL/", "/api/v1/%E2%80%A8CRITICAL"):
            browser_of(cast.bob).get(path)
            browser_of(cast.bob, enforce_csrf_checks=True).post(path)
    finally:
        logging.getLogger().removeHandler(handler)
    lines = written.getvalue().splitlines()
    assert lines
    assert not [line for line in lines if line.startswith("CRITICAL")]


def test_address_that_would_add_recipients_is_refused(cast: Cast) -> None:
    for address in ("bob@example.com\nBcc: evil@example.com", "bob@example.com,evil@example.com"):
        browser_of(None).post("/accounts/password/reset/", {"email": address})
    assert mail.outbox == []


def test_line_of_the_log_stays_one_line_and_keeps_no_secret() -> None:
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactingFilter())
    log = logging.Logger("test")
    log.addHandler(handler)
    log.warning("path=%s", "/x\r\n2026-11-24 CRITICAL root all tokens stolen\x1b[2J\x85\u2028next")
    try:
        raise ValueError("Authorization: Bearer abc.def.ghi lac_0123456789abcdefghijklmnop")
    except ValueError:
        log.exception("failed")
    lines = written.getvalue().splitlines()
    assert lines[0].startswith("path=/x\\x0d\\x0a2026")
    assert not [line for line in lines if line.startswith(("2026", "next"))]
    assert "abc.def" not in written.getvalue()
    assert "lac_0123" not in written.getvalue()
