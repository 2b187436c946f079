"""Mails: told once, sent again when it fails, in the person's own words; nothing waits for them."""

import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core import mail as django_mail
from django.db import connection
from django.utils import timezone

from exports import tasks
from exports.models import Mail, PauseCode, Status, User, Workspace
from exports.services import approvals, mails, upstream
from exports.services.limits import Allowed, set_limits
from exports.services.mail_words import WORDS
from exports.services.mails import forget_old, managers_of, post_mails, send_due
from exports.services.queue import queue_export
from exports.services.reminders import remind_of_tokens
from exports.services.tokens import store_token
from tests.support.cast import ACME_TOKEN, Cast, make_cast, make_export

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def expire_in(workspace: Workspace, span: timedelta, *, set_ago: timedelta = timedelta(days=100)) -> None:
    now = timezone.now()
    Workspace.objects.filter(pk=workspace.pk).update(token_expires_at=now + span, token_set_at=now - set_ago)
    workspace.refresh_from_db()


def outbox() -> list[Any]:
    return getattr(django_mail, "outbox", [])


def post(cast: Cast, *people: User, key: str = "k", at: datetime | None = None) -> None:
    post_mails(
        Mail.Kind.DECLINED,
        key=key,
        to=people or [cast.bob],
        workspace=cast.acme,
        at=at or timezone.now(),
        person="Alice",
        type="page",
        name="",
        export="x",
        reason="No.",
    )


@pytest.mark.parametrize(
    ("days_left", "told"),
    [(31, None), (30, 30), (20, 20), (7.5, 8), (7, 7), (3, 3), (1, 1), (0.2, 1), (0, None), (-1, None)],
)
def test_manager_is_reminded_within_a_stage(days_left: float, told: int | None, cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        expire_in(cast.acme, timedelta(days=days_left))
        remind_of_tokens()
        remind_of_tokens()
        found = [(mail.user, mail.data["days"]) for mail in Mail.objects.all()]
    assert found == ([(cast.alice, told)] if told else [])


def test_whole_life_of_a_token_has_three_reminders(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        expire_in(cast.acme, timedelta(days=40), set_ago=timedelta())
    for hour in range(0, 24 * 42, 6):
        with time_machine.travel(NOW + timedelta(hours=hour), tick=False):
            remind_of_tokens()
    days = [round((NOW + timedelta(days=40) - mail.created_at) / timedelta(days=1)) for mail in Mail.objects.all()]
    assert sorted(days) == [1, 7, 30]


def test_stage_that_had_passed_when_the_token_was_saved_is_left_out(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        expire_in(cast.acme, timedelta(days=20), set_ago=timedelta(hours=1))
        remind_of_tokens()
    assert not Mail.objects.exists()
    with time_machine.travel(NOW + timedelta(days=14), tick=False):
        remind_of_tokens()
    assert Mail.objects.get().data["days"] == 6


def test_new_token_or_another_date_is_reminded_of_anew(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        expire_in(cast.acme, timedelta(days=20))
        remind_of_tokens()
        expire_in(cast.acme, timedelta(days=21))
        remind_of_tokens()
        store_token(actor=cast.alice, workspace=cast.acme, token="another-token-of-acme-0123456789")
        expire_in(cast.acme, timedelta(days=20))
        remind_of_tokens()
        remind_of_tokens()
    assert Mail.objects.count() == 3


def test_archived_workspace_and_one_without_token_are_left_alone(cast: Cast) -> None:
    expire_in(cast.acme, timedelta(days=5))
    Workspace.objects.filter(pk=cast.acme.pk).update(archived_at=timezone.now())
    remind_of_tokens()
    assert not Mail.objects.exists()


def test_without_managers_site_administrators_are_told(cast: Cast) -> None:
    cast.acme.memberships.filter(user=cast.alice).delete()
    assert managers_of(cast.acme) == [cast.ada]
    cast.alice.is_active = False
    cast.alice.save()
    cast.acme.memberships.create(user=cast.alice, role="manager")
    assert managers_of(cast.acme) == [cast.ada]


def test_reminder_names_what_will_stop_in_the_person_s_language_and_zone(cast: Cast, settings: LazySettings) -> None:
    cast.alice.time_zone = "Asia/Tokyo"
    cast.alice.save()
    for number in range(12):
        make_export(cast.acme, cast.bob, Status.WAITING, name=f"number {number:02}")
    with time_machine.travel(NOW, tick=False):
        expire_in(cast.acme, timedelta(days=7))
        remind_of_tokens()
        assert send_due() == 1
    (message,) = outbox()
    assert message.to == ["alice@example.com"]
    assert message.subject == "[LAC Portal] The access token of “Acme” expires in 7 days"
    assert "2026-12-01 21:00 (Asia/Tokyo)" in message.body
    assert "- number 00\n" in message.body
    assert "- number 09\n- 2 more exports\n- every new export of this workspace\n" in message.body
    assert f"{settings.PUBLIC_URL}/workspaces/{cast.acme.pk}/#token" in message.body
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    assert ACME_TOKEN not in message.body


def test_japanese_person_reads_japanese(cast: Cast) -> None:
    cast.alice.language = "ja"
    cast.alice.save()
    expire_in(cast.acme, timedelta(days=1))
    remind_of_tokens()
    row = Mail.objects.get()
    message = mails._message(row)
    assert message.subject.startswith("[LAC Portal] ")
    # The catalogue has its own test; here only that the person's language is the one asked for.
    cast.alice.language = ""
    row.user = cast.alice
    assert mails._message(row).subject == "[LAC Portal] The access token of “Acme” expires in 1 day"


def test_every_kind_has_its_words() -> None:
    assert set(WORDS) == set(Mail.Kind)


def test_same_thing_is_told_once(cast: Cast) -> None:
    post(cast, cast.bob, cast.alice)
    post(cast, cast.bob, cast.alice, cast.vera)
    assert Mail.objects.count() == 3
    assert send_due() == 3
    post(cast, cast.bob)
    assert send_due() == 0
    assert sorted(message.to[0] for message in outbox()) == [
        "alice@example.com",
        "bob@example.com",
        "vera@example.com",
    ]


def test_rejected_token_is_told_once_for_each_pause(cast: Cast) -> None:
    make_export(cast.acme, cast.bob, Status.WAITING, name="Pages of October")
    for _look in range(3):
        upstream.pause_workspace(Workspace.objects.get(pk=cast.acme.pk), PauseCode.TOKEN_REJECTED)
    assert send_due() == 1
    (message,) = outbox()
    assert message.subject == "[LAC Portal] Analytics Cloud rejects the access token of “Acme”"
    assert "- Pages of October\n" in message.body
    store_token(actor=cast.alice, workspace=cast.acme, token=ACME_TOKEN)
    upstream.pause_workspace(Workspace.objects.get(pk=cast.acme.pk), PauseCode.TOKEN_REJECTED)
    assert send_due() == 1


def test_other_pauses_send_nothing(cast: Cast) -> None:
    upstream.pause_workspace(Workspace.objects.get(pk=cast.acme.pk), PauseCode.TOKEN_UNREADABLE)
    assert not Mail.objects.exists()


def test_approvals_are_asked_for_once_an_hour_and_answered_to_all_requesters(cast: Cast) -> None:
    set_limits(actor=cast.alice, workspace=cast.acme, together=Allowed(approval_types=("page",)), each=Allowed())
    made = []
    with time_machine.travel(NOW, tick=False):
        for day in (1, 2):
            start = datetime(2026, 10, day, tzinfo=UTC)
            queued = queue_export(
                user=cast.bob, workspace=cast.acme, data_type="page", range_from=start, range_to=start, name=f"n{day}"
            )
            made.append(queued.export)
        assert [(mail.kind, mail.user) for mail in Mail.objects.all()] == [("approval_asked", cast.alice)]
        approvals.approve_export(user=cast.alice, export=made[0])
        approvals.decline_export(user=cast.alice, export=made[1], reason="Too <much>.")
        send_due()
    texts = {message.subject: message for message in outbox()}
    asked = texts["[LAC Portal] An export of “Acme” waits for your approval"]
    assert "Bob asked for “n1” (Pages)" in asked.body
    assert texts["[LAC Portal] Your export of “Acme” is approved"].to == ["bob@example.com"]
    declined = texts["[LAC Portal] Your export of “Acme” is declined"]
    assert "Alice declined your request for “n2” (Pages)" in declined.body
    assert "Too <much>." in declined.body


def test_mail_server_away_makes_all_mails_wait_and_then_go(
    cast: Cast, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    post(cast, cast.bob, cast.alice, cast.vera)
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with caplog.at_level(logging.WARNING):
        assert send_due() == 0
    assert "mail.failed declined" in caplog.text
    assert [mail.attempts for mail in Mail.objects.order_by("-attempts")] == [1, 0, 0]
    assert all(mail.due_at and mail.due_at > timezone.now() for mail in Mail.objects.all())
    settings.EMAIL_BACKEND = working
    assert send_due() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert send_due() == 3
    assert not Mail.objects.filter(due_at__isnull=False).exists()


def test_mail_that_never_goes_is_given_up_in_the_end(cast: Cast, settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with time_machine.travel(NOW, tick=False) as traveller:
        post(cast)
        tries = 0
        while Mail.objects.filter(due_at__isnull=False).exists():
            traveller.shift(timedelta(minutes=30))
            send_due()
            tries += 1
            assert tries < 1000
        row = Mail.objects.get()
    assert row.attempts == len(mails.AGAIN_AFTER) + 1
    assert (row.sent_at, row.problem) == (None, "ConnectionRefusedError")


def test_mute_mail_server_costs_its_time_out_and_no_more(cast: Cast, settings: LazySettings) -> None:
    post(cast, cast.bob, cast.alice, cast.vera)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = mute.getsockname()
        settings.EMAIL_TIMEOUT = 0.3
        begun = time.monotonic()
        assert send_due() == 0
        assert time.monotonic() - begun < 5


def test_mail_whose_sender_died_goes_out_after_a_while(cast: Cast) -> None:
    post(cast)
    assert mails._claim() is not None
    assert send_due() == 0
    with time_machine.travel(timezone.now() + mails.CLAIMED + timedelta(seconds=1), tick=False):
        assert send_due() == 1
    assert Mail.objects.get().attempts == 2


def test_sender_that_slept_past_its_claim_changes_nothing(cast: Cast) -> None:
    post(cast)
    late = mails._claim()
    assert late is not None
    with time_machine.travel(timezone.now() + mails.CLAIMED + timedelta(seconds=1), tick=False):
        assert send_due() == 1
    mails._try_again(late, "Late")
    row = Mail.objects.get()
    assert (row.due_at, row.problem) == (None, "")


def test_mail_that_breaks_its_sender_again_and_again_is_given_up(cast: Cast) -> None:
    post(cast)
    Mail.objects.update(attempts=len(mails.AGAIN_AFTER) + 1)
    assert send_due() == 1
    row = Mail.objects.get()
    assert (row.due_at, row.sent_at, row.problem) == (None, None, "unsendable")
    assert outbox() == []


def test_person_who_can_not_sign_in_any_more_gets_nothing(cast: Cast) -> None:
    post(cast)
    cast.bob.is_active = False
    cast.bob.save()
    send_due()
    assert outbox() == []
    assert not Mail.objects.filter(due_at__isnull=False).exists()


def test_names_make_no_headers(cast: Cast) -> None:
    cast.acme.name = "Acme\u2028Bcc: evil@example.com"
    now = timezone.now()
    what_stops: dict[str, Any] = {"since": now.isoformat(), "count": 0, "exports": []}
    post_mails(Mail.Kind.TOKEN_REJECTED, key="x", to=[cast.bob], workspace=cast.acme, at=now, **what_stops)
    assert send_due() == 1
    (message,) = outbox()
    headers = message.message()
    assert headers["Bcc"] is None
    assert message.recipients() == ["bob@example.com"]


def test_old_mails_are_forgotten_and_waiting_ones_never(cast: Cast) -> None:
    post(cast, key="old", at=timezone.now() - timedelta(days=500))
    send_due()
    post(cast, key="waiting", at=timezone.now() - timedelta(days=500))
    post(cast, key="new")
    forget_old()
    assert sorted(mail.key.split(":")[0] for mail in Mail.objects.all()) == ["new", "waiting"]


def test_tasks_do_it_and_are_safe_twice(cast: Cast) -> None:
    expire_in(cast.acme, timedelta(days=1))
    for _time in range(2):
        tasks.reap()
        tasks.send_mails()
    assert len(outbox()) == 1


def test_five_beats_at_once_send_each_mail_once(transactional_db: None) -> None:
    cast = make_cast()
    cast.acme.memberships.filter(user=cast.bob).update(role="manager")
    expire_in(cast.acme, timedelta(days=7))
    together = threading.Barrier(5, timeout=30)

    def beat(_number: int) -> None:
        try:
            together.wait()
            remind_of_tokens()
            together.wait()
            send_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(beat, range(5)))
    assert sorted(message.to[0] for message in outbox()) == ["alice@example.com", "bob@example.com"]
    assert not Mail.objects.filter(due_at__isnull=False).exists()
