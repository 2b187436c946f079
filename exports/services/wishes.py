"""Formats that people want as soon as a file is ready. A wish stands in its person's seat (design.md §4)."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from exports.models import Export, Requester, Role, User
from exports.services.formats import want_format
from exports.services.masking import as_seen_by
from exports.services.refusals import Refused, WrongState
from exports.services.variants import MADE, Variant


@dataclass(frozen=True)
class Asker:
    """Who asks, with which role in the workspace, and the formats that are to be made of the file."""

    user: User
    role: Role
    formats: tuple[str, ...] = ()


def checked_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """Return each format once, in the order of `MADE`.

    Raises:
        Refused: a format that isn't made (``formats``).
    """
    wanted = set(formats)
    if not wanted <= set(MADE):
        raise Refused("unknown_format", _("Choose one of the formats offered."), "formats")
    return tuple(name for name in MADE if name in wanted)


def formats_wanted(export: Export, user: User) -> tuple[str, ...]:
    """Return what a person wanted to be made of an export's file; for who has no seat in it, what its first one did."""
    both = [user.pk, export.requested_by_id]
    wanted = dict(Requester.objects.filter(export=export, user__in=both).values_list("user", "formats"))
    return tuple(wanted.get(user.pk, wanted.get(export.requested_by_id, ())))


def take_seat(export: Export, asker: Asker, *, at: datetime) -> bool:
    """Give a person a seat, or add the wishes to the one there is; True when it is new.

    The caller's transaction holds the export's row.
    """
    seat, is_new = Requester.objects.get_or_create(
        export=export, user=asker.user, defaults={"joined_at": at, "formats": list(asker.formats)}
    )
    if not is_new and not set(asker.formats) <= set(seat.formats):
        seat.formats = list(checked_formats([*seat.formats, *asker.formats]))
        seat.save(update_fields=["formats"])
    return is_new


def grant(export: Export, *, to: User | None = None) -> None:
    """Have everything made that is wanted of a file that is ready, as each person may see it now.

    Once per format: two who want the same get the same. Who no longer belongs to the workspace gets nothing.

    Args:
        to: this person alone.
    """
    seats = Requester.objects.filter(export=export).exclude(formats=[]).select_related("user")
    for seat in seats.filter(user=to) if to is not None else seats:
        if export.workspace.role_of(seat.user) is not None:
            for name in seat.formats:
                with suppress(WrongState):  # it has expired already: its page offers to run it again
                    want_format(
                        user=seat.user,
                        export=export,
                        variant=as_seen_by(seat.user, export.workspace, Variant(name)),
                    )
