"""Views of the list under a name."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from exports.services import saved_views
from exports.services.refusals import Refusal
from exports.web.acts import act, person_of
from exports.web.forms.filters import kept_query, read_filters
from exports.web.guards import signed_in


@require_POST
@signed_in
def view_save(request: HttpRequest) -> HttpResponse:
    """Keep the list's filters and order under a name."""
    query = kept_query(QueryDict(request.POST.get("query", "")))
    back = f"{reverse('export-list')}?{query}"
    try:
        read_filters(QueryDict(query), person_of(request))
        saved_views.save_view(user=person_of(request), name=request.POST.get("view_name", ""), query=query)
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("The view is saved: it stands above the list."))
    return redirect(back)


@require_POST
@signed_in
def view_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a view of one's own; the list stays as it is."""
    view = saved_views.view_for(person_of(request), pk)
    if view is None:
        raise Http404
    return act(
        request,
        reverse("export-list"),
        lambda: saved_views.delete_view(user=person_of(request), view=view),
        _("The view is deleted."),
    )
