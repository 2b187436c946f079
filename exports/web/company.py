"""Single sign-on with the company's own identity provider (OpenID Connect), by settings alone."""

import logging
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from exports.models import Membership, User, Workspace
from exports.services.invitations import is_invited
from exports.services.members import known_person
from exports.services.people import PERSON_NAME_MOST
from exports.services.refusals import Refused
from exports.services.texts import clean_line

logger = logging.getLogger(__name__)


class CompanySignIn(DefaultSocialAccountAdapter):
    """Whom the company's sign-in lets in, and as whom.

    Only an address that it calls verified counts. Somebody who is here already is linked to it at the first sign-in,
    but for site administrators, who link themselves from inside. Others come in when their address's domain is listed
    in ``OIDC_DOMAINS``, or while an invitation waits for the address.
    """

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return what the environment names; never rows of the database."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse what isn't sure; link whoever is here already.

        Raises:
            ImmediateHttpResponse: back to the sign-in page, with a sentence.
        """
        told = sociallogin.account.extra_data
        if "userinfo" in told and "id_token" in told and told["userinfo"].get("sub") != told["id_token"].get("sub"):
            raise _refused(request, _("The answer of %(name)s doesn’t fit together. Try once more."))
        request.sign_in_data = {"method": settings.OIDC_NAME}  # type: ignore[attr-defined]
        if sociallogin.is_existing or sociallogin.state.get("process") == "connect":
            return
        email = _verified_email(sociallogin)
        if not email:
            raise _refused(request, _("%(name)s doesn’t say that your e-mail address is verified."))
        person = known_person(email)
        if person is None:
            return
        if person.is_superuser:
            raise _refused(
                request,
                _("Site administrators sign in with their password first, and link %(name)s on their account’s page."),
            )
        sociallogin.connect(request, person)
        request.sign_in_data["linked"] = True  # type: ignore[attr-defined]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Tell whether somebody who isn't here yet may come in."""
        email = _verified_email(sociallogin)
        is_taken = User.objects.filter(email__iexact=email).exists()  # switched off: known_person found nobody
        return bool(email) and not is_taken and (_domain_of(email) in settings.OIDC_DOMAINS or is_invited(email))

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        """Fill in a person who may come to be."""
        user = sociallogin.user
        assert isinstance(user, User)
        user.email = str(data.get("email") or "").strip().lower()
        try:
            user.name = clean_line(str(data.get("name") or ""), field="name", most=PERSON_NAME_MOST)
        except Refused:
            user.name = ""
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the person, with the membership that goes with the domain: this once, so that who was taken out stays
        out.
        """
        user = super().save_user(request, sociallogin, form)
        assert isinstance(user, User)
        told: dict[str, Any] = {"method": settings.OIDC_NAME, "is_new": True}
        place, role = settings.OIDC_DOMAINS.get(_domain_of(user.email), ("", ""))
        workspace = Workspace.objects.filter(pk=place).first() if place else None
        if workspace is not None:
            Membership.objects.create(workspace=workspace, user=user, role=role)
            told |= {"workspace": workspace, "role": role}
        elif place:
            logger.warning("company.workspace_missing %s", place)
        request.sign_in_data = told  # type: ignore[attr-defined]
        return user


def _verified_email(sociallogin: SocialLogin) -> str:
    """Return the address that the provider vouches for; anything but a plain true is none."""
    return next((one.email.strip().lower() for one in sociallogin.email_addresses if one.verified is True), "")


def _domain_of(email: str) -> str:
    return email.rpartition("@")[2].lower()


def _refused(request: HttpRequest, sentence: str) -> ImmediateHttpResponse:
    messages.error(request, sentence % {"name": settings.OIDC_NAME})
    return ImmediateHttpResponse(redirect("account_login"))
