"""The list's filters, as they stand in the address."""

from dataclasses import dataclass

from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from exports.models import DataType, Status, User
from exports.services.listing import Filters, parse_filters


class Whose(models.TextChoices):
    """Whose exports to list."""

    TEAM = "", _("Everybody’s")
    MINE = "mine", _("Mine")


@dataclass(frozen=True)
class ListFilters:
    """What the person chose, and what it means to the service."""

    q: str
    workspace: str
    type: str
    status: str
    who: str
    meaning: Filters

    @property
    def any(self) -> bool:
        """True when something is left out of the list."""
        return bool(self.q or self.workspace or self.type or self.status or self.who)

    @property
    def types(self) -> list[tuple[str, str]]:
        """The choices of data types."""
        return [(value, str(label)) for value, label in DataType.choices]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        """The choices of statuses, the running ones first as one."""
        return [("active", str(_("Running (all)")))] + [(value, str(label)) for value, label in Status.choices]


def read_filters(address: QueryDict, user: User) -> ListFilters:
    """Read the filters of a list's address.

    Raises:
        Refused: a value that no filter has.
    """
    q, workspace, data_type, status, who = (
        address.get(name, "").strip() for name in ("q", "workspace", "type", "status", "who")
    )
    meaning = parse_filters(
        workspace=workspace,
        status=status,
        data_type=data_type,
        person=str(user.pk) if who == Whose.MINE else "",
        text=q,
    )
    return ListFilters(q, workspace, data_type, status, who if who == Whose.MINE else "", meaning)
