"""Who may do what: the one check that every service makes before it acts."""

from django.utils.translation import gettext as _

from exports.models import Role, User, Workspace
from exports.services.refusals import Forbidden


def require_role(actor: User, workspace: Workspace, least: Role) -> Role:
    """Return the person's role in the workspace (manager for a site administrator).

    Raises:
        Forbidden: ``role_too_low``: less than ``least``, or none at all.
    """
    role = workspace.role_of(actor)
    if role is None or role.rank < least.rank:
        raise Forbidden(
            "role_too_low",
            _("This needs the role “%(role)s” in the workspace. A manager of it can give it to you.")
            % {"role": least.label},
        )
    return role


def require_site_administrator(actor: User) -> None:
    """Refuse everybody but site administrators.

    Raises:
        Forbidden: ``site_administrators_only``.
    """
    if not (actor.is_active and actor.is_superuser):
        raise Forbidden("site_administrators_only", _("Only site administrators may do this."))
