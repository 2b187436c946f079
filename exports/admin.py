"""Django's administration: people are made here, everything else is read; deeds go through the services."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from exports.models import (
    ApiToken,
    AuditEntry,
    Download,
    Export,
    ExportEvent,
    Heartbeat,
    Membership,
    UpstreamHost,
    User,
    Workspace,
)

admin.site.site_header = admin.site.site_title = "LAC Portal"
admin.site.unregister(Group)
# Seeds of second factors are nobody's to read or to change; an address is a person's own e-mail, below.
admin.site.unregister([Authenticator, EmailAddress, UserSession])
# The company's sign-in is set up in the environment alone; links to it are made by signing in.
admin.site.unregister([SocialAccount, SocialApp, SocialToken])
# Row by row: each deletion leaves its entry on record (exports/web/on_record.py).
admin.site.disable_action("delete_selected")


class NewPersonForm(AdminUserCreationForm):
    """A person is known by the e-mail address alone."""

    class Meta:
        model = User
        fields = ("email", "name")


class PersonForm(UserChangeForm):
    """Everything an administrator may change about a person."""

    class Meta:
        model = User
        fields = ("email", "name", "language", "time_zone", "theme", "is_active", "is_staff", "is_superuser")


@admin.register(User)
class PersonAdmin(UserAdmin):
    """People: made, renamed, switched off. Never deleted: their exports name them."""

    form = PersonForm
    add_form = NewPersonForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "name")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "name")}),
        (_("Settings"), {"fields": ("language", "time_zone", "theme")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: switch a person off instead."""
        return False


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look at; hidden are sealed tokens and digests."""

    hidden: tuple[str, ...] = ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the row's own columns without the hidden ones."""
        return [field.name for field in self.model._meta.fields if field.name not in self.hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return all of them."""
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False always."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False always."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False always."""
        return False


@admin.register(Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    """Workspaces; their token is never shown."""

    hidden = ("token_sealed", "token_fingerprint")
    list_display = ("name", "host", "time_zone", "pause_code", "paused_at", "token_set_at", "token_expires_at")
    list_filter = ("pause_code",)
    list_select_related = ("host",)
    search_fields = ("name",)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who belongs where."""

    list_display = ("workspace", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("workspace", "user")
    search_fields = ("workspace__name", "user__email")


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Exports with every column of the engine."""

    list_display = ("id", "workspace", "data_type", "status", "requested_by", "created_at", "due_at", "expires_at")
    list_filter = ("status", "data_type")
    list_select_related = ("workspace", "requested_by")
    search_fields = ("id", "name", "workspace__name")
    show_full_result_count = False


@admin.register(ExportEvent)
class ExportEventAdmin(ReadOnlyAdmin):
    """The timeline of all exports."""

    list_display = ("at", "export_id", "code", "actor")
    list_filter = ("code",)
    list_select_related = ("actor",)
    search_fields = ("=export__id",)
    show_full_result_count = False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ("at", "action", "actor_email", "as_site_administrator", "workspace", "subject", "address")
    list_filter = ("action", "as_site_administrator")
    list_select_related = ("workspace",)
    search_fields = ("actor_email", "subject")
    show_full_result_count = False


@admin.register(Download)
class DownloadAdmin(ReadOnlyAdmin):
    """Every download."""

    list_display = ("at", "export_id", "user", "format", "bytes", "address")
    list_select_related = ("user",)
    show_full_result_count = False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Personal API tokens, by name and last four."""

    hidden = ("digest",)
    list_display = ("name", "user", "last4", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__email")


@admin.register(UpstreamHost)
class UpstreamHostAdmin(ReadOnlyAdmin):
    """Analytics Cloud hosts and their breakers."""

    list_display = ("origin", "failures", "not_before", "failing_since", "reason")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """Signs of life."""

    list_display = ("name", "queues", "at")
