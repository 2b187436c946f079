"""Views of the list that people keep under a name: filters and order, as they stand in its address."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from exports.models import SavedView, User
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.compiled import CompiledQuery, any_person
from exports.services.refusals import Refused
from exports.services.texts import clean_line

NAME_LENGTH = 80
QUERY_LENGTH = 1000
MOST = 30
_VIEWS = CompiledQuery(lambda: SavedView.objects.filter(user=any_person(sees_all=False)))


def views_of(user: User) -> list[SavedView]:
    """Return a person's own views, by name (one query)."""
    return _VIEWS.ask(person=user.pk)


def view_for(user: User, pk: UUID) -> SavedView | None:
    """Return a person's own view; None for an unknown or a foreign one."""
    return SavedView.objects.filter(user=user, pk=pk).first()


def save_view(*, user: User, name: str, query: str) -> SavedView:
    """Keep a view under a name.

    Args:
        query: the address's query, of filters that were read before.

    Raises:
        Refused: no name, one that can’t be kept, one that is taken, filters that are too long to keep,
            or more than `MOST` views.
    """
    name = clean_line(name, field="view_name", most=NAME_LENGTH, required=True)
    query = clean_line(query, field="view_name", most=QUERY_LENGTH)
    if SavedView.objects.filter(user=user).count() >= MOST:
        raise Refused("too_many_views", _("There are %(most)d views already. Delete one first.") % {"most": MOST})
    try:
        with transaction.atomic():
            view = SavedView.objects.create(user=user, name=name, query=query)
            record_audit(audit_log.VIEW_SAVED, actor=user, subject=name, on_oneself=True)
    except IntegrityError:
        raise Refused(
            "name_taken", _("There is a view of this name already: choose another, or delete that one."), "view_name"
        ) from None
    return view


def delete_view(*, user: User, view: SavedView) -> None:
    """Delete a person's own view."""
    with transaction.atomic():
        if SavedView.objects.filter(pk=view.pk, user=user).delete()[0]:
            record_audit(audit_log.VIEW_DELETED, actor=user, subject=view.name, on_oneself=True)
