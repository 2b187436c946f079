"""What mails say: whole sentences, plain text, in the person's language and time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import DataType, Mail

NAMED_MOST = 10


@dataclass(frozen=True)
class MailWords:
    """A mail's subject (one line) and body."""

    subject: str
    body: str


def words_of(mail: Mail, zone: ZoneInfo, link: str = "") -> MailWords:
    """Return the words of a mail in the active language.

    Args:
        zone: in which its times are told.
        link: the address that an invitation is accepted at; stored nowhere.
    """
    subject, paragraphs = WORDS[Mail.Kind(mail.kind)]({**mail.data, "link": link}, zone)
    return MailWords(subject=subject, body="\n\n".join([*paragraphs, _footer(mail)]) + "\n")


def _token_expiring(data: dict[str, Any], zone: ZoneInfo) -> tuple[str, list[str]]:
    at = _moment(data["expires_at"], zone)
    values = {"workspace": data["workspace"], "at": at, "n": data["days"]}
    subject = ngettext(
        "The access token of “%(workspace)s” expires in %(n)s day",
        "The access token of “%(workspace)s” expires in %(n)s days",
        data["days"],
    )
    return subject % values, [
        _("The access token of the workspace “%(workspace)s” expires on %(at)s.") % values,
        _("From then on Analytics Cloud refuses it, and this stops until a new one is saved:"),
        _what_stops(data),
        _("Generate a new token in the settings of the Analytics Cloud workspace and save it here:"),
        _workspace_url(data) + "#token",
        _("Nothing is lost: exports keep their places and go on by themselves with the new token."),
    ]


def _token_rejected(data: dict[str, Any], zone: ZoneInfo) -> tuple[str, list[str]]:
    values = {"workspace": data["workspace"], "at": _moment(data["since"], zone)}
    return _("Analytics Cloud rejects the access token of “%(workspace)s”") % values, [
        _(
            "Analytics Cloud rejects the access token of the workspace “%(workspace)s”. It is paused since %(at)s, and "
            "this waits:"
        )
        % values,
        _what_stops(data),
        _("Generate a new token in the settings of the Analytics Cloud workspace and save it here:"),
        _workspace_url(data) + "#token",
        _("Nothing is lost: exports keep their places and go on by themselves with the new token."),
    ]


def _approval_asked(data: dict[str, Any], zone: ZoneInfo) -> tuple[str, list[str]]:
    values = {"workspace": data["workspace"], "person": data["person"], "what": _what(data)}
    return _("An export of “%(workspace)s” waits for your approval") % values, [
        _("%(person)s asked for %(what)s in the workspace “%(workspace)s”. It waits for a manager’s approval.")
        % values,
        _("Approve or decline it here, with whatever else waits:"),
        f"{settings.PUBLIC_URL}/approvals/",
    ]


def _approved(data: dict[str, Any], zone: ZoneInfo) -> tuple[str, list[str]]:
    values = {"workspace": data["workspace"], "person": data["person"], "what": _what(data)}
    return _("Your export of “%(workspace)s” is approved") % values, [
        _("%(person)s approved your request for %(what)s in the workspace “%(workspace)s”. It is in the queue now.")
        % values,
        _export_url(data),
    ]


def _declined(data: dict[str, Any], zone: ZoneInfo) -> tuple[str, list[str]]:
    values = {"workspace": data["workspace"], "person": data["person"], "what": _what(data)}
    return _("Your export of “%(workspace)s” is declined") % values, [
        _("%(person)s declined your request for %(what)s in the workspace “%(workspace)s”:") % values,
        data["reason"],
        _export_url(data),
    ]


def _invited(data: dict[str, Any], zone: ZoneInfo) -> tuple[str, list[str]]:
    values = {
        "workspace": data["workspace"],
        "person": data["person"],
        "at": _moment(data["expires_at"], zone),
    }
    return _("%(person)s invites you to “%(workspace)s”") % values, [
        _(
            "%(person)s invites you to the workspace “%(workspace)s” in LAC Portal, where exports of Liferay Analytics "
            "Cloud are queued, checked and kept for download."
        )
        % values,
        _("Accept here, until %(at)s:") % values,
        data["link"],
        _("The link works once. If you don’t expect this, do nothing: without you it opens nothing."),
    ]


WORDS: dict[Mail.Kind, Callable[[dict[str, Any], ZoneInfo], tuple[str, list[str]]]] = {
    Mail.Kind.TOKEN_EXPIRING: _token_expiring,
    Mail.Kind.TOKEN_REJECTED: _token_rejected,
    Mail.Kind.APPROVAL_ASKED: _approval_asked,
    Mail.Kind.APPROVED: _approved,
    Mail.Kind.DECLINED: _declined,
    Mail.Kind.INVITED: _invited,
}


def _what_stops(data: dict[str, Any]) -> str:
    count, names = data["count"], data["exports"]
    lines = [f"- {name}" for name in names]
    if count > len(names):
        rest = count - len(names)
        lines.append("- " + ngettext("%(n)s more export", "%(n)s more exports", rest) % {"n": rest})
    lines.append("- " + _("every new export of this workspace"))
    return "\n".join(lines)


def _what(data: dict[str, Any]) -> str:
    label = str(DataType(data["type"]).label)
    name = data["name"]
    return _("“%(name)s” (%(type)s)") % {"name": name, "type": label} if name else label


def _moment(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"


def _workspace_url(data: dict[str, Any]) -> str:
    return f"{settings.PUBLIC_URL}/workspaces/{data['workspace_key']}/"


def _export_url(data: dict[str, Any]) -> str:
    return f"{settings.PUBLIC_URL}/exports/{data['export']}/"


def _footer(mail: Mail) -> str:
    if mail.kind == Mail.Kind.INVITED:
        return "--\n" + _("LAC Portal sends this because %(person)s gave it your address.") % {
            "person": mail.data["person"]
        }
    if mail.kind in (Mail.Kind.APPROVED, Mail.Kind.DECLINED):
        return "--\n" + _("LAC Portal sends this because you asked for the export.")
    return "--\n" + _("LAC Portal sends this to the managers of the workspace.")
