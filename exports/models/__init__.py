"""Rows and their rules."""

from exports.models.access import ApiToken, Heartbeat, Scope
from exports.models.derived import DerivedFile
from exports.models.export import AskedWindow, Export, ExportQuerySet, IllegalTransition, Queue, Requester
from exports.models.invitation import Invitation
from exports.models.limits import Limits, Whom
from exports.models.mail import Mail
from exports.models.records import AuditEntry, Download, ExportEvent
from exports.models.saved import Preset, SavedView
from exports.models.secrets import AccessToken, TokenUnreadable
from exports.models.statuses import ACTIVE, ASKED, TRANSITIONS, DataType, Role, Status
from exports.models.user import User
from exports.models.workspace import Membership, PauseCode, UpstreamHost, Workspace

__all__ = [
    "ACTIVE",
    "ASKED",
    "TRANSITIONS",
    "AccessToken",
    "ApiToken",
    "AskedWindow",
    "AuditEntry",
    "DataType",
    "DerivedFile",
    "Download",
    "Export",
    "ExportEvent",
    "ExportQuerySet",
    "Heartbeat",
    "IllegalTransition",
    "Invitation",
    "Limits",
    "Mail",
    "Membership",
    "PauseCode",
    "Preset",
    "Queue",
    "Requester",
    "Role",
    "SavedView",
    "Scope",
    "Status",
    "TokenUnreadable",
    "UpstreamHost",
    "User",
    "Whom",
    "Workspace",
]
