"""A person's own page: name, language, time zone, colours, API tokens."""

from urllib.parse import urlencode
from uuid import UUID, uuid4

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exports.models import ApiToken, User
from exports.services.api_tokens import make_api_token, revoke_api_token
from exports.services.people import change_own_settings
from exports.services.refusals import Refusal
from exports.web.acts import act, next_page, person_of, put_on_form
from exports.web.confirm import after_confirmation, can_confirm, confirm_address, shown_lately
from exports.web.forms.account import ApiTokenForm, ProfileForm
from exports.web.guards import signed_in

MADE_ONCE = "api_token_made_once"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def account(request: HttpRequest) -> HttpResponse:
    """Show the person's settings and API tokens; save the settings."""
    # A copy of the row: a refused name must not stand in the frame of the page.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=person_of(request).pk))
    if request.method == "POST" and form.is_valid():
        person = form.keep()
        if person.language:
            translation.activate(person.language)
        messages.success(request, _("Saved."))
        return redirect("account")
    return _show(request, profile=form, status=422 if form.errors else 200)


@require_POST
@signed_in
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of the person's sign-ins: whoever holds it is a stranger at the next click."""
    found = UserSession.objects.filter(pk=pk, user=person_of(request)).first()
    if found is None:
        raise Http404
    get_adapter().end_sessions([found])
    messages.success(request, _("That sign-in is ended."))
    return redirect("usersessions_list")


@require_safe
@signed_in
def confirm(request: HttpRequest) -> HttpResponse:
    """Have the person show once more who it is, then lead back."""
    back = next_page(request, reverse("account"), given=request.GET)
    if can_confirm(request):
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")
    return render(request, "account/sign_in_again.html", {"back": back})


@require_POST
@signed_in
@after_confirmation(lambda: reverse("account") + "#tokens")
def api_token_make(request: HttpRequest) -> HttpResponse:
    """Make an API token and show it, this once: who loads the answer anew makes no second one."""
    once = request.POST.get("once", "")
    if once and once == request.session.get(MADE_ONCE):
        messages.info(request, _("The token was made already, and its text is shown only once."))
        return redirect(reverse("account") + "#tokens")
    form = ApiTokenForm(request.POST, person=person_of(request))
    if form.is_valid():
        try:
            token, text = make_api_token(
                user=person_of(request),
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires_at=form.expires_at(),
                workspaces=form.cleaned_data["workspaces"] or None,
            )
        except Refusal as refusal:
            put_on_form(form, refusal)
        else:
            request.session[MADE_ONCE] = once
            # Shown in the answer itself: a redirect would need a place to keep the text meanwhile.
            return _show(request, made=token, made_text=text)
    return _show(request, token_form=form, status=422)


@require_POST
@signed_in
def api_token_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End one of the person's API tokens."""
    token = ApiToken.objects.filter(pk=pk, user=person_of(request)).select_related("user").first()
    if token is None:
        raise Http404
    return act(
        request,
        reverse("account") + "#tokens",
        lambda: revoke_api_token(actor=person_of(request), token=token),
        _("The token is revoked."),
    )


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Change the language: kept with the person when signed in, and in a cookie for the sign-in page."""
    language = request.POST.get("language", "")
    response = redirect(next_page(request, reverse("export-list")))
    if language in dict(settings.LANGUAGES):
        if isinstance(request.user, User):
            change_own_settings(request.user, language=language)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


def _show(
    request: HttpRequest,
    *,
    profile: ProfileForm | None = None,
    token_form: ApiTokenForm | None = None,
    made: ApiToken | None = None,
    made_text: str = "",
    status: int = 200,
) -> HttpResponse:
    person = person_of(request)
    context = {
        "section": "account",
        "profile": profile or ProfileForm(instance=person),
        "token_form": token_form or ApiTokenForm(person=person),
        "tokens": ApiToken.objects.filter(user=person, revoked_at__isnull=True).prefetch_related("workspaces"),
        "shown_lately": shown_lately(request),
        "once": uuid4().hex,
        "confirm_url": confirm_address(reverse("account") + "#tokens"),
        "made": made,
        "made_text": made_text,
    }
    return render(request, "account/person.html", context, status=status)
