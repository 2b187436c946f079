"""All addresses of the product."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from exports.web.views.company import company_sign_in

# One door with throttling and second factor for everybody: the administration has no sign-in of its own.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("exports.web.urls")),
    path("api/v1/", include("exports.api.urls")),
    # The e-mail address is the sign-in name: administrators change it, and there is nothing to sign up for.
    path("accounts/email/", RedirectView.as_view(pattern_name="account")),
    # In the place of allauth's own, and the only way in: by POST.
    path(f"accounts/oidc/{settings.OIDC_PROVIDER_ID}/login/", company_sign_in, name="company-sign-in"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=staticfiles_storage.url("exports/favicon.svg"))),
]

handler400 = "exports.web.errors.bad_request"
handler403 = "exports.web.errors.permission_denied"
handler404 = "exports.web.errors.not_found"
handler500 = "exports.web.errors.server_error"
