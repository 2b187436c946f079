"""The way from a page to a service and back: who asks, for what, and what a refusal looks like."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from exports.models import Export, User, Workspace
from exports.services.listing import exports_for
from exports.services.refusals import Forbidden, Refusal

NEXT_MOST = 2000


class RoleTooLow(PermissionDenied):
    """A refusal of a service whose sentence may stand on the page (unlike the text of any other exception)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def person_of(request: HttpRequest) -> User:
    """Return the signed-in person of a view that needs one."""
    assert isinstance(request.user, User)
    return request.user


def export_for(request: HttpRequest, pk: UUID) -> Export:
    """Return an export the person may see.

    Raises:
        Http404: there is none, or it isn't theirs to see: the same answer for both.
    """
    found = exports_for(person_of(request)).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def workspace_for(request: HttpRequest, pk: UUID) -> Workspace:
    """Return a workspace the person may see.

    Raises:
        Http404: there is none, or it isn't theirs to see.
    """
    found = (
        Workspace.objects.visible_to(person_of(request)).select_related("host", "token_set_by").filter(pk=pk).first()
    )
    if found is None:
        raise Http404
    return found


def act(request: HttpRequest, back: str, deed: Callable[[], Any], said: str | Callable[[Any], str]) -> HttpResponse:
    """Do something and go back with a sentence about it; a refusal goes back with the service's own.

    Args:
        back: the address of the page to show next; a local ``next`` in the form comes first.
        deed: calls one service.
        said: the sentence, or what makes it from the deed's result.

    Raises:
        RoleTooLow: the service says that the person may not.
    """
    try:
        result = deed()
    except Forbidden as refusal:
        raise RoleTooLow(str(refusal.message)) from None
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, said(result) if callable(said) else said)
    return redirect(next_page(request, back))


def next_page(request: HttpRequest, back: str, *, given: QueryDict | None = None) -> str:
    """Return the form's ``next`` where it is an address of ours, else ``back``.

    It begins with a slash, as every form writes it: Django takes other texts for the names of views.

    Args:
        given: where ``next`` stands; the posted form unless told.
    """
    wanted = (request.POST if given is None else given).get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if is_ours and wanted.startswith("/") and len(wanted) <= NEXT_MOST else back


def put_on_form(form: BaseForm, refusal: Refusal, fields: dict[str, str] | None = None) -> None:
    """Show a service's refusal next to the input it is about.

    Args:
        fields: the form's names for the service's, where they differ.

    Raises:
        RoleTooLow: the service says that the person may not.
    """
    if isinstance(refusal, Forbidden):
        raise RoleTooLow(str(refusal.message)) from None
    field = (fields or {}).get(refusal.field or "", refusal.field)
    form.add_error(field if field in form.fields else None, str(refusal.message))
