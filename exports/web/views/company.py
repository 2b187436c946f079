"""The way to the company's sign-in."""

import logging

from allauth.socialaccount.providers.openid_connect.views import login
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from requests import RequestException

logger = logging.getLogger(__name__)


@never_cache
@require_POST
def company_sign_in(request: HttpRequest) -> HttpResponse:
    """Send the browser to the identity provider, by way of a page of ours.

    A plain redirect would make the form's answer lead to another origin, which the content security policy's
    ``form-action`` forbids; the page leads there by itself at once.
    """
    if not settings.OIDC_SERVER_URL:
        raise Http404
    try:
        answer = login(request, settings.OIDC_PROVIDER_ID)
    except (RequestException, KeyError, ValueError) as problem:  # away, or no answer of an identity provider
        logger.warning("company.unreachable %s", type(problem).__name__)
        messages.error(request, _("%(name)s can’t be reached right now.") % {"name": settings.OIDC_NAME})
        return redirect("account_login")
    if not 300 <= answer.status_code < 400:
        return answer
    context = {"name": settings.OIDC_NAME, "place": answer["Location"]}
    return render(request, "account/to_company.html", context)
