"""The way of a mail: a row in the transaction of what it tells, then sent by a worker, again when that fails.

Sending never blocks or fails anything else: it has a task of its own, and while the mail server is away all mails wait.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone, translation

from exports.models import Invitation, Mail, Membership, Role, User, Workspace
from exports.models.invitation import digest_of_secret
from exports.services import mail_words, shutdown

logger = logging.getLogger(__name__)

CLAIMED = timedelta(minutes=5)
# After so many minutes it is tried again; after the last one it is given up.
AGAIN_AFTER = (1, 5, 15, 60, 180, 360, 720, 1440)
SEND_SECONDS = 20.0
FORGOTTEN = timedelta(days=400)  # longer than any expiry that is reminded of


def managers_of(workspace: Workspace) -> list[User]:
    """Return who looks after a workspace and can sign in: its managers, else the site administrators."""
    rows = Membership.objects.filter(workspace=workspace, role=Role.MANAGER, user__is_active=True)
    managers = [row.user for row in rows.select_related("user")]
    return managers or list(User.objects.filter(is_superuser=True, is_active=True))


def post_mails(
    kind: Mail.Kind, *, key: str, to: Iterable[User], workspace: Workspace, at: datetime, **data: Any
) -> None:
    """Have a mail sent to each person, who has not been told the same before.

    Args:
        key: what is told, in at most 150 characters; each person is told it once.
        data: JSON values for its words; nothing of it is looked up again.
    """
    Mail.objects.bulk_create(
        [
            Mail(
                key=f"{key}:{user.pk}",
                kind=kind,
                user=user,
                workspace=workspace,
                data={"workspace": workspace.name, "workspace_key": str(workspace.pk), **data},
                created_at=at,
                due_at=at,
            )
            for user in to
        ],
        ignore_conflicts=True,
    )


def post_invitation(invitation: Invitation, *, at: datetime) -> None:
    """Have an invitation's link sent to its address; the link itself is made when the mail goes."""
    Mail.objects.create(
        key=f"{Mail.Kind.INVITED}:{invitation.pk}:{invitation.issue}",
        kind=Mail.Kind.INVITED,
        invitation=invitation,
        workspace=invitation.workspace,
        data={
            "workspace": invitation.workspace.name,
            "person": str(invitation.invited_by),
            "issue": invitation.issue,
            "expires_at": invitation.expires_at.isoformat(),
        },
        created_at=at,
        due_at=at,
    )


def send_due() -> int:
    """Send what is due, for at most about `SEND_SECONDS`; returns how many went. Safe from several workers at once."""
    until = time.monotonic() + SEND_SECONDS
    sent = 0
    while time.monotonic() < until and not shutdown.is_stopping():
        mail = _claim()
        if mail is None:
            break
        if not _send(mail):
            break
        sent += 1
    return sent


def forget_old() -> None:
    """Delete mails that were sent or given up long ago."""
    Mail.objects.filter(due_at__isnull=True, created_at__lt=timezone.now() - FORGOTTEN).delete()


def _claim() -> Mail | None:
    """Take the next due mail from everybody else; None when there is none."""
    while True:
        now = timezone.now()
        mail = Mail.objects.filter(due_at__lte=now).select_related("user", "invitation").order_by("due_at").first()
        if mail is None:
            return None
        claimed = Mail.objects.filter(pk=mail.pk, fence=mail.fence, due_at__lte=now)
        if claimed.update(fence=mail.fence + 1, due_at=now + CLAIMED, attempts=mail.attempts + 1):
            mail.fence += 1
            mail.attempts += 1
            return mail


def _send(mail: Mail) -> bool:
    """Send one claimed mail; False when the mail server does not take it."""
    mine = Mail.objects.filter(pk=mail.pk, fence=mail.fence)
    if not _has_reader(mail):
        mine.update(due_at=None, problem="inactive")
        return True
    if mail.attempts > len(AGAIN_AFTER) + 1:
        # No try has come to an end: whatever is wrong with it, it must not go round for ever.
        mine.update(due_at=None, problem=mail.problem or "unsendable")
        logger.error("mail.given_up %s %s", mail.kind, mail.pk)
        return True
    try:
        _message(mail).send()
    except (SMTPException, OSError) as error:
        _try_again(mail, type(error).__name__)
        return False
    mine.update(due_at=None, sent_at=timezone.now(), problem="")
    logger.info("mail.sent %s %s", mail.kind, mail.pk)
    return True


def _try_again(mail: Mail, problem: str) -> None:
    now = timezone.now()
    mine = Mail.objects.filter(pk=mail.pk, fence=mail.fence)
    if mail.attempts > len(AGAIN_AFTER):
        mine.update(due_at=None, problem=problem)
        logger.error("mail.given_up %s %s %s", mail.kind, mail.pk, problem)
        return
    mine.update(due_at=now + timedelta(minutes=AGAIN_AFTER[mail.attempts - 1]), problem=problem)
    # The others would meet the same server: they wait a minute too.
    Mail.objects.filter(due_at__lte=now).update(due_at=now + timedelta(minutes=AGAIN_AFTER[0]))
    logger.warning("mail.failed %s %s %s", mail.kind, mail.pk, problem)


def _has_reader(mail: Mail) -> bool:
    """False for somebody switched off, and for a link that would not work (any more)."""
    if mail.user is not None:
        return mail.user.is_active
    invitation = mail.invitation
    assert invitation is not None
    return invitation.is_open(timezone.now()) and invitation.issue == mail.data["issue"]


def _message(mail: Mail) -> EmailMessage:
    reader = mail.user or mail.invitation
    assert reader is not None
    language = reader.language if reader.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    zone = ZoneInfo((mail.user.time_zone if mail.user else "") or settings.TIME_ZONE)
    link = ""
    if mail.invitation is not None:
        secret = mail.invitation.secret()
        # The same as when it was invited, unless SECRET_KEY was changed meanwhile.
        Invitation.objects.filter(pk=mail.invitation.pk, issue=mail.data["issue"]).update(
            digest=digest_of_secret(secret)
        )
        link = f"{settings.PUBLIC_URL}/invitations/{secret}/"
    with translation.override(language):
        words = mail_words.words_of(mail, zone, link)
        return EmailMessage(
            subject=f"[LAC Portal] {' '.join(words.subject.split())}",  # one line, whatever a name holds
            body=words.body,
            to=[reader.email],
            headers={"Auto-Submitted": "auto-generated"},
        )
