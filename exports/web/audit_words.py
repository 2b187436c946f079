"""The record of deeds in words: one line for each kind of entry, labels for what stands beside it."""

# ruff: noqa: S105 - the names of deeds on tokens and passwords, no secrets

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import DataType, PauseCode, Role
from exports.templatetags.portal import size, yes_no
from exports.web import times


@dataclass(frozen=True)
class Deed:
    """A kind of entry for people."""

    icon: str
    label: Promise


DEEDS: dict[str, Deed] = {
    "person.signed_in": Deed("login", gettext_lazy("Signed in")),
    "person.sign_in_failed": Deed("alert-triangle", gettext_lazy("Sign-in refused")),
    "person.sign_in_locked": Deed("lock", gettext_lazy("Locked out after too many tries")),
    "person.signed_out": Deed("logout", gettext_lazy("Signed out")),
    "person.confirmed": Deed("shield-check", gettext_lazy("Confirmed who it is")),
    "person.password_changed": Deed("lock", gettext_lazy("Changed the password")),
    "person.password_reset": Deed("lock", gettext_lazy("Set a new password by mail")),
    "person.second_factor_added": Deed("shield-lock", gettext_lazy("Added a second factor")),
    "person.second_factor_removed": Deed("shield-lock", gettext_lazy("Removed a second factor")),
    "person.second_factor_renewed": Deed("shield-lock", gettext_lazy("Made new recovery codes")),
    "person.second_factor_renamed": Deed("shield-lock", gettext_lazy("Renamed a passkey")),
    "person.sign_in_linked": Deed("building-community", gettext_lazy("Linked the company’s sign-in")),
    "person.sign_in_unlinked": Deed("unlink", gettext_lazy("Unlinked the company’s sign-in")),
    "person.sessions_ended": Deed("logout", gettext_lazy("Signed out elsewhere")),
    "person.settings_changed": Deed("user-circle", gettext_lazy("Changed own settings")),
    "api_token.made": Deed("key", gettext_lazy("Made an API token")),
    "api_token.revoked": Deed("key", gettext_lazy("Revoked an API token")),
    "workspace.created": Deed("briefcase", gettext_lazy("Made the workspace")),
    "workspace.changed": Deed("settings", gettext_lazy("Changed the workspace")),
    "workspace.paused": Deed("player-pause", gettext_lazy("Paused the workspace")),
    "workspace.resumed": Deed("player-play", gettext_lazy("Resumed the workspace")),
    "workspace.archived": Deed("archive", gettext_lazy("Archived the workspace")),
    "workspace.unarchived": Deed("archive", gettext_lazy("Took the workspace out of the archive")),
    "workspace.deleted": Deed("trash", gettext_lazy("Deleted the workspace")),
    "member.added": Deed("user-plus", gettext_lazy("Let a person in")),
    "member.changed": Deed("user-check", gettext_lazy("Changed a person’s role")),
    "member.removed": Deed("user-minus", gettext_lazy("Took a person out")),
    "invitation.sent": Deed("mail", gettext_lazy("Invited a person")),
    "invitation.resent": Deed("mail", gettext_lazy("Sent an invitation again")),
    "invitation.revoked": Deed("ban", gettext_lazy("Revoked an invitation")),
    "invitation.accepted": Deed("user-check", gettext_lazy("Accepted an invitation")),
    "token.set": Deed("key", gettext_lazy("Saved an access token")),
    "token.forgotten": Deed("key", gettext_lazy("Deleted the access token")),
    "token.tested": Deed("plug-connected", gettext_lazy("Tried the access token")),
    "token_keys.rotated": Deed("key", gettext_lazy("Encrypted the access tokens anew")),
    "export.queued": Deed("plus", gettext_lazy("Queued an export")),
    "export.joined": Deed("user-plus", gettext_lazy("Joined a running export")),
    "export.reused": Deed("file-check", gettext_lazy("Was answered by a file that was there")),
    "export.left": Deed("user-minus", gettext_lazy("Stepped back from an export")),
    "export.cancelled": Deed("ban", gettext_lazy("Cancelled an export")),
    "export.extended": Deed("clock-plus", gettext_lazy("Kept a file longer")),
    "export.pinned": Deed("pin", gettext_lazy("Pinned a file")),
    "export.unpinned": Deed("pinned-off", gettext_lazy("Unpinned a file")),
    "export.downloaded": Deed("download", gettext_lazy("Downloaded a file")),
    "export.file_deleted": Deed("trash", gettext_lazy("Deleted a file")),
    "export.taken_over": Deed("user-check", gettext_lazy("Took over an export")),
    "export.approved": Deed("check", gettext_lazy("Approved an export")),
    "export.declined": Deed("hand-stop", gettext_lazy("Declined an export")),
    "preset.saved": Deed("bookmark", gettext_lazy("Saved a preset")),
    "preset.deleted": Deed("bookmark", gettext_lazy("Deleted a preset")),
    "person.view_saved": Deed("bookmark", gettext_lazy("Saved a view of the list")),
    "person.view_deleted": Deed("bookmark", gettext_lazy("Deleted a view of the list")),
    "export.bumped": Deed("arrow-up", gettext_lazy("Moved an export to the front")),
    "limits.changed": Deed("adjustments-horizontal", gettext_lazy("Changed limits or approvals")),
    "masking.changed": Deed("eye", gettext_lazy("Changed the masked columns")),
    "record.taken": Deed("clipboard-list", gettext_lazy("Took this record away as a file")),
    "admin.added": Deed("tool", gettext_lazy("Added in the administration")),
    "admin.changed": Deed("tool", gettext_lazy("Changed in the administration")),
    "admin.deleted": Deed("tool", gettext_lazy("Deleted in the administration")),
}

FAMILIES: dict[str, Promise] = {
    "person.": gettext_lazy("Sign-ins and own settings"),
    "api_token.": gettext_lazy("API tokens"),
    "export.": gettext_lazy("Exports and downloads"),
    "preset.": gettext_lazy("Presets"),
    "member.": gettext_lazy("People and roles"),
    "invitation.": gettext_lazy("Invitations"),
    "token.": gettext_lazy("Access tokens"),
    "token_keys.": gettext_lazy("Encryption keys"),
    "workspace.": gettext_lazy("Workspaces"),
    "limits.": gettext_lazy("Limits and approvals"),
    "masking.": gettext_lazy("Masked columns"),
    "admin.": gettext_lazy("Administration"),
    "record.": gettext_lazy("This record"),
}

# In the order in which they are shown: databases keep none.
DETAILS: dict[str, Promise] = {
    "base_url": gettext_lazy("address"),
    "fields": gettext_lazy("fields"),
    "exports": gettext_lazy("exports"),
    "format": gettext_lazy("format"),
    "bytes": gettext_lazy("size"),
    "type": gettext_lazy("type"),
    "from": gettext_lazy("from"),
    "kind": gettext_lazy("kind"),
    "key": gettext_lazy("key"),
    "language": gettext_lazy("language"),
    "method": gettext_lazy("by"),
    "name": gettext_lazy("name"),
    "person": gettext_lazy("person"),
    "replaced": gettext_lazy("replaced another"),
    "expires_at": gettext_lazy("expires"),
    "never_expires": gettext_lazy("never expires"),
    "resealed": gettext_lazy("tokens"),
    "unreadable": gettext_lazy("not readable"),
    "reason": gettext_lazy("reason"),
    "together": gettext_lazy("everybody together"),
    "each": gettext_lazy("each person"),
    "per_day": gettext_lazy("a day"),
    "at_once": gettext_lazy("at once"),
    "bytes_kept": gettext_lazy("kept"),
    "range_days": gettext_lazy("days in a range"),
    "types": gettext_lazy("types"),
    "approval_types": gettext_lazy("with approval"),
    "removed": gettext_lazy("removed"),
    "columns": gettext_lazy("columns"),
    "roles": gettext_lazy("for"),
    "resumed": gettext_lazy("ended the pause"),
    "retention_hours": gettext_lazy("hours a file is kept"),
    "longest_hours": gettext_lazy("hours a file may be kept at most"),
    "role": gettext_lazy("role"),
    "before": gettext_lazy("before"),
    "is_new": gettext_lazy("new here"),
    "linked": gettext_lazy("linked"),
    "scopes": gettext_lazy("may"),
    "shared": gettext_lazy("for the workspace"),
    "step": gettext_lazy("step"),
    "theme": gettext_lazy("colours"),
    "time_zone": gettext_lazy("time zone"),
    "to": gettext_lazy("to"),
    "token_forgotten": gettext_lazy("deleted the token"),
    "with_token": gettext_lazy("with a token"),
}

_ROLES = {role.value: role.label for role in Role}
_TYPES = {kind.value: kind.label for kind in DataType}
_PAUSES = {pause.value: pause.label for pause in PauseCode}


def detail(key: str, value: Any) -> str:
    """Return one value of an entry's data for people."""
    if value is None or value == "" or value == []:
        return _("none")
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, dict):
        return "; ".join(
            _("%(label)s: %(value)s") % {"label": DETAILS.get(inner, inner), "value": detail(inner, one)}
            for inner, one in value.items()
        ) or _("no limit")
    if isinstance(value, list):
        return ", ".join(str(_TYPES.get(one, _ROLES.get(one, one) if key == "roles" else one)) for one in value)
    if key in ("bytes", "bytes_kept"):
        return size(value)
    if key in ("role", "before"):
        return str(_ROLES.get(value, value))
    if key == "resumed":
        return str(_PAUSES.get(value, value))
    if key == "type":
        return str(_TYPES.get(value, value))
    if key.endswith("_at") or key in ("from", "to"):
        return times.moment(datetime.fromisoformat(value))
    return str(value)


def subject_of(action: str, subject: str) -> str:
    """Return what a deed was done to, for people: codes in words."""
    if action in ("workspace.paused", "workspace.resumed"):
        return str(_PAUSES.get(subject, subject))
    return subject
