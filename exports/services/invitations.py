"""Invitations: a manager names an address, its mail holds a link that works for a while and once."""

import logging
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import Invitation, Mail, Membership, Role, User, Workspace
from exports.models.invitation import digest_of_secret
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.mails import post_invitation
from exports.services.members import known_role
from exports.services.pauses import lock_workspace
from exports.services.people import PERSON_NAME_MOST, make_person
from exports.services.refusals import Forbidden, Refused, TooMany, WrongState
from exports.services.roles import require_role
from exports.services.texts import clean_line

logger = logging.getLogger(__name__)

WORKS_FOR = timedelta(days=7)
MAILS_AN_HOUR = 50  # of one workspace: nobody's mailbox is filled, and no mail server's patience lost
SECRET_MOST = 100


def invite(*, actor: User, workspace: Workspace, email: str, role: Role | str) -> Invitation:
    """Invite an address that nobody here has; the mail goes by itself.

    Raises:
        Forbidden: not a manager.
        Refused: ``role_unknown``; ``email_invalid``; ``invited_already``; ``person_switched_off``; ``person_known``.
        TooMany: ``mails``.
    """
    role = known_role(role)
    email = _clean_email(email)
    now = timezone.now()
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        require_role(actor, workspace, Role.MANAGER)
        _refuse_known(email)
        _refuse_too_many(workspace)
        invitation = Invitation(
            workspace=workspace,
            email=email,
            role=role,
            invited_by=actor,
            language=actor.language or get_language() or "",
            created_at=now,
            sent_at=now,
            expires_at=now + WORKS_FOR,
        )
        invitation.digest = digest_of_secret(invitation.secret())
        try:
            with transaction.atomic():
                invitation.save(force_insert=True)
        except IntegrityError:
            raise Refused(
                "invited_already",
                _("This address is invited already. Its mail can be sent again from the list."),
                "email",
            ) from None
        post_invitation(invitation, at=now)
        record_audit(audit_log.INVITATION_SENT, actor=actor, workspace=workspace, subject=email, role=role.value)
    return invitation


def resend(*, actor: User, invitation: Invitation) -> Invitation:
    """Send a new link, with its whole time before it; the one before stops working.

    Raises:
        Forbidden: not a manager.
        WrongState: ``not_open``: accepted or revoked meanwhile.
        TooMany: ``mails``.
    """
    now = timezone.now()
    with transaction.atomic():
        workspace = lock_workspace(invitation.workspace)
        require_role(actor, workspace, Role.MANAGER)
        _refuse_too_many(workspace)
        invitation = _still_open(invitation)
        invitation.issue += 1
        invitation.digest = digest_of_secret(invitation.secret())
        invitation.invited_by = actor
        invitation.sent_at, invitation.expires_at = now, now + WORKS_FOR
        invitation.save(update_fields=["issue", "digest", "invited_by", "sent_at", "expires_at"])
        post_invitation(invitation, at=now)
        record_audit(
            audit_log.INVITATION_RESENT,
            actor=actor,
            workspace=workspace,
            subject=invitation.email,
            role=invitation.role,
        )
    return invitation


def revoke(*, actor: User, invitation: Invitation) -> None:
    """End an invitation; its link stops working at once.

    Raises:
        Forbidden: not a manager.
        WrongState: ``not_open``: accepted or revoked meanwhile.
    """
    with transaction.atomic():
        workspace = lock_workspace(invitation.workspace)
        require_role(actor, workspace, Role.MANAGER)
        invitation = _still_open(invitation)
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        record_audit(audit_log.INVITATION_REVOKED, actor=actor, workspace=workspace, subject=invitation.email)


def open_invitations(workspace: Workspace) -> list[Invitation]:
    """Return those neither accepted nor revoked, past their time or not (one query)."""
    rows = Invitation.objects.filter(workspace=workspace, accepted_at__isnull=True, revoked_at__isnull=True)
    return list(rows.select_related("invited_by"))


def invited(secret: str) -> Invitation | None:
    """Return the invitation a link stands for; None when it doesn't work (any more), whatever the reason.

    Who sent it must still be a manager: somebody who was taken out leaves no door behind.
    """
    if len(secret) > SECRET_MOST:
        return None
    found = Invitation.objects.filter(digest=digest_of_secret(secret)).select_related("workspace", "invited_by").first()
    if found is None or not found.is_open(timezone.now()) or found.invited_by is None:
        return None
    return found if found.workspace.role_of(found.invited_by) is Role.MANAGER else None


def is_invited(email: str) -> bool:
    """Tell whether an open invitation waits for this address."""
    now = timezone.now()
    rows = Invitation.objects.filter(
        email__iexact=email, accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    return any(
        row.invited_by is not None and row.workspace.role_of(row.invited_by) is Role.MANAGER
        for row in rows.select_related("workspace", "invited_by")
    )


def accept_as_newcomer(*, secret: str, name: str, password: str) -> User:
    """Make the person who was invited, with a password, and let them in.

    Raises:
        Refused: name or password can't be accepted.
        WrongState: ``invitation_over``; ``person_known``: somebody has this address already and has to sign in.
    """
    name = clean_line(name, field="name", most=PERSON_NAME_MOST)
    with transaction.atomic():
        invitation = _take(secret)
        try:
            validate_password(password, User(email=invitation.email, name=name))
        except ValidationError as refused:
            raise Refused("password_weak", " ".join(refused.messages), "password") from None
        if User.objects.filter(email__iexact=invitation.email).exists():
            raise WrongState("person_known", _("You have an account already: sign in to accept."))
        person = make_person(email=invitation.email, name=name, password=password, language=get_language() or "")
        _let_in(invitation, person, is_new=True)
    return person


def accept(*, person: User, secret: str) -> Workspace:
    """Let in a person who is here already.

    Raises:
        WrongState: ``invitation_over``.
        Forbidden: ``for_somebody_else``.
    """
    with transaction.atomic():
        invitation = _take(secret)
        if invitation.email.lower() != person.email.lower():
            raise Forbidden("for_somebody_else", _("This invitation is for another address."))
        _let_in(invitation, person, is_new=False)
    return invitation.workspace


def _take(secret: str) -> Invitation:
    """Use an invitation up, within the caller's transaction: of two who do it at once, one does."""
    found = invited(secret)
    now = timezone.now()
    if found is None or not (
        Invitation.objects.filter(
            pk=found.pk, digest=found.digest, accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
        ).update(accepted_at=now)
    ):
        raise WrongState("invitation_over", _("This invitation no longer works. Ask for a new one."))
    return found


def _let_in(invitation: Invitation, person: User, *, is_new: bool) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(accepted_by=person)
    # Whoever belongs here already keeps the role that a manager gave since.
    membership, _made = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=person, defaults={"role": invitation.role}
    )
    record_audit(
        audit_log.INVITATION_ACCEPTED,
        actor=person,
        workspace=invitation.workspace,
        subject=person.email,
        on_oneself=True,
        role=membership.role,
        is_new=is_new,
    )
    logger.info("invitation.accepted %s", invitation.pk)


def _clean_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Refused("email_invalid", _("This is no e-mail address."), "email") from None
    return email


def _refuse_known(email: str) -> None:
    known = User.objects.filter(email__iexact=email).first()
    if known is None:
        return
    if not known.is_active:
        raise Refused(
            "person_switched_off",
            _("This person was switched off and can’t sign in. A site administrator can change that."),
            "email",
        )
    raise Refused("person_known", _("This person has an account already and needs no invitation."), "email")


def _refuse_too_many(workspace: Workspace) -> None:
    lately = timezone.now() - timedelta(hours=1)
    sent = Mail.objects.filter(kind=Mail.Kind.INVITED, workspace=workspace, created_at__gt=lately).count()
    if sent >= MAILS_AN_HOUR:
        raise TooMany(
            "mails",
            _("At most %(n)d invitations an hour go out for a workspace. Go on in an hour.") % {"n": MAILS_AN_HOUR},
        )


def _still_open(invitation: Invitation) -> Invitation:
    found = Invitation.objects.filter(pk=invitation.pk, accepted_at__isnull=True, revoked_at__isnull=True).first()
    if found is None:
        raise WrongState("not_open", _("This invitation was accepted or revoked meanwhile."))
    return found
