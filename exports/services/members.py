"""Who belongs to a workspace, and as what."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import Membership, Role, User, Workspace
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.pauses import lock_workspace
from exports.services.refusals import Refused, WrongState
from exports.services.roles import require_role

ALREADY = gettext_lazy("This person belongs to the workspace already; change the role instead.")


def members_of(workspace: Workspace) -> list[Membership]:
    """Return the memberships with their people, managers first (one query)."""
    rows = Membership.objects.filter(workspace=workspace).select_related("user")
    return sorted(rows, key=lambda row: (-Role(row.role).rank, row.user.email))


def known_person(email: str) -> User | None:
    """Return the person with this e-mail address, in whatever case; None for nobody who can sign in."""
    return User.objects.filter(email__iexact=email.strip(), is_active=True).first()


def find_person(email: str) -> User:
    """Return the person with this e-mail address, in whatever case.

    Raises:
        Refused: ``person_unknown``: nobody, or somebody who can no longer sign in.
    """
    person = known_person(email)
    if person is None:
        raise Refused(
            "person_unknown",
            _("Nobody with this e-mail address can sign in here. A site administrator can add the person."),
            "email",
        )
    return person


def add_member(*, actor: User | None, workspace: Workspace, user: User, role: Role | str) -> Membership:
    """Let a person into the workspace.

    Args:
        actor: a manager; None for the operator's command line.

    Raises:
        Forbidden: not a manager.
        Refused: ``role_unknown``; ``already_member``.
    """
    role = known_role(role)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if actor is not None:
            require_role(actor, workspace, Role.MANAGER)
        try:
            with transaction.atomic():
                membership = Membership.objects.create(workspace=workspace, user=user, role=role)
        except IntegrityError:
            raise Refused("already_member", ALREADY, "email") from None
        record_audit(audit_log.MEMBER_ADDED, actor=actor, workspace=workspace, subject=user.email, role=role.value)
    return membership


def change_role(*, actor: User | None, workspace: Workspace, user: User, role: Role | str) -> Membership:
    """Give a member another role; the next click counts.

    Args:
        actor: a manager; None for the operator's command line.

    Raises:
        Forbidden: not a manager.
        Refused: ``role_unknown``; ``not_a_member``.
        WrongState: ``last_manager``.
    """
    role = known_role(role)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if actor is not None:
            require_role(actor, workspace, Role.MANAGER)
        membership = _membership(workspace, user)
        if membership.role == role:
            return membership
        if actor is not None:  # the operator may; site administrators manage such a workspace
            _refuse_to_lose_last_manager(membership)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        record_audit(
            audit_log.MEMBER_CHANGED,
            actor=actor,
            workspace=workspace,
            subject=user.email,
            role=role.value,
            before=before,
        )
    return membership


def remove_member(*, actor: User, workspace: Workspace, user: User) -> None:
    """Take a person out of the workspace; everybody may take out themselves. Their exports stay.

    Raises:
        Forbidden: somebody else's membership, and not a manager.
        Refused: ``not_a_member``.
        WrongState: ``last_manager``.
    """
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if actor.pk != user.pk:
            require_role(actor, workspace, Role.MANAGER)
        membership = _membership(workspace, user)
        _refuse_to_lose_last_manager(membership)
        membership.delete()
        record_audit(
            audit_log.MEMBER_REMOVED, actor=actor, workspace=workspace, subject=user.email, role=membership.role
        )


def known_role(role: Role | str) -> Role:
    """Return the role behind a word.

    Raises:
        Refused: ``role_unknown``.
    """
    try:
        return Role(role)
    except ValueError:
        raise Refused("role_unknown", _("A role is one of viewer, member, manager."), "role") from None


def _membership(workspace: Workspace, user: User) -> Membership:
    membership = Membership.objects.filter(workspace=workspace, user=user).first()
    if membership is None:
        raise Refused("not_a_member", _("This person doesn’t belong to the workspace."), "email")
    return membership


def _refuse_to_lose_last_manager(membership: Membership) -> None:
    """Refuse when no other manager who can sign in would remain (the workspace's row is locked)."""
    if membership.role != Role.MANAGER:
        return
    managers = Membership.objects.filter(workspace=membership.workspace_id, role=Role.MANAGER)
    if not managers.exclude(pk=membership.pk).filter(user__is_active=True).exists():
        raise WrongState(
            "last_manager", _("This is the last manager. Make somebody else a manager of the workspace first.")
        )
